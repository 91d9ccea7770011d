//! From nodes to steps.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use super::{AttentionStep, ConvStep, Cut, Kind, LinearStep, Step};
use crate::passes::{Quantization, Quantized, lstm_fits};
use crate::{
    BinaryOp, CoordinateMode, DType, Graph, Interpolation, NearestMode, Node, Op, Padding, ReduceOp,
    RnnDirection, Tensor, UnaryOp, ValueId,
};
use glyphic_kernels::{
    Activation, ConvShape, Deform, Depthwise, Grid, LstmDirection, PoolShape, Pooling, QuantizedProduct,
    Shuffle, Transposed, TransposedShape,
};

/// The steps of a graph, in an order in which each value is made before it is used.
pub(crate) fn compile(graph: &Graph) -> (Vec<Step>, HashMap<ValueId, [usize; 2]>) {
    let mut draft = Draft::new(graph);
    for (i, node) in graph.nodes.iter().enumerate() {
        draft.add(i, node);
    }
    draft.chain();
    let mut steps: Vec<Step> = draft.steps.into_iter().flatten().collect();
    if graph.observer.is_none() {
        round(graph, &mut steps);
    }
    let frames = choose_frames(&mut steps);
    (steps, frames)
}

/// The steps of a window over two axes, as attributes have them.
struct Window<'b> {
    strides: &'b [usize],
    dilations: &'b [usize],
    padding: &'b Padding,
}

struct Draft<'a> {
    nodes: &'a [Node],
    constants: &'a BTreeMap<ValueId, Tensor>,
    uses: HashMap<ValueId, usize>,
    /// Steps so far; `None` where one was fused into a later one.
    steps: Vec<Option<Step>>,
    makers: HashMap<ValueId, usize>,
    /// Networks of other types than 32-bit floats keep to the general operators.
    float: bool,
    quantization: Quantization,
}

impl<'a> Draft<'a> {
    fn new(graph: &'a Graph) -> Self {
        let constants = &graph.constants;
        let double = graph.inputs.iter().any(|i| i.dtype == DType::F64)
            || constants.values().any(|c| c.dtype() == DType::F64)
            || graph.nodes.iter().any(|n| n.op == Op::Cast { to: DType::F64 });
        let quantization = if double { Quantization::default() } else { Quantization::of(graph) };
        let mut draft = Self {
            nodes: &graph.nodes,
            constants,
            uses: HashMap::new(),
            steps: Vec::new(),
            makers: HashMap::new(),
            float: !double,
            quantization,
        };
        let outputs = graph.outputs.iter().map(|o| o.value);
        let nodes = graph.nodes.iter().enumerate();
        let operands = nodes.flat_map(|(i, node)| draft.operands(i, node).into_iter().flatten());
        let mut uses = HashMap::new();
        for value in operands.chain(outputs) {
            *uses.entry(value).or_insert(0) += 1;
        }
        draft.uses = uses;
        draft
    }

    /// What a node's step reads: values before they are quantised where the step does that itself, unless others read them
    /// rounded too.
    fn operands(&self, i: usize, node: &Node) -> Vec<Option<ValueId>> {
        let found = &self.quantization;
        if found.skipped.contains(&i) {
            return Vec::new();
        }
        if let Some((value, _)) = found.rounds.get(&i) {
            return vec![Some(*value)];
        }
        let mut operands = node.inputs.clone();
        if let Some(Quantized { input: [before, after], .. }) = found.operators.get(&i) {
            operands[0] = Some(if found.rounded.contains(after) { *after } else { *before });
            operands[1] = None;
        }
        operands
    }

    fn add(&mut self, i: usize, node: &Node) {
        if self.quantization.skipped.contains(&i) {
            return;
        }
        let mut step = Step {
            node: i,
            kind: Kind::General,
            inputs: self.operands(i, node),
            outputs: node.outputs.clone(),
            frame: [0; 2],
        };
        if self.float && self.fused(&mut step, node) {
            return;
        }
        for output in step.outputs.iter().flatten() {
            self.makers.insert(*output, self.steps.len());
        }
        self.steps.push(Some(step));
    }

