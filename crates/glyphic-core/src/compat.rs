use serde::{Deserialize, Serialize};

/// Whose behaviour is wanted where the reference is wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compat {
    /// The right one.
    #[default]
    Fixed,
    /// MMOCR 0.2.1's, defects included.
    Mmocr021,
}

impl Compat {
    /// Whether the reference's defects are kept.
    pub fn is_reference(self) -> bool {
        self == Self::Mmocr021
    }
}
