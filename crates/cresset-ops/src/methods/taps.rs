//! Where the values of a resampled dimension come from, and with which weights. Pure arithmetic, in the precision in
//! which PyTorch does it, as a rounding up or down chooses another pixel.

/// A dimension to be resampled.
pub(super) struct Axis {
    /// Its size.
    pub input: usize,
    /// Its size in the result.
    pub output: usize,
    /// The ratio of both, where it was given.
    pub scale: Option<f64>,
    /// Do the corners' centres stay?
    pub align: bool,
    /// Are places computed in 32 bits?
    pub single: bool,
}

/// For every place of the result, `each` places of the input and their weights; without weights, one of weight one.
pub(super) struct Taps {
    pub each: usize,
    pub places: Vec<i64>,
    pub weights: Option<Vec<f64>>,
}

impl Axis {
    #[inline]
    fn round(&self, x: f64) -> f64 {
        if self.single { f64::from(x as f32) } else { x }
    }

    /// How far apart in the input neighbours of the result lie.
    #[inline]
    fn step(&self) -> f64 {
        if self.align {
            return if self.output > 1 {
                self.round((self.input - 1) as f64 / (self.output - 1) as f64)
            } else {
                0.0
            };
        }
        self.ratio()
    }

    #[inline]
    fn ratio(&self) -> f64 {
        self.round(match self.scale {
            Some(scale) if scale > 0.0 => 1.0 / scale,
            _ => self.input as f64 / self.output as f64,
        })
    }

    /// Where in the input a place of the result lies.
    #[inline]
    fn source(&self, step: f64, place: usize) -> f64 {
        if self.align {
            return self.round(step * place as f64);
        }
        self.round(self.round(step * self.round(place as f64 + 0.5)) - 0.5)
    }

    /// A pixel and how far beyond it a source lies.
    #[inline]
    fn split(&self, source: f64) -> (i64, f64) {
        let pixel = (source.floor() as i64).min(self.input as i64 - 1);
        (pixel, self.round(source - pixel as f64).clamp(0.0, 1.0))
    }
}

/// The pixel a place falls into; `exact` counts from centres.
#[inline]
pub(super) fn nearest(axis: &Axis, exact: bool) -> Taps {
    let ratio = axis.ratio();
    let shift = if exact { 0.5 } else { 0.0 };
    let pixel = |place: usize| {
        let source = axis.round(axis.round(place as f64 + shift) * ratio).floor();
        (source as i64).clamp(0, axis.input as i64 - 1)
    };
    Taps { each: 1, places: (0..axis.output).map(pixel).collect(), weights: None }
}

/// Linear between two pixels.
#[inline]
pub(super) fn linear(axis: &Axis) -> Taps {
    let step = axis.step();
    let (mut places, mut weights) = (Vec::new(), Vec::new());
    for place in 0..axis.output {
        let (pixel, beyond) = axis.split(axis.source(step, place).max(0.0));
        places.extend([pixel, (pixel + 1).min(axis.input as i64 - 1)]);
        weights.extend([axis.round(1.0 - beyond), beyond]);
    }
    Taps { each: 2, places, weights: Some(weights) }
}

/// Cubic between four pixels.
#[inline]
pub(super) fn cubic(axis: &Axis) -> Taps {
    let step = axis.step();
    let (mut places, mut weights) = (Vec::new(), Vec::new());
    for place in 0..axis.output {
        let (pixel, beyond) = axis.split(axis.source(step, place));
        places.extend((-1..3).map(|i| (pixel + i).clamp(0, axis.input as i64 - 1)));
        weights.extend([beyond + 1.0, beyond, 1.0 - beyond, 2.0 - beyond].map(|x| bell(x, -0.75)));
    }
    Taps { each: 4, places, weights: Some(weights) }
}

/// The cubic kernel: its slope at one is `a`.
#[inline]
fn bell(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

/// A linear or cubic kernel that widens where the result is smaller, so that every pixel counts.
#[inline]
pub(super) fn smooth(axis: &Axis, cubic: bool) -> Taps {
    let step = axis.step();
    let (narrow, widen) = if step >= 1.0 { (1.0 / step, step) } else { (1.0, 1.0) };
    let reach = if cubic { 2.0 } else { 1.0 } * widen;
    let kernel = |x: f64| if cubic { bell(x, -0.5) } else { (1.0 - x.abs()).max(0.0) };
    let mut rows: Vec<(i64, Vec<f64>)> = Vec::new();
    for place in 0..axis.output {
        let centre = step * (place as f64 + 0.5);
        let first = ((centre - reach + 0.5) as i64).max(0);
        let end = ((centre + reach + 0.5) as i64).min(axis.input as i64);
        let mut weights: Vec<f64> =
            (first..end).map(|pixel| kernel((pixel as f64 - centre + 0.5) * narrow)).collect();
        let total: f64 = weights.iter().sum();
        if total != 0.0 {
            weights.iter_mut().for_each(|weight| *weight /= total);
        }
        rows.push((first, weights));
    }
    let each = rows.iter().map(|(_, weights)| weights.len()).max().unwrap_or(0).max(1);
    let last = axis.input as i64 - 1;
    let places =
        rows.iter().flat_map(|(first, _)| (0..each as i64).map(move |i| (first + i).min(last))).collect();
    let fill = |(_, row): &(i64, Vec<f64>)| -> Vec<f64> {
        row.iter().copied().chain(std::iter::repeat(0.0)).take(each).collect()
    };
    Taps { each, places, weights: Some(rows.iter().flat_map(fill).collect()) }
}
