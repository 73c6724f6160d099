//! The vocabulary: every operation there is, as plain data. What each means is said by its interpreters.

use std::borrow::Cow;

use cresset_tensor::{DType, Device, Layout, Scalar, Shape};
use smallvec::SmallVec;

use crate::{expr::SharedProgram, view::View};

/// Names the variants of an enum with data, and lists the names: what is to be done for each of them is done by a
/// `match` over the names, so that none can be left out.
macro_rules! kinds {
    ($(#[$doc:meta])* $name:ident of $of:ident { $($variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[allow(missing_docs, reason = "each is described where it has its data")]
        pub enum $name {
            $($variant,)*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &[$name] = &[$($name::$variant,)*];
        }

        impl $of {
            /// Which of them, without its arguments.
            pub const fn kind(&self) -> $name {
                match self {
                    $($of::$variant { .. } => $name::$variant,)*
                }
            }
        }
    };
}

/// An enum without data, and the list of its variants.
macro_rules! listed {
    ($(#[$doc:meta])* pub enum $name:ident { $($(#[$about:meta])* $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum $name {
            $($(#[$about])* $variant,)*
        }

        impl $name {
            /// Every one of them.
            pub const ALL: &[$name] = &[$($name::$variant,)*];
        }
    };
}

pub(crate) use kinds;

/// A few dimensions or sizes.
pub type List = SmallVec<[usize; 4]>;
/// The runtime numbers of a formula.
pub type Numbers = SmallVec<[Scalar; 2]>;

/// An operation. Interpreters match on it exhaustively, so that the compiler lists what a new one still owes.
///
/// Operations are moved and remembered by the thousand, so what is large lies in a box.
#[derive(Clone, Debug)]
pub enum Op {
    /// A formula for each element of inputs that broadcast together: `n` inputs, any number of outputs.
    Map(Map),
    /// A reduction of one input over dimensions; where there is a formula, of its value over several inputs.
    Reduce(Box<Reduce>),
    /// Running totals along a dimension: one output, or values and indices for the running extremes.
    Scan {
        /// Of what.
        kind: Scan,
        /// Along which dimension.
        dim: usize,
    },
    /// The same memory seen otherwise (a copy where a reshape needs one).
    View(View),
    /// The adjoint of a view: zeros of the base's layout, to which the input is added through the view.
    Unview {
        /// The view.
        view: View,
        /// The layout of what the view was taken of.
        base: Box<Layout>,
    },
    /// `(base, source)`: the base with what the view shows of it replaced by the source.
    Overwrite(View),
    /// All inputs one after the other along a dimension.
    Concat {
        /// Along which dimension.
        dim: usize,
    },
    /// `[…, m, k] @ […, k, n]`: the last two dimensions multiply, those before broadcast. A third input of `n` numbers is
    /// added to every row.
    Matmul,
    /// One of the three products of the trilinear form of convolution. A third input is added to the output's channels
    /// ([`Role::Output`] alone takes it).
    Convolve(Box<Convolution>),
    /// The largest of every window, and where in the (flattened) input it lies: two outputs.
    MaxPool(Box<Window>),
    /// `(x, index)`: `index` of one dimension picks along `dim`.
    IndexSelect {
        /// Along which dimension.
        dim: usize,
    },
    /// `(x, index, source)`: the slices of `source` combined into `x` at the places of `index` along `dim`.
    IndexPut {
        /// Along which dimension.
        dim: usize,
        /// How old and new combine.
        combine: Combine,
    },
    /// `(x, index)`: `y[…, i, …] = x[…, index[…, i, …], …]`, index and result of one shape.
    Gather {
        /// Along which dimension.
        dim: usize,
    },
    /// `(x, index, source)`: the inverse of gather, `source` combined into `x`.
    Scatter {
        /// Along which dimension.
        dim: usize,
        /// How old and new combine.
        combine: Combine,
    },
    /// Sorted along a dimension, equals in their order; and where each came from: two outputs.
    Sort {
        /// Along which dimension.
        dim: usize,
        /// Largest first.
        descending: bool,
    },
    /// The `k` largest or smallest along a dimension, in order; and where each came from: two outputs.
    TopK {
        /// How many.
        k: usize,
        /// Along which dimension.
        dim: usize,
        /// The largest, or the smallest.
        largest: bool,
    },
    /// `(sorted, values)`: where in the sorted last dimension each value would go.
    SearchSorted {
        /// After equals instead of before.
        right: bool,
    },
    /// `eˣ/Σeˣ` along a dimension, or its logarithm.
    Softmax {
        /// Along which dimension.
        dim: usize,
        /// The logarithm of it.
        log: bool,
    },
    /// `(x, target)`: the loss of logits `[n, c]` against `n` classes, and its derivative by the logits: two outputs.
    CrossEntropy {
        /// Targets of this class count as if they were not there.
        ignore: i64,
        /// The mean of the rows' losses instead of their sum.
        mean: bool,
    },
    /// Every row of the last `dims` dimensions with mean 0 and variance 1; also mean and 1/deviation: three outputs.
    Normalize {
        /// How many of the last dimensions make a row.
        dims: usize,
        /// Added to the variance.
        epsilon: f64,
    },
    /// `(query […, l, d], key […, s, d], value […, s, e], mask)`: `softmax(scale·q·kᵀ + mask)·v`, and of every query the
    /// logarithm of the sum of its exponentials (in f32 at least): two outputs. A mask may be missing, and says otherwise
    /// where a query may look, or what is added to its products. A query that may look nowhere gives zeros, and `-∞`.
    Attention {
        /// Whether query `i` looks at keys `0..=i` alone.
        causal: bool,
        /// The factor of the products.
        scale: f64,
    },
    /// `(query, key, value, logarithm, projection, dy, mask)`: what attention's output hands back to query, key and value,
    /// of the output's gradient `[…, l, e]`, the second output, and what each query's weights have in common, `Σ dy·y`:
    /// three outputs. With the weights `p = exp(scale·q·kᵀ + mask - logarithm)` and the slopes
    /// `g = scale·p·(dy·vᵀ - projection)` these are `g·k`, `gᵀ·q` and `pᵀ·dy`, over the batch of all.
    AttentionBackward {
        /// As of the attention.
        causal: bool,
        /// As of the attention.
        scale: f64,
    },
    /// The same numbers on another device.
    ToDevice {
        /// Where they are.
        from: Device,
        /// Where they shall be.
        to: Device,
    },
}

kinds! {
    /// An operation without its arguments.
    Kind of Op {
        Map, Reduce, Scan, View, Unview, Overwrite, Concat, Matmul, Convolve, MaxPool, IndexSelect, IndexPut, Gather, Scatter, Sort, TopK, SearchSorted, Softmax, CrossEntropy, Normalize, Attention, AttentionBackward, ToDevice,
    }
}

/// A formula with its runtime numbers.
#[derive(Clone, Debug)]
pub struct Map {
    /// The formula.
    pub program: SharedProgram,
    /// Its runtime numbers.
    pub numbers: Numbers,
    /// The output's shape where the inputs do not tell it (they broadcast to it).
    pub shape: Option<Box<Shape>>,
}

impl Map {
    /// A formula whose inputs tell the output's shape.
    pub fn of(program: SharedProgram, numbers: &[Scalar]) -> Map {
        Map { program, numbers: Numbers::from_slice(numbers), shape: None }
    }
}

/// A reduction.
#[derive(Clone, Debug)]
pub struct Reduce {
    /// Of what.
    pub kind: Reduction,
    /// Over which dimensions, ascending; none is every dimension kept.
    pub dims: List,
    /// Whether reduced dimensions stay, with size one.
    pub keepdim: bool,
    /// What is reduced, of the inputs broadcast together; without one, the only input.
    pub map: Option<Map>,
}

listed! {
    /// What a reduction computes.
    pub enum Reduction {
        /// The sum; of integers and `bool` as `int64`.
        Sum,
        /// The product; of integers and `bool` as `int64`.
        Prod,
        /// The largest; NaN if there is one.
        Max,
        /// The smallest; NaN if there is one.
        Min,
        /// Where the first largest lies, over exactly one dimension.
        ArgMax,
        /// Where the first smallest lies, over exactly one dimension.
        ArgMin,
        /// Is any not zero?
        Any,
        /// Is none zero?
        All,
    }
}

listed! {
    /// What a scan computes.
    pub enum Scan {
        /// Running sum; of integers and `bool` as `int64`.
        Sum,
        /// Running product; of integers and `bool` as `int64`.
        Prod,
        /// Running `log Σ eˣ`.
        LogSumExp,
        /// Running maximum, and where it lies (the last of equals).
        Max,
        /// Running minimum, and where it lies (the last of equals).
        Min,
    }
}

listed! {
    /// How a value is combined with what is there.
    pub enum Combine {
        /// It takes its place (the last of several wins).
        Set,
        /// Their sum.
        Add,
        /// Their product.
        Mul,
        /// The larger.
        Max,
        /// The smaller.
        Min,
    }
}

/// The trilinear form of convolution, `Σ y[n,o,p]·w[o,c,q]·x[n,c, p·stride + q·dilation − padding]`, has three
/// partial products, each of which is a derivative of the others. `x` is `[n, c, …]`, `w` is `[o, c/groups, …]`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Convolution {
    /// Which of the three is the output; the other two are the inputs, in the order x, w, y.
    pub role: Role,
    /// For each spatial dimension, how far windows are apart.
    pub stride: List,
    /// For each spatial dimension, how many zeros are thought on both sides.
    pub padding: List,
    /// For each spatial dimension, how far the elements of a window are apart.
    pub dilation: List,
    /// Into how many independent groups the channels fall.
    pub groups: usize,
    /// The spatial sizes of the output, which the inputs do not tell for `Input` and `Weight`.
    pub output: List,
}

listed! {
    /// Which factor of a convolution is computed.
    pub enum Role {
        /// `y` of `(x, w)`: convolution.
        Output,
        /// `x` of `(w, y)`: transposed convolution.
        Input,
        /// `w` of `(x, y)`.
        Weight,
    }
}

/// The windows of a pool, over the last dimensions.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Window {
    /// The sizes of a window.
    pub kernel: List,
    /// How far windows are apart.
    pub stride: List,
    /// How many places are thought on both sides.
    pub padding: List,
    /// How far the elements of a window are apart.
    pub dilation: List,
    /// Whether a window that starts inside but ends outside counts.
    pub ceil: bool,
}

impl Op {
    /// Its name in messages, PyTorch's where there is one.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Map(map) => map.program.name(),
            Op::Reduce(reduce) => reduce.kind.name(),
            Op::Scan { kind, .. } => kind.name(),
            Op::View(view) => view.name(),
            Op::Unview { .. } => "unview",
            Op::Overwrite(_) => "overwrite",
            Op::Concat { .. } => "cat",
            Op::Matmul => "matmul",
            Op::Convolve(convolution) => match convolution.role {
                Role::Output => "conv",
                Role::Input => "conv_transpose",
                Role::Weight => "conv_weight",
            },
            Op::MaxPool(_) => "max_pool",
            Op::IndexSelect { .. } => "index_select",
            Op::IndexPut { .. } => "index_put",
            Op::Gather { .. } => "gather",
            Op::Scatter { .. } => "scatter",
            Op::Sort { .. } => "sort",
            Op::TopK { .. } => "topk",
            Op::SearchSorted { .. } => "searchsorted",
            Op::Softmax { log: false, .. } => "softmax",
            Op::Softmax { log: true, .. } => "log_softmax",
            Op::CrossEntropy { .. } => "cross_entropy",
            Op::Normalize { .. } => "layer_norm",
            Op::Attention { .. } => "scaled_dot_product_attention",
            Op::AttentionBackward { .. } => "scaled_dot_product_attention_backward",
            Op::ToDevice { .. } => "to_device",
        }
    }

    /// Its name in a profile: a formula's is that of the method which wrote it, if it is not one primitive.
    pub fn label(&self) -> Cow<'static, str> {
        if let Op::Map(map) = self {
            return map.program.label().into();
        }
        if let Op::Reduce(reduce) = self
            && let Some(map) = &reduce.map
            && !map.program.is_identity()
        {
            return format!("{}({})", reduce.kind.name(), map.program.label()).into();
        }
        self.name().into()
    }
}

