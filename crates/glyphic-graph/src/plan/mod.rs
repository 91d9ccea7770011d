//! How a graph is run: operators fused into steps, layouts chosen, weights packed once for all sizes of input.
//!
//! Convolutional parts run on channel-last maps ([`glyphic_kernels`]); whatever has no kernel runs in row-major order
//! ([`glyphic_ops`]). Which layout a value has shows at run time, so a plan serves inputs of every size: sizes decide
//! between ways of computing the same, never what is computed.

mod compile;
mod memory;
mod run;
#[cfg(test)]
mod tests;
mod value;

use std::sync::{Arc, OnceLock};

use crate::passes::Quantized;
use crate::{BinaryOp, Tensor, ValueId};
use glyphic_kernels::{
    Activation, Conv, ConvShape, Deform, Depthwise, Grid, LstmDirection, Packed, PoolShape, Pooling,
    QuantizedConv, QuantizedProduct, Shuffle, Transposed,
};

pub(crate) use compile::compile;
pub(crate) use value::{Pool, Value};

/// A step of a run: one node, or several fused into one.
#[derive(Debug)]
pub(crate) struct Step {
    /// The node that it is named for in messages; of a fused step the last one.
    node: usize,
    kind: Kind,
    pub(crate) inputs: Vec<Option<ValueId>>,
    pub(crate) outputs: Vec<Option<ValueId>>,
    /// The frame that those want who read the first output.
    frame: [usize; 2],
}

/// What a step computes.
#[derive(Debug)]
enum Kind {
    /// The node, in row-major order.
    General,
    /// Input and, where there is one, what is added before the activation.
    Conv(Box<ConvStep>),
    Depthwise(Box<Depthwise>, Activation),
    /// What makes the input, for this step alone, and the layer.
    Shuffle(Option<Box<(Shuffle, Activation)>>, Box<(Shuffle, Activation)>),
    Transposed(Box<Transposed>, Activation),
    /// Input, offsets and, where there is one, the mask.
    Deform(Box<Deform>, Activation),
    Pool(PoolShape, Pooling),
    GlobalMean,
    Unary(Activation),
    Binary(BinaryOp, Activation),
    /// Along the channels; rounded to a grid where all who read it do.
    Concat(Option<Grid>),
    /// Nearest neighbours, whole factors.
    Enlarge,
    /// Linear interpolation.
    Bilinear,
    /// Input and, where there is one, what is added before the activation.
    Linear(Box<LinearStep>),
    /// A product of two computed matrices.
    Product,
    /// Queries, keys, values, what is added to the logits where there is something, and what only the parts read.
    Attention(Box<AttentionStep>),
    /// `[N, C, H, W]` by way of `[N, C, H * W]`, the second operand, to `[N, H * W, C]`; the parts for what is no map.
    MapToRows(Vec<Step>),
    /// `[N, T, C]` by way of `[N, C, T]` to `[N, C, H, W]`, the second operand; the parts for other shapes.
    RowsToMap(Vec<Step>),
    /// Along an axis; a kernel where it is the last one.
    Softmax(i64),
    /// Along an axis; a kernel where it is the last one.
    LayerNorm {
        axis: i64,
        epsilon: f32,
        scale: Tensor,
        bias: Option<Tensor>,
    },
    /// Input, and the first states and cells where they are given.
    Lstm {
        directions: Vec<LstmDirection>,
        batch_first: bool,
    },
}

/// `softmax(q k * scale + bias) v` over the last two of four axes.
#[derive(Debug)]
struct AttentionStep {
    scale: f32,
    /// Which axis of its operand each axis of queries, keys and values is.
    orders: [[usize; 4]; 3],
    /// What of its operand each of them is, where it is not all.
    cuts: [Option<Cut>; 3],
    /// Whether axes 1 and 2 of the result change places.
    merged: bool,
    /// The same in parts, for shapes that the kernel does not take.
    parts: Vec<Step>,
}

/// Part of the last of three axes, and the shape of four axes that it is brought to.
#[derive(Debug, Clone)]
struct Cut {
    start: i64,
    end: i64,
    shape: Vec<i64>,
    allow_zero: bool,
}

