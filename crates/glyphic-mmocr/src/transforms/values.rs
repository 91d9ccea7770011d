use serde::{Deserialize, Serialize};

/// One value, or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One.
    One(T),
    /// Several.
    Many(Vec<T>),
}

impl<T: Copy> OneOrMany<T> {
    /// The value at an index, which runs around; `None` of none.
    pub fn of(&self, index: usize) -> Option<T> {
        match self {
            Self::One(value) => Some(*value),
            Self::Many(list) if list.is_empty() => None,
            Self::Many(list) => Some(list[index % list.len()]),
        }
    }

    /// All values.
    pub fn all(&self) -> &[T] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(list) => list,
        }
    }
}

/// One value, or two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrPair<T> {
    /// One.
    One(T),
    /// Two.
    Pair([T; 2]),
}
