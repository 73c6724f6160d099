//! Elements in memory: how the dtypes lie in a buffer, which is as in the processor's memory.
//!
//! WGSL knows words of 32 and 64 bits. Of smaller elements several share a word: to read one takes a shift; written are
//! whole words by one invocation, or single elements by atomic operations.

use cresset_ops::cpu::plan::Lane;
use cresset_tensor::DType;

use crate::abilities::Abilities;

/// How elements of a dtype lie in a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Element {
    /// The dtype.
    pub dtype: DType,
    /// Are 64-bit integers read as pairs of words, for want of a type?
    pub paired: bool,
}

impl Element {
    /// Of a dtype on a card.
    pub fn of(dtype: DType, abilities: &Abilities) -> Element {
        Element { dtype, paired: dtype == DType::I64 && !abilities.i64 }
    }

    /// What the buffer is an array of.
    pub fn stored(self) -> &'static str {
        match self.dtype {
            DType::F64 => "f64",
            DType::F32 => "f32",
            DType::I64 if self.paired => "vec2<i32>",
            DType::I64 => "i64",
            DType::I32 => "i32",
            DType::F16 | DType::BF16 | DType::I16 | DType::I8 | DType::U8 | DType::Bool => "u32",
        }
    }

    /// So many elements share a word.
    pub fn per_word(self) -> u32 {
        match self.dtype {
            DType::F64 | DType::F32 | DType::I64 | DType::I32 => 1,
            DType::F16 | DType::BF16 | DType::I16 => 2,
            DType::I8 | DType::U8 | DType::Bool => 4,
        }
    }

    /// Bits of an element in its word.
    pub fn bits(self) -> u32 {
        32 / self.per_word()
    }

    /// Reads the element at a place (an expression of type `u32`) of a buffer, as a value of its lane.
    pub fn load(self, buffer: &str, place: &str, atomic: bool) -> String {
        let word = |index: String| {
            if atomic { format!("atomicLoad(&{buffer}[{index}])") } else { format!("{buffer}[{index}]") }
        };
        match self.dtype {
            DType::F64 | DType::F32 => word(place.to_owned()),
            DType::I64 if self.paired => format!("int_from_i32({}.x)", word(place.to_owned())),
            DType::I64 => word(place.to_owned()),
            DType::I32 => format!("int_from_i32({})", word(place.to_owned())),
            dtype => {
                let word = word(format!("({place}) / {}u", self.per_word()));
                format!("{}({word}, {place})", unpack(dtype))
            }
        }
    }

    /// The bits of a value of its lane, in the low end of a word; or the element itself where it has its own word.
    pub fn pack(self, value: &str) -> String {
        match self.dtype {
            DType::F64 | DType::F32 => value.to_owned(),
            DType::I64 if self.paired => format!("pair_of_int({value})"),
            DType::I64 => value.to_owned(),
            DType::I32 => format!("i32({value})"),
            DType::F16 => format!("bits_of_half({value})"),
            DType::BF16 => format!("bits_of_bfloat({value})"),
            DType::I16 => format!("(u32(({value}) & int(0xffff)))"),
            DType::I8 | DType::U8 => format!("(u32(({value}) & int(0xff)))"),
            DType::Bool => format!("select(0u, 1u, {value})"),
        }
    }

    /// Writes one element that shares its word with others, by atomic operations.
    pub fn store_part(self, buffer: &str, place: &str, value: &str) -> String {
        let (per_word, bits) = (self.per_word(), self.bits());
        let mask = if bits == 16 { "0xffffu" } else { "0xffu" };
        format!(
            "{{ let part = {place}; let shift = (part % {per_word}u) * {bits}u; atomicAnd(&{buffer}[part / {per_word}u], ~({mask} << shift)); atomicOr(&{buffer}[part / {per_word}u], ({}) << shift); }}",
            self.pack(value)
        )
    }
}

/// The function that takes an element out of its word.
fn unpack(dtype: DType) -> &'static str {
    match dtype {
        DType::F16 => "half_in",
        DType::BF16 => "bfloat_in",
        DType::I16 => "i16_in",
        DType::I8 => "i8_in",
        DType::U8 => "u8_in",
        DType::Bool => "bool_in",
        // Those that have words of their own are not taken out of one.
        DType::F64 | DType::F32 | DType::I64 | DType::I32 => "",
    }
}

/// The type of a lane in WGSL.
pub fn lane_type(lane: Lane) -> &'static str {
    match lane {
        Lane::F32 => "f32",
        Lane::F64 => "f64",
        Lane::I64 => "int",
        Lane::Bool => "bool",
    }
}

/// The name of a lane at the end of functions' names.
pub fn lane_name(lane: Lane) -> &'static str {
    lane_type(lane)
}
