//! Every special function against `oracle.txt`, and its values at the edges of its domain against PyTorch's.

use super::*;

/// Of one function: the rows `(arguments, value)`.
fn rows(name: &str) -> Vec<(Vec<f64>, f64)> {
    let number = |text: &str| text.parse::<f64>().unwrap();
    let lines = include_str!("oracle.txt").lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let parse = |fields: Vec<&str>| {
        let mut numbers: Vec<f64> = fields[1..].iter().map(|field| number(field)).collect();
        let value = numbers.pop().unwrap();
        (numbers, value)
    };
    lines.filter(|fields| fields[0] == name).map(parse).collect()
}

/// Errors relative to the value, or to `scale` where the value is smaller (around the zeros).
fn check(name: &str, tolerance: f64, scale: impl Fn(&[f64]) -> f64, function: impl Fn(&[f64]) -> f64) {
    let rows = rows(name);
    assert!(!rows.is_empty());
    let (mut worst, mut at) = (0.0, String::new());
    for (arguments, expected) in rows {
        let actual = function(&arguments);
        let error = (actual - expected).abs() / expected.abs().max(scale(&arguments)).max(f64::MIN_POSITIVE);
        if error > worst || error.is_nan() {
            (worst, at) = (error, format!("{arguments:?} = {actual:e}, not {expected:e}"));
        }
    }
    println!("{name}: {worst:.1e} at {at}");
    assert!(worst <= tolerance, "{name}{at}: {worst:.1e}");
}

fn check_unary(name: &str, tolerance: f64, function: fn(f64) -> f64) {
    check(name, tolerance, |_| 0.0, |x| function(x[0]));
}

#[test]
fn of_gamma() {
    check("lgamma", 1e-14, |_| 0.1, |x| lgamma(x[0]));
    check("digamma", 1e-14, |_| 0.1, |x| digamma(x[0]));
    check("polygamma", 1e-14, |_| 0.0, |x| polygamma(x[0] as i64, x[1]));
    check("zeta", 1e-14, |_| 0.0, |x| zeta(x[0], x[1]));
}

#[test]
fn of_incomplete_gamma() {
    // Where they are tiny, an ulp of the exponent is hundreds of theirs.
    check("igamma", 5e-13, |_| 0.0, |x| igamma(x[0], x[1]));
    check("igammac", 5e-13, |_| 0.0, |x| igammac(x[0], x[1]));
}

#[test]
fn of_error() {
    check_unary("erfinv", 1e-15, erfinv);
    check_unary("erfcx", 1e-14, erfcx);
    check_unary("ndtri", 1e-14, ndtri);
    check_unary("log_ndtr", 1e-14, log_ndtr);
}

#[test]
fn of_bessel() {
    // Beyond the first zeros, errors are of the amplitude, and of the phase, which grows with the argument.
    let amplitude = |x: &[f64]| (1.0 + x[0].abs()).sqrt().recip().max(1e-3 * x[0].abs().sqrt());
    check("bessel_j0", 1e-15, amplitude, |x| bessel_j0(x[0]));
    check("bessel_j1", 1e-15, |x| amplitude(x).min(x[0].abs()), |x| bessel_j1(x[0]));
    check("bessel_y0", 1e-15, amplitude, |x| bessel_y0(x[0]));
    check("bessel_y1", 1e-15, amplitude, |x| bessel_y1(x[0]));
    check("sinc", 1e-14, |_| 0.0, |x| sinc(x[0]));
    check("spherical_bessel_j0", 1e-15, |_| 0.0, |x| spherical_bessel_j0(x[0]));
}

#[test]
fn of_modified_bessel() {
    check_unary("i0", 1e-14, i0);
    check_unary("i0e", 1e-14, i0e);
    check_unary("i1", 1e-14, i1);
    check_unary("i1e", 1e-14, i1e);
    check_unary("modified_bessel_k0", 1e-14, modified_bessel_k0);
    check_unary("modified_bessel_k1", 1e-14, modified_bessel_k1);
    check_unary("scaled_modified_bessel_k0", 1e-14, scaled_modified_bessel_k0);
    check_unary("scaled_modified_bessel_k1", 1e-14, scaled_modified_bessel_k1);
}

#[test]
fn of_airy() {
    check("airy_ai", 1e-14, |x| if x[0] < -1.0 { 0.3 * x[0].abs().sqrt() } else { 0.0 }, |x| airy_ai(x[0]));
    // Where one way of computing it ends and the next begins; by mpmath.
    for (x, expected) in [(2.5, 0.01572592338047049), (-10.5, -0.3119260350510506)] {
        assert!((airy_ai(x) - expected).abs() < 1e-14, "{x}: {}", airy_ai(x));
    }
}

