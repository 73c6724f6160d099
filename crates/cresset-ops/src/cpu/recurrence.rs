//! The steps of a recurrence in f32: a product with one matrix, packed once, and a formula of its parts.
//!
//! A task multiplies some columns of every part for some rows, and evaluates the formula there while they are in the cache.
//! Every step needs all of the one before, so that they wait for each other; but what they need besides is known before the
//! first begins, and made ready then.

use std::sync::{
    OnceLock,
    atomic::{AtomicBool, Ordering},
};

use cresset_tensor::{Array, DType, Device, Error, Locks, Result};
use smallvec::SmallVec;

use super::{
    gemm::Matrix,
    loops::Trouble,
    map::Evaluation,
    panels::{Ahead, Asking, Packed, Scratch, kernel},
    plan::{Code, Plan, plan},
    source::{Side, Source},
    threads,
    walk::{Steps, Walk, broadcast_strides},
};
use crate::{expr::Type, op::Map, recurrence::Step};

/// Columns of a part that a task computes, if there are many.
const COLUMNS: usize = 64;
/// Rows of a task, at most.
const ROWS: usize = 64;
/// Steps that a task makes ready.
const FEW: usize = 8;
/// Multiplications of a step below which no other thread is called.
const PARALLEL: usize = 1 << 19;

/// The parts of a matrix, packed.
pub struct Parts {
    parts: Vec<Packed>,
    /// Rows.
    depth: usize,
    /// Columns of a part.
    columns: usize,
}

impl Parts {
    /// Packs a matrix of so many parts side by side, if there are loops for it here.
    pub fn new(x: &Array, count: usize) -> Option<Parts> {
        let kernel = kernel()?;
        let ([depth, all], [row, column]) = (&x.shape()[..], &x.strides()[..]) else { return None };
        if x.dtype() != DType::F32 || x.device() != Device::Cpu || x.numel() == 0 || count == 0 {
            return None;
        }
        let columns = all / count;
        let matrix = Matrix { start: x.as_ptr().cast::<f32>(), row: *row, column: *column };
        let _locks = Locks::read(x.storage());
        let part = |k: usize| {
            // SAFETY: the array is locked, and has these columns.
            unsafe { Packed::new(kernel, matrix.at(0, k * columns), [*depth, columns]) }
        };
        Some(Parts { parts: (0..count).map(part).collect::<Option<_>>()?, depth: *depth, columns })
    }

    /// Goes through steps; `false`, and nothing done, where they have to be taken apart into products and formulas.
    pub fn run(&self, map: &Map, steps: &[Step]) -> Result<bool> {
        let Some(first) = steps.first() else { return Ok(true) };
        if !steps.iter().all(|step| self.suits(step, first)) {
            return Ok(false);
        }
        let product = std::iter::repeat_n(Type::array(DType::F32, 2), self.parts.len());
        let operands = first.operands.iter().map(|x| Type::array(x.dtype(), x.rank()));
        let types: SmallVec<[Type; 16]> = product.chain(operands).collect();
        let plan = plan(&map.program, &types, &map.numbers)?;
        let placeless = |code: Code| !matches!(code, Code::Index | Code::Random);
        let outputs = &plan.joined.outputs;
        // An operand that is an output as it is might have been written over by then.
        let operands = self.parts.len()..plan.inputs.len();
        if !plan.steps.iter().all(|step| placeless(step.code))
            || outputs.len() != first.targets.len()
            || outputs.iter().any(|&(slot, dtype)| dtype != DType::F32 || operands.contains(&(slot as usize)))
        {
            return Ok(false);
        }
        let rows = steps.iter().map(|step| step.left.shape()[0]).max().unwrap_or(0);
        let no_memory = || Error::memory("recurrence", "no memory for the products of a step");
        let room = self.blocks().saturating_mul(self.width()).saturating_mul(rows.max(1));
        let scratch = Scratch::new(room.saturating_mul(self.parts.len())).ok_or_else(no_memory)?;
        let locks = Locks::new(
            steps
                .iter()
                .flat_map(|step| &step.operands)
                .chain(steps.iter().map(|step| &step.left))
                .map(Array::storage),
            steps.iter().flat_map(|step| &step.targets).map(Array::storage),
        );
        // The first stage makes steps ready, a few at a time.
        let prepared: Vec<OnceLock<Prepared>> = steps.iter().map(|_| OnceLock::new()).collect();
        let chunks = |step: &Step| step.left.shape()[0].div_ceil(ROWS);
        let counts: Vec<usize> = std::iter::once(steps.len().div_ceil(FEW))
            .chain(steps.iter().map(|step| self.blocks() * chunks(step)))
            .collect();
        let ends: Vec<usize> = counts.iter().scan(0, |end, count| (*end += count, Some(*end)).1).collect();
        let failed = AtomicBool::new(false);
        let task = |number: usize| {
            let stage = ends.partition_point(|&end| end <= number);
            let number = number - (ends[stage] - counts[stage]);
            if stage == 0 {
                for (place, step) in prepared.iter().zip(steps).skip(number * FEW).take(FEW) {
                    let _ = place.set(self.prepared(step, plan, map, scratch.start()));
                }
                return;
            }
            // SAFETY: memory is locked, and `suits` has found that tasks do not write what others read or write.
            let done = prepared[stage - 1].get().and_then(|step| unsafe { self.task(step, number) });
            if done.is_none() {
                failed.store(true, Ordering::Relaxed);
            }
        };
        let work = rows.saturating_mul(self.depth * self.columns * self.parts.len());
        threads::divide_stages(work >= PARALLEL, &counts, &task);
        drop(locks);
        steps.iter().flat_map(|step| &step.targets).for_each(|target| target.storage().bump());
        if failed.load(Ordering::Relaxed) { Err(no_memory()) } else { Ok(true) }
    }

