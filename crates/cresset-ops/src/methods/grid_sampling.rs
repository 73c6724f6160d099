//! Images read at any places, and the places of affine maps. A place's coordinates run from -1 to 1, the first of them
//! along the last dimension.

use cresset_tensor::{Array, DType, Error, Result, Shape};

use super::{
    Elementwise, Matrices,
    fused::{permuted, shaped},
    matrix::check_dtypes,
};
use crate::{Apply, Expr, op::Op, view::View};

/// How values between pixels are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum GridMode {
    /// Linear between the neighbours.
    #[default]
    Bilinear,
    /// The nearest pixel.
    Nearest,
    /// Cubic between four in each dimension.
    Bicubic,
}

/// What lies outside of the image.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum GridPadding {
    /// Zeros.
    #[default]
    Zeros,
    /// The edge.
    Border,
    /// The image, mirrored.
    Reflection,
}

impl std::str::FromStr for GridMode {
    type Err = Error;

    /// From PyTorch's name.
    fn from_str(name: &str) -> Result<GridMode> {
        Ok(match name {
            "bilinear" => GridMode::Bilinear,
            "nearest" => GridMode::Nearest,
            "bicubic" => GridMode::Bicubic,
            _ => return Err(Error::argument("grid_sample", format!("there is no mode '{name}'"))),
        })
    }
}

impl std::str::FromStr for GridPadding {
    type Err = Error;

    /// From PyTorch's name.
    fn from_str(name: &str) -> Result<GridPadding> {
        Ok(match name {
            "zeros" => GridPadding::Zeros,
            "border" => GridPadding::Border,
            "reflection" => GridPadding::Reflection,
            _ => return Err(Error::argument("grid_sample", format!("there is no padding mode '{name}'"))),
        })
    }
}

/// Reading at places.
pub trait GridSampling: Apply {
    /// Images `[n, channels, …]` of two or three dimensions read at the places of `grid` (`[n, …, 2]` or `[n, …, 3]`).
    /// With `align_corners`, -1 and 1 are the centres of the corner pixels, else their outer edges.
    #[track_caller]
    fn grid_sample(
        &self,
        grid: &Self,
        mode: GridMode,
        padding: GridPadding,
        align_corners: bool,
    ) -> Result<Self> {
        grid_sample("grid_sample", self, grid, mode, padding, align_corners)
    }

    /// The grid at which [`grid_sample`](Self::grid_sample) reads an affine map of an image: `self` are matrices
    /// `[n, 2, 3]` (or `[n, 3, 4]`), `size` is the shape of the result.
    #[track_caller]
    fn affine_grid(&self, size: impl Into<Shape>, align_corners: bool) -> Result<Self> {
        let (name, size) = ("affine_grid", size.into());
        let dims = size.rank().saturating_sub(2);
        if !self.dtype().is_float() {
            return Err(Error::dtype(name, format!("needs floating point, not {}", self.dtype())));
        }
        if !(2..=3).contains(&dims) || size.contains(&0) || *self.shape() != [size[0], dims, dims + 1] {
            return Err(Error::shape(
                name,
                format!(
                    "matrices [n, 2, 3] and a size of four, or [n, 3, 4] and five, not {} and {size}",
                    self.shape()
                ),
            ));
        }
        let places = size[2..].iter().product::<usize>();
        size.checked_numel(name)?;
        let along = |n: usize, i: usize| {
            if n <= 1 {
                return 0.0;
            }
            let at = -1.0 + 2.0 * i as f64 / (n - 1) as f64;
            if align_corners { at } else { at * (n - 1) as f64 / n as f64 }
        };
        let mut base = Vec::with_capacity(places.saturating_mul(dims + 1));
        for place in 0..places {
            let mut rest = place;
            for &n in size[2..].iter().rev() {
                base.push(along(n, rest % n));
                rest /= n;
            }
            base.push(1.0);
        }
        let base = self.beside(Array::from_vec(base, [places, dims + 1])?.to_dtype(self.dtype())?)?;
        let grid = base.matmul(&permuted(self, &[0, 2, 1])?)?;
        let shape = [size[0]].into_iter().chain(size[2..].iter().copied()).chain([dims]).collect();
        shaped(&grid, shape)
    }
}

impl<T: Apply> GridSampling for T {}

/// What each neighbour along one dimension contributes.
struct Neighbour<T> {
    /// Its pixel, inside of the image.
    pixel: Array,
    /// Is it really inside?
    inside: Array,
    /// How much it counts; nothing is one.
    weight: Option<T>,
}

/// The geometry along one dimension.
#[derive(Clone, Copy)]
struct Axis {
    size: f64,
    padding: GridPadding,
    align: bool,
    /// Is it one of two?
    flat: bool,
}

