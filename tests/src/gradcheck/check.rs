//! The comparisons, of any function of tensors: first and second derivatives with finite differences, forward mode with
//! reverse mode, and the same gradient whatever the layout of the inputs.

use cresset_autograd::{Grad, Tensor, jvp};
use cresset_ops::{Apply, Array, DType, Error, Result, cpu::copy::contiguous};

use super::quotient::{Slope, slope};

/// A function of some tensors with some outputs, of which those of floating point are looked at.
pub type Function<'a> = dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + 'a;

/// How many comparisons were made.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Samples that were looked at.
    pub samples: usize,
    /// First derivatives with finite differences.
    pub first: usize,
    /// Second derivatives with finite differences.
    pub second: usize,
    /// Forward with reverse mode.
    pub forward: usize,
    /// Strided with row-major inputs.
    pub layout: usize,
}

impl Tally {
    /// Both together.
    pub fn and(self, other: Tally) -> Tally {
        Tally {
            samples: self.samples + other.samples,
            first: self.first + other.first,
            second: self.second + other.second,
            forward: self.forward + other.forward,
            layout: self.layout + other.layout,
        }
    }
}

/// A sequence of numbers between ½ and 1 in size, of both signs.
pub struct Noise(u64);

impl Noise {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Noise {
        Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// The next one, uniform in (0, 1).
    pub fn uniform(&mut self) -> f64 {
        // splitmix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The next one.
    pub fn weight(&mut self) -> f64 {
        let x = self.uniform() - 0.5;
        x + 0.5f64.copysign(x)
    }

    fn like(&mut self, x: &Array) -> Result<Array> {
        Array::from_vec((0..x.numel()).map(|_| self.weight()).collect::<Vec<f64>>(), x.shape().clone())
    }

    /// A direction in which to go from `x`: smaller where the numbers are, and nowhere where they are not finite.
    fn direction(&mut self, x: &Array) -> Vec<f64> {
        let mut one = |x: &f64| {
            let step = self.weight() * x.abs().clamp(1e-2, 1.0);
            if x.is_finite() { step } else { 0.0 }
        };
        x.to_f64s().unwrap().iter().map(&mut one).collect()
    }
}

/// Compares everything there is to compare. `seed` chooses weights and directions; the error says what differs.
pub fn check(f: &Function, inputs: &[Array], seed: u64) -> Result<Tally, String> {
    let mut noise = Noise::new(seed);
    let subject = Subject::new(f, inputs, &mut noise).map_err(|error| format!("forward: {error}"))?;
    let mut tally = Tally { samples: 1, ..Tally::default() };
    if subject.us.is_empty() {
        return Ok(tally);
    }
    let gradient = subject.gradients(inputs, &subject.us).map_err(|error| format!("backward: {error}"))?;
    for (i, (g, x)) in gradient.iter().zip(inputs).enumerate() {
        if g.shape() != x.shape() || g.dtype() != x.dtype() {
            return Err(format!(
                "the gradient of input {i} is {} {}, the input {} {}",
                g.dtype(),
                g.shape(),
                x.dtype(),
                x.shape()
            ));
        }
    }
    subject.by_backward(&gradient)?;
    let again = subject.graphed().map_err(|error| format!("backward with create_graph: {error}"))?;
    same("backward with create_graph and without", &again, &gradient)?;
    tally.layout += usize::from(subject.relaid(&gradient)?);
    tally.first += usize::from(subject.first(&gradient, &mut noise)?);
    tally.second += usize::from(subject.second(&mut noise)?);
    tally.forward += usize::from(subject.forward(&gradient, &mut noise)?);
    Ok(tally)
}

struct Subject<'a> {
    f: &'a Function<'a>,
    inputs: &'a [Array],
    /// Which outputs are looked at.
    places: Vec<usize>,
    /// The weights of those outputs.
    us: Vec<Array>,
}

impl<'a> Subject<'a> {
    fn new(f: &'a Function<'a>, inputs: &'a [Array], noise: &mut Noise) -> Result<Subject<'a>> {
        let outputs = f(&constants(inputs))?;
        let mut subject = Subject { f, inputs, places: Vec::new(), us: Vec::new() };
        for (i, y) in outputs.iter().enumerate().filter(|(_, y)| y.dtype() == DType::F64) {
            subject.places.push(i);
            subject.us.push(noise.like(y.array())?);
        }
        Ok(subject)
    }

    fn outputs(&self, xs: &[Tensor]) -> Result<Vec<Tensor>> {
        let all = (self.f)(xs)?;
        let mut found = Vec::new();
        for (&i, u) in self.places.iter().zip(&self.us) {
            match all.get(i) {
                Some(y) if y.shape() == u.shape() => found.push(y.clone()),
                _ => return Err(Error::argument("check", "the outputs change their shapes")),
            }
        }
        Ok(found)
    }

    /// `Σ⟨u, y⟩`.
    fn value(&self, xs: &[Array]) -> f64 {
        let Ok(ys) = self.outputs(&constants(xs)) else { return f64::NAN };
        dot(&ys.iter().map(|y| y.array().clone()).collect::<Vec<_>>(), &self.us)
    }

    /// The gradients of `Σ⟨u, y⟩`.
    fn gradients(&self, xs: &[Array], us: &[Array]) -> Result<Vec<Array>> {
        let leaves = leaves(xs);
        let ys = self.outputs(&leaves)?;
        let us = constants(us);
        let (ys, us) = tracked(&ys, &us);
        if ys.is_empty() {
            return leaves.iter().map(|x| Array::filled("zeros", x.shape().clone(), x.dtype(), 0)).collect();
        }
        let us: Vec<Option<&Tensor>> = us.into_iter().map(Some).collect();
        let found = Grad::new().cotangents(&us).allow_unused().of(&ys, &leaves.iter().collect::<Vec<_>>())?;
        Ok(found.iter().map(|g| g.array().clone()).collect())
    }

    /// The same by `backward()`, output by output, collected in leaves.
    fn by_backward(&self, gradient: &[Array]) -> Result<(), String> {
        let run = || -> Result<Vec<Array>> {
            let leaves = leaves(self.inputs);
            for (y, u) in self.outputs(&leaves)?.iter().zip(constants(&self.us)) {
                if y.needs_grad() {
                    y.backward_with(Some(&u), true, false)?;
                }
            }
            let collected = |x: &Tensor| match x.maybe_grad() {
                Some(g) => Ok(g.array().clone()),
                None => Array::filled("zeros", x.shape().clone(), x.dtype(), 0),
            };
            leaves.iter().map(collected).collect()
        };
        same("backward() and grad()", &run().map_err(|error| format!("backward(): {error}"))?, gradient)
    }

    /// The same, recorded.
    fn graphed(&self) -> Result<Vec<Array>> {
        let (_, _, gs) = self.recorded(self.inputs, &self.us)?;
        Ok(gs.iter().map(|g| g.array().clone()).collect())
    }

    /// Leaves for inputs and weights, and the gradients as functions of them.
    fn recorded(&self, xs: &[Array], us: &[Array]) -> Result<(Vec<Tensor>, Vec<Tensor>, Vec<Tensor>)> {
        let (xs, us) = (leaves(xs), leaves(us));
        let all = self.outputs(&xs)?;
        let (ys, weights) = tracked(&all, &us);
        if ys.is_empty() {
            let zeros =
                |x: &Tensor| Array::filled("zeros", x.shape().clone(), x.dtype(), 0).map(Tensor::constant);
            let gs = xs.iter().map(zeros).collect::<Result<_>>()?;
            return Ok((xs, us, gs));
        }
        let weights: Vec<Option<&Tensor>> = weights.into_iter().map(Some).collect();
        let of: Vec<&Tensor> = xs.iter().collect();
        let gs = Grad::new().cotangents(&weights).create_graph().allow_unused().of(&ys, &of)?;
        Ok((xs, us, gs))
    }

    /// Gradients of inputs in other layouts. Were there any?
    fn relaid(&self, gradient: &[Array]) -> Result<bool, String> {
        if self.inputs.iter().all(Array::is_contiguous) {
            return Ok(false);
        }
        let plain = self.inputs.iter().map(contiguous).collect::<Result<Vec<_>>>();
        let plain = plain.and_then(|xs| self.gradients(&xs, &self.us));
        let plain = plain.map_err(|error| format!("backward of row-major inputs: {error}"))?;
        same("of strided inputs and of row-major ones", gradient, &plain)?;
        Ok(true)
    }

    fn first(&self, gradient: &[Array], noise: &mut Noise) -> Result<bool, String> {
        let mut checked = false;
        for _ in 0..2 {
            let ds: Vec<Vec<f64>> = self.inputs.iter().map(|x| noise.direction(x)).collect();
            let found = slope(|t| self.value(&moved(self.inputs, &ds, t)));
            let (along, size) = along(gradient, &ds);
            match judge(found, along, size) {
                Judged::Right => checked = true,
                Judged::Unknown => {}
                Judged::Wrong(text) => {
                    let each = self.each(gradient);
                    return Err(format!("first derivative: {text}\n{each}"));
                }
            }
        }
        Ok(checked)
    }

    /// The elements whose derivative differs, to show where the gradient is wrong.
    fn each(&self, gradient: &[Array]) -> String {
        let mut text = String::new();
        for (i, x) in self.inputs.iter().enumerate().filter(|(_, x)| x.numel() <= 1024) {
            let (values, gradient) = (x.to_f64s().unwrap(), gradient[i].to_f64s().unwrap());
            let mut shown = 0;
            for j in 0..x.numel() {
                let mut ds: Vec<Vec<f64>> = self.inputs.iter().map(|x| vec![0.0; x.numel()]).collect();
                ds[i][j] = 0.1;
                let found = slope(|t| self.value(&moved(self.inputs, &ds, t)));
                let by_differences = found.map(|found| found.value * 10.0);
                let right = by_differences
                    .is_some_and(|value| (value - gradient[j]).abs() <= 1e-5 * (1.0 + value.abs()));
                if !right && shown < 8 {
                    shown += 1;
                    let by_differences = by_differences.map_or("a kink".to_owned(), |x| x.to_string());
                    let (x, gradient) = (values[j], gradient[j]);
                    text +=
                        &format!("  input {i} at {j}, {x}: {gradient}, by differences {by_differences}\n");
                }
            }
        }
        text
    }

    /// The derivative of a projection `⟨v, g⟩` of the gradient, with regard to inputs and weights.
    fn second(&self, noise: &mut Noise) -> Result<bool, String> {
        let vs: Vec<Array> =
            self.inputs.iter().map(|x| noise.like(x)).collect::<Result<_>>().map_err(|e| e.to_string())?;
        let run = || -> Result<Vec<Array>> {
            let (xs, us, gs) = self.recorded(self.inputs, &self.us)?;
            let weights = constants(&vs);
            let of: Vec<&Tensor> = xs.iter().chain(&us).collect();
            let (gs, weights) = tracked(&gs, &weights);
            if gs.is_empty() {
                return of.iter().map(|x| Array::filled("zeros", x.shape().clone(), x.dtype(), 0)).collect();
            }
            let weights: Vec<Option<&Tensor>> = weights.into_iter().map(Some).collect();
            let found = Grad::new().cotangents(&weights).allow_unused().of(&gs, &of)?;
            Ok(found.iter().map(|g| g.array().clone()).collect())
        };
        let gradient = run().map_err(|error| format!("second derivative: {error}"))?;
        let from: Vec<Array> = self.inputs.iter().chain(&self.us).cloned().collect();
        let ds: Vec<Vec<f64>> = from.iter().map(|x| noise.direction(x)).collect();
        let found = slope(|t| {
            let all = moved(&from, &ds, t);
            let (xs, us) = all.split_at(self.inputs.len());
            self.gradients(xs, us).map_or(f64::NAN, |gs| dot(&gs, &vs))
        });
        let (along, size) = along(&gradient, &ds);
        match judge(found, along, size) {
            Judged::Right => Ok(true),
            Judged::Unknown => Ok(false),
            Judged::Wrong(text) => Err(format!("second derivative: {text}")),
        }
    }

    /// `⟨u, J·v⟩ = ⟨Jᵀ·u, v⟩`.
    fn forward(&self, gradient: &[Array], noise: &mut Noise) -> Result<bool, String> {
        let vs: Vec<Array> =
            self.inputs.iter().map(|x| noise.like(x)).collect::<Result<_>>().map_err(|e| e.to_string())?;
        let reverse = dot(gradient, &vs);
        let size: f64 = gradient.iter().flat_map(|g| g.to_f64s().unwrap()).map(f64::abs).sum();
        if !reverse.is_finite() {
            return Ok(false);
        }
        let (xs, vs) = (constants(self.inputs), constants(&vs));
        let mut forward = 0.0;
        for k in 0..self.places.len() {
            let one = |xs: &[Tensor]| Ok(self.outputs(xs)?.swap_remove(k));
            let (_, dy) = jvp(one, &xs, &vs).map_err(|error| format!("forward mode: {error}"))?;
            if dy.shape() != self.us[k].shape() {
                let (got, right) = (dy.shape(), self.us[k].shape());
                return Err(format!("forward mode: the tangent has shape {got}, the output {right}"));
            }
            forward += dot(&[dy.array().clone()], &self.us[k..=k]);
        }
        if (forward - reverse).abs() <= 1e-9 * (size + reverse.abs()) + 1e-12 {
            return Ok(true);
        }
        Err(format!("forward mode {forward:e}, reverse mode {reverse:e}"))
    }
}

enum Judged {
    Right,
    Unknown,
    Wrong(String),
}

/// Is a derivative that of finite differences? `size` is how large its summands are together.
fn judge(found: Option<Slope>, derivative: f64, size: f64) -> Judged {
    let Some(Slope { value, error, size: values }) = found else { return Judged::Unknown };
    let scale = size.max(value.abs()).max(1e-3 * values) + 1e-6;
    let scale = if scale.is_finite() { scale } else { value.abs() + 1e-6 };
    if error > 1e-5 * scale {
        return Judged::Unknown;
    }
    if (derivative - value).abs() <= 1e-7 * scale + 10.0 * error {
        return Judged::Right;
    }
    Judged::Wrong(format!("{derivative:e}, by finite differences {value:e} ± {error:.0e}"))
}

fn constants(xs: &[Array]) -> Vec<Tensor> {
    xs.iter().cloned().map(Tensor::constant).collect()
}

fn leaves(xs: &[Array]) -> Vec<Tensor> {
    xs.iter().cloned().map(|x| Tensor::constant(x).requires_grad()).collect()
}

/// Those that a gradient flows to, with their weights.
fn tracked<'t>(ys: &'t [Tensor], us: &'t [Tensor]) -> (Vec<&'t Tensor>, Vec<&'t Tensor>) {
    ys.iter().zip(us).filter(|(y, _)| y.needs_grad()).unzip()
}

/// `x + t·d`, row-major.
fn moved(xs: &[Array], ds: &[Vec<f64>], t: f64) -> Vec<Array> {
    let one = |(x, d): (&Array, &Vec<f64>)| {
        let values: Vec<f64> = x.to_f64s().unwrap().iter().zip(d).map(|(x, d)| x + t * d).collect();
        Array::from_vec(values, x.shape().clone()).unwrap_or_else(|_| x.clone())
    };
    xs.iter().zip(ds).map(one).collect()
}

fn dot(a: &[Array], b: &[Array]) -> f64 {
    a.iter()
        .zip(b)
        .flat_map(|(a, b)| a.to_f64s().unwrap().into_iter().zip(b.to_f64s().unwrap()))
        .map(|(a, b)| a * b)
        .sum()
}

/// The derivative along a direction, and the sum of its summands' sizes.
fn along(gradient: &[Array], ds: &[Vec<f64>]) -> (f64, f64) {
    let parts = gradient.iter().zip(ds).flat_map(|(g, d)| {
        let d = d.clone();
        g.to_f64s().unwrap().into_iter().zip(d).map(|(g, d)| g * d)
    });
    parts.fold((0.0, 0.0), |(sum, size), part| (sum + part, size + part.abs()))
}

/// The same gradients but for rounding?
fn same(what: &str, a: &[Array], b: &[Array]) -> Result<(), String> {
    for (i, (a, b)) in a.iter().zip(b).enumerate() {
        if a.shape() != b.shape() {
            return Err(format!("{what}: input {i}'s gradient has shapes {} and {}", a.shape(), b.shape()));
        }
        let (a, b) = (a.to_f64s().unwrap(), b.to_f64s().unwrap());
        let size = a.iter().chain(&b).filter(|x| x.is_finite()).fold(0.0f64, |size, x| size.max(x.abs()));
        let differs = |(a, b): (&f64, &f64)| {
            !(a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-10 * size + 1e-14)
        };
        if let Some(j) = a.iter().zip(&b).position(differs) {
            return Err(format!("{what}: input {i}'s gradient at {j} is {} and {}", a[j], b[j]));
        }
    }
    Ok(())
}
