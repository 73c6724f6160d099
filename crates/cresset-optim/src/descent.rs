//! `Descent`: an optimizer made of a method. Groups of parameters, each with options of its own, what is remembered of
//! each parameter, and the checks.

use std::{borrow::Borrow, collections::HashSet, fmt, panic::Location};

use cresset_autograd::{Apply, Error, Result, Tensor};
use cresset_ops::profile::{Kind, span};
use cresset_tensor::{Key, State};

use crate::{
    Optimizer,
    memory::Memory,
    method::{Method, Place, check_gradient},
    options::{Options, Value, require},
    parameters::accept,
    saving::{self, SavedGroup},
};

/// An optimizer of the method `M`: [`Sgd`](crate::Sgd), [`AdamW`](crate::AdamW) and most others are one.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_optim::{AdamW, Optimizer};
///
/// let (w, b) = (Tensor::new([[1.0, 2.0]]).requires_grad(), Tensor::new([0.0]).requires_grad());
/// let mut optimizer = AdamW::new([&w], 1e-3)
///     .betas(0.9, 0.95)
///     .group([&b], |options| options.weight_decay = 0.0);
/// assert_eq!(optimizer.groups()[0].options.weight_decay, 0.01);
/// optimizer.groups_mut()[1].options.lr = 1e-2; // at any time
/// assert_eq!(optimizer.lrs(), [1e-3, 1e-2]);
/// # Ok::<(), Error>(())
/// ```
///
/// What is wrong with parameters or options is said by the first [`step`](Optimizer::step), pointing at the line where
/// the optimizer was made; [`Descent::check`] says it at once.
pub struct Descent<M> {
    defaults: M,
    groups: Vec<Group<M>>,
    /// What was wrong with parameters.
    trouble: Option<Error>,
    made: &'static Location<'static>,
    /// Options that were right once were changed since where they are not.
    started: bool,
}

/// Parameters that share options.
pub struct Group<M> {
    /// Their options, which may be changed between steps.
    pub options: M,
    members: Vec<Member>,
    notes: Vec<(Key, State)>,
}

struct Member {
    parameter: Tensor,
    memory: Memory,
}

impl<M> Group<M> {
    /// The parameters.
    pub fn parameters(&self) -> impl ExactSizeIterator<Item = &Tensor> {
        self.members.iter().map(|member| &member.parameter)
    }
}

impl<M: Method> Descent<M> {
    /// An optimizer of these parameters, with PyTorch's defaults for all options but the learning rate.
    #[track_caller]
    pub fn new<P: IntoIterator<Item: Borrow<Tensor>>>(parameters: P, lr: f64) -> Self {
        let mut options = M::default();
        // Every method has a rate.
        let _ = options.set("lr", &State::Float(lr));
        Self::with_options(parameters, options)
    }

    /// An optimizer of these parameters with these options.
    ///
    /// ```
    /// use cresset_autograd::prelude::*;
    /// use cresset_optim::{Adadelta, AdadeltaOptions};
    /// let w = Tensor::new([1.0]).requires_grad();
    /// let optimizer = Adadelta::with_options([&w], AdadeltaOptions { rho: 0.95, ..Default::default() });
    /// assert_eq!(optimizer.groups()[0].options.lr, 1.0);
    /// ```
    #[track_caller]
    pub fn with_options<P: IntoIterator<Item: Borrow<Tensor>>>(parameters: P, options: M) -> Self {
        let mut descent = Descent {
            defaults: options,
            groups: Vec::new(),
            trouble: None,
            made: Location::caller(),
            started: false,
        };
        descent.trouble = descent.add_group(parameters, |_| {}).err();
        descent
    }

    /// The same with options changed, in all groups there are, and those to come.
    #[must_use]
    pub fn with(mut self, change: impl Fn(&mut M)) -> Self {
        self.change(&change);
        self
    }

    fn change(&mut self, change: &dyn Fn(&mut M)) {
        change(&mut self.defaults);
        self.groups.iter_mut().for_each(|group| change(&mut group.options));
    }

    /// The same with another group of parameters, whose options are those of the optimizer, changed.
    #[track_caller]
    #[must_use]
    pub fn group<P: IntoIterator<Item: Borrow<Tensor>>>(
        mut self,
        parameters: P,
        change: impl FnOnce(&mut M),
    ) -> Self {
        if let Err(error) = self.add_group(parameters, change) {
            self.trouble.get_or_insert(error);
        }
        self
    }

