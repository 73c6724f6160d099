//! Rows of a graphics card: the median time of several rounds, each of as many calls as make the clock exact, between two
//! moments when the card has done all that it was asked.

use std::time::Instant;

use cresset::{
    Device,
    ops::{Array, backend::synchronize, prelude::*},
    wgpu::{Abilities, Gpu, abilities, adapters, statistics},
};

use super::{Options, Outcome, models};

/// Multiplications, each with an addition, of the formula that finds the card's peak.
const PEAK_STEPS: usize = 256;

/// What is measured on which card, and with what it is compared.
pub struct Bench<'a> {
    /// The card.
    pub device: Device,
    options: &'a Options,
    abilities: Abilities,
    /// Additions and multiplications a second.
    peak: f64,
    /// Bytes a second.
    bandwidth: f64,
}

/// Runs the rows.
pub fn run(options: &Options) -> Outcome<bool> {
    let device = Device::gpu(0)?;
    let all = adapters()?;
    let abilities = abilities(device)?;
    if let Some(card) = all.first() {
        println!("{} ({}){}", card.name, card.driver, if card.is_software { ", in software" } else { "" });
    }
    let gigabytes = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    println!(
        "a kernel sees {:.2} GiB at once; f64 {}, i64 {}, f16 {}\n",
        gigabytes(abilities.binding_bytes.min(abilities.buffer_bytes)),
        abilities.f64,
        abilities.i64,
        abilities.f16
    );
    let mut bench = Bench { device, options, abilities, peak: 0.0, bandwidth: 0.0 };
    bench.peak = match options.peak {
        Some(gigaflops) => gigaflops * 1e9,
        None => bench.measured_peak()?,
    };
    bench.bandwidth = match options.bandwidth {
        Some(gigabytes) => gigabytes * 1e9,
        None => bench.measured_bandwidth()?,
    };
    let from = |given: Option<f64>| if given.is_some() { "given" } else { "measured" };
    println!("peak: {:.1} GFLOP/s in f32 ({})", bench.peak / 1e9, from(options.peak));
    println!("bandwidth: {:.1} GB/s ({})\n", bench.bandwidth / 1e9, from(options.bandwidth));
    println!("{:<34} {:>12} {:>16} {:>8}", "row", "time", "rate", "share");
    bench.products()?;
    bench.formulas()?;
    bench.sums()?;
    models::rows(&bench)?;
    let held = statistics(device)?;
    println!(
        "\n{} kernels, {} dispatches in {} submits, {:.1} MiB of memory at most",
        held.kernels,
        held.dispatches,
        held.submits,
        held.peak as f64 / f64::from(1 << 20)
    );
    Ok(true)
}

/// A time in a unit that suits it.
fn time(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} µs", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

