//! Reductions over any dimensions, of an array or of a formula's values.
//!
//! Dimensions are brought into the order (outer kept, reduced, inner kept), in which what is reduced is a rectangle of
//! rows and columns for each outer index. (Reduced dimensions that are short and lie closer together than those kept are
//! columns too, until the end.) Chunks of it go from the formula's evaluator to `fold`. How it is cut into
//! tasks depends on the shape alone, so that the result does not depend on who did them.

use std::sync::atomic::{AtomicU8, Ordering};

use cresset_tensor::{Array, DType, Element, Error, Listed, Locks, Result, Scalar, memory, with_element};
use smallvec::SmallVec;

use super::{
    fold::{self, Extent, Numbers, Total},
    loops::Trouble,
    map,
    plan::{Code, Lane, Plan, plan},
    source::{CHUNK, Side, Source, Values, load},
    threads,
    walk::{Steps, Walk, broadcast_strides},
};
use crate::{
    expr::{Type, traced},
    infer::{Meta, broadcast},
    op::{Map, Reduce, Reduction},
};

/// Elements times steps below which no other thread is called.
const PARALLEL: usize = 1 << 16;
/// Elements of a task, about.
const TASK: usize = 1 << 15;
/// Few totals are each computed in parts, so that there are about so many tasks.
const TASKS: usize = 32;
/// Neighbours that are folded last, at most.
const NEIGHBOURS: usize = 128;
/// Elements folded at once where they need no evaluator.
const DIRECT: usize = 16 * CHUNK;

/// Reduces.
pub fn reduce(reduce: &Reduce, inputs: &[&Array], meta: &Meta) -> Result<Array> {
    let name = reduce.kind.name();
    let output = Array::uninitialised(name, meta.shape.clone(), meta.dtype)?;
    let Some(map) = &reduce.map else {
        let x = inputs[0];
        let lane = Lane::of(x.dtype());
        let all = reduce.dims.len() == x.rank() && x.is_contiguous() && (1..TASK).contains(&x.numel());
        if all && lane.dtype() == x.dtype() {
            // Nothing but one short line.
            let _lock = Locks::read(x.storage());
            // SAFETY: the array has these elements, and is locked.
            let numbers = unsafe { Numbers::new(lane, x.as_ptr(), x.numel()) };
            let extent = Extent { rows: x.numel(), columns: 1, first: 0 };
            let (mut total, mut place) = ([fold::start(reduce.kind, lane)], [-1]);
            fold::fold(reduce.kind, numbers, extent, &mut total, &mut place);
            // SAFETY: the output is fresh and has one element.
            unsafe { finish(reduce.kind, lane, &total, &place, output.dtype(), output.as_ptr()) };
            return Ok(output);
        }
        let leading = reduce.dims.iter().copied().eq(0..reduce.dims.len());
        let finds = matches!(reduce.kind, Reduction::ArgMax | Reduction::ArgMin);
        if leading
            && !finds
            && x.is_contiguous()
            && (1..TASK).contains(&x.numel())
            && lane.dtype() == x.dtype()
        {
            // Rows one below the other, as of a gradient that is summed to that of a bias.
            let columns = output.numel();
            let _lock = Locks::read(x.storage());
            // SAFETY: as above.
            let numbers = unsafe { Numbers::new(lane, x.as_ptr(), x.numel()) };
            let extent = Extent { rows: x.numel() / columns, columns, first: 0 };
            let mut totals: SmallVec<[Total; 128]> =
                SmallVec::from_elem(fold::start(reduce.kind, lane), columns);
            fold::fold(reduce.kind, numbers, extent, &mut totals, &mut []);
            // SAFETY: the output is fresh and has so many elements.
            unsafe { finish(reduce.kind, lane, &totals, &[], output.dtype(), output.as_ptr()) };
            return Ok(output);
        }
        let identity = Map {
            program: traced(1, 0, &|x: &[crate::Expr], _: &[crate::Expr]| x[0]),
            numbers: SmallVec::new(),
            shape: None,
        };
        reduce_map(reduce, &identity, inputs, &output)?;
        return Ok(output);
    };
    reduce_map(reduce, map, inputs, &output)?;
    Ok(output)
}