    /// Chooses a kernel for a step; `true` where the step was fused into the one that makes its operand.
    fn fused(&mut self, step: &mut Step, node: &Node) -> bool {
        if let Some(kind) = self.kernel(step.node, node) {
            // Weights are inside the kernel now.
            if matches!(
                kind,
                Kind::Conv(_)
                    | Kind::Depthwise(..)
                    | Kind::Shuffle(..)
                    | Kind::Transposed(..)
                    | Kind::Linear(_)
            ) {
                step.inputs.truncate(1);
            }
            if matches!(kind, Kind::Deform(..)) {
                let operand = |i: usize| node.inputs.get(i).copied().flatten();
                step.inputs = vec![operand(0), operand(2), operand(4)];
            }
            if matches!(kind, Kind::Lstm { .. }) {
                step.inputs = [0, 5, 6].map(|i| step.inputs.get(i).copied().flatten()).to_vec();
            }
            step.kind = kind;
        }
        match &node.op {
            Op::Binary(BinaryOp::Add) if self.add_into(step) => return true,
            Op::Binary(BinaryOp::Mul) => self.gate(step),
            Op::MatMul => self.attend(step),
            Op::Transpose { perm } if perm[..] == [0, 2, 1, 3] && self.merge_heads(step) => return true,
            Op::Transpose { perm } if perm[..] == [0, 2, 1] => self.turn(step, true),
            Op::Reshape { .. } => self.turn(step, false),
            _ => {}
        }
        self.activate(step)
    }

    /// The operand and the positive number of a product with a number.
    fn scaled(&self, maker: usize) -> Option<(ValueId, f32)> {
        let step = self.steps[maker].as_ref()?;
        let (Kind::Binary(BinaryOp::Mul, Activation::None), [Some(a), Some(b)]) =
            (&step.kind, &step.inputs[..])
        else {
            return None;
        };
        [(*a, *b), (*b, *a)].into_iter().find_map(|(x, factor)| {
            // A number of more axes would change the shape.
            let factor = self.constants.get(&factor).filter(|t| t.len() == 1 && t.shape().len() <= 1)?;
            Some((x, *factor.as_f32()?.first()?)).filter(|(_, factor)| *factor > 0.0 && factor.is_finite())
        })
    }

    /// A product with weights from softmax of a product becomes attention.
    fn attend(&mut self, step: &mut Step) {
        if !matches!(step.kind, Kind::Product) {
            return;
        }
        let Some((inputs, mut attention, mut gone)) = self.attention(step) else { return };
        gone.sort_unstable();
        attention.parts = gone.into_iter().filter_map(|i| self.steps[i].take()).collect();
        attention.parts.push(Step {
            node: step.node,
            kind: Kind::Product,
            inputs: step.inputs.clone(),
            outputs: step.outputs.clone(),
            frame: [0; 2],
        });
        step.inputs = inputs;
        // What only the parts read must be there too.
        for part in &attention.parts {
            let made = |value: &ValueId| attention.parts.iter().any(|p| p.outputs.contains(&Some(*value)));
            for value in part.inputs.iter().flatten() {
                if !made(value) && !step.inputs.contains(&Some(*value)) {
                    step.inputs.push(Some(*value));
                }
            }
        }
        step.kind = Kind::Attention(Box::new(attention));
    }

    /// Queries, keys, values and bias of attention that ends with a product, and the steps before it that are its parts.
    fn attention(&self, step: &Step) -> Option<(Vec<Option<ValueId>>, AttentionStep, Vec<usize>)> {
        let [Some(weights), Some(values)] = step.inputs[..] else { return None };
        let part = |i: usize| self.steps[i].as_ref();
        let (mut at, mut gone, mut scale, mut bias) = (self.alone(weights)?, Vec::new(), 1.0, None);
        let Step { kind: Kind::Softmax(-1 | 3), inputs, .. } = part(at)? else { return None };
        gone.push(at);
        at = self.alone((*inputs.first()?)?)?;
        if let Step { kind: Kind::Binary(BinaryOp::Add, Activation::None), inputs, .. } = part(at)? {
            let [Some(a), Some(b)] = inputs[..] else { return None };
            let logits = |maker: usize| {
                self.scaled(maker).is_some() || part(maker).is_some_and(|p| matches!(p.kind, Kind::Product))
            };
            let (x, added) =
                [(a, b), (b, a)].into_iter().find(|(x, _)| self.alone(*x).is_some_and(logits))?;
            gone.push(at);
            bias = Some(added);
            at = self.alone(x)?;
        }
        if let Some((x, factor)) = self.scaled(at) {
            gone.push(at);
            scale *= factor;
            at = self.alone(x)?;
        }
        let Step { kind: Kind::Product, inputs, .. } = part(at)? else { return None };
        let [Some(queries), Some(keys)] = inputs[..] else { return None };
        gone.push(at);
        let mut operands = [queries, keys, values];
        let mut orders = [[0, 1, 2, 3]; 3];
        let mut cuts = [const { None }; 3];
        for (i, (operand, order)) in operands.iter_mut().zip(&mut orders).enumerate() {
            while let Some(maker) = self.alone(*operand) {
                let before = part(maker)?;
                let source = (*before.inputs.first()?)?;
                if let (Kind::General, Op::Transpose { perm }) = (&before.kind, &self.nodes[before.node].op)
                    && perm.len() == 4
                {
                    *order = order.map(|axis| perm[axis]);
                    *operand = source;
                } else if let Some((x, factor)) = self.scaled(maker).filter(|_| i < 2) {
                    scale *= factor;
                    *operand = x;
                } else {
                    break;
                }
                gone.push(maker);
            }
            if let Some((cut, source, makers)) = self.cut(*operand) {
                (cuts[i], *operand) = (Some(cut), source);
                gone.extend(makers);
            }
        }
        let inputs = operands.into_iter().map(Some).chain([bias]).collect();
        Some((inputs, AttentionStep { scale, orders, cuts, merged: false, parts: Vec::new() }, gone))
    }

