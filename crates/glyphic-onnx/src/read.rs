//! ONNX models to graphs.

use std::{collections::HashMap, fs, path::Path};

use glyphic_graph::{
    BinaryOp, CoordinateMode, DType, Data, Dim, Graph, GridPadding, Input, Interpolation, LogicalOp,
    NearestMode, Node, Op, Output, PadMode, ReduceOp, RnnActivation, RnnDirection, RoiMode, Tensor, UnaryOp,
    ValueId, validate,
};
use prost::Message as _;

use crate::{
    Error, Result,
    attributes::{Attributes, Outcome},
    proto, tensor,
};

/// Opsets whose differences are known. After 22 the operators that are read here only gained types.
const OPSETS: std::ops::RangeInclusive<i64> = 6..=24;

/// Reads an ONNX model whose weights lie in it.
///
/// # Errors
/// [`Error::Invalid`] where the file is not well formed, [`Error::Unsupported`] with all that cannot be run.
pub fn from_bytes(bytes: &[u8]) -> Result<Graph> {
    read(bytes, None)
}

/// Reads an ONNX file, whose weights may lie in files beside it.
///
/// # Errors
/// [`Error::Read`] where the file cannot be read, otherwise those of [`from_bytes`].
pub fn open(path: impl AsRef<Path>) -> Result<Graph> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    read(&bytes, Some(folder))
}

fn wrong(reason: impl Into<String>) -> Error {
    Error::Invalid { reason: reason.into() }
}

fn read(bytes: &[u8], folder: Option<&Path>) -> Result<Graph> {
    if !proto::few_enough(bytes) {
        return Err(wrong("more than a million nodes, attributes and tensors"));
    }
    let model = proto::Model::decode(bytes).map_err(|e| wrong(e.to_string()))?;
    let graph = model.graph.ok_or_else(|| wrong("there is no graph in it"))?;
    let opset = model.opset_import.iter().find(|o| o.domain.is_empty() || o.domain == "ai.onnx");
    let opset = opset.map_or(1, |o| o.version);
    if !OPSETS.contains(&opset) {
        return Err(Error::Unsupported {
            parts: vec![format!("opset {opset}; expected {} to {}", OPSETS.start(), OPSETS.end())],
        });
    }
    let mut reader =
        Reader { graph: Graph::new(graph.name), opset, values: HashMap::new(), parts: Vec::new() };
    reader.graph.metadata = model.metadata_props.into_iter().map(|e| (e.key, e.value)).collect();
    reader.constants(graph.initializer, folder)?;
    if !graph.sparse_initializer.is_empty() {
        reader.parts.push("sparse initializers".into());
    }
    reader.inputs(graph.input)?;
    for (i, node) in graph.node.into_iter().enumerate() {
        reader.node(i, node);
    }
    for output in graph.output {
        let value = *reader
            .values
            .get(&output.name)
            .ok_or_else(|| wrong(format!("output {:?} is not made", output.name)))?;
        reader.graph.outputs.push(Output { name: output.name, value });
    }
    if !reader.parts.is_empty() {
        return Err(Error::Unsupported { parts: reader.parts });
    }
    validate(&reader.graph)?;
    Ok(reader.graph)
}

struct Reader {
    graph: Graph,
    opset: i64,
    values: HashMap<String, ValueId>,
    /// What is not supported.
    parts: Vec<String>,
}

/// One node while it is read.
struct Pending<'a> {
    name: String,
    inputs: Vec<Option<ValueId>>,
    outputs: Vec<Option<ValueId>>,
    attributes: &'a mut Attributes,
}

impl Pending<'_> {
    fn given(&self, i: usize) -> Option<ValueId> {
        self.inputs.get(i).copied().flatten()
    }

    fn wants(&self, i: usize) -> bool {
        self.outputs.get(i).copied().flatten().is_some()
    }
}

