//! Formulas over few elements, where what is not arithmetic is all the cost: no gathering, no tasks, no lists.

use std::mem::MaybeUninit;

use super::{
    loops::{self, Cell, Chunk, Trouble},
    plan::plan,
    source::fill_constants,
};
use crate::{
    expr::{Level, Type},
    op::Map,
};
use cresset_tensor::{Array, Error, Locks, Result, memory};
use smallvec::SmallVec;

/// More elements than this are no longer few: they may be worth threads.
const FEW: usize = 1024;
/// Of no more than these a few constants fit the stack.
const VERY_FEW: usize = 8;
/// So many inputs, constants and registers fit a table on the stack.
const SLOTS: usize = 16;
/// Inputs whose types fit a list on the stack.
const INPUTS: usize = 4;

/// Computes a formula into a fresh array if it is a simple case: one output, few elements, every input contiguous and of the
/// output's shape or a single number, every dtype stored as it is computed. Anything else is `None`.
#[inline]
pub fn map(map: &Map, inputs: &[&Array]) -> Result<Option<Array>> {
    let program = &*map.program;
    if inputs.is_empty()
        || inputs.len() > INPUTS
        || map.shape.is_some()
        || program.inputs() != inputs.len()
        || program.numbers() != map.numbers.len()
    {
        return Ok(None);
    }
    let Some(like) = shaped(inputs) else { return Ok(None) };
    let numel = like.numel();
    let mut types = [Type { dtype: inputs[0].dtype(), level: Level::Number }; INPUTS];
    for (place, x) in types.iter_mut().zip(inputs) {
        *place = Type::array(x.dtype(), x.rank());
    }
    let plan = plan(program, &types[..inputs.len()], &map.numbers)?;
    let first_register = plan.inputs.len() + plan.constants.len();
    let [(slot, dtype)] = plan.joined.outputs[..] else { return Ok(None) };
    if !plan.joined.simple || first_register + plan.joined.registers > SLOTS {
        return Ok(None);
    }
    // Only as many as there are: to clear all of them took as long as the arithmetic.
    let mut cells: SmallVec<[Cell; SLOTS]> = SmallVec::new();
    for x in inputs {
        cells.push(if x.numel() == 1 { Cell::constant(x.as_ptr()) } else { Cell::vector(x.as_ptr()) });
    }
    let mut constants = [0u64; SLOTS];
    let mut trouble = fill_constants(plan, &map.numbers, &mut constants[..plan.constants.len()]);
    for i in 0..plan.constants.len() {
        cells.push(Cell::constant(std::ptr::from_mut(&mut constants[i]).cast()));
    }
    for _ in 0..plan.joined.registers {
        cells.push(Cell::vector(std::ptr::null_mut()));
    }
    let cells = cells.as_mut_slice();
    // What stands beside very few elements is laid out here, so that the loops need not do it in a block.
    let mut laid = [const { MaybeUninit::<[u64; VERY_FEW]>::uninit() }; 4];
    if numel <= VERY_FEW {
        for (room, &(slot, lane)) in laid.iter_mut().zip(&plan.joined.beside) {
            let cell = &mut cells[slot as usize];
            if cell.constant {
                let room = room.as_mut_ptr().cast();
                // SAFETY: the cell holds an element of the lane, and the room that many.
                unsafe {
                    std::ptr::copy_nonoverlapping(cell.pointer, room, lane.dtype().size());
                    loops::spread(lane, room, numel);
                }
                *cell = Cell::laid(room);
            }
        }
    }
    let output = Array::uninitialised_like("map", like, dtype)?;
    cells[slot as usize].pointer = output.as_ptr();
    let room = (numel * 8).next_multiple_of(memory::ALIGNMENT);
    let spare = plan.joined.registers - 1;
    let scratch = if spare > 0 {
        Some(memory::take(room * spare).ok_or_else(|| Error::memory(program.name(), "out of memory"))?)
    } else {
        None
    };
    if let Some(scratch) = &scratch {
        let mut next = 0;
        for cell in &mut cells[first_register..first_register + plan.joined.registers] {
            if cell.pointer.is_null() {
                cell.pointer = scratch.as_ptr().wrapping_add(next * room);
                next += 1;
            }
        }
    }
    let _locks = Locks::reading(inputs);
    loops::run(&plan.joined.steps, cells, Chunk { len: numel, start: 0 }, &mut trouble);
    if trouble != Trouble::default() {
        return Err(Error::argument(program.name(), "integer division by zero"));
    }
    Ok(Some(output))
}

/// The input whose shape is the result's: that of all inputs that are not single numbers.
#[inline]
fn shaped<'a>(inputs: &[&'a Array]) -> Option<&'a Array> {
    let mut like = inputs[0];
    for x in &inputs[1..] {
        if x.numel() != 1 || like.numel() == 1 && x.rank() > like.rank() {
            if like.numel() != 1 && x.shape() != like.shape() {
                return None;
            }
            if like.numel() == 1 && x.rank() < like.rank() {
                return None;
            }
            like = x;
        }
    }
    let simple =
        inputs.iter().all(|x| if x.numel() == 1 { x.rank() <= like.rank() } else { x.is_contiguous() });
    (simple && like.numel() > 0 && like.numel() <= FEW).then_some(like)
}