    /// A value that is a part of another one's last axis, brought to another shape: the part, the other one, and the two steps.
    fn cut(&self, value: ValueId) -> Option<(Cut, ValueId, [usize; 2])> {
        let node = |maker: usize| {
            let step = self.steps[maker].as_ref().filter(|s| matches!(s.kind, Kind::General))?;
            Some((&self.nodes[step.node], step.inputs.first().copied().flatten()?))
        };
        let reshape = self.alone(value)?;
        let (Node { op: Op::Reshape { allow_zero }, inputs, .. }, part) = node(reshape)? else { return None };
        let ints = |inputs: &[Option<ValueId>], i: usize| self.constants.get(&(*inputs.get(i)?)?)?.to_i64s();
        let shape = ints(inputs, 1)?;
        let slice = self.alone(part)?;
        let (Node { op: Op::Slice, inputs, .. }, source) = node(slice)? else { return None };
        let ([start], [end], [2 | -1]) =
            (&ints(inputs, 1)?[..], &ints(inputs, 2)?[..], &ints(inputs, 3)?[..])
        else {
            return None;
        };
        let steps = match inputs.get(4) {
            Some(Some(_)) => ints(inputs, 4)?,
            _ => vec![1],
        };
        let cut = Cut { start: *start, end: *end, shape, allow_zero: *allow_zero };
        (steps == [1] && *start >= 0 && *end >= 0).then_some((cut, source, [reshape, slice]))
    }

    /// Heads that go beside each other behind attention are written there.
    fn merge_heads(&mut self, step: &Step) -> bool {
        let Some(maker) = step.inputs[0].and_then(|x| self.alone(x)) else { return false };
        let Some(Step { kind: Kind::Attention(attention), .. }) = &mut self.steps[maker] else {
            return false;
        };
        if attention.merged {
            return false;
        }
        attention.merged = true;
        attention.parts.push(Step {
            node: step.node,
            kind: Kind::General,
            inputs: step.inputs.clone(),
            outputs: step.outputs.clone(),
            frame: [0; 2],
        });
        self.rename(maker, step);
        true
    }

    /// A map whose pixels become rows, or rows that become one: a transposition of channels and pixels on one side of a
    /// reshape, which moves nothing where maps are channel-last.
    fn turn(&mut self, step: &mut Step, to_rows: bool) {
        let Some(maker) = step.inputs[0].and_then(|x| self.alone(x)) else { return };
        let Some(before) = &self.steps[maker] else { return };
        let fits = match &self.nodes[before.node].op {
            Op::Reshape { .. } => to_rows,
            Op::Transpose { perm } => !to_rows && perm[..] == [0, 2, 1],
            _ => false,
        };
        if !fits || !matches!((&before.kind, &step.kind), (Kind::General, Kind::General)) {
            return;
        }
        let Some(before) = self.steps[maker].take() else { return };
        let after = Step {
            node: step.node,
            kind: Kind::General,
            inputs: step.inputs.clone(),
            outputs: step.outputs.clone(),
            frame: [0; 2],
        };
        let shape = if to_rows { &before } else { &after }.inputs.get(1).copied().flatten();
        step.inputs = vec![before.inputs[0], shape];
        let parts = vec![before, after];
        step.kind = if to_rows { Kind::MapToRows(parts) } else { Kind::RowsToMap(parts) };
    }

