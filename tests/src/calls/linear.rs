//! Calls: linear algebra.

use cresset_ops::{
    Apply, Error, Result,
    methods::{ComputeMode, Contractions, Distances, Matrices},
};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input|self");
    let other = |name| args.tensor(1, name);
    // `β·input + α·product`.
    let scales = || Ok::<_, Error>((args.number_or(3, "beta", 1)?, args.number_or(4, "alpha", 1)?));
    Ok(Some(Value::Tensor(match name {
        "matmul" | "__matmul__" => x()?.matmul(other("other|tensor2")?)?,
        "__rmatmul__" => other("other")?.matmul(x()?)?,
        "mm" => x()?.mm(other("mat2")?)?,
        "bmm" => x()?.bmm(other("mat2")?)?,
        "mv" => x()?.mv(other("vec")?)?,
        "dot" => x()?.dot(other("tensor|other")?)?,
        "vdot" => x()?.vdot(other("other")?)?,
        "linalg.vecdot" => args.tensor(0, "x")?.vecdot(other("y")?, args.int_or(2, "dim", -1)?)?,
        "inner" => x()?.inner(other("other")?)?,
        "outer" => x()?.outer(other("vec2")?)?,
        "ger" => x()?.ger(other("vec2")?)?,
        "addmm" => {
            let (beta, alpha) = scales()?;
            x()?.addmm(other("mat1")?, args.tensor(2, "mat2")?, beta, alpha)?
        }
        "addmv" => {
            let (beta, alpha) = scales()?;
            x()?.addmv(other("mat")?, args.tensor(2, "vec")?, beta, alpha)?
        }
        "addbmm" => {
            let (beta, alpha) = scales()?;
            x()?.addbmm(other("batch1")?, args.tensor(2, "batch2")?, beta, alpha)?
        }
        "baddbmm" => {
            let (beta, alpha) = scales()?;
            x()?.baddbmm(other("batch1")?, args.tensor(2, "batch2")?, beta, alpha)?
        }
        "addr" => {
            let (beta, alpha) = scales()?;
            x()?.addr(other("vec1")?, args.tensor(2, "vec2")?, beta, alpha)?
        }
        "chain_matmul" => T::chain_matmul(&args.tensors_from(0, "matrices")?)?,
        "linalg.multi_dot" => T::multi_dot(&args.tensors(0, "tensors")?)?,
        "linalg.matrix_power" | "matrix_power" => x()?.matrix_power(args.int(1, "n")?)?,
        "kron" => x()?.kron(other("other")?)?,
        "cross" => x()?.cross(other("other")?, args.maybe_int(2, "dim")?)?,
        "linalg.cross" => x()?.cross(other("other")?, args.int_or(2, "dim", -1)?)?,
        "nn.functional.linear" => x()?.linear(other("weight")?, args.maybe_tensor(2, "bias")?)?,
        "nn.functional.bilinear" => {
            let bias = args.maybe_tensor(3, "bias")?;
            args.tensor(0, "input1")?.bilinear(other("input2")?, args.tensor(2, "weight")?, bias)?
        }
        "einsum" => einsum(args)?,
        "tensordot" => tensordot(args)?,
        "cdist" => {
            let mode = args.text_or(3, "compute_mode", "use_mm_for_euclid_dist_if_necessary")?;
            let mode: ComputeMode = mode.parse()?;
            args.tensor(0, "x1")?.cdist_with(other("x2")?, args.float_or(2, "p", 2.0)?, mode)?
        }
        "pdist" | "nn.functional.pdist" => x()?.pdist(args.float_or(1, "p", 2.0)?)?,
        "nn.functional.pairwise_distance" => {
            let (p, eps) = (args.float_or(2, "p", 2.0)?, args.float_or(3, "eps", 1e-6)?);
            args.tensor(0, "x1")?.pairwise_distance(
                other("x2")?,
                p,
                eps,
                args.bool_or(4, "keepdim", false)?,
            )?
        }
        "nn.functional.cosine_similarity" => {
            let (dim, eps) = (args.int_or(2, "dim", 1)?, args.float_or(3, "eps", 1e-8)?);
            args.tensor(0, "x1")?.cosine_similarity(other("x2")?, dim, eps)?
        }
        _ => return Ok(None),
    })))
}

/// `einsum(equation, *operands)`, as PyTorch's samples put it: the operands first.
fn einsum<T: Apply>(args: &Args<T>) -> Result<T> {
    let (operands, equation) = match args.get(0, "equation") {
        Some(Value::Text(equation)) => (args.tensors_from(1, "operands")?, equation.as_str()),
        _ => (args.tensors(0, "operands")?, args.text(1, "equation")?),
    };
    T::einsum(equation, &operands)
}

fn tensordot<T: Apply>(args: &Args<T>) -> Result<T> {
    let (a, b) = (args.tensor(0, "a")?, args.tensor(1, "b")?);
    let ints = |value: &Value<T>| -> Result<Vec<i64>> {
        let list = Args::new(vec![value.clone()], Vec::new(), "");
        list.ints(0, "dims")
    };
    match args.given(2, "dims") {
        None => a.tensordot(b, 2),
        Some(Value::List(pair)) => match pair.as_slice() {
            [own, others] => a.tensordot_dims(b, ints(own)?, ints(others)?),
            _ => Err(Error::argument("tensordot", "dims must be a pair of lists")),
        },
        Some(_) => a.tensordot(b, args.int(2, "dims")?),
    }
}
