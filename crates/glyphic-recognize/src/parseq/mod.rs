//! PARSeq: Bautista, Atienza, "Scene Text Recognition with Permuted Autoregressive Sequence Models", ECCV 2022.
//!
//! [`ParseqConfig::default`] is the paper's PARSeq-S, which its authors publish as `parseq`; [`ParseqConfig::tiny`] their
//! `parseq-tiny`. The names of the weights are those of their repository, with or without the `model.` that PyTorch Lightning puts
//! in front. Input `[N, 3, 32, 128]`, RGB from -1 to 1; crops are resized bilinearly, where the reference is bicubic.
//!
//! A vision transformer, and one decoder layer in which a position's query looks at the classes of other positions and at the
//! picture. In training it reads texts in several orders, so that it can write class by class, all classes at once
//! (`autoregressive = false`), and read once more what was written, given what stands on both sides (`refine`). In use it
//! keeps keys and values of what it has written. A text is refined within the positions it was written in, whatever else is in
//! the batch.

mod config;
#[cfg(feature = "train")]
mod model;
#[cfg(feature = "train")]
mod permutation;

pub use config::{DICT94, ParseqConfig};
#[cfg(feature = "train")]
pub use model::{Parseq, ParseqDecoder, VisionTransformer};
#[cfg(feature = "train")]
pub use permutation::permutations;
