use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::layers::{BatchNorm2d, BatchNorm2dConfig, conv_bn, upsample_bilinear, upsample_nearest};
use crate::ops::{After, convolve};

/// Configuration of [`FpemFfm`].
#[derive(Debug, Clone, PartialEq)]
pub struct FpemFfmConfig {
    /// Channels of the four input features, fine to coarse.
    pub in_channels: [usize; 4],
    /// Channels of every level.
    pub channels: usize,
    /// How many enhancement modules follow each other.
    pub repeat: usize,
    /// Whether the fusion's resizing aligns corner pixels.
    pub align_corners: bool,
}

impl FpemFfmConfig {
    /// MMOCR's defaults for these input channels.
    pub fn new(in_channels: [usize; 4]) -> Self {
        Self { in_channels, channels: 128, repeat: 2, align_corners: false }
    }

    /// Makes the module.
    pub fn init(&self, device: &Device) -> FpemFfm {
        let to = self.channels;
        let reduce = |from: usize| (conv([from, to], 1, 1, 1, device), norm(to, device));
        let separable = |stride: usize| Separable {
            depthwise_conv: conv([to, to], 3, stride, to, device),
            pointwise_conv: conv([to, to], 1, 1, 1, device),
            bn: norm(to, device),
        };
        let fpem = || Fpem {
            up_add1: separable(1),
            up_add2: separable(1),
            up_add3: separable(1),
            down_add1: separable(2),
            down_add2: separable(2),
            down_add3: separable(2),
        };
        let [c2, c3, c4, c5] = self.in_channels;
        FpemFfm {
            reduce_conv_c2: reduce(c2),
            reduce_conv_c3: reduce(c3),
            reduce_conv_c4: reduce(c4),
            reduce_conv_c5: reduce(c5),
            fpems: (0..self.repeat).map(|_| fpem()).collect(),
            align_corners: self.align_corners,
        }
    }
}

/// A convolution with bias and "same" padding.
fn conv(channels: [usize; 2], kernel: usize, stride: usize, groups: usize, device: &Device) -> Conv2d {
    let pad = kernel / 2;
    let config = Conv2dConfig::new(channels, [kernel; 2])
        .with_stride([stride; 2])
        .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
        .with_groups(groups)
        .with_bias(false)
        .with_initializer(Initializer::XavierUniform { gain: 1.0 });
    let mut conv = config.init(device);
    conv.bias = Some(Initializer::Zeros.init([channels[1]], device));
    conv
}

fn norm(channels: usize, device: &Device) -> Option<BatchNorm2d> {
    Some(BatchNorm2dConfig::new(channels).init(device))
}

type Reduce = (Conv2d, Option<BatchNorm2d>);

/// Feature pyramid enhancement and fusion of PAN (Wang et al. 2019, "Efficient and Accurate Arbitrary-Shaped Text Detection
/// with Pixel Aggregation Network"). Names: `reduce_conv_c{2..5}.{0,1}`, `fpems.<i>.{up,down}_add{1,2,3}.{depthwise_conv,
/// pointwise_conv,bn}`.
#[derive(Module, Debug)]
pub struct FpemFfm {
    reduce_conv_c2: Reduce,
    reduce_conv_c3: Reduce,
    reduce_conv_c4: Reduce,
    reduce_conv_c5: Reduce,
    fpems: Vec<Fpem>,
    align_corners: bool,
}

impl FpemFfm {
    /// Features `[N, in_channels[i], H_i, W_i]`, fine to coarse, to four of `[N, channels, H_0, W_0]`.
    ///
    /// # Panics
    /// Where there are not four features.
    pub fn forward(&self, features: Vec<Tensor<4>>) -> Vec<Tensor<4>> {
        let reduce = [&self.reduce_conv_c2, &self.reduce_conv_c3, &self.reduce_conv_c4, &self.reduce_conv_c5];
        let mut features = features.into_iter();
        let mut levels: [Tensor<4>; 4] = reduce.map(|(conv, bn)| {
            let feature = features.next().unwrap_or_else(|| panic!("four features are needed"));
            conv_bn(conv, bn.as_ref(), feature, After::Relu)
        });
        let mut sums: Option<[Tensor<4>; 4]> = None;
        for fpem in &self.fpems {
            levels = fpem.forward(levels);
            let new = levels.clone();
            sums = Some(match sums {
                None => new,
                Some(old) => {
                    let mut new = new.into_iter();
                    old.map(|sum| match new.next() {
                        Some(x) => sum + x,
                        None => sum,
                    })
                }
            });
        }
        let sums = sums.unwrap_or(levels);
        let [_, _, h, w] = sums[0].dims();
        sums.into_iter().map(|x| upsample_bilinear(x, [h, w], self.align_corners)).collect()
    }
}

/// One enhancement: up the pyramid and down again.
#[derive(Module, Debug)]
struct Fpem {
    up_add1: Separable,
    up_add2: Separable,
    up_add3: Separable,
    down_add1: Separable,
    down_add2: Separable,
    down_add3: Separable,
}

impl Fpem {
    fn forward(&self, [c2, c3, c4, c5]: [Tensor<4>; 4]) -> [Tensor<4>; 4] {
        let c4 = self.up_add1.forward(add(c5.clone(), c4));
        let c3 = self.up_add2.forward(add(c4.clone(), c3));
        let c2 = self.up_add3.forward(add(c3.clone(), c2));
        let c3 = self.down_add1.forward(add(c3, c2.clone()));
        let c4 = self.down_add2.forward(add(c4, c3.clone()));
        let c5 = self.down_add3.forward(add(c5, c4.clone()));
        [c2, c3, c4, c5]
    }
}

/// `coarse` at the size of `fine`, and that.
fn add(coarse: Tensor<4>, fine: Tensor<4>) -> Tensor<4> {
    let [_, _, h, w] = fine.dims();
    upsample_nearest(coarse, [h, w]) + fine
}

/// A 3x3 convolution of each channel, then one over channels.
#[derive(Module, Debug)]
struct Separable {
    depthwise_conv: Conv2d,
    pointwise_conv: Conv2d,
    bn: Option<BatchNorm2d>,
}

impl Separable {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        conv_bn(&self.pointwise_conv, self.bn.as_ref(), convolve(&self.depthwise_conv, x), After::Relu)
    }
}
