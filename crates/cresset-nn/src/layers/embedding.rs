//! Tables of vectors, looked up by index, one by one or in bags.

use cresset_autograd::{Apply, Error, Result, Tensor, no_grad};
pub use cresset_ops::methods::BagMode;
use cresset_ops::methods::{EmbeddingBagOptions, EmbeddingOptions, prelude::*};

use crate::{Layer, Module, Parameter, entering, print};

/// Where the table came from, which decides what becomes of the row of padding.
#[derive(Clone, Copy, PartialEq)]
enum Origin {
    /// Drawn: the row of padding is zero.
    Drawn,
    /// Given: every row stays.
    Given,
}

/// The settings both kinds have.
struct Settings {
    name: &'static str,
    num_embeddings: usize,
    embedding_dim: usize,
    origin: Origin,
    options: EmbeddingOptions,
}

impl Settings {
    #[track_caller]
    #[inline]
    fn drawn(name: &'static str, num_embeddings: usize, embedding_dim: usize) -> (Parameter, Settings) {
        let weight = Parameter::of(Tensor::randn_with([num_embeddings, embedding_dim], ()));
        let (origin, options) = (Origin::Drawn, EmbeddingOptions::default());
        (weight, Settings { name, num_embeddings, embedding_dim, origin, options })
    }

    #[track_caller]
    #[inline]
    fn given(name: &'static str, table: Tensor) -> (Parameter, Settings) {
        let (made, [num_embeddings, embedding_dim]) = match table.shape()[..] {
            [rows, columns] => (Ok(table), [rows, columns]),
            _ => {
                let why =
                    format!("the table must have 2 dimensions (rows, columns), not shape {}", table.shape());
                (Err(Error::shape(name, why)), [0, 0])
            }
        };
        let (origin, options) = (Origin::Given, EmbeddingOptions::default());
        let weight = frozen(Parameter::of(made), true);
        (weight, Settings { name, num_embeddings, embedding_dim, origin, options })
    }

    /// Sets the row of padding, and makes it zero in a table that was drawn.
    #[track_caller]
    #[inline]
    fn pad(&mut self, weight: &mut Parameter, padding_idx: Option<i64>) {
        let rows = self.num_embeddings as i64;
        let Some(row) = padding_idx else {
            self.options.padding_idx = None;
            return;
        };
        if row < -rows || row >= rows {
            let why = format!("padding_idx {row} is not one of {rows} rows");
            *weight = Parameter::of(Err(Error::index(self.name, why)));
            return;
        }
        let row = if row < 0 { row + rows } else { row };
        self.options.padding_idx = Some(row);
        if self.origin == Origin::Drawn
            && let Err(error) = no_grad(|| weight.get()?.select(0, row)?.zero_().map(drop))
        {
            *weight = Parameter::of(Err(error));
        }
    }

    #[inline]
    fn extra(&self, middle: &str) -> String {
        let EmbeddingOptions { padding_idx, max_norm, norm_type, scale_grad_by_freq } = self.options;
        let mut text = format!("{}, {}", self.num_embeddings, self.embedding_dim);
        let padding = padding_idx.map(|row| format!(", padding_idx={row}")).unwrap_or_default();
        if middle.is_empty() {
            text += &padding;
        }
        if let Some(limit) = max_norm {
            text += &format!(", max_norm={}", print::float(limit));
        }
        if norm_type != 2.0 {
            text += &format!(", norm_type={}", print::float(norm_type));
        }
        if scale_grad_by_freq {
            text += ", scale_grad_by_freq=True";
        }
        text += middle;
        if !middle.is_empty() {
            text += &padding;
        }
        text
    }
}

/// The parameter, trained or not.
#[track_caller]
#[inline]
fn frozen(weight: Parameter, freeze: bool) -> Parameter {
    match weight.get().and_then(|tensor| tensor.set_requires_grad(!freeze)) {
        Ok(()) => weight,
        Err(error) => Parameter::of(Err(error)),
    }
}

macro_rules! both {
    ($name:ident $($field:ident: $default:expr),*) => {
        /// A table of `num_embeddings` rows of `embedding_dim` numbers, drawn from the standard normal distribution.
        #[track_caller]
        #[inline]
        pub fn new(num_embeddings: usize, embedding_dim: usize) -> $name {
            let (weight, settings) = Settings::drawn(stringify!($name), num_embeddings, embedding_dim);
            $name { weight, settings, $($field: $default),* }
        }

        /// A table that is there already, and is not trained unless [`freeze(false)`](Self::freeze) is said.
        #[track_caller]
        #[inline]
        pub fn from_pretrained(embeddings: Tensor) -> $name {
            let (weight, settings) = Settings::given(stringify!($name), embeddings);
            $name { weight, settings, $($field: $default),* }
        }

        /// Whether the table is left as it is in training.
        #[track_caller]
        #[inline]
        pub fn freeze(mut self, freeze: bool) -> $name {
            self.weight = frozen(self.weight, freeze);
            self
        }

        /// Rows looked up that are longer are first scaled to this norm, in place; none is unless said.
        pub fn max_norm(mut self, max_norm: impl Into<Option<f64>>) -> $name {
            self.settings.options.max_norm = max_norm.into();
            self
        }

        /// The `p` of that norm; 2 unless said.
        #[inline]
        pub fn norm_type(mut self, norm_type: f64) -> $name {
            self.settings.options.norm_type = norm_type;
            self
        }

        /// Whether each row's gradient is divided by how often it was looked up; it is not unless said.
        #[inline]
        pub fn scale_grad_by_freq(mut self, scale: bool) -> $name {
            self.settings.options.scale_grad_by_freq = scale;
            self
        }

        /// Gradients here are dense: `sparse(true)` is refused.
        #[track_caller]
        #[inline]
        pub fn sparse(mut self, sparse: bool) -> $name {
            if sparse {
                let why = "gradients are dense here; leave sparse out, and the numbers are the same";
                self.weight = Parameter::of(Err(Error::argument(stringify!($name), why)));
            }
            self
        }
    };
}

