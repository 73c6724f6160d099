//! A formula's values, chunk by chunk: its inputs brought into the lanes it computes in, and its steps done on them.
//! Who wants the values (`map` to store, `reduce` to fold) decides over which shape and in which order.

use cresset_tensor::{Array, DType, Element, Error, Result, Scalar, bf16, f16, memory, with_element};
use smallvec::SmallVec;

use super::{
    loops::{self, Cell, Chunk, Trouble},
    plan::{Constant, Lane, Plan},
    short_lines, stream,
    walk::Walk,
};

/// Elements of a chunk: with some four registers of f32 in use, a third of a first-level cache.
pub const CHUNK: usize = 1024;
/// Bytes of a line of cache.
const LINE: usize = 64;
/// Rows at least this long are walked one by one, so that their operands need no gathering. To begin a row takes as long as
/// bringing some hundred numbers.
const LONG_ROW: usize = 256;

/// One input or output of an evaluation.
pub struct Side {
    /// The first element.
    pub pointer: *mut u8,
    /// Its dtype.
    pub dtype: DType,
    /// One element after the other over the whole shape.
    pub linear: bool,
    /// One element for the whole shape.
    pub single: bool,
    /// How many bytes of memory it has.
    pub bytes: usize,
}

impl Side {
    /// An array that is walked over a shape with such strides.
    #[inline]
    pub fn new(x: &Array, linear: bool) -> Side {
        Side {
            pointer: x.as_ptr(),
            dtype: x.dtype(),
            linear,
            single: x.numel() == 1,
            bytes: x.numel() * x.dtype().size(),
        }
    }
}

/// A formula with its inputs.
pub struct Source<'a> {
    /// The formula.
    pub plan: &'a Plan,
    /// How operands that are neither linear nor single are walked, the inputs first.
    pub walk: Option<Walk>,
    /// What went wrong among the constants.
    pub trouble: Trouble,
    /// The inputs do not fit the second-level cache.
    large: bool,
    inputs: SmallVec<[Side; 4]>,
    constants: SmallVec<[u64; 8]>,
}

// SAFETY: the inputs are only read, under locks that the thread that started the evaluation holds.
unsafe impl Sync for Source<'_> {}

impl<'a> Source<'a> {
    /// A formula over inputs. There must be a walk unless all of them are linear or single.
    pub fn new(
        plan: &'a Plan,
        numbers: &[Scalar],
        inputs: SmallVec<[Side; 4]>,
        walk: Option<Walk>,
    ) -> Source<'a> {
        let mut constants: SmallVec<[u64; 8]> = SmallVec::from_elem(0, plan.constants.len());
        let trouble = fill_constants(plan, numbers, &mut constants);
        let large = inputs.iter().any(|input| input.bytes > 1 << 19);
        Source { plan, walk, trouble, large, inputs, constants }
    }

    /// Makes ready to compute values of chunks of at most `size` (and [`CHUNK`]) elements, with as much room of a
    /// chunk as `extra` says to spare. `None` where there is no memory.
    pub fn values(&self, size: usize, extra: usize) -> Option<Values<'_, 'a>> {
        let plan = self.plan;
        let size = size.min(CHUNK);
        // Every input that has to be converted or gathered, and every register, has room for one chunk.
        let room = (size * 8).max((size + short_lines::BEHIND) * 4).next_multiple_of(memory::ALIGNMENT);
        let slots = plan.inputs.len() + plan.constants.len() + plan.joined.registers;
        let rooms = plan.inputs.len() + plan.joined.registers + extra;
        let scratch = memory::take(room * (rooms + plan.joined.beside.len()) + 64)?;
        let mut cells: SmallVec<[Cell; 24]> = SmallVec::with_capacity(slots);
        let spare = |i: usize| scratch.as_ptr().wrapping_add(i * room);
        for i in 0..plan.inputs.len() {
            cells.push(Cell::vector(spare(i)));
        }
        for constant in &self.constants {
            cells.push(Cell::constant(std::ptr::from_ref(constant).cast_mut().cast()));
        }
        for i in 0..plan.joined.registers {
            cells.push(Cell::vector(spare(plan.inputs.len() + i)));
        }
        // Singles are the same for every chunk.
        for (i, input) in self.inputs.iter().enumerate() {
            if input.single {
                let direct = Lane::of(input.dtype).dtype() == input.dtype;
                cells[i] = Cell::constant(if direct { input.pointer } else { cells[i].pointer });
                if !direct {
                    // SAFETY: there is one element, and room for a chunk.
                    unsafe { load(input.dtype, input.pointer, 1, 1, cells[i].pointer) };
                }
            }
        }
        // What steps read beside vectors is laid out once for all chunks.
        for (i, &(slot, lane)) in plan.joined.beside.iter().enumerate() {
            let cell = &mut cells[slot as usize];
            if cell.constant {
                let laid = spare(rooms + i);
                // SAFETY: there is one element of the lane, and room for a chunk.
                unsafe {
                    std::ptr::copy_nonoverlapping(cell.pointer, laid, lane.dtype().size());
                    loops::spread(lane, laid, size);
                }
                *cell = Cell::laid(laid);
            }
        }
        let rows = self.walk.as_ref().is_some_and(|walk| walk.row() >= LONG_ROW);
        Some(Values { source: self, scratch, room, rows, line: None, cells })
    }
}

