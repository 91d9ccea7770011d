//! The network on the processor: its graph, run by sessions. Where the network knows levels, the backbone is one and the
//! rest another for words and for lines, so that a picture is classified before the rest is computed.

use glyphic_graph::{Graph, Session, Tensor};

use super::level::DbLevel;
use crate::Result;

/// Names of the backbone's features in the graph.
pub(super) const FEATURES: [&str; 4] = ["feature.0", "feature.1", "feature.2", "feature.3"];

/// The network ready to run. Immutable; any number of threads may share it.
#[expect(clippy::large_enum_variant, reason = "there is one of them")]
pub(super) enum Network {
    /// One kind of region.
    Whole(Session),
    /// Words or lines.
    Levels {
        /// Picture -> features and level.
        backbone: Session,
        /// Features -> probabilities of words.
        words: Session,
        /// Features -> probabilities of lines.
        lines: Session,
    },
}

impl Network {
    /// From the network's graph.
    pub(super) fn new(graph: &Graph) -> Result<Self> {
        if graph.inputs.iter().all(|input| input.name != "line") {
            return Ok(Self::Whole(Session::new(graph.cut(&["image"], &["probability"])?)?));
        }
        let [a, b, c, d] = FEATURES;
        let of_level = |line: f32| {
            let rest = graph.cut(&[a, b, c, d, "line"], &["probability"])?;
            Session::new(rest.bind("line", Tensor::from_f32(&[1], vec![line])?)?)
        };
        Ok(Self::Levels {
            backbone: Session::new(graph.cut(&["image"], &[a, b, c, d, "level"])?)?,
            words: of_level(0.0)?,
            lines: of_level(1.0)?,
        })
    }

    /// A normalised picture `[1, 3, H, W]`, sides multiples of 32 -> text probabilities `[H, W]`; `None` where the picture
    /// is classified as one of words and `lines_only` is set.
    pub(super) fn probabilities(
        &self,
        picture: Tensor,
        level: DbLevel,
        lines_only: bool,
    ) -> Result<Option<Vec<f32>>> {
        let inputs = [("image", picture)];
        let mut outputs = match self {
            Self::Whole(_) if lines_only => return Ok(None),
            Self::Whole(session) => session.run(&inputs)?,
            Self::Levels { backbone, words, lines } => {
                let mut features = backbone.run(&inputs)?;
                let logit = features.pop().and_then(Tensor::into_f32);
                let line = match level {
                    DbLevel::Auto => logit.is_some_and(|logit| logit.first().is_some_and(|v| *v > 0.0)),
                    level => level == DbLevel::Line,
                };
                if lines_only && !line {
                    return Ok(None);
                }
                let features: Vec<(&str, Tensor)> = FEATURES.into_iter().zip(features).collect();
                if line { lines.run(&features)? } else { words.run(&features)? }
            }
        };
        Ok(outputs.pop().and_then(Tensor::into_f32))
    }
}
