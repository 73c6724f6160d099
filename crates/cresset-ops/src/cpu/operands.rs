//! The operands of a loop: vectors, or constants, which are laid out as vectors so that each primitive has one loop.

/// Where the elements of one slot are for the chunk at hand.
#[derive(Clone, Copy)]
pub struct Cell {
    /// The first element, in the slot's lane.
    pub pointer: *mut u8,
    /// The same element for the whole chunk.
    pub constant: bool,
}

/// An operand: a vector, or the same value for all.
pub enum Side<'a, T> {
    /// So many as the chunk has elements.
    Vector(&'a [T]),
    /// One for all.
    Constant(T),
}

/// # Safety
/// The cell must hold `len` elements of `T` (one if constant) that nobody writes during `'a`.
#[inline(always)]
pub unsafe fn side<'a, T: Copy>(cell: Cell, len: usize) -> Side<'a, T> {
    // SAFETY: passed on to the caller.
    unsafe {
        if cell.constant {
            Side::Constant(*cell.pointer.cast::<T>())
        } else {
            Side::Vector(std::slice::from_raw_parts(cell.pointer.cast::<T>(), len))
        }
    }
}

/// So many elements of an operand that is the same for all are laid out side by side, so that one loop serves every
/// combination of vectors and constants: four loops for each primitive, each for three sets of vector instructions,
/// would take longer to compile than all the rest.
pub const BLOCK: usize = 256;

/// A side as a slice, and how far it goes on from one element of a block's start to the next: a constant's one block,
/// for which there must be room, serves all.
macro_rules! laid_out {
    ($side:expr, $room:ident) => {
        match $side {
            $crate::cpu::operands::Side::Vector(v) => (v, 1),
            $crate::cpu::operands::Side::Constant(c) => {
                $room = [c; $crate::cpu::operands::BLOCK];
                ($room.as_slice(), 0)
            }
        }
    };
}

pub(super) use laid_out;

/// A target and two operands: at once where both are vectors, else block by block.
#[inline(always)]
pub fn blocks<'a, T, U>(
    target: &'a mut [U],
    (a, a_goes): (&'a [T], usize),
    (b, b_goes): (&'a [T], usize),
) -> impl Iterator<Item = (&'a mut [U], &'a [T], &'a [T])> {
    let size = if a_goes + b_goes == 2 { target.len().max(1) } else { BLOCK };
    target.chunks_mut(size).enumerate().map(move |(i, target)| {
        let (start, len) = (i * size, target.len());
        (target, &a[start * a_goes..][..len], &b[start * b_goes..][..len])
    })
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

/// Calls a function for each pair.
pub fn called<T: Copy>(target: &mut [T], a: Side<T>, b: Side<T>, f: impl Fn(T, T) -> T) {
    let (left, right);
    for (target, a, b) in blocks(target, laid_out!(a, left), laid_out!(b, right)) {
        both(target, a, b, &f);
    }
}

#[inline(always)]
pub fn choose<T: Copy>(target: &mut [T], a: Side<T>, b: Side<T>, condition: Side<u8>) {
    let (left, right);
    let truths;
    let ((a, a_goes), (b, b_goes)) = (laid_out!(a, left), laid_out!(b, right));
    let (c, c_goes) = laid_out!(condition, truths);
    let size = if a_goes + b_goes + c_goes == 3 { target.len().max(1) } else { BLOCK };
    for (i, target) in target.chunks_mut(size).enumerate() {
        let (start, len) = (i * size, target.len());
        let (a, b) = (&a[start * a_goes..][..len], &b[start * b_goes..][..len]);
        let condition = &c[start * c_goes..][..len];
        for ((t, &c), (&a, &b)) in target.iter_mut().zip(condition).zip(a.iter().zip(b)) {
            *t = if c != 0 { a } else { b };
        }
    }
}
