//! Golden vectors, formula weights and the tools to compare with them, and small packs. For tests: a broken golden folder
//! panics with the path and the reason instead of returning an error.

pub mod formula;
pub mod golden;
mod mersenne;
pub mod packs;

pub use golden::{Case, Mismatch, Stored, Tolerance};