impl Reader {
    fn constants(&mut self, initializers: Vec<proto::Tensor>, folder: Option<&Path>) -> Result<()> {
        for t in initializers {
            let name = t.name.clone();
            match tensor::read(t, folder) {
                Ok(tensor) => {
                    let value = self.graph.parameter(name.clone(), tensor);
                    if self.values.insert(name.clone(), value).is_some() {
                        return Err(wrong(format!("two initializers are named {name:?}")));
                    }
                }
                Err(Error::Unsupported { parts }) => {
                    self.parts.extend(parts);
                    let value = self.graph.value();
                    self.values.insert(name, value);
                }
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn inputs(&mut self, inputs: Vec<proto::ValueInfo>) -> Result<()> {
        for input in inputs {
            // Old files list the weights among the inputs.
            if self.values.contains_key(&input.name) {
                if self.graph.inputs.iter().any(|i| i.name == input.name) {
                    return Err(wrong(format!("two inputs are named {:?}", input.name)));
                }
                continue;
            }
            let value = self.graph.value();
            self.values.insert(input.name.clone(), value);
            self.graph.names.insert(value, input.name.clone());
            let Some(kind) = input.r#type.and_then(|t| t.tensor_type) else {
                self.parts.push(format!("input {:?} is no tensor", input.name));
                continue;
            };
            let dtype = match tensor::dtype(kind.elem_type) {
                Ok(dtype) => dtype,
                Err(other) => {
                    self.parts.push(format!("elements of type {other} (input {:?})", input.name));
                    continue;
                }
            };
            let dim = |d: proto::Dimension| match (d.dim_value, d.dim_param) {
                (Some(n), _) => usize::try_from(n).map_or(Dim::Unknown, Dim::Known),
                // Some exporters write "?" for every size that they do not know.
                (None, Some(s)) if !s.is_empty() && s != "?" => Dim::Symbol(s),
                _ => Dim::Unknown,
            };
            let shape = kind.shape.map(|s| s.dim.into_iter().map(dim).collect());
            self.graph.inputs.push(Input { name: input.name, value, dtype, shape });
        }
        Ok(())
    }

    /// The value of a name, new where nothing has it yet.
    fn value(&mut self, name: String) -> Option<ValueId> {
        if name.is_empty() {
            return None;
        }
        let graph = &mut self.graph;
        Some(*self.values.entry(name).or_insert_with_key(|name| {
            let value = graph.value();
            graph.names.insert(value, name.clone());
            value
        }))
    }

    fn node(&mut self, index: usize, node: proto::Node) {
        let name = if node.name.is_empty() { format!("{}_{index}", node.op_type) } else { node.name };
        let inputs: Vec<_> = node.input.into_iter().map(|n| self.value(n)).collect();
        // A weight of 16 bits that is cast stays what it is: the cast is done once, when a session is made.
        if let ("Cast", [Some(x)], [output]) = (node.op_type.as_str(), &inputs[..], &node.output[..])
            && self.graph.constants.get(x).is_some_and(|t| t.dtype() == DType::F16)
            && node.attribute.iter().any(|a| a.name == "to" && a.i == Some(1))
            && !self.values.contains_key(output)
        {
            self.values.insert(output.clone(), *x);
            return;
        }
        let mut outputs = Vec::with_capacity(node.output.len());
        for output in node.output {
            outputs.push(self.value(output));
        }
        // Optional operands at the end may be left out by an empty name or altogether.
        let trim = |mut list: Vec<Option<ValueId>>| {
            while list.last() == Some(&None) {
                list.pop();
            }
            list
        };
        let mut attributes = Attributes::new(node.attribute);
        let mut pending = Pending {
            name: name.clone(),
            inputs: trim(inputs),
            outputs: trim(outputs),
            attributes: &mut attributes,
        };
        let known = node.domain.is_empty() || node.domain == "ai.onnx";
        let shown = if known { node.op_type.clone() } else { format!("{}.{}", node.domain, node.op_type) };
        let result = if pending.outputs.is_empty() {
            Err("no results".into())
        } else if known {
            self.operator(&node.op_type, &mut pending)
        } else {
            Err(String::new())
        };
        match result.and_then(|()| attributes.finish()) {
            Ok(()) => {}
            Err(reason) if reason.is_empty() => self.parts.push(format!("{shown} (node {name:?})")),
            Err(reason) => self.parts.push(format!("{shown} (node {name:?}): {reason}")),
        }
    }

    /// Adds a node for an operator with the pending node's operands.
    fn push(&mut self, p: &Pending<'_>, op: Op) {
        self.graph.nodes.push(Node {
            name: p.name.clone(),
            op,
            inputs: p.inputs.clone(),
            outputs: p.outputs.clone(),
        });
    }

    /// Adds a helper node before the pending one.
    fn helper(&mut self, p: &Pending<'_>, suffix: &str, op: Op, inputs: &[ValueId]) -> ValueId {
        self.graph.push(format!("{}/{suffix}", p.name), op, inputs)
    }

    /// Puts a list of integers in an operand's place.
    fn list(&mut self, p: &mut Pending<'_>, at: usize, values: Vec<i64>) {
        let value = self.graph.constant(Tensor::from_i64s(values));
        self.operand(p, at, value);
    }

    fn operand(&mut self, p: &mut Pending<'_>, at: usize, value: ValueId) {
        if p.inputs.len() <= at {
            p.inputs.resize(at + 1, None);
        }
        p.inputs[at] = Some(value);
    }

    /// An operand that is a constant.
    fn constant(&self, p: &Pending<'_>, i: usize) -> Option<&Tensor> {
        self.graph.constants.get(&p.given(i)?)
    }

    /// Axes that a kernel slides over, where the file tells.
    fn kernel_rank(&self, p: &mut Pending<'_>) -> Outcome<usize> {
        let kernel = p.attributes.counts("kernel_shape")?.len();
        let weights = self.constant(p, 1).map(|t| t.shape().len().saturating_sub(2));
        Ok(weights.unwrap_or(kernel))
    }

    /// The rank of an input or a constant.
    fn rank(&self, value: Option<ValueId>) -> Option<usize> {
        let value = value?;
        let input = self.graph.inputs.iter().find(|i| i.value == value).and_then(|i| i.shape.as_ref());
        input.map(Vec::len).or_else(|| self.graph.constants.get(&value).map(|t| t.shape().len()))
    }

    /// Before opset 7 a node said along which axis its second operand lies.
    fn old_broadcast(&mut self, p: &mut Pending<'_>) -> Outcome<()> {
        p.attributes.ignore(&["broadcast"]);
        let Some(axis) = p.attributes.opt_int("axis") else { return Ok(()) };
        let (Some(rank), Some(other)) = (self.rank(p.given(0)), self.rank(p.given(1))) else {
            return Err("an axis of broadcasting where ranks are not known".into());
        };
        let first = usize::try_from(if axis < 0 { axis.saturating_add(rank as i64) } else { axis });
        let behind = first.ok().and_then(|a| rank.checked_sub(a)).and_then(|n| n.checked_sub(other));
        let behind = behind.ok_or_else(|| format!("axis = {axis} of operands of {rank} and {other} axes"))?;
        if behind > 0 {
            let axes = (other..other + behind).map(|a| a as i64).collect();
            let axes = self.graph.constant(Tensor::from_i64s(axes));
            let b = p.given(1).ok_or("operand 1 is missing")?;
            let b = self.helper(p, "unsqueeze", Op::Unsqueeze, &[b, axes]);
            self.operand(p, 1, b);
        }
        Ok(())
    }

    /// A quantised operator as the same one on floats, between dequantising and quantising.
    fn quantised(&mut self, name: &str, p: &mut Pending<'_>) -> Outcome<()> {
        let operand = |i: usize| p.given(i).ok_or_else(|| format!("operand {i} is missing"));
        let [x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero] = [
            operand(0)?,
            operand(1)?,
            operand(2)?,
            operand(3)?,
            operand(4)?,
            operand(5)?,
            operand(6)?,
            operand(7)?,
        ];
        let conv = name == "QLinearConv";
        let (x_axis, w_axis) = if conv { (1, 0) } else { (-2, -1) };
        let x = self.helper(p, "x", Op::DequantizeLinear { axis: x_axis }, &[x, x_scale, x_zero]);
        let weights = self.helper(p, "w", Op::DequantizeLinear { axis: w_axis }, &[w, w_scale, w_zero]);
        let mut inputs = vec![x, weights];
        let op = if conv {
            if let Some(bias) = p.given(8) {
                let scale = self.helper(p, "bias_scale", Op::Binary(BinaryOp::Mul), &[x_scale, w_scale]);
                inputs.push(self.helper(p, "bias", Op::DequantizeLinear { axis: 0 }, &[bias, scale]));
            }
            let rank = p.attributes.counts("kernel_shape")?.len();
            let rank = self.graph.constants.get(&w).map_or(rank, |t| t.shape().len().saturating_sub(2));
            let a = &mut *p.attributes;
            Op::Conv {
                strides: a.each("strides", rank)?,
                dilations: a.each("dilations", rank)?,
                padding: a.padding(rank)?,
                groups: a.count("group", 1)?,
            }
        } else {
            Op::MatMul
        };
        let y = self.helper(p, "product", op, &inputs);
        self.graph.nodes.push(Node {
            name: p.name.clone(),
            op: Op::QuantizeLinear { axis: 1 },
            inputs: vec![Some(y), Some(y_scale), Some(y_zero)],
            outputs: p.outputs.clone(),
        });
        Ok(())
    }

    #[expect(clippy::too_many_lines, reason = "a table of operators")]
    fn operator(&mut self, name: &str, p: &mut Pending<'_>) -> Outcome<()> {
        let opset = self.opset;
        if opset < 7 && matches!(name, "Add" | "Sub" | "Mul" | "Div" | "Pow" | "PRelu" | "Gemm") {
            self.old_broadcast(p)?;
        }
        if let Some(op) = unary(name, p)? {
            self.push(p, Op::Unary(op));
            return Ok(());
        }
        if let Some(op) = logical(name) {
            self.push(p, Op::Logical(op));
            return Ok(());
        }
        if let Some(op) = reduction(name) {
            let keep_dims = p.attributes.flag("keepdims", true);
            let noop_with_empty_axes = p.attributes.flag("noop_with_empty_axes", false);
            if let Some(axes) = p.attributes.opt_ints("axes") {
                self.list(p, 1, axes);
            }
            self.push(p, Op::Reduce { op, keep_dims, noop_with_empty_axes });
            return Ok(());
        }
        let op = match name {
            "Conv" | "ConvInteger" => {
                let rank = self.kernel_rank(p)?;
                let a = &mut *p.attributes;
                let (strides, dilations) = (a.each("strides", rank)?, a.each("dilations", rank)?);
                let (padding, groups) = (a.padding(rank)?, a.count("group", 1)?);
                if name == "Conv" {
                    Op::Conv { strides, dilations, padding, groups }
                } else {
                    Op::ConvInteger { strides, dilations, padding, groups }
                }
            }
            "ConvTranspose" => {
                let rank = self.kernel_rank(p)?;
                let a = &mut *p.attributes;
                let output_shape = a.counts("output_shape")?;
                let mut output_padding = a.counts("output_padding")?;
                if output_padding.is_empty() {
                    output_padding = vec![0; rank];
                }
                Op::ConvTranspose {
                    strides: a.each("strides", rank)?,
                    dilations: a.each("dilations", rank)?,
                    padding: a.padding(rank)?,
                    output_padding,
                    output_shape: (!output_shape.is_empty()).then_some(output_shape),
                    groups: a.count("group", 1)?,
                }
            }
            "DeformConv" => {
                let rank = self.kernel_rank(p)?;
                let a = &mut *p.attributes;
                Op::DeformConv {
                    strides: a.each("strides", rank)?,
                    dilations: a.each("dilations", rank)?,
                    padding: a.padding(rank)?,
                    groups: a.count("group", 1)?,
                    offset_groups: a.count("offset_group", 1)?,
                }
            }
            "QLinearConv" | "QLinearMatMul" => return self.quantised(name, p),
            "MatMul" => Op::MatMul,
            "MatMulInteger" => Op::MatMulInteger,
            "Gemm" => Op::Gemm {
                alpha: p.attributes.float("alpha", 1.),
                beta: p.attributes.float("beta", 1.),
                trans_a: p.attributes.flag("transA", false),
                trans_b: p.attributes.flag("transB", false),
            },
            "BatchNormalization" => {
                p.attributes.ignore(&["momentum"]);
                p.attributes.only("training_mode", 0)?;
                p.attributes.only("spatial", 1)?;
                if p.outputs.len() > 1 {
                    return Err("results of training".into());
                }
                Op::BatchNorm { epsilon: p.attributes.float("epsilon", 1e-5) }
            }
            "InstanceNormalization" => Op::InstanceNorm { epsilon: p.attributes.float("epsilon", 1e-5) },
            "GroupNormalization" => {
                if opset < 21 {
                    return Err("its meaning before opset 21".into());
                }
                p.attributes.only("stash_type", 1)?;
                let groups = p.attributes.count("num_groups", 0)?;
                Op::GroupNorm { epsilon: p.attributes.float("epsilon", 1e-5), groups }
            }
            "LayerNormalization" => {
                p.attributes.only("stash_type", 1)?;
                Op::LayerNorm {
                    axis: p.attributes.int("axis", -1),
                    epsilon: p.attributes.float("epsilon", 1e-5),
                }
            }
            "LSTM" | "GRU" => self.recurrent(name, p)?,
            "Add" | "Sub" | "Mul" | "Div" | "Pow" | "PRelu" | "Mod" => {
                let op = match name {
                    "Add" => BinaryOp::Add,
                    "Sub" => BinaryOp::Sub,
                    "Mul" => BinaryOp::Mul,
                    "Div" => BinaryOp::Div,
                    "Pow" => BinaryOp::Pow,
                    "PRelu" => BinaryOp::PRelu,
                    _ => BinaryOp::Mod { fmod: p.attributes.flag("fmod", false) },
                };
                Op::Binary(op)
            }
            "Min" | "Max" | "Sum" | "Mean" => return self.variadic(name, p),
            "Where" => Op::Where,
            "Clip" => {
                // Bounds were attributes once.
                for (i, bound) in ["min", "max"].into_iter().enumerate() {
                    if let Some(v) = p.attributes.opt_float(bound) {
                        let value = self.graph.constant(Tensor::scalar(v));
                        self.operand(p, i + 1, value);
                    }
                }
                Op::Clip
            }
            "Softmax" | "LogSoftmax" => {
                let axis = p.attributes.opt_int("axis");
                let of =
                    |axis| if name == "Softmax" { Op::Softmax { axis } } else { Op::LogSoftmax { axis } };
                if opset < 13 && axis != Some(-1) {
                    return self.flat_softmax(p, axis.unwrap_or(1), of(1));
                }
                of(axis.unwrap_or(-1))
            }
            "ArgMax" | "ArgMin" => Op::ArgReduce {
                axis: p.attributes.int("axis", 0),
                max: name == "ArgMax",
                keep_dims: p.attributes.flag("keepdims", true),
                select_last: p.attributes.flag("select_last_index", false),
            },
            "TopK" => {
                if let Some(k) = p.attributes.opt_int("k") {
                    self.list(p, 1, vec![k]);
                }
                Op::TopK {
                    axis: p.attributes.int("axis", -1),
                    largest: p.attributes.flag("largest", true),
                    sorted: p.attributes.flag("sorted", true),
                }
            }
            "MaxPool" | "AveragePool" => {
                let a = &mut *p.attributes;
                let kernel = a.counts("kernel_shape")?;
                let rank = kernel.len();
                let (strides, dilations) = (a.each("strides", rank)?, a.each("dilations", rank)?);
                let (padding, ceil) = (a.padding(rank)?, a.flag("ceil_mode", false));
                if name == "MaxPool" {
                    let by_column = a.flag("storage_order", false);
                    if by_column && p.wants(1) {
                        return Err("storage_order = 1".into());
                    }
                    Op::MaxPool { kernel, strides, dilations, padding, ceil }
                } else {
                    let count_include_pad = a.flag("count_include_pad", false);
                    Op::AveragePool { kernel, strides, dilations, padding, ceil, count_include_pad }
                }
            }
            "GlobalAveragePool" => Op::GlobalAveragePool,
            "GlobalMaxPool" => Op::GlobalMaxPool,
            "Resize" | "Upsample" => self.resize(name, p)?,
            "GridSample" => Op::GridSample {
                mode: match p.attributes.text("mode", "linear")?.as_str() {
                    "linear" | "bilinear" => Interpolation::Linear,
                    "cubic" | "bicubic" => Interpolation::Cubic,
                    "nearest" => Interpolation::Nearest,
                    other => return Err(format!("mode = {other:?}")),
                },
                padding: match p.attributes.text("padding_mode", "zeros")?.as_str() {
                    "zeros" => GridPadding::Zeros,
                    "border" => GridPadding::Border,
                    "reflection" => GridPadding::Reflection,
                    other => return Err(format!("padding_mode = {other:?}")),
                },
                align_corners: p.attributes.flag("align_corners", false),
            },
            "RoiAlign" => {
                let a = &mut *p.attributes;
                // Regions were not shifted by half a pixel before there was a choice.
                let default = if opset < 16 { "output_half_pixel" } else { "half_pixel" };
                Op::RoiAlign {
                    mode: match a.text("mode", "avg")?.as_str() {
                        "avg" => RoiMode::Average,
                        "max" => RoiMode::Max,
                        other => return Err(format!("mode = {other:?}")),
                    },
                    output: [a.count("output_height", 1)?, a.count("output_width", 1)?],
                    sampling_ratio: a.count("sampling_ratio", 0)?,
                    spatial_scale: a.float("spatial_scale", 1.),
                    half_pixel: match a.text("coordinate_transformation_mode", default)?.as_str() {
                        "half_pixel" => true,
                        "output_half_pixel" => false,
                        other => return Err(format!("coordinate_transformation_mode = {other:?}")),
                    },
                }
            }
            "Reshape" => {
                if let Some(shape) = p.attributes.opt_ints("shape") {
                    self.list(p, 1, shape);
                }
                Op::Reshape { allow_zero: p.attributes.flag("allowzero", false) }
            }
            "Transpose" => Op::Transpose { perm: p.attributes.counts("perm")? },
            "Flatten" => Op::Flatten { axis: p.attributes.int("axis", 1) },
            "Squeeze" | "Unsqueeze" => {
                if let Some(axes) = p.attributes.opt_ints("axes") {
                    self.list(p, 1, axes);
                }
                if name == "Squeeze" { Op::Squeeze } else { Op::Unsqueeze }
            }
            "Concat" => Op::Concat { axis: p.attributes.int("axis", 1) },
            "Split" => {
                if let Some(sizes) = p.attributes.opt_ints("split") {
                    self.list(p, 1, sizes);
                }
                let num_outputs = p.attributes.opt_int("num_outputs");
                if num_outputs.is_some_and(|n| usize::try_from(n) != Ok(p.outputs.len())) {
                    return Err(format!("num_outputs = {num_outputs:?} with {} results", p.outputs.len()));
                }
                let sized = p.given(1).is_some();
                Op::Split {
                    axis: p.attributes.int("axis", 0),
                    num_outputs: (!sized).then_some(p.outputs.len()),
                }
            }
            "Slice" => {
                for (i, list) in ["starts", "ends", "axes"].into_iter().enumerate() {
                    if let Some(values) = p.attributes.opt_ints(list) {
                        self.list(p, i + 1, values);
                    }
                }
                Op::Slice
            }
            "Gather" => Op::Gather { axis: p.attributes.int("axis", 0) },
            "GatherElements" => Op::GatherElements { axis: p.attributes.int("axis", 0) },
            "GatherND" => Op::GatherNd { batch_dims: p.attributes.count("batch_dims", 0)? },
            "ScatterND" | "ScatterElements" | "Scatter" => {
                match p.attributes.text("reduction", "none")?.as_str() {
                    "none" => {}
                    other => return Err(format!("reduction = {other:?}")),
                }
                if name == "ScatterND" {
                    Op::ScatterNd
                } else {
                    Op::ScatterElements { axis: p.attributes.int("axis", 0) }
                }
            }
            "Expand" => Op::Expand,
            "Tile" => Op::Tile,
            "Pad" => {
                let mode = match p.attributes.text("mode", "constant")?.as_str() {
                    "constant" => PadMode::Constant,
                    "reflect" => PadMode::Reflect,
                    "edge" => PadMode::Edge,
                    "wrap" => PadMode::Wrap,
                    other => return Err(format!("mode = {other:?}")),
                };
                if let Some(pads) = p.attributes.opt_ints("pads") {
                    self.list(p, 1, pads);
                }
                if let Some(v) = p.attributes.opt_float("value") {
                    let value = self.graph.constant(Tensor::scalar(v));
                    self.operand(p, 2, value);
                }
                Op::Pad { mode }
            }
            "CumSum" => Op::CumSum {
                exclusive: p.attributes.flag("exclusive", false),
                reverse: p.attributes.flag("reverse", false),
            },
            "Shape" => Op::Shape { start: p.attributes.int("start", 0), end: p.attributes.opt_int("end") },
            "Size" => Op::Size,
            "NonZero" => Op::NonZero,
            "Cast" => {
                p.attributes.ignore(&["saturate", "round_mode"]);
                Op::Cast { to: element_type(p.attributes.int("to", 0))? }
            }
            "ConstantOfShape" => Op::ConstantOfShape {
                value: p.attributes.tensor("value")?.unwrap_or_else(|| Tensor::scalar(0.)),
            },
            "Constant" => return self.constant_node(p),
            "Range" => Op::Range,
            "OneHot" => Op::OneHot { axis: p.attributes.int("axis", -1) },
            "Identity" => Op::Identity,
            "Dropout" => return self.dropout(p),
            "QuantizeLinear" | "DequantizeLinear" => {
                p.attributes.ignore(&["saturate"]);
                p.attributes.only("block_size", 0)?;
                p.attributes.only("output_dtype", 0)?;
                p.attributes.only("precision", 0)?;
                let axis = p.attributes.int("axis", 1);
                if name == "QuantizeLinear" {
                    Op::QuantizeLinear { axis }
                } else {
                    Op::DequantizeLinear { axis }
                }
            }
            "DynamicQuantizeLinear" => Op::DynamicQuantizeLinear,
            _ => {
                // What is not known at all is not said attribute by attribute.
                *p.attributes = Attributes::new(Vec::new());
                return Err(String::new());
            }
        };
        self.push(p, op);
        Ok(())
    }

    /// `Min`, `Max`, `Sum` and `Mean` of any number of operands, as a chain of two each.
    fn variadic(&mut self, name: &str, p: &Pending<'_>) -> Outcome<()> {
        let operands: Vec<ValueId> =
            p.inputs.iter().copied().collect::<Option<_>>().ok_or("an operand is left out")?;
        let op = match name {
            "Min" => BinaryOp::Min,
            "Max" => BinaryOp::Max,
            _ => BinaryOp::Add,
        };
        let Some((first, rest)) = operands.split_first() else { return Err("no operands".into()) };
        let mean = name == "Mean" && !rest.is_empty();
        let mut value = *first;
        for (i, other) in rest.iter().enumerate() {
            if i + 1 == rest.len() && !mean {
                let last = Pending {
                    inputs: vec![Some(value), Some(*other)],
                    name: p.name.clone(),
                    outputs: p.outputs.clone(),
                    attributes: &mut Attributes::new(vec![]),
                };
                self.push(&last, Op::Binary(op));
                return Ok(());
            }
            value = self.helper(p, &format!("{}_{i}", op.name()), Op::Binary(op), &[value, *other]);
        }
        let (op, inputs) = if mean {
            let count = self.graph.constant(Tensor::scalar(operands.len() as f32));
            (Op::Binary(BinaryOp::Div), vec![Some(value), Some(count)])
        } else {
            (Op::Identity, vec![Some(value)])
        };
        self.graph.nodes.push(Node { name: p.name.clone(), op, inputs, outputs: p.outputs.clone() });
        Ok(())
    }

    /// Before opset 13 softmax ran over all axes from one on.
    fn flat_softmax(&mut self, p: &Pending<'_>, axis: i64, op: Op) -> Outcome<()> {
        let x = p.given(0).ok_or("operand 0 is missing")?;
        let shape = self.helper(p, "shape", Op::Shape { start: 0, end: None }, &[x]);
        let flat = self.helper(p, "flatten", Op::Flatten { axis }, &[x]);
        let y = self.helper(p, "softmax", op, &[flat]);
        self.graph.nodes.push(Node {
            name: p.name.clone(),
            op: Op::Reshape { allow_zero: true },
            inputs: vec![Some(y), Some(shape)],
            outputs: p.outputs.clone(),
        });
        Ok(())
    }

    fn recurrent(&mut self, name: &str, p: &mut Pending<'_>) -> Outcome<Op> {
        let state = self.constant(p, 2).and_then(|r| r.shape().last().copied());
        let a = &mut *p.attributes;
        let hidden = a.count("hidden_size", 0)?;
        let hidden = if hidden == 0 { state.ok_or("no hidden_size")? } else { hidden };
        if a.has("clip") {
            return Err("attribute \"clip\"".into());
        }
        a.only("input_forget", 0)?;
        let direction = match a.text("direction", "forward")?.as_str() {
            "forward" => RnnDirection::Forward,
            "reverse" => RnnDirection::Reverse,
            "bidirectional" => RnnDirection::Bidirectional,
            other => return Err(format!("direction = {other:?}")),
        };
        let activations = a
            .texts("activations")?
            .iter()
            .map(|f| match f.to_ascii_lowercase().as_str() {
                "sigmoid" => Ok(RnnActivation::Sigmoid),
                "tanh" => Ok(RnnActivation::Tanh),
                "relu" => Ok(RnnActivation::Relu),
                other => Err(format!("activation {other:?}")),
            })
            .collect::<Outcome<Vec<_>>>()?;
        let batch_first = a.flag("layout", false);
        Ok(if name == "LSTM" {
            Op::Lstm { direction, hidden, activations, batch_first }
        } else {
            let linear_before_reset = a.flag("linear_before_reset", false);
            Op::Gru { direction, hidden, activations, linear_before_reset, batch_first }
        })
    }

    fn resize(&mut self, name: &str, p: &mut Pending<'_>) -> Outcome<Op> {
        let old = name == "Upsample" || self.opset < 11;
        if let Some(scales) = p.attributes.opt_floats("scales") {
            let n = scales.len();
            let scales = Tensor::from_f32(&[n], scales).map_err(|e| e.to_string())?;
            let value = self.graph.constant(scales);
            self.operand(p, 1, value);
        }
        if old && p.inputs.len() == 2 {
            p.inputs.insert(1, None);
        }
        let a = &mut *p.attributes;
        a.only("antialias", 0)?;
        if a.has("axes") {
            return Err("attribute \"axes\"".into());
        }
        match a.text("keep_aspect_ratio_policy", "stretch")?.as_str() {
            "stretch" => {}
            other => return Err(format!("keep_aspect_ratio_policy = {other:?}")),
        }
        Ok(Op::Resize {
            mode: match a.text("mode", "nearest")?.as_str() {
                "nearest" => Interpolation::Nearest,
                "linear" | "bilinear" => Interpolation::Linear,
                "cubic" => Interpolation::Cubic,
                other => return Err(format!("mode = {other:?}")),
            },
            coordinates: match a
                .text("coordinate_transformation_mode", if old { "asymmetric" } else { "half_pixel" })?
                .as_str()
            {
                "half_pixel" => CoordinateMode::HalfPixel,
                "half_pixel_symmetric" => CoordinateMode::HalfPixelSymmetric,
                "pytorch_half_pixel" => CoordinateMode::PytorchHalfPixel,
                "align_corners" => CoordinateMode::AlignCorners,
                "asymmetric" => CoordinateMode::Asymmetric,
                "tf_crop_and_resize" => CoordinateMode::TfCropAndResize,
                other => return Err(format!("coordinate_transformation_mode = {other:?}")),
            },
            nearest: match a.text("nearest_mode", if old { "floor" } else { "round_prefer_floor" })?.as_str()
            {
                "round_prefer_floor" => NearestMode::RoundPreferFloor,
                "round_prefer_ceil" => NearestMode::RoundPreferCeil,
                "floor" => NearestMode::Floor,
                "ceil" => NearestMode::Ceil,
                other => return Err(format!("nearest_mode = {other:?}")),
            },
            cubic_a: a.float("cubic_coeff_a", -0.75),
            exclude_outside: a.flag("exclude_outside", false),
            extrapolation: a.float("extrapolation_value", 0.),
        })
    }

    fn constant_node(&mut self, p: &mut Pending<'_>) -> Outcome<()> {
        let value = p.outputs.first().copied().flatten().ok_or("no result")?;
        let a = &mut *p.attributes;
        let tensor = if let Some(t) = a.tensor("value")? {
            t
        } else if let Some(v) = a.opt_float("value_float") {
            Tensor::scalar(v)
        } else if let Some(v) = a.opt_int("value_int") {
            Tensor::from_i64s(vec![v]).reshaped(&[]).map_err(|e| e.to_string())?
        } else if let Some(v) = a.opt_floats("value_floats") {
            Tensor::from_f32(&[v.len()], v).map_err(|e| e.to_string())?
        } else if let Some(v) = a.opt_ints("value_ints") {
            Tensor::from_i64s(v)
        } else {
            return Err("a value that is no tensor of numbers".into());
        };
        if self.graph.constants.insert(value, tensor).is_some() {
            return Err("its result is made already".into());
        }
        Ok(())
    }

    fn dropout(&mut self, p: &mut Pending<'_>) -> Outcome<()> {
        p.attributes.ignore(&["ratio", "seed", "is_test"]);
        let x = p.given(0).ok_or("operand 0 is missing")?;
        if p.given(2).is_some() {
            match self.constant(p, 2).map(Tensor::data) {
                Some(Data::Bool(v)) if v[..] == [false] => {}
                _ => return Err("training_mode that is not constantly false".into()),
            }
        }
        if let Some(mask) = p.outputs.get(1).copied().flatten() {
            let shape = self.helper(p, "shape", Op::Shape { start: 0, end: None }, &[x]);
            let all = Tensor::of(&[1], vec![true]);
            self.graph.nodes.push(Node {
                name: format!("{}/mask", p.name),
                op: Op::ConstantOfShape { value: all },
                inputs: vec![Some(shape)],
                outputs: vec![Some(mask)],
            });
        }
        self.graph.nodes.push(Node {
            name: p.name.clone(),
            op: Op::Identity,
            inputs: vec![Some(x)],
            outputs: p.outputs[..1].to_vec(),
        });
        Ok(())
    }
}

fn element_type(code: i64) -> Outcome<DType> {
    let code = i32::try_from(code).map_err(|_| format!("elements of type {code}"))?;
    tensor::dtype(code).map_err(|other| format!("elements of type {other}"))
}

fn logical(name: &str) -> Option<LogicalOp> {
    use LogicalOp::{And, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Not, Or, Xor};
    [Equal, Greater, GreaterOrEqual, Less, LessOrEqual, And, Or, Xor, Not]
        .into_iter()
        .find(|op| op.name() == name)
}

fn reduction(name: &str) -> Option<ReduceOp> {
    use ReduceOp::{L1, L2, LogSum, LogSumExp, Max, Mean, Min, Prod, Sum, SumSquare};
    [Sum, Mean, Max, Min, Prod, L1, L2, SumSquare, LogSum, LogSumExp].into_iter().find(|op| op.name() == name)
}

fn unary(name: &str, p: &mut Pending<'_>) -> Outcome<Option<UnaryOp>> {
    let a = &mut *p.attributes;
    Ok(Some(match name {
        "Relu" => UnaryOp::Relu,
        "LeakyRelu" => UnaryOp::LeakyRelu { alpha: a.float("alpha", 0.01) },
        "Elu" => UnaryOp::Elu { alpha: a.float("alpha", 1.) },
        "Selu" => UnaryOp::Selu { alpha: a.float("alpha", 1.673_263_2), gamma: a.float("gamma", 1.050_701) },
        "Celu" => UnaryOp::Celu { alpha: a.float("alpha", 1.) },
        "ThresholdedRelu" => UnaryOp::ThresholdedRelu { alpha: a.float("alpha", 1.) },
        "Sigmoid" => UnaryOp::Sigmoid,
        "HardSigmoid" => UnaryOp::HardSigmoid { alpha: a.float("alpha", 0.2), beta: a.float("beta", 0.5) },
        "HardSwish" => UnaryOp::HardSwish,
        "Swish" => UnaryOp::Swish { alpha: a.float("alpha", 1.) },
        "Mish" => UnaryOp::Mish,
        "Tanh" => UnaryOp::Tanh,
        "Gelu" => match a.text("approximate", "none")?.as_str() {
            "none" => UnaryOp::Gelu { tanh: false },
            "tanh" => UnaryOp::Gelu { tanh: true },
            other => return Err(format!("approximate = {other:?}")),
        },
        "IsInf" => UnaryOp::IsInf {
            negative: a.flag("detect_negative", true),
            positive: a.flag("detect_positive", true),
        },
        "Softplus" => UnaryOp::Softplus,
        "Softsign" => UnaryOp::Softsign,
        "Erf" => UnaryOp::Erf,
        "Exp" => UnaryOp::Exp,
        "Log" => UnaryOp::Log,
        "Sqrt" => UnaryOp::Sqrt,
        "Reciprocal" => UnaryOp::Reciprocal,
        "Abs" => UnaryOp::Abs,
        "Neg" => UnaryOp::Neg,
        "Sign" => UnaryOp::Sign,
        "Floor" => UnaryOp::Floor,
        "Ceil" => UnaryOp::Ceil,
        "Round" => UnaryOp::Round,
        "Sin" => UnaryOp::Sin,
        "Cos" => UnaryOp::Cos,
        "Tan" => UnaryOp::Tan,
        "Asin" => UnaryOp::Asin,
        "Acos" => UnaryOp::Acos,
        "Atan" => UnaryOp::Atan,
        "Sinh" => UnaryOp::Sinh,
        "Cosh" => UnaryOp::Cosh,
        "Asinh" => UnaryOp::Asinh,
        "Acosh" => UnaryOp::Acosh,
        "Atanh" => UnaryOp::Atanh,
        "IsNaN" => UnaryOp::IsNan,
        _ => return Ok(None),
    }))
}
