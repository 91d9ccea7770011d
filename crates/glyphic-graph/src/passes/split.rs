//! Convolutions of joined maps.

use super::edit::{makers, uses};
use crate::{
    BinaryOp, DType, Dim, Graph, Interpolation, Node, Op, Padding, Result, Tensor, ValueId, infer::infer,
};

/// A convolution of single pixels over joined maps, some of which were resized, becomes a sum of convolutions of the maps before
/// that: resizing and convolving pixels change places, and there are few numbers to resize where the convolution has few outputs.
///
/// # Errors
/// Those of [`infer`].
pub fn split_convolutions(graph: &mut Graph) -> Result<()> {
    if !graph.nodes.iter().any(|n| matches!(n.op, Op::Resize { .. })) {
        return Ok(());
    }
    let facts = infer(graph)?;
    let (uses, makers) = (uses(graph), makers(graph));
    let channels = |value: ValueId| match facts.get(&value)?.shape.as_deref()? {
        [_, Dim::Known(channels), _, _] => Some(*channels),
        _ => None,
    };
    let found: Vec<(usize, Vec<Part>)> = graph
        .nodes
        .iter()
        .enumerate()
        .filter_map(|(at, node)| {
            let weights = graph.constants.get(&pixels(graph, node)?)?;
            let joined = node.inputs[0].filter(|x| uses.get(x) == Some(&1))?;
            let concat = &graph.nodes[*makers.get(&joined)?];
            if !matches!(concat.op, Op::Concat { axis: 1 | -3 }) || concat.inputs.len() < 2 {
                return None;
            }
            let mut parts = Vec::with_capacity(concat.inputs.len());
            for input in concat.inputs.iter().copied() {
                let own = channels(input?)?;
                let alone = uses.get(&input?) == Some(&1);
                let resize =
                    makers.get(&input?).copied().filter(|i| alone && enlarges(graph, &graph.nodes[*i]));
                let source = resize.map_or(input, |i| graph.nodes[i].inputs[0])?;
                parts.push(Part { source, resize, channels: own });
            }
            let [outputs, inputs, ..] = *weights.shape() else { return None };
            let total: usize = parts.iter().map(|p| p.channels).sum();
            let pays = parts.iter().any(|p| p.resize.is_some() && 2 * outputs <= p.channels);
            (pays && total == inputs).then_some((at, parts))
        })
        .collect();
    // From the last on, so that indices stay.
    for (at, parts) in found.into_iter().rev() {
        let nodes = sum(graph, at, &parts);
        graph.nodes.splice(at..=at, nodes);
    }
    Ok(())
}

/// A map that is joined with others.
struct Part {
    /// What it is before it is resized.
    source: ValueId,
    /// The node that resizes it.
    resize: Option<usize>,
    channels: usize,
}

/// The weights of a convolution of single pixels.
fn pixels(graph: &Graph, node: &Node) -> Option<ValueId> {
    let Op::Conv { strides, padding: Padding::Explicit(pads), groups: 1, .. } = &node.op else { return None };
    let weights = node.inputs.get(1).copied().flatten()?;
    let tensor = graph.constants.get(&weights)?;
    let single = matches!(tensor.shape(), [_, _, 1, 1]) && tensor.dtype() == DType::F32;
    (single && strides.iter().all(|s| *s == 1) && pads.iter().all(|p| *p == 0)).then_some(weights)
}

/// Whether a node enlarges maps by constant factors, each pixel a mix of others whose weights are 1 together.
fn enlarges(graph: &Graph, node: &Node) -> bool {
    let Op::Resize {
        mode: Interpolation::Nearest | Interpolation::Linear,
        exclude_outside: false,
        coordinates,
        ..
    } = &node.op
    else {
        return false;
    };
    let scales =
        node.inputs.get(2).copied().flatten().and_then(|s| graph.constants.get(&s)).and_then(Tensor::as_f32);
    let grows = matches!(scales, Some([batch, channels, y, x]) if [*batch, *channels] == [1.0; 2] && *y >= 1.0 && *x >= 1.0);
    grows
        && node.inputs.get(3).copied().flatten().is_none()
        && *coordinates != crate::CoordinateMode::TfCropAndResize
}

