//! Random streams: the definition element by element, the distributions' shapes, generators saved and restored.

use cresset_tensor::{
    Generator, Stream,
    random::{self, GeneratorState, sample},
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_distr::Distribution;

/// The third known answer of Philox's authors, which pins which part of a stream is which word.
#[test]
fn a_stream_is_philox_of_its_parts() {
    let stream = Stream { seed: 0x299f31d0_a4093822, lane: 0x03707344_13198a2e, base: 0x85a308d3_243f6a88 };
    let answer = [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1];
    assert_eq!(stream.block(0), answer);
    let earlier = Stream { base: stream.base - 5, ..stream };
    assert_eq!(earlier.block(5), answer);
    assert_eq!((20..24).map(|i| earlier.word(i)).collect::<Vec<_>>(), answer);
}

proptest! {
    #[test]
    fn however_an_array_is_split_it_is_filled_the_same(
        seed: u64, base: u64, start in prop_oneof![0u64..1000, Just(u64::MAX / 2)], cuts in prop::collection::vec(0usize..400, 1..5)
    ) {
        let stream = Stream { seed, lane: 0, base };
        let mut at = start;
        for length in cuts {
            let mut out = vec![0.0; length];
            stream.fill(at, &mut out, sample::normal_f32x4);
            let mut halves = vec![0.0; length];
            stream.fill(at, &mut halves, sample::uniform_f64x2);
            let mut whole = vec![0; length];
            stream.fill(at, &mut whole, |block| [sample::integer_u64(block, 77)]);
            for i in 0..length {
                let element = at + i as u64;
                prop_assert_eq!(out[i], sample::normal_f32x4(stream.block(element / 4))[(element % 4) as usize]);
                prop_assert_eq!(halves[i], sample::uniform_f64x2(stream.block(element / 2))[(element % 2) as usize]);
                prop_assert_eq!(whole[i], sample::integer_u64(stream.block(element), 77));
            }
            at += length as u64;
        }
    }

    #[test]
    fn integers_are_the_exact_fraction_of_the_range(block: [u32; 4], range in prop_oneof![1..100u64, any::<u64>()]) {
        // ⌊block · range / 2¹²⁸⌋ by halves of 64 bits, the long way.
        let [low, high] = sample::pair(block).map(u128::from);
        let wide = range as u128;
        let carry = (low * wide) >> 64;
        let expected = if range == 0 { high as u64 } else { ((high * wide + carry) >> 64) as u64 };
        prop_assert_eq!(sample::integer_u64(block, range), expected);
        prop_assert!(range == 0 || expected < range);
        let small = range.clamp(1, 1 << 32);
        let expected = (high * small as u128) >> 64;
        prop_assert_eq!(sample::integer_u32(high as u64, small) as u128, expected);
        sample::integer_u32(u64::MAX, range);
    }

    #[test]
    fn logarithms_and_turns_are_those_of_std(bits: u32, long: u64) {
        let u = sample::positive_f32(bits);
        let (ours, exact) = (sample::ln_f32(u) as f64, (u as f64).ln());
        prop_assert!((ours - exact).abs() <= 2e-7 * exact.abs(), "ln {u}: {ours} against {exact}");
        let u = sample::positive_f64(long);
        let (ours, exact) = (sample::ln_f64(u), u.ln());
        prop_assert!((ours - exact).abs() <= 5e-16 * exact.abs(), "ln {u}: {ours} against {exact}");

        let angle = std::f64::consts::TAU * bits as f64 / 4294967296.0;
        let [cos, sin] = sample::turn_f32(bits).map(f64::from);
        prop_assert!((cos - angle.cos()).abs() < 1e-7 && (sin - angle.sin()).abs() < 1e-7, "{bits}");
        let angle = std::f64::consts::TAU * (long as f64 / 18446744073709551616.0);
        let [cos, sin] = sample::turn_f64(long);
        prop_assert!((cos - angle.cos()).abs() < 2e-15 && (sin - angle.sin()).abs() < 2e-15, "{long}");
    }

    #[test]
    fn a_state_restores_what_comes_next(seed: u64, words in 0usize..20) {
        let mut generator = Generator::new(seed);
        for _ in 0..words {
            generator.next_u32();
        }
        let state = GeneratorState::from_bytes(&generator.state().to_bytes()).unwrap();
        let mut other = Generator::new(seed ^ 1);
        other.set_state(state);
        for _ in 0..9 {
            prop_assert_eq!(generator.next_u32(), other.next_u32());
        }
        prop_assert_eq!(generator.reserve(3), other.reserve(3));
    }
}

#[test]
fn the_ends_of_the_unit_interval() {
    assert_eq!(sample::uniform_f32(0), 0.0);
    assert_eq!(sample::uniform_f32(u32::MAX), 1.0 - f32::EPSILON / 2.0);
    assert_eq!(sample::uniform_f64(u64::MAX), 1.0 - f64::EPSILON / 2.0);
    assert!(sample::uniform_f16(u32::MAX).to_f32() < 1.0 && sample::uniform_bf16(u32::MAX).to_f32() < 1.0);
    assert!(sample::positive_f32(0) > 0.0 && sample::positive_f32(u32::MAX) == 1.0);
    assert!(sample::positive_f64(0) > 0.0 && sample::positive_f64(u64::MAX) <= 1.0);
    for u in [0, 1, u32::MAX / 2, u32::MAX - 1, u32::MAX] {
        for v in [0, 1 << 29, 1 << 30, 1 << 31, 3 << 30, u32::MAX] {
            assert!(sample::normal_f32(u, v).iter().all(|x| x.is_finite() && x.abs() < 6.8));
            let wide = |w: u32| (w as u64) << 32 | w as u64;
            assert!(sample::normal_f64(wide(u), wide(v)).iter().all(|x| x.is_finite() && x.abs() < 8.7));
        }
    }
}

/// The largest distance between the drawn and the true distribution, times √n: above 1.95 once in a thousand seeds.
fn kolmogorov(mut drawn: Vec<f64>, distribution: impl Fn(f64) -> f64) -> f64 {
    drawn.sort_by(f64::total_cmp);
    let n = drawn.len() as f64;
    let distance = |(i, &x): (usize, &f64)| {
        let p = distribution(x);
        (p - i as f64 / n).abs().max((p - (i + 1) as f64 / n).abs())
    };
    drawn.iter().enumerate().map(distance).fold(0.0, f64::max) * n.sqrt()
}

/// Abramowitz and Stegun 7.1.26: right to 1e-7, far below what a sample can tell.
fn normal_distribution(x: f64) -> f64 {
    let z = x.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.3275911 * z);
    let series =
        t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    let upper = 0.5 * series * (-z * z).exp();
    if x > 0.0 { 1.0 - upper } else { upper }
}

