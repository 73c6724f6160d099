//! Attention of many heads, and the transformer's layers and stacks.

mod attention;
mod decoder;
mod encoder;
mod feedforward;
mod masks;
mod whole;

pub use attention::{MultiheadAttention, MultiheadAttentionOptions};
pub use decoder::{DecoderMasks, TransformerDecoder, TransformerDecoderLayer};
pub use encoder::{EncoderMasks, TransformerEncoder, TransformerEncoderLayer};
pub use feedforward::TransformerActivation;
pub use masks::generate_square_subsequent_mask;
pub use whole::{Transformer, TransformerMasks};
