//! `Array`: a layout over shared memory. Making one, looking at it, taking it out again.

use std::sync::Arc;

use crate::{
    DType, Device, Element, Error, IntoArray, Layout, Locks, Result, Scalar, Shape, SharedLayout, Storage,
    Strides, with_element,
};

/// Numbers of one dtype, arranged in any number of dimensions, over memory that views share.
///
/// Cloning is cheap and shares the memory. Operations are methods of the traits in `cresset-ops`.
#[derive(Clone)]
pub struct Array {
    storage: Arc<Storage>,
    /// Shared: what is computed of an array mostly has its layout, and arrays are moved and cloned often.
    layout: SharedLayout,
    dtype: DType,
    device: Device,
}

impl Array {
    /// Uninitialised, row-major. Whoever asks writes every element before anyone else sees it.
    pub fn uninitialised(operation: &'static str, shape: Shape, dtype: DType) -> Result<Array> {
        let numel = shape.checked_numel(operation)?;
        let storage = Storage::uninitialised(operation, numel * dtype.size())?;
        Ok(Array::row_major(storage, shape, dtype))
    }

    /// Uninitialised, row-major, of the shape of another. Whoever asks writes every element before anyone else sees it.
    pub fn uninitialised_like(operation: &'static str, like: &Array, dtype: DType) -> Result<Array> {
        if !like.is_contiguous() || like.offset() != 0 {
            return Array::uninitialised(operation, like.shape().clone(), dtype);
        }
        // As many elements lie in a memory already, so that their number times a dtype's size is a number.
        let storage = Arc::new(Storage::uninitialised(operation, like.numel() * dtype.size())?);
        Ok(Array { storage, layout: like.layout.clone(), dtype, device: Device::Cpu })
    }

    /// Row-major over memory of another device, which holds as many elements.
    pub fn remote(storage: Storage, shape: Shape, dtype: DType) -> Result<Array> {
        let numel = shape.checked_numel("remote")?;
        let Some(memory) = storage.as_remote() else {
            return Err(Error::device("remote", "this is the processor's memory"));
        };
        if storage.bytes() / dtype.size() < numel {
            let message = format!("{} bytes do not hold {numel} elements of {dtype}", storage.bytes());
            return Err(Error::memory("remote", message));
        }
        let device = memory.device();
        Ok(Array { storage: Arc::new(storage), layout: SharedLayout::contiguous(shape), dtype, device })
    }

    /// The same numbers in the processor's memory; without a copy if they are there.
    ///
    /// Of a view of another device's memory, what lies between its first and last element is fetched.
    pub fn to_host(&self) -> Result<Array> {
        let Some(remote) = self.storage.as_remote() else { return Ok(self.clone()) };
        let size = self.dtype.size();
        let (low, high) = self.layout.span()?.unwrap_or((0, 0));
        let storage = remote.read(low * size..high * size)?;
        let offset = if high > low { self.layout.offset() - low } else { 0 };
        let layout = Layout::new(self.shape().clone(), self.strides().clone(), offset);
        Array::over(storage, layout, self.dtype)
    }

    /// A layout over memory of the processor's that somebody has filled; the layout must lie inside it.
    pub fn over(storage: Storage, layout: Layout, dtype: DType) -> Result<Array> {
        if storage.as_remote().is_some() {
            return Err(Error::device("over", "this is another device's memory"));
        }
        let line = SharedLayout::new(Layout::contiguous([storage.bytes() / dtype.size()].into()));
        let whole = Array { storage: Arc::new(storage), layout: line, dtype, device: Device::Cpu };
        whole.with_layout(layout)
    }

