//! Derivatives of functions: gradients, products with Jacobians, Jacobians, Hessians.

use std::{collections::HashMap, sync::Arc};

use cresset_ops::{Apply, Array, Error, Op, Result, methods::prelude::*};

use crate::{
    Tensor, backward, enable_grad,
    history::{History, Kind, Meta},
    no_grad,
    rules::{self, Some64, fit},
};

/// How [`grad`] is to be taken, and of what; see its methods.
#[derive(Clone, Copy, Default)]
pub struct Grad<'a> {
    cotangents: Option<&'a [Option<&'a Tensor>]>,
    retain_graph: bool,
    create_graph: bool,
    allow_unused: bool,
}

impl<'a> Grad<'a> {
    /// Of single numbers, with a graph that is freed.
    #[inline]
    pub fn new() -> Grad<'a> {
        Grad::default()
    }

    /// The gradients of the outputs, PyTorch's `grad_outputs`.
    #[inline]
    pub fn cotangents(self, cotangents: &'a [Option<&'a Tensor>]) -> Grad<'a> {
        Grad { cotangents: Some(cotangents), ..self }
    }

    /// Keep the graph for another pass.
    #[inline]
    pub fn retain_graph(self) -> Grad<'a> {
        Grad { retain_graph: true, ..self }
    }

    /// Record the computation of the gradients, so that they have gradients.
    #[inline]
    pub fn create_graph(self) -> Grad<'a> {
        Grad { create_graph: true, ..self }
    }

    /// Inputs without a path to the outputs get zeros instead of an error.
    #[inline]
    pub fn allow_unused(self) -> Grad<'a> {
        Grad { allow_unused: true, ..self }
    }

    /// The gradients of the sum of the outputs with regard to each input.
    #[track_caller]
    #[inline]
    pub fn of(self, outputs: &[&Tensor], inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
        let none = vec![None; outputs.len()];
        let cotangents = self.cotangents.unwrap_or(&none);
        let found = backward::gradients(outputs, inputs, cotangents, self.retain_graph, self.create_graph)?;
        found
            .into_iter()
            .zip(inputs)
            .enumerate()
            .map(|(i, (found, x))| match found {
                Some(gradient) => Ok(gradient),
                None if self.allow_unused => blank(x),
                None => Err(Error::gradient(
                    "grad",
                    format!("the outputs do not depend on input {i}; allow_unused() gives zeros for it"),
                )),
            })
            .collect()
    }
}

/// The gradients of `outputs` (single numbers) with regard to `inputs`, without touching what leaves have collected.
///
/// ```
/// use cresset_autograd::prelude::*;
/// let x = Tensor::new([2.0]).requires_grad();
/// let y = x.pow(3)?.sum()?;
/// let dy = grad(&[&y], &[&x])?;
/// assert_eq!(dy[0].item::<f64>()?, 12.0);
/// # Ok::<(), Error>(())
/// ```
///
/// [`Grad`] says more: given cotangents, `create_graph`, unused inputs.
#[track_caller]
#[inline]
pub fn grad(outputs: &[&Tensor], inputs: &[&Tensor]) -> Result<Vec<Tensor>> {
    Grad::new().of(outputs, inputs)
}

/// As [`Grad::of`], with `None` for inputs that are not reached.
#[track_caller]
#[inline]
pub(crate) fn grad_with(
    outputs: &[&Tensor],
    inputs: &[&Tensor],
    cotangents: &[Option<&Tensor>],
    retain_graph: bool,
    create_graph: bool,
) -> Result<Vec<Option<Tensor>>> {
    backward::gradients(outputs, inputs, cotangents, retain_graph, create_graph)
}

/// Zeros where a gradient would be.
#[inline]
fn blank(x: &Tensor) -> Result<Tensor> {
    rules::zeros(x, x.shape(), x.dtype())
}

