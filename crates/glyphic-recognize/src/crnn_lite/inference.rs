use glyphic_nn::plain::{Conv, FeatureMap, FoldedWeights, Lstm, Window};
use rayon::prelude::*;

use super::{CrnnLite, HEIGHT};

/// [`CrnnLite`] for inference on the processor: batch norms folded away, no tensors.
pub struct PlainNet {
    stem: Conv,
    blocks: Vec<Block>,
    squeeze: Conv,
    mix: Vec<Block>,
    /// The LSTM and the layer that brings its states back to the input's channels.
    sequence: Option<(Lstm, Conv)>,
    classifier: Conv,
}

/// A residual block; without `down` the input itself is added.
struct Block {
    conv1: Conv,
    conv2: Conv,
    down: Option<Conv>,
}

impl Block {
    fn forward(&self, x: &FeatureMap, frame: usize) -> FeatureMap {
        let y = self.conv1.forward(x, frame);
        match &self.down {
            Some(down) => self.conv2.forward_add(&y, &down.forward(x, 0), frame),
            None => self.conv2.forward_add(&y, x, frame),
        }
    }
}

impl PlainNet {
    /// The network with its weights as they stand.
    pub fn new(net: CrnnLite) -> Self {
        let weights = FoldedWeights::new(net);
        let block = |name: &str, stride| Block {
            conv1: weights.conv(&format!("{name}.conv1"), Window::centred([3, 3], stride), true),
            conv2: weights.conv(&format!("{name}.conv2"), Window::centred([3, 3], [1, 1]), true),
            down: weights
                .has(&format!("{name}.down.conv"))
                .then(|| weights.conv(&format!("{name}.down.conv"), Window::centred([1, 1], stride), false)),
        };
        let mix = |name: &str| Block {
            conv1: weights.conv(&format!("{name}.conv1"), Window::centred([1, 5], [1, 1]), true),
            conv2: weights.conv(&format!("{name}.conv2"), Window::centred([1, 5], [1, 1]), true),
            down: None,
        };
        let pixel = Window::centred([1, 1], [1, 1]);
        Self {
            stem: weights.conv("stem.conv", Window::centred([3, 3], [2, 2]), true),
            blocks: vec![
                block("stages.0.0", [2, 2]),
                block("stages.1.0", [2, 1]),
                block("stages.1.1", [1, 1]),
                block("stages.2.0", [2, 1]),
                block("stages.2.1", [1, 1]),
            ],
            squeeze: weights.conv(
                "squeeze.conv",
                Window { kernel: [2, 3], stride: [1, 1], padding: [0, 1] },
                true,
            ),
            mix: vec![mix("mix.0"), mix("mix.1")],
            sequence: weights.has("sequence.0.embedding").then(|| {
                (weights.lstm("sequence.0.rnn"), weights.conv("sequence.0.embedding", pixel, false))
            }),
            classifier: weights.conv("classifier", pixel, false),
        }
    }

    /// Logits `[N, width / 4, classes]` of N images `[N, 3, 32, width]`, the width a multiple of 4.
    ///
    /// # Panics
    /// Where the images are not whole.
    pub fn forward(&self, images: &[f32], width: usize) -> Vec<f32> {
        let size = 3 * HEIGHT as usize * width;
        assert!(images.len().is_multiple_of(size), "part of an image is missing");
        let lines: Vec<FeatureMap> =
            images.par_chunks_exact(size).map(|image| self.convolve(image, width)).collect();
        let states = self.sequence.as_ref().map(|(lstm, _)| lstm.forward(&lines));
        let classify = |(n, line): (usize, &FeatureMap)| match (&self.sequence, &states) {
            (Some((_, embedding)), Some(states)) => {
                self.classifier.forward(&embedding.forward_add(&states[n], line, 0), 0).into_values()
            }
            _ => self.classifier.forward(line, 0).into_values(),
        };
        lines.par_iter().enumerate().flat_map_iter(classify).collect()
    }

    /// `[3, 32, width]` -> `[1, width / 4, mix]`
    fn convolve(&self, image: &[f32], width: usize) -> FeatureMap {
        let height = HEIGHT as usize;
        let x = FeatureMap::from_planes(image, height, width, 3, 1);
        let mut x = self.stem.forward(&x, 1);
        for block in &self.blocks {
            x = block.forward(&x, 1);
        }
        // The mixing blocks look two columns to either side.
        x = self.squeeze.forward(&x, 2);
        self.mix.iter().fold(x, |x, block| block.forward(&x, 2))
    }
}
