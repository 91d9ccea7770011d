//! Recordings to a graph: operation by operation, with burn's semantics in ONNX's operators.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use burn::tensor::{DType as BurnType, Shape, Slice, TensorData, TensorId};
use burn_ir::{
    ActivationOperationIr as Activation, BaseOperationIr as Base, BoolOperationIr as Bool,
    FloatOperationIr as Float, GridSamplePaddingModeIr, IntOperationIr as Int, InterpolateModeIr,
    IrVisitorMut, ModuleOperationIr as Module, NumericOperationIr as Numeric, OperationIr, PadModeIr,
    ScalarIr, TensorIr, TensorStatus,
};
use glyphic_graph::{
    BinaryOp, CoordinateMode, DType, Data, Graph, GridPadding, Interpolation, LogicalOp, NearestMode, Node,
    Op, PadMode, Padding, ReduceOp, Tensor, UnaryOp, ValueId,
};

use super::error::Error;
use super::sizes::{Number, Size, Sizes, constant, gcd};
use super::{ROUNDS, Recording, custom};

type Result<T> = std::result::Result<T, Error>;

/// An operation in each round.
type Operations<'a> = [&'a OperationIr; ROUNDS];

pub(super) fn translate(name: &str, rounds: Vec<Recording>) -> Result<Graph> {
    let mut translator = Translator::new(name, &rounds)?;
    let count = rounds[0].operations.len();
    if let Some(other) = rounds.iter().find(|round| round.operations.len() != count) {
        let at = rounds[0].operations.iter().zip(&other.operations);
        let index = at.take_while(|(a, b)| kind(a) == kind(b)).count();
        let op = rounds[0].operations.get(index).map_or_else(|| "the end".to_owned(), kind);
        let reason = format!("one recording has {count} operations, another {}", other.operations.len());
        return Err(Error::Diverges { index, op, reason });
    }
    for index in 0..count {
        let operations: Operations = std::array::from_fn(|k| &rounds[k].operations[index]);
        translator.index = index;
        translator.align(operations)?;
        translator.operation(operations)?;
    }
    translator.finish(&rounds)
}

/// The operation's name in burn's IR.
fn kind(op: &OperationIr) -> String {
    let text = format!("{op:?}");
    let end = text.find('{').unwrap_or(text.len());
    let mut path: Vec<&str> =
        text[..end].split(['(', ',']).map(str::trim).filter(|s| !s.is_empty()).collect();
    path.retain(|part| !part.ends_with("OpIr") && !matches!(*part, "F32" | "F64" | "I64" | "I32"));
    path.join(".")
}

struct Translator<'a> {
    graph: Graph,
    rounds: &'a [Recording],
    /// The first round's numbers of tensors, by those of each round.
    same: [HashMap<TensorId, TensorId>; ROUNDS],
    shapes: HashMap<TensorId, Vec<Number>>,
    values: HashMap<TensorId, ValueId>,
    /// Constants in PyTorch's layout whose transpose is the tensor.
    transposed: HashMap<TensorId, ValueId>,
    /// State-dict names of parameters without their last part, which name nodes.
    owners: HashMap<TensorId, String>,
    sizes: Sizes,
    used_names: HashMap<String, usize>,
    index: usize,
    /// The operation that is being translated.
    name: String,
    op: String,
}

impl<'a> Translator<'a> {
    fn new(name: &str, rounds: &'a [Recording]) -> Result<Self> {
        let mut this = Self {
            graph: Graph::new(name),
            rounds,
            same: Default::default(),
            shapes: HashMap::new(),
            values: HashMap::new(),
            transposed: HashMap::new(),
            owners: HashMap::new(),
            sizes: Sizes::default(),
            used_names: HashMap::new(),
            index: 0,
            name: String::new(),
            op: String::new(),
        };
        let first = &rounds[0];
        for (i, input) in first.inputs.iter().enumerate() {
            let ids: [TensorId; ROUNDS] = std::array::from_fn(|k| rounds[k].inputs[i].id);
            let data: [&TensorData; ROUNDS] = std::array::from_fn(|k| &rounds[k].values[&ids[k]]);
            let value = this.graph.input(input.name.clone(), DType::F32, input.shape.clone());
            let shape = shape_of(data.map(|data| data.shape()));
            this.sizes.input(value, &shape);
            this.know(ids, shape)?;
            this.values.insert(ids[0], value);
        }
        for (i, parameter) in first.parameters.iter().enumerate() {
            let ids: [TensorId; ROUNDS] = std::array::from_fn(|k| rounds[k].parameters[i].id);
            let data = &first.values[&parameter.id];
            this.know(ids, shape_of([data.shape(); ROUNDS]))?;
            let mut tensor = tensor(data).ok_or_else(|| this.unsupported("its type"))?;
            if parameter.transposed {
                tensor = transpose(&tensor).ok_or_else(|| this.unsupported("its shape"))?;
            }
            let value = this.graph.parameter(parameter.name.clone(), tensor);
            if parameter.transposed {
                this.transposed.entry(parameter.id).or_insert(value);
            } else {
                this.values.entry(parameter.id).or_insert(value);
            }
            let owner = parameter.name.rsplit_once('.').map_or("", |(owner, _)| owner);
            this.owners.entry(parameter.id).or_insert_with(|| owner.to_owned());
        }
        Ok(this)
    }

    /// Notes that tensors of the rounds are the same one.
    fn know(&mut self, ids: [TensorId; ROUNDS], shape: Vec<Number>) -> Result<()> {
        for (same, id) in self.same.iter_mut().zip(ids) {
            if let Some(other) = same.insert(id, ids[0])
                && other != ids[0]
            {
                return Err(self.diverges("its tensors come from other operations"));
            }
        }
        self.shapes.insert(ids[0], shape);
        Ok(())
    }

    /// Checks that the rounds recorded one operation on one set of tensors, and notes the shapes of its results.
    fn align(&mut self, ops: Operations) -> Result<()> {
        self.op = kind(ops[0]);
        if ops.iter().any(|op| kind(op) != self.op) {
            return Err(self.diverges("another operation stands in its place"));
        }
        let nodes: [Vec<&TensorIr>; ROUNDS] = ops.map(OperationIr::nodes);
        if nodes.iter().any(|n| n.len() != nodes[0].len()) {
            return Err(self.diverges("it has another number of tensors"));
        }
        for i in nodes[0].iter().enumerate().map(|(i, _)| i) {
            let tensors: [&TensorIr; ROUNDS] = std::array::from_fn(|k| nodes[k][i]);
            let shapes = tensors.map(|t| &t.shape);
            if shapes.iter().any(|s| s.num_dims() != shapes[0].num_dims()) {
                return Err(self.diverges("its tensors have another number of axes"));
            }
            self.know(tensors.map(|t| t.id), shape_of(shapes))?;
        }
        Ok(())
    }

    /// Checks that the attributes agree between the rounds; shapes of tensors may differ.
    fn agree(&self, ops: Operations) -> Result<()> {
        struct Erase;
        impl IrVisitorMut for Erase {
            fn visit_tensor_mut(&mut self, tensor: &mut TensorIr) {
                tensor.id = TensorId::new(0);
                tensor.shape = Shape::from(Vec::<usize>::new());
                tensor.status = TensorStatus::NotInit;
            }
        }
        let erased = ops.map(|op| {
            let mut op = op.clone();
            op.visit_mut(&mut Erase);
            if let OperationIr::Module(Module::Interpolate(op)) = &mut op {
                // It is the output's shape.
                op.output_size = [0, 0];
            }
            op
        });
        match erased.iter().all(|op| *op == erased[0]) {
            true => Ok(()),
            false => Err(self.diverges("its attributes are not the same")),
        }
    }

