//! Graphs to ONNX models.

use std::collections::{BTreeMap, HashMap, HashSet};

use glyphic_graph::{
    BinaryOp, CoordinateMode, DType, Dim, Graph, GridPadding, Interpolation, LogicalOp, NearestMode, Node,
    Op, PadMode, Padding, RnnActivation, RnnDirection, RoiMode, Tensor, UnaryOp, ValueId,
    infer::{Fact, infer},
    validate,
};
use prost::Message as _;

use crate::{Error, Result, proto, proto::attribute_type, tensor};

/// The least opset that is written: reductions take their axes as an operand from it on.
const BASE: i64 = 18;

/// Writes an ONNX model with the weights in it: opset 18, or a later one where an operator needs it, with names, symbols
/// of sizes and metadata. Weights of 16 bits stay so, with a `Cast` behind each.
///
/// # Errors
/// [`Error::Graph`] where the graph is not well formed, and [`Error::Unsupported`] for a node that ONNX cannot express.
pub fn to_bytes(graph: &Graph) -> Result<Vec<u8>> {
    validate(graph)?;
    let facts = infer(graph)?;
    let mut writer = Writer {
        graph,
        names: HashMap::new(),
        facts,
        model: proto::Graph::default(),
        opset: BASE,
        parts: Vec::new(),
    };
    writer.name_values();
    writer.model.name = if graph.name.is_empty() { "network".into() } else { graph.name.clone() };
    writer.inputs();
    writer.constants();
    for (i, node) in graph.nodes.iter().enumerate() {
        writer.node(i, node);
    }
    writer.outputs();
    if !writer.parts.is_empty() {
        return Err(Error::Unsupported { parts: writer.parts });
    }
    tell_apart(&mut writer.model.node);
    let opset = writer.opset;
    let entry = |(key, value): (&String, &String)| proto::Entry { key: key.clone(), value: value.clone() };
    let model = proto::Model {
        // The format's version that came with the opset.
        ir_version: match opset {
            ..=18 => 8,
            19..=20 => 9,
            _ => 10,
        },
        producer_name: "glyphic".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(writer.model),
        opset_import: vec![proto::OperatorSet { domain: String::new(), version: opset }],
        metadata_props: graph.metadata.iter().map(entry).collect(),
    };
    Ok(model.encode_to_vec())
}

/// ONNX Runtime refuses nodes of one name.
fn tell_apart(nodes: &mut [proto::Node]) {
    let mut taken: HashSet<String> = HashSet::new();
    for (i, node) in nodes.iter_mut().enumerate() {
        while !node.name.is_empty() && !taken.insert(node.name.clone()) {
            node.name = format!("{}_{i}", node.name);
        }
    }
}

struct Writer<'a> {
    graph: &'a Graph,
    names: HashMap<ValueId, String>,
    facts: BTreeMap<ValueId, Fact>,
    model: proto::Graph,
    opset: i64,
    /// What ONNX cannot express.
    parts: Vec<String>,
}

