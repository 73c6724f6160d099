//! Attention in tiles against its definition in f64: sizes around the edges of blocks, every kind of mask, layouts.

use cresset_ops::{Op, methods::AttentionOptions, prelude::*};
use cresset_tensor::random::manual_seed;

/// Where queries may look.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Looks {
    Everywhere,
    Back,
    /// Truths for all queries alike, or for each.
    Where {
        rows: bool,
    },
    /// Numbers added, of which some are -∞; one row is nothing else.
    More {
        rows: bool,
    },
}

const LOOKS: [Looks; 6] = [
    Looks::Everywhere,
    Looks::Back,
    Looks::Where { rows: false },
    Looks::Where { rows: true },
    Looks::More { rows: false },
    Looks::More { rows: true },
];

fn number(seed: usize) -> f64 {
    (((seed * 7919 + 13) % 1009) as f64 / 300.0 - 1.7) * if seed.is_multiple_of(5) { 1.3 } else { 0.9 }
}

/// A matrix for each of a batch, as numbers and as an array.
struct Given {
    numbers: Vec<f64>,
    array: Array,
    size: [usize; 2],
}

impl Given {
    fn new(seed: usize, batch: &[usize], size: [usize; 2]) -> Given {
        let shape: Vec<usize> = [batch, &size].concat();
        let count = shape.iter().product();
        let numbers: Vec<f64> = (0..count).map(|i| f64::from(number(seed * 1000 + i) as f32)).collect();
        let array = Array::from_vec(numbers.iter().map(|&x| x as f32).collect(), shape).unwrap();
        Given { numbers, array, size }
    }

    fn row(&self, item: usize, row: usize) -> &[f64] {
        &self.numbers[(item * self.size[0] + row) * self.size[1]..][..self.size[1]]
    }
}

fn mask(looks: Looks, queries: usize, keys: usize) -> Option<Array> {
    let rows = match looks {
        Looks::Everywhere | Looks::Back => return None,
        Looks::Where { rows } | Looks::More { rows } => {
            if rows {
                queries
            } else {
                1
            }
        }
    };
    let shut = |i: usize| rows > 1 && i / keys.max(1) == 1;
    let count = rows * keys;
    Some(
        match looks {
            Looks::Where { .. } => {
                Array::from_vec((0..count).map(|i| i % 3 != 1 && !shut(i)).collect(), [rows, keys])
            }
            _ => {
                let closed = |i: usize| i % 7 == 3 || shut(i);
                let number = |i: usize| if closed(i) { f32::NEG_INFINITY } else { number(i) as f32 };
                Array::from_vec((0..count).map(number).collect(), [rows, keys])
            }
        }
        .unwrap(),
    )
}

/// What each query of an attention gives: sums, logarithm and gradients, by three loops.
struct Plain {
    y: Vec<f64>,
    logarithms: Vec<f64>,
    gradients: [Vec<f64>; 3],
}