    fn diverges(&self, reason: &str) -> Error {
        Error::Diverges { index: self.index, op: self.op.clone(), reason: reason.to_owned() }
    }

    fn unsupported(&self, reason: &str) -> Error {
        Error::Unsupported { index: self.index, op: self.op.clone(), reason: reason.to_owned() }
    }

    fn shape(&self, tensor: &TensorIr) -> Vec<Number> {
        self.shapes.get(&tensor.id).cloned().unwrap_or_default()
    }

    /// The value of a tensor, in burn's layout.
    fn value(&mut self, tensor: &TensorIr) -> Result<ValueId> {
        if let Some(value) = self.values.get(&tensor.id) {
            return Ok(*value);
        }
        let value = match self.transposed.get(&tensor.id) {
            Some(&weight) => {
                let name = format!("{}.transpose", self.name);
                self.graph.push(name, Op::Transpose { perm: vec![1, 0] }, &[weight])
            }
            None => self.initial(tensor)?,
        };
        self.values.insert(tensor.id, value);
        Ok(value)
    }

    /// A tensor that `forward` made from numbers.
    fn initial(&mut self, ir: &TensorIr) -> Result<ValueId> {
        let mut data: Vec<&TensorData> = Vec::with_capacity(ROUNDS);
        for (same, round) in self.same.iter().zip(self.rounds) {
            let mut of_round = same.iter().filter(|(_, first)| **first == ir.id).map(|(id, _)| id);
            let found = of_round.find_map(|id| round.values.get(id));
            data.push(found.ok_or_else(|| self.diverges("it reads a tensor that nothing has made"))?);
        }
        if data.iter().all(|d| *d == data[0]) {
            let constant = tensor(data[0]).ok_or_else(|| self.unsupported("its constant's type"))?;
            return Ok(self.graph.constant(constant));
        }
        let counts = |data: &TensorData| {
            data.shape().num_dims() == 1 && data.iter::<i64>().zip(0..).all(|(value, i)| value == i)
        };
        if ir.dtype == BurnType::I64 && data.iter().all(|data| counts(data)) {
            let length: Number = std::array::from_fn(|k| data[k].num_elements() as i64);
            let size = self.size(length, &[])?;
            let limit = self.sizes.value(&mut self.graph, &self.name, size);
            let scalar = self.graph.constant(Tensor::from_i64s(Vec::new()));
            let limit = self.push(Op::Reshape { allow_zero: false }, &[limit, scalar]);
            let [start, step] = [0, 1].map(|n| self.graph.constant(scalar_i64(n)));
            return Ok(self.push(Op::Range, &[start, limit, step]));
        }
        Err(self.diverges("it reads numbers that `forward` made for one input size"))
    }

    fn push(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        let inputs: Vec<Option<ValueId>> = inputs.iter().map(|i| Some(*i)).collect();
        self.push_optional(op, inputs)
    }

    fn push_optional(&mut self, op: Op, inputs: Vec<Option<ValueId>>) -> ValueId {
        let (name, value) = (self.unique(), self.graph.value());
        self.graph.nodes.push(Node { name, op, inputs, outputs: vec![Some(value)] });
        value
    }

    /// The operation's name, with a number where it has been used.
    fn unique(&mut self) -> String {
        let used = self.used_names.entry(self.name.clone()).or_default();
        *used += 1;
        if *used == 1 { self.name.clone() } else { format!("{}.{used}", self.name) }
    }

    fn set(&mut self, out: &TensorIr, value: ValueId) {
        let shape = self.shape(out);
        self.sizes.add(value, &shape);
        self.values.insert(out.id, value);
    }

    fn size(&self, number: Number, near: &[ValueId]) -> Result<Size> {
        self.sizes.resolve(number, near).ok_or_else(|| Error::Size {
            index: self.index,
            op: self.op.clone(),
            sizes: number.to_vec(),
        })
    }

    /// Numbers as a list `[numbers]`.
    fn list(&mut self, numbers: &[Number], near: &[ValueId]) -> Result<ValueId> {
        let sizes: Result<Vec<Size>> = numbers.iter().map(|number| self.size(*number, near)).collect();
        Ok(self.sizes.list(&mut self.graph, &self.name, &sizes?))
    }

    fn i64s(&mut self, values: &[i64]) -> ValueId {
        self.graph.constant(Tensor::from_i64s(values.to_vec()))
    }

    fn scalar(&mut self, value: ScalarIr, dtype: BurnType) -> Result<ValueId> {
        let tensor = match dtype {
            BurnType::F32 => Tensor::scalar(value.elem::<f64>() as f32),
            BurnType::I64 => scalar_i64(value.elem()),
            BurnType::Bool(_) => of(&[], Data::Bool(Arc::new(vec![value.elem()]))),
            _ => return Err(self.unsupported("the type of its tensor")),
        };
        Ok(self.graph.constant(tensor))
    }

    fn unary(&mut self, op: UnaryOp, input: &TensorIr, out: &TensorIr) -> Result<()> {
        self.one(Op::Unary(op), input, out)
    }

    fn one(&mut self, op: Op, input: &TensorIr, out: &TensorIr) -> Result<()> {
        let x = self.value(input)?;
        let y = self.push(op, &[x]);
        self.set(out, y);
        Ok(())
    }

    fn two(&mut self, op: Op, inputs: [&TensorIr; 2], out: &TensorIr) -> Result<()> {
        let [a, b] = inputs;
        let inputs = [self.value(a)?, self.value(b)?];
        let y = self.push(op, &inputs);
        self.set(out, y);
        Ok(())
    }

    fn with_scalar(&mut self, op: Op, input: &TensorIr, scalar: ScalarIr, out: &TensorIr) -> Result<()> {
        let scalar = self.scalar(scalar, input.dtype)?;
        let x = self.value(input)?;
        let y = self.push(op, &[x, scalar]);
        self.set(out, y);
        Ok(())
    }

    /// A reduction along axes that stay, with size 1.
    fn reduce(&mut self, op: ReduceOp, input: &TensorIr, axes: &[usize], out: &TensorIr) -> Result<()> {
        let axes: Vec<i64> = axes.iter().map(|a| *a as i64).collect();
        let (x, axes) = (self.value(input)?, self.i64s(&axes));
        let y = self.push(Op::Reduce { op, keep_dims: true, noop_with_empty_axes: false }, &[x, axes]);
        self.set(out, y);
        Ok(())
    }

    /// A reduction of all elements to `[1]`.
    fn reduce_all(&mut self, op: ReduceOp, input: &TensorIr, out: &TensorIr) -> Result<()> {
        let x = self.value(input)?;
        let y = self.push(Op::Reduce { op, keep_dims: false, noop_with_empty_axes: false }, &[x]);
        let shape = self.i64s(&[1]);
        let y = self.push(Op::Reshape { allow_zero: false }, &[y, shape]);
        self.set(out, y);
        Ok(())
    }

