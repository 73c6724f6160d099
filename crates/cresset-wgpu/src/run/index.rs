//! Reading at indices along one dimension: `gather`, and `index_select`, which is a gather by an index that is the same for
//! whole slices.

use std::sync::Arc;

use cresset_ops::{Array, Error, Result, Shape};
use cresset_tensor::{Layout, Strides};

use super::map::{GROUP, GROUPS};
use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::buffer,
    stream::PARAMETERS,
    wgsl::{
        Writer,
        bits::{Bits, pack_into, sweep},
        param,
        place::{Way, Ways, ways_of},
    },
};

/// What the kernel depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    bits: Bits,
    /// Of the index, then of the array without the dimension that is picked along.
    ways: Ways,
}

/// A layout over a shape with some strides, whoever's it is.
pub fn over(shape: &Shape, strides: impl Iterator<Item = isize>, offset: usize) -> Layout {
    let strides: Strides = strides.take(shape.rank()).collect();
    Layout::new(shape.clone(), strides, offset)
}

/// An array's layout over a shape that covers its other dimensions than `dim`, in which it stays at its first element; and
/// how far its elements are apart there.
pub fn beside(shape: &Shape, dim: usize, x: &Array) -> (Layout, isize) {
    if x.rank() == 0 {
        return (over(shape, std::iter::repeat(0), x.offset()), 0);
    }
    let strides = x.strides().iter().enumerate().map(|(i, &stride)| if i == dim { 0 } else { stride });
    (over(shape, strides, x.offset()), x.strides()[dim])
}

/// How many elements an array has along a dimension; a single number has one.
pub fn size_along(x: &Array, dim: usize) -> usize {
    x.shape().get(dim).copied().unwrap_or(1)
}

/// No index is inside of nothing.
pub fn check_not_empty(name: &'static str, dim: usize, size: usize) -> Result<()> {
    if size > 0 {
        return Ok(());
    }
    Err(Error::index(name, format!("no index is inside of dimension {dim}, whose size is 0")))
}

/// The slices at the indices of a list.
pub fn index_select(card: &Arc<Card>, dim: usize, x: &Array, index: &Array, shape: &Shape) -> Result<Array> {
    let step = index.strides().first().copied().unwrap_or(0);
    let strides = (0..shape.rank()).map(|i| if i == dim { step } else { 0 });
    pick(card, "index_select", dim, x, index, &over(shape, strides, index.offset()))
}

/// The elements at the indices of an array.
pub fn gather(card: &Arc<Card>, dim: usize, x: &Array, index: &Array) -> Result<Array> {
    pick(card, "gather", dim, x, index, index.layout())
}

/// `y[…] = x[… places[…] …]`, of the shape that the places have.
fn pick(
    card: &Arc<Card>,
    name: &'static str,
    dim: usize,
    x: &Array,
    index: &Array,
    places: &Layout,
) -> Result<Array> {
    let shape = places.shape().clone();
    let output = card.fresh(name, shape.clone(), x.dtype())?;
    let numel = output.numel();
    let size = size_along(x, dim);
    if numel == 0 {
        return Ok(output);
    }
    check_not_empty(name, dim, size)?;
    let bits = Bits::of(x.dtype());
    let (from, along) = beside(&shape, dim, x);
    let (ways, words) = ways_of(&shape, &[places, &from]);
    let ticket = card.ticket(name, dim, size)?;
    let mut parameters = vec![numel as u32, size as u32, along as u32, ticket.word];
    parameters.extend(words);
    if parameters.len() > PARAMETERS {
        return Err(Error::shape(name, "arrays of so many dimensions; make them contiguous first"));
    }
    let kernel = card.kernel(name, kernels::Template::Pick(Template { bits, ways }))?;
    let groups = (numel as u32).div_ceil(bits.per_word() * GROUP).min(GROUPS);
    let buffers = [buffer(index)?, buffer(x)?, buffer(&output)?, &ticket.buffer];
    card.dispatch(&kernel, &buffers, &parameters, [groups, 1, 1])?;
    Ok(output)
}

/// Reads index `p` at a place of `places` and notes in `mistakes` if it is outside: prints `let NAME_outside` and
/// `let NAME`, which is inside anyway. The size and the ticket are parameters.
pub fn print_index(name: &str, place: &str, size: usize, ticket: usize, note_if: &str, body: &mut String) {
    let (size, ticket) = (param(size), param(ticket));
    *body += &format!(
        "    let {name}_words = places[{place}];\n    let {name}_outside = {name}_words.y != 0u || {name}_words.x >= {size};\n    if ({name}_outside{note_if}) {{ atomicMax(&mistakes[0], {ticket}); }}\n    let {name} = select({name}_words.x, 0u, {name}_outside);\n"
    );
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let Template { bits, ways } = self;
        let mut writer = Writer::default();
        writer.bind_as("places", "vec2<u32>", Access::Read, false);
        writer.bind_as("x", bits.stored(), Access::Read, false);
        writer.bind_as("y", bits.stored(), Access::Write, false);
        writer.bind_as("mistakes", "u32", Access::Write, true);
        let per_word = bits.per_word();
        let mut inner = String::new();
        ways.print("i", 4, "at", &mut inner);
        print_index("p", "at0", 1, 3, "", &mut inner);
        inner += &format!("    let where_from = at1 + p * {};\n", param(2));
        let value = bits.load("x", "where_from", false);
        let before = if per_word == 1 {
            inner += &format!("    y[i] = {value};\n");
            ""
        } else {
            inner += &pack_into("y", per_word, &value);
            "    var packed = 0u;\n"
        };
        writer.body = format!("    let n = {};\n", param(0)) + &sweep(GROUP, per_word, before, &inner);
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(_abilities: &Abilities) -> Vec<Template> {
        let way = |index, x, dims| Ways { ways: [index, x].into_iter().collect(), dims };
        let samples = Bits::ALL.into_iter().flat_map(|bits| {
            [
                Template { bits, ways: way(Way::Line, Way::Strided, 2) },
                Template { bits, ways: way(Way::Strided, Way::Strided, 3) },
                Template { bits, ways: way(Way::Single, Way::Single, 0) },
            ]
        });
        samples.collect()
    }
}
