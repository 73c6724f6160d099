//! How much is computed: the multiply-adds of products and convolutions, counted where operations are executed.

use std::cell::Cell;

use cresset_tensor::Array;

use crate::op::{Op, Role};

thread_local! {
    static MULTIPLY_ADDS: Cell<u64> = const { Cell::new(0) };
}

/// How many multiplications, each with an addition, the products and convolutions of this thread have made so far. How
/// many an operation makes is the difference of before and after.
///
/// Counted as the textbook does it, whatever the kernel does: `m·k·n` for a product of matrices, and for a convolution
/// every element of the kernel at every place of the output, also where it meets padding.
///
/// ```
/// use cresset_ops::{multiply_adds, prelude::*};
/// let before = multiply_adds();
/// Array::zeros([2, 3]).matmul(&Array::zeros([3, 4]))?;
/// assert_eq!(multiply_adds() - before, 2 * 3 * 4);
/// # Ok::<(), Error>(())
/// ```
pub fn multiply_adds() -> u64 {
    MULTIPLY_ADDS.get()
}

/// Counts an operation that was executed.
#[inline]
pub(crate) fn count(op: &Op, inputs: &[&Array], output: Option<&Array>) {
    // Most operations multiply no matrices, and are not to pay for those that do.
    if matches!(op, Op::Matmul | Op::Convolve(_))
        && let Some(output) = output
    {
        MULTIPLY_ADDS.set(MULTIPLY_ADDS.get().saturating_add(of(op, inputs, output)));
    }
}

/// Counts so many more.
pub(crate) fn count_product(multiply_adds: usize) {
    MULTIPLY_ADDS.set(MULTIPLY_ADDS.get().saturating_add(multiply_adds as u64));
}

#[cold]
fn of(op: &Op, inputs: &[&Array], output: &Array) -> u64 {
    let (Op::Convolve(_) | Op::Matmul, [a, b, ..]) = (op, inputs) else { return 0 };
    let Op::Convolve(convolution) = op else {
        // Every element of the output is a sum of as many products as the rows of the first are long.
        let inner = a.shape().last().copied().unwrap_or(1);
        return output.numel() as u64 * inner as u64;
    };
    // Of the three factors of a convolution one is the output, but the count is that of all: the image that windows make,
    // times what a window holds of the channels of its group.
    let (windows, kernel) = match convolution.role {
        Role::Output => (output, *b),
        Role::Input => (*b, *a),
        Role::Weight => (*b, output),
    };
    let rows = kernel.shape().first().copied().unwrap_or(1).max(1);
    windows.numel() as u64 * (kernel.numel() / rows) as u64
}
