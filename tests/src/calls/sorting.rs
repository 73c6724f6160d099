//! Calls: sorting, searching, ranks, sets, histograms.

use cresset_ops::{Apply, Error, Operand, Result, methods::prelude::*};

use crate::golden::{Args, Value};

/// PyTorch's name with its arguments, as our methods; `None` for a name of another theme.
pub fn call<T: Apply>(name: &str, args: &Args<T>) -> Option<Result<Value<T>>> {
    answer(name, args).transpose()
}

fn answer<T: Apply>(name: &str, args: &Args<T>) -> Result<Option<Value<T>>> {
    let x = || args.tensor(0, "input");
    let keepdim = |place| args.bool_or(place, "keepdim", false);
    // Whether equals stay in their order: they do.
    let stable = || args.maybe_bool(usize::MAX, "stable").map(drop);
    Ok(Some(match name {
        "sort" | "argsort" => {
            stable()?;
            let (dim, descending) = (args.int_or(1, "dim", -1)?, args.bool_or(2, "descending", false)?);
            if name == "sort" {
                x()?.sort(dim, descending)?.into()
            } else {
                x()?.argsort(dim, descending)?.into()
            }
        }
        "msort" => x()?.msort()?.into(),
        "topk" => {
            let (k, dim) = (args.size(1, "k")?, args.int_or(2, "dim", -1)?);
            // Whether they come in order: they do.
            args.bool_or(4, "sorted", true)?;
            x()?.topk(k, dim, args.bool_or(3, "largest", true)?)?.into()
        }
        "searchsorted" => {
            let right = args.bool_or(usize::MAX, "right", false)?;
            let side = args.maybe_text(usize::MAX, "side")?;
            if right && side == Some("left") {
                return Err(Error::argument("searchsorted", "side and right contradict each other"));
            }
            let options = SearchOptions {
                right: right || side == Some("right"),
                out_int32: args.bool_or(usize::MAX, "out_int32", false)?,
                sorter: args.maybe_tensor(usize::MAX, "sorter")?,
            };
            args.tensor(0, "sorted_sequence")?
                .searchsorted_with(args.operand(1, "input|values")?, options)?
                .into()
        }
        "bucketize" => {
            let boundaries = args.tensor(1, "boundaries")?;
            let right = args.bool_or(usize::MAX, "right", false)?;
            let out_int32 = args.bool_or(usize::MAX, "out_int32", false)?;
            match args.operand(0, "input")? {
                Operand::Value(x) if !out_int32 => x.bucketize(boundaries, right)?.into(),
                Operand::Value(x) => {
                    x.bucketize(boundaries, right)?.to_dtype(cresset_ops::DType::I32)?.into()
                }
                number => {
                    let options = SearchOptions { right, out_int32, sorter: None };
                    boundaries.searchsorted_with(number, options)?.into()
                }
            }
        }
        "median" | "nanmedian" => match (args.maybe_int(1, "dim")?, name) {
            (None, "median") => x()?.median()?.into(),
            (None, _) => x()?.nanmedian()?.into(),
            (Some(dim), "median") => x()?.median_dim(dim, keepdim(2)?)?.into(),
            (Some(dim), _) => x()?.nanmedian_dim(dim, keepdim(2)?)?.into(),
        },
        "mode" => x()?.mode(args.int_or(1, "dim", -1)?, keepdim(2)?)?.into(),
        "kthvalue" => x()?.kthvalue(args.size(1, "k")?, args.int_or(2, "dim", -1)?, keepdim(3)?)?.into(),
        "quantile" | "nanquantile" => {
            let (q, dim, keepdim) = (args.operand(1, "q")?, args.maybe_int(2, "dim")?, keepdim(3)?);
            let interpolation = match args.text_or(usize::MAX, "interpolation", "linear")? {
                "linear" => QuantileInterpolation::Linear,
                "lower" => QuantileInterpolation::Lower,
                "higher" => QuantileInterpolation::Higher,
                "midpoint" => QuantileInterpolation::Midpoint,
                "nearest" => QuantileInterpolation::Nearest,
                other => {
                    return Err(Error::argument(name.to_owned(), format!("unknown interpolation '{other}'")));
                }
            };
            if name == "quantile" {
                x()?.quantile_with(q, dim, keepdim, interpolation)?.into()
            } else {
                x()?.nanquantile_with(q, dim, keepdim, interpolation)?.into()
            }
        }
        "unique" | "unique_consecutive" => {
            // Whether they come in order: they do.
            args.maybe_bool(usize::MAX, "sorted")?;
            let dim = args.maybe_int(usize::MAX, "dim")?;
            let unique =
                if name == "unique" { x()?.unique_with(dim)? } else { x()?.unique_consecutive_with(dim)? };
            let mut list = vec![Value::Tensor(unique.values)];
            if args.bool_or(usize::MAX, "return_inverse", false)? {
                list.push(unique.inverse.into());
            }
            if args.bool_or(usize::MAX, "return_counts", false)? {
                list.push(unique.counts.into());
            }
            match <[Value<T>; 1]>::try_from(list) {
                Ok([values]) => values,
                Err(list) => Value::List(list),
            }
        }
        "isin" => {
            args.maybe_bool(usize::MAX, "assume_unique")?;
            let elements = args.operand(0, "elements")?.value(cresset_ops::DType::I64)?;
            let found = elements.isin(args.operand(1, "test_elements")?)?;
            if args.bool_or(usize::MAX, "invert", false)? {
                found.bitwise_not()?.into()
            } else {
                found.into()
            }
        }
        "histc" => {
            let (min, max) = (args.float_or(2, "min", 0.0)?, args.float_or(3, "max", 0.0)?);
            x()?.histc(args.size_or(1, "bins", 100)?, min, max)?.into()
        }
        "histogram" => {
            let range = args.maybe_floats(usize::MAX, "range")?;
            let options = histogram_options(args, range.as_deref())?;
            x()?.histogram_with(bins(args.get(1, "bins"))?, options)?.into()
        }
        "histogramdd" => {
            let range = args.maybe_floats(usize::MAX, "range")?;
            let options = histogram_options(args, range.as_deref())?;
            let bins: Vec<Bins<'_, T>> = match args.get(1, "bins") {
                Some(Value::List(list)) => {
                    list.iter().map(|value| bins(Some(value))).collect::<Result<_>>()?
                }
                one => vec![bins(one)?],
            };
            let (counts, edges) = x()?.histogramdd_with(&bins, options)?;
            Value::List(vec![counts.into(), edges.into()])
        }
        "bincount" => {
            let (weights, least) = (args.maybe_tensor(1, "weights")?, args.size_or(2, "minlength", 0)?);
            x()?.bincount(weights, least)?.into()
        }
        "_segment_reduce" => {
            let reduction = match args.text(1, "reduce")? {
                "sum" => SegmentReduction::Sum,
                "mean" => SegmentReduction::Mean,
                "max" => SegmentReduction::Max,
                "min" => SegmentReduction::Min,
                "prod" => SegmentReduction::Prod,
                other => {
                    return Err(Error::argument("segment_reduce", format!("unknown reduction '{other}'")));
                }
            };
            // The lists of segments say which dimension is cut.
            let axis = args.int_or(usize::MAX, "axis", 0)?;
            let partial = args.bool_or(usize::MAX, "unsafe", false)?;
            let lengths = args.maybe_tensor(usize::MAX, "lengths")?.map(Segments::Lengths);
            let offsets = args.maybe_tensor(usize::MAX, "offsets")?.map(Segments::Offsets);
            let Some(segments) = lengths.or(offsets) else {
                return Err(Error::argument("segment_reduce", "needs lengths or offsets"));
            };
            let (Segments::Lengths(list) | Segments::Offsets(list)) = &segments;
            if axis + 1 != list.rank() as i64 {
                return Err(Error::argument(
                    "segment_reduce",
                    "the axis must be the last of the lists of segments",
                ));
            }
            let initial = args.maybe_float(usize::MAX, "initial")?;
            x()?.segment_reduce_with(reduction, segments, SegmentOptions { initial, partial })?.into()
        }
        _ => return Ok(None),
    }))
}

fn bins<T: Apply>(value: Option<&Value<T>>) -> Result<Bins<'_, T>> {
    match value {
        Some(Value::Number(number)) => match usize::try_from(number.to_i64()) {
            Ok(number) => Ok(Bins::Number(number)),
            Err(_) => Err(Error::argument("histogram", "bins must not be negative")),
        },
        Some(Value::Tensor(edges)) => Ok(Bins::Edges(edges)),
        _ => Err(Error::argument("histogram", "bins are a number or a tensor")),
    }
}

fn histogram_options<'a, T: Apply>(
    args: &'a Args<T>,
    range: Option<&'a [f64]>,
) -> Result<HistogramOptions<'a, T>> {
    Ok(HistogramOptions {
        range,
        weight: args.maybe_tensor(usize::MAX, "weight")?,
        density: args.bool_or(usize::MAX, "density", false)?,
    })
}
