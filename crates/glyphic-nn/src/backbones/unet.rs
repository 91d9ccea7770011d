//! U-Net: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", arXiv:1505.04597, with the
//! options of MMOCR's backbone.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::activation::{leaky_relu, relu};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::layers::{BatchNorm2d, BatchNorm2dConfig, max_pool, upsample_bilinear, upsample_nearest};
use crate::ops::{After, convolve, convolve_transposed};

/// Configuration of [`UNet`]. Lists of the encoder have a value a stage; those of the decoder, and `downsamples`, one
/// for each stage but the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UNetConfig {
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the first stage; each further one has twice as many.
    pub base_channels: usize,
    /// Stride of each stage's first convolution, 1 or 2.
    pub strides: Vec<usize>,
    /// Convolutions of each stage of the encoder.
    pub enc_num_convs: Vec<usize>,
    /// Convolutions of each stage of the decoder.
    pub dec_num_convs: Vec<usize>,
    /// Whether a stage of stride 1 halves its input by max pooling.
    pub downsamples: Vec<bool>,
    /// Dilation of all convolutions of a stage but its first.
    pub enc_dilations: Vec<usize>,
    /// The same for the decoder.
    pub dec_dilations: Vec<usize>,
    /// What follows a convolution; without it convolutions have a bias.
    pub norm: UNetNorm,
    /// After the normalization.
    pub activation: UNetActivation,
    /// How the decoder doubles the size.
    pub upsample: Upsample,
    /// Keep to the running statistics in training too.
    pub norm_eval: bool,
}

/// Normalization of a [`UNet`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UNetNorm {
    /// Batch normalization.
    #[default]
    Batch,
    /// None.
    None,
}

/// Activation of a [`UNet`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UNetActivation {
    /// ReLU.
    #[default]
    Relu,
    /// ReLU with this slope below 0.
    LeakyRelu(f64),
    /// None.
    None,
}

/// How a decoder's stage doubles the size of its input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upsample {
    /// Interpolation and a convolution.
    InterpConv(InterpConv),
    /// A transposed convolution.
    Deconv(Deconv),
}

impl Default for Upsample {
    fn default() -> Self {
        Self::InterpConv(InterpConv::default())
    }
}

/// Interpolation and a convolution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InterpConv {
    /// The convolution comes first.
    pub conv_first: bool,
    /// Its kernel.
    pub kernel_size: usize,
    /// Its stride.
    pub stride: usize,
    /// Its padding.
    pub padding: usize,
    /// The interpolation: bilinear, else nearest.
    pub bilinear: bool,
    /// Bilinear: whether corner pixels keep their places.
    pub align_corners: bool,
}

impl Default for InterpConv {
    fn default() -> Self {
        let (kernel_size, stride, padding) = (1, 1, 0);
        Self { conv_first: false, kernel_size, stride, padding, bilinear: true, align_corners: false }
    }
}

/// A transposed convolution of stride 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deconv {
    /// Its kernel: even, at least 2.
    pub kernel_size: usize,
}

impl Default for Deconv {
    fn default() -> Self {
        Self { kernel_size: 4 }
    }
}

impl Default for UNetConfig {
    fn default() -> Self {
        Self {
            in_channels: 3,
            base_channels: 64,
            strides: vec![1; 5],
            enc_num_convs: vec![2; 5],
            dec_num_convs: vec![2; 4],
            downsamples: vec![true; 4],
            enc_dilations: vec![1; 5],
            dec_dilations: vec![1; 4],
            norm: UNetNorm::Batch,
            activation: UNetActivation::Relu,
            upsample: Upsample::default(),
            norm_eval: false,
        }
    }
}

impl UNetConfig {
    /// What is wrong: the field, its value and what would be right.
    ///
    /// # Errors
    /// For lists whose lengths do not agree and values that make no network.
    pub fn validate(&self) -> Result<(), (&'static str, String, &'static str)> {
        let stages = self.strides.len();
        let wrong = |field, got: String, expected| Err((field, got, expected));
        if !(1..=10).contains(&stages) {
            return wrong("strides", format!("{:?}", self.strides), "1 to 10 stages");
        }
        for (field, list, length) in [
            ("enc_num_convs", &self.enc_num_convs, stages),
            ("enc_dilations", &self.enc_dilations, stages),
            ("dec_num_convs", &self.dec_num_convs, stages - 1),
            ("dec_dilations", &self.dec_dilations, stages - 1),
        ] {
            if list.len() != length || list.iter().any(|v| !(1..=64).contains(v)) {
                let expected = "1 to 64 for each stage of strides (of the decoder: but the first)";
                return wrong(field, format!("{list:?}"), expected);
            }
        }
        if self.downsamples.len() != stages - 1 {
            let got = format!("{:?}", self.downsamples);
            return wrong("downsamples", got, "a value for each stage but the first");
        }
        if self.strides.iter().any(|s| !(1..=2).contains(s)) {
            return wrong("strides", format!("{:?}", self.strides), "1 or 2 each");
        }
        for (field, value) in [("in_channels", self.in_channels), ("base_channels", self.base_channels)] {
            if !(1..=4096).contains(&value) {
                return wrong(field, value.to_string(), "1 to 4096");
            }
        }
        match &self.upsample {
            Upsample::Deconv(Deconv { kernel_size }) if *kernel_size < 2 || kernel_size % 2 != 0 => {
                wrong("upsample.deconv.kernel_size", kernel_size.to_string(), "an even number of at least 2")
            }
            Upsample::InterpConv(c) if c.kernel_size == 0 || c.stride == 0 => {
                wrong("upsample.interp_conv", format!("{c:?}"), "a kernel and a stride of at least 1")
            }
            _ => Ok(()),
        }
    }

