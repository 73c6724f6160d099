//! Rust closures as formulas: an `Expr` is a number that is not there yet, and computing with it writes the program.

use std::{cell::RefCell, collections::HashMap, ops};

use cresset_tensor::{DType, Scalar};

use super::{Binary, Id, Node, Program, SharedProgram, Unary};

/// A value of the formula being written. Compute with it as with a number.
///
/// Only the closure it was given to may use it: anywhere else its operators panic.
#[derive(Clone, Copy, Debug)]
pub struct Expr {
    id: Id,
    trace: u32,
}

/// The program being written. Equal values are written once.
#[derive(Default)]
pub struct Builder {
    nodes: Vec<Node>,
    known: HashMap<Node, Id>,
}

impl Builder {
    /// The value of a node.
    pub fn push(&mut self, node: Node) -> Id {
        if let Some(&id) = self.known.get(&node) {
            return id;
        }
        let id = self.nodes.len() as Id;
        assert!(id < Id::MAX, "map: a formula may have at most {} different values", Id::MAX);
        self.nodes.push(node);
        self.known.insert(node, id);
        id
    }

    /// The nodes written so far.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

thread_local! {
    /// The traces under way on this thread, innermost last, each with its number.
    static TRACES: RefCell<Vec<(u32, Builder)>> = const { RefCell::new(Vec::new()) };
    static NEXT: std::cell::Cell<u32> = const { std::cell::Cell::new(0) };
    static KNOWN: RefCell<HashMap<Key, SharedProgram, std::hash::BuildHasherDefault<Mix>>> = RefCell::new(HashMap::default());
}

fn current(node: Node, trace: Option<u32>) -> Expr {
    TRACES.with_borrow_mut(|traces| match traces.last_mut() {
        Some((number, builder)) if trace.is_none_or(|trace| trace == *number) => {
            Expr { id: builder.push(node), trace: *number }
        }
        Some(_) | None => panic!("map: an Expr was used outside of the closure it belongs to"),
    })
}

impl Expr {
    /// A primitive of this value.
    pub fn unary(self, f: Unary) -> Expr {
        current(Node::Unary(f, self.id), Some(self.trace))
    }

    /// A primitive of this value and another.
    pub fn binary(self, f: Binary, other: impl Into<Expr>) -> Expr {
        let other = other.into();
        assert_eq!(self.trace, other.trace, "map: an Expr was used outside of the closure it belongs to");
        current(Node::Binary(f, self.id, other.id), Some(self.trace))
    }

    /// The value in another dtype.
    pub fn cast(self, dtype: DType) -> Expr {
        current(Node::Cast(dtype, self.id), Some(self.trace))
    }

    /// The value in the dtype of another one.
    pub fn cast_like(self, other: Expr) -> Expr {
        current(Node::CastLike(self.id, other.id), Some(self.trace))
    }

    /// A constant.
    pub fn constant(value: impl Into<Scalar>) -> Expr {
        current(Node::Constant(value.into()), None)
    }

    /// The place of the element in the output, in row-major order.
    pub fn index() -> Expr {
        current(Node::Index, None)
    }

    /// 32 random bits for the element: a function of the stream (seed, base) and the element's place.
    pub fn random(seed: Expr, base: Expr) -> Expr {
        current(Node::Random(seed.id, base.id), Some(seed.trace))
    }

    /// `a` where this is true, else `b`.
    pub fn select(self, a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
        current(Node::Select(self.id, a.into().id, b.into().id), Some(self.trace))
    }

    /// Is it the constant of that integer?
    pub fn is_constant(self, value: i64) -> bool {
        TRACES.with_borrow(|traces| {
            let node = traces.last().and_then(|(_, builder)| builder.nodes().get(self.id as usize));
            matches!(node, Some(Node::Constant(Scalar::Int(x))) if *x == value)
        })
    }

    /// `max(x, 0)`; NaN stays NaN. Not written as a maximum, whose derivative at a tie is one half: here it is 0.
    pub fn relu(self) -> Expr {
        self.le(0).select(0, self)
    }

