//! SAR: Li, Wang, Shen, Zhang, "Show, Attend and Read: A Simple and Strong Baseline for Irregular Text Recognition", AAAI
//! 2019.
//!
//! [`SarConfig::default`] equals MMOCR's `sar_r31_parallel_decoder_academic`, [`SarConfig::sequential`] its
//! `sar_r31_sequential_decoder_academic`; the names of the weights are MMOCR's. Input `[N, 3, 48, W]`, BGR, values from -1 to
//! 1.
//!
//! ResNet-31, a recurrent encoder that makes one vector of the columns, and a recurrent decoder that looks at the map anew
//! for each character. The two decoders differ in the names and shapes of their weights, and in what
//! [`SarDecoderKind::Sequential`] says. MMOCR's bidirectional decoder (`dec_bi_rnn`) is not here: what it reads at a
//! position depends on all positions behind it, none of which is written yet.

mod config;
#[cfg(feature = "train")]
mod model;

pub use config::{SarConfig, SarDecoderKind};
#[cfg(feature = "train")]
pub use model::{Pointwise, Sar, SarDecoder, SarEncoder};
