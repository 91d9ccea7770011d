//! Groups of nodes that stand for one operator.

use std::collections::HashMap;

use super::edit::{floats, makers, uses};
use crate::{BinaryOp, DType, Graph, Node, Op, Padding, Tensor, UnaryOp, ValueId};

/// Adds a constant a channel to the bias of the convolution before it, where nothing else reads what lies between.
pub fn fold_bias(graph: &mut Graph) {
    let (uses, makers) = (uses(graph), makers(graph));
    for at in 0..graph.nodes.len() {
        let node = &graph.nodes[at];
        let (Op::Binary(BinaryOp::Add), [Some(a), Some(b)]) = (&node.op, &node.inputs[..]) else { continue };
        let found = [(*a, *b), (*b, *a)].into_iter().find_map(|(x, added)| {
            let maker = *makers.get(&x).filter(|_| uses.get(&x) == Some(&1))?;
            let producer = &graph.nodes[maker];
            let channels = channels(graph, producer)?;
            let added = graph.constants.get(&added).filter(|t| t.dtype() == DType::F32)?;
            let fits = matches!(added.shape(), [1, c, 1, 1] | [c, 1, 1] if *c == channels);
            let own = match producer.inputs.get(2).copied().flatten() {
                Some(own) => floats(graph, Some(own)).filter(|b| b.len() == channels)?.to_vec(),
                None => vec![0.0; channels],
            };
            let sum = own.iter().zip(added.as_f32()?).map(|(a, b)| a + b).collect();
            (fits && maker < at).then(|| Some((maker, x, Tensor::from_f32(&[channels], sum).ok()?)))?
        });
        let Some((maker, x, bias)) = found else { continue };
        let bias = graph.constant(bias);
        graph.nodes[maker].inputs.resize(3, None);
        graph.nodes[maker].inputs[2] = Some(bias);
        graph.nodes[at].op = Op::Identity;
        graph.nodes[at].inputs = vec![Some(x)];
    }
}

/// Output channels of a convolution of two axes.
pub(super) fn channels(graph: &Graph, node: &Node) -> Option<usize> {
    let weights = weights(graph, node)?;
    match (&node.op, weights.shape()) {
        (Op::Conv { .. }, [outputs, _, _, _]) => Some(*outputs),
        (Op::ConvTranspose { groups, .. }, [_, outputs, _, _]) => Some(outputs * groups),
        _ => None,
    }
}

/// A node's constant weights, as floats or as the bytes that they are made of.
fn weights<'a>(graph: &'a Graph, node: &Node) -> Option<&'a Tensor> {
    let value = node.inputs.get(1).copied().flatten()?;
    graph.constants.get(&value).or_else(|| {
        let made = |n: &&Node| n.outputs.first() == Some(&Some(value));
        let maker = graph.nodes.iter().filter(|n| matches!(n.op, Op::DequantizeLinear { .. })).find(made)?;
        graph.constants.get(&maker.inputs.first().copied().flatten()?)
    })
}

/// `x (1 + erf(x / sqrt 2)) / 2`, its factors in any order, becomes GELU.
pub fn fuse_gelu(graph: &mut Graph) {
    let (uses, makers) = (uses(graph), makers(graph));
    let found: Vec<(usize, ValueId)> = graph
        .nodes
        .iter()
        .enumerate()
        .filter_map(|(at, node)| Some((at, gelu(graph, node, &uses, &makers)?)))
        .collect();
    for (at, x) in found {
        graph.nodes[at].op = Op::Unary(UnaryOp::Gelu { tanh: false });
        graph.nodes[at].inputs = vec![Some(x)];
    }
}

/// The operand of GELU that ends with this product.
fn gelu(
    graph: &Graph,
    node: &Node,
    uses: &HashMap<ValueId, usize>,
    makers: &HashMap<ValueId, usize>,
) -> Option<ValueId> {
    let scalar = |v: ValueId| floats(graph, Some(v)).filter(|t| t.len() == 1).map(|t| t[0]);
    let is = |v: ValueId, number: f32| scalar(v).is_some_and(|s| (s - number).abs() < 1e-6);
    let made = |v: ValueId, op: Op| {
        let maker = &graph.nodes[*makers.get(&v)?];
        (maker.op == op).then_some(&maker.inputs)
    };
    let pair = |inputs: &[Option<ValueId>]| match inputs {
        [Some(a), Some(b)] => Some([*a, *b]),
        _ => None,
    };
    let product = Op::Binary(BinaryOp::Mul);
    if node.op != product {
        return None;
    }
    let [a, b] = pair(&node.inputs)?;
    let factors = [(a, b), (b, a)].into_iter().find_map(|(inner, other)| {
        let alone = uses.get(&inner) == Some(&1);
        let [c, d] = pair(made(inner, product.clone()).filter(|_| alone)?)?;
        Some([c, d, other])
    })?;
    let half = factors.iter().position(|f| is(*f, 0.5))?;
    let rest: Vec<ValueId> = (0..3).filter(|i| *i != half).map(|i| factors[i]).collect();
    [(rest[0], rest[1]), (rest[1], rest[0])].into_iter().find_map(|(x, gate)| {
        let [c, d] = pair(made(gate, Op::Binary(BinaryOp::Add))?)?;
        let erf = if is(c, 1.0) { d } else { Some(c).filter(|_| is(d, 1.0))? };
        let scaled = (*made(erf, Op::Unary(UnaryOp::Erf))?.first()?)?;
        let divided = made(scaled, Op::Binary(BinaryOp::Div))
            .and_then(|i| pair(i))
            .is_some_and(|[a, b]| a == x && is(b, std::f32::consts::SQRT_2));
        let multiplied = made(scaled, product.clone()).and_then(|i| pair(i)).is_some_and(|[a, b]| {
            (a == x && is(b, std::f32::consts::FRAC_1_SQRT_2))
                || (b == x && is(a, std::f32::consts::FRAC_1_SQRT_2))
        });
        (divided || multiplied).then_some(x)
    })
}