    /// `x²`.
    pub fn square(self) -> Expr {
        self * self
    }

    /// True where both are.
    pub fn and(self, other: impl Into<Expr>) -> Expr {
        self.binary(Binary::BitAnd, other)
    }

    /// True where either is.
    pub fn or(self, other: impl Into<Expr>) -> Expr {
        self.binary(Binary::BitOr, other)
    }
}

/// `a` where the condition is true, else `b`.
pub fn select(condition: Expr, a: impl Into<Expr>, b: impl Into<Expr>) -> Expr {
    condition.select(a, b)
}

macro_rules! operators {
    ($($trait:ident $method:ident $variant:ident)*) => {$(
        impl<R: Into<Expr>> ops::$trait<R> for Expr {
            type Output = Expr;
            fn $method(self, other: R) -> Expr {
                self.binary(Binary::$variant, other)
            }
        }
        impl<R: Into<Expr>> ops::$trait<R> for &Expr {
            type Output = Expr;
            fn $method(self, other: R) -> Expr {
                self.binary(Binary::$variant, other)
            }
        }
        operators!(@numbers $trait $method: f64 i64 bool);
    )*};
    (@numbers $trait:ident $method:ident: $($number:ty)*) => {$(
        impl ops::$trait<Expr> for $number {
            type Output = Expr;
            fn $method(self, other: Expr) -> Expr {
                ops::$trait::$method(Expr::constant(self), other)
            }
        }
        impl ops::$trait<&Expr> for $number {
            type Output = Expr;
            fn $method(self, other: &Expr) -> Expr {
                ops::$trait::$method(Expr::constant(self), *other)
            }
        }
    )*};
}

operators! { Add add Add Sub sub Sub Mul mul Mul Div div Div Rem rem Remainder BitAnd bitand BitAnd BitOr bitor BitOr BitXor bitxor BitXor }

impl ops::Neg for Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        self.unary(Unary::Neg)
    }
}

impl ops::Neg for &Expr {
    type Output = Expr;
    fn neg(self) -> Expr {
        self.unary(Unary::Neg)
    }
}

impl ops::Not for Expr {
    type Output = Expr;
    fn not(self) -> Expr {
        self.unary(Unary::Not)
    }
}

impl From<&Expr> for Expr {
    fn from(x: &Expr) -> Expr {
        *x
    }
}

macro_rules! constants {
    ($($type:ty)*) => {$(
        impl From<$type> for Expr {
            fn from(x: $type) -> Expr {
                Expr::constant(x)
            }
        }
    )*};
}

constants!(f64 f32 i64 i32 bool Scalar);

/// One output or several.
pub trait Formulas {
    /// All of them.
    fn all(&self) -> &[Expr];
}

impl Formulas for Expr {
    fn all(&self) -> &[Expr] {
        std::slice::from_ref(self)
    }
}

impl<const N: usize> Formulas for [Expr; N] {
    fn all(&self) -> &[Expr] {
        self
    }
}

impl Formulas for Vec<Expr> {
    fn all(&self) -> &[Expr] {
        self
    }
}

/// What stands for a closure, and the numbers of operands.
type Key = (usize, u8, usize, usize);

/// A closure whose type is forgotten, and what it is known by: what does not depend on its type is compiled once, not once
/// for each of hundreds.
#[derive(Clone, Copy)]
pub(crate) struct Closure<'a> {
    written: &'a dyn Written,
    /// The address of the function that calls it, which is different for different closures. (Functions of equal code
    /// may share an address, but then they also write equal programs.) None, if it captures.
    known_by: Option<usize>,
}

impl<'a> Closure<'a> {
    /// Of its type.
    pub fn of<F: Written>(f: &'a F) -> Closure<'a> {
        let address = F::write as fn(&F, &[Expr], &[Expr], &mut Vec<Id>) as usize;
        Closure { written: f, known_by: (size_of::<F>() == 0).then_some(address) }
    }

    /// Its program, of so many inputs and runtime numbers.
    pub fn traced(self, inputs: usize, numbers: usize) -> SharedProgram {
        PROGRAM(self.known_by.map(|address| (address, 0, inputs, numbers)), (inputs, numbers), self.written)
    }
}

/// What writes a formula: a closure that gives one or several.
pub(crate) trait Written {
    fn write(&self, xs: &[Expr], ns: &[Expr], outputs: &mut Vec<Id>);

