//! Post-training quantisation: weights of convolutions and products as signed bytes, one scale an output channel, and what
//! they are multiplied with as unsigned bytes, one scale a value, which is chosen from what the value holds on samples.
//!
//! The result is written as ONNX has it, with `QuantizeLinear` and `DequantizeLinear` before each quantised operator
//! (Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018;
//! Nagel et al., "A White Paper on Neural Network Quantization", 2021).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use glyphic_graph::passes::{fold_batch_norm, fold_constants, remove_dead_code};
use glyphic_graph::{DType, Error, Graph, Node, Observer, Op, Padding, Result, Tensor, ValueId};
use glyphic_kernels::{ConvShape, Grid, QuantizedConv, QuantizedProduct};

/// Fewest input channels of a convolution that is worth it: pictures have 3.
const LEAST_INPUTS: usize = 8;

/// An operator that can be quantised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Index of its node.
    pub node: usize,
    /// The node's name, or its weights'.
    pub name: String,
    /// What its weights are multiplied with.
    pub input: ValueId,
}

/// A network ready to be quantised: 32-bit floats, batch norm within convolutions.
///
/// # Errors
/// [`Error::Graph`] for a network that is quantised already.
pub fn prepare(mut graph: Graph) -> Result<Graph> {
    let quantized = |node: &Node| matches!(node.op, Op::QuantizeLinear { .. } | Op::DequantizeLinear { .. });
    if let Some(node) = graph.nodes.iter().find(|node| quantized(node)) {
        let reason =
            format!("the network is quantised already: node {:?}; expected one of floats", node.name);
        return Err(Error::Graph { reason });
    }
    for tensor in graph.constants.values_mut().filter(|t| t.dtype() == DType::F16) {
        *tensor = tensor.to_f32();
    }
    fold_batch_norm(&mut graph);
    remove_dead_code(&mut graph);
    Ok(graph)
}

/// The operators of a [`prepare`]d network that can be quantised, in their order.
///
/// # Errors
/// Those of [`fold_constants`].
pub fn candidates(graph: &Graph) -> Result<Vec<Candidate>> {
    let known = constants(graph)?;
    let candidate = |(at, node): (usize, &Node)| {
        let input = node.inputs.first().copied().flatten()?;
        let weights = weights(graph, &known, node)?;
        outputs(node, &weights).filter(|_| !known.contains_key(&input))?;
        let name = match graph.names.get(&weights.value) {
            Some(name) if node.name.is_empty() => name,
            _ => &node.name,
        };
        Some(Candidate { node: at, name: name.clone(), input })
    };
    Ok(graph.nodes.iter().enumerate().filter_map(candidate).collect())
}

/// The constants of a graph, those that are computed from others included.
fn constants(graph: &Graph) -> Result<BTreeMap<ValueId, Tensor>> {
    let mut folded = graph.clone();
    fold_constants(&mut folded)?;
    Ok(folded.constants)
}

/// Weights of a node.
struct Weights<'a> {
    /// The constant itself where they are one, transposed or not.
    value: ValueId,
    tensor: &'a Tensor,
    /// Whether a node transposes them, `[outputs, inner]`, for the product.
    transposed: bool,
}

fn weights<'a>(graph: &'a Graph, known: &'a BTreeMap<ValueId, Tensor>, node: &Node) -> Option<Weights<'a>> {
    let value = node.inputs.get(1).copied().flatten()?;
    if node.op == Op::MatMul && !graph.constants.contains_key(&value) {
        let turn = graph.nodes.iter().find(|n| n.outputs.first() == Some(&Some(value)))?;
        let own = turn.inputs.first().copied().flatten()?;
        let turns = matches!(&turn.op, Op::Transpose { perm } if perm[..] == [1, 0]);
        if turns && let Some(tensor) = graph.constants.get(&own) {
            return Some(Weights { value: own, tensor, transposed: true });
        }
    }
    // What is computed of other constants has lost their names anyway.
    Some(Weights { value, tensor: known.get(&value)?, transposed: false })
}

