//! The evaluator of formulas: chunk by chunk, one loop for each step, so that what lies between is in the first-level
//! cache and any formula runs at the speed of memory.

use std::sync::atomic::{AtomicBool, Ordering};

use cresset_tensor::{Array, DType, Error, Listed, Locks, Result, Scalar, Shape};
use smallvec::SmallVec;

use super::{
    loops::{self, Cell, Trouble},
    plan::{Lane, Plan, plan},
    short_lines, small,
    source::{CHUNK, Side, Source, load, store},
    stream, threads,
    walk::{Walk, broadcast_strides},
};
use crate::{
    door::Outputs,
    expr::Type,
    infer::{broadcast, map_dtypes},
    op::Map,
};

/// Work (elements times steps) below which no other thread is called: waking one takes some ten microseconds where it sleeps
/// already, as between the steps of a small training.
const PARALLEL: usize = 1 << 17;
/// Elements of one task, if a step or two are all that is done with them.
const TASK: usize = 16 * CHUNK;
/// Work of one task of a longer formula.
const WORK: usize = 1 << 16;
/// Tasks that work is divided into at least.
const FEWEST: usize = 4;
/// From so many elements on, tasks are larger: to begin one takes a microsecond.
const MANY: usize = 1 << 20;
/// Elements of one of them.
const LARGE_TASK: usize = 64 * CHUNK;

/// Computes a formula into fresh arrays.
pub fn map(map: &Map, inputs: &[&Array]) -> Result<Outputs<Array>> {
    if let Some(output) = small::map(map, inputs)? {
        return Ok(SmallVec::from_iter([output]));
    }
    if map.program.is_identity()
        && let ([x], None) = (inputs, &map.shape)
    {
        return Ok(SmallVec::from_iter([super::copy::contiguous(x)?]));
    }
    let name = map.program.name();
    let types: SmallVec<[Type; 4]> = inputs.iter().map(|x| Type::array(x.dtype(), x.rank())).listed();
    if map.program.inputs() != inputs.len() || map.program.numbers() != map.numbers.len() {
        map_dtypes(map, inputs)?;
    }
    let plan = plan(&map.program, &types, &map.numbers)?;
    let shape = broadcast(name, inputs, map.shape.as_deref())?;
    let mut outputs: Outputs<Array> = SmallVec::new();
    for &(_, dtype) in &plan.joined.outputs {
        outputs.push(Array::uninitialised(name, shape.clone(), dtype)?);
    }
    let _locks = Locks::new(inputs.iter().map(|x| x.storage()), std::iter::empty());
    {
        let fresh: SmallVec<[&Array; 2]> = outputs.iter().listed();
        evaluate(name, plan, &map.numbers, &shape, inputs, &fresh, true)?;
    }
    Ok(outputs)
}

/// Computes a formula into arrays that are there already.
pub fn map_into(map: &Map, inputs: &[&Array], targets: &[&Array]) -> Result<()> {
    let name = map.program.name();
    if map.program.inputs() != inputs.len() || map.program.numbers() != map.numbers.len() {
        map_dtypes(map, inputs)?;
    }
    let types: SmallVec<[Type; 4]> = inputs.iter().map(|x| Type::array(x.dtype(), x.rank())).listed();
    let plan = plan(&map.program, &types, &map.numbers)?;
    let outputs = &plan.joined.outputs;
    if outputs.len() != targets.len() {
        return Err(Error::argument(
            name,
            format!("{} targets for {} outputs", targets.len(), outputs.len()),
        ));
    }
    let Some(first) = targets.first() else { return Ok(()) };
    let shape = first.shape().clone();
    for (target, &(_, dtype)) in targets.iter().zip(outputs) {
        check_target(name, target, &shape, dtype)?;
    }
    if inputs.iter().any(|x| *x.shape() != shape)
        && broadcast(name, inputs, None)?.broadcast(&shape).as_ref() != Some(&shape)
    {
        let shapes: Vec<String> = inputs.iter().map(|x| x.shape().to_string()).collect();
        return Err(Error::shape(
            name,
            format!("a target of shape {shape} cannot hold the result of {}", shapes.join(", ")),
        ));
    }
    // An input that lies over a target otherwise than the target itself would be read after it was written.
    let mut copies: SmallVec<[Array; 2]> = SmallVec::new();
    let mut sources: SmallVec<[Option<usize>; 4]> = SmallVec::new();
    for (i, x) in inputs.iter().enumerate() {
        // So would one that is an output as it is, if it lies over the target of another.
        let given = |output: usize| plan.joined.outputs[output].0 as usize == i;
        let is_output = (0..targets.len()).any(given);
        let clash = targets.iter().enumerate().any(|(output, target)| {
            target.shares_memory(x) && (target.layout() != x.layout() || is_output && !given(output))
        });
        sources.push(clash.then_some(copies.len()));
        if clash {
            copies.push(super::copy::contiguous(x)?);
        }
    }
    let inputs: SmallVec<[&Array; 4]> =
        inputs.iter().zip(&sources).map(|(x, copy)| copy.map_or(*x, |i| &copies[i])).listed();
    let _locks = Locks::new(inputs.iter().map(|x| x.storage()), targets.iter().map(|x| x.storage()));
    let fresh = !inputs.iter().any(|x| targets.iter().any(|target| target.shares_memory(x)));
    let result = evaluate(name, plan, &map.numbers, &shape, &inputs, targets, fresh);
    targets.iter().for_each(|target| target.storage().bump());
    result
}

