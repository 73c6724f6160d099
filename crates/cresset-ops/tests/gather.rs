//! The kernels that read and write at indices, against plain loops, over layouts, dtypes and numbers of threads.

use cresset_ops::{op::Combine, prelude::*, set_num_threads};
use proptest::prelude::*;

/// A number between 0 and `n` for each `i`, in no order.
fn mixed(i: usize, n: usize) -> usize {
    (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) % n.max(1)
}

/// The same numbers laid out otherwise: in order, transposed, every other one, backwards.
fn layouts(x: &Array) -> Vec<Array> {
    let apart = Array::filled("test", x.shape().iter().map(|&n| 2 * n + 1).collect(), x.dtype(), 0).unwrap();
    let mut gaps = apart.clone();
    for dim in 0..x.rank() as i64 {
        gaps = gaps.slice(dim, 1, None, 2).unwrap();
    }
    gaps.copy_(x).unwrap();
    let dims: Vec<i64> = (0..x.rank() as i64).collect();
    let mut backwards = x.flip(dims.clone()).unwrap();
    for dim in dims {
        backwards = backwards.slice(dim, None, None, -1).unwrap();
    }
    vec![x.clone(), x.T().unwrap().contiguous().unwrap().T().unwrap(), gaps, backwards]
}

fn numbers(shape: &[usize], salt: usize) -> Array {
    let n: usize = shape.iter().product();
    Array::from_vec((0..n).map(|i| mixed(i + salt, 100) as f64 - 50.0).collect(), shape).unwrap()
}

fn combined(combine: Combine, a: f64, b: f64) -> f64 {
    match combine {
        Combine::Set => b,
        Combine::Add => a + b,
        Combine::Mul => a * b,
        Combine::Max => a.max(b),
        Combine::Min => a.min(b),
    }
}

const COMBINES: [Combine; 5] = [Combine::Set, Combine::Add, Combine::Mul, Combine::Max, Combine::Min];

/// All coordinates of a shape, in row-major order.
fn coordinates(shape: &[usize]) -> Vec<Vec<usize>> {
    let total: usize = shape.iter().product();
    (0..total)
        .map(|mut flat| {
            let mut list = vec![0; shape.len()];
            for dim in (0..shape.len()).rev() {
                list[dim] = flat % shape[dim];
                flat /= shape[dim];
            }
            list
        })
        .collect()
}

fn flat(shape: &[usize], at: &[usize]) -> usize {
    at.iter().zip(shape).fold(0, |flat, (&i, &n)| flat * n + i)
}

