//! What passes ask of a graph and do to it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{Graph, Tensor, ValueId};

/// Removes nodes and constants that no output needs.
pub fn remove_dead_code(graph: &mut Graph) {
    let mut needed: BTreeSet<ValueId> = graph.outputs.iter().map(|o| o.value).collect();
    for node in graph.nodes.iter_mut().rev() {
        if node.outputs.iter().flatten().any(|o| needed.contains(o)) {
            needed.extend(node.inputs.iter().flatten());
        } else {
            // An empty list marks the node.
            node.outputs.clear();
        }
    }
    graph.nodes.retain(|n| !n.outputs.is_empty());
    graph.constants.retain(|value, _| needed.contains(value));
    let inputs: BTreeSet<ValueId> = graph.inputs.iter().map(|i| i.value).collect();
    let made: BTreeSet<ValueId> =
        graph.nodes.iter().flat_map(|n| n.outputs.iter().flatten().copied()).collect();
    graph.names.retain(|v, _| needed.contains(v) || inputs.contains(v) || made.contains(v));
}

/// How often each value is used; an output of the graph is a use.
pub(super) fn uses(graph: &Graph) -> HashMap<ValueId, usize> {
    let mut uses = HashMap::new();
    let operands = graph.nodes.iter().flat_map(|n| n.inputs.iter().flatten().copied());
    for value in operands.chain(graph.outputs.iter().map(|o| o.value)) {
        *uses.entry(value).or_insert(0) += 1;
    }
    uses
}

/// Which node makes each value.
pub(super) fn makers(graph: &Graph) -> HashMap<ValueId, usize> {
    let nodes = graph.nodes.iter().enumerate();
    nodes.flat_map(|(i, n)| n.outputs.iter().flatten().map(move |o| (*o, i))).collect()
}

/// Puts values in the place of others everywhere.
pub(super) fn replace(graph: &mut Graph, by: &BTreeMap<ValueId, ValueId>) {
    let find = |mut v: ValueId| {
        while let Some(next) = by.get(&v) {
            v = *next;
        }
        v
    };
    for value in graph.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut().flatten()) {
        *value = find(*value);
    }
    for output in &mut graph.outputs {
        output.value = find(output.value);
    }
}

/// The constant that a value is, as 32-bit floats.
pub(super) fn floats(graph: &Graph, value: Option<ValueId>) -> Option<&[f32]> {
    graph.constants.get(&value?).and_then(Tensor::as_f32)
}