    fn operation(&mut self, ops: Operations) -> Result<()> {
        let mut owner = None;
        for tensor in ops[0].inputs() {
            owner = owner.or_else(|| self.owners.get(&tensor.id).filter(|o| !o.is_empty()).cloned());
        }
        self.name = owner.unwrap_or_else(|| {
            let short = self.op.rsplit('.').next().unwrap_or_default().to_lowercase();
            format!("{short}_{}", self.index)
        });
        match ops[0] {
            // Numbers from outside, or that `forward` made: they become constants where they are read.
            OperationIr::Init(_) => Ok(()),
            OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => {
                self.base(op, ops)
            }
            OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => self.numeric(op, ops),
            op => {
                self.agree(ops)?;
                match op {
                    OperationIr::Float(_, op) => self.float(op),
                    OperationIr::Int(op) => self.int(op),
                    OperationIr::Bool(op) => self.bool(op),
                    OperationIr::Activation(op) => self.activation(op),
                    OperationIr::Module(op) => self.module(op),
                    OperationIr::Custom(op) => {
                        let translated =
                            custom::operator(op).ok_or_else(|| self.unsupported("it is unknown"))?;
                        let inputs: Result<Vec<ValueId>> = op.inputs.iter().map(|i| self.value(i)).collect();
                        let y = self.push(translated, &inputs?);
                        let [out] = &op.outputs[..] else { return Err(self.unsupported("its results")) };
                        self.set(out, y);
                        Ok(())
                    }
                    _ => Err(self.unsupported("it computes nothing")),
                }
            }
        }
    }

    fn base(&mut self, op: &Base, ops: Operations) -> Result<()> {
        if !matches!(op, Base::Slice(_) | Base::RepeatDim(_) | Base::SliceAssign(_)) {
            self.agree(ops)?;
        }
        let bases = ops.map(|op| match op {
            OperationIr::BaseFloat(op) | OperationIr::BaseInt(op) | OperationIr::BaseBool(op) => Some(op),
            _ => None,
        });
        match op {
            Base::Reshape(op) => {
                let x = self.value(&op.input)?;
                let (from, to) = (self.shape(&op.input), self.shape(&op.out));
                let y = self.reshape(x, &from, &to)?;
                self.set(&op.out, y);
            }
            Base::SwapDims(op) => {
                let mut perm: Vec<usize> = (0..op.input.shape.num_dims()).collect();
                perm.swap(op.dim1, op.dim2);
                self.one(Op::Transpose { perm }, &op.input, &op.out)?;
            }
            Base::Permute(op) => self.one(Op::Transpose { perm: op.axes.clone() }, &op.input, &op.out)?,
            Base::Flip(op) => {
                let axes: Vec<i64> = op.axes.iter().map(|a| *a as i64).collect();
                let fill = |n: i64| vec![n; axes.len()];
                let x = self.value(&op.input)?;
                let bounds = [fill(-1), fill(i64::MIN + 1), axes.clone(), fill(-1)].map(|v| self.i64s(&v));
                let y = self.push(Op::Slice, &[x, bounds[0], bounds[1], bounds[2], bounds[3]]);
                self.set(&op.out, y);
            }
            Base::Expand(op) => {
                let x = self.value(&op.input)?;
                let (from, to) = (self.shape(&op.input), self.shape(&op.out));
                let new = to.len() - from.len();
                // 1 keeps what is there.
                let target: Vec<Number> = (0..to.len())
                    .map(|i| if i >= new && from[i - new] == to[i] { [1; ROUNDS] } else { to[i] })
                    .collect();
                let shape = self.list(&target, &[x])?;
                let y = self.push(Op::Expand, &[x, shape]);
                self.set(&op.out, y);
            }
            Base::Slice(op) => {
                let ranges: [&[Slice]; ROUNDS] = bases.map(|base| match base {
                    Some(Base::Slice(op)) => op.ranges.as_slice(),
                    _ => &[],
                });
                let x = self.value(&op.tensor)?;
                let shape = self.shape(&op.tensor);
                let cuts = self.cuts(ranges, &shape)?;
                let y = self.slice(x, &cuts)?;
                self.set(&op.out, y);
            }
            Base::SliceAssign(op) => {
                let ranges: [&[Slice]; ROUNDS] = bases.map(|base| match base {
                    Some(Base::SliceAssign(op)) => op.ranges.as_slice(),
                    _ => &[],
                });
                let (x, inner) = (self.value(&op.tensor)?, self.value(&op.value)?);
                let shape = self.shape(&op.tensor);
                let y = match self.cuts(ranges, &shape)?[..] {
                    [] => inner,
                    [Cut { axis, start, end, step: 1 }] => {
                        let mut parts = Vec::new();
                        if start != [0; ROUNDS] {
                            parts.push(
                                self.slice(x, &[Cut { axis, start: [0; ROUNDS], end: start, step: 1 }])?,
                            );
                        }
                        parts.push(inner);
                        if end != WHOLE {
                            let rest = Cut { axis, start: end, end: WHOLE, step: 1 };
                            parts.push(self.slice(x, &[rest])?);
                        }
                        self.push(Op::Concat { axis: axis as i64 }, &parts)
                    }
                    _ => return Err(self.unsupported("it assigns to a part of several axes, or with steps")),
                };
                self.set(&op.out, y);
            }
            Base::Select(op) => {
                self.two(Op::Gather { axis: op.dim as i64 }, [&op.tensor, &op.indices], &op.out)?
            }
            Base::Gather(op) => {
                self.two(Op::GatherElements { axis: op.dim as i64 }, [&op.tensor, &op.indices], &op.out)?;
            }
            Base::GatherNd(op) => {
                self.two(Op::GatherNd { batch_dims: 0 }, [&op.data, &op.indices], &op.out)?
            }
            Base::MaskWhere(op) => {
                let inputs = [self.value(&op.mask)?, self.value(&op.value)?, self.value(&op.tensor)?];
                let y = self.push(Op::Where, &inputs);
                self.set(&op.out, y);
            }
            Base::MaskFill(op) => {
                let value = self.scalar(op.value, op.tensor.dtype)?;
                let inputs = [self.value(&op.mask)?, value, self.value(&op.tensor)?];
                let y = self.push(Op::Where, &inputs);
                self.set(&op.out, y);
            }
            Base::Equal(op) => self.two(Op::Logical(LogicalOp::Equal), [&op.lhs, &op.rhs], &op.out)?,
            Base::EqualElem(op) => {
                self.with_scalar(Op::Logical(LogicalOp::Equal), &op.lhs, op.rhs, &op.out)?
            }
            Base::NotEqual(op) => {
                self.two(Op::Logical(LogicalOp::Equal), [&op.lhs, &op.rhs], &op.out)?;
                self.not(&op.out)?;
            }
            Base::NotEqualElem(op) => {
                self.with_scalar(Op::Logical(LogicalOp::Equal), &op.lhs, op.rhs, &op.out)?;
                self.not(&op.out)?;
            }
            Base::RepeatDim(op) => {
                let times: Number = std::array::from_fn(|k| match bases[k] {
                    Some(Base::RepeatDim(op)) => op.times as i64,
                    _ => 0,
                });
                let x = self.value(&op.tensor)?;
                let axes = 0..op.tensor.shape.num_dims();
                let repeats: Vec<Number> =
                    axes.map(|a| if a == op.dim { times } else { [1; ROUNDS] }).collect();
                let repeats = self.list(&repeats, &[x])?;
                let y = self.push(Op::Tile, &[x, repeats]);
                self.set(&op.out, y);
            }
            Base::Cat(op) => {
                let parts: Result<Vec<ValueId>> = op.tensors.iter().map(|t| self.value(t)).collect();
                let y = self.push(Op::Concat { axis: op.dim as i64 }, &parts?);
                self.set(&op.out, y);
            }
            Base::Cast(op) => self.cast(&op.input, &op.out)?,
            Base::Empty(op) | Base::Zeros(op) => self.fill(ScalarIr::Int(0), &op.out)?,
            Base::Ones(op) => self.fill(ScalarIr::Int(1), &op.out)?,
            Base::AllDim(op) => self.truth(ReduceOp::Min, &op.input, Some(op.axis), &op.out)?,
            Base::AnyDim(op) => self.truth(ReduceOp::Max, &op.input, Some(op.axis), &op.out)?,
            Base::All(op) => self.truth(ReduceOp::Min, &op.input, None, &op.out)?,
            Base::Any(op) => self.truth(ReduceOp::Max, &op.input, None, &op.out)?,
            _ => return Err(self.unsupported("no operator does this")),
        }
        Ok(())
    }

