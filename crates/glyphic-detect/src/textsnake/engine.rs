//! TextSnake as a detector that runs and trains.

use glyphic_core::Detected;
use glyphic_graph::Tensor;

use super::TextSnakeConfig;
use crate::engine::{DetectorModel, Frame, Network};
use crate::{InputConfig, Result};

impl DetectorModel for TextSnakeConfig {
    fn validate(&self) -> Result<()> {
        Self::validate(self)
    }

    fn input(&self) -> &InputConfig {
        &self.input
    }

    fn decode(&self, outputs: &[Tensor], frame: &Frame, _: &dyn Network) -> Result<Detected> {
        let maps = frame.crop_of(outputs, 0)?;
        Ok(self.decode.decode_counted(&maps.maps()?, maps.scale)?)
    }
}

#[cfg(feature = "train")]
mod train {
    use glyphic_core::Page;
    use glyphic_nn::Device;
    use glyphic_nn::burn::tensor::Tensor;

    use super::super::targets::TextsnakeMaps;
    use super::super::{SnakeTargets, TextSnake, TextSnakeConfig};
    use crate::Result;
    use crate::engine::{DetectorNetwork, TrainableDetector, planes};

    impl DetectorNetwork for TextSnakeConfig {
        type Net = TextSnake;

        fn init(&self, device: &Device) -> TextSnake {
            Self::init(self, device)
        }

        fn forward(&self, net: &TextSnake, image: Tensor<4>) -> Vec<(&'static str, Tensor<4>)> {
            vec![("maps", net.forward(image))]
        }
    }

    impl TrainableDetector for TextSnakeConfig {
        type Targets = TextsnakeMaps;

        fn targets(&self, page: &Page, _: &mut dyn rand::Rng) -> Result<TextsnakeMaps, String> {
            self.targets.maps(page).map_err(|e| e.to_string())
        }

        fn loss(&self, net: &TextSnake, images: Tensor<4>, targets: &[TextsnakeMaps]) -> Result<Tensor<1>> {
            let [_, _, height, width] = images.dims();
            let device = images.device();
            let size = [height, width];
            let bytes = |pick: fn(&TextsnakeMaps) -> &[u8]| planes(targets.iter().map(pick), size, &device);
            let floats = |pick: fn(&TextsnakeMaps) -> &[f32]| planes(targets.iter().map(pick), size, &device);
            let targets = SnakeTargets {
                text: bytes(|t| &t.text_mask),
                centre: bytes(|t| &t.center_region_mask),
                mask: bytes(|t| &t.mask),
                radius: floats(|t| &t.radius),
                sin: floats(|t| &t.sin),
                cos: floats(|t| &t.cos),
            };
            Ok(self.loss.forward(&net.forward(images), &targets).total())
        }
    }
}
