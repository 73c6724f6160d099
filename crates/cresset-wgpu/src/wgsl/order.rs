//! Elements as their bits, and as keys: whole numbers of the same order. Needs no arithmetic of the dtype, so that any card
//! orders any dtype.

use cresset_tensor::DType;

use super::element::Element;

/// Elements of a dtype as bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bits {
    dtype: DType,
}

impl Bits {
    /// Of a dtype.
    pub fn of(dtype: DType) -> Bits {
        Bits { dtype }
    }

    /// Have they two words?
    pub fn wide(self) -> bool {
        self.dtype.size() == 8
    }

    /// How a buffer of them is bound.
    pub fn element(self) -> Element {
        match self.dtype.size() {
            8 => Element { dtype: DType::I64, paired: true },
            4 => Element { dtype: DType::I32, paired: false },
            2 => Element { dtype: DType::I16, paired: false },
            _ => Element { dtype: DType::U8, paired: false },
        }
    }

    /// The type of the bits.
    pub fn kind(self) -> &'static str {
        key_kind(self.wide())
    }

    /// Reads an element.
    pub fn load(self, buffer: &str, place: &str) -> String {
        let element = self.element();
        match element.per_word() {
            1 => format!("bitcast<{}>({buffer}[{place}])", self.kind()),
            per_word => format!(
                "extractBits({buffer}[({place}) / {per_word}u], (({place}) % {per_word}u) * {bits}u, {bits}u)",
                bits = element.bits()
            ),
        }
    }

    /// Writes an element: with its word, or into it by atomic operations.
    pub fn store(self, buffer: &str, place: &str, value: &str) -> String {
        let element = self.element();
        let per_word = element.per_word();
        let bits = element.bits();
        match per_word {
            1 => format!("{buffer}[{place}] = bitcast<{}>({value});", element.stored()),
            _ => format!(
                "{{ let shift = (({place}) % {per_word}u) * {bits}u; atomicAnd(&{buffer}[({place}) / {per_word}u], ~({}u << shift)); atomicOr(&{buffer}[({place}) / {per_word}u], ({value}) << shift); }}",
                (1u64 << bits) - 1
            ),
        }
    }

    /// Must it be written by atomic operations?
    pub fn apart(self) -> bool {
        self.element().per_word() > 1
    }

    /// The key of an element's bits.
    pub fn key(self, bits: &str) -> String {
        format!("{}({bits})", self.key_function())
    }

    /// The function that makes keys.
    fn key_function(self) -> &'static str {
        match self.dtype {
            DType::F64 => "key_f64",
            DType::F32 => "key_f32",
            DType::F16 => "key_f16",
            DType::BF16 => "key_bf16",
            DType::I64 => "key_i64",
            DType::I32 => "key_i32",
            DType::I16 => "key_i16",
            DType::I8 => "key_i8",
            DType::U8 => "key_u8",
            DType::Bool => "key_bool",
        }
    }

    /// The key that only NaN has, where the dtype has one.
    pub fn nan_key(self) -> Option<&'static str> {
        match self.dtype {
            DType::F64 => Some("vec2<u32>(0xffffffffu, 0xffffffffu)"),
            DType::F32 => Some("0xffffffffu"),
            DType::F16 | DType::BF16 => Some("0xffffu"),
            DType::I64 | DType::I32 | DType::I16 | DType::I8 | DType::U8 | DType::Bool => None,
        }
    }
}

/// The type of keys.
pub fn key_kind(wide: bool) -> &'static str {
    if wide { "vec2<u32>" } else { "u32" }
}

/// How keys are named at the end of functions that compare them.
pub fn key_name(wide: bool) -> &'static str {
    if wide { "wide" } else { "narrow" }
}

/// How a buffer of keys is bound.
pub fn key_element(wide: bool) -> Element {
    if wide {
        Element { dtype: DType::I64, paired: true }
    } else {
        Element { dtype: DType::I32, paired: false }
    }
}
