//! Modules: norms.

use cresset_autograd::Tensor;
use cresset_nn::{
    BatchNorm1d, BatchNorm2d, BatchNorm3d, GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d,
    LayerNorm, LocalResponseNorm, RmsNorm,
};
use cresset_ops::Result;

use super::{Built, Wanted};
use crate::golden::{Args, Value};

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    let momentum = || match init.get(2, "momentum") {
        Some(Value::None) => Ok(None),
        _ => init.float_or(2, "momentum", 0.1).map(Some),
    };
    macro_rules! channels {
        ($type:ident $default:literal) => {{
            let norm = $type::new(init.size(0, "num_features")?).eps(init.float_or(1, "eps", 1e-5)?);
            let norm = norm.momentum(momentum()?).affine(init.bool_or(3, "affine", $default)?);
            let norm = norm.track_running_stats(init.bool_or(4, "track_running_stats", $default)?);
            wanted.layer(norm.bias(init.bool_or(7, "bias", true)?))?
        }};
    }
    Ok(Some(match name {
        "BatchNorm1d" => channels!(BatchNorm1d true),
        "BatchNorm2d" => channels!(BatchNorm2d true),
        "BatchNorm3d" => channels!(BatchNorm3d true),
        "InstanceNorm1d" => channels!(InstanceNorm1d false),
        "InstanceNorm2d" => channels!(InstanceNorm2d false),
        "InstanceNorm3d" => channels!(InstanceNorm3d false),
        "LayerNorm" => {
            let norm = LayerNorm::new(init.sizes(0, "normalized_shape")?);
            let norm = norm.eps(init.float_or(1, "eps", 1e-5)?);
            let norm = norm.elementwise_affine(init.bool_or(2, "elementwise_affine", true)?);
            wanted.layer(norm.bias(init.bool_or(3, "bias", true)?))?
        }
        "RMSNorm" => {
            let norm = RmsNorm::new(init.sizes(0, "normalized_shape")?).eps(init.maybe_float(1, "eps")?);
            wanted.layer(norm.elementwise_affine(init.bool_or(2, "elementwise_affine", true)?))?
        }
        "GroupNorm" => {
            let norm = GroupNorm::new(init.size(0, "num_groups")?, init.size(1, "num_channels")?);
            let norm = norm.eps(init.float_or(2, "eps", 1e-5)?).affine(init.bool_or(3, "affine", true)?);
            wanted.layer(norm.bias(init.bool_or(6, "bias", true)?))?
        }
        "LocalResponseNorm" => {
            let norm = LocalResponseNorm::new(init.size(0, "size")?).alpha(init.float_or(1, "alpha", 1e-4)?);
            wanted.layer(norm.beta(init.float_or(2, "beta", 0.75)?).k(init.float_or(3, "k", 1.0)?))?
        }
        _ => return Ok(None),
    }))
}
