//! Graphs of modules: `glyphic_capture`, with the errors of this crate.

use burn::module::Module;
use glyphic_graph::Graph;

use crate::Result;

pub use glyphic_capture::{Axis, Tape};

/// Records a module as a graph: [`glyphic_capture::capture`].
///
/// # Errors
/// [`crate::Error::Capture`].
pub fn capture<M: Module>(name: &str, module: &M, forward: impl Fn(&M, &mut Tape)) -> Result<Graph> {
    Ok(glyphic_capture::capture(name, module, forward)?)
}
