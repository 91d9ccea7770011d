use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::layers::{ConvBlock, ConvBlockConfig, LiteBlock, LiteBlockConfig};

/// Configuration of [`Lite`].
#[derive(Debug, Clone, PartialEq)]
pub struct LiteConfig {
    /// Channels of the two stem convolutions; the second is feature 0.
    pub stem: [usize; 2],
    /// Residual blocks after the stem, at a quarter of the size, where close neighbours are told apart.
    pub fine: usize,
    /// Channels of each later feature with its number of blocks.
    pub stages: Vec<(usize, usize)>,
}

impl Default for LiteConfig {
    fn default() -> Self {
        Self { stem: [16, 24], fine: 1, stages: vec![(40, 1), (80, 2), (128, 1)] }
    }
}

impl LiteConfig {
    /// Channels of each feature, fine to coarse.
    pub fn channels(&self) -> Vec<usize> {
        std::iter::once(self.stem[1]).chain(self.stages.iter().map(|s| s.0)).collect()
    }

    /// Makes the module.
    pub fn init(&self, device: &Device) -> Lite {
        let half = |channels| ConvBlockConfig::new(channels, [3, 3]).stride([2, 2]).init(device);
        let mut from = self.stem[1];
        let stages = self
            .stages
            .iter()
            .map(|&(to, blocks)| {
                let entry = std::mem::replace(&mut from, to);
                (0..blocks)
                    .map(|b| match b {
                        0 => LiteBlockConfig::new([entry, to]).stride([2, 2]).init(device),
                        _ => LiteBlockConfig::new([to, to]).init(device),
                    })
                    .collect()
            })
            .collect();
        let fine = || LiteBlockConfig::new([self.stem[1]; 2]).init(device);
        Lite {
            stem: vec![half([3, self.stem[0]]), half(self.stem)],
            fine: (0..self.fine).map(|_| fine()).collect(),
            stages,
        }
    }
}

/// A small residual backbone for text detection on processors: two strided convolutions, blocks of their size, then
/// stages that each halve it. Names: `stem.{0,1}.{conv,bn}`, `fine.<b>.*`, `stages.<s>.<b>.*`.
#[derive(Module, Debug)]
pub struct Lite {
    stem: Vec<ConvBlock>,
    fine: Vec<LiteBlock>,
    stages: Vec<Vec<LiteBlock>>,
}

impl Lite {
    /// `[N, 3, H, W]` to features of 1/4, 1/8, 1/16, 1/32 of the size (default config), `[N, C_i, H_i, W_i]` each.
    pub fn forward(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let x = self.stem.iter().fold(x, |x, block| block.forward(x));
        let mut x = self.fine.iter().fold(x, |x, block| block.forward(x));
        let mut features = vec![x.clone()];
        for stage in &self.stages {
            x = stage.iter().fold(x, |x, block| block.forward(x));
            features.push(x.clone());
        }
        features
    }
}
