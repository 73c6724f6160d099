//! Norms, statistics, ranks, sets, histograms, integrals: numbers computed with PyTorch, and what is refused.

use cresset_ops::prelude::*;

const INFINITY: f64 = f64::INFINITY;
const NAN: f64 = f64::NAN;

fn matrix() -> Array {
    Array::new([[1.0, 2.0, 4.0], [-3.0, 0.0, 5.0]])
}

#[track_caller]
fn assert_close(got: &Array, wanted: &[f64]) {
    let got = got.to_f64s().unwrap();
    assert_eq!(got.len(), wanted.len(), "{got:?}");
    for (a, b) in got.iter().zip(wanted) {
        let same = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * b.abs().max(1.0);
        assert!(same, "{got:?}, not {wanted:?}");
    }
}

#[test]
fn norms() -> Result<()> {
    let x = matrix();
    for (p, wanted) in [
        (0.0, [3.0, 2.0]),
        (1.0, [7.0, 8.0]),
        (2.0, [4.58257569495584, 5.830951894845301]),
        (3.0, [4.179339196381232, 5.336803297443889]),
        (0.5, [19.485281374238568, 15.745966692414834]),
        (-1.0, [0.5714285714285714, 0.0]),
        (INFINITY, [4.0, 5.0]),
        (-INFINITY, [1.0, 0.0]),
    ] {
        assert_close(&x.norm_dim(p, 1, false)?, &wanted);
    }
    assert_close(&x.nuclear_norm(0, 1, true)?, &[9.809742925080995]);
    assert_eq!(x.nuclear_norm(1, 0, true)?.shape(), &[1, 1]);
    assert_close(&Array::new([[0.0, 0.0], [0.0, 2.0]]).nuclear_norm(0, 1, false)?, &[2.0]);
    assert_close(
        &x.renorm(2.0, 0, 3.0)?,
        &[
            0.6546536564222631,
            1.3093073128445263,
            2.6186146256890526,
            -1.5434872398119917,
            0.0,
            2.5724787330199863,
        ],
    );
    // What half precision cannot hold on the way is no matter.
    let large = Array::new([300.0; 100]).to_dtype(DType::F16)?;
    assert_close(&large.norm()?, &[3000.0]);
    assert_close(&Array::new([20.0; 5000]).to_dtype(DType::F16)?.mean()?, &[20.0]);
    assert!(Array::new([1i64]).norm().is_err());
    assert!(Array::new([1.0]).renorm(2.0, 0, 1.0).is_err());
    assert!(Array::from_vec(Vec::<f64>::new(), [0])?.norm_dim(INFINITY, .., false).is_err());
    Ok(())
}

#[test]
fn reductions_at_the_edges() -> Result<()> {
    let x = Array::new([[-INFINITY, -INFINITY], [1000.0, 1000.0], [INFINITY, 1.0]]);
    assert_close(&x.logsumexp(1, false)?, &[-INFINITY, 1000.6931471805599, INFINITY]);
    assert_close(&Array::from_vec(Vec::<f64>::new(), [0, 2])?.logsumexp(0, false)?, &[-INFINITY; 2]);
    let holes = Array::new([NAN, 1.0, 3.0]);
    assert_close(&holes.nansum()?, &[4.0]);
    assert_close(&holes.nanmean()?, &[2.0]);
    assert_close(&holes.max()?, &[NAN]);
    assert_eq!(holes.argmin()?.item::<i64>()?, 0);
    let empty = Array::from_vec(Vec::<f32>::new(), [0])?;
    assert!(empty.mean()?.item::<f32>()?.is_nan());
    assert!(empty.max().is_err() && empty.argmax().is_err() && empty.mode(0, false).is_err());
    assert_eq!(Array::new([2u8, 0]).all()?.dtype(), DType::U8);
    assert_eq!(Array::new([[1, 0], [0, 0]]).count_nonzero_dim(1)?.to_vec::<i64>()?, [1, 0]);
    assert_eq!(Array::new([3i32, -1]).max_dim(0, true)?.0.to_vec::<i32>()?, [3]);
    assert_eq!(Array::new(5.0).max_dim(-1, false)?.1.item::<i64>()?, 0);
    assert!(Array::new([1i64]).mean().is_err());
    assert!(matrix().sum_dim([0, -2], false).is_err());
    assert!(matrix().sum_dim(2, false).is_err());
    assert_eq!(matrix().sum_to_size([2, 1])?.to_f64s().unwrap(), [7.0, 2.0]);
    assert!(matrix().sum_to_size([3, 3]).is_err());
    Ok(())
}

