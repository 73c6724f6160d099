//! Every operation of the vocabulary, and what is drawn for it. The `match` is exhaustive: a new operation has to say.

use cresset_ops::{
    Device, Op, Shape,
    op::{Combine, Kind, List, Reduce, Reduction, Scan},
    view::ViewKind,
};

use super::{
    draw::Draw,
    formula::formula,
    indexing, looking,
    sample::{Input, Sample, Subject},
    sliding,
};

/// Where numbers are drawn from when it does not matter.
pub const ANY: &[(f64, f64)] = &[(-2.0, 2.0)];

/// All of them.
pub fn subjects() -> Vec<Subject> {
    Kind::ALL.iter().flat_map(|&kind| of_kind(kind)).collect()
}

fn of_kind(kind: Kind) -> Vec<Subject> {
    match kind {
        Kind::Map => vec![Subject::new("map", map)],
        Kind::Reduce => Reduction::ALL.iter().flat_map(|&kind| of_reduction(kind)).collect(),
        Kind::Scan => Scan::ALL.iter().map(|&kind| of_scan(kind)).collect(),
        Kind::View => ViewKind::ALL
            .iter()
            .map(|&kind| Subject::new(format!("view {kind:?}"), move |draw| looking::view(draw, kind)))
            .collect(),
        Kind::Unview => ViewKind::ALL
            .iter()
            .map(|&kind| Subject::new(format!("unview {kind:?}"), move |draw| looking::unview(draw, kind)))
            .collect(),
        Kind::Overwrite => ViewKind::ALL
            .iter()
            // Of several elements at one place none can be written.
            .filter(|kind| !matches!(kind, ViewKind::Expand | ViewKind::Unfold))
            .map(|&kind| {
                Subject::new(format!("overwrite {kind:?}"), move |draw| looking::overwrite(draw, kind))
            })
            .collect(),
        Kind::Concat => vec![Subject::new("concat", concat)],
        Kind::Matmul => vec![Subject::new("matmul", matmul)],
        Kind::Convolve => sliding::convolutions(),
        Kind::MaxPool => vec![Subject::new("max_pool", sliding::max_pool)],
        Kind::IndexSelect => vec![Subject::new("index_select", indexing::index_select)],
        Kind::IndexPut => of_combine("index_put", indexing::index_put),
        Kind::Gather => vec![Subject::new("gather", indexing::gather)],
        Kind::Scatter => of_combine("scatter", indexing::scatter),
        Kind::Sort => vec![Subject::new("sort", sort)],
        Kind::TopK => vec![Subject::new("topk", top_k)],
        Kind::SearchSorted => {
            vec![Subject::not("searchsorted", "gives places", search_sorted)]
        }
        Kind::Softmax => [false, true]
            .map(|log| {
                Subject::new(if log { "log_softmax" } else { "softmax" }, move |draw| {
                    let (dim, inputs) = along(draw, ANY);
                    Sample { op: Op::Softmax { dim, log }, inputs }
                })
            })
            .into(),
        Kind::CrossEntropy => [false, true]
            .map(|mean| {
                Subject::new(if mean { "cross_entropy mean" } else { "cross_entropy sum" }, move |draw| {
                    cross_entropy(draw, mean)
                })
            })
            .into(),
        Kind::Normalize => vec![Subject::new("normalize", normalize)],
        Kind::Attention => masks("attention", attention),
        Kind::AttentionBackward => masks("attention_backward", attention_backward),
        Kind::ToDevice => vec![Subject::new("to_device", to_device)],
    }
}

/// Class 0 is ignored, so that some rows are.
fn cross_entropy(draw: &mut Draw, mean: bool) -> Sample {
    let shape = draw.shape((2, 2), (1, 4));
    let targets = draw.indices(&Shape::from(shape[0]), shape[1]);
    let inputs = vec![Input::Vary(draw.laid(&shape, ANY)), Input::Index(targets)];
    Sample { op: Op::CrossEntropy { ignore: 0, mean }, inputs }
}

/// What a query may look at.
#[derive(Clone, Copy)]
enum Looks {
    Everywhere,
    Back,
    Where,
    More,
}

fn masks(name: &str, build: fn(&mut Draw, Looks) -> Sample) -> Vec<Subject> {
    [
        ("", Looks::Everywhere),
        (" causal", Looks::Back),
        (" of a mask", Looks::Where),
        (" of numbers added", Looks::More),
    ]
    .map(|(kind, looks)| Subject::new(format!("{name}{kind}"), move |draw| build(draw, looks)))
    .into()
}