    /// The name of its type.
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }
}

impl<F, R> Written for F
where
    F: Fn(&[Expr], &[Expr]) -> R,
    R: Formulas,
{
    fn write(&self, xs: &[Expr], ns: &[Expr], outputs: &mut Vec<Id>) {
        list(self(xs, ns).all(), outputs);
    }
}

fn list(exprs: &[Expr], outputs: &mut Vec<Id>) {
    outputs.extend(exprs.iter().map(|x| x.id));
}

/// The program of a closure of so many inputs and runtime numbers.
///
/// A closure that captures nothing (or only such closures, by value) is traced once in a thread, so it must be a function of its operands alone. One
/// that captures is traced at every call (some microseconds): pass what changes as a runtime number instead.
pub fn traced<F, R>(inputs: usize, numbers: usize, f: &F) -> SharedProgram
where
    F: Fn(&[Expr], &[Expr]) -> R,
    R: Formulas,
{
    Closure::of(f).traced(inputs, numbers)
}

/// As [`traced`], of a closure that captures, and is known by what is given: the address of a function, which stands for
/// the formula, and which of its cases this is. What it captures must follow from these.
pub fn traced_as(
    (address, case): (usize, u8),
    inputs: usize,
    numbers: usize,
    f: impl Fn(&[Expr], &[Expr]) -> Vec<Expr>,
) -> SharedProgram {
    PROGRAM(Some((address, case, inputs, numbers)), (inputs, numbers), &f)
}

/// The program of a closure, which may be known by a key.
type Tracing = fn(Option<Key>, (usize, usize), &dyn Written) -> SharedProgram;

/// Called through a pointer, where the compiler's search for functions that may call themselves ends. It goes through all
/// that a function leads to, anew for each, and nearly every method leads here: that took half a second.
static PROGRAM: Tracing = |key, (inputs, numbers), f| match key {
    Some(key) => remembered(key, f),
    None => trace(inputs, numbers, f),
};

fn remembered(key: Key, f: &dyn Written) -> SharedProgram {
    if let Some(program) = KNOWN.with_borrow(|known| known.get(&key).cloned()) {
        return program;
    }
    let program = trace(key.2, key.3, f).lasting();
    KNOWN.with_borrow_mut(|known| known.insert(key, program.clone()));
    program
}

fn trace(inputs: usize, numbers: usize, f: &dyn Written) -> SharedProgram {
    /// Takes the trace off again even if the closure panics.
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            TRACES.with_borrow_mut(|traces| traces.pop());
        }
    }
    let number = NEXT.get();
    NEXT.set(number.wrapping_add(1));
    TRACES.with_borrow_mut(|traces| traces.push((number, Builder::default())));
    let guard = Guard;
    let xs: Vec<Expr> = (0..inputs).map(|i| current(Node::Input(i as u8), None)).collect();
    let ns: Vec<Expr> = (0..numbers).map(|i| current(Node::Number(i as u8), None)).collect();
    let mut outputs = Vec::new();
    f.write(&xs, &ns, &mut outputs);
    let program = TRACES.with_borrow(|traces| {
        traces.last().map(|(_, builder)| Program::shared(builder.nodes(), &outputs, inputs, numbers))
    });
    drop(guard);
    match program {
        Some(program) => {
            program.note_method(f.type_name());
            program
        }
        None => panic!("map: the trace ended before its closure"),
    }
}

/// A hash for keys that are addresses: two multiplications, where the default takes twenty nanoseconds.
#[derive(Default)]
struct Mix(u64);

impl std::hash::Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_usize(byte as usize));
    }
    fn write_u8(&mut self, x: u8) {
        self.write_usize(x as usize);
    }
    fn write_usize(&mut self, x: usize) {
        self.0 = (self.0.rotate_left(5) ^ x as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
