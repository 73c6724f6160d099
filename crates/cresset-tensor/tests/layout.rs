//! Layout arithmetic against a model that lists every place: random views of random views, then numbers no memory has.

use cresset_tensor::{Array, Layout, Shape, Sizes, Strides};
use proptest::{prelude::*, sample::Index};

/// A layout as the list of its places, in row-major order of its shape.
#[derive(Clone, Debug)]
struct Model {
    shape: Vec<usize>,
    places: Vec<usize>,
}

impl Model {
    /// The element of each index of a new shape, named by the index of this one that `of` gives.
    fn pick(&self, shape: Vec<usize>, of: impl Fn(&[usize]) -> Vec<usize>) -> Model {
        let numel: usize = shape.iter().product();
        let mut places = Vec::with_capacity(numel);
        for flat in 0..numel {
            let mut index = vec![0; shape.len()];
            let mut rest = flat;
            for dim in (0..shape.len()).rev() {
                index[dim] = rest % shape[dim];
                rest /= shape[dim];
            }
            let from = of(&index);
            assert_eq!(from.len(), self.shape.len());
            let place = from.iter().zip(&self.shape).fold(0, |at, (i, size)| {
                assert!(i < size);
                at * size + i
            });
            places.push(self.places[place]);
        }
        Model { shape, places }
    }

    fn agrees(&self, layout: &Layout) {
        assert_eq!(layout.shape()[..], self.shape[..]);
        assert_eq!(layout.numel(), self.places.len());
        assert_eq!(layout.places().len(), self.places.len());
        assert_eq!(layout.places().collect::<Vec<_>>(), self.places, "{layout:?}");
        let span = layout.span().unwrap();
        let low = self.places.iter().min().copied();
        let high = self.places.iter().max().map(|&place| place + 1);
        assert_eq!(span, low.zip(high));
        let line = self.places.windows(2).all(|pair| pair[1] == pair[0] + 1);
        assert!(!layout.is_contiguous() || line, "{layout:?}");
        // Zero strides of an element seen once are the one way to be a line and not contiguous.
        let canonical = layout.shape().contiguous_strides();
        let same = (0..layout.rank()).all(|d| self.shape[d] == 1 || layout.strides()[d] == canonical[d]);
        assert_eq!(layout.is_contiguous(), same || self.places.is_empty());
    }

