//! Formulas: one kernel for each formula, the dtypes of its inputs and the ways they are walked.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use cresset_ops::{
    Array, DType, Error, Outputs, Result, Shape,
    cpu::{
        check_target, constants,
        plan::{Plan, plan},
    },
    expr::{Binary, Expr, Program, SharedProgram, Type, Unary, select, traced},
    infer::{broadcast, map_dtypes},
    op::Map,
};
use cresset_tensor::{Category, Scalar};
use smallvec::SmallVec;

use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::{Buffer, buffer},
    stream::PARAMETERS,
    wgsl::{
        Writer,
        element::Element,
        formula, param,
        place::{Way, Ways, ways},
    },
};

/// Invocations of a workgroup.
pub const GROUP: u32 = 256;
/// Workgroups of a dispatch, at most: invocations stride over the rest.
pub const GROUPS: u32 = 65_535;

/// The slot of an input that no output needs.
const UNUSED: u8 = u8::MAX;

/// What the kernel of a formula depends on.
#[derive(Clone, Debug)]
pub struct Template {
    program: SharedProgram,
    inputs: SmallVec<[Type; 4]>,
    families: SmallVec<[Category; 2]>,
    targets: SmallVec<[DType; 2]>,
    /// Of inputs, then outputs.
    ways: Ways,
    /// Which binding each operand is: an input that is also written is bound once.
    slots: SmallVec<[u8; 8]>,
    /// Outputs whose elements share words with others that must stay are written one by one.
    apart: SmallVec<[bool; 2]>,
    /// Are 32 bits enough for every integer?
    narrow: bool,
}

impl Template {
    fn key(&self) -> impl Eq + Hash + '_ {
        (
            self.program.address(),
            &self.inputs,
            &self.families,
            &self.targets,
            &self.ways,
            &self.slots,
            &self.apart,
            self.narrow,
        )
    }

    fn plan(&self) -> Result<&Plan> {
        let numbers: SmallVec<[Scalar; 2]> = self
            .families
            .iter()
            .map(|family| match family {
                Category::Bool => Scalar::Bool(true),
                Category::Int => Scalar::Int(1),
                Category::Float => Scalar::Float(1.0),
            })
            .collect();
        plan(&self.program, &self.inputs, &numbers)
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Template) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Template {}

