//! Products of matrices, convolutions and pools with every set of vector instructions the machine has, against plain loops; and
//! that their bits do not depend on how many threads there are.
//!
//! The instructions are chosen once in a process, so the test runs itself again for each set.

#![allow(clippy::type_complexity)] // cases are rows of plain numbers

use std::process::Command;

use cresset_ops::{
    Array, DType, Op,
    op::{Convolution, List, Role, Window as Pool},
    prelude::*,
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// Says to the test which part of it this process is.
const PART: &str = "CRESSET_TEST_PART";

#[test]
fn every_instruction_set_and_number_of_threads() {
    match std::env::var(PART).as_deref() {
        Ok("values") => {
            products_are_their_definition();
            pools_are_their_definition();
            return convolutions_are_their_definition();
        }
        Ok("bits") => return println!("bits {:016x}", bits()),
        _ => {}
    }
    for simd in ["portable", "avx2", "avx512"] {
        run("values", simd, "2");
        let one = run("bits", simd, "1");
        assert!(one.contains("bits "), "{one}");
        for threads in ["2", "3", "7"] {
            assert_eq!(run("bits", simd, threads), one, "{simd} with {threads} threads");
        }
    }
}

/// What a part of the test prints in a process of its own.
fn run(part: &str, simd: &str, threads: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "every_instruction_set_and_number_of_threads", "--nocapture", "--test-threads=1"])
        .env(PART, part)
        .env("CRESSET_SIMD", simd)
        .env("CRESSET_NUM_THREADS", threads)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{part} with {simd}:\n{printed}\n{errors}");
    printed.lines().filter(|line| line.contains("bits ")).collect()
}

/// How a matrix lies in memory.
#[derive(Clone, Copy, Debug)]
enum Lies {
    Rows,
    Columns,
    /// Every second row and column of a larger one.
    Apart,
    /// One row for all.
    Repeated,
}

#[derive(Clone, Debug)]
struct Product {
    batch: usize,
    m: usize,
    k: usize,
    n: usize,
    a: Lies,
    b: Lies,
}

fn lies() -> impl Strategy<Value = Lies> {
    prop_oneof![4 => Just(Lies::Rows), 4 => Just(Lies::Columns), 1 => Just(Lies::Apart), 1 => Just(Lies::Repeated)]
}

fn product() -> impl Strategy<Value = Product> {
    let side = || prop_oneof![4 => 1..40usize, 1 => 40..140usize];
    // Rows of about 1024 numbers are a page apart.
    let inner = prop_oneof![3 => 0..40usize, 2 => 40..300usize, 1 => 500..600usize, 1 => 1000..1050usize];
    (1..3usize, side(), inner, side(), lies(), lies()).prop_map(|(batch, m, k, n, a, b)| Product {
        batch,
        m,
        k,
        n,
        a,
        b,
    })
}

/// Small whole numbers, so that every sum is exact whatever its order.
fn matrix(batch: usize, rows: usize, columns: usize, lies: Lies) -> Array {
    let whole = |shape: [usize; 3]| {
        let numel = shape.iter().product();
        let values: Vec<f32> = (0..numel).map(|i: usize| (i * 31 % 11) as f32 - 5.0).collect();
        Array::from_vec(values, shape).unwrap()
    };
    match lies {
        Lies::Rows => whole([batch, rows, columns]),
        Lies::Columns => whole([batch, columns, rows]).mT().unwrap(),
        Lies::Apart => {
            let x = whole([batch, 2 * rows, 2 * columns]);
            x.slice(1, 1, None, 2).unwrap().slice(2, 0, None, 2).unwrap()
        }
        Lies::Repeated => whole([batch, 1, columns]).expand([batch, rows, columns]).unwrap(),
    }
}

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

fn products_are_their_definition() {
    let checked = runner(80).run(&product(), |case| {
        let Product { batch, m, k, n, .. } = case;
        let (a, b) = (matrix(batch, m, k, case.a), matrix(batch, k, n, case.b));
        let (x, y) = (a.to_f64s().unwrap(), b.to_f64s().unwrap());
        let result = a.matmul(&b).unwrap().to_f64s().unwrap();
        for (place, &found) in result.iter().enumerate() {
            let (item, i, j) = (place / (m * n), place / n % m, place % n);
            let right: f64 = (0..k).map(|p| x[(item * m + i) * k + p] * y[(item * k + p) * n + j]).sum();
            prop_assert!(found == right, "{found} instead of {right} at {item}, {i}, {j}");
        }
        Ok(())
    });
    checked.unwrap();
}

/// Two dimensions of a convolution; a third has the first's sizes but the input's.
#[derive(Clone, Debug)]
struct Window {
    images: usize,
    groups: usize,
    channels: usize,
    outputs: usize,
    input: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    turned: bool,
}

