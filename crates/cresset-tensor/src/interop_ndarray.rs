//! From and to the arrays of the `ndarray` crate, behind the feature `ndarray`.
//!
//! Owned arrays change hands without a copy where both sides can express them: into an [`Array`] always, whatever the
//! strides, and out of one that is row-major, starts its memory and is its only holder.

use ndarray::{ArrayBase, ArrayView, Data, Dimension, IxDyn, OwnedRepr};

use crate::{Array, Element, Error, Layout, Result, Shape, Strides};

impl<T: Element, D: Dimension> From<ArrayBase<OwnedRepr<T>, D>> for Array {
    /// Takes the memory over, strides and all, without a copy.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// let x = Array::from(ndarray::array![[1.0f32, 2.0], [3.0, 4.0]].reversed_axes());
    /// assert_eq!(x.to_vec::<f32>()?, [1.0, 3.0, 2.0, 4.0]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    fn from(array: ArrayBase<OwnedRepr<T>, D>) -> Array {
        let shape = Shape::from(array.shape());
        let strides = Strides::from(array.strides());
        let (memory, offset) = array.into_raw_vec_and_offset();
        let whole = Array::line(memory);
        let layout = Layout::new(shape, strides, offset.unwrap_or(0));
        match whole.with_layout(layout) {
            Ok(array) => array,
            // The geometry came from an array that lay in this very memory.
            Err(error) => unreachable!("{error}"),
        }
    }
}

/// A copy of a view, or of anything that can be viewed.
impl<S: Data, D: Dimension> From<&ArrayBase<S, D>> for Array
where
    S::Elem: Element,
{
    fn from(array: &ArrayBase<S, D>) -> Array {
        Array::from(array.to_owned())
    }
}

/// A copy of a view.
impl<T: Element, D: Dimension> From<ArrayView<'_, T, D>> for Array {
    fn from(view: ArrayView<'_, T, D>) -> Array {
        Array::from(view.to_owned())
    }
}

impl<T: Element, D: Dimension> TryFrom<Array> for ArrayBase<OwnedRepr<T>, D> {
    type Error = Error;

    /// Without a copy where the memory came from a vector or an `ndarray`, is row-major, and nobody else holds it.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// let x: ndarray::Array2<f32> = Array::new([[1.0f32, 2.0], [3.0, 4.0]]).try_into()?;
    /// assert_eq!(x, ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    fn try_from(array: Array) -> Result<Self> {
        let shape = array.shape().to_vec();
        let wrong = |_| {
            let expected = D::NDIM.map_or_else(|| "any".to_owned(), |rank| rank.to_string());
            Error::shape(
                "ndarray",
                format!("an array of shape {shape:?} does not become an ndarray of {expected} dimensions"),
            )
        };
        let memory = array.into_vec::<T>()?;
        let dynamic = ndarray::Array::<T, IxDyn>::from_shape_vec(IxDyn(&shape), memory).map_err(wrong)?;
        dynamic.into_dimensionality::<D>().map_err(wrong)
    }
}

impl<T: Element, D: Dimension> TryFrom<&Array> for ArrayBase<OwnedRepr<T>, D> {
    type Error = Error;

    /// A copy.
    #[track_caller]
    fn try_from(array: &Array) -> Result<Self> {
        // The copy is flat; the clone only lends its shape.
        let flat = Array::from_vec(array.to_vec::<T>()?, array.shape())?;
        flat.try_into()
    }
}
