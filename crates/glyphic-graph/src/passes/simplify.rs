//! Nodes that only move elements, or do nothing.

use std::collections::BTreeMap;

use super::edit::{makers, replace, uses};
use crate::{
    Dim, Graph, Op, Result, Tensor, ValueId,
    infer::{Fact, infer},
};

/// Removes nodes that give back their operand, and joins transpositions and reshapes that follow each other.
///
/// # Errors
/// Those of [`infer`].
pub fn simplify(graph: &mut Graph) -> Result<()> {
    let facts = infer(graph)?;
    let (uses, makers) = (uses(graph), makers(graph));
    let mut replaced: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    for at in 0..graph.nodes.len() {
        let node = &graph.nodes[at];
        let (Some(Some(x)), [Some(y)]) = (node.inputs.first().copied(), &node.outputs[..]) else { continue };
        let (y, fact) = (*y, facts.get(&x));
        if nothing(graph, &node.op, node.inputs.get(1).copied().flatten(), fact, facts.get(&y)) {
            replaced.insert(y, x);
            continue;
        }
        // What comes before, where only this node reads it.
        let Some(before) = makers.get(&x).copied().filter(|b| *b < at && uses.get(&x) == Some(&1)) else {
            continue;
        };
        let Some(source) = graph.nodes[before].inputs.first().copied().flatten() else { continue };
        match (&graph.nodes[before].op, &node.op) {
            (Op::Transpose { perm: first }, Op::Transpose { perm: second }) => {
                let rank = first.len().max(second.len());
                let full = |p: &[usize]| if p.is_empty() { (0..rank).rev().collect() } else { p.to_vec() };
                let (first, second) = (full(first), full(second));
                if rank == 0 || first.len() != second.len() || second.iter().any(|p| *p >= rank) {
                    continue;
                }
                let perm = second.iter().map(|p| first[*p]).collect();
                graph.nodes[at].op = Op::Transpose { perm };
                graph.nodes[at].inputs[0] = Some(source);
            }
            // Of two shapes the last one counts, unless it copies from the first.
            (
                Op::Reshape { .. } | Op::Flatten { .. } | Op::Squeeze | Op::Unsqueeze,
                Op::Reshape { allow_zero },
            ) => {
                let to = node
                    .inputs
                    .get(1)
                    .copied()
                    .flatten()
                    .and_then(|v| graph.constants.get(&v))
                    .and_then(Tensor::to_i64s);
                if to.is_some_and(|to| *allow_zero || !to.contains(&0)) {
                    graph.nodes[at].inputs[0] = Some(source);
                }
            }
            // Softmax of old opsets: over the last axis it needs no flattening.
            (Op::Softmax { .. } | Op::LogSoftmax { .. }, Op::Reshape { .. }) => {
                let Some(axis) = flattened(graph, &facts, &makers, &uses, before, at) else { continue };
                let inner = graph.nodes[before].op.clone();
                graph.nodes[at].op = match inner {
                    Op::Softmax { .. } => Op::Softmax { axis: -1 },
                    _ => Op::LogSoftmax { axis: -1 },
                };
                graph.nodes[at].inputs = vec![Some(axis)];
            }
            _ => {}
        }
    }
    let gone: Vec<ValueId> = replaced.keys().copied().collect();
    replace(graph, &replaced);
    graph.nodes.retain(|n| !matches!(n.outputs[..], [Some(o)] if gone.contains(&o)));
    super::edit::remove_dead_code(graph);
    Ok(())
}

/// The operand of `Reshape(Softmax(Flatten(x)), Shape(x))` where the flattening keeps the last axis as it is.
fn flattened(
    graph: &Graph,
    facts: &BTreeMap<ValueId, Fact>,
    makers: &std::collections::HashMap<ValueId, usize>,
    uses: &std::collections::HashMap<ValueId, usize>,
    softmax: usize,
    reshape: usize,
) -> Option<ValueId> {
    let flat = graph.nodes[softmax].inputs.first().copied().flatten()?;
    let flatten = &graph.nodes[*makers.get(&flat)?];
    let Op::Flatten { axis } = flatten.op else { return None };
    let x = flatten.inputs.first().copied().flatten()?;
    let rank = facts.get(&x)?.shape.as_ref()?.len() as i64;
    let over = |op: &Op| matches!(op, Op::Softmax { axis: 1 | -1 } | Op::LogSoftmax { axis: 1 | -1 });
    if (axis != rank - 1 && axis != -1) || !over(&graph.nodes[softmax].op) || uses.get(&flat) != Some(&1) {
        return None;
    }
    let to = graph.nodes[reshape].inputs.get(1).copied().flatten()?;
    let restores = match (graph.constants.get(&to).and_then(Tensor::to_i64s), facts.get(&x)?.known_shape()) {
        (Some(to), Some(shape)) => {
            to.iter().map(|t| usize::try_from(*t).ok()).eq(shape.into_iter().map(Some))
        }
        _ => {
            let maker = &graph.nodes[*makers.get(&to)?];
            maker.op == Op::Shape { start: 0, end: None } && maker.inputs == [Some(x)]
        }
    };
    restores.then_some(x)
}

