//! Passes that make a graph smaller without changing what it computes.

mod edit;
mod fold;
mod fuse;
mod norm;
mod quantized;
mod rows;
mod simplify;
mod split;

use crate::{Graph, Result};

pub use edit::remove_dead_code;
pub use fold::fold_constants;
pub use fuse::{explicit_padding, fold_bias, fuse_gelu};
pub use norm::fold_batch_norm;
pub(crate) use quantized::{Quantization, Quantized, lstm_fits};
pub use rows::unflatten;
pub use simplify::simplify;
pub use split::split_convolutions;

/// All passes, until none finds anything.
///
/// # Errors
/// Those of [`crate::infer::infer`].
pub fn optimize(graph: &mut Graph) -> Result<()> {
    // Each round removes a node, or is the last.
    loop {
        let before = graph.nodes.len();
        fold_constants(graph)?;
        simplify(graph)?;
        fold_batch_norm(graph);
        fold_bias(graph);
        fuse_gelu(graph);
        explicit_padding(graph);
        remove_dead_code(graph);
        if graph.nodes.len() >= before {
            break;
        }
    }
    split_convolutions(graph)?;
    unflatten(graph);
    simplify(graph)
}
