use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::layers::{ConvBlock, ConvBlockConfig, upsample_nearest};

/// How [`Fpnf`] joins its levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FpnfFusion {
    /// One behind the other.
    #[default]
    Concat,
    /// Their sum.
    Add,
}

/// Configuration of [`Fpnf`].
#[derive(Debug, Clone, PartialEq)]
pub struct FpnfConfig {
    /// Channels of the input features, fine to coarse.
    pub in_channels: Vec<usize>,
    /// Channels of every level and of the output.
    pub out_channels: usize,
    /// How levels are joined.
    pub fusion: FpnfFusion,
}

impl FpnfConfig {
    /// MMOCR's defaults for these input channels.
    pub fn new(in_channels: &[usize]) -> Self {
        Self { in_channels: in_channels.to_vec(), out_channels: 256, fusion: FpnfFusion::Concat }
    }

    /// Makes the module.
    pub fn init(&self, device: &Device) -> Fpnf {
        let out = self.out_channels;
        let block = |from, kernel| ConvBlockConfig::new([from, out], [kernel; 2]).init(device);
        let joined = match self.fusion {
            FpnfFusion::Concat => out * self.in_channels.len(),
            FpnfFusion::Add => out,
        };
        Fpnf {
            lateral_convs: self.in_channels.iter().map(|from| block(*from, 1)).collect(),
            fpn_convs: self.in_channels.iter().skip(1).map(|_| block(out, 3)).collect(),
            output_convs: block(joined, 3),
            adds: self.fusion == FpnfFusion::Add,
        }
    }
}

/// Feature pyramid of PSENet (Wang et al. 2019): levels are smoothed on the way down and joined at the finest size. Names:
/// `lateral_convs.<i>.{conv,bn}`, `fpn_convs.<i>.{conv,bn}`, `output_convs.{conv,bn}`.
#[derive(Module, Debug)]
pub struct Fpnf {
    lateral_convs: Vec<ConvBlock>,
    fpn_convs: Vec<ConvBlock>,
    output_convs: ConvBlock,
    adds: bool,
}

impl Fpnf {
    /// Features `[N, in_channels[i], H_i, W_i]`, fine to coarse, to `[N, out_channels, H_0, W_0]`.
    pub fn forward(&self, features: Vec<Tensor<4>>) -> Tensor<4> {
        let convs = self.lateral_convs.iter().zip(features);
        let mut levels: Vec<Tensor<4>> = convs.map(|(conv, x)| conv.forward(x)).collect();
        for i in (1..levels.len()).rev() {
            let [_, _, h, w] = levels[i - 1].dims();
            let sum = levels[i - 1].clone() + upsample_nearest(levels[i].clone(), [h, w]);
            levels[i - 1] = self.fpn_convs[i - 1].forward(sum);
        }
        let size = levels.first().map_or([0, 0], |x| {
            let [_, _, h, w] = x.dims();
            [h, w]
        });
        let levels = levels.into_iter().map(|x| upsample_nearest(x, size));
        let x = match self.adds {
            true => levels.reduce(|sum, x| sum + x).unwrap_or_else(|| panic!("a pyramid has levels")),
            false => Tensor::cat(levels.collect(), 1),
        };
        self.output_convs.forward(x)
    }
}