/// A leaf over the same numbers; inside of a recorded computation, a node whose gradient flows on.
#[inline]
pub(crate) fn entry(x: &Tensor) -> Result<Tensor> {
    if !x.dtype().is_float() {
        return Err(Error::gradient(
            "grad",
            format!("only floating point has derivatives, not {}", x.dtype()),
        ));
    }
    if x.needs_grad() { x.alias() } else { Ok(x.detach().requires_grad()) }
}

/// `f(xs)` and the gradients of `⟨f(xs), v⟩` with regard to `xs`.
#[track_caller]
pub fn vjp(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    xs: &[Tensor],
    v: &Tensor,
) -> Result<(Tensor, Vec<Tensor>)> {
    let entries = xs.iter().map(entry).collect::<Result<Vec<_>>>()?;
    let y = enable_grad(|| f(&entries))?;
    let inputs: Vec<&Tensor> = entries.iter().collect();
    let create = xs.iter().any(Tensor::needs_grad) || v.needs_grad();
    if !y.needs_grad() {
        return Ok((y, xs.iter().map(blank).collect::<Result<_>>()?));
    }
    let found = grad_with(&[&y], &inputs, &[Some(v)], create, create)?;
    let gradients = found.into_iter().zip(xs).map(|(found, x)| found.map_or_else(|| blank(x), Ok));
    Ok((if create { y } else { y.detach() }, gradients.collect::<Result<_>>()?))
}

/// `f(xs)` and its derivative in the direction `vs`, in forward mode: the recorded operations are gone through once
/// more in their order, each pushing tangents from its inputs to its outputs.
///
/// ```
/// use cresset_autograd::prelude::*;
/// let x = Tensor::new([0.0, 1.0]);
/// let (y, dy) = jvp(|x| x[0].exp(), &[x], &[Tensor::new([1.0, 0.0])])?;
/// assert_eq!(dy.to_vec::<f64>()?, [1.0, 0.0]);
/// # assert_eq!(y.numel(), 2);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn jvp(
    f: impl Fn(&[Tensor]) -> Result<Tensor>,
    xs: &[Tensor],
    vs: &[Tensor],
) -> Result<(Tensor, Tensor)> {
    if xs.len() != vs.len() || xs.iter().zip(vs).any(|(x, v)| x.shape() != v.shape()) {
        return Err(Error::gradient("jvp", "needs one direction of the same shape for each input"));
    }
    let entries = xs.iter().map(entry).collect::<Result<Vec<_>>>()?;
    let y = enable_grad(|| f(&entries))?;
    let outer = xs.iter().chain(vs).any(Tensor::needs_grad);
    let mut tangents: HashMap<(usize, usize), Tensor> = HashMap::new();
    for (entry, v) in entries.iter().zip(vs) {
        tangents.insert(place(&entry.history()), v.clone());
    }
    let push = || -> Result<()> {
        for node in backward::tape(std::slice::from_ref(&y)) {
            let own = Arc::as_ptr(&node) as usize;
            if tangents.contains_key(&(own, 0)) {
                continue;
            }
            let dxs: Vec<Option<Tensor>> =
                node.edges.iter().map(|edge| tangents.get(&place(&edge.to)).cloned()).collect();
            if dxs.iter().all(Option::is_none) {
                continue;
            }
            let wanted = Some64::which(dxs.iter().map(Option::is_some));
            let dxs: Vec<Option<Tensor>> = dxs
                .into_iter()
                .enumerate()
                .map(|(i, dx)| dx.map(|dx| fit(dx, node.input_meta(i))).transpose())
                .collect::<Result<_>>()?;
            let op = match &node.kind {
                Kind::Op(op) => op,
                Kind::Adjoint(adjoint) => {
                    if let (Op::Unview { view, base }, Some(dx)) = (adjoint, &dxs[0]) {
                        tangents.insert((own, 0), rules::look(dx, view, base)?);
                    }
                    continue;
                }
                Kind::Custom(_) => {
                    return Err(Error::gradient(
                        node.name(),
                        "a custom function has no forward derivative; use vjp",
                    )
                    .at(node.location));
                }
            };
            let (inputs, outputs) = backward::open::<Tensor>(&node, true)?;
            let dys = backward::with_context(&node, op, &inputs, &outputs, wanted, |context| {
                rules::tangent(context, &dxs)
            })
            .map_err(|error| error.at(node.location))?;
            for (output, dy) in dys.into_iter().enumerate() {
                if let Some(dy) = dy {
                    tangents.insert((own, output), dy);
                }
            }
        }
        Ok(())
    };
    if outer {
        enable_grad(push)?
    } else {
        no_grad(push)?
    }
    let dy = match tangents.remove(&place(&y.history())) {
        Some(dy) => fit(dy, &Meta::of(y.array_ref()))?,
        None => blank(&y)?,
    };
    Ok(if outer { (y, dy) } else { (y.detach(), dy.detach()) })
}