/// Padding that keeps the size becomes explicit where it is the same for every size.
pub fn explicit_padding(graph: &mut Graph) {
    for at in 0..graph.nodes.len() {
        let node = &graph.nodes[at];
        let kernel = match (&node.op, weights(graph, node)) {
            (Op::Conv { .. }, Some(w)) => w.shape().get(2..).map(<[usize]>::to_vec),
            (Op::MaxPool { kernel, .. } | Op::AveragePool { kernel, .. }, _) => Some(kernel.clone()),
            _ => None,
        };
        let (
            Some(kernel),
            Op::Conv { strides, dilations, padding, .. }
            | Op::MaxPool { strides, dilations, padding, .. }
            | Op::AveragePool { strides, dilations, padding, .. },
        ) = (kernel, &mut graph.nodes[at].op)
        else {
            continue;
        };
        let whole =
            kernel.len() == strides.len() && kernel.len() == dilations.len() && kernel.iter().all(|k| *k > 0);
        if !whole || strides.iter().any(|s| *s != 1) {
            continue;
        }
        let around = kernel.iter().zip(dilations.iter()).map(|(k, d)| d * (k - 1));
        let (less, more): (Vec<usize>, Vec<usize>) = around.map(|n| (n / 2, n - n / 2)).unzip();
        *padding = match padding {
            Padding::SameUpper => Padding::Explicit([less, more].concat()),
            Padding::SameLower => Padding::Explicit([more, less].concat()),
            Padding::Explicit(_) => continue,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dim, Session};

    fn graph() -> (Graph, ValueId) {
        let mut graph = Graph::new("test");
        let x = graph.input("x", DType::F32, vec![Dim::Known(1), Dim::Known(2), Dim::Unknown, Dim::Unknown]);
        (graph, x)
    }

    fn conv(padding: Padding) -> Op {
        Op::Conv { strides: vec![1, 1], dilations: vec![1, 1], padding, groups: 1 }
    }

    fn run(graph: Graph) -> Vec<f32> {
        let values = (0..24).map(|i| i as f32 / 6.0 - 2.0).collect();
        let x = Tensor::from_f32(&[1, 2, 3, 4], values).unwrap();
        Session::new(graph).unwrap().run(&[("x", x)]).unwrap()[0].as_f32().unwrap().to_vec()
    }

    #[test]
    fn a_constant_a_channel_becomes_a_bias() {
        let (mut g, x) = graph();
        let w = g.constant(Tensor::from_f32(&[1, 2, 1, 1], vec![1.0, 2.0]).unwrap());
        let b = g.constant(Tensor::from_f32(&[1, 1, 1, 1], vec![0.5]).unwrap());
        let y = g.push("conv", conv(Padding::Explicit(vec![0; 4])), &[x, w]);
        let y = g.push("add", Op::Binary(BinaryOp::Add), &[b, y]);
        g.output("y", y);
        let mut fused = g.clone();
        fold_bias(&mut fused);
        assert_eq!(fused.nodes[0].inputs.len(), 3);
        assert_eq!(fused.nodes[1].op, Op::Identity);
        assert_eq!(run(fused)[0], -2.0 + 2.0 * 0.0 + 0.5);
    }

    #[test]
    fn gelu_is_found_in_every_order_of_its_factors() {
        for order in 0..3 {
            let (mut g, x) = graph();
            let number = |g: &mut Graph, v: f32| g.constant(Tensor::scalar(v));
            let (root, one, half) =
                (number(&mut g, std::f32::consts::SQRT_2), number(&mut g, 1.0), number(&mut g, 0.5));
            let binary = |g: &mut Graph, op, a, b| g.push("n", Op::Binary(op), &[a, b]);
            let scaled = binary(&mut g, BinaryOp::Div, x, root);
            let erf = g.push("erf", Op::Unary(UnaryOp::Erf), &[scaled]);
            let gate = binary(&mut g, BinaryOp::Add, erf, one);
            let factors = [x, gate, half];
            let (a, b, c) = (factors[order], factors[(order + 1) % 3], factors[(order + 2) % 3]);
            let inner = binary(&mut g, BinaryOp::Mul, a, b);
            let y = binary(&mut g, BinaryOp::Mul, c, inner);
            g.output("y", y);
            let mut fused = g.clone();
            fuse_gelu(&mut fused);
            let last = fused.nodes.last().unwrap();
            assert_eq!(
                (&last.op, &last.inputs[..]),
                (&Op::Unary(UnaryOp::Gelu { tanh: false }), &[Some(x)][..])
            );
            let got = run(fused);
            for (i, got) in got.iter().enumerate() {
                let v = i as f64 / 6.0 - 2.0;
                let expected = 0.5 * v * (1.0 + libm::erf(v / std::f64::consts::SQRT_2));
                assert!((f64::from(*got) - expected).abs() < 1e-5, "{got} is not {expected}");
            }
        }
    }

    #[test]
    fn padding_that_keeps_the_size_is_written_out() {
        let (mut g, x) = graph();
        let w = g.constant(Tensor::from_f32(&[1, 2, 2, 3], vec![1.0; 12]).unwrap());
        let y = g.push("conv", conv(Padding::SameUpper), &[x, w]);
        g.output("y", y);
        explicit_padding(&mut g);
        assert_eq!(g.nodes[0].op, conv(Padding::Explicit(vec![0, 1, 1, 1])));
        assert_eq!(run(g).len(), 12);
    }
}
