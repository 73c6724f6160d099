//! The three recurrent modules.

use std::str::FromStr;

use cresset_autograd::{Error, Result, Tensor};

use super::{
    formulas::Kind,
    sequences::Sequences,
    stack::{Settings, Stack},
};
use crate::{Module, entering};

/// What an [`Rnn`] puts its sums through.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Nonlinearity {
    /// The hyperbolic tangent.
    #[default]
    Tanh,
    /// What is positive.
    Relu,
}

impl FromStr for Nonlinearity {
    type Err = Error;

    fn from_str(name: &str) -> Result<Nonlinearity> {
        match name {
            "tanh" => Ok(Nonlinearity::Tanh),
            "relu" => Ok(Nonlinearity::Relu),
            _ => Err(Error::argument("rnn", format!("nonlinearity is tanh or relu, not {name:?}"))),
        }
    }
}

impl Nonlinearity {
    pub(super) const fn kind(self) -> Kind {
        match self {
            Nonlinearity::Tanh => Kind::Tanh,
            Nonlinearity::Relu => Kind::Relu,
        }
    }
}

/// Methods that all three have.
macro_rules! settings {
    () => {
        /// How many layers, one on the other; one at first. Weights are drawn anew.
        #[track_caller]
        pub fn num_layers(self, layers: usize) -> Self {
            Self { stack: self.stack.with(|settings| settings.layers = layers) }
        }

        /// With biases, as at first, or without. Weights are drawn anew.
        #[track_caller]
        pub fn bias(self, bias: bool) -> Self {
            Self { stack: self.stack.with(|settings| settings.bias = bias) }
        }

        /// Whether tensors have the batch before time, `[batch, time, features]`, instead of `[time, batch, features]`.
        #[track_caller]
        pub fn batch_first(self, batch_first: bool) -> Self {
            Self { stack: self.stack.with(|settings| settings.batch_first = batch_first) }
        }

        /// In training, the probability with which an output of a layer below another is dropped.
        #[track_caller]
        pub fn dropout(self, dropout: f64) -> Self {
            Self { stack: self.stack.with(|settings| settings.dropout = dropout) }
        }

        /// Whether every layer goes through time in both directions, the outputs side by side. Weights are drawn anew.
        #[track_caller]
        pub fn bidirectional(self, bidirectional: bool) -> Self {
            Self { stack: self.stack.with(|settings| settings.bidirectional = bidirectional) }
        }

        fn extra(&self) -> String {
            self.stack.settings().text()
        }
    };
}

/// `hₜ = tanh(W_ih·xₜ + b_ih + W_hh·hₜ₋₁ + b_hh)`: PyTorch's `RNN`.
///
/// An input is `[time, batch, features]`, `[time, features]`, or a [`PackedSequence`](crate::PackedSequence). What comes
/// out is the last layer's hidden state at all times, and all layers' at the end, `[layers·directions, batch, hidden]`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let rnn = Rnn::new(3, 4).num_layers(2).bidirectional(true);
/// let (output, h) = rnn.forward(&Tensor::zeros([5, 2, 3]))?;
/// assert_eq!((output.shape(), h.shape()), (&[5, 2, 8].into(), &[4, 2, 4].into()));
/// assert_eq!(format!("{rnn:?}"), "RNN(3, 4, num_layers=2, bidirectional=True)");
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(name = "RNN", extra)]
pub struct Rnn {
    stack: Stack,
}

impl Rnn {
    /// From features to a hidden state, one layer; drawn evenly within `1/√hidden_size`.
    #[track_caller]
    pub fn new(input_size: usize, hidden_size: usize) -> Rnn {
        Rnn { stack: Stack::new(Settings::new(Kind::Tanh, input_size, hidden_size)) }
    }

    /// What sums are put through: `tanh` at first.
    #[track_caller]
    pub fn nonlinearity(self, nonlinearity: Nonlinearity) -> Rnn {
        Rnn { stack: self.stack.with(|settings| settings.kind = nonlinearity.kind()) }
    }

    settings!();

    /// Output and last hidden state, from a hidden state of zeros.
    #[track_caller]
    pub fn forward<S: Sequences>(&self, x: &S) -> Result<(S, Tensor)> {
        let boundary = entering(self);
        let (output, (h, _)) = self.stack.forward(x, None, None)?;
        boundary.gives(Ok((output, h)))
    }

    /// Output and last hidden state, from a hidden state `[layers·directions, batch, hidden]`.
    #[track_caller]
    pub fn forward_with<S: Sequences>(&self, x: &S, h: &Tensor) -> Result<(S, Tensor)> {
        let boundary = entering(self);
        let (output, (h, _)) = self.stack.forward(x, Some(h), None)?;
        boundary.gives(Ok((output, h)))
    }
}

