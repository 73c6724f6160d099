//! What can be done with whole models: sharing, state dicts that fit or do not, dtypes, freezing, modes, printing.

use std::collections::BTreeMap;

use cresset_nn::{Misfits, prelude::*};

/// A language model whose decoder is its embedding.
#[derive(Module)]
struct Tied {
    encoder: Linear,
    decoder: Linear,
    scale: Buffer,
}

fn tied() -> Tied {
    let encoder = Linear::new(3, 3);
    let mut decoder = Linear::new(3, 3).bias(false);
    decoder.weight = encoder.weight.clone();
    Tied { encoder, decoder, scale: Buffer::new(Tensor::new([1i64])) }
}

#[test]
fn shared_parameters_are_one() {
    let model = tied();
    let names: Vec<String> = model.named_parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["encoder.weight", "encoder.bias"]);
    assert_eq!(model.num_parameters(), 12);
    let saved: Vec<String> = model.state_dict().names().map(str::to_owned).collect();
    assert_eq!(saved, ["encoder.weight", "encoder.bias", "decoder.weight", "scale"]);
    // One gradient, of both uses.
    let x = Tensor::ones([1, 3]);
    let y = model.decoder.forward(&model.encoder.forward(&x).unwrap()).unwrap();
    y.sum().unwrap().backward().unwrap();
    assert!(model.decoder.weight.grad().is_ok());
    model.zero_grad();
    assert!(model.encoder.weight.grad().is_err());
}

#[test]
fn tied_weights_stay_tied() {
    let mut model = tied();
    for dtype in [DType::F64, DType::F16, DType::F32] {
        model.to_dtype(dtype).unwrap();
        assert_eq!(model.encoder.weight.dtype(), dtype);
        assert_eq!(model.encoder.weight.id(), model.decoder.weight.id());
        assert!(model.encoder.weight.needs_grad());
        // Integers are no weights.
        assert_eq!(model.scale.dtype(), DType::I64);
    }
    model.to_device(Device::Cpu).unwrap();
    assert_eq!(model.encoder.weight.id(), model.decoder.weight.id());
    no_grad(|| model.encoder.weight.fill_(2.0).map(drop)).unwrap();
    assert_eq!(model.decoder.weight.to_vec::<f32>().unwrap(), [2.0; 9]);
}

fn net() -> Sequential {
    let mut net =
        sequential![Linear::new(2, 3), sequential![Linear::new(3, 3), Linear::new(3, 1).bias(false)]];
    net.push_named("norm", BatchNorm1d::new(1));
    net
}

#[test]
fn what_does_not_fit_is_listed_at_once() {
    let (model, mut dict) = (net(), StateDict::new());
    for (name, array) in net().state_dict().iter() {
        let array = match name {
            "0.bias" | "1.1.weight" => continue,
            "1.0.weight" => Tensor::zeros([3, 4]).array().clone(),
            "norm.running_mean" => Tensor::zeros([2]).array().clone(),
            _ => array.clone(),
        };
        dict.insert(name, array);
    }
    dict.insert("1.2.weight", Tensor::zeros([1]).array().clone());
    dict.insert("head", Tensor::zeros([1]).array().clone());
    let before = model.state_dict().get("0.weight").unwrap().to_f64s().unwrap();
    let error = model.load_state_dict(&dict).unwrap_err().to_string();
    for part in [
        "missing: 0.bias, 1.1.weight\n",
        "unexpected: 1.2.weight, head\n",
        "1.0.weight is [3, 3] here and [3, 4] there",
        "norm.running_mean is [1] here and [2] there",
    ] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    assert_eq!(model.state_dict().get("0.weight").unwrap().to_f64s().unwrap(), before, "nothing was copied");
    // Shapes must fit even then.
    let error = model.load_state_dict_partly(&dict).unwrap_err().to_string();
    assert!(error.contains("1.0.weight is") && !error.contains("missing"), "{error}");
}

#[test]
fn partly() {
    let (model, other) = (net(), net());
    let mut dict = StateDict::new();
    for (name, array) in other.state_dict().iter().filter(|(name, _)| name.starts_with("0.")) {
        dict.insert(name, array.clone());
    }
    dict.insert("1.0.gone.deep", Tensor::zeros([1]).array().clone());
    let Misfits { missing, unexpected } = model.load_state_dict_partly(&dict).unwrap();
    assert_eq!(missing[..2], ["1.0.weight", "1.0.bias"]);
    assert_eq!(missing.len(), 3 + 5);
    assert_eq!(unexpected, ["1.0.gone.deep"]);
    let same = |name: &str| {
        model.state_dict().get(name).unwrap().to_f64s().unwrap()
            == other.state_dict().get(name).unwrap().to_f64s().unwrap()
    };
    assert!(same("0.weight") && same("0.bias") && !same("1.0.weight"));
    model.load_state_dict(&other.state_dict()).unwrap();
    assert!(same("1.0.weight"));
}