/// The state of one thread that computes values.
pub struct Values<'s, 'a> {
    source: &'s Source<'a>,
    scratch: memory::Block,
    room: usize,
    /// Rows are long enough to be walked one by one.
    rows: bool,
    /// Where the chunk fetched last begins, dimension by dimension of the walk, if it lies in one row.
    line: Option<SmallVec<[usize; 6]>>,
    /// Where the elements of each slot are.
    pub cells: SmallVec<[Cell; 24]>,
}

impl Values<'_, '_> {
    /// Room for a chunk of any lane: the first for the inputs and registers, those after them to spare.
    pub fn spare(&self, i: usize) -> *mut u8 {
        self.scratch.as_ptr().wrapping_add(i * self.room)
    }

    /// The number of the first register.
    pub fn first_register(&self) -> usize {
        self.source.plan.inputs.len() + self.source.plan.constants.len()
    }

    /// A register's own room.
    pub fn register(&self, slot: usize) -> *mut u8 {
        self.spare(self.source.plan.inputs.len() + slot - self.first_register())
    }

    /// How much of `len` places from `start` to compute at once, so that no input has to be gathered for want of a
    /// straight line.
    #[inline]
    pub fn straight(&self, start: usize, len: usize) -> usize {
        match &self.source.walk {
            Some(walk) if self.rows => len.min(walk.row() - start % walk.row()),
            _ => len,
        }
    }

    /// Brings the inputs' elements of a chunk.
    #[inline]
    pub fn fetch(&mut self, start: usize, len: usize) {
        self.line = match &self.source.walk {
            Some(walk) if self.rows && start % walk.row() + len <= walk.row() => Some(walk.index(start)),
            _ => None,
        };
        for (i, input) in self.source.inputs.iter().enumerate() {
            if !input.single {
                self.cells[i] = self.fetch_one(i, input, start, len);
            }
        }
    }

    /// Where an operand's elements of the chunk fetched last begin, if they lie side by side.
    #[inline]
    pub fn side_by_side(&self, operand: usize, side: &Side, start: usize) -> Option<*mut u8> {
        let size = side.dtype.size();
        if side.linear || side.single {
            return Some(side.pointer.wrapping_add(start * size));
        }
        let (Some(walk), Some(line)) = (&self.source.walk, &self.line) else { return None };
        let together = walk.strides[operand][walk.shape.len() - 1] == 1;
        together.then(|| side.pointer.wrapping_offset(walk.offset_of(operand, line) * size as isize))
    }

    /// Does the formula's steps on the chunk fetched last. Before each of several, part of the next chunk's elements are
    /// asked for: nothing else would read memory while steps work in the first-level cache.
    #[inline]
    pub fn run(&self, start: usize, len: usize, trouble: &mut Trouble) {
        self.run_some(self.source.plan.joined.steps.len(), start, len, trouble);
    }

    /// Does the first steps alone.
    #[inline]
    pub fn run_some(&self, count: usize, start: usize, len: usize, trouble: &mut Trouble) {
        let steps = &self.source.plan.joined.steps[..count];
        let chunk = Chunk { len, start };
        if steps.len() < 2 || !self.source.large {
            return loops::run(steps, &self.cells, chunk, trouble);
        }
        for (i, step) in steps.iter().enumerate() {
            for input in self.source.inputs.iter().filter(|input| input.linear && !input.single) {
                let bytes = len * input.dtype.size();
                let share = bytes.div_ceil(steps.len()).next_multiple_of(LINE);
                let next = input.pointer.wrapping_add((start + len) * input.dtype.size() + i * share);
                for line in (0..share).step_by(LINE) {
                    stream::prefetch(next.wrapping_add(line));
                }
            }
            loops::run(std::slice::from_ref(step), &self.cells, chunk, trouble);
        }
    }

