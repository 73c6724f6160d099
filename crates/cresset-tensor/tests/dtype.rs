//! Dtypes: PyTorch's promotion table, names and limits.

use cresset_tensor::{DType, DType::*, Element, Scalar, with_element};

/// `torch.promote_types` of each pair, both in the order of `DType::ALL`.
#[rustfmt::skip]
const PROMOTED: [[DType; 10]; 10] = [
    [F64, F64, F64, F64, F64, F64, F64, F64, F64, F64],
    [F64, F32, F32, F32, F32, F32, F32, F32, F32, F32],
    [F64, F32, F16, F32, F16, F16, F16, F16, F16, F16],
    [F64, F32, F32, BF16, BF16, BF16, BF16, BF16, BF16, BF16],
    [F64, F32, F16, BF16, I64, I64, I64, I64, I64, I64],
    [F64, F32, F16, BF16, I64, I32, I32, I32, I32, I32],
    [F64, F32, F16, BF16, I64, I32, I16, I16, I16, I16],
    [F64, F32, F16, BF16, I64, I32, I16, I8, I16, I8],
    [F64, F32, F16, BF16, I64, I32, I16, I16, U8, U8],
    [F64, F32, F16, BF16, I64, I32, I16, I8, U8, Bool],
];

#[test]
fn promotion_is_pytorchs() {
    for (a, row) in DType::ALL.into_iter().zip(PROMOTED) {
        for (b, promoted) in DType::ALL.into_iter().zip(row) {
            assert_eq!(a.promote(b), promoted, "{a} and {b}");
        }
    }
}

#[test]
fn names_parse_back() {
    for dtype in DType::ALL {
        assert_eq!(dtype.name().parse::<DType>().unwrap(), dtype);
        assert_eq!(format!("torch.{dtype}").parse::<DType>().unwrap(), dtype);
        assert_eq!(dtype.is_float() as u8 + dtype.is_int() as u8 + (dtype == Bool) as u8, 1);
    }
    assert_eq!("half".parse::<DType>().unwrap(), F16);
    assert!("complex64".parse::<DType>().is_err());
}

/// `torch.finfo` and `torch.iinfo`.
#[test]
fn limits() {
    for dtype in [F64, F32, F16, BF16] {
        with_element!(dtype, T => {
            let round = |x: f64| T::from_scalar(Scalar::Float(x)).to_scalar().to_f64();
            assert_eq!(round(dtype.float_max()), dtype.float_max());
            assert_eq!(round(1.0 + dtype.epsilon()), 1.0 + dtype.epsilon());
            assert_eq!(round(1.0 + dtype.epsilon() / 2.0), 1.0);
            assert!(dtype == F64 || round(dtype.float_max() * (1.0 + dtype.epsilon())).is_infinite());
        });
    }
    for dtype in [I64, I32, I16, I8, U8, Bool] {
        let (low, high) = dtype.int_range();
        with_element!(dtype, T => {
            for limit in [low, high] {
                assert_eq!(T::from_scalar(Scalar::Int(limit)).to_scalar().to_i64(), limit);
            }
        });
    }
    for dtype in DType::ALL {
        assert_eq!(dtype.size(), with_element!(dtype, T => size_of::<T>()));
    }
}
