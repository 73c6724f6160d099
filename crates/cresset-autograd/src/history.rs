//! The graph: nodes that remember an operation and what its derivative needs.
//!
//! A node refers to the nodes its inputs came from, never the other way round, and keeps its own outputs as bare
//! arrays, so there are no circles. Chains may be a million long, so dropping one works without recursion.

use std::{
    borrow::Cow,
    cell::RefCell,
    panic::Location,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use cresset_ops::{Array, DType, Op, Shape, view::View};
use cresset_tensor::SharedLayout;
use smallvec::SmallVec;

use crate::{Tensor, custom::Backward, tensor::Hook};

/// How a tensor came to be.
#[derive(Clone, Default)]
pub(crate) enum History {
    /// By no operation that is recorded.
    #[default]
    Constant,
    /// Made by the user, to have a gradient.
    Leaf(Arc<Leaf>),
    /// As that output of a node.
    Computed(Arc<Node>, usize),
}

/// What a leaf collects.
#[derive(Default)]
pub(crate) struct Leaf {
    pub gradient: Mutex<Option<Tensor>>,
    pub hooks: Mutex<Vec<(u64, Hook)>>,
}

/// A recorded operation.
pub(crate) struct Node {
    /// Larger than that of every node its inputs came from.
    pub sequence: u64,
    pub kind: Kind,
    /// Where each input came from.
    pub edges: SmallVec<[Edge; 2]>,
    /// What the derivative needs.
    pub saved: Needed,
    /// What every output was like.
    pub outputs: SmallVec<[Meta; 1]>,
    /// The line that called the operation.
    pub location: &'static Location<'static>,
    /// Who wants to see the gradient of which output.
    pub watches: Watches,
}

/// Who wants to see the gradient of which output: mostly nobody, which is known without a lock.
#[derive(Default)]
pub(crate) struct Watches(OnceLock<Box<WatchList>>);

type WatchList = Mutex<Vec<(usize, Watch)>>;

impl Watches {
    /// The list, to be added to.
    pub fn list(&self) -> MutexGuard<'_, Vec<(usize, Watch)>> {
        lock(self.0.get_or_init(Box::default))
    }

    /// The list, if there ever was something in it.
    pub fn any(&self) -> Option<MutexGuard<'_, Vec<(usize, Watch)>>> {
        self.0.get().map(|list| lock(list))
    }
}

/// What a node's derivative is.
pub(crate) enum Kind {
    /// That of an operation.
    Op(Op),
    /// That of what an operation is the adjoint of: this operation.
    Adjoint(Op),
    /// A user's.
    Custom(Box<dyn Backward>),
}

/// Who wants to see a gradient.
#[derive(Clone)]
pub(crate) enum Watch {
    /// A hook, which may replace it.
    Hook(u64, Hook),
    /// A tensor that keeps it.
    Keep(Arc<Leaf>),
}

/// Where an input came from, and what its gradient must look like.
pub(crate) struct Edge {
    pub to: History,
    /// What the input was like, where it was not like the node's first output, or did not lie as that.
    pub meta: Option<Meta>,
}

/// What an input or output was like.
#[derive(Clone)]
pub(crate) struct Meta {
    layout: SharedLayout,
    /// The kind of its numbers.
    pub dtype: DType,
}

impl Meta {
    /// Of an array.
    #[inline]
    pub fn of(array: &Array) -> Meta {
        Meta { layout: array.shared_layout().clone(), dtype: array.dtype() }
    }

    /// The size of every dimension.
    #[inline]
    pub fn shape(&self) -> &Shape {
        self.layout.shape()
    }

    /// Do columns of matrices lie in memory one after another, as in a linear map's weight that is transposed?
    #[inline]
    pub fn is_transposed(&self) -> bool {
        let strides = self.layout.strides();
        matches!(strides[..], [.., 1, columns] if columns > 1)
    }

    /// Is an array like this, and does it lie as this does?
    #[inline]
    pub fn lies_as(&self, array: &Array) -> bool {
        let same = || self.shape() == array.shape() && self.layout.strides() == array.strides();
        self.dtype == array.dtype() && (self.layout.is_same(array.shared_layout()) || same())
    }

    /// Is an array like this?
    #[inline]
    pub fn is_of(&self, array: &Array) -> bool {
        self.dtype == array.dtype()
            && (self.layout.is_same(array.shared_layout()) || self.shape() == array.shape())
    }
}

/// What a derivative needs: only what it does, each with its number.
#[derive(Default)]
pub(crate) struct Saved {
    pub inputs: SmallVec<[(usize, Kept<Tensor>); 2]>,
    pub outputs: SmallVec<[(usize, Kept<Array>); 1]>,
}

/// What is saved, until a backward pass that does not retain the graph has used it.
pub(crate) struct Needed {
    /// Where nothing is saved: whether it was used.
    used: AtomicBool,
    saved: Option<Box<Mutex<Option<Saved>>>>,
}

impl Needed {
    /// Nothing.
    pub fn nothing() -> Needed {
        Needed { used: AtomicBool::new(false), saved: None }
    }

    pub fn new(saved: Saved) -> Needed {
        Needed { used: AtomicBool::new(false), saved: Some(Box::new(Mutex::new(Some(saved)))) }
    }

