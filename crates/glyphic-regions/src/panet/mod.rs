//! PAN: Wang et al. 2019, "Efficient and Accurate Arbitrary-Shaped Text Detection with Pixel Aggregation Network".

mod decode;
pub mod targets;

pub use decode::PanDecodeConfig;
