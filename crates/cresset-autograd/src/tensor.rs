//! `Tensor`: an array that remembers how it came to be.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use cresset_ops::{Apply, Array, DType, Device, Error, Result, Scalar, Shape, backend, view::View};
use cresset_tensor::{Element, IntoArray};
use smallvec::SmallVec;

use crate::{
    backward, history,
    history::{History, Leaf, Node, Watch, lock, next_sequence},
    in_place,
};

/// Called with a gradient; returns another to take its place, or `None` to leave it.
pub type Hook = Arc<dyn Fn(&Tensor) -> Result<Option<Tensor>> + Send + Sync>;

/// An n-dimensional array that remembers how it was computed, so that derivatives can be taken.
///
/// A tensor is a handle: cloning it is cheap and gives the same tensor, with the same memory and the same gradient.
#[derive(Clone)]
pub struct Tensor(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    array: Array,
    /// Whether the history is more than a constant.
    tracked: AtomicBool,
    /// The history that it was made with.
    made: History,
    /// Whether it has got another one since: few do, and the others are to be asked without a lock.
    changed: AtomicBool,
    now: Mutex<History>,
    /// What this is a view of.
    view: Option<Box<ViewOf>>,
    /// How often views of this were written with a recorded value: their own histories are then old.
    pub(crate) rebased: AtomicU64,
}

pub(crate) struct ViewOf {
    /// What was not itself a view.
    pub base: Tensor,
    /// How this is seen in it.
    pub steps: SmallVec<[View; 1]>,
    /// `base.rebased` when the history was made.
    pub seen: AtomicU64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        history::release(std::mem::take(&mut self.made));
        let now = self.now.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        history::release(std::mem::take(now));
    }
}

impl Tensor {
    #[inline]
    pub(crate) fn with_history(array: Array, history: History, view: Option<Box<ViewOf>>) -> Tensor {
        Tensor(Arc::new(Inner {
            array,
            tracked: AtomicBool::new(history.is_tracked()),
            made: history,
            changed: AtomicBool::new(false),
            now: Mutex::new(History::Constant),
            view,
            rebased: AtomicU64::new(0),
        }))
    }

    /// An output of a node.
    pub(crate) fn computed(array: Array, node: &Arc<Node>, output: usize) -> Tensor {
        Tensor::with_history(array, History::Computed(node.clone(), output), None)
    }

    /// From a nested literal, a vector, a slice or a number: PyTorch's `torch.tensor`.
    ///
    /// ```
    /// use cresset_autograd::prelude::*;
    /// let x = Tensor::new([[1.0, 2.0], [3.0, 4.0]]);
    /// assert_eq!(x.shape(), &[2, 2]);
    /// ```
    ///
    /// # Panics
    /// Where nested vectors differ in length.
    #[track_caller]
    pub fn new(values: impl IntoArray) -> Tensor {
        Tensor::constant(Array::new(values))
    }

    /// Takes a vector over, without a copy, in row-major order.
    #[track_caller]
    pub fn from_vec<T: Element>(vec: Vec<T>, shape: impl Into<Shape>) -> Result<Tensor> {
        Array::from_vec(vec, shape).map(Tensor::constant)
    }

    /// A copy of a slice, in row-major order.
    #[track_caller]
    pub fn from_slice<T: Element>(slice: &[T], shape: impl Into<Shape>) -> Result<Tensor> {
        Array::from_slice(slice, shape).map(Tensor::constant)
    }