fn plain(looks: Looks, scale: f64, [q, k, v, dy]: [&Given; 4], batch: usize) -> Plain {
    let ([queries, width], [keys, value_width]) = (q.size, [k.size[0], v.size[1]]);
    let mask =
        mask(looks, queries, keys).map(|mask| (mask.shape()[0], mask.to_f64s().unwrap(), mask.dtype()));
    let added = |i: usize, j: usize| match &mask {
        None if looks == Looks::Back && j > i => f64::NEG_INFINITY,
        None => 0.0,
        Some((rows, numbers, dtype)) => {
            let number = numbers[(i % rows) * keys + j];
            match dtype {
                DType::Bool => {
                    if number == 0.0 {
                        f64::NEG_INFINITY
                    } else {
                        0.0
                    }
                }
                _ => number,
            }
        }
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut made = Plain {
        y: vec![0.0; batch * queries * value_width],
        logarithms: vec![0.0; batch * queries],
        gradients: [q, k, v].map(|x| vec![0.0; x.numbers.len()]),
    };
    for item in 0..batch {
        for i in 0..queries {
            let scores: Vec<f64> =
                (0..keys).map(|j| scale * dot(q.row(item, i), k.row(item, j)) + added(i, j)).collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let place = item * queries + i;
            if most == f64::NEG_INFINITY {
                made.logarithms[place] = most;
                continue;
            }
            let sum: f64 = scores.iter().map(|x| (x - most).exp()).sum();
            made.logarithms[place] = most + sum.ln();
            let weights: Vec<f64> = scores.iter().map(|x| (x - most).exp() / sum).collect();
            let y = &mut made.y[place * value_width..][..value_width];
            for (j, weight) in weights.iter().enumerate() {
                y.iter_mut().zip(v.row(item, j)).for_each(|(y, v)| *y += weight * v);
            }
            let projection = dot(y, dy.row(item, i));
            for (j, weight) in weights.iter().enumerate() {
                let slope = scale * weight * (dot(dy.row(item, i), v.row(item, j)) - projection);
                let [dq, dk, dv] = &mut made.gradients;
                for c in 0..width {
                    dq[place * width + c] += slope * k.row(item, j)[c];
                    dk[(item * keys + j) * width + c] += slope * q.row(item, i)[c];
                }
                for c in 0..value_width {
                    dv[(item * keys + j) * value_width + c] += weight * dy.row(item, i)[c];
                }
            }
        }
    }
    made
}

#[track_caller]
fn close(found: &Array, wanted: &[f64], tolerance: f64, what: &str) {
    let found = found.to_f64s().unwrap();
    assert_eq!(found.len(), wanted.len());
    let size = wanted.iter().filter(|x| x.is_finite()).fold(1.0, |most: f64, x| most.max(x.abs()));
    for (i, (a, b)) in found.iter().zip(wanted).enumerate() {
        assert!(a == b || (a - b).abs() <= tolerance * size, "{what}: {a} against {b} at {i}");
    }
}

/// Both ways of an attention: five arrays.
fn both(causal: bool, scale: f64, [q, k, v, dy]: [&Array; 4], mask: Option<&Array>) -> Vec<Array> {
    let forward = Op::Attention { causal, scale };
    let mut inputs = vec![q, k, v];
    inputs.extend(mask);
    let mut made = Array::apply(forward, &inputs).unwrap().into_vec();
    let exact = |x: &Array| x.to_dtype(made[1].dtype()).unwrap();
    let projection = exact(dy).mul(&exact(&made[0])).unwrap().sum_dim(-1, false).unwrap();
    let mut inputs = vec![q, k, v, &made[1], &projection, dy];
    inputs.extend(mask);
    let back = Array::apply(Op::AttentionBackward { causal, scale }, &inputs).unwrap();
    made.extend(back);
    made
}

fn check(looks: Looks, batch: &[usize], [queries, keys, width, value_width]: [usize; 4], dtype: DType) {
    let count: usize = batch.iter().product();
    let scale = 0.7 / (width.max(1) as f64).sqrt();
    let given = [
        Given::new(1, batch, [queries, width]),
        Given::new(2, batch, [keys, width]),
        Given::new(3, batch, [keys, value_width]),
        Given::new(4, batch, [queries, value_width]),
    ];
    let [q, k, v, dy] = &given;
    let wanted = plain(looks, scale, [q, k, v, dy], count);
    let to = |x: &Array| x.to_dtype(dtype).unwrap();
    let mask =
        mask(looks, queries, keys).map(|mask| if mask.dtype() == DType::Bool { mask } else { to(&mask) });
    let arrays = given.each_ref().map(|x| to(&x.array));
    let made = both(looks == Looks::Back, scale, arrays.each_ref(), mask.as_ref());
    let tolerance = match dtype {
        DType::F64 => 1e-12,
        DType::F32 => 3e-6,
        DType::F16 => 3e-3,
        _ => 3e-2,
    };
    let what =
        |of: &str| format!("{of} of {looks:?} {batch:?} {queries}×{keys}×{width}×{value_width} {dtype}");
    assert_eq!(made[0].dtype(), dtype);
    close(&made[0], &wanted.y, tolerance, &what("y"));
    close(&made[1], &wanted.logarithms, tolerance.max(1e-6), &what("logarithms"));
    for ((made, wanted), name) in made[2..].iter().zip(&wanted.gradients).zip(["dq", "dk", "dv"]) {
        close(made, wanted, 4.0 * tolerance, &what(name));
    }
}

#[test]
fn sizes_around_the_edges_of_blocks() {
    let sizes = [
        [1, 1, 1, 1],
        [1, 200, 8, 8],
        [2, 3, 4, 5],
        [15, 17, 16, 16],
        [16, 64, 32, 16],
        [31, 33, 7, 40],
        [33, 31, 64, 33],
        [64, 65, 64, 64],
        [127, 129, 16, 8],
        [128, 128, 16, 16],
        [129, 127, 17, 24],
        [130, 64, 48, 15],
        [257, 300, 8, 8],
        [300, 70, 5, 3],
        [70, 300, 5, 3],
    ];
    for size in sizes {
        for looks in LOOKS {
            check(looks, &[2], size, DType::F32);
        }
    }
}

#[test]
fn every_dtype_and_batch() {
    for dtype in [DType::F64, DType::F32, DType::F16, DType::BF16] {
        for (batch, size) in [(&[][..], [40, 50, 8, 6]), (&[3, 2], [9, 20, 4, 4]), (&[0], [3, 3, 3, 3])] {
            for looks in LOOKS {
                check(looks, batch, size, dtype);
            }
        }
    }
}

#[test]
fn nothing_in_some_dimension() {
    for size in [
        [1, 0, 2, 2],
        [1, 3, 0, 2],
        [0, 3, 2, 2],
        [3, 0, 2, 2],
        [3, 4, 0, 2],
        [3, 4, 2, 0],
        [0, 0, 0, 0],
        [130, 140, 0, 3],
    ] {
        for looks in [Looks::Everywhere, Looks::Back] {
            check(looks, &[2], size, DType::F32);
        }
    }
    let (q, k, v) = (Array::ones([2, 0]), Array::ones([3, 0]), Array::new([[0.0f32], [1.0], [5.0]]));
    let y = q
        .to_dtype(DType::F32)
        .unwrap()
        .scaled_dot_product_attention(&k.to_dtype(DType::F32).unwrap(), &v)
        .unwrap();
    assert_eq!(y.to_vec::<f32>().unwrap(), [2.0, 2.0]);
}

/// The same numbers with the dimensions in another order in memory.
fn laid(x: &Array, order: &[usize]) -> Array {
    let turned =
        x.permute(order.iter().map(|&dim| dim as i64).collect::<Vec<_>>()).unwrap().contiguous().unwrap();
    let mut back = vec![0; order.len()];
    order.iter().enumerate().for_each(|(i, &dim)| back[dim] = i);
    turned.with_layout(turned.layout().permute(&back).unwrap()).unwrap()
}

#[test]
fn layouts_are_seen_and_not_told_in_the_bits() {
    manual_seed(5);
    let draw = |shape: [usize; 4]| Array::randn(shape);
    for [queries, keys, width] in [[70, 150, 32], [150, 70, 12], [129, 129, 64]] {
        let given = [
            draw([2, 3, queries, width]),
            draw([2, 3, keys, width]),
            draw([2, 3, keys, width]),
            draw([2, 3, queries, width]),
        ];
        for causal in [false, true] {
            let plain = both(causal, 0.3, given.each_ref(), None);
            for order in [[0, 2, 1, 3], [3, 1, 0, 2], [2, 0, 3, 1], [0, 1, 3, 2]] {
                let laid = given.each_ref().map(|x| laid(x, &order));
                let made = both(causal, 0.3, laid.each_ref(), None);
                for (a, b) in plain.iter().zip(&made) {
                    assert!(a.to_vec::<f32>().unwrap() == b.to_vec::<f32>().unwrap(), "{order:?}");
                }
            }
        }
    }
}

#[test]
fn batches_broadcast_and_heads_are_shared() -> Result<(), Error> {
    manual_seed(6);
    let (q, k) = (Array::randn([2, 6, 40, 8]), Array::randn([2, 3, 50, 8]));
    let v = Array::randn([2, 3, 50, 5]);
    let repeated = |x: &Array| x.repeat_interleave(2, 1);
    let same = |a: Array, b: Array| -> Result<(), Error> {
        assert_eq!(a.shape(), b.shape());
        a.to_f64s()?
            .iter()
            .zip(b.to_f64s()?)
            .for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} against {b}"));
        Ok(())
    };
    let mask = Array::randn([2, 6, 40, 50]).gt(0.0)?;
    let line = Array::randn([2, 1, 1, 50]).gt(-1.0)?;
    for attn_mask in [None, Some(&mask), Some(&line)] {
        for is_causal in [false, true] {
            if is_causal && attn_mask.is_some() {
                continue;
            }
            let options = AttentionOptions { attn_mask, is_causal, ..Default::default() };
            let wanted = q.scaled_dot_product_attention_with(&repeated(&k)?, &repeated(&v)?, options)?;
            let options = AttentionOptions { enable_gqa: true, ..options };
            same(q.scaled_dot_product_attention_with(&k, &v, options)?, wanted)?;
        }
    }
    // Keys and values of other numbers of heads than each other.
    let all = AttentionOptions { enable_gqa: true, ..Default::default() };
    let one = v.narrow(1, 0, 1)?;
    let wanted = q.scaled_dot_product_attention(&repeated(&k)?, &one)?;
    same(q.scaled_dot_product_attention_with(&k, &one, all)?, wanted)?;
    let (three, two) = (k.narrow(1, 0, 3)?, v.narrow(1, 0, 2)?);
    let wanted = q.scaled_dot_product_attention(&repeated(&three)?, &two.repeat_interleave(3, 1)?)?;
    same(q.scaled_dot_product_attention_with(&three, &two, all)?, wanted)?;
    // One key for all of a batch, and values of more.
    let (k, v) = (Array::randn([50, 8]), Array::randn([4, 1, 1, 50, 5]));
    let whole = |x: &Array, width: i64| x.expand([4, 2, 6, 50, width])?.contiguous();
    let wanted = q.expand([4, 2, 6, 40, 8])?.scaled_dot_product_attention(&whole(&k, 8)?, &whole(&v, 5)?)?;
    same(q.scaled_dot_product_attention(&k, &v)?, wanted)
}

