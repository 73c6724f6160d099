//! Images at other sizes and angles: pixels are read between pixels.

use std::f64::consts::PI;

use cresset_autograd::prelude::*;
pub use cresset_ops::methods::Interpolation;

use super::{
    frame::crop,
    settings::{Fill, per_channel, size_of},
};

/// The size an image gets: height and width, or the shorter of both, the other in proportion.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResizeTo {
    /// Height and width.
    Exactly(usize, usize),
    /// The shorter side.
    Shorter(usize),
}

impl From<usize> for ResizeTo {
    #[inline]
    fn from(shorter: usize) -> ResizeTo {
        ResizeTo::Shorter(shorter)
    }
}

impl From<[usize; 2]> for ResizeTo {
    #[inline]
    fn from([height, width]: [usize; 2]) -> ResizeTo {
        ResizeTo::Exactly(height, width)
    }
}

/// An image at another size. With `antialias`, pixels are averaged where it becomes smaller.
#[track_caller]
#[inline]
pub fn resize(
    image: &Tensor,
    size: impl Into<ResizeTo>,
    interpolation: Interpolation,
    antialias: bool,
) -> Result<Tensor> {
    let (h, w) = size_of("resize", image)?;
    let (height, width) = match size.into() {
        ResizeTo::Exactly(height, width) => (height, width),
        // The same arithmetic as torchvision's, in whole numbers.
        ResizeTo::Shorter(size) if w <= h => (size.saturating_mul(h) / w.max(1), size),
        ResizeTo::Shorter(size) => (size, size.saturating_mul(w) / h.max(1)),
    };
    if h == 0 || w == 0 || height == 0 || width == 0 {
        return Err(Error::shape(
            "resize",
            format!("{h}×{w} to {height}×{width} pixels: neither may be empty"),
        ));
    }
    if (h, w) == (height, width) {
        return Ok(image.clone());
    }
    let smooth = matches!(interpolation, Interpolation::Bilinear | Interpolation::Bicubic);
    let size = [height as i64, width as i64];
    let options = InterpolateOptions {
        antialias: antialias && smooth,
        align_corners: smooth.then_some(false),
        ..InterpolateOptions::size(size, interpolation)
    };
    in_floats(image, |batch| batch.interpolate(&options))
}

/// A rectangle of an image at another size.
#[track_caller]
#[inline]
pub fn resized_crop(
    image: &Tensor,
    [top, left]: [i64; 2],
    [height, width]: [usize; 2],
    size: impl Into<ResizeTo>,
    interpolation: Interpolation,
    antialias: bool,
) -> Result<Tensor> {
    resize(&crop(image, top, left, height, width)?, size, interpolation, antialias)
}

/// An affine map of an image: turned, then sheared, scaled, and moved. Angles are in degrees.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Affine {
    /// Clockwise.
    pub angle: f64,
    /// To the right and down, in pixels.
    pub translate: [f64; 2],
    /// How many times larger.
    pub scale: f64,
    /// Along x and along y.
    pub shear: [f64; 2],
    /// What stays where it is, from the left and from the top in pixels; the middle where nothing is said.
    pub center: Option<[f64; 2]>,
}

impl Default for Affine {
    /// Nothing happens.
    #[inline]
    fn default() -> Self {
        Affine { angle: 0.0, translate: [0.0; 2], scale: 1.0, shear: [0.0; 2], center: None }
    }
}

/// Rows of a matrix that takes a place to another: `(a x + b y + c, d x + e y + f)`.
type Matrix = [[f64; 3]; 2];

impl Affine {
    /// The matrix that takes a place of the result to where it is read, both from the middle of the image:
    /// `x ↦ (Rotation·Shear·scale)⁻¹ (x − center − translate) + center`.
    #[inline]
    fn inverse(&self, height: usize, width: usize) -> Matrix {
        let [x, y] = self.center.map_or([0.0; 2], |[x, y]| [x - 0.5 * width as f64, y - 0.5 * height as f64]);
        let turn = self.angle * PI / 180.0;
        let [shear_x, shear_y] = self.shear.map(|angle| angle * PI / 180.0);
        // Rotation·Shear, a matrix of determinant 1, whose inverse is [[d, −b], [−c, a]].
        let a = (turn - shear_y).cos() / shear_y.cos();
        let b = -a * shear_x.tan() - turn.sin();
        let c = (turn - shear_y).sin() / shear_y.cos();
        let d = -c * shear_x.tan() + turn.cos();
        let rows = [[d, -b], [-c, a]].map(|row| row.map(|entry| entry / self.scale));
        let (from_x, from_y) = (-x - self.translate[0], -y - self.translate[1]);
        let move_by = |row: [f64; 2], back: f64| [row[0], row[1], row[0] * from_x + row[1] * from_y + back];
        [move_by(rows[0], x), move_by(rows[1], y)]
    }
}

/// An affine map of an image of the same size.
#[track_caller]
#[inline]
pub fn affine(
    image: &Tensor,
    map: &Affine,
    interpolation: Interpolation,
    fill: impl Into<Fill>,
) -> Result<Tensor> {
    let (h, w) = size_of("affine", image)?;
    if map.scale.is_nan() || map.scale <= 0.0 {
        return Err(Error::argument("affine", format!("scale must be positive, not {}", map.scale)));
    }
    warp("affine", image, map.inverse(h, w), (h, w), interpolation, &fill.into())
}

