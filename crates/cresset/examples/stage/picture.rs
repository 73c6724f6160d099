//! Pictures in the terminal: grey images, side by side, and tables of counts.

use cresset::prelude::*;

/// From dark to bright.
const SHADES: [char; 5] = [' ', '░', '▒', '▓', '█'];

/// Images `[n, 1, height, width]` from 0 to 1 side by side, with a title over each.
pub fn images(images: &Tensor, titles: &[String]) -> Result<String> {
    let [count, _, height, width] = images.shape()[..] else {
        return Err(Error::shape("images", format!("needs [n, 1, height, width], not {}", images.shape())));
    };
    let pixels = images.to_dtype(DType::F32)?.to_vec::<f32>()?;
    // A character is twice as high as it is wide, so every pixel is two of them.
    let column = (2 * width).max(titles.iter().map(|title| title.chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for i in 0..count {
        let title = titles.get(i).map_or("", String::as_str);
        text.push_str(&format!("{title:<column$}  "));
    }
    for y in 0..height {
        text.push('\n');
        for i in 0..count {
            let row = &pixels[(i * height + y) * width..][..width];
            let line: String = row.iter().flat_map(|&x| [shade(x); 2]).collect();
            text.push_str(&format!("{line:<column$}  "));
        }
    }
    Ok(text)
}

fn shade(x: f32) -> char {
    SHADES[((x * SHADES.len() as f32) as usize).min(SHADES.len() - 1)]
}

/// How often each class (rows) was taken for each (columns).
pub fn confusion(labels: &[i64], answers: &[i64], classes: usize) -> String {
    let mut counts = vec![vec![0usize; classes]; classes];
    for (&label, &answer) in labels.iter().zip(answers) {
        counts[label as usize][answer as usize] += 1;
    }
    let mut text = String::from("      ");
    (0..classes).for_each(|class| text.push_str(&format!("{class:>5}")));
    for (label, row) in counts.iter().enumerate() {
        text.push_str(&format!("\n{label:>5} "));
        for count in row {
            // What never happened is left out, so that mistakes can be seen.
            text.push_str(&if *count == 0 { "    ·".to_owned() } else { format!("{count:>5}") });
        }
    }
    text
}
