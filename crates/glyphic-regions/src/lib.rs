//! From the maps that a text detector's network computes to regions (`decode`), and from regions to the maps that it is trained
//! on (`targets`), the inverse: one folder a model, on plain slices.

pub mod dbnet;
pub mod drrg;
mod error;
pub mod fcenet;
mod maps;
pub mod maskrcnn;
mod outline;
pub mod panet;
pub mod psenet;
pub mod random;
pub mod targets;
pub mod textsnake;
mod window;

pub use error::{Error, Result};
pub use maps::Maps;
pub use outline::{MaskOutline, collect};
