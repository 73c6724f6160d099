//! What the machine can do at most: multiplications and additions in f32 a second, and bytes a second to and from memory.

use std::{hint::black_box, thread, time::Instant};

/// The machine's limits, with all of the threads together.
#[derive(Clone, Copy)]
pub struct Limits {
    /// Additions and multiplications a second, in f32.
    pub flops: f64,
    /// Bytes a second, read or written, whichever is faster.
    pub bytes: f64,
}

/// Sums that are computed at once: as many as hide a fused multiplication's latency.
const SUMS: usize = 16;
/// Numbers in a vector.
const LANES: usize = 16;
/// Numbers that a thread reads: larger than the caches.
const STREAM: usize = 1 << 26;

/// Measures them: the best of some repeats.
pub fn measure(threads: usize) -> Limits {
    let steps = 4_000_000;
    let flops = best(threads, |_| {
        black_box(multiply(steps));
    });
    let numbers: Vec<Vec<f32>> = (0..threads).map(|_| vec![1.0; STREAM]).collect();
    let read = best(threads, |i| {
        black_box(add(&numbers[i]));
    });
    Limits {
        flops: (threads * steps * SUMS * LANES * 2) as f64 / flops,
        bytes: (threads * STREAM * 4) as f64 / read,
    }
}

/// Seconds of work done by all threads at once: the best of seven.
fn best(threads: usize, work: impl Fn(usize) + Sync) -> f64 {
    let once = || {
        let start = Instant::now();
        thread::scope(|scope| {
            for i in 0..threads {
                let work = &work;
                scope.spawn(move || work(i));
            }
        });
        start.elapsed().as_secs_f64()
    };
    (0..7).map(|_| once()).fold(f64::INFINITY, f64::min)
}

/// Multiplications, each with an addition, in registers, with the instructions that there are.
fn multiply(steps: usize) -> f32 {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::*;

        #[target_feature(enable = "avx512f")]
        fn with_avx512(steps: usize) -> f32 {
            let (factor, term) = (_mm512_set1_ps(0.999), _mm512_set1_ps(0.001));
            let mut sums = [_mm512_set1_ps(black_box(1.0)); SUMS];
            for _ in 0..steps {
                // A closure would not be part of this function, and lack its instructions.
                for sum in &mut sums {
                    *sum = _mm512_fmadd_ps(*sum, factor, term);
                }
            }
            let mut sum = sums[0];
            for other in &sums[1..] {
                sum = _mm512_add_ps(sum, *other);
            }
            _mm512_reduce_add_ps(sum)
        }
        #[target_feature(enable = "avx2,fma")]
        fn with_avx2(steps: usize) -> f32 {
            // Half as many fit the registers, and are half as wide.
            let (factor, term) = (_mm256_set1_ps(0.999), _mm256_set1_ps(0.001));
            let mut sums = [_mm256_set1_ps(black_box(1.0)); SUMS / 2];
            for _ in 0..4 * steps {
                for sum in &mut sums {
                    *sum = _mm256_fmadd_ps(*sum, factor, term);
                }
            }
            let mut sum = sums[0];
            for other in &sums[1..] {
                sum = _mm256_add_ps(sum, *other);
            }
            _mm256_cvtss_f32(sum)
        }
        if is_x86_feature_detected!("avx512f") {
            // SAFETY: the processor has these instructions.
            return unsafe { with_avx512(steps) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has these instructions.
            return unsafe { with_avx2(steps) };
        }
    }
    let mut sums = [black_box(1.0f32); SUMS * LANES];
    for _ in 0..steps {
        sums = sums.map(|sum| sum * 0.999 + 0.001);
    }
    sums.iter().sum()
}

/// The sum of numbers, compiled for the instructions that there are.
fn add(numbers: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn with_avx2(numbers: &[f32]) -> f32 {
            sums(numbers)
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has these instructions.
            return unsafe { with_avx2(numbers) };
        }
    }
    sums(numbers)
}

#[inline(always)]
fn sums(numbers: &[f32]) -> f32 {
    let mut sums = [0.0f32; 64];
    for chunk in numbers.as_chunks::<64>().0 {
        for (sum, number) in sums.iter_mut().zip(chunk) {
            *sum += number;
        }
    }
    sums.iter().sum()
}