    /// Uses it, if it is anything; `None` where it was used up.
    pub fn with<R>(&self, retain: bool, f: impl FnOnce(Option<&Saved>) -> R) -> Option<R> {
        let Some(saved) = &self.saved else {
            if self.used.load(Ordering::Relaxed) {
                return None;
            }
            self.used.store(!retain, Ordering::Relaxed);
            return Some(f(None));
        };
        let mut place = lock(saved);
        if retain {
            return place.as_ref().map(|saved| f(Some(saved)));
        }
        let taken = place.take()?;
        drop(place);
        Some(f(Some(&taken)))
    }
}

/// A value, and which version of its memory it was.
pub(crate) struct Kept<T> {
    pub value: T,
    pub version: u64,
}

static SEQUENCE: AtomicU64 = AtomicU64::new(1);

/// A number larger than all before.
#[inline]
pub(crate) fn next_sequence() -> u64 {
    SEQUENCE.fetch_add(1, Ordering::Relaxed)
}

/// Locks; a panic elsewhere leaves nothing of ours half done.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl History {
    /// Is there anything a gradient could flow to?
    pub fn is_tracked(&self) -> bool {
        !matches!(self, History::Constant)
    }
}

impl Kind {
    /// Of an operation whose first input is such. A geometry over memory means nothing without that memory's: of a
    /// view by it, the layout of what was seen is remembered; where it is written through, it is counted from where
    /// what is written begins.
    pub fn of(op: Op, first: &Array) -> Kind {
        match op {
            Op::View(view @ View::AsStrided { .. }) => {
                Kind::Adjoint(Op::Unview { view, base: first.layout().clone().into() })
            }
            Op::Overwrite(View::AsStrided { shape, strides, offset }) => {
                let offset = offset.saturating_sub(first.offset());
                Kind::Op(Op::Overwrite(View::AsStrided { shape, strides, offset }))
            }
            op => Kind::Op(op),
        }
    }
}

impl Node {
    /// What an input was like.
    pub fn input_meta(&self, i: usize) -> &Meta {
        self.edges[i].meta.as_ref().unwrap_or(&self.outputs[0])
    }

    /// The name of the operation.
    pub fn name(&self) -> &'static str {
        match &self.kind {
            Kind::Op(op) => op.name(),
            Kind::Adjoint(Op::Unview { view, .. }) => view.name(),
            Kind::Adjoint(op) => op.name(),
            Kind::Custom(function) => function.name(),
        }
    }

    /// Its operation's name in a profile.
    pub fn label(&self) -> Cow<'static, str> {
        match &self.kind {
            Kind::Op(op) => op.label(),
            Kind::Adjoint(_) | Kind::Custom(_) => self.name().into(),
        }
    }
}

thread_local! {
    /// Histories waiting to be dropped: `None` while nobody is dropping.
    static DROPPING: RefCell<Option<Vec<History>>> = const { RefCell::new(None) };
}

/// Drops a history without recursion, however long the chain behind it is.
pub(crate) fn release(history: History) {
    let History::Computed(node, _) = &history else { return };
    // Somebody else has it still, and will release it in turn: nothing to wait for. (Where that one lets go at the same
    // moment, the node is dropped here after all, and what it holds comes back here.)
    if Arc::strong_count(node) > 1 {
        return;
    }
    let alone = DROPPING.try_with(|dropping| {
        let mut dropping = dropping.borrow_mut();
        match &mut *dropping {
            Some(waiting) => {
                waiting.push(history);
                None
            }
            None => {
                *dropping = Some(Vec::new());
                Some(history)
            }
        }
    });
    let Ok(Some(mut next)) = alone else { return };
    loop {
        let waiting = || {
            DROPPING.with_borrow_mut(|dropping| {
                let next = dropping.as_mut().and_then(Vec::pop);
                if next.is_none() {
                    *dropping = None;
                }
                next
            })
        };
        match clear(next).or_else(waiting) {
            Some(other) => next = other,
            None => return,
        }
    }
}

/// So many nodes' memory is kept by a thread.
const SPARE: usize = 256;

thread_local! {
    /// Cleared nodes, whose memory is used again: it is larger than what an allocator has at hand by the hundred, and
    /// taking and giving back one for each operation was a tenth of a small one's cost.
    static CLEARED: RefCell<Vec<Arc<Node>>> = const { RefCell::new(Vec::new()) };
}

/// Drops what a node holds, if nobody else has it: its first edge is returned, to go on with; other edges and saved tensors
/// come back to [`release`] and wait.
fn clear(history: History) -> Option<History> {
    let History::Computed(mut node, _) = history else { return None };
    let own = Arc::get_mut(&mut node)?;
    let first = own.edges.iter_mut().find(|edge| matches!(edge.to, History::Computed(..)));
    let first = first.map(|edge| std::mem::take(&mut edge.to));
    own.edges.clear();
    own.outputs.clear();
    own.kind = Kind::Op(Op::Matmul);
    own.saved = Needed::nothing();
    own.watches = Watches::default();
    // Where the thread is about to end, the node's memory is dropped as well.
    let _ = CLEARED.try_with(|cleared| {
        let mut cleared = cleared.borrow_mut();
        if cleared.len() < SPARE {
            cleared.push(node);
        }
    });
    first
}

impl Node {
    /// To be shared.
    pub fn shared(self) -> Arc<Node> {
        let cleared = CLEARED.try_with(|cleared| cleared.borrow_mut().pop());
        if let Ok(Some(mut cleared)) = cleared
            && let Some(place) = Arc::get_mut(&mut cleared)
        {
            *place = self;
            return cleared;
        }
        Arc::new(self)
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        release(std::mem::take(&mut self.to));
    }
}
