//! A program made ready for the CPU: steps over registers of one chunk each, for given dtypes of the inputs.

use cresset_tensor::{Category, DType, Error, Result, Scalar};

use super::fuse::{self, Joined};
use crate::expr::{Binary, Id, Level, Memo, Node, Program, Type, Typing, Unary};

/// In what the CPU computes: f16 and bf16 in `F32`, every integer in `I64`, wrapped to its width after each step.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Lane {
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `i64`.
    I64,
    /// One byte, 0 or 1.
    Bool,
}

impl Lane {
    /// The lane of a dtype.
    pub const fn of(dtype: DType) -> Lane {
        match dtype {
            DType::F64 => Lane::F64,
            DType::F32 | DType::F16 | DType::BF16 => Lane::F32,
            DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 => Lane::I64,
            DType::Bool => Lane::Bool,
        }
    }

    /// The dtype whose elements are stored as they are computed.
    pub const fn dtype(self) -> DType {
        match self {
            Lane::F32 => DType::F32,
            Lane::F64 => DType::F64,
            Lane::I64 => DType::I64,
            Lane::Bool => DType::Bool,
        }
    }
}

/// What a step does.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Code {
    /// A primitive of one value.
    Unary(Unary, Lane),
    /// A primitive of two values.
    Binary(Binary, Lane),
    /// `c ? a : b`, with the condition in the third operand.
    Select(Lane),
    /// From one lane to another.
    Convert(Lane, Lane),
    /// An integer to the range of a narrower dtype.
    Wrap(DType),
    /// A float to the precision of a narrower dtype.
    Narrow(DType),
    /// The place in the output.
    Index,
    /// Random bits of (seed, base, place).
    Random,
}

impl Code {
    /// How many operands it has.
    pub const fn operands(self) -> usize {
        match self {
            Code::Index => 0,
            Code::Unary(..) | Code::Convert(..) | Code::Wrap(_) | Code::Narrow(_) => 1,
            Code::Binary(..) | Code::Random => 2,
            Code::Select(_) => 3,
        }
    }

    /// The lane of the result.
    pub const fn lane(self) -> Lane {
        match self {
            Code::Unary(f, lane) => match f.typing() {
                Typing::Truth => Lane::Bool,
                Typing::Exponent => Lane::I64,
                Typing::Same | Typing::Number | Typing::Float | Typing::Bits => lane,
            },
            Code::Binary(f, lane) => {
                if f.compares() {
                    Lane::Bool
                } else {
                    lane
                }
            }
            Code::Select(lane) | Code::Convert(_, lane) => lane,
            Code::Wrap(_) | Code::Index | Code::Random => Lane::I64,
            Code::Narrow(_) => Lane::F32,
        }
    }
}

/// Where an operand is: inputs first, then constants, then registers.
pub type Slot = u16;

/// The most operands of a step.
pub const OPERANDS: usize = 5;

/// One step: a loop over a chunk.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Step<C = Code> {
    /// What it does.
    pub code: C,
    /// Where the result goes: always a register no operand is in.
    pub target: Slot,
    /// Where the operands are.
    pub operands: [Slot; OPERANDS],
}

/// A constant of the formula or a number given with the call, in the dtype it is needed in.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Constant {
    /// Of the formula.
    Fixed(Scalar, DType),
    /// Given with the call.
    Number(u8, DType),
    /// Computed of others: what [`Plan::once`] does.
    Computed,
}

/// A program for the CPU.
#[derive(Debug)]
pub struct Plan {
    /// The steps in order.
    pub steps: Vec<Step>,
    /// The dtype of each input.
    pub inputs: Vec<DType>,
    /// The constants.
    pub constants: Vec<Constant>,
    /// Steps on constants alone, which give constants.
    pub once: Vec<Step>,
    /// How many registers the steps need.
    pub registers: usize,
    /// For each output, where it is at the end, and its dtype.
    pub outputs: Vec<(Slot, DType)>,
    /// The same in fewer loops, which the CPU runs.
    pub joined: Joined,
}

/// What a plan is made for: the inputs' types and the families of the numbers.
type Key = (Vec<Type>, Vec<Category>);

