//! Recurrent layers: RNN, LSTM, GRU, their cells, and sequences of different lengths.

mod cells;
mod formulas;
mod layers;
mod passes;
mod sequences;
mod stack;
mod sweep;
mod weights;

pub use cells::{GruCell, LstmCell, RnnCell};
pub use layers::{Gru, Lstm, Nonlinearity, Rnn};
pub use sequences::{
    Arranged, PackedSequence, PaddingSide, Sequences, pack_padded_sequence, pack_sequence,
    pad_packed_sequence, pad_packed_sequence_to, pad_sequence, pad_sequence_with, unpack_sequence,
    unpad_sequence,
};
