//! Measured choices: with `CRESSET_GPU_TUNE=1`, the first product of a class of shapes on a card is computed by every
//! kernel that may be best, and the fastest by the card's own clock, if it has one, is remembered for the class. Otherwise
//! nothing is measured.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use cresset_ops::profile;
use cresset_tensor::{DType, Device, Result};

use super::{Product, Size, choice::Choice, form::Form};
use crate::card::Card;

/// Products computed before the clock is read: the clock of a card's work is coarse.
const RUNS: u32 = 5;
/// So often a candidate is measured; its best time counts.
const REPEATS: usize = 3;

/// Products for which the same kernel is taken.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Class {
    device: Device,
    form: Form,
    dtype: DType,
    deep: [bool; 2],
    sizes: [u32; 4],
}

impl Class {
    /// Of a product: sizes count by their powers of two, those below 64 exactly.
    pub fn of(card: &Card, product: &Product) -> Class {
        let Size { m, n, k, items } = product.size;
        let round = |size: u32| if size < 64 { size } else { size.next_power_of_two() };
        Class {
            device: card.device,
            form: product.form,
            dtype: product.a.dtype(),
            deep: product.deep,
            sizes: [round(m), round(n), round(k), round(items)],
        }
    }
}

static CHOICES: Mutex<Option<HashMap<Class, Choice>>> = Mutex::new(None);

/// Was it asked for?
pub fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| {
        std::env::var_os("CRESSET_GPU_TUNE").is_some_and(|value| value != "0" && !value.is_empty())
    })
}

/// The choice for a class, found by trying candidates if there is none yet.
pub fn tuned(
    card: &Arc<Card>,
    class: Class,
    candidates: Vec<Choice>,
    default: Choice,
    mut run: impl FnMut(Choice) -> Result<()>,
) -> Result<Choice> {
    let known = || CHOICES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(choice) = known().get_or_insert_default().get(&class) {
        return Ok(*choice);
    }
    let mut measure = |choice: Choice| -> Result<Duration> {
        let mut best = Duration::MAX;
        // The first time it is compiled.
        run(choice)?;
        for _ in 0..REPEATS {
            card.flush("tune")?;
            card.wait("tune")?;
            let start = Instant::now();
            let runs = || (0..RUNS).try_for_each(|_| run(choice));
            let (result, profile) = profile(|| profile::range("tune", runs));
            result?;
            card.flush("tune")?;
            card.wait("tune")?;
            let kernels = || profile.events().iter().filter(|event| event.kind == profile::Kind::Kernel);
            best = best.min(match kernels().next() {
                Some(_) => kernels().map(|event| event.time).sum(),
                None => start.elapsed(),
            });
        }
        Ok(best)
    };
    let mut fastest = (measure(default)?, default);
    for candidate in candidates {
        if candidate != default {
            let time = measure(candidate)?;
            if time < fastest.0 {
                fastest = (time, candidate);
            }
        }
    }
    known().get_or_insert_default().insert(class, fastest.1);
    Ok(fastest.1)
}

#[cfg(test)]
mod tests {
    use cresset_ops::{Apply, Array, Op, cpu::plan::Lane};

    use super::*;
    use crate::{
        Gpu,
        card::card,
        run::{
            matmul,
            product::{choice, run},
        },
    };

    #[test]
    fn a_choice_is_measured_once_and_computes_what_the_processor_does() {
        let Ok(gpu) = Device::gpu(0) else {
            assert!(std::env::var_os("CRESSET_REQUIRE_GPU").is_none(), "a GPU is required here");
            return println!("skipped: no GPU adapter");
        };
        let card = card(gpu).unwrap();
        let numbers = |shape: [usize; 2], step: usize| {
            let list = (0..shape[0] * shape[1]).map(|i| ((i * step) % 11) as f32 - 5.0).collect();
            Array::from_vec(list, shape).unwrap()
        };
        let (a, b) = (numbers([37, 90], 7), numbers([90, 41], 3));
        let expected = Array::apply(Op::Matmul, &[&a, &b]).unwrap().remove(0).to_bytes().unwrap();
        let (a, b) = (card.upload(&a).unwrap(), card.upload(&b).unwrap());
        let product = matmul::product(&Op::Matmul, &[&a, &b]).unwrap();
        let result = card.fresh("test", product.shape.clone(), DType::F32).unwrap();
        let all = choice::candidates(&product.size, Lane::F32, &card.abilities);
        let default = choice::choose(&product.size, product.deep, Lane::F32, &card.abilities);
        let some: Vec<Choice> = all.iter().copied().take(2).collect();
        assert!(some.len() == 2, "{all:?}");
        let mut runs = Vec::new();
        let mut tune = || {
            let class = Class::of(&card, &product);
            tuned(&card, class, some.clone(), default, |choice| {
                runs.push(choice);
                run(&card, &product, choice, &result)
            })
        };
        let first = tune().unwrap();
        assert!(first == default || some.contains(&first));
        assert_eq!(tune().unwrap(), first);
        // Each was measured, the first time alone.
        let each = 1 + REPEATS * RUNS as usize;
        let others = some.iter().filter(|&&choice| choice != default).count();
        assert_eq!(runs.len(), each * (1 + others));
        run(&card, &product, first, &result).unwrap();
        assert_eq!(result.to_bytes().unwrap(), expected);
    }
}
