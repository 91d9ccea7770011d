//! Operators on quantised values, as ONNX writes them: `DequantizeLinear` before each operand, `QuantizeLinear` before that.

use std::collections::{HashMap, HashSet};

use super::edit::{floats, makers, uses};
use crate::{DType, Data, Graph, Node, Op, Padding, RnnDirection, Tensor, ValueId};
use glyphic_kernels::{ConvShape, Grid, QuantizedConv, QuantizedProduct};

/// What an operator multiplies bytes of.
#[derive(Debug, Clone)]
pub(crate) struct Quantized {
    /// The value before it is quantised, and the one that comes of it again.
    pub(crate) input: [ValueId; 2],
    pub(crate) grid: Grid,
    pub(crate) weights: Tensor,
    /// Whether the weights are `[outputs, inner]` where the operator multiplies by `[inner, outputs]`.
    pub(crate) transposed: bool,
    /// Of the weights, one an output; of an LSTM one a gate's number, the same in both directions.
    pub(crate) scales: Vec<f32>,
}

/// What is found in a graph.
#[derive(Debug, Default)]
pub(crate) struct Quantization {
    /// By index of the node.
    pub(crate) operators: HashMap<usize, Quantized>,
    /// Nodes that give back a value rounded to a grid, with the value.
    pub(crate) rounds: HashMap<usize, (ValueId, Grid)>,
    /// The values that those make.
    pub(crate) rounded: HashSet<ValueId>,
    /// Nodes that nobody needs as others do their work.
    pub(crate) skipped: HashSet<usize>,
}

impl Quantization {
    /// Finds operators of bytes, and values that are rounded for others.
    pub(crate) fn of(graph: &Graph) -> Self {
        let (makers, uses) = (makers(graph), uses(graph));
        let mut found = Self::default();
        for (at, node) in graph.nodes.iter().enumerate() {
            let quantized = quantized(graph, node, &makers);
            if let Some(quantized) = quantized.filter(|q| has_kernel(graph, node, q)) {
                found.operators.insert(at, quantized);
            } else if let Some(value) = rounded(graph, node, &makers) {
                found.rounds.insert(at, value);
            }
        }
        // What else reads a value than those who do without it.
        let mut left = uses;
        let mut drop_use = |value: ValueId| match left.get_mut(&value) {
            Some(count) => {
                *count -= 1;
                *count == 0
            }
            None => false,
        };
        for at in found.operators.keys() {
            let operands = &graph.nodes[*at].inputs;
            for value in operands.iter().take(2).flatten() {
                let mut value = Some(*value);
                // Transposed weights are made in two steps.
                while let Some(at) = value.filter(|v| drop_use(*v)).and_then(|v| makers.get(&v)) {
                    found.skipped.insert(*at);
                    let node = &graph.nodes[*at];
                    value = if is_turn(&node.op) { operand(node, 0) } else { None };
                }
            }
        }
        for (at, node) in graph.nodes.iter().enumerate() {
            let quantizes = found.rounds.contains_key(&at);
            if let (true, Some(Some(bytes))) = (quantizes, node.inputs.first())
                && drop_use(*bytes)
            {
                found.skipped.extend(makers.get(bytes));
            }
        }
        found.rounds.retain(|at, _| !found.skipped.contains(at));
        let makes = |at: &usize| graph.nodes[*at].outputs.first().copied().flatten();
        found.rounded = found.rounds.keys().filter_map(makes).collect();
        found
    }
}

/// The grid of a scale and a zero point, if there is one of both for all elements; signed bytes are shifted.
fn grid(graph: &Graph, scale: Option<ValueId>, zero: Option<ValueId>) -> Option<Grid> {
    let [scale] = floats(graph, scale)? else { return None };
    let scale = *scale;
    // Its inverse must be finite too.
    if !(f32::MIN_POSITIVE..=1e30).contains(&scale) {
        return None;
    }
    let zero = match zero {
        None => 0,
        Some(zero) => match graph.constants.get(&zero)?.data() {
            Data::U8(v) => *v.first().filter(|_| v.len() == 1)?,
            Data::I8(v) => v.first().filter(|_| v.len() == 1)?.cast_unsigned() ^ 0x80,
            _ => return None,
        },
    };
    Some(Grid { scale, zero })
}

