//! What a module is: something with parts, each under a name. All that is done to whole models follows from that.

use std::collections::{HashMap, HashSet};

use cresset_autograd::{Apply, DType, Device, Result, Shape, Tensor};
use cresset_ops::methods::prelude::*;

use crate::{Buffer, Parameter, Summary, Training, state_dict, summary};
use cresset_tensor::StateDict;

/// A part of a module.
#[derive(Clone, Copy)]
pub enum Part<'a> {
    /// A tensor that is trained.
    Parameter(&'a Parameter),
    /// A tensor that is only saved.
    Buffer(&'a Buffer),
    /// Whether the module is being trained.
    Training(&'a Training),
    /// A module inside.
    Module(&'a dyn Module),
}

/// A part of a module, to be changed.
pub enum PartMut<'a> {
    /// A tensor that is trained.
    Parameter(&'a mut Parameter),
    /// A tensor that is only saved.
    Buffer(&'a mut Buffer),
    /// A module inside.
    Module(&'a mut dyn Module),
}

/// Where a module lies, and of which type it is, as a module and its first field lie at one place.
pub type Place = (usize, &'static str);

/// Is shown parts, each under its name.
pub type See<'s, 'a> = &'s mut dyn FnMut(&str, Part<'a>);
/// Is shown parts to be changed, each under its name.
pub type SeeMut<'s, 'a> = &'s mut dyn FnMut(&str, PartMut<'a>);

/// Something with parts, each under a name: PyTorch's `nn.Module`. `#[derive(Module)]` finds the parts among the fields.
///
/// ```
/// use cresset_nn::prelude::*;
///
/// #[derive(Module)]
/// struct Net {
///     layers: Vec<Linear>,
///     head: Linear,
/// }
///
/// impl Layer for Net {
///     fn forward(&self, x: &Tensor) -> Result<Tensor> {
///         let mut x = x.clone();
///         for layer in &self.layers {
///             x = layer.forward(&x)?.relu()?;
///         }
///         self.head.forward(&x)
///     }
/// }
///
/// let net = Net { layers: vec![Linear::new(4, 8), Linear::new(8, 8)], head: Linear::new(8, 2) };
/// assert_eq!(net.forward(&Tensor::zeros([3, 4]))?.shape(), &[3, 2]);
/// let names: Vec<String> = net.named_parameters().into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names[0], "layers.0.weight");
/// assert_eq!(net.num_parameters(), 4 * 8 + 8 + 8 * 8 + 8 + 8 * 2 + 2);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module",
    label = "neither a module nor a part of one",
    note = "a tensor that is trained is a `Parameter`, one that is only saved a `Buffer`; derive `Module` for structs of them; mark a field that is none of these with `#[module(skip)]`"
)]
pub trait Module: Send + Sync {
    /// Shows every part, in the order in which they are named.
    fn parts<'a>(&'a self, see: See<'_, 'a>);

    /// Shows every part to be changed.
    fn parts_mut<'a>(&'a mut self, see: SeeMut<'_, 'a>);

    /// What it is, as printed: the name of the type.
    fn kind(&self) -> &str;

    /// What is printed between its parentheses where it has no modules inside: `in_features=4, out_features=8`.
    fn extra(&self) -> String {
        String::new()
    }

    /// Do children of the same text stand in one line when printed, as in PyTorch's `ModuleList`?
    fn is_list(&self) -> bool {
        false
    }

    /// Is it a list of numbers or other settings, which are no part of a model?
    #[doc(hidden)]
    fn holds_settings() -> bool
    where
        Self: Sized,
    {
        false
    }

    /// Which module it is, among those that are there at one time.
    #[doc(hidden)]
    fn identity(&self) -> Place {
        (std::ptr::from_ref(self).cast::<()>() as usize, std::any::type_name::<Self>())
    }
}