impl Writer<'_> {
    /// Gives each value a name of its own. Inputs and outputs keep theirs.
    fn name_values(&mut self) {
        let mut taken: HashSet<String> = HashSet::new();
        for input in &self.graph.inputs {
            taken.insert(input.name.clone());
            self.names.insert(input.value, input.name.clone());
        }
        for output in &self.graph.outputs {
            let free = taken.insert(output.name.clone());
            if free
                && !self.names.contains_key(&output.value)
                && !self.graph.constants.contains_key(&output.value)
            {
                self.names.insert(output.value, output.name.clone());
            }
        }
        let mut take = |wanted: &str, value: ValueId| {
            let mut name = wanted.to_owned();
            while name.is_empty() || !taken.insert(name.clone()) {
                name = format!("{name}_{}", value.0);
            }
            name
        };
        for value in self.graph.constants.keys() {
            let wanted = self.graph.names.get(value).map_or("constant", String::as_str);
            self.names.insert(*value, take(wanted, *value));
        }
        for node in &self.graph.nodes {
            for (i, value) in node.outputs.iter().enumerate() {
                let Some(value) = value else { continue };
                if self.names.contains_key(value) {
                    continue;
                }
                let name = match self.graph.names.get(value) {
                    Some(name) => take(name, *value),
                    None => take(&format!("{}/{i}", node.name), *value),
                };
                self.names.insert(*value, name);
            }
        }
    }

    fn name(&self, value: ValueId) -> String {
        self.names.get(&value).cloned().unwrap_or_default()
    }

    fn inputs(&mut self) {
        for input in &self.graph.inputs {
            self.model.input.push(info(&input.name, input.dtype, input.shape.as_deref()));
        }
    }

    fn constants(&mut self) {
        // Where a network computes with 16 bits its weights are used as they are.
        let half = self.graph.inputs.iter().any(|i| i.dtype == DType::F16)
            || self.graph.nodes.iter().any(|n| matches!(n.op, Op::Cast { to: DType::F16 }));
        for (value, t) in &self.graph.constants {
            let name = self.name(*value);
            self.model.initializer.push(tensor::write(t, &name));
            if t.dtype() == DType::F16 && !half {
                let wide = format!("{name}/float");
                self.push(
                    "Cast",
                    &wide,
                    vec![name],
                    vec![wide.clone()],
                    vec![int("to", i64::from(tensor::code(DType::F32)))],
                );
                self.names.insert(*value, wide);
            }
        }
    }

    fn outputs(&mut self) {
        for output in &self.graph.outputs {
            let name = self.name(output.value);
            // An input or constant that comes out, or a value that comes out twice.
            if name != output.name {
                self.push("Identity", &output.name, vec![name], vec![output.name.clone()], Vec::new());
            }
            let fact = self.facts.get(&output.value);
            let dtype = match fact.map(|f| f.dtype) {
                Some(DType::F16) if self.graph.constants.contains_key(&output.value) => DType::F32,
                other => other.unwrap_or(DType::F32),
            };
            self.model.output.push(info(&output.name, dtype, fact.and_then(|f| f.shape.as_deref())));
        }
    }

    fn push(
        &mut self,
        op: &str,
        name: &str,
        input: Vec<String>,
        output: Vec<String>,
        attribute: Vec<proto::Attribute>,
    ) {
        self.model.node.push(proto::Node {
            input,
            output,
            name: name.to_owned(),
            op_type: op.to_owned(),
            attribute,
            domain: String::new(),
        });
    }

    fn needs(&mut self, opset: i64) {
        self.opset = self.opset.max(opset);
    }

    fn node(&mut self, index: usize, node: &Node) {
        let names = |list: &[Option<ValueId>], names: &HashMap<ValueId, String>| -> Vec<String> {
            list.iter().map(|v| v.and_then(|v| names.get(&v).cloned()).unwrap_or_default()).collect()
        };
        let name =
            if node.name.is_empty() { format!("{}_{index}", node.op.name()) } else { node.name.clone() };
        let (input, output) = (names(&node.inputs, &self.names), names(&node.outputs, &self.names));
        match &node.op {
            Op::Unary(UnaryOp::Swish { alpha }) => {
                // An operator of its own only since opset 24.
                let (x, y) = (input[0].clone(), output[0].clone());
                let gate = format!("{y}/gate");
                let scaled = if *alpha == 1. {
                    x.clone()
                } else {
                    let (factor, scaled) = (format!("{y}/alpha"), format!("{y}/scaled"));
                    self.model.initializer.push(tensor::write(&Tensor::scalar(*alpha), &factor));
                    self.push("Mul", &scaled, vec![x.clone(), factor], vec![scaled.clone()], Vec::new());
                    scaled
                };
                self.push("Sigmoid", &gate, vec![scaled], vec![gate.clone()], Vec::new());
                self.push("Mul", &name, vec![x, gate], output, Vec::new());
            }
            Op::AdaptiveAveragePool { output: size } => self.adaptive(node, &name, input, output, *size),
            op => {
                let attributes = self.attributes(node, op);
                self.push(op.name(), &name, input, output, attributes);
            }
        }
    }

    /// Pooling to a size: as pooling with a window where sizes divide, otherwise as a product with a matrix an axis.
    fn adaptive(
        &mut self,
        node: &Node,
        name: &str,
        input: Vec<String>,
        output: Vec<String>,
        size: [usize; 2],
    ) {
        if size == [1, 1] {
            return self.push("GlobalAveragePool", name, input, output, Vec::new());
        }
        let fact = node.inputs.first().copied().flatten().and_then(|x| self.facts.get(&x));
        let (h, w) = match fact.and_then(|f| f.shape.as_deref()) {
            Some([_, _, Dim::Known(h), Dim::Known(w)]) if size[0] > 0 && size[1] > 0 => (*h, *w),
            _ => {
                let part = format!("AdaptiveAveragePool (node {name:?}): its input's size is not known");
                return self.parts.push(part);
            }
        };
        if h % size[0] == 0 && w % size[1] == 0 && h > 0 && w > 0 {
            let kernel = [h / size[0], w / size[1]];
            let attributes = vec![counts("kernel_shape", &kernel), counts("strides", &kernel)];
            return self.push("AveragePool", name, input, output, attributes);
        }
        let matrix = |from: usize, to: usize, transposed: bool| {
            let mut values = vec![0f32; from * to];
            for o in 0..to {
                let (start, end) = (o * from / to, ((o + 1) * from).div_ceil(to));
                for i in start..end {
                    values[if transposed { i * to + o } else { o * from + i }] = 1. / (end - start) as f32;
                }
            }
            Tensor::of(&if transposed { [from, to] } else { [to, from] }, values)
        };
        let (rows, columns, middle) =
            (format!("{name}/rows"), format!("{name}/columns"), format!("{name}/middle"));
        self.model.initializer.push(tensor::write(&matrix(h, size[0], false), &rows));
        self.model.initializer.push(tensor::write(&matrix(w, size[1], true), &columns));
        self.push("MatMul", &middle, vec![rows, input[0].clone()], vec![middle.clone()], Vec::new());
        self.push("MatMul", name, vec![middle, columns], output, Vec::new());
    }

    #[expect(clippy::too_many_lines, reason = "a table of operators")]
    fn attributes(&mut self, node: &Node, op: &Op) -> Vec<proto::Attribute> {
        match op {
            Op::Conv { strides, dilations, padding, groups }
            | Op::ConvInteger { strides, dilations, padding, groups } => {
                let mut a = window(strides, dilations, padding);
                a.push(count("group", *groups));
                a
            }
            Op::ConvTranspose { strides, dilations, padding, output_padding, output_shape, groups } => {
                let mut a = window(strides, dilations, padding);
                a.push(count("group", *groups));
                if output_padding.iter().any(|p| *p != 0) {
                    a.push(counts("output_padding", output_padding));
                }
                a.extend(output_shape.iter().map(|s| counts("output_shape", s)));
                a
            }
            Op::DeformConv { strides, dilations, padding, groups, offset_groups } => {
                self.needs(19);
                let mut a = window(strides, dilations, padding);
                a.extend([count("group", *groups), count("offset_group", *offset_groups)]);
                a
            }
            Op::Gemm { alpha, beta, trans_a, trans_b } => vec![
                float("alpha", *alpha),
                float("beta", *beta),
                int("transA", i64::from(*trans_a)),
                int("transB", i64::from(*trans_b)),
            ],
            Op::BatchNorm { epsilon } | Op::InstanceNorm { epsilon } => vec![float("epsilon", *epsilon)],
            Op::GroupNorm { epsilon, groups } => {
                self.needs(21);
                vec![float("epsilon", *epsilon), count("num_groups", *groups)]
            }
            Op::LayerNorm { axis, epsilon } => vec![int("axis", *axis), float("epsilon", *epsilon)],
            Op::Lstm { direction, hidden, activations, batch_first } => {
                recurrent(*direction, *hidden, activations, *batch_first)
            }
            Op::Gru { direction, hidden, activations, linear_before_reset, batch_first } => {
                let mut a = recurrent(*direction, *hidden, activations, *batch_first);
                a.push(int("linear_before_reset", i64::from(*linear_before_reset)));
                a
            }
            Op::Unary(op) => self.unary(*op),
            Op::Binary(BinaryOp::Mod { fmod }) => vec![int("fmod", i64::from(*fmod))],
            Op::Softmax { axis } | Op::LogSoftmax { axis } | Op::Flatten { axis } | Op::Concat { axis } => {
                vec![int("axis", *axis)]
            }
            Op::Reduce { op: _, keep_dims, noop_with_empty_axes } => {
                vec![
                    int("keepdims", i64::from(*keep_dims)),
                    int("noop_with_empty_axes", i64::from(*noop_with_empty_axes)),
                ]
            }
            Op::ArgReduce { axis, max: _, keep_dims, select_last } => vec![
                int("axis", *axis),
                int("keepdims", i64::from(*keep_dims)),
                int("select_last_index", i64::from(*select_last)),
            ],
            Op::TopK { axis, largest, sorted } => {
                vec![
                    int("axis", *axis),
                    int("largest", i64::from(*largest)),
                    int("sorted", i64::from(*sorted)),
                ]
            }
            Op::MaxPool { kernel, strides, dilations, padding, ceil } => {
                let mut a = window(strides, dilations, padding);
                a.extend([counts("kernel_shape", kernel), int("ceil_mode", i64::from(*ceil))]);
                a
            }
            Op::AveragePool { kernel, strides, dilations, padding, ceil, count_include_pad } => {
                let spread = dilations.iter().any(|d| *d != 1);
                let mut a = window(strides, if spread { dilations } else { &[] }, padding);
                if spread {
                    self.needs(19);
                }
                a.extend([
                    counts("kernel_shape", kernel),
                    int("ceil_mode", i64::from(*ceil)),
                    int("count_include_pad", i64::from(*count_include_pad)),
                ]);
                a
            }
            Op::Resize { mode, coordinates, nearest, cubic_a, exclude_outside, extrapolation } => {
                if *coordinates == CoordinateMode::HalfPixelSymmetric {
                    self.needs(19);
                }
                vec![
                    text(
                        "mode",
                        match mode {
                            Interpolation::Nearest => "nearest",
                            Interpolation::Linear => "linear",
                            Interpolation::Cubic => "cubic",
                        },
                    ),
                    text(
                        "coordinate_transformation_mode",
                        match coordinates {
                            CoordinateMode::HalfPixel => "half_pixel",
                            CoordinateMode::HalfPixelSymmetric => "half_pixel_symmetric",
                            CoordinateMode::PytorchHalfPixel => "pytorch_half_pixel",
                            CoordinateMode::AlignCorners => "align_corners",
                            CoordinateMode::Asymmetric => "asymmetric",
                            CoordinateMode::TfCropAndResize => "tf_crop_and_resize",
                        },
                    ),
                    text(
                        "nearest_mode",
                        match nearest {
                            NearestMode::RoundPreferFloor => "round_prefer_floor",
                            NearestMode::RoundPreferCeil => "round_prefer_ceil",
                            NearestMode::Floor => "floor",
                            NearestMode::Ceil => "ceil",
                        },
                    ),
                    float("cubic_coeff_a", *cubic_a),
                    int("exclude_outside", i64::from(*exclude_outside)),
                    float("extrapolation_value", *extrapolation),
                ]
            }
            Op::GridSample { mode, padding, align_corners } => {
                self.needs(20);
                vec![
                    text(
                        "mode",
                        match mode {
                            Interpolation::Nearest => "nearest",
                            Interpolation::Linear => "linear",
                            Interpolation::Cubic => "cubic",
                        },
                    ),
                    text(
                        "padding_mode",
                        match padding {
                            GridPadding::Zeros => "zeros",
                            GridPadding::Border => "border",
                            GridPadding::Reflection => "reflection",
                        },
                    ),
                    int("align_corners", i64::from(*align_corners)),
                ]
            }
            Op::RoiAlign { mode, output, sampling_ratio, spatial_scale, half_pixel } => vec![
                text(
                    "mode",
                    match mode {
                        RoiMode::Average => "avg",
                        RoiMode::Max => "max",
                    },
                ),
                count("output_height", output[0]),
                count("output_width", output[1]),
                count("sampling_ratio", *sampling_ratio),
                float("spatial_scale", *spatial_scale),
                text(
                    "coordinate_transformation_mode",
                    if *half_pixel { "half_pixel" } else { "output_half_pixel" },
                ),
            ],
            Op::Reshape { allow_zero } => vec![int("allowzero", i64::from(*allow_zero))],
            Op::Transpose { perm } if perm.is_empty() => Vec::new(),
            Op::Transpose { perm } => vec![counts("perm", perm)],
            Op::Split { axis, num_outputs } => {
                let mut a = vec![int("axis", *axis)];
                // Sizes and a number exclude each other.
                if node.inputs.get(1).copied().flatten().is_none() {
                    a.push(count("num_outputs", num_outputs.unwrap_or(node.outputs.len())));
                }
                a
            }
            Op::Gather { axis }
            | Op::GatherElements { axis }
            | Op::ScatterElements { axis }
            | Op::OneHot { axis } => {
                vec![int("axis", *axis)]
            }
            Op::GatherNd { batch_dims } => vec![count("batch_dims", *batch_dims)],
            Op::Pad { mode } => {
                if *mode == PadMode::Wrap {
                    self.needs(19);
                }
                vec![text(
                    "mode",
                    match mode {
                        PadMode::Constant => "constant",
                        PadMode::Reflect => "reflect",
                        PadMode::Edge => "edge",
                        PadMode::Wrap => "wrap",
                    },
                )]
            }
            Op::CumSum { exclusive, reverse } => {
                vec![int("exclusive", i64::from(*exclusive)), int("reverse", i64::from(*reverse))]
            }
            Op::Shape { start, end } => {
                let mut a = vec![int("start", *start)];
                a.extend(end.map(|end| int("end", end)));
                a
            }
            Op::Cast { to } => vec![int("to", i64::from(tensor::code(*to)))],
            Op::ConstantOfShape { value } => vec![proto::Attribute {
                name: "value".into(),
                t: Some(tensor::write(value, "")),
                r#type: attribute_type::TENSOR,
                ..proto::Attribute::default()
            }],
            Op::QuantizeLinear { axis } | Op::DequantizeLinear { axis } => vec![int("axis", *axis)],
            Op::MatMul
            | Op::Binary(_)
            | Op::Logical(
                LogicalOp::Equal
                | LogicalOp::Greater
                | LogicalOp::GreaterOrEqual
                | LogicalOp::Less
                | LogicalOp::LessOrEqual
                | LogicalOp::And
                | LogicalOp::Or
                | LogicalOp::Xor
                | LogicalOp::Not,
            )
            | Op::Where
            | Op::Clip
            | Op::GlobalAveragePool
            | Op::GlobalMaxPool
            | Op::AdaptiveAveragePool { .. }
            | Op::Squeeze
            | Op::Unsqueeze
            | Op::Slice
            | Op::ScatterNd
            | Op::Expand
            | Op::Tile
            | Op::Size
            | Op::NonZero
            | Op::Range
            | Op::Identity
            | Op::DynamicQuantizeLinear
            | Op::MatMulInteger => Vec::new(),
        }
    }

    fn unary(&mut self, op: UnaryOp) -> Vec<proto::Attribute> {
        match op {
            UnaryOp::LeakyRelu { alpha }
            | UnaryOp::Elu { alpha }
            | UnaryOp::Celu { alpha }
            | UnaryOp::ThresholdedRelu { alpha } => vec![float("alpha", alpha)],
            UnaryOp::Selu { alpha, gamma } => vec![float("alpha", alpha), float("gamma", gamma)],
            UnaryOp::HardSigmoid { alpha, beta } => vec![float("alpha", alpha), float("beta", beta)],
            UnaryOp::Gelu { tanh } => {
                self.needs(20);
                vec![text("approximate", if tanh { "tanh" } else { "none" })]
            }
            UnaryOp::IsInf { negative, positive } => {
                vec![int("detect_negative", i64::from(negative)), int("detect_positive", i64::from(positive))]
            }
            _ => Vec::new(),
        }
    }
}