impl Window {
    fn output(&self) -> Option<[usize; 2]> {
        let size = |d: usize| {
            let reach = (self.kernel[d] - 1) * self.dilation[d] + 1;
            (self.input[d] + 2 * self.padding[d]).checked_sub(reach).map(|room| room / self.stride[d] + 1)
        };
        Some([size(0)?, size(1)?])
    }

    fn of(&self, role: Role, output: [usize; 2]) -> Op {
        Op::Convolve(Box::new(Convolution {
            role,
            stride: List::from_slice(&self.stride),
            padding: List::from_slice(&self.padding),
            dilation: List::from_slice(&self.dilation),
            groups: self.groups,
            output: List::from_slice(&output),
        }))
    }

    fn shapes(&self, output: [usize; 2]) -> [[usize; 4]; 3] {
        let (channels, outputs) = (self.groups * self.channels, self.groups * self.outputs);
        [
            [self.images, channels, self.input[0], self.input[1]],
            [outputs, self.channels, self.kernel[0], self.kernel[1]],
            [self.images, outputs, output[0], output[1]],
        ]
    }

    /// The three results for these factors.
    fn results(&self, x: &Array, w: &Array, y: &Array, output: [usize; 2]) -> [Array; 3] {
        [
            Array::apply_one(self.of(Role::Output, output), &[x, w]).unwrap(),
            Array::apply_one(self.of(Role::Input, self.input), &[w, y]).unwrap(),
            Array::apply_one(self.of(Role::Weight, self.kernel), &[x, y]).unwrap(),
        ]
    }
}

fn window() -> impl Strategy<Value = Window> {
    let pair = |range: std::ops::Range<usize>| [range.clone(), range];
    let side = || prop_oneof![4 => 1..12usize, 1 => 12..40usize];
    (
        (1..4usize, prop_oneof![3 => Just(1usize), 1 => 2..4usize], side(), side()),
        ([side(), side()], pair(1..4), pair(1..4), pair(0..3), pair(1..3), any::<bool>()),
    )
        .prop_map(
            |((images, groups, channels, outputs), (input, kernel, stride, padding, dilation, turned))| {
                Window { images, groups, channels, outputs, input, kernel, stride, padding, dilation, turned }
            },
        )
}

/// Small whole numbers in an image, or in one whose rows are columns in memory.
fn image(shape: [usize; 4], turned: bool) -> Array {
    let of = |shape: [usize; 4]| {
        let numel = shape.iter().product();
        let values: Vec<f32> = (0..numel).map(|i: usize| (i * 31 % 11) as f32 - 5.0).collect();
        Array::from_vec(values, shape).unwrap()
    };
    if turned { of([shape[0], shape[1], shape[3], shape[2]]).mT().unwrap() } else { of(shape) }
}

