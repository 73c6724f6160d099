//! Layers whose weight is computed of other parameters: PyTorch's `torch.nn.utils.parametrizations`.
//!
//! A wrapper takes the weight out of a layer, keeps what it is computed of, and gives the layer its weight in each forward
//! pass; [`remove`](WeightNorm::remove) puts the weight as it then is back. Names in state dicts and printouts are those of
//! PyTorch's parametrizations (`parametrizations.weight.original0`), not the older ones (`weight_g`), which PyTorch
//! deprecates: what is saved there today loads here.

mod spectral_norm;
mod weight_norm;

pub use spectral_norm::SpectralNorm;
pub use weight_norm::WeightNorm;

use cresset_autograd::{Error, Result, Tensor};

use crate::{
    Layer, Module, Parameter, entering,
    module::{Field, See, SeeMut},
};

/// A layer whose weight can be computed of other parameters.
pub trait Weighted: Layer {
    /// Which dimension of the weight is that of the outputs.
    const OUTPUTS: usize = 0;

    /// The weight's place.
    fn weight_mut(&mut self) -> &mut Parameter;

    /// What it computes with another weight.
    #[track_caller]
    fn forward_with(&self, weight: &Tensor, x: &Tensor) -> Result<Tensor>;
}

/// A layer without its weight, and what the weight is computed of: what wrappers have in common.
struct Parametrized<L, P> {
    layer: L,
    parametrizations: ByName<P>,
    kind: String,
}

/// For every parameter what it is computed of: here the weight's alone.
#[derive(Module)]
#[module(name = "ModuleDict")]
struct ByName<P> {
    weight: P,
}

impl<L: Weighted, P: Field> Parametrized<L, P> {
    /// Takes the weight out of a layer, and makes of it what it is computed of.
    fn new(mut layer: L, make: impl FnOnce(Parameter) -> P) -> Parametrized<L, P> {
        let none =
            Error::argument("weight", "the weight is computed in each forward pass; remove() gives it back");
        let weight = std::mem::replace(layer.weight_mut(), Parameter::of(Err(none)));
        let kind = format!("Parametrized{}", layer.kind());
        Parametrized { layer, parametrizations: ByName { weight: make(weight) }, kind }
    }

    fn of(&self) -> &P {
        &self.parametrizations.weight
    }

    fn of_mut(&mut self) -> &mut P {
        &mut self.parametrizations.weight
    }

    /// The layer, with a weight.
    fn with(mut self, weight: Parameter) -> L {
        *self.layer.weight_mut() = weight;
        self.layer
    }
}

impl<L: Weighted, P: Field> Module for Parametrized<L, P> {
    fn parts<'a>(&'a self, see: See<'_, 'a>) {
        self.layer.parts(&mut |name, part| {
            if name != "weight" {
                see(name, part);
            }
        });
        self.parametrizations.show("parametrizations", see);
    }

    fn parts_mut<'a>(&'a mut self, see: SeeMut<'_, 'a>) {
        self.layer.parts_mut(&mut |name, part| {
            if name != "weight" {
                see(name, part);
            }
        });
        self.parametrizations.show_mut("parametrizations", see);
    }

    fn kind(&self) -> &str {
        &self.kind
    }

    fn extra(&self) -> String {
        self.layer.extra()
    }
}

/// A wrapper is the parametrized layer in it.
macro_rules! wrappers {
    ($($wrapper:ident)*) => {$(
        impl<L: Weighted> Module for $wrapper<L> {
            fn parts<'a>(&'a self, see: See<'_, 'a>) {
                self.parametrized.parts(see);
            }

            fn parts_mut<'a>(&'a mut self, see: SeeMut<'_, 'a>) {
                self.parametrized.parts_mut(see);
            }

            fn kind(&self) -> &str {
                self.parametrized.kind()
            }

            fn extra(&self) -> String {
                self.parametrized.extra()
            }
        }

        impl<L: Weighted> Layer for $wrapper<L> {
            #[track_caller]
            fn forward(&self, x: &Tensor) -> Result<Tensor> {
                entering(self).gives(self.parametrized.layer.forward_with(&self.weight()?, x))
            }
        }

        impl<L: Weighted> std::fmt::Debug for $wrapper<L> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&crate::print::text(self))
            }
        }
    )*};
}

wrappers!(WeightNorm SpectralNorm);
