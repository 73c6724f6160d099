//! Products: `c[i, j] = Σₖ a[i, k]·b[k, j]`, of many pairs of factors at once, whatever the factors are gathered from.
//! Multiplying matrices and the three products of a convolution are such; their rooms say what the factors are.
//!
//! Half precision is summed in f32, integers wrap. Results are sums in an order that depends on the sizes alone.

pub mod choice;
pub mod form;
pub mod join;
mod single;
mod tiled;
mod tune;

use std::{fmt::Write as _, sync::Arc};

use cresset_ops::{cpu::plan::Lane, op::Role};
use cresset_tensor::{Array, DType, Error, Result, Shape};
use smallvec::SmallVec;

use self::{
    choice::{Choice, Way},
    form::{Form, Side},
};
use crate::{
    abilities::Abilities,
    card::Card,
    kernels::{self, Access, Source},
    memory::{Buffer, buffer},
    wgsl::{Writer, element::Element, param},
};

/// Workgroups of a dispatch, at most: they go on to the next tile.
const GROUPS: u64 = 65_535;
/// Numbers that a kernel counts with, so that differences have a sign.
const MOST: usize = i32::MAX as usize;

/// How large a product is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rows of the left factor and of the result.
    pub m: u32,
    /// Columns of the right factor and of the result.
    pub n: u32,
    /// What is summed over.
    pub k: u32,
    /// How many such products.
    pub items: u32,
}

/// A product to be computed.
pub struct Product {
    /// Its name in messages.
    pub name: &'static str,
    /// What the factors are.
    pub form: Form,
    /// The left factor.
    pub a: Array,
    /// The right factor.
    pub b: Array,
    /// How large it is.
    pub size: Size,
    /// So many columns lie in a line of the result: those of one image, which come before the items.
    pub run: u32,
    /// For each factor, are neighbours in memory neighbours in depth?
    pub deep: [bool; 2],
    /// The form's parameters.
    pub words: SmallVec<[u32; 32]>,
    /// What is added to the result.
    pub bias: Option<Bias>,
    /// The shape of the result.
    pub shape: Shape,
}

/// Numbers added to a product: to every row of a product of matrices, or to the channels of a convolution.
pub struct Bias {
    /// The numbers.
    pub numbers: Array,
    /// So many elements of the result one after the other have the same.
    pub run: u32,
}

/// What the kernel of a product depends on.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Template {
    form: Form,
    way: Way,
    dtype: DType,
    target: DType,
    deep: [bool; 2],
    /// Is something added to what was summed?
    biased: bool,
}

/// A size as kernels count.
pub fn word(name: &'static str, size: usize) -> Result<u32> {
    if size <= MOST {
        return Ok(size as u32);
    }
    Err(Error::shape(
        name,
        format!("{size} is more than kernels count to ({MOST}); stay on the CPU, or split it"),
    ))
}

/// The dtype in which a dtype is summed.
fn wide(dtype: DType, abilities: &Abilities) -> DType {
    match Lane::of(dtype).dtype() {
        DType::I64 if !abilities.i64 => DType::I32,
        wide => wide,
    }
}

/// The dtypes that a card multiplies.
fn dtypes(abilities: &Abilities) -> impl Iterator<Item = DType> + use<> {
    let abilities = *abilities;
    DType::ALL.into_iter().filter(move |&dtype| dtype != DType::Bool && abilities.check("", dtype).is_ok())
}

/// Zero of a lane.
fn zero(lane: Lane) -> &'static str {
    match lane {
        Lane::F32 => "0.0",
        Lane::F64 => "f64(0.0)",
        Lane::I64 => "int(0)",
        Lane::Bool => "false",
    }
}

/// `x·y + z`.
fn fma(lane: Lane, x: &str, y: &str, z: &str) -> String {
    match lane {
        Lane::F32 => format!("fma({x}, {y}, {z})"),
        Lane::F64 | Lane::I64 | Lane::Bool => format!("{x} * {y} + {z}"),
    }
}

/// Reads a factor's element at a line and a depth into `value`: zero where there is none.
fn load(
    template: &Template,
    side: Side,
    line: &str,
    depth: &str,
    value: &str,
    abilities: &Abilities,
    body: &mut String,
) {
    let place = format!("{value}_at");
    let inside = template.form.place(side, line, depth, &place, body);
    let element = Element::of(template.dtype, abilities).load(side.buffer(), &place, false);
    let _ = match inside {
        Some(inside) => {
            let zero = zero(Lane::of(template.dtype));
            writeln!(body, "    let {value} = select({zero}, {element}, {inside});")
        }
        None => writeln!(body, "    let {value} = {element};"),
    };
}

