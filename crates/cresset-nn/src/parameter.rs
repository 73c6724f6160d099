//! The tensors a module has: parameters, which are trained, and buffers, which are only saved.

use std::{fmt, ops::Deref};

use cresset_autograd::{Apply, Error, Operand, Result, Tensor};

/// A tensor that is trained: PyTorch's `nn.Parameter`. It is used wherever a tensor is.
///
/// Cloning it gives the same parameter, so that two modules may share one.
///
/// A constructor that is given arguments no parameter can be made of does not panic: the parameter keeps the error, and
/// gives it to whoever asks for its numbers through [`Parameter::get`], as every layer does.
#[derive(Clone)]
pub struct Parameter {
    tensor: Tensor,
    refused: Option<Error>,
}

impl Parameter {
    /// A tensor that is trained from now on. One that cannot be, since it is not floating point, is refused.
    #[track_caller]
    pub fn new(tensor: Tensor) -> Parameter {
        // A parameter is a leaf: how its first numbers were computed is nobody's business.
        let tensor = if tensor.is_leaf() { tensor } else { tensor.detach() };
        let refused = tensor.set_requires_grad(true).err();
        Parameter { tensor, refused }
    }

    /// What became of making one: where that failed, a parameter without elements that keeps the error.
    #[track_caller]
    pub fn of(made: Result<Tensor>) -> Parameter {
        match made {
            Ok(tensor) => Parameter::new(tensor),
            Err(error) => {
                Parameter { refused: Some(error), ..Parameter::new(Tensor::new(Vec::<f32>::new())) }
            }
        }
    }

    /// The tensor, or why there is none.
    pub fn get(&self) -> Result<&Tensor> {
        match &self.refused {
            None => Ok(&self.tensor),
            Some(error) => Err(error.clone()),
        }
    }

    /// Takes another tensor's place, of other numbers, shape or dtype, and goes on being trained if this was.
    #[track_caller]
    pub fn set(&mut self, tensor: Tensor) -> Result<()> {
        let wanted = self.tensor.needs_grad();
        let tensor = if tensor.is_leaf() { tensor } else { tensor.detach() };
        tensor.set_requires_grad(wanted)?;
        *self = Parameter { tensor, refused: None };
        Ok(())
    }
}

/// A tensor that is saved with its module, but not trained, as the running mean of a norm.
#[derive(Clone)]
pub struct Buffer {
    tensor: Tensor,
    persistent: bool,
}

impl Buffer {
    /// A tensor that is saved with its module.
    pub fn new(tensor: Tensor) -> Buffer {
        Buffer { tensor: tensor.detach(), persistent: true }
    }

    /// A tensor that goes where its module goes, but is not saved: PyTorch's `persistent=False`.
    pub fn transient(tensor: Tensor) -> Buffer {
        Buffer { persistent: false, ..Buffer::new(tensor) }
    }

    /// Is it saved?
    pub fn is_persistent(&self) -> bool {
        self.persistent
    }

    /// Takes another tensor's place, of other numbers, shape or dtype.
    pub fn set(&mut self, tensor: Tensor) {
        self.tensor = tensor.detach();
    }
}

macro_rules! tensor_like {
    ($($type:ident)*) => {$(
        impl Deref for $type {
            type Target = Tensor;

            fn deref(&self) -> &Tensor {
                &self.tensor
            }
        }

        impl AsRef<Tensor> for $type {
            fn as_ref(&self) -> &Tensor {
                &self.tensor
            }
        }

        impl<'a> From<&'a $type> for Operand<'a, Tensor> {
            fn from(value: &'a $type) -> Self {
                Operand::Value(&value.tensor)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({} {})", stringify!($type), self.tensor.dtype(), self.tensor.shape())
            }
        }
    )*};
}

tensor_like!(Parameter Buffer);
