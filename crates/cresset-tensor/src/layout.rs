//! Where an array's elements lie in its memory: shape, strides, offset. Pure arithmetic; no memory is touched.
//!
//! A layout may be any geometry, also one that no memory could hold: nothing here overflows or panics whatever its
//! numbers are. [`Layout::span`] tells whether it fits a memory, and every array was checked against it.

use crate::{
    Error, Result, Shape, Strides,
    order::{sort_by, sort_places},
    shape::axis_of,
};

/// Up to so many elements, whether two places coincide is found by looking at every one.
const FEW: usize = 4096;

/// Shape, strides and offset, in elements.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    shape: Shape,
    strides: Strides,
    offset: usize,
    /// Asked for at every turn, so counted once.
    numel: usize,
    /// Row-major without gaps; likewise.
    contiguous: bool,
}

impl Layout {
    fn made(shape: Shape, strides: Strides, offset: usize) -> Layout {
        Layout { shape, strides, offset, numel: 0, contiguous: false }.counted()
    }

    /// With what follows from shape and strides.
    fn counted(mut self) -> Layout {
        self.numel = self.shape.numel();
        self.contiguous = self.is_row_major();
        self
    }

    fn is_row_major(&self) -> bool {
        let mut expected = 1isize;
        for (&size, &stride) in self.shape.iter().zip(self.strides.iter()).rev() {
            if size != 1 {
                if stride != expected {
                    // Without elements there are no gaps either.
                    return self.shape.contains(&0);
                }
                expected = times(expected, size);
            }
        }
        true
    }

    /// Row-major from the start of the memory.
    pub fn contiguous(shape: Shape) -> Layout {
        let strides = shape.contiguous_strides();
        let numel = shape.numel();
        Layout { shape, strides, offset: 0, numel, contiguous: true }
    }

    /// Any geometry. Whoever pairs it with memory checks it against [`Layout::span`].
    ///
    /// There must be a stride for each dimension: those that lack are zero, those too many are dropped.
    pub fn new(shape: Shape, mut strides: Strides, offset: usize) -> Layout {
        if strides.len() != shape.len() {
            strides = strides.iter().copied().chain(std::iter::repeat(0)).take(shape.len()).collect();
        }
        Layout::made(shape, strides, offset)
    }

    /// The size of every dimension.
    #[inline]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// How far apart neighbours lie. PyTorch's `stride`.
    #[inline]
    pub fn strides(&self) -> &Strides {
        &self.strides
    }