#[inline]
fn place(history: &History) -> (usize, usize) {
    match history {
        History::Constant => (0, 0),
        History::Leaf(leaf) => (Arc::as_ptr(leaf) as usize, 0),
        History::Computed(node, output) => (Arc::as_ptr(node) as usize, *output),
    }
}

/// The Jacobian of `f` at `x`, of shape `[…f(x), …x]`, one row for each element of `f(x)`.
#[track_caller]
pub fn jacobian(f: impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor) -> Result<Tensor> {
    let create = x.needs_grad();
    let entry = entry(x)?;
    let y = enable_grad(|| f(&entry))?;
    let mut shape = y.shape().clone();
    x.shape().iter().for_each(|&size| shape.push(size));
    if !y.needs_grad() || y.numel() == 0 {
        return rules::zeros(x, &shape, x.dtype());
    }
    let mut rows = Vec::with_capacity(y.numel());
    for i in 0..y.numel() {
        let mut one = vec![0.0f64; y.numel()];
        one[i] = 1.0;
        let one = Array::from_vec(one, y.shape().clone())?.to_dtype(y.dtype())?;
        let cotangent = y.beside(one)?;
        let row = grad_with(&[&y], &[&entry], &[Some(&cotangent)], true, create)?;
        rows.push(match row.into_iter().next().flatten() {
            Some(row) => row,
            None => blank(x)?,
        });
    }
    let rows = rows.iter().map(|row| row.reshape([1, -1])).collect::<Result<Vec<_>>>()?;
    Tensor::apply_one(Op::Concat { dim: 0 }, &rows.iter().collect::<Vec<_>>())?.reshape(&shape)
}

/// The Hessian of a function that gives a single number, of shape `[…x, …x]`.
///
/// ```
/// use cresset_autograd::prelude::*;
/// let h = hessian(|x| x.pow(3)?.sum(), &Tensor::new([1.0, 2.0]))?;
/// assert_eq!(h.to_vec::<f64>()?, [6.0, 0.0, 0.0, 12.0]);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn hessian(f: impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor) -> Result<Tensor> {
    jacobian(
        |x| {
            let y = f(x)?;
            if !y.needs_grad() {
                return blank(x);
            }
            let found = grad_with(&[&y], &[x], &[None], true, true)?;
            found.into_iter().next().flatten().map_or_else(|| blank(x), Ok)
        },
        x,
    )
}

/// The product of the Hessian of a function that gives a single number with a vector, without making the Hessian.
#[track_caller]
pub fn hvp(f: impl Fn(&Tensor) -> Result<Tensor>, x: &Tensor, v: &Tensor) -> Result<Tensor> {
    let gradient = |xs: &[Tensor]| {
        let y = f(&xs[0])?;
        let found = grad_with(&[&y], &[&xs[0]], &[None], true, true)?;
        found.into_iter().next().flatten().map_or_else(|| blank(&xs[0]), Ok)
    };
    vjp(gradient, std::slice::from_ref(x), v).map(|(_, mut products)| products.remove(0))
}
