//! Batch norm, and products with a number a channel, go into what comes before them.

use std::collections::{BTreeMap, HashMap};

use super::edit::{floats, makers, replace, uses};
use super::fuse::channels;
use crate::{BinaryOp, Graph, Node, Op, Tensor, ValueId};

/// Multiplies batch norm, or a constant number a channel, into the weights of a convolution, transposed convolution or product
/// before it, where nothing else reads what lies between. Of weights in bytes their scales are multiplied.
pub fn fold_batch_norm(graph: &mut Graph) {
    let (uses, makers) = (uses(graph), makers(graph));
    let alone = |value: &ValueId| uses.get(value) == Some(&1);
    let mut replaced = BTreeMap::new();
    for at in 0..graph.nodes.len() {
        let node = &graph.nodes[at];
        let Some(y) = node.outputs.first().copied().flatten() else { continue };
        let found = affine(graph, node).and_then(|(x, affine)| {
            let producer = *makers.get(&x).filter(|producer| **producer < at && alone(&x))?;
            // A number a channel has the axes of a picture.
            if matches!(node.op, Op::Binary(_)) && channels(graph, &graph.nodes[producer]).is_none() {
                return None;
            }
            Some((x, scaled(graph, producer, &affine, &makers, &alone)?))
        });
        let Some((x, scaled)) = found else { continue };
        for (node, operand, tensor) in scaled {
            let value = match named(graph, node, operand) {
                Some(name) => graph.parameter(name, tensor),
                None => graph.constant(tensor),
            };
            let inputs = &mut graph.nodes[node].inputs;
            inputs.resize(inputs.len().max(operand + 1), None);
            inputs[operand] = Some(value);
        }
        // Norm's own result takes over, so that its name stays.
        replaced.insert(y, x);
        graph.nodes[at].op = Op::Identity;
        graph.nodes[at].inputs = vec![Some(x)];
    }
    let folded: Vec<ValueId> = replaced.keys().copied().collect();
    replace(graph, &replaced);
    graph.nodes.retain(|n| !n.outputs.first().copied().flatten().is_some_and(|o| folded.contains(&o)));
}

/// A factor and a shift a channel.
struct Affine {
    factors: Vec<f64>,
    shifts: Vec<f64>,
}

/// The operand of batch norm, or of a product with a constant a channel, and what becomes of it.
fn affine(graph: &Graph, node: &Node) -> Option<(ValueId, Affine)> {
    let operand = |i: usize| node.inputs.get(i).copied().flatten();
    match node.op {
        Op::BatchNorm { epsilon } => {
            let [gain, bias, mean, variance] = [1, 2, 3, 4].map(|i| floats(graph, operand(i)));
            let (gain, bias, mean, variance) = (gain?, bias?, mean?, variance?);
            let channels = gain.len();
            if [bias.len(), mean.len(), variance.len()] != [channels; 3] {
                return None;
            }
            let factors: Vec<f64> = (0..channels)
                .map(|c| f64::from(gain[c]) / (f64::from(variance[c]) + f64::from(epsilon)).sqrt())
                .collect();
            let shifts =
                (0..channels).map(|c| f64::from(bias[c]) - f64::from(mean[c]) * factors[c]).collect();
            Some((operand(0)?, Affine { factors, shifts }))
        }
        Op::Binary(BinaryOp::Mul) => [(0, 1), (1, 0)].into_iter().find_map(|(x, factors)| {
            let factors = graph.constants.get(&operand(factors)?)?;
            if !matches!(factors.shape(), [1, _, 1, 1] | [_, 1, 1]) {
                return None;
            }
            let factors: Vec<f64> = factors.as_f32()?.iter().map(|f| f64::from(*f)).collect();
            let shifts = vec![0.0; factors.len()];
            Some((operand(x)?, Affine { factors, shifts }))
        }),
        _ => None,
    }
}

fn named(graph: &Graph, node: usize, operand: usize) -> Option<String> {
    graph.nodes[node].inputs.get(operand).copied().flatten().and_then(|v| graph.names.get(&v).cloned())
}

/// The weights, or their scales, and the bias of a node times a factor a channel of its output, plus a shift: which operand of which node
/// each is.
fn scaled(
    graph: &Graph,
    producer: usize,
    Affine { factors, shifts }: &Affine,
    makers: &HashMap<ValueId, usize>,
    alone: &impl Fn(&ValueId) -> bool,
) -> Option<[(usize, usize, Tensor); 2]> {
    let node = &graph.nodes[producer];
    let operand = |i: usize| node.inputs.get(i).copied().flatten();
    let channels = factors.len();
    let bias: Vec<f64> = match operand(2) {
        None => vec![0.; channels],
        bias => {
            let bias = floats(graph, bias).filter(|bias| bias.len() == channels)?;
            bias.iter().map(|b| f64::from(*b)).collect()
        }
    };
    let bias = (0..channels).map(|c| (bias[c] * factors[c] + shifts[c]) as f32).collect();
    let bias = (producer, 2, Tensor::from_f32(&[channels], bias).ok()?);
    let weights = operand(1)?;
    if let Some(maker) = makers.get(&weights).copied() {
        let (Op::DequantizeLinear { axis: 0 }, Op::Conv { .. }) = (&graph.nodes[maker].op, &node.op) else {
            return None;
        };
        let scales = floats(graph, graph.nodes[maker].inputs.get(1).copied().flatten())?;
        if scales.len() != channels || !alone(&weights) {
            return None;
        }
        let scales = scales.iter().zip(factors).map(|(s, factor)| (f64::from(*s) * factor) as f32).collect();
        return Some([(maker, 1, Tensor::from_f32(&[channels], scales).ok()?), bias]);
    }
    let weights = graph.constants.get(&weights)?;
    let values = weights.as_f32()?;
    let channel = channel(&node.op, weights.shape(), channels)?;
    let scaled =
        values.iter().enumerate().map(|(i, w)| (f64::from(*w) * factors[channel(i)]) as f32).collect();
    Some([(producer, 1, Tensor::from_f32(weights.shape(), scaled).ok()?), bias])
}

