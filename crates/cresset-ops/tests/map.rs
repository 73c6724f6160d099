//! Formulas over arrays against plain Rust.

use cresset_ops::prelude::*;

#[test]
fn broadcasting_strides_and_dtypes() {
    let a = Array::new([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    let b = Array::new([10.0f32, 20.0, 30.0]);
    assert_eq!(a.add(&b).unwrap().to_vec::<f32>().unwrap(), [11.0, 22.0, 33.0, 14.0, 25.0, 36.0]);
    let column = Array::new([[1i64], [2]]);
    assert_eq!(a.mul(&column).unwrap().to_vec::<f32>().unwrap(), [1.0, 2.0, 3.0, 8.0, 10.0, 12.0]);
    assert!(a.add(&Array::new([1.0, 2.0])).is_err());
    let bytes = Array::new([250u8, 10]);
    assert_eq!(bytes.add(10).unwrap().to_vec::<u8>().unwrap(), [4, 20]);
    assert_eq!(bytes.gt(300).unwrap().to_vec::<bool>().unwrap(), [false, false]);
    assert!(Array::new([1i64]).floor_divide(0).is_err());
}

#[test]
fn large_and_strided_equals_plain_rust() {
    let n = 300;
    let x: Vec<f32> = (0..n * n).map(|i| (i % 1013) as f32 * 0.01 - 5.0).collect();
    let array = Array::from_vec(x.clone(), [n, n]).unwrap();
    let transposed = array.with_layout(array.layout().permute(&[1, 0]).unwrap()).unwrap();
    let sum = array.add(&transposed).unwrap().to_vec::<f32>().unwrap();
    for i in 0..n {
        for j in 0..n {
            assert_eq!(sum[i * n + j], x[i * n + j] + x[j * n + i]);
        }
    }
    // In place, through a view: the base shows it.
    let diagonal = array.with_layout(array.layout().diagonal(0, 0, 1).unwrap()).unwrap();
    diagonal.mul_(0.0).unwrap();
    assert_eq!(array.to_vec::<f32>().unwrap()[n + 1], 0.0);
    assert_eq!(array.to_vec::<f32>().unwrap()[1], x[1]);
    // An input that overlaps the target otherwise is read as it was.
    array.add_(&transposed).unwrap();
    let after = array.to_vec::<f32>().unwrap();
    assert_eq!(after[1], x[1] + x[n]);
    assert_eq!(after[n], x[1] + x[n]);
}

#[test]
fn numbers_are_of_double_precision_until_they_meet_an_array() {
    let third = |dtype| {
        let x = Array::new([1.0]).to_dtype(dtype).unwrap();
        Array::formula(&[&x], &[3.0.into()], |x, n| x[0] * n[0].reciprocal() + (n[0] - 3) * x[0]).unwrap()
    };
    assert_eq!(third(DType::F64).to_f64s().unwrap(), [1.0 / 3.0]);
    assert_eq!(third(DType::F32).to_vec::<f32>().unwrap(), [1.0f32 / 3.0]);
    // Of numbers alone comes the default dtype, and in a comparison, what they are.
    let x = Array::new([1i64, 2]);
    let y =
        Array::formula(&[&x], &[0.1.into()], |x, n| select((n[0] + 0.2).gt(0.3), x[0], n[0] * 3)).unwrap();
    assert_eq!(y.dtype(), DType::F32);
    assert_eq!(y.to_vec::<f32>().unwrap(), [1.0, 2.0]);
    // Also under a sum, and where integers are divided by nothing.
    assert!(Array::formula(&[&x], &[0.into()], |x, n| x[0] + n[0].floor_divide(n[0])).is_err());
}

#[test]
fn an_input_that_is_an_output_is_read_before_it_is_written() {
    for n in [3, 5000] {
        let list = |shift: usize| (0..n).map(|i| (i + shift) as f32).collect::<Vec<f32>>();
        let array = |shift| Array::from_vec(list(shift), n).unwrap();
        let (a, b, c) = (array(0), array(1), array(2));
        Array::formulas_into(&[&a, &b], &[], &[&a, &b], |x, _| [x[1], x[0]]).unwrap();
        assert_eq!((a.to_vec::<f32>().unwrap(), b.to_vec::<f32>().unwrap()), (list(1), list(0)));
        Array::formulas_into(&[&a, &b, &c], &[], &[&a, &b, &c], |x, _| [x[1] + 1.0, x[2], x[1]]).unwrap();
        assert_eq!(a.to_vec::<f32>().unwrap(), list(1));
        assert_eq!((b.to_vec::<f32>().unwrap(), c.to_vec::<f32>().unwrap()), (list(2), list(0)));
    }
}

/// A formula and the same in plain Rust.
type Both = (fn(&Array, &Array, &Array) -> Result<Array>, fn(f32, f32, f32) -> f32);

/// Formulas of several steps that are done in one loop.
fn joined() -> Vec<Both> {
    let mut all: Vec<Both> = Vec::new();
    // Written alike for numbers and for an `Expr`, but as two closures, which have one type each.
    macro_rules! alike {
        ($($a:ident $b:ident $c:ident: $formula:expr;)*) => {$(
            let both: Both = (|a: &Array, b: &Array, c: &Array| Array::map3(a, b, c, |$a, $b, $c| $formula), |$a, $b, $c| $formula);
            all.push(both);
        )*};
    }
    macro_rules! decided {
        ($($method:ident $operator:tt;)*) => {$(
            let both: Both = (
                |a: &Array, b: &Array, c: &Array| Array::map3(a, b, c, |a, b, c| a.$method(b).select(c, a)),
                |a, b, c| if a $operator b { c } else { a },
            );
            all.push(both);
        )*};
    }
    alike! {
        a b c: a + b + c;
        a b c: a + b - c;
        a b c: c - (a + b);
        a b c: (a + b) * c;
        a b c: a - b + c;
        a b c: a - b - c;
        a b c: c - (a - b);
        a b c: (a - b) * c;
        a b c: a * b + c;
        a b c: a * b - c;
        a b c: c - a * b;
        a b c: a * b * c;
        a b c: (a * b + c) * (a - b) - (c * c - a) * b;
    }
    decided! { lt <; le <=; gt >; ge >=; eq ==; ne !=; }
    all
}

fn numbers(n: usize, seed: u32) -> Vec<f32> {
    let odd = [f32::NAN, f32::INFINITY, -0.0, 0.0, f32::MIN_POSITIVE, 1.0];
    (0..n as u32)
        .map(|i| {
            let bits = (i + seed).wrapping_mul(0x9e37_79b9);
            if bits.is_multiple_of(13) { odd[bits as usize % 6] } else { (bits >> 8) as f32 * 1e-6 - 8.0 }
        })
        .collect()
}

fn assert_same_bits(actual: &Array, expected: impl Iterator<Item = f32>, what: &str) {
    for (i, (x, y)) in actual.to_vec::<f32>().unwrap().into_iter().zip(expected).enumerate() {
        assert!(x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan(), "{what}, place {i}: {x} and {y}");
    }
}

#[test]
fn several_steps_in_one_loop_round_as_each_alone() {
    for n in [1, 3, 8, 9, 100, 1024, 1500, 40_000] {
        let lists = [0, 5, 11].map(|seed| numbers(n, seed));
        let [a, b, c] = [0, 1, 2].map(|i: usize| Array::from_vec(lists[i].clone(), [n]).unwrap());
        let single = Array::scalar(lists[1][0], DType::F32).unwrap();
        let rows = a.expand([3, n as i64]).unwrap();
        for (k, (formula, plain)) in joined().into_iter().enumerate() {
            let expected = |i: usize, b: f32| plain(lists[0][i], b, lists[2][i]);
            let what = format!("formula {k} of {n}");
            let result = formula(&a, &b, &c).unwrap();
            assert_same_bits(&result, (0..n).map(|i| expected(i, lists[1][i])), &what);
            // With one number for all, and with operands that are not of one shape.
            let result = formula(&a, &single, &c).unwrap();
            assert_same_bits(&result, (0..n).map(|i| expected(i, lists[1][0])), &what);
            let column = Array::from_vec(lists[1][..1].repeat(3), [3, 1]).unwrap();
            let result = formula(&rows, &column, &c).unwrap();
            assert_same_bits(&result, (0..3 * n).map(|i| expected(i % n, lists[1][0])), &what);
        }
    }
}

#[test]
fn functions_of_products_and_results_past_the_caches() {
    // More than 32 MB in all, and no whole number of chunks.
    let n = (3 << 20) + 77;
    let list = numbers(n, 3);
    let x = Array::from_vec(list.clone(), [n]).unwrap();
    let y = Array::map2(&x, &x, |x, y| x * 0.5 + y).unwrap();
    assert_same_bits(&y, list.iter().map(|x| x * 0.5 + x), "a sum");
    let few = x.narrow(0, 0, 5000).unwrap();
    let scaled = few.mul(0.7).unwrap();
    macro_rules! alike {
        ($($f:ident)*) => {$(
            let joined = few.map(|x| (x * 0.7).$f()).unwrap();
            let expected = scaled.$f().unwrap().to_vec::<f32>().unwrap();
            assert_same_bits(&joined, expected.into_iter(), stringify!($f));
        )*};
    }
    alike!(exp tanh sigmoid erf);
    macro_rules! gates {
        ($($f:ident)*) => {$(
            let joined = few.map(|x| x * 0.5 * (1.0 + (x * 0.7).$f())).unwrap();
            let expected = few.mul(0.5).unwrap().mul(&scaled.$f().unwrap().add(1.0).unwrap()).unwrap();
            assert_same_bits(&joined, expected.to_vec::<f32>().unwrap().into_iter(), stringify!($f));
        )*};
    }
    gates!(tanh erf);
}

#[test]
fn targets_that_are_strided_rows_are_written_as_others_are() {
    // Rows shorter than a chunk, longer than one, and too short to be gone through one by one.
    for (rows, columns) in [(5, 100), (3, 1500), (7, 20), (40, 256)] {
        let values = |seed: usize| -> Vec<f32> {
            (0..rows * 2 * columns).map(|i| ((i * 37 + seed * 11) % 101) as f32 / 50.0 - 1.0).collect()
        };
        let wide = |seed: usize| {
            Array::from_vec(values(seed), [rows, 2 * columns]).unwrap().narrow(1, 3, columns as i64).unwrap()
        };
        let (x, y) = (wide(1), wide(2));
        let target = || Array::zeros([rows, columns + 9]).narrow(1, 5, columns as i64).unwrap();
        let across = Array::zeros([columns, rows]).t().unwrap();
        let (sum, again, product) = (target(), target(), target());
        let half =
            Array::zeros_with([rows, columns + 9], DType::F16).unwrap().narrow(1, 0, columns as i64).unwrap();
        Array::formulas_into(&[&x, &y], &[], &[&sum, &again, &product, &half, &across], |x, _| {
            let sum = x[0] + x[1];
            [sum, sum, sum * x[1], x[0], sum - x[0]]
        })
        .unwrap();
        let (x, y) = (x.to_vec::<f32>().unwrap(), y.to_vec::<f32>().unwrap());
        let each =
            |f: fn(f32, f32) -> f32| -> Vec<f32> { x.iter().zip(&y).map(|(&x, &y)| f(x, y)).collect() };
        assert_eq!(sum.to_vec::<f32>().unwrap(), each(|x, y| x + y));
        assert_eq!(again.to_vec::<f32>().unwrap(), each(|x, y| x + y));
        assert_eq!(product.to_vec::<f32>().unwrap(), each(|x, y| (x + y) * y));
        assert_eq!(across.to_vec::<f32>().unwrap(), each(|x, y| x + y - x));
        let rounded: Vec<f32> = x.iter().map(|&x| cresset_tensor::f16::from_f32(x).to_f32()).collect();
        assert_eq!(half.to_dtype(DType::F32).unwrap().to_vec::<f32>().unwrap(), rounded);
    }
}
