//! Derivatives compared with finite differences, for all of the vocabulary and every method.
//!
//! `scalar` and `operation` say what is drawn for each scalar primitive and each operation, by exhaustive `match`es, so
//! that a new one has to say it; `method` draws around PyTorch's golden cases. `check` makes the comparisons.

mod card;
pub mod check;
mod draw;
mod exceptions;
mod formula;
mod indexing;
mod looking;
mod method;
pub mod names;
mod operation;
mod quotient;
mod sample;
mod scalar;
mod sliding;
mod uncalled;

use std::cell::RefCell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use cresset_ops::Device;

use crate::golden;
use check::Tally;
use draw::Draw;
use sample::Promise;

/// How much is checked.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only what has this name, or one that begins with it.
    pub only: Vec<String>,
    /// Samples of each.
    pub cases: usize,
    /// What they are drawn from.
    pub seed: u64,
    /// Where; on a card the processor is the oracle.
    pub device: Device,
}

/// What came of one name.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its name.
    pub name: String,
    /// How many comparisons were made.
    pub tally: Tally,
    /// Why it has no derivatives, where it has none.
    pub without: Option<&'static str>,
    /// What is wrong, if anything.
    pub failure: Option<String>,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Tally { samples, first, second, forward, layout } = self.tally;
        match (&self.failure, self.without) {
            (Some(failure), _) => write!(f, "FAILED  {}  {failure}", self.name),
            (None, Some(why)) => write!(f, "--  {}  {why}", self.name),
            (None, None) => write!(
                f,
                "ok  {}  first {first} second {second} forward {forward} layout {layout} of {samples}",
                self.name
            ),
        }
    }
}

/// Checks everything, and shows each outcome.
pub fn run(options: &Options, mut show: impl FnMut(&Outcome)) -> Result<Vec<Outcome>, golden::Trouble> {
    let wanted = |name: &str| {
        options.only.is_empty() || options.only.iter().any(|only| name.starts_with(only.as_str()))
    };
    let mut outcomes = Vec::new();
    let subjects = scalar::subjects().into_iter().chain(operation::subjects());
    for subject in subjects.filter(|subject| wanted(&subject.name)) {
        let outcome = drawn(&subject.name, subject.promise, options, |draw| {
            let sample = (subject.build)(draw);
            let result = match options.device {
                Device::Cpu => sample.check(subject.promise),
                device => sample.compare(device),
            };
            (format!("{sample:?}"), result)
        });
        show(&outcome);
        outcomes.push(outcome);
    }
    if options.device != Device::Cpu {
        // Methods are compared case by case in the conformance checks.
        return Ok(outcomes);
    }
    for method in uncalled::ALL {
        let name = format!("{}()", method.name);
        if wanted(&name) {
            let outcome = drawn(&name, Promise::Differentiable, options, |draw| {
                (format!("{:?}", method.shapes), method.check(draw, options.seed))
            });
            show(&outcome);
            outcomes.push(outcome);
        }
    }
    for golden in golden::read(&golden::default_folder(), wanted)? {
        if let Some(outcome) = method::outcome(&golden, options.cases, options.seed) {
            show(&outcome);
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

/// Checks samples that proptest draws, and shrinks the first that fails; `sample` gives its text and what came of it.
fn drawn(
    name: &str,
    promise: Promise,
    options: &Options,
    sample: impl Fn(&mut Draw) -> (String, Result<Tally, String>),
) -> Outcome {
    let config = Config {
        cases: options.cases.try_into().unwrap_or(u32::MAX),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let mut seed = [0u8; 32];
    seed[..8].copy_from_slice(&options.seed.to_le_bytes());
    name.bytes().enumerate().for_each(|(i, byte)| seed[8 + i % 24] ^= byte);
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let tally = RefCell::new(Tally::default());
    let result = runner.run(&draw::draws(), |mut draw| {
        let found = golden::quietly(|| sample(&mut draw).1);
        let found = found.unwrap_or_else(|panic| Err(format!("panicked: {panic}")));
        let sum = tally.borrow().and(found.map_err(TestCaseError::fail)?);
        *tally.borrow_mut() = sum;
        Ok(())
    });
    let tally = tally.into_inner();
    let failure = match result {
        Ok(()) if options.device == Device::Cpu => too_few(promise, tally),
        Ok(()) => None,
        Err(TestError::Fail(reason, mut draw)) => {
            let smallest = golden::quietly(|| sample(&mut draw).0).unwrap_or_default();
            Some(format!("{reason}\n  at its smallest: {smallest}"))
        }
        Err(TestError::Abort(reason)) => Some(reason.to_string()),
    };
    let without = if let Promise::Not(why) = promise { Some(why) } else { None };
    Outcome { name: name.to_owned(), tally, without, failure }
}

/// Samples near kinks say nothing: most have to be elsewhere.
fn too_few(promise: Promise, tally: Tally) -> Option<String> {
    let least = tally.samples / 2;
    let few = tally.first < least || tally.second < least || tally.forward < least;
    (promise == Promise::Differentiable && few).then(|| {
        format!("only {} first and {} second of {} are smooth", tally.first, tally.second, tally.samples)
    })
}
