//! Views share memory on a card as anywhere; only where a reshape needs it there is a copy.

use std::sync::Arc;

use cresset_ops::{
    Array, Result,
    expr::{Expr, traced},
    op::Map,
    view::View,
};
use cresset_tensor::Layout;

use super::map;
use crate::card::Card;

/// The view of an array: the same memory, or a copy where a reshape needs one.
pub fn view(card: &Arc<Card>, view: &View, x: &Array) -> Result<Array> {
    match view.layout(x.layout())? {
        Some(layout) => x.with_layout(layout),
        None => {
            let shape = view.shape(x.layout())?;
            contiguous(card, x)?.with_layout(Layout::contiguous(shape))
        }
    }
}

fn identity() -> Map {
    Map::of(traced(1, 0, &|x: &[Expr], _: &[Expr]| x[0]), &[])
}

/// A row-major copy.
pub fn contiguous(card: &Arc<Card>, x: &Array) -> Result<Array> {
    map::one(card, &identity(), &[x])
}

/// Writes one array's elements over another's of the same shape.
pub fn assign(card: &Arc<Card>, name: &'static str, from: &Array, to: &Array) -> Result<()> {
    map::map_into(card, &identity(), &[from], &[to]).map_err(|error| error.of(name))
}
