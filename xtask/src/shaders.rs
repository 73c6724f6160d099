//! `cargo xtask shaders`: every kernel that the templates can print, for every kind of card, checked and translated to what
//! Vulkan, Metal and DX12 take. No card is needed.

use std::collections::{BTreeMap, HashSet};

use cresset_wgpu::{Abilities, Kind};
use naga::{
    back::{hlsl, msl, spv},
    valid::{Capabilities, ModuleInfo, ValidationFlags, Validator},
};

const USAGE: &str = "\
Every kernel that the templates of cresset-wgpu can print, over dtypes, layouts and tiles, for cards with and without each
ability: validated, and translated to SPIR-V (Vulkan), Metal and HLSL (DX12). A line for each template, and a count.

usage: cargo xtask shaders [options]

  --only NAME     only the templates whose name begins so; may be repeated
  --print         the first kernel of each as text
  --help          this text";

/// A translator, and what the cards it is for can do at most.
struct Target {
    name: &'static str,
    abilities: fn(Abilities) -> Abilities,
    translate: fn(&naga::Module, &ModuleInfo) -> Result<(), String>,
}

const TARGETS: [Target; 3] = [
    Target { name: "SPIR-V", abilities: |all| all, translate: to_spirv },
    // Metal has no 64-bit floats.
    Target { name: "Metal", abilities: |all| Abilities { f64: false, ..all }, translate: to_metal },
    // HLSL has no cast between doubles and their bits, so they are not used there.
    Target { name: "HLSL", abilities: |all| Abilities { f64: false, ..all }, translate: to_hlsl },
];

/// Kernels that a translator cannot say, each with its reason: the template's kind, the target, and a part of the message.
const GAPS: &[(Kind, &str, &str)] = &[];

/// Runs; true if nothing fell short.
pub fn main(words: &[String]) -> Result<bool, Box<dyn std::error::Error>> {
    let (mut only, mut print) = (Vec::new(), false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--only" => {
                only.push(words.next().ok_or(format!("--only needs a name\n\n{USAGE}"))?.to_lowercase())
            }
            "--print" => print = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(true);
            }
            other => return Err(format!("unknown option '{other}'\n\n{USAGE}").into()),
        }
    }
    let mut whole = true;
    let (mut kernels, mut translations) = (0, 0);
    for &kind in Kind::ALL {
        let name = format!("{kind:?}").to_lowercase();
        if !only.is_empty() && !only.iter().any(|only| name.starts_with(only.as_str())) {
            continue;
        }
        let checked = check(kind, print);
        kernels += checked.kernels;
        translations += checked.translations;
        if checked.kernels == 0 {
            println!("{name}: prints no samples, so nothing is known of it");
            whole = false;
            continue;
        }
        whole &= checked.failures.is_empty();
        println!("{name}: {} kernels", checked.kernels);
        for (message, (count, text)) in &checked.failures {
            println!("  {count} times: {message}\n{}", indented(text));
        }
    }
    println!("shaders: {kernels} kernels, {translations} translations to SPIR-V, Metal and HLSL");
    Ok(whole)
}

#[derive(Default)]
struct Checked {
    kernels: usize,
    translations: usize,
    /// For each message, how often it came, and the first kernel.
    failures: BTreeMap<String, (usize, String)>,
}

/// Every kernel of a kind, each text once for every target that it is for.
fn check(kind: Kind, print: bool) -> Checked {
    let mut checked = Checked::default();
    let mut texts: HashSet<String> = HashSet::new();
    for target in &TARGETS {
        let mut seen: HashSet<String> = HashSet::new();
        for card in cards() {
            let abilities = (target.abilities)(card);
            for template in kind.samples(&abilities) {
                let text = template.source(&abilities).text;
                if !seen.insert(text.clone()) {
                    continue;
                }
                if texts.insert(text.clone()) && texts.len() == 1 && print {
                    println!("{text}");
                }
                match translate(target, &abilities, &text) {
                    Ok(()) => checked.translations += 1,
                    Err(message) if is_known(kind, target.name, &message) => {}
                    Err(message) => {
                        let message = format!("{}: {message}", target.name);
                        checked.failures.entry(message).or_insert((0, text)).0 += 1;
                    }
                }
            }
        }
    }
    checked.kernels = texts.len();
    checked
}