    fn overlaps(&self) -> bool {
        let mut places = self.places.clone();
        places.sort_unstable();
        places.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// One step from a view to the next; indices are drawn before the shape is known.
#[derive(Clone, Debug)]
enum Step {
    Permute(Vec<Index>),
    Expand(Index, usize, bool),
    Reshape(Vec<Index>),
    Slice(Index, Index, Index, isize),
    Select(Index, Index),
    Unsqueeze(Index),
    Squeeze(Index),
    Diagonal(i64, Index, Index),
    Unfold(Index, Index, usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<Index>;
    let step = prop_oneof![
        3 => prop::collection::vec(index(), 6).prop_map(Step::Permute),
        1 => (index(), 0usize..4, any::<bool>()).prop_map(|(d, n, front)| Step::Expand(d, n, front)),
        3 => prop::collection::vec(index(), 4).prop_map(Step::Reshape),
        4 => (index(), index(), index(), prop_oneof![-3isize..0, 1isize..4]).prop_map(|(d, s, l, step)| Step::Slice(d, s, l, step)),
        1 => (index(), index()).prop_map(|(d, i)| Step::Select(d, i)),
        1 => index().prop_map(Step::Unsqueeze),
        1 => index().prop_map(Step::Squeeze),
        2 => (-3i64..4, index(), index()).prop_map(|(o, a, b)| Step::Diagonal(o, a, b)),
        1 => (index(), index(), 1usize..4, 1usize..3).prop_map(|(d, s, step, dilation)| Step::Unfold(d, s, step, dilation)),
    ];
    prop::collection::vec(step, 0..7)
}

/// Takes a step in both worlds; `None` where it has no meaning for this shape. Says whether it may make overlaps.
fn take(step: &Step, layout: &Layout, model: &Model) -> Option<(Layout, Model)> {
    let rank = model.shape.len();
    let dim_of = |index: &Index| (rank > 0).then(|| index.index(rank.max(1)));
    Some(match step {
        Step::Permute(draws) => {
            let mut left: Vec<usize> = (0..rank).collect();
            let order: Vec<usize> =
                draws.iter().cycle().take(rank).map(|draw| left.remove(draw.index(left.len()))).collect();
            let shape = order.iter().map(|&axis| model.shape[axis]).collect();
            let picked = model.pick(shape, |index| {
                let mut from = vec![0; rank];
                order.iter().zip(index).for_each(|(&axis, &i)| from[axis] = i);
                from
            });
            (layout.permute(&order).unwrap(), picked)
        }
        Step::Expand(dim, n, front) => {
            let mut shape = model.shape.clone();
            let ones: Vec<usize> = (0..rank).filter(|&d| shape[d] == 1).collect();
            if !ones.is_empty() {
                shape[ones[dim.index(ones.len())]] = *n;
            }
            if *front {
                shape.insert(0, *n);
            }
            let extra = shape.len() - rank;
            let picked = model.pick(shape.clone(), |index| {
                (0..rank).map(|d| if model.shape[d] == 1 { 0 } else { index[extra + d] }).collect()
            });
            (layout.expand(&Shape::from(shape)).unwrap(), picked)
        }
        Step::Reshape(draws) => {
            let mut left = model.places.len();
            let mut shape = Vec::new();
            for draw in draws {
                let divisors: Vec<usize> = (1..=left).filter(|&n| left.is_multiple_of(n)).collect();
                let size = if left == 0 { 0 } else { divisors[draw.index(divisors.len())] };
                shape.push(size);
                left /= size.max(1);
            }
            shape.push(left);
            match layout.reshape(&Shape::from(&shape)) {
                Some(reshaped) => (reshaped, Model { shape, places: model.places.clone() }),
                // Where strides exist that say the same, they must be found.
                None => {
                    assert!(!expressible(&shape, &model.places), "{layout:?} as {shape:?}");
                    return None;
                }
            }
        }
        Step::Slice(dim, start, len, step) => {
            let dim = dim_of(dim)?;
            let size = model.shape[dim];
            let start = start.index(size + 1);
            let most = match *step {
                _ if start >= size => 0,
                step if step > 0 => (size - 1 - start) / step as usize + 1,
                step => start / step.unsigned_abs() + 1,
            };
            let len = len.index(most + 1);
            assert!(layout.slice(dim, start, most + 1, *step).is_err());
            let mut shape = model.shape.clone();
            shape[dim] = len;
            let picked = model.pick(shape, |index| {
                let mut from = index.to_vec();
                from[dim] = (start as isize + index[dim] as isize * step) as usize;
                from
            });
            (layout.slice(dim, start, len, *step).unwrap(), picked)
        }
        Step::Select(dim, at) => {
            let dim = dim_of(dim)?;
            assert!(layout.select(dim, model.shape[dim]).is_err());
            let at = (model.shape[dim] > 0).then(|| at.index(model.shape[dim].max(1)))?;
            let mut shape = model.shape.clone();
            shape.remove(dim);
            let picked = model.pick(shape, |index| {
                let mut from = index.to_vec();
                from.insert(dim, at);
                from
            });
            (layout.select(dim, at).unwrap(), picked)
        }
        Step::Unsqueeze(dim) => {
            let dim = dim.index(rank + 1);
            let mut shape = model.shape.clone();
            shape.insert(dim, 1);
            (layout.unsqueeze(dim), Model { shape, places: model.places.clone() })
        }
        Step::Squeeze(dim) => {
            let dim = dim_of(dim)?;
            let mut shape = model.shape.clone();
            if shape[dim] == 1 {
                shape.remove(dim);
            }
            (layout.squeeze(dim), Model { shape, places: model.places.clone() })
        }
        Step::Diagonal(offset, first, second) => {
            let (first, second) = (dim_of(first)?, dim_of(second)?);
            if first == second {
                assert!(layout.diagonal(*offset, first, second).is_err());
                return None;
            }
            let corner = |i: usize| (i + (-offset).max(0) as usize, i + (*offset).max(0) as usize);
            let inside = |i: &usize| corner(*i).0 < model.shape[first] && corner(*i).1 < model.shape[second];
            let len = (0..).take_while(inside).count();
            let others: Vec<usize> = (0..rank).filter(|&d| d != first && d != second).collect();
            let shape = others.iter().map(|&d| model.shape[d]).chain([len]).collect();
            let picked = model.pick(shape, |index| {
                let mut from = vec![0; rank];
                others.iter().zip(index).for_each(|(&d, &i)| from[d] = i);
                (from[first], from[second]) = corner(index[rank - 2]);
                from
            });
            (layout.diagonal(*offset, first, second).unwrap(), picked)
        }
        Step::Unfold(dim, size, step, dilation) => {
            let dim = dim_of(dim)?;
            let size = size.index(model.shape[dim] + 2);
            let reach = size.saturating_sub(1) * dilation + usize::from(size > 0);
            if reach > model.shape[dim] {
                assert!(layout.unfold(dim, size, *step, *dilation).is_err());
                return None;
            }
            let mut shape = model.shape.clone();
            shape[dim] = (model.shape[dim] - reach) / step + 1;
            shape.push(size);
            let picked = model.pick(shape, |index| {
                let mut from = index[..rank].to_vec();
                from[dim] = index[dim] * step + index[rank] * dilation;
                from
            });
            (layout.unfold(dim, size, *step, *dilation).unwrap(), picked)
        }
    })
}

/// Do strides exist under which this shape lists these places?
fn expressible(shape: &[usize], places: &[usize]) -> bool {
    let mut inner = 1;
    let mut strides = vec![0isize; shape.len()];
    for dim in (0..shape.len()).rev() {
        if shape[dim] > 1 {
            strides[dim] = places[inner] as isize - places[0] as isize;
        }
        inner *= shape[dim];
    }
    let layout = Layout::new(Shape::from(shape), Strides::from(strides), places[0]);
    layout.places().eq(places.iter().copied())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn views_of_views_list_the_places_of_the_model(
        shape in prop::collection::vec(prop_oneof![8 => 1usize..5, 1 => Just(0usize)], 0..4),
        steps in steps(),
    ) {
        let shape = Shape::from(shape);
        let base = Array::from_vec((0..shape.numel() as i64).collect(), &shape).unwrap();
        let mut layout = Layout::contiguous(shape.clone());
        let mut model = Model { shape: shape.to_vec(), places: (0..shape.numel()).collect() };
        for step in &steps {
            if let Some(next) = take(step, &layout, &model) {
                (layout, model) = next;
            }
            if model.places.len() > 5000 {
                break;
            }
            model.agrees(&layout);
            prop_assert!(layout.overlaps_itself() || !model.overlaps(), "{:?}", layout);
            // Exact for few elements, and these are.
            prop_assert!(model.places.len() > 4096 || layout.overlaps_itself() == model.overlaps(), "{:?}", layout);
            // An array of it reads what lies there.
            let array = base.with_layout(layout.clone()).unwrap();
            let read: Vec<usize> = array.to_vec::<i64>().unwrap().into_iter().map(|x| x as usize).collect();
            prop_assert_eq!(&read, &model.places);
        }
    }
}

/// Numbers at every edge of what an integer can be.
fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 0usize..4,
        1 => prop::sample::select(vec![1 << 31, 1 << 32, 1 << 59, isize::MAX as usize - 1, isize::MAX as usize,
            isize::MAX as usize + 1, usize::MAX - 1, usize::MAX]),
        1 => any::<usize>(),
    ]
}

fn signed() -> impl Strategy<Value = isize> {
    prop_oneof![
        3 => -4isize..5,
        1 => prop::sample::select(vec![isize::MIN, isize::MIN + 1, -(1 << 32), 1 << 32, isize::MAX - 1, isize::MAX]),
        1 => any::<isize>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_numbers_overflow_or_reach_outside_of_memory(
        shape in prop::collection::vec(sizes(), 0..4),
        strides in prop::collection::vec(signed(), 0..4),
        offset in sizes(),
        other in prop::collection::vec(sizes(), 0..4),
        (a, b, c, d) in (sizes(), sizes(), sizes(), sizes()),
        (e, f) in (signed(), signed()),
        list in prop::collection::vec(any::<i64>(), 0..4),
    ) {
        let memory = Array::from_vec((0..12u8).collect(), [3, 4]).unwrap();
        let layout = Layout::new(Shape::from(&shape), Strides::from(&strides), offset);
        let mut all = vec![layout.clone(), Layout::contiguous(Shape::from(&shape))];
        let other = Shape::from(&other);
        all.extend(layout.permute(&[1, 0]));
        all.extend(layout.permute(&[a, b, c]));
        all.extend(layout.expand(&other));
        all.extend(layout.reshape(&other));
        all.extend(layout.slice(a % 4, b, c, e));
        all.extend(layout.slice(a, b, c, e));
        all.extend(layout.select(a % 4, b));
        all.push(layout.unsqueeze(a));
        all.push(layout.unsqueeze(a % 4));
        all.push(layout.squeeze(a % 4));
        all.extend(layout.diagonal(f as i64, a % 4, b % 4));
        all.extend(layout.unfold(a % 4, b, c, d));
        for view in &all {
            view.is_contiguous();
            view.place(&[a, b, c]);
            view.places().take(5).for_each(drop);
            if view.numel() < 1000 {
                view.overlaps_itself();
                view.places().for_each(drop);
            }
            let _ = view.span();
            if let Ok(array) = memory.with_layout(view.clone()) {
                // Reading all of it is safe: every place lies in memory.
                prop_assert!(view.places().take(10_000).all(|place| place < 12));
                prop_assert!(array.as_ptr() >= memory.as_ptr() && array.as_ptr() <= memory.as_ptr().wrapping_add(12));
                if array.numel() < 10_000 {
                    let values = array.to_vec::<u8>().unwrap();
                    prop_assert!(values.iter().copied().map(usize::from).eq(view.places()));
                }
                array.to_string();
            }
        }
        let sizes = Sizes::from(&shape);
        prop_assert!(sizes.iter().all(|&size| size >= 0));
        let _ = (sizes.resolve("test", a), sizes.to_shape("test"));
        let _ = (Sizes::from(list.clone()).resolve("test", a), Sizes::from(list.clone()).to_shape("test"));
        let _ = other.broadcast(&Shape::from(&shape)).map(|shape| shape.checked_numel("test"));
        for dim in list {
            let _ = other.axis("test", dim);
            let _ = cresset_tensor::Axes::from([dim, 0]).resolve("test", a);
        }
        let _ = Array::uninitialised("test", Shape::from(&[a, b, c.max(1 << 40)]), cresset_tensor::DType::F64);
    }
}

#[test]
fn a_layout_always_has_a_stride_for_each_dimension() {
    let short = Layout::new([2, 3].into(), [5].into(), 1);
    assert_eq!(short.places().collect::<Vec<_>>(), [1, 1, 1, 6, 6, 6]);
    let long = Layout::new([2].into(), [5, 7, 9].into(), 0);
    assert_eq!(long.places().collect::<Vec<_>>(), [0, 5]);
}

#[test]
fn large_views_that_interleave_count_as_overlapping_and_others_are_exact() {
    let image = Layout::contiguous([512, 512].into());
    assert!(!image.overlaps_itself());
    assert!(!image.permute(&[1, 0]).unwrap().slice(0, 1, 200, 2).unwrap().overlaps_itself());
    assert!(image.unfold(0, 3, 1, 1).unwrap().overlaps_itself());
    assert!(image.expand(&[2, 512, 512].into()).unwrap().overlaps_itself());
}

#[test]
fn dimensions_of_single_numbers() {
    let single = Layout::contiguous(Shape::default());
    assert!(single.slice(0, 0, 1, 1).is_err() && single.select(0, 0).is_err());
    // torch.tensor(1.).unfold(0, 1, 1) has shape [1]; with size 0, [0].
    assert_eq!(single.unfold(0, 1, 1, 1).unwrap().shape(), &[1]);
    assert_eq!(single.unfold(0, 0, 1, 1).unwrap().shape(), &[0]);
    assert!(single.unfold(0, 2, 1, 1).is_err());
}
