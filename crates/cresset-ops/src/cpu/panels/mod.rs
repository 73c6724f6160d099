//! Products of f32 matrices by panels: blocks that fit the caches, multiplied tile by tile in vector registers.
//!
//! A panel is a stretch of the right factor's columns, as wide as a tile, over one block of the inner dimension; it stays
//! in the first-level cache while all rows of the left factor go past it. Every element of the result is summed in one
//! order, block after block, whatever tile it falls into. Which instructions do it is a table (`Kernel`); where there is
//! none for the machine, the caller has another way.

mod ahead;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "only the loops of instruction sets read them")
)]
mod jobs;
#[cfg(target_arch = "x86_64")]
mod lanes;
mod pack;
mod packed;
mod patches;
mod product;
mod strip;
#[cfg(target_arch = "x86_64")]
mod sums;
#[cfg(target_arch = "x86_64")]
mod tile_lanes;
#[cfg(target_arch = "x86_64")]
mod tile_sums;
#[cfg(target_arch = "x86_64")]
mod tiles;

use std::sync::OnceLock;

use cresset_tensor::memory;

use self::jobs::{Lines, Tile};
#[cfg(target_arch = "x86_64")]
pub use self::lanes::Lanes;
pub use self::{
    ahead::{Ahead, Asking},
    jobs::{Gradients, Kernels, Place, Run, Steps, TileLanes, Tiles, Turn},
    packed::Packed,
    patches::Patches,
    product::multiply,
    strip::{Left, Strip},
};

/// The longest stretch of the inner dimension that is multiplied at once: a panel of it takes two thirds of the
/// first-level cache.
pub const DEPTH: usize = 256;
/// Between the rows of a packed block, beyond their length: rows a power of two apart fall into one set of the cache.
pub const GAP: usize = 16;

/// The inner loops for one set of instructions.
pub struct Kernel {
    /// Rows of a tile.
    pub rows: usize,
    /// Numbers in a register. A tile is one or two of them wide.
    pub lanes: usize,
    tile: unsafe fn(&Tile),
    lines: unsafe fn(&Lines),
    turn: unsafe fn(&Turn),
    /// Those whose neighbours are one or two apart.
    patches: unsafe fn(&Patches),
    winograd: Winograd,
}

/// Winograd's transforms: of neighbouring tiles of a line, and with channels in the lanes.
struct Winograd {
    apart: unsafe fn(&Tiles),
    together: unsafe fn(&Tiles),
    input_apart: unsafe fn(&TileLanes),
    output_apart: unsafe fn(&TileLanes),
    products_together: unsafe fn(&TileLanes),
    kernels_apart: unsafe fn(&Kernels),
    gradients_together: unsafe fn(&Gradients),
}

/// The loops of a set of instructions: its own, and those over [`lanes::Lanes`] compiled for it.
#[cfg(target_arch = "x86_64")]
macro_rules! kernel {
    ($set:ident, $lanes:ty, $features:literal) => {{
        macro_rules! compiled {
            ($body:expr, $job:ty) => {{
                #[target_feature(enable = $features)]
                unsafe fn compiled(job: &$job) {
                    // SAFETY: the caller's.
                    unsafe { $body(job) }
                }
                compiled
            }};
        }
        Kernel {
            rows: $set::ROWS,
            lanes: $set::LANES,
            tile: $set::tile,
            lines: compiled!(pack::lines::<$lanes>, Lines),
            turn: $set::turn,
            patches: compiled!(patches::pack::<$lanes>, Patches),
            winograd: Winograd {
                apart: compiled!(tiles::apart::<$lanes>, Tiles),
                together: compiled!(tiles::together::<$lanes>, Tiles),
                input_apart: compiled!(tile_lanes::input_apart::<$lanes>, TileLanes),
                output_apart: compiled!(tile_lanes::output_apart::<$lanes>, TileLanes),
                products_together: compiled!(tile_lanes::products_together::<$lanes>, TileLanes),
                kernels_apart: compiled!(tile_lanes::kernels_apart::<$lanes>, Kernels),
                gradients_together: compiled!(tile_lanes::gradients_together::<$lanes>, Gradients),
            },
        }
    }};
}

