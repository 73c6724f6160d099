//! What a call in a pickle comes to: the few functions that make tensors and containers, done here.

use cresset_tensor::{Array, DType, Scalar};

use super::{
    NumpyArray, Ref, Tensor, Value,
    globals::Global,
    machine::{Machine, sequence, text},
};
use crate::{
    npy,
    trouble::{Outcome, wrong},
};

impl<'a> Machine<'a> {
    #[inline]
    fn value(&self, at: Ref) -> &Value<'a> {
        &self.values[at as usize]
    }

    /// A function of arguments.
    #[inline]
    pub fn call(&mut self, function: Ref, arguments: Ref) -> Outcome<Ref> {
        let function = match self.value(function) {
            Value::Global(function) => *function,
            other => return wrong(format!("it calls {}", other.kind())),
        };
        let list = match self.value(arguments) {
            Value::Tuple(list) => list.clone(),
            other => return wrong(format!("it calls a function of {}", other.kind())),
        };
        self.spend(list.len())?;
        let misfit = || wrong(format!("it calls {function:?} of {} arguments, which do not fit", list.len()));
        match (function, list.as_slice()) {
            (Global::Dict, []) | (Global::DefaultDict, [] | [_]) => self.keep(Value::Dict(Vec::new())),
            (Global::Dict, [from]) | (Global::DefaultDict, [_, from]) => {
                let entries = match self.value(*from) {
                    Value::Dict(entries) => Some(entries.clone()),
                    Value::List(pairs) | Value::Tuple(pairs) => {
                        let pair = |&pair: &Ref| match sequence(&self.values, pair) {
                            Some(&[key, value]) => Some((key, value)),
                            _ => None,
                        };
                        pairs.iter().map(pair).collect()
                    }
                    _ => None,
                };
                let Some(entries) = entries else { return misfit() };
                self.spend(entries.len())?;
                self.keep(Value::Dict(entries))
            }
            (Global::Set, []) => self.keep(Value::List(Vec::new())),
            (Global::Set, &[from]) => {
                let Some(values) = sequence(&self.values, from).map(<[Ref]>::to_vec) else { return misfit() };
                self.spend(values.len())?;
                self.keep(Value::List(values))
            }
            (Global::Bytearray, []) => self.keep(Value::Bytes((&[]).into())),
            (Global::Bytearray, &[from]) => match self.value(from) {
                Value::Bytes(_) => Ok(from),
                _ => misfit(),
            },
            (Global::Encode, &[from, code]) => {
                let latin = matches!(text(&self.values, code), Some("latin1" | "latin-1"));
                let Some(text) = text(&self.values, from).filter(|_| latin) else { return misfit() };
                let bytes: Result<Vec<u8>, _> = text.chars().map(|c| u8::try_from(u32::from(c))).collect();
                let Ok(bytes) = bytes else { return misfit() };
                self.spend(bytes.len())?;
                self.keep(Value::Bytes(bytes.into()))
            }
            (Global::Size, &[sizes]) if sequence(&self.values, sizes).is_some() => Ok(sizes),
            (Global::Layout, &[name]) if text(&self.values, name).is_some() => Ok(name),
            (Global::Device, &[name]) if text(&self.values, name).is_some() => Ok(name),
            (Global::Device, &[name, index]) => match (text(&self.values, name), self.value(index)) {
                (Some(name), Value::Int(index)) => {
                    let device = format!("{name}:{index}");
                    self.spend(device.len())?;
                    self.keep(Value::Text(device.into()))
                }
                _ => misfit(),
            },

            (Global::RebuildTensor, &[storage, offset, shape, strides, ref rest @ ..]) => {
                // requires_grad and hooks, which are not kept; then what differs from a plain tensor.
                self.refuse_lazy(rest.get(2).copied())?;
                self.tensor(Tensor { storage, dtype: None, offset, shape, strides })
            }
            (Global::RebuildTensorV3, &[storage, offset, shape, strides, _, _, dtype, ref rest @ ..]) => {
                self.refuse_lazy(rest.first().copied())?;
                let Some(name) = text(&self.values, dtype) else { return misfit() };
                let dtype = Some(name.parse::<DType>()?);
                self.tensor(Tensor { storage, dtype, offset, shape, strides })
            }
            (Global::RebuildParameter, &[tensor, _, _] | &[tensor, _, _, _]) => match self.value(tensor) {
                Value::Tensor(_) => Ok(tensor),
                _ => misfit(),
            },
            (Global::RebuildFromType, &[function, class, arguments, _state]) => {
                // Attributes of tensors (`_state`) are not kept. One level: no pickle nests these calls.
                let nested = matches!(self.value(function), Value::Global(Global::RebuildFromType));
                match self.value(class) {
                    Value::Global(Global::TensorClass) if !nested => self.call(function, arguments),
                    _ => misfit(),
                }
            }

            (Global::NumpyType, &[name, ..]) => {
                let Some(name) = text(&self.values, name) else { return misfit() };
                let descr = npy::element_of(name)?;
                self.keep(Value::NumpyType(descr))
            }
            (Global::NumpyScalar, &[descr, data]) => {
                let (Value::NumpyType(descr), Value::Bytes(data)) = (self.value(descr), self.value(data))
                else {
                    return misfit();
                };
                if data.len() != descr.dtype.size() {
                    return misfit();
                }
                let array: Array = npy::arrange(data, *descr, [].into(), false)?;
                let value = match array.item_scalar()? {
                    Scalar::Bool(truth) => Value::Bool(truth),
                    Scalar::Int(number) => Value::Int(number.into()),
                    Scalar::Float(number) => Value::Float(number),
                };
                self.keep(value)
            }
            (Global::NumpyReconstruct, &[class, _, _]) => match self.value(class) {
                Value::Global(Global::NumpyArray) => self.keep(Value::NumpyArray(None)),
                _ => misfit(),
            },
            (Global::NumpyFromBuffer, &[data, descr, shape, order]) => {
                let columns_first = text(&self.values, order) == Some("F");
                let &Value::NumpyType(descr) = self.value(descr) else { return misfit() };
                self.keep(Value::NumpyArray(Some(NumpyArray { descr, shape, columns_first, data })))
            }
            _ => misfit(),
        }
    }

    /// Negated and conjugated tensors say so beside their numbers.
    #[inline]
    fn refuse_lazy(&self, metadata: Option<Ref>) -> Outcome<()> {
        match metadata.map(|at| self.value(at)) {
            None | Some(Value::None) => Ok(()),
            Some(Value::Dict(entries)) if entries.is_empty() => Ok(()),
            Some(_) => wrong("a tensor is a negated or conjugated view; save .resolve_neg().resolve_conj()"),
        }
    }

    #[inline]
    fn tensor(&mut self, tensor: Tensor) -> Outcome<Ref> {
        match self.value(tensor.storage) {
            Value::Storage(_) => self.keep(Value::Tensor(tensor)),
            other => wrong(format!("a tensor lies over {}, not over a storage", other.kind())),
        }
    }

    /// The state of an object, given after it was made.
    #[inline]
    pub fn build(&mut self, object: Ref, state: Ref) -> Outcome<()> {
        let misfit = |kind| wrong(format!("it gives {kind} a state that does not fit"));
        match self.value(object) {
            // Attributes of a dict: PyTorch's state dicts have `_metadata`, the versions of their modules.
            Value::Dict(_) => Ok(()),
            Value::NumpyType(descr) => {
                let mut descr = *descr;
                let order = sequence(&self.values, state).and_then(|state| state.get(1));
                match order.and_then(|&order| text(&self.values, order)) {
                    Some(order @ ("<" | ">" | "|" | "=")) => {
                        descr.big_endian = order == ">" || (order == "=" && cfg!(target_endian = "big"));
                        self.values[object as usize] = Value::NumpyType(descr);
                        Ok(())
                    }
                    _ => misfit("a dtype of NumPy's"),
                }
            }
            Value::NumpyArray(_) => {
                let Some(&[_, shape, descr, columns_first, data]) = sequence(&self.values, state) else {
                    return misfit("an array of NumPy's");
                };
                let (&Value::NumpyType(descr), &Value::Bool(columns_first)) =
                    (self.value(descr), self.value(columns_first))
                else {
                    return misfit("an array of NumPy's");
                };
                let array = NumpyArray { descr, shape, columns_first, data };
                self.values[object as usize] = Value::NumpyArray(Some(array));
                Ok(())
            }
            other => misfit(other.kind()),
        }
    }
}
