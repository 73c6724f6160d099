//! How each of PyTorch's functions is called here: its name and arguments, as methods of ours. One file per theme.

use cresset_ops::{Apply, Result};

use crate::golden::{Args, Value};

mod activation;
mod arithmetic;
mod comparison;
mod creation;
mod elementwise;
mod functional;
mod indexing;
mod joining;
mod linear;
mod loss;
mod normalization;
mod reduction;
mod resample;
mod scans;
mod shape;
mod sorting;
mod special;
mod statistics;
mod window;

/// Calls the function of a name; `None` where nobody has it.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    elementwise::call(name, args)
        .or_else(|| arithmetic::call(name, args))
        .or_else(|| comparison::call(name, args))
        .or_else(|| creation::call(name, args))
        .or_else(|| reduction::call(name, args))
        .or_else(|| sorting::call(name, args))
        .or_else(|| scans::call(name, args))
        .or_else(|| statistics::call(name, args))
        .or_else(|| shape::call(name, args))
        .or_else(|| indexing::call(name, args))
        .or_else(|| joining::call(name, args))
        .or_else(|| special::call(name, args))
        .or_else(|| linear::call(name, args))
        .or_else(|| window::call(name, args))
        .or_else(|| resample::call(name, args))
        .or_else(|| activation::call(name, args))
        .or_else(|| normalization::call(name, args))
        .or_else(|| loss::call(name, args))
        .or_else(|| functional::call(name, args))
}
