//! Which kernel a product gets: a function of its sizes alone, so that its bits are the same every time.
//!
//! The model is rough: a card has so many processors, each takes a tile at a time, and larger tiles compute faster. Where
//! it is wrong, measuring (`tune`) sets it right.

use cresset_ops::cpu::plan::Lane;

use super::{Size, tiled::Tile};
use crate::abilities::Abilities;

/// How a product is computed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Way {
    /// A tile by each workgroup.
    Tiled(Tile),
    /// An element by each invocation.
    Direct,
    /// An element by each workgroup of so many invocations.
    Shared {
        /// How many: a power of two.
        width: u32,
    },
}

/// How a product is computed, and in how many parts its depth is divided.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Choice {
    /// By which kernel.
    pub way: Way,
    /// How many workgroups share the depth of an element; they are added in a second pass.
    pub parts: u32,
}

const fn tile(m: u32, n: u32, k: u32, rows: u32, columns: u32) -> Tile {
    Tile { m, n, k, rows, columns }
}

/// The tiles there are.
pub const TILES: [Tile; 7] = [
    tile(128, 128, 8, 8, 8),
    tile(64, 64, 16, 4, 4),
    tile(64, 64, 16, 8, 8),
    tile(128, 32, 16, 8, 4),
    tile(32, 128, 16, 4, 8),
    tile(32, 32, 16, 4, 4),
    tile(16, 64, 16, 4, 4),
];

/// Tiles a card is thought to compute at once.
const PROCESSORS: u64 = 128;
/// What one more dispatch costs, in multiplications of one processor.
const DISPATCH: u64 = 1_000_000;
/// What an element of one part costs more, in multiplications of all processors.
const ELEMENT: u64 = 64;
/// The least depth of a part.
const DEPTH: u64 = 128;
/// Parts at most.
const PARTS: u32 = 64;
/// Products this thin are computed element by element.
const THIN: u32 = 4;

/// How fast a tile computes, in hundredths of the fastest.
fn speed(tile: Tile) -> u64 {
    match (tile.m * tile.n, tile.rows * tile.columns) {
        (16_384.., _) => 100,
        (4096.., 64..) => 80,
        (4096.., _) => 70,
        (1025.., _) => 40,
        _ => 35,
    }
}

/// The tiles that a card has room for.
pub fn tiles(lane: Lane, abilities: &Abilities) -> impl Iterator<Item = Tile> + use<> {
    let (bytes, invocations) = (abilities.workgroup_bytes, abilities.workgroup_size);
    TILES.into_iter().filter(move |tile| tile.bytes(lane) <= bytes && tile.invocations() <= invocations)
}

/// What a tile costs.
fn cost(size: &Size, tile: Tile, parts: u32) -> u64 {
    let tiles =
        u64::from(size.m.div_ceil(tile.m)) * u64::from(size.n.div_ceil(tile.n)) * u64::from(size.items);
    let depth = u64::from(size.k).div_ceil(u64::from(parts)).next_multiple_of(u64::from(tile.k));
    let rounds = tiles.saturating_mul(u64::from(parts)).div_ceil(PROCESSORS);
    let area = u64::from(tile.m) * u64::from(tile.n);
    let work = rounds.saturating_mul(area).saturating_mul(depth) / speed(tile) * 100;
    if parts == 1 {
        return work;
    }
    let elements = u64::from(size.m) * u64::from(size.n) * u64::from(size.items);
    work.saturating_add(DISPATCH)
        .saturating_add(elements.saturating_mul(u64::from(parts) * ELEMENT) / PROCESSORS)
}

/// Into how many parts a depth may be divided.
fn parts(size: &Size) -> impl Iterator<Item = u32> + use<> {
    let most = (u64::from(size.k) / DEPTH).clamp(1, u64::from(PARTS)) as u32;
    // Parts of a large result would fill the card's memory.
    let elements = u64::from(size.m) * u64::from(size.n) * u64::from(size.items);
    let room = ((16 << 20) / elements.max(1)).clamp(1, u64::from(PARTS)) as u32;
    (0..).map(|power| 1 << power).take_while(move |&parts| parts <= most.min(room))
}

/// The kernel for a product whose factors lie in memory with neighbouring depths (`deep`), or neighbouring lines.
pub fn choose(size: &Size, deep: [bool; 2], lane: Lane, abilities: &Abilities) -> Choice {
    let elements = u64::from(size.m) * u64::from(size.n) * u64::from(size.items);
    let once = |way| Choice { way, parts: 1 };
    if size.k <= 4 || (u64::from(size.m) * u64::from(size.n) <= 64 && size.k <= 64) {
        return once(Way::Direct);
    }
    if size.m.min(size.n) <= THIN {
        // What is read most should be read by neighbours.
        let long = if size.m <= size.n { deep[1] } else { deep[0] };
        if size.k >= 32 && (long || elements < 1024) {
            let width = if size.k < 1024 { 64 } else { 256 };
            let count = parts(size).take_while(|&parts| elements * u64::from(parts) <= 2 * PROCESSORS).last();
            return Choice { way: Way::Shared { width }, parts: count.unwrap_or(1) };
        }
        let enough = PROCESSORS * u64::from(super::single::GROUP);
        let count = parts(size).take_while(|&parts| elements * u64::from(parts) <= 2 * enough).last();
        return Choice { way: Way::Direct, parts: count.unwrap_or(1) };
    }
    tiles(lane, abilities)
        .flat_map(|tile| parts(size).map(move |parts| Choice { way: Way::Tiled(tile), parts }))
        .min_by_key(|choice| match choice.way {
            Way::Tiled(tile) => cost(size, tile, choice.parts),
            Way::Direct | Way::Shared { .. } => u64::MAX,
        })
        .unwrap_or(once(Way::Direct))
}

/// What is worth measuring.
pub fn candidates(size: &Size, lane: Lane, abilities: &Abilities) -> Vec<Choice> {
    let mut list: Vec<Choice> = tiles(lane, abilities)
        .flat_map(|tile| parts(size).map(move |parts| Choice { way: Way::Tiled(tile), parts }))
        .collect();
    // Of one tile, those divisions that may be good.
    list.retain(|choice| match choice.way {
        Way::Tiled(tile) => {
            let best = parts(size).map(|parts| cost(size, tile, parts)).min().unwrap_or(0);
            cost(size, tile, choice.parts) <= best.saturating_mul(2)
        }
        Way::Direct | Way::Shared { .. } => true,
    });
    let work = u64::from(size.m) * u64::from(size.n) * u64::from(size.k);
    if size.m.min(size.n) <= 4 * THIN || work <= 1 << 18 {
        list.extend(parts(size).map(|parts| Choice { way: Way::Direct, parts }));
        list.extend([64, 256].map(|width| Choice { way: Way::Shared { width }, parts: 1 }));
    }
    list
}
