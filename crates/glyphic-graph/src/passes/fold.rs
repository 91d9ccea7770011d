//! Constant folding.

use crate::{Graph, Op, Result, Tensor, ValueId, infer::infer};

/// Most elements of a folded result that is larger than what it is made of.
const GROWTH: usize = 1 << 16;
/// Most elements of constants that are joined: the gates of recurrent layers come one by one.
const JOINED: usize = 1 << 22;

/// Computes nodes whose results do not depend on the inputs, and puts constants in their places. A node that cannot be
/// computed is left for the run to refuse; so is one whose result is much larger than its operands, and one that makes floats of
/// weights that are multiplied as bytes.
///
/// # Errors
/// Those of [`infer`].
pub fn fold_constants(graph: &mut Graph) -> Result<()> {
    let facts = infer(graph)?;
    let quantized = super::quantized::weights(graph);
    let nodes = std::mem::take(&mut graph.nodes);
    for node in nodes {
        if node.outputs.iter().flatten().any(|o| quantized.contains(o)) {
            graph.nodes.push(node);
            continue;
        }
        let known: Option<Vec<Tensor>> =
            node.outputs.iter().flatten().map(|o| facts.get(o).and_then(|f| f.value.clone())).collect();
        if let Some(known) = known {
            let results: Vec<_> = node.outputs.iter().flatten().copied().zip(known).collect();
            graph.constants.extend(results);
            continue;
        }
        let operands: Option<Vec<Option<Tensor>>> = node
            .inputs
            .iter()
            .map(|i| i.map(|i| graph.constants.get(&i).cloned()).map_or(Some(None), |t| t.map(Some)))
            .collect();
        let size = |value: Option<ValueId>| {
            let shape = value.and_then(|v| facts.get(&v)).and_then(|f| f.known_shape());
            shape.and_then(|s| s.iter().try_fold(1usize, |n, d| n.checked_mul(*d)))
        };
        if let Some(operands) = operands
            && !matches!(node.op, Op::ConstantOfShape { .. })
        {
            let given = match &node.op {
                Op::Concat { .. } => operands.iter().flatten().map(Tensor::len).sum::<usize>().min(JOINED),
                _ => operands.iter().flatten().map(Tensor::len).max().unwrap_or(0),
            };
            let small =
                node.outputs.iter().all(|o| o.is_none() || size(*o).is_some_and(|n| n <= given.max(GROWTH)));
            if small && let Ok(results) = node.run(operands) {
                for (value, result) in node.outputs.iter().zip(results) {
                    if let Some(value) = value {
                        graph.constants.insert(*value, result);
                    }
                }
                continue;
            }
        }
        graph.nodes.push(node);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BinaryOp, DType, Dim, UnaryOp};

    #[test]
    fn what_depends_on_no_input_becomes_a_constant() {
        let mut g = Graph::new("g");
        let x = g.input("x", DType::F32, vec![Dim::Known(2), Dim::Symbol("n".into())]);
        let c = g.constant(Tensor::from_f32(&[2, 1], vec![4., 9.]).unwrap());
        let root = g.push("root", Op::Unary(UnaryOp::Sqrt), &[c]);
        let y = g.push("add", Op::Binary(BinaryOp::Add), &[x, root]);
        g.output("y", y);
        fold_constants(&mut g).unwrap();
        assert_eq!(g.nodes.len(), 1);
        assert_eq!(g.constants[&root].as_f32().unwrap(), [2., 3.]);
    }

    #[test]
    fn weights_that_are_joined_become_one_constant() {
        let mut g = Graph::new("g");
        let part = |g: &mut Graph| g.constant(Tensor::from_f32(&[300, 200], vec![0.5; 60_000]).unwrap());
        let (a, b) = (part(&mut g), part(&mut g));
        let y = g.push("joined", Op::Concat { axis: 0 }, &[a, b]);
        g.output("y", y);
        fold_constants(&mut g).unwrap();
        assert!(g.nodes.is_empty());
        assert_eq!(g.constants[&y].shape(), [600, 200]);
    }

    #[test]
    fn a_known_size_becomes_a_constant_and_an_unknown_one_does_not() {
        let mut g = Graph::new("g");
        let x = g.input("x", DType::F32, vec![Dim::Known(2), Dim::Symbol("n".into())]);
        let all = g.push("all", Op::Shape { start: 0, end: None }, &[x]);
        let first = g.push("first", Op::Shape { start: 0, end: Some(1) }, &[x]);
        g.output("all", all);
        g.output("first", first);
        fold_constants(&mut g).unwrap();
        assert_eq!(g.nodes.len(), 1);
        assert_eq!(g.constants[&first].as_i64().unwrap(), [2]);
    }

    #[test]
    fn a_node_that_fails_is_left_for_the_run_to_refuse() {
        let mut g = Graph::new("g");
        let a = g.constant(Tensor::from_i64s(vec![1]));
        let b = g.constant(Tensor::from_i64s(vec![0]));
        let y = g.push("div", Op::Binary(BinaryOp::Div), &[a, b]);
        g.output("y", y);
        fold_constants(&mut g).unwrap();
        assert_eq!(g.nodes.len(), 1);
    }
}