fn convolutions_are_their_definition() {
    runner(80).run(&window(), |case| is_its_definition(&case)).unwrap();
    // Many tiles and channels, which are multiplied in another way, against the products of f64, which are not.
    let wide = |images, groups, channels, outputs, input, padding, turned| Window {
        images,
        groups,
        channels,
        outputs,
        input,
        kernel: [3; 2],
        stride: [1; 2],
        padding,
        dilation: [1; 2],
        turned,
    };
    let strided = |images, groups, channels, outputs, input, kernel, stride, padding, dilation| Window {
        images,
        groups,
        channels,
        outputs,
        input,
        kernel: [kernel; 2],
        stride,
        padding,
        dilation: [dilation; 2],
        turned: false,
    };
    for case in [
        wide(4, 1, 16, 24, [33, 30], [1, 1], false),
        wide(3, 2, 17, 16, [27, 41], [0, 2], false),
        wide(200, 1, 20, 19, [4, 3], [1, 1], false),
        wide(6, 1, 130, 16, [24, 22], [2, 0], false),
        wide(5, 1, 16, 133, [25, 25], [1, 1], true),
        // The gradient of the weight by tiles: blocks of channels, images of one tile and lines of many, shares.
        wide(40, 1, 130, 70, [2, 2], [1, 1], false),
        wide(2, 2, 33, 40, [5, 150], [1, 0], false),
        wide(3, 1, 65, 17, [3, 301], [2, 2], false),
        wide(19, 1, 16, 16, [7, 9], [0, 1], true),
        // All three by tiles with channels side by side: blocks of either, and groups.
        wide(9, 1, 70, 133, [8, 7], [1, 1], false),
        wide(33, 2, 17, 34, [4, 4], [1, 1], false),
        wide(12, 1, 20, 65, [6, 5], [2, 2], true),
        // Channels read where they lie.
        strided(2, 2, 40, 20, [12, 16], 1, [1, 1], [0, 0], 1),
        // Patches read where they lie: bands, remainders of strides, lines that share their padding and that do not.
        strided(2, 2, 40, 20, [57, 45], 3, [2, 2], [1, 1], 1),
        strided(1, 1, 3, 16, [64, 71], 7, [2, 2], [3, 3], 1),
        strided(3, 1, 2, 9, [40, 62], 5, [3, 1], [2, 4], 2),
        strided(2, 1, 1, 32, [28, 28], 3, [1, 1], [1, 1], 1),
        strided(2, 1, 64, 3, [32, 32], 3, [1, 1], [1, 1], 1),
        // A group for every channel.
        strided(2, 5, 1, 1, [21, 38], 3, [1, 1], [1, 1], 1),
        strided(3, 4, 1, 1, [20, 37], 3, [2, 2], [1, 1], 1),
        strided(1, 3, 1, 1, [30, 19], 5, [3, 1], [4, 2], 2),
    ] {
        let output = case.output().unwrap();
        let [x, w, y] = case.shapes(output);
        let factors = [image(x, case.turned), image(w, false), image(y, case.turned)];
        let [x, w, y] = &factors.each_ref().map(|x| x.to_dtype(DType::F64).unwrap());
        let right = case.results(x, w, y, output);
        let [x, w, y] = &factors;
        for (number, (result, right)) in case.results(x, w, y, output).iter().zip(right).enumerate() {
            assert_eq!(result.to_f64s().unwrap(), right.to_f64s().unwrap(), "factor {number} of {case:?}");
        }
    }
    let case = wide(3, 1, 64, 32, [32, 32], [1, 1], false);
    let output = case.output().unwrap();
    let [x, w, y] = case.shapes(output).map(Array::randn);
    let exact = [&x, &w, &y].map(|x| x.to_dtype(DType::F64).unwrap());
    let results = case.results(&x, &w, &y, output);
    for (number, (result, right)) in
        results.iter().zip(case.results(&exact[0], &exact[1], &exact[2], output)).enumerate()
    {
        let (found, right) = (result.to_f64s().unwrap(), right.to_f64s().unwrap());
        let size = (right.iter().map(|x| x * x).sum::<f64>() / right.len() as f64).sqrt();
        let error = found.iter().zip(&right).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / size;
        println!("factor {number}: largest error {error:.2e} of the size of the numbers");
        // PyTorch allows 1.3e-6 of a number and 1e-5 beside.
        assert!(error < 3e-6, "factor {number}: {error}");
    }
}

fn is_its_definition(case: &Window) -> Result<(), TestCaseError> {
    let Some(output) = case.output() else { return Ok(()) };
    let [of_x, of_w, of_y] = case.shapes(output);
    let (x, w, y) = (image(of_x, case.turned), image(of_w, false), image(of_y, case.turned));
    let (xs, ws, ys) = (x.to_f64s().unwrap(), w.to_f64s().unwrap(), y.to_f64s().unwrap());
    let mut sums = [vec![0.0; ys.len()], vec![0.0; xs.len()], vec![0.0; ws.len()]];
    for k in 0..ys.len() {
        let (j, i, o, n) = (
            k % of_y[3],
            k / of_y[3] % of_y[2],
            k / of_y[3] / of_y[2] % of_y[1],
            k / of_y[3] / of_y[2] / of_y[1],
        );
        for (c, p, q) in
            (0..of_w[1]).flat_map(|c| (0..of_w[2]).flat_map(move |p| (0..of_w[3]).map(move |q| (c, p, q))))
        {
            let at = (i * case.stride[0] + p * case.dilation[0]).wrapping_sub(case.padding[0]);
            let on = (j * case.stride[1] + q * case.dilation[1]).wrapping_sub(case.padding[1]);
            if at < of_x[2] && on < of_x[3] {
                let channel = o / case.outputs * case.channels + c;
                let from = ((n * of_x[1] + channel) * of_x[2] + at) * of_x[3] + on;
                let with = ((o * of_w[1] + c) * of_w[2] + p) * of_w[3] + q;
                sums[0][k] += xs[from] * ws[with];
                sums[1][from] += ws[with] * ys[k];
                sums[2][with] += xs[from] * ys[k];
            }
        }
    }
    for (number, (result, sum)) in case.results(&x, &w, &y, output).iter().zip(sums).enumerate() {
        let found = result.to_f64s().unwrap();
        let wrong = found.iter().zip(&sum).position(|(found, sum)| found != sum);
        prop_assert!(wrong.is_none(), "factor {number} at {wrong:?} of {:?}", result.shape());
    }
    Ok(())
}

