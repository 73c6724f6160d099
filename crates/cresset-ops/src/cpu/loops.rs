//! The loop of each step of a plan, by primitive and lane. This is the primitive's meaning on the CPU.

use super::{
    arithmetic::{
        POWERS, Plain, binary_f64, binary_single, choose_single, compare, compare_single, decide_single,
        exp_double, fill_single, gate_single, of_product_single, pair_single, plain_double, plain_integer,
        power_f64, power_single, unary_f64, unary_single,
    },
    functions::{One, Two, one, two},
    fuse::Work,
    integers::{binary_bool, binary_i64, unary_i64, wrap},
    operands::{Side, called, choose, constant, each, pieces, side},
    plan::{Code, Lane, OPERANDS, Slot, Step},
    stream,
};
pub use super::{integers::Trouble, operands::Cell};
use crate::{
    expr::{Binary, Typing, Unary},
    math::{Separate, double, single},
};
use cresset_tensor::{DType, bf16, f16};

/// What a chunk is, apart from its numbers.
#[derive(Clone, Copy)]
pub struct Chunk {
    /// How many elements.
    pub len: usize,
    /// The place of the first in the output.
    pub start: usize,
}

/// Questions about a number.
macro_rules! truth {
    ($f:expr, $target:expr, $a:expr, $nan:expr, $inf:expr, $sign:expr, $zero:expr) => {
        match $f {
            Unary::IsNan => each($target, $a, $nan),
            Unary::IsInf => each($target, $a, $inf),
            Unary::SignBit => each($target, $a, $sign),
            _ => each($target, $a, $zero),
        }
    };
}

