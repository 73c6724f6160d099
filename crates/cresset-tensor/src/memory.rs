//! Aligned memory that is used again: fresh pages cost more than the arithmetic done on them.
//!
//! Small blocks are kept by each thread, large ones by all together, up to a cap on what is kept unused.

use std::{
    alloc::{self, Layout},
    cell::RefCell,
    ptr::NonNull,
    sync::{
        Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// Of every block, so that any vector register loads from it without a split.
pub const ALIGNMENT: usize = 64;
/// Blocks up to this size are kept by the thread that freed them.
const SMALL: usize = 32 << 10;
/// So many of each small size are kept by a thread.
const KEPT_SMALL: usize = 64;
/// Powers of two are split in so many steps, so that at most a fifth of a block is unused.
const STEPS: usize = 4;
const CLASSES: usize = 64 * STEPS;

/// A block of uninitialised memory, which returns to the pool when dropped.
#[derive(Debug)]
pub struct Block {
    pointer: NonNull<u8>,
    class: u32,
}

// SAFETY: a block owns its memory alone; pointers into it are made by `Storage`, which synchronises access.
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

/// What the pool holds and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Bytes taken from the system and not given back: in use, or kept by threads and the pool.
    pub reserved: usize,
    /// Bytes of large blocks kept for use again.
    pub kept: usize,
    /// The most `reserved` has been.
    pub peak: usize,
    /// How often memory was taken from the system.
    pub system_allocations: u64,
}

static RESERVED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static KEPT: AtomicUsize = AtomicUsize::new(0);
static CAP: AtomicUsize = AtomicUsize::new(4 << 30);
static SYSTEM: AtomicU64 = AtomicU64::new(0);
/// Raised by `empty`; threads that see it has changed drop what they keep.
static EPOCH: AtomicU64 = AtomicU64::new(0);
static LARGE: Mutex<Vec<Vec<Block>>> = Mutex::new(Vec::new());

struct Small {
    epoch: u64,
    lists: [Vec<NonNull<u8>>; SMALL_CLASSES],
}

const SMALL_CLASSES: usize = class_of(SMALL) + 1;

impl Drop for Small {
    fn drop(&mut self) {
        for (class, list) in self.lists.iter_mut().enumerate() {
            for pointer in list.drain(..) {
                release(pointer, class);
            }
        }
    }
}

thread_local! {
    static MINE: RefCell<Small> = const { RefCell::new(Small { epoch: 0, lists: [const { Vec::new() }; SMALL_CLASSES] }) };
}

/// The size class of so many bytes.
const fn class_of(bytes: usize) -> usize {
    if bytes <= ALIGNMENT {
        return 0;
    }
    // With n = bytes-1 = 1xx…, the class is (place of the top bit, the two bits after it).
    let n = bytes - 1;
    let top = (usize::BITS - 1 - n.leading_zeros()) as usize;
    let step = (n >> (top - 2)) & (STEPS - 1);
    (top - 6) * STEPS + step + 1
}

/// The bytes of a class: 64, 80, 96, 112, 128, 160, …
const fn size_of(class: usize) -> usize {
    if class == 0 {
        return ALIGNMENT;
    }
    let (top, step) = ((class - 1) / STEPS + 6, (class - 1) % STEPS);
    (STEPS + step + 1) << (top - 2)
}

fn system_layout(class: usize) -> Option<Layout> {
    let size = size_of(class);
    Layout::from_size_align(size, if size >= HUGE { PAGE } else { ALIGNMENT }).ok()
}

/// Blocks from this size on lie in large pages where the system has them: walking the tables of small ones costs a
/// tenth of the time of going through memory once, and the first touch of each a microsecond.
const HUGE: usize = 4 << 20;
/// A large page.
const PAGE: usize = 2 << 20;

/// Asks for large pages.
fn advise(pointer: NonNull<u8>, size: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    if size >= HUGE {
        const MADV_HUGEPAGE: std::ffi::c_int = 14;
        unsafe extern "C" {
            fn madvise(
                address: *mut std::ffi::c_void,
                length: usize,
                advice: std::ffi::c_int,
            ) -> std::ffi::c_int;
        }
        // SAFETY: whole pages of a block that is ours; the advice changes nothing but how they are mapped. A system
        // that does not take it says so, which does not matter.
        unsafe { madvise(pointer.as_ptr().cast(), size / PAGE * PAGE, MADV_HUGEPAGE) };
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (pointer, size);
}

/// Gives a block's memory back to the system.
fn release(pointer: NonNull<u8>, class: usize) {
    if let Some(layout) = system_layout(class) {
        RESERVED.fetch_sub(layout.size(), Relaxed);
        // SAFETY: every pointer that reaches here came from `alloc::alloc` with the layout of its class.
        unsafe { alloc::dealloc(pointer.as_ptr(), layout) }
    }
}

/// A block of at least so many bytes, its contents undefined; `None` where the system has no more.
pub fn take(bytes: usize) -> Option<Block> {
    if bytes > isize::MAX as usize / 2 {
        return None;
    }
    let class = class_of(bytes);
    if class < SMALL_CLASSES {
        let kept = MINE.try_with(|mine| {
            let mut mine = mine.borrow_mut();
            mine.lists[class].pop()
        });
        if let Ok(Some(pointer)) = kept {
            return Some(Block { pointer, class: class as u32 });
        }
    } else if let Ok(mut lists) = LARGE.lock()
        && let Some(block) = lists.get_mut(class).and_then(Vec::pop)
    {
        KEPT.fetch_sub(size_of(class), Relaxed);
        return Some(block);
    }
    take_fresh(class)
}

#[cold]
fn take_fresh(class: usize) -> Option<Block> {
    let layout = system_layout(class)?;
    // SAFETY: the layout's size is never zero.
    let pointer = unsafe { alloc::alloc(layout) };
    let Some(pointer) = NonNull::new(pointer) else {
        // Perhaps what is kept unused is what is missing.
        empty();
        // SAFETY: as above.
        let pointer = NonNull::new(unsafe { alloc::alloc(layout) })?;
        return Some(counted(pointer, class, layout.size()));
    };
    Some(counted(pointer, class, layout.size()))
}

fn counted(pointer: NonNull<u8>, class: usize, bytes: usize) -> Block {
    advise(pointer, bytes);
    SYSTEM.fetch_add(1, Relaxed);
    let reserved = RESERVED.fetch_add(bytes, Relaxed) + bytes;
    PEAK.fetch_max(reserved, Relaxed);
    Block { pointer, class: class as u32 }
}

impl Block {
    /// Where it starts.
    #[inline]
    pub fn as_ptr(&self) -> *mut u8 {
        self.pointer.as_ptr()
    }

    /// How many bytes it has.
    pub fn capacity(&self) -> usize {
        size_of(self.class as usize)
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let (pointer, class) = (self.pointer, self.class as usize);
        if class < SMALL_CLASSES {
            let kept = MINE.try_with(|mine| {
                let mut mine = mine.borrow_mut();
                let epoch = EPOCH.load(Relaxed);
                if mine.epoch != epoch {
                    *mine = Small { epoch, lists: [const { Vec::new() }; SMALL_CLASSES] };
                }
                let list = &mut mine.lists[class];
                let room = list.len() < KEPT_SMALL;
                if room {
                    list.push(pointer);
                }
                room
            });
            if kept != Ok(true) {
                release(pointer, class);
            }
            return;
        }
        keep_large(pointer, class);
    }
}

fn keep_large(pointer: NonNull<u8>, class: usize) {
    let bytes = size_of(class);
    if KEPT.fetch_add(bytes, Relaxed) + bytes <= CAP.load(Relaxed)
        && let Ok(mut lists) = LARGE.lock()
    {
        if lists.is_empty() {
            lists.resize_with(CLASSES, Vec::new);
        }
        lists[class].push(Block { pointer, class: class as u32 });
        return;
    }
    KEPT.fetch_sub(bytes, Relaxed);
    release(pointer, class);
}

/// Gives every kept block back to the system. Other threads give up theirs the next time they free one.
pub fn empty() {
    EPOCH.fetch_add(1, Relaxed);
    let _ = MINE.try_with(|mine| {
        *mine.borrow_mut() =
            Small { epoch: EPOCH.load(Relaxed), lists: [const { Vec::new() }; SMALL_CLASSES] };
    });
    let Ok(mut lists) = LARGE.lock() else { return };
    let all = std::mem::take(&mut *lists);
    drop(lists);
    for block in all.into_iter().flatten() {
        KEPT.fetch_sub(block.capacity(), Relaxed);
        release(block.pointer, block.class as usize);
        std::mem::forget(block);
    }
}

/// Sets how many bytes of large blocks may be kept unused (4 GiB at the start), and gives everything
/// kept back to the system where that is more.
pub fn set_cap(bytes: usize) {
    CAP.store(bytes, Relaxed);
    if KEPT.load(Relaxed) > bytes {
        empty();
    }
}

/// Starts the count of [`Statistics::peak`] again from what is reserved now.
pub fn reset_peak() {
    PEAK.store(RESERVED.load(Relaxed), Relaxed);
}

/// What the pool holds and has done.
///
/// ```
/// use cresset_tensor::memory;
/// let block = memory::take(1 << 20).expect("a megabyte");
/// assert!(memory::statistics().reserved >= block.capacity());
/// ```
pub fn statistics() -> Statistics {
    Statistics {
        reserved: RESERVED.load(Relaxed),
        kept: KEPT.load(Relaxed),
        peak: PEAK.load(Relaxed),
        system_allocations: SYSTEM.load(Relaxed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_they_promise_and_waste_little() {
        for bytes in (1..100_000).chain((100_000..50_000_000).step_by(99_991)) {
            let class = class_of(bytes);
            assert!(size_of(class) >= bytes, "{bytes}");
            assert!(class == 0 || size_of(class - 1) < bytes, "{bytes}");
        }
    }

    #[test]
    fn a_large_block_is_used_again() {
        let first = take(10 << 20).unwrap();
        let place = first.as_ptr();
        drop(first);
        // Another test may take it first, or empty the pool; it must then still be aligned memory.
        let second = take(10 << 20).unwrap();
        assert_eq!(second.as_ptr() as usize % ALIGNMENT, 0);
        let _ = place;
        assert!(second.capacity() >= 10 << 20);
    }

    #[test]
    fn absurd_sizes_are_refused() {
        assert!(take(usize::MAX).is_none());
        assert!(take(isize::MAX as usize).is_none());
    }
}