fn reduce_map(reduce: &Reduce, map: &Map, inputs: &[&Array], output: &Array) -> Result<()> {
    let name = reduce.kind.name();
    let types: SmallVec<[Type; 4]> = inputs.iter().map(|x| Type::array(x.dtype(), x.rank())).listed();
    let plan = plan(&map.program, &types, &map.numbers)?;
    let Some(&(slot, dtype)) = plan.joined.outputs.first() else {
        return Err(Error::argument(name, "the formula has no output"));
    };
    let (slot, lane) = (slot as usize, Lane::of(dtype));
    let shape = broadcast(name, inputs, map.shape.as_deref())?;
    let strides: SmallVec<[Steps; 4]> =
        inputs.iter().map(|x| broadcast_strides(&shape, x.shape(), x.strides())).listed();
    let main = (0..inputs.len()).max_by_key(|&i| (inputs[i].numel(), std::cmp::Reverse(i)));
    let flat: Steps = SmallVec::from_elem(0, shape.rank());
    let space = Space::new(&shape, main.map_or(&flat, |i| &strides[i]), &reduce.dims, finds(reduce.kind));
    if space.elements() == 0 {
        let total: SmallVec<[Total; 1]> = SmallVec::from_elem(fold::start(reduce.kind, lane), 1);
        for i in 0..output.numel() {
            let to = output.as_ptr().wrapping_add(i * output.dtype().size());
            // SAFETY: the output is fresh and has this element.
            unsafe { finish(reduce.kind, lane, &total, &[0], output.dtype(), to) };
        }
        return Ok(());
    }
    let in_order = space.order.iter().enumerate().all(|(i, &dim)| i == dim);
    let by_place = |plan: &Plan| plan.steps.iter().any(|s| matches!(s.code, Code::Index | Code::Random));
    if !in_order && by_place(plan) {
        // The formula asks for the place of an element, which another order of dimensions would change.
        let values = map::map(map, inputs)?;
        let plain = Reduce { map: None, ..reduce.clone() };
        let meta = Meta { shape: output.shape().clone(), dtype: output.dtype() };
        let result = self::reduce(&plain, &[&values[0]], &meta)?;
        // SAFETY: the output is fresh, and as large as the result.
        unsafe { super::copy::copy_elements(&result, output.as_ptr()) };
        return Ok(());
    }
    let sizes: SmallVec<[usize; 6]> = space.order.iter().map(|&dim| shape[dim]).listed();
    let steps: SmallVec<[Steps; 4]> =
        strides.iter().map(|own| space.order.iter().map(|&dim| own[dim]).collect()).listed();
    let walk = Walk::new(&sizes, &steps);
    let line = walk.shape.len() == 1;
    let sides: SmallVec<[Side; 4]> = (inputs.iter().enumerate())
        .map(|(i, x)| {
            let whole = in_order && *x.shape() == shape && x.is_contiguous();
            Side::new(x, whole || (line && walk.strides[i][0] == 1))
        })
        .collect();
    let direct = match &sides[..] {
        [x] if plan.joined.steps.is_empty() && slot == 0 && x.linear && lane.dtype() == x.dtype => {
            Some(x.pointer)
        }
        _ => None,
    };
    let _locks = Locks::new(inputs.iter().map(|x| x.storage()), std::iter::empty());
    let source = Source::new(plan, &map.numbers, sides, Some(walk));
    let work =
        Work { kind: reduce.kind, lane, slot, space, source, direct, output, trouble: AtomicU8::new(0) };
    work.run()?;
    match work.trouble.load(Ordering::Relaxed) {
        0 => Ok(()),
        DIVISION => Err(Error::argument(name, "integer division by zero")),
        _ => Err(Error::memory(name, "out of memory for intermediate values")),
    }
}

/// An integer was divided by zero.
const DIVISION: u8 = 1;
/// There was no room for intermediate values.
const MEMORY: u8 = 2;

/// Dimensions in an order in which what is reduced is rectangles.
struct Space {
    /// Outer kept, reduced, inner kept dimensions, and reduced neighbours.
    order: SmallVec<[usize; 6]>,
    outer: usize,
    rows: usize,
    columns: usize,
    /// So many neighbouring columns come to one element.
    neighbours: usize,
}

