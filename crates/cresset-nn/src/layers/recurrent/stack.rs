//! Layers of recurrence, one on the other, in one or both directions.

use cresset_autograd::{Apply, Error, Result, Tensor};
use cresset_ops::methods::prelude::*;

use super::{
    formulas::Kind,
    sequences::{Arranged, Sequences},
    sweep::steps,
    weights::{Size, Weights},
};
use crate::{
    Training,
    module::{Field, See, SeeMut},
    print::{float, truth},
};

/// What the constructors say.
#[derive(Clone)]
pub struct Settings {
    pub kind: Kind,
    pub input: usize,
    pub hidden: usize,
    pub projection: usize,
    pub layers: usize,
    pub bias: bool,
    pub batch_first: bool,
    pub dropout: f64,
    pub bidirectional: bool,
}

/// All layers of one of the recurrent modules.
pub struct Stack {
    settings: Settings,
    /// Each layer's directions after the other's.
    weights: Vec<Weights>,
    training: Training,
}

/// The hidden state, and of an LSTM the cell.
pub type State = (Tensor, Option<Tensor>);

impl Settings {
    pub fn new(kind: Kind, input: usize, hidden: usize) -> Settings {
        Settings {
            kind,
            input,
            hidden,
            projection: 0,
            layers: 1,
            bias: true,
            batch_first: false,
            dropout: 0.0,
            bidirectional: false,
        }
    }

    fn directions(&self) -> usize {
        if self.bidirectional { 2 } else { 1 }
    }

    fn width(&self) -> usize {
        if self.projection == 0 { self.hidden } else { self.projection }
    }

    #[track_caller]
    fn check(&self) -> Result<()> {
        let refuse = |message: String| Err(Error::argument(self.kind.name(), message));
        for (name, size) in
            [("input_size", self.input), ("hidden_size", self.hidden), ("num_layers", self.layers)]
        {
            if size == 0 {
                return refuse(format!("{name} must be at least 1"));
            }
        }
        if !(0.0..=1.0).contains(&self.dropout) {
            return refuse(format!("dropout is a probability from 0 to 1, not {}", self.dropout));
        }
        if self.projection > 0 && self.projection >= self.hidden {
            return refuse(format!(
                "proj_size must be smaller than hidden_size: {} and {}",
                self.projection, self.hidden
            ));
        }
        Ok(())
    }

    /// What the weights depend on.
    fn weights(&self) -> impl PartialEq + use<> {
        let Settings { kind, input, hidden, projection, layers, bias, bidirectional, .. } = *self;
        (kind, input, hidden, projection, layers, bias, bidirectional, self.check().is_ok())
    }

    /// As PyTorch prints them.
    pub fn text(&self) -> String {
        let Settings { input, hidden, projection, layers, bias, batch_first, dropout, bidirectional, .. } =
            self;
        let mut text = format!("{input}, {hidden}");
        let mut say = |differs: bool, words: String| {
            if differs {
                text.push_str(", ");
                text.push_str(&words);
            }
        };
        say(*projection != 0, format!("proj_size={projection}"));
        say(*layers != 1, format!("num_layers={layers}"));
        say(!bias, format!("bias={}", truth(*bias)));
        say(*batch_first, format!("batch_first={}", truth(*batch_first)));
        say(*dropout != 0.0, format!("dropout={}", float(*dropout)));
        say(*bidirectional, format!("bidirectional={}", truth(*bidirectional)));
        text
    }
}

impl Stack {
    /// Fresh weights for the settings; or, where they make no module, the reason in the place of all weights.
    #[track_caller]
    pub fn new(settings: Settings) -> Stack {
        let refused = settings.check().err();
        let mut weights = Vec::new();
        let layers = if refused.is_some() { 1 } else { settings.layers };
        for layer in 0..layers {
            for direction in ["", "_reverse"].into_iter().take(settings.directions()) {
                let size = Size {
                    input: match layer {
                        0 => settings.input,
                        _ => settings.width().saturating_mul(settings.directions()),
                    },
                    hidden: settings.hidden,
                    projection: settings.projection,
                    bias: settings.bias,
                };
                let suffix = format!("_l{layer}{direction}");
                weights.push(Weights::new(settings.kind, size, suffix, refused.as_ref()));
            }
        }
        Stack { settings, weights, training: Training::default() }
    }

