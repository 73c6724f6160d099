//! The digits that come with this crate.
//!
//! "Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0;
//! see `data/README.md`.

use cresset_tensor::{Error, Result};

use super::{
    labelled::LabelledImages,
    opened::{read, unpacked},
};

const DIGITS: &[u8] = include_bytes!("../../data/digits.csv.gz");

/// 1,797 handwritten digits of 8×8 pixels, as they were scanned (UCI "Optical Recognition of Handwritten Digits",
/// E. Alpaydin and C. Kaynak, CC BY 4.0). No file is read: they are in the program.
///
/// ```
/// use cresset_autograd::prelude::*;
/// use cresset_data::{Dataset, digits};
/// let digits = digits()?;
/// assert_eq!(digits.images()?.shape(), &[1797, 1, 8, 8]);
/// let [train, test] = digits.split([0.8, 0.2], 0)?; // the same for the same seed, with as many of each digit
/// let (image, label) = train.item(0)?;
/// # assert!(image.amax(.., false)?.item::<f32>()? <= 1.0 && label < 10 && !test.is_empty());
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
#[inline]
pub fn digits() -> Result<LabelledImages> {
    let damaged =
        |why: String| Error::file("digits", format!("the digits in this program are damaged: {why}"));
    let mut bytes = Vec::new();
    read(&mut unpacked(DIGITS), u64::MAX, &mut bytes).map_err(|error| damaged(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
    let (mut pixels, mut labels) = (Vec::with_capacity(1797 * 64), Vec::with_capacity(1797));
    for line in text.lines() {
        for cell in line.split(',') {
            pixels.push(cell.parse::<u8>().map_err(|error| damaged(error.to_string()))?);
        }
        labels.extend(pixels.pop().map(i64::from));
    }
    LabelledImages::new(pixels, [1, 8, 8], 16, labels, (0..10).map(|digit| digit.to_string()).collect())
}
