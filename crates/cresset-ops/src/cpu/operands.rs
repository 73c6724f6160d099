//! The operands of a loop: vectors, or constants, which are laid out as vectors so that each primitive has one loop.

use std::mem::MaybeUninit;

/// Where the elements of one slot are for the chunk at hand.
#[derive(Clone, Copy)]
pub struct Cell {
    /// The first element, in the slot's lane.
    pub pointer: *mut u8,
    /// The same element for the whole chunk.
    pub constant: bool,
    /// There are as many as the chunk has elements, even if all of them are the same.
    pub laid: bool,
}

impl Cell {
    /// A chunk of elements.
    pub const fn vector(pointer: *mut u8) -> Cell {
        Cell { pointer, constant: false, laid: true }
    }

    /// One element for all.
    pub const fn constant(pointer: *mut u8) -> Cell {
        Cell { pointer, constant: true, laid: false }
    }

    /// One element for all, as often as the chunk is long.
    pub const fn laid(pointer: *mut u8) -> Cell {
        Cell { pointer, constant: true, laid: true }
    }
}

/// An operand: a vector, or the same value for all.
#[derive(Clone, Copy)]
pub enum Side<'a, T> {
    /// So many as the chunk has elements.
    Vector(&'a [T]),
    /// One for all.
    Constant(T),
}

/// # Safety
/// The cell must hold `len` elements of `T` (one if it is not laid out) that nobody writes during `'a`.
#[inline(always)]
pub unsafe fn side<'a, T: Copy>(cell: Cell, len: usize) -> Side<'a, T> {
    // SAFETY: passed on to the caller.
    unsafe {
        if cell.laid {
            Side::Vector(std::slice::from_raw_parts(cell.pointer.cast::<T>(), len))
        } else {
            Side::Constant(*cell.pointer.cast::<T>())
        }
    }
}

/// The value of a cell if it is the same for all.
///
/// # Safety
/// The cell must hold an element of `T`.
#[inline(always)]
pub unsafe fn constant<T: Copy>(cell: Cell) -> Option<T> {
    // SAFETY: passed on to the caller.
    cell.constant.then(|| unsafe { *cell.pointer.cast::<T>() })
}

/// So many elements of an operand that is the same for all are laid out side by side, so that one loop serves every
/// combination of vectors and constants: four loops for each primitive, each for three sets of vector instructions,
/// would take longer to compile than all the rest. (The evaluator of long formulas lays a whole chunk out, once.)
const BLOCK: usize = 256;

/// A constant's block, aligned as vectors are.
#[repr(align(64))]
struct Room<T>([MaybeUninit<T>; BLOCK]);

/// Calls `f` for a target and its operands at once where all are vectors, else block by block.
#[inline(always)]
pub fn pieces<T: Copy, U, const K: usize>(
    target: &mut [U],
    sides: [Side<T>; K],
    mut f: impl FnMut(&mut [U], [&[T]; K]),
) {
    let mut slices: [&[T]; K] = [&[]; K];
    let mut all = true;
    for (slice, side) in slices.iter_mut().zip(&sides) {
        match side {
            Side::Vector(v) => *slice = &v[..target.len()],
            Side::Constant(_) => all = false,
        }
    }
    if all { f(target, slices) } else { in_blocks(target, sides, &mut f) }
}

/// What is done with a target and its operands.
type Piece<'f, T, U, const K: usize> = &'f mut dyn FnMut(&mut [U], [&[T]; K]);

fn in_blocks<T: Copy, U, const K: usize>(target: &mut [U], sides: [Side<T>; K], f: Piece<T, U, K>) {
    let mut rooms = [const { Room::<T>([MaybeUninit::uninit(); BLOCK]) }; K];
    let width = target.len().min(BLOCK);
    // Loops rather than the arrays' own `map`, which is three hundred lines for the compiler each time.
    let mut blocks: [&[T]; K] = [&[]; K];
    for ((block, room), side) in blocks.iter_mut().zip(&mut rooms).zip(&sides) {
        if let Side::Constant(c) = side {
            let room = &mut room.0[..width];
            room.fill(MaybeUninit::new(*c));
            // SAFETY: these were written just now.
            *block = unsafe { &*(std::ptr::from_ref(room) as *const [T]) };
        }
    }
    for (i, target) in target.chunks_mut(BLOCK).enumerate() {
        let (start, len) = (i * BLOCK, target.len());
        let mut slices = blocks;
        for (slice, side) in slices.iter_mut().zip(&sides) {
            *slice = match side {
                Side::Vector(v) => &v[start..][..len],
                Side::Constant(_) => &slice[..len],
            };
        }
        f(target, slices);
    }
}

// The loops below are `for`, not `for_each`, and no closure holds more than one number's arithmetic: a function of the
// library or a long closure may not be inlined, and is then compiled without the vector instructions of its caller
// (where `exp` takes fifty times as long).

#[inline(always)]
pub fn each<T: Copy, U: Copy>(target: &mut [U], a: &[T], f: impl Fn(T) -> U) {
    for (t, &a) in target.iter_mut().zip(a) {
        *t = f(a);
    }
}

#[inline(always)]
pub fn both<T: Copy, U: Copy>(target: &mut [U], a: &[T], b: &[T], f: impl Fn(T, T) -> U) {
    for ((t, &a), &b) in target.iter_mut().zip(a).zip(b) {
        *t = f(a, b);
    }
}

/// Three operands.
#[inline(always)]
pub fn three<T: Copy>(target: &mut [T], [a, b, c]: [&[T]; 3], f: impl Fn(T, T, T) -> T) {
    let n = target.len();
    let (a, b, c) = (&a[..n], &b[..n], &c[..n]);
    for i in 0..n {
        target[i] = f(a[i], b[i], c[i]);
    }
}

/// Four operands.
#[inline(always)]
pub fn four<T: Copy>(target: &mut [T], [a, b, c, d]: [&[T]; 4], f: impl Fn(T, T, T, T) -> T) {
    let n = target.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    for i in 0..n {
        target[i] = f(a[i], b[i], c[i], d[i]);
    }
}

/// Calls a function for each pair.
pub fn called<T: Copy>(target: &mut [T], a: Side<T>, b: Side<T>, f: impl Fn(T, T) -> T) {
    pieces(target, [a, b], |target, [a, b]| both(target, a, b, &f));
}

/// The first where the condition is not zero, else the second.
#[inline(always)]
pub fn choose<T: Copy>(target: &mut [T], a: &[T], b: &[T], condition: &[u8]) {
    for ((t, &c), (&a, &b)) in target.iter_mut().zip(condition).zip(a.iter().zip(b)) {
        *t = if c != 0 { a } else { b };
    }
}