impl Space {
    /// Kept dimensions that lie closer together in memory than any reduced one become columns. So do all that lie closer
    /// together than some reduced ones where others, inside of them, are short: lines of a few numbers each would
    /// take longer to bring than to fold. Not where places are asked for, which columns do not know of each other.
    fn new(shape: &[usize], strides: &[isize], dims: &[usize], finds: bool) -> Space {
        // A dimension over which nothing moves may as well be the slowest.
        let distance = |dim: usize| if strides[dim] == 0 { usize::MAX } else { strides[dim].unsigned_abs() };
        let mut reduced: SmallVec<[usize; 6]> = dims.iter().copied().listed();
        // Farthest first, by insertion: they are few.
        for i in 1..reduced.len() {
            let mut j = i;
            while j > 0 && distance(reduced[j - 1]) < distance(reduced[j]) {
                reduced.swap(j - 1, j);
                j -= 1;
            }
        }
        let product = |dims: &[usize]| dims.iter().map(|&dim| shape[dim]).product::<usize>();
        let mut order: SmallVec<[usize; 6]> = (0..shape.len()).filter(|dim| !dims.contains(dim)).listed();
        let mut near: SmallVec<[usize; 6]> = SmallVec::new();
        if let Some(&kept) = order.iter().rev().find(|&&dim| shape[dim] > 1) {
            let far = reduced.iter().take_while(|&&dim| distance(dim) > distance(kept)).count();
            let neighbours = product(&reduced[far..]);
            if !finds && product(&reduced[..far]) > 1 && (2..=NEIGHBOURS).contains(&neighbours) {
                near.extend(reduced.drain(far..));
            }
        }
        let nearest = reduced.iter().filter(|&&dim| shape[dim] > 1).map(|&dim| distance(dim)).min();
        let mut split = order.len();
        while split > 0
            && let dim = order[split - 1]
            && (shape[dim] == 1 || nearest.is_some_and(|nearest| distance(dim) < nearest))
        {
            split -= 1;
        }
        let (outer, neighbours) = (product(&order[..split]), product(&near));
        let (rows, columns) = (product(&reduced), product(&order[split..]) * neighbours);
        order.insert_many(split, reduced);
        order.extend(near);
        Space { order, outer, rows, columns, neighbours }
    }

    fn elements(&self) -> usize {
        self.outer * self.rows * self.columns
    }
}

/// A reduction with everything it needs.
struct Work<'a> {
    kind: Reduction,
    lane: Lane,
    /// Where the formula's value is.
    slot: usize,
    space: Space,
    source: Source<'a>,
    /// The elements, where they lie in order and need no evaluator.
    direct: Option<*mut u8>,
    output: &'a Array,
    trouble: AtomicU8,
}

// SAFETY: what is read is locked; of the output each task writes its own elements.
unsafe impl Sync for Work<'_> {}

/// Totals, and the places of the best where that is asked.
struct Totals<'a> {
    totals: &'a mut [Total],
    places: &'a mut [i64],
}

/// Totals in memory that tasks share, each its own part of it.
struct Shared(*mut Total, *mut i64);

// SAFETY: tasks make slices of disjoint parts.
unsafe impl Sync for Shared {}

/// Is what it finds a place?
fn finds(kind: Reduction) -> bool {
    matches!(kind, Reduction::ArgMax | Reduction::ArgMin)
}