/// May this array be written with values of such shape and dtype?
pub fn check_target(name: &'static str, target: &Array, shape: &Shape, dtype: DType) -> Result<()> {
    if target.shape() != shape {
        return Err(Error::shape(
            name,
            format!("targets must have one shape: {shape} and {}", target.shape()),
        ));
    }
    if dtype.category() > target.dtype().category() {
        return Err(Error::dtype(
            name,
            format!(
                "a result of {dtype} cannot be written into {}; use the method without `_`",
                target.dtype()
            ),
        ));
    }
    if target.layout().overlaps_itself() {
        return Err(Error::argument(
            name,
            "several elements of the target lie at one place in memory (it was expanded); clone it before writing to it",
        ));
    }
    Ok(())
}

/// A formula's inputs and outputs.
pub struct Evaluation<'a> {
    pub source: Source<'a>,
    pub outputs: SmallVec<[Side; 2]>,
    /// Outputs share no memory with inputs.
    pub fresh: bool,
    /// Inputs and outputs are larger than the caches.
    pub large: bool,
}

// SAFETY: the outputs are written only in the ranges given to `run`, which tasks do not share, under locks that the
// thread that started them holds.
unsafe impl Sync for Evaluation<'_> {}

fn evaluate(
    name: &'static str,
    plan: &Plan,
    numbers: &[Scalar],
    shape: &Shape,
    inputs: &[&Array],
    outputs: &[&Array],
    fresh: bool,
) -> Result<()> {
    let numel = shape.numel();
    if numel == 0 {
        return Ok(());
    }
    let side = |x: &&Array| Side::new(x, x.shape() == shape && x.is_contiguous());
    let input_sides: SmallVec<[Side; 4]> = inputs.iter().map(side).listed();
    let output_sides: SmallVec<[Side; 2]> = outputs.iter().map(side).listed();
    let simple = input_sides.iter().chain(&output_sides).all(|x| x.linear || x.single);
    let walk = (!simple).then(|| {
        let strides: SmallVec<[_; 6]> =
            inputs.iter().chain(outputs).map(|x| broadcast_strides(shape, x.shape(), x.strides())).listed();
        Walk::new(shape, &strides)
    });
    let source = Source::new(plan, numbers, input_sides, walk);
    let bytes: usize = inputs.iter().chain(outputs).map(|x| x.numel() * x.dtype().size()).sum();
    let large = fresh && bytes > stream::BEYOND;
    let evaluation = Evaluation { source, outputs: output_sides, fresh, large };
    let trouble = AtomicBool::new(false);
    let steps = plan.steps.len().max(1);
    let task = if numel >= MANY { LARGE_TASK } else { (WORK / steps).next_multiple_of(CHUNK).min(TASK) };
    // No thread shall wait long for another's last task, nor begin in the midst of a row.
    let row = evaluation.source.walk.as_ref().map_or(1, Walk::row).min(CHUNK);
    let task = task.min(numel.div_ceil(FEWEST)).next_multiple_of(row);
    threads::divide_range(numel * steps >= PARALLEL, numel, task, &|range| {
        if evaluation.run(range) != Some(Trouble::default()) {
            trouble.store(true, Ordering::Relaxed);
        }
    });
    if trouble.load(Ordering::Relaxed) {
        return Err(Error::argument(name, "integer division by zero"));
    }
    Ok(())
}

