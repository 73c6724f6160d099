//! A formula as data: a DAG of primitives over inputs, runtime numbers and constants.

use std::{
    collections::HashMap,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, LazyLock, Mutex, OnceLock},
};

use cresset_tensor::{DType, Scalar};

use super::{Binary, Unary};

/// A value of a program: the number of the node that computes it.
pub type Id = u16;

/// How one value of a program comes about. Operands always have smaller numbers.
#[derive(Clone, Copy, Debug)]
pub enum Node {
    /// The element of the array input of that number.
    Input(u8),
    /// The runtime number of that number, given with each call.
    Number(u8),
    /// A constant of the formula.
    Constant(Scalar),
    /// A function of one value.
    Unary(Unary, Id),
    /// A function of two values.
    Binary(Binary, Id, Id),
    /// `Select(condition, a, b)`: `a` where the condition is true, else `b`.
    Select(Id, Id, Id),
    /// The value in another dtype.
    Cast(DType, Id),
    /// The value in the dtype of another value.
    CastLike(Id, Id),
    /// The place of the element in the output, in row-major order.
    Index,
    /// 32 random bits, a function of (seed, base, [`Node::Index`]).
    Random(Id, Id),
}

impl PartialEq for Node {
    /// The same bits: unlike numbers, a NaN constant equals itself and `0.0` differs from `-0.0`.
    fn eq(&self, other: &Node) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Node {}

impl Hash for Node {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Node {
    fn key(&self) -> (u8, u64, [Id; 3]) {
        match *self {
            Node::Input(i) => (0, i.into(), [0; 3]),
            Node::Number(i) => (1, i.into(), [0; 3]),
            Node::Constant(Scalar::Bool(x)) => (2, x.into(), [0; 3]),
            Node::Constant(Scalar::Int(x)) => (3, x as u64, [0; 3]),
            Node::Constant(Scalar::Float(x)) => (4, x.to_bits(), [0; 3]),
            Node::Unary(f, a) => (5, f as u64, [a, 0, 0]),
            Node::Binary(f, a, b) => (6, f as u64, [a, b, 0]),
            Node::Select(c, a, b) => (7, 0, [c, a, b]),
            Node::Cast(dtype, a) => (8, dtype as u64, [a, 0, 0]),
            Node::CastLike(a, b) => (9, 0, [a, b, 0]),
            Node::Index => (10, 0, [0; 3]),
            Node::Random(seed, base) => (11, 0, [seed, base, 0]),
        }
    }

    /// The values it is computed from.
    pub fn operands(&self) -> impl Iterator<Item = Id> + use<> {
        let list: [Option<Id>; 3] = match *self {
            Node::Input(_) | Node::Number(_) | Node::Constant(_) | Node::Index => [None; 3],
            Node::Unary(_, a) | Node::Cast(_, a) => [Some(a), None, None],
            Node::Binary(_, a, b) | Node::CastLike(a, b) | Node::Random(a, b) => [Some(a), Some(b), None],
            Node::Select(c, a, b) => [Some(c), Some(a), Some(b)],
        };
        list.into_iter().flatten()
    }
}

/// A formula: nodes in an order in which each can be computed, and which of them are the outputs.
///
/// Programs are interned: equal formulas are one object, so what devices and the autograd crate derive from a program
/// is kept with it and found by its address.
pub struct Program {
    nodes: Vec<Node>,
    outputs: Vec<Id>,
    inputs: usize,
    numbers: usize,
    /// The name of the method in which it was first written.
    method: OnceLock<&'static str>,
    /// Itself, if it is to last: so that it is kept for ever once, however many threads ask for that.
    lasting: OnceLock<&'static Program>,
    /// What interpreters keep with a program; see [`Program::derived`].
    derived: [OnceLock<Box<dyn std::any::Any + Send + Sync>>; Program::SLOTS],
}

/// A program, shared. What closures that are traced once give lasts for ever, and costs nothing to share: to count who
/// has a program takes a twentieth of the time of a recorded operation on few numbers.
#[derive(Clone)]
pub struct SharedProgram(Owner);

#[derive(Clone)]
enum Owner {
    Everybody(&'static Program),
    Counted(Arc<Program>),
}

impl SharedProgram {
    /// The same for ever.
    pub fn lasting(self) -> SharedProgram {
        match self.0 {
            Owner::Everybody(_) => self,
            Owner::Counted(program) => {
                let leaked = program.lasting.get_or_init(|| Box::leak(Box::new(program.clone())));
                SharedProgram(Owner::Everybody(leaked))
            }
        }
    }