/// The plan of a program for such inputs and numbers, made at the first call.
pub fn plan<'a>(program: &'a Program, inputs: &[Type], numbers: &[Scalar]) -> Result<&'a Plan> {
    let Some(plans) = program.derived::<Memo<Key, Plan>>(Program::PLANS, Memo::default) else {
        return Err(Error::argument(program.name(), "the program's place for plans is taken"));
    };
    let matches = |(types, families): &Key| {
        types.as_slice() == inputs
            && families.iter().copied().eq(numbers.iter().map(|number| number.category()))
    };
    plans.get_or_make(matches, || {
        let key = (inputs.to_vec(), numbers.iter().map(|number| number.category()).collect());
        Ok((key, Lowering::lower(program, inputs, numbers)?))
    })
}

/// A step before registers are assigned: values are numbered.
#[derive(Clone)]
pub struct Draft<C> {
    /// What it does.
    pub code: C,
    /// What it reads.
    pub operands: Vec<Value>,
    /// Another step does it on the way, so that it needs no register.
    pub gone: bool,
}

/// What a draft reads.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    /// An input.
    Input(u8),
    /// A constant.
    Constant(u16),
    /// What a draft gives.
    Step(u16),
}

struct Lowering {
    drafts: Vec<Draft<Code>>,
    constants: Vec<Constant>,
    once: Vec<Step>,
    inputs: usize,
}

/// In what a value is kept: numbers without an array are, as in Python, of double precision until they meet one.
fn kept(kind: Type) -> DType {
    computed(kind, kind.dtype)
}

/// In what a primitive computes on operands that promote to `operands`.
fn computed(operands: Type, dtype: DType) -> DType {
    if operands.level == Level::Number && dtype.is_float() { DType::F64 } else { dtype }
}

impl Plan {
    /// The lane of a constant.
    pub fn constant_lane(&self, i: usize) -> Lane {
        match self.constants[i] {
            Constant::Fixed(_, dtype) | Constant::Number(_, dtype) => Lane::of(dtype),
            Constant::Computed => {
                let slot = (self.inputs.len() + i) as Slot;
                self.once.iter().find(|step| step.target == slot).map_or(Lane::F64, |step| step.code.lane())
            }
        }
    }
}

impl Lowering {
    fn lower(program: &Program, inputs: &[Type], numbers: &[Scalar]) -> Result<Plan> {
        let types = program.types(inputs, numbers)?;
        let mut this =
            Lowering { drafts: Vec::new(), constants: Vec::new(), once: Vec::new(), inputs: inputs.len() };
        // Of each node its value in the node's own dtype; numbers have none before somebody needs them.
        let mut values: Vec<Option<Value>> = vec![None; program.nodes().len()];
        for (id, node) in program.nodes().iter().enumerate() {
            let dtype = types[id].dtype;
            // An operand in the dtype the node computes in.
            macro_rules! operand {
                ($id:expr, $dtype:expr) => {
                    this.operand(program, &values, &types, $id, $dtype)
                };
            }
            values[id] = match *node {
                Node::Input(i) => Some(Value::Input(i)),
                Node::Number(_) | Node::Constant(_) => None,
                Node::Unary(f, a) => {
                    let (compute, _) = f.typing().of(f.name(), types[a as usize])?;
                    let compute = computed(types[a as usize], compute);
                    let a = operand!(a, compute);
                    Some(this.unary(f, compute, dtype, a))
                }
                Node::Binary(f, a, b) => {
                    let both = types[a as usize].promote(types[b as usize]);
                    let (compute, _) = f.typing().of(f.name(), both)?;
                    let compute = comparison_dtype(f, compute, &types, program.nodes(), a, b);
                    let compute = computed(both, compute);
                    let (a, b) = (operand!(a, compute), operand!(b, compute));
                    Some(this.binary(f, compute, dtype, a, b)?)
                }
                Node::Select(c, a, b) => {
                    let dtype = kept(types[id]);
                    let (c, a, b) = (operand!(c, DType::Bool), operand!(a, dtype), operand!(b, dtype));
                    Some(this.push(Code::Select(Lane::of(dtype)), &[a, b, c]))
                }
                Node::Cast(to, a) => {
                    let value = operand!(a, to);
                    Some(this.narrowed(to, types[a as usize].dtype, value))
                }
                Node::CastLike(a, _) => {
                    let dtype = kept(types[id]);
                    let value = operand!(a, dtype);
                    Some(this.narrowed(dtype, types[a as usize].dtype, value))
                }
                Node::Index => Some(this.push(Code::Index, &[])),
                Node::Random(seed, base) => {
                    let (seed, base) = (operand!(seed, DType::I64), operand!(base, DType::I64));
                    Some(this.push(Code::Random, &[seed, base]))
                }
            };
        }
        let mut outputs: Vec<(Value, DType)> = Vec::new();
        for &id in program.outputs() {
            let dtype = types[id as usize].dtype;
            outputs.push((this.operand(program, &values, &types, id, dtype), dtype));
        }
        let first = (inputs.len() + this.constants.len()) as Slot;
        let assigned = assign(&this.drafts, Code::lane, inputs.len(), first, &outputs);
        Ok(Plan {
            joined: fuse::join(&this.drafts, inputs, first, &outputs),
            steps: assigned.steps,
            inputs: inputs.iter().map(|t| t.dtype).collect(),
            constants: this.constants,
            once: this.once,
            registers: assigned.registers,
            outputs: assigned.outputs,
        })
    }