    /// Whether all or any truth values along an axis hold.
    fn truth(&mut self, op: ReduceOp, input: &TensorIr, axis: Option<usize>, out: &TensorIr) -> Result<()> {
        let x = self.value(input)?;
        let x = self.push(Op::Cast { to: DType::F32 }, &[x]);
        let mut inputs = vec![x];
        inputs.extend(axis.map(|axis| self.i64s(&[axis as i64])));
        let keep_dims = axis.is_some();
        let mut y = self.push(Op::Reduce { op, keep_dims, noop_with_empty_axes: false }, &inputs);
        if axis.is_none() {
            let shape = self.i64s(&[1]);
            y = self.push(Op::Reshape { allow_zero: false }, &[y, shape]);
        }
        let y = self.push(Op::Cast { to: DType::Bool }, &[y]);
        self.set(out, y);
        Ok(())
    }

    fn not(&mut self, out: &TensorIr) -> Result<()> {
        let x = self.value(out)?;
        let y = self.push(Op::Logical(LogicalOp::Not), &[x]);
        self.set(out, y);
        Ok(())
    }

    fn cast(&mut self, input: &TensorIr, out: &TensorIr) -> Result<()> {
        let to = dtype(out.dtype).ok_or_else(|| self.unsupported("the type it casts to"))?;
        if dtype(input.dtype) == Some(to) {
            let x = self.value(input)?;
            self.set(out, x);
            return Ok(());
        }
        self.one(Op::Cast { to }, input, out)
    }

    /// A tensor full of one number.
    fn fill(&mut self, value: ScalarIr, out: &TensorIr) -> Result<()> {
        let one = match out.dtype {
            BurnType::F32 => of(&[1], Data::F32(Arc::new(vec![value.elem()]))),
            BurnType::I64 => of(&[1], Data::I64(Arc::new(vec![value.elem()]))),
            BurnType::Bool(_) => of(&[1], Data::Bool(Arc::new(vec![value.elem::<i64>() != 0]))),
            _ => return Err(self.unsupported("the type of its tensor")),
        };
        let shape = self.shape(out);
        let shape = self.list(&shape, &[])?;
        let y = self.push(Op::ConstantOfShape { value: one }, &[shape]);
        self.set(out, y);
        Ok(())
    }

    /// Another shape, by 0 and -1 where that says it.
    fn reshape(&mut self, x: ValueId, from: &[Number], to: &[Number]) -> Result<ValueId> {
        let mut target: Vec<Option<i64>> = to
            .iter()
            .enumerate()
            .map(|(i, size)| match constant(*size) {
                Some(size) => Some(size),
                None if from.get(i) == Some(size) => Some(0),
                None => None,
            })
            .collect();
        if target.iter().filter(|size| size.is_none()).count() <= 1 {
            let target: Vec<i64> = target.into_iter().map(|size| size.unwrap_or(-1)).collect();
            let shape = self.i64s(&target);
            return Ok(self.push(Op::Reshape { allow_zero: false }, &[x, shape]));
        }
        // The last unknown one is worked out; the others are computed.
        if let Some(last) = target.iter().rposition(Option::is_none) {
            target[last] = Some(-1);
        }
        let numbers: Vec<Number> =
            target.iter().zip(to).map(|(known, size)| known.map_or(*size, |n| [n; ROUNDS])).collect();
        let shape = self.list(&numbers, &[x])?;
        Ok(self.push(Op::Reshape { allow_zero: false }, &[x, shape]))
    }

    /// What is cut of the axes that are not whole.
    fn cuts(&self, ranges: [&[Slice]; ROUNDS], shape: &[Number]) -> Result<Vec<Cut>> {
        let mut cuts = Vec::new();
        if ranges.iter().any(|r| r.len() != ranges[0].len()) {
            return Err(self.diverges("it cuts another number of axes"));
        }
        for axis in 0..ranges[0].len().min(shape.len()) {
            let step = ranges[0][axis].step;
            if step < 1 || ranges.iter().any(|r| r[axis].step != step) {
                return Err(self.unsupported("a step below 1"));
            }
            let place = |k: usize, at: isize| {
                let (at, size) = (at as i64, shape[axis][k]);
                (if at < 0 { at + size } else { at }).clamp(0, size)
            };
            let start: Number = std::array::from_fn(|k| place(k, ranges[k][axis].start));
            let end: Number =
                std::array::from_fn(|k| ranges[k][axis].end.map_or(shape[axis][k], |end| place(k, end)));
            if start != [0; ROUNDS] || end != shape[axis] || step != 1 {
                cuts.push(Cut { axis, start, end, step: step as i64 });
            }
        }
        for cut in &mut cuts {
            if cut.end == shape[cut.axis] {
                cut.end = WHOLE;
            }
        }
        Ok(cuts)
    }

    fn slice(&mut self, x: ValueId, cuts: &[Cut]) -> Result<ValueId> {
        if cuts.is_empty() {
            return Ok(x);
        }
        let starts: Vec<Number> = cuts.iter().map(|cut| cut.start).collect();
        let ends: Vec<Number> = cuts.iter().map(|cut| cut.end).collect();
        let axes: Vec<i64> = cuts.iter().map(|cut| cut.axis as i64).collect();
        let steps: Vec<i64> = cuts.iter().map(|cut| cut.step).collect();
        let inputs =
            [x, self.list(&starts, &[x])?, self.list(&ends, &[x])?, self.i64s(&axes), self.i64s(&steps)];
        Ok(self.push(Op::Slice, &inputs))
    }