impl Hash for Template {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// Computes a formula into fresh arrays.
pub fn map(card: &Arc<Card>, map: &Map, inputs: &[&Array]) -> Result<Outputs<Array>> {
    let name = map.program.name();
    let dtypes = map_dtypes(map, inputs)?;
    let shape = broadcast(name, inputs, map.shape.as_deref())?;
    let outputs: Outputs<Array> =
        dtypes.iter().map(|&dtype| card.fresh(name, shape.clone(), dtype)).collect::<Result<_>>()?;
    run(card, map, inputs, &outputs.iter().collect::<Vec<&Array>>(), &shape, true)?;
    Ok(outputs)
}

/// As [`map`], of a formula of one output.
pub fn one(card: &Arc<Card>, formula: &Map, inputs: &[&Array]) -> Result<Array> {
    let mut outputs = map(card, formula, inputs)?;
    match outputs.pop() {
        Some(output) if outputs.is_empty() => Ok(output),
        _ => Err(Error::argument(formula.program.name(), "the formula does not have one output")),
    }
}

/// Computes a formula into arrays that are there already.
pub fn map_into(card: &Arc<Card>, map: &Map, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
    let name = map.program.name();
    let dtypes = map_dtypes(map, inputs)?;
    if dtypes.len() != targets.len() {
        return Err(Error::argument(name, format!("{} targets for {} outputs", targets.len(), dtypes.len())));
    }
    let Some(first) = targets.first() else { return Ok(()) };
    let shape = first.shape().clone();
    for (target, &dtype) in targets.iter().zip(&dtypes) {
        check_target(name, target, &shape, dtype)?;
    }
    if broadcast(name, inputs, None)?.broadcast(&shape).as_ref() != Some(&shape) {
        let shapes: Vec<String> = inputs.iter().map(|x| x.shape().to_string()).collect();
        return Err(Error::shape(
            name,
            format!("a target of shape {shape} cannot hold the result of {}", shapes.join(", ")),
        ));
    }
    // An input that lies over a target otherwise than the target itself would be read after it was written.
    let mut copies: SmallVec<[Option<Array>; 4]> = SmallVec::new();
    for x in inputs {
        let clash = targets.iter().any(|target| target.shares_memory(x) && target.layout() != x.layout());
        copies.push(clash.then(|| super::view::contiguous(card, x)).transpose()?);
    }
    let inputs: SmallVec<[&Array; 4]> =
        inputs.iter().zip(&copies).map(|(x, copy)| copy.as_ref().unwrap_or(x)).collect();
    run(card, map, &inputs, targets, &shape, false)?;
    targets.iter().for_each(|target| target.storage().bump());
    Ok(())
}

fn run(
    card: &Arc<Card>,
    map: &Map,
    inputs: &[&Array],
    targets: &[&Array],
    shape: &Shape,
    fresh: bool,
) -> Result<()> {
    let name = map.program.name();
    let types: SmallVec<[Type; 4]> = inputs.iter().map(|x| Type::array(x.dtype(), x.rank())).collect();
    let plan = plan(&map.program, &types, &map.numbers)?;
    let constants = constants(name, plan, &map.numbers)?;
    let numel = shape.numel();
    if numel == 0 || targets.is_empty() {
        return Ok(());
    }
    let dtypes: SmallVec<[DType; 2]> = targets.iter().map(|target| target.dtype()).collect();
    for &dtype in &dtypes {
        card.abilities.check(name, dtype)?;
    }
    let narrow = formula::is_narrow(plan, &constants, &dtypes, numel);
    let mut operands: SmallVec<[&Array; 8]> = SmallVec::from_slice(inputs);
    operands.extend(targets.iter().copied());
    let mut buffers: SmallVec<[&Arc<Buffer>; 8]> = SmallVec::new();
    let mut slots: SmallVec<[u8; 8]> = SmallVec::new();
    for (i, x) in operands.iter().enumerate() {
        let own = buffer(x)?;
        if i < inputs.len() && !is_used(plan, i) {
            slots.push(UNUSED);
            continue;
        }
        let place = buffers.iter().position(|other| other.id == own.id).unwrap_or_else(|| {
            buffers.push(own);
            buffers.len() - 1
        });
        slots.push(place as u8);
    }
    if buffers.len() > card.abilities.storage_buffers as usize {
        return in_parts(card, map, inputs, targets, shape);
    }
    let (ways, words) = ways(shape, &operands);
    let apart: SmallVec<[bool; 2]> = (targets.iter().zip(&ways.ways[inputs.len()..]))
        .map(|(target, way)| {
            let per_word = Element::of(target.dtype(), &card.abilities).per_word() as usize;
            let whole = fresh || target.offset().is_multiple_of(per_word) && numel.is_multiple_of(per_word);
            per_word > 1 && (*way == Way::Strided || !whole)
        })
        .collect();
    let template = Template {
        program: map.program.clone(),
        inputs: types,
        families: map.numbers.iter().map(|number| number.category()).collect(),
        targets: dtypes,
        ways,
        slots,
        apart,
        narrow,
    };
    let per_thread = template.per_thread(&card.abilities);
    let mut parameters: SmallVec<[u32; 64]> = SmallVec::new();
    parameters.push(numel as u32);
    for bits in &constants {
        parameters.extend([*bits as u32, (*bits >> 32) as u32]);
    }
    parameters.extend(words);
    if parameters.len() > PARAMETERS {
        return Err(Error::argument(
            name,
            "arrays of so many dimensions that cannot be joined; make them contiguous first",
        ));
    }
    // What a card lacks is looked for once for each kernel, not at every call.
    let check = || formula::check(name, plan, narrow, &card.abilities);
    let kernel = card.kernel_after(name, kernels::Template::Map(template), check)?;
    let groups = (numel as u32).div_ceil(per_thread * GROUP).min(GROUPS);
    card.dispatch(&kernel, &buffers, &parameters, [groups, 1, 1])
}

/// Does any output need this input?
pub fn is_used(plan: &Plan, input: usize) -> bool {
    let slot = input as u16;
    plan.outputs.iter().any(|&(output, _)| output == slot)
        || plan.steps.iter().any(|step| step.operands[..step.code.operands()].contains(&slot))
}

/// A formula of more arrays than the card binds at once, one output after the other.
fn in_parts(card: &Arc<Card>, map: &Map, inputs: &[&Array], targets: &[&Array], shape: &Shape) -> Result<()> {
    let name = map.program.name();
    if targets.len() == 1 {
        return Err(Error::argument(
            name,
            format!(
                "a formula of {} arrays is more than this card takes at once ({}); split it",
                inputs.len() + 1,
                card.abilities.storage_buffers
            ),
        ));
    }
    // Computed apart, and only then written: a target may be an input of a later one.
    let mut results: SmallVec<[Array; 2]> = SmallVec::new();
    for (target, &output) in targets.iter().zip(map.program.outputs()) {
        let nodes = map.program.nodes();
        let program = Program::shared(nodes, &[output], map.program.inputs(), map.program.numbers());
        let part = Map { program, numbers: map.numbers.clone(), shape: Some(shape.clone().into()) };
        let result = card.fresh(name, shape.clone(), target.dtype())?;
        run(card, &part, inputs, &[&result], shape, true)?;
        results.push(result);
    }
    for (result, target) in results.iter().zip(targets) {
        super::view::assign(card, name, result, target)?;
    }
    Ok(())
}

impl Template {
    /// Elements that one invocation computes, so that it writes whole words.
    fn per_thread(&self, abilities: &Abilities) -> u32 {
        (self.targets.iter().zip(&self.apart))
            .map(|(&dtype, &apart)| if apart { 1 } else { Element::of(dtype, abilities).per_word() })
            .max()
            .unwrap_or(1)
    }

    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let Ok(plan) = self.plan() else {
            // It was made once, or there would be no template.
            return Writer::default().finish(abilities, [GROUP, 1, 1]);
        };
        let count = self.inputs.len();
        let mut writer = Writer::default();
        writer.narrow = self.narrow;
        let dtype = |operand: usize| match operand.checked_sub(count) {
            None => self.inputs[operand].dtype,
            Some(target) => self.targets[target],
        };
        let written = |slot: u8| self.slots[count..].contains(&slot);
        let atomic = |slot: u8| {
            self.slots[count..].iter().zip(&self.apart).any(|(&other, &apart)| other == slot && apart)
        };
        let bindings = self.slots.iter().filter(|&&slot| slot != UNUSED).max().map_or(0, |&last| last + 1);
        for slot in 0..bindings {
            let operand = self.slots.iter().position(|&other| other == slot).unwrap_or(0);
            let access = if written(slot) { Access::Write } else { Access::Read };
            let element = Element::of(dtype(operand), abilities);
            writer.bind(&format!("b{slot}"), element, access, atomic(slot));
        }
        let per_thread = self.per_thread(abilities);
        let mut inner = String::new();
        let first_constant = 1;
        let first_way = first_constant + formula::constant_words(plan);
        self.ways.print("i", first_way, "at", &mut inner);
        let mut names = Vec::new();
        for k in 0..count {
            let slot = self.slots[k];
            if slot != UNUSED {
                let element = Element::of(dtype(k), abilities);
                let load = element.load(&format!("b{slot}"), &format!("at{k}"), atomic(slot));
                inner += &format!("    let x{k} = {load};\n");
            }
            names.push(format!("x{k}"));
        }
        let outputs = formula::print(plan, &names, "i", first_constant, &mut inner);
        let mut before = String::new();
        let mut after = String::new();
        for (t, (output, &target)) in outputs.iter().zip(&self.targets).enumerate() {
            let element = Element::of(target, abilities);
            let (buffer, place) = (format!("b{}", self.slots[count + t]), format!("at{}", count + t));
            let value = formula::converted(output, plan.outputs[t].1, target);
            let per_word = element.per_word();
            if per_word == 1 {
                after += &format!("    {buffer}[{place}] = {};\n", element.pack(&value));
            } else if self.apart[t] {
                after += &format!("    {}\n", element.store_part(&buffer, &place, &value));
            } else {
                before += &format!("    var word{t} = 0u;\n");
                after += &format!(
                    "    word{t} |= ({}) << ((i % {per_word}u) * {}u);\n    if (i % {per_word}u == {}u || i + 1u == n) {{ {buffer}[{place} / {per_word}u] = word{t}; word{t} = 0u; }}\n",
                    element.pack(&value),
                    element.bits(),
                    per_word - 1,
                );
            }
        }
        let n = param(0);
        writer.body = format!(
            "    let n = {n};\n    let stride = groups.x * {GROUP}u;\n    let end = (n + {}u) / {per_thread}u;\n    for (var word = global_id.x; word < end; word += stride) {{\n{before}",
            per_thread - 1
        );
        if per_thread == 1 {
            writer.body += &format!("    let i = word;\n{inner}{after}    }}\n");
        } else {
            writer.body += &format!(
                "    for (var k = 0u; k < {per_thread}u; k++) {{\n    let i = word * {per_thread}u + k;\n    if (i >= n) {{ break; }}\n{inner}{after}    }}\n    }}\n"
            );
        }
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Every primitive in every lane, every conversion, and every dtype walked in every way.
    pub fn samples(abilities: &Abilities) -> Vec<Template> {
        let mut found = Vec::new();
        let one = [Way::Line, Way::Line];
        let two = [Way::Line, Way::Single, Way::Line];
        // A dtype of each lane, and integers of both widths.
        for dtype in [DType::F32, DType::F64, DType::I64, DType::I32, DType::Bool] {
            for &f in Unary::ALL {
                found.extend(sample(abilities, &[dtype], &one, 0, |x| x[0].unary(f)));
            }
            for &f in Binary::ALL {
                found.extend(sample(abilities, &[dtype; 2], &two, 0, |x| x[0].binary(f, x[1])));
            }
            let choice = |x: &[Expr]| select(x[0].logical_not(), x[0], 1);
            found.extend(sample(abilities, &[dtype], &one, 0, choice));
        }
        for from in DType::ALL {
            for to in DType::ALL {
                found.extend(sample(abilities, &[from], &one, 0, |x| x[0].cast(to)));
            }
            for way in [Way::Line, Way::Single, Way::Strided] {
                for target in [Way::Line, Way::Strided] {
                    let dims = if [way, target].contains(&Way::Strided) { 3 } else { 0 };
                    found.extend(sample(abilities, &[from], &[way, target], dims, |x| x[0]));
                }
            }
        }
        let random = |x: &[Expr]| select(Expr::random(7.into(), 1.into()).ge(5), x[0], Expr::index());
        found.extend(sample(abilities, &[DType::F32], &one, 0, random));
        found.extend(sample(abilities, &[DType::I64], &one, 0, |x| Expr::random(7.into(), x[0])));
        found
    }
}

/// The kernel of a formula over dtypes walked in these ways (the output's last), if the card has it.
fn sample(
    abilities: &Abilities,
    inputs: &[DType],
    ways: &[Way],
    dims: usize,
    formula: impl Fn(&[Expr]) -> Expr,
) -> Option<Template> {
    let program = traced(inputs.len(), 0, &|x: &[Expr], _: &[Expr]| formula(x));
    let types: SmallVec<[Type; 4]> = inputs.iter().map(|&dtype| Type::array(dtype, 2)).collect();
    let plan = plan(&program, &types, &[]).ok()?;
    let targets: SmallVec<[DType; 2]> = plan.outputs.iter().map(|&(_, dtype)| dtype).collect();
    let constants = constants("map", plan, &[]).ok()?;
    let narrow = formula::is_narrow(plan, &constants, &targets, 1);
    formula::check("map", plan, narrow, abilities).ok()?;
    let packed = |dtype: &DType| Element::of(*dtype, abilities).per_word() > 1;
    let strided = ways.last() == Some(&Way::Strided);
    let apart = targets.iter().map(|dtype| packed(dtype) && strided).collect();
    let mut slots: SmallVec<[u8; 8]> = SmallVec::new();
    let mut next = 0;
    for i in 0..inputs.len() + targets.len() {
        if i < inputs.len() && !is_used(plan, i) {
            slots.push(UNUSED);
            continue;
        }
        slots.push(next);
        next += 1;
    }
    let ways = Ways { ways: SmallVec::from_slice(ways), dims };
    Some(Template { program, inputs: types, families: SmallVec::new(), targets, ways, slots, apart, narrow })
}
