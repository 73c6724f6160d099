//! Formulas: the steps of a plan, printed one by one as calls of the library's functions.

use std::fmt::Write as _;

use cresset_ops::{
    cpu::plan::{Code, Constant, Lane, Plan},
    expr::{Binary, Unary},
};
use cresset_tensor::{DType, Error, Result, Scalar};

use super::{element::lane_name, library, param};
use crate::abilities::Abilities;

/// Words of parameters that the constants of a plan take: two each.
pub fn constant_words(plan: &Plan) -> usize {
    2 * plan.constants.len()
}

/// Prints a plan's steps. `inputs` are the expressions of the inputs' elements, `index` that of the place in the output
/// (of type `u32`); constants lie in the parameters from `first` on. Gives the expressions of the outputs.
pub fn print(plan: &Plan, inputs: &[String], index: &str, first: usize, body: &mut String) -> Vec<String> {
    let start = inputs.len();
    let mut slots: Vec<String> = inputs.to_vec();
    for i in 0..plan.constants.len() {
        slots.push(constant(plan, i, first + 2 * i));
    }
    slots.resize(slots.len() + plan.registers, String::new());
    // Which slots hold random words, of 32 bits without a sign, which an integer of 32 bits is too narrow for.
    let mut random = vec![false; slots.len()];
    let mut made = vec![Made::Otherwise; slots.len()];
    for (i, step) in plan.steps.iter().enumerate() {
        let place = |k: usize| step.operands[k] as usize;
        let operand = |k: usize| slots[place(k)].as_str();
        // A constant's two words.
        let words = |k: usize| {
            let i = first + 2 * place(k).wrapping_sub(start);
            (param(i), param(i + 1))
        };
        let is_constant = |k: usize| (start..start + plan.constants.len()).contains(&place(k));
        let value = match step.code {
            Code::Unary(f, lane) => format!("{}({})", unary_name(f, lane), operand(0)),
            Code::Binary(f, _) if f.compares() && random[place(0)] && is_constant(1) => {
                let (low, high) = words(1);
                format!("compare_word({}, {low}, {high}) {} 0", operand(0), comparison(f))
            }
            Code::Binary(f @ (Binary::Add | Binary::Sub | Binary::Div), lane @ (Lane::F32 | Lane::F64)) => {
                // `(a + b) - a` is not b, `a*b + a*c` is not `a*(b + c)`, and neither `a - a` is 0 nor `a/a` is 1 of all a,
                // but compilers may say so, also where they alone see that two values are the same.
                let both = made[place(0)] == Made::Product && made[place(1)] == Made::Product;
                let kept = |value: String| format!("kept_{}({value})", lane_name(lane));
                let shown = |k: usize| {
                    let value = operand(k).to_owned();
                    let hidden = match f {
                        Binary::Div => made[place(k)] == Made::Product,
                        Binary::Add => made[place(k)] == Made::Sum || k == 0 && both,
                        _ => made[place(k)] == Made::Sum,
                    };
                    let value = if hidden { kept(value) } else { value };
                    if k == 1 && f != Binary::Add && !is_constant(1) { kept(value) } else { value }
                };
                format!("{}({}, {})", binary_name(f, lane), shown(0), shown(1))
            }
            Code::Binary(f, lane) => {
                format!(
                    "{}({}, {})",
                    binary_name(f, lane),
                    as_int(&random, &slots, place(0)),
                    as_int(&random, &slots, place(1))
                )
            }
            Code::Select(_) => format!(
                "select({}, {}, {})",
                as_int(&random, &slots, place(1)),
                as_int(&random, &slots, place(0)),
                operand(2)
            ),
            Code::Convert(_, to @ (Lane::F32 | Lane::F64)) if random[place(0)] => {
                format!("{}({})", lane_name(to), operand(0))
            }
            Code::Convert(from, to) => {
                format!("{}_from_{}({})", lane_name(to), lane_name(from), as_int(&random, &slots, place(0)))
            }
            Code::Wrap(dtype) => format!("{}({})", wrap_name(dtype), as_int(&random, &slots, place(0))),
            Code::Narrow(dtype) => format!("{}({})", narrow_name(dtype), operand(0)),
            Code::Index => format!("int({index})"),
            Code::Random => {
                let pair = |k: usize| {
                    if is_constant(k) {
                        let (low, high) = words(k);
                        format!("vec2<u32>({low}, {high})")
                    } else {
                        let value = as_int(&random, &slots, place(k));
                        format!("vec2<u32>(low_word({value}), high_word({value}))")
                    }
                };
                format!("random_word({}, {}, {index})", pair(0), pair(1))
            }
        };
        let name = format!("v{i}");
        let _ = writeln!(body, "    let {name} = {value};");
        random[step.target as usize] = step.code == Code::Random;
        made[step.target as usize] = match step.code {
            Code::Binary(Binary::Add | Binary::Sub, _) | Code::Unary(Unary::Neg, _) => Made::Sum,
            Code::Binary(Binary::Mul | Binary::Div, _) | Code::Unary(Unary::Reciprocal, _) => Made::Product,
            _ => Made::Otherwise,
        };
        slots[step.target as usize] = name;
    }
    plan.outputs.iter().map(|&(slot, _)| as_int(&random, &slots, slot as usize)).collect()
}

