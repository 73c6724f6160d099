//! Elements from one layout to another, as bits: any dtype, one dispatch.

use std::sync::Arc;

use cresset_ops::{
    Array, Result, Shape,
    cpu::walk::{Walk, broadcast_strides},
};
use cresset_tensor::Layout;

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
    /// Of what is read, then of what is written.
    ways: Ways,
    /// Are elements written that share words with others that stay?
    apart: bool,
}

/// A row-major copy.
pub fn contiguous(card: &Arc<Card>, name: &'static str, x: &Array) -> Result<Array> {
    let output = card.fresh(name, x.shape().clone(), x.dtype())?;
    copy(card, name, x, &output, true)?;
    Ok(output)
}

/// Copies the elements, which are of the target's shape and dtype but in other memory. Of a `fresh` target nobody has seen
/// what lies behind its last element.
pub fn copy(card: &Arc<Card>, name: &'static str, from: &Array, to: &Array, fresh: bool) -> Result<()> {
    let shape = to.shape().clone();
    if shape.numel() == 0 {
        return Ok(());
    }
    let (bits, shape, from_layout, to_layout) = widened(&shape, from, to);
    let numel = shape.numel();
    let (ways, words) = ways_of(&shape, &[&from_layout, &to_layout]);
    let per_word = bits.per_word() as usize;
    let line =
        ways.ways[1] == Way::Line && to_layout.offset() == 0 && (fresh || numel.is_multiple_of(per_word));
    let template = Template { bits, ways, apart: per_word > 1 && !line };
    let per_thread = if template.apart { 1 } else { per_word as u32 };
    let mut parameters = vec![numel as u32];
    parameters.extend(words);
    if parameters.len() > PARAMETERS {
        // Of more dimensions than parameters hold: the processor joins them.
        let here = cresset_ops::cpu::copy::contiguous(&from.to_host()?)?;
        return copy(card, name, &card.upload(&here)?, to, fresh);
    }
    let kernel = card.kernel(name, kernels::Template::Copy(template))?;
    let groups = (numel as u32).div_ceil(per_thread * GROUP).min(GROUPS);
    card.dispatch(&kernel, &[buffer(from)?, buffer(to)?], &parameters, [groups, 1, 1])
}

/// Elements that share words as whole words, where both sides have them side by side.
fn widened(shape: &Shape, from: &Array, to: &Array) -> (Bits, Shape, Layout, Layout) {
    let bits = Bits::of(to.dtype());
    let per_word = bits.per_word() as usize;
    let strides = [from, to].map(|x| broadcast_strides(shape, x.shape(), x.strides()));
    let walk = Walk::new(shape, &strides);
    let last = walk.shape.len() - 1;
    let fits = |steps: &[isize], x: &Array| {
        x.offset().is_multiple_of(per_word)
            && steps[last] == 1
            && steps[..last].iter().all(|step| step % per_word as isize == 0)
    };
    let wide = per_word > 1
        && walk.shape[last].is_multiple_of(per_word)
        && fits(&walk.strides[0], from)
        && fits(&walk.strides[1], to);
    let by = if wide { per_word } else { 1 };
    let mut sizes: Shape = walk.shape.iter().copied().collect();
    sizes[last] /= by;
    let layout = |k: usize, x: &Array| {
        let steps = walk.strides[k].iter().enumerate();
        let steps = steps.map(|(dim, &step)| if dim == last { step } else { step / by as isize });
        Layout::new(sizes.clone(), steps.collect(), x.offset() / by)
    };
    let (from, to) = (layout(0, from), layout(1, to));
    (if wide { Bits::word() } else { bits }, sizes, from, to)
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let Template { bits, ways, apart } = self;
        let mut writer = Writer::default();
        writer.bind_as("x", bits.stored(), Access::Read, false);
        writer.bind_as("y", bits.stored(), Access::Write, *apart);
        let per_word = bits.per_word();
        let mut inner = String::new();
        ways.print("i", 1, "at", &mut inner);
        let value = bits.load("x", "at0", false);
        let (per_thread, before) = if *apart || per_word == 1 {
            inner += &format!("    {}\n", bits.store("y", "at1", &value));
            (1, "")
        } else {
            inner += &pack_into("y", per_word, &value);
            (per_word, "    var packed = 0u;\n")
        };
        writer.body = format!("    let n = {};\n", param(0)) + &sweep(GROUP, per_thread, before, &inner);
        writer.finish(abilities, [GROUP, 1, 1])
    }

    /// Samples for the shader checks.
    pub fn samples(_abilities: &Abilities) -> Vec<Template> {
        let way = |from, to, dims| Ways { ways: [from, to].into_iter().collect(), dims };
        let mut samples = Vec::new();
        for bits in Bits::ALL {
            let shared = bits.per_word() > 1;
            samples.push(Template { bits, ways: way(Way::Line, Way::Line, 0), apart: false });
            samples.push(Template { bits, ways: way(Way::Strided, Way::Line, 3), apart: false });
            samples.push(Template { bits, ways: way(Way::Strided, Way::Strided, 4), apart: shared });
            samples.push(Template { bits, ways: way(Way::Single, Way::Single, 0), apart: shared });
        }
        samples
    }
}
