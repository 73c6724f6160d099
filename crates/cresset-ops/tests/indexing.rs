//! Indexing against a model that lists, for every element of the result, where it comes from; and against numbers
//! from PyTorch.

use cresset_ops::prelude::*;
use proptest::prelude::*;

/// One index, drawn.
#[derive(Clone, Debug)]
enum Drawn {
    Int(i64),
    Range(Option<i64>, Option<i64>, i64),
    Ellipsis,
    NewAxis,
    Bool(bool),
    Places(Vec<usize>, Vec<i64>),
    /// A mask over so many of the next dimensions, true where a multiple of the number is.
    Mask(usize, usize),
}

/// Where the elements of `x[…]` lie in `x`, and the shape they have; `None` where the indexing is refused.
fn model(shape: &[usize], indices: &[Drawn]) -> Option<(Vec<usize>, Vec<usize>)> {
    /// What stands for one dimension of the result (or for its part in those that arrays pick).
    enum Item {
        /// Of a dimension of `x`, its places in order.
        Axis(usize, Vec<usize>),
        New,
        /// An array of places along a dimension, or along none.
        Picks(Option<usize>, Vec<usize>, Vec<usize>),
    }
    let covered = |index: &Drawn| match index {
        Drawn::Int(_) | Drawn::Range(..) | Drawn::Places(..) => 1,
        Drawn::Ellipsis | Drawn::NewAxis | Drawn::Bool(_) => 0,
        Drawn::Mask(rank, _) => *rank,
    };
    let mut left = shape.len().checked_sub(indices.iter().map(covered).sum())?;
    let strides: Vec<usize> =
        (0..shape.len()).map(|dim| shape[dim + 1..].iter().map(|&n| n.max(1)).product()).collect();
    let place = |i: i64, size: usize| {
        let size = size as i128;
        let i = if i < 0 { i as i128 + size } else { i as i128 };
        (0..size).contains(&i).then_some(i as usize)
    };
    let (mut dim, mut fixed, mut items) = (0, 0, Vec::new());
    let axis = |dim: usize| Item::Axis(dim, (0..shape[dim]).collect());
    for index in indices {
        match index {
            Drawn::Int(i) => {
                fixed += place(*i, shape[dim])? * strides[dim];
                dim += 1;
            }
            Drawn::Range(start, end, step) => {
                let size = shape[dim] as i128;
                let clip = |i: i64, low: i128, high: i128| {
                    (if i < 0 { i as i128 + size } else { i as i128 }).clamp(low, high)
                };
                let step = *step as i128;
                let mut places = Vec::new();
                if step > 0 {
                    let (mut i, end) =
                        (start.map_or(0, |i| clip(i, 0, size)), end.map_or(size, |i| clip(i, 0, size)));
                    while i < end {
                        places.push(i as usize);
                        i += step;
                    }
                } else if step < 0 {
                    let mut i = start.map_or(size - 1, |i| clip(i, -1, size - 1));
                    let end = end.map_or(-1, |i| clip(i, -1, size - 1));
                    while i > end {
                        places.push(i as usize);
                        i += step;
                    }
                } else {
                    return None;
                }
                items.push(Item::Axis(dim, places));
                dim += 1;
            }
            Drawn::Ellipsis => {
                (0..left).for_each(|i| items.push(axis(dim + i)));
                dim += left;
                left = 0;
            }
            Drawn::NewAxis => items.push(Item::New),
            Drawn::Bool(truth) => {
                let n = usize::from(*truth);
                items.push(Item::Picks(None, vec![n], vec![0; n]));
            }
            // An array without dimensions is an integer.
            Drawn::Places(own, list) if own.is_empty() => {
                fixed += place(list[0], shape[dim])? * strides[dim];
                dim += 1;
            }
            Drawn::Places(own, list) => {
                let list: Option<Vec<usize>> = list.iter().map(|&i| place(i, shape[dim])).collect();
                items.push(Item::Picks(Some(dim), own.clone(), list?));
                dim += 1;
            }
            Drawn::Mask(rank, every) => {
                let sizes = &shape[dim..dim + rank];
                let total: usize = sizes.iter().product();
                let found: Vec<usize> = (0..total).filter(|i| i % every == 0).collect();
                for k in 0..*rank {
                    let inner: usize = sizes[k + 1..].iter().product();
                    let list = found.iter().map(|i| i / inner % sizes[k]).collect();
                    items.push(Item::Picks(Some(dim + k), vec![found.len()], list));
                }
                if *rank == 0 {
                    items.push(Item::Picks(None, vec![found.len()], vec![0; found.len()]));
                }
                dim += rank;
            }
        }
    }
    (dim..shape.len()).for_each(|dim| items.push(axis(dim)));
    // The shape arrays have in common, and where it stands.
    let mut common: Option<Vec<usize>> = None;
    let mut at: Vec<usize> = Vec::new();
    for (i, item) in items.iter().enumerate() {
        let Item::Picks(_, own, _) = item else { continue };
        at.push(i);
        let so_far = common.take().unwrap_or_default();
        let rank = so_far.len().max(own.len());
        let of = |shape: &[usize], k: usize| (k + shape.len()).checked_sub(rank).map_or(1, |k| shape[k]);
        let mut joined = Vec::new();
        for k in 0..rank {
            joined.push(match (of(&so_far, k), of(own, k)) {
                (1, n) | (n, 1) => n,
                (a, b) if a == b => a,
                _ => return None,
            });
        }
        common = Some(joined);
    }
    let together = at.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    let group = common.as_ref().map(|_| if together { at[0] } else { 0 });
    // Walk the result: the sizes of its dimensions, each a piece of offset for each index.
    let mut result = Vec::new();
    let mut offsets: Vec<usize> = vec![fixed];
    let mut add = |sizes: &[usize], pieces: Vec<usize>| {
        result.extend_from_slice(sizes);
        offsets = offsets.iter().flat_map(|offset| pieces.iter().map(move |piece| offset + piece)).collect();
    };
    let picked = || {
        let common = common.clone().unwrap_or_default();
        let total: usize = common.iter().product();
        let mut pieces = vec![0; total];
        for item in &items {
            let Item::Picks(Some(dim), own, list) = item else { continue };
            for (flat, piece) in pieces.iter_mut().enumerate() {
                let (mut rest, mut from, mut step) = (flat, 0, 1);
                for k in (0..common.len()).rev() {
                    let i = rest % common[k];
                    rest /= common[k];
                    if let Some(k) = (k + own.len()).checked_sub(common.len()) {
                        from += if own[k] == 1 { 0 } else { i * step };
                        step *= own[k];
                    }
                }
                *piece += list[from] * strides[*dim];
            }
        }
        (common, pieces)
    };
    if !together {
        let (sizes, pieces) = picked();
        add(&sizes, pieces);
    }
    for (i, item) in items.iter().enumerate() {
        match item {
            Item::Axis(dim, places) => {
                add(&[places.len()], places.iter().map(|place| place * strides[*dim]).collect());
            }
            Item::New => add(&[1], vec![0]),
            Item::Picks(..) if together && group == Some(i) => {
                let (sizes, pieces) = picked();
                add(&sizes, pieces);
            }
            Item::Picks(..) => {}
        }
    }
    Some((result, offsets))
}