    /// Where an input's elements of a chunk are, having been brought there if need be.
    fn fetch_one(&self, i: usize, input: &Side, start: usize, len: usize) -> Cell {
        let spare = self.spare(i);
        let lane = Lane::of(input.dtype);
        let direct = lane.dtype() == input.dtype;
        let size = input.dtype.size();
        if input.linear {
            let pointer = input.pointer.wrapping_add(start * size);
            if direct {
                return Cell::vector(pointer);
            }
            // SAFETY: the input has these elements, and the spare slot has room for a chunk.
            unsafe { load(input.dtype, pointer, 1, len, spare) };
            return Cell::vector(spare);
        }
        let Some(walk) = &self.source.walk else { return Cell::vector(spare) };
        if let Some(line) = &self.line {
            let stride = walk.strides[i][walk.shape.len() - 1];
            let pointer = input.pointer.wrapping_offset(walk.offset_of(i, line) * size as isize);
            if direct && stride == 1 {
                return Cell::vector(pointer);
            }
            let constant = stride == 0;
            // SAFETY: the walk stays inside the input, and the spare slot has room for a chunk.
            unsafe {
                load(input.dtype, pointer, stride, if constant { 1 } else { len }, spare);
                if constant {
                    loops::spread(lane, spare, len);
                }
            }
            return if constant { Cell::laid(spare) } else { Cell::vector(spare) };
        }
        if lane == Lane::F32 && direct {
            let (from, to) = (input.pointer.cast(), spare.cast());
            // SAFETY: the walk stays inside the input, and the spare slot has room behind a chunk.
            if unsafe { short_lines::bring(walk, i, start, len, from, to) } {
                return Cell::vector(spare);
            }
        }
        let wide = lane.dtype().size();
        let stride = walk.strides[i][walk.shape.len() - 1];
        walk.lines(i, start, len, |offset, done, count| {
            let from = input.pointer.wrapping_offset(offset * size as isize);
            // SAFETY: the walk stays inside the input, and `done + count` is at most the chunk's length.
            unsafe { load(input.dtype, from, stride, count, spare.wrapping_add(done * wide)) };
        });
        Cell::vector(spare)
    }
}

/// The constants of a plan, as bits of their lanes: those given, and what is computed of them.
#[inline]
pub fn fill_constants(plan: &Plan, numbers: &[Scalar], into: &mut [u64]) -> Trouble {
    for (place, constant) in into.iter_mut().zip(&plan.constants) {
        *place = bits(constant, numbers);
    }
    let mut trouble = Trouble::default();
    if !plan.once.is_empty() {
        let none = Cell::constant(std::ptr::null_mut());
        let mut cells: SmallVec<[Cell; 24]> = SmallVec::from_elem(none, plan.inputs.len());
        let first = into.as_mut_ptr();
        cells.extend((0..plan.constants.len()).map(|i| Cell::constant(first.wrapping_add(i).cast())));
        loops::run_once(&plan.once, &cells, &mut trouble);
    }
    trouble
}

/// The constants of a plan, as bits of their lanes: what a device that runs the plan's steps needs beside its inputs.
pub fn constants(name: &'static str, plan: &Plan, numbers: &[Scalar]) -> Result<SmallVec<[u64; 8]>> {
    let mut bits = SmallVec::from_elem(0, plan.constants.len());
    if fill_constants(plan, numbers, &mut bits) == Trouble::default() {
        return Ok(bits);
    }
    Err(Error::argument(name, "integer division by zero"))
}

/// A constant as the bits of its lane.
fn bits(constant: &Constant, numbers: &[Scalar]) -> u64 {
    let (value, dtype) = match *constant {
        Constant::Fixed(value, dtype) => (value, dtype),
        Constant::Number(i, dtype) => (numbers[i as usize], dtype),
        Constant::Computed => return 0,
    };
    match Lane::of(dtype) {
        Lane::F32 => u64::from((value.to_f64() as f32).to_bits()),
        Lane::F64 => value.to_f64().to_bits(),
        Lane::I64 => with_element!(dtype, T => T::from_scalar(value).to_scalar().to_i64() as u64),
        Lane::Bool => u64::from(value.to_bool()),
    }
}

