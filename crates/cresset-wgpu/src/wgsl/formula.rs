//! Formulas: the steps of a plan, printed one by one as calls of the library's functions.

use std::fmt::Write as _;

use cresset_ops::{
    cpu::plan::{Code, Lane, Plan},
    expr::{Binary, Unary},
};
use cresset_tensor::{DType, Error, Result};

use super::{element::lane_name, library, param};
use crate::abilities::Abilities;

/// Words of parameters that the constants of a plan take: two each.
pub fn constant_words(plan: &Plan) -> usize {
    2 * plan.constants.len()
}

/// Prints a plan's steps. `inputs` are the expressions of the inputs' elements, `index` that of the place in the output
/// (of type `u32`); constants lie in the parameters from `first` on. Gives the expressions of the outputs.
pub fn print(plan: &Plan, inputs: &[String], index: &str, first: usize, body: &mut String) -> Vec<String> {
    let mut slots: Vec<String> = inputs.to_vec();
    for i in 0..plan.constants.len() {
        slots.push(constant(plan.constant_lane(i), first + 2 * i));
    }
    slots.resize(slots.len() + plan.registers, String::new());
    for (i, step) in plan.steps.iter().enumerate() {
        let operand = |k: usize| slots[step.operands[k] as usize].as_str();
        let value = match step.code {
            Code::Unary(f, lane) => format!("{}({})", unary_name(f, lane), operand(0)),
            Code::Binary(f, lane) => format!("{}({}, {})", binary_name(f, lane), operand(0), operand(1)),
            Code::Select(_) => format!("select({}, {}, {})", operand(1), operand(0), operand(2)),
            Code::Convert(from, to) => {
                format!("{}_from_{}({})", lane_name(to), lane_name(from), operand(0))
            }
            Code::Wrap(dtype) => format!("{}({})", wrap_name(dtype), operand(0)),
            Code::Narrow(dtype) => format!("{}({})", narrow_name(dtype), operand(0)),
            Code::Index => format!("int({index})"),
            Code::Random => format!("random_int({}, {}, {index})", operand(0), operand(1)),
        };
        let name = format!("v{i}");
        let _ = writeln!(body, "    let {name} = {value};");
        slots[step.target as usize] = name;
    }
    plan.outputs.iter().map(|&(slot, _)| slots[slot as usize].clone()).collect()
}

/// A constant of a lane, out of two words of parameters.
fn constant(lane: Lane, first: usize) -> String {
    let (low, high) = (param(first), param(first + 1));
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

/// Refuses a plan with a step that the card, or the library, cannot do.
pub fn check(operation: &'static str, plan: &Plan, abilities: &Abilities) -> Result<()> {
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
        if !name.is_empty() && !library::has(&name) {
            return Err(Error::dtype(
                operation,
                format!("cards have no {name}; convert the dtype first, or compute it on the CPU"),
            ));
        }
    }
    Ok(())
}