#[test]
fn odd_numbers_are_pytorchs() -> Result<(), Error> {
    let infinity = f32::INFINITY;
    let ones = |rows: usize| Array::full([rows, 4], 1.0f32);
    let v = Array::from_vec((0..12).map(|i| i as f32).collect(), [3, 4])?;
    let of = |x: f32| Array::from_vec([&[x][..], &[1.0; 7]].concat(), [2, 4]);
    let second = [4.0, 5.0, 6.0, 7.0];
    let y = of(-infinity)?.scaled_dot_product_attention(&ones(3), &v)?.to_vec::<f32>()?;
    assert_eq!(y, [[0.0; 4], second].concat());
    for odd in [infinity, f32::NAN] {
        let y = of(odd)?.scaled_dot_product_attention(&ones(3), &v)?.to_vec::<f32>()?;
        assert!(y[..4].iter().all(|x| x.is_nan()));
        assert_eq!(y[4..], second);
    }
    // A key that is not looked at may be anything; a value that is not, too, unless it is no number.
    let mut numbers = [1.0; 12];
    numbers[8..].fill(f32::NAN);
    let k = Array::from_vec(numbers.to_vec(), [3, 4])?;
    let options = AttentionOptions { is_causal: true, ..Default::default() };
    let y = ones(2).scaled_dot_product_attention_with(&k, &v, options)?.to_vec::<f32>()?;
    assert_eq!(y, [0.0, 1.0, 2.0, 3.0, 2.0, 3.0, 4.0, 5.0]);
    // Far apart, sums neither overflow nor vanish.
    let k = Array::new([[-3e4f32], [3e4], [2.9e4]]);
    let y = Array::new([[1.0f32], [-1.0]]).scaled_dot_product_attention(&k, &v)?.to_vec::<f32>()?;
    assert_eq!(y, [4.0, 5.0, 6.0, 7.0, 0.0, 1.0, 2.0, 3.0]);
    // A factor of 0 lets all weigh the same, one below 0 turns them round.
    for (scale, wanted) in [(0.0, 4.0), (-1.0, 0.0)] {
        let options = AttentionOptions { scale: Some(scale), ..Default::default() };
        let y = Array::new([[1.0f32]]).scaled_dot_product_attention_with(&k, &v, options)?;
        assert_eq!(y.to_vec::<f32>()?[0], wanted);
    }
    Ok(())
}