/// What is done to whole models: walks over their parts. Every module has it.
///
/// Apart from [`Module`], so that it is compiled for the modules it is called on, not for every layer there is.
pub trait ModuleExt: Module {
    /// Every part at any depth, under its whole name: `layers.0.weight`.
    fn walk<'a>(&'a self, see: See<'_, 'a>) {
        self.parts(&mut |name, part| descend(name, part, see));
    }

    /// All parameters with their names, in order. One that is shared comes once, under its first name.
    fn named_parameters(&self) -> Vec<(String, Parameter)> {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        self.walk(&mut |name, part| {
            if let Part::Parameter(parameter) = part
                && seen.insert(parameter.id())
            {
                all.push((name.to_owned(), parameter.clone()));
            }
        });
        all
    }

    /// All parameters, in order: what an optimizer is given.
    fn parameters(&self) -> Vec<Tensor> {
        self.named_parameters().into_iter().map(|(_, parameter)| Tensor::clone(&parameter)).collect()
    }

    /// All buffers with their names, in order.
    fn named_buffers(&self) -> Vec<(String, Buffer)> {
        let mut all = Vec::new();
        self.walk(&mut |name, part| {
            if let Part::Buffer(buffer) = part {
                all.push((name.to_owned(), buffer.clone()));
            }
        });
        all
    }

    /// The modules directly inside, with their names.
    fn named_children(&self) -> Vec<(String, &dyn Module)> {
        let mut all = Vec::new();
        self.parts(&mut |name, part| {
            if let Part::Module(module) = part {
                all.push((name.to_owned(), module));
            }
        });
        all
    }

    /// The modules inside at any depth, with their names.
    fn named_modules(&self) -> Vec<(String, &dyn Module)> {
        let mut all = Vec::new();
        self.walk(&mut |name, part| {
            if let Part::Module(module) = part {
                all.push((name.to_owned(), module));
            }
        });
        all
    }

    /// Calls a function with every module inside, those further inside first, and with this one at last.
    ///
    /// ```
    /// use cresset_nn::prelude::*;
    /// let net = sequential![Linear::new(4, 8), Relu::new(), Linear::new(8, 2)];
    /// // All weights of linear maps anew.
    /// let mut weights = Vec::new();
    /// net.apply(&mut |module| {
    ///     if module.kind() == "Linear" {
    ///         weights.extend(module.named_parameters().into_iter().find(|(name, _)| name == "weight"));
    ///     }
    /// });
    /// for (_, weight) in &weights {
    ///     cresset_nn::init::xavier_uniform_(weight, 1.0)?;
    /// }
    /// assert_eq!(weights.len(), 2);
    /// # Ok::<(), Error>(())
    /// ```
    fn apply(&self, f: &mut dyn FnMut(&dyn Module))
    where
        Self: Sized,
    {
        apply(self, f);
    }

    /// How many numbers are in its parameters.
    fn num_parameters(&self) -> usize {
        self.named_parameters().iter().map(|(_, parameter)| parameter.numel()).sum()
    }

    /// Says to all of it that it is being trained.
    fn train(&self) {
        self.set_training(true);
    }

    /// Says to all of it that it is not being trained, but used.
    fn eval(&self) {
        self.set_training(false);
    }

    /// Says to all of it whether it is being trained.
    fn set_training(&self, on: bool) {
        self.walk(&mut |_, part| {
            if let Part::Training(training) = part {
                training.set(on);
            }
        });
    }

    /// Forgets the gradients of all parameters.
    fn zero_grad(&self) {
        self.walk(&mut |_, part| {
            if let Part::Parameter(parameter) = part {
                parameter.zero_grad();
            }
        });
    }

    /// Stops training all parameters: they collect no gradient, and none is computed for them.
    fn freeze(&self) -> Result<()> {
        self.set_trained(false)
    }

    /// Takes [`freeze`](ModuleExt::freeze) back.
    fn unfreeze(&self) -> Result<()> {
        self.set_trained(true)
    }

    /// Sets whether all parameters are trained: PyTorch's `requires_grad_`.
    fn set_trained(&self, trained: bool) -> Result<()> {
        for (_, parameter) in self.named_parameters() {
            if !trained {
                parameter.zero_grad();
            }
            parameter.get()?.set_requires_grad(trained)?;
        }
        Ok(())
    }

    /// An error if a constructor anywhere in it was given arguments that make no module.
    fn check(&self) -> Result<()> {
        self.named_parameters().iter().try_for_each(|(_, parameter)| parameter.get().map(drop))
    }

    /// Its parameters and saved buffers by name. They share memory with the module.
    fn state_dict(&self) -> StateDict {
        state_dict::of(&|see| self.walk(see))
    }

    /// Copies numbers into its parameters and buffers. All names must fit: what is missing, unexpected, or of another
    /// shape is listed in one error, and then nothing is copied.
    #[track_caller]
    fn load_state_dict(&self, dict: &StateDict) -> Result<()> {
        state_dict::load(&|see| self.walk(see), dict, true).map(drop)
    }

    /// As [`load_state_dict`](ModuleExt::load_state_dict), but names may be missing or unexpected; returns which were. Shapes
    /// must fit.
    #[track_caller]
    fn load_state_dict_partly(&self, dict: &StateDict) -> Result<Misfits> {
        state_dict::load(&|see| self.walk(see), dict, false)
    }

    /// Gives its floating-point parameters and buffers another dtype. They are new tensors: make the optimizer afterwards.
    #[track_caller]
    fn to_dtype(&mut self, dtype: DType) -> Result<()> {
        let mut parts = Vec::new();
        self.parts_mut(&mut |_, part| parts.push(part));
        replace(
            parts,
            |tensor| {
                if tensor.dtype().is_float() { tensor.to_dtype(dtype) } else { Ok(tensor.clone()) }
            },
        )
    }

    /// Moves its parameters and buffers to a device. They are new tensors there: make the optimizer afterwards.
    #[track_caller]
    fn to_device(&mut self, device: Device) -> Result<()> {
        let mut parts = Vec::new();
        self.parts_mut(&mut |_, part| parts.push(part));
        replace(parts, |tensor| tensor.to_device(device))
    }
}