    /// Every element the same number. PyTorch's `full`.
    ///
    /// ```
    /// use cresset_tensor::{Array, DType};
    /// let x = Array::filled("full", [2, 2].into(), DType::I32, 7)?;
    /// assert_eq!(x.to_vec::<i32>()?, [7; 4]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    pub fn filled(
        operation: &'static str,
        shape: Shape,
        dtype: DType,
        value: impl Into<Scalar>,
    ) -> Result<Array> {
        Array::filled_with(operation, shape, dtype, value.into())
    }

    fn filled_with(operation: &'static str, shape: Shape, dtype: DType, value: Scalar) -> Result<Array> {
        let array = Array::uninitialised(operation, shape, dtype)?;
        with_element!(dtype, T => {
            let value = T::from_scalar(value);
            let numel = array.numel();
            // SAFETY: the memory is fresh, ours alone, and holds `numel` elements of T.
            unsafe {
                let start = array.as_ptr().cast::<T>();
                for i in 0..numel {
                    start.add(i).write(value);
                }
            }
        });
        Ok(array)
    }

    /// One number without dimensions.
    #[inline]
    pub fn scalar(value: impl Into<Scalar>, dtype: DType) -> Result<Array> {
        Array::filled("scalar", Shape::default(), dtype, value)
    }

    /// Takes a vector over, without a copy, in row-major order.
    ///
    /// Large vectors mostly lie a few bytes off a line of the cache, which costs what goes through them again and again up to
    /// a third; [`Array::from_slice`] copies once, into memory as every operation gives it.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// let x = Array::from_vec(vec![1i64, 2, 3, 4], [2, 2])?;
    /// assert_eq!(x.to_string(), "tensor([[1, 2],\n        [3, 4]])");
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn from_vec<T: Element>(vec: Vec<T>, shape: impl Into<Shape>) -> Result<Array> {
        let shape = shape.into();
        check_length(vec.len(), &shape)?;
        Ok(Array::over_vec(vec, shape))
    }

    /// A vector under a shape of as many elements.
    fn over_vec<T: Element>(vec: Vec<T>, shape: Shape) -> Array {
        Array::row_major(Storage::from_vec(vec), shape, T::DTYPE)
    }

    fn row_major(storage: Storage, shape: Shape, dtype: DType) -> Array {
        let layout = SharedLayout::contiguous(shape);
        Array { storage: Arc::new(storage), layout, dtype, device: Device::Cpu }
    }

    /// A vector as an array of one dimension.
    pub(crate) fn line<T: Element>(vec: Vec<T>) -> Array {
        let length = vec.len();
        Array::over_vec(vec, Shape::from(length))
    }

    /// A number as an array without dimensions.
    pub(crate) fn point<T: Element>(number: T) -> Array {
        Array::over_vec(vec![number], Shape::default())
    }

    /// A copy of a slice, in row-major order.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// let x = Array::from_slice(&[1i64, 2, 3, 4], [2, 2])?;
    /// assert_eq!(x.to_vec::<i64>()?, [1, 2, 3, 4]);
    /// assert!(x.as_ptr().addr().is_multiple_of(64));
    /// assert!(Array::from_slice(&[1i64, 2, 3], [2, 2]).is_err());
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn from_slice<T: Element>(slice: &[T], shape: impl Into<Shape>) -> Result<Array> {
        let shape = shape.into();
        check_length(slice.len(), &shape)?;
        let array = Array::uninitialised("from_slice", shape, T::DTYPE)?;
        // SAFETY: the array is fresh, and has as many elements as the slice.
        unsafe { std::ptr::copy_nonoverlapping(slice.as_ptr(), array.as_ptr().cast::<T>(), slice.len()) };
        Ok(array)
    }

    /// From a nested literal, a vector, a slice or a number.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// let x = Array::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.shape(), &[2, 2]);
    /// ```
    ///
    /// # Panics
    /// Where nested vectors differ in length; [`IntoArray::into_array`] returns that as an error.
    #[track_caller]
    pub fn new(values: impl IntoArray) -> Array {
        match values.into_array() {
            Ok(array) => array,
            Err(error) => panic!("{error}"),
        }
    }

    /// The same memory under another layout, which must lie inside it.
    ///
    /// ```
    /// use cresset_tensor::{Array, Layout};
    /// let x = Array::new([1, 2, 3, 4, 5, 6]);
    /// let backwards = x.with_layout(Layout::new([3].into(), [-2].into(), 5))?;
    /// assert_eq!(backwards.to_vec::<i32>()?, [6, 4, 2]);
    /// assert!(x.with_layout(Layout::new([4].into(), [-2].into(), 5)).is_err());
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn with_layout(&self, mut layout: Layout) -> Result<Array> {
        layout.shape().checked_numel("view")?;
        let available = self.storage.bytes() / self.dtype.size();
        match layout.span()? {
            Some((_, end)) if end > available => {
                return Err(Error::memory(
                    "view",
                    format!("{layout:?} reaches element {} of a memory of {available}", end - 1),
                ));
            }
            Some(_) => {}
            // Without elements any offset is legal, but a pointer made of it must not be.
            None if layout.offset() > available => {
                layout = Layout::new(layout.shape().clone(), layout.strides().clone(), available);
            }
            None => {}
        }
        let layout = SharedLayout::new(layout);
        Ok(Array { storage: self.storage.clone(), layout, dtype: self.dtype, device: self.device })
    }

    /// The size of every dimension.
    #[inline]
    pub fn shape(&self) -> &Shape {
        self.layout.shape()
    }

    /// How far apart neighbours lie in memory, in elements. PyTorch's `stride`.
    #[inline]
    pub fn strides(&self) -> &Strides {
        self.layout.strides()
    }

    /// Where the first element lies in memory, in elements. PyTorch's `storage_offset`.
    #[inline]
    pub fn offset(&self) -> usize {
        self.layout.offset()
    }

    /// Shape, strides and offset.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The layout, to be kept beyond the array's life.
    #[inline]
    pub fn shared_layout(&self) -> &SharedLayout {
        &self.layout
    }

    /// The kind of its numbers.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where it lives.
    #[inline]
    pub fn device(&self) -> Device {
        self.device
    }

    /// Number of dimensions. PyTorch's `ndim`.
    #[inline]
    pub fn rank(&self) -> usize {
        self.layout.rank()
    }

    /// Number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.layout.numel()
    }

    /// Row-major without gaps?
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.layout.is_contiguous()
    }

    /// The memory.
    #[inline]
    pub fn storage(&self) -> &Arc<Storage> {
        &self.storage
    }

    /// Do both lie over the same memory?
    #[inline]
    pub fn shares_memory(&self, other: &Array) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }

    /// Where the first element lies. Dereferencing it needs [`Locks`], or memory nobody else has seen.
    #[inline]
    pub fn as_ptr(&self) -> *mut u8 {
        // The layout was checked against the memory when this array was made.
        self.storage.as_ptr().wrapping_add(self.layout.offset() * self.dtype.size())
    }

    /// The elements in row-major order. The type must be that of the dtype.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// assert_eq!(Array::new([[1i64, 2], [3, 4]]).to_vec::<i64>()?, [1, 2, 3, 4]);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.check_type::<T>("to_vec")?;
        let numel = self.numel();
        let mut vec = Vec::new();
        // A view may have far more elements than its memory.
        if vec.try_reserve_exact(numel).is_err() {
            return Err(Error::memory(
                "to_vec",
                format!("a vector of {numel} elements does not fit into memory"),
            ));
        }
        if self.device != Device::Cpu {
            return self.to_host()?.to_vec();
        }
        let _lock = Locks::read(&self.storage);
        if self.is_contiguous() {
            // SAFETY: the layout lies inside the memory (checked when made), T is its type, and we hold the lock.
            unsafe {
                std::ptr::copy_nonoverlapping(self.as_ptr().cast::<T>(), vec.as_mut_ptr(), numel);
                vec.set_len(numel);
            }
            return Ok(vec);
        }
        let start = self.storage.as_ptr().cast::<T>();
        // SAFETY: every place of the layout lies inside the memory (checked when made); we hold the lock.
        self.layout.places().for_each(|place| vec.push(unsafe { *start.add(place) }));
        Ok(vec)
    }

    /// The elements in row-major order, without a copy where nobody else holds the memory and it came from a vector.
    #[track_caller]
    pub fn into_vec<T: Element>(self) -> Result<Vec<T>> {
        self.check_type::<T>("into_vec")?;
        if self.device != Device::Cpu {
            return self.to_host()?.into_vec();
        }
        let whole = self.is_contiguous()
            && self.offset() == 0
            && self.numel() * self.dtype.size() == self.storage.bytes();
        if !whole {
            return self.to_vec();
        }
        let Array { storage, layout, dtype, device } = self;
        match Arc::try_unwrap(storage).map(Storage::into_vec::<T>) {
            Ok(Ok(vec)) => Ok(vec),
            Ok(Err(storage)) => Array { storage: Arc::new(storage), layout, dtype, device }.to_vec(),
            Err(storage) => Array { storage, layout, dtype, device }.to_vec(),
        }
    }

    /// The one number of an array of one element, converted to the type asked for.
    ///
    /// ```
    /// use cresset_tensor::Array;
    /// assert_eq!(Array::new([2.5]).item::<f64>()?, 2.5);
    /// # Ok::<(), cresset_tensor::Error>(())
    /// ```
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T> {
        self.item_scalar().map(T::from_scalar)
    }

    /// The one number of an array of one element.
    #[track_caller]
    pub fn item_scalar(&self) -> Result<Scalar> {
        if self.numel() != 1 {
            return Err(Error::shape(
                "item",
                format!("an array of shape {} is not one number; index it, or reduce it first", self.shape()),
            ));
        }
        if self.device != Device::Cpu {
            return self.to_host()?.item_scalar();
        }
        let _lock = Locks::read(&self.storage);
        // SAFETY: one element lies at the layout's offset (checked when made); we hold the lock.
        Ok(with_element!(self.dtype, T => unsafe { *self.as_ptr().cast::<T>() }.to_scalar()))
    }

    /// All elements in row-major order as numbers without a width. Memory for them must be there.
    pub fn to_scalars(&self) -> Result<Vec<Scalar>> {
        if self.device != Device::Cpu {
            return self.to_host()?.to_scalars();
        }
        let _lock = Locks::read(&self.storage);
        Ok(with_element!(self.dtype, T => {
            let start = self.storage.as_ptr().cast::<T>();
            // SAFETY: every place of the layout lies inside the memory (checked when made); we hold the lock.
            self.layout.places().map(|place| unsafe { *start.add(place) }.to_scalar()).collect()
        }))
    }

    /// All elements in row-major order as `f64`.
    pub fn to_f64s(&self) -> Result<Vec<f64>> {
        Ok(self.to_scalars()?.into_iter().map(Scalar::to_f64).collect())
    }

    /// All elements in row-major order as `i64`.
    pub fn to_i64s(&self) -> Result<Vec<i64>> {
        Ok(self.to_scalars()?.into_iter().map(Scalar::to_i64).collect())
    }

    fn check_type<T: Element>(&self, operation: &'static str) -> Result<()> {
        if T::DTYPE == self.dtype {
            return Ok(());
        }
        Err(Error::dtype(
            operation,
            format!("the elements are {}, not {}; convert with to_dtype first", self.dtype, T::DTYPE),
        ))
    }
}

/// Refuses elements that do not fill a shape.
#[track_caller]
fn check_length(elements: usize, shape: &Shape) -> Result<()> {
    let numel = shape.checked_numel("from_vec")?;
    if numel == elements {
        return Ok(());
    }
    Err(Error::shape("from_vec", format!("{elements} elements do not fill shape {shape} ({numel} elements)")))
}