/// The drawn indices as ours; `None` where a mask covers dimensions that are not there.
fn ours(shape: &[usize], indices: &[Drawn]) -> Option<Vec<Index<Array>>> {
    let named: usize = indices
        .iter()
        .map(|index| match index {
            Drawn::Int(_) | Drawn::Range(..) | Drawn::Places(..) => 1,
            Drawn::Ellipsis | Drawn::NewAxis | Drawn::Bool(_) => 0,
            Drawn::Mask(rank, _) => *rank,
        })
        .sum();
    let mut left = shape.len().checked_sub(named)?;
    let mut dim = 0;
    let mut list = Vec::new();
    for index in indices {
        list.push(match index {
            Drawn::Int(i) => {
                dim += 1;
                Index::Int(*i)
            }
            Drawn::Range(start, end, step) => {
                dim += 1;
                Index::range(*start, *end, *step)
            }
            Drawn::Ellipsis => {
                dim += left;
                left = 0;
                Index::Ellipsis
            }
            Drawn::NewAxis => Index::NewAxis,
            Drawn::Bool(truth) => Index::Bool(*truth),
            Drawn::Places(own, places) => {
                dim += 1;
                Index::Tensor(Array::from_slice(places, own.clone()).unwrap())
            }
            Drawn::Mask(rank, every) => {
                let own = &shape[dim..dim + rank];
                let total: usize = own.iter().product();
                let truths = (0..total).map(|i| i % every == 0).collect();
                dim += rank;
                Index::Tensor(Array::from_vec::<bool>(truths, own).unwrap())
            }
        });
    }
    Some(list)
}