    /// Adds a group of parameters, whose options are those of the optimizer, changed: PyTorch's `add_param_group`.
    #[track_caller]
    pub fn add_group<P: IntoIterator<Item: Borrow<Tensor>>>(
        &mut self,
        parameters: P,
        change: impl FnOnce(&mut M),
    ) -> Result<()> {
        let known: HashSet<usize> = self.groups.iter().flat_map(Group::parameters).map(Tensor::id).collect();
        let parameters = accept(M::NAME, parameters, &known)?;
        for parameter in &parameters {
            M::check_parameter(parameter)?;
        }
        let mut options = self.defaults.clone();
        change(&mut options);
        let members =
            parameters.into_iter().map(|parameter| Member { parameter, memory: Memory::default() }).collect();
        self.groups.push(Group { options, members, notes: Vec::new() });
        Ok(())
    }

    /// The groups, in order.
    pub fn groups(&self) -> &[Group<M>] {
        &self.groups
    }

    /// The groups, to change their options.
    pub fn groups_mut(&mut self) -> &mut [Group<M>] {
        &mut self.groups
    }

    /// Refuses what no step could be made with: parameters that are none, options without a meaning.
    #[track_caller]
    pub fn check(&self) -> Result<()> {
        if let Some(error) = &self.trouble {
            return Err(error.clone());
        }
        let location = if self.started { Location::caller() } else { self.made };
        if self.groups.iter().all(|group| group.members.is_empty()) {
            let message = "the list of parameters is empty; give those of a model";
            return Err(Error::argument(M::NAME, message).at(location));
        }
        for group in &self.groups {
            group.options.check().map_err(|error| error.at(location))?;
        }
        Ok(())
    }

    fn load(&mut self, state: &State) -> Result<()> {
        let current: Vec<(M, usize)> =
            self.groups.iter().map(|group| (group.options.clone(), group.members.len())).collect();
        let saved = saving::groups(M::NAME, state, current)?;
        for group in &saved {
            group.options.check()?;
        }
        let mut memories = Vec::with_capacity(saved.len());
        for (group, saved) in self.groups.iter().zip(&saved) {
            let mut loaded = Vec::with_capacity(group.members.len());
            for (member, id) in group.members.iter().zip(&saved.ids) {
                let parameter = &member.parameter;
                loaded.push(match saving::entry(state, id)? {
                    Some(entry) => {
                        let shape_of = |name: &str| M::shape_of(name, parameter.shape());
                        let (dtype, device) = (parameter.dtype(), parameter.device());
                        Memory::from_state(entry, M::KEEPS, shape_of, dtype, device).map_err(|error| {
                            let message = format!("state of parameter {id}: {}", error.message());
                            Error::new(error.kind(), M::NAME, message)
                        })?
                    }
                    None => Memory::default(),
                });
            }
            memories.push(loaded);
        }
        for ((group, saved), loaded) in self.groups.iter_mut().zip(saved).zip(memories) {
            let SavedGroup { options, notes, .. } = saved;
            (group.options, group.notes) = (options, notes);
            for (member, memory) in group.members.iter_mut().zip(loaded) {
                member.memory = memory;
            }
        }
        Ok(())
    }

    #[track_caller]
    fn at(&self, group: usize) -> Result<&Group<M>> {
        match self.groups.get(group) {
            Some(group) => Ok(group),
            None => Err(no_group(M::NAME, group, self.groups.len())),
        }
    }

    #[track_caller]
    fn at_mut(&mut self, group: usize) -> Result<&mut Group<M>> {
        let count = self.groups.len();
        match self.groups.get_mut(group) {
            Some(group) => Ok(group),
            None => Err(no_group(M::NAME, group, count)),
        }
    }
}

/// There is no such group.
#[track_caller]
pub(crate) fn no_group(method: &'static str, group: usize, count: usize) -> Error {
    Error::index(method, format!("there is no group {group}, only {count}"))
}

/// Sets an option of a group.
#[track_caller]
pub(crate) fn set_option<O: Options>(
    method: &'static str,
    options: &mut O,
    name: &str,
    value: &State,
) -> Result<()> {
    match options.set(name, value) {
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(Error::argument(method, format!("{name}: {}", error.message()))),
        None => {
            Err(Error::argument(method, format!("there is no option '{name}', only {}", O::NAMES.join(", "))))
        }
    }
}

