//! Every kernel against its operation's decomposition, on drawn shapes, layouts and numbers.
//!
//! The decomposition runs on arrays that know primitives alone, so it also shows that these are enough: what a
//! device has to bring.

use cresset_ops::{
    Apply, Array, DType, Op, Outputs, Result, Scalar, Shape,
    decompose::decompose,
    expr::{Expr, select, traced},
    op::{Combine, Convolution, Kind, List, Map, Reduce, Reduction, Role, Scan, Window},
    view::View,
};
use cresset_tensor::{Layout, Strides, random::Generator};
use proptest::prelude::*;
use rand::{Rng, RngExt};

/// An array on a device that has primitives alone.
#[derive(Clone)]
struct Parts(Array);

impl Apply for Parts {
    fn apply(op: Op, inputs: &[&Parts]) -> Result<Outputs<Parts>> {
        if let Some(result) = decompose(&op, inputs) {
            return result;
        }
        let arrays: Vec<&Array> = inputs.iter().map(|x| &x.0).collect();
        Ok(Array::apply(op, &arrays)?.into_iter().map(Parts).collect())
    }

    fn apply_into(op: Op, inputs: &[&Parts], targets: &[&Parts]) -> Result<()> {
        let outputs = Parts::apply(op, inputs)?;
        for (output, target) in outputs.iter().zip(targets) {
            Array::formulas_into(&[&output.0], &[], &[&target.0], |x, _| [x[0]])?;
        }
        Ok(())
    }

    fn array(&self) -> &Array {
        &self.0
    }

    fn constant(array: Array) -> Parts {
        Parts(array)
    }
}

/// Such that exponentials do not make much of how products are rounded.
fn scale_of(inputs: &[Array]) -> f64 {
    0.5 / (1 + inputs[0].shape()[inputs[0].rank() - 1]) as f64
}

/// What is drawn.
struct Draw {
    generator: Generator,
    /// Which sizes dimensions have.
    sizes: &'static [usize],
}

/// Small, and now and then none.
const SMALL: &[usize] = &[0, 1, 2, 2, 3, 3, 4, 5];
/// Such that vectors, blocks and tasks are full, and some are not.
const LARGE: &[usize] = &[1, 2, 31, 64, 65, 200];
/// Elements at most. A running total looks at every pair of a line.
const MOST: usize = 1 << 15;

impl Draw {
    fn new(seed: u64, sizes: &'static [usize]) -> Draw {
        Draw { generator: Generator::new(seed), sizes }
    }

