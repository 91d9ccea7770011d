//! MASTER: Lu, Yu, Qi, Chen, Gong, Xiao, Bai, "MASTER: Multi-Aspect Non-local Network for Scene Text Recognition", Pattern
//! Recognition 2021.
//!
//! [`MasterConfig::default`] equals MMOCR's `master_r31_12e_ST_MJ_SA`; the names of the weights are MMOCR's. Input
//! `[N, 3, 48, W]` up to 160 wide, BGR from -1 to 1.
//!
//! A residual network with global context, and a transformer decoder of three layers that writes class by class from all
//! positions of the map, padding included. In use it keeps keys and values of what it has written. The reference lets a
//! position that was written as padding look at what comes behind it; here it does not.

mod config;
#[cfg(feature = "train")]
mod model;

pub use config::MasterConfig;
#[cfg(feature = "train")]
pub use model::{Master, MasterDecoder};