fn number() -> impl Strategy<Value = i64> {
    prop_oneof![20 => -5i64..5, 1 => Just(i64::MIN), 1 => Just(i64::MAX), 1 => any::<i64>()]
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let bound = || proptest::option::of(number());
    let places = prop::collection::vec(1usize..3, 0..3).prop_flat_map(|shape| {
        let n = shape.iter().product::<usize>();
        (Just(shape), prop::collection::vec(prop_oneof![30 => -2i64..2, 1 => number()], n))
    });
    prop_oneof![
        2 => prop_oneof![10 => -2i64..2, 1 => number()].prop_map(Drawn::Int),
        4 => (bound(), bound(), prop_oneof![6 => Just(1), 2 => -3i64..4, 1 => number()])
            .prop_map(|(start, end, step)| Drawn::Range(start, end, step)),
        1 => Just(Drawn::Ellipsis),
        1 => Just(Drawn::NewAxis),
        1 => any::<bool>().prop_map(Drawn::Bool),
        4 => places.prop_map(|(shape, list)| Drawn::Places(shape, list)),
        2 => (0usize..3, 1usize..4).prop_map(|(rank, every)| Drawn::Mask(rank, every)),
    ]
}

fn shape() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1 => Just(0usize), 20 => 1usize..5], 0..5)
}