#[test]
fn the_same_bits_with_any_number_of_threads() {
    manual_seed(8);
    let before = cresset_ops::num_threads();
    for (shape, causal) in [([1, 1, 700, 32], true), ([2, 9, 200, 16], true), ([1, 3, 400, 64], false)] {
        let given = [(); 4].map(|()| Array::randn(shape));
        let [one, three] = [1, 3].map(|threads| {
            cresset_ops::set_num_threads(threads);
            let made = both(causal, 0.2, given.each_ref(), None);
            made.iter().map(|x| x.to_vec::<f32>().unwrap()).collect::<Vec<_>>()
        });
        assert!(one == three);
    }
    cresset_ops::set_num_threads(before);
}

#[test]
fn what_does_not_fit_is_refused() {
    let x = |shape: &[usize]| Array::zeros(shape);
    let refused = |q: &[usize], k: &[usize], v: &[usize]| {
        x(q).scaled_dot_product_attention(&x(k), &x(v)).unwrap_err().to_string()
    };
    assert!(
        refused(&[2, 3], &[4, 2], &[4, 2])
            .contains("queries and keys must be of one width: [2, 3] and [4, 2]")
    );
    assert!(refused(&[2, 3], &[4, 3], &[5, 2]).contains("every key needs one value: [4, 3] and [5, 2]"));
    assert!(refused(&[3], &[4, 3], &[4, 2]).contains("need at least 2 dimensions"));
    assert!(refused(&[2, 2, 3], &[3, 4, 3], &[4, 2]).contains("do not broadcast"));
    let mask = x(&[5]);
    let options = AttentionOptions { attn_mask: Some(&mask), ..Default::default() };
    let error = x(&[2, 3]).scaled_dot_product_attention_with(&x(&[4, 3]), &x(&[4, 2]), options).unwrap_err();
    assert!(error.to_string().contains("attn_mask [5] does not broadcast to [2, 4]"), "{error}");
}