    /// Does it last for ever?
    pub fn is_lasting(&self) -> bool {
        matches!(self.0, Owner::Everybody(_))
    }

    /// By which the program is known while anybody has it.
    pub fn address(&self) -> usize {
        std::ptr::from_ref::<Program>(self).addr()
    }
}

impl std::ops::Deref for SharedProgram {
    type Target = Program;

    #[inline]
    fn deref(&self) -> &Program {
        match &self.0 {
            Owner::Everybody(program) => program,
            Owner::Counted(program) => program,
        }
    }
}

impl fmt::Debug for SharedProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The parts by which two programs are told apart.
#[derive(PartialEq, Eq, Hash, Clone)]
struct Parts(Vec<Node>, Vec<Id>, usize, usize);

/// Formulas that capture changing constants would otherwise fill memory in the end.
const INTERNED: usize = 8192;

static PROGRAMS: LazyLock<Mutex<HashMap<Parts, Arc<Program>>>> = LazyLock::new(Default::default);

impl Program {
    /// How many places there are for what interpreters keep.
    const SLOTS: usize = 3;
    /// The place of the CPU's plans.
    pub const PLANS: usize = 0;
    /// The place of derivatives.
    pub const DERIVATIVES: usize = 1;
    /// The place of a device's kernels.
    pub const KERNELS: usize = 2;

    /// The program of these nodes, of which those that no output needs are left out.
    pub fn shared(nodes: &[Node], outputs: &[Id], inputs: usize, numbers: usize) -> SharedProgram {
        let mut live = vec![false; nodes.len()];
        outputs.iter().for_each(|&id| live[id as usize] = true);
        for i in (0..nodes.len()).rev() {
            if live[i] {
                nodes[i].operands().for_each(|id| live[id as usize] = true);
            }
        }
        let mut renamed = vec![0; nodes.len()];
        let mut kept = Vec::new();
        for (i, node) in nodes.iter().enumerate().filter(|(i, _)| live[*i]) {
            renamed[i] = kept.len() as Id;
            let name = |id: Id| renamed[id as usize];
            kept.push(match *node {
                Node::Input(_) | Node::Number(_) | Node::Constant(_) | Node::Index => *node,
                Node::Unary(f, a) => Node::Unary(f, name(a)),
                Node::Binary(f, a, b) => Node::Binary(f, name(a), name(b)),
                Node::Select(c, a, b) => Node::Select(name(c), name(a), name(b)),
                Node::Cast(dtype, a) => Node::Cast(dtype, name(a)),
                Node::CastLike(a, b) => Node::CastLike(name(a), name(b)),
                Node::Random(a, b) => Node::Random(name(a), name(b)),
            });
        }
        let outputs = outputs.iter().map(|&id| renamed[id as usize]).collect();
        let parts = Parts(kept, outputs, inputs, numbers);
        let mut programs = PROGRAMS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(program) = programs.get(&parts) {
            return SharedProgram(Owner::Counted(program.clone()));
        }
        if programs.len() >= INTERNED {
            programs.retain(|_, program| program.lasting.get().is_some());
        }
        let Parts(nodes, outputs, ..) = parts.clone();
        let program = Arc::new(Program {
            nodes,
            outputs,
            inputs,
            numbers,
            method: OnceLock::new(),
            lasting: OnceLock::new(),
            derived: [const { OnceLock::new() }; _],
        });
        programs.insert(parts, program.clone());
        SharedProgram(Owner::Counted(program))
    }

    /// The nodes, operands first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Which nodes are the outputs.
    pub fn outputs(&self) -> &[Id] {
        &self.outputs
    }

    /// Is its only output its only input?
    pub fn is_identity(&self) -> bool {
        self.inputs == 1
            && self.numbers == 0
            && self.outputs == [0]
            && matches!(self.nodes[..], [Node::Input(0)])
    }

    /// How many arrays it takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// How many runtime numbers it takes.
    pub fn numbers(&self) -> usize {
        self.numbers
    }

    /// What an interpreter keeps with this program, made at the first call.
    pub fn derived<T: Send + Sync + 'static>(&self, slot: usize, make: impl FnOnce() -> T) -> Option<&T> {
        self.derived[slot].get_or_init(|| Box::new(make())).downcast_ref()
    }