/// How a float came about, as far as compilers may reorder what is made of it.
#[derive(Clone, Copy, PartialEq)]
enum Made {
    Sum,
    Product,
    Otherwise,
}

/// A slot's value in its lane.
fn as_int(random: &[bool], slots: &[String], place: usize) -> String {
    if random[place] { format!("int_from_word({})", slots[place]) } else { slots[place].clone() }
}

fn comparison(f: Binary) -> &'static str {
    match f {
        Binary::Eq => "==",
        Binary::Ne => "!=",
        Binary::Lt => "<",
        Binary::Le => "<=",
        Binary::Gt => ">",
        // `compares` says that there is no other.
        _ => ">=",
    }
}

/// A constant of a plan: written out if it is one of the formula's floats, else out of two words of parameters.
fn constant(plan: &Plan, i: usize, first: usize) -> String {
    let (low, high) = (param(first), param(first + 1));
    let lane = plan.constant_lane(i);
    if let (Lane::F32, Constant::Fixed(value, _)) = (lane, plan.constants[i]) {
        let value = match value {
            Scalar::Bool(x) => f32::from(u8::from(x)),
            Scalar::Int(x) => x as f32,
            Scalar::Float(x) => x as f32,
        };
        // Zero times anything would be taken for zero.
        if value.is_finite() && value != 0.0 {
            return format!("bitcast<f32>({:#x}u)", value.to_bits());
        }
    }
    match lane {
        Lane::F32 => format!("bitcast<f32>({low})"),
        Lane::F64 => format!("f64_of_bits({low}, {high})"),
        Lane::I64 => format!("int_of_bits({low}, {high})"),
        Lane::Bool => format!("({low} != 0u)"),
    }
}

fn unary_name(f: Unary, lane: Lane) -> String {
    format!("{}_{}", f.name(), lane_name(lane))
}

fn binary_name(f: Binary, lane: Lane) -> String {
    format!("{}_{}", f.name(), lane_name(lane))
}

fn wrap_name(dtype: DType) -> &'static str {
    match dtype {
        DType::I32 => "wrap_i32",
        DType::I16 => "wrap_i16",
        DType::I8 => "wrap_i8",
        DType::U8 => "wrap_u8",
        // Others are as wide as their lane.
        DType::F64 | DType::F32 | DType::F16 | DType::BF16 | DType::I64 | DType::Bool => "",
    }
}

fn narrow_name(dtype: DType) -> &'static str {
    match dtype {
        DType::F16 => "narrow_half",
        DType::BF16 => "narrow_bfloat",
        // Others are as precise as their lane.
        DType::F64
        | DType::F32
        | DType::I64
        | DType::I32
        | DType::I16
        | DType::I8
        | DType::U8
        | DType::Bool => "",
    }
}

/// A value of a plan's output in the dtype of a target, which is of the same family or a stronger one.
pub fn converted(value: &str, from: DType, to: DType) -> String {
    let (a, b) = (Lane::of(from), Lane::of(to));
    if a == b { value.to_owned() } else { format!("{}_from_{}({value})", lane_name(b), lane_name(a)) }
}

/// What is known of an integer of a plan.
#[derive(Clone, Copy, PartialEq)]
enum Width {
    /// It fits in 32 bits.
    Fits,
    /// Its low word is that of 32-bit arithmetic.
    Low,
    /// 32 random bits, not negative.
    Word,
}