impl<M: Module + ?Sized> ModuleExt for M {}

/// A module of one tensor to one tensor. What has other inputs has a `forward` of its own.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer",
    note = "a layer is a module with `impl Layer for {Self} {{ fn forward(&self, x: &Tensor) -> Result<Tensor> {{ … }} }}`"
)]
pub trait Layer: Module {
    /// What it computes.
    #[track_caller]
    fn forward(&self, x: &Tensor) -> Result<Tensor>;

    /// A table of what is in it, from a forward pass over zeros of that shape. For other inputs there is
    /// [`summary`](crate::summary()).
    #[track_caller]
    fn summary(&self, shape: impl Into<Shape>) -> Result<Summary>
    where
        Self: Sized,
    {
        let parameters = self.named_parameters();
        let x = match parameters.iter().find(|(_, parameter)| parameter.dtype().is_float()) {
            Some((_, parameter)) => parameter.detach().new_zeros(shape)?,
            None => Tensor::zeros_with(shape, ())?,
        };
        summary(self, |module| module.forward(&x))
    }
}

/// Names of a state dict that did not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misfits {
    /// Names the module has and the dict has not.
    pub missing: Vec<String>,
    /// Names the dict has and the module has not.
    pub unexpected: Vec<String>,
}

/// What can be a field of a module: modules, parameters, buffers, [`Training`], settings, and containers of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a module, nor a part of one",
    label = "neither a module nor a part of one",
    note = "a tensor that is trained is a `Parameter`, one that is only saved a `Buffer`; derive `Module` for structs of them; mark a field that is none of these with `#[module(skip)]`"
)]
pub trait Field: Send + Sync {
    /// Shows it under the name of its field.
    fn show<'a>(&'a self, name: &str, see: See<'_, 'a>);

    /// Shows it, to be changed, under the name of its field.
    fn show_mut<'a>(&'a mut self, name: &str, see: SeeMut<'_, 'a>);

    /// Is it a setting, no part of a model?
    #[doc(hidden)]
    fn is_setting() -> bool
    where
        Self: Sized,
    {
        false
    }
}

fn apply(module: &dyn Module, f: &mut dyn FnMut(&dyn Module)) {
    module.parts(&mut |_, part| {
        if let Part::Module(inner) = part {
            apply(inner, f);
        }
    });
    f(module);
}

fn descend<'a>(name: &str, part: Part<'a>, see: See<'_, 'a>) {
    see(name, part);
    if let Part::Module(module) = part {
        module.parts(&mut |inner, part| descend(&format!("{name}.{inner}"), part, see));
    }
}

/// Puts new tensors in the place of all parameters and buffers; one that is shared is replaced by one.
#[track_caller]
fn replace(mut parts: Vec<PartMut<'_>>, mut new: impl FnMut(&Tensor) -> Result<Tensor>) -> Result<()> {
    // The old ones are kept as well, so that no new one gets the place of an old one in memory, and with it its number.
    let mut done: HashMap<usize, (Tensor, Tensor)> = HashMap::new();
    let mut once = |old: &Tensor| -> Result<Tensor> {
        if let Some((_, tensor)) = done.get(&old.id()) {
            return Ok(tensor.clone());
        }
        let tensor = new(&old.detach())?;
        done.insert(old.id(), (old.clone(), tensor.clone()));
        Ok(tensor)
    };
    while let Some(part) = parts.pop() {
        match part {
            PartMut::Parameter(parameter) => parameter.set(once(parameter.get()?)?)?,
            PartMut::Buffer(buffer) => buffer.set(once(buffer)?),
            PartMut::Module(module) => module.parts_mut(&mut |_, part| parts.push(part)),
        }
    }
    Ok(())
}