/// Does one step of a plan on a chunk.
fn step(step: &Step, cells: &[Cell], chunk: Chunk, trouble: &mut Trouble) {
    let at = |i: usize| cells[step.operands[i] as usize];
    // What is computed of one constant is computed once.
    let alone = matches!(step.code, Code::Unary(..) | Code::Convert(..) | Code::Wrap(_) | Code::Narrow(_));
    let once = alone && at(0).constant;
    let n = if once { 1 } else { chunk.len };
    // The target as a slice of a type, and an operand as a side of a type.
    macro_rules! target {
        ($type:ty) => {
            // SAFETY: the evaluator gives every slot room for `n` elements of its lane, and the lowering puts the
            // target in a register no operand is in, so nothing else refers to it.
            unsafe { std::slice::from_raw_parts_mut(cells[step.target as usize].pointer.cast::<$type>(), n) }
        };
    }
    macro_rules! operand {
        ($i:expr, $type:ty) => {
            // SAFETY: the evaluator fills every slot with elements of its lane before a step reads it.
            unsafe { side::<$type>(at($i), n) }
        };
    }
    // The exponent of a power, if it is one of `POWERS`.
    macro_rules! power {
        ($i:expr, $type:ty) => {
            // SAFETY: as above.
            unsafe { constant::<$type>(at($i)) }.map(f64::from).filter(|c| POWERS.contains(c))
        };
    }
    macro_rules! elements {
        ($type:ty) => {
            // SAFETY: as above; of a constant `n` is 1.
            unsafe { std::slice::from_raw_parts(at(0).pointer.cast::<$type>(), n) }
        };
    }
    match step.code {
        Code::Unary(f, lane) => match (f, lane) {
            (Unary::IsNan | Unary::IsInf | Unary::SignBit | Unary::Not, Lane::F32) => {
                truth!(
                    f,
                    target!(u8),
                    elements!(f32),
                    |x| u8::from(x.is_nan()),
                    |x| u8::from(x.is_infinite()),
                    |x| u8::from(x.is_sign_negative()),
                    |x| u8::from(x == 0.0)
                );
            }
            (Unary::IsNan | Unary::IsInf | Unary::SignBit | Unary::Not, Lane::F64) => {
                truth!(
                    f,
                    target!(u8),
                    elements!(f64),
                    |x| u8::from(x.is_nan()),
                    |x| u8::from(x.is_infinite()),
                    |x| u8::from(x.is_sign_negative()),
                    |x| u8::from(x == 0.0)
                );
            }
            (Unary::IsNan | Unary::IsInf | Unary::SignBit | Unary::Not, Lane::I64) => {
                truth!(f, target!(u8), elements!(i64), |_| 0, |_| 0, |x| u8::from(x < 0), |x| u8::from(
                    x == 0
                ));
            }
            (Unary::IsNan | Unary::IsInf | Unary::SignBit, Lane::Bool) => target!(u8).fill(0),
            (Unary::Exponent, Lane::F32) => {
                each(target!(i64), elements!(f32), |x| i64::from(single::frexp(x).1))
            }
            (Unary::Exponent, _) => each(target!(i64), elements!(f64), |x| i64::from(double::frexp(x).1)),
            (Unary::Not | Unary::BitNot, Lane::Bool) => each(target!(u8), elements!(u8), |x| x ^ 1),
            (_, Lane::Bool) => each(target!(u8), elements!(u8), |x| x),
            (_, Lane::F32) => match one(f) {
                One::Called(f) => each(target!(f32), elements!(f32), |x| f(f64::from(x)) as f32),
                One::Loop | One::Wide(_) => unary_single(f, target!(f32), elements!(f32)),
            },
            (Unary::Exp, Lane::F64) => exp_double(target!(f64), elements!(f64)),
            (_, Lane::F64) => match one(f) {
                One::Called(f) | One::Wide(f) => each(target!(f64), elements!(f64), f),
                One::Loop => unary_f64::<Separate>(f, target!(f64), elements!(f64)),
            },
            (_, Lane::I64) => unary_i64(f, target!(i64), elements!(i64)),
        },
        Code::Binary(f, lane) if f.compares() => {
            macro_rules! compared {
                ($type:ty, $loop:expr) => {
                    pieces(target!(u8), [operand!(0, $type), operand!(1, $type)], |t, [a, b]| {
                        $loop(f, t, a, b)
                    })
                };
            }
            match lane {
                Lane::F32 => compared!(f32, compare_single),
                Lane::F64 => compared!(f64, compare),
                Lane::I64 => compared!(i64, compare),
                Lane::Bool => compared!(u8, compare),
            }
        }
        Code::Binary(f, Lane::F32) => {
            let (target, a, b) = (target!(f32), operand!(0, f32), operand!(1, f32));
            match (two(f), power!(1, f32)) {
                (_, Some(power)) if f == Binary::Pow => {
                    pieces(target, [a], |target, [a]| power_single(power, target, a));
                }
                (Two::Each(f, _), _) => called(target, a, b, f),
                (Two::Called(f), _) => called(target, a, b, |a, b| f(f64::from(a), f64::from(b)) as f32),
                (Two::Loop, _) => pieces(target, [a, b], |target, [a, b]| binary_single(f, target, a, b)),
            }
        }
        Code::Binary(f, Lane::F64) => {
            let (target, a, b) = (target!(f64), operand!(0, f64), operand!(1, f64));
            match (two(f), power!(1, f64)) {
                (_, Some(power)) if f == Binary::Pow => {
                    pieces(target, [a], |target, [a]| power_f64::<Separate>(power, target, a));
                }
                (Two::Each(_, f) | Two::Called(f), _) => called(target, a, b, f),
                (Two::Loop, _) => pieces(target, [a, b], |target, [a, b]| match Plain::of(f) {
                    Some(f) => plain_double(f, target, a, b),
                    None => binary_f64::<Separate>(f, target, a, b),
                }),
            }
        }
        Code::Binary(f, Lane::I64) => {
            let sides = [operand!(0, i64), operand!(1, i64)];
            pieces(target!(i64), sides, |target, [a, b]| match Plain::of(f) {
                Some(f) => plain_integer(f, target, a, b),
                None => binary_i64(f, target, a, b, trouble),
            });
        }
        Code::Binary(f, Lane::Bool) => {
            let sides = [operand!(0, u8), operand!(1, u8)];
            pieces(target!(u8), sides, |target, [a, b]| binary_bool(f, target, a, b));
        }
        Code::Select(lane) => {
            macro_rules! chosen {
                ($type:ty, $loop:expr) => {
                    match operand!(2, u8) {
                        Side::Vector(mut condition) => {
                            let sides = [operand!(0, $type), operand!(1, $type)];
                            pieces(target!($type), sides, |target, [a, b]| {
                                let (now, later) = condition.split_at(target.len());
                                condition = later;
                                $loop(target, a, b, now);
                            });
                        }
                        Side::Constant(c) => {
                            let side = operand!(if c != 0 { 0 } else { 1 }, $type);
                            pieces(target!($type), [side], |target, [a]| target.copy_from_slice(a));
                        }
                    }
                };
            }
            match lane {
                Lane::F32 => chosen!(f32, choose_single),
                // Only moved: their width counts.
                Lane::F64 | Lane::I64 => chosen!(u64, choose),
                Lane::Bool => chosen!(u8, choose),
            }
        }
        Code::Convert(from, to) => match (from, to) {
            (Lane::F32, Lane::F64) => each(target!(f64), elements!(f32), f64::from),
            (Lane::F32, Lane::I64) => each(target!(i64), elements!(f32), |x| x as i64),
            (Lane::F32, Lane::Bool) => each(target!(u8), elements!(f32), |x| u8::from(x != 0.0)),
            (Lane::F64, Lane::F32) => each(target!(f32), elements!(f64), |x| x as f32),
            (Lane::F64, Lane::I64) => each(target!(i64), elements!(f64), |x| x as i64),
            (Lane::F64, Lane::Bool) => each(target!(u8), elements!(f64), |x| u8::from(x != 0.0)),
            (Lane::I64, Lane::F32) => each(target!(f32), elements!(i64), |x| x as f32),
            (Lane::I64, Lane::F64) => each(target!(f64), elements!(i64), |x| x as f64),
            (Lane::I64, Lane::Bool) => each(target!(u8), elements!(i64), |x| u8::from(x != 0)),
            (Lane::Bool, Lane::F32) => each(target!(f32), elements!(u8), f32::from),
            (Lane::Bool, Lane::F64) => each(target!(f64), elements!(u8), f64::from),
            (Lane::Bool, Lane::I64) => each(target!(i64), elements!(u8), i64::from),
            (Lane::F32, Lane::F32) => each(target!(f32), elements!(f32), |x| x),
            (Lane::F64, Lane::F64) | (Lane::I64, Lane::I64) => each(target!(u64), elements!(u64), |x| x),
            (Lane::Bool, Lane::Bool) => each(target!(u8), elements!(u8), |x| x),
        },
        Code::Wrap(dtype) => wrap(dtype, target!(i64), elements!(i64)),
        Code::Narrow(DType::F16) => each(target!(f32), elements!(f32), |x| f16::from_f32(x).to_f32()),
        Code::Narrow(_) => each(target!(f32), elements!(f32), |x| bf16::from_f32(x).to_f32()),
        Code::Index => {
            target!(i64).iter_mut().enumerate().for_each(|(i, t)| *t = (chunk.start + i) as i64);
        }
        Code::Random => {
            // SAFETY: as above.
            let numbers = unsafe { (constant::<i64>(at(0)), constant::<i64>(at(1))) };
            if let (Some(seed), Some(base)) = numbers {
                random(target!(i64), seed, base, chunk);
            }
        }
    }
    if once {
        let target = cells[step.target as usize].pointer;
        // SAFETY: the target has room for as many elements as the chunk, of which the first was computed.
        unsafe { spread(lane_of(step.code), target, chunk.len) };
    }
}

