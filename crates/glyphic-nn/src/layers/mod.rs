//! Building blocks. A config's `init` makes a module; `forward` states its shapes.

mod block;
mod conv;
mod norm;
mod recurrent;
mod resample;

pub use block::{LiteBlock, LiteBlockConfig};
pub use conv::{ConvBlock, ConvBlockConfig, conv_bn, conv2d};
pub use norm::{BatchNorm2d, BatchNorm2dConfig};
pub use recurrent::{BidirectionalLstm, BidirectionalLstmConfig, Lstm, LstmConfig};
pub use resample::{max_pool, upsample_bilinear, upsample_nearest};
