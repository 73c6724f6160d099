//! Views share memory on a card as anywhere, but where a reshape needs a copy. Their adjoints, and writing through them.

use std::sync::Arc;

use cresset_ops::{
    Array, DType, Error, Op, Outputs, Result,
    cpu::check_target,
    expr::{Expr, traced},
    op::{Combine, Map},
    view::View,
};
use cresset_tensor::Layout;
use smallvec::smallvec;

use super::{
    copy, fill, host,
    index::over,
    map::{self, GROUP, GROUPS},
    scatter::{self, Cell},
};
use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::buffer,
    wgsl::{
        Writer,
        bits::{Bits, pack_into, sweep},
        element::{Element, lane_name},
        param,
        place::{Way, Ways, ways_of},
    },
};

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

/// A row-major copy.
pub fn contiguous(card: &Arc<Card>, x: &Array) -> Result<Array> {
    copy::contiguous(card, "contiguous", x)
}

/// Writes one array's elements over another's of the same shape.
pub fn assign(card: &Arc<Card>, name: &'static str, from: &Array, to: &Array) -> Result<()> {
    check_target(name, to, to.shape(), from.dtype())?;
    if from.shape() != to.shape() {
        return Err(Error::shape(
            name,
            format!("a result of shape {} does not fit a target of {}", from.shape(), to.shape()),
        ));
    }
    if from.dtype() != to.dtype() || from.shares_memory(to) {
        let identity = Map::of(traced(1, 0, &|x: &[Expr], _: &[Expr]| x[0]), &[]);
        return map::map_into(card, &identity, &[from], &[to]).map_err(|error| error.of(name));
    }
    copy::copy(card, name, from, to, false)?;
    to.storage().bump();
    Ok(())
}

/// Zeros of the base's shape, to which `x` is added through the view.
pub fn unview(card: &Arc<Card>, view: &View, base: &Layout, x: &Array) -> Result<Array> {
    let (fresh, through) = view.adjoint_layout(base)?;
    if let View::Unfold { dim, size, step, dilation } = view
        && through.overlaps_itself()
    {
        return folded(card, x, base, *dim, [*size, *step, *dilation]);
    }
    // Under a geometry of its own the base may be spread over more memory than it has elements.
    let mut end = 0;
    for layout in [&fresh, &through] {
        end = layout.span()?.map_or(end, |(_, high)| end.max(high));
    }
    let memory = fill::filled(card, "unview", end.into(), x.dtype(), 0.into())?;
    if through.overlaps_itself() {
        // Of a geometry that anyone may have made up, the processor lists the places.
        let places: Vec<i64> = through.places().map(|place| place as i64).collect();
        let count = places.len();
        let places = card.upload(&Array::from_vec(places, [count])?)?;
        let line = contiguous(card, x)?.with_layout(Layout::contiguous(count.into()))?;
        scatter::index_put_into(card, 0, Combine::Add, &memory, &places, &line)?;
    } else {
        copy::copy(card, "unview", x, &memory.with_layout(through)?, false)?;
    }
    let result = memory.with_layout(fresh)?;
    if result.is_contiguous() && result.numel() == end { Ok(result) } else { contiguous(card, &result) }
}

/// A copy of the base in which the view shows the source.
pub fn overwrite(card: &Arc<Card>, shown: &View, base: &Array, source: &Array) -> Result<Array> {
    let result = match shown {
        // The geometry is that of the memory, which is therefore copied as it lies.
        View::AsStrided { .. } => {
            let end = |x: &Array| x.layout().span().map(|span| span.map_or(0, |(_, end)| end));
            let end = end(base)?.max(end(&view(card, shown, base)?)?);
            let line = base.with_layout(Layout::contiguous(end.into()))?;
            contiguous(card, &line)?.with_layout(base.layout().clone())?
        }
        View::Permute(_)
        | View::Expand(_)
        | View::Reshape(_)
        | View::Slice { .. }
        | View::Select { .. }
        | View::Diagonal { .. }
        | View::Unfold { .. } => contiguous(card, base)?,
    };
    assign(card, "overwrite", source, &view(card, shown, &result)?)?;
    Ok(result)
}

