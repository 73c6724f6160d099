//! Counting: how many elements fall into each bin. Nothing here has a derivative.

use cresset_tensor::{Array, DType, Error, Result, Shape};

use super::{Elementwise, Reductions, reduction::check_float};
use crate::Apply;

/// The bins along one axis of a histogram.
#[derive(Clone, Copy, Debug)]
pub enum Bins<'a, T> {
    /// So many of one width.
    Number(usize),
    /// Between these edges, ascending; the last bin includes its upper edge.
    Edges(&'a T),
}

impl<T> From<usize> for Bins<'_, T> {
    fn from(number: usize) -> Self {
        Bins::Number(number)
    }
}

impl<'a, T: Apply> From<&'a T> for Bins<'a, T> {
    fn from(edges: &'a T) -> Self {
        Bins::Edges(edges)
    }
}

/// The options of [`Histograms::histogram_with`] and [`Histograms::histogramdd_with`].
#[derive(Clone, Copy, Debug)]
pub struct HistogramOptions<'a, T> {
    /// Lowest and highest edge of each axis, where bins are given by number; else those of the elements.
    pub range: Option<&'a [f64]>,
    /// What each element counts.
    pub weight: Option<&'a T>,
    /// Divided by the sum and the size of the bins, so that the integral is 1.
    pub density: bool,
}

impl<T> Default for HistogramOptions<'_, T> {
    fn default() -> Self {
        HistogramOptions { range: None, weight: None, density: false }
    }
}

/// Histograms.
pub trait Histograms: Apply {
    /// How many elements fall into each of `bins` of one width between `min` and `max`, or between the smallest and
    /// the largest element where those are equal.
    #[track_caller]
    fn histc(&self, bins: usize, min: f64, max: f64) -> Result<Self> {
        check_float("histc", self)?;
        let (low, high) = outer("histc", self.array(), min, max, min == max, 1.0)?;
        let edges = Edges::even("histc", self.dtype(), bins, low, high)?;
        let mut counts = vec![0.0; bins];
        for x in self.array().to_f64s()? {
            if let Some(bin) = edges.linear(x) {
                counts[bin] += 1.0;
            }
        }
        self.beside(Array::from_vec(counts, [bins])?.to_dtype(self.dtype())?)
    }

