//! Modules: paddings.

use cresset_autograd::Tensor;
use cresset_nn::*;
use cresset_ops::Result;

use super::{Built, Wanted};
use crate::golden::Args;

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    macro_rules! pads {
        ($($type:ident)* ; $($constant:ident)*) => {
            match name {
                $(stringify!($type) => wanted.layer($type::new(init.ints(0, "padding")?))?,)*
                $(stringify!($constant) => {
                    wanted.layer($constant::new(init.ints(0, "padding")?, init.number(1, "value")?))?
                })*
                _ => return Ok(None),
            }
        };
    }
    Ok(Some(pads! {
        ReflectionPad1d ReflectionPad2d ReflectionPad3d
        ReplicationPad1d ReplicationPad2d ReplicationPad3d
        CircularPad1d CircularPad2d CircularPad3d
        ZeroPad1d ZeroPad2d ZeroPad3d;
        ConstantPad1d ConstantPad2d ConstantPad3d
    }))
}
