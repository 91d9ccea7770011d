//! Modules that join a pyramid of features.

mod fpnc;

pub use fpnc::{Fpnc, FpncConfig};