/// Query, key, value, and what goes after them; and the shape of an output.
fn looking_at(draw: &mut Draw, looks: Looks) -> (Vec<Input>, Option<Input>, Shape) {
    let batch = draw.shape((0, 2), (1, 2));
    let [queries, width, value_width] = [(); 3].map(|()| draw.size((1, 3)));
    let keys = draw.size((0, 4));
    let mut of = |own: &Shape, rows: usize, columns: usize| {
        let shape: Shape = own.iter().copied().chain([rows, columns]).collect();
        Input::Vary(draw.laid(&shape, ANY))
    };
    let mut inputs = vec![of(&batch, queries, width), of(&batch, keys, width)];
    let fewer: Shape = batch.iter().skip(1).copied().collect();
    inputs.push(of(&fewer, keys, value_width));
    let mask = match looks {
        Looks::Everywhere | Looks::Back => None,
        // Numbers that are -∞ here and there do not vary; queries may look nowhere.
        Looks::Where => {
            let mut laid = draw.laid(&[queries, keys].into(), ANY);
            laid.values.iter_mut().for_each(|x| *x = if *x < 0.5 { 0.0 } else { f64::NEG_INFINITY });
            Some(Input::Constant(laid))
        }
        Looks::More => Some(of(&Shape::default(), queries, keys)),
    };
    (inputs, mask, batch.iter().copied().chain([queries, value_width]).collect())
}

fn attention(draw: &mut Draw, looks: Looks) -> Sample {
    let (mut inputs, mask, _) = looking_at(draw, looks);
    inputs.extend(mask);
    Sample { op: Op::Attention { causal: matches!(looks, Looks::Back), scale: 0.7 }, inputs }
}

fn attention_backward(draw: &mut Draw, looks: Looks) -> Sample {
    let (mut inputs, mask, output) = looking_at(draw, looks);
    let rows = Shape::from(&output[..output.rank() - 1]);
    inputs.extend([&rows, &rows, &output].map(|shape| Input::Vary(draw.laid(shape, ANY))));
    inputs.extend(mask);
    Sample { op: Op::AttentionBackward { causal: matches!(looks, Looks::Back), scale: 0.7 }, inputs }
}

fn of_combine(name: &str, build: fn(&mut Draw, Combine) -> Sample) -> Vec<Subject> {
    Combine::ALL
        .iter()
        .map(|&combine| Subject::new(format!("{name} {combine:?}"), move |draw| build(draw, combine)))
        .collect()
}

/// Inputs that broadcast together.
fn together(draw: &mut Draw, count: usize) -> Vec<Input> {
    let whole = draw.shape((0, 3), (0, 3));
    let own = draw.integer(0, count - 1);
    (0..count)
        .map(|i| {
            let shape = if i == own { whole.clone() } else { draw.smaller(&whole) };
            Input::Vary(draw.laid(&shape, ANY))
        })
        .collect()
}

fn map(draw: &mut Draw) -> Sample {
    let (count, outputs) = (draw.integer(1, 3), draw.integer(1, 2));
    let formula = formula(draw, count, outputs);
    Sample { op: Op::Map(formula), inputs: together(draw, count) }
}

/// Alone, and of a formula.
fn of_reduction(kind: Reduction) -> Vec<Subject> {
    let why = match kind {
        Reduction::Sum | Reduction::Prod | Reduction::Max | Reduction::Min => None,
        Reduction::ArgMax | Reduction::ArgMin => Some("gives places"),
        Reduction::Any | Reduction::All => Some("gives a truth"),
    };
    [false, true]
        .map(|mapped| {
            let name = if mapped { format!("{} of a formula", kind.name()) } else { kind.name().to_owned() };
            let build = move |draw: &mut Draw| reduce(draw, kind, mapped);
            match why {
                None => Subject::new(name, build),
                Some(why) => Subject::not(name, why, build),
            }
        })
        .into()
}

fn reduce(draw: &mut Draw, kind: Reduction, mapped: bool) -> Sample {
    let count = if mapped { draw.integer(1, 2) } else { 1 };
    let map = mapped.then(|| formula(draw, count, 1));
    let mut inputs = together(draw, count);
    let mut shape = Shape::default();
    for input in &mut inputs {
        let Input::Vary(laid) = input else { continue };
        if !kind.has_identity() || matches!(kind, Reduction::ArgMax | Reduction::ArgMin) {
            // Of nothing there is no largest.
            let full: Shape = laid.shape.iter().map(|&size| size.max(1)).collect();
            *laid = draw.laid(&full, ANY);
        }
        shape = shape.broadcast(&laid.shape).unwrap_or_default();
        if kind == Reduction::Prod && draw.truth() {
            // Zeros, one or several: a product's derivative is not a quotient there.
            let i = draw.integer(0, 7);
            laid.values.iter_mut().skip(i).step_by(3).for_each(|x| *x = 0.0);
        }
    }
    let mut dims: List = (0..shape.rank()).filter(|_| draw.truth()).collect();
    if matches!(kind, Reduction::ArgMax | Reduction::ArgMin) {
        dims = (0..shape.rank().min(1)).collect();
    }
    Sample { op: Op::Reduce(Box::new(Reduce { kind, dims, keepdim: draw.truth(), map })), inputs }
}