/// Whether an operator gives back its first operand.
fn nothing(graph: &Graph, op: &Op, second: Option<ValueId>, x: Option<&Fact>, y: Option<&Fact>) -> bool {
    let same_shape = || match (x.and_then(|x| x.shape.as_ref()), y.and_then(|y| y.shape.as_ref())) {
        // A symbol is one size; what is unknown twice may be two.
        (Some(a), Some(b)) => a == b && !a.contains(&Dim::Unknown),
        _ => false,
    };
    match op {
        Op::Identity => true,
        Op::Cast { to } => x.is_some_and(|x| x.dtype == *to),
        Op::Transpose { perm } => !perm.is_empty() && perm.iter().enumerate().all(|(i, p)| i == *p),
        Op::Reshape { .. } | Op::Flatten { .. } | Op::Expand => same_shape(),
        Op::Concat { .. } => second.is_none(),
        Op::Pad { .. } => second
            .and_then(|p| graph.constants.get(&p))
            .and_then(Tensor::to_i64s)
            .is_some_and(|p| p.iter().all(|p| *p == 0)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Session, UnaryOp};

    fn graph() -> (Graph, ValueId) {
        let mut g = Graph::new("g");
        let x = g.input("x", DType::F32, vec![Dim::Symbol("n".into()), Dim::Known(2), Dim::Known(3)]);
        (g, x)
    }

    fn ops(g: &Graph) -> Vec<&'static str> {
        g.nodes.iter().map(|n| n.op.name()).collect()
    }

    #[test]
    fn what_gives_back_its_operand_goes() {
        let (mut g, x) = graph();
        let y = g.push("identity", Op::Identity, &[x]);
        let y = g.push("cast", Op::Cast { to: DType::F32 }, &[y]);
        let y = g.push("transpose", Op::Transpose { perm: vec![0, 1, 2] }, &[y]);
        let y = g.push("relu", Op::Unary(UnaryOp::Relu), &[y]);
        let y = g.push("last", Op::Identity, &[y]);
        g.output("y", y);
        simplify(&mut g).unwrap();
        assert_eq!(ops(&g), ["Relu"]);
        assert_eq!(g.nodes[0].inputs, [Some(x)]);
        assert_eq!(g.outputs[0].value, g.nodes[0].outputs[0].unwrap());
    }

    #[test]
    fn two_transpositions_are_one_or_none() {
        let (mut g, x) = graph();
        let y = g.push("a", Op::Transpose { perm: vec![1, 2, 0] }, &[x]);
        let y = g.push("b", Op::Transpose { perm: vec![0, 2, 1] }, &[y]);
        g.output("y", y);
        simplify(&mut g).unwrap();
        assert_eq!(g.nodes.len(), 1);
        assert_eq!(g.nodes[0].op, Op::Transpose { perm: vec![1, 0, 2] });

        let (mut g, x) = graph();
        let y = g.push("a", Op::Transpose { perm: vec![1, 2, 0] }, &[x]);
        let y = g.push("b", Op::Transpose { perm: vec![2, 0, 1] }, &[y]);
        let y = g.push("relu", Op::Unary(UnaryOp::Relu), &[y]);
        g.output("y", y);
        crate::passes::optimize(&mut g).unwrap();
        assert_eq!(ops(&g), ["Relu"]);
    }

    #[test]
    fn of_two_reshapes_the_last_stays() {
        let (mut g, x) = graph();
        let flat = g.constant(Tensor::from_i64s(vec![-1]));
        let to = g.constant(Tensor::from_i64s(vec![3, -1]));
        let y = g.push("a", Op::Reshape { allow_zero: false }, &[x, flat]);
        let y = g.push("b", Op::Reshape { allow_zero: false }, &[y, to]);
        g.output("y", y);
        simplify(&mut g).unwrap();
        assert_eq!(g.nodes.len(), 1);
        assert_eq!(g.nodes[0].inputs[0], Some(x));
    }

    #[test]
    fn softmax_of_an_old_opset_over_the_last_axis_is_softmax() {
        let (mut g, x) = graph();
        let shape = g.push("shape", Op::Shape { start: 0, end: None }, &[x]);
        let flat = g.push("flatten", Op::Flatten { axis: 2 }, &[x]);
        let y = g.push("softmax", Op::Softmax { axis: 1 }, &[flat]);
        let y = g.push("reshape", Op::Reshape { allow_zero: true }, &[y, shape]);
        g.output("y", y);
        let session = Session::new(g).unwrap();
        assert_eq!(ops(session.graph()), ["Softmax"]);
        let x = Tensor::from_f32(&[1, 2, 3], vec![0., 0., 0., 1., 1., 1.]).unwrap();
        let y = session.run(&[("x", x)]).unwrap();
        assert!(y[0].as_f32().unwrap().iter().all(|v| (v - 1. / 3.).abs() < 1e-6));
    }
}
