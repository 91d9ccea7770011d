//! Inference on plain numbers: channels last, batch norm folded away, several pixels a step.
//!
//! A tensor library transposes, unfolds and copies around each matrix product. Here the kernel reads the
//! feature map where it lies, which takes a fraction of the time on a CPU. Each output is a sum in one fixed
//! order, so results depend neither on the number of threads nor on the width of the vectors.

mod conv;
mod map;
mod recurrent;
mod weights;

pub use conv::{Conv, Window};
pub use map::FeatureMap;
pub use recurrent::{Lstm, Recurrence};
pub use weights::FoldedWeights;
