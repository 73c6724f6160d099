//! The pool of memory. One test, as the pool and what it counts belong to the whole process.

use std::thread;

use cresset_tensor::memory::{ALIGNMENT, Block, empty, reset_peak, set_cap, statistics, take};

const LARGE: usize = 1 << 20;

fn write(block: &Block) {
    // SAFETY: the block is ours, and so long.
    unsafe { block.as_ptr().write_bytes(0xA5, block.capacity()) }
}

#[test]
fn the_pool() {
    // Small blocks come back to the thread that freed them.
    let block = take(1000).unwrap();
    write(&block);
    let place = block.as_ptr();
    assert_eq!(place as usize % ALIGNMENT, 0);
    drop(block);
    let taken = statistics().system_allocations;
    let again = take(1000).unwrap();
    assert_eq!((again.as_ptr(), statistics().system_allocations), (place, taken));
    // … but not to another thread, and what that one keeps goes when it ends.
    let elsewhere = thread::spawn(move || {
        let reserved = statistics().reserved;
        let blocks: Vec<Block> = (0..200).map(|_| take(1000).unwrap()).collect();
        blocks.iter().for_each(write);
        drop(blocks);
        // Of two hundred freed it keeps sixty-four.
        statistics().reserved - reserved
    });
    let capacity = again.capacity();
    assert_eq!(elsewhere.join().unwrap(), 64 * capacity);
    assert_eq!(statistics().reserved, capacity);

    // A block freed by another thread than took it.
    thread::spawn(move || drop(again)).join().unwrap();
    assert_eq!(statistics().reserved, 0);

    // Large blocks are kept for everybody.
    let block = take(LARGE).unwrap();
    write(&block);
    let place = block.as_ptr() as usize;
    thread::spawn(move || drop(block)).join().unwrap();
    assert_eq!(statistics().kept, LARGE);
    let block = take(LARGE - 1).unwrap();
    assert_eq!((block.as_ptr() as usize, statistics().kept), (place, 0));
    drop(block);

    // Beyond the cap they are not, and `empty` gives all back.
    set_cap(3 * LARGE);
    let blocks: Vec<Block> = (0..5).map(|_| take(LARGE).unwrap()).collect();
    assert_eq!(statistics().peak, 5 * LARGE);
    drop(blocks);
    assert_eq!((statistics().kept, statistics().reserved), (3 * LARGE, 3 * LARGE));
    set_cap(LARGE);
    assert_eq!((statistics().kept, statistics().reserved), (0, 0));
    reset_peak();
    assert_eq!(statistics().peak, 0);
    drop(take(LARGE).unwrap());
    drop(take(64).unwrap());
    assert_eq!(statistics().reserved, LARGE + 64);
    empty();
    assert_eq!((statistics().kept, statistics().reserved), (0, 0));

    // What another thread keeps small goes when that thread next frees something.
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let (answer, answered) = std::sync::mpsc::channel::<usize>();
    let other = thread::spawn(move || {
        drop((0..10).map(|_| take(64).unwrap()).collect::<Vec<_>>());
        while told.recv().is_ok() {
            drop(take(32 << 10).unwrap());
            answer.send(statistics().reserved).unwrap();
        }
    });
    tell.send(()).unwrap();
    assert_eq!(answered.recv().unwrap(), 10 * 64 + (32 << 10));
    empty();
    tell.send(()).unwrap();
    assert_eq!(answered.recv().unwrap(), 32 << 10);
    drop(tell);
    other.join().unwrap();
    assert_eq!(statistics().reserved, 0);

    // A block dropped while its thread's own pool is already gone.
    thread_local! {
        static LATE: std::cell::RefCell<Option<Block>> = const { std::cell::RefCell::new(None) };
    }
    thread::spawn(|| {
        // Registered before the pool's own destructor, so that it may run after it.
        LATE.with(|late| *late.borrow_mut() = None);
        LATE.with(|late| *late.borrow_mut() = take(64));
    })
    .join()
    .unwrap();
    assert_eq!(statistics().reserved, 0);

    // All at once: no block is in two hands.
    let work = |mark: u8| {
        for round in 0..2000usize {
            let bytes = [64, 500, 40_000, 300_000][(round + mark as usize) % 4];
            let block = take(bytes).unwrap();
            // SAFETY: the block is ours, and at least so long.
            let memory = unsafe {
                block.as_ptr().write_bytes(mark, bytes);
                std::slice::from_raw_parts(block.as_ptr(), bytes)
            };
            if round % 50 == 0 {
                empty();
            }
            assert!(memory.iter().all(|&byte| byte == mark));
        }
    };
    // Joined one by one, as a scope does not wait for what threads do when they end.
    let threads: Vec<_> = (0..8).map(|mark| thread::spawn(move || work(mark))).collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    empty();
    assert_eq!(statistics().reserved, 0);

    // Impossible sizes are refused, and leave nothing behind.
    for bytes in [usize::MAX, isize::MAX as usize, isize::MAX as usize / 2, 1 << 60] {
        assert!(take(bytes).is_none());
    }
    assert_eq!((statistics().reserved, statistics().kept), (0, 0));
}
