//! The rows, as our library computes them: by the names, sizes and meaning that they have in every contestant.

mod attention;
mod convolutions;
mod formulas;
mod loading;
pub mod networks;
mod products;
mod reductions;
mod scaling;
mod tiny;
pub mod training;

use cresset::prelude::*;

use super::{
    numbers::digest,
    protocol::{Outcome, Run},
};

/// Something that is timed.
pub struct Row {
    /// Its name, the same everywhere.
    pub name: String,
    /// Additions and multiplications that the mathematics asks for; 0 where they are not what takes time.
    pub flops: f64,
    /// Bytes that have to be read and written at least.
    pub bytes: f64,
    /// Prepares it.
    pub make: Box<dyn Fn() -> Outcome<Run>>,
}

/// All rows, in the order in which they are shown.
pub fn all() -> Vec<Row> {
    let mut rows = products::rows();
    rows.extend(formulas::rows());
    rows.extend(reductions::rows());
    rows.extend(convolutions::rows());
    rows.extend(attention::rows());
    rows.extend(tiny::rows());
    rows.extend(training::rows());
    rows.extend(loading::rows());
    rows.extend(scaling::rows());
    rows
}

/// A row that computes one array from others, not recorded.
fn forward<F>(name: impl Into<String>, flops: f64, bytes: f64, make: impl Fn() -> Result<F> + 'static) -> Row
where
    F: Fn() -> Result<Tensor> + 'static,
{
    let make = move || -> Outcome<Run> {
        let compute = make()?;
        let answer = digest(&no_grad(&compute)?)?;
        let call = move || -> Outcome<()> {
            no_grad(&compute)?;
            Ok(())
        };
        Ok(Run { answer, call: Box::new(call) })
    };
    Row { name: name.into(), flops, bytes, make: Box::new(make) }
}