impl Evaluation<'_> {
    /// Computes a range of places; `None` where there is no memory.
    pub fn run(&self, range: std::ops::Range<usize>) -> Option<Trouble> {
        let plan = self.source.plan;
        let mut values = self.source.values(range.len(), plan.joined.outputs.len())?;
        let first_register = values.first_register();
        let first_spare = plan.inputs.len() + plan.joined.registers;
        let mut trouble = self.source.trouble;
        let mut start = range.start;
        while start < range.end {
            let len = values.straight(start, CHUNK.min(range.end - start));
            values.fetch(start, len);
            // A register that is an output and nothing else lies in the output's memory.
            for (i, (&(slot, _), output)) in plan.joined.outputs.iter().zip(&self.outputs).enumerate() {
                if self.may_be_direct(i, slot as usize, output, first_register) {
                    let place = values.side_by_side(plan.inputs.len() + i, output, start);
                    values.cells[slot as usize].pointer =
                        place.unwrap_or_else(|| values.register(slot as usize));
                }
            }
            if let (Some((last, others)), true, [(slot, _)]) =
                (plan.joined.steps.split_last(), self.large, &plan.joined.outputs[..])
                && last.target == *slot
                && self.outputs[0].linear
                && self.outputs[0].dtype == DType::F32
            {
                values.run_some(others.len(), start, len, &mut trouble);
                // SAFETY: the output has these elements, and nobody else touches them.
                let done = unsafe {
                    loops::stream_last(
                        last,
                        &values.cells,
                        len,
                        self.outputs[0].pointer.wrapping_add(start * 4),
                    )
                };
                if done {
                    start += len;
                    continue;
                }
            }
            values.run(start, len, &mut trouble);
            for (i, (&(slot, _), output)) in plan.joined.outputs.iter().zip(&self.outputs).enumerate() {
                let place = values.side_by_side(plan.inputs.len() + i, output, start);
                let cell = values.cells[slot as usize];
                if place.is_none() || !self.may_be_direct(i, slot as usize, output, first_register) {
                    let spare = values.spare(first_spare + i);
                    self.put(i, cell, start..start + len, place, spare);
                }
            }
            start += len;
        }
        if self.large {
            stream::fence();
        }
        Some(trouble)
    }

    /// May a register lie in an output's memory, if that is side by side?
    fn may_be_direct(&self, i: usize, slot: usize, output: &Side, first_register: usize) -> bool {
        let (_, dtype) = self.source.plan.joined.outputs[i];
        self.fresh
            && !self.large
            && slot >= first_register
            && output.dtype == dtype
            && Lane::of(dtype).dtype() == dtype
            && !self.source.plan.joined.outputs[..i].iter().any(|&(other, _)| other as usize == slot)
    }

    /// Writes a chunk of an output that is not computed in place; `place` is where, if it is side by side.
    fn put(
        &self,
        i: usize,
        cell: Cell,
        chunk: std::ops::Range<usize>,
        place: Option<*mut u8>,
        spare: *mut u8,
    ) {
        let (output, start, len) = (&self.outputs[i], chunk.start, chunk.len());
        let lane = Lane::of(self.source.plan.joined.outputs[i].1);
        let size = output.dtype.size();
        let wide = lane.dtype().size();
        let mut from = cell.pointer;
        if !cell.laid {
            // SAFETY: the constant has one element of the lane, the spare slot room for a chunk of them.
            unsafe { load(lane.dtype(), cell.pointer, 0, len, spare) };
            from = spare;
        }
        if self.large && output.linear && output.dtype == lane.dtype() {
            // SAFETY: the output has these elements, nobody else touches them, and no input lies there.
            return unsafe { stream::copy(from, output.pointer.wrapping_add(start * size), len * size) };
        }
        if let Some(place) = place {
            // SAFETY: the output has these elements, and nobody else writes them.
            return unsafe { store(lane, from, output.dtype, place, 1, len) };
        }
        let Some(walk) = &self.source.walk else { return };
        let operand = self.source.plan.inputs.len() + i;
        if (lane, output.dtype) == (Lane::F32, DType::F32) {
            // SAFETY: the walk stays inside the output, of which these elements are this thread's.
            if unsafe { short_lines::put(walk, operand, start, len, from.cast(), output.pointer.cast()) } {
                return;
            }
        }
        let stride = walk.strides[operand][walk.shape.len() - 1];
        walk.lines(operand, start, len, |offset, done, count| {
            let to = output.pointer.wrapping_offset(offset * size as isize);
            // SAFETY: the walk stays inside the output, and `done + count` is at most the chunk's length.
            unsafe { store(lane, from.wrapping_add(done * wide), output.dtype, to, stride, count) };
        });
    }
}