fn info(name: &str, dtype: DType, shape: Option<&[Dim]>) -> proto::ValueInfo {
    let dim = |d: &Dim| match d {
        Dim::Known(n) => proto::Dimension { dim_value: Some(*n as i64), dim_param: None },
        Dim::Symbol(s) => proto::Dimension { dim_value: None, dim_param: Some(s.clone()) },
        Dim::Unknown => proto::Dimension::default(),
    };
    let shape = shape.map(|s| proto::Shape { dim: s.iter().map(dim).collect() });
    let tensor_type = Some(proto::TensorType { elem_type: tensor::code(dtype), shape });
    proto::ValueInfo { name: name.to_owned(), r#type: Some(proto::Type { tensor_type }) }
}

fn int(name: &str, i: i64) -> proto::Attribute {
    proto::Attribute {
        name: name.into(),
        i: Some(i),
        r#type: attribute_type::INT,
        ..proto::Attribute::default()
    }
}

fn count(name: &str, n: usize) -> proto::Attribute {
    int(name, n as i64)
}

fn counts(name: &str, values: &[usize]) -> proto::Attribute {
    proto::Attribute {
        name: name.into(),
        ints: values.iter().map(|v| *v as i64).collect(),
        r#type: attribute_type::INTS,
        ..proto::Attribute::default()
    }
}

fn float(name: &str, f: f32) -> proto::Attribute {
    proto::Attribute {
        name: name.into(),
        f: Some(f),
        r#type: attribute_type::FLOAT,
        ..proto::Attribute::default()
    }
}

fn text(name: &str, s: &str) -> proto::Attribute {
    proto::Attribute {
        name: name.into(),
        s: Some(s.as_bytes().to_vec()),
        r#type: attribute_type::STRING,
        ..proto::Attribute::default()
    }
}

fn window(strides: &[usize], dilations: &[usize], padding: &Padding) -> Vec<proto::Attribute> {
    let mut a = Vec::new();
    if !strides.is_empty() {
        a.push(counts("strides", strides));
    }
    if !dilations.is_empty() {
        a.push(counts("dilations", dilations));
    }
    match padding {
        Padding::Explicit(pads) if pads.is_empty() => {}
        Padding::Explicit(pads) => a.push(counts("pads", pads)),
        Padding::SameUpper => a.push(text("auto_pad", "SAME_UPPER")),
        Padding::SameLower => a.push(text("auto_pad", "SAME_LOWER")),
    }
    a
}

fn recurrent(
    direction: RnnDirection,
    hidden: usize,
    activations: &[RnnActivation],
    batch_first: bool,
) -> Vec<proto::Attribute> {
    let mut a = vec![
        text(
            "direction",
            match direction {
                RnnDirection::Forward => "forward",
                RnnDirection::Reverse => "reverse",
                RnnDirection::Bidirectional => "bidirectional",
            },
        ),
        count("hidden_size", hidden),
        int("layout", i64::from(batch_first)),
    ];
    if !activations.is_empty() {
        let name = |a: &RnnActivation| match a {
            RnnActivation::Sigmoid => b"Sigmoid".to_vec(),
            RnnActivation::Tanh => b"Tanh".to_vec(),
            RnnActivation::Relu => b"Relu".to_vec(),
        };
        a.push(proto::Attribute {
            name: "activations".into(),
            strings: activations.iter().map(name).collect(),
            r#type: attribute_type::STRINGS,
            ..proto::Attribute::default()
        });
    }
    a
}
