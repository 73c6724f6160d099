//! Operands whose lines are short, such as one number for each channel of small images: brought to a chunk many lines at
//! once, in whole registers that the next line's numbers overwrite; and taken from a chunk to where they belong.

use super::{simd::for_every_simd, walk::Walk};
use crate::math::Fma;

/// So many numbers may be written behind those that were asked for.
pub const BEHIND: usize = BLOCK - 1;
/// Numbers written at once.
const BLOCK: usize = 16;

/// Some lines of an operand, one after the other.
#[derive(Clone, Copy)]
struct Lines {
    from: *const f32,
    /// From one line to the next.
    step: isize,
    count: usize,
    /// Places of a line.
    len: usize,
    /// Is there one number for a whole line?
    single: bool,
    to: *mut f32,
    /// From one line to the next, there.
    to_step: isize,
}

/// Brings an operand's elements of places `start..start + len` if its lines lie in one piece, or are one number each:
/// `false`, and nothing done, if they do not.
///
/// # Safety
/// The walk stays inside the operand; the target has room for `len + BEHIND`.
pub unsafe fn bring(
    walk: &Walk,
    operand: usize,
    start: usize,
    len: usize,
    from: *const f32,
    to: *mut f32,
) -> bool {
    in_planes(walk, operand, start, len, |Stretch { offset, step, single, count, len, done }| {
        let (from, to) = (from.wrapping_offset(offset), to.wrapping_add(done));
        bring_lines(Lines { from, step, count, len, single, to, to_step: len as isize });
    })
}

/// Takes a chunk to an operand's elements of places `start..start + len` if its lines lie in one piece: `false`, and nothing
/// done, if they do not.
///
/// # Safety
/// The walk stays inside the operand, which nobody else touches there; the chunk has `len` numbers.
pub unsafe fn put(
    walk: &Walk,
    operand: usize,
    start: usize,
    len: usize,
    from: *const f32,
    to: *mut f32,
) -> bool {
    walk.strides[operand].last() == Some(&1)
        && in_planes(walk, operand, start, len, |Stretch { offset, step, count, len, done, .. }| {
            let (from, to) = (from.wrapping_add(done), to.wrapping_offset(offset));
            bring_lines(Lines { from, step: len as isize, count, len, single: false, to, to_step: step });
        })
}

/// Some lines of a plane.
struct Stretch {
    /// Where they begin, from the operand's first element.
    offset: isize,
    /// From one to the next.
    step: isize,
    single: bool,
    count: usize,
    /// Places of a line.
    len: usize,
    /// Places before them.
    done: usize,
}

/// Calls `f` with all lines of an operand's places `start..start + len`, if they lie in one piece or are one number each.
fn in_planes(walk: &Walk, operand: usize, start: usize, len: usize, mut f: impl FnMut(Stretch)) -> bool {
    let strides = &walk.strides[operand];
    let ([.., down, row], [.., step, along @ (0 | 1)]) = (&walk.shape[..], &strides[..]) else {
        return false;
    };
    let (plane, single) = (down * row, *along == 0);
    let mut done = 0;
    while done < len {
        let place = start + done;
        let (line, first) = (place % plane / row, place % row);
        let outer = walk.offset(operand, place - place % plane);
        let offset = outer + line as isize * step + first as isize * along;
        // A part of a line, or all whole lines of the plane.
        let (count, part) = match (len - done) / row {
            whole if first == 0 && whole > 0 => (whole.min(down - line), *row),
            _ => (1, (row - first).min(len - done)),
        };
        f(Stretch { offset, step: *step, single, count, len: part, done });
        done += count * part;
    }
    true
}

for_every_simd! { fn bring_lines(lines: Lines) = each_line }

#[inline(always)]
#[expect(clippy::extra_unused_type_parameters, reason = "of every body of `for_every_simd`")]
fn each_line<F: Fma>(lines: Lines) {
    let Lines { step, count, len, single, to_step, .. } = lines;
    let (mut from, mut to) = (lines.from, lines.to);
    for _ in 0..count {
        // SAFETY: as of `bring` and `put`: a line that is single has one number, others have `len`.
        unsafe {
            if single {
                let block = [*from; BLOCK];
                for i in (0..len).step_by(BLOCK) {
                    to.add(i).cast::<[f32; BLOCK]>().write_unaligned(block);
                }
            } else {
                let mut i = 0;
                // Four blocks at once, where there are so many.
                while i + 4 * BLOCK <= len {
                    type Blocks = [[f32; BLOCK]; 4];
                    to.add(i).cast::<Blocks>().write_unaligned(from.add(i).cast::<Blocks>().read_unaligned());
                    i += 4 * BLOCK;
                }
                while i + BLOCK <= len {
                    to.add(i)
                        .cast::<[f32; BLOCK]>()
                        .write_unaligned(from.add(i).cast::<[f32; BLOCK]>().read_unaligned());
                    i += BLOCK;
                }
                while i + 4 <= len {
                    to.add(i)
                        .cast::<[f32; 4]>()
                        .write_unaligned(from.add(i).cast::<[f32; 4]>().read_unaligned());
                    i += 4;
                }
                while i < len {
                    to.add(i).write(*from.add(i));
                    i += 1;
                }
            }
        }
        from = from.wrapping_offset(step);
        to = to.wrapping_offset(to_step);
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use super::*;

    #[test]
    fn every_stretch_of_every_kind_of_line() {
        let numbers: Vec<f32> = (0..4000).map(|i| i as f32).collect();
        for (images, channels, row) in [(3, 5, 4), (2, 7, 1), (4, 3, 9), (2, 2, 49), (1, 6, 33), (5, 1, 16)] {
            let all = images * channels * row;
            for strides in [[0, 1, 0], [channels * row, row, 1], [row, images * row, 1], [2, 0, 0], [9, 3, 2]]
            {
                let strides = strides.map(|stride| stride as isize);
                let walk = Walk {
                    shape: smallvec![images, channels, row],
                    strides: smallvec![strides.iter().copied().collect()],
                };
                for (start, len) in [(0, all), (1, all - 1), (row / 2, row), (all / 3, all / 2), (all - 1, 1)]
                {
                    let mut to = vec![-1.0; len + BEHIND];
                    // SAFETY: the farthest place is inside of the numbers.
                    let done = unsafe { bring(&walk, 0, start, len, numbers.as_ptr(), to.as_mut_ptr()) };
                    assert_eq!(done, strides[2] != 2);
                    let expected = (start..start + len).map(|place| walk.offset(0, place) as f32);
                    assert!(
                        !done || expected.zip(&to).all(|(a, b)| a == *b),
                        "{images} {channels} {row} {start}"
                    );
                }
            }
        }
    }
}