/// The axis of a node's weights that its outputs lie along (of a matrix as the product reads it), where the node can be quantised.
fn outputs(node: &Node, weights: &Weights<'_>) -> Option<usize> {
    weights.tensor.as_f32()?;
    let mut shape = weights.tensor.shape().to_vec();
    if weights.transposed {
        shape.reverse();
    }
    match (&node.op, &shape[..]) {
        // In both directions the same scales. What multiplies the state stays float: ONNX cannot say that a state is rounded.
        (Op::Lstm { .. }, &[_, gates, inputs]) => (gates > 0 && QuantizedProduct::fits(inputs)).then_some(1),
        (
            Op::Conv { groups: 1, padding: Padding::Explicit(_), strides, dilations },
            &[outputs, inputs, kh, kw],
        ) => {
            let shape = ConvShape {
                inputs,
                outputs,
                groups: 1,
                kernel: [kh, kw],
                stride: strides[..].try_into().ok()?,
                dilation: dilations[..].try_into().ok()?,
                before: [0; 2],
                after: [0; 2],
            };
            (outputs > 0 && inputs >= LEAST_INPUTS && QuantizedConv::fits(&shape)).then_some(0)
        }
        (Op::MatMul, &[inner, outputs]) => (outputs > 0 && QuantizedProduct::fits(inner)).then_some(1),
        (Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b }, shape @ &[_, _]) => {
            let at = usize::from(!trans_b);
            (shape[at] > 0 && QuantizedProduct::fits(shape[1 - at])).then_some(at)
        }
        _ => None,
    }
}

/// How a grid is chosen for the values that were seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// From the least to the largest value.
    Whole,
    /// All but this share of the values, at either end.
    Percentile(f64),
    /// Of the least mean squared error.
    LeastError,
}

/// Bins of a histogram.
const BINS: usize = 4096;

/// How often values were seen. The range doubles when it is exceeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    counts: Vec<u64>,
    /// Bins cover `-limit..limit`; 0 before anything but 0 was seen.
    limit: f32,
    least: f32,
    most: f32,
    /// Neither in a bin nor in the range.
    zeros: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BINS], limit: 0.0, least: 0.0, most: 0.0, zeros: 0 }
    }
}

impl Histogram {
    /// Counts values; what is not finite is left out.
    pub fn add(&mut self, values: &[f32]) {
        for x in values.iter().copied().filter(|x| x.is_finite()) {
            if x == 0.0 {
                self.zeros += 1;
                continue;
            }
            self.least = self.least.min(x);
            self.most = self.most.max(x);
            if self.limit == 0.0 {
                self.limit = x.abs().max(f32::MIN_POSITIVE);
            }
            while x.abs() > self.limit {
                self.double();
            }
            let place = (x / self.limit + 1.0) * (BINS / 2) as f32;
            self.counts[(place as usize).min(BINS - 1)] += 1;
        }
    }

    fn double(&mut self) {
        let mut wider = vec![0; BINS];
        for (i, pair) in self.counts.chunks_exact(2).enumerate() {
            wider[BINS / 4 + i] = pair.iter().sum();
        }
        self.counts = wider;
        // Beyond the largest power of two everything is one bin.
        self.limit = if self.limit < f32::MAX / 2.0 { self.limit * 2.0 } else { f32::MAX };
    }

    /// Whether nothing was seen.
    pub fn is_empty(&self) -> bool {
        self.zeros == 0 && self.counts.iter().all(|c| *c == 0)
    }

    /// The middle of a bin.
    fn middle(&self, bin: usize) -> f64 {
        f64::from(self.limit) * ((bin as f64 + 0.5) / (BINS / 2) as f64 - 1.0)
    }

    /// The grid for these values.
    pub fn grid(&self, range: Range) -> Grid {
        match range {
            Range::Whole => Grid::over(self.least, self.most),
            Range::Percentile(share) => {
                let total = self.zeros + self.counts.iter().sum::<u64>();
                let beyond = (share.clamp(0.0, 0.5) * total as f64) as u64;
                let (mut below, mut above) = (beyond, beyond);
                let inside = |left: &mut u64, bin: usize| {
                    let count = self.counts[bin];
                    let inside = count > *left;
                    *left = left.saturating_sub(count);
                    inside
                };
                let low = (0..BINS).find(|bin| inside(&mut below, *bin));
                let high = (0..BINS).rev().find(|bin| inside(&mut above, *bin));
                let least = low.map_or(0.0, |bin| self.middle(bin) as f32);
                let most = high.map_or(0.0, |bin| self.middle(bin) as f32);
                Grid::over(least.max(self.least), most.min(self.most))
            }
            Range::LeastError => {
                // Ranges that fall short of the whole one at one end or the other.
                let shares = (0..32).map(|i| 1.0 - i as f32 / 40.0);
                let ends =
                    |end: f32| if end == 0.0 { vec![0.0] } else { shares.clone().map(|s| s * end).collect() };
                let mut best = (f64::INFINITY, Grid::over(self.least, self.most));
                for least in ends(self.least) {
                    for most in ends(self.most) {
                        let grid = Grid::over(least, most);
                        let error = self.error(grid);
                        if error < best.0 {
                            best = (error, grid);
                        }
                    }
                }
                best.1
            }
        }
    }

