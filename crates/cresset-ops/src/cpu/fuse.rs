//! The steps of a plan in fewer loops, for the CPU: arithmetic that takes no longer than bringing its operands is done in
//! the loop of the step that needs it. Every value is rounded as if each step were alone.

use cresset_tensor::DType;

use super::{
    functions::{One, Two, one, two},
    plan::{Code, Draft, Lane, Slot, Step, Value, assign},
};
use crate::expr::{Binary, Type, Typing, Unary};

/// What a loop does.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Work {
    /// One step.
    Single(Code),
    /// A step that is a vector loop of f32, with nothing to decide before it.
    Direct(Code),
    /// In f32, one step of arithmetic on two operands and another on what comes of it and a third.
    Pair(Sum, Sum),
    /// In f32, a function (one of [`scales`]) of a product.
    OfProduct(Unary),
    /// In f32, `(f(a·b) + c)·(d·e)`, f being `Erf` or `Tanh`: what gates are made of, gelu in either form among them.
    Gate(Unary),
    /// In f32, a comparison (`Lt`, `Le` or `Eq`) of two operands, and by it the third or else the fourth.
    Decide(Binary),
}

/// A step of arithmetic so cheap that it takes as long as bringing its operands.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Sum {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `b - a`
    From,
    /// `a·b`
    Mul,
}

/// The loops of a plan.
#[derive(Debug)]
pub struct Joined {
    /// The loops in order.
    pub steps: Vec<Step<Work>>,
    /// How many registers they need.
    pub registers: usize,
    /// For each output, where it is at the end, and its dtype.
    pub outputs: Vec<(Slot, DType)>,
    /// The inputs and constants that a loop may read beside vectors, and their lanes.
    pub beside: Vec<(Slot, Lane)>,
    /// Every input and output is stored as it is computed, and every output has a register of its own.
    pub simple: bool,
}

/// Makes one loop of two steps wherever a value that only one other needs is cheap to compute where it is needed.
pub fn join(drafts: &[Draft<Code>], inputs: &[Type], first: Slot, outputs: &[(Value, DType)]) -> Joined {
    let mut uses = vec![0u32; drafts.len()];
    let read = drafts.iter().flat_map(|draft| &draft.operands).chain(outputs.iter().map(|(value, _)| value));
    for value in read {
        if let Value::Step(place) = *value {
            uses[place as usize] += 1;
        }
    }
    let alone = |draft: &Draft<Code>| {
        let code = if is_direct(draft.code) { Work::Direct(draft.code) } else { Work::Single(draft.code) };
        Draft { code, operands: draft.operands.clone(), gone: false }
    };
    let mut works: Vec<Draft<Work>> = drafts.iter().map(alone).collect();
    for i in 0..works.len() {
        if let Some((draft, gone)) = joined(&works, i, &uses) {
            works[i] = draft;
            works[gone].gone = true;
        }
    }
    for i in 0..works.len() {
        if let Some((draft, gone)) = gate(&works, i, &uses) {
            works[i] = draft;
            gone.into_iter().for_each(|gone| works[gone].gone = true);
        }
    }
    let assigned = assign(&works, lane, inputs.len(), first, outputs);
    let mut beside: Vec<(Slot, Lane)> = Vec::new();
    for step in &assigned.steps {
        for (place, &slot) in step.operands.iter().enumerate() {
            if let Some(lane) = lane_beside(step.code, place)
                && slot < first
                && !beside.contains(&(slot, lane))
            {
                beside.push((slot, lane));
            }
        }
    }
    let native = |dtype: DType| Lane::of(dtype).dtype() == dtype;
    let outputs = assigned.outputs;
    let simple = inputs.iter().all(|t| native(t.dtype))
        && outputs.iter().enumerate().all(|(i, &(place, dtype))| {
            native(dtype) && place >= first && outputs[..i].iter().all(|&(other, _)| other != place)
        });
    Joined { steps: assigned.steps, registers: assigned.registers, outputs, beside, simple }
}

