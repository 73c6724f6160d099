//! Derivatives by finite differences: central quotients at ever smaller steps, extrapolated to step zero (Ridders).
//! Where the function has a kink or a jump nearby, there is no answer, rather than a wrong one.

/// The first step; every next one is half of it.
const FIRST: f64 = 1.0 / 256.0;
const STEPS: usize = 6;

/// A derivative.
#[derive(Clone, Copy, Debug)]
pub struct Slope {
    /// What it is.
    pub value: f64,
    /// About how wrong it may be.
    pub error: f64,
    /// The largest absolute value of the function that was met.
    pub size: f64,
}

/// The derivative of `f` at zero; `None` where `f` is not smooth there, or not a number.
pub fn slope(mut f: impl FnMut(f64) -> f64) -> Option<Slope> {
    let middle = f(0.0);
    if !middle.is_finite() {
        return None;
    }
    let mut size = middle.abs();
    let mut table = [[0.0f64; STEPS]; STEPS];
    let mut jumps = [0.0f64; STEPS];
    let mut best: Option<(f64, f64)> = None;
    let mut step = FIRST;
    for i in 0..STEPS {
        let (above, below) = (f(step), f(-step));
        if above.is_finite() && below.is_finite() {
            size = size.max(above.abs()).max(below.abs());
        }
        table[0][i] = (above - below) / (2.0 * step);
        jumps[i] = (above - 2.0 * middle + below) / step;
        let mut power = 1.0;
        for j in 1..=i {
            power *= 4.0;
            table[j][i] = (table[j - 1][i] * power - table[j - 1][i - 1]) / (power - 1.0);
            let error = (table[j][i] - table[j - 1][i]).abs().max((table[j][i] - table[j - 1][i - 1]).abs());
            if error.is_finite() && best.is_none_or(|(_, least)| error <= least) {
                best = Some((table[j][i], error));
            }
        }
        step /= 2.0;
    }
    let (value, error) = best?;
    // One-sided quotients differ by f''·step where f is smooth: half as much for half the step. What is left when that
    // is taken off is a kink, which central quotients do not see.
    let noise = 1e-14 * size / step + 1e-8 * value.abs() + 1e-10;
    let kink = 2.0 * jumps[STEPS - 1] - jumps[STEPS - 2];
    if kink.is_nan() || kink.abs() > 10.0 * noise {
        return None;
    }
    // Where steps reach over kinks and jumps, some quotients may happen to agree: those of the smallest steps must come
    // nearer to each other as they do for smooth functions, four times for half the step, and to the answer.
    let last = (table[0][STEPS - 1] - table[0][STEPS - 2]).abs();
    let before = (table[0][STEPS - 2] - table[0][STEPS - 3]).abs();
    if last > 0.4 * before + noise || (value - table[0][STEPS - 1]).abs() > 2.0 * last + noise {
        return None;
    }
    // A function of many jumps may agree with itself at every half of a step; at a step that is no such part it does not.
    let odd = step / 23.0;
    let quotient = (f(odd) - f(-odd)) / (2.0 * odd);
    if (quotient - value).abs() > 1e-14 * size / odd + 1e-6 * value.abs() + 1e-8 {
        return None;
    }
    Some(Slope { value, error, size })
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn smooth_functions_have_their_derivative() {
        for (f, expected) in [
            (&(|t: f64| (1.0 + t).exp()) as &dyn Fn(f64) -> f64, 1f64.exp()),
            (&|t: f64| (t - 0.3).sin(), 0.3f64.cos()),
            (&|t: f64| 1.0 / (0.1 + t), -100.0),
            (&|_| 4.0, 0.0),
        ] {
            let found = slope(f).expect("smooth");
            assert!((found.value - expected).abs() < 1e-9 * (1.0 + expected.abs()), "{found:?} {expected}");
        }
    }

    #[test]
    fn kinks_and_jumps_have_none() {
        assert!(slope(f64::abs).is_none());
        assert!(slope(|t| t.max(0.0) + t * t).is_none());
        assert!(slope(|t| if t > 0.0 { 1.0 } else { 0.0 }).is_none_or(|found| found.error > 1.0));
        assert!(slope(|t| (t + 1.0).floor() + t).is_none_or(|found| found.error > 1.0));
        assert!(slope(f64::sqrt).is_none());
        // A sawtooth whose jumps lie evenly about zero.
        assert!(
            slope(|t| t - ((t * 100.0) + 0.5).floor() / 100.0)
                .is_none_or(|found| found.error > 0.1 || (found.value - 1.0).abs() < 1e-6)
        );
        // So many teeth that every half of a step goes over whole ones.
        for teeth in [2f64.powi(13), 3.0 * 2f64.powi(13)] {
            assert!(slope(|t| 3.0 * t - (t * teeth + 0.25).floor() / teeth).is_none());
        }
    }
}
