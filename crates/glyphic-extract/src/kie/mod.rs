//! Key information: what each box of a page is, and which belong together.

mod fields;
mod layout;
mod relations;
pub mod sdmgr;
mod values;

pub use fields::{Field, Fields, Item, fields};
pub use relations::relations;
pub use values::Value;
