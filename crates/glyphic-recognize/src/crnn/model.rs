use burn::{
    module::Module,
    nn::conv::Conv2d,
    tensor::{
        Device, Tensor,
        activation::{leaky_relu, relu},
    },
};
use glyphic_graph::Graph;
use glyphic_nn::capture::{Axis, capture};
use glyphic_nn::layers::{
    BatchNorm2d, BatchNorm2dConfig, BidirectionalLstm, BidirectionalLstmConfig, Tps, TpsConfig, conv2d,
    max_pool,
};
use glyphic_nn::ops::convolve;

use super::CrnnConfig;

/// Channels of the backbone's output.
const FEATURES: usize = 512;

/// Height and width of rectified crops.
const RECTIFIED: [usize; 2] = [32, 100];

/// Hidden units of each LSTM direction.
const HIDDEN: usize = 256;

/// CRNN: a VGG backbone that makes one row of a line, and a decoder that gives classes for each of its columns.
#[derive(Module, Debug)]
pub struct Crnn {
    /// What rectifies crops before it, if anything.
    pub preprocessor: Option<Tps>,
    /// The backbone.
    pub backbone: VeryDeepVgg,
    /// The decoder.
    pub decoder: CrnnDecoder,
}

impl CrnnConfig {
    /// A network with random weights for `classes` classes, the blank included.
    pub fn init(&self, classes: usize, device: &Device) -> Crnn {
        let channels = self.channels.count();
        let tps = TpsConfig { points: self.rectify, channels, size: RECTIFIED };
        Crnn {
            preprocessor: (self.rectify > 0).then(|| tps.init(device)),
            backbone: VeryDeepVgg::init(channels, self.leaky_relu, device),
            decoder: CrnnDecoder::init(FEATURES, classes, self.rnn, device),
        }
    }
}

impl Crnn {
    /// Logits: `[N, channels, 32, W] -> [N, T, classes]`, T = W / 4 + 1 for W a multiple of 4; 26 where crops are rectified.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<3> {
        let image = match &self.preprocessor {
            Some(tps) => tps.forward(image),
            None => image,
        };
        self.decoder.forward(self.backbone.forward(image))
    }

    /// The network as a graph: `image` `[N, channels, 32, W]` -> `logits` `[N, T, classes]`, W a multiple of 4.
    ///
    /// # Errors
    /// Those of [`capture`].
    pub fn graph(&self) -> glyphic_nn::Result<Graph> {
        let [_, channels, _, _] = self.backbone.cnn.conv0.weight.dims();
        capture("crnn", self, |network, tape| {
            let axes = [Axis::BATCH, Axis::Fixed(channels), Axis::Fixed(32), Axis::free("width", 4)];
            let image = tape.input("image", axes);
            tape.output("logits", network.forward(image));
        })
    }
}

/// MMOCR's `VeryDeepVgg`.
#[derive(Module, Debug)]
pub struct VeryDeepVgg {
    /// Its layers.
    pub cnn: VggLayers,
    #[module(skip)]
    leaky: bool,
}

/// The layers of [`VeryDeepVgg`] under the checkpoint's names.
#[derive(Module, Debug)]
#[expect(missing_docs, reason = "the fields are the checkpoint's layer names")]
pub struct VggLayers {
    pub conv0: Conv2d,
    pub conv1: Conv2d,
    pub conv2: Conv2d,
    pub batchnorm2: Option<BatchNorm2d>,
    pub conv3: Conv2d,
    pub conv4: Conv2d,
    pub batchnorm4: Option<BatchNorm2d>,
    pub conv5: Conv2d,
    pub conv6: Conv2d,
    pub batchnorm6: Option<BatchNorm2d>,
}

impl VeryDeepVgg {
    /// A backbone with random weights.
    pub fn init(channels: usize, leaky: bool, device: &Device) -> Self {
        let conv = |from, to| conv2d([from, to], [3, 3], [1, 1], [1, 1], true, device);
        let norm = |channels| Some(BatchNorm2dConfig::new(channels).init(device));
        Self {
            cnn: VggLayers {
                conv0: conv(channels, 64),
                conv1: conv(64, 128),
                conv2: conv(128, 256),
                batchnorm2: norm(256),
                conv3: conv(256, 256),
                conv4: conv(256, FEATURES),
                batchnorm4: norm(FEATURES),
                conv5: conv(FEATURES, FEATURES),
                conv6: conv2d([FEATURES, FEATURES], [2, 2], [1, 1], [0, 0], true, device),
                batchnorm6: norm(FEATURES),
            },
            leaky,
        }
    }

    /// `[N, channels, 32, W] -> [N, 512, 1, W / 4 + 1]`
    pub fn forward(&self, image: Tensor<4>) -> Tensor<4> {
        let cnn = &self.cnn;
        let act = |x| if self.leaky { leaky_relu(x, 0.2) } else { relu(x) };
        let norm = |bn: &Option<BatchNorm2d>, x| match bn {
            Some(bn) => bn.forward(x),
            None => x,
        };
        // Halves the height alone; the width grows by one.
        let pool_rows = |x| max_pool(x, [2, 2], [2, 1], [0, 1]);

        let x = act(convolve(&cnn.conv0, image));
        let x = max_pool(x, [2, 2], [2, 2], [0, 0]);
        let x = act(convolve(&cnn.conv1, x));
        let x = max_pool(x, [2, 2], [2, 2], [0, 0]);
        let x = act(norm(&cnn.batchnorm2, convolve(&cnn.conv2, x)));
        let x = pool_rows(act(convolve(&cnn.conv3, x)));
        let x = act(norm(&cnn.batchnorm4, convolve(&cnn.conv4, x)));
        let x = pool_rows(act(convolve(&cnn.conv5, x)));
        act(norm(&cnn.batchnorm6, convolve(&cnn.conv6, x)))
    }
}

/// MMOCR's `CRNNDecoder`.
#[derive(Module, Debug)]
pub struct CrnnDecoder {
    /// Two LSTMs, or a convolution.
    pub decoder: CrnnHead,
}

/// What gives the classes.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a network has one of it")]
pub enum CrnnHead {
    /// Two bidirectional LSTMs, each with its linear layer.
    Rnn(Vec<BidirectionalLstm>),
    /// A 1x1 convolution.
    Conv(Conv2d),
}

impl CrnnDecoder {
    /// A decoder with random weights.
    pub fn init(features: usize, classes: usize, rnn: bool, device: &Device) -> Self {
        Self {
            decoder: if rnn {
                let layer =
                    |input, output| BidirectionalLstmConfig { input, hidden: HIDDEN, output }.init(device);
                CrnnHead::Rnn(vec![layer(features, HIDDEN), layer(HIDDEN, classes)])
            } else {
                CrnnHead::Conv(conv2d([features, classes], [1, 1], [1, 1], [0, 0], true, device))
            },
        }
    }

    /// `[N, features, 1, T] -> [N, T, classes]`
    pub fn forward(&self, features: Tensor<4>) -> Tensor<3> {
        match &self.decoder {
            CrnnHead::Rnn(layers) => {
                let x = features.squeeze_dim::<3>(2).permute([2, 0, 1]); // [T, N, C]
                layers.iter().fold(x, |x, layer| layer.forward(x)).swap_dims(0, 1)
            }
            CrnnHead::Conv(conv) => convolve(conv, features).squeeze_dim::<3>(2).swap_dims(1, 2),
        }
    }
}