/// Writes the elements of a word, of which the first has such a place.
fn store(element: Element, values: &[String], place: &str) -> String {
    if let [value] = values {
        return format!("c[{place}] = {};", element.pack(value));
    }
    let parts: Vec<String> = (0..)
        .zip(values)
        .map(|(i, value): (u32, _)| format!("(({}) << {}u)", element.pack(value), i * element.bits()))
        .collect();
    format!("c[({place}) / {}u] = {};", element.per_word(), parts.join(" | "))
}

/// The parameters of every product, before those of its form.
const NAMES: [&str; 8] = ["m", "n", "k", "depth", "items", "run", "numel", "total"];

impl Template {
    fn bind(&self, abilities: &Abilities, writer: &mut Writer) {
        for side in [Side::A, Side::B] {
            writer.bind(side.buffer(), Element::of(self.dtype, abilities), Access::Read, false);
        }
        if self.biased {
            writer.bind("bias", Element::of(self.dtype, abilities), Access::Read, false);
        }
        writer.bind("c", self.written(abilities), Access::Write, false);
    }

    /// What is added to the result of a row and a column: one of the two says which number it is.
    fn bias(&self, row: &str, column: &str, abilities: &Abilities) -> String {
        let number = match self.form {
            Form::Matrices { .. } => column.to_owned(),
            Form::Convolution { .. } => format!("(item * m + {row})"),
        };
        Element::of(self.dtype, abilities).load(
            "bias",
            &format!("(bias_offset + {number} * bias_step)"),
            false,
        )
    }

    /// How results lie in memory.
    fn written(&self, abilities: &Abilities) -> Element {
        Element::of(self.target, abilities)
    }

    /// Gives the parameters their names.
    fn parameters(&self, body: &mut String) {
        let added = if self.biased { &["bias_offset", "bias_step"][..] } else { &[] };
        let added = added.iter().map(|&name| name.to_owned());
        let names = NAMES.map(str::to_owned).into_iter().chain(self.form.names()).chain(added);
        for (i, name) in names.enumerate() {
            let _ = writeln!(body, "    let {name} = {};", param(i));
        }
    }

    /// The kernel.
    pub fn source(&self, abilities: &Abilities) -> Source {
        match self.way {
            Way::Tiled(tile) => tiled::source(self, tile, abilities),
            Way::Direct => single::direct(self, abilities),
            Way::Shared { width } => single::shared(self, width, abilities),
        }
    }

    /// Samples for the shader checks.
    pub fn samples(abilities: &Abilities) -> Vec<Template> {
        let mut forms =
            vec![Form::Matrices { dims: 0 }, Form::Matrices { dims: 1 }, Form::Matrices { dims: 3 }];
        for &role in Role::ALL {
            forms.push(Form::Convolution { role, spatial: 0, stepped: false });
            for spatial in 1..=3 {
                forms.extend([false, true].map(|stepped| Form::Convolution { role, spatial, stepped }));
            }
        }
        let mut samples = Vec::new();
        for dtype in dtypes(abilities) {
            let mut ways = vec![Way::Direct, Way::Shared { width: 64 }, Way::Shared { width: 256 }];
            ways.extend(choice::tiles(Lane::of(dtype), abilities).map(Way::Tiled));
            for (i, &way) in ways.iter().enumerate() {
                for (j, &form) in forms.iter().enumerate() {
                    // Of all pairs, those with every form and those with every kernel.
                    if j != 0 && i != j % ways.len() {
                        continue;
                    }
                    for deep in [[false, false], [true, false], [false, true], [true, true]] {
                        // Only tiles are fetched in different orders.
                        if deep != [false, false] && (!matches!(way, Way::Tiled(_)) || dtype != DType::F32) {
                            continue;
                        }
                        let sample = Template { form, way, dtype, target: dtype, deep, biased: false };
                        let biased = match form {
                            Form::Matrices { dims } => dims == 0,
                            Form::Convolution { role, .. } => role == Role::Output,
                        };
                        if biased {
                            samples.push(Template { biased, ..sample.clone() });
                        }
                        samples.push(sample.clone());
                        let wide = wide(dtype, abilities);
                        if wide != dtype && j == 0 {
                            samples.push(Template { target: wide, ..sample });
                        }
                    }
                }
            }
        }
        samples
    }
}

