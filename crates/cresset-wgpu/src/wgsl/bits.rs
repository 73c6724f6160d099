//! Elements as bits: to move them takes no arithmetic, so that every card moves every dtype, and NaN stays the NaN it is.

use cresset_tensor::DType;

/// The bits of an element, by their number of bytes: 1, 2, 4 or 8.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Bits(u8);

impl Bits {
    /// Every width there is.
    pub const ALL: [Bits; 4] = [Bits(1), Bits(2), Bits(4), Bits(8)];

    /// Of a dtype.
    pub fn of(dtype: DType) -> Bits {
        Bits(dtype.size() as u8)
    }

    /// Of whole words: what several elements side by side are moved as.
    pub fn word() -> Bits {
        Bits(4)
    }

    /// What the buffer is an array of.
    pub fn stored(self) -> &'static str {
        if self.0 == 8 { "vec2<u32>" } else { "u32" }
    }

    /// So many share a word.
    pub fn per_word(self) -> u32 {
        match self.0 {
            1 => 4,
            2 => 2,
            _ => 1,
        }
    }

    fn mask(self) -> &'static str {
        if self.0 == 1 { "0xffu" } else { "0xffffu" }
    }

    fn bits(self) -> u32 {
        u32::from(self.0) * 8
    }

    /// The bits at a place (an expression of type `u32`) of a buffer, in the low end of a word if they are fewer.
    pub fn load(self, buffer: &str, place: &str, atomic: bool) -> String {
        let (per_word, bits) = (self.per_word(), self.bits());
        let word = |index: String| {
            if atomic { format!("atomicLoad(&{buffer}[{index}])") } else { format!("{buffer}[{index}]") }
        };
        if per_word == 1 {
            return word(place.to_owned());
        }
        let word = word(format!("({place}) / {per_word}u"));
        format!("(({word} >> ((({place}) % {per_word}u) * {bits}u)) & {})", self.mask())
    }

    /// Writes bits that have words of their own, or share them with others that stay, by atomic operations.
    pub fn store(self, buffer: &str, place: &str, value: &str) -> String {
        let (per_word, bits, mask) = (self.per_word(), self.bits(), self.mask());
        if per_word == 1 {
            return format!("{buffer}[{place}] = {value};");
        }
        format!(
            "{{ let part = {place}; let shift = (part % {per_word}u) * {bits}u; atomicAnd(&{buffer}[part / {per_word}u], ~({mask} << shift)); atomicOr(&{buffer}[part / {per_word}u], ({value}) << shift); }}"
        )
    }
}

/// A loop over elements `i` below `n`, which invocations share in pieces of `per_thread`. `before` runs before a piece.
pub fn sweep(group: u32, per_thread: u32, before: &str, inner: &str) -> String {
    if per_thread == 1 {
        return format!(
            "    for (var i = global_id.x; i < n; i += groups.x * {group}u) {{\n{before}{inner}    }}\n"
        );
    }
    format!(
        "    let end = (n + {}u) / {per_thread}u;\n    for (var word = global_id.x; word < end; word += groups.x * {group}u) {{\n{before}    for (var i = word * {per_thread}u; i < min(n, word * {per_thread}u + {per_thread}u); i++) {{\n{inner}    }}\n    }}\n",
        per_thread - 1
    )
}

/// Puts a packed element of bits (an expression) at element `i` of a fresh buffer, whose words one invocation writes whole
/// and alone. What comes before a piece is `var packed = 0u;`.
pub fn pack_into(buffer: &str, per_word: u32, value: &str) -> String {
    let bits = 32 / per_word;
    format!(
        "    packed |= ({value}) << ((i % {per_word}u) * {bits}u);\n    if (i % {per_word}u == {}u || i + 1u == n) {{ {buffer}[i / {per_word}u] = packed; packed = 0u; }}\n",
        per_word - 1
    )
}
