//! Python's pickle, as far as `torch.save` uses it: a machine that builds values and runs nothing, and a writer.
//!
//! Values lie in one list and name each other by place, so that no pickle, however deep or circular, can exhaust the
//! stack while it is read or dropped.

mod call;
mod globals;
mod machine;
mod value;
mod write;

pub(crate) use self::{
    machine::{Pickle, run},
    value::{NumpyArray, Ref, Storage, Tensor, Value},
    write::Writer,
};
