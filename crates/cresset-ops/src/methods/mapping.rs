//! Your own elementwise functions, as fast as the built-in ones.

use cresset_tensor::Result;

use crate::{Apply, Expr, Outputs};

/// Closures over numbers, run over arrays as one operation.
///
/// A closure that captures nothing is traced once in a thread: it must be a function of its operands alone. One that
/// captures is traced at each call, which takes some microseconds.
pub trait Mapping: Apply {
    /// A function of one number, over all elements.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([0.0f32, 1.0]);
    /// let silu = x.map(|x| x * x.sigmoid())?;
    /// assert_eq!(silu.to_vec::<f32>()?, [0.0, 0.7310586]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn map(&self, f: impl Fn(Expr) -> Expr) -> Result<Self> {
        Self::formula(&[self], &[], move |x, _| f(x[0]))
    }

    /// A function of two numbers, over the elements of two arrays broadcast together.
    #[track_caller]
    fn map2(a: &Self, b: &Self, f: impl Fn(Expr, Expr) -> Expr) -> Result<Self> {
        Self::formula(&[a, b], &[], move |x, _| f(x[0], x[1]))
    }

    /// A function of three numbers, over the elements of three arrays broadcast together.
    #[track_caller]
    fn map3(a: &Self, b: &Self, c: &Self, f: impl Fn(Expr, Expr, Expr) -> Expr) -> Result<Self> {
        Self::formula(&[a, b, c], &[], move |x, _| f(x[0], x[1], x[2]))
    }

    /// A function of any number of numbers with several results, over arrays broadcast together, in one pass.
    ///
    /// ```
    /// use cresset_ops::prelude::*;
    /// let x = Array::new([1.0, 2.0]);
    /// let both = Array::map_many(&[&x], |x| [x[0] + 1.0, x[0] * 2.0])?;
    /// assert_eq!(both[1].to_vec::<f64>()?, [2.0, 4.0]);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    fn map_many<const N: usize>(inputs: &[&Self], f: impl Fn(&[Expr]) -> [Expr; N]) -> Result<Outputs<Self>> {
        Self::formulas(inputs, &[], move |x, _| f(x))
    }

    /// A function of one number, in place.
    #[track_caller]
    fn map_(&self, f: impl Fn(Expr) -> Expr) -> Result<&Self> {
        Self::formulas_into(&[self], &[], &[self], move |x, _| [f(x[0])])?;
        Ok(self)
    }
}

impl<T: Apply> Mapping for T {}
