//! Where a forward pass goes into a module and comes out of it: what a summary watches, and a profile names.
//!
//! Every layer here enters itself. Where nobody watches, that costs one look at a variable of the thread, and one at another.

use std::cell::{Cell, RefCell};

use cresset_autograd::{Apply, Result, Shape, Tensor};
use cresset_ops::{
    multiply_adds,
    profile::{self, Kind, Span, span},
};

use crate::module::{Module, Place};

/// One pass through a module.
pub(crate) struct Call {
    pub module: Place,
    /// The shapes of what came out.
    pub output: Vec<Shape>,
    pub multiply_adds: u64,
}

#[derive(Default)]
struct Watch {
    /// The modules the pass is in, the outermost first.
    open: Vec<Place>,
    calls: Vec<Call>,
}

thread_local! {
    static WATCHING: Cell<bool> = const { Cell::new(false) };
    static WATCH: RefCell<Watch> = RefCell::default();
}

/// A forward pass inside of a module.
#[must_use = "what comes out is told by `gives`"]
pub struct Boundary {
    entered: Option<(Place, u64)>,
    _span: Option<Span>,
}

/// Goes into a module, so that a [`summary`](crate::summary()) knows what it gives and what it costs, and a
/// [`profile`](cresset_ops::profile()) what happens in it:
///
/// ```
/// use cresset_nn::prelude::*;
///
/// #[derive(Module)]
/// struct Doubled {
///     inner: Linear,
/// }
///
/// impl Layer for Doubled {
///     fn forward(&self, x: &Tensor) -> Result<Tensor> {
///         entering(self).gives(self.inner.forward(x)?.mul(2.0))
///     }
/// }
///
/// let net = vec![Doubled { inner: Linear::new(4, 3) }];
/// let summary = summary(&net, |net| net[0].forward(&Tensor::zeros([5, 4])))?;
/// assert_eq!(summary.rows()[1].output, [Shape::from([5, 3])]);
/// # Ok::<(), Error>(())
/// ```
///
/// A module that does not is in the table without its output. One that a [`Sequential`](crate::Sequential) calls needs not.
#[inline]
pub fn entering<M: Module + ?Sized>(module: &M) -> Boundary {
    if WATCHING.get() || profile::is_on() {
        return enter(module.identity(), module.kind());
    }
    Boundary { entered: None, _span: None }
}

#[cold]
fn enter(module: Place, kind: &str) -> Boundary {
    WATCH.with_borrow_mut(|watch| {
        // Whoever called it has entered it already.
        if watch.open.last() == Some(&module) {
            return Boundary { entered: None, _span: None };
        }
        watch.open.push(module);
        let span = span(Kind::Module, || kind.to_owned().into());
        Boundary { entered: Some((module, multiply_adds())), _span: Some(span) }
    })
}

impl Boundary {
    /// Comes out of the module with what it gives.
    #[inline]
    pub fn gives<O: Outcome>(self, result: Result<O>) -> Result<O> {
        if let (Some(entered), Ok(outcome)) = (self.entered, &result) {
            come_out(entered, outcome);
        }
        result
    }
}

#[cold]
fn come_out((module, before): (Place, u64), outcome: &impl Outcome) {
    if !WATCHING.get() {
        return;
    }
    let mut output = Vec::new();
    outcome.tensors(&mut |tensor| output.push(tensor.shape().clone()));
    let multiply_adds = multiply_adds().saturating_sub(before);
    WATCH.with_borrow_mut(|watch| watch.calls.push(Call { module, output, multiply_adds }));
}

impl Drop for Boundary {
    #[inline]
    fn drop(&mut self) {
        if self.entered.is_some() {
            WATCH.with_borrow_mut(|watch| watch.open.truncate(watch.open.len().saturating_sub(1)));
        }
    }
}

/// Runs a forward pass and gives what it gave, and all passes through modules, the inner ones before the outer.
pub(crate) fn watched<O>(f: impl FnOnce() -> O) -> (O, Vec<Call>) {
    /// What was watched before is watched again, even after a panic.
    struct Restore {
        watching: bool,
        before: Watch,
    }
    impl Drop for Restore {
        fn drop(&mut self) {
            WATCHING.set(self.watching);
            WATCH.replace(std::mem::take(&mut self.before));
        }
    }
    let restore = Restore { watching: WATCHING.replace(true), before: WATCH.take() };
    let result = f();
    let calls = WATCH.take().calls;
    drop(restore);
    (result, calls)
}

/// What a forward pass can give: tensors, and tuples and lists of them.
pub trait Outcome: Sized {
    /// Shows every tensor.
    fn tensors(&self, see: &mut dyn FnMut(&Tensor));
}

impl Outcome for Tensor {
    fn tensors(&self, see: &mut dyn FnMut(&Tensor)) {
        see(self);
    }
}

impl<O: Outcome> Outcome for Option<O> {
    fn tensors(&self, see: &mut dyn FnMut(&Tensor)) {
        self.iter().for_each(|outcome| outcome.tensors(see));
    }
}

impl<O: Outcome> Outcome for Vec<O> {
    fn tensors(&self, see: &mut dyn FnMut(&Tensor)) {
        self.iter().for_each(|outcome| outcome.tensors(see));
    }
}

impl<O: Outcome, const N: usize> Outcome for [O; N] {
    fn tensors(&self, see: &mut dyn FnMut(&Tensor)) {
        self.iter().for_each(|outcome| outcome.tensors(see));
    }
}

macro_rules! tuples {
    ($(($($type:ident $place:tt),*))*) => {$(
        impl<$($type: Outcome),*> Outcome for ($($type,)*) {
            fn tensors(&self, see: &mut dyn FnMut(&Tensor)) {
                $(self.$place.tensors(see);)*
            }
        }
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
}