    fn numeric(&mut self, op: &Numeric, ops: Operations) -> Result<()> {
        use BinaryOp::{Add, Div, Max, Min, Mul, Pow, Sub};
        use LogicalOp::{Greater, GreaterOrEqual, Less, LessOrEqual};
        let numerics = ops.map(|op| match op {
            OperationIr::NumericFloat(_, op) | OperationIr::NumericInt(_, op) => Some(op),
            _ => None,
        });
        // A number that follows from sizes, such as a mean's divisor.
        let scalar_of = |op: &Numeric| match op {
            Numeric::AddScalar(op) => Some((Add, op.rhs)),
            Numeric::SubScalar(op) => Some((Sub, op.rhs)),
            Numeric::MulScalar(op) => Some((Mul, op.rhs)),
            Numeric::DivScalar(op) => Some((Div, op.rhs)),
            _ => None,
        };
        if let Some((binary, scalar)) = scalar_of(op) {
            let (Numeric::AddScalar(op)
            | Numeric::SubScalar(op)
            | Numeric::MulScalar(op)
            | Numeric::DivScalar(op)) = op
            else {
                return Err(self.unsupported("its scalar"));
            };
            let scalars = numerics.map(|op| op.and_then(scalar_of).map(|(_, s)| s.elem::<f64>()));
            if scalars.iter().all(|s| *s == scalars[0]) {
                return self.with_scalar(Op::Binary(binary), &op.lhs, scalar, &op.out);
            }
            let number: Number = scalars.map(|s| s.unwrap_or(f64::NAN) as i64);
            if (0..ROUNDS).any(|k| scalars[k] != Some(number[k] as f64)) {
                return Err(self.diverges("its scalar is not the same"));
            }
            let x = self.value(&op.lhs)?;
            let size = self.size(number, &[x])?;
            let mut by = self.sizes.value(&mut self.graph, &self.name, size);
            if op.lhs.dtype != BurnType::I64 {
                by = self.push(Op::Cast { to: DType::F32 }, &[by]);
            }
            let y = self.push(Op::Binary(binary), &[x, by]);
            self.set(&op.out, y);
            return Ok(());
        }
        self.agree(ops)?;
        let first_index =
            |axis: usize, max| Op::ArgReduce { axis: axis as i64, max, keep_dims: true, select_last: false };
        match op {
            Numeric::Add(op) => self.two(Op::Binary(Add), [&op.lhs, &op.rhs], &op.out),
            Numeric::Sub(op) => self.two(Op::Binary(Sub), [&op.lhs, &op.rhs], &op.out),
            Numeric::Mul(op) => self.two(Op::Binary(Mul), [&op.lhs, &op.rhs], &op.out),
            Numeric::Div(op) => self.two(Op::Binary(Div), [&op.lhs, &op.rhs], &op.out),
            Numeric::Powi(op) => self.two(Op::Binary(Pow), [&op.lhs, &op.rhs], &op.out),
            Numeric::PowiScalar(op) => self.with_scalar(Op::Binary(Pow), &op.lhs, op.rhs, &op.out),
            Numeric::Abs(op) => self.unary(UnaryOp::Abs, &op.input, &op.out),
            Numeric::Neg(op) => self.unary(UnaryOp::Neg, &op.input, &op.out),
            Numeric::Sign(op) => self.unary(UnaryOp::Sign, &op.input, &op.out),
            Numeric::Full(op) => self.fill(op.value, &op.out),
            Numeric::MeanDim(op) => self.reduce(ReduceOp::Mean, &op.input, &[op.axis], &op.out),
            Numeric::SumDim(op) => self.reduce(ReduceOp::Sum, &op.input, &[op.axis], &op.out),
            Numeric::SumDims(op) => self.reduce(ReduceOp::Sum, &op.input, &op.axes, &op.out),
            Numeric::ProdDim(op) => self.reduce(ReduceOp::Prod, &op.input, &[op.axis], &op.out),
            Numeric::MaxDim(op) => self.reduce(ReduceOp::Max, &op.input, &[op.axis], &op.out),
            Numeric::MinDim(op) => self.reduce(ReduceOp::Min, &op.input, &[op.axis], &op.out),
            Numeric::Mean(op) => self.reduce_all(ReduceOp::Mean, &op.input, &op.out),
            Numeric::Sum(op) => self.reduce_all(ReduceOp::Sum, &op.input, &op.out),
            Numeric::Prod(op) => self.reduce_all(ReduceOp::Prod, &op.input, &op.out),
            Numeric::Max(op) => self.reduce_all(ReduceOp::Max, &op.input, &op.out),
            Numeric::Min(op) => self.reduce_all(ReduceOp::Min, &op.input, &op.out),
            Numeric::Greater(op) => self.two(Op::Logical(Greater), [&op.lhs, &op.rhs], &op.out),
            Numeric::GreaterEqual(op) => self.two(Op::Logical(GreaterOrEqual), [&op.lhs, &op.rhs], &op.out),
            Numeric::Lower(op) => self.two(Op::Logical(Less), [&op.lhs, &op.rhs], &op.out),
            Numeric::LowerEqual(op) => self.two(Op::Logical(LessOrEqual), [&op.lhs, &op.rhs], &op.out),
            Numeric::GreaterElem(op) => self.with_scalar(Op::Logical(Greater), &op.lhs, op.rhs, &op.out),
            Numeric::GreaterEqualElem(op) => {
                self.with_scalar(Op::Logical(GreaterOrEqual), &op.lhs, op.rhs, &op.out)
            }
            Numeric::LowerElem(op) => self.with_scalar(Op::Logical(Less), &op.lhs, op.rhs, &op.out),
            Numeric::LowerEqualElem(op) => {
                self.with_scalar(Op::Logical(LessOrEqual), &op.lhs, op.rhs, &op.out)
            }
            Numeric::ArgMax(op) => self.one(first_index(op.axis, true), &op.input, &op.out),
            Numeric::ArgMin(op) => self.one(first_index(op.axis, false), &op.input, &op.out),
            Numeric::MaxDimWithIndices(op) => {
                self.reduce(ReduceOp::Max, &op.tensor, &[op.dim], &op.out)?;
                self.one(first_index(op.dim, true), &op.tensor, &op.out_indices)
            }
            Numeric::MinDimWithIndices(op) => {
                self.reduce(ReduceOp::Min, &op.tensor, &[op.dim], &op.out)?;
                self.one(first_index(op.dim, false), &op.tensor, &op.out_indices)
            }
            Numeric::TopK(op) => {
                let k = self.shape(&op.out).get(op.axis).copied().unwrap_or_default();
                let [values, _] = self.top(&op.input, op.axis, k)?;
                self.set(&op.out, values);
                Ok(())
            }
            Numeric::ArgTopK(op) => {
                let k = self.shape(&op.out).get(op.axis).copied().unwrap_or_default();
                let [_, indices] = self.top(&op.input, op.axis, k)?;
                self.set(&op.out, indices);
                Ok(())
            }
            Numeric::TopKWithIndices(op) => {
                let [values, indices] = self.top(&op.tensor, op.dim, [op.k as i64; ROUNDS])?;
                self.set(&op.out, values);
                self.set(&op.out_indices, indices);
                Ok(())
            }
            Numeric::Clamp(op) => self.clip(&op.tensor, Some(op.min), Some(op.max), &op.out),
            Numeric::ClampMin(op) => self.with_scalar(Op::Binary(Max), &op.lhs, op.rhs, &op.out),
            Numeric::ClampMax(op) => self.with_scalar(Op::Binary(Min), &op.lhs, op.rhs, &op.out),
            Numeric::CumSum(op) => {
                let (x, axis) = (self.value(&op.input)?, self.graph.constant(scalar_i64(op.axis as i64)));
                let y = self.push(Op::CumSum { exclusive: false, reverse: false }, &[x, axis]);
                self.set(&op.out, y);
                Ok(())
            }
            Numeric::Pad(op) => {
                let before = op.padding.iter().map(|p| p.0 as i64);
                let pads: Vec<i64> = before.chain(op.padding.iter().map(|p| p.1 as i64)).collect();
                let mut inputs = vec![self.value(&op.input)?, self.i64s(&pads)];
                let mode = match op.mode {
                    PadModeIr::Constant(value) => {
                        inputs.push(self.scalar(value, op.input.dtype)?);
                        PadMode::Constant
                    }
                    PadModeIr::Reflect => PadMode::Reflect,
                    PadModeIr::Edge => PadMode::Edge,
                };
                let y = self.push(Op::Pad { mode }, &inputs);
                self.set(&op.out, y);
                Ok(())
            }
            _ => Err(self.unsupported("no operator does this")),
        }
    }