#[track_caller]
fn grid_sample<T: Apply>(
    name: &'static str,
    x: &T,
    grid: &T,
    mode: GridMode,
    padding: GridPadding,
    align: bool,
) -> Result<T> {
    check_dtypes(name, x, grid)?;
    if !x.dtype().is_float() {
        return Err(Error::dtype(name, format!("needs floating point, not {}", x.dtype())));
    }
    let dims = x.rank().saturating_sub(2);
    let fits = (2..=3).contains(&dims)
        && grid.rank() == dims + 2
        && grid.shape()[0] == x.shape()[0]
        && grid.shape()[dims + 1] == dims;
    if !fits || x.shape()[2..].contains(&0) {
        return Err(Error::shape(
            name,
            format!(
                "needs images [n, channels, …] of two or three dimensions and as many coordinates [n, …, 2 or 3], not {} and {}",
                x.shape(),
                grid.shape()
            ),
        ));
    }
    let (images, channels) = (x.shape()[0], x.shape()[1]);
    let places: usize = grid.shape()[1..dims + 1].iter().product();
    let flat = shaped(x, [images, channels, x.shape()[2..].iter().product()].into())?;
    // Along every dimension, the neighbours of all places.
    let mut neighbours: Vec<Vec<Neighbour<T>>> = Vec::new();
    for d in 0..dims {
        let view = View::Select { dim: dims + 1, index: dims - 1 - d };
        let coordinate = T::apply_one(Op::View(view), &[grid])?;
        let coordinate = shaped(&coordinate, [images, 1, places].into())?;
        let axis = Axis { size: x.shape()[2 + d] as f64, padding, align, flat: dims == 2 };
        neighbours.push(match mode {
            GridMode::Nearest => vec![nearest(&coordinate, axis)?],
            GridMode::Bilinear => linear(&coordinate, axis)?,
            GridMode::Bicubic => cubic(&coordinate, axis)?,
        });
    }
    let each = neighbours[0].len();
    let wide: Shape = [images, channels, places].into();
    let mut total: Option<T> = None;
    for corner in 0..each.pow(dims as u32) {
        let mut rest = corner;
        let (mut index, mut inside, mut weight) =
            (Array::scalar(0, DType::I64)?, Array::scalar(true, DType::Bool)?, None);
        for (d, list) in neighbours.iter().enumerate() {
            let neighbour = &list[rest % each];
            rest /= each;
            let size = [x.shape()[2 + d].into()];
            index = Array::formula(&[&index, &neighbour.pixel], &size, |x, n| x[0] * n[0] + x[1])?;
            inside = Array::formula(&[&inside, &neighbour.inside], &[], |x, _| x[0].and(x[1]))?;
            weight = match (weight, &neighbour.weight) {
                (Some(weight), Some(more)) => Some(T::formula(&[&weight, more], &[], |x, _| x[0] * x[1])?),
                (None, more) => more.clone(),
                (weight, None) => weight,
            };
        }
        let index = Array::apply_one(Op::View(View::Expand(wide.clone())), &[&index])?;
        let values = T::apply_one(Op::Gather { dim: 2 }, &[&flat, &T::constant(index)])?;
        let inside = T::constant(inside);
        // What is outside counts nothing, whatever its weight: that may be infinite.
        total = Some(match (total, weight) {
            (None, None) => T::formula(&[&values, &inside], &[], |x, _| x[1].select(x[0], 0))?,
            (None, Some(w)) => T::formula(&[&values, &inside, &w], &[], |x, _| x[1].select(x[0] * x[2], 0))?,
            (Some(sum), None) => {
                T::formula(&[&values, &inside, &sum], &[], |x, _| x[2] + x[1].select(x[0], 0))?
            }
            (Some(sum), Some(w)) => {
                T::formula(&[&values, &inside, &w, &sum], &[], |x, _| x[3] + x[1].select(x[0] * x[2], 0))?
            }
        });
    }
    let shape: Shape =
        [images, channels].into_iter().chain(grid.shape()[1..dims + 1].iter().copied()).collect();
    match total {
        Some(total) => shaped(&total, shape),
        None => Err(Error::argument(name, "there are no neighbours")),
    }
}

/// Pixels from coordinates of -1 to 1, rounded as PyTorch rounds: where an image changes fast, a unit in the last place
/// of the position shows in the derivative.
fn position<T: Apply>(coordinate: &T, axis: Axis) -> Result<T> {
    let half = if axis.align { (axis.size - 1.0) / 2.0 } else { axis.size / 2.0 };
    match (axis.flat, axis.align) {
        (true, true) => T::formula(&[coordinate], &[half.into()], |x, n| (x[0] + 1) * n[0]),
        (true, false) => T::formula(&[coordinate], &[half.into()], |x, n| (x[0] + 1) * n[0] - 0.5),
        (false, true) => T::formula(&[coordinate], &[axis.size.into()], |x, n| (x[0] + 1) / 2 * (n[0] - 1)),
        (false, false) => T::formula(&[coordinate], &[axis.size.into()], |x, n| ((x[0] + 1) * n[0] - 1) / 2),
    }
}

