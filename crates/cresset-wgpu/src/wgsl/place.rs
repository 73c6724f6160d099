//! Where elements lie: offsets, sizes and strides as parameters, so that any view is read as it is.

use std::fmt::Write as _;

use cresset_ops::cpu::walk::{Steps, Walk, broadcast_strides};
use cresset_tensor::{Array, Layout, Shape};
use smallvec::SmallVec;

use super::param;

/// How an operand is walked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Way {
    /// One element after another.
    Line,
    /// The same element for all.
    Single,
    /// By strides.
    Strided,
}

/// How several operands are walked over one shape: what the text of a kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Ways {
    /// For each operand.
    pub ways: SmallVec<[Way; 8]>,
    /// Over so many dimensions, where any is strided.
    pub dims: usize,
}

/// The same as parameters: sizes, then for each operand its offset and, if it is strided, its strides.
pub type Words = SmallVec<[u32; 32]>;

/// How arrays are walked over a shape, and the words that tell a kernel so.
pub fn ways(shape: &Shape, operands: &[&Array]) -> (Ways, Words) {
    let way = |x: &&Array| {
        if x.numel() == 1 {
            Way::Single
        } else if x.shape() == shape && x.is_contiguous() {
            Way::Line
        } else {
            Way::Strided
        }
    };
    let ways: SmallVec<[Way; 8]> = operands.iter().map(way).collect();
    let mut words = Words::new();
    if !ways.contains(&Way::Strided) {
        words.extend(operands.iter().map(|x| x.offset() as u32));
        return (Ways { ways, dims: 0 }, words);
    }
    let strides: SmallVec<[Steps; 8]> =
        operands.iter().map(|x| broadcast_strides(shape, x.shape(), x.strides())).collect();
    let walk = Walk::new(shape, &strides);
    words.extend(walk.shape.iter().map(|&size| size as u32));
    for ((x, way), strides) in operands.iter().zip(&ways).zip(&walk.strides) {
        words.push(x.offset() as u32);
        if *way == Way::Strided {
            // Negative strides wrap, and so do the sums they enter.
            words.extend(strides.iter().map(|&stride| stride as u32));
        }
    }
    (Ways { ways, dims: walk.shape.len() }, words)
}

/// How layouts over one shape are walked, and the words that tell a kernel so.
pub fn ways_of(shape: &Shape, layouts: &[&Layout]) -> (Ways, Words) {
    let way = |x: &&Layout| {
        if x.shape().iter().zip(x.strides()).all(|(&size, &stride)| size == 1 || stride == 0) {
            Way::Single
        } else if x.is_contiguous() {
            Way::Line
        } else {
            Way::Strided
        }
    };
    let ways: SmallVec<[Way; 8]> = layouts.iter().map(way).collect();
    let mut words = Words::new();
    if !ways.contains(&Way::Strided) {
        words.extend(layouts.iter().map(|x| x.offset() as u32));
        return (Ways { ways, dims: 0 }, words);
    }
    let strides: SmallVec<[Steps; 8]> =
        layouts.iter().map(|x| broadcast_strides(shape, x.shape(), x.strides())).collect();
    let walk = Walk::new(shape, &strides);
    words.extend(walk.shape.iter().map(|&size| size as u32));
    for ((x, way), strides) in layouts.iter().zip(&ways).zip(&walk.strides) {
        words.push(x.offset() as u32);
        if *way == Way::Strided {
            words.extend(strides.iter().map(|&stride| stride as u32));
        }
    }
    (Ways { ways, dims: walk.shape.len() }, words)
}

impl Ways {
    /// Prints where each operand's element of a place (an expression of type `u32`) lies. Parameters start at `first`;
    /// names are `prefix` and the operand's number.
    pub fn print(&self, index: &str, first: usize, prefix: &str, body: &mut String) {
        if self.dims > 0 {
            let _ = writeln!(body, "    var {prefix}rest = {index};");
            for dim in (1..self.dims).rev() {
                let size = param(first + dim);
                let _ = writeln!(
                    body,
                    "    let {prefix}c{dim} = {prefix}rest % {size}; {prefix}rest = {prefix}rest / {size};"
                );
            }
            let _ = writeln!(body, "    let {prefix}c0 = {prefix}rest;");
        }
        let mut next = first + self.dims;
        for (k, way) in self.ways.iter().enumerate() {
            let offset = param(next);
            next += 1;
            let place = match way {
                Way::Line => format!("{offset} + {index}"),
                Way::Single => offset,
                Way::Strided => {
                    let mut place = offset;
                    for dim in 0..self.dims {
                        let _ = write!(place, " + {prefix}c{dim} * {}", param(next + dim));
                    }
                    next += self.dims;
                    place
                }
            };
            let _ = writeln!(body, "    let {prefix}{k} = {place};");
        }
    }
}
