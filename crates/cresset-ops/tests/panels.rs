//! Products of matrices with every set of vector instructions the machine has, against three plain loops; and that their
//! bits do not depend on how many threads there are.
//!
//! The instructions are chosen once in a process, so the test runs itself again for each set.

use std::process::Command;

use cresset_ops::{Array, prelude::*};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

/// Says to the test which part of it this process is.
const PART: &str = "CRESSET_TEST_PART";

#[test]
fn every_instruction_set_and_number_of_threads() {
    match std::env::var(PART).as_deref() {
        Ok("values") => return products_are_their_definition(),
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
    let inner = prop_oneof![3 => 0..40usize, 2 => 40..300usize, 1 => 500..600usize];
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

fn products_are_their_definition() {
    let config = Config { cases: 120, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let checked = runner.run(&product(), |case| {
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

/// A number made of the bits of results whose sums depend on their order.
fn bits() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |x: &Array| {
        for value in x.to_vec::<f32>().unwrap() {
            hash = (hash ^ u64::from(value.to_bits())).wrapping_mul(0x0100_0000_01b3);
        }
    };
    cresset_tensor::random::manual_seed(7);
    for (m, k, n) in
        [(64, 300, 500), (300, 520, 40), (33, 700, 170), (130, 130, 130), (5, 900, 300), (1, 3000, 700)]
    {
        let (a, b) = (Array::randn([m, k]), Array::randn([k, n]));
        let (across, down) = (Array::randn([k, m]).t().unwrap(), Array::randn([n, k]).t().unwrap());
        for (a, b) in [(&a, &b), (&a, &down), (&across, &b)] {
            add(&a.matmul(b).unwrap());
        }
    }
    let (a, b) = (Array::randn([9, 40, 50]), Array::randn([9, 50, 60]));
    add(&a.matmul(&b).unwrap());
    hash
}
