//! One step of a recurrent layer, for loops of one's own.

use cresset_autograd::{Apply, Error, Result, Tensor};
use cresset_ops::methods::prelude::*;

use super::{
    formulas::Kind,
    layers::Nonlinearity,
    sweep::steps,
    weights::{Size, Weights},
};
use crate::{
    Module, entering,
    module::{Field, See, SeeMut},
    print::truth,
};

/// A cell's weights and sizes.
struct Cell {
    kind: Kind,
    weights: Weights,
    input: usize,
    hidden: usize,
    bias: bool,
}

impl Cell {
    #[track_caller]
    fn new(kind: Kind, input: usize, hidden: usize, bias: bool) -> Cell {
        let refused = (hidden == 0 || input == 0)
            .then(|| Error::argument(kind.name(), "input_size and hidden_size must be at least 1"));
        let size = Size { input, hidden, projection: 0, bias };
        let weights = Weights::new(kind, size, String::new(), refused.as_ref());
        Cell { kind, weights, input, hidden, bias }
    }

    /// The new states of `[batch, input]` or `[input]`.
    #[track_caller]
    fn forward(
        &self,
        x: &Tensor,
        h: Option<&Tensor>,
        c: Option<&Tensor>,
    ) -> Result<(Tensor, Option<Tensor>)> {
        let name = self.kind.name();
        self.weights.check(x)?;
        let single = x.rank() == 1;
        if x.rank() == 0 || x.rank() > 2 || x.shape()[x.rank() - 1] != self.input {
            let message = format!("a cell's input is [batch, {0}] or [{0}], not {1}", self.input, x.shape());
            return Err(Error::shape(name, message));
        }
        let x = if single { x.unsqueeze(0)? } else { x.clone() };
        let batch = x.shape()[0];
        let first = |state: Option<&Tensor>| -> Result<Tensor> {
            let Some(state) = state else { return x.new_zeros([batch, self.hidden]) };
            let state = if single && state.rank() == 1 { state.unsqueeze(0)? } else { state.clone() };
            if state.shape()[..] != [batch, self.hidden] {
                let message = format!(
                    "a state of this cell is [{batch}, {}] for this input, not {}",
                    self.hidden,
                    state.shape()
                );
                return Err(Error::shape(name, message));
            }
            if state.dtype() != x.dtype() {
                let message = format!("the input is {} and the state {}", x.dtype(), state.dtype());
                return Err(Error::dtype(name, message));
            }
            Ok(state)
        };
        let c = if self.kind.has_cell() { Some(first(c)?) } else { None };
        let outputs = self.weights.sweep(&x, steps(&[batch], false), first(h)?, c)?;
        let back = |state: Tensor| if single { state.squeeze(0) } else { Ok(state) };
        Ok((back(outputs.h)?, outputs.c.map(back).transpose()?))
    }

    /// As PyTorch prints it.
    fn text(&self) -> String {
        let bias = if self.bias { String::new() } else { format!(", bias={}", truth(false)) };
        let nonlinearity = if self.kind == Kind::Relu { ", nonlinearity=relu" } else { "" };
        format!("{}, {}{bias}{nonlinearity}", self.input, self.hidden)
    }
}

/// The parameters stand directly in the module.
impl Field for Cell {
    fn show<'a>(&'a self, name: &str, see: See<'_, 'a>) {
        self.weights.show(name, see);
    }

    fn show_mut<'a>(&'a mut self, name: &str, see: SeeMut<'_, 'a>) {
        self.weights.show_mut(name, see);
    }
}

/// One step of an [`Rnn`](crate::Rnn): PyTorch's `RNNCell`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let cell = RnnCell::new(3, 4);
/// let h = cell.forward(&Tensor::zeros([2, 3]))?;
/// assert_eq!(cell.forward_with(&Tensor::zeros([2, 3]), &h)?.shape(), &[2, 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(name = "RNNCell", extra)]
pub struct RnnCell {
    cell: Cell,
}

impl RnnCell {
    /// From features to a hidden state, with biases; drawn evenly within `1/√hidden_size`.
    #[track_caller]
    pub fn new(input_size: usize, hidden_size: usize) -> RnnCell {
        RnnCell { cell: Cell::new(Kind::Tanh, input_size, hidden_size, true) }
    }