    /// An addition becomes the bias or the residual of the step before it.
    fn add_into(&mut self, step: &Step) -> bool {
        let [Some(a), Some(b)] = step.inputs[..] else { return false };
        if a == b {
            return false;
        }
        for (value, constant) in [(a, b), (b, a)] {
            let (Some(bias), Some(maker)) = (self.constants.get(&constant), self.alone(value)) else {
                continue;
            };
            let Some(Step { kind: Kind::Linear(linear), inputs, .. }) = &mut self.steps[maker] else {
                continue;
            };
            let outputs = linear.weights.shape()[usize::from(!linear.transposed)];
            let fits = bias.len() == outputs
                && bias.shape().last() == Some(&outputs)
                && bias.dtype() == DType::F32
                && (bias.shape().len() == 1 || linear.quantized.is_none());
            if fits && inputs.len() == 1 && linear.bias.is_none() && linear.activation == Activation::None {
                linear.bias = Some(bias.clone());
                linear.rank = linear.rank.max(bias.shape().len());
                self.rename(maker, step);
                return true;
            }
        }
        // The later one of the two takes the other in.
        let candidates =
            [(a, b), (b, a)].into_iter().filter(|(_, other)| !self.constants.contains_key(other));
        let best = candidates
            .filter_map(|(value, other)| Some((self.alone(value)?, other)))
            .filter(|(maker, _)| match &self.steps[*maker] {
                Some(Step { kind: Kind::Conv(c), inputs, .. }) => {
                    c.activation == Activation::None && inputs.len() == 1
                }
                Some(Step { kind: Kind::Linear(l), inputs, .. }) => {
                    l.activation == Activation::None && inputs.len() == 1
                }
                _ => false,
            })
            .max_by_key(|(maker, _)| *maker);
        let Some((maker, other)) = best else { return false };
        let Some(mut fused) = self.steps[maker].take() else { return false };
        // It runs now: the other operand may have been made after it.
        fused.inputs.push(Some(other));
        fused.node = step.node;
        fused.outputs.clone_from(&step.outputs);
        self.makers.extend(step.outputs.iter().flatten().map(|o| (*o, self.steps.len())));
        self.steps.push(Some(fused));
        true
    }

    /// `x * sigmoid(x)` becomes one activation.
    fn gate(&mut self, step: &mut Step) {
        let [Some(a), Some(b)] = step.inputs[..] else { return };
        for (x, gate) in [(a, b), (b, a)] {
            let Some(maker) = self.alone(gate) else { continue };
            let Some(Step { kind: Kind::Unary(inner), inputs, .. }) = &self.steps[maker] else { continue };
            let activation = match *inner {
                Activation::Sigmoid => Activation::Swish(1.0),
                Activation::HardSigmoid(alpha, beta) if (alpha - 1.0 / 6.0).abs() < 1e-6 && beta == 0.5 => {
                    Activation::HardSwish
                }
                _ => continue,
            };
            if inputs[..] != [Some(x)] {
                continue;
            }
            self.steps[maker] = None;
            *self.uses.entry(x).or_insert(2) -= 1;
            step.kind = Kind::Unary(activation);
            step.inputs = vec![Some(x)];
            return;
        }
    }

    /// An activation goes into the step before it.
    fn activate(&mut self, step: &Step) -> bool {
        let Kind::Unary(activation) = step.kind else { return false };
        let Some(maker) = step.inputs[0].and_then(|x| self.alone(x)) else { return false };
        let Some(before) = &mut self.steps[maker] else { return false };
        let own = match &mut before.kind {
            Kind::Conv(conv) => &mut conv.activation,
            Kind::Linear(linear) => &mut linear.activation,
            Kind::Depthwise(_, own) | Kind::Transposed(_, own) | Kind::Deform(_, own) => own,
            Kind::Shuffle(_, layer) => &mut layer.1,
            Kind::Binary(_, own) => own,
            _ => return false,
        };
        if *own != Activation::None {
            return false;
        }
        *own = activation;
        self.rename(maker, step);
        true
    }

    /// The step that makes a value which one step alone reads.
    fn alone(&self, value: ValueId) -> Option<usize> {
        let maker = *self.makers.get(&value)?;
        (self.uses.get(&value) == Some(&1) && self.steps[maker].is_some()).then_some(maker)
    }

    /// Steps that need not write the largest maps of a network are computed with those that read them.
    fn chain(&mut self) {
        for i in 0..self.steps.len() {
            let Some(step) = &self.steps[i] else { continue };
            let Some(maker) = step.inputs.first().copied().flatten().and_then(|value| self.alone(value))
            else {
                continue;
            };
            if self.steps[maker].as_ref().is_none_or(|before| before.inputs.len() > 1) {
                continue;
            }
            let Some(mut before) = self.steps[maker].take() else { continue };
            let Some(step) = &mut self.steps[i] else { continue };
            match join(before.kind, &mut step.kind) {
                Ok(()) => step.inputs[0] = before.inputs[0],
                Err(kind) => {
                    before.kind = kind;
                    self.steps[maker] = Some(before);
                }
            }
        }
    }

    /// A step makes the outputs of another one.
    fn rename(&mut self, maker: usize, step: &Step) {
        if let Some(before) = &mut self.steps[maker] {
            before.outputs.clone_from(&step.outputs);
            before.node = step.node;
        }
        self.makers.extend(step.outputs.iter().flatten().map(|o| (*o, maker)));
    }

