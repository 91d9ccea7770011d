//! DRRG: Zhang et al. 2020, "Deep Relational Reasoning Graph Network for Arbitrary Shape Text Detection".
//!
//! Small rectangles along the text (components) are proposed from the maps, a graph network says which of them belong
//! together, and each group is strung to an outline: [`DrrgProposalConfig::propose`], [`DrrgGraphConfig::build`],
//! [`DrrgDecodeConfig::decode`]. [`DrrgConfig::default`] is MMOCR's `drrg_r50_fpn_unet_1200e_ctw1500`. Field names are MMOCR's,
//! so its checkpoints load as they are.

mod config;
mod engine;
#[cfg(feature = "train")]
mod gcn;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;

pub use config::{DrrgConfig, DrrgLossConfig};
#[cfg(feature = "train")]
pub use gcn::{Gcn, GcnConfig};
pub use glyphic_regions::drrg::{
    DrrgComponent, DrrgDecodeConfig, DrrgGraphConfig, DrrgOrder, DrrgProposalConfig, LearnedGraphs,
    LocalGraphs, RotatedRoi, geometry_features, normalized_adjacency, pool_rotated, targets,
};
#[cfg(feature = "train")]
pub use loss::{DrrgLosses, DrrgMapTargets};
#[cfg(feature = "train")]
pub use model::Drrg;
