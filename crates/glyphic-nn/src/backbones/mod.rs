//! Feature extractors: `[N, 3, H, W]` to a pyramid of feature maps.

mod lite;
mod resnet;
mod resnet31;
mod text_resnet;
mod unet;

pub use lite::{Lite, LiteConfig};
pub use resnet::{BasicBlock, BasicBlockConfig, Bottleneck, BottleneckConfig, Depth, ResNet, ResNetConfig};
pub use resnet31::{ResNet31, ResNet31Config};
pub use text_resnet::{TextResNet, TextResNetConfig};
pub use unet::{Deconv, InterpConv, UNet, UNetActivation, UNetConfig, UNetNorm, Upsample};