/// Positions outside of the image brought back to it. At the border the derivative is zero.
fn bounded<T: Apply>(position: T, axis: Axis) -> Result<T> {
    fn clip(x: Expr, size: Expr) -> Expr {
        let last = size - 1;
        x.gt(0).select(x.lt(last).select(x, last), 0)
    }
    let size = axis.size.into();
    match axis.padding {
        GridPadding::Zeros => Ok(position),
        GridPadding::Border => T::formula(&[&position], &[size], |x, n| clip(x[0], n[0])),
        GridPadding::Reflection => {
            let (low, span) = if axis.align { (0.0, axis.size - 1.0) } else { (-0.5, axis.size) };
            if span == 0.0 {
                return T::formula(&[&position], &[], |x, _| x[0].gt(0).select(0, 0).cast_like(x[0]));
            }
            T::formula(&[&position], &[size, low.into(), span.into()], |x, n| {
                let distance = (x[0] - n[1]).abs();
                let extra = distance.fmod(n[2]);
                let even = (distance / n[2]).floor().remainder(2).eq(0);
                clip(even.select(extra + n[1], n[2] - extra + n[1]), n[0])
            })
        }
    }
}

/// A whole position as a pixel inside of the image, and whether it is there.
fn pixel(whole: &Array, axis: Axis) -> Result<(Array, Array)> {
    let size = [axis.size.into()];
    let inside = Array::formula(&[whole], &size, |x, n| x[0].ge(0).and(x[0].lt(n[0])))?;
    let pixel = Array::formula(&[whole], &size, |x, n| {
        x[0].ge(0).select(x[0].lt(n[0]).select(x[0], n[0] - 1), 0).cast(DType::I64)
    })?;
    Ok((pixel, inside))
}

fn nearest<T: Apply>(coordinate: &T, axis: Axis) -> Result<Neighbour<T>> {
    let at = bounded(position(coordinate.array(), axis)?, axis)?;
    let (pixel, inside) = pixel(&Array::formula(&[&at], &[], |x, _| x[0].round())?, axis)?;
    Ok(Neighbour { pixel, inside, weight: None })
}

fn linear<T: Apply>(coordinate: &T, axis: Axis) -> Result<Vec<Neighbour<T>>> {
    let at = bounded(position(coordinate, axis)?, axis)?;
    let below = Array::formula(&[at.array()], &[], |x, _| x[0].floor())?;
    let above = Array::formula(&[&below], &[], |x, _| x[0] + 1)?;
    let neighbour = |whole: &Array, weight: T| {
        pixel(whole, axis).map(|(pixel, inside)| Neighbour { pixel, inside, weight: Some(weight) })
    };
    let (low, high) = (T::constant(below.clone()), T::constant(above.clone()));
    Ok(vec![
        neighbour(&below, T::formula(&[&high, &at], &[], |x, _| x[0] - x[1])?)?,
        neighbour(&above, T::formula(&[&at, &low], &[], |x, _| x[0] - x[1])?)?,
    ])
}

fn cubic<T: Apply>(coordinate: &T, axis: Axis) -> Result<Vec<Neighbour<T>>> {
    const A: f64 = -0.75;
    // One after the inner two, and the outer two.
    fn near(x: Expr) -> Expr {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    }
    fn far(x: Expr) -> Expr {
        ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A
    }
    let at = position(coordinate, axis)?;
    let below = Array::formula(&[at.array()], &[], |x, _| x[0].floor())?;
    let t = T::formula(&[&at, &T::constant(below.clone())], &[], |x, _| x[0] - x[1])?;
    let weights = [
        T::formula(&[&t], &[], |x, _| far(x[0] + 1.0))?,
        T::formula(&[&t], &[], |x, _| near(x[0]))?,
        T::formula(&[&t], &[], |x, _| near(1.0 - x[0]))?,
        T::formula(&[&t], &[], |x, _| far(2.0 - x[0]))?,
    ];
    let mut list = Vec::new();
    for (weight, shift) in weights.into_iter().zip([-1.0, 0.0, 1.0, 2.0]) {
        let whole = Array::formula(&[&below], &[shift.into()], |x, n| x[0] + n[0])?;
        let (pixel, inside) = pixel(&bounded(whole, axis)?, axis)?;
        list.push(Neighbour { pixel, inside, weight: Some(weight) });
    }
    Ok(list)
}
