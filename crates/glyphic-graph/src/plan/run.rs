//! Steps at work.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;

use glyphic_ops::{Args, movement::reshape_shape, resize};

use super::value::{Buffer, Bytes, Pool, Value};
use super::{AttentionStep, ConvStep, Cut, Kind, LinearStep, Step};
use crate::{BinaryOp, Error, Graph, Node, Op, Result, Tensor, ValueId};
use glyphic_kernels::{
    Activation, Attention, Conv, Deform, Grid, LstmDirection, Map, Mix, Packed, PoolShape, Pooling,
    QuantizedConv, QuantizedInput, QuantizedOutput, QuantizedProduct, Residual, Stack, Target, bilinear,
    each_rows, global_mean, layer_norm, multiply, product, softmax,
};

type Operands = Vec<Option<Value>>;

/// Numbers of a map that is in no cache when it is read again.
const LARGE: usize = 1 << 20;

/// Computes a step's outputs.
pub(super) fn step(
    step: &Step,
    graph: &Graph,
    mut operands: Operands,
    pool: &Arc<Pool>,
) -> Result<Vec<Value>> {
    let context = Context { node: &graph.nodes[step.node], frame: step.frame, pool };
    let one = match &step.kind {
        Kind::General => return context.general(operands),
        Kind::Conv(conv) => {
            let x = context.take(&mut operands, 0)?;
            let residual = operands.get_mut(1).and_then(Option::take);
            context.conv(conv, x, residual)?
        }
        Kind::Depthwise(layer, activation) => {
            let x = context.map_of(context.take(&mut operands, 0)?, layer.frame(), layer.channels())?;
            let size = context.window(layer.shape(), x.map)?;
            context.fill([x.map.batch, layer.channels(), size[0], size[1]], |values, map| {
                layer.run(x.values(), x.map, *activation, Target { values, map, channel: 0 });
            })
        }
        Kind::Shuffle(before, layer) => {
            let (layer, activation) = &**layer;
            let first = before.as_ref().map_or(layer, |before| &before.0);
            let x = context.map_of(context.take(&mut operands, 0)?, [0; 2], first.inputs())?;
            let mut size = [x.map.height, x.map.width];
            if before.is_some() {
                size = first.output(size);
            }
            let [height, width] = layer.output(size);
            context.fill([x.map.batch, layer.outputs(), height, width], |values, map| {
                let target = Target { values, map, channel: 0 };
                match before.as_deref() {
                    Some((first, before)) => {
                        layer.run_after((first, *before), x.values(), x.map, *activation, target);
                    }
                    None => layer.run(x.values(), x.map, *activation, target),
                }
            })
        }
        Kind::Transposed(layer, activation) => {
            let shape = layer.shape();
            let x = context.map_of(context.take(&mut operands, 0)?, layer.frame(), shape.inputs)?;
            let Some([height, width]) = shape.output([x.map.height, x.map.width]) else {
                return context.wrong(format!("an input of {}x{} pixels", x.map.height, x.map.width));
            };
            context.fill([x.map.batch, shape.outputs, height, width], |values, map| {
                layer.run(x.values(), x.map, *activation, Target { values, map, channel: 0 });
            })
        }
        Kind::Deform(layer, activation) => context.deform(layer, *activation, &mut operands)?,
        Kind::Pool(shape, pooling) => match context.pool(shape, *pooling, &mut operands) {
            Some(value) => value,
            None => return context.general(operands),
        },
        Kind::GlobalMean => match operands.first_mut().and_then(Option::take) {
            Some(Value::Map(x)) => {
                let values = global_mean(x.values(), x.map);
                Value::Row(Tensor::of(&[x.map.batch, x.map.channels, 1, 1], values))
            }
            other => {
                operands[0] = other;
                return context.general(operands);
            }
        },
        Kind::Unary(activation) => {
            let x = context.take(&mut operands, 0)?;
            return match context.unary(*activation, x) {
                Ok(value) => Ok(vec![value]),
                Err(x) => {
                    operands[0] = Some(x);
                    context.general(operands)
                }
            };
        }
        Kind::Binary(op, activation) => context.binary(*op, *activation, operands)?,
        Kind::Concat(rounded) => match context.concat(*rounded, &operands) {
            Some(value) => value,
            None => return context.general(operands),
        },
        Kind::Enlarge => match context.enlarged(&operands) {
            Some(value) => value,
            None => return context.general(operands),
        },
        Kind::Bilinear => match context.bilinear(&operands) {
            Some(value) => value,
            None => return context.general(operands),
        },
        Kind::Linear(linear) => {
            let x = context.take(&mut operands, 0)?;
            let residual = operands.get_mut(1).and_then(Option::take);
            context.linear(linear, x, residual)?
        }
        Kind::Product => match context.product(&operands) {
            Some(value) => value,
            None => return context.general(operands),
        },
        Kind::Attention(attention) => match context.attention(attention, &operands) {
            Some(value) => {
                operands.into_iter().flatten().for_each(|operand| operand.recycle(pool));
                value
            }
            None => return in_parts(step, &attention.parts, graph, operands, pool),
        },
        Kind::MapToRows(parts) => match context.map_to_rows(&graph.nodes[parts[0].node], &operands) {
            Some(value) => value,
            None => return in_parts(step, parts, graph, operands, pool),
        },
        Kind::RowsToMap(parts) => match context.rows_to_map(&operands) {
            Some(value) => value,
            None => return in_parts(step, parts, graph, operands, pool),
        },
        Kind::Softmax(axis) => match context.rows(*axis, &mut operands, softmax) {
            Some(value) => value,
            None => return context.general(operands),
        },
        Kind::LayerNorm { axis, epsilon, scale, bias } => {
            let (scale, bias) = (scale.as_f32().unwrap_or_default(), bias.as_ref().and_then(Tensor::as_f32));
            let fits = matches!(&operands[0], Some(x) if x.shape().last() == Some(&scale.len()));
            let normed = match fits {
                true => context.rows(*axis, &mut operands, |row| layer_norm(row, *epsilon, scale, bias)),
                false => None,
            };
            match normed {
                Some(value) => value,
                None => return context.general(operands),
            }
        }
        Kind::Lstm { directions, batch_first } => {
            let mut row = |i: usize| operands.get_mut(i).and_then(Option::take).map(|v| v.into_row(pool));
            let (x, state, cell) = (row(0), row(1), row(2));
            let Some(x) = x else { return context.wrong("operand 0 is missing".into()) };
            return context.lstm(directions, *batch_first, &x, state.zip(cell));
        }
    };
    Ok(vec![one])
}