    /// A node's value in a dtype.
    fn operand(
        &mut self,
        program: &Program,
        values: &[Option<Value>],
        types: &[Type],
        id: Id,
        dtype: DType,
    ) -> Value {
        match (values[id as usize], program.nodes()[id as usize]) {
            (None, Node::Constant(value)) => self.constant(Constant::Fixed(value, dtype)),
            (None, Node::Number(i)) => self.constant(Constant::Number(i, dtype)),
            (Some(value), _) => self.convert(value, kept(types[id as usize]), dtype),
            // Every other node has a value by now, since operands come first.
            (None, _) => self.constant(Constant::Fixed(Scalar::Int(0), dtype)),
        }
    }

    fn constant(&mut self, constant: Constant) -> Value {
        let same = |other: &Constant| match (*other, constant) {
            (Constant::Fixed(Scalar::Float(a), d), Constant::Fixed(Scalar::Float(b), e)) => {
                a.to_bits() == b.to_bits() && d == e
            }
            (Constant::Computed, _) | (_, Constant::Computed) => false,
            (a, b) => a == b,
        };
        let place = self.constants.iter().position(same).unwrap_or_else(|| {
            self.constants.push(constant);
            self.constants.len() - 1
        });
        Value::Constant(place as u16)
    }

    fn push(&mut self, code: Code, operands: &[Value]) -> Value {
        if let Some(value) = self.constant_step(code, operands) {
            return value;
        }
        let same = |draft: &Draft<Code>| draft.code == code && draft.operands.as_slice() == operands;
        if let Some(place) = self.drafts.iter().position(same) {
            return Value::Step(place as u16);
        }
        self.drafts.push(Draft { code, operands: operands.to_vec(), gone: false });
        Value::Step(self.drafts.len() as u16 - 1)
    }

    /// A step on constants alone, to be done once.
    fn constant_step(&mut self, code: Code, operands: &[Value]) -> Option<Value> {
        if matches!(code, Code::Index | Code::Random) {
            return None;
        }
        let mut slots = [0; OPERANDS];
        for (slot, operand) in slots.iter_mut().zip(operands) {
            let Value::Constant(i) = *operand else { return None };
            *slot = self.inputs as Slot + i;
        }
        let same = |step: &&Step| step.code == code && step.operands == slots;
        let target = match self.once.iter().find(same) {
            Some(step) => step.target,
            None => {
                self.constants.push(Constant::Computed);
                let target = (self.inputs + self.constants.len() - 1) as Slot;
                self.once.push(Step { code, target, operands: slots });
                target
            }
        };
        Some(Value::Constant(target - self.inputs as Slot))
    }

    fn convert(&mut self, value: Value, from: DType, to: DType) -> Value {
        let (a, b) = (Lane::of(from), Lane::of(to));
        let value = if a == b { value } else { self.push(Code::Convert(a, b), &[value]) };
        let (low, high) = from.int_range();
        let (least, most) = to.int_range();
        if to.is_int() && to != DType::I64 && (from.is_float() || low < least || high > most) {
            return self.push(Code::Wrap(to), &[value]);
        }
        value
    }

    /// After a cast a float has the precision of its dtype.
    fn narrowed(&mut self, to: DType, from: DType, value: Value) -> Value {
        let narrow = matches!(to, DType::F16 | DType::BF16) && from != to;
        if narrow { self.push(Code::Narrow(to), &[value]) } else { value }
    }

