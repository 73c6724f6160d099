//! The steps of a recurrence against the products and formulas that they are, with every set of vector instructions the machine
//! has; and that their bits do not depend on how many threads there are.
//!
//! The instructions are chosen once in a process, so the test runs itself again for each set.

use std::process::Command;

use cresset_ops::{
    Array, DType, Scalar,
    prelude::*,
    recurrence::{Recurrence, Step},
};

/// Says to the test which part of it this process is.
const PART: &str = "CRESSET_TEST_PART";

#[test]
fn every_instruction_set_and_number_of_threads() {
    if std::env::var(PART).is_ok() {
        every_size_is_its_parts();
        whatever_lies_otherwise_is_right_too();
        return println!("bits {:016x}", bits());
    }
    for simd in ["portable", "avx2", "avx512"] {
        let one = run(simd, "1");
        assert!(one.contains("bits "), "{one}");
        assert_eq!(run(simd, "3"), one, "{simd} with 3 threads");
    }
}

fn run(simd: &str, threads: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "every_instruction_set_and_number_of_threads", "--nocapture", "--test-threads=1"])
        .env(PART, "all")
        .env("CRESSET_SIMD", simd)
        .env("CRESSET_NUM_THREADS", threads)
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{simd}:\n{printed}\n{}", String::from_utf8_lossy(&output.stderr));
    printed.lines().filter(|line| line.contains("bits ")).collect()
}

/// Numbers that nobody chose, in rows that lie further apart than they are long.
fn numbers(rows: usize, columns: usize, seed: usize, dtype: DType) -> Array {
    let at = |i: usize| (((i * 7919 + seed * 104_729 + 13) % 1009) as f64 / 504.0 - 1.0) * 0.5;
    let all: Vec<f64> = (0..rows * (columns + 3)).map(at).collect();
    let wide = Array::from_vec(all, [rows, columns + 3]).unwrap().to_dtype(dtype).unwrap();
    wide.narrow(1, 1, columns as i64).unwrap()
}

/// What a step reads and writes, of so many rows, steps, parts and columns: states and outputs of all steps, one below the
/// other.
struct Case {
    weight: Array,
    states: Array,
    outputs: Array,
    inputs: Array,
    line: Array,
    single: Array,
    rows: usize,
    steps: usize,
}

impl Case {
    fn new(rows: usize, columns: usize, parts: usize, steps: usize, dtype: DType) -> Case {
        Case {
            weight: numbers(columns, parts * columns, 1, dtype),
            states: numbers(rows * (steps + 1), columns, 2, dtype),
            outputs: numbers(rows * steps, 2 * columns, 3, dtype),
            inputs: numbers(rows * steps, columns, 4, dtype),
            line: numbers(1, columns, 5, dtype).squeeze(0).unwrap(),
            single: numbers(1, 1, 6, dtype),
            rows,
            steps,
        }
    }

    fn step(&self, step: usize) -> Step {
        let (rows, columns) = (self.rows as i64, self.line.numel() as i64);
        let part = |x: &Array, step: usize| x.narrow(0, step as i64 * rows, rows).unwrap();
        let outputs = part(&self.outputs, step);
        let half = |k: i64| outputs.narrow(1, k * columns, columns).unwrap();
        Step {
            left: part(&self.states, step),
            operands: vec![part(&self.inputs, step), self.line.clone(), self.single.clone(), half(0)],
            targets: vec![part(&self.states, step + 1), half(0), half(1)],
        }
    }

    fn run(&self, parts: usize) {
        let steps: Vec<Step> = (0..self.steps).map(|step| self.step(step)).collect();
        Recurrence::new(&self.weight, parts).unwrap().run(&steps, |x| formula(x, parts)).unwrap();
    }

    /// The same in products and formulas, one by one.
    fn run_in_parts(&self, parts: usize) {
        let columns = self.line.numel() as i64;
        for step in 0..self.steps {
            let Step { left, operands, targets } = self.step(step);
            let product = left.matmul(&self.weight).unwrap();
            let parts_of = (0..parts).map(|k| product.narrow(1, k as i64 * columns, columns).unwrap());
            let inputs: Vec<Array> = parts_of.chain(operands).collect();
            let inputs: Vec<&Array> = inputs.iter().collect();
            let found = Array::map_many(&inputs, |x| formula(x, parts)).unwrap();
            targets.iter().zip(&found).for_each(|(target, found)| {
                target.copy_(found).unwrap();
            });
        }
    }

    fn all(&self) -> Vec<f64> {
        let list = |x: &Array| x.to_dtype(DType::F64).unwrap().to_vec::<f64>().unwrap();
        [list(&self.states), list(&self.outputs)].concat()
    }
}

/// Of the parts of the product, and of four operands.
fn formula(x: &[Expr], parts: usize) -> [Expr; 3] {
    let sum = x[1..parts].iter().fold(x[0], |sum, &part| sum * 0.5 + part);
    let [input, line, single, output] = [x[parts], x[parts + 1], x[parts + 2], x[parts + 3]];
    [(sum + input).tanh(), output + sum * line, x[parts - 1] * single - input]
}

fn close(a: &Case, b: &Case, tolerance: f64, what: &str) {
    for (i, (a, b)) in a.all().iter().zip(&b.all()).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}, number {i}: {a} against {b}");
    }
}