    fn constant(&self, node: &Node, operand: usize) -> Option<&'a Tensor> {
        self.constants.get(&(*node.inputs.get(operand)?)?)
    }

    /// An operand of constant 32-bit floats.
    fn floats(&self, node: &Node, operand: usize) -> Option<&'a Tensor> {
        self.constant(node, operand).filter(|t| t.dtype() == DType::F32)
    }

    /// `Some(None)` where an optional operand is not given, `None` where it is not constant.
    fn optional(&self, node: &Node, operand: usize) -> Option<Option<&'a Tensor>> {
        match node.inputs.get(operand) {
            Some(Some(_)) => self.floats(node, operand).map(Some),
            _ => Some(None),
        }
    }

    /// The kernel of a node, as far as its attributes and constants say.
    fn kernel(&self, i: usize, node: &Node) -> Option<Kind> {
        if let Some((_, grid)) = self.quantization.rounds.get(&i) {
            return Some(Kind::Unary(Activation::Round(*grid)));
        }
        let quantized = self.quantization.operators.get(&i);
        match &node.op {
            Op::Conv { strides, dilations, padding, groups } => {
                self.conv(node, &Window { strides, dilations, padding }, *groups, quantized)
            }
            Op::ConvTranspose {
                strides,
                dilations,
                padding,
                output_padding,
                output_shape: None,
                groups: 1,
            } => self.transposed(node, &Window { strides, dilations, padding }, output_padding),
            Op::DeformConv { strides, dilations, padding, groups: 1, offset_groups } => {
                self.deform(node, &Window { strides, dilations, padding }, *offset_groups)
            }
            Op::MatMul => match quantized.map(|q| &q.weights).or_else(|| self.floats(node, 1)) {
                Some(weights) if weights.shape().len() == 2 => {
                    let transposed = quantized.is_some_and(|q| q.transposed);
                    Some(linear(weights, transposed, None, quantized))
                }
                // A stack of one matrix.
                Some(weights) if quantized.is_none() && !weights.is_empty() => match *weights.shape() {
                    [ref stack @ .., inner, outputs] if stack.iter().all(|n| *n == 1) => {
                        let matrix = weights.clone().reshaped(&[inner, outputs]).ok()?;
                        Some(linear(&matrix, false, None, None)).map(|kind| with_rank(kind, stack.len() + 2))
                    }
                    _ => Some(Kind::Product),
                },
                _ => Some(Kind::Product),
            },
            Op::Gemm { alpha, beta, trans_a: false, trans_b } if *alpha == 1.0 => {
                let weights = quantized.map_or_else(|| self.floats(node, 1), |q| Some(&q.weights))?;
                let outputs = *weights.shape().get(usize::from(!trans_b))?;
                let bias = self.optional(node, 2)?;
                let fits = bias
                    .is_none_or(|b| *beta == 1.0 && b.len() == outputs && b.shape().last() == Some(&outputs));
                let flat = |b: &Tensor| Tensor::of(&[outputs], b.as_f32().unwrap_or_default().to_vec());
                fits.then(|| linear(weights, *trans_b, bias.map(flat), quantized))
            }
            Op::MaxPool { kernel, strides, dilations, padding, ceil: false } if node.outputs.len() == 1 => {
                Some(Kind::Pool(pool(kernel, strides, dilations, padding)?, Pooling::Max))
            }
            Op::AveragePool { kernel, strides, dilations, padding, ceil: false, count_include_pad } => {
                let pooling = if *count_include_pad { Pooling::MeanWithPadding } else { Pooling::Mean };
                Some(Kind::Pool(pool(kernel, strides, dilations, padding)?, pooling))
            }
            Op::GlobalAveragePool => Some(Kind::GlobalMean),
            Op::Reduce { op: ReduceOp::Mean, keep_dims: true, .. } => {
                let axes = self.constant(node, 1)?.as_i64()?;
                matches!(axes, [2, 3] | [-2, -1]).then_some(Kind::GlobalMean)
            }
            Op::Concat { axis: 1 | -3 } => Some(Kind::Concat(None)),
            Op::Resize {
                mode: Interpolation::Nearest, coordinates, nearest, exclude_outside: false, ..
            } => {
                let repeats = matches!(
                    (coordinates, nearest),
                    (CoordinateMode::Asymmetric, NearestMode::Floor)
                        | (
                            CoordinateMode::HalfPixel | CoordinateMode::PytorchHalfPixel,
                            NearestMode::RoundPreferFloor | NearestMode::RoundPreferCeil
                        )
                );
                repeats.then_some(Kind::Enlarge)
            }
            Op::Resize { mode: Interpolation::Linear, .. } => Some(Kind::Bilinear),
            Op::Lstm { direction, hidden, batch_first, .. } => {
                let directions = self.lstm(node, *direction, *hidden, quantized)?;
                Some(Kind::Lstm { directions, batch_first: *batch_first })
            }
            Op::Softmax { axis } => Some(Kind::Softmax(*axis)),
            Op::LayerNorm { axis, epsilon } if node.outputs.len() == 1 => {
                let scale = self.floats(node, 1)?;
                let bias = self.optional(node, 2)?;
                let fits = scale.shape().len() == 1 && bias.is_none_or(|b| b.shape() == scale.shape());
                fits.then(|| Kind::LayerNorm {
                    axis: *axis,
                    epsilon: *epsilon,
                    scale: scale.clone(),
                    bias: bias.cloned(),
                })
            }
            Op::Unary(op) => Some(Kind::Unary(activation(*op)?)),
            Op::Clip => {
                let bound = |i: usize, default: f32| match self.optional(node, i)? {
                    Some(t) => t.as_f32()?.first().copied(),
                    None => Some(default),
                };
                Some(Kind::Unary(Activation::Clip(bound(1, f32::NEG_INFINITY)?, bound(2, f32::INFINITY)?)))
            }
            Op::Binary(
                op @ (BinaryOp::Add
                | BinaryOp::Sub
                | BinaryOp::Mul
                | BinaryOp::Div
                | BinaryOp::Min
                | BinaryOp::Max),
            ) => Some(Kind::Binary(*op, Activation::None)),
            _ => None,
        }
    }

    fn conv(
        &self,
        node: &Node,
        window: &Window<'_>,
        groups: usize,
        quantized: Option<&Quantized>,
    ) -> Option<Kind> {
        let weights = quantized.map_or_else(|| self.floats(node, 1), |q| Some(&q.weights))?;
        let (shape, bias) = self.shape(node, weights, 2, window, groups)?;
        if groups > 1
            && let Some(values) = weights.as_f32()
            && let Some(depthwise) = Depthwise::new(shape, values, bias.and_then(Tensor::as_f32))
        {
            return Some(Kind::Depthwise(Box::new(depthwise), Activation::None));
        }
        Some(Kind::Conv(Box::new(ConvStep {
            shape,
            weights: weights.clone(),
            bias: bias.cloned(),
            activation: Activation::None,
            quantized: quantized.map(|q| (q.clone(), OnceLock::new())),
            before: None,
            rounded: None,
            packed: Default::default(),
        })))
    }

    /// Sizes and bias of a convolution of constant weights; `bias` is the operand that the bias is.
    fn shape(
        &self,
        node: &Node,
        weights: &Tensor,
        bias: usize,
        &Window { strides, dilations, padding }: &Window<'_>,
        groups: usize,
    ) -> Option<(ConvShape, Option<&'a Tensor>)> {
        let [outputs, inputs, kh, kw] = *weights.shape() else { return None };
        let ([top, left, bottom, right], [sy, sx], [dy, dx]) =
            (<[usize; 4]>::try_from(explicit(padding)?).ok()?, pair(strides)?, pair(dilations)?);
        let bias = self.optional(node, bias)?;
        let sound =
            outputs > 0 && inputs > 0 && kh > 0 && kw > 0 && groups > 0 && outputs.is_multiple_of(groups);
        if !sound || bias.is_some_and(|b| b.len() != outputs) {
            return None;
        }
        let shape = ConvShape {
            inputs: inputs * groups,
            outputs,
            groups,
            kernel: [kh, kw],
            stride: [sy, sx],
            dilation: [dy, dx],
            before: [top, left],
            after: [bottom, right],
        };
        Some((shape, bias))
    }

    fn transposed(
        &self,
        node: &Node,
        &Window { strides, dilations, padding }: &Window<'_>,
        output_padding: &[usize],
    ) -> Option<Kind> {
        let weights = self.floats(node, 1)?;
        let [inputs, outputs, kh, kw] = *weights.shape() else { return None };
        let ([top, left, bottom, right], stride, extra) = (
            <[usize; 4]>::try_from(explicit(padding)?).ok()?,
            pair(strides)?,
            if output_padding.is_empty() { [0; 2] } else { <[usize; 2]>::try_from(output_padding).ok()? },
        );
        let bias = self.optional(node, 2)?;
        let fits = bias.is_none_or(|b| b.len() == outputs)
            && dilations.iter().all(|d| *d == 1)
            && [top, left, bottom, right].iter().chain(&extra).all(|pixels| *pixels < 1 << 20);
        // A pixel of the output on which no window falls is left to the general operator.
        if !fits || inputs * outputs == 0 || kh < stride[0] || kw < stride[1] {
            return None;
        }
        let (values, bias) = (weights.as_f32()?, bias.and_then(Tensor::as_f32));
        if stride == [kh, kw] && [top, left, bottom, right, extra[0], extra[1]] == [0; 6] {
            let shuffle = Shuffle::new(inputs, outputs, [kh, kw], values, bias);
            return Some(Kind::Shuffle(None, Box::new((shuffle, Activation::None))));
        }
        let shape = TransposedShape {
            inputs,
            outputs,
            kernel: [kh, kw],
            stride,
            before: [top, left],
            after: [bottom, right],
            extra,
        };
        Some(Kind::Transposed(Box::new(Transposed::new(shape, values, bias)), Activation::None))
    }

    /// `groups` of channels are read at the same places.
    fn deform(&self, node: &Node, window: &Window<'_>, groups: usize) -> Option<Kind> {
        let weights = self.floats(node, 1)?;
        let (shape, bias) = self.shape(node, weights, 3, window, 1)?;
        let fits = groups > 0 && shape.inputs.is_multiple_of(groups);
        fits.then(|| {
            let values = weights.as_f32().unwrap_or_default();
            let layer = Deform::new(shape, groups, values, bias.and_then(Tensor::as_f32));
            Kind::Deform(Box::new(layer), Activation::None)
        })
    }

    fn lstm(
        &self,
        node: &Node,
        direction: RnnDirection,
        hidden: usize,
        quantized: Option<&Quantized>,
    ) -> Option<Vec<LstmDirection>> {
        let w = quantized.map_or_else(|| self.floats(node, 1), |q| Some(&q.weights))?;
        let (r, bias) = (self.floats(node, 2)?, self.optional(node, 3)?);
        let reverse: &[bool] = match direction {
            RnnDirection::Forward => &[false],
            RnnDirection::Reverse => &[true],
            RnnDirection::Bidirectional => &[false, true],
        };
        let &[_, gates, inputs] = w.shape() else { return None };
        if !lstm_fits(node, w.shape(), |i| self.floats(node, i)) {
            return None;
        }
        let (r, bias) = (r.as_f32()?, bias.and_then(Tensor::as_f32));
        let make = |(i, reverse): (usize, &bool)| {
            let sum = bias.map(|b| {
                let (own, state) = b[i * 2 * gates..][..2 * gates].split_at(gates);
                own.iter().zip(state).map(|(a, b)| a + b).collect::<Vec<f32>>()
            });
            let (own, r) =
                (i * gates * inputs..(i + 1) * gates * inputs, &r[i * gates * hidden..][..gates * hidden]);
            Some(match quantized {
                Some(Quantized { weights, scales, grid, .. }) => {
                    let w = weights.slice::<i8>()?.get(own)?;
                    let weight = |k: usize, gate: usize| w[gate * inputs + k];
                    let input = QuantizedProduct::new(inputs, scales, sum.as_deref(), *grid, weight);
                    LstmDirection::of_bytes(hidden, input, r, *reverse)
                }
                None => LstmDirection::new(hidden, w.as_f32()?.get(own)?, r, sum.as_deref(), *reverse),
            })
        };
        reverse.iter().enumerate().map(make).collect()
    }
}

