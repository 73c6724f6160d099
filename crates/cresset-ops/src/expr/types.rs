//! Of which dtype each value of a program is, by PyTorch's rules of promotion.

use cresset_tensor::{Category, DType, Error, Result, Scalar};
use smallvec::SmallVec;

use super::{Node, Program, Typing};

/// How much a value's dtype counts in a promotion, weakest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// A number without an array.
    Number,
    /// An array without dimensions.
    Single,
    /// An array with dimensions.
    Array,
}

/// The dtype of a value, and how much it counts.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Type {
    /// Its dtype.
    pub dtype: DType,
    /// How much the dtype counts.
    pub level: Level,
}

impl Type {
    /// Of a number without an array.
    pub fn number(value: Scalar) -> Type {
        Type { dtype: value.dtype(), level: Level::Number }
    }

    /// Of an array of that rank.
    pub fn array(dtype: DType, rank: usize) -> Type {
        Type { dtype, level: if rank == 0 { Level::Single } else { Level::Array } }
    }

    /// What two values promote to: within a level as dtypes do; between levels, the lower one counts only if its
    /// family is stronger.
    pub fn promote(self, other: Type) -> Type {
        let (high, low) = if self.level >= other.level { (self, other) } else { (other, self) };
        let dtype = if high.level == low.level {
            high.dtype.promote(low.dtype)
        } else if high.dtype.category() >= low.dtype.category() {
            high.dtype
        } else {
            high.dtype.promote(low.dtype)
        };
        Type { dtype, level: high.level }
    }

    fn with(self, dtype: DType) -> Type {
        Type { dtype, level: self.level }
    }
}

impl Typing {
    /// The dtype in which a primitive computes on operands that promote to `operands`, and that of its result.
    pub fn of(self, name: &'static str, operands: Type) -> Result<(DType, Type)> {
        let dtype = operands.dtype;
        let refuse = |what: &str| Err(Error::dtype(name, format!("not defined for {dtype}; {what}")));
        Ok(match self {
            Typing::Same => (dtype, operands),
            Typing::Number if dtype == DType::Bool => {
                return refuse("use logical_not, logical_xor, or convert with to_dtype first");
            }
            Typing::Number => (dtype, operands),
            Typing::Float => (dtype.to_float(), operands.with(dtype.to_float())),
            Typing::Bits if dtype.is_float() => return refuse("it takes integers and bool"),
            Typing::Bits => (dtype, operands),
            Typing::Truth => (dtype, operands.with(DType::Bool)),
            Typing::Exponent => (dtype.to_float(), operands.with(DType::I32)),
        })
    }
}

impl Program {
    /// The type of every node, given those of the inputs and the runtime numbers.
    pub fn types(&self, inputs: &[Type], numbers: &[Scalar]) -> Result<SmallVec<[Type; 8]>> {
        let mut types: SmallVec<[Type; 8]> = SmallVec::with_capacity(self.nodes().len());
        for node in self.nodes() {
            let of = |id: super::Id| types[id as usize];
            let found = match *node {
                Node::Input(i) => inputs[i as usize],
                Node::Number(i) => Type::number(numbers[i as usize]),
                Node::Constant(value) => Type::number(value),
                Node::Unary(f, a) => f.typing().of(f.name(), of(a))?.1,
                Node::Binary(f, a, b) => f.typing().of(f.name(), of(a).promote(of(b)))?.1,
                Node::Select(condition, a, b) => {
                    if of(condition).dtype.category() != Category::Bool {
                        return Err(Error::dtype(
                            "where",
                            format!("the condition must be bool, not {}", of(condition).dtype),
                        ));
                    }
                    let both = of(a).promote(of(b));
                    Type { level: both.level.max(of(condition).level), ..both }
                }
                // A cast is a decision: what comes of it counts fully.
                Node::Cast(dtype, a) => Type { dtype, level: of(a).level.max(Level::Single) },
                Node::CastLike(a, b) => Type { level: of(a).level.max(of(b).level), dtype: of(b).dtype },
                Node::Index | Node::Random(..) => Type { dtype: DType::I64, level: Level::Array },
            };
            types.push(found);
        }
        Ok(types)
    }
}