/// Computes a product into a fresh array.
pub fn compute(card: &Arc<Card>, product: &Product) -> Result<Array> {
    let (name, dtype) = (product.name, product.a.dtype());
    if dtype == DType::Bool {
        return Err(Error::dtype(name, "not defined for bool; convert with to_dtype first"));
    }
    card.abilities.check(name, dtype)?;
    let numel = product.shape.numel();
    word(name, numel)?;
    let result = card.fresh(name, product.shape.clone(), dtype)?;
    if numel == 0 {
        return Ok(result);
    }
    let (size, lane) = (&product.size, Lane::of(dtype));
    let mut choice = choice::choose(size, product.deep, lane, &card.abilities);
    if tune::is_on() {
        let candidates = choice::candidates(size, lane, &card.abilities);
        let class = tune::Class::of(card, product);
        choice = tune::tuned(card, class, candidates, choice, |choice| run(card, product, choice, &result))?;
    }
    run(card, product, choice, &result)?;
    Ok(result)
}

/// Computes a product in a way.
fn run(card: &Arc<Card>, product: &Product, choice: Choice, result: &Array) -> Result<()> {
    let (name, size, dtype) = (product.name, &product.size, result.dtype());
    let numel = result.numel();
    let per_word = Element::of(dtype, &card.abilities).per_word();
    // A part is at least a panel deep, and none is empty.
    let depth = match choice.way {
        Way::Tiled(tile) => size.k.div_ceil(choice.parts).next_multiple_of(tile.k),
        Way::Direct | Way::Shared { .. } => size.k.div_ceil(choice.parts).max(1),
    };
    let parts = size.k.div_ceil(depth).max(1);
    // A tile's row that starts inside of a word would write over the end of the one before.
    let torn = matches!(choice.way, Way::Tiled(_)) && !product.run.is_multiple_of(per_word);
    let sums = if parts > 1 || torn {
        let shape = Shape::from_slice(&[parts as usize, numel]);
        Some(card.fresh(name, shape, wide(dtype, &card.abilities))?)
    } else {
        None
    };
    let into = sums.as_ref().unwrap_or(result);
    let template = Template {
        form: product.form,
        way: choice.way,
        dtype,
        target: into.dtype(),
        deep: if matches!(choice.way, Way::Tiled(_)) { product.deep } else { [false; 2] },
        // Parts are added up first.
        biased: product.bias.is_some() && sums.is_none(),
    };
    let words = (numel as u64).div_ceil(u64::from(template.written(&card.abilities).per_word()));
    let (total, groups) = match choice.way {
        Way::Tiled(tile) => {
            let tiles = u64::from(size.m.div_ceil(tile.m)) * u64::from(size.n.div_ceil(tile.n));
            let total = tiles * u64::from(size.items) * u64::from(parts);
            (total, total)
        }
        Way::Direct => {
            (words * u64::from(parts), (words * u64::from(parts)).div_ceil(u64::from(single::GROUP)))
        }
        Way::Shared { .. } => (words * u64::from(parts), words * u64::from(parts)),
    };
    let total = word(name, usize::try_from(total).unwrap_or(usize::MAX))?;
    let mut parameters: SmallVec<[u32; 64]> = SmallVec::new();
    parameters.extend([size.m, size.n, size.k, depth, size.items, product.run, numel as u32, total]);
    parameters.extend_from_slice(&product.words);
    debug_assert_eq!(parameters.len(), NAMES.len() + product.form.names().len(), "{:?}", product.form);
    let mut buffers: SmallVec<[&Arc<Buffer>; 4]> =
        SmallVec::from_slice(&[buffer(&product.a)?, buffer(&product.b)?]);
    if let (Some(bias), true) = (&product.bias, template.biased) {
        parameters.extend(bias.words());
        buffers.push(buffer(&bias.numbers)?);
    }
    buffers.push(buffer(into)?);
    let kernel = card.kernel(name, kernels::Template::Product(template))?;
    card.dispatch(&kernel, &buffers, &parameters, [groups.min(GROUPS) as u32, 1, 1])?;
    let Some(sums) = &sums else { return Ok(()) };
    let template = join::Template { parts: sums.dtype(), target: dtype, biased: product.bias.is_some() };
    let kernel = card.kernel(name, kernels::Template::Join(template))?;
    let groups = (numel as u64).div_ceil(u64::from(per_word * join::GROUP)).min(GROUPS) as u32;
    let mut parameters: SmallVec<[u32; 64]> = SmallVec::from_slice(&[numel as u32, parts]);
    let mut buffers: SmallVec<[&Arc<Buffer>; 4]> = SmallVec::from_slice(&[buffer(sums)?]);
    if let Some(bias) = &product.bias {
        parameters.extend(bias.words());
        parameters.extend([bias.run, bias.numbers.numel() as u32]);
        buffers.push(buffer(&bias.numbers)?);
    }
    buffers.push(buffer(result)?);
    card.dispatch(&kernel, &buffers, &parameters, [groups, 1, 1])
}

