//! Views, their adjoints, and writing through them.

use cresset_tensor::{Array, Error, Layout, Locks, Result};

use super::{
    combine::{Line, combining},
    copy,
    map::check_target,
    walk::Walk,
};
use crate::{op::Combine, view::View};

/// The view of an array: the same memory, or a copy where a reshape needs one.
pub fn view(view: &View, x: &Array) -> Result<Array> {
    match view.layout(x.layout())? {
        Some(layout) => x.with_layout(layout),
        None => {
            let copy = copy::contiguous(x)?;
            let shape = view.shape(x.layout())?;
            copy.with_layout(Layout::contiguous(shape))
        }
    }
}

/// Zeros of the base's shape, to which `x` is added through the view.
pub fn unview(view: &View, base: &Layout, x: &Array) -> Result<Array> {
    let (fresh, through) = view.adjoint_layout(base)?;
    // Under a geometry of its own the base may be spread over more memory than it has elements.
    let end = [&fresh, &through]
        .into_iter()
        .map(|layout| layout.span())
        .try_fold(0, |end, span| span.map(|span| span.map_or(end, |(_, high)| end.max(high))))?;
    let memory = Array::filled("unview", [end].into(), x.dtype(), 0)?;
    let target = memory.with_layout(through)?;
    if target.layout().overlaps_itself() {
        accumulate(x, &target)?;
    } else {
        assign("unview", x, &target)?;
    }
    let result = memory.with_layout(fresh)?;
    if result.is_contiguous() && result.numel() == end { Ok(result) } else { copy::contiguous(&result) }
}

/// A copy of the base in which the view shows the source.
pub fn overwrite(view: &View, base: &Array, source: &Array) -> Result<Array> {
    let result = match view {
        // The geometry is that of the memory, which is therefore copied as it lies.
        View::AsStrided { .. } => memory_like(view, base)?,
        View::Permute(_)
        | View::Expand(_)
        | View::Reshape(_)
        | View::Slice { .. }
        | View::Select { .. }
        | View::Diagonal { .. }
        | View::Unfold { .. } => copy::contiguous(base)?,
    };
    assign("overwrite", source, &self::view(view, &result)?)?;
    Ok(result)
}

/// The source written where the view shows the target. Has the target such a view?
pub fn overwrite_into(view: &View, target: &Array, source: &Array) -> Result<bool> {
    let Some(layout) = view.layout(target.layout())? else { return Ok(false) };
    assign("overwrite", source, &target.with_layout(layout)?)?;
    Ok(true)
}

/// A copy of the base under its own layout, over memory that a view of the memory lies in too.
fn memory_like(view: &View, base: &Array) -> Result<Array> {
    let shown = self::view(view, base)?;
    let end = |x: &Array| x.layout().span().map(|span| span.map_or(0, |(_, end)| end));
    let line = |x: &Array, end| x.with_layout(Layout::contiguous([end].into()));
    let end = end(base)?.max(end(&shown)?);
    copy::contiguous(&line(base, end)?)?.with_layout(base.layout().clone())
}

/// Writes one array's elements over another's of the same shape.
pub fn assign(name: &'static str, from: &Array, to: &Array) -> Result<()> {
    check_target(name, to, to.shape(), from.dtype())?;
    if from.shape() != to.shape() {
        return Err(Error::shape(
            name,
            format!("a result of shape {} does not fit a target of {}", from.shape(), to.shape()),
        ));
    }
    if from.dtype() == to.dtype() && !from.shares_memory(to) {
        let _locks = Locks::new([from.storage()].into_iter(), [to.storage()].into_iter());
        // SAFETY: both are locked, of one shape, and no two elements of the target lie at one place.
        unsafe { copy::copy_strided(from, to.as_ptr(), to.strides()) };
        to.storage().bump();
        return Ok(());
    }
    let map = crate::op::Map {
        program: crate::expr::traced(1, 0, &|x: &[crate::expr::Expr], _: &[crate::expr::Expr]| x[0]),
        numbers: Default::default(),
        shape: None,
    };
    super::map::map_into(&map, &[from], &[to])
}

/// Adds every element to where the target, which may have several at one place, has it.
fn accumulate(x: &Array, target: &Array) -> Result<()> {
    let dense = copy::contiguous(x)?;
    let _locks = Locks::new([dense.storage()].into_iter(), [target.storage()].into_iter());
    let walk = Walk::new(target.shape(), &[target.strides().iter().copied().collect()]);
    let (add, width) = (combining(Combine::Add, x.dtype()), x.dtype().size() as isize);
    let target_step = walk.strides[0][walk.shape.len() - 1];
    walk.lines(0, 0, x.numel(), |offset, done, count| {
        let line = Line {
            count,
            index: &0,
            index_step: 0,
            rows: 0..1,
            along: 0,
            target: target.as_ptr().wrapping_offset(offset * width),
            target_step,
            source: dense.as_ptr().wrapping_offset(done as isize * width),
            source_step: 1,
            lines: 1,
            next: [0; 3],
        };
        // SAFETY: the walk stays inside the target, `done + count` inside the copy; both are locked.
        unsafe { add(&line) };
    });
    Ok(())
}