/// The lane in which a step of one operand leaves its result.
fn lane_of(code: Code) -> Lane {
    match code {
        Code::Unary(f, lane) => match f.typing() {
            Typing::Truth => Lane::Bool,
            Typing::Exponent => Lane::I64,
            Typing::Same | Typing::Number | Typing::Float | Typing::Bits => lane,
        },
        Code::Convert(_, lane) | Code::Binary(_, lane) | Code::Select(lane) => lane,
        Code::Wrap(_) | Code::Index | Code::Random => Lane::I64,
        Code::Narrow(_) => Lane::F32,
    }
}

/// Writes the first element over all.
///
/// # Safety
/// There is a first element of the lane, room for so many, and nobody else touches them.
pub unsafe fn spread(lane: Lane, target: *mut u8, len: usize) {
    if len < 2 {
        return;
    }
    // SAFETY: the caller's.
    unsafe {
        match lane {
            Lane::F32 => {
                let value = *target.cast::<f32>();
                fill_single(std::slice::from_raw_parts_mut(target.cast::<f32>(), len), value);
            }
            Lane::F64 | Lane::I64 => {
                std::slice::from_raw_parts_mut(target.cast::<u64>(), len).fill(*target.cast());
            }
            Lane::Bool => std::slice::from_raw_parts_mut(target, len).fill(*target),
        }
    }
}

/// Word `i % 4` of block `base + i / 4` of the stream.
#[inline(always)]
fn random(target: &mut [i64], seed: i64, base: i64, chunk: Chunk) {
    let stream = cresset_tensor::random::Stream { seed: seed as u64, lane: 0, base: base as u64 };
    let mut i = 0;
    while i < target.len() {
        let place = chunk.start + i;
        let block = stream.block((place / 4) as u64);
        for word in &block[place % 4..] {
            if i < target.len() {
                target[i] = i64::from(*word);
                i += 1;
            }
        }
    }
}

/// Does all loops of a plan on a chunk: every slot's cell holds (or has room for) its elements.
///
/// Only the f32 loops are compiled for every set of vector instructions, each in a function of its own: f64 and integer
/// loops are bound by memory or by scalar functions, and one function with all loops took minutes to compile.
pub(crate) fn run(steps: &[Step<Work>], cells: &[Cell], chunk: Chunk, trouble: &mut Trouble) {
    for one in steps {
        if !direct(one, cells, chunk.len) {
            indirect(one, cells, chunk, trouble);
        }
    }
}

