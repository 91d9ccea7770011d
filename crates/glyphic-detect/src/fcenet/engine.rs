//! FCENet as a detector that runs and trains.

use glyphic_core::Detected;
use glyphic_graph::Tensor;

use super::{FceLevel, FceNetConfig};
use crate::engine::{Cropped, DetectorModel, Frame, Network};
use crate::{InputConfig, Result};

/// Names of each level's outputs: classes and signatures.
#[cfg(feature = "train")]
const LEVELS: [[&str; 2]; 3] =
    [["classes.0", "signatures.0"], ["classes.1", "signatures.1"], ["classes.2", "signatures.2"]];

impl DetectorModel for FceNetConfig {
    fn validate(&self) -> Result<()> {
        Self::validate(self)
    }

    fn input(&self) -> &InputConfig {
        &self.input
    }

    fn decode(&self, outputs: &[Tensor], frame: &Frame, _: &dyn Network) -> Result<Detected> {
        let maps: Vec<Cropped> =
            (0..2 * Self::STRIDES.len()).map(|i| frame.crop_of(outputs, i)).collect::<Result<_>>()?;
        let levels: Vec<FceLevel<'_>> = maps
            .chunks_exact(2)
            .zip(Self::STRIDES)
            .map(|(pair, stride)| {
                Ok(FceLevel { classes: pair[0].maps()?, signatures: pair[1].maps()?, stride: stride as f32 })
            })
            .collect::<Result<_>>()?;
        Ok(self.decode.decode_counted(&levels, frame.scale)?)
    }
}

#[cfg(feature = "train")]
mod train {
    use glyphic_core::Page;
    use glyphic_nn::Device;
    use glyphic_nn::burn::tensor::{Tensor, TensorData};

    use super::super::targets::FcenetLevel;
    use super::super::{FceMaps, FceNet, FceNetConfig};
    use super::LEVELS;
    use crate::Result;
    use crate::engine::{DetectorNetwork, TrainableDetector};

    impl DetectorNetwork for FceNetConfig {
        type Net = FceNet;

        fn init(&self, device: &Device) -> FceNet {
            Self::init(self, device)
        }

        fn forward(&self, net: &FceNet, image: Tensor<4>) -> Vec<(&'static str, Tensor<4>)> {
            let levels = net.forward(image).into_iter().zip(LEVELS);
            let named = |(maps, [classes, signatures]): (FceMaps, [&'static str; 2])| {
                [(classes, maps.classes), (signatures, maps.signatures)]
            };
            levels.flat_map(named).collect()
        }
    }

    impl TrainableDetector for FceNetConfig {
        type Targets = Vec<FcenetLevel>;

        fn targets(&self, page: &Page, _: &mut dyn rand::Rng) -> Result<Vec<FcenetLevel>, String> {
            self.targets.levels(page).map_err(|e| e.to_string())
        }

        fn loss(&self, net: &FceNet, images: Tensor<4>, targets: &[Vec<FcenetLevel>]) -> Result<Tensor<1>> {
            let device = images.device();
            let level = |i: usize| {
                let one = |levels: &Vec<FcenetLevel>| {
                    let FcenetLevel { channels, height, width, maps } = &levels[i];
                    let data = TensorData::new(maps.clone(), [1, *channels, *height, *width]);
                    Tensor::<4>::from_data(data, &device)
                };
                Tensor::cat(targets.iter().map(one).collect(), 0)
            };
            let levels: Vec<Tensor<4>> = (0..Self::STRIDES.len()).map(level).collect();
            Ok(self.loss.forward(&net.forward(images), &levels).total())
        }
    }
}