/// Computes a step that stands for others by computing those.
fn in_parts(
    step: &Step,
    parts: &[Step],
    graph: &Graph,
    operands: Operands,
    pool: &Arc<Pool>,
) -> Result<Vec<Value>> {
    let given = step.inputs.iter().zip(operands);
    let mut values: HashMap<ValueId, Value> =
        given.filter_map(|(id, value)| Some(((*id)?, value?))).collect();
    for part in parts {
        let operands = part.inputs.iter().map(|i| i.and_then(|i| values.get(&i).cloned())).collect();
        let results = part.run(graph, operands, pool)?;
        values.extend(part.outputs.iter().zip(results).filter_map(|(id, value)| Some(((*id)?, value))));
    }
    Ok(step.outputs.iter().filter_map(|output| values.remove(&(*output)?)).collect())
}

struct Context<'a> {
    node: &'a Node,
    frame: [usize; 2],
    pool: &'a Arc<Pool>,
}

impl Context<'_> {
    fn wrong<T>(&self, reason: String) -> Result<T> {
        Err(Error::Node { node: self.node.name.clone(), op: self.node.op.name().to_owned(), reason })
    }

    fn take(&self, operands: &mut Operands, i: usize) -> Result<Value> {
        match operands.get_mut(i).and_then(Option::take) {
            Some(value) => Ok(value),
            None => self.wrong(format!("operand {i} is missing")),
        }
    }

    /// In row-major order.
    fn general(&self, operands: Operands) -> Result<Vec<Value>> {
        let rows = operands.into_iter().map(|o| o.map(|v| v.into_row(self.pool))).collect();
        Ok(self.node.run(rows)?.into_iter().map(Value::Row).collect())
    }

    /// The node's operator in place of another one's, in row-major order.
    fn as_node(&self, op: Op, operands: Vec<Value>) -> Result<Value> {
        let node = Node {
            name: self.node.name.clone(),
            op,
            inputs: vec![None; operands.len()],
            outputs: vec![None],
        };
        let rows = operands.into_iter().map(|v| Some(v.into_row(self.pool))).collect();
        match node.run(rows)?.pop() {
            Some(tensor) => Ok(Value::Row(tensor)),
            None => self.wrong("no result".into()),
        }
    }

    /// A map `[N, C, H, W]` of as many channels as weights have.
    fn map_of(&self, value: Value, frame: [usize; 2], channels: usize) -> Result<Arc<Buffer>> {
        let shape = value.shape();
        match value.into_map(frame, self.pool) {
            Some(map) if shape.len() == 4 && map.map.channels == channels => Ok(map),
            _ => self
                .wrong(format!("an input of shape {shape:?}; expected 32-bit floats [N, {channels}, H, W]")),
        }
    }

    /// Size of the output of a window over a map.
    fn window(&self, shape: &glyphic_kernels::ConvShape, map: Map) -> Result<[usize; 2]> {
        let size = [map.height, map.width];
        for (axis, size) in size.into_iter().enumerate() {
            let reach = shape.dilation[axis] * (shape.kernel[axis] - 1) + 1;
            let padded = size + shape.before[axis] + shape.after[axis];
            if padded < reach {
                return self.wrong(format!("a kernel of {reach} pixels over an input of {padded}"));
            }
        }
        Ok(shape.output(size))
    }

    /// A new map `[N, C, H, W]` within the frame that its readers want.
    fn fill(&self, [batch, channels, height, width]: [usize; 4], f: impl FnOnce(&mut [f32], Map)) -> Value {
        let map = Map::new(batch, height, width, channels).framed(self.frame);
        let mut out = Buffer::new(map, self.pool);
        f(out.values_mut(), map);
        Value::Map(Arc::new(out))
    }

    /// The same of bytes on a grid, which have no frame.
    fn fill_bytes(
        &self,
        [batch, channels, height, width]: [usize; 4],
        grid: Grid,
        f: impl FnOnce(&mut [u8], Map),
    ) -> Value {
        let map = Map::new(batch, height, width, channels);
        let mut out = Bytes::new(map, grid, self.pool);
        f(out.values_mut(), map);
        Value::Bytes(Arc::new(out))
    }

    fn deform(&self, layer: &Deform, activation: Activation, operands: &mut Operands) -> Result<Value> {
        let shape = layer.shape();
        let x = self.map_of(self.take(operands, 0)?, [0; 2], shape.inputs)?;
        let offsets = self.map_of(self.take(operands, 1)?, [0; 2], layer.offsets())?;
        let mask = operands.get_mut(2).and_then(Option::take);
        let mask = mask.map(|mask| self.map_of(mask, [0; 2], layer.masks())).transpose()?;
        let [height, width] = self.window(shape, x.map)?;
        for map in [Some(&offsets), mask.as_ref()].into_iter().flatten().map(|m| m.map) {
            let sizes = [map.batch, map.height, map.width];
            if sizes != [x.map.batch, height, width] {
                return self
                    .wrong(format!("offsets or a mask of {sizes:?}; expected {height}x{width} pixels"));
            }
        }
        Ok(self.fill([x.map.batch, shape.outputs, height, width], |values, map| {
            let (x, offsets, mask) = (x.source(), offsets.source(), mask.as_ref().map(|m| m.source()));
            layer.run(x, offsets, mask, activation, Target { values, map, channel: 0 });
        }))
    }

    fn conv(&self, step: &ConvStep, x: Value, residual: Option<Value>) -> Result<Value> {
        let inputs = step.shape.inputs;
        let Some(int8) = step.int8() else {
            if let Some(first) = &step.before {
                return self.pixels(first, step, x, residual);
            }
            let (conv, x, [height, width]) = self.framed(step, x)?;
            let sizes = [x.map.batch, step.shape.outputs, height, width];
            return self.added(step.activation, sizes, residual, |residual, activation, _| {
                self.fill(sizes, |values, map| {
                    conv.run(x.values(), x.map, residual, activation, Target { values, map, channel: 0 });
                })
            });
        };
        if let Some(first) = &step.before {
            let (conv, x, [height, width]) = self.framed(first, x)?;
            let activation = first.activation;
            let input = QuantizedInput::Conv { conv, activation, input: x.values(), map: x.map };
            return self.int8(step, int8, input, Map::new(x.map.batch, height, width, inputs), residual);
        }
        match x {
            Value::Bytes(x) if x.map.channels == inputs && x.grid == int8.grid() => {
                self.int8(step, int8, QuantizedInput::Bytes(x.values()), x.map, residual)
            }
            x => {
                let x = self.map_of(x, [0; 2], inputs)?;
                self.int8(step, int8, QuantizedInput::Map(x.values()), x.map, residual)
            }
        }
    }

    /// Two convolutions of single pixels. A large map between them would come from memory.
    fn pixels(&self, first: &ConvStep, step: &ConvStep, x: Value, residual: Option<Value>) -> Result<Value> {
        let (before, x, [height, width]) = self.framed(first, x)?;
        let conv = step.packed(height, width, [height, width]);
        let made = Map::new(x.map.batch, height, width, step.shape.inputs);
        let made = (made.len() < LARGE).then(|| {
            let mut made = Buffer::new(made, self.pool);
            let target = Target { map: made.map, channel: 0, values: made.values_mut() };
            before.run(x.values(), x.map, None, first.activation, target);
            made
        });
        let sizes = [x.map.batch, step.shape.outputs, height, width];
        self.added(step.activation, sizes, residual, |residual, activation, _| {
            self.fill(sizes, |values, map| {
                let target = Target { values, map, channel: 0 };
                match &made {
                    Some(made) => conv.run(made.values(), made.map, residual, activation, target),
                    None => {
                        let before = (before, first.activation);
                        conv.run_after(before, x.values(), x.map, residual, activation, target);
                    }
                }
            })
        })
    }

    /// A convolution in floats, its input within the frame that it needs, and its output's size.
    fn framed<'s>(&self, step: &'s ConvStep, x: Value) -> Result<(&'s Conv, Arc<Buffer>, [usize; 2])> {
        let x = self.map_of(x, [0; 2], step.shape.inputs)?;
        let [height, width] = self.window(&step.shape, x.map)?;
        let conv = step.packed(height, width, [x.map.height, x.map.width]);
        let x = self.map_of(Value::Map(x), conv.frame(), step.shape.inputs)?;
        Ok((conv, x, [height, width]))
    }

    fn int8(
        &self,
        step: &ConvStep,
        int8: &QuantizedConv,
        input: QuantizedInput<'_>,
        map: Map,
        residual: Option<Value>,
    ) -> Result<Value> {
        let [height, width] = self.window(&step.shape, map)?;
        let sizes = [map.batch, step.shape.outputs, height, width];
        self.added(step.activation, sizes, residual, |residual, activation, whole| {
            let Some(grid) = step.rounded.filter(|_| whole) else {
                return self.fill(sizes, |values, to| {
                    let target = Target { values, map: to, channel: 0 };
                    int8.run(input, map, residual, activation, QuantizedOutput::Map(target));
                });
            };
            self.fill_bytes(sizes, grid, |values, to| {
                int8.run(input, map, residual, activation, QuantizedOutput::Bytes { values, map: to, grid });
            })
        })
    }

    /// What `run(residual, activation, whole)` makes, with what is added to it, and activated. What is not `whole` is neither.
    fn added(
        &self,
        activation: Activation,
        sizes: [usize; 4],
        residual: Option<Value>,
        run: impl Fn(Option<Residual<'_>>, Activation, bool) -> Value,
    ) -> Result<Value> {
        let Some(residual) = residual else { return Ok(run(None, activation, true)) };
        if residual.shape() == sizes {
            let added = match residual {
                // The kernel repeats the pixels of a smaller map itself.
                Value::Enlarged(small, _) => Some(small),
                other => other.into_map([0; 2], self.pool),
            };
            return match added {
                Some(r) => Ok(run(Some(Residual { values: r.values(), map: r.map }), activation, true)),
                None => self.wrong("elements of another type; expected 32-bit floats".into()),
            };
        }
        let sum = run(None, Activation::None, false);
        let sum = self.as_node(Op::Binary(BinaryOp::Add), vec![sum, residual])?;
        self.activated(activation, sum)
    }

    fn linear(&self, step: &LinearStep, x: Value, residual: Option<Value>) -> Result<Value> {
        let x = x.into_row(self.pool);
        let int8 = step.int8();
        let float = int8.is_none().then(|| step.packed());
        let inner_of = int8.map(QuantizedProduct::inner).or(float.map(Packed::inner)).unwrap_or_default();
        let outputs = int8.map(QuantizedProduct::outputs).or(float.map(Packed::outputs)).unwrap_or_default();
        let (Some((inner, outer)), Some(values)) = (x.shape().split_last(), x.as_f32()) else {
            return self.wrong(format!("an input of shape {:?}; expected 32-bit floats", x.shape()));
        };
        if *inner != inner_of {
            return self.wrong(format!(
                "an input of shape {:?}; expected {} numbers along the last axis",
                x.shape(),
                inner_of
            ));
        }
        let ones = std::iter::repeat_n(1, step.rank.saturating_sub(x.shape().len()));
        let shape: Vec<usize> = ones.chain(outer.iter().copied()).chain([outputs]).collect();
        let run = |residual: Option<&[f32]>, activation: Activation| {
            let mut out = self.pool.row(shape.iter().product());
            if let Some(int8) = int8 {
                int8.run(values, residual, activation, &mut out);
            } else if let Some(float) = float {
                product(values, float, residual, activation, &mut out);
            }
            Value::Row(Tensor::of(&shape, out))
        };
        let Some(residual) = residual else {
            let result = run(None, step.activation);
            self.pool.recycle(x);
            return Ok(result);
        };
        if residual.shape() == shape {
            let residual = residual.into_row(self.pool);
            if let Some(added) = residual.as_f32() {
                let result = run(Some(added), step.activation);
                self.pool.recycle(x);
                self.pool.recycle(residual);
                return Ok(result);
            }
        } else {
            let sum = self.as_node(Op::Binary(BinaryOp::Add), vec![run(None, Activation::None), residual])?;
            return self.activated(step.activation, sum);
        }
        self.wrong("elements of another type; expected 32-bit floats".into())
    }

    fn activated(&self, activation: Activation, value: Value) -> Result<Value> {
        match self.unary(activation, value) {
            Ok(value) => Ok(value),
            Err(_) => self.wrong("elements of another type; expected 32-bit floats".into()),
        }
    }

    /// An activation, in place where nobody else holds the value; the value itself where it has no floats.
    fn unary(&self, activation: Activation, value: Value) -> std::result::Result<Value, Value> {
        if activation == Activation::None {
            return Ok(value);
        }
        match value {
            Value::Row(tensor) => match tensor.into_f32s() {
                Ok((shape, mut values)) => {
                    each_rows(&mut values, 1, 1, |_, values| activation.apply(values));
                    Ok(Value::Row(Tensor::of(&shape, values)))
                }
                Err(tensor) => Err(Value::Row(tensor)),
            },
            value => {
                let mut buffer = self.own(value)?;
                let map = buffer.map;
                map.for_each_row(buffer.values_mut(), map.width * map.channels, |_, _, row| {
                    activation.apply(row)
                });
                Ok(Value::Map(Arc::new(buffer)))
            }
        }
    }

    /// A map that may be written over: the value's own where nobody else holds it.
    fn own(&self, value: Value) -> std::result::Result<Buffer, Value> {
        let Some(shared) = value.clone().into_map(self.frame, self.pool) else { return Err(value) };
        drop(value);
        Ok(Arc::try_unwrap(shared).unwrap_or_else(|shared| {
            let mut copy = Buffer::new(shared.map, self.pool);
            copy.values_mut().copy_from_slice(shared.values());
            copy
        }))
    }

    fn pool(&self, shape: &PoolShape, pooling: Pooling, operands: &mut Operands) -> Option<Value> {
        let Some(Value::Map(x)) = operands.first()? else { return None };
        let [height, width] = shape.output([x.map.height, x.map.width])?;
        Some(self.fill([x.map.batch, x.map.channels, height, width], |values, map| {
            shape.run(pooling, x.values(), x.map, Target { values, map, channel: 0 });
        }))
    }

    fn binary(&self, op: BinaryOp, activation: Activation, mut operands: Operands) -> Result<Value> {
        let (a, b) = (self.take(&mut operands, 0)?, self.take(&mut operands, 1)?);
        let row = |v: &Value| matches!(v, Value::Row(_));
        let (sa, sb) = (a.shape(), b.shape());
        let spread = |s: &[usize]| s.len() == 4 && s[2] * s[3] > 1;
        if !(row(&a) && row(&b)) {
            if sa == sb && sa.len() == 4 {
                return self.both(op, activation, a, b);
            }
            // One number a channel, or one for all, beside a map.
            if !row(&a)
                && spread(&sa)
                && let Some(channels) = per_channel(&sb, &sa)
            {
                return self.by_channel(op, activation, a, b, channels, false);
            }
            if !row(&b)
                && spread(&sb)
                && let Some(channels) = per_channel(&sa, &sb)
            {
                return self.by_channel(op, activation, b, a, channels, true);
            }
        }
        let value = self.as_node(Op::Binary(op), vec![a, b])?;
        if activation == Activation::None { Ok(value) } else { self.activated(activation, value) }
    }

    /// Two maps of one size.
    fn both(&self, op: BinaryOp, activation: Activation, a: Value, b: Value) -> Result<Value> {
        // The result goes into the operand that nobody else holds.
        let alone = |v: &Value| matches!(v, Value::Map(buffer) if Arc::strong_count(buffer) == 1);
        let swapped = !alone(&a) && alone(&b);
        let (own, other) = if swapped { (b, a) } else { (a, b) };
        let other = match other {
            Value::Enlarged(small, factor) => Some((small, factor)),
            other => other.into_map([0; 2], self.pool).map(|b| (b, 1)),
        };
        let (Ok(mut own), Some((other, factor))) = (self.own(own), other) else {
            return self.wrong("elements of another type; expected 32-bit floats".into());
        };
        let map = own.map;
        let (channels, values) = (map.channels, other.values());
        map.for_each_row(own.values_mut(), map.width * channels, |image, y, row| {
            let from = other.map.row(values, image, y / factor);
            if factor == 1 {
                apply(op, swapped, row, from);
            } else {
                for (to, from) in row.chunks_mut(factor * channels).zip(from.chunks_exact(channels)) {
                    to.chunks_exact_mut(channels).for_each(|to| apply(op, swapped, to, from));
                }
            }
            activation.apply(row);
        });
        Ok(Value::Map(Arc::new(own)))
    }

    /// A map and a number for each of its channels (of each image where `images` is set).
    fn by_channel(
        &self,
        op: BinaryOp,
        activation: Activation,
        map: Value,
        vector: Value,
        images: bool,
        swapped: bool,
    ) -> Result<Value> {
        let vector = vector.into_row(self.pool);
        let (Ok(mut own), Some(vector)) = (self.own(map), vector.as_f32()) else {
            return self.wrong("elements of another type; expected 32-bit floats".into());
        };
        let map = own.map;
        let channels = map.channels;
        let full: Vec<f32> = if vector.len() == 1 { vec![vector[0]; channels] } else { vector.to_vec() };
        map.for_each_row(own.values_mut(), map.width * channels, |image, _, row| {
            let own = &full[if images { image * channels } else { 0 }..][..channels];
            row.chunks_exact_mut(channels).for_each(|pixel| apply(op, swapped, pixel, own));
            activation.apply(row);
        });
        Ok(Value::Map(Arc::new(own)))
    }

    /// Maps beside each other along the channels.
    fn concat(&self, rounded: Option<Grid>, operands: &Operands) -> Option<Value> {
        let parts: Vec<(&Arc<Buffer>, usize)> = operands
            .iter()
            .map(|o| match o {
                Some(Value::Map(b)) => Some((b, 1)),
                Some(Value::Enlarged(b, factor)) => Some((b, *factor)),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let size =
            |(b, factor): &(&Arc<Buffer>, usize)| [b.map.batch, b.map.height * factor, b.map.width * factor];
        let first = size(parts.first()?);
        if parts.iter().any(|p| size(p) != first) {
            return None;
        }
        let channels = parts.iter().map(|(b, _)| b.map.channels).sum();
        let [batch, height, width] = first;
        let sizes = [batch, channels, height, width];
        // Each part with its first channel in the result.
        let parts: Vec<(&Arc<Buffer>, usize, usize)> = parts
            .into_iter()
            .scan(0, |next, (part, factor)| {
                let channel = std::mem::replace(next, *next + part.map.channels);
                Some((part, factor, channel))
            })
            .collect();
        Some(match rounded {
            None => self.fill(sizes, |values, map| {
                map.for_each_row(values, width * channels, |image, y, row| {
                    for &(part, factor, channel) in &parts {
                        let from = part.map.row(part.values(), image, y / factor);
                        put(from, part.map.channels, factor, row, channels, channel);
                    }
                });
            }),
            Some(grid) => self.fill_bytes(sizes, grid, |values, map| {
                map.for_each_row(values, width * channels, |image, y, row| {
                    let mut bytes = Vec::new();
                    for &(part, factor, channel) in &parts {
                        let from = part.map.row(part.values(), image, y / factor);
                        bytes.resize(from.len(), 0);
                        grid.quantize(from, &mut bytes);
                        put(&bytes, part.map.channels, factor, row, channels, channel);
                    }
                });
            }),
        })
    }

    /// A map whose pixels are repeated, without doing it yet.
    fn enlarged(&self, operands: &Operands) -> Option<Value> {
        let Some(Value::Map(x)) = operands.first()? else { return None };
        let row = |i: usize| match operands.get(i) {
            Some(Some(Value::Row(t))) if !t.is_empty() => Some(t),
            _ => None,
        };
        let factors: Vec<f64> = match (row(2), row(3)) {
            (Some(scales), None) => scales.as_f32()?.iter().map(|s| f64::from(*s)).collect(),
            (None, Some(sizes)) => {
                let own = [x.map.batch, x.map.channels, x.map.height, x.map.width];
                sizes.as_i64()?.iter().zip(own).map(|(n, own)| *n as f64 / own as f64).collect()
            }
            _ => return None,
        };
        match factors[..] {
            [1.0, 1.0, y, x_factor] if y == x_factor && (1.0..=64.0).contains(&y) && y.fract() == 0.0 => {
                Some(if y == 1.0 {
                    Value::Map(Arc::clone(x))
                } else {
                    Value::Enlarged(Arc::clone(x), y as usize)
                })
            }
            _ => None,
        }
    }

    /// A map resized between pixels.
    fn bilinear(&self, operands: &Operands) -> Option<Value> {
        let Some(Value::Map(x)) = operands.first()? else { return None };
        let shape = [x.map.batch, x.map.channels, x.map.height, x.map.width];
        let others = operands[1..].iter().map(|o| match o {
            Some(Value::Row(tensor)) => Ok(Some(tensor.clone())),
            Some(_) => Err(()),
            None => Ok(None),
        });
        let args =
            std::iter::once(Ok(None)).chain(others).collect::<std::result::Result<Vec<_>, ()>>().ok()?;
        let mixes = resize::mixes(&self.node.op, &Args::optional(args), &shape).ok()??;
        let [images, channels, rows, columns] = &mixes[..] else { return None };
        let same = |mixes: &[Mix]| mixes.iter().enumerate().all(|(i, mix)| *mix == [(i, 1.0), (i, 0.0)]);
        if images.len() != x.map.batch || channels.len() != x.map.channels || !same(images) || !same(channels)
        {
            return None;
        }
        Some(self.fill([x.map.batch, x.map.channels, rows.len(), columns.len()], |values, map| {
            bilinear(x.source(), rows, columns, Target { values, map, channel: 0 });
        }))
    }

    /// Something done to each row along the last axis, in place where nobody else holds the value.
    fn rows(&self, axis: i64, operands: &mut Operands, f: impl Fn(&mut [f32]) + Sync) -> Option<Value> {
        let shape = operands.first()?.as_ref()?.shape();
        let rank = shape.len() as i64;
        if !(axis == -1 || axis == rank - 1) || shape.contains(&0) || rank == 0 {
            return None;
        }
        let Some(Value::Row(tensor)) =
            operands[0].take_if(|v| matches!(v, Value::Row(t) if t.as_f32().is_some()))
        else {
            return None;
        };
        let width = shape[shape.len() - 1];
        Some(Value::Row(match tensor.into_own_f32s() {
            Ok((shape, mut values)) => {
                each_rows(&mut values, width, width, |_, rows| rows.chunks_exact_mut(width).for_each(&f));
                Tensor::of(&shape, values)
            }
            Err(tensor) => {
                let from = tensor.as_f32()?;
                let mut values = self.pool.row(from.len());
                each_rows(&mut values, width, width, |first, rows| {
                    for (row, from) in
                        rows.chunks_exact_mut(width).zip(from[first * width..].chunks_exact(width))
                    {
                        row.copy_from_slice(from);
                        f(row);
                    }
                });
                Tensor::of(&shape, values)
            }
        }))
    }

    fn attention(&self, step: &AttentionStep, operands: &Operands) -> Option<Value> {
        let stack = |i: usize| -> Option<Stack<'_>> {
            let Value::Row(tensor) = operands.get(i)?.as_ref()? else { return None };
            let (mut values, order) = (tensor.as_f32()?, step.orders[i]);
            let (shape, width) = match &step.cuts[i] {
                None => {
                    let shape = <[usize; 4]>::try_from(tensor.shape()).ok()?;
                    (shape, shape[2] * shape[3])
                }
                Some(Cut { start, end, shape, allow_zero }) => {
                    let &[batch, count, width] = tensor.shape() else { return None };
                    let (start, end) =
                        (usize::try_from(*start).ok()?, usize::try_from(*end).ok()?.min(width));
                    let from = [batch, count, end.checked_sub(start)?];
                    let shape =
                        <[usize; 4]>::try_from(reshape_shape(&from, shape, *allow_zero).ok()?).ok()?;
                    if shape[..2] != from[..2] || values.is_empty() {
                        return None;
                    }
                    values = &values[start..];
                    (shape, width)
                }
            };
            let steps = [shape[1] * width, width, shape[3], 1];
            Some(Stack { values, sizes: order.map(|axis| shape[axis]), steps: order.map(|axis| steps[axis]) })
        };
        let (queries, keys, values) = (stack(0)?, stack(1)?, stack(2)?);
        let [batch, heads, rows, depth] = queries.sizes;
        let [.., count, width] = values.sizes;
        let fits = keys.sizes == [batch, heads, depth, count]
            && values.sizes == [batch, heads, count, width]
            && queries.steps[3] == 1
            && [batch, heads, rows, depth, count, width].iter().all(|n| *n > 0);
        if !fits {
            return None;
        }
        let bias = match operands.get(3)?.clone() {
            None => None,
            Some(Value::Row(tensor)) => Some(tensor),
            Some(_) => return None,
        };
        let bias = match &bias {
            None => None,
            Some(tensor) => {
                let (sizes, shape) = ([batch, heads, rows, count], tensor.shape());
                let missing = 4usize.checked_sub(shape.len())?;
                let (mut steps, mut step) = ([0; 4], 1);
                for axis in (missing..4).rev() {
                    let size = shape[axis - missing];
                    if size != sizes[axis] && size != 1 {
                        return None;
                    }
                    steps[axis] = if size == 1 { 0 } else { step };
                    step *= size;
                }
                if count == 1 {
                    steps[3] = 1;
                }
                (steps[3] == 1).then_some(Some(Stack { values: tensor.as_f32()?, sizes, steps }))?
            }
        };
        let mut out = self.pool.row(batch * rows * heads * width);
        Attention { queries, keys, values, scale: step.scale, bias }.run(&mut out);
        let out = Tensor::of(&[batch, rows, heads, width], out);
        if step.merged {
            return Some(Value::Row(out));
        }
        self.as_node(Op::Transpose { perm: vec![0, 2, 1, 3] }, vec![Value::Row(out)]).ok()
    }

    /// `[N, C, H, W]` -> `[N, H * W, C]`, by way of a shape that must be `[N, C, H * W]`.
    fn map_to_rows(&self, reshape: &Node, operands: &Operands) -> Option<Value> {
        let (Some(Value::Map(x)), Some(Value::Row(to))) = (operands.first()?, operands.get(1)?) else {
            return None;
        };
        let Op::Reshape { allow_zero } = reshape.op else { return None };
        let Map { batch, height, width, channels, .. } = x.map;
        let shape = reshape_shape(&[batch, channels, height, width], &to.to_i64s()?, allow_zero).ok()?;
        if shape != [batch, channels, height * width] {
            return None;
        }
        let mut out = self.pool.row(batch * height * width * channels);
        let row = width * channels;
        each_rows(&mut out, row, row / 8, |first, rows| {
            for (i, to) in rows.chunks_exact_mut(row).enumerate() {
                to.copy_from_slice(x.map.row(x.values(), (first + i) / height, (first + i) % height));
            }
        });
        Some(Value::Row(Tensor::of(&[batch, height * width, channels], out)))
    }

    /// `[N, T, C]` -> `[N, C, H, W]`
    fn rows_to_map(&self, operands: &Operands) -> Option<Value> {
        let (Some(Value::Row(x)), Some(Value::Row(to))) = (operands.first()?, operands.get(1)?) else {
            return None;
        };
        let (&[batch, count, channels], Op::Reshape { allow_zero }) = (x.shape(), &self.node.op) else {
            return None;
        };
        let shape = reshape_shape(&[batch, channels, count], &to.to_i64s()?, *allow_zero).ok()?;
        let ([n, c, height, width], values) = (<[usize; 4]>::try_from(shape).ok()?, x.as_f32()?);
        if [n, c] != [batch, channels] || values.is_empty() {
            return None;
        }
        Some(self.fill([batch, channels, height, width], |to, map| {
            let len = width * channels;
            map.for_each_row(to, len / 8, |image, y, row| {
                row.copy_from_slice(&values[(image * height + y) * len..][..len]);
            });
        }))
    }

    /// A product of two computed matrices, or stacks of them. Stacks of one matrix stand for as many as the other has, so that
    /// a batch of one is computed as every other is.
    fn product(&self, operands: &Operands) -> Option<Value> {
        let (Some(Value::Row(a)), Some(Value::Row(b))) = (operands.first()?, operands.get(1)?) else {
            return None;
        };
        let (va, vb) = (a.as_f32()?, b.as_f32()?);
        let ([stack @ .., rows, inner], [other @ .., depth, columns]) = (a.shape(), b.shape()) else {
            return None;
        };
        if stack.len() != other.len() || inner != depth || rows * inner * columns == 0 {
            return None;
        }
        let size = |(a, b): (&usize, &usize)| match (*a, *b) {
            (a, b) if a == b || b == 1 => Some(a),
            (1, b) => Some(b),
            _ => None,
        };
        let mut shape: Vec<usize> = stack.iter().zip(other).map(size).collect::<Option<_>>()?;
        // The matrix of an operand that is multiplied for matrix `i` of the result.
        let outer = shape.clone();
        let place = |mut i: usize, own: &[usize]| {
            let (mut at, mut step) = (0, 1);
            for (size, own) in outer.iter().zip(own).rev() {
                at += if *own == 1 { 0 } else { i % size * step };
                (i, step) = (i / size, step * own);
            }
            at
        };
        shape.extend([*rows, *columns]);
        let mut out = vec![0.0; shape.iter().product()];
        let size = rows * columns;
        each_rows(&mut out, size, size * inner / 32, |first, stacks| {
            for (i, out) in stacks.chunks_exact_mut(size).enumerate() {
                let a = &va[place(first + i, stack) * rows * inner..][..rows * inner];
                let b = &vb[place(first + i, other) * inner * columns..][..inner * columns];
                multiply(a, b, *inner, *columns, out);
            }
        });
        Some(Value::Row(Tensor::of(&shape, out)))
    }

    fn lstm(
        &self,
        directions: &[LstmDirection],
        batch_first: bool,
        x: &Tensor,
        start: Option<(Tensor, Tensor)>,
    ) -> Result<Vec<Value>> {
        let (&[a, b, inputs], Some(values)) = (x.shape(), x.as_f32()) else {
            return self
                .wrong(format!("an input of shape {:?}; expected 32-bit floats [T, N, I]", x.shape()));
        };
        let (inner, hidden) = directions.first().map_or((0, 0), |d| (d.inputs(), d.hidden()));
        if inputs != inner {
            return self.wrong(format!("an input of shape {:?}; expected {inner} numbers a step", x.shape()));
        }
        // [T, N, I] is what runs.
        let turned;
        let (steps, batch, values) = if batch_first {
            turned = swapped(values, a, b, inputs);
            (b, a, &turned[..])
        } else {
            (a, b, values)
        };
        let start = match &start {
            None => None,
            Some((state, cell)) => match (state.as_f32(), cell.as_f32()) {
                (Some(s), Some(c)) if [s.len(), c.len()] == [directions.len() * batch * hidden; 2] => {
                    Some((s, c))
                }
                _ => {
                    let expected = [directions.len(), batch, hidden];
                    return self
                        .wrong(format!("first states of shape {:?}; expected {expected:?}", state.shape()));
                }
            },
        };
        let size = batch * hidden;
        let run = |(i, direction): (usize, &LstmDirection)| {
            direction.run(values, batch, start.map(|(s, c)| (&s[i * size..][..size], &c[i * size..][..size])))
        };
        let results: Vec<_> = directions.par_iter().enumerate().map(run).collect();
        let count = results.len();
        // [T, D, N, H]
        let mut y = Vec::with_capacity(steps * count * batch * hidden);
        for t in 0..steps {
            for (states, ..) in &results {
                y.extend_from_slice(&states[t * batch * hidden..][..batch * hidden]);
            }
        }
        let last: Vec<f32> = results.iter().flat_map(|r| r.1.iter().copied()).collect();
        let cells: Vec<f32> = results.iter().flat_map(|r| r.2.iter().copied()).collect();
        let outputs = if batch_first {
            // [N, T, D, H], [N, D, H]
            let mut by_sample = vec![0.0; y.len()];
            for (i, from) in y.chunks_exact(hidden.max(1)).enumerate() {
                let (n, d, t) = (i % batch, i / batch % count, i / batch / count);
                by_sample[((n * steps + t) * count + d) * hidden..][..hidden].copy_from_slice(from);
            }
            let end = [batch, count, hidden];
            vec![
                Tensor::of(&[batch, steps, count, hidden], by_sample),
                Tensor::of(&end, swapped(&last, count, batch, hidden)),
                Tensor::of(&end, swapped(&cells, count, batch, hidden)),
            ]
        } else {
            let end = [count, batch, hidden];
            vec![
                Tensor::of(&[steps, count, batch, hidden], y),
                Tensor::of(&end, last),
                Tensor::of(&end, cells),
            ]
        };
        Ok(outputs.into_iter().map(Value::Row).collect())
    }
}

/// `[A, B, C]` -> `[B, A, C]`
fn swapped(values: &[f32], a: usize, b: usize, c: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for j in 0..b {
        for i in 0..a {
            out.extend_from_slice(&values[(i * b + j) * c..][..c]);
        }
    }
    out
}

/// Whether a shape, broadcast to a map's, has one number a channel: `Some(true)` where each image has its own.
fn per_channel(shape: &[usize], map: &[usize]) -> Option<bool> {
    let (batch, channels) = (map[0], map[1]);
    match *shape {
        [] | [1] => Some(false),
        [c, 1, 1] | [1, c, 1, 1] if c == channels || c == 1 => Some(false),
        [n, c, 1, 1] if n == batch && c == channels => Some(true),
        _ => None,
    }
}

/// `to = to op from`, or `from op to` where `swapped` is set.
fn apply(op: BinaryOp, swapped: bool, to: &mut [f32], from: &[f32]) {
    let mut each = |f: fn(f32, f32) -> f32| match swapped {
        true => to.iter_mut().zip(from).for_each(|(t, v)| *t = f(*v, *t)),
        false => to.iter_mut().zip(from).for_each(|(t, v)| *t = f(*t, *v)),
    };
    match op {
        BinaryOp::Add => to.iter_mut().zip(from).for_each(|(t, v)| *t += v),
        BinaryOp::Mul => to.iter_mut().zip(from).for_each(|(t, v)| *t *= v),
        BinaryOp::Sub => each(|a, b| a - b),
        BinaryOp::Div => each(|a, b| a / b),
        BinaryOp::Min => each(f32::min),
        BinaryOp::Max => each(f32::max),
        other => unreachable!("{other:?} is left to the general operators"),
    }
}

impl ConvStep {
    /// The convolution of bytes, where it is one.
    fn int8(&self) -> Option<&QuantizedConv> {
        let (found, packed) = self.quantized.as_ref()?;
        Some(packed.get_or_init(|| {
            let bias = self.bias.as_ref().and_then(Tensor::as_f32);
            let weights = found.weights.slice::<i8>().unwrap_or_default();
            QuantizedConv::new(self.shape, weights, &found.scales, bias, found.grid)
        }))
    }

    /// The convolution packed for outputs of this size.
    fn packed(&self, height: usize, width: usize, size: [usize; 2]) -> &Conv {
        let class = match (height, width) {
            (_, 0..4) => 2,
            (0..=2, _) => 1,
            _ => 0,
        };
        // Where there is but one way, it is packed once.
        let class = match self.shape.has_winograd() {
            true if self.shape.has_few_pixels(size) => 3,
            true => class,
            false => 0,
        };
        let (weights, bias) =
            (self.weights.as_f32().unwrap_or_default(), self.bias.as_ref().and_then(Tensor::as_f32));
        if let Some((shape, tap)) = self.shape.flat(size) {
            return self.packed[4].get_or_init(|| {
                let ([rows, columns], [_, width]) = (self.shape.kernel, shape.kernel);
                let rows = weights.chunks_exact(rows * columns).flat_map(|w| &w[tap * width..][..width]);
                Conv::of_taps(shape, &rows.copied().collect::<Vec<f32>>(), bias)
            });
        }
        self.packed[class].get_or_init(|| match class {
            3 => Conv::of_taps(self.shape, weights, bias),
            _ => Conv::new(self.shape, weights, bias, size),
        })
    }
}

impl LinearStep {
    /// The product of bytes, where it is one.
    fn int8(&self) -> Option<&QuantizedProduct> {
        let (found, packed) = self.quantized.as_ref()?;
        Some(packed.get_or_init(|| {
            let bias = self.bias.as_ref().and_then(Tensor::as_f32);
            let values = found.weights.slice::<i8>().unwrap_or_default();
            let outputs = found.scales.len();
            let inner = values.len() / outputs.max(1);
            QuantizedProduct::new(inner, &found.scales, bias, found.grid, |k, output| {
                values[if self.transposed { output * inner + k } else { k * outputs + output }]
            })
        }))
    }

    fn packed(&self) -> &Packed {
        self.packed.get_or_init(|| {
            let values = self.weights.as_f32().unwrap_or_default();
            let (inner, outputs) = match self.weights.shape() {
                [outputs, inner] if self.transposed => (*inner, *outputs),
                [inner, outputs] => (*inner, *outputs),
                _ => (0, 0),
            };
            let bias = self.bias.as_ref().and_then(Tensor::as_f32);
            Packed::new(inner, outputs, bias, |k, output| {
                values[if self.transposed { output * inner + k } else { k * outputs + output }]
            })
        })
    }
}

/// Writes each pixel of a row `factor` times from `channel` on into pixels of `channels` numbers.
fn put<T: Copy>(from: &[T], own: usize, factor: usize, to: &mut [T], channels: usize, channel: usize) {
    // Calls for the copies of so few numbers would take most of the time.
    match own {
        12 => put_each::<T, 12>(from, factor, to, channels, channel),
        16 => put_each::<T, 16>(from, factor, to, channels, channel),
        24 => put_each::<T, 24>(from, factor, to, channels, channel),
        _ => {
            for (pixel, to) in from.chunks_exact(own).zip(to.chunks_mut(factor * channels)) {
                for to in to.chunks_exact_mut(channels) {
                    to[channel..channel + own].copy_from_slice(pixel);
                }
            }
        }
    }
}

fn put_each<T: Copy, const OWN: usize>(
    from: &[T],
    factor: usize,
    to: &mut [T],
    channels: usize,
    channel: usize,
) {
    for (pixel, to) in from.as_chunks::<OWN>().0.iter().zip(to.chunks_mut(factor * channels)) {
        for to in to.chunks_exact_mut(channels) {
            to[channel..][..OWN].copy_from_slice(pixel);
        }
    }
}