    /// After arithmetic an integer has the range of its dtype.
    fn wrapped(&mut self, dtype: DType, value: Value) -> Value {
        let narrow = dtype.is_int() && dtype != DType::I64;
        if narrow { self.push(Code::Wrap(dtype), &[value]) } else { value }
    }

    fn unary(&mut self, f: Unary, compute: DType, dtype: DType, a: Value) -> Value {
        let value = self.push(Code::Unary(f, Lane::of(compute)), &[a]);
        if f.typing() == Typing::Truth { value } else { self.wrapped(dtype, value) }
    }

    fn binary(&mut self, f: Binary, compute: DType, dtype: DType, a: Value, b: Value) -> Result<Value> {
        if compute == DType::Bool && matches!(f, Binary::ShiftLeft | Binary::ShiftRight | Binary::Gcd) {
            return Err(Error::dtype(f.name(), "not defined for bool; convert with to_dtype first"));
        }
        let value = self.push(Code::Binary(f, Lane::of(compute)), &[a, b]);
        Ok(if f.compares() { value } else { self.wrapped(dtype, value) })
    }
}

/// Steps with registers.
pub struct Assigned<C> {
    /// The steps in order.
    pub steps: Vec<Step<C>>,
    /// How many registers they need.
    pub registers: usize,
    /// For each output, where it is at the end, and its dtype.
    pub outputs: Vec<(Slot, DType)>,
}

/// Gives every step a register that none of its operands is in, and reuses those nobody needs any more. Constants follow
/// the inputs, and registers, from `first` on, the constants.
pub fn assign<C: Copy>(
    drafts: &[Draft<C>],
    lane: impl Fn(C) -> Lane,
    inputs: usize,
    first: Slot,
    outputs: &[(Value, DType)],
) -> Assigned<C> {
    let end = drafts.len();
    let kept = || drafts.iter().enumerate().filter(|(_, draft)| !draft.gone);
    let mut last = vec![0usize; end];
    for (i, draft) in kept() {
        for operand in &draft.operands {
            if let Value::Step(place) = *operand {
                last[place as usize] = i;
            }
        }
    }
    for (output, _) in outputs {
        if let Value::Step(place) = *output {
            last[place as usize] = end;
        }
    }
    let mut register = vec![0 as Slot; end];
    // Registers are reused among values of one width, so that one may lie in an output's memory.
    let mut free: [Vec<Slot>; 3] = Default::default();
    let width = |i: usize| match lane(drafts[i].code) {
        Lane::F64 | Lane::I64 => 0,
        Lane::F32 => 1,
        Lane::Bool => 2,
    };
    let mut count = 0 as Slot;
    let slot = |value: Value, register: &[Slot]| match value {
        Value::Input(i) => i as Slot,
        Value::Constant(i) => inputs as Slot + i,
        Value::Step(i) => register[i as usize],
    };
    let mut steps = Vec::with_capacity(end);
    for (i, draft) in kept() {
        register[i] = free[width(i)].pop().unwrap_or_else(|| {
            count += 1;
            first + count - 1
        });
        let mut operands = [0; OPERANDS];
        for (place, &value) in draft.operands.iter().enumerate() {
            operands[place] = slot(value, &register);
        }
        steps.push(Step { code: draft.code, target: register[i], operands });
        let mut ended: Vec<usize> = Vec::new();
        for operand in &draft.operands {
            if let Value::Step(place) = *operand
                && last[place as usize] == i
                && !ended.contains(&(place as usize))
            {
                ended.push(place as usize);
                free[width(place as usize)].push(register[place as usize]);
            }
        }
    }
    let outputs = outputs.iter().map(|&(value, dtype)| (slot(value, &register), dtype)).collect();
    Assigned { steps, registers: count as usize, outputs }
}

/// Comparing integers with a fraction (`x > 0.5`) is done in floating point, as promotion says; but comparing a small
/// integer dtype with an integer number must not wrap the number: 300 is not 44, whatever a `uint8` holds.
fn comparison_dtype(f: Binary, compute: DType, types: &[Type], nodes: &[Node], a: Id, b: Id) -> DType {
    let number = |id: Id| matches!(nodes[id as usize], Node::Number(_) | Node::Constant(_));
    let mixed = number(a) != number(b) && types[a as usize].dtype != types[b as usize].dtype;
    if f.compares() && compute.is_int() && mixed { DType::I64 } else { compute }
}