impl Reduction {
    /// PyTorch's name.
    pub const fn name(self) -> &'static str {
        match self {
            Reduction::Sum => "sum",
            Reduction::Prod => "prod",
            Reduction::Max => "amax",
            Reduction::Min => "amin",
            Reduction::ArgMax => "argmax",
            Reduction::ArgMin => "argmin",
            Reduction::Any => "any",
            Reduction::All => "all",
        }
    }

    /// The dtype of the result.
    pub const fn dtype(self, input: DType) -> DType {
        match self {
            Reduction::Sum | Reduction::Prod => total(input),
            Reduction::Max | Reduction::Min => input,
            Reduction::ArgMax | Reduction::ArgMin => DType::I64,
            Reduction::Any | Reduction::All => DType::Bool,
        }
    }

    /// Has it a value where there is nothing to reduce?
    pub const fn has_identity(self) -> bool {
        match self {
            Reduction::Sum | Reduction::Prod | Reduction::Any | Reduction::All => true,
            Reduction::Max | Reduction::Min | Reduction::ArgMax | Reduction::ArgMin => false,
        }
    }
}

impl Scan {
    /// PyTorch's name.
    pub const fn name(self) -> &'static str {
        match self {
            Scan::Sum => "cumsum",
            Scan::Prod => "cumprod",
            Scan::LogSumExp => "logcumsumexp",
            Scan::Max => "cummax",
            Scan::Min => "cummin",
        }
    }

    /// The dtype of the values.
    pub const fn dtype(self, input: DType) -> DType {
        match self {
            Scan::Sum | Scan::Prod => total(input),
            Scan::LogSumExp | Scan::Max | Scan::Min => input,
        }
    }
}

/// The dtype in which numbers of a dtype are totalled.
const fn total(dtype: DType) -> DType {
    if dtype.is_float() { dtype } else { DType::I64 }
}
