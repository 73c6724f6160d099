//! What arrays are made of, and from whose random numbers.

use cresset_tensor::{DType, Device, Error, Generator, Result, Stream, random};

use crate::Apply;

/// The dtype of a new array, where it lives, and the generator of its random numbers.
///
/// A dtype, a device or a generator alone is one, too.
///
/// ```
/// use cresset_ops::prelude::*;
/// use cresset_tensor::Generator;
/// let mut generator = Generator::new(7);
/// let x = Array::rand_with([2], &mut generator)?;
/// let y = Array::rand_with([2], TensorOptions::new().dtype(DType::F64).generator(&mut generator))?;
/// assert_eq!((x.dtype(), y.dtype()), (DType::F32, DType::F64));
/// # Ok::<(), Error>(())
/// ```
#[derive(Default, Debug)]
pub struct TensorOptions<'a> {
    /// The dtype; without one, what the function says.
    pub dtype: Option<DType>,
    /// Where it lives.
    pub device: Device,
    /// The source of random numbers; without one, that of the process.
    pub generator: Option<&'a mut Generator>,
}

impl<'a> TensorOptions<'a> {
    /// As everybody has them.
    pub fn new() -> TensorOptions<'a> {
        TensorOptions::default()
    }

    /// With that dtype.
    pub fn dtype(self, dtype: DType) -> TensorOptions<'a> {
        TensorOptions { dtype: Some(dtype), ..self }
    }

    /// On that device.
    pub fn device(self, device: Device) -> TensorOptions<'a> {
        TensorOptions { device, ..self }
    }

    /// With random numbers of that generator.
    pub fn generator(self, generator: &'a mut Generator) -> TensorOptions<'a> {
        TensorOptions { generator: Some(generator), ..self }
    }

    /// With the dtype of another, where that lives.
    pub fn like<T: Apply>(self, other: &T) -> TensorOptions<'a> {
        self.dtype(other.dtype()).device(other.device())
    }

    /// The dtype, or what it is where nobody says.
    pub(super) fn dtype_or(&self, default: DType) -> DType {
        self.dtype.unwrap_or(default)
    }

    /// A floating-point dtype.
    #[track_caller]
    pub(super) fn float_dtype(&self, name: &'static str) -> Result<DType> {
        let dtype = self.dtype_or(DType::DEFAULT_FLOAT);
        if dtype.is_float() {
            return Ok(dtype);
        }
        Err(Error::dtype(name, format!("needs floating point, not {dtype}")))
    }

    /// A stream for `n` elements.
    pub(super) fn stream(self, n: usize) -> Stream {
        match self.generator {
            Some(generator) => generator.reserve(n),
            None => random::reserve(n),
        }
    }

    /// A stream with a generator for each element.
    pub(super) fn stream_each(self) -> Stream {
        match self.generator {
            // Elements' generators are told apart by the part of the counter that one of a stream has used.
            Some(generator) => generator.fork().reserve_each(),
            None => random::reserve_each(),
        }
    }
}

impl From<()> for TensorOptions<'_> {
    fn from((): ()) -> Self {
        TensorOptions::default()
    }
}

impl From<DType> for TensorOptions<'_> {
    fn from(dtype: DType) -> Self {
        TensorOptions::new().dtype(dtype)
    }
}

impl From<Option<DType>> for TensorOptions<'_> {
    fn from(dtype: Option<DType>) -> Self {
        TensorOptions { dtype, ..TensorOptions::default() }
    }
}

impl From<Device> for TensorOptions<'_> {
    fn from(device: Device) -> Self {
        TensorOptions::new().device(device)
    }
}

impl<'a> From<&'a mut Generator> for TensorOptions<'a> {
    fn from(generator: &'a mut Generator) -> Self {
        TensorOptions::new().generator(generator)
    }
}
