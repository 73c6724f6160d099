//! The two transforms of Winograd's algorithm: images to sums of their elements, and products back to images.
//!
//! With `F(2×2, 3×3)`, four outputs of neighbours are made from 16 products of sums of 16 inputs with sums of the kernel's
//! nine numbers. A register holds one of the 16 for neighbouring tiles of a line.

use super::{
    Tiles,
    lanes::Lanes,
    sums::{of_input, of_products},
};

/// # Safety
/// The machine has the instructions, and memory is as the fields say.
#[inline(always)]
pub unsafe fn apart<L: Lanes>(job: &Tiles) {
    for c in 0..job.channels {
        let source = job.image.wrapping_offset(c as isize * job.channel);
        for place in job.places {
            // SAFETY: the masks let through what is inside; there is room for a whole register after each column.
            unsafe {
                let mut x = [[L::splat(0.0); 4]; 4];
                for (r, x) in x.iter_mut().enumerate() {
                    if place.lines >> r & 1 == 0 {
                        continue;
                    }
                    let from = source.wrapping_offset(place.from + r as isize * job.line);
                    let mut parts = [[L::splat(0.0); 2]; 2];
                    for (number, parts) in parts.iter_mut().enumerate() {
                        let (near, far) = (2 * number, 2 * number + L::COUNT);
                        let low = L::load_some(from.wrapping_add(near), (place.columns >> near) as u32);
                        let high = L::load_some(from.wrapping_add(far), (place.columns >> far) as u32);
                        *parts = L::parted(low, high);
                    }
                    *x = [parts[0][0], parts[0][1], parts[1][0], parts[1][1]];
                }
                let to = job.parts.wrapping_add(c * job.row + place.column);
                for (i, line) in of_input(x).into_iter().enumerate() {
                    for (j, value) in line.into_iter().enumerate() {
                        L::store(value, to.wrapping_add((4 * i + j) * job.part));
                    }
                }
            }
        }
    }
}

/// # Safety
/// As of [`apart`].
#[inline(always)]
pub unsafe fn together<L: Lanes>(job: &Tiles) {
    for c in 0..job.channels {
        let target = job.image.cast_mut().wrapping_offset(c as isize * job.channel);
        for place in job.places {
            let from = job.parts.wrapping_add(c * job.row + place.column);
            // SAFETY: there is room for a whole register after each column; the masks let through what is inside.
            unsafe {
                let mut products = [[L::splat(0.0); 4]; 4];
                for (part, product) in products.as_flattened_mut().iter_mut().enumerate() {
                    *product = L::load(from.wrapping_add(part * job.part));
                }
                for (i, [left, right]) in of_products(products).into_iter().enumerate() {
                    if place.lines >> i & 1 == 0 {
                        continue;
                    }
                    let to = target.wrapping_offset(place.from + i as isize * job.line);
                    let [near, far] = L::woven(left, right);
                    L::store_some(near, to, place.columns as u32);
                    let columns = (place.columns >> L::COUNT) as u32;
                    L::store_some(far, to.wrapping_add(L::COUNT), columns);
                }
            }
        }
    }
}
