use serde::{Deserialize, Serialize};

/// How losses of pictures become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reduction {
    /// Their mean.
    #[default]
    Mean,
    /// Their sum.
    Sum,
}

#[cfg(feature = "train")]
impl Reduction {
    /// What each of `pictures` counts.
    pub(crate) fn share(self, pictures: usize) -> f64 {
        match self {
            Self::Mean => 1.0 / pictures.max(1) as f64,
            Self::Sum => 1.0,
        }
    }
}