/// A step with one of its operands computed in it, and which of the steps that was.
fn joined(works: &[Draft<Work>], i: usize, uses: &[u32]) -> Option<(Draft<Work>, usize)> {
    let Draft { code, operands, .. } = &works[i];
    // An operand as the step that computes it, if nobody else needs it.
    let step = |operand: usize| match operands[operand] {
        Value::Step(place) if uses[place as usize] == 1 => Some((&works[place as usize], place as usize)),
        Value::Step(_) | Value::Input(_) | Value::Constant(_) => None,
    };
    let draft = |code, operands: &[Value]| Draft { code, operands: operands.into(), gone: false };
    match *code {
        Work::Single(Code::Select(Lane::F32)) => {
            let (compared, gone) = step(2)?;
            let Work::Single(Code::Binary(f, Lane::F32)) = compared.code else { return None };
            let (a, b, x, y) = (compared.operands[0], compared.operands[1], operands[0], operands[1]);
            let (f, operands) = match f {
                Binary::Lt | Binary::Le | Binary::Eq => (f, [a, b, x, y]),
                Binary::Gt => (Binary::Lt, [b, a, x, y]),
                Binary::Ge => (Binary::Le, [b, a, x, y]),
                Binary::Ne => (Binary::Eq, [a, b, y, x]),
                _ => return None,
            };
            Some((draft(Work::Decide(f), &operands), gone))
        }
        Work::Direct(Code::Unary(f, _)) if scales(f) => {
            let (product, gone) = step(0)?;
            let is_product = sum(product.code) == Some(Sum::Mul);
            is_product.then(|| (draft(Work::OfProduct(f), &product.operands), gone))
        }
        code => {
            let second = sum(code)?;
            let cheap = |operand: usize| {
                step(operand).and_then(|(cheap, gone)| Some((sum(cheap.code)?, cheap, gone)))
            };
            // Of two, the one that is no product: a gate may come of it.
            let operand = match (cheap(0), cheap(1)) {
                (Some((Sum::Mul, ..)), Some((first, ..))) if first != Sum::Mul => 1,
                (Some(_), _) => 0,
                (None, _) => 1,
            };
            let (first, cheap, gone) = cheap(operand)?;
            let second = if operand == 1 && second == Sum::Sub { Sum::From } else { second };
            let operands = [cheap.operands[0], cheap.operands[1], operands[1 - operand]];
            Some((draft(Work::Pair(first, second), &operands), gone))
        }
    }
}

/// A sum and its product with another product, with the function of a product in it that the sum alone needs, and which
/// steps these two were.
fn gate(works: &[Draft<Work>], i: usize, uses: &[u32]) -> Option<(Draft<Work>, [usize; 2])> {
    let Draft { code: Work::Pair(Sum::Add, Sum::Mul), operands, gone: false } = &works[i] else {
        return None;
    };
    let alone = |value: Value| match value {
        Value::Step(place) if uses[place as usize] == 1 => Some(place as usize),
        Value::Step(_) | Value::Input(_) | Value::Constant(_) => None,
    };
    let factor = alone(operands[2]).filter(|&place| sum(works[place].code) == Some(Sum::Mul))?;
    (0..2).find_map(|operand| {
        let place = alone(operands[operand])?;
        let of = &works[place];
        let Work::OfProduct(f @ (Unary::Erf | Unary::Tanh)) = of.code else { return None };
        let all = [&of.operands[..2], &[operands[1 - operand]], &works[factor].operands[..2]].concat();
        Some((Draft { code: Work::Gate(f), operands: all, gone: false }, [place, factor]))
    })
}

/// The functions that have a loop of their own for products: what is scaled and then curved is common.
fn scales(f: Unary) -> bool {
    matches!(f, Unary::Exp | Unary::Erf | Unary::Tanh | Unary::Sigmoid)
}

/// The step as cheap arithmetic, if it is that.
fn sum(work: Work) -> Option<Sum> {
    match work {
        Work::Direct(Code::Binary(Binary::Add, _)) => Some(Sum::Add),
        Work::Direct(Code::Binary(Binary::Sub, _)) => Some(Sum::Sub),
        Work::Direct(Code::Binary(Binary::Mul, _)) => Some(Sum::Mul),
        Work::Direct(_)
        | Work::Single(_)
        | Work::Pair(..)
        | Work::OfProduct(_)
        | Work::Gate(_)
        | Work::Decide(_) => None,
    }
}

/// Is the step a vector loop of f32, with nothing to decide before it?
fn is_direct(code: Code) -> bool {
    match code {
        Code::Unary(f, Lane::F32) => {
            matches!(one(f), One::Loop | One::Wide(_))
                && !matches!(f.typing(), Typing::Truth | Typing::Exponent)
        }
        // Powers may be products, by what their exponent is.
        Code::Binary(f, Lane::F32) => matches!(two(f), Two::Loop) && !f.compares() && f != Binary::Pow,
        Code::Unary(..)
        | Code::Binary(..)
        | Code::Select(_)
        | Code::Convert(..)
        | Code::Wrap(_)
        | Code::Narrow(_)
        | Code::Index
        | Code::Random => false,
    }
}

/// The lane of the result.
fn lane(work: Work) -> Lane {
    match work {
        Work::Single(code) | Work::Direct(code) => code.lane(),
        Work::Pair(..) | Work::OfProduct(_) | Work::Gate(_) | Work::Decide(_) => Lane::F32,
    }
}

/// The lane of an operand that may be a vector where another is.
fn lane_beside(work: Work, operand: usize) -> Option<Lane> {
    let (lane, count) = match work {
        Work::Single(Code::Binary(_, lane)) | Work::Direct(Code::Binary(_, lane)) => (lane, 2),
        Work::Single(Code::Select(lane)) => (if operand == 2 { Lane::Bool } else { lane }, 3),
        Work::OfProduct(_) => (Lane::F32, 2),
        Work::Pair(..) => (Lane::F32, 3),
        Work::Decide(_) => (Lane::F32, 4),
        Work::Gate(_) => (Lane::F32, 5),
        Work::Single(_) | Work::Direct(_) => return None,
    };
    (operand < count).then_some(lane)
}
