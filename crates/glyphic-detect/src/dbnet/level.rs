//! Words or lines: what one region of a detector is.

use serde::{Deserialize, Serialize};

/// What one region is. Scenes are labelled by the word, receipts by the line, and where words stand close together the
/// same pixels are a gap in the one and text in the other; a network that learns both has to know which is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DbLevel {
    /// Lines where one shade takes up most of the picture, as paper does; otherwise what the network takes it for: words of a
    /// scene, lines of a page.
    #[default]
    Auto,
    /// Words.
    Word,
    /// Lines, up to a wide gap.
    Line,
}