    /// Where the first element lies. PyTorch's `storage_offset`.
    #[inline]
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Number of dimensions. PyTorch's `ndim`.
    #[inline]
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.numel
    }

    /// Row-major without gaps? (Wherever it starts.)
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.contiguous
    }

    /// May two indices name the same element?
    ///
    /// Never wrongly `false`, and exact for what slicing, permuting, expanding and diagonals make of a row-major
    /// layout, as for any layout of up to 4096 elements. Beyond, a layout whose dimensions interleave counts as
    /// overlapping.
    pub fn overlaps_itself(&self) -> bool {
        if self.shape.contains(&0) {
            return false;
        }
        let mut dims: Vec<(usize, usize)> = (self.shape.iter().zip(self.strides.iter()))
            .filter(|(size, _)| **size > 1)
            .map(|(&size, &stride)| (stride.unsigned_abs(), size))
            .collect();
        sort_by(&mut dims, Ord::cmp);
        let mut reach = 0usize;
        for (stride, size) in dims {
            if stride <= reach {
                return stride == 0 || self.numel() > FEW || self.repeats_a_place();
            }
            reach = reach.saturating_add(stride.saturating_mul(size - 1));
        }
        false
    }

    fn repeats_a_place(&self) -> bool {
        let mut places: Vec<usize> = self.places().collect();
        sort_places(&mut places);
        places.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// The lowest and one past the highest place in memory that this layout names; `None` where there are no
    /// elements. An error where that is not addressable.
    pub fn span(&self) -> Result<Option<(usize, usize)>> {
        if self.shape.contains(&0) {
            return Ok(None);
        }
        let (mut low, mut high) = (self.offset as i128, self.offset as i128);
        for (&size, &stride) in self.shape.iter().zip(self.strides.iter()) {
            // At most 2⁶⁴ times 2⁶³, which fits; a sum of several may not.
            let reach = (size as i128 - 1) * stride as i128;
            let end = if reach < 0 { &mut low } else { &mut high };
            *end = end.saturating_add(reach);
        }
        if low < 0 || high >= isize::MAX as i128 {
            return Err(Error::memory("layout", format!("{self:?} reaches outside of memory")));
        }
        Ok(Some((low as usize, high as usize + 1)))
    }

    /// The place of an element. The index must lie within the shape, and the layout in memory.
    pub fn place(&self, index: &[usize]) -> usize {
        let steps = index.iter().zip(self.strides.iter());
        steps.fold(self.offset, |place, (&i, &stride)| {
            place.wrapping_add_signed((i as isize).wrapping_mul(stride))
        })
    }

    /// Dimensions in another order: dimension `i` of the result is `order[i]` of this.
    ///
    /// ```
    /// use cresset_tensor::Layout;
    /// let turned = Layout::contiguous([2, 3].into()).permute(&[1, 0])?;
    /// assert_eq!((&turned.shape()[..], &turned.strides()[..]), (&[3, 2][..], &[1, 3][..]));
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    pub fn permute(&self, order: &[usize]) -> Result<Layout> {
        let valid = order.len() == self.rank()
            && order.iter().enumerate().all(|(i, &axis)| axis < order.len() && !order[..i].contains(&axis));
        if !valid {
            return Err(Error::argument(
                "permute",
                format!("{order:?} does not name each of the {} dimensions once", self.rank()),
            ));
        }
        Ok(Layout::made(
            order.iter().map(|&axis| self.shape[axis]).collect(),
            order.iter().map(|&axis| self.strides[axis]).collect(),
            self.offset,
        ))
    }

    /// Broadcast to a larger shape, without a copy: what is repeated has a stride of zero.
    ///
    /// ```
    /// use cresset_tensor::Layout;
    /// let rows = Layout::contiguous([3].into()).expand(&[2, 3].into())?;
    /// assert_eq!(rows.places().collect::<Vec<_>>(), [0, 1, 2, 0, 1, 2]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    pub fn expand(&self, shape: &Shape) -> Result<Layout> {
        let fail = || Error::shape("expand", format!("shape {} does not broadcast to {shape}", self.shape));
        let extra = shape.len().checked_sub(self.rank()).ok_or_else(fail)?;
        shape.checked_numel("expand")?;
        let mut strides = Strides::repeat(0, shape.len());
        for i in 0..self.rank() {
            if self.shape[i] == shape[extra + i] {
                strides[extra + i] = self.strides[i];
            } else if self.shape[i] != 1 {
                return Err(fail());
            }
        }
        Ok(Layout::made(shape.clone(), strides, self.offset))
    }

    /// The same elements in order under another shape, if strides can express it (PyTorch's `view`).
    ///
    /// ```
    /// use cresset_tensor::Layout;
    /// let x = Layout::contiguous([2, 3].into());
    /// assert!(x.reshape(&[6].into()).is_some());
    /// assert!(x.permute(&[1, 0])?.reshape(&[6].into()).is_none());
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    pub fn reshape(&self, shape: &Shape) -> Option<Layout> {
        // Numbers of elements that cannot be had say nothing when they are equal.
        if shape.checked_numel("reshape").ok()? != self.shape.checked_numel("reshape").ok()? {
            return None;
        }
        if self.numel() == 0 || self.is_contiguous() {
            return Some(Layout::made(shape.clone(), shape.contiguous_strides(), self.offset));
        }
        // Walk both shapes from the end, matching runs of old dimensions that are one line in memory.
        let mut strides = Strides::repeat(1, shape.len());
        let mut new = shape.len();
        let old: Vec<(usize, isize)> = (self.shape.iter().zip(self.strides.iter()))
            .filter(|(size, _)| **size != 1)
            .map(|(&size, &stride)| (size, stride))
            .collect();
        let mut end = old.len();
        while end > 0 {
            let mut begin = end - 1;
            let mut run = old[begin].0;
            while begin > 0 && old[begin - 1].1 == times(old[begin].1, old[begin].0) {
                begin -= 1;
                run *= old[begin].0;
            }
            let (mut stride, mut left) = (old[end - 1].1, run);
            while left > 1 {
                new = new.checked_sub(1)?;
                if !left.is_multiple_of(shape[new]) {
                    return None;
                }
                strides[new] = stride;
                stride = times(stride, shape[new]);
                left /= shape[new];
            }
            end = begin;
        }
        // What is left are sizes of one.
        Some(Layout::made(shape.clone(), strides, self.offset))
    }

    /// Along one dimension: `len` elements from `start`, `step` apart. A negative step runs backwards.
    ///
    /// ```
    /// use cresset_tensor::Layout;
    /// let odd = Layout::contiguous([6].into()).slice(0, 5, 3, -2)?;
    /// assert_eq!(odd.places().collect::<Vec<_>>(), [5, 3, 1]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    pub fn slice(&self, dim: usize, start: usize, len: usize, step: isize) -> Result<Layout> {
        let size = self.size_of("slice", dim)?;
        // At most 2⁶⁴ + (2⁶⁴ − 2) · 2⁶³, which fits.
        let last = start as i128 + (len.max(1) as i128 - 1) * step as i128;
        if step == 0 || (len > 0 && (start >= size || last < 0 || last >= size as i128)) {
            return Err(Error::index(
                "slice",
                format!(
                    "{len} elements from {start} in steps of {step} leave dimension {dim} of size {size}"
                ),
            ));
        }
        let mut layout = self.clone();
        if len > 0 {
            layout.offset = self.shifted("slice", start, self.strides[dim])?;
        }
        layout.shape[dim] = len;
        layout.strides[dim] = self.strides[dim].saturating_mul(step);
        Ok(layout.counted())
    }

    /// The size of a dimension that is there.
    fn size_of(&self, operation: &'static str, dim: usize) -> Result<usize> {
        let missing =
            || Error::index(operation, format!("there is no dimension {dim} in shape {}", self.shape));
        self.shape.get(dim).copied().ok_or_else(missing)
    }

    /// The offset moved by `n` strides.
    fn shifted(&self, operation: &'static str, n: usize, stride: isize) -> Result<usize> {
        if self.shape.contains(&0) {
            // Strides between no elements may lead anywhere.
            return Ok(self.offset);
        }
        let place = self.offset as i128 + n as i128 * stride as i128;
        usize::try_from(place)
            .map_err(|_| Error::memory(operation, format!("{self:?} reaches outside of memory")))
    }

    /// One index of a dimension, which goes away.
    pub fn select(&self, dim: usize, index: usize) -> Result<Layout> {
        let mut layout = self.slice(dim, index, 1, 1).map_err(|error| error.of("select"))?;
        layout.shape.remove(dim);
        layout.strides.remove(dim);
        Ok(layout.counted())
    }

    /// A new dimension of size one before `dim`; after all others where there are fewer.
    pub fn unsqueeze(&self, dim: usize) -> Layout {
        let mut layout = self.clone();
        let dim = dim.min(self.rank());
        let stride = if dim < self.rank() { times(self.strides[dim], self.shape[dim].max(1)) } else { 1 };
        layout.shape.insert(dim, 1);
        layout.strides.insert(dim, stride);
        layout.counted()
    }

    /// Without a dimension of size one; unchanged where it is of another size.
    pub fn squeeze(&self, dim: usize) -> Layout {
        let mut layout = self.clone();
        if self.shape.get(dim) == Some(&1) {
            layout.shape.remove(dim);
            layout.strides.remove(dim);
        }
        layout.counted()
    }

    /// The diagonal of two dimensions, as a new last dimension; `offset` above (positive) or below the main one.
    ///
    /// ```
    /// use cresset_tensor::Layout;
    /// let above = Layout::contiguous([3, 3].into()).diagonal(1, 0, 1)?;
    /// assert_eq!(above.places().collect::<Vec<_>>(), [1, 5]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    pub fn diagonal(&self, offset: i64, dim1: usize, dim2: usize) -> Result<Layout> {
        if dim1 == dim2 || dim1.max(dim2) >= self.rank() {
            return Err(Error::argument(
                "diagonal",
                format!("dimensions {dim1} and {dim2} must be two of {}", self.shape),
            ));
        }
        let (rows, columns) = (self.shape[dim1], self.shape[dim2]);
        let shift = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
        let len = if offset >= 0 {
            rows.min(columns.saturating_sub(shift))
        } else {
            rows.saturating_sub(shift).min(columns)
        };
        let mut layout = self.clone();
        if len > 0 {
            let along = if offset >= 0 { self.strides[dim2] } else { self.strides[dim1] };
            layout.offset = self.shifted("diagonal", shift, along)?;
        }
        for dim in [dim1.max(dim2), dim1.min(dim2)] {
            layout.shape.remove(dim);
            layout.strides.remove(dim);
        }
        layout.shape.push(len);
        layout.strides.push(self.strides[dim1].saturating_add(self.strides[dim2]));
        Ok(layout.counted())
    }

    /// Windows of `size` elements (`dilation` apart) every `step` along a dimension; their inside is a new last
    /// dimension. A single number is one window, as in PyTorch.
    ///
    /// ```
    /// use cresset_tensor::Layout;
    /// let windows = Layout::contiguous([4].into()).unfold(0, 2, 1, 1)?;
    /// assert_eq!(windows.shape(), &[3, 2]);
    /// assert_eq!(windows.places().collect::<Vec<_>>(), [0, 1, 1, 2, 2, 3]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    pub fn unfold(&self, dim: usize, size: usize, step: usize, dilation: usize) -> Result<Layout> {
        let single = self.rank() == 0 && dim == 0;
        let (length, stride) =
            if single { (1, 1) } else { (self.size_of("unfold", dim)?, self.strides[dim]) };
        let reach = size.saturating_sub(1).saturating_mul(dilation).saturating_add(usize::from(size > 0));
        if step == 0 || dilation == 0 || reach > length {
            return Err(Error::argument(
                "unfold",
                format!(
                    "windows of {size} (step {step}, dilation {dilation}) do not fit dimension {dim} of size {length}"
                ),
            ));
        }
        let mut layout = self.clone();
        if !single {
            layout.shape[dim] = ((length - reach) / step).saturating_add(1);
            layout.strides[dim] = times(stride, step);
        }
        layout.shape.push(size);
        layout.strides.push(times(stride, dilation));
        layout.shape.checked_numel("unfold")?;
        Ok(layout.counted())
    }

    /// Dimension `dim`, counted from either end.
    pub fn axis(&self, operation: &'static str, dim: i64) -> Result<usize> {
        axis_of(operation, dim, self.rank())
    }
}

/// A stride taken so many times, as far as there are numbers for it: what exceeds them lies in no memory, and is the
/// stride of a dimension that is never stepped along.
#[inline]
fn times(stride: isize, n: usize) -> isize {
    stride.saturating_mul(isize::try_from(n).unwrap_or(isize::MAX))
}

/// The places of a layout's elements in row-major order.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    layout: &'a Layout,
    index: Shape,
    place: isize,
    left: usize,
}

impl Layout {
    /// Where each element lies, in row-major order.
    pub fn places(&self) -> Places<'_> {
        Places {
            layout: self,
            index: Shape::repeat(0, self.rank()),
            place: self.offset as isize,
            left: self.numel(),
        }
    }
}

impl Iterator for Places<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let place = self.place as usize;
        for dim in (0..self.index.len()).rev() {
            // Past the end of a dimension the place may overflow, and comes back by as much.
            self.index[dim] += 1;
            self.place = self.place.wrapping_add(self.layout.strides[dim]);
            if self.index[dim] < self.layout.shape[dim] {
                break;
            }
            let back = self.layout.strides[dim].wrapping_mul(self.index[dim] as isize);
            self.place = self.place.wrapping_sub(back);
            self.index[dim] = 0;
        }
        Some(place)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Places<'_> {}
