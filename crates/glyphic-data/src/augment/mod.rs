//! Random changes to pictures that keep their truth right.
//!
//! Every function takes the generator it draws from: the same generator gives the same picture.

mod detection;
mod photo;
mod recognition;

pub use detection::DetectionAugment;
pub use photo::PhotoAugment;
pub use recognition::RecognitionAugment;