    /// Is it one primitive over its inputs? Its name is then the operation's name in messages.
    pub fn name(&self) -> &'static str {
        match self.nodes.last() {
            Some(Node::Unary(f, _)) if self.nodes.len() <= 2 => f.name(),
            Some(Node::Binary(f, ..)) if self.nodes.len() <= 3 => f.name(),
            Some(Node::Cast(..)) if self.nodes.len() <= 2 => "to_dtype",
            _ => "map",
        }
    }

    /// Its name in a profile: that of its primitive, or of the method that wrote it.
    pub fn label(&self) -> &'static str {
        match (self.name(), self.method.get()) {
            ("map", Some(method)) => method,
            _ if self.is_identity() => "copy",
            (name, _) => name,
        }
    }

    /// Notes the name of a closure's type, in which the method stands that it was written in.
    pub(crate) fn note_method(&self, closure: &'static str) {
        if let Some(method) = method(closure) {
            let _ = self.method.set(method);
        }
    }
}

/// The method in the name of a closure's type, if it is one of ours: what programs write has no name for others.
fn method(closure: &str) -> Option<&str> {
    let (_, path) = closure.split_once("cresset_ops::methods::")?;
    let mut segments = path.split("::");
    let mut last = None;
    while let Some(segment) = segments.next() {
        if segment.starts_with(char::is_uppercase) {
            last = segments.next();
            break;
        }
        if segment.starts_with('{') {
            break;
        }
        last = Some(segment);
        if segment.contains('<') {
            break;
        }
    }
    last?.split(['<', '>']).find(|name| !name.is_empty())
}

impl fmt::Debug for Program {
    /// The formula, written as an expression, e.g. `map(x0) -> (x0 * sigmoid(x0))`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text: Vec<String> = Vec::with_capacity(self.nodes.len());
        let of = |text: &Vec<String>, id: Id| text[id as usize].clone();
        for node in &self.nodes {
            text.push(match *node {
                Node::Input(i) => format!("x{i}"),
                Node::Number(i) => format!("n{i}"),
                Node::Constant(value) => value.to_string(),
                Node::Unary(op, a) => format!("{}({})", op.name(), of(&text, a)),
                Node::Binary(op, a, b) => format!("{}({}, {})", op.name(), of(&text, a), of(&text, b)),
                Node::Select(c, a, b) => {
                    format!("select({}, {}, {})", of(&text, c), of(&text, a), of(&text, b))
                }
                Node::Cast(dtype, a) => format!("{dtype}({})", of(&text, a)),
                Node::CastLike(a, b) => format!("cast_like({}, {})", of(&text, a), of(&text, b)),
                Node::Index => "index".to_owned(),
                Node::Random(a, b) => format!("random({}, {})", of(&text, a), of(&text, b)),
            });
        }
        let outputs: Vec<String> = self.outputs.iter().map(|&id| of(&text, id)).collect();
        write!(f, "{}", outputs.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::method;
    use crate::expr::{Expr, traced};

    #[test]
    fn methods_are_found_in_names_of_closures() {
        let cases = [
            ("<a::Tensor as cresset_ops::methods::activation::Activations>::gelu::{{closure}}", Some("gelu")),
            (
                "cresset_ops::door::of_value<cresset_ops::methods::arithmetic::Arithmetic::add::written>::{{closure}}",
                Some("add"),
            ),
            ("cresset_ops::methods::activation::Activations::silu::{{closure}}", Some("silu")),
            ("cresset_ops::methods::loss::classification::choose<a::b::Tensor>::{{closure}}", Some("choose")),
            ("cresset_ops::methods::writing::write::{{closure}}", Some("write")),
            ("digits::main::{{closure}}", None),
        ];
        for (closure, name) in cases {
            assert_eq!(method(closure), name, "{closure}");
        }
    }

    #[test]
    fn what_lasts_is_kept_once_for_all_threads() {
        let in_a_thread =
            || std::thread::spawn(|| traced(1, 0, &|x: &[Expr], _: &[Expr]| x[0] * 3.25 + 0.125)).join();
        let (one, other) = (in_a_thread().unwrap(), in_a_thread().unwrap());
        assert!(one.is_lasting() && one.address() == other.address());
        // Of a closure that captures, nothing is kept.
        let number = std::hint::black_box(7.75);
        let captured = traced(1, 0, &|x: &[Expr], _: &[Expr]| x[0] * number);
        assert!(!captured.is_lasting());
    }
}
