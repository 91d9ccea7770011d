//! Batch norm goes into what comes before it.

use std::collections::BTreeMap;

use super::edit::{floats, makers, replace, uses};
use crate::{Graph, Op, Tensor, ValueId};

/// Multiplies batch norm into the weights of a convolution, transposed convolution or product before it, where nothing
/// else reads what lies between.
pub fn fold_batch_norm(graph: &mut Graph) {
    let (uses, makers) = (uses(graph), makers(graph));
    let mut replaced = BTreeMap::new();
    for at in 0..graph.nodes.len() {
        let node = &graph.nodes[at];
        let Op::BatchNorm { epsilon } = node.op else { continue };
        let (Some(Some(x)), Some(Some(y))) = (node.inputs.first().copied(), node.outputs.first().copied())
        else {
            continue;
        };
        let Some(producer) = makers.get(&x).copied() else { continue };
        if uses.get(&x) != Some(&1) || producer >= at {
            continue;
        }
        let operand = |i: usize| floats(graph, node.inputs.get(i).copied().flatten());
        let (Some(gain), Some(bias), Some(mean), Some(variance)) =
            (operand(1), operand(2), operand(3), operand(4))
        else {
            continue;
        };
        let channels = gain.len();
        if [bias.len(), mean.len(), variance.len()] != [channels; 3] {
            continue;
        }
        let factors: Vec<f64> = (0..channels)
            .map(|c| f64::from(gain[c]) / (f64::from(variance[c]) + f64::from(epsilon)).sqrt())
            .collect();
        let shifts: Vec<f64> =
            (0..channels).map(|c| f64::from(bias[c]) - f64::from(mean[c]) * factors[c]).collect();
        if let Some((weights, bias)) = scaled(graph, producer, &factors, &shifts) {
            let (w, b) = (named(graph, producer, 1), named(graph, producer, 2));
            let w = constant(graph, w, weights);
            let b = constant(graph, b, bias);
            let producer = &mut graph.nodes[producer];
            producer.inputs.resize(3, None);
            producer.inputs[1] = Some(w);
            producer.inputs[2] = Some(b);
            // Norm's own result takes over, so that its name stays.
            replaced.insert(y, x);
            graph.nodes[at].op = Op::Identity;
            graph.nodes[at].inputs.truncate(1);
        }
    }
    let folded: Vec<ValueId> = replaced.keys().copied().collect();
    replace(graph, &replaced);
    graph.nodes.retain(|n| !n.outputs.first().copied().flatten().is_some_and(|o| folded.contains(&o)));
}

fn named(graph: &Graph, node: usize, operand: usize) -> Option<String> {
    graph.nodes[node].inputs.get(operand).copied().flatten().and_then(|v| graph.names.get(&v).cloned())
}

fn constant(graph: &mut Graph, name: Option<String>, tensor: Tensor) -> ValueId {
    match name {
        Some(name) => graph.parameter(name, tensor),
        None => graph.constant(tensor),
    }
}

/// The weights and bias of a node times a factor a channel of its output, plus a shift.
fn scaled(graph: &Graph, node: usize, factors: &[f64], shifts: &[f64]) -> Option<(Tensor, Tensor)> {
    let node = &graph.nodes[node];
    let tensor = |i: usize| graph.constants.get(&node.inputs.get(i).copied().flatten()?);
    let weights = tensor(1)?;
    let values = weights.as_f32()?;
    let channels = factors.len();
    let shape = weights.shape();
    // Which output channel each weight belongs to.
    let channel: Box<dyn Fn(usize) -> usize> = match &node.op {
        Op::Conv { .. } => {
            if shape.first() != Some(&channels) || shape.len() < 3 {
                return None;
            }
            let each = values.len() / channels.max(1);
            Box::new(move |i| i / each)
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
            Box::new(move |i| i / (taps * outputs) / each * outputs + i / taps % outputs)
        }
        Op::Gemm { alpha, beta, trans_b, .. } => {
            let [rows, columns] = *shape else { return None };
            let outputs = if *trans_b { rows } else { columns };
            if outputs != channels || *alpha != 1. || *beta != 1. {
                return None;
            }
            if *trans_b { Box::new(move |i| i / columns) } else { Box::new(move |i| i % columns) }
        }
        _ => return None,
    };
    let bias: Vec<f64> = match node.inputs.get(2).copied().flatten() {
        None => vec![0.; channels],
        Some(_) => {
            let bias = tensor(2)?.as_f32()?;
            (bias.len() == channels).then(|| bias.iter().map(|b| f64::from(*b)).collect())?
        }
    };
    let scaled =
        values.iter().enumerate().map(|(i, w)| (f64::from(*w) * factors[channel(i)]) as f32).collect();
    let bias = (0..channels).map(|c| (bias[c] * factors[c] + shifts[c]) as f32).collect();
    Some((Tensor::from_f32(shape, scaled).ok()?, Tensor::from_f32(&[channels], bias).ok()?))
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