fn every_size_is_its_parts() {
    let rows = [1, 2, 8, 9, 31, 33, 65, 130];
    let columns = [1, 3, 16, 17, 33, 64, 100, 256, 300];
    for (number, (rows, columns)) in
        rows.iter().flat_map(|&rows| columns.map(|columns| (rows, columns))).enumerate()
    {
        let parts = 1 + number % 4;
        let (one, other) =
            (Case::new(rows, columns, parts, 3, DType::F32), Case::new(rows, columns, parts, 3, DType::F32));
        one.run(parts);
        other.run_in_parts(parts);
        // Sums of hundreds of products, in other orders, through three steps.
        close(&one, &other, 2e-5, &format!("{rows} rows, {columns} columns, {parts} parts"));
    }
}

/// What is not packed, or could not be done block by block.
fn whatever_lies_otherwise_is_right_too() {
    for dtype in [DType::F64, DType::F16, DType::BF16] {
        let (one, other) = (Case::new(9, 33, 2, 3, dtype), Case::new(9, 33, 2, 3, dtype));
        one.run(2);
        other.run_in_parts(2);
        close(&one, &other, 0.0, &format!("{dtype}"));
    }
    // A left factor whose rows are columns, a target that is written as columns, and one that is the left factor.
    let weight = numbers(40, 40, 1, DType::F32);
    let recurrence = Recurrence::new(&weight, 1).unwrap();
    let (left, target) =
        (numbers(40, 20, 2, DType::F32).t().unwrap(), numbers(40, 20, 3, DType::F32).t().unwrap());
    let expected = left.matmul(&weight).unwrap();
    let check = |found: &Array, expected: &Array| {
        let (found, expected) = (found.to_vec::<f32>().unwrap(), expected.to_vec::<f32>().unwrap());
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
    };
    let step = |left: &Array, operands: Vec<Array>, target: &Array| {
        [Step { left: left.clone(), operands, targets: vec![target.clone()] }]
    };
    recurrence.run(&step(&left, vec![], &target), |x| [x[0]]).unwrap();
    check(&target, &expected);
    let straight = left.contiguous().unwrap();
    recurrence.run(&step(&straight, vec![], &target), |x| [x[0] * 1.0]).unwrap();
    check(&target, &expected);
    recurrence.run(&step(&straight, vec![], &straight), |x| [x[0]]).unwrap();
    check(&straight, &expected);
    // An operand that lies over the target otherwise.
    let square = numbers(40, 40, 4, DType::F32).contiguous().unwrap();
    let left = numbers(40, 40, 5, DType::F32);
    let expected = left.matmul(&weight).unwrap().add(&square.t().unwrap().contiguous().unwrap()).unwrap();
    recurrence.run(&step(&left, vec![square.t().unwrap()], &square), |x| [x[0] + x[1]]).unwrap();
    check(&square, &expected);
    // An operand that is an output as it is, while another output is written over it; of one row, which is one line.
    let (left, old) = (numbers(1, 256, 6, DType::F32), numbers(1, 256, 7, DType::F32).contiguous().unwrap());
    let (weight, kept, copy) =
        (numbers(256, 256, 8, DType::F32), old.zeros_like().unwrap(), old.copy().unwrap());
    let expected = left.matmul(&weight).unwrap().add(&copy).unwrap();
    let one = Step { left, operands: vec![old.clone()], targets: vec![old.clone(), kept.clone()] };
    Recurrence::new(&weight, 1).unwrap().run(&[one], |x| [x[0] + x[1], x[1]]).unwrap();
    check(&old, &expected);
    check(&kept, &copy);
    // No rows, and no steps.
    let nothing = Array::zeros([0, 40]).to_dtype(DType::F32).unwrap();
    recurrence.run(&step(&nothing, vec![], &nothing.copy().unwrap()), |x| [x[0]]).unwrap();
    recurrence.run(&[], |x| [x[0]]).unwrap();
}

fn bits() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (rows, columns, parts) in [(32, 256, 4), (70, 300, 1), (130, 70, 3)] {
        let case = Case::new(rows, columns, parts, 4, DType::F32);
        case.run(parts);
        for number in case.all() {
            hash = (hash ^ number.to_bits()).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[test]
fn what_does_not_fit_is_refused() {
    let zeros = |shape: [usize; 2]| Array::zeros(shape).to_dtype(DType::F32).unwrap();
    let message = |result: Result<()>| result.unwrap_err().to_string();
    let three = Recurrence::new(&zeros([4, 8]), 3).err().unwrap().to_string();
    assert!(three.contains("a matrix of 3 parts side by side is needed, not [4, 8]"), "{three}");
    assert!(Recurrence::new(&zeros([4, 8]), 0).is_err());
    assert!(Recurrence::new(&Array::full([], Scalar::from(1.0)), 1).is_err());
    let recurrence = Recurrence::new(&zeros([4, 8]), 2).unwrap();
    let step = |left: [usize; 2], operand: [usize; 2], target: [usize; 2]| {
        recurrence.run(
            &[Step { left: zeros(left), operands: vec![zeros(operand)], targets: vec![zeros(target)] }],
            |x| [x[0] + x[1] + x[2]],
        )
    };
    step([5, 4], [1, 4], [5, 4]).unwrap();
    let left = message(step([5, 3], [1, 4], [5, 4]));
    assert!(left.contains("tests/recurrence.rs"), "{left}");
    assert!(left.contains("a left factor must be of shape [rows, 4] for this matrix, not [5, 3]"), "{left}");
    let operand = message(step([5, 4], [1, 3], [5, 4]));
    assert!(operand.contains("an operand of shape [1, 3] does not broadcast to [5, 4]"), "{operand}");
    assert!(message(step([5, 4], [1, 4], [5, 8])).contains("[5, 8]"));
    let two_outputs = recurrence
        .run(&[Step { left: zeros([5, 4]), operands: vec![], targets: vec![zeros([5, 4])] }], |x| {
            [x[0], x[1]]
        });
    assert!(message(two_outputs).contains("1 targets for 2 outputs"));
}