/// A convolution of constant weights.
#[derive(Debug)]
struct ConvStep {
    shape: ConvShape,
    weights: Tensor,
    bias: Option<Tensor>,
    activation: Activation,
    /// Where bytes are multiplied.
    quantized: Option<(Quantized, OnceLock<QuantizedConv>)>,
    /// The convolution in floats that makes the input, for this step alone: where bytes are multiplied, or both look at single pixels.
    before: Option<Box<ConvStep>>,
    /// The grid that all who read the output round it to; where bytes are multiplied.
    rounded: Option<Grid>,
    /// Packed when first needed: for maps as they mostly are, for flat ones, for narrow ones, for those of few pixels, and for
    /// those of height 1.
    packed: [OnceLock<Conv>; 5],
}

/// A product with constant weights `[inner, outputs]`.
#[derive(Debug)]
struct LinearStep {
    weights: Tensor,
    /// Whether the weights are `[outputs, inner]`.
    transposed: bool,
    /// Axes that the result has at least, as weights or bias had as many.
    rank: usize,
    bias: Option<Tensor>,
    activation: Activation,
    /// Where bytes are multiplied.
    quantized: Option<(Quantized, OnceLock<QuantizedProduct>)>,
    packed: OnceLock<Packed>,
}

impl Step {
    /// What it is, for a profile.
    pub(crate) fn describe(&self, graph: &crate::Graph) -> String {
        let node = &graph.nodes[self.node];
        let kind = match &self.kind {
            Kind::General => "general".to_owned(),
            Kind::Conv(conv) => {
                let int8 = if conv.quantized.is_some() { "int8 " } else { "" };
                let before = conv.before.as_ref().map_or_else(String::new, |before| {
                    format!("convolution {:?} {:?} and ", before.shape, before.activation)
                });
                let rounded = if conv.rounded.is_some() { " to bytes" } else { "" };
                format!("{before}{int8}convolution {:?} {:?}{rounded}", conv.shape, conv.activation)
            }
            Kind::Depthwise(layer, activation) => format!("depthwise {:?} {activation:?}", layer.shape()),
            Kind::Shuffle(before, layer) => {
                let before = before
                    .as_ref()
                    .map_or_else(String::new, |before| format!("transposed convolution {:?} and ", before.1));
                format!("{before}transposed convolution {:?}", layer.1)
            }
            Kind::Transposed(layer, activation) => {
                format!("transposed convolution {:?} {activation:?}", layer.shape())
            }
            Kind::Deform(layer, activation) => {
                format!("deformable convolution {:?} {activation:?}", layer.shape())
            }
            Kind::Pool(..) => "pooling".to_owned(),
            Kind::GlobalMean => "global mean".to_owned(),
            Kind::Unary(activation) => format!("{activation:?}"),
            Kind::Binary(op, activation) => format!("{op:?} {activation:?}"),
            Kind::Concat(None) => "concatenation".to_owned(),
            Kind::Concat(Some(_)) => "concatenation to bytes".to_owned(),
            Kind::Enlarge => "enlarging".to_owned(),
            Kind::Bilinear => "bilinear".to_owned(),
            Kind::Linear(linear) => {
                let int8 = if linear.quantized.is_some() { "int8 " } else { "" };
                format!("{int8}linear {:?}", linear.activation)
            }
            Kind::Product => "product".to_owned(),
            Kind::Attention(_) => "attention".to_owned(),
            Kind::MapToRows(_) => "map to rows".to_owned(),
            Kind::RowsToMap(_) => "rows to map".to_owned(),
            Kind::Softmax(_) => "softmax".to_owned(),
            Kind::LayerNorm { .. } => "layer norm".to_owned(),
            Kind::Lstm { directions, .. } => {
                let int8 = if directions.iter().any(LstmDirection::has_bytes) { "int8 " } else { "" };
                format!("{int8}LSTM")
            }
        };
        format!("{} ({}) {kind}", node.name, node.op.name())
    }

    /// Computes the step's outputs.
    ///
    /// # Errors
    /// [`crate::Error::Node`] where operands do not fit.
    pub(crate) fn run(
        &self,
        graph: &crate::Graph,
        operands: Vec<Option<Value>>,
        pool: &Arc<Pool>,
    ) -> crate::Result<Vec<Value>> {
        run::step(self, graph, operands, pool)
    }
}
