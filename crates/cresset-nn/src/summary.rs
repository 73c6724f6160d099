//! What is in a model and what it costs, from a forward pass.

use std::collections::{HashMap, HashSet};

use cresset_autograd::{Apply, Result, Shape, no_grad};
use cresset_ops::multiply_adds;

use crate::{
    Training,
    boundary::{Call, Outcome, watched},
    module::{Module, ModuleExt, Part, Place},
};

/// A module in a [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name: `layers.0`, and nothing for the model itself.
    pub name: String,
    /// What it is.
    pub kind: String,
    /// How deep it lies: 0 for the model itself.
    pub depth: usize,
    /// The shapes of what it gave, the last time it was called; none where nobody said (see
    /// [`entering`](crate::entering)).
    pub output: Vec<Shape>,
    /// How often it was called.
    pub calls: usize,
    /// How many numbers are in its parameters, those of the modules inside included; what is shared counts once.
    pub parameters: usize,
    /// The multiply-adds of its products and convolutions, over all calls, those of the modules inside included; none
    /// where nobody said what it costs.
    pub multiply_adds: Option<u64>,
}

/// What is in a model and what it costs. Printing it draws a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    rows: Vec<Row>,
    trainable: usize,
    frozen: usize,
    bytes: usize,
}

impl Summary {
    /// The model itself, and every module in it, in the order of its parts.
    #[inline]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many numbers are in parameters that are trained.
    #[inline]
    pub fn trainable(&self) -> usize {
        self.trainable
    }

    /// How many numbers are in parameters that are frozen.
    #[inline]
    pub fn frozen(&self) -> usize {
        self.frozen
    }

    /// How many bytes the parameters take.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The multiply-adds of all products and convolutions of the pass, whoever made them.
    #[inline]
    pub fn multiply_adds(&self) -> u64 {
        self.rows.first().and_then(|row| row.multiply_adds).unwrap_or(0)
    }
}

/// A table of all modules in a model, with what they give, their parameters and multiply-adds, from a forward pass. The
/// pass runs as in use ([`eval`](ModuleExt::eval), without recording); afterwards the model is in the mode it was in.
///
/// ```
/// use cresset_nn::prelude::*;
/// let model = sequential![Linear::new(64, 32), Relu::new(), Linear::new(32, 10)];
/// let x = Tensor::zeros([8, 64]);
/// let summary = summary(&model, |model| model.forward(&x))?;
/// println!("{summary}");
/// assert_eq!(summary.trainable(), 64 * 32 + 32 + 32 * 10 + 10);
/// assert_eq!(summary.multiply_adds(), 8 * (64 * 32 + 32 * 10));
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn summary<M: Module, O: Outcome>(model: &M, pass: impl FnOnce(&M) -> Result<O>) -> Result<Summary> {
    let before = multiply_adds();
    let (result, mut calls) = used(model, || watched(|| no_grad(|| pass(model))));
    let total = multiply_adds().saturating_sub(before);
    let mut output = Vec::new();
    result?.tensors(&mut |tensor| output.push(tensor.shape().clone()));
    // The model itself was called by whoever called this.
    calls.retain(|call| call.module != model.identity());
    let mut rows = vec![row(String::new(), model)];
    let mut identities: Vec<Place> = vec![model.identity()];
    model.walk(&mut |name, part| {
        if let Part::Module(module) = part {
            rows.push(row(name.to_owned(), module));
            identities.push(module.identity());
        }
    });
    assign(&mut rows, &identities, calls);
    rows[0] = Row { output, calls: 1, multiply_adds: Some(total), ..rows[0].clone() };
    add_up(&mut rows);
    let (mut trainable, mut frozen, mut bytes) = (0, 0, 0);
    for (_, parameter) in model.named_parameters() {
        let of = if parameter.needs_grad() { &mut trainable } else { &mut frozen };
        *of += parameter.numel();
        bytes += parameter.numel() * parameter.dtype().size();
    }
    Ok(Summary { rows, trainable, frozen, bytes })
}

/// Runs a closure while a model is in use, not in training, and puts all of it back into the mode it was in.
fn used<R>(model: &impl Module, f: impl FnOnce() -> R) -> R {
    struct Restore<'a>(Vec<(&'a Training, bool)>);
    impl Drop for Restore<'_> {
        #[inline]
        fn drop(&mut self) {
            self.0.iter().for_each(|(training, on)| training.set(*on));
        }
    }
    let mut modes = Vec::new();
    model.walk(&mut |_, part| {
        if let Part::Training(training) = part {
            modes.push((training, training.is_on()));
        }
    });
    let _restore = Restore(modes);
    model.eval();
    f()
}

#[inline]
fn row(name: String, module: &dyn Module) -> Row {
    let depth = if name.is_empty() { 0 } else { name.split('.').count() };
    let (kind, parameters) = (module.kind().to_owned(), module.num_parameters());
    Row { name, kind, depth, output: Vec::new(), calls: 0, parameters, multiply_adds: None }
}

/// Says of every module how it was called.
#[inline]
fn assign(rows: &mut [Row], identities: &[Place], calls: Vec<Call>) {
    let mut places: HashMap<Place, Vec<usize>> = HashMap::new();
    for (i, identity) in identities.iter().enumerate() {
        places.entry(*identity).or_default().push(i);
    }
    // Modules without any fields lie at one place in memory. They are called in order, or nobody knows which was.
    let counts = calls.iter().fold(HashMap::<Place, usize>::new(), |mut counts, call| {
        *counts.entry(call.module).or_default() += 1;
        counts
    });
    let mut seen: HashMap<Place, usize> = HashMap::new();
    for call in calls {
        let Some(places) = places.get(&call.module) else { continue };
        let nth = seen.entry(call.module).or_default();
        if counts.get(&call.module).is_some_and(|count| count.is_multiple_of(places.len())) {
            let row = &mut rows[places[*nth % places.len()]];
            row.output = call.output;
            row.calls += 1;
            row.multiply_adds = Some(row.multiply_adds.unwrap_or(0) + call.multiply_adds);
        }
        *nth += 1;
    }
}

/// Of what nobody called as a whole, as lists of layers, the multiply-adds are those of what is inside.
#[inline]
fn add_up(rows: &mut [Row]) {
    let known: HashSet<usize> = (0..rows.len()).filter(|&i| rows[i].multiply_adds.is_some()).collect();
    for i in (0..rows.len()).rev().filter(|i| !known.contains(i)) {
        let inside = rows[i + 1..].iter().take_while(|row| row.depth > rows[i].depth);
        let children = inside.filter(|row| row.depth == rows[i].depth + 1);
        rows[i].multiply_adds =
            children.filter_map(|row| row.multiply_adds).fold(None, |sum, of| Some(sum.unwrap_or(0) + of));
    }
}