fn linear(weights: &Tensor, transposed: bool, bias: Option<Tensor>, quantized: Option<&Quantized>) -> Kind {
    Kind::Linear(Box::new(LinearStep {
        weights: weights.clone(),
        transposed,
        rank: 0,
        bias,
        activation: Activation::None,
        quantized: quantized.map(|q| (q.clone(), OnceLock::new())),
        packed: Default::default(),
    }))
}

fn with_rank(mut kind: Kind, rank: usize) -> Kind {
    if let Kind::Linear(linear) = &mut kind {
        linear.rank = rank;
    }
    kind
}

/// Makes a step compute what stands before it as well, row by row, or gives that back.
fn join(before: Kind, kind: &mut Kind) -> Result<(), Kind> {
    match (before, kind) {
        // A convolution in floats that makes the picture smaller, as a network's first one does, before one of bytes.
        (Kind::Conv(first), Kind::Conv(conv))
            if conv.quantized.is_some()
                && first.quantized.is_none()
                && first.before.is_none()
                && first.shape.stride[0] > 1
                && first.shape.kernel[1] > 1
                && first.shape.outputs == conv.shape.inputs =>
        {
            conv.before = Some(first);
        }
        // Both look at single pixels, and what lies between has more channels than what they read and make.
        (Kind::Conv(first), Kind::Conv(conv))
            if [&first, &*conv]
                .iter()
                .all(|c| c.quantized.is_none() && c.before.is_none() && c.shape.is_of_pixels())
                && first.shape.outputs == conv.shape.inputs
                && first.shape.outputs > first.shape.inputs.max(conv.shape.outputs) =>
        {
            conv.before = Some(first);
        }
        // Both make it larger, as a detector's last ones do.
        (Kind::Shuffle(None, first), Kind::Shuffle(before @ None, layer))
            if first.0.outputs() == layer.0.inputs() =>
        {
            *before = Some(first);
        }
        (before, _) => return Err(before),
    }
    Ok(())
}