    fn clip(
        &mut self,
        x: &TensorIr,
        min: Option<ScalarIr>,
        max: Option<ScalarIr>,
        out: &TensorIr,
    ) -> Result<()> {
        let mut inputs = vec![Some(self.value(x)?)];
        for bound in [min, max] {
            inputs.push(bound.map(|bound| self.scalar(bound, x.dtype)).transpose()?);
        }
        let y = self.push_optional(Op::Clip, inputs);
        self.set(out, y);
        Ok(())
    }

    fn top(&mut self, x: &TensorIr, axis: usize, k: Number) -> Result<[ValueId; 2]> {
        let x = self.value(x)?;
        let k = self.list(&[k], &[x])?;
        let (name, outputs) = (self.unique(), [self.graph.value(), self.graph.value()]);
        self.graph.nodes.push(Node {
            name,
            op: Op::TopK { axis: axis as i64, largest: true, sorted: true },
            inputs: vec![Some(x), Some(k)],
            outputs: outputs.map(Some).to_vec(),
        });
        Ok(outputs)
    }

    fn float(&mut self, op: &Float) -> Result<()> {
        match op {
            Float::Exp(op) => self.unary(UnaryOp::Exp, &op.input, &op.out),
            Float::Log(op) => self.unary(UnaryOp::Log, &op.input, &op.out),
            Float::Log1p(op) => {
                self.with_scalar(Op::Binary(BinaryOp::Add), &op.input, ScalarIr::Float(1.0), &op.out)?;
                self.unary(UnaryOp::Log, &op.out, &op.out)
            }
            Float::Erf(op) => self.unary(UnaryOp::Erf, &op.input, &op.out),
            Float::PowfScalar(op) => self.with_scalar(Op::Binary(BinaryOp::Pow), &op.lhs, op.rhs, &op.out),
            Float::Powf(op) => self.two(Op::Binary(BinaryOp::Pow), [&op.lhs, &op.rhs], &op.out),
            Float::Sqrt(op) => self.unary(UnaryOp::Sqrt, &op.input, &op.out),
            Float::Cos(op) => self.unary(UnaryOp::Cos, &op.input, &op.out),
            Float::Cosh(op) => self.unary(UnaryOp::Cosh, &op.input, &op.out),
            Float::Sin(op) => self.unary(UnaryOp::Sin, &op.input, &op.out),
            Float::Sinh(op) => self.unary(UnaryOp::Sinh, &op.input, &op.out),
            Float::Tan(op) => self.unary(UnaryOp::Tan, &op.input, &op.out),
            Float::Tanh(op) => self.unary(UnaryOp::Tanh, &op.input, &op.out),
            Float::ArcCos(op) => self.unary(UnaryOp::Acos, &op.input, &op.out),
            Float::ArcCosh(op) => self.unary(UnaryOp::Acosh, &op.input, &op.out),
            Float::ArcSin(op) => self.unary(UnaryOp::Asin, &op.input, &op.out),
            Float::ArcSinh(op) => self.unary(UnaryOp::Asinh, &op.input, &op.out),
            Float::ArcTan(op) => self.unary(UnaryOp::Atan, &op.input, &op.out),
            Float::ArcTanh(op) => self.unary(UnaryOp::Atanh, &op.input, &op.out),
            Float::Round(op) => self.unary(UnaryOp::Round, &op.input, &op.out),
            Float::Floor(op) => self.unary(UnaryOp::Floor, &op.input, &op.out),
            Float::Ceil(op) => self.unary(UnaryOp::Ceil, &op.input, &op.out),
            Float::IntoInt(op) => self.cast(&op.input, &op.out),
            Float::Matmul(op) => self.two(Op::MatMul, [&op.lhs, &op.rhs], &op.out),
            Float::Recip(op) => self.unary(UnaryOp::Reciprocal, &op.input, &op.out),
            Float::IsNan(op) => self.unary(UnaryOp::IsNan, &op.input, &op.out),
            Float::IsInf(op) => {
                self.unary(UnaryOp::IsInf { negative: true, positive: true }, &op.input, &op.out)
            }
            Float::GridSample2d(op) => {
                let padding = match op.options.padding_mode {
                    GridSamplePaddingModeIr::Zeros => GridPadding::Zeros,
                    GridSamplePaddingModeIr::Border => GridPadding::Border,
                    GridSamplePaddingModeIr::Reflection => GridPadding::Reflection,
                };
                let mode = match op.options.mode {
                    InterpolateModeIr::Nearest => Interpolation::Nearest,
                    InterpolateModeIr::Bilinear => Interpolation::Linear,
                    InterpolateModeIr::Bicubic => Interpolation::Cubic,
                    _ => return Err(self.unsupported("its interpolation")),
                };
                let align_corners = op.options.align_corners;
                self.two(Op::GridSample { mode, padding, align_corners }, [&op.tensor, &op.grid], &op.out)
            }
            _ => Err(self.unsupported("no operator does this")),
        }
    }

    fn int(&mut self, op: &Int) -> Result<()> {
        match op {
            Int::IntoFloat(op) => self.cast(&op.input, &op.out),
            Int::Matmul(op) => self.two(Op::MatMul, [&op.lhs, &op.rhs], &op.out),
            _ => Err(self.unsupported("no operator does this")),
        }
    }

    fn bool(&mut self, op: &Bool) -> Result<()> {
        match op {
            Bool::IntoFloat(op) | Bool::IntoInt(op) => self.cast(&op.input, &op.out),
            Bool::Not(op) => self.one(Op::Logical(LogicalOp::Not), &op.input, &op.out),
            Bool::And(op) => self.two(Op::Logical(LogicalOp::And), [&op.lhs, &op.rhs], &op.out),
            Bool::Or(op) => self.two(Op::Logical(LogicalOp::Or), [&op.lhs, &op.rhs], &op.out),
            Bool::Xor(op) => self.two(Op::Logical(LogicalOp::Xor), [&op.lhs, &op.rhs], &op.out),
        }
    }

    fn activation(&mut self, op: &Activation) -> Result<()> {
        match op {
            Activation::Relu(op) => self.unary(UnaryOp::Relu, &op.input, &op.out),
            Activation::LeakyRelu(op) => {
                self.unary(UnaryOp::LeakyRelu { alpha: op.rhs.elem::<f64>() as f32 }, &op.lhs, &op.out)
            }
            Activation::PRelu(op) => self.two(Op::Binary(BinaryOp::PRelu), [&op.lhs, &op.rhs], &op.out),
            Activation::Gelu(op) => self.unary(UnaryOp::Gelu { tanh: false }, &op.input, &op.out),
            Activation::Sigmoid(op) => self.unary(UnaryOp::Sigmoid, &op.input, &op.out),
            Activation::HardSigmoid(op) => {
                let (alpha, beta) = (op.alpha.elem::<f64>() as f32, op.beta.elem::<f64>() as f32);
                self.unary(UnaryOp::HardSigmoid { alpha, beta }, &op.tensor, &op.out)
            }
            Activation::LogSigmoid(op) => {
                // log(sigmoid(x)) = -softplus(-x)
                self.unary(UnaryOp::Neg, &op.input, &op.out)?;
                self.unary(UnaryOp::Softplus, &op.out, &op.out)?;
                self.unary(UnaryOp::Neg, &op.out, &op.out)
            }
            Activation::Softmax(op) => self.one(Op::Softmax { axis: op.axis as i64 }, &op.input, &op.out),
            Activation::LogSoftmax(op) => {
                self.one(Op::LogSoftmax { axis: op.axis as i64 }, &op.input, &op.out)
            }
            _ => Err(self.unsupported("no operator does this")),
        }
    }