    fn below(&mut self, end: usize) -> usize {
        self.generator.random_range(0..end.max(1))
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn truth(&mut self) -> bool {
        self.generator.next_u32() & 1 == 1
    }

    fn float(&mut self) -> DType {
        self.one_of(&[DType::F32, DType::F64])
    }

    fn number(&mut self) -> DType {
        self.one_of(&[DType::F32, DType::F64, DType::I64, DType::I32, DType::U8, DType::Bool])
    }

    fn shape(&mut self, least: usize, most: usize) -> Shape {
        let rank = least + self.below(most - least + 1);
        let mut shape = Shape::default();
        for _ in 0..rank {
            let size = self.one_of(self.sizes);
            shape.push(if shape.numel() * size > MOST { 2 } else { size });
        }
        shape
    }

    /// Numbers of few values, so that there are equals; floats with odd ones now and then, if wanted.
    fn value(&mut self, dtype: DType, odd: bool) -> Scalar {
        if !dtype.is_float() {
            let (low, _) = dtype.int_range();
            return Scalar::Int(if low < 0 { self.below(9) as i64 - 4 } else { self.below(5) as i64 });
        }
        match self.below(40) {
            0 if odd => f64::NAN.into(),
            1 if odd => f64::INFINITY.into(),
            2 if odd => f64::NEG_INFINITY.into(),
            3 => 0.0.into(),
            _ => ((self.below(33) as f64 - 16.0) / 8.0).into(),
        }
    }

    /// Numbers in a layout of any kind.
    fn array(&mut self, shape: &Shape, dtype: DType, odd: bool) -> Array {
        let rank = shape.rank();
        // The order in memory, and for each dimension whether it runs backwards, has gaps, or repeats one element.
        let mut order: Vec<usize> = (0..rank).collect();
        if self.truth() {
            (1..rank).for_each(|i| order.swap(i, self.below(i + 1)));
        }
        let mut strides = Strides::repeat(0, rank);
        let (mut step, mut start) = (1usize, 0usize);
        for &dim in order.iter().rev() {
            let kind = self.below(8);
            if kind == 0 {
                continue;
            }
            let gap = if kind == 1 { 2 } else { 1 };
            strides[dim] = (step * gap) as isize;
            let reach = step * gap * shape[dim].saturating_sub(1);
            if kind == 2 {
                strides[dim] = -strides[dim];
                start += reach;
            }
            step = reach + step * gap;
        }
        let offset = self.below(3);
        let memory: Vec<Scalar> = (0..step.max(1) + offset).map(|_| self.value(dtype, odd)).collect();
        let layout = Layout::new(shape.clone(), strides, start + offset);
        cresset_tensor::with_element!(dtype, T => {
            let memory: Vec<T> = memory.into_iter().map(<T as cresset_ops::Element>::from_scalar).collect();
            let n = memory.len();
            Array::from_vec(memory, [n]).unwrap().with_layout(layout).unwrap()
        })
    }

    fn index(&mut self, shape: &Shape, end: usize) -> Array {
        let list: Vec<i64> = (0..shape.numel()).map(|_| self.below(end) as i64).collect();
        Array::from_vec(list, shape.clone()).unwrap()
    }

    fn dims(&mut self, rank: usize) -> List {
        (0..rank).filter(|_| self.truth()).collect()
    }

    /// A view of a shape; without those that show an element twice, if it is to be written through.
    fn view(&mut self, shape: &Shape, writable: bool) -> View {
        let rank = shape.rank();
        let dim = self.below(rank);
        match self.below(if rank == 0 { 2 } else { 7 }) {
            0 => {
                let mut order: List = (0..rank).collect();
                (1..rank).for_each(|i| order.swap(i, self.below(i + 1)));
                View::Permute(order)
            }
            1 => {
                let mut flat = shape.clone();
                if self.truth() {
                    flat.push(1)
                } else {
                    flat = shape.numel().into()
                }
                View::Reshape(flat)
            }
            2 if shape[dim] > 0 => View::Select { dim, index: self.below(shape[dim]) },
            3 if rank > 1 => {
                let dim2 = (dim + 1 + self.below(rank - 1)) % rank;
                View::Diagonal { offset: self.below(5) as i64 - 2, dim1: dim, dim2 }
            }
            4 if !writable => {
                let mut larger = shape.clone();
                larger.iter_mut().filter(|size| **size == 1).for_each(|size| *size = 3);
                larger.insert(0, 2);
                View::Expand(larger)
            }
            5 if !writable && shape[dim] > 1 => View::Unfold {
                dim,
                size: 1 + self.below(shape[dim].div_ceil(2)),
                step: 1 + self.below(2),
                dilation: 1 + self.below(2).min(shape[dim].saturating_sub(1) / 2 / shape[dim].max(1)),
            },
            _ if shape[dim] > 1 && self.truth() => {
                let len = 1 + self.below(shape[dim] / 2);
                View::Slice { dim, start: shape[dim] - 1, len, step: -1 }
            }
            _ => {
                let start = self.below(shape[dim] + 1).min(shape[dim].saturating_sub(1));
                View::Slice { dim, start, len: self.below(shape[dim].saturating_sub(start) + 1), step: 1 }
            }
        }
    }

    fn formula(&mut self) -> (Map, usize) {
        type Formula = fn(&[Expr], &[Expr]) -> Expr;
        let list: [(usize, Formula); 4] = [
            (1, |x, n| x[0].square() + n[0]),
            (2, |x, n| (x[0] - x[1]) * n[0]),
            (2, |x, _| select(x[0].gt(x[1]), x[0], x[1] * 0.5)),
            (3, |x, n| x[0] * x[1] - x[2] * n[0]),
        ];
        let (inputs, f) = self.one_of(&list);
        let program = traced(inputs, 1, &f);
        (Map { program, numbers: [Scalar::Float(0.75)].into_iter().collect(), shape: None }, inputs)
    }

    /// An operation of a kind, and inputs for it.
    fn operation(&mut self, kind: Kind) -> (Op, Vec<Array>) {
        match kind {
            Kind::Map | Kind::View | Kind::Gather | Kind::Scatter | Kind::Sort | Kind::ToDevice => {
                let x = self.array(&[2].into(), DType::F32, false);
                (Op::View(View::Permute([0].into_iter().collect())), vec![x])
            }
            Kind::Reduce => self.reduction(),
            Kind::Scan => {
                let shape = self.shape(0, 3);
                let (dim, kind) = (self.below(shape.rank()), self.one_of(Scan::ALL));
                let dtype = if kind == Scan::LogSumExp { self.float() } else { self.number() };
                let odd = matches!(kind, Scan::Max | Scan::Min);
                (Op::Scan { kind, dim }, vec![self.array(&shape, dtype, odd)])
            }
            Kind::Unview => {
                let (shape, dtype) = (self.shape(0, 3), self.number());
                let base = Layout::contiguous(shape.clone());
                let view = self.view(&shape, false);
                let seen = view.shape(&base).unwrap();
                (Op::Unview { view, base: base.into() }, vec![self.array(&seen, dtype, false)])
            }
            Kind::Overwrite => {
                let (shape, dtype) = (self.shape(0, 3), self.number());
                let view = self.view(&shape, true);
                let seen = view.shape(&Layout::contiguous(shape.clone())).unwrap();
                (Op::Overwrite(view), vec![self.array(&shape, dtype, true), self.array(&seen, dtype, true)])
            }
            Kind::Concat => {
                let (shape, dtype) = (self.shape(1, 3), self.number());
                let dim = self.below(shape.rank());
                let inputs = (0..1 + self.below(3)).map(|_| {
                    let mut shape = shape.clone();
                    shape[dim] = self.below(4);
                    self.array(&shape, dtype, true)
                });
                (Op::Concat { dim }, inputs.collect())
            }
            Kind::Matmul => {
                let dtype = self.one_of(&[DType::F32, DType::F64, DType::I64, DType::I32]);
                let (mut a, mut b) = (self.shape(2, 4), self.shape(2, 4));
                let inner = a.rank() - 1;
                let rows = b.rank() - 2;
                b[rows] = a[inner];
                for i in 0..inner.min(b.rank() - 1).saturating_sub(1) {
                    let (i, j) = (inner - 2 - i, b.rank() - 3 - i);
                    if a[i] != 1 && b[j] != 1 {
                        b[j] = a[i];
                    }
                }
                if self.truth() {
                    a[0] = 1;
                    if a.rank() == 2 && b.rank() == 2 {
                        a[0] = self.below(40);
                    }
                }
                let mut inputs = vec![self.array(&a, dtype, false), self.array(&b, dtype, false)];
                if self.truth() {
                    inputs.push(self.array(&[b[rows + 1]].into(), dtype, true));
                }
                (Op::Matmul, inputs)
            }
            Kind::Convolve => self.convolution(),
            Kind::MaxPool => self.pool(),
            Kind::IndexSelect => {
                let (shape, dtype) = (self.shape(0, 3), self.number());
                let dim = self.below(shape.rank());
                let size = shape.get(dim).copied().unwrap_or(1);
                let count = if size == 0 { 0 } else { self.below(5) };
                let count = if shape.rank() == 0 { 1 } else { count };
                let index = self.index(&count.into(), size);
                (Op::IndexSelect { dim }, vec![self.array(&shape, dtype, true), index])
            }
            Kind::IndexPut => {
                let (shape, combine) = (self.shape(0, 3), self.one_of(Combine::ALL));
                let dtype = self.one_of(&[DType::F32, DType::F64, DType::I64, DType::I32]);
                let dim = self.below(shape.rank());
                let size = shape.get(dim).copied().unwrap_or(1);
                let count = if size == 0 { 0 } else { self.below(5) };
                let count = if shape.rank() == 0 { 1 } else { count };
                let index = self.index(&count.into(), size);
                let mut source = shape.clone();
                if shape.rank() > 0 {
                    source[dim] = count;
                }
                let inputs = vec![self.array(&shape, dtype, false), index, self.array(&source, dtype, false)];
                (Op::IndexPut { dim, combine }, inputs)
            }
            Kind::TopK => {
                let (shape, dtype) = (self.shape(0, 3), self.number());
                let dim = self.below(shape.rank());
                let size = shape.get(dim).copied().unwrap_or(1);
                let k = if shape.rank() == 0 { 1 } else { self.below(size + 1) };
                (Op::TopK { k, dim, largest: self.truth() }, vec![self.array(&shape, dtype, true)])
            }
            Kind::SearchSorted => {
                let (mut rows, dtype) =
                    (self.shape(1, 3), self.one_of(&[DType::F32, DType::F64, DType::I64]));
                let sorted = self.array(&rows, dtype, false);
                let dim = rows.rank() - 1;
                let sorted =
                    Array::apply(Op::Sort { dim, descending: false }, &[&sorted]).unwrap()[0].clone();
                rows[dim] = self.below(5);
                let values = if rows.rank() == 1 { self.shape(0, 3) } else { rows };
                (Op::SearchSorted { right: self.truth() }, vec![sorted, self.array(&values, dtype, true)])
            }
            Kind::Softmax => {
                let (shape, dtype) = (self.shape(0, 4), self.float());
                let op = Op::Softmax { dim: self.below(shape.rank()), log: self.truth() };
                (op, vec![self.array(&shape, dtype, true)])
            }
            Kind::CrossEntropy => {
                let (shape, dtype) = (self.shape(2, 2), self.float());
                let shape: Shape = [shape[0], shape[1].max(1)].into();
                let targets = self.index(&shape[0].into(), shape[1]);
                let op = Op::CrossEntropy { ignore: 1, mean: self.truth() };
                (op, vec![self.array(&shape, dtype, true), targets])
            }
            Kind::Attention => {
                let (inputs, _) = self.attention(true);
                (Op::Attention { causal: self.truth(), scale: scale_of(&inputs) }, inputs)
            }
            Kind::AttentionBackward => {
                // A key that is not looked at is left out or multiplied with 0, which infinities would tell.
                let (mut inputs, batch) = self.attention(false);
                let mask = inputs.split_off(3);
                let (dtype, queries) = (inputs[0].dtype(), inputs[0].shape()[inputs[0].rank() - 2]);
                let width = inputs[2].shape()[inputs[2].rank() - 1];
                let rows: Shape = batch.iter().copied().chain([queries]).collect();
                let output: Shape = rows.iter().copied().chain([width]).collect();
                inputs.extend([
                    self.array(&rows, dtype, false),
                    self.array(&rows, dtype, false),
                    self.array(&output, dtype, false),
                ]);
                inputs.extend(mask);
                (Op::AttentionBackward { causal: self.truth(), scale: scale_of(&inputs) }, inputs)
            }
            Kind::Normalize => {
                let (shape, dtype) = (self.shape(0, 4), self.float());
                let op = Op::Normalize { dims: self.below(shape.rank() + 1), epsilon: 0.1 };
                (op, vec![self.array(&shape, dtype, false)])
            }
        }
    }

    /// Query, key, value and perhaps a mask, and the batch of all.
    fn attention(&mut self, odd: bool) -> (Vec<Array>, Shape) {
        let (batch, dtype) = (self.shape(0, 2), self.float());
        // Not more than a decomposition has time for.
        let batch: Shape = batch.iter().map(|&size| size.min(2)).collect();
        let [queries, keys] = [(); 2].map(|()| self.one_of(self.sizes));
        let [width, value_width] = [(); 2].map(|()| self.one_of(self.sizes).min(40));
        let mut given = |rows: usize, columns: usize, odd: bool| {
            let own = if self.truth() { batch.clone() } else { batch.iter().skip(1).copied().collect() };
            let shape: Shape = own.iter().copied().chain([rows, columns]).collect();
            self.array(&shape, dtype, odd)
        };
        let mut inputs =
            vec![given(queries, width, odd), given(keys, width, odd), given(keys, value_width, false)];
        let ranks = inputs.iter().map(|x| x.rank() - 2);
        let whole: Shape = batch.iter().skip(batch.rank() - ranks.max().unwrap_or(0)).copied().collect();
        if self.truth() {
            let dtype = if self.truth() { DType::Bool } else { dtype };
            let rows = if self.truth() { queries } else { 1 };
            inputs.push(self.array(&[rows, keys].into(), dtype, dtype == DType::Bool));
        }
        (inputs, whole)
    }

    fn reduction(&mut self) -> (Op, Vec<Array>) {
        let (shape, kind) = (self.shape(0, 4), self.one_of(Reduction::ALL));
        let arg = matches!(kind, Reduction::ArgMax | Reduction::ArgMin);
        let dims =
            if arg { [self.below(shape.rank())].into_iter().collect() } else { self.dims(shape.rank()) };
        let keepdim = self.truth();
        let odd = !matches!(kind, Reduction::Sum | Reduction::Prod);
        if self.truth() {
            let dtype = self.number();
            return (
                Op::Reduce(Box::new(Reduce { kind, dims, keepdim, map: None })),
                vec![self.array(&shape, dtype, odd)],
            );
        }
        let (map, inputs) = self.formula();
        let dtype = self.float();
        let arrays = (0..inputs).map(|i| {
            // All but the first may broadcast.
            let mut own = shape.clone();
            if i > 0 {
                own.iter_mut().for_each(|size| *size = if self.truth() { 1 } else { *size });
            }
            self.array(&own, dtype, false)
        });
        let arrays = arrays.collect();
        (Op::Reduce(Box::new(Reduce { kind, dims, keepdim, map: Some(map) })), arrays)
    }

    fn convolution(&mut self) -> (Op, Vec<Array>) {
        let dtype = self.float();
        let spatial = 1 + self.below(2);
        let (groups, n) = (1 + self.below(3), self.below(3));
        let (c, o) = (1 + self.below(2), 1 + self.below(3));
        let mut lists: [List; 6] = Default::default();
        for _ in 0..spatial {
            let (kernel, stride) = (1 + self.below(3), 1 + self.below(3));
            let (padding, dilation) = (self.below(3), 1 + self.below(2));
            let reach = (kernel - 1) * dilation + 1;
            let size = self.below(6).max(reach.saturating_sub(2 * padding)).max(1);
            let count = (size + 2 * padding - reach) / stride + 1;
            for (list, value) in lists.iter_mut().zip([size, kernel, count, stride, padding, dilation]) {
                list.push(value);
            }
        }
        let [size, kernel, count, stride, padding, dilation] = lists;
        let shape = |a: usize, b: usize, rest: &List| -> Shape {
            [a, b].into_iter().chain(rest.iter().copied()).collect()
        };
        let (x, w, y) =
            (shape(n, groups * c, &size), shape(groups * o, c, &kernel), shape(n, groups * o, &count));
        let role = self.one_of(&[Role::Output, Role::Input, Role::Weight]);
        let channels = y[1];
        let (mut inputs, output) = match role {
            Role::Output => (vec![x, w], count),
            Role::Input => (vec![w, y], size),
            Role::Weight => (vec![x, y], kernel),
        };
        if role == Role::Output && self.truth() {
            inputs.push([channels].into());
        }
        let op = Op::Convolve(Box::new(Convolution { role, stride, padding, dilation, groups, output }));
        (op, inputs.iter().map(|shape| self.array(shape, dtype, false)).collect())
    }

    fn pool(&mut self) -> (Op, Vec<Array>) {
        let spatial = 1 + self.below(2);
        let mut shape: Shape = (0..self.below(3)).map(|_| self.below(4)).collect();
        let mut window = Window {
            kernel: List::new(),
            stride: List::new(),
            padding: List::new(),
            dilation: List::new(),
            ceil: self.truth(),
        };
        for _ in 0..spatial {
            let (kernel, dilation) = (1 + self.below(3), 1 + self.below(2));
            let reach = (kernel - 1) * dilation + 1;
            // No window may fall between the elements.
            shape.push(reach.max(2) + self.below(4));
            window.kernel.push(kernel);
            window.stride.push(1 + self.below(3));
            window.padding.push(self.below(kernel / 2 + 1));
            window.dilation.push(dilation);
        }
        let dtype = self.one_of(&[DType::F32, DType::F64, DType::I64, DType::U8]);
        (Op::MaxPool(Box::new(window)), vec![self.array(&shape, dtype, true)])
    }
}

fn compare(op: &Op, inputs: &[Array]) {
    let arrays: Vec<&Array> = inputs.iter().collect();
    let parts: Vec<Parts> = inputs.iter().cloned().map(Parts).collect();
    let parts: Vec<&Parts> = parts.iter().collect();
    let context = || {
        let inputs: Vec<String> = inputs
            .iter()
            .map(|x| format!("{} {:?} {:?}", x.dtype(), x.layout(), x.to_f64s().unwrap()))
            .collect();
        format!("{op:?}\n{}", inputs.join("\n"))
    };
    let (kernel, parts) = match (Array::apply(op.clone(), &arrays), Parts::apply(op.clone(), &parts)) {
        (Ok(kernel), Ok(parts)) => (kernel, parts),
        (Err(_), Err(_)) => return,
        (Ok(_), Err(error)) => panic!("only the decomposition refuses: {error}\n{}", context()),
        (Err(error), Ok(_)) => panic!("only the kernel refuses: {error}\n{}", context()),
    };
    assert_eq!(kernel.len(), parts.len(), "{}", context());
    // Equals among the best come in any order: their places are right if they are different and have the values.
    if let (Op::TopK { dim, .. }, [values, places]) = (op, kernel.as_slice())
        && values.rank() > 0
    {
        let found = Array::apply_one(Op::Gather { dim: *dim }, &[arrays[0], places]).unwrap();
        let equal = found.to_f64s().unwrap().into_iter().zip(values.to_f64s().unwrap());
        assert!(equal.into_iter().all(|(a, b)| a == b || (a.is_nan() && b.is_nan())), "{}", context());
        let zeros = Array::filled("zeros", arrays[0].shape().clone(), DType::I64, 0).unwrap();
        let ones = Array::filled("ones", places.shape().clone(), DType::I64, 1).unwrap();
        let count = Op::Scatter { dim: *dim, combine: Combine::Add };
        let counts = Array::apply_one(count, &[&zeros, places, &ones]).unwrap();
        assert!(counts.to_i64s().unwrap().into_iter().all(|count| count <= 1), "{}", context());
    }
    let unordered = matches!(op, Op::TopK { .. });
    for (i, (kernel, Parts(parts))) in kernel.iter().zip(&parts).enumerate() {
        assert_eq!(
            (kernel.shape(), kernel.dtype()),
            (parts.shape(), parts.dtype()),
            "output {i} of {}",
            context()
        );
        let tolerance = match kernel.dtype() {
            DType::F64 => 1e-10,
            DType::F32 => 1e-4,
            _ => 0.0,
        };
        if unordered && i == 1 {
            continue;
        }
        for (a, b) in kernel.to_f64s().unwrap().into_iter().zip(parts.to_f64s().unwrap()) {
            let fits = a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * (1.0 + b.abs());
            assert!(fits, "output {i}: {a} against {b} of {}", context());
        }
    }
}

macro_rules! kinds {
    ($($name:ident $kind:ident;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]
            $(
                #[test]
                fn $name(seed: u64) {
                    let (op, inputs) = Draw::new(seed, SMALL).operation(Kind::$kind);
                    compare(&op, &inputs);
                }
            )*
        }

        proptest! {
            #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..Default::default() })]
            #[test]
            fn large(seed: u64) {
                $(
                    let (op, inputs) = Draw::new(seed, LARGE).operation(Kind::$kind);
                    compare(&op, &inputs);
                )*
            }
        }

        /// No kind is forgotten above.
        #[test]
        fn every_kind_is_drawn() {
            for kind in Kind::ALL {
                match kind {
                    Kind::Map | Kind::View | Kind::Gather | Kind::Scatter | Kind::Sort | Kind::ToDevice => {
                        let (op, inputs) = Draw::new(0, SMALL).operation(*kind);
                        assert!(decompose(&op, &inputs.iter().collect::<Vec<&Array>>()).is_none());
                    }
                    $(Kind::$kind => {})*
                }
            }
        }
    };
}

kinds! {
    reduce Reduce;
    scan Scan;
    unview Unview;
    overwrite Overwrite;
    concat Concat;
    matmul Matmul;
    convolve Convolve;
    max_pool MaxPool;
    index_select IndexSelect;
    index_put IndexPut;
    topk TopK;
    search_sorted SearchSorted;
    softmax Softmax;
    cross_entropy CrossEntropy;
    normalize Normalize;
    attention Attention;
    attention_backward AttentionBackward;
}
