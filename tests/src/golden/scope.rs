//! Which operations are the core, and which a later chapter.

/// Families that a later chapter brings, by prefix.
const PREFIXES: &[&str] = &["linalg.", "fft.", "special.", "signal.", "masked."];

/// Names outside of the core that no prefix tells.
pub const OUTSIDE_CORE: &[&str] = &[
    // Complex numbers: on real ones these are the identity, a constant or a transposition, and PyTorch's samples of
    // them test nothing else.
    "H",
    "angle",
    "complex",
    "conj",
    "conj_physical",
    "isreal",
    "mH",
    "polar",
    "real",
    "sgn",
    "vdot",
    // Factorisations under their names of before `linalg`: they come with that family.
    "cholesky_inverse",
    "cholesky_solve",
    "geqrf",
    "logdet",
    "lu",
    "lu_solve",
    "lu_unpack",
    "matrix_exp",
    "ormqr",
    "pinverse",
    "svd",
    "triangular_solve",
];

/// Does the operation belong to the core?
pub fn in_core(name: &str) -> bool {
    !PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !OUTSIDE_CORE.contains(&name)
}
