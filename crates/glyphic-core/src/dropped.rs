use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a candidate of text is left out of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DropReason {
    /// The detection score lies below the detector's threshold, or is no number.
    LowScore,
    /// Smaller than the detector's smallest region.
    TooSmall,
    /// The outline has no area or too few vertices.
    NoOutline,
    /// Beyond the largest number of candidates.
    TooMany,
    /// No crop can be cut out of the picture.
    NoCrop,
    /// The recognizer reads nothing.
    NoText,
    /// The text is read with less confidence than the threshold.
    LowTextScore,
}

impl DropReason {
    /// The reason in words, as in "3 with a low detection score".
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LowScore => "with a low detection score",
            Self::TooSmall => "too small",
            Self::NoOutline => "without an outline",
            Self::TooMany => "beyond the limit of candidates",
            Self::NoCrop => "that cannot be cropped",
            Self::NoText => "without text",
            Self::LowTextScore => "with a low text score",
        }
    }
}

/// How many candidates of text were left out, by reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dropped(BTreeMap<DropReason, usize>);

impl Dropped {
    /// Counts one more.
    pub fn add(&mut self, reason: DropReason) {
        self.add_many(reason, 1);
    }

    /// Counts `count` more; nothing where it is 0.
    pub fn add_many(&mut self, reason: DropReason, count: usize) {
        if count > 0 {
            *self.0.entry(reason).or_default() += count;
        }
    }

    /// Adds what another stage left out.
    pub fn merge(&mut self, other: &Self) {
        other.iter().for_each(|(reason, count)| self.add_many(reason, count));
    }

    /// How many were left out for a reason.
    pub fn count(&self, reason: DropReason) -> usize {
        self.0.get(&reason).copied().unwrap_or(0)
    }

    /// How many were left out in all.
    pub fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reasons with their counts, none of them 0, in the order of the stages.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, usize)> + '_ {
        self.0.iter().map(|(reason, count)| (*reason, *count))
    }
}

impl fmt::Display for Dropped {
    /// "3 with a low detection score, 1 too small"; "none" where nothing was left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (i, (reason, count)) in self.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {}", reason.as_str())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_counted_merged_and_named() {
        let mut dropped = Dropped::default();
        assert_eq!(dropped.to_string(), "none");
        dropped.add(DropReason::NoText);
        dropped.add_many(DropReason::TooMany, 0);
        let mut detector = Dropped::default();
        detector.add_many(DropReason::LowScore, 3);
        detector.add(DropReason::NoText);
        dropped.merge(&detector);
        assert_eq!(dropped.to_string(), "3 with a low detection score, 2 without text");
        assert_eq!((dropped.total(), dropped.count(DropReason::TooMany)), (5, 0));
        assert_eq!(serde_json::to_string(&dropped).unwrap(), r#"{"low_score":3,"no_text":2}"#);
    }
}