/// `x` with the elements of a source combined in at the indices along a dimension.
fn scattered(
    x: &Array,
    dim: usize,
    index: &[usize],
    own: &[usize],
    source: &Array,
    combine: Combine,
) -> Vec<f64> {
    let (mut result, from) = (x.to_f64s().unwrap(), source.to_f64s().unwrap());
    for (i, at) in coordinates(own).iter().enumerate() {
        let mut to = at.clone();
        to[dim] = index[i];
        let place = flat(x.shape(), &to);
        result[place] = combined(combine, result[place], from[flat(source.shape(), at)]);
    }
    result
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn gather_and_scatter(
        (shape, own, dim) in prop::collection::vec((1usize..6, 1usize..6), 1..4).prop_flat_map(|sizes| {
            let rank = sizes.len();
            (Just(sizes), 0..rank).prop_map(|(sizes, dim)| {
                let shape: Vec<usize> = sizes.iter().map(|pair| pair.0).collect();
                let own = sizes.iter().enumerate().map(|(i, (a, b))| if i == dim { *b } else { *a.min(b) });
                (shape.clone(), own.collect::<Vec<usize>>(), dim)
            })
        }),
        salt in 0usize..1000,
        broadcast in any::<bool>(),
    ) {
        let x = numbers(&shape, salt);
        let source = numbers(&own, salt + 7);
        let n: usize = own.iter().product();
        let mut index: Vec<usize> = (0..n).map(|i| mixed(i + salt, shape[dim])).collect();
        let mut as_array = Array::from_vec(index.iter().map(|&i| i as i64).collect(), &own[..]).unwrap();
        if broadcast {
            // One index for each place along `dim`, the same for all others.
            let mut thin = vec![1; own.len()];
            thin[dim] = own[dim];
            index = coordinates(&own).iter().map(|at| mixed(at[dim] + salt, shape[dim])).collect();
            let list = (0..own[dim]).map(|i| mixed(i + salt, shape[dim]) as i64).collect();
            as_array = Array::from_vec(list, thin).unwrap().broadcast_to(&own[..]).unwrap();
        }
        let expected: Vec<f64> = coordinates(&own).iter().zip(&index).map(|(at, &i)| {
            let mut from = at.clone();
            from[dim] = i;
            x.to_f64s().unwrap()[flat(&shape, &from)]
        }).collect();
        for x in layouts(&x) {
            prop_assert_eq!(x.gather(dim as i64, &as_array).unwrap().to_f64s().unwrap(), expected.clone());
            for combine in COMBINES {
                let expected = scattered(&x, dim, &index, &own, &source, combine);
                for source in layouts(&source) {
                    let result = x.scatter_combine(dim as i64, &as_array, &source, combine).unwrap();
                    prop_assert_eq!(result.to_f64s().unwrap(), expected.clone());
                }
                let target = x.copy().unwrap().T().unwrap().contiguous().unwrap().T().unwrap();
                target.scatter_combine_(dim as i64, &as_array, &source, combine).unwrap();
                prop_assert_eq!(target.to_f64s().unwrap(), expected);
            }
        }
    }

    #[test]
    fn select_and_put(
        shape in prop::collection::vec(1usize..6, 1..4),
        dim in 0usize..3,
        n in 0usize..7,
        salt in 0usize..1000,
    ) {
        let dim = dim % shape.len();
        let x = numbers(&shape, salt);
        let list: Vec<usize> = (0..n).map(|i| mixed(i + salt, shape[dim])).collect();
        let index = Array::from_vec(list.iter().map(|&i| i as i64).collect(), [n]).unwrap();
        let mut own = shape.clone();
        own[dim] = n;
        let source = numbers(&own, salt + 3);
        let all: Vec<usize> = coordinates(&own).iter().map(|at| list[at[dim]]).collect();
        let expected: Vec<f64> = coordinates(&own).iter().map(|at| {
            let mut from = at.clone();
            from[dim] = list[at[dim]];
            x.to_f64s().unwrap()[flat(&shape, &from)]
        }).collect();
        for x in layouts(&x) {
            prop_assert_eq!(x.index_select(dim as i64, &index).unwrap().to_f64s().unwrap(), expected.clone());
            for source in layouts(&source) {
                let set = x.index_copy(dim as i64, &index, &source).unwrap();
                prop_assert_eq!(set.to_f64s().unwrap(), scattered(&x, dim, &all, &own, &source, Combine::Set));
                let sum = x.copy().unwrap();
                sum.index_add_(dim as i64, &index, &source, 1).unwrap();
                prop_assert_eq!(sum.to_f64s().unwrap(), scattered(&x, dim, &all, &own, &source, Combine::Add));
            }
        }
    }

    #[test]
    fn joined(
        shape in prop::collection::vec(0usize..5, 1..4),
        dim in 0usize..3,
        sizes in prop::collection::vec(0usize..4, 1..12),
    ) {
        let dim = dim % shape.len();
        let parts: Vec<Array> = sizes.iter().enumerate().map(|(i, &size)| {
            let mut own = shape.clone();
            own[dim] = size;
            let x = numbers(&own, i * 31);
            layouts(&x).swap_remove(i % 4)
        }).collect();
        let whole = Array::cat(&parts, dim as i64).unwrap();
        let list: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        for (part, back) in parts.iter().zip(whole.split(list, dim as i64).unwrap()) {
            prop_assert_eq!(part.shape(), back.shape());
            prop_assert_eq!(part.to_f64s().unwrap(), back.to_f64s().unwrap());
        }
    }

    #[test]
    fn copies_of_any_layout(shape in prop::collection::vec(1usize..40, 1..4), turn in 0i64..3) {
        let x = numbers(&shape, 5);
        let to = turn % shape.len() as i64;
        for dtype in [DType::F64, DType::F32, DType::F16, DType::I8] {
            for x in layouts(&x.to_dtype(dtype).unwrap()) {
                let moved = x.movedim(0, to).unwrap();
                prop_assert_eq!(moved.copy().unwrap().to_f64s().unwrap(), moved.to_f64s().unwrap());
                let target = Array::filled("test", moved.shape().clone(), dtype, 0).unwrap();
                target.T().unwrap().copy_(&moved.T().unwrap()).unwrap();
                prop_assert_eq!(target.to_f64s().unwrap(), moved.to_f64s().unwrap());
            }
        }
    }
}

