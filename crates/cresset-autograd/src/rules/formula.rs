//! The derivative of a formula: again a formula, of the outputs' gradients, the inputs, and the outputs.
//!
//! It is made once for each program and question, and kept with the program. What it does not use need not be saved.

use cresset_ops::{
    Apply, DType, Device, Error, Expr, Op, Result, Shape, backend,
    expr::{Memo, Node, Program, SharedProgram, select, traced},
    op::{List, Map, Numbers, Reduce, Reduction},
    view::View,
};
use cresset_tensor::Listed;
use smallvec::SmallVec;

use crate::history::Meta;

use super::{
    Context, Gradients, Needs, Some64,
    scalar::{self, Slope},
};

/// The derivative of a program with regard to one input.
pub(crate) struct Derivative {
    /// `None` where no path leads to the input.
    program: Option<SharedProgram>,
    /// What each of the program's inputs is.
    arguments: SmallVec<[Argument; 4]>,
    /// The primitive that has no derivative.
    missing: Option<&'static str>,
}

impl Derivative {
    /// Is it the gradient of the first output, unchanged?
    fn is_gradient(&self) -> bool {
        let formula = self.program.as_deref().map(Program::nodes);
        matches!((formula, &self.arguments[..]), (Some([Node::Input(_)]), [Argument::Gradient(0)]))
    }
}

/// What an input of a derivative's program is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Argument {
    /// The gradient of an output.
    Gradient(usize),
    /// An input of the formula.
    Input(usize),
    /// An output of the formula.
    Output(usize),
}

/// Which derivative of a program is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Question {
    /// The input it is with regard to.
    wanted: usize,
    /// The dtype that the outputs' gradients are brought to first, where that of the input is the wider one: a sum over what
    /// was broadcast is computed in the dtype it has in the end, as the value was before it was made narrow.
    widened: Option<DType>,
}

/// The derivative of a program with regard to input `wanted`, made at the first call.
pub(crate) fn derivative(program: &SharedProgram, wanted: usize) -> Result<&Derivative> {
    answer(program, Question { wanted, widened: None })
}

fn answer(program: &SharedProgram, question: Question) -> Result<&Derivative> {
    let memo = program
        .derived::<Memo<Question, Derivative>>(Program::DERIVATIVES, Memo::default)
        .ok_or_else(|| Error::gradient(program.name(), "the program's place for derivatives is taken"))?;
    memo.get_or_make(|key| *key == question, || Ok((question, derive(program, question))))
}

fn derive(program: &SharedProgram, Question { wanted, widened }: Question) -> Derivative {
    let (outputs, inputs) = (program.outputs().len(), program.inputs());
    let missing = std::cell::Cell::new(None);
    let reached = std::cell::Cell::new(true);
    let derived = traced(outputs + inputs + outputs, program.numbers(), &|x: &[Expr], n: &[Expr]| {
        let (dys, rest) = x.split_at(outputs);
        let (xs, ys) = rest.split_at(inputs);
        let dys: SmallVec<[Expr; 4]> =
            dys.iter().map(|&dy| widened.map_or(dy, |dtype| dy.cast(dtype))).listed();
        match sweep(program, wanted, &dys, xs, ys, n) {
            Ok(Some(dx)) => dx,
            Ok(None) => {
                reached.set(false);
                Expr::constant(0.0)
            }
            Err(name) => {
                missing.set(Some(name));
                Expr::constant(0.0)
            }
        }
    });
    let places: SmallVec<[u8; 4]> = derived
        .nodes()
        .iter()
        .filter_map(|node| if let Node::Input(i) = node { Some(*i) } else { None })
        .listed();
    let arguments = places.iter().map(|&place| match place as usize {
        i if i < outputs => Argument::Gradient(i),
        i if i < outputs + inputs => Argument::Input(i - outputs),
        i => Argument::Output(i - outputs - inputs),
    });
    // It is kept as long as the formula is.
    let kept = |derived: SharedProgram| if program.is_lasting() { derived.lasting() } else { derived };
    Derivative {
        program: reached.get().then(|| kept(compact(&derived, &places))),
        arguments: arguments.collect(),
        missing: missing.get(),
    }
}

