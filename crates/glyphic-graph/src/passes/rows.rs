//! Linear layers of flattened positions.

use std::collections::HashMap;

use super::edit::{makers, uses};
use crate::{BinaryOp, Graph, Node, Op, Tensor, ValueId};

/// A linear layer and what treats each number alone behind it need no flattening of positions to rows of one matrix: where a
/// reshape behind them gives the positions their axes back, it goes before them, and what follows may be fused into the layer.
pub fn unflatten(graph: &mut Graph) {
    let (uses, makers) = (uses(graph), makers(graph));
    let mut moved: Vec<(usize, usize, Node)> = Vec::new();
    for at in 0..graph.nodes.len() {
        let Some((product, x, shape)) = flattened(graph, &uses, &makers, at) else { continue };
        let (shape, value) = (graph.constant(Tensor::from_i64s(shape)), graph.value());
        moved.push((
            at,
            product,
            Node {
                name: format!("{}.positions", graph.nodes[product].name),
                op: Op::Reshape { allow_zero: false },
                inputs: vec![Some(x), Some(shape)],
                outputs: vec![Some(value)],
            },
        ));
    }
    for (at, product, before) in &moved {
        graph.nodes[*product].inputs[0] = before.outputs[0];
        graph.nodes[*at].op = Op::Identity;
        graph.nodes[*at].inputs.truncate(1);
    }
    // From the last on, so that indices stay.
    moved.sort_by_key(|(_, product, _)| std::cmp::Reverse(*product));
    for (_, product, before) in moved {
        graph.nodes.insert(product, before);
    }
}

/// The product before a reshape, what it is a product of before that was flattened, and the shape that its operand takes.
fn flattened(
    graph: &Graph,
    uses: &HashMap<ValueId, usize>,
    makers: &HashMap<ValueId, usize>,
    at: usize,
) -> Option<(usize, ValueId, Vec<i64>)> {
    let node = &graph.nodes[at];
    let Op::Reshape { .. } = node.op else { return None };
    let product = linear(graph, uses, makers, node.inputs[0]?)?;
    let constant = |value: Option<ValueId>| graph.constants.get(&value?);
    let flatten = &graph.nodes[*makers.get(&graph.nodes[product].inputs[0]?)?];
    let Op::Reshape { .. } = flatten.op else { return None };
    let flat = constant(flatten.inputs[1]).and_then(Tensor::to_i64s)?;
    let mut shape = constant(node.inputs[1]).and_then(Tensor::to_i64s)?;
    let [inner, outputs] = *constant(graph.nodes[product].inputs[1])?.shape() else { return None };
    let [_, columns] = flat[..] else { return None };
    // Sizes that are copied, or follow from all others, are those of another value.
    let last = shape.pop()?;
    let fits = columns == inner as i64 && last == outputs as i64 && !shape.is_empty() && !shape.contains(&0);
    shape.push(columns);
    fits.then_some((product, flatten.inputs[0]?, shape))
}

/// The product with constant weights that a value is made by, but for additions of a constant row and operators that treat each
/// number alone; nothing else reads what lies between.
fn linear(
    graph: &Graph,
    uses: &HashMap<ValueId, usize>,
    makers: &HashMap<ValueId, usize>,
    mut value: ValueId,
) -> Option<usize> {
    loop {
        if uses.get(&value) != Some(&1) {
            return None;
        }
        let maker = *makers.get(&value)?;
        let node = &graph.nodes[maker];
        let row = |value: Option<ValueId>| {
            value
                .and_then(|v| graph.constants.get(&v))
                .is_some_and(|t| matches!(t.shape(), [] | [_] | [1, _]))
        };
        value = match node.op {
            Op::MatMul => {
                let weights = node.inputs[1].and_then(|w| graph.constants.get(&w))?;
                return (weights.shape().len() == 2).then_some(maker);
            }
            Op::Unary(_) => node.inputs[0]?,
            Op::Binary(BinaryOp::Add) if row(node.inputs[1]) => node.inputs[0]?,
            Op::Binary(BinaryOp::Add) if row(node.inputs[0]) => node.inputs[1]?,
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, numbers};
    use crate::{DType, Dim, UnaryOp};

    #[test]
    fn layers_of_flattened_positions_keep_their_axes() {
        let mut g = Graph::new("g");
        let x = g.input("x", DType::F32, vec![Dim::Symbol("n".into()), Dim::Known(3), Dim::Known(4)]);
        let list = |g: &mut Graph, sizes: &[i64]| g.constant(Tensor::from_i64s(sizes.to_vec()));
        let reshape = |g: &mut Graph, x, to| g.push("reshape", Op::Reshape { allow_zero: false }, &[x, to]);
        let (flat, whole) = (list(&mut g, &[-1, 4]), list(&mut g, &[-1, 3, 4]));
        let (w, b) = (g.constant(numbers(&[4, 4], 1)), g.constant(numbers(&[1, 4], 2)));
        let y = reshape(&mut g, x, flat);
        let y = g.push("product", Op::MatMul, &[y, w]);
        let y = g.push("bias", Op::Binary(BinaryOp::Add), &[b, y]);
        let y = reshape(&mut g, y, whole);
        let y = g.push("gelu", Op::Unary(UnaryOp::Gelu { tanh: false }), &[y]);
        // Rows that get other axes.
        let (flat, whole) = (list(&mut g, &[-1, 4]), list(&mut g, &[3, 1, -1, 4]));
        let w = g.constant(numbers(&[4, 4], 3));
        let z = reshape(&mut g, y, flat);
        let z = g.push("product", Op::MatMul, &[z, w]);
        let z = reshape(&mut g, z, whole);
        let z = g.push("tanh", Op::Unary(UnaryOp::Tanh), &[z]);
        // A size that is copied stays where it is.
        let (flat, whole) = (list(&mut g, &[-1, 4]), list(&mut g, &[0, 2, -1]));
        let y = reshape(&mut g, z, flat);
        let y = g.push("product", Op::MatMul, &[y, w]);
        let y = reshape(&mut g, y, whole);
        g.output("y", y);
        for batch in [1, 2] {
            let steps = check(&g, &[("x", numbers(&[batch, 3, 4], 4))]);
            assert!(steps.iter().any(|s| s.contains("linear Gelu")), "{steps:?}");
        }
    }
}