/// The node that makes a value, if it is of an operator.
fn made<'a>(
    graph: &'a Graph,
    makers: &HashMap<ValueId, usize>,
    value: Option<ValueId>,
    is: impl Fn(&Op) -> bool,
) -> Option<&'a Node> {
    let node = graph.nodes.get(*makers.get(&value?)?)?;
    is(&node.op).then_some(node)
}

fn operand(node: &Node, i: usize) -> Option<ValueId> {
    node.inputs.get(i).copied().flatten()
}

/// The value that a node gives back rounded, and its grid.
fn rounded(graph: &Graph, node: &Node, makers: &HashMap<ValueId, usize>) -> Option<(ValueId, Grid)> {
    if !matches!(node.op, Op::DequantizeLinear { .. }) {
        return None;
    }
    let before = made(graph, makers, operand(node, 0), |op| matches!(op, Op::QuantizeLinear { .. }))?;
    let grids = [before, node].map(|n| grid(graph, operand(n, 1), operand(n, 2)));
    // Of equal type too: what signed and unsigned zeros have in common is chance.
    let signed = [before, node].map(|n| operand(n, 2).and_then(|z| Some(graph.constants.get(&z)?.dtype())));
    let types = signed.map(|dtype| dtype.unwrap_or(DType::U8));
    match grids {
        [Some(a), Some(b)] if a == b && types[0] == types[1] => Some((operand(before, 0)?, a)),
        _ => None,
    }
}

/// Whether a matrix is transposed.
fn is_turn(op: &Op) -> bool {
    matches!(op, Op::Transpose { perm } if perm.is_empty() || perm[..] == [1, 0])
}

/// The node that dequantises the weights of an operator, and whether they are transposed then.
fn dequantized<'a>(
    graph: &'a Graph,
    makers: &HashMap<ValueId, usize>,
    node: &Node,
) -> Option<(&'a Node, bool)> {
    let dequantizes = |op: &Op| matches!(op, Op::DequantizeLinear { .. });
    if let Some(found) = made(graph, makers, operand(node, 1), dequantizes) {
        return Some((found, false));
    }
    let turn = made(graph, makers, operand(node, 1), is_turn).filter(|_| node.op == Op::MatMul)?;
    Some((made(graph, makers, operand(turn, 0), dequantizes)?, true))
}

/// What an operator multiplies, where it is one of quantised values that a kernel computes.
fn quantized(graph: &Graph, node: &Node, makers: &HashMap<ValueId, usize>) -> Option<Quantized> {
    // The axis of the weights that outputs lie along.
    let (rank, at) = match &node.op {
        Op::Conv { groups: 1, .. } => (4, 0),
        Op::MatMul => (2, 1),
        Op::Gemm { alpha: 1.0, trans_a: false, trans_b, .. } => (2, usize::from(!trans_b)),
        Op::Lstm { .. } => (3, 1),
        _ => return None,
    };
    let dequantizes = |op: &Op| matches!(op, Op::DequantizeLinear { .. });
    let after = operand(node, 0)?;
    let (input, grid) = rounded(graph, made(graph, makers, Some(after), dequantizes)?, makers)?;
    let (dequantized, transposed) = dequantized(graph, makers, node)?;
    let at = if transposed { 1 - at } else { at };
    let weights = graph.constants.get(&operand(dequantized, 0)?)?;
    let shape = weights.shape();
    if weights.dtype() != DType::I8 || shape.len() != rank || weights.is_empty() {
        return None;
    }
    if let Some(zero) = operand(dequantized, 2) {
        let Data::I8(zero) = graph.constants.get(&zero)?.data() else { return None };
        if zero.iter().any(|z| *z != 0) {
            return None;
        }
    }
    let outputs = shape[at];
    let Op::DequantizeLinear { axis } = dequantized.op else { return None };
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    let scales = match floats(graph, operand(dequantized, 1))? {
        [one] => vec![*one; outputs],
        scales if scales.len() == outputs && axis == at as i64 => scales.to_vec(),
        _ => return None,
    };
    let fits = match (&node.op, shape) {
        (Op::Conv { .. }, [_, inputs, kh, kw]) => QuantizedConv::fits(&ConvShape {
            inputs: *inputs,
            outputs,
            groups: 1,
            kernel: [*kh, *kw],
            stride: [1; 2],
            dilation: [1; 2],
            before: [0; 2],
            after: [0; 2],
        }),
        (Op::Lstm { .. }, [.., inputs]) => QuantizedProduct::fits(*inputs),
        (_, shape) => QuantizedProduct::fits(shape[1 - at]),
    };
    fits.then(|| Quantized { input: [input, after], grid, weights: weights.clone(), transposed, scales })
}