/// A dimension of an input; without dimensions, the first counts.
fn along(draw: &mut Draw, intervals: &[(f64, f64)]) -> (usize, Vec<Input>) {
    let shape = draw.shape((0, 3), (0, 4));
    let dim = draw.integer(0, shape.rank().max(1) - 1);
    (dim, vec![Input::Vary(draw.laid(&shape, intervals))])
}

fn of_scan(kind: Scan) -> Subject {
    Subject::new(kind.name(), move |draw| {
        let (dim, mut inputs) = along(draw, ANY);
        if let (Scan::Prod, [Input::Vary(laid)]) = (kind, &mut inputs[..])
            && draw.truth()
        {
            let i = draw.integer(0, 7);
            laid.values.iter_mut().skip(i).step_by(3).for_each(|x| *x = 0.0);
        }
        Sample { op: Op::Scan { kind, dim }, inputs }
    })
}

fn concat(draw: &mut Draw) -> Sample {
    let shape = draw.shape((1, 3), (0, 3));
    let dim = draw.integer(0, shape.rank() - 1);
    let count = draw.integer(1, 4);
    let inputs = (0..count)
        .map(|_| {
            let mut own = shape.clone();
            own[dim] = draw.size((0, 3));
            Input::Vary(draw.laid(&own, ANY))
        })
        .collect();
    Sample { op: Op::Concat { dim }, inputs }
}

fn matmul(draw: &mut Draw) -> Sample {
    let batch = draw.shape((0, 2), (0, 3));
    let [m, k, n] = [(); 3].map(|()| draw.size((0, 4)));
    let (mut left, mut right) = (batch.clone(), batch.clone());
    match draw.integer(0, 3) {
        2 => left = draw.smaller(&batch),
        3 => right = draw.smaller(&batch),
        _ => {}
    }
    left.push(m);
    left.push(k);
    right.push(k);
    right.push(n);
    let mut inputs = vec![Input::Vary(draw.laid(&left, ANY)), Input::Vary(draw.laid(&right, ANY))];
    if draw.truth() {
        inputs.push(Input::Vary(draw.laid(&Shape::from([n]), ANY)));
    }
    Sample { op: Op::Matmul, inputs }
}

fn sort(draw: &mut Draw) -> Sample {
    let (dim, inputs) = along(draw, ANY);
    Sample { op: Op::Sort { dim, descending: draw.truth() }, inputs }
}

fn top_k(draw: &mut Draw) -> Sample {
    let (dim, inputs) = along(draw, ANY);
    let size = match &inputs[0] {
        Input::Vary(laid) => laid.shape.get(dim).copied().unwrap_or(1),
        Input::Constant(_) | Input::Index(_) => 1,
    };
    let k = draw.integer(0, size);
    Sample { op: Op::TopK { k, dim, largest: draw.truth() }, inputs }
}

fn search_sorted(draw: &mut Draw) -> Sample {
    let shape = Shape::from([draw.size((0, 4))]);
    let mut sorted = draw.laid(&shape, ANY).plain();
    sorted.values.sort_by(f64::total_cmp);
    let values = draw.shape((0, 2), (0, 3));
    let inputs = vec![Input::Vary(sorted), Input::Vary(draw.laid(&values, ANY))];
    Sample { op: Op::SearchSorted { right: draw.truth() }, inputs }
}

fn to_device(draw: &mut Draw) -> Sample {
    let shape = draw.shape((0, 3), (0, 4));
    let op = Op::ToDevice { from: Device::Cpu, to: Device::Cpu };
    Sample { op, inputs: vec![Input::Vary(draw.laid(&shape, ANY))] }
}

fn normalize(draw: &mut Draw) -> Sample {
    let shape = draw.shape((1, 3), (0, 4));
    let dims = draw.integer(1, shape.rank());
    // With a tiny epsilon, rows of one or of equals are too steep for differences.
    let op = Op::Normalize { dims, epsilon: 0.1 };
    Sample { op, inputs: vec![Input::Vary(draw.laid(&shape, ANY))] }
}