/// Brings `n` elements, `stride` apart, into a slot of their dtype's lane.
///
/// # Safety
/// The elements must be readable and the slot have room for them; they must not overlap.
pub unsafe fn load(dtype: DType, from: *const u8, stride: isize, n: usize, to: *mut u8) {
    /// # Safety
    /// As of `load`.
    #[inline(always)]
    unsafe fn convert<T: Copy, L>(from: *const u8, stride: isize, n: usize, to: *mut u8, f: impl Fn(T) -> L) {
        let (from, to) = (from.cast::<T>(), to.cast::<L>());
        // SAFETY: the caller's.
        unsafe {
            if stride == 1 {
                (0..n).for_each(|i| to.add(i).write(f(*from.add(i))));
            } else {
                (0..n).for_each(|i| to.add(i).write(f(*from.offset(i as isize * stride))));
            }
        }
    }
    // SAFETY: the caller's.
    unsafe {
        match dtype {
            DType::F64 | DType::I64 => convert::<u64, u64>(from, stride, n, to, |x| x),
            DType::F32 => convert::<f32, f32>(from, stride, n, to, |x| x),
            DType::F16 => convert::<f16, f32>(from, stride, n, to, f16::to_f32),
            DType::BF16 => convert::<bf16, f32>(from, stride, n, to, bf16::to_f32),
            DType::I32 => convert::<i32, i64>(from, stride, n, to, i64::from),
            DType::I16 => convert::<i16, i64>(from, stride, n, to, i64::from),
            DType::I8 => convert::<i8, i64>(from, stride, n, to, i64::from),
            DType::U8 => convert::<u8, i64>(from, stride, n, to, i64::from),
            DType::Bool => convert::<u8, u8>(from, stride, n, to, |x| x),
        }
    }
}

/// Writes `n` elements of a lane to places `stride` apart.
///
/// # Safety
/// The places must be writable, and nobody else's; they must not overlap the lane.
pub unsafe fn store(lane: Lane, from: *const u8, dtype: DType, to: *mut u8, stride: isize, n: usize) {
    /// # Safety
    /// As of `store`.
    #[inline(always)]
    unsafe fn convert<L: Copy, T>(from: *const u8, to: *mut u8, stride: isize, n: usize, f: impl Fn(L) -> T) {
        let (from, to) = (from.cast::<L>(), to.cast::<T>());
        // SAFETY: the caller's.
        unsafe {
            if stride == 1 {
                (0..n).for_each(|i| to.add(i).write(f(*from.add(i))));
            } else {
                (0..n).for_each(|i| to.offset(i as isize * stride).write(f(*from.add(i))));
            }
        }
    }
    // SAFETY: the caller's.
    unsafe {
        match (lane, dtype) {
            (Lane::F64, DType::F64) | (Lane::I64, DType::I64) => {
                convert::<u64, u64>(from, to, stride, n, |x| x)
            }
            (Lane::F32, DType::F32) => convert::<f32, f32>(from, to, stride, n, |x| x),
            (Lane::F32, DType::F16) => convert::<f32, f16>(from, to, stride, n, f16::from_f32),
            (Lane::F32, DType::BF16) => convert::<f32, bf16>(from, to, stride, n, bf16::from_f32),
            (Lane::I64, DType::I32) => convert::<i64, i32>(from, to, stride, n, |x| x as i32),
            (Lane::I64, DType::I16) => convert::<i64, i16>(from, to, stride, n, |x| x as i16),
            (Lane::I64, DType::I8) => convert::<i64, i8>(from, to, stride, n, |x| x as i8),
            (Lane::I64, DType::U8) => convert::<i64, u8>(from, to, stride, n, |x| x as u8),
            (Lane::Bool, DType::Bool) => convert::<u8, u8>(from, to, stride, n, |x| x),
            // Into a target of another dtype: rare, so in the general way.
            (lane, dtype) => with_element!(dtype, T => match lane {
                Lane::F32 => convert::<f32, T>(from, to, stride, n, |x| T::from_scalar(x.to_scalar())),
                Lane::F64 => convert::<f64, T>(from, to, stride, n, |x| T::from_scalar(x.to_scalar())),
                Lane::I64 => convert::<i64, T>(from, to, stride, n, |x| T::from_scalar(x.to_scalar())),
                Lane::Bool => convert::<u8, T>(from, to, stride, n, |x| T::from_scalar(Scalar::Bool(x != 0))),
            }),
        }
    }
}
