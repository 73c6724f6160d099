//! What `derive(Module)` finds in structs, tuple structs, enums and all that fields can be, under which names.

use std::{
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
};

use cresset_nn::prelude::*;

fn names(module: &impl Module) -> Vec<String> {
    module.state_dict().names().map(str::to_owned).collect()
}

fn linear() -> Linear {
    Linear::new(2, 2).bias(false)
}

#[test]
fn fields_of_every_kind() {
    #[derive(Module)]
    struct Everything {
        scale: Parameter,
        mean: Buffer,
        kept: Option<Parameter>,
        missing: Option<Parameter>,
        layer: Linear,
        perhaps: Option<Linear>,
        list: Vec<Linear>,
        array: [Linear; 2],
        pair: (Linear, Parameter),
        sorted: BTreeMap<String, Linear>,
        hashed: HashMap<&'static str, Linear>,
        boxed: Box<dyn Layer>,
        boxes: Vec<Box<dyn Layer>>,
        many: Vec<Parameter>,
        nested: Vec<Vec<Option<Linear>>>,
        training: Training,
        size: usize,
        sizes: Vec<usize>,
        pairs: [(f64, bool); 2],
        label: Option<String>,
        nothing: PhantomData<Linear>,
        r#type: Parameter,
    }
    let parameter = || Parameter::new(Tensor::zeros([1]));
    let model = Everything {
        scale: parameter(),
        mean: Buffer::new(Tensor::zeros([1])),
        kept: Some(parameter()),
        missing: None,
        layer: linear(),
        perhaps: Some(linear()),
        list: vec![linear(), linear()],
        array: [linear(), linear()],
        pair: (linear(), parameter()),
        sorted: BTreeMap::from([("b".to_owned(), linear()), ("a".to_owned(), linear())]),
        hashed: HashMap::from([("z", linear()), ("y", linear()), ("x", linear())]),
        boxed: Box::new(linear()),
        boxes: vec![Box::new(Relu::new()), Box::new(linear())],
        many: vec![parameter(), parameter()],
        nested: vec![vec![], vec![None, Some(linear())]],
        training: Training::default(),
        size: 3,
        sizes: vec![1, 2],
        pairs: [(0.5, true); 2],
        label: Some("label".to_owned()),
        nothing: PhantomData,
        r#type: parameter(),
    };
    assert_eq!((model.size, model.sizes.len(), model.pairs[1].1), (3, 2, true));
    assert_eq!(model.label.as_deref(), Some("label"));
    assert_eq!(
        names(&model),
        [
            "scale",
            "mean",
            "kept",
            "layer.weight",
            "perhaps.weight",
            "list.0.weight",
            "list.1.weight",
            "array.0.weight",
            "array.1.weight",
            "pair.0.weight",
            "pair.1",
            "sorted.a.weight",
            "sorted.b.weight",
            "hashed.x.weight",
            "hashed.y.weight",
            "hashed.z.weight",
            "boxed.weight",
            "boxes.1.weight",
            "many.0",
            "many.1",
            "nested.1.1.weight",
            "type",
        ]
    );
    assert_eq!(model.parameters().len(), 21);
    // Settings, single or in lists, are no part.
    let children: Vec<String> = model.named_children().into_iter().map(|(name, _)| name).collect();
    let expected =
        ["layer", "perhaps", "list", "array", "pair", "sorted", "hashed", "boxed", "boxes", "many", "nested"];
    assert_eq!(children, expected);
    model.eval();
    assert!(!model.training.is_on());
}

#[test]
fn tuple_structs_and_units() {
    #[derive(Module)]
    struct Pair(Linear, Parameter);
    #[derive(Module)]
    struct Nothing;
    assert_eq!(names(&Pair(linear(), Parameter::new(Tensor::zeros([1])))), ["0.weight", "1"]);
    assert!(names(&Nothing).is_empty());
    assert_eq!(format!("{Nothing:?}"), "Nothing()");
    assert_eq!(
        format!("{:?}", Pair(linear(), Parameter::new(Tensor::zeros([1])))),
        "Pair(\n  (0): Linear(in_features=2, out_features=2, bias=False)\n)"
    );
}

#[test]
fn enums() {
    #[derive(Module)]
    enum Norm {
        None,
        Batch(BatchNorm2d),
        Own {
            scale: Parameter,
            #[module(skip)]
            power: Power,
        },
    }
    #[derive(Clone, Copy)]
    struct Power(i32);
    assert!(names(&Norm::None).is_empty());
    assert_eq!(names(&Norm::Batch(BatchNorm2d::new(1)))[0], "0.weight");
    let own = Norm::Own { scale: Parameter::new(Tensor::zeros([1])), power: Power(3) };
    assert_eq!(names(&own), ["scale"]);
    let Norm::Own { power, .. } = own else { unreachable!() };
    assert_eq!(power.0, 3);
}

#[test]
fn generics() {
    #[derive(Module)]
    struct Residual<L> {
        inner: L,
    }
    impl<L: Layer> Layer for Residual<L> {
        fn forward(&self, x: &Tensor) -> Result<Tensor> {
            self.inner.forward(x)?.add(x)
        }
    }
    #[derive(Module)]
    struct Many<L, const N: usize>
    where
        L: Layer,
    {
        layers: [L; N],
        named: BTreeMap<String, Vec<L>>,
        #[module(skip)]
        count: PhantomData<L>,
    }
    let residual = Residual { inner: sequential![linear(), Residual { inner: Relu::new() }, linear()] };
    assert_eq!(names(&residual), ["inner.0.weight", "inner.2.weight"]);
    assert_eq!(residual.forward(&Tensor::zeros([1, 2])).unwrap().shape(), &[1, 2]);
    let named = BTreeMap::from([("a".to_owned(), vec![linear()])]);
    let many = Many { layers: [linear(), linear()], named, count: PhantomData };
    assert_eq!(names(&many), ["layers.0.weight", "layers.1.weight", "named.a.0.weight"]);
}

#[test]
fn skipped_and_renamed() {
    #[derive(Module)]
    #[module(name = "ResNet", extra)]
    struct Net {
        #[module(name = "conv1")]
        stem: Linear,
        #[module(name = "0")]
        first: Linear,
        #[module(skip)]
        tensor: Tensor,
        #[module(skip)]
        hidden: Linear,
    }
    impl Net {
        fn extra(&self) -> String {
            format!("seen={}", self.tensor.numel())
        }
    }
    let net = Net { stem: linear(), first: linear(), tensor: Tensor::zeros([3]), hidden: linear() };
    assert_eq!(names(&net), ["conv1.weight", "0.weight"]);
    assert_eq!(net.hidden.num_parameters(), 4);
    assert_eq!(
        format!("{net:?}"),
        "ResNet(
  seen=3
  (conv1): Linear(in_features=2, out_features=2, bias=False)
  (0): Linear(in_features=2, out_features=2, bias=False)
)"
    );
}
