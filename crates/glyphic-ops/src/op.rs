/// An operator with its attributes. Semantics, order of operands and defaults are those of ONNX, opset 22; operands that
/// ONNX takes as tensors (shapes, axes, slices, clip bounds) are operands here.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// `Conv`, 1-D and 2-D: x `[N, C, H, W]`, w `[O, C / groups, kh, kw]`, optional bias `[O]`.
    Conv {
        /// Steps between outputs, an axis each.
        strides: Vec<usize>,
        /// Steps between taps, an axis each.
        dilations: Vec<usize>,
        /// Zeros around the input.
        padding: Padding,
        /// Groups of channels.
        groups: usize,
    },
    /// `ConvTranspose`: w `[C, O / groups, kh, kw]`.
    ConvTranspose {
        /// Steps between inputs, an axis each.
        strides: Vec<usize>,
        /// Steps between taps, an axis each.
        dilations: Vec<usize>,
        /// What is cut off the output.
        padding: Padding,
        /// What is added to the output's far side, an axis each.
        output_padding: Vec<usize>,
        /// Size of the output where the file names it; padding is then worked out.
        output_shape: Option<Vec<usize>>,
        /// Groups of channels.
        groups: usize,
    },
    /// `DeformConv` (v2): x, w, offset `[N, groups * kh * kw * 2, OH, OW]`, optional bias, optional mask.
    DeformConv {
        /// Steps between outputs.
        strides: Vec<usize>,
        /// Steps between taps.
        dilations: Vec<usize>,
        /// Zeros around the input.
        padding: Padding,
        /// Groups of channels.
        groups: usize,
        /// Groups of channels that share offsets.
        offset_groups: usize,
    },
    /// `MatMul`, broadcast over leading axes.
    MatMul,
    /// `Gemm`: `alpha * a b + beta * c`.
    Gemm {
        /// Factor of the product.
        alpha: f32,
        /// Factor of c.
        beta: f32,
        /// Whether a is transposed.
        trans_a: bool,
        /// Whether b is transposed.
        trans_b: bool,
    },
    /// `BatchNormalization` in inference: x, scale, bias, mean, variance.
    BatchNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// `InstanceNormalization`: x, scale, bias.
    InstanceNorm {
        /// Added to the variance.
        epsilon: f32,
    },
    /// `GroupNormalization` (opset 21): x, scale `[C]`, bias `[C]`.
    GroupNorm {
        /// Added to the variance.
        epsilon: f32,
        /// Groups of channels.
        groups: usize,
    },
    /// `LayerNormalization`: x, scale, optional bias.
    LayerNorm {
        /// First axis that is normalised.
        axis: i64,
        /// Added to the variance.
        epsilon: f32,
    },
    /// `LSTM`: x `[T, N, I]`, w, r, optional b, lengths, initial h, initial c, peepholes; y, y_h, y_c. Gates are i, o, f, c.
    Lstm {
        /// Which way it runs.
        direction: RnnDirection,
        /// Size of the state.
        hidden: usize,
        /// Activations, three a direction; empty for the defaults.
        activations: Vec<RnnActivation>,
        /// `layout = 1`: `[N, T, I]`.
        batch_first: bool,
    },
    /// `GRU`: as `LSTM`, gates z, r, h.
    Gru {
        /// Which way it runs.
        direction: RnnDirection,
        /// Size of the state.
        hidden: usize,
        /// Activations, two a direction; empty for the defaults.
        activations: Vec<RnnActivation>,
        /// Whether the hidden gate's linear part comes before the reset (PyTorch's way).
        linear_before_reset: bool,
        /// `layout = 1`: `[N, T, I]`.
        batch_first: bool,
    },
    /// One operand, elementwise.
    Unary(UnaryOp),
    /// Two operands, broadcast.
    Binary(BinaryOp),
    /// Comparisons and logic, broadcast; truth values come out. `Not` has one operand.
    Logical(LogicalOp),
    /// `Where`: condition, a, b.
    Where,
    /// `Clip`: x, optional least, optional greatest.
    Clip,
    /// `Softmax` along one axis.
    Softmax {
        /// The axis.
        axis: i64,
    },
    /// `LogSoftmax` along one axis.
    LogSoftmax {
        /// The axis.
        axis: i64,
    },
    /// `ReduceMean` and its kind: x, optional axes.
    Reduce {
        /// What is computed.
        op: ReduceOp,
        /// Whether reduced axes stay, with size 1.
        keep_dims: bool,
        /// Whether no axes means none rather than all.
        noop_with_empty_axes: bool,
    },
    /// `ArgMax` or `ArgMin`.
    ArgReduce {
        /// The axis.
        axis: i64,
        /// `ArgMax` where set.
        max: bool,
        /// Whether the axis stays, with size 1.
        keep_dims: bool,
        /// Whether the last of equal values counts.
        select_last: bool,
    },
    /// `TopK`: x, k; values, indices.
    TopK {
        /// The axis.
        axis: i64,
        /// Whether the largest are taken.
        largest: bool,
        /// Whether they come in order.
        sorted: bool,
    },
    /// `MaxPool`.
    MaxPool {
        /// Size of the window.
        kernel: Vec<usize>,
        /// Steps between outputs.
        strides: Vec<usize>,
        /// Steps between taps.
        dilations: Vec<usize>,
        /// Padding, which never wins.
        padding: Padding,
        /// Whether a last, partial window counts.
        ceil: bool,
    },
    /// `AveragePool`.
    AveragePool {
        /// Size of the window.
        kernel: Vec<usize>,
        /// Steps between outputs.
        strides: Vec<usize>,
        /// Steps between taps.
        dilations: Vec<usize>,
        /// Padding.
        padding: Padding,
        /// Whether a last, partial window counts.
        ceil: bool,
        /// Whether the padding counts in the divisor.
        count_include_pad: bool,
    },
    /// `GlobalAveragePool`.
    GlobalAveragePool,
    /// `GlobalMaxPool`.
    GlobalMaxPool,
    /// Average over windows of PyTorch's adaptive pooling; not of ONNX, written there as pooling where it divides evenly.
    AdaptiveAveragePool {
        /// Size of the output.
        output: [usize; 2],
    },
    /// `Resize`: x, optional roi, optional scales, optional sizes.
    Resize {
        /// Between pixels.
        mode: Interpolation,
        /// Which pixel of the input a pixel of the output is.
        coordinates: CoordinateMode,
        /// How `nearest` rounds.
        nearest: NearestMode,
        /// `a` of the cubic.
        cubic_a: f32,
        /// Whether weights outside the input count for nothing.
        exclude_outside: bool,
        /// The value outside, for `tf_crop_and_resize`.
        extrapolation: f32,
    },
    /// `GridSample`: x `[N, C, H, W]`, grid `[N, H', W', 2]` in -1..1.
    GridSample {
        /// Between pixels.
        mode: Interpolation,
        /// Outside the input.
        padding: GridPadding,
        /// Whether -1 and 1 are the middles of the corner pixels.
        align_corners: bool,
    },
    /// `RoiAlign`: x, rois `[R, 4]`, batch indices `[R]`.
    RoiAlign {
        /// Average or maximum of the samples.
        mode: RoiMode,
        /// Size of the output.
        output: [usize; 2],
        /// Samples a bin and axis; 0 for as many as pixels.
        sampling_ratio: usize,
        /// Pixels of the feature map a pixel of the picture.
        spatial_scale: f32,
        /// Whether regions are shifted by half a pixel.
        half_pixel: bool,
    },
    /// `Reshape`: x, shape (0 copies an axis unless `allow_zero`, -1 is worked out).
    Reshape {
        /// Whether 0 is a size.
        allow_zero: bool,
    },
    /// `Transpose`; an empty permutation reverses the axes.
    Transpose {
        /// Which axis of the input each axis of the output is.
        perm: Vec<usize>,
    },
    /// `Flatten` to two axes.
    Flatten {
        /// The first axis of the second part.
        axis: i64,
    },
    /// `Squeeze`: x, optional axes.
    Squeeze,
    /// `Unsqueeze`: x, axes.
    Unsqueeze,
    /// `Concat`.
    Concat {
        /// The axis.
        axis: i64,
    },
    /// `Split`: x, optional sizes.
    Split {
        /// The axis.
        axis: i64,
        /// How many equal parts, where no sizes are given; the last may be smaller.
        num_outputs: Option<usize>,
    },
    /// `Slice`: x, starts, ends, optional axes, optional steps.
    Slice,
    /// `Gather` along an axis.
    Gather {
        /// The axis.
        axis: i64,
    },
    /// `GatherElements`.
    GatherElements {
        /// The axis.
        axis: i64,
    },
    /// `GatherND`.
    GatherNd {
        /// Leading axes that both operands share.
        batch_dims: usize,
    },
    /// `ScatterND` without reduction.
    ScatterNd,
    /// `ScatterElements` without reduction.
    ScatterElements {
        /// The axis.
        axis: i64,
    },
    /// `Expand`: x, shape.
    Expand,
    /// `Tile`: x, repeats.
    Tile,
    /// `Pad`: x, pads, optional value, optional axes.
    Pad {
        /// What is put around.
        mode: PadMode,
    },
    /// `CumSum`: x, axis.
    CumSum {
        /// Whether an element's own value is left out.
        exclusive: bool,
        /// Whether it runs from the end.
        reverse: bool,
    },
    /// `Shape` from axis `start` to `end`.
    Shape {
        /// First axis.
        start: i64,
        /// Axis after the last; `None` for all.
        end: Option<i64>,
    },
    /// `Size`.
    Size,
    /// `NonZero`.
    NonZero,
    /// `Cast`.
    Cast {
        /// The type that comes out.
        to: crate::DType,
    },
    /// `ConstantOfShape`: shape.
    ConstantOfShape {
        /// The value, of one element.
        value: crate::Tensor,
    },
    /// `Range`: start, limit, delta.
    Range,
    /// `OneHot`: indices, depth, values.
    OneHot {
        /// The new axis.
        axis: i64,
    },
    /// `Identity`; `Dropout` in inference.
    Identity,
    /// `QuantizeLinear`: x, scale, zero point.
    QuantizeLinear {
        /// The channel axis.
        axis: i64,
    },
    /// `DequantizeLinear`: x, scale, optional zero point.
    DequantizeLinear {
        /// The channel axis.
        axis: i64,
    },
    /// `DynamicQuantizeLinear`: x; y, scale, zero point.
    DynamicQuantizeLinear,
    /// `MatMulInteger`.
    MatMulInteger,
    /// `ConvInteger`.
    ConvInteger {
        /// Steps between outputs.
        strides: Vec<usize>,
        /// Steps between taps.
        dilations: Vec<usize>,
        /// Padding.
        padding: Padding,
        /// Groups of channels.
        groups: usize,
    },
}

