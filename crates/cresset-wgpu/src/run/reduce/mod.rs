//! Reductions over any dimensions, of an array or of a formula's values: how they are laid out, and in how many dispatches.
//!
//! Every result is a row of what is reduced to it. Few rows with many elements are cut into parts, whose totals a second
//! dispatch brings together.

mod kernel;

pub use kernel::Template;

use std::sync::Arc;

use cresset_ops::{
    Array, DType, Error, Op, Result, Shape,
    cpu::{
        constants,
        plan::{Code, Lane, Plan, plan},
        walk::{Steps, broadcast_strides},
    },
    expr::{Expr, Type, traced},
    infer::{broadcast, infer},
    op::{Map, Numbers, Reduce, Reduction},
};
use smallvec::SmallVec;

use self::kernel::{From, HEAD, Total, UNUSED, finds};
use super::map;
use crate::{
    card::Card,
    kernels,
    memory::{Buffer, buffer},
    stream::PARAMETERS,
    wgsl::{
        formula,
        place::Words,
        rows::{GROUP, Operand, Space, Team},
    },
};

/// Elements of a lane below which no part is worth a dispatch.
const FEW: usize = 64;
/// Workgroups there should be.
const BUSY: usize = 512;
/// Elements of a lane, at most, before a row is cut into parts.
const LONG: usize = 1024;
/// Parts of a row, at most.
const PARTS: usize = 1 << 14;

/// Reduces.
pub fn reduce(card: &Arc<Card>, op: &Op, reduce: &Reduce, inputs: &[&Array]) -> Result<Array> {
    let name = reduce.kind.name();
    let metas = infer(op, inputs)?;
    let meta = &metas[0];
    let identity;
    let map = match &reduce.map {
        Some(map) => map,
        None => {
            let program = traced(1, 0, &|x: &[Expr], _: &[Expr]| x[0]);
            identity = Map { program, numbers: Numbers::new(), shape: None };
            &identity
        }
    };
    let types: SmallVec<[Type; 4]> = inputs.iter().map(|x| Type::array(x.dtype(), x.rank())).collect();
    let plan = plan(&map.program, &types, &map.numbers)?;
    let constants = constants(name, plan, &map.numbers)?;
    let Some(&(_, dtype)) = plan.outputs.first() else {
        return Err(Error::argument(name, "the formula has no output"));
    };
    let lane = Lane::of(dtype);
    let shape = broadcast(name, inputs, map.shape.as_deref())?;
    let narrow = formula::is_narrow(plan, &constants, &[], shape.numel());
    formula::check(name, plan, narrow, &card.abilities)?;
    let layout = Layout::new(reduce, plan, inputs, &shape)?;
    check(card, reduce.kind, lane, dtype, layout.length)?;
    let output = card.fresh(name, meta.shape.clone(), meta.dtype)?;
    if layout.rows == 0 {
        return Ok(output);
    }
    let Some((buffers, slots)) = bindings(card, plan, inputs, finds(reduce.kind))? else {
        // More arrays than the card binds at once: the formula's values first.
        let values = map::one(card, map, inputs)?;
        let plain = Reduce { map: None, ..reduce.clone() };
        return self::reduce(card, &Op::Reduce(Box::new(plain.clone())), &plain, &[&values]);
    };
    let mut head: SmallVec<[u32; 64]> = SmallVec::new();
    for bits in &constants {
        head.extend([*bits as u32, (*bits >> 32) as u32]);
    }
    let from = From::Formula {
        program: map.program.clone(),
        inputs: types,
        families: map.numbers.iter().map(|number| number.category()).collect(),
        slots,
    };
    let pass = Pass { card, kind: reduce.kind, lane };
    if layout.parts == 1 {
        pass.run(from, Some(&output), &layout, &head, &buffers, None)?;
        return Ok(output);
    }
    let total = Total::of(reduce.kind, lane);
    let units = Shape::from_slice(&[layout.rows * layout.parts]);
    let partial = card.fresh(name, units.clone(), total.kept(&card.abilities))?;
    let places = finds(reduce.kind).then(|| card.fresh(name, units, DType::I32)).transpose()?;
    pass.run(from, None, &layout, &head, &buffers, Some((&partial, places.as_ref())))?;
    // Parts lie one after the other, each with all rows.
    let operand = |_: usize| -> Operand { (0, Steps::from_slice(&[layout.rows as isize, 1])) };
    let operands: SmallVec<[Operand; 2]> = (0..1 + usize::from(places.is_some())).map(operand).collect();
    let (space, words) = Space::new(&[layout.parts, layout.rows], &[1], &[0], &operands);
    let team = Team::new(layout.rows, layout.parts, layout.rows >= 16);
    let last = Layout { rows: layout.rows, length: layout.parts, parts: 1, team, space, words };
    let mut buffers: SmallVec<[&Arc<Buffer>; 8]> = SmallVec::new();
    buffers.push(buffer(&partial)?);
    if let Some(places) = &places {
        buffers.push(buffer(places)?);
    }
    pass.run(From::Parts, Some(&output), &last, &[], &buffers, None)?;
    Ok(output)
}