/// Large enough for several threads: the same bits with one thread and with four, and those of a plain loop.
#[test]
fn threads_do_not_matter() {
    let check = |name: &str, f: &dyn Fn() -> Array, expected: Option<Vec<f64>>| {
        set_num_threads(1);
        let one = f();
        set_num_threads(4);
        let four = f();
        assert_eq!(one.to_f64s().unwrap(), four.to_f64s().unwrap(), "{name}");
        if let Some(expected) = expected {
            assert_eq!(one.to_f64s().unwrap(), expected, "{name}");
        }
    };
    for (shape, n, dim) in
        [([900, 40, 1], 1700, 0), ([2, 300, 90], 400, 1), ([1, 1, 5000], 70000, 2), ([2, 2, 40000], 2, 1)]
    {
        let x = numbers(&shape, 1).to_dtype(DType::F32).unwrap();
        let list: Vec<usize> = (0..n).map(|i| mixed(i, shape[dim])).collect();
        let index = Array::from_vec(list.iter().map(|&i| i as i64).collect(), [n]).unwrap();
        let mut own = shape;
        own[dim] = n;
        let source = numbers(&own, 2).to_dtype(DType::F32).unwrap();
        let all: Vec<usize> = coordinates(&own).iter().map(|at| list[at[dim]]).collect();
        let dim = dim as i64;
        check("index_select", &|| x.index_select(dim, &index).unwrap(), None);
        for combine in COMBINES {
            let expected =
                (combine != Combine::Mul).then(|| scattered(&x, dim as usize, &all, &own, &source, combine));
            let put = || {
                let op = cresset_ops::Op::IndexPut { dim: dim as usize, combine };
                Array::apply_one(op, &[&x, &index, &source]).unwrap()
            };
            check("index_put", &put, expected.clone());
            let whole = Array::from_vec(all.iter().map(|&i| i as i64).collect(), &own[..]).unwrap();
            check("scatter", &|| x.scatter_combine(dim, &whole, &source, combine).unwrap(), expected);
            check("gather", &|| x.gather(dim, &whole).unwrap(), None);
        }
    }
    let x = numbers(&[700, 900], 9);
    check("transposed", &|| x.T().unwrap().copy().unwrap(), Some(x.T().unwrap().to_f64s().unwrap()));
    check("nonzero", &|| x.gt(0).unwrap().nonzero().unwrap(), None);
    check("cat", &|| Array::cat(&[&x, &x.flip(0).unwrap()], 1).unwrap(), None);
}

#[test]
fn every_dtype_combines_as_it_does() {
    let index = Array::new([0i64, 0, 1]);
    for dtype in DType::ALL {
        let x = Array::new([1, 0]).to_dtype(dtype).unwrap();
        let source = Array::new([1, 1, 0]).to_dtype(dtype).unwrap();
        let sum = x.scatter_add(0, &index, &source).unwrap();
        assert_eq!(sum.dtype(), dtype);
        assert_eq!(
            sum.to_f64s().unwrap(),
            if dtype == DType::Bool { [1.0, 0.0] } else { [3.0, 0.0] },
            "{dtype}"
        );
    }
    let x = Array::new([250u8, 1]);
    assert_eq!(x.index_add(0, &index, &Array::new([5u8, 5, 0]), 1).unwrap().to_vec::<u8>().unwrap(), [4, 1]);
    // NaN wins over every number, whichever comes first.
    for (here, there) in [(f32::NAN, 1.0), (1.0, f32::NAN)] {
        let x = Array::new([here]);
        let max = x.scatter_combine(0, &Array::new([0i64]), &Array::new([there]), Combine::Max).unwrap();
        assert!(max.item::<f32>().unwrap().is_nan());
    }
}

#[test]
fn rare_dtypes_that_are_computed_in_wide_ones_wrap_and_round_as_their_own_would() {
    let x = Array::new([[100i8, -128], [3, 7]]);
    assert_eq!(x.matmul(&x).unwrap().to_vec::<i8>().unwrap(), [-112, -128, 65, -79]);
    let half = Array::new([1.0f32, 2049.0, 1.0]).to_dtype(DType::F16).unwrap();
    let total = half.cumsum(0).unwrap();
    assert_eq!((total.dtype(), total.select(0, 2).unwrap().item::<f32>().unwrap()), (DType::F16, 2050.0));
    let truths = Array::new([false, true, false]);
    let (values, places) = truths.cummax(0).unwrap();
    assert_eq!(
        (values.to_vec::<bool>().unwrap(), places.to_vec::<i64>().unwrap()),
        (vec![false, true, true], vec![0, 1, 1])
    );
    assert_eq!(truths.amax(.., false).unwrap().to_vec::<bool>().unwrap(), [true]);
    assert_eq!(truths.amin(.., false).unwrap().to_vec::<bool>().unwrap(), [false]);
}