    /// With other settings: weights of other shapes are drawn anew.
    #[track_caller]
    pub fn with(self, change: impl FnOnce(&mut Settings)) -> Stack {
        let mut settings = self.settings.clone();
        change(&mut settings);
        if settings.weights() == self.settings.weights() {
            Stack { settings, ..self }
        } else {
            Stack::new(settings)
        }
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Goes through all layers.
    #[track_caller]
    pub fn forward<S: Sequences>(&self, x: &S, h: Option<&Tensor>, c: Option<&Tensor>) -> Result<(S, State)> {
        let Settings { kind, input, hidden, layers, batch_first, dropout, .. } = self.settings;
        let name = kind.name();
        let arranged = x.arrange(name, batch_first)?;
        for weights in &self.weights {
            weights.check(&arranged.data)?;
        }
        if arranged.data.shape()[1] != input {
            let message = format!(
                "the input's last size must be input_size: {} instead of {input}",
                arranged.data.shape()[1]
            );
            return Err(Error::shape(name, message));
        }
        let (width, directions) = (self.settings.width(), self.settings.directions());
        let count = layers * directions;
        let h = self.first("hidden state", h, [count, arranged.batch(), width], &arranged)?;
        let c = match kind.has_cell() {
            true => Some(self.first("cell", c, [count, arranged.batch(), hidden], &arranged)?),
            false => None,
        };
        let forward = steps(&arranged.sizes, false);
        let reverse = steps(&arranged.sizes, true);
        let mut data = arranged.data.clone();
        let (mut last_h, mut last_c) = (Vec::with_capacity(count), Vec::new());
        for layer in 0..layers {
            if layer > 0 && dropout > 0.0 && self.training.is_on() {
                data = data.dropout(dropout, true)?;
            }
            let mut results = Vec::with_capacity(directions);
            for direction in 0..directions {
                let i = layer * directions + direction;
                let steps = if direction == 0 { forward.clone() } else { reverse.clone() };
                let of = |state: &Tensor| state.select(0, i as i64);
                let c = c.as_ref().map(of).transpose()?;
                let outputs = self.weights[i].sweep(&data, steps, of(&h)?, c)?;
                results.push(outputs.y);
                last_h.push(outputs.h);
                last_c.extend(outputs.c);
            }
            data = match results.pop() {
                Some(only) if results.is_empty() => only,
                Some(back) => {
                    results.push(back);
                    Tensor::cat(&results, 1)?
                }
                None => data,
            };
        }
        let h = arranged.give_back(Tensor::stack(&last_h, 0)?)?;
        let c = match kind.has_cell() {
            true => Some(arranged.give_back(Tensor::stack(&last_c, 0)?)?),
            false => None,
        };
        Ok((x.arranged_like(data, batch_first)?, (h, c)))
    }

    /// The state to begin with, `[layers·directions, batch, width]` in the order of the rows; zeros if there is none.
    #[track_caller]
    fn first(
        &self,
        what: &str,
        state: Option<&Tensor>,
        shape: [usize; 3],
        arranged: &Arranged,
    ) -> Result<Tensor> {
        let name = self.settings.kind.name();
        let Some(state) = state else { return arranged.data.new_zeros(shape) };
        let [count, batch, width] = shape;
        let wanted = if arranged.batched { vec![count, batch, width] } else { vec![count, width] };
        if state.shape()[..] != wanted[..] {
            let message = format!(
                "the first {what} must have the shape {wanted:?} for this input, not {}",
                state.shape()
            );
            return Err(Error::shape(name, message));
        }
        if state.dtype() != arranged.data.dtype() {
            let message = format!(
                "the input is {} and the first {what} {}; convert one of them with to_dtype",
                arranged.data.dtype(),
                state.dtype()
            );
            return Err(Error::dtype(name, message));
        }
        arranged.take(state)
    }
}

impl Field for Stack {
    fn show<'a>(&'a self, name: &str, see: See<'_, 'a>) {
        self.weights.iter().for_each(|weights| weights.show(name, see));
        self.training.show("training", see);
    }

    fn show_mut<'a>(&'a mut self, name: &str, see: SeeMut<'_, 'a>) {
        self.weights.iter_mut().for_each(|weights| weights.show_mut(name, see));
    }
}
