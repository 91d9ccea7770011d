use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{ScaleFusion, ScaleFusionConfig};
use crate::layers::{ConvBlock, ConvBlockConfig, upsample_nearest};

/// Configuration of [`Fpnc`]; the defaults are MMOCR's for DBNet.
#[derive(Debug, Clone, PartialEq)]
pub struct FpncConfig {
    /// Channels of the input features, fine to coarse.
    pub in_channels: Vec<usize>,
    /// Channels of the top-down path.
    pub lateral_channels: usize,
    /// Channels of each feature's part in the output.
    pub out_channels: usize,
    /// Bias in the lateral convolutions.
    pub bias_on_lateral: bool,
    /// Batch normalization and ReLU after the lateral convolutions.
    pub bn_re_on_lateral: bool,
    /// Bias in the smoothing convolutions.
    pub bias_on_smooth: bool,
    /// Batch normalization and ReLU after the smoothing convolutions.
    pub bn_re_on_smooth: bool,
    /// A last 3x3 convolution with batch normalization and ReLU.
    pub conv_after_concat: bool,
    /// Adaptive scale fusion (DBNet++): each level's part is weighed at every pixel.
    pub scale_fusion: bool,
}

impl FpncConfig {
    /// The defaults for these input channels.
    pub fn new(in_channels: &[usize]) -> Self {
        Self {
            in_channels: in_channels.to_vec(),
            lateral_channels: 256,
            out_channels: 64,
            bias_on_lateral: false,
            bn_re_on_lateral: false,
            bias_on_smooth: false,
            bn_re_on_smooth: false,
            conv_after_concat: false,
            scale_fusion: false,
        }
    }

    /// Channels of the output.
    pub fn output_channels(&self) -> usize {
        self.out_channels * self.in_channels.len()
    }

    /// Makes the module.
    pub fn init(&self, device: &Device) -> Fpnc {
        let lateral = |&from: &usize| {
            ConvBlockConfig::new([from, self.lateral_channels], [1, 1])
                .bias(self.bias_on_lateral)
                .norm(self.bn_re_on_lateral)
                .relu(self.bn_re_on_lateral)
                .init(device)
        };
        let smooth = |_: &usize| {
            ConvBlockConfig::new([self.lateral_channels, self.out_channels], [3, 3])
                .bias(self.bias_on_smooth)
                .norm(self.bn_re_on_smooth)
                .relu(self.bn_re_on_smooth)
                .init(device)
        };
        let out = self.output_channels();
        let fusion = ScaleFusionConfig { channels: out, levels: self.in_channels.len() };
        let fusion = self.scale_fusion.then(|| fusion.init(device));
        let (asf_conv, asf_attn) = fusion.unzip();
        Fpnc {
            lateral_convs: self.in_channels.iter().map(lateral).collect(),
            smooth_convs: self.in_channels.iter().map(smooth).collect(),
            out_conv: self.conv_after_concat.then(|| ConvBlockConfig::new([out, out], [3, 3]).init(device)),
            asf_conv,
            asf_attn,
        }
    }
}

/// Feature pyramid whose levels are concatenated at the finest size (DBNet, Liao et al. 2020). Names:
/// `lateral_convs.<i>.{conv,bn}`, `smooth_convs.<i>.{conv,bn}`, `asf_conv.conv`, `asf_attn.*`, `out_conv.{conv,bn}`.
#[derive(Module, Debug)]
pub struct Fpnc {
    lateral_convs: Vec<ConvBlock>,
    smooth_convs: Vec<ConvBlock>,
    out_conv: Option<ConvBlock>,
    asf_conv: Option<ConvBlock>,
    asf_attn: Option<ScaleFusion>,
}

impl Fpnc {
    /// Features `[N, in_channels[i], H_i, W_i]`, fine to coarse, to `[N, out_channels * levels, H_0, W_0]`.
    pub fn forward(&self, features: Vec<Tensor<4>>) -> Tensor<4> {
        self.forward_with(features, |_, x| x)
    }

    /// As [`Fpnc::forward`]; `change` is applied to lateral `i` before the levels are summed.
    pub fn forward_with(
        &self,
        features: Vec<Tensor<4>>,
        change: impl Fn(usize, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<4> {
        let convs = self.lateral_convs.iter().zip(features).enumerate();
        let mut laterals: Vec<Tensor<4>> = convs.map(|(i, (conv, x))| change(i, conv.forward(x))).collect();
        for i in (1..laterals.len()).rev() {
            let [_, _, h, w] = laterals[i - 1].dims();
            let above = upsample_nearest(laterals[i].clone(), [h, w]);
            laterals[i - 1] = laterals[i - 1].clone() + above;
        }
        let size = laterals.first().map_or([0, 0], |x| {
            let [_, _, h, w] = x.dims();
            [h, w]
        });
        let levels: Vec<Tensor<4>> = self
            .smooth_convs
            .iter()
            .zip(laterals)
            .map(|(conv, x)| upsample_nearest(conv.forward(x), size))
            .collect();
        let x = match (&self.asf_conv, &self.asf_attn) {
            (Some(conv), Some(fusion)) => {
                let weights = fusion.forward(conv.forward(Tensor::cat(levels.clone(), 1)));
                let weighed = levels.into_iter().enumerate();
                Tensor::cat(weighed.map(|(i, x)| weights.clone().narrow(1, i, 1) * x).collect(), 1)
            }
            _ => Tensor::cat(levels, 1),
        };
        match &self.out_conv {
            Some(conv) => conv.forward(x),
            None => x,
        }
    }
}