#[test]
fn variances() -> Result<()> {
    let x = matrix();
    assert_close(&x.var_dim(1, 0, false)?, &[1.5555555555555554, 10.888888888888891]);
    assert_close(&x.std()?, &[2.8809720581775866]);
    assert!(Array::new([1.0]).var()?.item::<f64>()?.is_nan());
    // Numbers far from zero, of which squares lose everything.
    let far = x.add(1e9)?;
    assert_close(&far.var_dim(1, 0, false)?, &[1.5555555555555554, 10.888888888888891]);
    assert_close(&x.cov()?, &[2.333333333333333, 6.166666666666666, 6.166666666666666, 16.333333333333332]);
    assert_close(&x.corrcoef()?, &[1.0, 0.9989061072386719, 0.9989061072386719, 1.0]);
    let (often, much) = (Array::new([1i64, 2, 1]), Array::new([0.5, 1.0, 2.0]));
    let options = CovOptions { fweights: Some(&often), aweights: Some(&much), ..CovOptions::default() };
    assert_close(
        &x.cov_with(options)?,
        &[1.857142857142857, 4.785714285714286, 4.785714285714286, 12.357142857142856],
    );
    assert!(x.to_dtype(DType::I64)?.std().is_err());
    Ok(())
}

#[test]
fn ranks() -> Result<()> {
    let x = matrix();
    assert_close(&x.quantile(&Array::new([0.1, 0.5]), 1, false)?, &[1.2, -2.4, 2.0, 0.0]);
    assert_eq!(x.quantile(&Array::new([0.1, 0.5]), None, true)?.shape(), &[2, 1, 1]);
    assert_close(&x.quantile_with(0.3, None, false, QuantileInterpolation::Nearest)?, &[1.0]);
    assert_close(&Array::new([NAN, 1.0, 3.0, 2.0]).nanquantile(0.3, None, false)?, &[1.6]);
    assert!(Array::new([NAN, NAN]).nanquantile(0.3, 0, false)?.item::<f64>()?.is_nan());
    assert!(Array::new([NAN, 1.0]).quantile(0.3, 0, false)?.item::<f64>()?.is_nan());
    assert!(x.quantile(1.5, None, false).is_err());
    assert!(x.quantile(&Array::new([0.5f32]), None, false).is_err());
    let numbers = Array::new([[3i64, 1, 2, 1]]);
    let (value, place) = numbers.median_dim(1, false)?;
    assert_eq!((value.item::<i64>()?, place.item::<i64>()?), (1, 3));
    let (value, place) = Array::new([3i64, 1, 2, 1, 3]).mode(0, false)?;
    assert_eq!((value.item::<i64>()?, place.item::<i64>()?), (1, 3));
    let holes = Array::new([NAN, 2.0, 1.0, 4.0]);
    assert_close(&holes.nanmedian()?, &[2.0]);
    assert_close(&holes.median()?, &[NAN]);
    assert_eq!(holes.kthvalue(4, 0, false)?.1.item::<i64>()?, 0);
    assert!(holes.kthvalue(5, 0, false).is_err() && holes.kthvalue(0, 0, false).is_err());
    assert!(Array::from_vec(Vec::<f32>::new(), [0])?.median()?.item::<f32>()?.is_nan());
    Ok(())
}

#[test]
fn histograms() -> Result<()> {
    let list = matrix().ravel()?;
    let options = HistogramOptions { density: true, ..HistogramOptions::default() };
    let (heights, edges) = list.histogram_with(3, options)?;
    assert_close(&heights, &[0.0625, 0.1875, 0.125]);
    assert_close(&edges, &[-3.0, -1.0 / 3.0, 7.0 / 3.0, 5.0]);
    assert_eq!(list.histc(4, -4.0, 4.0)?.to_f64s().unwrap(), [1.0, 0.0, 2.0, 2.0]);
    let points = Array::new([[0.0, 1.0], [1.0, 3.0], [0.2, 1.1]]);
    assert_eq!(points.histogramdd(&[2.into()])?.0.to_f64s().unwrap(), [2.0, 0.0, 0.0, 1.0]);
    let weights = Array::new([0.5, 1.0, 2.0]);
    assert_eq!(
        Array::new([0i64, 3, 3]).bincount(Some(&weights), 0)?.to_f64s().unwrap(),
        [0.5, 0.0, 0.0, 3.0]
    );
    assert_eq!(Array::new([1i64]).bincount(None, 3)?.to_i64s().unwrap(), [0, 1, 0]);
    assert!(Array::new([-1i64]).bincount(None, 0).is_err());
    assert!(Array::new([i64::MAX]).bincount(None, 0).is_err());
    assert!(list.histc(0, 0.0, 1.0).is_err() && list.histc(3, 2.0, 1.0).is_err());
    assert!(Array::new([NAN]).histc(3, 0.0, 0.0).is_err());
    Ok(())
}

