//! Memory shared by an array and its views: one lock, one version counter.
//!
//! Reading and writing go through raw pointers, under the lock taken by [`Locks`].

use std::sync::{
    Arc, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use smallvec::SmallVec;

use crate::{Error, Result, device::Remote, memory, memory::Block, order::sort_by};

/// Memory that arrays share.
#[derive(Debug)]
pub struct Storage {
    memory: Memory,
    bytes: usize,
    lock: RwLock<()>,
    version: AtomicU64,
}

#[derive(Debug)]
enum Memory {
    Pooled(Block),
    /// Boxed, as it is the rarer one and large.
    Owned(Box<Owned>),
    /// That of another device, to which the processor has no pointer.
    Remote(Box<dyn Remote>),
}

/// The parts of a `Vec`, to be dropped as one.
#[derive(Debug)]
struct Owned {
    pointer: *mut u8,
    length: usize,
    capacity: usize,
    element: std::any::TypeId,
    free: unsafe fn(*mut u8, usize),
}

// SAFETY: the memory is owned by this storage alone (a pool's block, or a leaked `Vec` of plain numbers); every access
// through its pointer happens under `lock` (see `Locks`), or before the storage is shared.
unsafe impl Send for Storage {}
// SAFETY: as above.
unsafe impl Sync for Storage {}

impl Storage {
    /// Uninitialised memory. Whoever asks writes all of it before anyone else can see it.
    pub fn uninitialised(operation: &'static str, bytes: usize) -> Result<Storage> {
        match memory::take(bytes) {
            Some(block) => Ok(Storage::over(Memory::Pooled(block), bytes)),
            None => Err(Error::memory(operation, format!("out of memory: {bytes} bytes could not be had"))),
        }
    }

    fn over(memory: Memory, bytes: usize) -> Storage {
        Storage { memory, bytes, lock: RwLock::new(()), version: AtomicU64::new(0) }
    }

    /// Takes a vector over without a copy.
    pub fn from_vec<T: crate::Element>(vec: Vec<T>) -> Storage {
        unsafe fn free<T>(pointer: *mut u8, capacity: usize) {
            // SAFETY: called once, from `drop`, with the parts `from_vec` took the vector into.
            drop(unsafe { Vec::<T>::from_raw_parts(pointer.cast(), 0, capacity) });
        }
        let mut vec = std::mem::ManuallyDrop::new(vec);
        let bytes = size_of_val(vec.as_slice());
        Storage::over(
            Memory::Owned(Box::new(Owned {
                pointer: vec.as_mut_ptr().cast(),
                length: vec.len(),
                capacity: vec.capacity(),
                element: std::any::TypeId::of::<T>(),
                free: free::<T>,
            })),
            bytes,
        )
    }

    /// Memory of another device.
    pub fn remote(memory: Box<dyn Remote>, bytes: usize) -> Storage {
        Storage::over(Memory::Remote(memory), bytes)
    }

    /// The device's memory, if it is not the processor's.
    pub fn as_remote(&self) -> Option<&dyn Remote> {
        match &self.memory {
            Memory::Remote(memory) => Some(&**memory),
            Memory::Pooled(_) | Memory::Owned(_) => None,
        }
    }

    /// The vector this memory was taken over from, without a copy; the storage back where it was not.
    pub fn into_vec<T: crate::Element>(self) -> Result<Vec<T>, Storage> {
        match self.memory {
            Memory::Owned(owned) if owned.element == std::any::TypeId::of::<T>() => {
                let parts = std::mem::ManuallyDrop::new(*owned);
                // SAFETY: these are the parts of a `Vec<T>` (the type was checked), and nobody else frees them.
                Ok(unsafe { Vec::from_raw_parts(parts.pointer.cast(), parts.length, parts.capacity) })
            }
            memory => Err(Storage { memory, ..self }),
        }
    }

    /// Where the memory starts. Dereferencing it needs a lock, or memory nobody else has seen.
    ///
    /// # Panics
    /// On another device's memory: whoever computes on the processor has made sure that it is the processor's.
    #[inline]
    pub fn as_ptr(&self) -> *mut u8 {
        match &self.memory {
            Memory::Pooled(block) => block.as_ptr(),
            Memory::Owned(owned) => owned.pointer,
            Memory::Remote(memory) => not_here(&**memory),
        }
    }

    /// How many bytes it has.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How often it was written since it was made.
    #[inline]
    pub fn version(&self) -> u64 {
        self.version.load(Relaxed)
    }

    /// Notes a write.
    #[inline]
    pub fn bump(&self) {
        self.version.fetch_add(1, Relaxed);
    }
}

#[cold]
fn not_here(memory: &dyn Remote) -> ! {
    panic!("a bug in this library: memory of {} was about to be read by the processor", memory.device())
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: these are the parts of the vector taken over; whoever took them out again did not drop this.
        unsafe { (self.free)(self.pointer, self.capacity) }
    }
}