#[test]
fn masks_lie_as_they_like() -> Result<(), Error> {
    manual_seed(9);
    let given = [(); 4].map(|()| Array::randn([3, 2, 140, 8]));
    let turned = |x: &Array| x.transpose(-2, -1)?.contiguous()?.transpose(-2, -1);
    let numbers = Array::randn([3, 2, 140, 140]);
    for mask in [numbers.gt(0.0)?, numbers] {
        let line = mask.narrow(-1, 5, 1)?;
        let parts = [
            mask.clone(),
            turned(&mask)?,
            mask.narrow(1, 0, 1)?,
            mask.i((.., .., .., -1))?.unsqueeze(-1)?,
            line.contiguous()?,
            mask.narrow(-2, 7, 1)?,
            mask.i((0, 0))?,
            mask.i((0, 0, 3))?,
            mask.i((0, 0, 3, 4))?,
            mask.narrow(-1, 0, 140)?.flip(-1)?,
        ];
        for mask in parts {
            let whole = mask.expand([3, 2, 140, 140])?.contiguous()?;
            let wanted = both(false, 0.3, given.each_ref(), Some(&whole));
            for (a, b) in both(false, 0.3, given.each_ref(), Some(&mask)).iter().zip(&wanted) {
                let (a, b) = (a.to_f64s()?, b.to_f64s()?);
                let same = a.iter().zip(&b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
                assert!(same, "{:?} {:?}", mask.shape(), mask.strides());
            }
        }
    }
    Ok(())
}
