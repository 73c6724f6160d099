//! Random arrays. With the same generator in the same state they are the same, for any number of threads.

use std::f64::consts::PI;

use cresset_tensor::{Array, Category, DType, Device, Error, Result, Scalar, Shape};
use rand_distr::{Beta, Binomial, Distribution as _, Gamma, Poisson};

use super::{Elementwise, creation::made, options::TensorOptions, writing::write};
use crate::{
    Apply, Expr,
    backend::moved,
    cpu::random::{Distribution, categories, draw, each, integers, permutation},
};

/// Random numbers.
///
/// ```
/// use cresset_ops::prelude::*;
/// use cresset_tensor::random::manual_seed;
/// manual_seed(3);
/// let x = Array::randn([1000]);
/// manual_seed(3);
/// assert!(x.equal(&Array::randn([1000]))?);
/// assert!(x.mean()?.item::<f64>()?.abs() < 0.1);
/// # Ok::<(), Error>(())
/// ```
pub trait Randomness: Apply {
    /// Uniform over `[0, 1)`.
    #[track_caller]
    fn rand(shape: impl Into<Shape>) -> Self {
        made(Self::rand_with(shape, ()))
    }

    /// Uniform over `[0, 1)`.
    #[track_caller]
    fn rand_with<'a>(shape: impl Into<Shape>, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        drawn("rand", Distribution::Uniform { low: 0.0, high: 1.0 }, shape.into(), options.into())
    }

    /// Of the normal distribution with mean 0 and variance 1.
    #[track_caller]
    fn randn(shape: impl Into<Shape>) -> Self {
        made(Self::randn_with(shape, ()))
    }

    /// Of the normal distribution with mean 0 and variance 1.
    #[track_caller]
    fn randn_with<'a>(shape: impl Into<Shape>, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        drawn("randn", Distribution::Normal { mean: 0.0, std: 1.0 }, shape.into(), options.into())
    }

    /// Uniform over `[0, 1)`, in the shape and dtype of this.
    #[track_caller]
    fn rand_like(&self) -> Result<Self> {
        Self::rand_with(self.shape(), TensorOptions::new().like(self))
    }

    /// Of the normal distribution with mean 0 and variance 1, in the shape and dtype of this.
    #[track_caller]
    fn randn_like(&self) -> Result<Self> {
        Self::randn_with(self.shape(), TensorOptions::new().like(self))
    }

    /// Of a normal distribution.
    #[track_caller]
    fn normal<'a>(
        mean: f64,
        std: f64,
        shape: impl Into<Shape>,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        check_std("normal", std)?;
        drawn("normal", Distribution::Normal { mean, std }, shape.into(), options.into())
    }

    /// Each of a normal distribution of its own: `mean + std · randn`, with derivatives.
    #[track_caller]
    fn normal_of(mean: &Self, std: &Self) -> Result<Self> {
        let shape = super::broadcast_shapes([mean.shape(), std.shape()])?;
        let dtype = mean.dtype().promote(std.dtype()).to_float();
        let noise = Self::randn_with(shape, TensorOptions::new().dtype(dtype).device(mean.device()))?;
        Self::formula(&[mean, std, &noise], &[], |x, _| x[0] + x[1] * x[2])
    }

    /// Whole numbers from `low` on and below `high`, as `int64`.
    #[track_caller]
    fn randint(low: i64, high: i64, shape: impl Into<Shape>) -> Self {
        made(Self::randint_with(low, high, shape, ()))
    }

    /// Whole numbers from `low` on and below `high`.
    #[track_caller]
    fn randint_with<'a>(
        low: i64,
        high: i64,
        shape: impl Into<Shape>,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        let (shape, options) = (shape.into(), options.into());
        let dtype = options.dtype_or(DType::I64);
        let (least, most) = dtype.int_range();
        if low >= high || low < least || high - 1 > most {
            return Err(Error::argument(
                "randint",
                format!("from {low} on and below {high} there is no number of {dtype}, or not all are"),
            ));
        }
        let device = options.device;
        let stream = options.stream(shape.checked_numel("randint")?);
        let range = high.wrapping_sub(low) as u64;
        let numbers = integers("randint", low, range, stream, shape)?.to_dtype(dtype)?;
        Ok(Self::constant(moved(numbers, device)?))
    }

    /// Whole numbers from `low` on and below `high`, in the shape and dtype of this.
    #[track_caller]
    fn randint_like(&self, low: i64, high: i64) -> Result<Self> {
        Self::randint_with(low, high, self.shape(), TensorOptions::new().like(self))
    }

    /// The numbers below `n` in random order, as `int64`.
    #[track_caller]
    fn randperm(n: usize) -> Self {
        made(Self::randperm_with(n, ()))
    }

    /// The numbers below `n` in random order.
    #[track_caller]
    fn randperm_with<'a>(n: usize, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        let options = options.into();
        let dtype = options.dtype_or(DType::I64);
        // Asked for first, because a vector that does not fit would end the program.
        Array::uninitialised("randperm", [n].into(), DType::I64)?;
        let device = options.device;
        let order = Array::from_vec(permutation(n, options.stream(n)), [n])?.to_dtype(dtype)?;
        Ok(Self::constant(moved(order, device)?))
    }

    /// 1 with these probabilities, else 0, in their dtype. Its derivative is zero.
    #[track_caller]
    fn bernoulli(&self) -> Result<Self> {
        self.bernoulli_with(())
    }

    /// 1 with these probabilities, else 0, by a generator of one's own.
    #[track_caller]
    fn bernoulli_with<'a>(&self, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        check_float("bernoulli", self)?;
        if self.array().to_f64s()?.iter().any(|p| !(0.0..=1.0).contains(p)) {
            return Err(Error::argument("bernoulli", "probabilities must be between 0 and 1"));
        }
        let numbers = place_numbers(options.into(), self.numel());
        let happens = |x: &[Expr], n: &[Expr]| unit(n).lt(x[0].cast(DType::F64)).cast_like(x[0]);
        if self.device() == Device::Cpu {
            return Self::formula(&[self], &numbers, happens);
        }
        flat(self, Array::formula(&[&self.array().to_host()?], &numbers, happens)?)
    }

    /// Numbers of Poisson distributions with these rates, in their dtype. Its derivative is zero.
    #[track_caller]
    fn poisson(&self) -> Result<Self> {
        self.poisson_with(())
    }

    /// Numbers of Poisson distributions with these rates, by a generator of one's own.
    #[track_caller]
    fn poisson_with<'a>(&self, options: impl Into<TensorOptions<'a>>) -> Result<Self> {
        check_float("poisson", self)?;
        let rates = self.array().to_f64s()?;
        // No rate is too small to be one; rand_distr wants to be asked about every other.
        let distributions = rates.iter().map(|&rate| match rate {
            0.0 => Ok(None),
            rate => Poisson::new(rate).map(Some),
        });
        let distributions: Vec<Option<Poisson<f64>>> =
            distributions.collect::<Result<_, _>>().map_err(|error| wrong("poisson", error))?;
        let drawn = each("poisson", self.shape().clone(), options.into().stream_each(), |i, g| {
            distributions[i].map_or(0.0, |distribution| distribution.sample(g))
        })?;
        flat(self, drawn)
    }

    /// How often of `count` times something happens that does with probability `p`.
    #[track_caller]
    fn binomial<'a>(
        count: u64,
        p: f64,
        shape: impl Into<Shape>,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        let distribution = Binomial::new(count, p).map_err(|error| wrong("binomial", error))?;
        sampled("binomial", shape.into(), options.into(), |g| distribution.sample(g) as f64)
    }

    /// Of the exponential distribution `rate·e^(-rate·x)`.
    #[track_caller]
    fn exponential<'a>(
        rate: f64,
        shape: impl Into<Shape>,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        check_rate("exponential", rate)?;
        drawn("exponential", Distribution::Exponential { rate }, shape.into(), options.into())
    }

    /// Of the gamma distribution of a shape parameter (`concentration`) and a rate.
    #[track_caller]
    fn gamma<'a>(
        concentration: f64,
        rate: f64,
        shape: impl Into<Shape>,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        let distribution = Gamma::new(concentration, 1.0 / rate).map_err(|error| wrong("gamma", error))?;
        sampled("gamma", shape.into(), options.into(), |g| distribution.sample(g))
    }

    /// Of the beta distribution.
    #[track_caller]
    fn beta<'a>(
        alpha: f64,
        beta: f64,
        shape: impl Into<Shape>,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        let distribution = Beta::new(alpha, beta).map_err(|error| wrong("beta", error))?;
        sampled("beta", shape.into(), options.into(), |g| distribution.sample(g))
    }

    /// So many categories for each row of weights (the last dimension), drawn by their weights.
    #[track_caller]
    fn multinomial(&self, num_samples: usize, replacement: bool) -> Result<Self> {
        self.multinomial_with(num_samples, replacement, ())
    }

    /// So many categories for each row of weights, by a generator of one's own.
    #[track_caller]
    fn multinomial_with<'a>(
        &self,
        num_samples: usize,
        replacement: bool,
        options: impl Into<TensorOptions<'a>>,
    ) -> Result<Self> {
        const NAME: &str = "multinomial";
        check_float(NAME, self)?;
        let shape = self.shape();
        let Some((&columns, rows @ ([] | [_]))) = shape.split_last() else {
            return Err(Error::shape(
                NAME,
                format!("the weights must have one or two dimensions, not {shape}"),
            ));
        };
        if num_samples == 0 || (!replacement && num_samples > columns) {
            return Err(Error::argument(
                NAME,
                format!("{num_samples} of {columns} categories cannot be drawn without putting them back"),
            ));
        }
        let weights = self.array().to_f64s()?;
        if weights.iter().any(|weight| !(0.0..f64::INFINITY).contains(weight)) {
            return Err(Error::argument(NAME, "weights must be finite and not negative"));
        }
        if weights.chunks(columns.max(1)).any(|row| row.iter().all(|weight| *weight == 0.0)) {
            return Err(Error::argument(NAME, "the weights of a row are all zero: nothing can be drawn"));
        }
        let mut result = Shape::from_slice(rows);
        result.push(num_samples);
        // A single draw puts nothing back.
        let replacement = replacement || num_samples == 1;
        let numbers = if replacement { result.checked_numel(NAME)? } else { weights.len() };
        let stream = options.into().stream(numbers);
        self.beside(categories(&weights, columns, num_samples, replacement, stream, result)?)
    }

    /// Uniform over `[low, high)`, in place.
    #[track_caller]
    fn uniform_(&self, low: f64, high: f64) -> Result<&Self> {
        if !(low <= high && (high - low).is_finite()) {
            return Err(Error::argument("uniform_", format!("[{low}, {high}) is no range")));
        }
        redrawn(self, "uniform_", Distribution::Uniform { low, high })
    }

    /// Of a normal distribution, in place.
    #[track_caller]
    fn normal_(&self, mean: f64, std: f64) -> Result<&Self> {
        check_std("normal_", std)?;
        redrawn(self, "normal_", Distribution::Normal { mean, std })
    }

    /// Of an exponential distribution, in place.
    #[track_caller]
    fn exponential_(&self, rate: f64) -> Result<&Self> {
        check_rate("exponential_", rate)?;
        redrawn(self, "exponential_", Distribution::Exponential { rate })
    }

    /// `e` to the power of normal numbers, in place.
    #[track_caller]
    fn log_normal_(&self, mean: f64, std: f64) -> Result<&Self> {
        check_std("log_normal_", std)?;
        redrawn(self, "log_normal_", Distribution::Normal { mean, std })?.exp_()
    }

    /// Of a Cauchy distribution, in place.
    #[track_caller]
    fn cauchy_(&self, median: f64, sigma: f64) -> Result<&Self> {
        if sigma.is_nan() || sigma <= 0.0 {
            return Err(Error::argument("cauchy_", format!("sigma = {sigma} must be positive")));
        }
        let [seed, base] = place_numbers(().into(), self.numel());
        check_float("cauchy_", self)?;
        by_place(self, "cauchy_", &[seed, base, median.into(), sigma.into()], |x, n| {
            [(n[2] + n[3] * ((unit(n) - 0.5) * PI).tan()).cast_like(x[0])]
        })
    }

    /// How many times until something happens that does with probability `p`, in place.
    #[track_caller]
    fn geometric_(&self, p: f64) -> Result<&Self> {
        if !(p > 0.0 && p < 1.0) {
            return Err(Error::argument("geometric_", format!("p = {p} must be between 0 and 1")));
        }
        let [seed, base] = place_numbers(().into(), self.numel());
        by_place(self, "geometric_", &[seed, base, (-p).ln_1p().into()], |x, n| {
            // `1 - u` is never zero.
            [((1.0 - unit(n)).log() / n[2]).ceil().maximum(1.0).cast_like(x[0])]
        })
    }

    /// 1 with probability `p`, else 0, in place.
    #[track_caller]
    fn bernoulli_(&self, p: f64) -> Result<&Self> {
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::argument("bernoulli_", format!("p = {p} must be between 0 and 1")));
        }
        let [seed, base] = place_numbers(().into(), self.numel());
        by_place(self, "bernoulli_", &[seed, base, p.into()], |x, n| [unit(n).lt(n[2]).cast_like(x[0])])
    }

    /// Whole numbers from `low` on and below `high`, in place.
    #[track_caller]
    fn random_(&self, low: i64, high: i64) -> Result<&Self> {
        let numbers = match self.dtype().category() {
            // Of floating point only so many are whole numbers.
            Category::Float => Self::randint_with(low, high, self.shape(), DType::I64)?,
            Category::Int | Category::Bool => Self::randint_with(low, high, self.shape(), self.dtype())?,
        };
        // On its way there a device need not know `int64`.
        let numbers = match self.device() {
            Device::Cpu => numbers,
            _ => self.beside(numbers.array().to_dtype(self.dtype())?)?,
        };
        write(self, "random_", &numbers)
    }
}

