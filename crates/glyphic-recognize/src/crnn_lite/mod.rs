//! glyphic's default line recognizer: convolutions and an LSTM, read by CTC.
//!
//! Input `[N, 3, 32, W]`, RGB, `(x / 255 - 0.5) / 0.5`, padded on the right with 0; one time step for 4 columns.
//! Names are those of the weights:
//!
//! | layer | what | output |
//! |---|---|---|
//! | `stem` | 3x3 stride 2, 24 channels | 16 x W/2 |
//! | `stages.0.0` | basic block, stride 2 x 2, 48 | 8 x W/4 |
//! | `stages.1.{0,1}` | basic blocks, stride 2 x 1 and 1, 96 | 4 x W/4 |
//! | `stages.2.{0,1}` | basic blocks, stride 2 x 1 and 1, 160 | 2 x W/4 |
//! | `squeeze` | 2x3, 192 | 1 x W/4 |
//! | `mix.{0,1}` | residual blocks of 1x5 convolutions, 192 | 1 x W/4 |
//! | `sequence.0` | bidirectional LSTM of 2 x 128 with a linear layer, added to its input | 1 x W/4 |
//! | `classifier` | linear | W/4 x classes |
//!
//! 2.52 million parameters with the default characters; 251 million multiply-adds for 32x224, 359 for 32x320.
//!
//! The blocks are ResNet's (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016); the whole follows
//! CRNN (Shi et al., TPAMI 2017), one of whose two LSTMs gives place to convolutions along the line.

mod config;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;
mod preprocess;

pub use config::{CrnnLiteConfig, HEIGHT, STRIDE};
#[cfg(feature = "train")]
pub use loss::CrnnLiteLoss;
#[cfg(feature = "train")]
pub use model::CrnnLite;
