//! Summaries: parameters and multiply-adds as PyTorch 2.15 counts them (`FlopCounterMode`, halved) and by hand.

use cresset_nn::prelude::*;

#[derive(Module)]
struct Digits {
    stem: Sequential,
    blocks: Vec<Block>,
    head: Linear,
}

#[derive(Module)]
struct Block {
    conv: Conv2d,
    norm: BatchNorm2d,
}

impl Layer for Digits {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = self.stem.forward(x)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        self.head.forward(&x.flatten(1..)?)
    }
}

impl Layer for Block {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        entering(self).gives(self.norm.forward(&self.conv.forward(x)?)?.relu())
    }
}

fn digits() -> Digits {
    let block = || Block { conv: Conv2d::new(8, 8, 3).padding(1).groups(2), norm: BatchNorm2d::new(8) };
    Digits {
        stem: sequential![Conv2d::new(1, 8, 3).stride(2), Relu::new(), Tanh::new(), MaxPool2d::new(2)],
        blocks: vec![block(), block()],
        head: Linear::new(8 * 6 * 6, 10),
    }
}

#[test]
fn a_convolutional_network() {
    let model = digits();
    let summary = model.summary([2, 1, 28, 28]).unwrap();
    // By hand: 2 images, 13×13 places with kernels of 9; twice 6×6 places, 8 outputs of 4 channels with 9 each.
    let (stem, block, head) = (2 * 13 * 13 * 8 * 9, 2 * 6 * 6 * 8 * 4 * 9, 2 * 288 * 10);
    assert_eq!(summary.multiply_adds(), stem + 2 * block + head);
    assert_eq!(summary.trainable(), 80 + 2 * (296 + 16) + 2890);
    assert_eq!((summary.frozen(), summary.bytes()), (0, 4 * 3594));
    let row = |name: &str| summary.rows().iter().find(|row| row.name == name).unwrap();
    assert_eq!(row("stem").output, [Shape::from([2, 8, 6, 6])]);
    assert_eq!(row("stem.0").multiply_adds, Some(stem));
    assert_eq!((row("stem.2").calls, &row("stem.2").output[0]), (1, &Shape::from([2, 8, 13, 13])));
    assert_eq!(row("blocks").multiply_adds, Some(2 * block));
    assert!(row("blocks").output.is_empty());
    assert_eq!(row("blocks.1").multiply_adds, Some(block));
    assert_eq!((row("blocks.1.conv").parameters, row("blocks.1.norm").depth), (296, 3));
    assert_eq!(row("head").output, [Shape::from([2, 10])]);
    assert_eq!(
        summary.to_string(),
        "\
Module                      Output          Parameters  Multiply-adds
─────────────────────────────────────────────────────────────────────
Digits                      [2, 10]              3,594         71,568
├─ stem: Sequential         [2, 8, 6, 6]            80         24,336
│  ├─ 0: Conv2d             [2, 8, 13, 13]          80         24,336
│  ├─ 1: ReLU               [2, 8, 13, 13]
│  ├─ 2: Tanh               [2, 8, 13, 13]
│  └─ 3: MaxPool2d          [2, 8, 6, 6]
├─ blocks: ModuleList                              624         41,472
│  ├─ 0: Block              [2, 8, 6, 6]           312         20,736
│  │  ├─ conv: Conv2d       [2, 8, 6, 6]           296         20,736
│  │  └─ norm: BatchNorm2d  [2, 8, 6, 6]            16
│  └─ 1: Block              [2, 8, 6, 6]           312         20,736
│     ├─ conv: Conv2d       [2, 8, 6, 6]           296         20,736
│     └─ norm: BatchNorm2d  [2, 8, 6, 6]            16
└─ head: Linear             [2, 10]              2,890          5,760
─────────────────────────────────────────────────────────────────────
Parameters     3,594, all trained; 14.4 kB
Multiply-adds  71,568"
    );
    // Nothing of it stays: neither the mode, nor what norms have seen.
    assert!(model.blocks[0].norm.state_dict().iter().all(|(name, array)| {
        name != "num_batches_tracked" || Tensor::from(array.clone()).item::<i64>().unwrap() == 0
    }));
}

#[test]
fn attention_and_products_of_users() {
    // Multiply-adds are counted where products are executed, so that every way to write one counts.
    #[derive(Module)]
    struct Own {
        query: Linear,
        key: Linear,
        value: Linear,
    }
    let own = Own { query: Linear::new(16, 16), key: Linear::new(16, 16), value: Linear::new(16, 16) };
    let x = Tensor::zeros([3, 5, 16]);
    let pass = |own: &Own| {
        let (q, k, v) = (own.query.forward(&x)?, own.key.forward(&x)?, own.value.forward(&x)?);
        q.scaled_dot_product_attention(&k, &v)
    };
    let summary = summary(&own, pass).unwrap();
    assert_eq!(summary.multiply_adds(), 3 * (3 * 5 * 16 * 16 + 2 * 5 * 5 * 16));
    assert_eq!(summary.rows()[1].multiply_adds, Some(3 * 5 * 16 * 16));
    assert_eq!(summary.rows()[0].output, [Shape::from([3, 5, 16])]);
    // Four maps, and two products of each head, with or without weights to be seen.
    let attention = MultiheadAttention::new(16, 2).batch_first(true);
    let work = 4 * 3 * 5 * 16 * 16 + 2 * 3 * 5 * 5 * 16;
    let seen = cresset_nn::summary(&attention, |layer| layer.forward(&x, &x, &x)).unwrap();
    assert_eq!((seen.multiply_adds(), seen.rows()[0].output.len()), (work, 2));
    let layer = TransformerEncoderLayer::new(16, 2).dim_feedforward(32).batch_first(true);
    let summary = layer.summary([3, 5, 16]).unwrap();
    assert_eq!(summary.multiply_adds(), work + 2 * 3 * 5 * 16 * 32);
    assert_eq!(summary.rows()[1].multiply_adds, Some(work), "{summary}");
}