/// An image turned, counter-clockwise by degrees, around its middle or a `center` (x, y). With `expand`, it becomes as
/// large as it has to be for all of it to be seen.
#[track_caller]
#[inline]
pub fn rotate(
    image: &Tensor,
    angle: f64,
    interpolation: Interpolation,
    expand: bool,
    center: Option<[f64; 2]>,
    fill: impl Into<Fill>,
) -> Result<Tensor> {
    let (h, w) = size_of("rotate", image)?;
    let matrix = Affine { angle: -angle, center, ..Affine::default() }.inverse(h, w);
    let size = if expand { expanded(&matrix, h, w) } else { (h, w) };
    warp("rotate", image, matrix, size, interpolation, &fill.into())
}

/// Height and width of what holds all of a mapped image, as torchvision rounds it.
#[inline]
fn expanded(matrix: &Matrix, height: usize, width: usize) -> (usize, usize) {
    let (x, y) = (0.5 * width as f64, 0.5 * height as f64);
    let side = |row: [f64; 3], half: f64| {
        // Single precision, cut off at four digits, so that a right angle does not add a pixel.
        let cut = |place: f64| f64::from((place as f32 / 1e-4).trunc() * 1e-4);
        let corners =
            [[-x, -y], [-x, y], [x, y], [x, -y]].map(|[x, y]| row[0] * x + row[1] * y + row[2] + half);
        let least = corners.iter().copied().fold(f64::INFINITY, f64::min);
        let most = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (cut(most).ceil() - cut(least).floor()).max(1.0) as usize
    };
    (side(matrix[1], y), side(matrix[0], x))
}

/// An image read at the places of a map.
#[track_caller]
#[inline]
fn warp(
    name: &'static str,
    image: &Tensor,
    matrix: Matrix,
    (height, width): (usize, usize),
    interpolation: Interpolation,
    fill: &Fill,
) -> Result<Tensor> {
    let (h, w) = size_of(name, image)?;
    let mode = match interpolation {
        Interpolation::Nearest => GridMode::Nearest,
        Interpolation::Bilinear => GridMode::Bilinear,
        other => {
            return Err(Error::argument(name, format!("reads by Nearest or Bilinear, not by {other:?}")));
        }
    };
    if matrix.iter().flatten().any(|entry| !entry.is_finite()) {
        return Err(Error::argument(name, "angles, scale, shear, and center must make a finite map"));
    }
    if h == 0 || w == 0 {
        return Ok(image.clone());
    }
    // From pixels of the result, seen from its middle, to -1..1 over the image.
    let scaled = |row: [f64; 3], size: usize| row.map(|entry| entry / (0.5 * size as f64));
    let rows = [scaled(matrix[0], w), scaled(matrix[1], h)];
    let mut grid = Vec::new();
    for i in 0..height {
        for j in 0..width {
            let (x, y) = (j as f64 + 0.5 - 0.5 * width as f64, i as f64 + 0.5 - 0.5 * height as f64);
            grid.extend(rows.map(|row| row[0] * x + row[1] * y + row[2]));
        }
    }
    let grid = Tensor::from_vec(grid, [1, height, width, 2])?;
    in_floats(image, |batch| {
        let (n, channels) = (batch.shape()[0], batch.shape()[1]);
        let grid = grid.to_dtype(batch.dtype())?.to_device(batch.device())?.expand([n as i64, -1, -1, -1])?;
        let read = batch.grid_sample(&grid, mode, GridPadding::Zeros, false)?;
        let Fill(Some(numbers)) = fill else { return Ok(read) };
        let colour = per_channel(name, numbers, channels, batch)?;
        // How much of each pixel comes from inside of the image.
        let inside = batch.detach().new_ones([n, 1, h, w])?;
        let inside = inside.grid_sample(&grid, mode, GridPadding::Zeros, false)?;
        match mode {
            GridMode::Nearest => Tensor::map3(&read, &inside, &colour, |pixel, inside, colour| {
                select(inside.lt(0.5), colour, pixel)
            }),
            _ => Tensor::map3(&read, &inside, &colour, |pixel, inside, colour| {
                pixel * inside + (1.0 - inside) * colour
            }),
        }
    })
}

/// A function of floating-point images `[n, channels, height, width]`, of an image of any dtype and rank. Integers are
/// rounded, and kept within what they can be.
#[track_caller]
#[inline]
pub(super) fn in_floats(image: &Tensor, function: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let (dtype, shape) = (image.dtype(), image.shape());
    let rank = shape.rank();
    let channels = if rank > 2 { shape[rank - 3] } else { 1 };
    let outside = shape[..rank.saturating_sub(3)].iter().product::<usize>();
    let batch = image.reshape([outside, channels, shape[rank - 2], shape[rank - 1]])?;
    let result = function(&match dtype {
        DType::F32 | DType::F64 => batch,
        _ => batch.to_dtype(DType::F32)?,
    })?;
    let result = match dtype {
        DType::U8 => result.map(|x| x.round().maximum(0).minimum(255))?.to_dtype(dtype)?,
        dtype if dtype.is_float() => result.to_dtype(dtype)?,
        _ => result.round()?.to_dtype(dtype)?,
    };
    let mut back = shape.clone();
    (back[rank - 2], back[rank - 1]) = (result.shape()[2], result.shape()[3]);
    result.reshape(back)
}