/// Numbers of a shape whose dimensions lie in memory in another order.
fn turned(shape: &[usize]) -> Array {
    let n: usize = shape.iter().product();
    let x = Array::from_vec((0..n as i64).collect(), shape).unwrap();
    let back = x.T().unwrap().contiguous().unwrap();
    back.T().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_equals_the_model(shape in shape(), indices in prop::collection::vec(drawn(), 0..5)) {
        let Some(list) = ours(&shape, &indices) else { return Ok(()) };
        let expected = model(&shape, &indices);
        for x in [Array::from_vec((0..shape.iter().product::<usize>() as i64).collect(), &shape[..]).unwrap(), turned(&shape)] {
            match (x.index(&list), &expected) {
                (Ok(found), Some((shape, places))) => {
                    prop_assert_eq!(&found.shape()[..], &shape[..]);
                    let places: Vec<i64> = places.iter().map(|&place| place as i64).collect();
                    prop_assert_eq!(found.to_vec::<i64>().unwrap(), places);
                }
                (Err(_), None) => {}
                (found, expected) => prop_assert!(false, "{:?} is not {:?}", found.map(|x| x.to_i64s().unwrap()), expected),
            }
        }
    }

    #[test]
    fn writing_equals_the_model(
        shape in shape(),
        indices in prop::collection::vec(drawn(), 0..4),
        accumulate in any::<bool>(),
    ) {
        let Some(list) = ours(&shape, &indices) else { return Ok(()) };
        let Some((shown, places)) = model(&shape, &indices) else { return Ok(()) };
        let values: Vec<i64> = (0..places.len() as i64).map(|i| 1000 + i * i).collect();
        let mut expected: Vec<i64> = (0..shape.iter().product::<usize>() as i64).collect();
        for (&place, &value) in places.iter().zip(&values) {
            expected[place] = value + if accumulate { expected[place] } else { 0 };
        }
        let values = Array::from_vec(values, shown).unwrap();
        let written = turned(&shape).index_put(list.clone(), &values, accumulate).unwrap();
        prop_assert_eq!(written.to_vec::<i64>().unwrap(), expected.clone());
        let x = turned(&shape);
        x.index_put_(list.clone(), &values, accumulate).unwrap();
        prop_assert_eq!(x.to_vec::<i64>().unwrap(), expected.clone());
        if !accumulate {
            let x = turned(&shape);
            x.set(list, &values.to_dtype(DType::F64).unwrap()).unwrap();
            prop_assert_eq!(x.to_vec::<i64>().unwrap(), expected);
        }
    }

    #[test]
    fn one_value_everywhere(shape in shape(), indices in prop::collection::vec(drawn(), 0..4)) {
        let Some(list) = ours(&shape, &indices) else { return Ok(()) };
        let Some((_, places)) = model(&shape, &indices) else { return Ok(()) };
        let mut expected: Vec<i64> = (0..shape.iter().product::<usize>() as i64).collect();
        places.iter().for_each(|&place| expected[place] = -7);
        let x = turned(&shape);
        x.set(list, -7.9).unwrap();
        prop_assert_eq!(x.to_vec::<i64>().unwrap(), expected);
    }

    /// Whatever the arguments, an error at worst.
    #[test]
    fn nothing_panics(shape in shape(), a in number(), b in number(), c in number(), d in number()) {
        let x = turned(&shape);
        let y = x.to_dtype(DType::F32).unwrap();
        let list = Array::new([a, b]);
        let small = a.clamp(-3, 4);
        let _ = (x.narrow(a, b, c), x.select(a, b), x.slice(a, b, c, d), x.diagonal(a, b, c), x.unfold(a, b, c));
        let _ = (x.as_strided([a, b], [c, d], a), x.as_strided([a], [b], None), x.reshape([a, b, -1]));
        let _ = (x.transpose(a, b), x.permute([a, b]), x.movedim(a, b), x.movedim([a, b], [c, d]), x.unsqueeze(a));
        let _ = (x.flatten_dims(a, b), x.flatten(a..b), x.flatten(..=b), x.unflatten(a, [b, c]), x.squeeze(a));
        let _ = (x.expand([a, b, c]), x.split(a, b), x.split([a, b], c), x.chunk(small, b), x.tensor_split([a, b], c));
        let _ = (x.hsplit(small), x.vsplit([a, b]), x.unbind(a), x.flip([a, b]), x.rot90(a, [b, c]), x.roll(a, b));
        let _ = (x.roll([a, b], [c, d]), x.roll(a, ..), x.tril(a), x.triu(b), x.diag_embed(small, b, c), x.diag(small));
        let _ = (x.index_select(a, &list), x.gather(a, &list), x.take(&list), x.take_along_dim(&list, a));
        let _ = (x.take_along_dim(&list, None), x.index_fill(a, &list, b), x.index_add(a, &list, &list, b));
        let _ = (x.index_copy(a, &list, &x), x.scatter(a, &list, b), x.scatter_add(a, &list, &list));
        let _ = (x.put(&list, &list, true), x.nonzero_static(small, b), list.unravel_index([a, b]));
        let _ = (list.unravel_index([c.saturating_abs(), d.saturating_abs()]), x.repeat_interleave(small, b));
        let _ = (x.repeat([small, 2, 1, 1, 1]), x.tile([small]), x.combinations(small, true));
        let _ = y.scatter_reduce(a, &list, &y, ScatterReduction::Mean, false);
        let _ = y.index_reduce(a, &list, &y, ScatterReduction::Amax, false);
        let _ = (x.select_scatter(&x, a, b), x.slice_scatter(&x, a, b, c, d), x.diagonal_scatter(&x, a, b, c));
        let _ = (Array::cat(&[&x, &list], a), Array::stack(&[&x, &x], a), Array::block_diag(&[&x, &list]));
    }
}