#[test]
fn distributions_have_their_shapes() {
    const N: usize = 400_000;
    for seed in 0..3 {
        let stream = Stream::new(seed);
        let mut single = vec![0f32; N];
        let mut double = vec![0f64; N];
        stream.fill(0, &mut single, sample::uniform_f32x4);
        assert!(kolmogorov(single.iter().map(|&x| x.into()).collect(), |x| x) < 1.95);
        stream.fill(0, &mut single, sample::normal_f32x4);
        assert!(kolmogorov(single.iter().map(|&x| x.into()).collect(), normal_distribution) < 1.95);
        // Neighbours come from one radius: they must still be independent.
        let product: f64 = single.chunks(2).map(|pair| (pair[0] * pair[1]) as f64).sum::<f64>();
        assert!((product / (N as f64 / 2.0).sqrt()).abs() < 3.3);
        stream.fill(0, &mut double, sample::uniform_f64x2);
        assert!(kolmogorov(double.clone(), |x| x) < 1.95);
        stream.fill(0, &mut double, sample::normal_f64x2);
        assert!(kolmogorov(double.clone(), normal_distribution) < 1.95);

        let mut dice = vec![0u64; N];
        stream.fill(0, &mut dice, |block| sample::integer_u32x2(block, 6));
        let mut counts = [0.0; 6];
        dice.iter().for_each(|&x| counts[x as usize] += 1.0);
        let expected = N as f64 / 6.0;
        let chi: f64 = counts.iter().map(|n| (n - expected) * (n - expected) / expected).sum();
        assert!(chi < 20.5, "{chi}"); // five degrees of freedom, once in a thousand
    }
}