fn is_known(kind: Kind, target: &str, message: &str) -> bool {
    GAPS.iter().any(|(of, name, part)| *of == kind && *name == target && message.contains(part))
}

fn translate(target: &Target, abilities: &Abilities, text: &str) -> Result<(), String> {
    let module = naga::front::wgsl::parse_str(text).map_err(|error| error.emit_to_string(text))?;
    // Halves are unpacked into f32 on every card of these three, with or without arithmetic in them.
    let mut capabilities = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    for (has, capability) in [
        (abilities.f64, Capabilities::FLOAT64),
        (abilities.i64, Capabilities::SHADER_INT64),
        (abilities.f16, Capabilities::SHADER_FLOAT16),
        (abilities.subgroups, Capabilities::SUBGROUP),
        (abilities.immediate_bytes > 0, Capabilities::IMMEDIATES),
    ] {
        capabilities.set(capability, has);
    }
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
        .subgroup_operations(naga::valid::SubgroupOperationSet::all())
        .validate(&module)
        .map_err(|error| error.emit_to_string(text))?;
    (target.translate)(&module, &info)
}

fn to_spirv(module: &naga::Module, info: &ModuleInfo) -> Result<(), String> {
    let options = spv::Options { lang_version: (1, 3), ..Default::default() };
    spv::write_vec(module, info, &options, None).map(drop).map_err(|error| error.to_string())
}

fn to_metal(module: &naga::Module, info: &ModuleInfo) -> Result<(), String> {
    // 2.4 is what macOS 12 and iOS 15 take; 64-bit integers need 2.3.
    let options = msl::Options { lang_version: (2, 4), ..Default::default() };
    msl::write_string(module, info, &options, &Default::default())
        .map(drop)
        .map_err(|error| error.to_string())
}

fn to_hlsl(module: &naga::Module, info: &ModuleInfo) -> Result<(), String> {
    // Where parameters that come with a dispatch are bound; any place is one.
    let immediates_target = Some(hlsl::BindTarget { register: 15, space: 15, ..Default::default() });
    let shader_model = hlsl::ShaderModel::V6_2;
    let options = hlsl::Options { shader_model, immediates_target, ..Default::default() };
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &Default::default())
        .write(module, info, None)
        .map(drop)
        .map_err(|error| error.to_string())
}

/// Cards with everything, with nothing beyond what all have, and with all but one ability.
fn cards() -> Vec<Abilities> {
    let all = Abilities {
        f64: true,
        i64: true,
        f16: true,
        subgroups: true,
        immediate_bytes: 128,
        timestamps: true,
        storage_buffers: 16,
        binding_bytes: 1 << 30,
        buffer_bytes: 1 << 30,
        workgroup_bytes: 32 << 10,
        workgroup_size: 1024,
    };
    let least = Abilities {
        f64: false,
        i64: false,
        f16: false,
        subgroups: false,
        immediate_bytes: 0,
        timestamps: false,
        storage_buffers: 8,
        workgroup_bytes: 16 << 10,
        workgroup_size: 256,
        ..all
    };
    vec![
        all,
        least,
        Abilities { f64: false, ..all },
        Abilities { i64: false, ..all },
        Abilities { f16: false, ..all },
        Abilities { subgroups: false, ..all },
        Abilities { immediate_bytes: 0, ..all },
    ]
}

fn indented(text: &str) -> String {
    text.lines().enumerate().map(|(i, line)| format!("    {:3} {line}\n", i + 1)).collect()
}