/// Does the steps on constants alone.
pub(crate) fn run_once(steps: &[Step], cells: &[Cell], trouble: &mut Trouble) {
    for one in steps {
        step(one, cells, Chunk { len: 1, start: 0 }, trouble);
    }
}

/// Elements of a chunk's part after which they go to memory: so few that their way there and the arithmetic on the next
/// ones go side by side.
const PART: usize = 256;

/// Does the last loop of a chunk part by part, and copies what comes of it past the caches; not if it is no vector loop
/// of f32 on vectors.
///
/// # Safety
/// There is room for the chunk at `to`, which nobody else touches.
pub unsafe fn stream_last(one: &Step<Work>, cells: &[Cell], len: usize, to: *mut u8) -> bool {
    let mut own = [Cell::vector(std::ptr::null_mut()); OPERANDS + 1];
    for (cell, &slot) in own.iter_mut().zip(one.operands.iter().chain([&one.target])) {
        *cell = cells[slot as usize];
    }
    let moved = Step { code: one.code, target: OPERANDS as Slot, operands: [0, 1, 2, 3, 4] };
    for start in (0..len).step_by(PART) {
        let count = PART.min(len - start);
        if !direct(&moved, &own, count) {
            return false;
        }
        // SAFETY: the caller's; the register of the result holds so many elements, and is no output's memory.
        unsafe { stream::copy(own[OPERANDS].pointer, to.wrapping_add(start * 4), count * 4) };
        for cell in &mut own[..OPERANDS] {
            cell.pointer = cell.pointer.wrapping_add(PART * 4);
        }
    }
    true
}

/// Does a vector loop of f32 if all its operands are vectors: what most loops are, with as little as can be around it.
#[inline(always)]
fn direct(step: &Step<Work>, cells: &[Cell], len: usize) -> bool {
    let cell = |i: usize| &cells[step.operands[i] as usize];
    let laid = |count: usize| (0..count).all(|i| cell(i).laid);
    // SAFETY: the evaluator fills every slot with elements of its lane before a step reads it; these are laid out.
    let x = |i: usize| unsafe { std::slice::from_raw_parts(cell(i).pointer.cast::<f32>().cast_const(), len) };
    let target = || {
        let pointer = cells[step.target as usize].pointer.cast::<f32>();
        // SAFETY: the evaluator gives every slot room for a chunk, and the lowering puts the target in a register that no
        // operand is in, so nothing else refers to it.
        unsafe { std::slice::from_raw_parts_mut(pointer, len) }
    };
    match step.code {
        Work::Direct(Code::Unary(f, _)) if !cell(0).constant => unary_single(f, target(), x(0)),
        Work::Direct(Code::Binary(f, _)) if laid(2) => binary_single(f, target(), x(0), x(1)),
        Work::Pair(first, second) if laid(3) => pair_single(first, second, target(), x(0), x(1), x(2)),
        Work::OfProduct(f) if laid(2) => of_product_single(f, target(), x(0), x(1)),
        Work::Gate(f) if laid(5) => gate_single(f, target(), std::array::from_fn(x)),
        Work::Decide(f) if laid(4) => decide_single(f, target(), x(0), x(1), x(2), x(3)),
        Work::Direct(_)
        | Work::Single(_)
        | Work::Pair(..)
        | Work::OfProduct(_)
        | Work::Gate(_)
        | Work::Decide(_) => return false,
    }
    true
}

/// Does any other loop.
fn indirect(one: &Step<Work>, cells: &[Cell], chunk: Chunk, trouble: &mut Trouble) {
    // SAFETY: as of `direct`.
    let x = |i: usize| unsafe { side::<f32>(cells[one.operands[i] as usize], chunk.len) };
    let pointer = cells[one.target as usize].pointer.cast::<f32>();
    // SAFETY: as of `direct`.
    let target = || unsafe { std::slice::from_raw_parts_mut(pointer, chunk.len) };
    match one.code {
        Work::Single(code) | Work::Direct(code) => {
            step(&Step { code, target: one.target, operands: one.operands }, cells, chunk, trouble);
        }
        Work::Pair(first, second) => {
            pieces(target(), [x(0), x(1), x(2)], |t, [a, b, c]| pair_single(first, second, t, a, b, c));
        }
        Work::OfProduct(f) => pieces(target(), [x(0), x(1)], |t, [a, b]| of_product_single(f, t, a, b)),
        Work::Gate(f) => {
            pieces(target(), [x(0), x(1), x(2), x(3), x(4)], |t, x| gate_single(f, t, x));
        }
        Work::Decide(f) => {
            pieces(target(), [x(0), x(1), x(2), x(3)], |t, [a, b, c, d]| decide_single(f, t, a, b, c, d));
        }
    }
}