impl Bias {
    /// Where the numbers lie.
    fn words(&self) -> [u32; 2] {
        // Negative strides wrap, and so do the sums they enter.
        [self.numbers.offset() as u32, self.numbers.strides().first().copied().unwrap_or(0) as u32]
    }
}

#[cfg(test)]
mod tests {
    use cresset_ops::{
        Apply, Device, Op,
        op::{Convolution, List},
    };

    use super::{choice::TILES, *};
    use crate::{Gpu, card::card, run};

    /// Whole numbers, whose sums are exact in any order.
    fn numbers(shape: &[usize], seed: usize) -> Array {
        let n: usize = shape.iter().product();
        let list = (0..n).map(|i| ((i * 31 + seed) % 13) as f32 - 6.0).collect();
        Array::from_vec(list, shape).unwrap()
    }

    #[test]
    fn every_kernel_computes_what_the_processor_does() {
        let Ok(gpu) = Device::gpu(0) else {
            assert!(std::env::var_os("CRESSET_REQUIRE_GPU").is_none(), "a GPU is required here");
            return println!("skipped: no GPU adapter");
        };
        let card = card(gpu).unwrap();
        let list = |a: usize, b: usize| List::from_slice(&[a, b]);
        let convolution = |role, output| {
            Op::Convolve(Box::new(Convolution {
                role,
                stride: list(2, 1),
                padding: list(1, 2),
                dilation: list(1, 2),
                groups: 2,
                output,
            }))
        };
        let (x, w, y) = (numbers(&[2, 10, 9, 11], 1), numbers(&[8, 5, 3, 3], 2), numbers(&[2, 8, 5, 11], 3));
        let (a, b) = (numbers(&[2, 70, 150], 4), numbers(&[2, 150, 69], 5));
        let turned = |x: &Array| {
            let [p, m, n] = [x.shape()[0], x.shape()[1], x.shape()[2]];
            let layout = cresset_tensor::Layout::new(
                Shape::from_slice(&[p, n, m]),
                [(m * n) as isize, 1, n as isize].into_iter().collect(),
                0,
            );
            x.with_layout(layout).unwrap()
        };
        let straight = |x: &Array| x.clone();
        type See<'a> = &'a dyn Fn(&Array) -> Array;
        let cases = [
            (Op::Matmul, a.clone(), b.clone(), &straight as See<'_>),
            (Op::Matmul, numbers(&[2, 150, 70], 6), numbers(&[2, 69, 150], 7), &turned),
            (convolution(Role::Output, list(5, 11)), x.clone(), w.clone(), &straight),
            (convolution(Role::Input, list(9, 11)), w, y.clone(), &straight),
            (convolution(Role::Weight, list(3, 3)), x, y, &straight),
        ];
        let ways = TILES.map(Way::Tiled).into_iter().chain([Way::Direct, Way::Shared { width: 64 }]);
        for (number, way) in ways.enumerate() {
            for (i, (op, a, b, see)) in cases.iter().enumerate() {
                // To compile takes long: every kernel meets matrices, and one convolution.
                if i > 1 && i - 2 != number % 3 {
                    continue;
                }
                // What is added, where something may be.
                let added = match op {
                    Op::Matmul if i == 0 => Some(numbers(&[69], 8)),
                    Op::Convolve(convolution) if convolution.role == Role::Output => Some(numbers(&[8], 9)),
                    _ => None,
                };
                for bias in [None, added] {
                    let on_card = [Some(see(a)), Some(see(b)), bias.clone()];
                    let inputs: Vec<Array> = on_card.into_iter().flatten().collect();
                    let expected = Array::apply(op.clone(), &inputs.iter().collect::<Vec<_>>()).unwrap();
                    let expected = expected[0].to_bytes().unwrap();
                    let (a, b) = (see(&card.upload(a).unwrap()), see(&card.upload(b).unwrap()));
                    let bias = bias.map(|bias| card.upload(&bias).unwrap());
                    let inputs: Vec<&Array> = [&a, &b].into_iter().chain(&bias).collect();
                    let product = match op {
                        Op::Matmul => run::matmul::product(op, &inputs),
                        Op::Convolve(convolution) => run::convolve::product(&card, op, convolution, &inputs),
                        other => panic!("{other:?} is no product"),
                    };
                    let product = product.unwrap();
                    for parts in [1, 3] {
                        let result = card.fresh("test", product.shape.clone(), DType::F32).unwrap();
                        run(&card, &product, Choice { way, parts }, &result).unwrap();
                        let what = format!("{op:?} by {way:?} in {parts} parts, added {}", bias.is_some());
                        assert!(result.to_bytes().unwrap() == expected, "{what}");
                    }
                }
            }
        }
    }
}
