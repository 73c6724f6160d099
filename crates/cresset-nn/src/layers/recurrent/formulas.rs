//! What a recurrent layer computes at one place and time, as formulas: forward, and backward in terms of what forward
//! kept. Those of a whole layer, of a cell, and of a recorded derivative are all these.

use cresset_autograd::{Expr, select};

/// Which recurrence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `tanh`, or `relu`, of one sum.
    Tanh,
    Relu,
    Lstm,
    Gru,
}

impl Kind {
    /// How many sums of the hidden size there are at each time.
    pub const fn gates(self) -> usize {
        match self {
            Kind::Tanh | Kind::Relu => 1,
            Kind::Lstm => 4,
            Kind::Gru => 3,
        }
    }

    /// Does it have a memory cell besides the hidden state?
    pub const fn has_cell(self) -> bool {
        matches!(self, Kind::Lstm)
    }

    /// In messages.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Tanh | Kind::Relu => "rnn",
            Kind::Lstm => "lstm",
            Kind::Gru => "gru",
        }
    }
}

/// Of the hidden state's part and the input's part.
pub fn tanh(x: &[Expr]) -> Expr {
    (x[0] + x[1]).tanh()
}

/// As [`tanh`], of the other nonlinearity.
pub fn relu(x: &[Expr]) -> Expr {
    let sum = x[0] + x[1];
    // NaN stays NaN, as in PyTorch.
    select(sum.le(0.0), 0.0, sum)
}

/// Of the gradient of the output (two parts) and the output: that of the sum.
pub fn tanh_backward(x: &[Expr]) -> [Expr; 1] {
    [(x[0] + x[1]) * (1.0 - x[2] * x[2])]
}

/// As [`tanh_backward`], of the other nonlinearity.
pub fn relu_backward(x: &[Expr]) -> [Expr; 1] {
    [select(x[2].le(0.0), 0.0, x[0] + x[1])]
}

/// Of four gates (input, forget, cell, output) the hidden state's and the input's parts, and the cell: the gates, the new
/// cell and the new hidden state.
pub fn lstm(x: &[Expr]) -> [Expr; 6] {
    let sum = |k: usize| x[k] + x[4 + k];
    let (i, f, g, o) = (sum(0).sigmoid(), sum(1).sigmoid(), sum(2).tanh(), sum(3).sigmoid());
    let c = f * x[8] + i * g;
    [i, f, g, o, c, o * c.tanh()]
}

/// Of the gradients of the new hidden state (two parts) and of the new cell, the gates, and the cell before: the gradients
/// of the four sums and of the cell before.
pub fn lstm_backward(x: &[Expr]) -> [Expr; 5] {
    let [dh, dy, dc, i, f, g, o, before] = [x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]];
    let t = (f * before + i * g).tanh();
    let dh = dh + dy;
    let dc = dc + dh * o * (1.0 - t * t);
    [
        dc * g * i * (1.0 - i),
        dc * before * f * (1.0 - f),
        dc * i * (1.0 - g * g),
        dh * t * o * (1.0 - o),
        dc * f,
    ]
}

/// Of three gates (reset, update, new) the hidden state's and the input's parts, the bias of the last gate's first part,
/// and the hidden state: the two gates, the new value, what the reset gate scales, and the new hidden state.
pub fn gru(x: &[Expr]) -> [Expr; 5] {
    let r = (x[0] + x[3]).sigmoid();
    let z = (x[1] + x[4]).sigmoid();
    let inner = x[2] + x[6];
    let n = (x[5] + r * inner).tanh();
    [r, z, n, inner, n + z * (x[7] - n)]
}

/// Of the gradient of the new hidden state (three parts), what [`gru`] gave first, and the hidden state before: the
/// gradients of the sums of reset, update and new, of their hidden state's parts, and of the hidden state where it was kept.
pub fn gru_backward(x: &[Expr]) -> [Expr; 7] {
    let [dh, dy, handed, r, z, n, inner, before] = [x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7]];
    let dh = dh + dy + handed;
    let dn = dh * (1.0 - z) * (1.0 - n * n);
    let (dr, dz) = (dn * inner * r * (1.0 - r), dh * (before - n) * z * (1.0 - z));
    [dr, dz, dn, dr, dz, dn * r, dh * z]
}