#[cfg(target_arch = "x86_64")]
static AVX512: Kernel = kernel!(avx512, std::arch::x86_64::__m512, "avx512f,bmi2");

#[cfg(target_arch = "x86_64")]
static AVX2: Kernel = kernel!(avx2, std::arch::x86_64::__m256, "avx2,fma");

/// The loops for this machine. Without optimisation they are slower than what a dependency does, and only taken where
/// `CRESSET_SIMD` names them.
pub fn kernel() -> Option<&'static Kernel> {
    static FOUND: OnceLock<Option<&'static Kernel>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        #[cfg(target_arch = "x86_64")]
        if cfg!(not(debug_assertions)) || std::env::var_os("CRESSET_SIMD").is_some() {
            return match super::simd::simd() {
                super::simd::Simd::Avx512 => Some(&AVX512),
                super::simd::Simd::Avx2 => Some(&AVX2),
                super::simd::Simd::Portable => None,
            };
        }
        None
    })
}

/// Memory for a task's blocks.
pub struct Scratch(memory::Block);

impl Scratch {
    pub fn new(elements: usize) -> Option<Scratch> {
        Some(Scratch(memory::take(elements.checked_mul(size_of::<f32>())?)?))
    }

    pub fn start(&self) -> *mut f32 {
        self.0.as_ptr().cast()
    }
}

impl Kernel {
    /// Columns of a panel.
    pub fn width(&self) -> usize {
        2 * self.lanes
    }

    /// How wide a panel of so many columns is in memory: there are tiles of one register and of two.
    pub fn room(&self, columns: usize) -> usize {
        if columns > self.lanes { self.width() } else { self.lanes }
    }

    /// Takes tiles apart into the 16 sums that are multiplied.
    ///
    /// # Safety
    /// What is inside of the image may be read; the parts have room for a register after each column.
    pub unsafe fn tiles_apart(&self, tiles: &Tiles) {
        // SAFETY: this and below: the caller's; this kernel is for this machine.
        unsafe { (self.winograd.apart)(tiles) }
    }

    /// Puts tiles together from the 16 products.
    ///
    /// # Safety
    /// What is inside of the image may be written; of the parts a register may be read after each column.
    pub unsafe fn tiles_together(&self, tiles: &Tiles) {
        // SAFETY: as above.
        unsafe { (self.winograd.together)(tiles) }
    }

    /// Takes tiles apart whose channels lie side by side: of the input, or of what is at the positions.
    ///
    /// # Safety
    /// Every place has so many channels, filled up to a register; the parts have room for all tiles.
    pub unsafe fn tile_lanes(&self, tiles: &TileLanes, input: bool) {
        let Winograd { input_apart, output_apart, .. } = self.winograd;
        // SAFETY: as above.
        unsafe { if input { input_apart(tiles) } else { output_apart(tiles) } }
    }

    /// Puts tiles together whose channels lie side by side.
    ///
    /// # Safety
    /// As of [`Kernel::tile_lanes`]; every place may be written.
    pub unsafe fn lanes_together(&self, tiles: &TileLanes) {
        // SAFETY: as above.
        unsafe { (self.winograd.products_together)(tiles) }
    }

    /// Takes kernels apart.
    ///
    /// # Safety
    /// As the fields say.
    pub unsafe fn kernels_apart(&self, kernels: &Kernels) {
        // SAFETY: as above.
        unsafe { (self.winograd.kernels_apart)(kernels) }
    }

    /// Puts gradients of kernels together from sums of products.
    ///
    /// # Safety
    /// As the fields say.
    pub unsafe fn gradients(&self, gradients: &Gradients) {
        // SAFETY: as above.
        unsafe { (self.winograd.gradients_together)(gradients) }
    }

    /// Writes lines as columns.
    ///
    /// # Safety
    /// As the fields say.
    pub unsafe fn turn(&self, turn: &Turn) {
        // SAFETY: the caller's; this kernel is for this machine.
        unsafe { (self.turn)(turn) }
    }
}
