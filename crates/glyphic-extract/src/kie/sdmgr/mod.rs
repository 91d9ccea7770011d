//! SDMGR: Sun et al., "Spatial Dual-Modality Graph Reasoning for Key Information Extraction", arXiv:2103.14470, with MMOCR's
//! backbone, head and loss.
//!
//! Each box of a page is a node: its text by an LSTM over characters, joined with what a U-Net sees of it where the model
//! looks at the picture. Each pair of boxes is an edge: how they lie to each other. Layers of attention over all other boxes
//! change the nodes; a linear layer gives the class of a box, another whether two boxes belong together.

mod config;
mod engine;
#[cfg(feature = "train")]
mod keys;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;
mod preprocess;

pub use config::{
    BackboneConfig, EdgeAverage, SdmgrConfig, SdmgrLossConfig, WILDRECEIPT_CHARACTERS, WILDRECEIPT_CLASSES,
};
pub use engine::{Extraction, Link, PageExtractor};
#[cfg(feature = "train")]
pub use loss::SdmgrLoss;
#[cfg(feature = "train")]
pub use model::{Sdmgr, Texts};
pub use preprocess::PageInput;