    /// An operator of x, weights and an optional bias.
    fn weighted(
        &mut self,
        op: Op,
        x: &TensorIr,
        w: &TensorIr,
        b: Option<&TensorIr>,
        out: &TensorIr,
    ) -> Result<()> {
        let mut inputs = vec![self.value(x)?, self.value(w)?];
        if let Some(b) = b {
            inputs.push(self.value(b)?);
        }
        let y = self.push(op, &inputs);
        self.set(out, y);
        Ok(())
    }

    fn module(&mut self, op: &Module) -> Result<()> {
        let both = |sides: &[usize]| Padding::Explicit([sides, sides].concat());
        match op {
            Module::BatchNorm(op) => {
                let epsilon = op.epsilon.elem::<f64>() as f32;
                let parts = [&op.x, &op.gamma, &op.beta, &op.mean, &op.variance];
                let inputs: Result<Vec<ValueId>> = parts.into_iter().map(|t| self.value(t)).collect();
                let y = self.push(Op::BatchNorm { epsilon }, &inputs?);
                self.set(&op.out, y);
                Ok(())
            }
            Module::LayerNorm(op) => {
                let epsilon = op.epsilon.elem::<f64>() as f32;
                let op_graph = Op::LayerNorm { axis: -1, epsilon };
                self.weighted(op_graph, &op.input, &op.gamma, op.beta.as_ref(), &op.out)
            }
            Module::Embedding(op) => self.two(Op::Gather { axis: 0 }, [&op.weights, &op.indices], &op.out),
            Module::Linear(op) => self.linear(op),
            Module::Conv1d(op) => {
                let [(before, after)] = op.options.padding;
                let conv = Op::Conv {
                    strides: op.options.stride.to_vec(),
                    dilations: op.options.dilation.to_vec(),
                    padding: Padding::Explicit(vec![before, after]),
                    groups: op.options.groups,
                };
                self.weighted(conv, &op.x, &op.weight, op.bias.as_ref(), &op.out)
            }
            Module::Conv2d(op) => {
                let [(top, bottom), (left, right)] = op.options.padding;
                let conv = Op::Conv {
                    strides: op.options.stride.to_vec(),
                    dilations: op.options.dilation.to_vec(),
                    padding: Padding::Explicit(vec![top, left, bottom, right]),
                    groups: op.options.groups,
                };
                self.weighted(conv, &op.x, &op.weight, op.bias.as_ref(), &op.out)
            }
            Module::ConvTranspose1d(op) => {
                let conv = Op::ConvTranspose {
                    strides: op.options.stride.to_vec(),
                    dilations: op.options.dilation.to_vec(),
                    padding: both(&op.options.padding),
                    output_padding: op.options.padding_out.to_vec(),
                    output_shape: None,
                    groups: op.options.groups,
                };
                self.weighted(conv, &op.x, &op.weight, op.bias.as_ref(), &op.out)
            }
            Module::ConvTranspose2d(op) => {
                let conv = Op::ConvTranspose {
                    strides: op.options.stride.to_vec(),
                    dilations: op.options.dilation.to_vec(),
                    padding: both(&op.options.padding),
                    output_padding: op.options.padding_out.to_vec(),
                    output_shape: None,
                    groups: op.options.groups,
                };
                self.weighted(conv, &op.x, &op.weight, op.bias.as_ref(), &op.out)
            }
            Module::DeformableConv2d(op) => {
                let conv = Op::DeformConv {
                    strides: op.options.stride.to_vec(),
                    dilations: op.options.dilation.to_vec(),
                    padding: both(&op.options.padding),
                    groups: op.options.weight_groups,
                    offset_groups: op.options.offset_groups,
                };
                let mut inputs = Vec::new();
                for tensor in [&op.x, &op.weight, &op.offset] {
                    inputs.push(Some(self.value(tensor)?));
                }
                for tensor in [&op.bias, &op.mask] {
                    inputs.push(tensor.as_ref().map(|t| self.value(t)).transpose()?);
                }
                let y = self.push_optional(conv, inputs);
                self.set(&op.out, y);
                Ok(())
            }
            Module::AvgPool1d(op) => {
                let pool = Op::AveragePool {
                    kernel: vec![op.kernel_size],
                    strides: vec![op.stride],
                    dilations: vec![1],
                    padding: both(&[op.padding]),
                    ceil: op.ceil_mode,
                    count_include_pad: op.count_include_pad,
                };
                self.one(pool, &op.x, &op.out)
            }
            Module::AvgPool2d(op) => {
                let pool = Op::AveragePool {
                    kernel: op.kernel_size.to_vec(),
                    strides: op.stride.to_vec(),
                    dilations: vec![1, 1],
                    padding: both(&op.padding),
                    ceil: op.ceil_mode,
                    count_include_pad: op.count_include_pad,
                };
                self.one(pool, &op.x, &op.out)
            }
            Module::AdaptiveAvgPool2d(op) => {
                let pool = match op.output_size {
                    [1, 1] => Op::GlobalAveragePool,
                    output => Op::AdaptiveAveragePool { output },
                };
                self.one(pool, &op.x, &op.out)
            }
            Module::AdaptiveAvgPool1d(op) if op.output_size == 1 => {
                self.one(Op::GlobalAveragePool, &op.x, &op.out)
            }
            Module::MaxPool1d(op) => {
                let pool = Op::MaxPool {
                    kernel: vec![op.kernel_size],
                    strides: vec![op.stride],
                    dilations: vec![op.dilation],
                    padding: both(&[op.padding]),
                    ceil: op.ceil_mode,
                };
                self.one(pool, &op.x, &op.out)
            }
            Module::MaxPool2d(op) => {
                let pool = Op::MaxPool {
                    kernel: op.kernel_size.to_vec(),
                    strides: op.stride.to_vec(),
                    dilations: op.dilation.to_vec(),
                    padding: both(&op.padding),
                    ceil: op.ceil_mode,
                };
                self.one(pool, &op.x, &op.out)
            }
            Module::Interpolate(op) => self.interpolate(op),
            Module::Attention(op) => self.attention(op),
            _ => Err(self.unsupported("no operator does this")),
        }
    }

