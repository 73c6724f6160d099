//! Loaders: the same batches for any number of workers, panics and errors in their place, and resuming.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cresset_autograd::prelude::*;
use cresset_data::{
    BatchSampler, DataLoader, Dataset, DistributedSampler, Generator, IterableDataset, RandomSampler,
    SequentialSampler, TensorDataset, WeightedRandomSampler, draw, iterate,
};
use cresset_tensor::State;

/// Numbers with noise, and a sleep that puts workers out of step.
fn noisy(len: usize) -> impl Dataset<Item = (Tensor, i64)> {
    Vec::from_iter(0..len).map(|i, random| {
        std::thread::sleep(Duration::from_micros((i as u64 * 7919) % 300));
        let noise = Tensor::randn_with([3], random)?;
        Ok((noise, i as i64))
    })
}

fn bits(batches: impl Iterator<Item = Result<(Tensor, Tensor)>>) -> Vec<(Vec<u32>, Vec<i64>)> {
    batches
        .map(|batch| {
            let (x, y) = batch.unwrap();
            let x: Vec<f32> = x.to_vec().unwrap();
            (x.into_iter().map(f32::to_bits).collect(), y.to_vec().unwrap())
        })
        .collect()
}

#[test]
fn batches_are_the_same_for_any_number_of_workers() {
    for setup in 0..6 {
        let loader = |workers| {
            let loader =
                DataLoader::new(noisy(37)).batch_size(5).seed(3).workers(workers).prefetch(1 + workers % 3);
            match setup {
                0 => loader,
                1 => loader.shuffle(true),
                2 => loader.shuffle(true).drop_last(true),
                3 => loader.sampler(RandomSampler::new(37).replacement(true).num_samples(50)),
                4 => loader.sampler(WeightedRandomSampler::new((0..37).map(f64::from), 50, true).unwrap()),
                _ => loader.batch_sampler(
                    BatchSampler::new(DistributedSampler::new(37, 2, 1).unwrap(), 4, false).unwrap(),
                ),
            }
        };
        let alone = [0, 1].map(|epoch| bits(loader(0).epoch(epoch)));
        assert_eq!(alone[0].len(), loader(0).len().unwrap());
        for workers in [1, 2, 8] {
            // Epochs in any order, too.
            let loader = loader(workers);
            assert_eq!(bits(loader.epoch(1)), alone[1], "setup {setup}, {workers} workers");
            assert_eq!(bits(loader.epoch(0)), alone[0], "setup {setup}, {workers} workers");
        }
        assert_ne!(alone[0], alone[1], "setup {setup}");
    }
}

#[test]
fn an_items_random_numbers_follow_from_seed_epoch_and_number() {
    let first = |random: &mut Generator| draw::uniform(random, 0.0, 1.0);
    let data = || vec![(); 6].map(move |(), random| Ok(first(random)));
    let loader = DataLoader::unbatched(data()).shuffle(true).seed(5);
    let mut drawn: Vec<f64> = loader.epoch(2).map(Result::unwrap).collect();
    let mut wanted: Vec<f64> = (0..6).map(|i| first(&mut Generator::keyed(5, 2, i))).collect();
    drawn.sort_by(f64::total_cmp);
    wanted.sort_by(f64::total_cmp);
    assert_eq!(drawn, wanted);

    // An item that comes again is drawn anew.
    let again = DataLoader::unbatched(data()).sampler(RandomSampler::new(1).num_samples(50)).seed(5);
    let mut drawn: Vec<f64> = again.epoch(0).map(Result::unwrap).collect();
    drawn.sort_by(f64::total_cmp);
    drawn.dedup();
    assert_eq!(drawn.len(), 50);
}

