//! Calls: `torch.special`.

use cresset_ops::{Apply, DType, Operand, Result, methods::prelude::*};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name.strip_prefix("special.")?, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input");
    // The first of two arguments may be a number, if the other is a tensor.
    let first = || match (args.operand(0, "input|x")?, args.operand(1, "other|n")?) {
        (Operand::Number(number), Operand::Value(other)) => Operand::Number(number).value(other.dtype()),
        (Operand::Number(_), _) => args.tensor(0, "input|x").cloned(),
        (first, _) => first.value(DType::F32),
    };
    let second = || args.operand(1, "other|n");
    let y: T = match name {
        "airy_ai" => x()?.airy_ai()?,
        "bessel_j0" => x()?.bessel_j0()?,
        "bessel_j1" => x()?.bessel_j1()?,
        "bessel_y0" => x()?.bessel_y0()?,
        "bessel_y1" => x()?.bessel_y1()?,
        "chebyshev_polynomial_t" => first()?.chebyshev_polynomial_t(second()?)?,
        "chebyshev_polynomial_u" => first()?.chebyshev_polynomial_u(second()?)?,
        "chebyshev_polynomial_v" => first()?.chebyshev_polynomial_v(second()?)?,
        "chebyshev_polynomial_w" => first()?.chebyshev_polynomial_w(second()?)?,
        "entr" => x()?.entr()?,
        "erfcx" => x()?.erfcx()?,
        "hermite_polynomial_h" => first()?.hermite_polynomial_h(second()?)?,
        "hermite_polynomial_he" => first()?.hermite_polynomial_he(second()?)?,
        "i0e" => x()?.i0e()?,
        "i1" => x()?.i1()?,
        "i1e" => x()?.i1e()?,
        "laguerre_polynomial_l" => first()?.laguerre_polynomial_l(second()?)?,
        "legendre_polynomial_p" => first()?.legendre_polynomial_p(second()?)?,
        "log_ndtr" => x()?.log_ndtr()?,
        "modified_bessel_i0" => x()?.modified_bessel_i0()?,
        "modified_bessel_i1" => x()?.modified_bessel_i1()?,
        "modified_bessel_k0" => x()?.modified_bessel_k0()?,
        "modified_bessel_k1" => x()?.modified_bessel_k1()?,
        "ndtr" => x()?.ndtr()?,
        "ndtri" => x()?.ndtri()?,
        // The samples have the tensor first, whatever the function's order.
        "polygamma" => x()?.polygamma(args.int(1, "n")?)?,
        "scaled_modified_bessel_k0" => x()?.scaled_modified_bessel_k0()?,
        "scaled_modified_bessel_k1" => x()?.scaled_modified_bessel_k1()?,
        "shifted_chebyshev_polynomial_t" => first()?.shifted_chebyshev_polynomial_t(second()?)?,
        "shifted_chebyshev_polynomial_u" => first()?.shifted_chebyshev_polynomial_u(second()?)?,
        "shifted_chebyshev_polynomial_v" => first()?.shifted_chebyshev_polynomial_v(second()?)?,
        "shifted_chebyshev_polynomial_w" => first()?.shifted_chebyshev_polynomial_w(second()?)?,
        "spherical_bessel_j0" => x()?.spherical_bessel_j0()?,
        "xlog1py" => first()?.xlog1py(second()?)?,
        "zeta" => first()?.zeta(second()?)?,
        _ => return Ok(None),
    };
    Ok(Some(y.into()))
}