/// The values at 0, −0, ∞, −∞, NaN, −1 and 1. As PyTorch's, but that a limit which exists is given (`i0` and
/// `i1` at ∞), and that signed zeros are kept.
#[test]
fn at_the_edges() {
    const INF: f64 = f64::INFINITY;
    const NAN: f64 = f64::NAN;
    let edges = [0.0, -0.0, INF, -INF, NAN, -1.0, 1.0];
    let check = |name: &str, function: fn(f64) -> f64, expected: [f64; 7]| {
        for (x, expected) in edges.into_iter().zip(expected) {
            let actual = function(x);
            let close = (actual - expected).abs() <= 1e-14 * expected.abs();
            assert!(
                actual.total_cmp(&expected).is_eq()
                    || (close && actual != 0.0)
                    || (actual.is_nan() && expected.is_nan()),
                "{name}({x}) = {actual}, not {expected}"
            );
        }
    };
    check("lgamma", lgamma, [INF, INF, INF, INF, NAN, INF, 0.0]);
    check("digamma", digamma, [-INF, INF, INF, NAN, NAN, NAN, -0.5772156649015329]);
    check("i0", i0, [1.0, 1.0, INF, INF, NAN, 1.2660658777520082, 1.2660658777520082]);
    check("i0e", i0e, [1.0, 1.0, 0.0, 0.0, NAN, 0.46575960759364043, 0.46575960759364043]);
    check("i1", i1, [0.0, -0.0, INF, -INF, NAN, -0.5651591039924851, 0.5651591039924851]);
    check("i1e", i1e, [0.0, -0.0, 0.0, -0.0, NAN, -0.2079104153497085, 0.2079104153497085]);
    check("erfinv", erfinv, [0.0, -0.0, NAN, NAN, NAN, -INF, INF]);
    check("erfcx", erfcx, [1.0, 1.0, 0.0, INF, NAN, 5.008980080762283, 0.427583576155807]);
    check("ndtri", ndtri, [-INF, -INF, NAN, NAN, NAN, NAN, INF]);
    let half = -std::f64::consts::LN_2;
    check("log_ndtr", log_ndtr, [half, half, -0.0, -INF, NAN, -1.841021645009264, -0.17275377902344985]);
    check("sinc", sinc, [1.0, 1.0, NAN, NAN, NAN, 0.0, 0.0]);
    check("bessel_j0", bessel_j0, [1.0, 1.0, 0.0, 0.0, NAN, 0.7651976865579665, 0.7651976865579665]);
    check("bessel_j1", bessel_j1, [0.0, -0.0, 0.0, 0.0, NAN, -0.44005058574493355, 0.44005058574493355]);
    check("bessel_y0", bessel_y0, [-INF, -INF, 0.0, NAN, NAN, NAN, 0.08825696421567697]);
    check("bessel_y1", bessel_y1, [-INF, -INF, 0.0, NAN, NAN, NAN, -0.7812128213002888]);
    check("modified_bessel_k0", modified_bessel_k0, [INF, INF, 0.0, NAN, NAN, NAN, 0.4210244382407082]);
    check("modified_bessel_k1", modified_bessel_k1, [INF, INF, 0.0, NAN, NAN, NAN, 0.6019072301972346]);
    check("scaled k0", scaled_modified_bessel_k0, [INF, INF, 0.0, NAN, NAN, NAN, 1.1444630798068944]);
    check("scaled k1", scaled_modified_bessel_k1, [INF, INF, 0.0, NAN, NAN, NAN, 1.636153486263258]);
    let unit = 0.8414709848078965;
    check("spherical_bessel_j0", spherical_bessel_j0, [1.0, 1.0, 0.0, 0.0, NAN, unit, unit]);
    let (zero, below, above) = (0.3550280538878172, 0.5355608832923521, 0.13529241631288144);
    check("airy_ai", airy_ai, [zero, zero, NAN, NAN, NAN, below, above]);

    for (a, x, lower) in [(0.0, 1.0, 1.0), (0.0, INF, 1.0), (1.0, 0.0, 0.0), (1.0, INF, 1.0), (INF, 1.0, 0.0)]
    {
        assert_eq!((igamma(a, x), igammac(a, x)), (lower, 1.0 - lower), "{a}, {x}");
    }
    for (a, x) in [(0.0, 0.0), (INF, INF), (-1.0, 1.0), (1.0, -1.0), (NAN, 1.0), (1.0, NAN)] {
        assert!(igamma(a, x).is_nan() && igammac(a, x).is_nan(), "{a}, {x}");
    }
    assert_eq!((zeta(1.0, 1.0), zeta(2.0, 0.0), zeta(2.0, -1.0), zeta(2.0, INF)), (INF, INF, INF, 0.0));
    assert!(zeta(0.5, 1.0).is_nan() && zeta(2.5, -1.5).is_nan() && zeta(2.0, NAN).is_nan());
    assert_eq!((polygamma(1, 0.0), polygamma(2, 0.0), polygamma(2, -1.0)), (INF, -INF, -INF));
    assert!(polygamma(-1, 1.0).is_nan());
}

/// Large arguments must neither loop for long nor overflow on the way.
#[test]
fn far_out() {
    assert_eq!((zeta(1e6, 1e7), zeta(1e300, 2.0), zeta(2.0, 1e300)), (0.0, 0.0, 1e-300));
    assert!((zeta(2.0, -6e-15) * 3.6e-29 - 1.0).abs() < 1e-14);
    // Where 1 is less than an ulp, but 9 is not.
    assert!((zeta(2.0, 3e16) * 3e16 - 1.0).abs() < 1e-14);
    assert!((polygamma(1, -1e12 + 0.5) - std::f64::consts::PI.powi(2)).abs() < 1e-3);
    assert_eq!((igamma(1e300, 1e299), igammac(1e300, 1e299)), (0.0, 1.0));
    assert_eq!((igamma(10.0, 1e38), igammac(10.0, 1e38)), (1.0, 0.0));
    assert!((igamma(1e300, 1e300) - 0.5).abs() < 1e-10);
    assert_eq!((i0e(1e300) > 0.0, modified_bessel_k0(1e300)), (true, 0.0));
    assert!(digamma(-1e15 + 0.5).is_finite() && erfcx(1e300) > 0.0);
    assert!(airy_ai(-1e300).abs() < 1e-70 && airy_ai(1e300) == 0.0);
}
