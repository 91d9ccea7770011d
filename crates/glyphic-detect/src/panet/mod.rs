//! PAN: Wang et al. 2019, "Efficient and Accurate Arbitrary-Shaped Text Detection with Pixel Aggregation Network".
//!
//! [`PanDecodeConfig::default`] reads the maps as MMOCR's `panet_r18_fpem_ffm_600e_ctw1500` does; its ICDAR
//! configurations ask for [`crate::MaskOutline::Quad`].

mod decode;

pub use decode::PanDecodeConfig;