    /// Columns of a block.
    fn width(&self) -> usize {
        let panel = self.parts[0].width();
        if self.columns >= 4 * COLUMNS { COLUMNS.max(panel) } else { panel }
    }

    /// Blocks of columns, the last of which may have fewer.
    fn blocks(&self) -> usize {
        self.columns.div_ceil(self.width())
    }

    /// May a step be done in blocks, none of which reads or writes what another writes?
    fn suits(&self, step: &Step, first: &Step) -> bool {
        let Step { left, operands, targets } = step;
        let alike = |x: &Array, y: &Array| x.dtype() == y.dtype() && x.rank() == y.rank();
        let all = || operands.iter().chain(targets).chain([left]);
        if !all().all(|x| x.device() == Device::Cpu)
            || left.dtype() != DType::F32
            || (left.strides()[1] != 1 && left.shape()[1] > 1)
            || operands.len() != first.operands.len()
            || targets.len() != first.targets.len()
            || !operands.iter().zip(&first.operands).all(|(x, y)| alike(x, y))
            || !targets.iter().all(|x| x.dtype() == DType::F32)
        {
            return false;
        }
        targets.iter().enumerate().all(|(i, target)| {
            // In place is right where an element is written by whom it was read.
            let follows = |x: &Array| x.layout() == target.layout() || apart(x, target);
            !target.layout().overlaps_itself()
                && apart(left, target)
                && operands.iter().all(follows)
                && targets[..i].iter().all(|other| apart(other, target))
        })
    }

    fn prepared<'a>(&self, step: &'a Step, plan: &'a Plan, map: &Map, scratch: *mut f32) -> Prepared<'a> {
        let rows = step.left.shape()[0];
        // A part's products lie block after block, each with all rows.
        let part = self.blocks() * self.width() * rows;
        let evaluation = |first: usize, blocks: usize, width: usize| {
            let shape = [blocks, rows, width];
            let size = size_of::<f32>();
            let mut inputs: SmallVec<[Side; 4]> = SmallVec::new();
            let mut strides: SmallVec<[Steps; 16]> = SmallVec::new();
            let mut outputs: SmallVec<[Side; 2]> = SmallVec::new();
            for k in 0..self.parts.len() {
                inputs.push(Side {
                    pointer: scratch.wrapping_add(k * part + first * rows).cast(),
                    dtype: DType::F32,
                    linear: true,
                    single: false,
                    bytes: part * size,
                });
                strides.push([rows * width, width, 1].map(|stride| stride as isize).into_iter().collect());
            }
            let mut side = |x: &Array| {
                let own = broadcast_strides(&[rows, self.columns], x.shape(), x.strides());
                strides.push([own[1] * width as isize, own[0], own[1]].into_iter().collect());
                let shift = first as isize * own[1] * x.dtype().size() as isize;
                Side {
                    pointer: x.as_ptr().wrapping_offset(shift),
                    dtype: x.dtype(),
                    linear: false,
                    single: x.numel() == 1,
                    bytes: x.numel() * x.dtype().size(),
                }
            };
            inputs.extend(step.operands.iter().map(&mut side));
            outputs.extend(step.targets.iter().map(side));
            let walk = Walk::new(&shape, &strides);
            let source = Source::new(plan, &map.numbers, inputs, Some(walk));
            Evaluation { source, outputs, fresh: false, large: false }
        };
        let lines = |x: &&Array| {
            x.dtype() == DType::F32 && x.shape()[..] == [rows, self.columns] && x.strides()[1] == 1
        };
        let ahead = |x: &Array| {
            let (start, line) = (x.as_ptr().cast::<f32>().cast_const(), x.strides()[0]);
            Ahead { start, line, count: rows, len: self.columns }
        };
        let (whole, rest) = (self.columns / self.width(), self.columns % self.width());
        let left = Matrix { start: step.left.as_ptr().cast(), row: step.left.strides()[0], column: 1 };
        Prepared {
            left,
            rows,
            chunks: rows.div_ceil(ROWS),
            products: Matrix { start: scratch, row: part as isize, column: 1 },
            ahead: step.operands.iter().chain(&step.targets).filter(lines).map(ahead).collect(),
            whole: (whole > 0).then(|| evaluation(0, whole, self.width())),
            rest: (rest > 0).then(|| evaluation(whole * self.width(), 1, rest)),
        }
    }

