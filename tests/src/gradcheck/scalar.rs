//! The scalar primitives, each drawn from where its row says that it is smooth.

use cresset_ops::{
    Op,
    expr::{Binary, Intervals, Pair, Typing, Unary},
};

use super::sample::{Input, Sample, Subject, map_of};

const ANYWHERE: Intervals = &[(-3.0, 3.0)];
const TRUTH: &str = "gives a truth";
const INTEGER: &str = "gives an integer";
const BITS: &str = "takes integers";
const NO_RULE: &str = "has no rule";

/// Why a primitive that is smooth nowhere has no derivative.
fn reason(typing: Typing) -> &'static str {
    match typing {
        Typing::Truth => TRUTH,
        Typing::Exponent => INTEGER,
        Typing::Bits => BITS,
        Typing::Same | Typing::Number | Typing::Float => NO_RULE,
    }
}

/// All of them.
pub fn subjects() -> Vec<Subject> {
    Unary::ALL.iter().map(|&f| of_unary(f)).chain(Binary::ALL.iter().map(|&f| of_binary(f))).collect()
}

fn of_unary(f: Unary) -> Subject {
    let sample = move |draw: &mut super::draw::Draw, domain: Intervals| {
        let shape = draw.shape((0, 3), (0, 4));
        let op = Op::Map(map_of(1, &[], None, |x, _| vec![x[0].unary(f)]));
        Sample { op, inputs: vec![Input::Vary(draw.laid(&shape, domain))] }
    };
    match f.smooth() {
        [] => Subject::not(f.name(), reason(f.typing()), move |draw| sample(draw, ANYWHERE)),
        domain => Subject::new(f.name(), move |draw| sample(draw, domain)),
    }
}

fn of_binary(f: Binary) -> Subject {
    let sample = move |draw: &mut super::draw::Draw| {
        let pairs = f.smooth();
        let pair = pairs.get(draw.integer(0, pairs.len().saturating_sub(1))).copied();
        let whole = draw.shape((0, 3), (0, 4));
        // One of both has the whole shape, so that the other one is what broadcasts.
        let (mut left, mut right) = (whole.clone(), whole.clone());
        match draw.integer(0, 3) {
            2 => left = draw.smaller(&whole),
            3 => right = draw.smaller(&whole),
            _ => {}
        }
        let mut laid = |a: Intervals, b: Intervals| (draw.laid(&left, a), draw.laid(&right, b));
        let inputs = match pair.unwrap_or(Pair::Both(ANYWHERE, ANYWHERE)) {
            Pair::Both(a, b) => {
                let (a, b) = laid(a, b);
                vec![Input::Vary(a), Input::Vary(b)]
            }
            Pair::First(a, b) => {
                let (a, b) = laid(a, b);
                vec![Input::Vary(a), Input::Constant(b)]
            }
            Pair::Second(a, b) => {
                let (a, b) = laid(a, b);
                vec![Input::Constant(a), Input::Vary(b)]
            }
        };
        Sample { op: Op::Map(map_of(2, &[], None, |x, _| vec![x[0].binary(f, x[1])])), inputs }
    };
    match f.smooth() {
        [] => Subject::not(f.name(), reason(f.typing()), sample),
        _ => Subject::new(f.name(), sample),
    }
}