/// Are 32 bits enough for every integer of a plan, whose constants are these and which computes `numel` elements? The low
/// word of a sum or product is right, whatever is lost above; other functions need operands that fit.
pub fn is_narrow(plan: &Plan, constants: &[u64], targets: &[DType], numel: usize) -> bool {
    if plan.inputs.contains(&DType::I64) || targets.contains(&DType::I64) {
        return false;
    }
    let takes_integers = |code: Code| match code {
        Code::Unary(_, lane) | Code::Binary(_, lane) | Code::Select(lane) => lane == Lane::I64,
        Code::Convert(from, to) => from == Lane::I64 || to == Lane::I64,
        Code::Wrap(_) | Code::Index | Code::Random => true,
        Code::Narrow(_) => false,
    };
    if !plan.steps.iter().any(|step| takes_integers(step.code)) {
        return true;
    }
    let start = plan.inputs.len();
    let mut widths = vec![Width::Fits; start + plan.constants.len() + plan.registers];
    for (i, &bits) in constants.iter().enumerate() {
        if plan.constant_lane(i) == Lane::I64 && i32::try_from(bits as i64).is_err() {
            widths[start + i] = Width::Low;
        }
    }
    for step in &plan.steps {
        let of = |k: usize| widths[step.operands[k] as usize];
        let fits = |count: usize| (0..count).all(|k| of(k) == Width::Fits);
        let is_constant =
            |k: usize| (start..start + plan.constants.len()).contains(&(step.operands[k] as usize));
        let (allowed, width) = match step.code {
            Code::Unary(Unary::Neg | Unary::BitNot, Lane::I64) => (true, Width::Low),
            Code::Unary(Unary::Abs, Lane::I64) => (fits(1), Width::Low),
            Code::Unary(_, Lane::I64) => (fits(1), Width::Fits),
            Code::Binary(f, Lane::I64) if f.compares() => {
                (fits(2) || of(0) == Width::Word && is_constant(1), Width::Fits)
            }
            Code::Binary(f, Lane::I64) => match f {
                Binary::Add | Binary::Sub | Binary::Mul => (true, Width::Low),
                Binary::BitAnd | Binary::BitOr | Binary::BitXor => {
                    (true, if fits(2) { Width::Fits } else { Width::Low })
                }
                Binary::ShiftLeft => (of(1) == Width::Fits, Width::Low),
                Binary::Maximum | Binary::Minimum | Binary::Remainder | Binary::Fmod | Binary::ShiftRight => {
                    (fits(2), Width::Fits)
                }
                _ => (fits(2), Width::Low),
            },
            Code::Select(Lane::I64) => (true, if fits(2) { Width::Fits } else { Width::Low }),
            Code::Convert(Lane::I64, Lane::F32 | Lane::F64) => (of(0) != Width::Low, Width::Fits),
            Code::Convert(Lane::I64, Lane::Bool) => (fits(1), Width::Fits),
            Code::Convert(Lane::F32 | Lane::F64, Lane::I64) => (true, Width::Low),
            Code::Index => (i32::try_from(numel).is_ok(), Width::Fits),
            Code::Random => (true, Width::Word),
            Code::Wrap(_)
            | Code::Narrow(_)
            | Code::Unary(..)
            | Code::Binary(..)
            | Code::Select(_)
            | Code::Convert(..) => (true, Width::Fits),
        };
        if !allowed {
            return false;
        }
        widths[step.target as usize] = width;
    }
    plan.outputs
        .iter()
        .all(|&(slot, dtype)| Lane::of(dtype) != Lane::I64 || widths[slot as usize] == Width::Fits)
}

/// Refuses a plan with a step that the card, or the library, cannot do.
pub fn check(operation: &'static str, plan: &Plan, narrow: bool, abilities: &Abilities) -> Result<()> {
    for dtype in plan.inputs.iter().copied().chain(plan.outputs.iter().map(|&(_, dtype)| dtype)) {
        abilities.check(operation, dtype)?;
    }
    for step in &plan.steps {
        let (name, lane) = match step.code {
            Code::Unary(f, lane) => (unary_name(f, lane), lane),
            Code::Binary(f, lane) => (binary_name(f, lane), lane),
            Code::Convert(from, to) => {
                if from == Lane::F64 {
                    abilities.check(operation, DType::F64)?;
                }
                (format!("{}_from_{}", lane_name(to), lane_name(from)), to)
            }
            Code::Select(lane) => (String::new(), lane),
            Code::Wrap(_) | Code::Narrow(_) | Code::Index | Code::Random => continue,
        };
        if lane == Lane::F64 {
            abilities.check(operation, DType::F64)?;
        }
        if lane == Lane::I64 && !narrow {
            abilities.check(operation, DType::I64)?;
        }
        if !name.is_empty() && !library::has(&name) {
            return Err(Error::dtype(
                operation,
                format!("cards have no {name}; convert to float32 first, or compute it on the CPU"),
            ));
        }
    }
    Ok(())
}