#[test]
fn as_pytorch_indexes() {
    let x = Array::from_vec((0..24).collect::<Vec<i64>>(), [2, 3, 4]).unwrap();
    assert_eq!(x.i((0, .., 1)).unwrap().to_vec::<i64>().unwrap(), [1, 5, 9]);
    assert_eq!(x.i((Ellipsis, -1)).unwrap().to_vec::<i64>().unwrap(), [3, 7, 11, 15, 19, 23]);
    assert_eq!(x.i((1, 1..3, ..=1)).unwrap().to_vec::<i64>().unwrap(), [16, 17, 20, 21]);
    assert_eq!(x.i((NewAxis, 1, [0, 2], 3)).unwrap().to_vec::<i64>().unwrap(), [15, 23]);
    assert_eq!(x.i((.., [0, 2], [1, 3])).unwrap().shape(), &[2, 2]);
    // Separated by a slice, what is picked comes first.
    let (rows, columns) = (Array::new([0i64, 1, 1]), Array::new([[0i64], [3]]));
    assert_eq!(x.i((&rows, .., &columns)).unwrap().shape(), &[2, 3, 3]);
    assert_eq!(x.i((.., .., ..-1)).unwrap().shape(), &[2, 3, 3]);
    assert_eq!(x.i((true, &Array::new([0i64, 1]))).unwrap().shape(), &[2, 3, 4]);
    assert_eq!(x.i(false).unwrap().shape(), &[0, 2, 3, 4]);
    assert_eq!(x.i(&x.gt(21).unwrap()).unwrap().to_vec::<i64>().unwrap(), [22, 23]);
    for refused in [x.i(2), x.i((0, 0, 0, 0)), x.i([5]), x.i(&Array::new([0.0])), x.i(&Array::new([true]))] {
        assert!(refused.is_err());
    }
}

#[test]
fn errors_name_the_dimension() {
    let x = Array::new([[1, 2, 3], [4, 5, 6]]);
    let message = x.i((.., [3])).unwrap_err();
    assert_eq!(message.message(), "index 3 is out of bounds for dimension 1 of size 3");
    assert!(message.location().file().ends_with("indexing.rs"), "{message}");
    let message = x.narrow(2, 0, 1).unwrap_err();
    assert!(message.location().file().ends_with("indexing.rs"), "{message}");
    let message = x.gather(1, &Array::new([[7i64]])).unwrap_err();
    assert_eq!(message.message(), "index 7 is out of bounds for dimension 1 of size 3");
}

#[test]
fn a_view_shows_what_is_written_through_it() {
    let x = Array::new([[1, 2, 3], [4, 5, 6]]);
    let column = x.i((.., 1)).unwrap();
    x.set((1, ..), 9).unwrap();
    assert_eq!(column.to_vec::<i32>().unwrap(), [2, 9]);
    // Values with leading ones, and in another dtype.
    x.set(0, &Array::new([[[7.9, 8.0, -1.5]]])).unwrap();
    assert_eq!(x.to_vec::<i32>().unwrap(), [7, 8, -1, 9, 9, 9]);
    // Through a view whose dimensions cannot become one.
    let part = x.i((.., ..2)).unwrap();
    part.set(([0, 1], [1, 0]), 5).unwrap();
    assert_eq!(x.to_vec::<i32>().unwrap(), [7, 5, -1, 5, 9, 9]);
    // Several elements at one place cannot be written.
    assert!(x.broadcast_to([2, 2, 3]).unwrap().set((.., 0), 1).is_err());
}

#[test]
fn geometries_over_memory() {
    let x = Array::from_vec((0..12).collect::<Vec<i64>>(), [3, 4]).unwrap();
    let source = Array::new([[-1i64, -2], [-3, -4]]);
    let written =
        |x: &Array| x.as_strided_scatter(&source, [2, 2], [4, 1], 5).unwrap().to_vec::<i64>().unwrap();
    assert_eq!(written(&x), [0, 1, 2, 3, 4, -1, -2, 7, 8, -3, -4, 11]);
    // The geometry is that of the memory, however the array lies in it.
    assert_eq!(written(&x.T().unwrap()), [0, 4, 8, 1, -1, -3, 2, -2, -4, 3, 7, 11]);
    assert_eq!(written(&x.i((1.., ..2)).unwrap()), [4, -1, 8, -3]);
    assert_eq!(x.i(1).unwrap().as_strided([2], [3], None).unwrap().to_vec::<i64>().unwrap(), [4, 7]);
    for refused in [x.as_strided([13], [1], None), x.as_strided([2], [1], 11), x.as_strided([2], [-1], 3)] {
        assert!(refused.is_err());
    }
    assert!(x.as_strided_scatter(&source, [2, 2], [200, 200], 0).is_err());
}
