//! Views: other ways to see the same memory. Each is data, and a function from layout to layout.

use cresset_tensor::{Error, Layout, Result, Shape, Strides};

use crate::op::{List, kinds};

/// A way to see an array.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum View {
    /// Dimensions in another order.
    Permute(List),
    /// Broadcast to a larger shape.
    Expand(Shape),
    /// The same elements in order, in another shape. The only view that may have to copy.
    Reshape(Shape),
    /// Every `step`-th of a dimension: `len` elements from `start`. A negative step runs backwards.
    Slice {
        /// Of which dimension.
        dim: usize,
        /// The first.
        start: usize,
        /// How many.
        len: usize,
        /// How far apart.
        step: isize,
    },
    /// One index of a dimension, which goes away.
    Select {
        /// Which dimension.
        dim: usize,
        /// Which index.
        index: usize,
    },
    /// The diagonal of two dimensions, as a new last one.
    Diagonal {
        /// How far above (positive) or below the main one.
        offset: i64,
        /// Along the rows.
        dim1: usize,
        /// Along the columns.
        dim2: usize,
    },
    /// Windows along a dimension, their inside a new last one.
    Unfold {
        /// Which dimension.
        dim: usize,
        /// How many elements.
        size: usize,
        /// How far windows are apart.
        step: usize,
        /// How far elements are apart.
        dilation: usize,
    },
    /// Any geometry over the memory of the input.
    AsStrided {
        /// The shape.
        shape: Shape,
        /// The strides, in elements.
        strides: Box<Strides>,
        /// Where the first element lies in memory.
        offset: usize,
    },
}

kinds! {
    /// A view without its arguments.
    ViewKind of View { Permute, Expand, Reshape, Slice, Select, Diagonal, Unfold, AsStrided, }
}

impl View {
    /// PyTorch's name.
    pub const fn name(&self) -> &'static str {
        match self {
            View::Permute(_) => "permute",
            View::Expand(_) => "expand",
            View::Reshape(_) => "reshape",
            View::Slice { .. } => "slice",
            View::Select { .. } => "select",
            View::Diagonal { .. } => "diagonal",
            View::Unfold { .. } => "unfold",
            View::AsStrided { .. } => "as_strided",
        }
    }

    /// The layout of the view of an array of a layout; `None` where only a copy has it.
    pub fn layout(&self, base: &Layout) -> Result<Option<Layout>> {
        Ok(Some(match self {
            View::Permute(order) => base.permute(order)?,
            View::Expand(shape) => base.expand(shape)?,
            View::Reshape(shape) if shape.checked_numel("reshape")? != base.numel() => {
                return Err(Error::shape(
                    "reshape",
                    format!(
                        "shape {shape} is not possible for {} elements (shape {})",
                        base.numel(),
                        base.shape()
                    ),
                ));
            }
            View::Reshape(shape) => return Ok(base.reshape(shape)),
            View::Slice { dim, start, len, step } => base.slice(*dim, *start, *len, *step)?,
            View::Select { dim, index } => base.select(*dim, *index)?,
            View::Diagonal { offset, dim1, dim2 } => base.diagonal(*offset, *dim1, *dim2)?,
            View::Unfold { dim, size, step, dilation } => base.unfold(*dim, *size, *step, *dilation)?,
            View::AsStrided { shape, strides, offset } => {
                Layout::new(shape.clone(), (**strides).clone(), *offset)
            }
        }))
    }

    /// The shape of the view.
    pub fn shape(&self, base: &Layout) -> Result<Shape> {
        match self {
            View::Reshape(shape) => {
                self.layout(base)?;
                Ok(shape.clone())
            }
            View::Permute(_)
            | View::Expand(_)
            | View::Slice { .. }
            | View::Select { .. }
            | View::Diagonal { .. }
            | View::Unfold { .. }
            | View::AsStrided { .. } => {
                Ok(self.layout(base)?.map(|layout| layout.shape().clone()).unwrap_or_default())
            }
        }
    }

    /// The layout over fresh memory of the base: where its adjoint adds.
    pub fn adjoint_layout(&self, base: &Layout) -> Result<(Layout, Layout)> {
        if let View::AsStrided { shape, strides, offset } = self {
            // The geometry is that of the memory, so the fresh memory has to be arranged as the base was.
            return Ok((base.clone(), Layout::new(shape.clone(), (**strides).clone(), *offset)));
        }
        let fresh = Layout::contiguous(base.shape().clone());
        match self.layout(&fresh)? {
            Some(layout) => Ok((fresh, layout)),
            None => Err(Error::shape(self.name(), "a row-major array always has this view")),
        }
    }
}
