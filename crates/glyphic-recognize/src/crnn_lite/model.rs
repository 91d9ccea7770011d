use burn::{
    module::Module,
    nn::{Linear, LinearConfig, conv::Conv2d},
    tensor::{Device, Tensor},
};
use glyphic_graph::Graph;
use glyphic_nn::capture::{Axis, capture};
use glyphic_nn::layers::{
    BatchNorm2d, BatchNorm2dConfig, BidirectionalLstm, BidirectionalLstmConfig, ConvBlock, ConvBlockConfig,
    LiteBlock, LiteBlockConfig, conv_bn, conv2d,
};
use glyphic_nn::ops::After;

use super::{CrnnLiteConfig, HEIGHT};

/// The network. See the [module](super) for its layers.
#[derive(Module, Debug)]
pub struct CrnnLite {
    stem: ConvBlock,
    stages: Vec<Vec<LiteBlock>>,
    squeeze: ConvBlock,
    mix: Vec<MixBlock>,
    /// One or none; its output is added to its input.
    sequence: Vec<BidirectionalLstm>,
    classifier: Linear,
}

impl CrnnLiteConfig {
    /// A network with random weights for `classes` classes, the blank included.
    pub fn init(&self, classes: usize, device: &Device) -> CrnnLite {
        let [a, b, c] = self.stages;
        let block = |from, to, stride| LiteBlockConfig::new([from, to]).stride(stride).init(device);
        CrnnLite {
            stem: ConvBlockConfig::new([3, self.stem], [3, 3]).stride([2, 2]).init(device),
            stages: vec![
                vec![block(self.stem, a, [2, 2])],
                vec![block(a, b, [2, 1]), block(b, b, [1, 1])],
                vec![block(b, c, [2, 1]), block(c, c, [1, 1])],
            ],
            squeeze: ConvBlockConfig::new([c, self.mix], [2, 3]).padding([0, 1]).init(device),
            mix: (0..2).map(|_| MixBlock::init(self.mix, device)).collect(),
            sequence: match self.lstm {
                0 => Vec::new(),
                hidden => {
                    let config = BidirectionalLstmConfig { input: self.mix, hidden, output: self.mix };
                    vec![config.init(device)]
                }
            },
            classifier: LinearConfig::new(self.mix, classes).init(device),
        }
    }
}

impl CrnnLite {
    /// Logits: `[N, 3, 32, W] -> [N, W / 4, classes]`, W a multiple of 4.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<3> {
        let x = self.stem.forward(image); // [N, stem, 16, W / 2]
        let x = self.stages.iter().flatten().fold(x, |x, block| block.forward(x)); // [N, C, 2, W / 4]
        let x = self.squeeze.forward(x); // [N, mix, 1, W / 4]
        let x = self.mix.iter().fold(x, |x, block| block.forward(x));
        let x = x.squeeze_dim::<3>(2).permute([2, 0, 1]); // [W / 4, N, mix]
        let x = self.sequence.iter().fold(x, |x, lstm| lstm.forward(x.clone()) + x);
        self.classifier.forward(x.swap_dims(0, 1))
    }

    /// The network as a graph: `image` `[N, 3, 32, W]` -> `logits` `[N, W / 4, classes]`, W a multiple of 4.
    ///
    /// # Errors
    /// Those of [`capture`].
    pub fn graph(&self) -> glyphic_nn::Result<Graph> {
        capture("crnn_lite", self, |network, tape| {
            let axes = [Axis::BATCH, Axis::Fixed(3), Axis::Fixed(HEIGHT as usize), Axis::free("width", 4)];
            let image = tape.input("image", axes);
            tape.output("logits", network.forward(image));
        })
    }
}

/// A residual block along the line.
#[derive(Module, Debug)]
struct MixBlock {
    conv1: Conv2d,
    bn1: Option<BatchNorm2d>,
    conv2: Conv2d,
    bn2: Option<BatchNorm2d>,
}

impl MixBlock {
    fn init(channels: usize, device: &Device) -> Self {
        let conv = || conv2d([channels, channels], [1, 5], [1, 1], [0, 2], false, device);
        let norm = || Some(BatchNorm2dConfig::new(channels).init(device));
        Self { conv1: conv(), bn1: norm(), conv2: conv(), bn2: norm() }
    }

    /// `[N, C, 1, T] -> [N, C, 1, T]`
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = conv_bn(&self.conv1, self.bn1.as_ref(), x.clone(), After::Relu);
        conv_bn(&self.conv2, self.bn2.as_ref(), y, After::AddRelu(x))
    }
}