    /// What height and width of an input must be multiples of.
    pub fn divisor(&self) -> usize {
        (1..self.strides.len()).filter(|i| self.halves(*i)).fold(1, |divisor, _| divisor * 2)
    }

    /// Whether a stage from the second on is half as large as the one before.
    fn halves(&self, stage: usize) -> bool {
        self.strides[stage] == 2 || self.downsamples[stage - 1]
    }

    /// Makes the module of a configuration that [`UNetConfig::validate`] accepts.
    pub fn init(&self, device: &Device) -> UNet {
        let channels = |stage: usize| self.base_channels << stage;
        let mut from = self.in_channels;
        let mut encoder = Vec::new();
        let mut decoder = Vec::new();
        for (i, &stride) in self.strides.iter().enumerate() {
            let mut stage = Vec::new();
            if i != 0 {
                if stride == 1 && self.downsamples[i - 1] {
                    stage.push(None);
                }
                let (inputs, skip) = (channels(i), channels(i - 1));
                let counts = (self.dec_num_convs[i - 1], self.dec_dilations[i - 1]);
                decoder.push(UpBlock {
                    conv_block: self.stack([2 * skip, skip], counts, 1, device),
                    upsample: self.up([inputs, skip], self.halves(i), device),
                });
            }
            let counts = (self.enc_num_convs[i], self.enc_dilations[i]);
            stage.push(Some(self.stack([from, channels(i)], counts, stride, device)));
            encoder.push(stage);
            from = channels(i);
        }
        UNet { encoder, decoder, config: Config(self.clone()) }
    }

    fn stack(
        &self,
        channels: [usize; 2],
        (count, dilation): (usize, usize),
        stride: usize,
        device: &Device,
    ) -> Stack {
        let unit = |i| match i {
            0 => self.unit(channels, 3, stride, 1, 1, device),
            _ => self.unit([channels[1]; 2], 3, 1, dilation, dilation, device),
        };
        Stack { convs: (0..count).map(unit).collect() }
    }

    fn unit(
        &self,
        channels: [usize; 2],
        kernel: usize,
        stride: usize,
        padding: usize,
        dilation: usize,
        device: &Device,
    ) -> Unit {
        let norm = self.norm == UNetNorm::Batch;
        let mut conv = Conv2dConfig::new(channels, [kernel, kernel])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
            .with_dilation([dilation, dilation])
            .with_bias(false)
            .with_initializer(Initializer::KaimingNormal {
                gain: std::f64::consts::SQRT_2,
                fan_out_only: true,
            })
            .init(device);
        if !norm {
            conv.bias = Some(Initializer::Zeros.init([channels[1]], device));
        }
        Unit { conv, bn: norm.then(|| self.batch_norm(channels[1], device)) }
    }

    fn batch_norm(&self, channels: usize, device: &Device) -> BatchNorm2d {
        BatchNorm2dConfig::new(channels).frozen(self.norm_eval).init(device)
    }

    fn up(&self, channels: [usize; 2], doubles: bool, device: &Device) -> Up {
        let mut up = Up { conv: None, bn: None, interp_upsample: Vec::new(), deconv_upsamping: Vec::new() };
        match &self.upsample {
            _ if !doubles => {
                let Unit { conv, bn } = self.unit(channels, 1, 1, 0, 1, device);
                (up.conv, up.bn) = (Some(conv), bn);
            }
            Upsample::InterpConv(c) => {
                let unit = self.unit(channels, c.kernel_size, c.stride, c.padding, 1, device);
                up.interp_upsample =
                    if c.conv_first { vec![Some(unit), None] } else { vec![None, Some(unit)] };
            }
            Upsample::Deconv(c) => {
                let padding = (c.kernel_size - 2) / 2;
                let deconv = ConvTranspose2dConfig::new(channels, [c.kernel_size; 2])
                    .with_stride([2, 2])
                    .with_padding([padding, padding])
                    .init(device);
                up.deconv_upsamping.push(DeconvPart::Deconv(deconv));
                if self.norm == UNetNorm::Batch {
                    up.deconv_upsamping.push(DeconvPart::Norm(self.batch_norm(channels[1], device)));
                }
            }
        }
        up
    }
}

