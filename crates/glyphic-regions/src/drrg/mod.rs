//! DRRG: Zhang et al. 2020, "Deep Relational Reasoning Graph Network for Arbitrary Shape Text Detection".
//!
//! Small rectangles along the text (components) are proposed from the maps, a graph network says which of them belong
//! together, and each group is strung to an outline: [`DrrgProposalConfig::propose`], [`DrrgGraphConfig::build`],
//! [`DrrgDecodeConfig::decode`].

mod decode;
mod graph;
mod learn;
mod order;
mod pool;
mod propose;
pub mod targets;

pub use decode::DrrgDecodeConfig;
pub use graph::{DrrgGraphConfig, LocalGraphs, geometry_features, normalized_adjacency};
pub use learn::LearnedGraphs;
pub use order::DrrgOrder;
pub use pool::{RotatedRoi, pool_rotated};
pub use propose::{DrrgComponent, DrrgProposalConfig};