/// A number made of the bits of results whose sums depend on their order.
fn bits() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |x: &Array| {
        for value in x.to_vec::<f32>().unwrap() {
            hash = (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3);
        }
    };
    cresset_tensor::random::manual_seed(7);
    for (m, k, n) in [
        (64, 300, 500),
        (300, 520, 40),
        (33, 700, 170),
        (130, 130, 130),
        (5, 900, 300),
        (1, 3000, 700),
        (75, 1030, 200),
    ] {
        let (a, b) = (Array::randn([m, k]), Array::randn([k, n]));
        let (across, down) = (Array::randn([k, m]).t().unwrap(), Array::randn([n, k]).t().unwrap());
        for (a, b) in [(&a, &b), (&a, &down), (&across, &b)] {
            add(&a.matmul(b).unwrap());
        }
    }
    let (a, b) = (Array::randn([9, 40, 50]), Array::randn([9, 50, 60]));
    add(&a.matmul(&b).unwrap());
    let case = |images, groups, [channels, outputs]: [usize; 2], input, kernel, stride| Window {
        images,
        groups,
        channels,
        outputs,
        input: [input; 2],
        kernel: [kernel; 2],
        stride: [stride; 2],
        padding: [kernel / 2; 2],
        dilation: [1; 2],
        turned: false,
    };
    let cases = [
        case(3, 1, [20, 70], 17, 3, 1),
        case(4, 1, [17, 20], 30, 3, 1),
        case(2, 1, [64, 32], 14, 3, 2),
        case(9, 1, [40, 130], 4, 3, 1),
        case(9, 1, [40, 130], 8, 3, 1),
        case(1, 1, [3, 40], 40, 7, 2),
        case(2, 4, [8, 8], 12, 3, 1),
        case(2, 1, [33, 65], 20, 1, 1),
    ];
    for case in cases {
        let output = case.output().unwrap();
        let [x, w, y] = case.shapes(output).map(Array::randn);
        case.results(&x, &w, &y, output).iter().for_each(&mut add);
    }
    hash
}

fn pools_are_their_definition() {
    let cases: &[([usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2], bool)] = &[
        ([6, 7], [2, 2], [2, 2], [0, 0], [1, 1], false),
        ([6, 7], [3, 2], [2, 1], [1, 1], [1, 2], true),
        ([40, 33], [3, 3], [2, 2], [1, 1], [1, 1], false),
        ([5, 5], [5, 5], [1, 1], [2, 2], [1, 1], true),
        ([1, 1], [2, 2], [1, 1], [1, 1], [1, 1], false),
        // Lines longer than registers, and windows so far apart that their numbers are gathered.
        ([9, 79], [2, 2], [2, 2], [0, 0], [1, 1], false),
        ([6, 41], [3, 5], [1, 1], [1, 2], [1, 1], false),
        ([7, 100], [2, 3], [3, 3], [0, 1], [2, 1], true),
    ];
    for &(size, kernel, stride, padding, dilation, ceil) in cases {
        let numel = 3 * size[0] * size[1];
        let mut values: Vec<f32> = (0..numel).map(|i| (i * 31 % 17) as f32 - 8.0).collect();
        (0..numel).step_by(23).for_each(|i| values[i] = f32::NAN);
        values[size[1] - 1] = f32::NEG_INFINITY;
        let x = Array::from_vec(values.clone(), [3, size[0], size[1]]).unwrap();
        let window = Pool {
            kernel: List::from_slice(&kernel),
            stride: List::from_slice(&stride),
            padding: List::from_slice(&padding),
            dilation: List::from_slice(&dilation),
            ceil,
        };
        let (largest, places) = Array::apply_two(Op::MaxPool(Box::new(window)), &[&x]).unwrap();
        let shape = largest.shape().clone();
        let (largest, places) = (largest.to_f64s().unwrap(), places.to_i64s().unwrap());
        for n in 0..3 {
            for (i, j) in (0..shape[1]).flat_map(|i| (0..shape[2]).map(move |j| (i, j))) {
                let (mut best, mut place) = (f32::NEG_INFINITY, None);
                for (p, q) in (0..kernel[0]).flat_map(|p| (0..kernel[1]).map(move |q| (p, q))) {
                    let at = (i * stride[0] + p * dilation[0]).wrapping_sub(padding[0]);
                    let on = (j * stride[1] + q * dilation[1]).wrapping_sub(padding[1]);
                    if at < size[0] && on < size[1] {
                        let value = values[(n * size[0] + at) * size[1] + on];
                        if value > best || value.is_nan() || place.is_none() {
                            (best, place) = (value, Some(at * size[1] + on));
                        }
                    }
                }
                let index = (n * shape[1] + i) * shape[2] + j;
                assert_eq!(largest[index].to_bits(), f64::from(best).to_bits());
                assert_eq!(places[index], place.unwrap() as i64);
            }
        }
    }
}
