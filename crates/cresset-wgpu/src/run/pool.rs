//! The largest of every window, and where it lies: one invocation for the outputs of a word, which goes through its windows
//! in their order, as the processor does.

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{Array, Error, Op, Outputs, Result, cpu::plan::Lane, infer::infer, op::Window};
use cresset_tensor::DType;
use smallvec::{SmallVec, smallvec};

use super::{product::word, view};
use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::buffer,
    wgsl::{
        Writer,
        element::{Element, lane_type},
        param,
    },
};

/// Invocations of a workgroup.
const GROUP: u32 = 256;
/// Workgroups of a dispatch, at most: invocations stride over the rest.
const GROUPS: u32 = 65_535;

/// What the kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    dtype: DType,
    spatial: u8,
}

/// The parameters of each spatial dimension.
const LISTS: [&str; 6] = ["size", "length", "kernel", "stride", "padding", "dilation"];

/// Values and places.
pub fn max_pool(card: &Arc<Card>, op: &Op, window: &Window, inputs: &[&Array]) -> Result<Outputs<Array>> {
    let shape = infer(op, inputs)?.remove(0).shape;
    let (x, name) = (super::first(op, inputs)?, op.name());
    let spatial = window.kernel.len();
    if spatial == 0 || spatial > 3 {
        return Err(Error::argument(
            name,
            format!("windows of {spatial} dimensions; there may be one to three"),
        ));
    }
    if x.dtype() == DType::Bool {
        return Err(Error::dtype(name, "not defined for bool; convert with to_dtype first"));
    }
    card.abilities.check(name, x.dtype())?;
    let values = card.fresh(name, shape.clone(), x.dtype())?;
    let places = card.fresh(name, shape.clone(), DType::I64)?;
    let numel = word(name, shape.numel())?;
    if numel == 0 {
        return Ok(smallvec![values, places]);
    }
    let dense = if x.is_contiguous() { x.clone() } else { view::contiguous(card, x)? };
    let outside = shape.rank() - spatial;
    let mut parameters: SmallVec<[u32; 32]> = smallvec![numel, dense.offset() as u32];
    let lists: [&[usize]; 6] = [
        &x.shape()[outside..],
        &shape[outside..],
        &window.kernel,
        &window.stride,
        &window.padding,
        &window.dilation,
    ];
    for list in lists {
        for &value in list {
            // Strides and reaches past the input are all the same.
            parameters.push(value.min(i32::MAX as usize) as u32);
        }
    }
    for dim in 0..spatial {
        let reach = |count: usize, step: usize| count.saturating_sub(1).saturating_mul(step);
        let far = reach(shape[outside + dim], window.stride[dim])
            .saturating_add(reach(window.kernel[dim], window.dilation[dim]));
        word(name, far)?;
    }
    let template = Template { dtype: x.dtype(), spatial: spatial as u8 };
    let per_word = Element::of(x.dtype(), &card.abilities).per_word();
    let kernel = card.kernel(name, kernels::Template::MaxPool(template))?;
    let groups = numel.div_ceil(per_word * GROUP).min(GROUPS);
    let buffers = [buffer(&dense)?, buffer(&values)?, buffer(&places)?];
    card.dispatch(&kernel, &buffers, &parameters, [groups, 1, 1])?;
    Ok(smallvec![values, places])
}

/// Doubles as their bits: compilers may assume that there is no NaN, and not every card has doubles.
const BITS: &str = "\
fn is_nan_of_bits(x: vec2<i32>) -> bool {
    let size = x.y & 0x7fffffff;
    return size > 0x7ff00000 || (size == 0x7ff00000 && x.x != 0);
}
fn is_zero_of_bits(x: vec2<i32>) -> bool { return ((x.y & 0x7fffffff) | x.x) == 0; }
fn is_greater_of_bits(a: vec2<i32>, b: vec2<i32>) -> bool {
    if (is_nan_of_bits(a) || is_nan_of_bits(b) || (is_zero_of_bits(a) && is_zero_of_bits(b))) { return false; }
    if ((a.y < 0) != (b.y < 0)) { return b.y < 0; }
    let low_a = bitcast<u32>(a.x);
    let low_b = bitcast<u32>(b.x);
    let further = a.y > b.y || (a.y == b.y && low_a > low_b);
    let nearer = a.y < b.y || (a.y == b.y && low_a < low_b);
    return select(further, nearer, a.y < 0);
}
";