#[test]
fn sets() -> Result<()> {
    let x = Array::new([[2i64, 1, 2], [0, 0, 0], [2, 1, 2]]);
    let unique = x.unique_with(0)?;
    assert_eq!(unique.values.to_i64s().unwrap(), [0, 0, 0, 2, 1, 2]);
    assert_eq!(unique.inverse.to_i64s().unwrap(), [1, 0, 1]);
    assert_eq!(unique.counts.to_i64s().unwrap(), [1, 2]);
    assert_eq!(x.unique_with(1)?.values.to_i64s().unwrap(), [1, 2, 0, 0, 1, 2]);
    // NaN is never found again; zeros of both signs are one.
    let odd = Array::new([NAN, 1.0, NAN, -0.0, 0.0]).unique_with(None)?;
    assert_close(&odd.values, &[0.0, 1.0, NAN, NAN]);
    assert_eq!(odd.counts.to_i64s().unwrap(), [2, 1, 1, 1]);
    assert_eq!(Array::new([1, 1, 2, 1]).unique_consecutive()?.to_vec::<i32>()?, [1, 2, 1]);
    assert_eq!(Array::new([1, 2]).isin(&Array::new([1.5, 2.0]))?.to_vec::<bool>()?, [false, true]);
    assert_eq!(Array::new([NAN, 1.0]).isin(&Array::new([NAN, 1.0]))?.to_vec::<bool>()?, [false, true]);
    assert!(Array::from_vec(Vec::<f32>::new(), [2, 0])?.unique_with(0).is_err());
    Ok(())
}

#[test]
fn integrals_and_differences() -> Result<()> {
    let (x, places) = (matrix(), Array::new([0.0, 1.0, 3.0]));
    assert_close(&x.cumulative_trapezoid(&places, -1)?, &[1.5, 7.5, -1.5, 3.5]);
    let before = Array::new([[0.0], [1.0]]);
    let options = DiffOptions { prepend: Some(&before), ..DiffOptions::default() };
    assert_close(&x.diff_with(options)?, &[1.0, 1.0, 2.0, -4.0, 3.0, 5.0]);
    assert_eq!(x.diff_with(DiffOptions { n: 9, ..DiffOptions::default() })?.shape(), &[2, 0]);
    assert_close(&x.gradient_with(1.0, 1, 2)?[0], &[0.5, 1.5, 2.5, 2.0, 4.0, 6.0]);
    let uneven = x.gradient_with(&[Spacing::Points(&places)], 1, 2)?;
    assert_close(&uneven[0], &[1.0, 1.0, 1.0, 3.166666666666667, 2.833333333333333, 2.166666666666667]);
    assert!(x.gradient_with(1.0, .., 2).is_err());
    assert!(Array::new(1.0).diff().is_err() && Array::new(1.0).trapezoid(1.0, -1).is_err());
    Ok(())
}

#[test]
fn searches_and_segments() -> Result<()> {
    let sequence = Array::new([5.0, 1.0, 3.0]);
    let sorter = sequence.argsort(0, false)?;
    let options = SearchOptions { sorter: Some(&sorter), out_int32: true, right: true };
    let places = sequence.searchsorted_with(&Array::new([3.0, 9.0]), options)?;
    assert_eq!(places.to_vec::<i32>()?, [2, 3]);
    assert_eq!(Array::new([1, 2]).searchsorted(1.5)?.item::<i64>()?, 1);
    assert!(Array::new([1, 2]).searchsorted(&Array::new([1.5])).is_err());
    assert!(Array::new([1.0]).bucketize(&matrix(), false).is_err());
    let x = Array::new([1.0, 5.0, 3.0]);
    let lengths = Array::new([0i64, 3]);
    let of = |reduction| x.segment_reduce(reduction, Segments::Lengths(&lengths));
    assert_close(&of(SegmentReduction::Mean)?, &[NAN, 3.0]);
    assert_close(&of(SegmentReduction::Max)?, &[-INFINITY, 5.0]);
    assert_close(&of(SegmentReduction::Prod)?, &[1.0, 15.0]);
    let few = Array::new([-1i64, 4]);
    assert!(x.segment_reduce(SegmentReduction::Sum, Segments::Lengths(&few)).is_err());
    let offsets = Array::new([1i64, 2, 3]);
    assert_close(&x.segment_reduce(SegmentReduction::Sum, Segments::Offsets(&offsets))?, &[5.0, 3.0]);
    Ok(())
}
