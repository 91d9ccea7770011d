//! NRTR: Sheng, Chen, Xu, "NRTR: A No-Recurrence Sequence-to-Sequence Model For Scene Text Recognition", ICDAR 2019.
//!
//! [`NrtrConfig::default`] equals MMOCR's `nrtr_r31_1by16_1by8_academic`, [`NrtrConfig::r31_1by8_1by4`] and
//! [`NrtrConfig::modality_transform`] its two others; the names of the weights are MMOCR's. Input `[N, 3, 32, W]`, BGR,
//! normalised by ImageNet's mean and deviation in the order of RGB, as MMOCR does.
//!
//! An encoder of six transformer layers over all positions of the backbone's map, and a decoder of six that writes class by
//! class. In use the decoder keeps keys and values of what it has written, so a step costs the same however long the text is, but
//! for attention over it.

mod config;
#[cfg(feature = "train")]
mod model;

pub(crate) use config::POSITIONS;
pub use config::{NrtrBackbone, NrtrConfig};
#[cfg(feature = "train")]
pub use model::{Backbone, ModalityTransform, Nrtr, TfDecoder, TfEncoder, TfNetwork};