impl<T: Apply> Randomness for T {}

/// Seed and base of a stream, for [`Expr::random`].
fn place_numbers(options: TensorOptions, numel: usize) -> [Scalar; 2] {
    let stream = match options.generator {
        // Formulas know the streams of lane 0 alone; a fork of any generator starts there.
        Some(generator) if generator.state().lane != 0 => generator.fork().reserve(numel),
        generator => TensorOptions { generator, ..TensorOptions::default() }.stream(numel),
    };
    [Scalar::Int(stream.seed as i64), Scalar::Int(stream.base as i64)]
}

/// Uniform over `[0, 1)`: the multiples of 2⁻³².
fn unit(n: &[Expr]) -> Expr {
    Expr::random(n[0], n[1]).cast(DType::F64) * (1.0 / (1u64 << 32) as f64)
}

#[track_caller]
fn drawn<T: Apply>(
    name: &'static str,
    distribution: Distribution,
    shape: Shape,
    options: TensorOptions,
) -> Result<T> {
    let (dtype, device) = (options.float_dtype(name)?, options.device);
    let stream = options.stream(shape.checked_numel(name)?);
    Ok(T::constant(moved(draw(name, distribution, stream, shape, dtype)?, device)?))
}

#[track_caller]
fn redrawn<'t, T: Apply>(target: &'t T, name: &'static str, distribution: Distribution) -> Result<&'t T> {
    let numbers: T = drawn(name, distribution, target.shape().clone(), TensorOptions::new().like(target))?;
    write(target, name, &numbers)
}