/// Which of a node's output channels each of its weights belongs to.
fn channel(op: &Op, shape: &[usize], channels: usize) -> Option<Box<dyn Fn(usize) -> usize>> {
    match op {
        Op::Conv { .. } => {
            if shape.first() != Some(&channels) || shape.len() < 3 {
                return None;
            }
            let each: usize = shape[1..].iter().product();
            Some(Box::new(move |i| i / each))
        }
        Op::ConvTranspose { groups, .. } => {
            let (&[inputs, outputs], true) = (shape.first_chunk::<2>()?, shape.len() >= 3) else {
                return None;
            };
            if outputs * groups != channels || *groups == 0 || inputs % groups != 0 {
                return None;
            }
            let taps: usize = shape[2..].iter().product();
            let each = inputs / groups;
            Some(Box::new(move |i| i / (taps * outputs) / each * outputs + i / taps % outputs))
        }
        Op::Gemm { alpha, beta, trans_b, .. } => {
            let [rows, columns] = *shape else { return None };
            let outputs = if *trans_b { rows } else { columns };
            if outputs != channels || *alpha != 1. || *beta != 1. {
                return None;
            }
            Some(if *trans_b { Box::new(move |i| i / columns) } else { Box::new(move |i| i % columns) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Dim, Padding, Session};

    /// Numbers without a pattern.
    fn numbers(shape: &[usize], seed: u32) -> Tensor {
        let n = shape.iter().product::<usize>() as u32;
        let value =
            |i: u32| ((i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) % 1000) as f32 / 500. - 1.;
        Tensor::from_f32(shape, (0..n).map(value).collect()).unwrap()
    }

    /// A producer and batch norm after it, run node by node and as a session.
    fn check(op: Op, x: Tensor, weights: &[usize], channels: usize, bias: bool) {
        let mut g = Graph::new("g");
        let input = g.input("x", DType::F32, x.shape().iter().map(|s| Dim::Known(*s)).collect());
        let mut operands = vec![input, g.parameter("w", numbers(weights, 1))];
        if bias {
            operands.push(g.parameter("b", numbers(&[channels], 2)));
        }
        let y = g.push("first", op, &operands);
        let mut norm = vec![y];
        for seed in 3..6 {
            norm.push(g.constant(numbers(&[channels], seed)));
        }
        let variance = numbers(&[channels], 6).as_f32().unwrap().iter().map(|v| v.abs() + 0.1).collect();
        norm.push(g.constant(Tensor::from_f32(&[channels], variance).unwrap()));
        let z = g.push("norm", Op::BatchNorm { epsilon: 1e-5 }, &norm);
        g.output("z", z);

        let operand =
            |g: &Graph, v: &Option<ValueId>, made: &Option<Tensor>| {
                v.map(|v| {
                    if v == input {
                        x.clone()
                    } else {
                        g.constants.get(&v).or(made.as_ref()).unwrap().clone()
                    }
                })
            };
        let mut made = None;
        for node in &g.nodes {
            let inputs = node.inputs.iter().map(|v| operand(&g, v, &made)).collect();
            made = node.run(inputs).unwrap().pop();
        }
        let session = Session::new(g).unwrap();
        assert_eq!(session.graph().nodes.len(), 1);
        let result = session.run(&[("x", x)]).unwrap();
        for (a, b) in made.unwrap().as_f32().unwrap().iter().zip(result[0].as_f32().unwrap()) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }

    #[test]
    fn batch_norm_goes_into_convolutions_and_products() {
        let (strides, dilations, padding) = (vec![1, 1], vec![1, 1], Padding::Explicit(vec![1; 4]));
        let conv = |groups| Op::Conv {
            strides: strides.clone(),
            dilations: dilations.clone(),
            padding: padding.clone(),
            groups,
        };
        check(conv(1), numbers(&[2, 4, 5, 6], 9), &[6, 4, 3, 3], 6, true);
        check(conv(2), numbers(&[1, 4, 5, 6], 9), &[6, 2, 3, 3], 6, false);
        for groups in [1, 2] {
            let op = Op::ConvTranspose {
                strides: vec![2, 2],
                dilations: vec![1, 1],
                padding: Padding::Explicit(vec![0; 4]),
                output_padding: vec![0, 0],
                output_shape: None,
                groups,
            };
            check(op, numbers(&[2, 4, 3, 3], 9), &[4, 6 / groups, 2, 2], 6, groups == 1);
        }
        for trans_b in [false, true] {
            let op = Op::Gemm { alpha: 1., beta: 1., trans_a: false, trans_b };
            check(op, numbers(&[3, 4], 9), if trans_b { &[5, 4] } else { &[4, 5] }, 5, true);
        }
    }
}