/// Padding of a window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Padding {
    /// Before each axis, then after each axis.
    Explicit(Vec<usize>),
    /// As much as keeps `ceil(size / stride)`, the odd one after.
    SameUpper,
    /// The odd one before.
    SameLower,
}

/// Elementwise, one operand.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum UnaryOp {
    Relu,
    LeakyRelu { alpha: f32 },
    Elu { alpha: f32 },
    Selu { alpha: f32, gamma: f32 },
    Celu { alpha: f32 },
    ThresholdedRelu { alpha: f32 },
    Sigmoid,
    HardSigmoid { alpha: f32, beta: f32 },
    HardSwish,
    Swish { alpha: f32 },
    Mish,
    Tanh,
    Gelu { tanh: bool },
    Softplus,
    Softsign,
    Erf,
    Exp,
    Log,
    Sqrt,
    Reciprocal,
    Abs,
    Neg,
    Sign,
    Floor,
    Ceil,
    Round,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Asinh,
    Acosh,
    Atanh,
    IsNan,
    IsInf { negative: bool, positive: bool },
}

/// Elementwise, two operands, broadcast. `Min`, `Max`, `Sum` and `Mean` of ONNX take any number; a reader makes a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
    PRelu,
    /// `fmod` where set: the sign of the dividend.
    Mod {
        fmod: bool,
    },
}