/// Goes through the formula from its outputs to its inputs, adding up what each value contributes.
fn sweep(
    program: &Program,
    wanted: usize,
    dys: &[Expr],
    xs: &[Expr],
    ys: &[Expr],
    ns: &[Expr],
) -> Result<Option<Expr>, &'static str> {
    let nodes = program.nodes();
    // Only values that depend on the input can carry a gradient to it.
    let mut depends = vec![false; nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        depends[i] = matches!(node, Node::Input(input) if *input as usize == wanted)
            || node.operands().any(|id| depends[id as usize]);
    }
    // The forward values: those of outputs were saved, or are computed again, as the derivative likes.
    let mut values: Vec<Expr> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let of = |id: u16| values[id as usize];
        values.push(match *node {
            Node::Input(i) => xs[i as usize],
            Node::Number(i) => ns[i as usize],
            Node::Constant(value) => Expr::constant(value),
            Node::Unary(f, a) => of(a).unary(f),
            Node::Binary(f, a, b) => of(a).binary(f, of(b)),
            Node::Select(c, a, b) => select(of(c), of(a), of(b)),
            Node::Cast(dtype, a) => of(a).cast(dtype),
            Node::CastLike(a, b) => of(a).cast_like(of(b)),
            Node::Index => Expr::index(),
            Node::Random(seed, base) => Expr::random(of(seed), of(base)),
        });
    }
    let mut gradients: Vec<Option<Expr>> = vec![None; nodes.len()];
    for (&id, &dy) in program.outputs().iter().zip(dys) {
        add(&mut gradients[id as usize], dy);
    }
    let mut result: Option<Expr> = None;
    for i in (0..nodes.len()).rev() {
        let (true, Some(dy)) = (depends[i], gradients[i]) else { continue };
        // The value of an output was saved; of any other, it is computed again.
        let y = || match program.outputs().iter().position(|&id| id as usize == i) {
            Some(output) => ys[output],
            None => values[i],
        };
        let mut give = |id: u16, slope: Slope| {
            if !depends[id as usize] {
                return Ok(());
            }
            match slope {
                Slope::Times(factor) => add(&mut gradients[id as usize], times(dy, factor)),
                Slope::Over(divisor) => add(&mut gradients[id as usize], dy / divisor),
                // It was reached, only flat: the gradient is zero, not absent.
                Slope::Zero => add(&mut gradients[id as usize], Expr::constant(0.0)),
                Slope::Missing => return Err(()),
            }
            Ok(())
        };
        match nodes[i] {
            Node::Input(_) => add(&mut result, dy),
            Node::Unary(f, a) => {
                give(a, scalar::unary(f, values[a as usize], y())).map_err(|()| f.name())?;
            }
            Node::Binary(f, a, b) => {
                let (da, db) = scalar::binary(f, values[a as usize], values[b as usize], y());
                give(a, da).map_err(|()| f.name())?;
                give(b, db).map_err(|()| f.name())?;
            }
            Node::Select(c, a, b) => {
                let condition = values[c as usize];
                if depends[a as usize] {
                    add(&mut gradients[a as usize], select(condition, dy, 0.0));
                }
                if depends[b as usize] {
                    add(&mut gradients[b as usize], select(condition, 0.0, dy));
                }
            }
            Node::Cast(dtype, a) => {
                if dtype.is_float() {
                    add(&mut gradients[a as usize], dy);
                }
            }
            Node::CastLike(a, _) => {
                if depends[a as usize] {
                    add(&mut gradients[a as usize], dy);
                }
            }
            Node::Number(_) | Node::Constant(_) | Node::Index | Node::Random(..) => {}
        }
    }
    Ok(result)
}

fn add(sum: &mut Option<Expr>, part: Expr) {
    *sum = Some(match *sum {
        Some(sum) => sum + part,
        None => part,
    });
}

fn times(dy: Expr, factor: Expr) -> Expr {
    // Sums are the most frequent formulas: their slope of one is no work.
    if factor.is_constant(1) {
        dy
    } else if factor.is_constant(-1) {
        -dy
    } else {
        dy * factor
    }
}

/// Is a formula's derivative by its one input the gradient itself?
pub(crate) fn hands_on(map: &Map) -> bool {
    map.program.inputs() == 1 && derivative(&map.program, 0).is_ok_and(Derivative::is_gradient)
}

/// What the derivatives of a formula use.
pub(crate) fn needs(map: &Map, wanted: Some64, inputs: usize) -> Needs {
    let mut needs = Needs { inputs: Some64::NONE, outputs: Some64::NONE };
    for i in (0..inputs).filter(|&i| wanted.contains(i)) {
        let Ok(derivative) = derivative(&map.program, i) else { continue };
        for argument in &derivative.arguments {
            match argument {
                Argument::Gradient(_) => {}
                Argument::Input(i) => needs.inputs.0 |= 1 << i,
                Argument::Output(i) => needs.outputs.0 |= 1 << i,
            }
        }
    }
    needs
}