#[test]
fn panics_and_errors_take_the_place_of_their_batch() {
    for workers in [0, 1, 3] {
        let data = Vec::from_iter(0..12i64).map(|i, _| match i {
            4 => panic!("no item {i}"),
            9 => Err(Error::argument("example", "number nine is broken")),
            i => Ok(i),
        });
        let loader = DataLoader::new(data).batch_size(3).workers(workers);
        let batches: Vec<Result<Tensor>> = loader.epoch(0).collect();
        assert_eq!(batches.len(), 4);
        assert_eq!(batches[0].as_ref().unwrap().to_vec::<i64>().unwrap(), [0, 1, 2]);
        let panicked = batches[1].as_ref().unwrap_err().to_string();
        assert!(
            panicked.contains("no item 4") && panicked.contains("panic") && panicked.contains("(item 4)"),
            "{panicked}"
        );
        assert_eq!(batches[2].as_ref().unwrap().to_vec::<i64>().unwrap(), [6, 7, 8]);
        let failed = batches[3].as_ref().unwrap_err().to_string();
        assert!(failed.contains("number nine is broken (item 9)"), "{failed}");
    }
}

#[test]
fn panics_in_collate_in_a_sampler_and_in_a_stream_are_errors() {
    struct Bad;
    impl cresset_data::Sampler for Bad {
        fn len(&self) -> usize {
            10
        }
        fn sample(&self, epoch: usize, _: &mut Generator) -> Result<Box<dyn Iterator<Item = usize> + Send>> {
            assert!(epoch == 0, "no such epoch");
            Ok(Box::new((0..10).inspect(|i| assert!(*i < 4, "the sampler broke"))))
        }
    }
    for workers in [0, 2] {
        let loader = DataLoader::with_collate(vec![1, 2], |_| -> Result<()> { panic!("at {}", "collate") });
        let mut batches = loader.workers(workers).epoch(0);
        assert!(batches.next().unwrap().unwrap_err().to_string().contains("at collate"));

        let loader = DataLoader::new(vec![0i64; 10]).sampler(Bad).batch_size(2).workers(workers);
        let batches: Vec<_> = loader.epoch(0).collect();
        assert_eq!(batches.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
        assert!(batches[2].as_ref().unwrap_err().to_string().contains("the sampler broke"));
        let batches: Vec<_> = loader.epoch(1).collect();
        assert!(batches.len() == 1 && batches[0].as_ref().unwrap_err().to_string().contains("no such epoch"));

        let stream = iterate(|_| Ok((0..).map(|i: i64| if i == 3 { panic!("dry") } else { Ok(i) })));
        let batches: Vec<_> = DataLoader::iterable(stream).batch_size(2).workers(workers).epoch(0).collect();
        assert_eq!(batches.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
    }
}

#[test]
fn dropping_midway_stops_the_workers() {
    struct Counted(Arc<AtomicUsize>);
    impl Dataset for Counted {
        type Item = i64;
        fn len(&self) -> usize {
            1_000_000
        }
        fn item(&self, index: usize) -> Result<i64> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(index as i64)
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    let loader = DataLoader::new(Counted(count.clone())).batch_size(2).workers(4).prefetch(3);
    for taken in [0, 1, 7] {
        count.store(0, Ordering::SeqCst);
        let mut batches = loader.epoch(0);
        batches.by_ref().take(taken).for_each(|batch| drop(batch.unwrap()));
        drop(batches);
        let made = count.load(Ordering::SeqCst);
        // Never more ahead than asked for, and nothing after the drop.
        assert!(made <= 2 * (taken + 4 * 3), "{made}");
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(count.load(Ordering::SeqCst), made);
    }
    // The workers have let go of the dataset.
    drop(loader);
    assert_eq!(Arc::strong_count(&count), 1);
}

#[test]
fn resuming_goes_on_bit_for_bit() {
    let make = |seed| DataLoader::new(noisy(23)).batch_size(4).shuffle(true).seed(seed).workers(2);
    let loader = make(8);
    let whole: Vec<_> = (0..3).map(|epoch| bits(loader.epoch(epoch))).collect();
    for taken in 0..=6 {
        let loader = make(8);
        bits(loader.epoch(0));
        let mut batches = loader.epoch(1);
        let mut seen = bits(batches.by_ref().take(taken));
        let state = loader.state_dict();
        drop(batches);

        let mut resumed = make(99);
        resumed.load_state_dict(&state).unwrap();
        let (epoch, batch) = resumed.position();
        assert_eq!((epoch, batch), (1, taken));
        seen.extend(bits(resumed.epoch(epoch)));
        assert_eq!(seen, whole[1]);
        assert_eq!(bits(resumed.epoch(2)), whole[2]);
        // Only once.
        assert_eq!(bits(resumed.epoch(1)), whole[1]);
    }
    let loader = make(8);
    bits(loader.epoch(1));
    assert_eq!(loader.position(), (2, 0));
}

#[test]
fn a_state_of_another_loader_is_refused() {
    let make = |len| DataLoader::new(Vec::from_iter(0..len)).batch_size(2).shuffle(true);
    let state = make(10i64).state_dict();
    for mut other in [make(11), make(10).batch_size(3), make(10).drop_last(true), make(10).shuffle(false)] {
        let error = other.load_state_dict(&state).unwrap_err().to_string();
        assert!(error.contains("was saved with"), "{error}");
    }
    make(10).load_state_dict(&state).unwrap();
    let mut entries = state.entries().unwrap().to_vec();
    entries[1].1 = State::Int(-1);
    assert!(make(10).load_state_dict(&State::Map(entries)).is_err());
    assert!(make(10).load_state_dict(&State::None).is_err());
}

#[test]
fn streams() {
    for workers in [0, 1, 4] {
        let stream = || iterate(|epoch| Ok((0..10).map(move |i: i64| Ok(i + 100 * epoch as i64))));
        let lists = |loader: &DataLoader<Tensor>, epoch| -> Vec<Vec<i64>> {
            loader.epoch(epoch).map(|batch| batch.unwrap().to_vec().unwrap()).collect()
        };
        let loader = DataLoader::iterable(stream()).batch_size(4).workers(workers);
        assert_eq!(lists(&loader, 1), [vec![100, 101, 102, 103], vec![104, 105, 106, 107], vec![108, 109]]);
        assert!(loader.len().is_err());
        assert_eq!(lists(&DataLoader::iterable(stream()).batch_size(4).drop_last(true), 0).len(), 2);

        let loader =
            DataLoader::iterable(stream().chain(stream()).shuffle(5)).batch_size(20).seed(1).workers(workers);
        let (mut all, again) = (lists(&loader, 0).concat(), lists(&loader, 0).concat());
        assert_eq!(all, again);
        assert_ne!(all, lists(&loader, 1).concat().iter().map(|i| i - 100).collect::<Vec<_>>());
        all.sort();
        assert_eq!(all, (0..20).map(|i| i / 2).collect::<Vec<_>>());

        let noisy = || stream().map(|i, random| Ok(i as f64 + draw::uniform(random, 0.0, 1.0)));
        let values = |workers| -> Vec<f64> {
            let loader = DataLoader::iterable(noisy()).batch_size(3).seed(4).workers(workers);
            loader.epoch(0).flat_map(|batch| batch.unwrap().to_vec::<f64>().unwrap()).collect()
        };
        assert_eq!(values(workers), values(0));

        let mut resumed = DataLoader::iterable(stream()).batch_size(4);
        let state = {
            let loader = DataLoader::iterable(stream()).batch_size(4);
            loader.epoch(0).next();
            loader.state_dict()
        };
        resumed.load_state_dict(&state).unwrap();
        assert_eq!(lists(&resumed, 0), [vec![4, 5, 6, 7], vec![8, 9]]);
        assert!(DataLoader::iterable(stream()).shuffle(true).epoch(0).next().unwrap().is_err());
    }
}

#[test]
fn what_has_no_meaning_is_an_error_once() {
    let loader = DataLoader::new(vec![1i64, 2]).batch_size(0);
    let mut batches = loader.epoch(0);
    assert!(batches.next().unwrap().unwrap_err().to_string().contains("batch_size must be positive"));
    assert!(batches.next().is_none() && loader.len().is_err());
    // A sampler beyond the data.
    let loader = DataLoader::new(vec![1i64, 2]).sampler(SequentialSampler::new(3));
    let batches: Vec<_> = loader.epoch(0).collect();
    assert!(batches.len() == 3 && batches[2].is_err());
    assert!(DataLoader::unbatched(vec![1, 2]).batch_size(2).epoch(0).next().unwrap().is_err());
    // Nothing at all.
    for workers in [0, 3] {
        assert!(DataLoader::new(Vec::<i64>::new()).shuffle(true).workers(workers).epoch(0).next().is_none());
    }
    assert_eq!(
        DataLoader::new(vec![1i64]).workers(usize::MAX).prefetch(usize::MAX).epoch(usize::MAX).count(),
        1
    );
}

#[test]
fn items_of_every_kind_are_collated() {
    let data: Vec<_> = (0..3i64)
        .map(|i| {
            let map: HashMap<&str, f32> = [("a", i as f32), ("b", 0.5)].into();
            ((i as u8, format!("n{i}")), vec![i, -i], Some(Tensor::full([2], i)), [i % 2 == 0], map)
        })
        .collect();
    let ((bytes, names), lists, some, [even], map) =
        DataLoader::new(data).batch_size(3).epoch(0).next().unwrap().unwrap();
    assert_eq!((bytes.dtype(), bytes.to_vec::<u8>().unwrap()), (DType::U8, vec![0, 1, 2]));
    assert_eq!(names, ["n0", "n1", "n2"]);
    assert_eq!(lists[1].to_vec::<i64>().unwrap(), [0, -1, -2]);
    assert_eq!(some.unwrap().shape(), &[3, 2]);
    assert_eq!(even.to_vec::<bool>().unwrap(), [true, false, true]);
    assert_eq!(map["a"].to_vec::<f32>().unwrap(), [0.0, 1.0, 2.0]);

    let ragged = vec![vec![1i64], vec![1, 2]];
    let error = DataLoader::new(ragged).batch_size(2).epoch(0).next().unwrap().err().unwrap();
    assert!(error.to_string().contains("collate function of your own"));
    let shapes = vec![Tensor::zeros([2]), Tensor::zeros([3])];
    assert!(DataLoader::new(shapes).batch_size(2).epoch(0).next().unwrap().is_err());
    assert!(DataLoader::new(vec![Some(1i64), None]).batch_size(2).epoch(0).next().unwrap().is_err());
    let keys: Vec<HashMap<i32, i64>> = vec![[(1, 1)].into(), [(2, 1)].into()];
    assert!(DataLoader::new(keys).batch_size(2).epoch(0).next().unwrap().is_err());
}

#[test]
fn tensors_as_a_dataset() {
    let x = Tensor::arange_with(0, 12, 1, DType::F32).unwrap().reshape([4, 3]).unwrap();
    // A view with gaps, too.
    let data = TensorDataset::new((x.t().unwrap(), vec![x.t().unwrap().select(1, 0).unwrap()])).unwrap();
    assert_eq!(data.len(), 3);
    let (column, list) = data.item(1).unwrap();
    assert_eq!(column.to_vec::<f32>().unwrap(), [1.0, 4.0, 7.0, 10.0]);
    assert_eq!(list[0].item::<f32>().unwrap(), 1.0);
    assert!(data.item(3).is_err());
    assert!(TensorDataset::new((Tensor::zeros([2]), Tensor::zeros([3]))).is_err());
    assert!(TensorDataset::new(Tensor::new(1.0)).is_err());
    assert!(TensorDataset::new(Vec::<Tensor>::new()).is_err());
}