    /// The sum of squared errors of rounding to a grid: that of any place between two steps within, the distance beyond.
    fn error(&self, grid: Grid) -> f64 {
        let scale = f64::from(grid.scale);
        let [least, most] = grid.steps().map(|steps| f64::from(steps) * scale);
        let inner = scale * scale / 12.0;
        let bins = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        bins.map(|(bin, count)| {
            let x = self.middle(bin);
            let beyond = (least - x).max(x - most).max(0.0);
            *count as f64 * (inner + beyond * beyond)
        })
        .sum()
    }
}

/// What values hold in runs of networks that carry the [`Calibration::observer`].
#[derive(Debug, Default, Clone)]
pub struct Calibration {
    seen: Arc<Mutex<BTreeMap<ValueId, Histogram>>>,
}

impl Calibration {
    /// Sees the inputs of candidates of a graph. A value that is another one in another order or shape is seen as that one, too: a
    /// run may leave it out.
    pub fn observer(&self, graph: &Graph, candidates: &[Candidate]) -> Observer {
        let mut wanted: BTreeMap<ValueId, BTreeSet<ValueId>> = BTreeMap::new();
        for candidate in candidates {
            let mut value = Some(candidate.input);
            while let Some(same) = value {
                wanted.entry(same).or_default().insert(candidate.input);
                let maker = graph.nodes.iter().find(|n| n.outputs.first() == Some(&Some(same)));
                value = maker.filter(|n| moves(&n.op)).and_then(|n| n.inputs.first().copied().flatten());
            }
        }
        let seen = Arc::clone(&self.seen);
        Observer::new(move |value, numbers| {
            let Some(inputs) = wanted.get(&value) else { return };
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            for input in inputs {
                seen.entry(*input).or_default().add(numbers);
            }
        })
    }

    /// A grid for each value that was seen.
    pub fn grids(&self, range: Range) -> BTreeMap<ValueId, Grid> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = seen.iter().filter(|(_, histogram)| !histogram.is_empty());
        filled.map(|(value, histogram)| (*value, histogram.grid(range))).collect()
    }
}

/// Whether an operator gives all numbers of its first operand, each once.
fn moves(op: &Op) -> bool {
    matches!(op, Op::Reshape { .. } | Op::Transpose { .. } | Op::Flatten { .. } | Op::Squeeze | Op::Unsqueeze)
}

/// The same network with some of its [`candidates`] quantised: those among them whose input has a grid. Names of weights
/// are those of the floats that come of the bytes.
///
/// # Errors
/// [`Error::Graph`] for a candidate of another network.
pub fn quantize(graph: &Graph, chosen: &[Candidate], grids: &BTreeMap<ValueId, Grid>) -> Result<Graph> {
    let mut out = Graph { nodes: Vec::new(), ..graph.clone() };
    let by_node: BTreeMap<usize, &Candidate> = chosen.iter().map(|c| (c.node, c)).collect();
    // Values that are quantised already, and weights, with their floats again.
    let mut rounded: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut made: BTreeMap<(ValueId, usize), ValueId> = BTreeMap::new();
    let known = constants(graph)?;
    for (at, node) in graph.nodes.iter().enumerate() {
        let mut node = node.clone();
        let grid = by_node.get(&at).and_then(|c| Some((c, grids.get(&c.input)?)));
        if let Some((candidate, grid)) = grid {
            let found = weights(graph, &known, &node);
            let axis = found.as_ref().and_then(|w| outputs(&node, w));
            let (Some(Weights { value, tensor, transposed }), Some(axis)) = (found, axis) else {
                let reason = format!("{:?} is no operator that can be quantised", candidate.name);
                return Err(Error::Graph { reason });
            };
            let input = candidate.input;
            let after = *rounded.entry(input).or_insert_with(|| around(&mut out, input, *grid));
            let axis = if transposed { 1 - axis } else { axis };
            let bytes = match made.get(&(value, axis)) {
                Some(known) => *known,
                None => *made.entry((value, axis)).or_insert(weight(&mut out, value, tensor, axis)?),
            };
            node.inputs[0] = Some(after);
            node.inputs[1] = Some(match transposed {
                true => out.push(format!("{}.turn", node.name), Op::Transpose { perm: vec![1, 0] }, &[bytes]),
                false => bytes,
            });
        }
        out.nodes.push(node);
    }
    remove_dead_code(&mut out);
    for ((value, _), floats) in made {
        // Other readers of the weights keep the floats, and then the name too.
        let read = out.nodes.iter().flat_map(|n| n.inputs.iter().flatten()).any(|v| *v == value);
        if let Some(name) = graph.names.get(&value).filter(|_| !read) {
            out.names.remove(&value);
            out.names.insert(floats, name.clone());
        }
    }
    Ok(out)
}