/// The gradients of a formula's inputs.
pub(crate) fn differentiate<T: Apply>(
    context: &Context<T>,
    map: &Map,
    dys: &[Option<T>],
) -> Result<Gradients<T>> {
    let mut gradients = Gradients::new();
    for i in 0..context.edges.len() {
        gradients.push(if context.wants(i) { gradient(context, map, dys, i, None)? } else { None });
    }
    Ok(gradients)
}

/// The gradient of one input; `shape` is that of the formula's value, where `dys` are smaller (a reduction's).
pub(crate) fn gradient<T: Apply>(
    context: &Context<T>,
    map: &Map,
    dys: &[Option<T>],
    i: usize,
    shape: Option<&Shape>,
) -> Result<Option<T>> {
    let (dtype, output) = (context.input_meta(i).dtype, context.output_metas.first().map(|meta| meta.dtype));
    let is_wider = output.is_some_and(|output| dtype.is_float() && dtype.size() > output.size());
    let derivative = answer(&map.program, Question { wanted: i, widened: is_wider.then_some(dtype) })?;
    if let Some(name) = derivative.missing {
        return Err(Error::gradient(
            name,
            format!("has no derivative with regard to its operand {i}; detach() it to hold it constant"),
        ));
    }
    let Some(program) = &derivative.program else { return Ok(None) };
    let none = Shape::default();
    let whole = shape.or(context.output_metas.first().map(Meta::shape)).unwrap_or(&none);
    // The gradient itself, unchanged: nothing to compute.
    if let ([Node::Input(_)], [Argument::Gradient(j)]) = (program.nodes(), derivative.arguments.as_slice())
        && let Some(Some(dy)) = dys.get(*j)
    {
        return Ok(Some(if dy.shape() == whole { dy.clone() } else { expand(dy, whole)? }));
    }
    // Some gradient came, or nobody would ask: it tells where what no argument tells is made.
    let device = || dys.iter().flatten().next().map_or(Device::Cpu, Apply::device);
    // Gradients that nobody sent are zeros, made before anything refers to them.
    let mut blanks: Vec<T> = Vec::new();
    for argument in &derivative.arguments {
        if let Argument::Gradient(j) = *argument
            && dys.get(j).is_none_or(Option::is_none)
        {
            let meta = &context.output_metas[j];
            blanks.push(T::constant(crate::tensor::zeros(device(), meta.shape(), meta.dtype)?));
        }
    }
    let mut blanks = blanks.iter();
    let mut references: SmallVec<[&T; 4]> = SmallVec::new();
    for argument in &derivative.arguments {
        references.push(match *argument {
            Argument::Gradient(j) => match dys.get(j).and_then(Option::as_ref).or_else(|| blanks.next()) {
                Some(dy) => dy,
                None => return Err(context.missing("gradient", j)),
            },
            Argument::Input(j) => context.x(j)?,
            Argument::Output(j) => context.y(j)?,
        });
    }
    let input = context.input_shape(i);
    // An argument of the whole shape tells it; otherwise it has to be said.
    let told = references.iter().any(|x| x.shape() == whole);
    let formula = Map {
        program: program.clone(),
        numbers: Numbers::from_slice(&map.numbers),
        shape: (!told).then(|| Box::new(whole.clone())),
    };
    let op = if input == whole || whole.numel() == 0 {
        Op::Map(formula)
    } else {
        // What was broadcast is summed in the same pass.
        let extra = whole.rank() - input.rank();
        let dims: List = (0..whole.rank())
            .filter(|&dim| dim < extra || (input[dim - extra] == 1 && whole[dim] != 1))
            .listed();
        Op::Reduce(Box::new(Reduce { kind: Reduction::Sum, dims, keepdim: true, map: Some(formula) }))
    };
    if references.is_empty() {
        return Ok(Some(T::constant(backend::execute_at(device(), &op)?)));
    }
    T::apply_one(op, &references).map(Some)
}

/// The program over only those arguments it uses.
fn compact(program: &SharedProgram, places: &[u8]) -> SharedProgram {
    if places.iter().enumerate().all(|(i, &place)| i == place as usize) && places.len() == program.inputs() {
        return program.clone();
    }
    let nodes: Vec<Node> = program
        .nodes()
        .iter()
        .map(|node| match *node {
            Node::Input(i) => {
                Node::Input(places.iter().position(|&place| place == i).unwrap_or_default() as u8)
            }
            other => other,
        })
        .collect();
    Program::shared(&nodes, program.outputs(), places.len(), program.numbers())
}

fn expand<T: Apply>(x: &T, shape: &Shape) -> Result<T> {
    T::apply_one(Op::View(View::Expand(shape.clone())), &[x])
}
