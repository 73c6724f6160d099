//! Layouts as arrays share them. Those of the first row-major shapes that a program uses last for ever: there are few,
//! and most arrays have one, so that nobody needs to count who has it, or to make it again.

use std::{
    cell::Cell,
    collections::HashMap,
    ops::Deref,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use crate::{Layout, Shape};

/// A layout, shared. Cloning one that lasts costs nothing; any other is counted.
#[derive(Clone, Debug)]
pub struct SharedLayout(Owner);

#[derive(Clone, Debug)]
enum Owner {
    Everybody(&'static Layout),
    Counted(Arc<Layout>),
}

/// So many shapes last: some hundred kilobytes.
const LASTING: usize = 1024;
/// Shapes of more dimensions than this do not.
const RANK: usize = 4;
/// Places in which a thread finds those it used last without a lock: a power of two.
const RECENT: usize = 128;

static KNOWN: LazyLock<Mutex<HashMap<Shape, &'static Layout>>> = LazyLock::new(Default::default);

thread_local! {
    static MINE: [Cell<Option<&'static Layout>>; RECENT] = const { [const { Cell::new(None) }; RECENT] };
}

impl SharedLayout {
    /// Any layout.
    pub fn new(layout: Layout) -> SharedLayout {
        SharedLayout(Owner::Counted(Arc::new(layout)))
    }

    /// Row-major without gaps.
    pub fn contiguous(shape: Shape) -> SharedLayout {
        if shape.rank() > RANK {
            return SharedLayout::new(Layout::contiguous(shape));
        }
        MINE.with(|mine| {
            let place = &mine[place(&shape)];
            match place.get() {
                Some(layout) if *layout.shape() == shape => SharedLayout(Owner::Everybody(layout)),
                Some(_) | None => known(shape, place),
            }
        })
    }

    /// Is it the same object? (Equal ones may be different objects.)
    #[inline]
    pub fn is_same(&self, other: &SharedLayout) -> bool {
        std::ptr::eq::<Layout>(&**self, &**other)
    }
}

/// Where a thread would find a shape.
fn place(shape: &Shape) -> usize {
    let mix =
        |hash: u64, size: &usize| (hash.rotate_left(5) ^ *size as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (shape.iter().fold(shape.rank() as u64, mix) >> 32) as usize % RECENT
}

/// From what all threads share, noted in a place of this one.
#[cold]
fn known(shape: Shape, place: &Cell<Option<&'static Layout>>) -> SharedLayout {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let layout = match known.get(&shape) {
        Some(layout) => layout,
        None if known.len() < LASTING => {
            let layout: &'static Layout = Box::leak(Box::new(Layout::contiguous(shape.clone())));
            known.insert(shape, layout);
            layout
        }
        None => return SharedLayout::new(Layout::contiguous(shape)),
    };
    place.set(Some(layout));
    SharedLayout(Owner::Everybody(layout))
}

impl Deref for SharedLayout {
    type Target = Layout;

    #[inline]
    fn deref(&self) -> &Layout {
        match &self.0 {
            Owner::Everybody(layout) => layout,
            Owner::Counted(layout) => layout,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_last_once_for_all_threads_and_only_so_many() {
        let of = |shape: &[usize]| SharedLayout::contiguous(Shape::from_slice(shape));
        let (here, there) = (of(&[3, 5]), std::thread::spawn(move || of(&[3, 5])).join().unwrap());
        assert!(here.is_same(&there) && here.is_same(&of(&[3, 5])) && !here.is_same(&of(&[5, 3])));
        assert!(!of(&[1, 2, 3, 4, 5]).is_same(&of(&[1, 2, 3, 4, 5])));
        for size in 0..2 * LASTING {
            assert_eq!(*of(&[size, 2]), Layout::contiguous([size, 2].into()));
        }
        assert!(KNOWN.lock().unwrap().len() <= LASTING);
        assert!(here.is_same(&of(&[3, 5])));
    }
}