/// The rows of a table at indices: words as vectors.
///
/// ```
/// use cresset_nn::prelude::*;
/// let words = Embedding::new(10, 3).padding_idx(0);
/// let y = words.forward(&Tensor::new([[0i64, 4], [5, 9]]))?;
/// assert_eq!(y.shape(), &[2, 2, 3]);
/// assert_eq!(y.i((0, 0))?.to_vec::<f32>()?, [0.0; 3]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(extra)]
pub struct Embedding {
    /// `[num_embeddings, embedding_dim]`.
    pub weight: Parameter,
    #[module(skip)]
    settings: Settings,
}

impl Embedding {
    both!(Embedding);

    /// A row that is zero at first and gets no gradient; negative counts from the end.
    #[track_caller]
    pub fn padding_idx(mut self, padding_idx: impl Into<Option<i64>>) -> Embedding {
        self.settings.pad(&mut self.weight, padding_idx.into());
        self
    }

    #[inline]
    fn extra(&self) -> String {
        self.settings.extra("")
    }
}

impl Layer for Embedding {
    /// The rows at these indices, which are integers of any shape.
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(x.embedding_with(self.weight.get()?, self.settings.options))
    }
}

/// The sum, the mean or the maximum of the rows of a table at bags of indices.
///
/// ```
/// use cresset_nn::prelude::*;
/// let bags = EmbeddingBag::from_pretrained(Tensor::new([[1.0, 0.0], [3.0, 2.0]]));
/// let y = bags.forward(&Tensor::new([[0i64, 1], [1, 1]]))?;
/// assert_eq!(y.to_vec::<f64>()?, [2.0, 1.0, 3.0, 2.0]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Module)]
#[module(extra)]
pub struct EmbeddingBag {
    /// `[num_embeddings, embedding_dim]`.
    pub weight: Parameter,
    #[module(skip)]
    settings: Settings,
    #[module(skip)]
    mode: BagMode,
    include_last_offset: bool,
}

impl EmbeddingBag {
    both!(EmbeddingBag mode: BagMode::Mean, include_last_offset: false);

    /// A row that counts in no bag, is zero at first and gets no gradient; negative counts from the end.
    #[track_caller]
    pub fn padding_idx(mut self, padding_idx: impl Into<Option<i64>>) -> EmbeddingBag {
        self.settings.pad(&mut self.weight, padding_idx.into());
        self
    }

    /// How the rows of a bag become one; their mean unless said.
    #[inline]
    pub fn mode(self, mode: BagMode) -> EmbeddingBag {
        EmbeddingBag { mode, ..self }
    }

    /// Whether the last offset is the end of the last bag; it is not unless said.
    #[inline]
    pub fn include_last_offset(self, include: bool) -> EmbeddingBag {
        EmbeddingBag { include_last_offset: include, ..self }
    }

    /// With where each bag starts, for indices of one dimension, and with a factor for each row, for sums.
    #[track_caller]
    #[inline]
    pub fn forward_with(
        &self,
        x: &Tensor,
        offsets: Option<&Tensor>,
        per_sample_weights: Option<&Tensor>,
    ) -> Result<Tensor> {
        let boundary = entering(self);
        let EmbeddingOptions { padding_idx, max_norm, norm_type, scale_grad_by_freq } = self.settings.options;
        let options = EmbeddingBagOptions {
            offsets,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            mode: self.mode,
            per_sample_weights,
            include_last_offset: self.include_last_offset,
            padding_idx,
        };
        boundary.gives(x.embedding_bag(self.weight.get()?, options))
    }

    #[inline]
    fn extra(&self) -> String {
        let mode = match self.mode {
            BagMode::Sum => "sum",
            BagMode::Mean => "mean",
            BagMode::Max => "max",
        };
        self.settings.extra(&format!(", mode='{mode}'"))
    }
}

impl Layer for EmbeddingBag {
    /// Every row of indices of two dimensions is a bag.
    #[track_caller]
    #[inline]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(self.forward_with(x, None, None))
    }
}
