//! Drawn formulas over drawn arrays of every dtype and layout: on a card what they are on the processor, to the last bit.

mod common;
#[allow(dead_code, reason = "each test takes what it needs")]
mod drawn;

use cresset_ops::{
    Array, DType, Device, Result,
    expr::{Binary, Expr, Unary, select},
    prelude::*,
};
use cresset_tensor::Scalar;
use drawn::{Drawn, assert_same, computes, drawn, numbers, read};
use proptest::prelude::*;

/// What is exact of small multiples of an eighth, so that the order of roundings does not matter.
const UNARY: [Unary; 13] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Sign,
    Unary::Floor,
    Unary::Ceil,
    Unary::Trunc,
    Unary::Round,
    Unary::BitNot,
    Unary::IsNan,
    Unary::IsInf,
    Unary::SignBit,
    Unary::Not,
    Unary::Sqrt,
];

const BINARY: [Binary; 20] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Maximum,
    Binary::Minimum,
    Binary::Copysign,
    Binary::Gcd,
    Binary::BitAnd,
    Binary::BitOr,
    Binary::BitXor,
    Binary::ShiftLeft,
    Binary::ShiftRight,
    Binary::Pow,
    Binary::Eq,
    Binary::Ne,
    Binary::Lt,
    Binary::Le,
    Binary::Gt,
    Binary::Ge,
    Binary::Remainder,
];

/// One step of a drawn formula: what it does, and to which earlier values.
type Step = (u8, [u8; 3]);

/// A formula of steps over inputs and numbers. Steps that would divide integers by zero, which a card cannot refuse, or of
/// which only the neighbourhood is right, are left to other tests.
fn formula(x: &[Expr], n: &[Expr], steps: &[Step]) -> Vec<Expr> {
    let mut values: Vec<Expr> = x.iter().chain(n).copied().collect();
    for &(what, operands) in steps {
        let [a, b, c] = operands.map(|k| values[k as usize % values.len()]);
        let kinds = 3 + DType::ALL.len();
        values.push(match what as usize % (UNARY.len() + BINARY.len() + kinds) {
            k if k < UNARY.len() => match UNARY[k] {
                // Whole squares have whole roots.
                Unary::Sqrt => (a * a).sqrt(),
                Unary::SignBit => signed(a).unary(Unary::SignBit),
                f => a.unary(f),
            },
            k if k < UNARY.len() + BINARY.len() => match BINARY[k - UNARY.len()] {
                Binary::Pow => a.binary(Binary::Pow, 2),
                Binary::Remainder => a.binary(Binary::Remainder, 3),
                Binary::Copysign => a.binary(Binary::Copysign, signed(b)),
                f => a.binary(f, b),
            },
            k => match k - UNARY.len() - BINARY.len() {
                0 => select(a.gt(b), b, c),
                1 => a.cast_like(b),
                2 => Expr::index() + a,
                k => a.cast(DType::ALL[k - 3]),
            },
        });
    }
    values.split_off(x.len() + n.len())
}

/// A value whose sign is the same everywhere: that of a NaN is any.
fn signed(x: Expr) -> Expr {
    select(x.isnan(), Expr::constant(true).cast_like(x), x)
}

fn one(inputs: &[&Array], numbers: &[Scalar], steps: &[Step]) -> Result<Array> {
    Array::formula(inputs, numbers, |x, n| formula(x, n, steps).pop().unwrap_or(x[0]))
}

/// A shape of which some dimensions are 1.
fn thinned(shape: &[usize], which: u8) -> Vec<usize> {
    shape.iter().enumerate().map(|(d, &n)| if which >> d & 1 == 1 { 1 } else { n }).collect()
}

/// Nothing that the card lacks.
fn is_known(gpu: Device, dtypes: &[DType]) -> bool {
    dtypes.iter().all(|&dtype| computes(gpu, dtype))
}