/// What no number of a dtype is below, in its lane.
fn lowest(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 | DType::F16 | DType::BF16 => "-inf_f32()",
        DType::F64 => "vec2<i32>(0, -1048576)",
        DType::I64 => "int(-2147483647 - 1) * int(65536) * int(65536)",
        DType::I32 => "int(-2147483647 - 1)",
        DType::I16 => "int(-32768)",
        DType::I8 => "int(-128)",
        DType::U8 | DType::Bool => "int(0)",
    }
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let mut writer = Writer::default();
        let index = Element::of(DType::I64, abilities);
        let (lane, doubles) = (Lane::of(self.dtype), self.dtype == DType::F64);
        let element = if doubles {
            Element { dtype: DType::I64, paired: true }
        } else {
            Element::of(self.dtype, abilities)
        };
        if doubles {
            writer.globals += BITS;
        }
        writer.bind("x", element, Access::Read, false);
        writer.bind("values", element, Access::Write, false);
        writer.bind("places", index, Access::Write, false);
        let (per_word, spatial) = (element.per_word(), u32::from(self.spatial));
        let body = &mut writer.body;
        let _ = writeln!(body, "    let numel = {};\n    let start = {};", param(0), param(1));
        let mut next = 2;
        for name in LISTS {
            for d in 0..spatial {
                let _ = writeln!(body, "    let {name}{d} = {};", param(next));
                next += 1;
            }
        }
        let plane: Vec<String> = (0..spatial).map(|d| format!("size{d}")).collect();
        let _ = writeln!(
            body,
            "    let plane = {};\n    let words = (numel + {}u) / {per_word}u;\n    for (var word = global_id.x; word < words; word += groups.x * {GROUP}u) {{",
            plane.join(" * "),
            per_word - 1
        );
        let packs = per_word > 1;
        if packs {
            let _ = writeln!(
                body,
                "    var packed = 0u;\n    for (var sub = 0u; sub < {per_word}u; sub++) {{\n    let i = word * {per_word}u + sub;\n    if (i >= numel) {{ break; }}"
            );
        } else {
            *body += "    let i = word;\n";
        }
        // Coordinates of the output, and the window's first place inside of the input, which is named if none is larger.
        *body += "    var rest = i;\n";
        for d in (0..spatial).rev() {
            let _ = writeln!(body, "    let p{d} = rest % length{d};\n    rest = rest / length{d};");
            let _ = writeln!(body, "    let from{d} = p{d} * stride{d};");
            let _ = writeln!(
                body,
                "    let skip{d} = (max(padding{d}, from{d}) - from{d} + dilation{d} - 1u) / dilation{d};"
            );
            let _ = writeln!(
                body,
                "    let first{d} = min(max(from{d} + skip{d} * dilation{d}, padding{d}) - padding{d}, size{d} - 1u);"
            );
        }
        let mut corner = "first0".to_owned();
        for d in 1..spatial {
            corner = format!("({corner}) * size{d} + first{d}");
        }
        let _ = writeln!(body, "    let base = start + rest * plane;");
        let _ = writeln!(
            body,
            "    var largest: {} = {};",
            if doubles { "vec2<i32>" } else { lane_type(lane) },
            lowest(self.dtype)
        );
        let _ = writeln!(body, "    var place = {corner};");
        let mut line = "x0".to_owned();
        for d in 0..spatial {
            let _ = writeln!(body, "    for (var k{d} = skip{d}; k{d} < kernel{d}; k{d}++) {{");
            let _ = writeln!(body, "    let x{d} = from{d} + k{d} * dilation{d} - padding{d};");
            let _ = writeln!(body, "    if (x{d} >= size{d}) {{ break; }}");
            if d > 0 {
                line = format!("({line}) * size{d} + x{d}");
            }
        }
        let _ = writeln!(body, "    let here = {line};");
        let _ = writeln!(
            body,
            "    let at = base + here;\n    let value = {};",
            if doubles { "x[at]".to_owned() } else { element.load("x", "at", false) }
        );
        // The last of several NaNs is named, as in PyTorch.
        let larger = match lane {
            Lane::F32 => "gt_f32(value, largest) || isnan_f32(value)",
            Lane::F64 => "is_greater_of_bits(value, largest) || is_nan_of_bits(value)",
            Lane::I64 | Lane::Bool => "value > largest",
        };
        let _ = writeln!(body, "    if ({larger}) {{ largest = value; place = here; }}");
        *body += &"    }\n".repeat(spatial as usize);
        let named = if index.paired { "vec2<i32>(i32(place), 0)" } else { "i64(place)" };
        let _ = writeln!(body, "    places[i] = {named};");
        if packs {
            let _ = writeln!(
                body,
                "    packed |= ({}) << (sub * {}u);\n    }}\n    values[word] = packed;",
                element.pack("largest"),
                element.bits()
            );
        } else {
            let _ = writeln!(
                body,
                "    values[i] = {};",
                if doubles { "largest".to_owned() } else { element.pack("largest") }
            );
        }
        *body += "    }\n";
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(abilities: &Abilities) -> Vec<Template> {
        let dtypes = DType::ALL.into_iter().filter(|&dtype| dtype != DType::Bool);
        dtypes
            .filter(|&dtype| abilities.check("max_pool", dtype).is_ok())
            .flat_map(|dtype| (1..=3).map(move |spatial| Template { dtype, spatial }))
            .collect()
    }
}
