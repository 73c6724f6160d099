//! What a sample is drawn from: two lists, of integers and of numbers, that proptest draws and shrinks. Whoever builds a
//! sample takes from them what it needs, in order; when a list is at its end, it goes on from its beginning, varied.

use cresset_ops::{Array, Result, Shape};
use cresset_tensor::{Layout, Strides};
use proptest::{collection::vec, prelude::*};

/// The lists, and how far they are used.
#[derive(Clone, Debug)]
pub struct Draw {
    integers: Vec<usize>,
    numbers: Vec<f64>,
    used: (usize, usize),
}

/// All draws.
pub fn draws() -> impl Strategy<Value = Draw> {
    (vec(0usize..4096, 24), vec(0.0f64..1.0, 48)).prop_map(|(integers, numbers)| Draw {
        integers,
        numbers,
        used: (0, 0),
    })
}

impl Draw {
    /// An integer from `low` to `high`.
    pub fn integer(&mut self, low: usize, high: usize) -> usize {
        let i = self.used.0;
        self.used.0 += 1;
        let round = i / self.integers.len();
        low + (self.integers[i % self.integers.len()] + 37 * round) % (high - low + 1)
    }

    /// One of them, the first the simplest.
    pub fn one_of<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.integer(0, list.len() - 1)].clone()
    }

    /// True or false, false the simpler.
    pub fn truth(&mut self) -> bool {
        self.integer(0, 1) == 1
    }

    /// A number from 0 to 1.
    pub fn number(&mut self) -> f64 {
        let i = self.used.1;
        self.used.1 += 1;
        let round = i / self.numbers.len();
        (self.numbers[i % self.numbers.len()] + 0.377_9 * round as f64).fract()
    }

    /// A number of some interval.
    pub fn within(&mut self, intervals: &[(f64, f64)]) -> f64 {
        let (low, high) = self.one_of(intervals);
        low + (high - low) * self.number()
    }

    /// Sizes, small ones, also zero and one.
    pub fn shape(&mut self, ranks: (usize, usize), sizes: (usize, usize)) -> Shape {
        let rank = self.integer(ranks.0, ranks.1);
        (0..rank).map(|_| self.size(sizes)).collect()
    }

    /// A size; zero only now and then.
    pub fn size(&mut self, (low, high): (usize, usize)) -> usize {
        if low == 0 && self.integer(0, 11) == 11 { 0 } else { self.integer(low.max(1), high) }
    }

    /// A shape that broadcasts to another.
    pub fn smaller(&mut self, shape: &Shape) -> Shape {
        let from = if self.integer(0, 3) == 3 { self.integer(0, shape.rank()) } else { 0 };
        shape[from..].iter().map(|&size| if self.integer(0, 3) == 3 { 1 } else { size }).collect()
    }

    /// Numbers of a shape in some layout.
    pub fn laid(&mut self, shape: &Shape, intervals: &[(f64, f64)]) -> Laid {
        let layout = self.one_of(&[
            Arrangement::RowMajor,
            Arrangement::RowMajor,
            Arrangement::Gaps,
            Arrangement::Transposed,
            Arrangement::Backwards,
            Arrangement::Expanded,
        ]);
        let values = (0..shape.numel()).map(|_| self.within(intervals)).collect();
        Laid { shape: shape.clone(), values, layout }
    }

    /// Indices of a shape, each below `end` (which is not zero, unless there are none).
    pub fn indices(&mut self, shape: &Shape, end: usize) -> Laid {
        let values = (0..shape.numel()).map(|_| self.integer(0, end.max(1) - 1) as f64).collect();
        let layout = self.one_of(&[Arrangement::RowMajor, Arrangement::Gaps, Arrangement::Transposed]);
        Laid { shape: shape.clone(), values, layout }
    }
}

/// How numbers lie in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrangement {
    /// One after the other.
    RowMajor,
    /// With an offset, and gaps between them.
    Gaps,
    /// The first dimension fastest.
    Transposed,
    /// The last first.
    Backwards,
    /// The first dimension with a stride of zero: its rows are all the first one.
    Expanded,
}

/// Numbers and their layout.
#[derive(Clone, Debug)]
pub struct Laid {
    /// The shape.
    pub shape: Shape,
    /// The numbers, in order.
    pub values: Vec<f64>,
    /// How they lie.
    pub layout: Arrangement,
}

impl Laid {
    /// The same numbers one after the other.
    pub fn plain(self) -> Laid {
        Laid { layout: Arrangement::RowMajor, ..self }
    }

    /// As an array.
    pub fn floats(&self) -> Result<Array> {
        self.build(f64::NAN, |x| x)
    }

    /// As an array of integers.
    pub fn integers(&self) -> Result<Array> {
        self.build(i64::MIN, |x| x as i64)
    }

    fn build<T: cresset_ops::Element>(&self, gap: T, convert: impl Fn(f64) -> T) -> Result<Array> {
        let shape = &self.shape;
        let rank = shape.rank();
        let mut strides = Strides::repeat(0, rank);
        let order: Vec<usize> = if self.layout == Arrangement::Transposed {
            (0..rank).collect()
        } else {
            (0..rank).rev().collect()
        };
        let spread = if self.layout == Arrangement::Gaps { 2 } else { 1 };
        let mut step = spread;
        for &dim in &order {
            strides[dim] = step;
            step = step * shape[dim].max(1) as isize + spread - 1;
        }
        let mut offset = if self.layout == Arrangement::Gaps { 3 } else { 0 };
        if self.layout == Arrangement::Backwards {
            for dim in 0..rank {
                offset += strides[dim] as usize * shape[dim].saturating_sub(1);
                strides[dim] = -strides[dim];
            }
        }
        if self.layout == Arrangement::Expanded && rank > 0 {
            strides[0] = 0;
        }
        let layout = Layout::new(shape.clone(), strides, offset);
        let end = layout.span()?.map_or(0, |(_, end)| end + 1);
        let mut memory = vec![gap; end + 1];
        // Backwards, so that the first of several at one place stays.
        let places: Vec<usize> = layout.places().collect();
        for (&place, &value) in places.iter().zip(&self.values).rev() {
            memory[place] = convert(value);
        }
        Array::from_vec(memory, [end + 1])?.with_layout(layout)
    }
}
