//! Operations that the processor computes for a card: what is there is fetched, and the outputs are brought back.

use std::sync::Arc;

use cresset_ops::{Array, Op, Outputs, Result, execute as compute};

use crate::card::Card;

/// Applies an operation on the processor to arrays of a card.
pub fn execute(card: &Arc<Card>, op: &Op, inputs: &[&Array]) -> Result<Outputs<Array>> {
    let here = inputs.iter().map(|x| x.to_host()).collect::<Result<Vec<Array>>>()?;
    let outputs = compute(op, &here.iter().collect::<Vec<&Array>>())?;
    outputs.iter().map(|output| card.upload(output)).collect()
}