/// Refuses totals of integers that the card cannot hold.
fn check(card: &Card, kind: Reduction, lane: Lane, dtype: DType, length: usize) -> Result<()> {
    if !matches!(kind, Reduction::Sum | Reduction::Prod) || !matches!(lane, Lane::I64 | Lane::Bool) {
        return Ok(());
    }
    // Sums of small numbers are exact in fewer bits.
    let (low, high) = dtype.int_range();
    let most = if lane == Lane::Bool { 1 } else { high.saturating_abs().max(low.saturating_abs()) };
    let small = kind == Reduction::Sum && (length as i64).saturating_mul(most) <= i64::from(i32::MAX);
    if lane == Lane::Bool && kind == Reduction::Prod || small {
        return Ok(());
    }
    card.abilities.check(kind.name(), DType::I64)
}

/// Buffers of what is read.
type Read<'a> = SmallVec<[&'a Arc<Buffer>; 8]>;

/// The buffers that a formula reads, and which is whose; `None` if they are too many.
fn bindings<'a>(
    card: &Card,
    plan: &Plan,
    inputs: &[&'a Array],
    finds: bool,
) -> Result<Option<(Read<'a>, SmallVec<[u8; 8]>)>> {
    let mut buffers = Read::new();
    let mut slots = SmallVec::new();
    for (i, x) in inputs.iter().enumerate() {
        if !map::is_used(plan, i) {
            slots.push(UNUSED);
            continue;
        }
        let own = buffer(x)?;
        let place = buffers.iter().position(|other| other.id == own.id).unwrap_or_else(|| {
            buffers.push(own);
            buffers.len() - 1
        });
        slots.push(place as u8);
    }
    let written = 1 + usize::from(finds);
    let fits = buffers.len() + written <= card.abilities.storage_buffers as usize;
    Ok(fits.then_some((buffers, slots)))
}

/// Does a formula ask for the place of an element?
fn by_place(plan: &Plan) -> bool {
    plan.steps.iter().any(|step| matches!(step.code, Code::Index | Code::Random))
}

/// How a reduction is laid out.
struct Layout {
    rows: usize,
    length: usize,
    parts: usize,
    team: Team,
    space: Space,
    words: Words,
}

