//! The numbers that all contestants compute with, as our tensors.

use cresset::prelude::*;

use super::inputs;

/// As `randn`, nearly.
pub fn normal(name: &str, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_slice(&inputs::normal(name, shape), shape)
}

/// As `randint`.
pub fn integers(name: &str, bound: u32, shape: &[usize]) -> Result<Tensor> {
    Tensor::from_slice(&inputs::integers(name, bound, shape), shape)
}

/// Gives a model the parameters that all contestants' begin with.
pub fn fill(model: &impl Module) -> Result<()> {
    for (name, parameter) in model.named_parameters() {
        let shape = parameter.shape().to_vec();
        let numbers = Tensor::from_slice(&inputs::parameter(&name, &shape), shape)?;
        no_grad(|| parameter.copy_(&numbers).map(drop))?;
    }
    Ok(())
}

/// By what a result is compared.
pub fn digest(result: &Tensor) -> Result<Vec<f64>> {
    Ok(inputs::digest(&result.to_dtype(DType::F64)?.to_vec::<f64>()?))
}