/// The sum of the parts' convolutions; the first one has the bias.
fn sum(graph: &mut Graph, at: usize, parts: &[Part]) -> Vec<Node> {
    let node = graph.nodes[at].clone();
    let weights = node.inputs[1].and_then(|w| graph.constants.get(&w)).cloned();
    let (values, [outputs, inputs, ..]) = match weights.as_ref().map(|w| (w.as_f32(), w.shape())) {
        Some((Some(values), &[outputs, inputs, _, _])) => (values, [outputs, inputs, 1, 1]),
        _ => return vec![node],
    };
    let (mut nodes, mut total, mut first): (Vec<Node>, Option<ValueId>, usize) = (Vec::new(), None, 0);
    for (i, part) in parts.iter().enumerate() {
        let own: Vec<f32> =
            (0..outputs).flat_map(|o| &values[o * inputs + first..][..part.channels]).copied().collect();
        first += part.channels;
        let own = graph.constant(Tensor::of(&[outputs, part.channels, 1, 1], own));
        let mut operands = vec![Some(part.source), Some(own)];
        operands.extend(node.inputs.get(2).copied().filter(|_| i == 0));
        let mut push = |graph: &mut Graph, what: &str, op: Op, inputs: Vec<Option<ValueId>>| {
            let value = graph.value();
            nodes.push(Node {
                name: format!("{}.{what}.{i}", node.name),
                op,
                inputs,
                outputs: vec![Some(value)],
            });
            value
        };
        let mut value = push(graph, "part", node.op.clone(), operands);
        if let Some(resize) = part.resize {
            let Node { op, inputs, .. } = graph.nodes[resize].clone();
            value = push(
                graph,
                "resize",
                op,
                std::iter::once(Some(value)).chain(inputs[1..].iter().copied()).collect(),
            );
        }
        total = Some(match total {
            None => value,
            Some(total) => push(graph, "sum", Op::Binary(BinaryOp::Add), vec![Some(total), Some(value)]),
        });
    }
    // The last node makes what the convolution made.
    if let Some(last) = nodes.last_mut() {
        last.name.clone_from(&node.name);
        last.outputs = node.outputs;
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, numbers};
    use crate::{CoordinateMode, NearestMode};

    fn resize(mode: Interpolation) -> Op {
        Op::Resize {
            mode,
            coordinates: if mode == Interpolation::Linear {
                CoordinateMode::HalfPixel
            } else {
                CoordinateMode::Asymmetric
            },
            nearest: NearestMode::Floor,
            cubic_a: -0.75,
            exclude_outside: false,
            extrapolation: 0.0,
        }
    }

    /// Three maps of one size, two of them enlarged.
    fn graph(outputs: usize) -> Graph {
        let mut g = Graph::new("g");
        let size = |n: usize, name: &str| {
            vec![
                Dim::Symbol("n".into()),
                Dim::Known(n),
                Dim::Symbol(format!("{name}h")),
                Dim::Symbol(format!("{name}w")),
            ]
        };
        let (a, b, c) = (
            g.input("a", DType::F32, size(8, "a")),
            g.input("b", DType::F32, size(20, "b")),
            g.input("c", DType::F32, size(9, "c")),
        );
        let enlarged = |g: &mut Graph, x: ValueId, factor: f32, mode: Interpolation| {
            let scales = g.constant(Tensor::from_f32(&[4], vec![1.0, 1.0, factor, factor]).unwrap());
            let value = g.value();
            let inputs = vec![Some(x), None, Some(scales)];
            g.nodes.push(Node {
                name: "resize".into(),
                op: resize(mode),
                inputs,
                outputs: vec![Some(value)],
            });
            value
        };
        let b = enlarged(&mut g, b, 2.0, Interpolation::Linear);
        let c = enlarged(&mut g, c, 3.0, Interpolation::Nearest);
        let joined = g.push("joined", Op::Concat { axis: 1 }, &[a, b, c]);
        let (w, bias) = (g.constant(numbers(&[outputs, 37, 1, 1], 5)), g.constant(numbers(&[outputs], 6)));
        let conv = Op::Conv {
            strides: vec![1, 1],
            dilations: vec![1, 1],
            padding: Padding::Explicit(vec![0; 4]),
            groups: 1,
        };
        let y = g.push("conv", conv, &[joined, w, bias]);
        g.output("y", y);
        g
    }

    #[test]
    fn a_sum_of_small_convolutions_equals_one_of_joined_maps() {
        for (outputs, split) in [(3, true), (11, false)] {
            let plain = graph(outputs);
            let mut changed = plain.clone();
            split_convolutions(&mut changed).unwrap();
            super::super::remove_dead_code(&mut changed);
            assert_eq!(
                !changed.nodes.iter().any(|n| matches!(n.op, Op::Concat { .. })),
                split,
                "{outputs} outputs"
            );
            let inputs = [
                ("a", numbers(&[2, 8, 6, 12], 1)),
                ("b", numbers(&[2, 20, 3, 6], 2)),
                ("c", numbers(&[2, 9, 2, 4], 3)),
            ];
            check(&plain, &inputs);
        }
    }
}