    /// `x @ weight + bias`; a parameter is multiplied as PyTorch stores it.
    fn linear(&mut self, op: &burn_ir::LinearOpIr) -> Result<()> {
        let rank = op.x.shape.num_dims();
        if let (2, Some(&weight)) = (rank, self.transposed.get(&op.weight.id)) {
            let mut inputs = vec![self.value(&op.x)?, weight];
            if let Some(bias) = &op.bias {
                inputs.push(self.value(bias)?);
            }
            let gemm = Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: true };
            let y = self.push(gemm, &inputs);
            self.set(&op.out, y);
            return Ok(());
        }
        let inputs = [self.value(&op.x)?, self.value(&op.weight)?];
        let mut y = self.push(Op::MatMul, &inputs);
        if let Some(bias) = &op.bias {
            let bias = self.value(bias)?;
            y = self.push(Op::Binary(BinaryOp::Add), &[y, bias]);
        }
        self.set(&op.out, y);
        Ok(())
    }

    /// By scales where they are the same at all sizes, else by sizes.
    fn interpolate(&mut self, op: &burn_ir::InterpolateOpIr) -> Result<()> {
        let align = op.options.align_corners;
        let corners = if align { CoordinateMode::AlignCorners } else { CoordinateMode::HalfPixel };
        let (mode, coordinates, nearest) = match op.options.mode {
            InterpolateModeIr::Nearest => {
                (Interpolation::Nearest, CoordinateMode::Asymmetric, NearestMode::Floor)
            }
            InterpolateModeIr::NearestExact => {
                (Interpolation::Nearest, CoordinateMode::HalfPixel, NearestMode::RoundPreferCeil)
            }
            InterpolateModeIr::Bilinear => (Interpolation::Linear, corners, NearestMode::RoundPreferFloor),
            InterpolateModeIr::Bicubic => (Interpolation::Cubic, corners, NearestMode::RoundPreferFloor),
            InterpolateModeIr::Lanczos3 => return Err(self.unsupported("Lanczos interpolation")),
        };
        let resize = Op::Resize {
            mode,
            coordinates,
            nearest,
            cubic_a: -0.75,
            exclude_outside: false,
            extrapolation: 0.0,
        };
        let x = self.value(&op.x)?;
        let (from, to) = (self.shape(&op.x), self.shape(&op.out));
        let ratios: Option<Vec<f32>> = from.iter().zip(&to).map(|(from, to)| ratio(*from, *to)).collect();
        let mut inputs = vec![Some(x), None];
        match ratios {
            Some(ratios) => {
                let scales = of(&[ratios.len()], Data::F32(Arc::new(ratios)));
                inputs.push(Some(self.graph.constant(scales)));
            }
            None => inputs.extend([None, Some(self.list(&to, &[x])?)]),
        }
        let y = self.push_optional(resize, inputs);
        self.set(&op.out, y);
        Ok(())
    }

    /// Scaled dot products in parts: `softmax(q k' * scale) v`.
    fn attention(&mut self, op: &burn_ir::AttentionOpIr) -> Result<()> {
        if op.options.is_causal || op.options.softcap.is_some() {
            return Err(self.unsupported("a causal mask or a soft cap by option: give a mask"));
        }
        let [q, k, v] = [self.value(&op.query)?, self.value(&op.key)?, self.value(&op.value)?];
        let depth = op.query.shape[op.query.shape.num_dims() - 1];
        let scale = op.options.scale.map_or(1.0 / (depth as f64).sqrt(), |s| s.elem());
        let scale = self.graph.constant(Tensor::scalar(scale as f32));
        let k = self.push(Op::Transpose { perm: vec![0, 1, 3, 2] }, &[k]);
        let scores = self.push(Op::MatMul, &[q, k]);
        let mut scores = self.push(Op::Binary(BinaryOp::Mul), &[scores, scale]);
        if let Some(mask) = &op.mask {
            let (mask, never) = (self.value(mask)?, self.graph.constant(Tensor::scalar(f32::NEG_INFINITY)));
            scores = self.push(Op::Where, &[mask, never, scores]);
        }
        if let Some(bias) = &op.attn_bias {
            let bias = self.value(bias)?;
            scores = self.push(Op::Binary(BinaryOp::Add), &[scores, bias]);
        }
        let weights = self.push(Op::Softmax { axis: -1 }, &[scores]);
        let y = self.push(Op::MatMul, &[weights, v]);
        self.set(&op.out, y);
        Ok(())
    }

    /// Outputs and marks; what nothing needs goes, but for parameters.
    fn finish(mut self, rounds: &[Recording]) -> Result<Graph> {
        self.op = "output".to_owned();
        for (name, id) in &rounds[0].outputs {
            let value =
                *self.values.get(id).ok_or_else(|| self.unsupported("an output that nothing makes"))?;
            self.graph.output(name.clone(), value);
            self.graph.names.entry(value).or_insert_with(|| name.clone());
        }
        for (name, id) in &rounds[0].marks {
            if let Some(value) = self.values.get(id) {
                self.graph.names.insert(*value, name.clone());
            }
        }
        let parameters: HashSet<ValueId> = self.graph.names.keys().copied().collect();
        let mut needed: HashSet<ValueId> = self.graph.outputs.iter().map(|o| o.value).collect();
        let mut nodes = Vec::with_capacity(self.graph.nodes.len());
        for node in std::mem::take(&mut self.graph.nodes).into_iter().rev() {
            if node.outputs.iter().flatten().any(|output| needed.contains(output)) {
                needed.extend(node.inputs.iter().flatten());
                nodes.push(node);
            }
        }
        nodes.reverse();
        self.graph.nodes = nodes;
        let constants: BTreeMap<ValueId, Tensor> = std::mem::take(&mut self.graph.constants);
        self.graph.constants =
            constants.into_iter().filter(|(id, _)| needed.contains(id) || parameters.contains(id)).collect();
        Ok(self.graph)
    }
}

/// The end of a part that reaches to the axis's end.
const WHOLE: Number = [i64::MAX; ROUNDS];

/// A part of an axis.
#[derive(Debug, Clone, Copy)]
struct Cut {
    axis: usize,
    start: Number,
    end: Number,
    step: i64,
}

/// `to / from` where that is one number at all sizes.
fn ratio(from: Number, to: Number) -> Option<f32> {
    let reduced = |k: usize| {
        let common = gcd(to[k], from[k]).max(1);
        (to[k] / common, from[k] / common)
    };
    let (above, below) = reduced(0);
    (1..ROUNDS).all(|k| reduced(k) == (above, below)).then(|| above as f32 / below as f32)
}

fn shape_of(shapes: [&Shape; ROUNDS]) -> Vec<Number> {
    (0..shapes[0].num_dims()).map(|axis| shapes.map(|shape| shape[axis] as i64)).collect()
}

fn dtype(dtype: BurnType) -> Option<DType> {
    Some(match dtype {
        BurnType::F32 => DType::F32,
        BurnType::F64 => DType::F64,
        BurnType::I64 => DType::I64,
        BurnType::I32 => DType::I32,
        BurnType::I8 => DType::I8,
        BurnType::U8 => DType::U8,
        BurnType::Bool(_) => DType::Bool,
        _ => return None,
    })
}

/// The tensor of these elements, as many as the shape has.
fn of(shape: &[usize], data: Data) -> Tensor {
    Tensor::new(shape, data).unwrap_or_else(|e| panic!("{e}"))
}

fn scalar_i64(value: i64) -> Tensor {
    of(&[], Data::I64(Arc::new(vec![value])))
}

fn tensor(data: &TensorData) -> Option<Tensor> {
    let shape: Vec<usize> = data.shape().iter().copied().collect();
    let data = match data.dtype() {
        BurnType::F32 => Data::F32(Arc::new(data.iter().collect())),
        BurnType::I64 => Data::I64(Arc::new(data.iter().collect())),
        BurnType::I32 => Data::I32(Arc::new(data.iter().collect())),
        BurnType::Bool(_) => Data::Bool(Arc::new(data.iter().collect())),
        _ => return None,
    };
    Tensor::new(&shape, data).ok()
}

/// The transpose of a matrix.
fn transpose(matrix: &Tensor) -> Option<Tensor> {
    let [rows, columns] = matrix.shape()[..] else { return None };
    let values = crate::transpose(matrix.as_f32()?, rows, columns);
    Tensor::from_f32(&[columns, rows], values).ok()
}