fn explicit(padding: &Padding) -> Option<&[usize]> {
    match padding {
        Padding::Explicit(sizes) => Some(sizes),
        _ => None,
    }
}

fn pair(values: &[usize]) -> Option<[usize; 2]> {
    <[usize; 2]>::try_from(values).ok().filter(|v| v.iter().all(|n| *n > 0))
}

fn pool(kernel: &[usize], strides: &[usize], dilations: &[usize], padding: &Padding) -> Option<PoolShape> {
    let [top, left, bottom, right] = <[usize; 4]>::try_from(explicit(padding)?).ok()?;
    let dense = dilations.iter().all(|d| *d == 1);
    let (kernel, stride) = (pair(kernel)?, pair(strides)?);
    // A window that lies in the padding alone has no largest value.
    let covered = top < kernel[0] && bottom < kernel[0] && left < kernel[1] && right < kernel[1];
    (dense && covered).then_some(PoolShape { kernel, stride, before: [top, left], after: [bottom, right] })
}

fn activation(op: UnaryOp) -> Option<Activation> {
    Some(match op {
        UnaryOp::Relu => Activation::Relu,
        UnaryOp::LeakyRelu { alpha } => Activation::LeakyRelu(alpha),
        UnaryOp::Sigmoid => Activation::Sigmoid,
        UnaryOp::HardSigmoid { alpha, beta } => Activation::HardSigmoid(alpha, beta),
        UnaryOp::HardSwish => Activation::HardSwish,
        UnaryOp::Swish { alpha } => Activation::Swish(alpha),
        UnaryOp::Tanh => Activation::Tanh,
        UnaryOp::Gelu { tanh: false } => Activation::Gelu,
        UnaryOp::Gelu { tanh: true } => Activation::GeluTanh,
        UnaryOp::Erf => Activation::Erf,
        UnaryOp::Exp => Activation::Exp,
        _ => return None,
    })
}

