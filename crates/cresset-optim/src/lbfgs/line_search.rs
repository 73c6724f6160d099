//! A step length that satisfies the strong Wolfe conditions: the loss falls enough, and its slope flattens enough.
//!
//! Knows a loss along a line, and nothing of parameters.

use cresset_autograd::{Array, Result};

/// A place on the line.
#[derive(Clone)]
pub struct Point {
    /// How far along the direction.
    pub t: f64,
    /// The loss there.
    pub loss: f64,
    /// The derivative along the direction.
    pub slope: f64,
    /// The gradient.
    pub gradient: Array,
}

/// How much of the first slope's fall the loss must keep.
const SUFFICIENT: f64 = 1e-4;
/// How much of the first slope may be left.
const CURVATURE: f64 = 0.9;

/// Looks from `start` (where `t` is 0) for a point, trying `t` first; `evaluate` is called at most about `most` times.
/// `length` is the largest element of the direction. Returns the point and the number of evaluations.
pub fn strong_wolfe(
    mut evaluate: impl FnMut(f64) -> Result<Point>,
    start: Point,
    t: f64,
    length: f64,
    tolerance: f64,
    most: usize,
) -> Result<(Point, usize)> {
    let falls_too_little = |point: &Point| point.loss > start.loss + SUFFICIENT * point.t * start.slope;
    let is_flat = |point: &Point| point.slope.abs() <= -CURVATURE * start.slope;

    // Longer and longer steps, until two of them have a right one between them.
    let mut before = start.clone();
    let mut point = evaluate(t)?;
    let mut evaluations = 1;
    let mut rounds = 0;
    let mut bracket = None;
    while rounds < most {
        if falls_too_little(&point) || (rounds > 1 && point.loss >= before.loss) {
            bracket = Some([before, point.clone()]);
            break;
        }
        if is_flat(&point) {
            return Ok((point, evaluations));
        }
        if point.slope >= 0.0 {
            bracket = Some([before, point.clone()]);
            break;
        }
        let bounds = (point.t + 0.01 * (point.t - before.t), point.t * 10.0);
        let t = lowest_of_cubic(&before, &point, Some(bounds));
        before = point;
        point = evaluate(t)?;
        evaluations += 1;
        rounds += 1;
    }
    let mut bracket = bracket.unwrap_or([start.clone(), point]);

    // The two come nearer to each other.
    let mut low = usize::from(bracket[0].loss > bracket[1].loss);
    let mut little_progress = false;
    while rounds < most {
        let (left, right) = (bracket[0].t.min(bracket[1].t), bracket[0].t.max(bracket[1].t));
        if (right - left) * length < tolerance {
            break;
        }
        let mut t = lowest_of_cubic(&bracket[0], &bracket[1], None);
        let margin = 0.1 * (right - left);
        if (right - t).min(t - left) < margin {
            // Near an end a second time, or on it: a tenth away from it instead.
            if little_progress || t >= right || t <= left {
                t = if (t - right).abs() < (t - left).abs() { right - margin } else { left + margin };
                little_progress = false;
            } else {
                little_progress = true;
            }
        } else {
            little_progress = false;
        }
        let point = evaluate(t)?;
        evaluations += 1;
        rounds += 1;
        let high = 1 - low;
        if falls_too_little(&point) || point.loss >= bracket[low].loss {
            bracket[high] = point;
            low = usize::from(bracket[0].loss > bracket[1].loss);
            continue;
        }
        let done = is_flat(&point);
        if !done && point.slope * (bracket[high].t - bracket[low].t) >= 0.0 {
            bracket[high] = bracket[low].clone();
        }
        bracket[low] = point;
        if done {
            break;
        }
    }
    let [first, second] = bracket;
    Ok((if low == 0 { first } else { second }, evaluations))
}

/// Where the cubic through two points with their slopes is lowest, within bounds (the points, if none are given); the
/// middle if there is no such place.
#[inline]
fn lowest_of_cubic(a: &Point, b: &Point, bounds: Option<(f64, f64)>) -> f64 {
    let (a, b) = if a.t <= b.t { (a, b) } else { (b, a) };
    let (least, most) = bounds.unwrap_or((a.t, b.t));
    let chord = a.slope + b.slope - 3.0 * (a.loss - b.loss) / (a.t - b.t);
    let square = chord * chord - a.slope * b.slope;
    if square < 0.0 || square.is_nan() {
        return (least + most) / 2.0;
    }
    let root = square.sqrt();
    let t = b.t - (b.t - a.t) * ((b.slope + root - chord) / (b.slope - a.slope + 2.0 * root));
    t.max(least).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(f: impl Fn(f64) -> (f64, f64)) -> impl FnMut(f64) -> Result<Point> {
        move |t| {
            let (loss, slope) = f(t);
            Ok(Point { t, loss, slope, gradient: Array::new([0.0]) })
        }
    }

    #[test]
    fn what_is_found_satisfies_the_conditions() {
        let losses: [fn(f64) -> (f64, f64); 4] = [
            |t| ((t - 3.0).powi(2), 2.0 * (t - 3.0)),
            |t| ((t - 0.01).powi(4), 4.0 * (t - 0.01).powi(3)),
            |t| (-t / (t * t + 2.0), (t * t - 2.0) / (t * t + 2.0).powi(2)),
            |t| ((3.0 * t).cos() + 0.1 * t - 0.5 * t, -3.0 * (3.0 * t).sin() - 0.4),
        ];
        for (i, f) in losses.into_iter().enumerate() {
            for t in [1e-3, 0.1, 1.0, 10.0] {
                let start = on(f)(0.0).unwrap();
                let (point, evaluations) = strong_wolfe(on(f), start.clone(), t, 1.0, 1e-9, 25).unwrap();
                assert!(evaluations <= 26);
                assert!(point.loss <= start.loss + SUFFICIENT * point.t * start.slope, "{i} from {t}");
                assert!(point.slope.abs() <= CURVATURE * start.slope.abs(), "{i} from {t}: {}", point.slope);
            }
        }
    }

    #[test]
    fn a_cubic_is_lowest_where_its_derivative_vanishes() {
        // t³ − 3t: lowest at 1.
        let f = |t: f64| Point {
            t,
            loss: t.powi(3) - 3.0 * t,
            slope: 3.0 * t * t - 3.0,
            gradient: Array::new([0.0]),
        };
        assert!((lowest_of_cubic(&f(0.0), &f(3.0), None) - 1.0).abs() < 1e-12);
        assert!((lowest_of_cubic(&f(3.0), &f(0.0), None) - 1.0).abs() < 1e-12);
        assert_eq!(lowest_of_cubic(&f(0.0), &f(3.0), Some((1.5, 2.0))), 1.5);
    }
}