/// Comparisons and logic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum LogicalOp {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    And,
    Or,
    Xor,
    Not,
}

/// What a reduction computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum ReduceOp {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
    L1,
    L2,
    SumSquare,
    LogSum,
    LogSumExp,
}

/// Which way a recurrent layer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum RnnDirection {
    Forward,
    Reverse,
    Bidirectional,
}

/// An activation inside a recurrent layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum RnnActivation {
    Sigmoid,
    Tanh,
    Relu,
}

/// Between pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum Interpolation {
    Nearest,
    Linear,
    Cubic,
}

/// Which point of the input a pixel of the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum CoordinateMode {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfCropAndResize,
}

/// How nearest neighbours round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum NearestMode {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// What lies outside the input of `GridSample`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum GridPadding {
    Zeros,
    Border,
    Reflection,
}

/// What `RoiAlign` takes of a bin's samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum RoiMode {
    Average,
    Max,
}

/// What `Pad` puts around.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ONNX's names")]
pub enum PadMode {
    Constant,
    Reflect,
    Edge,
    Wrap,
}

impl Op {
    /// ONNX's name of the operator; ours where ONNX lacks it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Conv { .. } => "Conv",
            Self::ConvTranspose { .. } => "ConvTranspose",
            Self::DeformConv { .. } => "DeformConv",
            Self::MatMul => "MatMul",
            Self::Gemm { .. } => "Gemm",
            Self::BatchNorm { .. } => "BatchNormalization",
            Self::InstanceNorm { .. } => "InstanceNormalization",
            Self::GroupNorm { .. } => "GroupNormalization",
            Self::LayerNorm { .. } => "LayerNormalization",
            Self::Lstm { .. } => "LSTM",
            Self::Gru { .. } => "GRU",
            Self::Unary(op) => op.name(),
            Self::Binary(op) => op.name(),
            Self::Logical(op) => op.name(),
            Self::Where => "Where",
            Self::Clip => "Clip",
            Self::Softmax { .. } => "Softmax",
            Self::LogSoftmax { .. } => "LogSoftmax",
            Self::Reduce { op, .. } => op.name(),
            Self::ArgReduce { max: true, .. } => "ArgMax",
            Self::ArgReduce { max: false, .. } => "ArgMin",
            Self::TopK { .. } => "TopK",
            Self::MaxPool { .. } => "MaxPool",
            Self::AveragePool { .. } => "AveragePool",
            Self::GlobalAveragePool => "GlobalAveragePool",
            Self::GlobalMaxPool => "GlobalMaxPool",
            Self::AdaptiveAveragePool { .. } => "AdaptiveAveragePool",
            Self::Resize { .. } => "Resize",
            Self::GridSample { .. } => "GridSample",
            Self::RoiAlign { .. } => "RoiAlign",
            Self::Reshape { .. } => "Reshape",
            Self::Transpose { .. } => "Transpose",
            Self::Flatten { .. } => "Flatten",
            Self::Squeeze => "Squeeze",
            Self::Unsqueeze => "Unsqueeze",
            Self::Concat { .. } => "Concat",
            Self::Split { .. } => "Split",
            Self::Slice => "Slice",
            Self::Gather { .. } => "Gather",
            Self::GatherElements { .. } => "GatherElements",
            Self::GatherNd { .. } => "GatherND",
            Self::ScatterNd => "ScatterND",
            Self::ScatterElements { .. } => "ScatterElements",
            Self::Expand => "Expand",
            Self::Tile => "Tile",
            Self::Pad { .. } => "Pad",
            Self::CumSum { .. } => "CumSum",
            Self::Shape { .. } => "Shape",
            Self::Size => "Size",
            Self::NonZero => "NonZero",
            Self::Cast { .. } => "Cast",
            Self::ConstantOfShape { .. } => "ConstantOfShape",
            Self::Range => "Range",
            Self::OneHot { .. } => "OneHot",
            Self::Identity => "Identity",
            Self::QuantizeLinear { .. } => "QuantizeLinear",
            Self::DequantizeLinear { .. } => "DequantizeLinear",
            Self::DynamicQuantizeLinear => "DynamicQuantizeLinear",
            Self::MatMulInteger => "MatMulInteger",
            Self::ConvInteger { .. } => "ConvInteger",
        }
    }

    /// How many operands and results the operator has.
    pub fn arity(&self) -> Arity {
        let (needed, inputs, outputs) = match self {
            Self::ConvInteger { .. } | Self::MatMulInteger => (2, 4, 1),
            Self::Conv { .. } | Self::ConvTranspose { .. } | Self::Gemm { .. } => (2, 3, 1),
            Self::DeformConv { .. } => (3, 5, 1),
            Self::MatMul
            | Self::Binary(_)
            | Self::Unsqueeze
            | Self::Reshape { .. }
            | Self::Expand
            | Self::Tile => (2, 2, 1),
            Self::BatchNorm { .. } => (5, 5, 1),
            Self::InstanceNorm { .. } | Self::GroupNorm { .. } | Self::RoiAlign { .. } => (3, 3, 1),
            Self::LayerNorm { .. } => (2, 3, 3),
            Self::Lstm { .. } => (3, 8, 3),
            Self::Gru { .. } => (3, 6, 2),
            Self::Logical(LogicalOp::Not) => (1, 1, 1),
            Self::Logical(_) => (2, 2, 1),
            Self::Where
            | Self::Range
            | Self::OneHot { .. }
            | Self::ScatterNd
            | Self::ScatterElements { .. } => (3, 3, 1),
            Self::Clip => (1, 3, 1),
            Self::Reduce { .. } | Self::Squeeze => (1, 2, 1),
            Self::TopK { .. } => (2, 2, 2),
            Self::MaxPool { .. } => (1, 1, 2),
            Self::Resize { .. } => (1, 4, 1),
            Self::Concat { .. } => (1, usize::MAX, 1),
            Self::Split { .. } => (1, 2, usize::MAX),
            Self::Slice => (3, 5, 1),
            Self::Gather { .. }
            | Self::GatherElements { .. }
            | Self::GatherNd { .. }
            | Self::GridSample { .. }
            | Self::CumSum { .. } => (2, 2, 1),
            Self::Pad { .. } => (2, 4, 1),
            Self::QuantizeLinear { .. } | Self::DequantizeLinear { .. } => (2, 3, 1),
            Self::DynamicQuantizeLinear => (1, 1, 3),
            _ => (1, 1, 1),
        };
        Arity { needed, inputs, outputs }
    }
}