impl Work<'_> {
    fn finds(&self) -> bool {
        finds(self.kind)
    }

    fn run(&self) -> Result<()> {
        let Space { outer, rows, columns, neighbours, .. } = self.space;
        let area = rows * columns;
        let parallel = self.space.elements() * (self.source.plan.steps.len() + 1) >= PARALLEL;
        let run = |units: usize, size: usize, task: &(dyn Fn(std::ops::Range<usize>) + Sync)| {
            threads::divide_range(parallel, units, (TASK / size.max(1)).max(1), task);
        };
        if area <= CHUNK {
            // Several rectangles in one chunk.
            let group = (CHUNK / area).min(outer);
            run(outer.div_ceil(group), group * area, &|units| {
                self.with_room(group * columns, |values, room| {
                    for unit in units {
                        let first = unit * group;
                        let count = group.min(outer - first);
                        let totals = self.started(room, count * columns);
                        let extent = Extent { rows, columns, first: 0 };
                        self.fold(values, first * area, count * area, extent, totals.totals, totals.places);
                        self.finish(totals.totals, totals.places, first * columns);
                    }
                });
            });
            return Ok(());
        }
        let width = columns.min(CHUNK / neighbours * neighbours);
        let blocks = outer * columns.div_ceil(width);
        let parts = if blocks >= TASKS { 1 } else { (TASKS / blocks).min(rows * width / TASK).max(1) };
        let height = rows.div_ceil(parts);
        let parts = rows.div_ceil(height);
        let block = |block: usize| {
            let per_outer = columns.div_ceil(width);
            let from = block % per_outer * width;
            (block / per_outer, from..(from + width).min(columns))
        };
        if parts == 1 {
            run(blocks, rows * width, &|units| {
                self.with_room(width, |values, room| {
                    for unit in units {
                        let (outer, range) = block(unit);
                        let totals = self.started(room, range.len());
                        self.fold_part(values, outer, range.clone(), 0..rows, totals.totals, totals.places);
                        self.finish(totals.totals, totals.places, outer * columns + range.start);
                    }
                });
            });
            return Ok(());
        }
        // Each part has totals of its own, taken together in order at the end.
        let each = blocks * width;
        let memory = || Error::memory(self.kind.name(), "out of memory for partial results");
        let partial = memory::take(parts * each * 8).ok_or_else(memory)?;
        let places = memory::take(if self.finds() { parts * each * 8 } else { 0 }).ok_or_else(memory)?;
        let shared = Shared(partial.as_ptr().cast(), places.as_ptr().cast());
        // SAFETY: `index` is below `parts·blocks`, each used by one task at a time, and the memory has `width` totals
        // (and as many places where they are asked) for each.
        let slices = |index: usize, len: usize| unsafe {
            let Shared(totals, places) = &shared;
            let found = if self.finds() { len } else { 0 };
            Totals {
                totals: std::slice::from_raw_parts_mut(totals.add(index * width), len),
                places: std::slice::from_raw_parts_mut(
                    places.add(if found > 0 { index * width } else { 0 }),
                    found,
                ),
            }
        };
        run(parts * blocks, height * width, &|units| {
            self.with_room(0, |values, _| {
                for unit in units {
                    let (outer, range) = block(unit % blocks);
                    let totals = slices(unit, range.len());
                    totals.totals.fill(fold::start(self.kind, self.lane));
                    totals.places.fill(-1);
                    let from = unit / blocks * height;
                    let rows = from..(from + height).min(rows);
                    self.fold_part(values, outer, range, rows, totals.totals, totals.places);
                }
            });
        });
        if self.trouble.load(Ordering::Relaxed) == MEMORY {
            return Ok(());
        }
        for i in 0..blocks {
            let (outer, range) = block(i);
            let first = slices(i, range.len());
            for part in 1..parts {
                let later = slices(part * blocks + i, range.len());
                fold::combine(
                    self.kind,
                    self.lane,
                    (first.totals, first.places),
                    (later.totals, later.places),
                );
            }
            self.finish(first.totals, first.places, outer * columns + range.start);
        }
        Ok(())
    }

    /// Calls `task` with what a thread needs: an evaluator, and memory for so many totals and places.
    fn with_room(&self, totals: usize, task: impl FnOnce(&mut Option<Values>, &memory::Block)) {
        let mut values = None;
        if self.direct.is_none() {
            values = self.source.values(self.space.elements(), 1);
            if values.is_none() {
                return self.trouble.store(MEMORY, Ordering::Relaxed);
            }
        }
        match memory::take(totals * 16) {
            Some(room) => task(&mut values, &room),
            None => self.trouble.store(MEMORY, Ordering::Relaxed),
        }
    }

    /// Totals of nothing in memory that `with_room` gave.
    fn started<'r>(&self, room: &'r memory::Block, len: usize) -> Totals<'r> {
        let start = fold::start(self.kind, self.lane);
        let found = if self.finds() { len } else { 0 };
        // SAFETY: the room has 16 bytes for each of at least `len` totals, and the caller uses one slice at a time.
        unsafe {
            let totals: *mut Total = room.as_ptr().cast();
            (0..len).for_each(|i| totals.add(i).write(start));
            let places: *mut i64 = totals.add(len).cast();
            (0..found).for_each(|i| places.add(i).write(-1));
            Totals {
                totals: std::slice::from_raw_parts_mut(totals, len),
                places: std::slice::from_raw_parts_mut(places, found),
            }
        }
    }

    /// Folds some rows of some columns of one rectangle.
    fn fold_part(
        &self,
        values: &mut Option<Values>,
        outer: usize,
        range: std::ops::Range<usize>,
        rows: std::ops::Range<usize>,
        totals: &mut [Total],
        places: &mut [i64],
    ) {
        let Space { rows: height, columns, .. } = self.space;
        let limit = if self.direct.is_some() { DIRECT } else { CHUNK };
        let at_once = if range.len() == columns { (limit / columns).max(1) } else { 1 };
        let mut row = rows.start;
        while row < rows.end {
            let start = (outer * height + row) * columns + range.start;
            let mut count = at_once.min(rows.end - row);
            if columns == 1
                && let Some(values) = values
            {
                count = values.straight(start, count);
            }
            let extent = Extent { rows: count, columns: range.len(), first: row };
            self.fold(values, start, count * range.len(), extent, totals, places);
            row += count;
        }
    }

    /// Folds `len` elements from a place of the space.
    fn fold(
        &self,
        values: &mut Option<Values>,
        start: usize,
        len: usize,
        extent: Extent,
        totals: &mut [Total],
        places: &mut [i64],
    ) {
        let pointer = match (self.direct, values) {
            (Some(pointer), _) => pointer.wrapping_add(start * self.lane.dtype().size()),
            (None, Some(values)) => {
                let mut trouble = self.source.trouble;
                values.fetch(start, len);
                values.run(start, len, &mut trouble);
                if trouble != Trouble::default() {
                    self.trouble.store(DIVISION, Ordering::Relaxed);
                }
                let cell = values.cells[self.slot];
                if !cell.laid {
                    let spare =
                        values.spare(self.source.plan.inputs.len() + self.source.plan.joined.registers);
                    // SAFETY: the constant is one element of the lane, the spare slot has room for a chunk.
                    unsafe { load(self.lane.dtype(), cell.pointer, 0, len, spare) };
                    spare
                } else {
                    cell.pointer
                }
            }
            (None, None) => return,
        };
        // SAFETY: these are `len` elements of the lane: of the locked input, or of the chunk just computed.
        let numbers = unsafe { Numbers::new(self.lane, pointer, len) };
        fold::fold(self.kind, numbers, extent, totals, places);
    }

    /// Writes totals as elements of the output from a place on, both counted in columns.
    fn finish(&self, totals: &[Total], places: &[i64], at: usize) {
        let (dtype, neighbours) = (self.output.dtype(), self.space.neighbours);
        let to = self.output.as_ptr().wrapping_add(at / neighbours * dtype.size());
        let mut totals = totals;
        let mut joined;
        if neighbours > 1 {
            joined = [fold::start(self.kind, self.lane); CHUNK / 2];
            let together = &mut joined[..totals.len() / neighbours];
            fold::join(self.kind, self.lane, neighbours, totals, together);
            totals = together;
        }
        // SAFETY: the output is fresh and has these elements, which are this task's.
        unsafe { finish(self.kind, self.lane, totals, places, dtype, to) };
    }
}

/// Writes totals as elements of a dtype.
///
/// # Safety
/// `to` has room for them, which nobody else touches.
unsafe fn finish(kind: Reduction, lane: Lane, totals: &[Total], places: &[i64], dtype: DType, to: *mut u8) {
    if finds(kind) {
        // SAFETY: the caller's; the dtype is int64.
        return unsafe { std::ptr::copy_nonoverlapping(places.as_ptr().cast(), to, places.len() * 8) };
    }
    let float = fold::is_float(kind, lane);
    with_element!(dtype, T => {
        let to = to.cast::<T>();
        for (i, &total) in totals.iter().enumerate() {
            let value = if float { Scalar::Float(f64::from_bits(total)) } else { Scalar::Int(total as i64) };
            // SAFETY: the caller's.
            unsafe { to.add(i).write(T::from_scalar(value)) };
        }
    });
}