/// What only changes some elements of its first input changes those alone where that is the target. Was it such?
pub fn write_at(card: &Arc<Card>, op: &Op, inputs: &[&Array], target: &Array) -> Result<bool> {
    let check = || {
        let metas = cresset_ops::infer::infer(op, inputs)?;
        check_target(op.name(), target, &metas[0].shape, metas[0].dtype)
    };
    if let Op::IndexPut { dim, combine } = op {
        check()?;
        scatter::index_put_into(card, *dim, *combine, target, inputs[1], inputs[2])?;
    } else if let Op::Scatter { dim, combine } = op {
        check()?;
        scatter::scatter_into(card, *dim, *combine, target, inputs[1], inputs[2])?;
    } else if let Op::Overwrite(view) = op {
        check()?;
        let Some(layout) = view.layout(target.layout())? else { return Ok(false) };
        assign(card, "overwrite", inputs[1], &target.with_layout(layout)?)?;
        return Ok(true);
    } else {
        return Ok(false);
    }
    target.storage().bump();
    Ok(true)
}

/// As [`unview`] through overlapping windows: every element adds what the windows over it have, in their order.
fn folded(
    card: &Arc<Card>,
    x: &Array,
    base: &Layout,
    dim: usize,
    [size, step, dilation]: [usize; 3],
) -> Result<Array> {
    let name = "unview";
    card.abilities.check(name, x.dtype())?;
    let shape = base.shape().clone();
    let output = card.fresh(name, shape.clone(), x.dtype())?;
    let numel = output.numel();
    if numel == 0 {
        return Ok(output);
    }
    let last = x.rank() - 1;
    let strides = x.strides()[..last].iter().enumerate();
    let strides = strides.map(|(i, &stride)| if i == dim { 0 } else { stride });
    let from = over(&shape, strides, x.offset());
    let place = over(&shape, (0..shape.rank()).map(|i| isize::from(i == dim)), 0);
    let (ways, words) = ways_of(&shape, &[&from, &place]);
    let (windows, inside) = (x.strides()[dim], x.strides()[last]);
    let mut parameters = vec![numel as u32, size as u32, step as u32, dilation as u32];
    parameters.extend([x.shape()[dim] as u32, windows as u32, inside as u32]);
    parameters.extend(words);
    if parameters.len() > crate::stream::PARAMETERS {
        let unfold = View::Unfold { dim, size, step, dilation };
        let op = Op::Unview { view: unfold, base: Box::new(base.clone()) };
        let outputs: Outputs<Array> = host::execute(card, &op, &[x])?;
        return outputs.into_iter().next().ok_or_else(|| Error::argument(name, "there is no output"));
    }
    let template = Template { dtype: x.dtype(), ways };
    let per_word = Bits::of(x.dtype()).per_word();
    let kernel = card.kernel(name, kernels::Template::Fold(template))?;
    let groups = (numel as u32).div_ceil(per_word * GROUP).min(GROUPS);
    card.dispatch(&kernel, &[buffer(x)?, buffer(&output)?], &parameters, [groups, 1, 1])?;
    Ok(output)
}

/// What the kernel of [`folded`] depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    dtype: DType,
    /// Of the windows, and of the place along the dimension.
    ways: Ways,
}

impl Template {
    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        let element = Element::of(self.dtype, abilities);
        let lane = cresset_ops::cpu::plan::Lane::of(self.dtype);
        let mut writer = Writer::default();
        writer.bind("x", element, Access::Read, false);
        writer.bind("y", element, Access::Write, false);
        let mut inner = String::new();
        self.ways.print("i", 7, "at", &mut inner);
        let zero = match lane_name(lane) {
            "bool" => "false".to_owned(),
            name => format!("{name}(0)"),
        };
        let [size, step, dilation] = [1, 2, 3].map(param);
        let [count, windows, inside] = [4, 5, 6].map(param);
        let cell = Cell::Value(self.dtype, Combine::Add);
        let next = element.load("x", &format!("at0 + window * {windows} + k * {inside}"), false);
        inner += &format!("    var value = {zero};\n");
        // The windows in their order: an element lies the farther inside the earlier they begin.
        inner += &format!(
            "    for (var rest = {size}; rest > 0u; rest--) {{\n    let k = rest - 1u;\n    let before = k * {dilation};\n    if (before <= at1 && (at1 - before) % {step} == 0u) {{\n    let window = (at1 - before) / {step};\n    if (window < {count}) {{ value = {}; }}\n    }}\n    }}\n",
            cell.combined("value", &next)
        );
        let per_word = element.per_word();
        let value = element.pack("value");
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
    pub fn samples(abilities: &Abilities) -> Vec<Template> {
        let dtypes = DType::ALL.iter().filter(|dtype| abilities.check("unview", **dtype).is_ok());
        let ways = |dims| Ways { ways: smallvec![Way::Strided, Way::Strided], dims };
        dtypes.flat_map(|&dtype| [1, 3].map(|dims| Template { dtype, ways: ways(dims) })).collect()
    }
}