/// Long short-term memory: PyTorch's `LSTM`.
///
/// `cₜ = f·cₜ₋₁ + i·g` and `hₜ = o·tanh(cₜ)`, where `i, f, o = σ(…)` and `g = tanh(…)` are of sums
/// `W_ih·xₜ + b_ih + W_hh·hₜ₋₁ + b_hh`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let lstm = Lstm::new(3, 4).batch_first(true);
/// let x = Tensor::zeros([2, 5, 3]);
/// let (output, (h, c)) = lstm.forward(&x)?;
/// assert_eq!((output.shape(), c.shape()), (&[2, 5, 4].into(), &[1, 2, 4].into()));
/// let (output, _) = lstm.forward_with(&x, &h, &c)?;
/// assert_eq!(lstm.state_dict().names().next(), Some("weight_ih_l0"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(name = "LSTM", extra)]
pub struct Lstm {
    stack: Stack,
}

impl Lstm {
    /// From features to a hidden state, one layer; drawn evenly within `1/√hidden_size`.
    #[track_caller]
    pub fn new(input_size: usize, hidden_size: usize) -> Lstm {
        Lstm { stack: Stack::new(Settings::new(Kind::Lstm, input_size, hidden_size)) }
    }

    /// Makes the hidden state of `o·tanh(cₜ)` by another matrix, of so many numbers; 0 is none. Weights are drawn anew.
    #[track_caller]
    pub fn proj_size(self, proj_size: usize) -> Lstm {
        Lstm { stack: self.stack.with(|settings| settings.projection = proj_size) }
    }

    settings!();

    /// Output, last hidden state and last cell, from states of zeros.
    #[track_caller]
    pub fn forward<S: Sequences>(&self, x: &S) -> Result<(S, (Tensor, Tensor))> {
        entering(self).gives(self.run(x, None))
    }

    /// Output, last hidden state and last cell, from a hidden state `[layers·directions, batch, hidden]` and a cell.
    #[track_caller]
    pub fn forward_with<S: Sequences>(&self, x: &S, h: &Tensor, c: &Tensor) -> Result<(S, (Tensor, Tensor))> {
        entering(self).gives(self.run(x, Some((h, c))))
    }

    #[track_caller]
    fn run<S: Sequences>(&self, x: &S, state: Option<(&Tensor, &Tensor)>) -> Result<(S, (Tensor, Tensor))> {
        let (h, c) = state.unzip();
        match self.stack.forward(x, h, c)? {
            (output, (h, Some(c))) => Ok((output, (h, c))),
            (_, (_, None)) => Err(Error::argument("lstm", "there is no cell")),
        }
    }
}

/// Gated recurrent unit: PyTorch's `GRU`.
///
/// `hₜ = (1 − z)·n + z·hₜ₋₁`, where `r, z = σ(…)` of sums as those of an [`Lstm`], and
/// `n = tanh(W_in·xₜ + b_in + r·(W_hn·hₜ₋₁ + b_hn))`.
///
/// ```
/// use cresset_nn::prelude::*;
/// let gru = Gru::new(3, 4);
/// let sentences = [Tensor::zeros([5, 3]), Tensor::zeros([2, 3])];
/// let (output, h) = gru.forward(&pack_sequence(&sentences, true)?)?;
/// assert_eq!(unpack_sequence(&output)?[1].shape(), &[2, 4]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(name = "GRU", extra)]
pub struct Gru {
    stack: Stack,
}

impl Gru {
    /// From features to a hidden state, one layer; drawn evenly within `1/√hidden_size`.
    #[track_caller]
    pub fn new(input_size: usize, hidden_size: usize) -> Gru {
        Gru { stack: Stack::new(Settings::new(Kind::Gru, input_size, hidden_size)) }
    }

    settings!();

    /// Output and last hidden state, from a hidden state of zeros.
    #[track_caller]
    pub fn forward<S: Sequences>(&self, x: &S) -> Result<(S, Tensor)> {
        let boundary = entering(self);
        let (output, (h, _)) = self.stack.forward(x, None, None)?;
        boundary.gives(Ok((output, h)))
    }

    /// Output and last hidden state, from a hidden state `[layers·directions, batch, hidden]`.
    #[track_caller]
    pub fn forward_with<S: Sequences>(&self, x: &S, h: &Tensor) -> Result<(S, Tensor)> {
        let boundary = entering(self);
        let (output, (h, _)) = self.stack.forward(x, Some(h), None)?;
        boundary.gives(Ok((output, h)))
    }
}
