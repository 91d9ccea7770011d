//! DRRG: Zhang et al. 2020, "Deep Relational Reasoning Graph Network for Arbitrary Shape Text Detection".
//!
//! Small rectangles along the text (components) are proposed from the maps, a graph network says which of them belong
//! together, and each group is strung to an outline: [`DrrgProposalConfig::propose`], [`DrrgGraphConfig::build`],
//! [`DrrgDecodeConfig::decode`]. The defaults are those of MMOCR's head; its `drrg_r50_fpn_unet_1200e_ctw1500` has
//! `text_threshold` 0.3 and `centre_threshold` 0.4.

mod decode;
mod graph;
mod order;
mod pool;
mod propose;

pub use decode::DrrgDecodeConfig;
pub use graph::{DrrgGraphConfig, LocalGraphs, geometry_features, normalized_adjacency};
pub use order::DrrgOrder;
pub use pool::{RotatedRoi, pool_rotated};
pub use propose::{DrrgComponent, DrrgProposalConfig};