    /// One block of columns for some rows; `None` where there is no memory.
    ///
    /// # Safety
    /// The step's memory is locked, and no two tasks are the same.
    unsafe fn task(&self, step: &Prepared, number: usize) -> Option<()> {
        let (block, chunk) = (number / step.chunks, number % step.chunks);
        let even = step.rows.div_ceil(step.chunks).next_multiple_of(self.parts[0].tile());
        let rows = (chunk * even).min(step.rows)..((chunk + 1) * even).min(step.rows);
        let first = block * self.width();
        let width = self.width().min(self.columns - first);
        let panel = self.parts[0].width();
        let panels = first / panel..(first + width).div_ceil(panel);
        let share = |ahead: &Ahead| {
            let start = ahead.start.wrapping_offset(rows.start as isize * ahead.line).wrapping_add(first);
            Ahead { start, count: rows.len(), len: width, ..*ahead }
        };
        let ahead: SmallVec<[Ahead; 12]> = step.ahead.iter().map(share).collect();
        let mut ahead = Asking::new(&ahead, self.parts.len() * self.parts[0].tiles(rows.len(), panels.len()));
        for (k, part) in self.parts.iter().enumerate() {
            let products = step.products.at(k, first * step.rows + rows.start * width);
            let c = Matrix { row: width as isize, ..products };
            let left = step.left.at(rows.start, 0);
            // SAFETY: the left factor's rows are there, and these products are this task's.
            unsafe { part.multiply(rows.len(), left, panels.clone(), c, &mut ahead) };
        }
        let (evaluation, before) = match (&step.whole, &step.rest) {
            (Some(whole), _) if width == self.width() => (whole, block * step.rows * width),
            (_, rest) => (rest.as_ref()?, 0),
        };
        let range = before + rows.start * width..before + rows.end * width;
        (evaluation.run(range)? == Trouble::default()).then_some(())
    }
}

/// A step as tasks need it.
struct Prepared<'a> {
    left: Matrix<f32>,
    rows: usize,
    /// How many times the rows are divided.
    chunks: usize,
    /// A row for each part.
    products: Matrix<f32>,
    /// What the formula reads and writes, where that lies in lines.
    ahead: Vec<Ahead>,
    /// The formula over all blocks of the full width, and over that of the columns that are left.
    whole: Option<Evaluation<'a>>,
    rest: Option<Evaluation<'a>>,
}

// SAFETY: addresses; whoever reads or writes through them says why it may.
unsafe impl Sync for Prepared<'_> {}
// SAFETY: as above.
unsafe impl Send for Prepared<'_> {}

/// Does no element of one lie where one of the other does? Sides of one matrix, and matrices that lie one behind the other,
/// are seen.
fn apart(x: &Array, y: &Array) -> bool {
    if !x.shares_memory(y) {
        return true;
    }
    let bytes = |x: &Array| match x.layout().span() {
        Ok(Some((low, high))) => (low * x.dtype().size(), high * x.dtype().size()),
        Ok(None) | Err(_) => (0, 0),
    };
    let (x_bytes, y_bytes) = (bytes(x), bytes(y));
    if x_bytes.1 <= y_bytes.0 || y_bytes.1 <= x_bytes.0 {
        return true;
    }
    let ([x_row, 1], [y_row, 1], [_, x_columns], [_, y_columns]) =
        (&x.strides()[..], &y.strides()[..], &x.shape()[..], &y.shape()[..])
    else {
        return false;
    };
    let (from, to) = (x.layout().offset() as isize, y.layout().offset() as isize);
    // Columns of one matrix, none of which are those of the other.
    x_row == y_row && x.dtype() == y.dtype() && *x_row > 0 && {
        let between = (to - from).rem_euclid(*x_row);
        between >= *x_columns as isize && between + *y_columns as isize <= *x_row
    }
}