/// A map that only convolutions of bytes read, all on the same grid, is written as bytes.
fn round(graph: &Graph, steps: &mut [Step]) {
    let mut grids: HashMap<ValueId, Option<Grid>> = graph.outputs.iter().map(|o| (o.value, None)).collect();
    for step in &*steps {
        for (i, value) in step.inputs.iter().enumerate() {
            let Some(value) = value else { continue };
            let wanted = match &step.kind {
                Kind::Conv(conv) if i == 0 && conv.before.is_none() => {
                    conv.quantized.as_ref().map(|(quantized, _)| quantized.grid)
                }
                _ => None,
            };
            let grid = grids.entry(*value).or_insert(wanted);
            if *grid != wanted {
                *grid = None;
            }
        }
    }
    for step in steps {
        let Some(grid) =
            step.outputs.first().copied().flatten().and_then(|v| grids.get(&v).copied().flatten())
        else {
            continue;
        };
        match &mut step.kind {
            Kind::Conv(conv) if conv.quantized.is_some() => conv.rounded = Some(grid),
            Kind::Concat(rounded) => *rounded = Some(grid),
            _ => {}
        }
    }
}

/// Each step writes the frame that its readers want, and steps that may work in place want it of their operands. The frames that
/// are wanted of each value, where there are any.
fn choose_frames(steps: &mut [Step]) -> HashMap<ValueId, [usize; 2]> {
    let mut wanted: HashMap<ValueId, [usize; 2]> = HashMap::new();
    for step in steps.iter_mut().rev() {
        if let Some(output) = step.outputs.first().copied().flatten() {
            step.frame = wanted.get(&output).copied().unwrap_or_default();
        }
        let mut want = |value: Option<ValueId>, frame: [usize; 2]| {
            if let Some(value) = value {
                let most = wanted.entry(value).or_default();
                *most = [most[0].max(frame[0]), most[1].max(frame[1])];
            }
        };
        match &step.kind {
            Kind::Conv(conv) => match &conv.before {
                Some(before) => want(step.inputs[0], before.shape.frame()),
                // Bytes have frames of their own.
                None if conv.quantized.is_some() => {}
                None => want(step.inputs[0], conv.shape.frame()),
            },
            Kind::Depthwise(depthwise, _) => want(step.inputs[0], depthwise.frame()),
            Kind::Transposed(layer, _) => want(step.inputs[0], layer.frame()),
            Kind::Unary(_) => want(step.inputs[0], step.frame),
            Kind::Binary(..) => step.inputs.iter().for_each(|input| want(*input, step.frame)),
            _ => {}
        }
    }
    wanted
}
