//! What tests of graphs share.

use std::collections::HashMap;

use crate::{Graph, Session, Tensor, ValueId};

/// Numbers in -1..1 without a pattern.
pub(crate) fn numbers(shape: &[usize], seed: u32) -> Tensor {
    let value = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 7919) >> 8) % 1000;
    let count = shape.iter().product::<usize>() as u32;
    Tensor::from_f32(shape, (0..count).map(|i| value(i) as f32 / 500.0 - 1.0).collect()).unwrap()
}

/// The first output, computed node by node in row-major order.
pub(crate) fn node_by_node(graph: &Graph, inputs: &[(&str, Tensor)]) -> Tensor {
    let mut values: HashMap<ValueId, Tensor> = graph.constants.clone().into_iter().collect();
    for input in &graph.inputs {
        let (_, tensor) = inputs.iter().find(|(name, _)| *name == input.name).unwrap();
        values.insert(input.value, tensor.clone());
    }
    for node in &graph.nodes {
        let operands = node.inputs.iter().map(|v| v.map(|v| values[&v].clone())).collect();
        let results = node.run(operands).unwrap();
        values.extend(node.outputs.iter().zip(results).filter_map(|(v, t)| Some(((*v)?, t))));
    }
    values.remove(&graph.outputs[0].value).unwrap()
}

/// Checks that a session of a graph computes what its nodes do, and gives its steps.
pub(crate) fn check(graph: &Graph, inputs: &[(&str, Tensor)]) -> Vec<String> {
    let session = Session::new(graph.clone()).unwrap();
    let (expected, got) = (node_by_node(graph, inputs), session.run(inputs).unwrap().remove(0));
    assert_eq!(got.shape(), expected.shape());
    let (got, expected) = (got.as_f32().unwrap(), expected.as_f32().unwrap());
    let most = expected.iter().fold(1.0f32, |m, v| m.max(v.abs()));
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() < 1e-5 * most, "value {i}: {got} is not {expected}");
    }
    session.profile(inputs).unwrap().into_iter().map(|(step, _)| step).collect()
}
