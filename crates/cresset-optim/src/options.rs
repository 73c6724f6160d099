//! Options of a group: a structure that knows its fields by PyTorch's names, so that they can be saved, loaded and
//! scheduled. One macro states the table; what the options may be is said next to the method they belong to.

use cresset_autograd::{Error, Result};
use cresset_tensor::State;

/// Options by name.
pub trait Options: Clone + Default + std::fmt::Debug + Send + Sync + 'static {
    /// PyTorch's names of all options, in its order.
    const NAMES: &'static [&'static str];

    /// The value of an option; `None` if there is none of that name.
    fn get(&self, name: &str) -> Option<State>;

    /// Sets an option; `None` if there is none of that name, an error if the value is of another kind.
    fn set(&mut self, name: &str, value: &State) -> Option<Result<()>>;

    /// Refuses values without a meaning.
    #[track_caller]
    fn check(&self) -> Result<()>;
}

/// What an option can be.
pub trait Value: Sized {
    /// As it is saved.
    fn to_state(&self) -> State;

    /// As it was saved.
    fn from_state(state: &State) -> Result<Self>;
}

impl Value for f64 {
    #[inline]
    fn to_state(&self) -> State {
        State::Float(*self)
    }

    #[inline]
    fn from_state(state: &State) -> Result<f64> {
        match state {
            // PyTorch saves a rate given as a tensor as one.
            State::Array(array) => array.item(),
            state => state.float(),
        }
    }
}

impl Value for bool {
    #[inline]
    fn to_state(&self) -> State {
        State::Bool(*self)
    }

    #[inline]
    fn from_state(state: &State) -> Result<bool> {
        state.bool()
    }
}

impl Value for usize {
    #[inline]
    fn to_state(&self) -> State {
        State::from(*self)
    }

    #[inline]
    fn from_state(state: &State) -> Result<usize> {
        let number = state.int()?;
        usize::try_from(number)
            .map_err(|_| Error::argument("state", format!("expected a count, found {number}")))
    }
}

impl<T: Value> Value for Option<T> {
    fn to_state(&self) -> State {
        self.as_ref().map_or(State::None, Value::to_state)
    }

    fn from_state(state: &State) -> Result<Option<T>> {
        match state {
            State::None => Ok(None),
            state => T::from_state(state).map(Some),
        }
    }
}

/// The values of a list of known length.
fn several<const N: usize>(state: &State) -> Result<&[State; N]> {
    let list = state.list()?;
    list.try_into()
        .map_err(|_| Error::argument("state", format!("expected a list of {N} values, found {}", list.len())))
}

impl<A: Value, B: Value> Value for (A, B) {
    fn to_state(&self) -> State {
        State::List(vec![self.0.to_state(), self.1.to_state()])
    }

    fn from_state(state: &State) -> Result<(A, B)> {
        let [a, b] = several(state)?;
        Ok((A::from_state(a)?, B::from_state(b)?))
    }
}

impl<A: Value, B: Value, C: Value> Value for (A, B, C) {
    fn to_state(&self) -> State {
        State::List(vec![self.0.to_state(), self.1.to_state(), self.2.to_state()])
    }

    fn from_state(state: &State) -> Result<(A, B, C)> {
        let [a, b, c] = several(state)?;
        Ok((A::from_state(a)?, B::from_state(b)?, C::from_state(c)?))
    }
}

/// An error that names option and value, unless the condition holds.
#[track_caller]
pub(crate) fn require(
    holds: bool,
    method: &'static str,
    option: &str,
    value: impl std::fmt::Debug,
    right: &str,
) -> Result<()> {
    if holds {
        return Ok(());
    }
    Err(Error::argument(method, format!("{option} must be {right}, not {value:?}")))
}

/// Refuses options below zero, and those that are not numbers.
#[track_caller]
#[inline]
pub(crate) fn not_negative(method: &'static str, options: &[(&str, f64)]) -> Result<()> {
    for &(option, value) in options {
        require(value >= 0.0, method, option, value, "at least 0")?;
    }
    Ok(())
}

/// Refuses decay rates of averages outside of `0 ≤ β < 1`.
#[track_caller]
#[inline]
pub(crate) fn betas(method: &'static str, (first, second): (f64, f64)) -> Result<()> {
    require((0.0..1.0).contains(&first), method, "the first of betas", first, "at least 0 and below 1")?;
    require((0.0..1.0).contains(&second), method, "the second of betas", second, "at least 0 and below 1")
}

/// A structure of options: for each its description, name, type and PyTorch's default; and what to check.
///
/// Fields after `builders:` get a method of the same name on the optimizer.
macro_rules! options {
    (
        $(#[$about:meta])*
        $options:ident of $method:literal {
            $($(#[$doc:meta])* $field:ident: $type:ty = $default:expr,)*
        }
        check($this:ident) $check:block
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $options {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for $options {
            #[inline]
            fn default() -> Self {
                $options { $($field: $default,)* }
            }
        }

        impl $crate::options::Options for $options {
            const NAMES: &'static [&'static str] = &[$(stringify!($field)),*];

            #[inline]
            fn get(&self, name: &str) -> Option<cresset_tensor::State> {
                match name {
                    $(stringify!($field) => Some($crate::options::Value::to_state(&self.$field)),)*
                    _ => None,
                }
            }

            #[inline]
            fn set(
                &mut self,
                name: &str,
                value: &cresset_tensor::State,
            ) -> Option<cresset_autograd::Result<()>> {
                match name {
                    $(stringify!($field) => Some(
                        $crate::options::Value::from_state(value).map(|value| self.$field = value),
                    ),)*
                    _ => None,
                }
            }

            #[track_caller]
            #[inline]
            fn check(&self) -> cresset_autograd::Result<()> {
                let $this = self;
                $check
            }
        }
    };
}

/// Methods of an optimizer that set options of one value each, in the form of a builder.
macro_rules! builders {
    ($optimizer:ty: $($(#[$doc:meta])* $field:ident: $type:ty,)*) => {
        impl $optimizer {
            $(
                $(#[$doc])*
                #[must_use]
                #[inline]
                pub fn $field(self, $field: $type) -> Self {
                    self.with(|options| options.$field = $field)
                }
            )*
        }
    };
}

pub(crate) use {builders, options};
