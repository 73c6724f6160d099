//! Recurrent layers and transformers where PyTorch's cases do not reach: finite differences, printouts, names, dropout,
//! empty batches, and what is refused.

use cresset_autograd::Grad;
use cresset_nn::prelude::*;

/// A number of a model's output, whose gradients are compared with differences.
type Total<'a> = &'a dyn Fn() -> Tensor;

fn draw(shape: &[usize]) -> Tensor {
    Tensor::randn_with(shape, DType::F64).unwrap()
}

fn random(module: &mut impl Module) {
    module.to_dtype(DType::F64).unwrap();
    for parameter in module.parameters() {
        no_grad(|| parameter.uniform_(-0.9, 0.9).map(drop)).unwrap();
    }
}

/// The gradients of a number against central differences, for every element of all tensors.
fn check_gradients(of: &[Tensor], total: Total) {
    let list: Vec<&Tensor> = of.iter().collect();
    let found = Grad::new().of(&[&total()], &list).unwrap();
    let value = || no_grad(|| total().item::<f64>().unwrap());
    for (x, dx) in of.iter().zip(found) {
        let (flat, dx) = (x.detach().reshape([x.numel()]).unwrap(), dx.to_vec::<f64>().unwrap());
        for (i, dx) in dx.into_iter().enumerate() {
            let place = flat.narrow(0, i as i64, 1).unwrap();
            let moved = |by: f64| {
                place.add_(by).unwrap();
                let value = value();
                place.sub_(by).unwrap();
                value
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((difference - dx).abs() < 1e-7 * (1.0 + dx.abs()), "{i}: {difference} against {dx}");
        }
    }
}

fn weighed(tensors: &[&Tensor]) -> Tensor {
    let mut sum = Tensor::new(0.0);
    for x in tensors {
        sum = sum.add(&x.mul(&x.sin().unwrap()).unwrap().sum().unwrap()).unwrap();
    }
    sum
}

#[test]
fn gradients_of_lstm_are_differences() {
    let settings: [&dyn Fn(Lstm) -> Lstm; 4] = [
        &|lstm| lstm,
        &|lstm| lstm.bidirectional(true),
        &|lstm| lstm.proj_size(2).bidirectional(true),
        &|lstm| lstm.num_layers(2).bias(false).batch_first(true),
    ];
    for set in settings {
        let mut lstm = set(Lstm::new(2, 3));
        random(&mut lstm);
        let x = draw(&[2, 2, 2]).requires_grad();
        let total = || {
            let (y, (h, c)) = lstm.forward(&x).unwrap();
            weighed(&[&y, &h, &c])
        };
        let mut all = lstm.parameters();
        all.push(x.clone());
        check_gradients(&all, &total);
    }
}

#[test]
fn gradients_of_packed_sequences_are_differences() {
    let (mut lstm, mut gru, mut rnn) = (
        Lstm::new(2, 3).bidirectional(true),
        Gru::new(2, 3).bidirectional(true).num_layers(2),
        Rnn::new(2, 3).bidirectional(true),
    );
    random(&mut lstm);
    random(&mut gru);
    random(&mut rnn);
    let sequences = [draw(&[2, 2]), draw(&[4, 2]), draw(&[1, 2])].map(Tensor::requires_grad);
    let (h, c) = (draw(&[2, 3, 3]).requires_grad(), draw(&[2, 3, 3]).requires_grad());
    let packed = || pack_sequence(&sequences, false).unwrap();
    let mut all = lstm.parameters();
    all.extend(sequences.clone());
    all.extend([h.clone(), c.clone()]);
    check_gradients(&all, &|| {
        let (y, (h, c)) = lstm.forward_with(&packed(), &h, &c).unwrap();
        weighed(&[y.data(), &h, &c])
    });
    let mut all = gru.parameters();
    all.extend(sequences.clone());
    check_gradients(&all, &|| {
        let (y, h) = gru.forward(&packed()).unwrap();
        weighed(&[y.data(), &h])
    });
    let mut all = rnn.parameters();
    all.extend(sequences.clone());
    all.push(h.clone());
    check_gradients(&all, &|| {
        let (y, h) = rnn.forward_with(&packed(), &h).unwrap();
        weighed(&[y.data(), &h])
    });
}

#[test]
fn a_packed_batch_is_its_sequences_one_by_one() {
    let mut gru = Gru::new(3, 4).num_layers(2).bidirectional(true);
    random(&mut gru);
    let sequences = [draw(&[2, 3]), draw(&[5, 3]), draw(&[3, 3])];
    let (output, h) = gru.forward(&pack_sequence(&sequences, false).unwrap()).unwrap();
    let outputs = unpack_sequence(&output).unwrap();
    for (i, (x, y)) in sequences.iter().zip(outputs).enumerate() {
        let (alone, last) = gru.forward(x).unwrap();
        assert!(alone.allclose(&y, 1e-12, 1e-12, false).unwrap());
        assert!(last.allclose(&h.select(1, i as i64).unwrap(), 1e-12, 1e-12, false).unwrap());
    }
}

#[test]
fn unequal_lengths_go_there_and_back() {
    let sequences = [Tensor::new([1i64, 2]), Tensor::new([3i64, 4, 5]), Tensor::new([6i64])];
    let packed = pack_sequence(&sequences, false).unwrap();
    assert_eq!(packed.data().to_vec::<i64>().unwrap(), [3, 1, 6, 4, 2, 5]);
    assert_eq!(packed.batch_sizes(), [3, 2, 1]);
    assert_eq!(packed.sorted_indices().unwrap().to_vec::<i64>().unwrap(), [1, 0, 2]);
    assert_eq!(packed.unsorted_indices().unwrap().to_vec::<i64>().unwrap(), [1, 0, 2]);
    for (a, b) in unpack_sequence(&packed).unwrap().iter().zip(&sequences) {
        assert_eq!(a.to_vec::<i64>().unwrap(), b.to_vec::<i64>().unwrap());
    }
    let (padded, lengths) = pad_packed_sequence_to(&packed, true, -1, 4).unwrap();
    assert_eq!(padded.to_vec::<i64>().unwrap(), [1, 2, -1, -1, 3, 4, 5, -1, 6, -1, -1, -1]);
    assert_eq!(lengths, [2, 3, 1]);
    assert!(pad_packed_sequence_to(&packed, true, 0, 2).is_err());
    assert!(pack_sequence(&sequences, true).unwrap_err().to_string().contains("longer"));
    let padded = Tensor::zeros([3, 2, 4]);
    for lengths in [&[3, 0][..], &[4, 1], &[3], &[1, 2]] {
        assert!(pack_padded_sequence(&padded, lengths, false, true).is_err());
    }
    assert!(pad_sequence::<Tensor>(&[], false, 0).is_err());
    assert!(pad_sequence(&[Tensor::zeros([2, 3]), Tensor::zeros([2, 4])], false, 0).is_err());
}

#[test]
fn dropout_between_layers_in_training_alone() {
    let dropped = Lstm::new(3, 8).num_layers(2).dropout(1.0);
    let x = Tensor::randn([4, 2, 3]);
    let plain = Lstm::new(3, 8).num_layers(2);
    plain.load_state_dict(&dropped.state_dict()).unwrap();
    let answer = |lstm: &Lstm| lstm.forward(&x).unwrap().0.to_vec::<f32>().unwrap();
    assert_ne!(answer(&dropped), answer(&plain));
    // With everything dropped, the second layer sees zeros, whatever the input.
    let zeros = dropped.forward(&x.mul(2.0).unwrap()).unwrap().0;
    assert_eq!(zeros.to_vec::<f32>().unwrap(), answer(&dropped));
    dropped.eval();
    assert_eq!(answer(&dropped), answer(&plain));
    // A single layer has nothing above it.
    let (one, same) = (Gru::new(3, 4).dropout(1.0), Gru::new(3, 4));
    same.load_state_dict(&one.state_dict()).unwrap();
    let answer = |gru: &Gru| gru.forward(&x).unwrap().0.to_vec::<f32>().unwrap();
    assert_eq!(answer(&one), answer(&same));
}

#[test]
fn an_empty_batch_is_empty() {
    let x = Tensor::zeros([3, 0, 2]).requires_grad();
    let (y, (h, c)) = Lstm::new(2, 4).bidirectional(true).forward(&x).unwrap();
    assert_eq!((y.shape()[..].to_vec(), h.shape()[..].to_vec()), (vec![3, 0, 8], vec![2, 0, 4]));
    y.sum().unwrap().add(&c.sum().unwrap()).unwrap().backward().unwrap();
    assert_eq!(x.grad().unwrap().shape(), &[3, 0, 2]);
    let gru = Gru::new(2, 4);
    assert_eq!(gru.forward(&x).unwrap().0.shape(), &[3, 0, 4]);
}

#[test]
fn second_gradients_of_attention_and_recurrence() {
    let mut lstm = Lstm::new(2, 3);
    random(&mut lstm);
    let x = draw(&[3, 2, 2]).requires_grad();
    let total = || {
        let (y, _) = lstm.forward(&x).unwrap();
        let dx = Grad::new().create_graph().of(&[&weighed(&[&y])], &[&x]).unwrap();
        weighed(&[&dx[0]])
    };
    // Differences need the inner gradient, which needs recording.
    let found = Grad::new().of(&[&total()], &[&x]).unwrap()[0].to_vec::<f64>().unwrap();
    let flat = x.detach().reshape([x.numel()]).unwrap();
    for (i, found) in found.into_iter().enumerate() {
        let place = flat.narrow(0, i as i64, 1).unwrap();
        let moved = |by: f64| {
            place.add_(by).unwrap();
            let value = total().item::<f64>().unwrap();
            place.sub_(by).unwrap();
            value
        };
        let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
        assert!((difference - found).abs() < 1e-6 * (1.0 + found.abs()), "{difference} against {found}");
    }
}

#[test]
fn what_makes_no_module_is_told_by_forward() {
    let x = Tensor::zeros([3, 2, 4]);
    let message = |result: Result<Tensor>| result.unwrap_err().to_string();
    assert!(message(Rnn::new(4, 0).forward(&x).map(|(y, _)| y)).contains("hidden_size"));
    assert!(message(Gru::new(0, 4).forward(&x).map(|(y, _)| y)).contains("input_size"));
    assert!(message(Gru::new(4, 4).num_layers(0).forward(&x).map(|(y, _)| y)).contains("num_layers"));
    assert!(message(Lstm::new(4, 4).proj_size(4).forward(&x).map(|(y, _)| y)).contains("proj_size"));
    assert!(message(Lstm::new(4, 4).dropout(1.5).forward(&x).map(|(y, _)| y)).contains("dropout"));
    assert!(
        message(LstmCell::new(4, 0).forward(&Tensor::zeros([2, 4])).map(|(h, _)| h)).contains("hidden_size")
    );
    assert!(message(MultiheadAttention::new(4, 3).forward(&x, &x, &x).map(|(y, _)| y)).contains("multiple"));
    assert!(message(TransformerEncoderLayer::new(4, 0).forward(&x)).contains("num_heads"));
    assert!(Transformer::new(6, 4).num_encoder_layers(1).num_decoder_layers(1).check().is_err());
    // Settings that make a module again make it one.
    assert!(Lstm::new(4, 4).dropout(1.5).dropout(0.5).forward(&x).is_ok());
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let (lstm, x) = (Lstm::new(4, 3).num_layers(2), Tensor::zeros([5, 2, 4]));
    let state = Tensor::zeros([2, 2, 3]);
    assert!(lstm.forward_with(&x, &state, &state).is_ok());
    for (x, h, c) in [
        (Tensor::zeros([5, 2, 5]), state.clone(), state.clone()),
        (Tensor::zeros([4]), state.clone(), state.clone()),
        (Tensor::zeros([0, 2, 4]), state.clone(), state.clone()),
        (x.clone(), Tensor::zeros([2, 1, 3]), state.clone()),
        (x.clone(), state.clone(), Tensor::zeros([1, 2, 3])),
        (x.clone(), state.select(1, 0).unwrap(), state.select(1, 0).unwrap()),
        (x.to_dtype(DType::F64).unwrap(), state.clone(), state.clone()),
        (x.clone(), state.to_dtype(DType::F64).unwrap(), state.clone()),
    ] {
        lstm.forward_with(&x, &h, &c).unwrap_err();
    }
    let cell = GruCell::new(4, 3);
    assert!(cell.forward(&x).is_err() && cell.forward(&Tensor::zeros([2, 3])).is_err());
    assert!(cell.forward_with(&Tensor::zeros([2, 4]), &Tensor::zeros([1, 3])).is_err());

    let attention = MultiheadAttention::new(4, 2);
    let wrong = |mask: &Tensor| {
        let options = MultiheadAttentionOptions { attn_mask: Some(mask), ..Default::default() };
        attention.forward_with(&x, &x, &x, options).is_err()
    };
    assert!(wrong(&Tensor::zeros([5, 4])) && wrong(&Tensor::zeros([2, 5, 5])) && wrong(&Tensor::zeros([5])));
    assert!(wrong(&Tensor::zeros_with([5, 5], DType::I64).unwrap()));
    let padding = Tensor::zeros_with([5, 2], DType::Bool).unwrap();
    let options = MultiheadAttentionOptions { key_padding_mask: Some(&padding), ..Default::default() };
    assert!(attention.forward_with(&x, &x, &x, options).is_err());
    assert!(attention.forward(&x, &Tensor::zeros([3, 1, 4]), &Tensor::zeros([3, 1, 4])).is_err());
    assert!(attention.forward(&x, &Tensor::zeros([3, 2, 4]), &Tensor::zeros([4, 2, 4])).is_err());
    assert!(attention.forward(&x, &Tensor::zeros([3, 4]), &Tensor::zeros([3, 4])).is_err());
}

#[test]
fn a_causal_hint_is_the_mask() {
    let encoder = TransformerEncoder::new(|| TransformerEncoderLayer::new(8, 2).dim_feedforward(16), 2);
    encoder.eval();
    let (x, mask) = (Tensor::randn([5, 3, 8]), generate_square_subsequent_mask(5).unwrap());
    let answer = |masks| encoder.forward_with(&x, masks).unwrap();
    let by_mask = answer(EncoderMasks { mask: Some(&mask), is_causal: Some(false), ..Default::default() });
    let by_hint = answer(EncoderMasks { is_causal: Some(true), ..Default::default() });
    let found_out = answer(EncoderMasks { mask: Some(&mask), ..Default::default() });
    let free = answer(EncoderMasks::default());
    assert!(by_mask.allclose(&by_hint, 1e-5, 1e-6, false).unwrap());
    assert!(by_mask.allclose(&found_out, 1e-5, 1e-6, false).unwrap());
    assert!(!by_mask.allclose(&free, 1e-3, 1e-3, false).unwrap());
    // With padding or weights asked for, the hint alone must be a mask all the same.
    let attention = MultiheadAttention::new(8, 2);
    let options = MultiheadAttentionOptions { is_causal: true, ..Default::default() };
    let weights = attention.forward_with(&x, &x, &x, options).unwrap().1.unwrap();
    assert_eq!(weights.triu(1).unwrap().abs().unwrap().sum().unwrap().item::<f32>().unwrap(), 0.0);
}

#[test]
fn a_query_that_may_look_nowhere_gives_zeros() {
    let attention = MultiheadAttention::new(4, 2).bias(false).batch_first(true);
    let x = Tensor::randn([1, 3, 4]).requires_grad();
    let mask = Tensor::new([[true, true, true], [false, true, true], [false, false, true]]);
    let options =
        MultiheadAttentionOptions { attn_mask: Some(&mask), need_weights: false, ..Default::default() };
    let y = attention.forward_with(&x, &x, &x, options).unwrap().0;
    assert_eq!(y.select(1, 0).unwrap().to_vec::<f32>().unwrap(), [0.0; 4]);
    y.sum().unwrap().backward().unwrap();
    assert!(x.grad().unwrap().to_vec::<f32>().unwrap().iter().all(|dx| dx.is_finite()));
}

#[test]
fn printed_and_named_as_pytorchs() {
    let lstm = Lstm::new(2, 3).num_layers(2).proj_size(1).dropout(0.5);
    let lstm = lstm.bidirectional(true).bias(false).batch_first(true);
    let text = "LSTM(2, 3, proj_size=1, num_layers=2, bias=False, batch_first=True, dropout=0.5, bidirectional=True)";
    assert_eq!(format!("{lstm:?}"), text);
    assert_eq!(format!("{:?}", Rnn::new(2, 3).nonlinearity(Nonlinearity::Relu)), "RNN(2, 3)");
    let cell = RnnCell::new(2, 3).nonlinearity(Nonlinearity::Relu).bias(false);
    assert_eq!(format!("{cell:?}"), "RNNCell(2, 3, bias=False, nonlinearity=relu)");
    let layer = || TransformerDecoderLayer::new(4, 2).dim_feedforward(8).bias(false);
    let decoder = TransformerDecoder::new(layer, 2).norm(LayerNorm::new([4]));
    let text = "TransformerDecoder(
  (layers): ModuleList(
    (0-1): 2 x TransformerDecoderLayer(
      (self_attn): MultiheadAttention(
        (out_proj): NonDynamicallyQuantizableLinear(in_features=4, out_features=4, bias=False)
      )
      (multihead_attn): MultiheadAttention(
        (out_proj): NonDynamicallyQuantizableLinear(in_features=4, out_features=4, bias=False)
      )
      (linear1): Linear(in_features=4, out_features=8, bias=False)
      (dropout): Dropout(p=0.1, inplace=False)
      (linear2): Linear(in_features=8, out_features=4, bias=False)
      (norm1): LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=False)
      (norm2): LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=False)
      (norm3): LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=False)
      (dropout1): Dropout(p=0.1, inplace=False)
      (dropout2): Dropout(p=0.1, inplace=False)
      (dropout3): Dropout(p=0.1, inplace=False)
    )
  )
  (norm): LayerNorm((4,), eps=1e-05, elementwise_affine=True, bias=True)
)";
    assert_eq!(format!("{decoder:?}"), text);
    let names = |module: &dyn Module| -> Vec<String> {
        module.named_parameters().into_iter().map(|(name, _)| name).collect()
    };
    assert_eq!(
        names(&MultiheadAttention::new(4, 2).add_bias_kv(true).kdim(3)),
        [
            "q_proj_weight",
            "k_proj_weight",
            "v_proj_weight",
            "in_proj_bias",
            "bias_k",
            "bias_v",
            "out_proj.weight",
            "out_proj.bias"
        ]
    );
    assert_eq!(
        names(&Lstm::new(2, 3).bidirectional(true)),
        [
            "weight_ih_l0",
            "weight_hh_l0",
            "bias_ih_l0",
            "bias_hh_l0",
            "weight_ih_l0_reverse",
            "weight_hh_l0_reverse",
            "bias_ih_l0_reverse",
            "bias_hh_l0_reverse"
        ]
    );
    let transformer = Transformer::new(4, 2).num_encoder_layers(1).num_decoder_layers(2).dim_feedforward(8);
    assert_eq!(names(&transformer).len(), 12 + 2 + 2 * 18 + 2);
}

#[test]
fn settings_that_change_no_shape_keep_the_weights() {
    let lstm = Lstm::new(2, 3);
    let before = lstm.state_dict();
    let lstm = lstm.batch_first(true).dropout(0.5);
    let same = |name: &str, after: &StateDict| {
        before.get(name).unwrap().to_vec::<f32>().unwrap()
            == after.get(name).unwrap().to_vec::<f32>().unwrap()
    };
    assert!(same("weight_hh_l0", &lstm.state_dict()));
    assert!(!same("weight_hh_l0", &lstm.bias(false).state_dict()));
}
