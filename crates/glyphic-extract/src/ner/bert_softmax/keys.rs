//! Names of checkpoints as HuggingFace's libraries write them.

use glyphic_nn::checkpoint::{LoadOptions, StateDict};

/// How a checkpoint is read: MMOCR's names are ours; HuggingFace's lack the first part and may hold heads of other tasks.
pub(super) fn load_options(weights: &StateDict) -> LoadOptions {
    let options = LoadOptions::default();
    if !weights.names().any(|name| name.starts_with("bert.")) {
        return options;
    }
    options
        .rename("bert.", "encoder.bert.")
        .rename("classifier.", "decoder.classifier.")
        .ignore("cls.*")
        .ignore("encoder.bert.embeddings.position_ids")
}