/// Either both are refused, or they agree in every bit but for the payload of NaN. A card may lack a dtype within.
fn compare(what: &str, gpu: Device, here: Result<Array>, there: Result<Array>) {
    match (here, there) {
        (Ok(here), Ok(there)) => assert_same(what, &here, &there, 0.0),
        (Err(_), Err(_)) => {}
        (Ok(_), Err(error)) => {
            let lacks = error.to_string().contains("this card does not compute in");
            assert!(lacks && !is_known(gpu, &DType::ALL), "{what}: {error}");
        }
        (Err(error), Ok(_)) => panic!("{what}: only the processor says {error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_formula_of_any_arrays(
        shape in prop::collection::vec(prop::sample::select(vec![0usize, 1, 2, 3, 7, 33]), 0..4),
        inputs in prop::collection::vec(
            (prop::sample::select(&DType::ALL[..]), any::<u8>(), 0..drawn::LAYOUTS, any::<u64>()), 1..4),
        steps in prop::collection::vec((any::<u8>(), any::<[u8; 3]>()), 1..6),
        number in prop::sample::select(vec![Scalar::Int(3), Scalar::Int(-70_000), Scalar::Float(0.5), Scalar::Bool(true), Scalar::Int(5_000_000_000)]),
        special in any::<bool>(),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        if !is_known(gpu, &inputs.iter().map(|input| input.0).collect::<Vec<_>>()) {
            return Ok(());
        }
        let arrays: Vec<Drawn> = inputs
            .iter()
            .map(|&(dtype, thin, layout, seed)| {
                drawn(gpu, dtype, &thinned(&shape, if thin > 100 { 0 } else { thin }), layout, seed, special)
            })
            .collect();
        let here: Vec<&Array> = arrays.iter().map(|x| &x.here).collect();
        let there: Vec<&Array> = arrays.iter().map(|x| &x.there).collect();
        let what = format!("{steps:?} of {inputs:?} over {shape:?} and {number:?}");
        compare(&what, gpu, one(&here, &[number], &steps), one(&there, &[number], &steps));
    }

    #[test]
    fn in_place_through_views(
        (rows, columns, start) in (1usize..6, 1usize..9, 0usize..5),
        dtype in prop::sample::select(&DType::ALL[..]),
        transposed in any::<bool>(),
        steps in prop::collection::vec((any::<u8>(), any::<[u8; 3]>()), 1..4),
        seed in any::<u64>(),
    ) {
        let Some(gpu) = common::gpu() else { return Ok(()) };
        if !is_known(gpu, &[dtype]) {
            return Ok(());
        }
        let base = numbers(dtype, &[rows, columns + 5], seed, true);
        let other = numbers(dtype, &[columns], seed ^ 1, false);
        let run = |base: &Array, other: &Array| -> Result<()> {
            let mut view = base.narrow(1, start as i64, columns as i64)?;
            if transposed {
                view = view.transpose(0, 1)?;
            }
            let other = if transposed { other.reshape([columns, 1])? } else { other.clone() };
            // In the dtype of the target, whatever the steps give.
            Array::formulas_into(&[&view, &other], &[], &[&view], |x, n| {
                [formula(x, n, &steps).pop().unwrap_or(x[0]).cast(dtype)]
            })
        };
        let (base_there, other_there) = (base.to_device(gpu).unwrap(), other.to_device(gpu).unwrap());
        let what = format!("{steps:?} in place of {dtype} {rows} {columns} {start} {transposed}");
        let here = run(&base, &other);
        let there = run(&base_there, &other_there);
        compare(&what, gpu, here.map(|()| base.clone()), there.map(|()| base_there.clone()));
    }
}

#[test]
fn several_outputs_and_an_input_that_is_written() {
    let Some(gpu) = common::gpu() else { return };
    let x = numbers(DType::F32, &[37, 5], 3, false);
    let y = numbers(DType::F16, &[5], 4, false);
    let run = |x: &Array, y: &Array| {
        let [double, half] = [x.mul(2.0).unwrap(), y.mul(0.5).unwrap()];
        let outputs = Array::formulas(&[x, y], &[Scalar::Float(0.25)], |x, n| {
            [x[0] + x[1], (x[0] * n[0]).cast(DType::BF16), x[0].gt(x[1]), x[0].cast(DType::I8)]
        })
        .unwrap();
        Array::formulas_into(&[&double, y], &[], &[&double], |x, _| [x[0] * x[1] - x[0]]).unwrap();
        outputs.into_iter().chain([double, half]).collect::<Vec<Array>>()
    };
    let there = run(&x.to_device(gpu).unwrap(), &y.to_device(gpu).unwrap());
    for (i, (here, there)) in run(&x, &y).iter().zip(&there).enumerate() {
        assert_same(&format!("output {i}"), here, there, 0.0);
    }
}

/// The random words are the processor's, whatever the seed and wherever the stream begins.
#[test]
fn random_words_are_the_same() {
    let Some(gpu) = common::gpu() else { return };
    let x = numbers(DType::F32, &[1003], 0, false);
    let there = x.to_device(gpu).unwrap();
    for (seed, base) in [(0i64, 0i64), (1, 5), (-1, 0xffff_ffff), (0x0123_4567_89ab_cdef, i64::MAX - 3)] {
        let n = [Scalar::Int(seed), Scalar::Int(base), Scalar::Int(0x8000_0000), Scalar::Int(1 << 32)];
        let check = |name: &str, f: &dyn Fn(&[Expr], &[Expr]) -> Expr| {
            let here = Array::formula(&[&x], &n, |x, n| f(x, n)).unwrap();
            let there = Array::formula(&[&there], &n, |x, n| f(x, n)).unwrap();
            assert_eq!(read(&here), read(&there), "{name} of {seed}, {base}");
        };
        if computes(gpu, DType::I64) {
            check("words", &|_, n| Expr::random(n[0], n[1]));
            check("their sum", &|_, n| Expr::random(n[0], n[1]) + Expr::random(n[0], n[1] + 1));
        }
        check("kept", &|x, n| select(Expr::random(n[0], n[1]).ge(n[2]), x[0], 0.0));
        check("all", &|x, n| select(Expr::random(n[0], n[1]).lt(n[3]), x[0], 0.0));
        check("none", &|x, n| select(Expr::random(n[0], n[1]).lt(-1), x[0], 0.0));
        check("as f32", &|_, n| Expr::random(n[0], n[1]).cast(DType::F32) * 0.5f64.powi(32));
        check("low bits", &|_, n| Expr::random(n[0], n[1]).cast(DType::I32) & 0xff);
    }
    cresset_tensor::random::manual_seed(7);
    let here = x.dropout(0.3, true).unwrap();
    cresset_tensor::random::manual_seed(7);
    assert_same("dropout", &here, &there.dropout(0.3, true).unwrap(), 0.0);
}