    /// With biases, or without. Weights are drawn anew.
    #[track_caller]
    pub fn bias(self, bias: bool) -> RnnCell {
        RnnCell { cell: Cell::new(self.cell.kind, self.cell.input, self.cell.hidden, bias) }
    }

    /// What sums are put through: `tanh` at first. Weights are drawn anew.
    #[track_caller]
    pub fn nonlinearity(self, nonlinearity: Nonlinearity) -> RnnCell {
        RnnCell { cell: Cell::new(nonlinearity.kind(), self.cell.input, self.cell.hidden, self.cell.bias) }
    }

    /// The new hidden state of `[batch, input]` or `[input]`, from one of zeros.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(Ok(self.cell.forward(x, None, None)?.0))
    }

    /// The new hidden state, from one given.
    #[track_caller]
    pub fn forward_with(&self, x: &Tensor, h: &Tensor) -> Result<Tensor> {
        entering(self).gives(Ok(self.cell.forward(x, Some(h), None)?.0))
    }

    fn extra(&self) -> String {
        self.cell.text()
    }
}

/// One step of an [`Lstm`](crate::Lstm): PyTorch's `LSTMCell`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let cell = LstmCell::new(3, 4);
/// let (h, c) = cell.forward(&Tensor::zeros([2, 3]))?;
/// let (h, _) = cell.forward_with(&Tensor::zeros([2, 3]), &h, &c)?;
/// assert_eq!(h.shape(), &[2, 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(name = "LSTMCell", extra)]
pub struct LstmCell {
    cell: Cell,
}

impl LstmCell {
    /// From features to a hidden state, with biases; drawn evenly within `1/√hidden_size`.
    #[track_caller]
    pub fn new(input_size: usize, hidden_size: usize) -> LstmCell {
        LstmCell { cell: Cell::new(Kind::Lstm, input_size, hidden_size, true) }
    }

    /// With biases, or without. Weights are drawn anew.
    #[track_caller]
    pub fn bias(self, bias: bool) -> LstmCell {
        LstmCell { cell: Cell::new(self.cell.kind, self.cell.input, self.cell.hidden, bias) }
    }

    /// The new hidden state and cell of `[batch, input]` or `[input]`, from zeros.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        entering(self).gives(self.run(x, None))
    }

    /// The new hidden state and cell, from those given.
    #[track_caller]
    pub fn forward_with(&self, x: &Tensor, h: &Tensor, c: &Tensor) -> Result<(Tensor, Tensor)> {
        entering(self).gives(self.run(x, Some((h, c))))
    }

    #[track_caller]
    fn run(&self, x: &Tensor, state: Option<(&Tensor, &Tensor)>) -> Result<(Tensor, Tensor)> {
        let (h, c) = state.unzip();
        match self.cell.forward(x, h, c)? {
            (h, Some(c)) => Ok((h, c)),
            (_, None) => Err(Error::argument("lstm", "there is no cell")),
        }
    }

    fn extra(&self) -> String {
        self.cell.text()
    }
}

/// One step of a [`Gru`](crate::Gru): PyTorch's `GRUCell`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let cell = GruCell::new(3, 4).bias(false);
/// let h = cell.forward(&Tensor::zeros([3]))?;
/// assert_eq!(h.shape(), &[4]);
/// assert_eq!(format!("{cell:?}"), "GRUCell(3, 4, bias=False)");
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(name = "GRUCell", extra)]
pub struct GruCell {
    cell: Cell,
}

impl GruCell {
    /// From features to a hidden state, with biases; drawn evenly within `1/√hidden_size`.
    #[track_caller]
    pub fn new(input_size: usize, hidden_size: usize) -> GruCell {
        GruCell { cell: Cell::new(Kind::Gru, input_size, hidden_size, true) }
    }

    /// With biases, or without. Weights are drawn anew.
    #[track_caller]
    pub fn bias(self, bias: bool) -> GruCell {
        GruCell { cell: Cell::new(self.cell.kind, self.cell.input, self.cell.hidden, bias) }
    }

    /// The new hidden state of `[batch, input]` or `[input]`, from one of zeros.
    #[track_caller]
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(Ok(self.cell.forward(x, None, None)?.0))
    }

    /// The new hidden state, from one given.
    #[track_caller]
    pub fn forward_with(&self, x: &Tensor, h: &Tensor) -> Result<Tensor> {
        entering(self).gives(Ok(self.cell.forward(x, Some(h), None)?.0))
    }

    fn extra(&self) -> String {
        self.cell.text()
    }
}
