//! How each of PyTorch's modules is built and called here, from its constructor's arguments. One file per theme.

use std::sync::Arc;

use cresset_autograd::Tensor;
use cresset_nn::{Layer, Module, ModuleExt, StateDict};
use cresset_ops::{DType, Device, Result};

use crate::golden::{Args, Value};

mod activation;
mod adaptive_pooling;
mod convolution;
mod embedding;
mod linear;
mod loss;
mod normalization;
mod padding;
mod pooling;
mod recurrent;
mod transformer;

/// A module, and how it is called.
pub struct Built {
    /// The module.
    pub module: Arc<dyn Module>,
    /// Calls it.
    pub call: Box<Call>,
}

type Call = dyn Fn(&Args<Tensor>) -> Result<Value<Tensor>>;

/// What a constructor may ask besides its arguments.
pub struct Wanted<'a> {
    /// The state that will be loaded.
    pub state: &'a StateDict,
    /// The dtype of its parameters.
    pub dtype: DType,
    /// Where they shall be.
    pub device: Device,
}

impl Wanted<'_> {
    /// A module of one tensor to one tensor.
    pub fn layer(&self, layer: impl Layer + 'static) -> Result<Built> {
        self.module(layer, |layer, args| Ok(Value::Tensor(layer.forward(args.tensor(0, "input")?)?)))
    }

    /// A module with a forward of its own.
    pub fn module<M: Module + 'static>(
        &self,
        mut module: M,
        call: impl Fn(&M, &Args<Tensor>) -> Result<Value<Tensor>> + 'static,
    ) -> Result<Built> {
        module.to_dtype(self.dtype)?;
        module.to_device(self.device)?;
        let module = Arc::new(module);
        let own = module.clone();
        Ok(Built { module, call: Box::new(move |args| call(&own, args)) })
    }
}

/// Builds the module of a name; `None` where nobody has it.
pub fn build(
    name: &str,
    init: &Args<Tensor>,
    state: &StateDict,
    dtype: DType,
    device: Device,
) -> Option<Result<Built>> {
    let wanted = Wanted { state, dtype, device };
    let themes = [
        activation::build,
        adaptive_pooling::build,
        convolution::build,
        embedding::build,
        linear::build,
        loss::build,
        normalization::build,
        padding::build,
        pooling::build,
        recurrent::build,
        transformer::build,
    ];
    themes.iter().find_map(|build| build(name, init, &wanted).transpose())
}