#[test]
fn nobody_is_given_the_same_block_twice() {
    let mut generator = Generator::new(9);
    generator.next_u32();
    let first = generator.reserve(10);
    let second = generator.reserve(1);
    let next = generator.next_u32();
    assert_eq!(second.base, first.base + 10);
    assert_eq!(next, Stream::new(9).word((second.base + 1) * 4));

    let each = generator.reserve_each();
    let again = generator.reserve_each();
    let draw = |stream: Stream, i| -> Vec<u32> {
        let mut own = stream.generator(i);
        (0..1000).map(|_| own.next_u32()).collect()
    };
    assert_eq!(draw(each, 3), draw(each, 3));
    assert_ne!(draw(each, 3), draw(each, 4));
    assert_ne!(draw(each, 3), draw(again, 3));
    let mut twin = generator.clone();
    let fork = generator.fork();
    assert_eq!(twin.fork(), fork);
    assert_ne!(generator.fork(), fork);
}

#[test]
fn states_that_are_none_are_refused() {
    assert!(GeneratorState::from_bytes(&[0; 31]).is_err());
    assert!(GeneratorState::from_bytes(&[0; 33]).is_err());
    let mut bytes = [0; 32];
    bytes[24] = 5;
    assert!(GeneratorState::from_bytes(&bytes).is_err());
    // Whatever fields somebody writes, no panic.
    let mut generator = Generator::new(0);
    generator.set_state(GeneratorState { seed: 1, lane: u64::MAX, counter: 0, left: 255 });
    generator.next_u64();
    generator.reserve(usize::MAX);
    generator.next_u64();
}

#[test]
fn the_traits_of_rand() {
    let mut generator = Generator::seed_from_u64(5);
    assert_eq!(generator, Generator::new(5));
    assert_eq!(Generator::from_seed(5u64.to_le_bytes()), generator);
    let mut bytes = [0; 10];
    generator.fill_bytes(&mut bytes);
    let mut words = Generator::new(5);
    assert_eq!(bytes[..4], words.next_u32().to_le_bytes());

    let mut order: Vec<usize> = (0..100).collect();
    order.shuffle(&mut generator);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert!(order != sorted && sorted == (0..100).collect::<Vec<_>>());

    let stream = generator.reserve_each();
    let gamma = rand_distr::Gamma::new(3.0, 2.0).unwrap();
    let mean = (0..20_000).map(|i| gamma.sample(&mut stream.generator(i))).sum::<f64>() / 20_000.0;
    assert!((mean - 6.0).abs() < 0.1, "{mean}");
}

/// One test, as the default generator belongs to the whole process.
#[test]
fn the_default_generator() {
    let unforeseen = random::seed();
    assert_eq!(random::initial_seed(), unforeseen);
    assert_ne!(random::seed(), unforeseen);

    random::manual_seed(3);
    let (first, each, fork) = (random::reserve(100), random::reserve_each(), random::fork());
    let state = random::get_rng_state();
    let outcome = std::panic::catch_unwind(|| {
        random::fork_rng(|| {
            random::manual_seed(99);
            panic!("restores all the same")
        })
    });
    assert!(outcome.is_err());
    assert_eq!(random::get_rng_state(), state);
    random::manual_seed(3);
    assert_eq!((random::reserve(100), random::reserve_each(), random::fork()), (first, each, fork));
    random::set_rng_state(state);
    assert_eq!(random::get_rng_state(), state);

    assert_eq!(Generator::keyed(1, 2, 3), Generator::keyed(1, 2, 3));
    assert_ne!(Generator::keyed(1, 2, 3), Generator::keyed(1, 3, 2));
}
