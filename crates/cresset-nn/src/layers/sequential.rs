//! Layers one after another.

use cresset_autograd::{Result, Tensor};

use crate::{
    Layer, Module, entering,
    module::{Field, See, SeeMut},
};

/// Layers one after another: what one computes goes into the next.
///
/// ```
/// use cresset_nn::prelude::*;
/// let net = sequential![Linear::new(4, 8), Linear::new(8, 2)];
/// assert_eq!(net.forward(&Tensor::zeros([1, 4]))?.shape(), &[1, 2]);
/// let mut net = Sequential::new();
/// net.push(Linear::new(4, 8));
/// net.push_named("head", Linear::new(8, 2));
/// assert!(net.state_dict().contains("head.bias"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Default)]
pub struct Sequential {
    layers: Vec<(String, Box<dyn Layer>)>,
}

impl Sequential {
    /// No layers yet: gives what it is given.
    #[inline]
    pub fn new() -> Sequential {
        Sequential::default()
    }

    /// Adds a layer at the end, named by its place.
    pub fn push(&mut self, layer: impl Layer + 'static) {
        self.push_named(self.layers.len().to_string(), layer);
    }

    /// Adds a layer at the end under a name. A layer of that name is replaced.
    pub fn push_named(&mut self, name: impl Into<String>, layer: impl Layer + 'static) {
        let (name, layer) = (name.into(), Box::new(layer));
        match self.layers.iter_mut().find(|(other, _)| *other == name) {
            Some(place) => place.1 = layer,
            None => self.layers.push((name, layer)),
        }
    }

    /// How many layers.
    #[inline]
    pub fn len(&self) -> usize {
        self.layers.len()
    }

    /// Are there none?
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// The layers, in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &dyn Layer> {
        self.layers.iter().map(|(_, layer)| &**layer)
    }
}

impl Module for Sequential {
    #[inline]
    fn parts<'a>(&'a self, see: See<'_, 'a>) {
        for (name, layer) in &self.layers {
            layer.show(name, see);
        }
    }

    #[inline]
    fn parts_mut<'a>(&'a mut self, see: SeeMut<'_, 'a>) {
        for (name, layer) in &mut self.layers {
            layer.show_mut(name, see);
        }
    }

    #[inline]
    fn kind(&self) -> &str {
        "Sequential"
    }
}

impl Layer for Sequential {
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let boundary = entering(self);
        let mut x = x.clone();
        for (_, layer) in &self.layers {
            // Also those that do not enter themselves are seen.
            x = entering(&**layer).gives(layer.forward(&x))?;
        }
        boundary.gives(Ok(x))
    }
}

impl std::fmt::Debug for Sequential {
    #[inline]
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::print::text(self))
    }
}

/// Layers one after another: `sequential![Linear::new(4, 8), Relu::new(), Linear::new(8, 2)]`.
#[macro_export]
macro_rules! sequential {
    ($($layer:expr),* $(,)?) => {{
        #[allow(unused_mut)]
        let mut layers = $crate::Sequential::new();
        $(layers.push($layer);)*
        layers
    }};
}
