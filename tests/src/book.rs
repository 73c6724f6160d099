//! The book's pages, whose examples run as tests. Those of a page about one crate that needs no other are run there.

#[doc = include_str!("../../docs/src/introduction.md")]
struct Introduction;

#[doc = include_str!("../../docs/src/coming-from-pytorch.md")]
struct ComingFromPytorch;

#[doc = include_str!("../../docs/src/ops.md")]
struct Ops;

#[doc = include_str!("../../docs/src/autograd.md")]
struct Autograd;

#[doc = include_str!("../../docs/src/architecture.md")]
struct Architecture;

#[doc = include_str!("../../docs/src/adding-an-operation.md")]
struct AddingAnOperation;

#[doc = include_str!("../../docs/src/checks.md")]
struct Checks;

#[doc = include_str!("../../README.md")]
struct Readme;