impl Bench<'_> {
    /// Seconds of a call.
    fn seconds(&self, mut call: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
        let (rounds, round) = if self.options.small { (3, 0.02) } else { (5, 0.2) };
        // The first call compiles, the second fills the pool.
        for _ in 0..2 {
            call()?;
            synchronize(self.device)?;
        }
        let mut of = |calls: u32| -> Outcome<f64> {
            let start = Instant::now();
            for _ in 0..calls {
                call()?;
            }
            synchronize(self.device)?;
            Ok(start.elapsed().as_secs_f64() / f64::from(calls))
        };
        let once = of(1)?;
        let calls = (round / once.max(1e-9)).clamp(1.0, 10_000.0) as u32;
        let mut times = (0..rounds).map(|_| of(calls)).collect::<Outcome<Vec<f64>>>()?;
        times.sort_by(f64::total_cmp);
        Ok(times[times.len() / 2])
    }

    /// The sizes of small runs, or of others.
    fn sizes(&self, small: &'static [usize], large: &'static [usize]) -> &'static [usize] {
        if self.options.small { small } else { large }
    }

    /// Says so if an array of so many bytes does not fit.
    fn fits(&self, name: &str, bytes: usize) -> bool {
        let most = self.abilities.binding_bytes.min(self.abilities.buffer_bytes);
        if bytes as u64 <= most {
            return true;
        }
        println!("{name:<34} skipped: an array of {bytes} bytes, where a kernel sees {most}");
        false
    }

    /// A row of so many operations and bytes; those that are 0 are not told.
    fn row(&self, name: &str, work: f64, bytes: f64, call: impl FnMut() -> Outcome<()>) -> Outcome<()> {
        let seconds = match self.seconds(call) {
            Ok(seconds) => seconds,
            // A card that has no memory left for this may have enough for the rest.
            Err(error) => {
                println!("{name:<34} skipped: {error}");
                return Ok(());
            }
        };
        let (rate, share) = if work > 0.0 {
            (format!("{:.1} GFLOP/s", work / seconds / 1e9), work / seconds / self.peak)
        } else {
            (format!("{:.1} GB/s", bytes / seconds / 1e9), bytes / seconds / self.bandwidth)
        };
        println!("{name:<34} {:>12} {rate:>16} {:>6.1} %", time(seconds), 100.0 * share);
        Ok(())
    }

    /// A row of a training step.
    pub fn step(&self, name: &str, make: impl FnOnce() -> Outcome<models::Step>) -> Outcome<()> {
        if !self.options.asks_for(name) {
            return Ok(());
        }
        let mut step = make()?;
        let before = statistics(self.device)?;
        let mut calls = 0u64;
        let seconds = self.seconds(|| {
            calls += 1;
            step()
        })?;
        let dispatches = statistics(self.device)?.dispatches - before.dispatches;
        let rate = format!("{:.1} steps/s", 1.0 / seconds);
        println!("{name:<34} {:>12} {rate:>16}   {} dispatches", time(seconds), dispatches / calls.max(1));
        Ok(())
    }

    fn random(&self, shape: &[usize]) -> Outcome<Array> {
        Ok(Array::randn(shape).to_device(self.device)?)
    }

    /// As many elements as are large for the card, of those that fit.
    fn many(&self) -> usize {
        let most = (self.abilities.binding_bytes.min(self.abilities.buffer_bytes) / 4) as usize;
        (if self.options.small { 1 << 20 } else { 1 << 26 }).min(most)
    }

    fn measured_peak(&self) -> Outcome<f64> {
        let n = if self.options.small { 1 << 16 } else { 1 << 24 };
        let x = self.random(&[n])?;
        let seconds = self.seconds(|| {
            Array::formula(&[&x], &[0.999.into(), 0.001.into()], |x, n| {
                (0..PEAK_STEPS).fold(x[0], |y, _| y * n[0] + n[1])
            })?;
            Ok(())
        })?;
        Ok((2 * PEAK_STEPS * n) as f64 / seconds)
    }

    fn measured_bandwidth(&self) -> Outcome<f64> {
        let n = self.many();
        let x = self.random(&[n])?;
        let seconds = self.seconds(|| {
            x.neg()?;
            Ok(())
        })?;
        Ok((8 * n) as f64 / seconds)
    }

    fn products(&self) -> Outcome<()> {
        for &n in self.sizes(&[64, 128, 256], &[256, 512, 1024, 2048, 4096, 8192]) {
            let name = format!("matmul/{n}");
            if !self.options.asks_for(&name) || !self.fits(&name, 4 * n * n) {
                continue;
            }
            let (a, b) = (self.random(&[n, n])?, self.random(&[n, n])?);
            self.row(&name, 2.0 * (n as f64).powi(3), 0.0, || {
                a.matmul(&b)?;
                Ok(())
            })?;
        }
        let (count, n) = if self.options.small { (8, 32) } else { (64, 128) };
        let name = format!("matmul/batched-{count}x{n}");
        if self.options.asks_for(&name) {
            let (a, b) = (self.random(&[count, n, n])?, self.random(&[count, n, n])?);
            self.row(&name, 2.0 * count as f64 * (n as f64).powi(3), 0.0, || {
                a.matmul(&b)?;
                Ok(())
            })?;
        }
        let (images, side) = if self.options.small { (1, 8) } else { (32, 32) };
        let name = format!("conv/{images}x64x{side}-64k3");
        if self.options.asks_for(&name) {
            let (x, w) = (self.random(&[images, 64, side, side])?, self.random(&[64, 64, 3, 3])?);
            let options = ConvOptions { padding: 1.into(), ..Default::default() };
            let work = 2.0 * (images * side * side * 64 * 64 * 9) as f64;
            self.row(&name, work, 0.0, || {
                x.conv2d_with(&w, None, &options)?;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn formulas(&self) -> Outcome<()> {
        type Call = fn(&Array, &Array) -> Result<Array>;
        let list: [(&str, usize, Call); 3] = [
            ("add", 3, |x, y| x.add(y)),
            ("gelu", 2, |x, _| x.gelu()),
            ("chain", 3, |x, y| Array::map2(x, y, |x, y| ((x * y + 1.5).relu() * x - y).sigmoid())),
        ];
        for &n in self.sizes(&[1 << 18, 1 << 20], &[1 << 22, 1 << 24, 1 << 26, 1 << 28]) {
            for (name, arrays, call) in list {
                let name = format!("map/{name}-{}", counted(n));
                if !self.options.asks_for(&name) || !self.fits(&name, 4 * n) {
                    continue;
                }
                let (x, y) = (self.random(&[n])?, self.random(&[n])?);
                self.row(&name, 0.0, (4 * arrays * n) as f64, || {
                    call(&x, &y)?;
                    Ok(())
                })?;
            }
        }
        Ok(())
    }

    fn sums(&self) -> Outcome<()> {
        for &n in self.sizes(&[1 << 18, 1 << 20], &[1 << 22, 1 << 24, 1 << 26, 1 << 28]) {
            let name = format!("reduce/sum-{}", counted(n));
            if self.options.asks_for(&name) && self.fits(&name, 4 * n) {
                let x = self.random(&[n])?;
                self.row(&name, 0.0, (4 * n) as f64, || {
                    x.sum()?;
                    Ok(())
                })?;
            }
            let name = format!("reduce/sum-rows-{}", counted(n));
            if self.options.asks_for(&name) && self.fits(&name, 4 * n) {
                let x = self.random(&[n / 1024, 1024])?;
                self.row(&name, 0.0, (4 * n) as f64, || {
                    x.sum_dim(0, false)?;
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}

/// A power of two in words of a thousand: 4m.
fn counted(n: usize) -> String {
    if n >= 1 << 20 { format!("{}m", n >> 20) } else { format!("{}k", n >> 10) }
}
