//! The parameters of recurrent layers, under PyTorch's names.

use cresset_autograd::{Apply, Error, Result, Tensor};
use cresset_ops::methods::prelude::*;

use super::{
    formulas::Kind,
    sweep::{Inputs, Outputs, Steps, sweep},
};
use crate::{
    Parameter,
    init::within,
    module::{Field, Part, PartMut, See, SeeMut},
};

/// Of one layer in one direction, or of a cell.
pub struct Weights {
    kind: Kind,
    /// What follows the names: `_l0`, `_l1_reverse`, nothing for a cell.
    suffix: String,
    ih: Parameter,
    hh: Parameter,
    bias: Option<(Parameter, Parameter)>,
    hr: Option<Parameter>,
}

/// How large they are.
#[derive(Clone, Copy)]
pub struct Size {
    pub input: usize,
    pub hidden: usize,
    /// What the hidden state is made to, or 0 where it is the hidden size.
    pub projection: usize,
    pub bias: bool,
}

impl Size {
    /// How wide the hidden state is.
    pub fn width(self) -> usize {
        if self.projection == 0 { self.hidden } else { self.projection }
    }
}

impl Weights {
    /// Drawn evenly within `1/√hidden`; or the reason why there are none.
    #[track_caller]
    pub fn new(kind: Kind, size: Size, suffix: String, refused: Option<&Error>) -> Weights {
        let Size { input, hidden, projection, bias } = size;
        let bound = 1.0 / (hidden.max(1) as f64).sqrt();
        let draw = |shape: &[usize]| {
            Parameter::of(match refused {
                Some(error) => Err(error.clone()),
                None => within(shape, bound),
            })
        };
        // Saturating: sizes beyond memory are refused by whoever asks for it, not by arithmetic.
        let sums = hidden.saturating_mul(kind.gates());
        Weights {
            kind,
            suffix,
            ih: draw(&[sums, input]),
            hh: draw(&[sums, size.width()]),
            bias: bias.then(|| (draw(&[sums]), draw(&[sums]))),
            hr: (projection > 0).then(|| draw(&[projection, hidden])),
        }
    }

    fn named(&self) -> impl Iterator<Item = (String, &Parameter)> {
        let bias = self.bias.iter().flat_map(|(ih, hh)| [("bias_ih", ih), ("bias_hh", hh)]);
        [("weight_ih", &self.ih), ("weight_hh", &self.hh)]
            .into_iter()
            .chain(bias)
            .chain(self.hr.as_ref().map(|hr| ("weight_hr", hr)))
            .map(|(name, parameter)| (format!("{name}{}", self.suffix), parameter))
    }

    fn named_mut(&mut self) -> impl Iterator<Item = (String, &mut Parameter)> {
        let bias = self.bias.iter_mut().flat_map(|(ih, hh)| [("bias_ih", ih), ("bias_hh", hh)]);
        [("weight_ih", &mut self.ih), ("weight_hh", &mut self.hh)]
            .into_iter()
            .chain(bias)
            .chain(self.hr.as_mut().map(|hr| ("weight_hr", hr)))
            .map(|(name, parameter)| (format!("{name}{}", self.suffix), parameter))
    }

    /// An error if there are no weights, or of another dtype than the input's.
    #[track_caller]
    pub fn check(&self, x: &Tensor) -> Result<()> {
        let weight = self.ih.get()?;
        if weight.dtype() != x.dtype() {
            let message = format!(
                "the input is {} and the weights are {}; convert one of them with to_dtype",
                x.dtype(),
                weight.dtype()
            );
            return Err(Error::dtype(self.kind.name(), message));
        }
        Ok(())
    }

    /// Goes through all steps over `[rows, input]`, from states given.
    #[track_caller]
    pub fn sweep(&self, x: &Tensor, steps: Steps, h: Tensor, c: Option<Tensor>) -> Result<Outputs<Tensor>> {
        let (outer, inner) = self.biases()?;
        let inputs = Inputs {
            x: x.linear(self.ih.get()?, outer.as_ref())?,
            weight: self.hh.get()?.clone(),
            h,
            bias: inner,
            c,
            projection: self.hr.as_ref().map(|hr| hr.get().cloned()).transpose()?,
        };
        sweep(self.kind, steps, &inputs)
    }

    /// What is added to the input's part of all sums: both biases, but for that of the GRU's last gate which its reset
    /// gate scales. That is the second.
    fn biases(&self) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let hidden = self.ih.shape()[0] / self.kind.gates();
        match (&self.bias, self.kind) {
            (Some((ih, hh)), Kind::Gru) => {
                let (ih, hh) = (ih.get()?, hh.get()?);
                let (first, last) = ((2 * hidden) as i64, hidden as i64);
                let both = ih.narrow(0, 0, first)?.add(&hh.narrow(0, 0, first)?)?;
                let outer = Tensor::cat(&[both, ih.narrow(0, first, last)?], 0)?;
                Ok((Some(outer), Some(hh.narrow(0, first, last)?)))
            }
            (Some((ih, hh)), Kind::Tanh | Kind::Relu | Kind::Lstm) => {
                Ok((Some(ih.get()?.add(hh.get()?)?), None))
            }
            (None, Kind::Gru) => Ok((None, Some(self.ih.get()?.detach().new_zeros([hidden])?))),
            (None, Kind::Tanh | Kind::Relu | Kind::Lstm) => Ok((None, None)),
        }
    }
}

/// The parameters stand directly in whatever has the weights.
impl Field for Weights {
    fn show<'a>(&'a self, _: &str, see: See<'_, 'a>) {
        self.named().for_each(|(name, parameter)| see(&name, Part::Parameter(parameter)));
    }

    fn show_mut<'a>(&'a mut self, _: &str, see: SeeMut<'_, 'a>) {
        self.named_mut().for_each(|(name, parameter)| see(&name, PartMut::Parameter(parameter)));
    }
}