/// Every element written anew by a formula of its place, which may look at the old one's dtype alone. It is computed by
/// the processor, as it takes 64 bits, which not every device has.
#[track_caller]
fn by_place<'t, T: Apply>(
    target: &'t T,
    name: &'static str,
    numbers: &[Scalar],
    f: impl Fn(&[Expr], &[Expr]) -> [Expr; 1],
) -> Result<&'t T> {
    if target.device() == Device::Cpu {
        T::formulas_into(&[target], numbers, &[target], f)?;
        return Ok(target);
    }
    let here = Array::filled(name, target.shape().clone(), target.dtype(), 0)?;
    Array::formulas_into(&[&here], numbers, &[&here], f)?;
    write(target, name, &target.beside(here)?)
}

/// Every element by a generator of its own.
#[track_caller]
fn sampled<T: Apply>(
    name: &'static str,
    shape: Shape,
    options: TensorOptions,
    draw: impl Fn(&mut cresset_tensor::Generator) -> f64 + Sync,
) -> Result<T> {
    let (dtype, device) = (options.float_dtype(name)?, options.device);
    let numbers =
        each(name, shape, options.stream_each(), |_, generator| draw(generator))?.to_dtype(dtype)?;
    Ok(T::constant(moved(numbers, device)?))
}

/// These numbers, with a derivative of zero with regard to `of`.
#[track_caller]
fn flat<T: Apply>(of: &T, numbers: Array) -> Result<T> {
    let numbers = match of.device() {
        Device::Cpu => T::constant(numbers),
        // A device need not know `float64`.
        _ => of.beside(numbers.to_dtype(of.dtype())?)?,
    };
    T::formula(&[of, &numbers], &[], |x, _| x[1].cast_like(x[0]) + Expr::constant(0) * x[0].floor())
}

#[track_caller]
fn check_float<T: Apply>(name: &'static str, x: &T) -> Result<()> {
    if x.dtype().is_float() {
        return Ok(());
    }
    Err(Error::dtype(name, format!("needs floating point, not {}; convert with to_dtype first", x.dtype())))
}

#[track_caller]
fn check_std(name: &'static str, std: f64) -> Result<()> {
    if std >= 0.0 {
        return Ok(());
    }
    Err(Error::argument(name, format!("the standard deviation must not be negative: {std}")))
}

#[track_caller]
fn check_rate(name: &'static str, rate: f64) -> Result<()> {
    if rate > 0.0 {
        return Ok(());
    }
    Err(Error::argument(name, format!("the rate must be positive: {rate}")))
}

#[track_caller]
fn wrong(name: &'static str, error: impl std::fmt::Display) -> Error {
    Error::argument(name, error.to_string())
}