/// Writes a note over one of the same name.
pub(crate) fn note(notes: &mut Vec<(Key, State)>, name: &str, value: State) {
    let key = Key::from(name);
    match notes.iter_mut().find(|(other, _)| *other == key) {
        Some((_, place)) => *place = value,
        None => notes.push((key, value)),
    }
}

/// The rate among options.
#[track_caller]
pub(crate) fn rate<O: Options>(method: &'static str, options: &O) -> Result<f64> {
    match options.get("lr") {
        Some(lr) => f64::from_state(&lr),
        None => Err(Error::argument(method, "it has no option 'lr'")),
    }
}

impl<M: Method> Optimizer for Descent<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    #[track_caller]
    fn step(&mut self) -> Result<()> {
        let location = Location::caller();
        let _span = span(Kind::Range, || format!("{}.step", M::NAME).into());
        self.check()?;
        self.started = true;
        for group in &mut self.groups {
            for member in &mut group.members {
                let Some(gradient) = member.parameter.maybe_grad() else { continue };
                let (parameter, gradient) = (member.parameter.array(), gradient.array());
                check_gradient(M::NAME, parameter, gradient)
                    .and_then(|()| {
                        group.options.step(&mut Place { parameter, gradient, memory: &mut member.memory })
                    })
                    .map_err(|error| error.at(location))?;
            }
        }
        Ok(())
    }

    fn parameters(&self) -> Vec<Tensor> {
        self.groups.iter().flat_map(Group::parameters).cloned().collect()
    }

    fn zero_grad(&self) {
        self.groups.iter().flat_map(Group::parameters).for_each(Tensor::zero_grad);
    }

    fn group_count(&self) -> usize {
        self.groups.len()
    }

    fn option(&self, group: usize, name: &str) -> Option<State> {
        let group = self.groups.get(group)?;
        let noted =
            || group.notes.iter().find(|(key, _)| *key == Key::from(name)).map(|(_, value)| value.clone());
        group.options.get(name).or_else(noted)
    }

    #[track_caller]
    fn set_option(&mut self, group: usize, name: &str, value: State) -> Result<()> {
        set_option(M::NAME, &mut self.at_mut(group)?.options, name, &value)
    }

    #[track_caller]
    fn note(&mut self, group: usize, name: &str, value: State) -> Result<()> {
        note(&mut self.at_mut(group)?.notes, name, value);
        Ok(())
    }

    #[track_caller]
    fn lr(&self, group: usize) -> Result<f64> {
        rate(M::NAME, &self.at(group)?.options)
    }

    #[track_caller]
    fn set_lr(&mut self, group: usize, lr: f64) -> Result<()> {
        require(lr >= 0.0, M::NAME, "lr", lr, "at least 0")?;
        self.set_option(group, "lr", State::Float(lr))
    }

    fn state_dict(&self) -> State {
        let members = self.groups.iter().flat_map(|group| &group.members);
        let memories = members.map(|member| (!member.memory.is_empty()).then(|| member.memory.to_state()));
        let groups =
            self.groups.iter().map(|group| (&group.options, group.notes.as_slice(), group.members.len()));
        saving::state_dict(memories, groups)
    }

    #[track_caller]
    fn load_state_dict(&mut self, state: &State) -> Result<()> {
        let location = Location::caller();
        self.load(state).map_err(|error| error.at(location))
    }
}

impl<M: Method> fmt::Debug for Descent<M> {
    /// As PyTorch prints an optimizer.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (", M::NAME)?;
        for (i, group) in self.groups.iter().enumerate() {
            writeln!(f, "Parameter Group {i}")?;
            write_options(f, &group.options)?;
        }
        f.write_str(")")
    }
}

/// A line for each option.
pub(crate) fn write_options<O: Options>(f: &mut fmt::Formatter<'_>, options: &O) -> fmt::Result {
    for name in O::NAMES {
        writeln!(f, "    {name}: {}", written(&options.get(name).unwrap_or_default()))?;
    }
    Ok(())
}

/// A value of an option as one writes it.
fn written(value: &State) -> String {
    match value {
        State::None => "None".to_owned(),
        State::Bool(truth) => truth.to_string(),
        State::Int(number) => number.to_string(),
        State::Float(number) => number.to_string(),
        State::Text(text) => text.clone(),
        State::List(values) => format!("({})", values.iter().map(written).collect::<Vec<_>>().join(", ")),
        State::Array(_) | State::Map(_) => value.kind().to_owned(),
    }
}