    /// The elements in row-major order. The type must be that of the dtype.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.0.array.to_vec()
    }

    /// The one number of a tensor of one element.
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T> {
        self.0.array.item()
    }

    /// The same tensor, which from now on collects a gradient: PyTorch's `requires_grad_()`.
    ///
    /// # Panics
    /// If its dtype is not floating point; [`Tensor::set_requires_grad`] returns that as an error.
    #[track_caller]
    pub fn requires_grad(mut self) -> Tensor {
        if let Some(own) = Arc::get_mut(&mut self.0)
            && own.array.dtype().is_float()
            && !*own.changed.get_mut()
            && !own.made.is_tracked()
        {
            own.made = History::Leaf(Arc::default());
            *own.tracked.get_mut() = true;
            return self;
        }
        match self.set_requires_grad(true) {
            Ok(()) => self,
            Err(error) => panic!("{error}"),
        }
    }

    /// Sets whether this leaf collects a gradient.
    #[track_caller]
    pub fn set_requires_grad(&self, wanted: bool) -> Result<()> {
        if wanted && !self.0.array.dtype().is_float() {
            return Err(Error::gradient(
                "requires_grad",
                format!(
                    "only floating point has gradients, not {}; convert with to_dtype first",
                    self.0.array.dtype()
                ),
            ));
        }
        let mut now = lock(&self.0.now);
        let changed = self.0.changed.load(Ordering::Relaxed);
        let other = match (if changed { &*now } else { &self.0.made }, wanted) {
            (History::Computed(..), false) => {
                return Err(Error::gradient(
                    "requires_grad",
                    "only a leaf can be told not to collect a gradient; detach() gives a tensor without a history",
                ));
            }
            (History::Constant, true) => History::Leaf(Arc::default()),
            (History::Leaf(_), false) => History::Constant,
            (History::Leaf(_) | History::Computed(..), true) | (History::Constant, false) => return Ok(()),
        };
        *now = other;
        self.0.changed.store(true, Ordering::Release);
        self.0.tracked.store(wanted, Ordering::Relaxed);
        Ok(())
    }

    /// Does a gradient flow to it? PyTorch's attribute `requires_grad`.
    #[inline]
    pub fn needs_grad(&self) -> bool {
        self.0.tracked.load(Ordering::Relaxed) || self.0.view.as_ref().is_some_and(|view| view.is_stale())
    }

    /// Was it made by the user, rather than by a recorded operation?
    pub fn is_leaf(&self) -> bool {
        !matches!(self.history(), History::Computed(..))
    }

    /// The gradient collected so far, or an error that says why there is none.
    #[track_caller]
    pub fn grad(&self) -> Result<Tensor> {
        self.maybe_grad().ok_or_else(|| {
            let why = match self.history() {
                History::Constant => {
                    "this tensor does not require a gradient; call requires_grad() on it first"
                }
                History::Leaf(_) => "no backward() has reached this tensor yet",
                History::Computed(..) => {
                    "gradients of computed tensors are not kept; call retain_grad() before backward()"
                }
            };
            Error::gradient("grad", why)
        })
    }

    /// The gradient collected so far, if there is one.
    pub fn maybe_grad(&self) -> Option<Tensor> {
        self.gradient_place(false).and_then(|leaf| lock(&leaf.gradient).clone())
    }

    /// Which tensor this is, while it lives: the same for its clones, another for every other tensor.
    ///
    /// ```
    /// use cresset_autograd::prelude::*;
    /// let x = Tensor::new([1.0]);
    /// assert!(x.id() == x.clone().id() && x.id() != x.detach().id());
    /// ```
    pub fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// Sets or takes away the gradient.
    #[track_caller]
    pub fn set_grad(&self, gradient: Option<Tensor>) -> Result<()> {
        if let Some(gradient) = &gradient
            && (gradient.shape() != self.shape() || gradient.dtype() != self.dtype())
        {
            return Err(Error::gradient(
                "set_grad",
                format!(
                    "a gradient has its tensor's shape and dtype: {} {} is not {} {}",
                    gradient.dtype(),
                    gradient.shape(),
                    self.dtype(),
                    self.shape()
                ),
            ));
        }
        match self.gradient_place(true) {
            Some(leaf) => {
                *lock(&leaf.gradient) = gradient;
                Ok(())
            }
            None => Err(Error::gradient("set_grad", "this tensor does not require a gradient")),
        }
    }

    /// Forgets the gradient, so that the next backward pass starts a new one.
    pub fn zero_grad(&self) {
        if let Some(leaf) = self.gradient_place(false) {
            *lock(&leaf.gradient) = None;
        }
    }

    /// Keeps the gradient of a computed tensor when a backward pass comes by.
    pub fn retain_grad(&self) {
        self.gradient_place(true);
    }

    fn gradient_place(&self, make: bool) -> Option<Arc<Leaf>> {
        match self.history() {
            History::Constant => None,
            History::Leaf(leaf) => Some(leaf),
            History::Computed(node, output) => {
                let mut watches = node.watches.list();
                for (watched, watch) in watches.iter() {
                    if let (true, Watch::Keep(leaf)) = (*watched == output, watch) {
                        return Some(leaf.clone());
                    }
                }
                make.then(|| {
                    let leaf: Arc<Leaf> = Arc::default();
                    watches.push((output, Watch::Keep(leaf.clone())));
                    leaf
                })
            }
        }
    }

    /// Calls a closure with the gradient of this tensor whenever one is computed; what it returns takes its place.
    /// Returns a number by which [`Tensor::remove_hook`] takes it off again.
    #[track_caller]
    pub fn register_hook(
        &self,
        hook: impl Fn(&Tensor) -> Result<Option<Tensor>> + Send + Sync + 'static,
    ) -> Result<u64> {
        let number = next_sequence();
        match self.history() {
            History::Constant => {
                return Err(Error::gradient("register_hook", "this tensor does not require a gradient"));
            }
            History::Leaf(leaf) => lock(&leaf.hooks).push((number, Arc::new(hook))),
            History::Computed(node, output) => {
                node.watches.list().push((output, Watch::Hook(number, Arc::new(hook))));
            }
        }
        Ok(number)
    }

    /// Takes a hook off.
    pub fn remove_hook(&self, number: u64) {
        match self.history() {
            History::Constant => {}
            History::Leaf(leaf) => lock(&leaf.hooks).retain(|(other, _)| *other != number),
            History::Computed(node, _) => {
                node.watches
                    .list()
                    .retain(|(_, watch)| !matches!(watch, Watch::Hook(other, _) if *other == number));
            }
        }
    }

    /// The same numbers without their history. The memory is shared.
    pub fn detach(&self) -> Tensor {
        Tensor::constant(self.0.array.clone())
    }

    /// Computes the gradients of this single number and adds them to those of all leaves it was computed from.
    ///
    /// ```
    /// use cresset_autograd::prelude::*;
    /// let x = Tensor::new([3.0]).requires_grad();
    /// x.square()?.sum()?.backward()?;
    /// assert_eq!(x.grad()?.item::<f64>()?, 6.0);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn backward(&self) -> Result<()> {
        backward::backward(&[self], &[None], false, false)
    }

    /// As [`Tensor::backward`], of any shape, with the gradient of this tensor given; the graph may be retained for
    /// another pass.
    #[track_caller]
    pub fn backward_with(
        &self,
        gradient: Option<&Tensor>,
        retain_graph: bool,
        create_graph: bool,
    ) -> Result<()> {
        backward::backward(&[self], &[gradient], retain_graph, create_graph)
    }

    /// Writes another tensor's numbers into this one's memory without recording: PyTorch's `.data.copy_()`.
    pub(crate) fn history(&self) -> History {
        if let Some(view) = &self.0.view
            && view.is_stale()
        {
            in_place::renew(self, view);
        }
        if self.0.changed.load(Ordering::Acquire) { lock(&self.0.now).clone() } else { self.0.made.clone() }
    }

    pub(crate) fn set_history(&self, history: History) {
        self.0.tracked.store(history.is_tracked(), Ordering::Relaxed);
        let old = std::mem::replace(&mut *lock(&self.0.now), history);
        self.0.changed.store(true, Ordering::Release);
        history::release(old);
    }

    pub(crate) fn view_of(&self) -> Option<&ViewOf> {
        self.0.view.as_deref()
    }

    pub(crate) fn array_ref(&self) -> &Array {
        &self.0.array
    }
}