/// The locks an operation holds while it reads its inputs and writes its targets.
///
/// Each storage is locked once, whatever the number of arrays over it, and in the order of addresses, so that neither
/// one thread nor two can wait for each other in a circle.
#[derive(Default)]
pub struct Locks<'a> {
    /// Most operations lock one memory or two, and need no list.
    _first: Option<Guard<'a>>,
    _second: Option<Guard<'a>>,
    _rest: Vec<Guard<'a>>,
}

/// A lock that is held.
enum Guard<'a> {
    Read { _guard: RwLockReadGuard<'a, ()> },
    Write { _guard: RwLockWriteGuard<'a, ()> },
}

impl<'a> Locks<'a> {
    /// For reading one.
    #[inline]
    pub fn read(storage: &'a Arc<Storage>) -> Locks<'a> {
        Locks { _first: Some(read(storage)), ..Locks::default() }
    }

    /// For reading the memory of some arrays: the short way of [`Locks::new`] for the most frequent cases.
    pub fn reading(arrays: &[&'a crate::Array]) -> Locks<'a> {
        match arrays {
            [one] => Locks::read(one.storage()),
            [a, b] if Arc::ptr_eq(a.storage(), b.storage()) => Locks::read(a.storage()),
            [a, b] => {
                let (a, b) = (a.storage(), b.storage());
                let (first, second) = if Arc::as_ptr(a) < Arc::as_ptr(b) { (a, b) } else { (b, a) };
                Locks { _first: Some(read(first)), _second: Some(read(second)), ..Locks::default() }
            }
            arrays => Locks::new(arrays.iter().map(|x| x.storage()), std::iter::empty()),
        }
    }

    /// For reading some and writing others, each any number of times.
    pub fn new<R, W>(reads: R, writes: W) -> Locks<'a>
    where
        R: Iterator<Item = &'a Arc<Storage>>,
        W: Iterator<Item = &'a Arc<Storage>>,
    {
        let mut list: SmallVec<[(&'a Storage, bool); 8]> = SmallVec::new();
        for storage in writes {
            list.push((&**storage, true));
        }
        for storage in reads {
            list.push((&**storage, false));
        }
        Locks::of(list)
    }

    fn of(mut list: SmallVec<[(&'a Storage, bool); 8]>) -> Locks<'a> {
        /// So few that inserting each is quickest; concatenations have any number.
        const FEW: usize = 16;
        // Everybody locks in one order, and what is read and written is written.
        let key = |(storage, write): (&Storage, bool)| (std::ptr::from_ref(storage) as usize, !write);
        if list.len() > FEW {
            sort_by(&mut list, |&one, &other| key(one).cmp(&key(other)));
        }
        for end in 1..list.len() {
            let mut place = end;
            while place > 0 && key(list[place - 1]) > key(list[place]) {
                list.swap(place - 1, place);
                place -= 1;
            }
        }
        list.dedup_by_key(|(storage, _)| std::ptr::from_ref(*storage));
        let mut guards = list.into_iter().map(|(s, write)| if write { self::write(s) } else { read(s) });
        Locks { _first: guards.next(), _second: guards.next(), _rest: guards.collect() }
    }
}

// The lock guards no invariant of ours that a panic could break: numbers are numbers.

#[inline]
fn read(storage: &Storage) -> Guard<'_> {
    Guard::Read { _guard: storage.lock.read().unwrap_or_else(std::sync::PoisonError::into_inner) }
}

fn write(storage: &Storage) -> Guard<'_> {
    Guard::Write { _guard: storage.lock.write().unwrap_or_else(std::sync::PoisonError::into_inner) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_memory_is_locked_once_and_written_where_it_is_both() {
        // Few, and as many as a concatenation may have.
        for count in [1, 2, 5, 17, 50_000] {
            let all: Vec<Arc<Storage>> =
                (0..count).map(|_| Arc::new(Storage::uninitialised("test", 8).unwrap())).collect();
            let locks = Locks::new(all.iter().rev().chain(&all), all.iter().take(1));
            assert!(all[0].lock.try_read().is_err());
            for storage in &all[1..] {
                assert!(storage.lock.try_read().is_ok() && storage.lock.try_write().is_err());
            }
            drop(locks);
            assert!(all.iter().all(|storage| storage.lock.try_write().is_ok()));
        }
    }
}
