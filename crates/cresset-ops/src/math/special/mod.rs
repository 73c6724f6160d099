//! Special functions of f64, one file for each family. In f32: convert, call, round.

mod airy;
mod bessel;
mod error;
mod gamma;
mod incomplete_gamma;
mod modified_bessel;
mod temme;
mod zeta;

pub use airy::airy_ai;
pub use bessel::{bessel_j0, bessel_j1, bessel_y0, bessel_y1, sinc, spherical_bessel_j0};
pub use error::{erfcx, erfinv, log_ndtr, ndtri};
pub use gamma::{digamma, lgamma, polygamma};
pub use incomplete_gamma::{igamma, igammac};
pub use modified_bessel::{
    i0, i0e, i1, i1e, modified_bessel_k0, modified_bessel_k1, scaled_modified_bessel_k0,
    scaled_modified_bessel_k1,
};
pub use zeta::zeta;

#[cfg(test)]
mod tests;
