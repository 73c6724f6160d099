//! What spans crates: PyTorch's golden cases, and how each of its functions is called here.

#[cfg(doctest)]
mod book;
pub mod calls;
pub mod golden;
pub mod gradcheck;
pub mod modules;
