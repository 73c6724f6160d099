//! Modules: recurrent layers and their cells.

use cresset_autograd::Tensor;
use cresset_nn::{
    Gru, GruCell, Lstm, LstmCell, PackedSequence, Rnn, RnnCell, pack_padded_sequence, pad_packed_sequence,
};
use cresset_ops::{Error, Result};

use super::{Built, Wanted};
use crate::golden::{Args, Value};

/// PyTorch's name with the arguments of its constructor, as our module; `None` for a name of another theme.
pub fn build(name: &str, init: &Args<Tensor>, wanted: &Wanted) -> Result<Option<Built>> {
    let sizes = || Ok((init.size(0, "input_size")?, init.size(1, "hidden_size")?));
    // The modules differ in type, not in the names of their settings.
    macro_rules! layers {
        ($module:ident) => {{
            let (input, hidden) = sizes()?;
            $module::new(input, hidden)
                .num_layers(init.size_or(2, "num_layers", 1)?)
                .bias(init.bool_or(3, "bias", true)?)
                .batch_first(init.bool_or(4, "batch_first", false)?)
                .dropout(init.float_or(5, "dropout", 0.0)?)
                .bidirectional(init.bool_or(6, "bidirectional", false)?)
        }};
    }
    macro_rules! cell {
        ($module:ident) => {{
            let (input, hidden) = sizes()?;
            $module::new(input, hidden).bias(init.bool_or(2, "bias", true)?)
        }};
    }
    let list = |tensors: Vec<Tensor>| Value::List(tensors.into_iter().map(Value::Tensor).collect());
    Ok(Some(match name {
        "RNN" => {
            let rnn = layers!(Rnn).nonlinearity(init.text_or(usize::MAX, "nonlinearity", "tanh")?.parse()?);
            let batch_first = init.bool_or(4, "batch_first", false)?;
            wanted.module(rnn, move |rnn, args| {
                let h = args.maybe_tensor(1, "hx")?;
                let (output, h) = match input(args, batch_first)? {
                    Input::Tensor(x) => h.map_or_else(|| rnn.forward(x), |h| rnn.forward_with(x, h))?,
                    Input::Packed(x) => {
                        let (y, h) = h.map_or_else(|| rnn.forward(&x), |h| rnn.forward_with(&x, h))?;
                        (pad_packed_sequence(&y, batch_first, 0)?.0, h)
                    }
                };
                Ok(list(vec![output, h]))
            })?
        }
        "GRU" => {
            let batch_first = init.bool_or(4, "batch_first", false)?;
            wanted.module(layers!(Gru), move |gru, args| {
                let h = args.maybe_tensor(1, "hx")?;
                let (output, h) = match input(args, batch_first)? {
                    Input::Tensor(x) => h.map_or_else(|| gru.forward(x), |h| gru.forward_with(x, h))?,
                    Input::Packed(x) => {
                        let (y, h) = h.map_or_else(|| gru.forward(&x), |h| gru.forward_with(&x, h))?;
                        (pad_packed_sequence(&y, batch_first, 0)?.0, h)
                    }
                };
                Ok(list(vec![output, h]))
            })?
        }
        "LSTM" => {
            let lstm = layers!(Lstm).proj_size(init.size_or(7, "proj_size", 0)?);
            let batch_first = init.bool_or(4, "batch_first", false)?;
            wanted.module(lstm, move |lstm, args| {
                let (output, (h, c)) = match (input(args, batch_first)?, states(args)?) {
                    (Input::Tensor(x), Some((h, c))) => lstm.forward_with(x, h, c)?,
                    (Input::Tensor(x), None) => lstm.forward(x)?,
                    (Input::Packed(x), states) => {
                        let (y, states) = match states {
                            Some((h, c)) => lstm.forward_with(&x, h, c)?,
                            None => lstm.forward(&x)?,
                        };
                        (pad_packed_sequence(&y, batch_first, 0)?.0, states)
                    }
                };
                Ok(Value::List(vec![Value::Tensor(output), list(vec![h, c])]))
            })?
        }
        "RNNCell" => {
            let cell = cell!(RnnCell).nonlinearity(init.text_or(3, "nonlinearity", "tanh")?.parse()?);
            wanted.module(cell, |cell, args| {
                let x = args.tensor(0, "input")?;
                Ok(Value::Tensor(match args.maybe_tensor(1, "hx")? {
                    Some(h) => cell.forward_with(x, h)?,
                    None => cell.forward(x)?,
                }))
            })?
        }
        "GRUCell" => wanted.module(cell!(GruCell), |cell, args| {
            let x = args.tensor(0, "input")?;
            Ok(Value::Tensor(match args.maybe_tensor(1, "hx")? {
                Some(h) => cell.forward_with(x, h)?,
                None => cell.forward(x)?,
            }))
        })?,
        "LSTMCell" => wanted.module(cell!(LstmCell), move |cell, args| {
            let x = args.tensor(0, "input")?;
            let (h, c) = match states(args)? {
                Some((h, c)) => cell.forward_with(x, h, c)?,
                None => cell.forward(x)?,
            };
            Ok(list(vec![h, c]))
        })?,
        _ => return Ok(None),
    }))
}

enum Input<'a> {
    Tensor(&'a Tensor),
    Packed(PackedSequence),
}

/// What a layer is given: in cases of our own that say lengths, a packed sequence.
fn input(args: &Args<Tensor>, batch_first: bool) -> Result<Input<'_>> {
    let x = args.tensor(0, "input")?;
    let Some(lengths) = args.maybe_sizes(usize::MAX, "lengths")? else { return Ok(Input::Tensor(x)) };
    pack_padded_sequence(x, &lengths, batch_first, false).map(Input::Packed)
}

fn states(args: &Args<Tensor>) -> Result<Option<(&Tensor, &Tensor)>> {
    if args.given(1, "hx").is_none() {
        return Ok(None);
    }
    match args.tensors(1, "hx")?[..] {
        [h, c] => Ok(Some((h, c))),
        _ => Err(Error::argument("call", "hx is a hidden state and a cell")),
    }
}