/// How many operands and results an operator has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arity {
    /// Operands that must be there: the first ones.
    pub needed: usize,
    /// Operands at most; `usize::MAX` for any number.
    pub inputs: usize,
    /// Results at most; `usize::MAX` for any number.
    pub outputs: usize,
}

impl UnaryOp {
    /// ONNX's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "Relu",
            Self::LeakyRelu { .. } => "LeakyRelu",
            Self::Elu { .. } => "Elu",
            Self::Selu { .. } => "Selu",
            Self::Celu { .. } => "Celu",
            Self::ThresholdedRelu { .. } => "ThresholdedRelu",
            Self::Sigmoid => "Sigmoid",
            Self::HardSigmoid { .. } => "HardSigmoid",
            Self::HardSwish => "HardSwish",
            Self::Swish { .. } => "Swish",
            Self::Mish => "Mish",
            Self::Tanh => "Tanh",
            Self::Gelu { .. } => "Gelu",
            Self::Softplus => "Softplus",
            Self::Softsign => "Softsign",
            Self::Erf => "Erf",
            Self::Exp => "Exp",
            Self::Log => "Log",
            Self::Sqrt => "Sqrt",
            Self::Reciprocal => "Reciprocal",
            Self::Abs => "Abs",
            Self::Neg => "Neg",
            Self::Sign => "Sign",
            Self::Floor => "Floor",
            Self::Ceil => "Ceil",
            Self::Round => "Round",
            Self::Sin => "Sin",
            Self::Cos => "Cos",
            Self::Tan => "Tan",
            Self::Asin => "Asin",
            Self::Acos => "Acos",
            Self::Atan => "Atan",
            Self::Sinh => "Sinh",
            Self::Cosh => "Cosh",
            Self::Asinh => "Asinh",
            Self::Acosh => "Acosh",
            Self::Atanh => "Atanh",
            Self::IsNan => "IsNaN",
            Self::IsInf { .. } => "IsInf",
        }
    }
}

impl BinaryOp {
    /// ONNX's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Sub => "Sub",
            Self::Mul => "Mul",
            Self::Div => "Div",
            Self::Pow => "Pow",
            Self::Min => "Min",
            Self::Max => "Max",
            Self::PRelu => "PRelu",
            Self::Mod { .. } => "Mod",
        }
    }
}

impl LogicalOp {
    /// ONNX's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Equal => "Equal",
            Self::Greater => "Greater",
            Self::GreaterOrEqual => "GreaterOrEqual",
            Self::Less => "Less",
            Self::LessOrEqual => "LessOrEqual",
            Self::And => "And",
            Self::Or => "Or",
            Self::Xor => "Xor",
            Self::Not => "Not",
        }
    }
}

impl ReduceOp {
    /// ONNX's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sum => "ReduceSum",
            Self::Mean => "ReduceMean",
            Self::Max => "ReduceMax",
            Self::Min => "ReduceMin",
            Self::Prod => "ReduceProd",
            Self::L1 => "ReduceL1",
            Self::L2 => "ReduceL2",
            Self::SumSquare => "ReduceSumSquare",
            Self::LogSum => "ReduceLogSum",
            Self::LogSumExp => "ReduceLogSumExp",
        }
    }
}