    /// How many elements fall into each bin, and the edges of the bins.
    #[track_caller]
    fn histogram<'a>(&self, bins: impl Into<Bins<'a, Self>>) -> Result<(Self, Self)> {
        self.histogram_with(bins, HistogramOptions::default())
    }

    /// What the elements that fall into each bin count, and the edges of the bins.
    #[track_caller]
    fn histogram_with<'a>(
        &self,
        bins: impl Into<Bins<'a, Self>>,
        options: HistogramOptions<'_, Self>,
    ) -> Result<(Self, Self)> {
        let (counts, mut edges) = histogram("histogram", self, 1, &[bins.into()], options)?;
        match edges.pop() {
            Some(edges) => Ok((counts, edges)),
            None => Err(Error::argument("histogram", "needs bins")),
        }
    }

    /// How many points, whose coordinates lie along the last dimension, fall into each cell, and the edges of each axis.
    #[track_caller]
    fn histogramdd(&self, bins: &[Bins<'_, Self>]) -> Result<(Self, Vec<Self>)> {
        self.histogramdd_with(bins, HistogramOptions::default())
    }

    /// What the points that fall into each cell count, and the edges of each axis. One number of bins serves all axes.
    #[track_caller]
    fn histogramdd_with(
        &self,
        bins: &[Bins<'_, Self>],
        options: HistogramOptions<'_, Self>,
    ) -> Result<(Self, Vec<Self>)> {
        if self.rank() < 2 {
            return Err(Error::shape(
                "histogramdd",
                format!("needs at least two dimensions, points by coordinates, not shape {}", self.shape()),
            ));
        }
        let axes = self.shape().last().copied().unwrap_or(1);
        let repeated;
        let bins = match bins {
            [Bins::Number(number)] => {
                repeated = vec![Bins::Number(*number); axes];
                &repeated
            }
            bins => bins,
        };
        if bins.len() != axes {
            return Err(Error::shape(
                "histogramdd",
                format!("bins for {} axes, but points of {axes} coordinates", bins.len()),
            ));
        }
        histogram("histogramdd", self, axes, bins, options)
    }

    /// How often each number from 0 on is among these integers, as `int64`; or the sum of the weights of each, as
    /// `float64` (of `float32` as such). At least `minlength` numbers.
    #[track_caller]
    fn bincount(&self, weights: Option<&Self>, minlength: usize) -> Result<Self> {
        if !self.dtype().is_int() {
            return Err(Error::dtype("bincount", format!("takes integers, not {}", self.dtype())));
        }
        if self.rank() != 1 {
            return Err(Error::shape("bincount", format!("needs one dimension, not shape {}", self.shape())));
        }
        if let Some(weights) = weights
            && weights.shape() != self.shape()
        {
            return Err(Error::shape(
                "bincount",
                format!("weights must have shape {}, not {}", self.shape(), weights.shape()),
            ));
        }
        let numbers: Vec<i64> = self.array().to_i64s()?;
        if let Some(number) = numbers.iter().find(|&&number| number < 0) {
            return Err(Error::argument("bincount", format!("{number} is negative; numbers start at 0")));
        }
        let length = numbers.iter().max().map_or(0, |&most| (most as usize).saturating_add(1)).max(minlength);
        let shape = Shape::from([length]);
        // A single large number may ask for more memory than there is.
        let check = Array::uninitialised("bincount", shape.clone(), DType::I64)?;
        let Some(weights) = weights else {
            let mut counts = vec![0i64; check.numel()];
            numbers.iter().for_each(|&number| counts[number as usize] += 1);
            return self.beside(Array::from_vec(counts, shape)?);
        };
        let mut sums = vec![0f64; check.numel()];
        let list = numbers.iter().zip(weights.array().to_f64s()?);
        list.for_each(|(&number, weight)| sums[number as usize] += weight);
        let dtype = if weights.dtype() == DType::F32 { DType::F32 } else { DType::F64 };
        self.beside(Array::from_vec(sums, shape)?.to_dtype(dtype)?)
    }
}

impl<T: Apply> Histograms for T {}

/// The outer edges: those given, else of the elements; apart by `apart` on both sides where they would be equal.
#[track_caller]
fn outer(
    name: &'static str,
    x: &Array,
    min: f64,
    max: f64,
    of_elements: bool,
    apart: f64,
) -> Result<(f64, f64)> {
    let (mut low, mut high) = (min, max);
    if of_elements && x.numel() > 0 {
        (low, high) = (x.min()?.item()?, x.max()?.item()?);
    }
    if !low.is_finite() || !high.is_finite() {
        return Err(Error::argument(name, format!("the range from {low} to {high} is not finite")));
    }
    if low > high {
        return Err(Error::argument(name, format!("min {low} exceeds max {high}")));
    }
    if low == high {
        (low, high) = (low - apart, high + apart);
    }
    Ok((low, high))
}

/// The edges of bins, in the precision of a dtype.
struct Edges {
    list: Vec<f64>,
    single: bool,
}

impl Edges {
    /// As `linspace` has them: from both ends, so that both are exact.
    #[track_caller]
    fn even(name: &'static str, dtype: DType, bins: usize, low: f64, high: f64) -> Result<Edges> {
        if bins == 0 {
            return Err(Error::argument(name, "needs at least one bin"));
        }
        let points = Shape::from([bins.saturating_add(1)]);
        let n = Array::uninitialised(name, points, DType::F64)?.numel();
        let single = dtype != DType::F64;
        let round = |x: f64| if single { f64::from(x as f32) } else { x };
        let step = round(round(high - low) / bins as f64);
        let at = |i: usize| {
            if i < n / 2 {
                round(low + round(step * i as f64))
            } else {
                round(high - round(step * (n - 1 - i) as f64))
            }
        };
        Ok(Edges { list: (0..n).map(at).collect(), single })
    }

    fn bins(&self) -> usize {
        self.list.len() - 1
    }

    /// The first and the last edge.
    fn ends(&self) -> (f64, f64) {
        (self.list.first().copied().unwrap_or(0.0), self.list.last().copied().unwrap_or(0.0))
    }

    /// The bin by how far along the whole a number lies.
    fn linear(&self, x: f64) -> Option<usize> {
        let (low, high) = self.ends();
        if !(x >= low && x <= high) {
            return None;
        }
        let round = |x: f64| if self.single { f64::from(x as f32) } else { x };
        let far = round(round(round(x - low) * self.bins() as f64) / round(high - low));
        Some((far as usize).min(self.bins() - 1))
    }

    /// The bin by the edges themselves.
    fn search(&self, x: f64) -> Option<usize> {
        let (low, high) = self.ends();
        if !(x >= low && x <= high) {
            return None;
        }
        let above = self.list.partition_point(|&edge| edge <= x);
        Some(above.saturating_sub(1).min(self.bins() - 1))
    }
}

#[track_caller]
fn histogram<T: Apply>(
    name: &'static str,
    x: &T,
    axes: usize,
    bins: &[Bins<'_, T>],
    options: HistogramOptions<'_, T>,
) -> Result<(T, Vec<T>)> {
    if !matches!(x.dtype(), DType::F32 | DType::F64) {
        return Err(Error::dtype(name, format!("needs float32 or float64, not {}", x.dtype())));
    }
    let points = x.numel().checked_div(axes).unwrap_or(0);
    if let Some(weight) = options.weight {
        let wanted =
            if name == "histogram" { x.shape() } else { &Shape::from_slice(&x.shape()[..x.rank() - 1]) };
        if weight.shape() != wanted {
            return Err(Error::shape(
                name,
                format!("the weight must have shape {wanted}, not {}", weight.shape()),
            ));
        }
        if weight.dtype() != x.dtype() {
            return Err(Error::dtype(
                name,
                format!("the weight must be {} as the input is, not {}", x.dtype(), weight.dtype()),
            ));
        }
    }
    if let Some(range) = options.range
        && range.len() != 2 * axes
    {
        return Err(Error::argument(
            name,
            format!("the range needs two ends for each of {axes} axes, not {} numbers", range.len()),
        ));
    }
    let numbers = x.array().to_f64s()?;
    let mut edges = Vec::with_capacity(axes);
    for (axis, bins) in bins.iter().enumerate() {
        edges.push(match bins {
            Bins::Edges(list) => {
                if list.rank() != 1 || list.numel() < 2 {
                    return Err(Error::shape(
                        name,
                        format!("edges must be a list of at least two, not of shape {}", list.shape()),
                    ));
                }
                if list.dtype() != x.dtype() {
                    return Err(Error::dtype(
                        name,
                        format!("edges must be {} as the input is, not {}", x.dtype(), list.dtype()),
                    ));
                }
                Edges { list: list.array().to_f64s()?, single: x.dtype() == DType::F32 }
            }
            Bins::Number(number) => {
                let column: Vec<f64> = numbers.iter().skip(axis).step_by(axes.max(1)).copied().collect();
                let own = Array::from_vec(column, [points])?;
                let (min, max) = match options.range.and_then(|range| range.get(2 * axis..2 * axis + 2)) {
                    Some(range) => (range[0], range[1]),
                    None => (0.0, if points == 0 { 1.0 } else { 0.0 }),
                };
                let (low, high) = outer(name, &own, min, max, options.range.is_none(), 0.5)?;
                Edges::even(name, x.dtype(), *number, low, high)?
            }
        });
    }
    let shape: Shape = edges.iter().map(Edges::bins).collect();
    let cells = Array::uninitialised(name, shape.clone(), DType::F64)?.numel();
    let mut counts = vec![0f64; cells];
    let weights = options.weight.map(|weight| weight.array().to_f64s()).transpose()?;
    for (i, point) in numbers.chunks_exact(axes.max(1)).enumerate() {
        let bins = point.iter().zip(&edges).map(|(&x, edges)| Some((edges.search(x)?, edges.bins())));
        let cell = bins.into_iter().try_fold(0, |cell, bin| bin.map(|(bin, bins)| cell * bins + bin));
        if let Some(count) = cell.and_then(|cell| counts.get_mut(cell)) {
            *count += weights.as_ref().map_or(1.0, |weights| weights[i]);
        }
    }
    if options.density {
        let total: f64 = counts.iter().sum();
        for (cell, count) in counts.iter_mut().enumerate() {
            let (mut rest, mut volume) = (cell, 1.0);
            for edges in edges.iter().rev() {
                let bin = rest % edges.bins();
                rest /= edges.bins();
                volume *= edges.list[bin + 1] - edges.list[bin];
            }
            *count /= total * volume;
        }
    }
    let of = |list: Vec<f64>, shape: Shape| -> Result<T> {
        x.beside(Array::from_vec(list, shape)?.to_dtype(x.dtype())?)
    };
    let counts = of(counts, shape)?;
    let edges = edges.into_iter().map(|edges| {
        let n = edges.list.len();
        of(edges.list, [n].into())
    });
    Ok((counts, edges.collect::<Result<_>>()?))
}