/// Whether kernels take the other operands and attributes of an operator of bytes.
fn has_kernel(graph: &Graph, node: &Node, quantized: &Quantized) -> bool {
    if matches!(node.op, Op::Lstm { .. }) {
        let floats = |i| graph.constants.get(&operand(node, i)?).filter(|t| t.as_f32().is_some());
        return lstm_fits(node, quantized.weights.shape(), floats);
    }
    let outputs = quantized.scales.len();
    let bias = match operand(node, 2) {
        None => None,
        Some(bias) => match graph.constants.get(&bias).filter(|t| t.as_f32().is_some()) {
            Some(bias) => Some(bias.shape()),
            None => return false,
        },
    };
    match &node.op {
        Op::Conv { strides, dilations, padding: Padding::Explicit(padding), .. } => {
            let pair = |values: &[usize]| values.len() == 2 && values.iter().all(|n| *n > 0);
            let fits = bias.is_none_or(|shape| shape == [outputs]);
            fits && padding.len() == 4 && pair(strides) && pair(dilations)
        }
        Op::Gemm { beta, .. } => bias.is_none_or(|shape| *beta == 1.0 && shape == [outputs]),
        op => *op == Op::MatMul && bias.is_none(),
    }
}

/// Whether the kernel takes an LSTM whose input's weights have this shape; `floats` gives the other operands that are constants of
/// 32-bit floats.
pub(crate) fn lstm_fits<'a>(
    node: &Node,
    weights: &[usize],
    floats: impl Fn(usize) -> Option<&'a Tensor>,
) -> bool {
    let Op::Lstm { direction, hidden, activations, batch_first } = &node.op else { return false };
    let given = |i: usize| operand(node, i).is_some();
    let starts = [given(5), given(6)];
    let count = if *direction == RnnDirection::Bidirectional { 2 } else { 1 };
    let gates = 4 * hidden;
    // Lengths, peepholes, and states of samples first are left to the general operator.
    activations.is_empty()
        && *hidden > 0
        && !given(4)
        && !given(7)
        && starts[0] == starts[1]
        && !(starts[0] && *batch_first)
        && matches!(weights, [directions, outputs, _] if [*directions, *outputs] == [count, gates])
        && floats(2).is_some_and(|r| r.shape() == [count, gates, *hidden])
        && (!given(3) || floats(3).is_some_and(|b| b.shape() == [count, 2 * gates]))
}

/// Values that are dequantised weights of operators of bytes: constants that must not be folded to floats.
pub(super) fn weights(graph: &Graph) -> HashSet<ValueId> {
    let makers = makers(graph);
    let operators = graph.nodes.iter().filter(|node| quantized(graph, node, &makers).is_some());
    let values = |node: &Node| {
        let weights = operand(node, 1);
        let turn = made(graph, &makers, weights, is_turn);
        [weights, turn.and_then(|turn| operand(turn, 0))]
    };
    operators.flat_map(values).flatten().collect()
}