/// The network: an encoder, and a decoder that takes each of its stages in again. Names: `encoder.I.J.convs.K.conv`,
/// `decoder.I.conv_block.convs.K.conv`, `decoder.I.upsample.*`.
#[derive(Module, Debug)]
pub struct UNet {
    /// Pooling (`None`) and convolutions of each stage.
    encoder: Vec<Vec<Option<Stack>>>,
    decoder: Vec<UpBlock>,
    #[module(skip)]
    config: Config,
}

/// The configuration as a constant of the module.
#[derive(Debug, Clone)]
struct Config(UNetConfig);

#[derive(Module, Debug)]
struct Stack {
    convs: Vec<Unit>,
}

#[derive(Module, Debug)]
struct Unit {
    conv: Conv2d,
    bn: Option<BatchNorm2d>,
}

#[derive(Module, Debug)]
struct UpBlock {
    conv_block: Stack,
    upsample: Up,
}

/// One of three: a convolution alone, interpolation (`None`) and a convolution, or a transposed convolution.
#[derive(Module, Debug)]
struct Up {
    conv: Option<Conv2d>,
    bn: Option<BatchNorm2d>,
    interp_upsample: Vec<Option<Unit>>,
    deconv_upsamping: Vec<DeconvPart>,
}

#[derive(Module, Debug)]
enum DeconvPart {
    Deconv(ConvTranspose2d),
    Norm(BatchNorm2d),
}

impl UNetActivation {
    fn apply(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Relu => relu(x),
            Self::LeakyRelu(slope) => leaky_relu(x, slope),
            Self::None => x,
        }
    }

    /// After a normalization, in one pass where that can be.
    fn after(self, bn: Option<&BatchNorm2d>, x: Tensor<4>) -> Tensor<4> {
        match (bn, self) {
            (Some(bn), Self::Relu) => bn.forward_then(x, After::Relu),
            (Some(bn), _) => self.apply(bn.forward(x)),
            (None, _) => self.apply(x),
        }
    }
}

impl Unit {
    fn forward(&self, x: Tensor<4>, activation: UNetActivation) -> Tensor<4> {
        activation.after(self.bn.as_ref(), convolve(&self.conv, x))
    }
}

impl Stack {
    fn forward(&self, x: Tensor<4>, activation: UNetActivation) -> Tensor<4> {
        self.convs.iter().fold(x, |x, conv| conv.forward(x, activation))
    }
}

impl Up {
    fn forward(&self, mut x: Tensor<4>, config: &UNetConfig) -> Tensor<4> {
        if let Some(conv) = &self.conv {
            return config.activation.after(self.bn.as_ref(), convolve(conv, x));
        }
        for part in &self.interp_upsample {
            x = match (part, &config.upsample) {
                (Some(unit), _) => unit.forward(x, config.activation),
                (None, Upsample::InterpConv(c)) => {
                    let [_, _, h, w] = x.dims();
                    match c.bilinear {
                        true => upsample_bilinear(x, [2 * h, 2 * w], c.align_corners),
                        false => upsample_nearest(x, [2 * h, 2 * w]),
                    }
                }
                (None, Upsample::Deconv(_)) => x,
            };
        }
        let mut parts = self.deconv_upsamping.iter();
        if let Some(DeconvPart::Deconv(deconv)) = parts.next() {
            x = convolve_transposed(deconv, x);
            let bn = match parts.next() {
                Some(DeconvPart::Norm(bn)) => Some(bn),
                _ => None,
            };
            x = config.activation.after(bn, x);
        }
        x
    }
}

impl UNet {
    /// `[N, C, H, W] ->` the outputs of the encoder's last stage and of each stage of the decoder, coarsest first; the last is
    /// `[N, base_channels, H, W]` where the first stage's stride is 1.
    ///
    /// # Panics
    /// Where H or W is no multiple of [`UNetConfig::divisor`].
    pub fn forward(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let UNetConfig { activation, strides, downsamples, .. } = &self.config.0;
        let ([_, _, h, w], divisor) = (x.dims(), self.config.0.divisor());
        assert!(
            h % divisor == 0 && w % divisor == 0,
            "an input of {h} x {w}; height and width must be divisible by {divisor}, the whole downsample rate of {} \
             stages with strides {strides:?} and downsamples {downsamples:?}",
            strides.len(),
        );
        let mut stages = Vec::with_capacity(self.encoder.len());
        let mut x = x;
        for stage in &self.encoder {
            for part in stage {
                x = match part {
                    Some(convs) => convs.forward(x, *activation),
                    None => max_pool(x, [2, 2], [2, 2], [0, 0]),
                };
            }
            stages.push(x.clone());
        }
        let mut outputs = vec![x.clone()];
        for (block, skip) in self.decoder.iter().zip(&stages).rev() {
            let up = block.upsample.forward(x, &self.config.0);
            x = block.conv_block.forward(Tensor::cat(vec![skip.clone(), up], 1), *activation);
            outputs.push(x.clone());
        }
        outputs
    }
}