#[test]
fn state_dicts_share_memory_and_convert() {
    let (model, mut other) = (net(), net());
    let dict = model.state_dict();
    no_grad(|| model.parameters()[1].fill_(3.0).map(drop)).unwrap();
    assert_eq!(dict.get("0.bias").unwrap().to_f64s().unwrap(), [3.0; 3]);
    other.to_dtype(DType::F64).unwrap();
    other.load_state_dict(&dict).unwrap();
    assert_eq!(other.parameters()[1].to_vec::<f64>().unwrap(), [3.0; 3]);
    assert_eq!(other.parameters()[1].dtype(), DType::F64);
}

#[test]
fn freezing_and_modes() {
    let model = net();
    let x = Tensor::randn([4, 2]);
    model.forward(&x).unwrap().square().unwrap().sum().unwrap().backward().unwrap();
    model.iter().next().unwrap().freeze().unwrap();
    let trained = |model: &Sequential| model.parameters().iter().map(Tensor::needs_grad).collect::<Vec<_>>();
    assert_eq!(trained(&model), [false, false, true, true, true, true, true]);
    assert!(model.parameters()[0].grad().is_err(), "its gradient is forgotten");
    model.zero_grad();
    model.forward(&x).unwrap().square().unwrap().sum().unwrap().backward().unwrap();
    assert!(model.parameters()[0].grad().is_err() && model.parameters()[2].grad().is_ok());
    model.unfreeze().unwrap();
    assert!(trained(&model).iter().all(|&trained| trained));
    // In use the norm does not look at what it is given.
    model.eval();
    let seen = model.state_dict().get("norm.num_batches_tracked").unwrap().to_f64s().unwrap();
    assert_eq!(seen, [2.0]);
    model.forward(&x).unwrap();
    assert_eq!(model.state_dict().get("norm.num_batches_tracked").unwrap().to_f64s().unwrap(), seen);
    model.train();
    model.forward(&x).unwrap();
    assert_eq!(model.state_dict().get("norm.num_batches_tracked").unwrap().to_f64s().unwrap(), [3.0]);
}

#[test]
fn printed_as_pytorch_prints() {
    #[derive(Module)]
    struct Block {
        conv: Conv2d,
        act: Relu,
    }
    #[derive(Module)]
    struct Net {
        stem: Sequential,
        blocks: Vec<Box<dyn Module>>,
        heads: BTreeMap<&'static str, Linear>,
        empty: Sequential,
        list: Vec<Linear>,
    }
    let block = || -> Box<dyn Module> { Box::new(Block { conv: Conv2d::new(3, 3, 1), act: Relu::new() }) };
    let net = Net {
        stem: sequential![Linear::new(2, 3), sequential![Relu::new(), Linear::new(3, 3).bias(false)]],
        blocks: vec![block(), block(), Box::new(Linear::new(1, 1)), block()],
        heads: BTreeMap::from([("a", Linear::new(3, 1)), ("b", Linear::new(3, 2))]),
        empty: Sequential::new(),
        list: Vec::new(),
    };
    assert_eq!(
        format!("{net:?}"),
        "Net(
  (stem): Sequential(
    (0): Linear(in_features=2, out_features=3, bias=True)
    (1): Sequential(
      (0): ReLU()
      (1): Linear(in_features=3, out_features=3, bias=False)
    )
  )
  (blocks): ModuleList(
    (0-1): 2 x Block(
      (conv): Conv2d(3, 3, kernel_size=(1, 1), stride=(1, 1))
      (act): ReLU()
    )
    (2): Linear(in_features=1, out_features=1, bias=True)
    (3): Block(
      (conv): Conv2d(3, 3, kernel_size=(1, 1), stride=(1, 1))
      (act): ReLU()
    )
  )
  (heads): ModuleDict(
    (a): Linear(in_features=3, out_features=1, bias=True)
    (b): Linear(in_features=3, out_features=2, bias=True)
  )
  (empty): Sequential()
  (list): ModuleList()
)"
    );
}
