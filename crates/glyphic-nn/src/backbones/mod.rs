//! Feature extractors: `[N, 3, H, W]` to a pyramid of feature maps.

mod lite;
mod resnet;

pub use lite::{Lite, LiteConfig};
pub use resnet::{BasicBlock, BasicBlockConfig, Bottleneck, BottleneckConfig, Depth, ResNet, ResNetConfig};