impl ViewOf {
    fn is_stale(&self) -> bool {
        self.base.0.rebased.load(Ordering::Acquire) != self.seen.load(Ordering::Relaxed)
    }

    /// Notes that the history now is that of the base as it is.
    pub fn note_seen(&self, rebased: u64) {
        self.seen.store(rebased, Ordering::Relaxed);
    }
}

impl From<Array> for Tensor {
    fn from(array: Array) -> Tensor {
        Tensor::constant(array)
    }
}

impl From<Tensor> for cresset_ops::Operand<'_, Tensor> {
    fn from(value: Tensor) -> Self {
        cresset_ops::Operand::Owned(value)
    }
}

cresset_ops::operators!(Tensor);

impl fmt::Display for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = cresset_tensor::get_printoptions();
        let function = match self.history() {
            History::Constant => String::new(),
            History::Leaf(_) => "requires_grad=True".to_owned(),
            History::Computed(node, _) => format!("grad_fn=<{}>", node.name()),
        };
        let more: &[&str] = if function.is_empty() { &[] } else { &[&function] };
        f.write_str(&self.0.array.to_text_with(&options, more))
    }
}

impl fmt::Debug for Tensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Zeros of a shape, where a gradient is missing.
pub(crate) fn zeros(device: Device, shape: &Shape, dtype: DType) -> Result<Array> {
    // One number, seen as many: nothing is written.
    let zero = backend::filled("zeros", device, Shape::default(), dtype, Scalar::Int(0))?;
    zero.with_layout(zero.layout().expand(shape)?)
}
