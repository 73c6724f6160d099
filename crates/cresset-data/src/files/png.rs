//! Images written as PNG files, and grids of images.

use std::{io::Write, path::Path};

use cresset_autograd::prelude::*;
use flate2::{Compression, Crc, write::ZlibEncoder};

use super::opened::bad;

/// The images of a batch `[n, channels, height, width]` side by side, `nrow` in a row, with a border of `padding`
/// pixels around each: torchvision's `make_grid`. A single channel becomes three.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_data::make_grid;
/// let grid = make_grid(&Tensor::rand([6, 1, 8, 8]), 3, 2)?;
/// assert_eq!(grid.shape(), &[3, 22, 32]);
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
#[inline]
pub fn make_grid(images: &Tensor, nrow: usize, padding: usize) -> Result<Tensor> {
    let &[count, channels, height, width] = &images.shape()[..] else {
        return Err(Error::shape(
            "make_grid",
            format!("needs [n, channels, height, width], not {}", images.shape()),
        ));
    };
    if count == 0 || nrow == 0 {
        return Err(Error::argument("make_grid", format!("{count} images in rows of {nrow} are no grid")));
    }
    let images = if channels == 1 { images.expand([-1, 3, -1, -1])? } else { images.clone() };
    if count == 1 {
        return images.select(0, 0);
    }
    let (columns, channels) = (nrow.min(count), images.shape()[1]);
    let rows = count.div_ceil(columns);
    let side = |size: usize, times: usize| {
        let all = size.checked_add(padding).and_then(|one| one.checked_mul(times));
        all.and_then(|all| all.checked_add(padding))
            .ok_or_else(|| Error::memory("make_grid", "the grid is too large"))
    };
    let grid = images.new_zeros([channels, side(height, rows)?, side(width, columns)?])?;
    for i in 0..count {
        let (top, left) =
            (padding + i / columns * (height + padding), padding + i % columns * (width + padding));
        let place = grid.narrow(1, top as i64, height as i64)?.narrow(2, left as i64, width as i64)?;
        place.copy_(&images.select(0, i as i64)?)?;
    }
    Ok(grid)
}

/// Writes an image `[channels, height, width]` with numbers from 0 to 1 as a PNG file; of a batch of them, a grid of
/// 8 in a row. torchvision's `save_image`. One channel is grey, three are colours, two and four have transparency.
#[track_caller]
pub fn save_image(image: &Tensor, path: impl AsRef<Path>) -> Result<()> {
    let (path, name) = (path.as_ref(), "save_image");
    let image = if image.rank() == 4 { make_grid(image, 8, 2)? } else { image.clone() };
    let &[channels, height, width] = &image.shape()[..] else {
        return Err(Error::shape(name, format!("needs [channels, height, width], not {}", image.shape())));
    };
    let sides = (u32::try_from(width), u32::try_from(height));
    let (kind, (Ok(across), Ok(down))) = (
        (match channels {
            1 => 0,
            2 => 4,
            3 => 2,
            4 => 6,
            _ => return Err(Error::shape(name, format!("an image has 1 to 4 channels, not {channels}"))),
        }),
        sides,
    ) else {
        return Err(Error::shape(name, format!("{width}×{height} pixels are too many for a PNG file")));
    };
    if width == 0 || height == 0 {
        return Err(Error::shape(name, "there is nothing to draw in an empty image"));
    }
    let numbers: Vec<f64> = image.permute([1, 2, 0])?.array().to_f64s()?;
    let whole = if image.dtype() == DType::U8 { 1.0 } else { 255.0 };
    let failed = |error| bad(name, path, error);
    let mut data = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in numbers.chunks(width * channels) {
        // No filter; a conversion saturates, and makes 0 of NaN.
        let row: Vec<u8> = std::iter::once(0).chain(row.iter().map(|x| (x * whole + 0.5) as u8)).collect();
        data.write_all(&row).map_err(failed)?;
    }
    let data = data.finish().map_err(failed)?;
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&across.to_be_bytes()[..], &down.to_be_bytes(), &[8, kind, 0, 0, 0]].concat();
    for (kind, content) in [(b"IHDR", &header), (b"IDAT", &data), (b"IEND", &Vec::new())] {
        let mut sum = Crc::new();
        sum.update(kind);
        sum.update(content);
        file.extend((content.len() as u32).to_be_bytes());
        file.extend(kind);
        file.extend(content);
        file.extend(sum.sum().to_be_bytes());
    }
    std::fs::write(path, file).map_err(failed)
}
