//! `Expr`: formulas over single numbers. Every elementwise function is one, applied by `Op::Map`.
//!
//! `primitive` lists the scalar primitives, `smooth` says where they have derivatives, `trace` turns a Rust closure into a formula, `program` is the formula as
//! data, `types` says of which dtype each of its values is.

mod memo;
mod primitive;
mod program;
mod smooth;
mod trace;
mod types;

pub use memo::Memo;
pub use primitive::{Binary, Typing, Unary};
pub use program::{Id, Node, Program, SharedProgram};
pub use smooth::{Intervals, Pair, Pairs};
pub(crate) use trace::Closure;
pub use trace::{Builder, Expr, select, traced, traced_as};
pub use types::{Level, Type};
