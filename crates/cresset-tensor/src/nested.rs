//! Nested lists in, nested lists out: literals, vectors, slices and iterators of numbers, to any depth.

use crate::{Array, Element, Error, Result, Shape};

/// What an array can be made of: numbers, and vectors, slices and literals of them, nested to any depth.
pub trait IntoArray {
    /// The array, or an error where nested lists differ in length.
    fn into_array(self) -> Result<Array>;
}

impl IntoArray for Array {
    fn into_array(self) -> Result<Array> {
        Ok(self)
    }
}

/// One level of nesting: how the elements below it are collected.
trait Nested {
    type Element: Element;
    fn shape(&self, shape: &mut Shape, depth: usize) -> Result<()>;
    fn collect(&self, into: &mut Vec<Self::Element>);
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Nested for $type {
            type Element = $type;
            fn shape(&self, shape: &mut Shape, depth: usize) -> Result<()> {
                leaf(shape, depth)
            }
            fn collect(&self, into: &mut Vec<$type>) {
                into.push(*self);
            }
        }
        impl IntoArray for $type {
            fn into_array(self) -> Result<Array> {
                Ok(Array::point(self))
            }
        }
        impl IntoArray for Vec<$type> {
            fn into_array(self) -> Result<Array> {
                Ok(Array::line(self))
            }
        }
        impl From<$type> for Array {
            /// A number without dimensions.
            fn from(number: $type) -> Array {
                Array::point(number)
            }
        }
    )*};
}

fn leaf(shape: &Shape, depth: usize) -> Result<()> {
    if shape.len() == depth { Ok(()) } else { Err(ragged()) }
}

fn ragged() -> Error {
    Error::shape("array", "nested lists differ in length; every list of one level must have the same")
}

impl<N: Nested> Nested for [N] {
    type Element = N::Element;
    fn shape(&self, shape: &mut Shape, depth: usize) -> Result<()> {
        if shape.len() == depth {
            shape.push(self.len());
        } else if shape[depth] != self.len() {
            return Err(ragged());
        }
        self.iter().try_for_each(|inner| inner.shape(shape, depth + 1))
    }
    fn collect(&self, into: &mut Vec<N::Element>) {
        self.iter().for_each(|inner| inner.collect(into));
    }
}

impl<N: Nested, const L: usize> Nested for [N; L] {
    type Element = N::Element;
    fn shape(&self, shape: &mut Shape, depth: usize) -> Result<()> {
        self.as_slice().shape(shape, depth)
    }
    fn collect(&self, into: &mut Vec<N::Element>) {
        self.as_slice().collect(into);
    }
}

impl<N: Nested> Nested for Vec<N> {
    type Element = N::Element;
    fn shape(&self, shape: &mut Shape, depth: usize) -> Result<()> {
        self.as_slice().shape(shape, depth)
    }
    fn collect(&self, into: &mut Vec<N::Element>) {
        self.as_slice().collect(into);
    }
}

fn nested<N: Nested + ?Sized>(list: &N) -> Result<Array> {
    let mut shape = Shape::default();
    list.shape(&mut shape, 0)?;
    let mut values = Vec::new();
    list.collect(&mut values);
    Array::from_vec(values, shape)
}

#[allow(private_bounds)]
impl<N: Nested> IntoArray for &[N] {
    fn into_array(self) -> Result<Array> {
        nested(self)
    }
}

#[allow(private_bounds)]
impl<N: Nested> IntoArray for &Vec<N> {
    fn into_array(self) -> Result<Array> {
        nested(self)
    }
}

#[allow(private_bounds)]
impl<N: Nested, const L: usize> IntoArray for [N; L] {
    fn into_array(self) -> Result<Array> {
        nested(&self)
    }
}

#[allow(private_bounds)]
impl<N: Nested> IntoArray for Vec<Vec<N>> {
    fn into_array(self) -> Result<Array> {
        nested(&self)
    }
}

#[allow(private_bounds)]
impl<N: Nested, const L: usize> IntoArray for Vec<[N; L]> {
    fn into_array(self) -> Result<Array> {
        nested(&self)
    }
}

numbers!(f64, f32, crate::f16, crate::bf16, i64, i32, i16, i8, u8, bool);

impl<T: Element> From<Vec<T>> for Array {
    /// One dimension, without a copy.
    fn from(vec: Vec<T>) -> Array {
        Array::line(vec)
    }
}

impl<T: Element> From<&[T]> for Array {
    /// One dimension, copied.
    fn from(slice: &[T]) -> Array {
        Array::line(slice.to_vec())
    }
}

impl<T: Element> FromIterator<T> for Array {
    /// One dimension.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// let squares: Array = (0..5i64).map(|i| i * i).collect();
    /// assert_eq!(squares.to_string(), "tensor([ 0,  1,  4,  9, 16])");
    /// ```
    fn from_iter<I: IntoIterator<Item = T>>(numbers: I) -> Array {
        Array::line(numbers.into_iter().collect())
    }
}

impl Array {
    /// The numbers an iterator gives, in row-major order; as many as the shape holds.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// let x = Array::from_numbers((0..6).map(|i| i as f32), [2, 3])?;
    /// assert_eq!(x.to_vec2::<f32>()?, [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn from_numbers<T: Element>(
        numbers: impl IntoIterator<Item = T>,
        shape: impl Into<Shape>,
    ) -> Result<Array> {
        let shape = shape.into();
        // One more than fit, so that an endless iterator is refused and not collected.
        let most = shape.checked_numel("from_numbers")?.saturating_add(1);
        Array::from_vec(numbers.into_iter().take(most).collect(), shape)
            .map_err(|error| error.of("from_numbers"))
    }

    /// Two dimensions as a vector of rows. PyTorch's `tolist`, of one rank.
    #[track_caller]
    pub fn to_vec2<T: Element>(&self) -> Result<Vec<Vec<T>>> {
        let [rows, columns] = self.sizes("to_vec2")?;
        rows_of(&self.to_vec::<T>()?, rows, columns)
    }

    /// Three dimensions as nested vectors. PyTorch's `tolist`, of one rank.
    #[track_caller]
    pub fn to_vec3<T: Element>(&self) -> Result<Vec<Vec<Vec<T>>>> {
        let [planes, rows, columns] = self.sizes("to_vec3")?;
        let planes = rows_of(&self.to_vec::<T>()?, planes, rows * columns)?;
        planes.iter().map(|plane| rows_of(plane, rows, columns)).collect()
    }

    #[track_caller]
    fn sizes<const RANK: usize>(&self, operation: &'static str) -> Result<[usize; RANK]> {
        <[usize; RANK]>::try_from(&self.shape()[..]).map_err(|_| {
            Error::shape(
                operation,
                format!("shape {} has {} dimensions, not {RANK}", self.shape(), self.rank()),
            )
        })
    }
}

/// So many pieces of a length, which may be zero.
fn rows_of<T: Element>(flat: &[T], rows: usize, columns: usize) -> Result<Vec<Vec<T>>> {
    let mut nested = Vec::new();
    // Without columns there may be more rows than memory has bytes.
    if nested.try_reserve_exact(rows).is_err() {
        return Err(Error::memory("to_vec", format!("{rows} rows do not fit into memory")));
    }
    nested.extend((0..rows).map(|row| flat[row * columns..(row + 1) * columns].to_vec()));
    Ok(nested)
}