#[test]
fn transposed_convolutions_and_recurrence() {
    // FlopCounterMode: 2·34560.
    let summary = ConvTranspose2d::new(4, 6, 3).stride(2).groups(2).summary([5, 4, 8, 8]).unwrap();
    assert_eq!(summary.multiply_adds(), 5 * 8 * 8 * 4 * 3 * 9);
    assert_eq!(summary.rows()[0].output, [Shape::from([5, 6, 17, 17])]);
    let lstm = Lstm::new(7, 11);
    let x = Tensor::zeros([13, 2, 7]);
    let summary = cresset_nn::summary(&lstm, |lstm| lstm.forward(&x)).unwrap();
    assert_eq!(summary.multiply_adds(), 13 * 2 * 4 * 11 * (7 + 11));
    let shapes: Vec<String> = summary.rows()[0].output.iter().map(ToString::to_string).collect();
    assert_eq!(shapes, ["[13, 2, 11]", "[1, 2, 11]", "[1, 2, 11]"]);
}

#[test]
fn shared_frozen_and_repeated() {
    #[derive(Module)]
    struct Tied {
        one: Linear,
        two: Linear,
        head: WeightNorm<Linear>,
    }
    let one = Linear::new(4, 4).bias(false);
    let mut two = Linear::new(4, 4).bias(false);
    two.weight = one.weight.clone();
    let tied = Tied { one, two, head: WeightNorm::new(Linear::new(4, 2)) };
    tied.head.freeze().unwrap();
    let x = Tensor::zeros([1, 4]);
    let pass = |tied: &Tied| {
        let x = tied.two.forward(&tied.one.forward(&tied.one.forward(&x)?)?)?;
        tied.head.forward(&x)
    };
    let summary = summary(&tied, pass).unwrap();
    assert_eq!((summary.trainable(), summary.frozen()), (16, 8 + 2 + 2));
    assert_eq!(summary.rows()[1].calls, 2);
    assert_eq!(summary.rows()[1].multiply_adds, Some(32));
    assert_eq!(summary.multiply_adds(), 16 * 3 + 8);
    assert!(summary.to_string().contains("one: Linear                        [1, 4] ×2"), "{summary}");
    assert!(summary.to_string().contains("16 trained, 12 frozen; 112 B"), "{summary}");
    assert!(summary.to_string().contains("head: ParametrizedLinear"), "{summary}");
}

#[test]
fn modes_and_errors() {
    let model = sequential![Dropout::new(0.5), Linear::new(3, 2)];
    assert!(model.summary([1, 4]).is_err());
    let modes = |model: &Sequential| {
        let mut found = Vec::new();
        model.walk(&mut |_, part| {
            if let cresset_nn::Part::Training(training) = part {
                found.push(training.is_on());
            }
        });
        found
    };
    assert_eq!(modes(&model), [true]);
    model.eval();
    model.summary([1, 3]).unwrap();
    assert_eq!(modes(&model), [false]);
    // A summary inside of another leaves that one whole.
    let outer = summary(&model, |model| {
        Linear::new(2, 2).summary([1, 2])?;
        model.forward(&Tensor::zeros([1, 3]))
    });
    assert_eq!(outer.unwrap().rows()[2].multiply_adds, Some(6));
    // Modules without fields lie at one place.
    let model = sequential![Tanh::new(), Linear::new(3, 2), Tanh::new()];
    let summary = model.summary([1, 3]).unwrap();
    let shapes: Vec<String> = summary.rows().iter().map(|row| row.output[0].to_string()).collect();
    assert_eq!(shapes, ["[1, 2]", "[1, 3]", "[1, 2]", "[1, 2]"]);
}

#[test]
fn wide_names_are_cut() {
    #[derive(Module)]
    struct Long {
        a_name_that_goes_on_and_on_and_on_and_on_and_on: Sequential,
    }
    let mut inner = Sequential::new();
    inner.push_named(
        "another_name_that_goes_on_and_on_and_on_and_on_and_on_and_on_and_on_and_on",
        Flatten::new(),
    );
    let long = Long { a_name_that_goes_on_and_on_and_on_and_on_and_on: inner };
    let name = &long.a_name_that_goes_on_and_on_and_on_and_on_and_on;
    let text =
        summary(&long, |_| name.forward(&Tensor::zeros([1000, 1000, 2, 2, 1, 1, 1, 1]))).unwrap().to_string();
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains('…'), "{text}");
}