fn title(graph: &Graph, value: ValueId) -> String {
    graph.names.get(&value).cloned().unwrap_or_else(|| format!("value.{}", value.0))
}

/// Quantises a value and makes floats of it again.
fn around(graph: &mut Graph, value: ValueId, grid: Grid) -> ValueId {
    let name = title(graph, value);
    let scale = graph.parameter(format!("{name}.scale"), Tensor::scalar(grid.scale));
    let zero = graph.parameter(format!("{name}.zero"), Tensor::of(&[], vec![grid.zero]));
    let bytes = graph.push(format!("{name}.quantize"), Op::QuantizeLinear { axis: 0 }, &[value, scale, zero]);
    graph.push(format!("{name}.dequantize"), Op::DequantizeLinear { axis: 0 }, &[bytes, scale, zero])
}

/// Weights as bytes, symmetric, with a scale for each place along an axis; floats are made of them again.
fn weight(graph: &mut Graph, value: ValueId, tensor: &Tensor, axis: usize) -> Result<ValueId> {
    let name = title(graph, value);
    let Some((shape, values)) = tensor.as_f32().map(|values| (tensor.shape().to_vec(), values)) else {
        return Err(Error::Graph { reason: format!("the weights {name:?} are no constant floats") });
    };
    let inner: usize = shape[axis + 1..].iter().product::<usize>().max(1);
    let channel = |i: usize| i / inner % shape[axis];
    let mut scales = vec![0.0f32; shape[axis]];
    for (i, w) in values.iter().enumerate() {
        let scale = &mut scales[channel(i)];
        *scale = scale.max(w.abs());
    }
    for scale in &mut scales {
        let step = *scale / 127.0;
        *scale = if step >= 1e-30 && step.is_finite() { step } else { 1.0 };
    }
    let bytes = values
        .iter()
        .enumerate()
        .map(|(i, w)| (w / scales[channel(i)]).round_ties_even().clamp(-127.0, 127.0) as i8);
    let bytes = Tensor::of(&shape, bytes.collect());
    let zeros = Tensor::of(&[shape[axis]], vec![0i8; shape[axis]]);
    let bytes = graph.parameter(format!("{name}.int8"), bytes);
    let scales = graph.parameter(format!("{name}.scale"), Tensor::of(&[shape[axis]], scales));
    let zeros = graph.parameter(format!("{name}.zero"), zeros);
    let op = Op::DequantizeLinear { axis: axis as i64 };
    let floats = graph.push(format!("{name}.dequantize"), op, &[bytes, scales, zeros]);
    Ok(floats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use glyphic_graph::{BinaryOp, Dim, Session, UnaryOp};

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let number = |i: usize| {
            let mixed = (i as u32 + 1).wrapping_mul(2_654_435_761).wrapping_add(seed.wrapping_mul(40_503));
            (mixed.wrapping_mul(2_246_822_519) >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(number).collect()
    }

    /// Two convolutions with a residual that reads what the second one reads, and a product.
    fn network() -> Graph {
        let mut g = Graph::new("network");
        let dims = ["n", "c", "h", "w"].map(|s| Dim::Symbol(s.into()));
        let dims = vec![dims[0].clone(), Dim::Known(8), dims[2].clone(), dims[3].clone()];
        let x = g.input("x", DType::F32, dims);
        let conv = |stride| Op::Conv {
            strides: vec![stride; 2],
            dilations: vec![1; 2],
            padding: Padding::Explicit(vec![1; 4]),
            groups: 1,
        };
        let weight = |g: &mut Graph, name: &str, shape: &[usize], seed| {
            let values = numbers(shape.iter().product(), seed).iter().map(|v| v * 0.2).collect();
            g.parameter(name, Tensor::from_f32(shape, values).unwrap())
        };
        let w = weight(&mut g, "first.weight", &[12, 8, 3, 3], 1);
        let y = g.push("first", conv(2), &[x, w]);
        let y = g.push("relu", Op::Unary(UnaryOp::Relu), &[y]);
        let w = weight(&mut g, "second.weight", &[12, 12, 3, 3], 2);
        let b = weight(&mut g, "second.bias", &[12], 3);
        let z = g.push("second", conv(1), &[y, w, b]);
        let z = g.push("add", Op::Binary(BinaryOp::Add), &[z, y]);
        let z = g.push("last", Op::Transpose { perm: vec![0, 2, 3, 1] }, &[z]);
        let w = weight(&mut g, "product.weight", &[12, 5], 4);
        let z = g.push("product", Op::MatMul, &[z, w]);
        g.output("z", z);
        g
    }

    fn input(batch: usize) -> Tensor {
        Tensor::from_f32(&[batch, 8, 9, 14], numbers(batch * 8 * 9 * 14, 9)).unwrap()
    }

    fn run(graph: Graph, x: Tensor) -> Vec<f32> {
        Session::new(graph).unwrap().run(&[("x", x)]).unwrap()[0].as_f32().unwrap().to_vec()
    }

    fn quantized(range: Range) -> Graph {
        let mut graph = prepare(network()).unwrap();
        let (all, calibration) = (candidates(&graph).unwrap(), Calibration::default());
        assert_eq!(all.iter().map(|c| &c.name[..]).collect::<Vec<_>>(), ["first", "second", "product"]);
        graph.observer = Some(calibration.observer(&graph, &all));
        run(graph.clone(), input(2));
        graph.observer = None;
        let grids = calibration.grids(range);
        assert_eq!(grids.len(), 3);
        quantize(&graph, &all, &grids).unwrap()
    }

    /// As the operators of the file say it, one after the other in floats.
    fn by_definition(graph: &Graph, x: Tensor) -> Vec<f32> {
        let mut values: BTreeMap<ValueId, Tensor> = graph.constants.clone();
        values.insert(graph.inputs[0].value, x);
        for node in &graph.nodes {
            let inputs = node.inputs.iter().map(|i| i.map(|i| values[&i].clone())).collect();
            for (value, result) in node.outputs.iter().zip(node.run(inputs).unwrap()) {
                values.insert(value.unwrap(), result);
            }
        }
        values[&graph.outputs[0].value].as_f32().unwrap().to_vec()
    }

    #[test]
    fn bytes_compute_what_the_operators_of_the_file_say() {
        for range in [Range::Whole, Range::Percentile(1e-3), Range::LeastError] {
            let graph = quantized(range);
            let file = glyphic_onnx::to_bytes(&graph).unwrap();
            let again = glyphic_onnx::from_bytes(&file).unwrap();
            let session = Session::new(again.clone()).unwrap();
            let steps = session.profile(&[("x", input(2))]).unwrap();
            let int8 = steps.iter().filter(|(name, _)| name.contains("int8")).count();
            let others = steps.iter().filter(|(name, _)| name.contains("Linear")).count();
            assert_eq!((int8, others), (3, 0), "{steps:?}");
            let (got, expected) = (run(again.clone(), input(2)), by_definition(&again, input(2)));
            // A value between two bytes may go either way.
            let wrong = got.iter().zip(&expected).filter(|(a, b)| (**a - **b).abs() > 2e-3).count();
            assert!(wrong * 100 <= got.len(), "{wrong} of {} differ", got.len());
            let float = run(network(), input(2));
            let error: f32 = got.iter().zip(&float).map(|(a, b)| (a - b).powi(2)).sum();
            let size: f32 = float.iter().map(|v| v.powi(2)).sum();
            assert!(error < 1e-3 * size && error > 0.0, "{range:?}: {error} of {size}");
        }
    }

    /// An LSTM whose weights are put together of parameters, a reshape, and a product whose weights are a parameter transposed, as
    /// they are captured.
    fn sequence() -> Graph {
        let mut g = Graph::new("sequence");
        let dims = vec![Dim::Symbol("t".into()), Dim::Symbol("n".into()), Dim::Known(7)];
        let x = g.input("x", DType::F32, dims);
        let parameter = |g: &mut Graph, name: &str, shape: &[usize], seed| {
            let values = numbers(shape.iter().product(), seed).iter().map(|v| v * 0.5).collect();
            g.parameter(name, Tensor::from_f32(shape, values).unwrap())
        };
        let halves = [1, 2].map(|seed| parameter(&mut g, &format!("rnn.weight.{seed}"), &[1, 12, 7], seed));
        let w = g.push("join", Op::Concat { axis: 0 }, &halves);
        let r = parameter(&mut g, "rnn.state", &[2, 12, 3], 3);
        let b = parameter(&mut g, "rnn.bias", &[2, 24], 4);
        let direction = glyphic_graph::RnnDirection::Bidirectional;
        let lstm = Op::Lstm { direction, hidden: 3, activations: Vec::new(), batch_first: false };
        let y = g.push("rnn", lstm, &[x, w, r, b]);
        let y = g.push("turn", Op::Transpose { perm: vec![0, 2, 1, 3] }, &[y]);
        let shape = g.parameter("shape", Tensor::from_i64s(vec![-1, 6]));
        let y = g.push("flat", Op::Reshape { allow_zero: false }, &[y, shape]);
        let w = parameter(&mut g, "classes.weight", &[5, 6], 5);
        let w = g.push("classes.turn", Op::Transpose { perm: vec![1, 0] }, &[w]);
        let z = g.push("classes", Op::MatMul, &[y, w]);
        g.output("z", z);
        g
    }

    #[test]
    fn recurrences_and_transposed_weights_are_quantised() {
        let x = Tensor::from_f32(&[6, 2, 7], numbers(84, 9)).unwrap();
        let mut graph = prepare(sequence()).unwrap();
        let (all, calibration) = (candidates(&graph).unwrap(), Calibration::default());
        assert_eq!(all.iter().map(|c| &c.name[..]).collect::<Vec<_>>(), ["rnn", "classes"]);
        graph.observer = Some(calibration.observer(&graph, &all));
        let float = run(graph.clone(), x.clone());
        graph.observer = None;
        let grids = calibration.grids(Range::Whole);
        assert_eq!(grids.len(), 2);
        let file = glyphic_onnx::to_bytes(&quantize(&graph, &all, &grids).unwrap()).unwrap();
        let again = glyphic_onnx::from_bytes(&file).unwrap();
        let weights = again.names.values().filter(|name| **name == "classes.weight").count();
        assert_eq!(weights, 1, "the name of the weights is kept");
        let steps = Session::new(again.clone()).unwrap().profile(&[("x", x.clone())]).unwrap();
        let has = |what: &str| steps.iter().filter(|(name, _)| name.contains(what)).count();
        assert_eq!([has("int8 linear"), has("int8 LSTM"), has("QuantizeLinear")], [1, 1, 0], "{steps:?}");
        let (got, expected) = (run(again.clone(), x.clone()), by_definition(&again, x.clone()));
        for (got, expected) in got.iter().zip(&expected) {
            assert!((got - expected).abs() < 5e-3, "{got} is not {expected}");
        }
        let error: f32 = got.iter().zip(&float).map(|(a, b)| (a - b).powi(2)).sum();
        let size: f32 = float.iter().map(|v| v.powi(2)).sum();
        assert!(error < 1e-3 * size && error > 0.0, "{error} of {size}");

        // With lengths, which no kernel takes, it runs as its operators say.
        let mut lengths = again;
        let given = lengths.constant(Tensor::of(&[2], vec![6i32, 4]));
        let rnn = lengths.nodes.iter_mut().find(|node| node.name == "rnn").unwrap();
        rnn.inputs.resize(4, None);
        rnn.inputs.push(Some(given));
        let (got, expected) = (run(lengths.clone(), x.clone()), by_definition(&lengths, x));
        for (got, expected) in got.iter().zip(&expected) {
            assert!((got - expected).abs() < 1e-5, "{got} is not {expected}");
        }
    }

    #[test]
    fn a_value_that_others_read_rounded_is_rounded_once_for_all() {
        let mut graph = quantized(Range::Whole);
        // The addition reads what the second convolution reads.
        let after = graph.nodes.iter().find(|n| n.name == "second").unwrap().inputs[0];
        let add = graph.nodes.iter().position(|n| n.name == "add").unwrap();
        graph.nodes[add].inputs[1] = after;
        let session = Session::new(graph.clone()).unwrap();
        let steps = session.profile(&[("x", input(1))]).unwrap();
        assert!(
            steps.iter().all(|(name, _)| !name.contains("general") || name.contains("Transpose")),
            "{steps:?}"
        );
        let (got, expected) = (run(graph.clone(), input(1)), by_definition(&graph, input(1)));
        let wrong = got.iter().zip(&expected).filter(|(a, b)| (**a - **b).abs() > 2e-3).count();
        assert!(wrong * 100 <= got.len(), "{wrong} of {} differ", got.len());
    }

    #[test]
    fn quantised_networks_depend_neither_on_the_batch_nor_on_threads() {
        let session = Session::new(quantized(Range::LeastError)).unwrap();
        let x = numbers(3 * 8 * 9 * 14, 5);
        let run = |x: &[f32], threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let x = Tensor::from_f32(&[x.len() / (8 * 9 * 14), 8, 9, 14], x.to_vec()).unwrap();
            pool.install(|| session.run(&[("x", x)]).unwrap()[0].as_f32().unwrap().to_vec())
        };
        let alone: Vec<f32> = x.chunks_exact(8 * 9 * 14).flat_map(|x| run(x, 1)).collect();
        for threads in 1..4 {
            assert!(run(&x, threads) == alone, "{threads} threads");
        }
    }

    #[test]
    fn what_has_no_kernel_of_bytes_runs_by_the_operators() {
        let plain = quantized(Range::Whole);
        type Edit<'a> = (&'a str, &'a dyn Fn(&mut Graph));
        let edits: [Edit<'_>; 3] = [
            ("weights with a zero point", &|g| {
                let zero = *g.names.iter().find(|(_, n)| *n == "second.weight.zero").unwrap().0;
                g.constants.insert(zero, Tensor::of(&[12], vec![1i8; 12]));
            }),
            ("unsigned weights", &|g| {
                for (name, len) in [("first.weight.int8", 12 * 8 * 9), ("first.weight.zero", 12)] {
                    let value = *g.names.iter().find(|(_, n)| *n == name).unwrap().0;
                    let shape = g.constants[&value].shape().to_vec();
                    g.constants.insert(value, Tensor::of(&shape, vec![7u8; len]));
                }
            }),
            ("another scale when floats are made again", &|g| {
                let at = g.nodes.iter().position(|n| n.name == "x.dequantize").unwrap();
                g.nodes[at].inputs[1] = Some(g.constant(Tensor::scalar(0.01)));
            }),
        ];
        for (what, edit) in edits {
            let mut graph = plain.clone();
            edit(&mut graph);
            let (got, expected) = (run(graph.clone(), input(1)), by_definition(&graph, input(1)));
            let wrong = got.iter().zip(&expected).filter(|(a, b)| (**a - **b).abs() > 2e-3).count();
            assert!(wrong * 100 <= got.len(), "{what}: {wrong} of {} differ", got.len());
        }
    }

    #[test]
    fn a_quantised_network_is_not_quantised_again() {
        let error = prepare(quantized(Range::Whole)).unwrap_err().to_string();
        assert!(error.contains("quantised already"), "{error}");
    }

    #[test]
    fn ranges_leave_out_what_is_rare_and_hold_zero() {
        let mut histogram = Histogram::default();
        let mut values = numbers(20_000, 3);
        values.extend([50.0, f32::NAN, f32::INFINITY]);
        histogram.add(&values);
        let most = |range| {
            let grid = histogram.grid(range);
            (255.0 - f32::from(grid.zero)) * grid.scale
        };
        assert!((most(Range::Whole) - 50.0).abs() < 0.2);
        assert!((most(Range::Percentile(1e-3)) - 1.0).abs() < 0.05, "{}", most(Range::Percentile(1e-3)));
        assert!(most(Range::LeastError) < 50.0);
        let mut positive = Histogram::default();
        positive.add(&[3.0, 5.0]);
        assert_eq!(positive.grid(Range::Whole), Grid { scale: 5.0 / 255.0, zero: 0 });
        assert_eq!(Histogram::default().grid(Range::LeastError), Grid { scale: 1.0, zero: 0 });
    }
}
