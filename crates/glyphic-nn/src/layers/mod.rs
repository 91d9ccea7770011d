//! Building blocks. A config's `init` makes a module; `forward` states its shapes.

mod block;
mod conv;
mod deform;
mod norm;
mod recurrent;
mod resample;
mod rnn;
mod stn;
mod torch_attention;
mod tps;
mod transformer;
mod vit;

pub use block::{LiteBlock, LiteBlockConfig};
pub use conv::{ConvBlock, ConvBlockConfig, conv_bn, conv2d};
pub use deform::{DeformConv2d, DeformConv2dConfig};
pub use norm::{BatchNorm2d, BatchNorm2dConfig};
pub use recurrent::{BidirectionalLstm, BidirectionalLstmConfig, Lstm, LstmConfig};
pub use resample::{max_pool, upsample_bilinear, upsample_nearest};
pub use rnn::{Rnn, RnnCell, RnnConfig, RnnKind};
pub use stn::{Stn, StnConfig};
pub use torch_attention::{
    KeysValues, TorchAttention, TorchLayer, TorchLayerConfig, TorchNorm, linear_rows, xavier_uniform,
};
pub use tps::{Tps, TpsConfig};
pub use transformer::{
    MultiHeadAttention, PositionalEncoding, PositionwiseFeedForward, TransformerConfig,
    TransformerDecoderLayer, TransformerEncoderLayer, attention_bias, blocked_columns, blocked_future,
    sinusoids,
};
pub use vit::{DropPath, Mlp, QkvAttention, normal_linear};
