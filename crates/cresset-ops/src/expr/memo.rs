//! What interpreters derive from a program, kept by what it was derived for.

use std::sync::OnceLock;

/// A list of things made once for each key. It only grows, so it is read without a lock.
pub struct Memo<K, V> {
    first: Place<K, V>,
}

type Place<K, V> = OnceLock<Box<Link<K, V>>>;

struct Link<K, V> {
    key: K,
    value: V,
    next: Place<K, V>,
}

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Memo { first: OnceLock::new() }
    }
}

impl<K, V> Memo<K, V> {
    /// What is there for the key that `matches`, or is made for it now.
    #[inline]
    pub fn get_or_make<E>(
        &self,
        matches: impl Fn(&K) -> bool,
        make: impl FnOnce() -> Result<(K, V), E>,
    ) -> Result<&V, E> {
        let mut place = &self.first;
        while let Some(link) = place.get() {
            if matches(&link.key) {
                return Ok(&link.value);
            }
            place = &link.next;
        }
        Self::make_at(place, make)
    }

    /// Makes it for the end of the list, where `place` was when it was looked at.
    #[cold]
    fn make_at<E>(mut place: &Place<K, V>, make: impl FnOnce() -> Result<(K, V), E>) -> Result<&V, E> {
        let (key, value) = make()?;
        let mut made = Some(Box::new(Link { key, value, next: OnceLock::new() }));
        loop {
            // Two threads may make the same; then the list has it twice, which does no harm.
            let link = place.get_or_init(|| made.take().unwrap_or_else(|| unreachable!("taken once")));
            if made.is_none() {
                return Ok(&link.value);
            }
            place = &link.next;
        }
    }
}