impl Layout {
    fn new(reduce: &Reduce, plan: &Plan, inputs: &[&Array], shape: &Shape) -> Result<Layout> {
        let name = reduce.kind.name();
        let mut operands: SmallVec<[Operand; 4]> =
            inputs.iter().map(|x| (x.offset(), broadcast_strides(shape, x.shape(), x.strides()))).collect();
        // That which has most elements says in which order to go.
        let main = (0..inputs.len()).max_by_key(|&i| (inputs[i].numel(), std::cmp::Reverse(i)));
        let flat: Steps = SmallVec::from_elem(0, shape.rank());
        let strides = main.map_or(&flat, |i| &operands[i].1).clone();
        let distance = |dim: usize| match strides[dim] {
            0 => usize::MAX,
            stride => stride.unsigned_abs(),
        };
        let mut along: SmallVec<[usize; 6]> = reduce.dims.iter().copied().collect();
        along.sort_by_key(|&dim| std::cmp::Reverse(distance(dim)));
        let kept: SmallVec<[usize; 6]> = (0..shape.rank()).filter(|dim| !reduce.dims.contains(dim)).collect();
        let nearest =
            |dims: &[usize]| dims.iter().filter(|&&dim| shape[dim] > 1).map(|&dim| distance(dim)).min();
        let across = match (nearest(&kept), nearest(&along)) {
            (Some(kept), Some(along)) => kept < along,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if by_place(plan) {
            operands.push((0, shape.contiguous_strides().iter().copied().collect()));
        }
        let product = |dims: &[usize]| dims.iter().try_fold(1usize, |all, &dim| all.checked_mul(shape[dim]));
        let most = i32::MAX as usize;
        let (Some(rows), Some(length)) = (product(&kept), product(&along)) else {
            return Err(too_many(name, shape));
        };
        if rows > most || length > most {
            return Err(too_many(name, shape));
        }
        let team = Team::new(rows, length, across);
        let each = length / team.lanes as usize;
        let busy = team.groups(rows).max(1) as usize;
        let mut parts = 1;
        if team.lanes == GROUP || across {
            while parts < PARTS
                && (busy * parts < BUSY && each / parts >= FEW || each / parts > LONG)
                && rows * parts <= most / 2
            {
                parts *= 2;
            }
        }
        let (space, words) = Space::new(shape, &kept, &along, &operands);
        let constants = formula::constant_words(plan);
        if HEAD + constants + words.len() > PARAMETERS {
            return Err(Error::argument(
                name,
                "arrays of so many dimensions that cannot be joined; make them contiguous first",
            ));
        }
        Ok(Layout { rows, length, parts, team, space, words })
    }
}

fn too_many(name: &'static str, shape: &Shape) -> Error {
    Error::shape(name, format!("{shape} has more elements than a card counts; split it"))
}

/// One dispatch of a reduction.
struct Pass<'a> {
    card: &'a Arc<Card>,
    kind: Reduction,
    lane: Lane,
}

impl Pass<'_> {
    fn run<'b>(
        &self,
        from: From,
        output: Option<&'b Array>,
        layout: &Layout,
        constants: &[u32],
        read: &[&'b Arc<Buffer>],
        partial: Option<(&'b Array, Option<&'b Array>)>,
    ) -> Result<()> {
        let mut buffers = Read::from_slice(read);
        if let Some(output) = output {
            buffers.push(buffer(output)?);
        }
        if let Some((totals, places)) = partial {
            buffers.push(buffer(totals)?);
            if let Some(places) = places {
                buffers.push(buffer(places)?);
            }
        }
        let template = Template {
            from,
            kind: self.kind,
            lane: self.lane,
            target: output.map(|output| output.dtype()),
            team: layout.team,
            space: layout.space,
        };
        let mut parameters: SmallVec<[u32; 64]> =
            SmallVec::from_slice(&[layout.rows as u32, layout.parts as u32, layout.length as u32]);
        parameters.extend_from_slice(constants);
        parameters.extend_from_slice(&layout.words);
        let kernel = self.card.kernel(self.kind.name(), kernels::Template::Reduce(template))?;
        let groups = layout.team.groups(layout.rows * layout.parts);
        self.card.dispatch(&kernel, &buffers, &parameters, [groups, 1, 1])
    }
}
