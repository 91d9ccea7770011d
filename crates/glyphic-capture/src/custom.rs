//! Operators that burn lacks or unrolls. On the capture device they are recorded whole.

use burn::backend::{Capture, TensorMetadata};
use burn::tensor::{Int, Tensor, TensorData};
use burn_ir::{CustomOpIr, OperationIr, ScalarIr, TensorIr};
use burn_router::RouterClient;
use glyphic_graph::{Op, RnnDirection, RoiMode};

/// Name of a recorded LSTM: x, w, r, b; scalars: hidden size, number of directions.
const LSTM: &str = "glyphic.lstm";

/// Name of a recorded GRU, with what [`LSTM`] has.
const GRU: &str = "glyphic.gru";

/// Name of recorded region pooling: x, regions, pictures; scalars: height, width, samples, scale, whether aligned.
const ROI_ALIGN: &str = "glyphic.roi_align";

/// The weights of a recurrent layer's direction, in PyTorch's layouts and gate orders: i, f, g, o of an LSTM, r, z, n of a GRU.
#[derive(Debug, Clone)]
pub struct Direction {
    /// Of the input, `[gates * hidden, input]`.
    pub input: Tensor<2>,
    /// Of the state, `[gates * hidden, hidden]`.
    pub hidden: Tensor<2>,
    /// Of both, `[gates * hidden]` each.
    pub bias: [Tensor<1>; 2],
}

/// Records an LSTM `[T, N, input] -> [T, N, directions * hidden]`, forwards and, where there are two directions,
/// backwards; `None` on devices that compute.
pub fn lstm(x: &Tensor<3>, directions: &[Direction]) -> Option<Tensor<3>> {
    // From PyTorch's i, f, g, o to ONNX's i, o, f, c.
    recurrent(LSTM, &[0, 3, 1, 2], x, directions)
}

/// As [`lstm`], a GRU.
pub fn gru(x: &Tensor<3>, directions: &[Direction]) -> Option<Tensor<3>> {
    // From PyTorch's r, z, n to ONNX's z, r, h.
    recurrent(GRU, &[1, 0, 2], x, directions)
}

/// `order` is that of ONNX's gates in PyTorch's.
fn recurrent(
    name: &'static str,
    order: &[i64],
    x: &Tensor<3>,
    directions: &[Direction],
) -> Option<Tensor<3>> {
    let recorded = x.clone().try_into_primitive::<Capture>().ok()?;
    let [steps, batch, _] = x.dims();
    let [rows, hidden] = directions.first()?.hidden.dims();
    let device = x.device();
    let gates = order.len();
    let order = Tensor::<1, Int>::from_data(TensorData::new(order.to_vec(), [gates]), &device);
    let matrices = |pick: fn(&Direction) -> &Tensor<2>| {
        let matrix = |direction: &Direction| {
            let [_, columns] = pick(direction).dims();
            let rows_of = pick(direction).clone().reshape([gates, hidden, columns]).select(0, order.clone());
            rows_of.reshape([1, rows, columns])
        };
        Tensor::cat(directions.iter().map(matrix).collect::<Vec<Tensor<3>>>(), 0)
    };
    let biases = |direction: &Direction| {
        let bias = |b: &Tensor<1>| b.clone().reshape([gates, hidden]).select(0, order.clone());
        Tensor::cat(direction.bias.iter().map(bias).collect(), 0).reshape([1, 2 * rows])
    };
    let weights = [matrices(|d| &d.input), matrices(|d| &d.hidden)];
    let bias: Tensor<2> = Tensor::cat(directions.iter().map(biases).collect(), 0);

    let client = recorded.client.clone();
    let primitive = |t: Tensor<3>| t.try_into_primitive::<Capture>().ok();
    let [w, r] = weights.map(primitive);
    let bias = bias.try_into_primitive::<Capture>().ok()?;
    let dtype = recorded.dtype();
    let inputs = [recorded.into_ir(), w?.into_ir(), r?.into_ir(), bias.into_ir()];
    let shape = [steps, directions.len(), batch, hidden];
    let output = TensorIr::uninit(client.create_empty_handle(), shape.into(), dtype);
    let scalars = vec![ScalarIr::UInt(hidden as u64), ScalarIr::UInt(directions.len() as u64)];
    let op = CustomOpIr::with_scalars(name, &inputs, &[output], scalars);
    let y = client.register(OperationIr::Custom(op)).pop()?;
    let y = Tensor::<4>::from_primitive::<Capture>(y); // [T, directions, N, hidden]
    Some(y.permute([0, 2, 1, 3]).reshape([steps, batch, directions.len() * hidden]))
}

/// What [`roi_align`] records beside its tensors.
#[derive(Debug, Clone, Copy)]
pub struct RoiAlignOptions {
    /// Height and width of the output.
    pub output: [usize; 2],
    /// Pixels of the feature map a pixel in which the regions are given.
    pub spatial_scale: f32,
    /// Samples a bin and axis; 0 for as many as the bin is pixels long.
    pub sampling_ratio: usize,
    /// Whether regions are moved by half a pixel of the map.
    pub aligned: bool,
}

/// Records the pooling of regions `[R, 4]` of the pictures `[R]` of maps `[N, C, H, W] -> [R, C, h, w]`; `None` on devices
/// that compute.
pub fn roi_align(
    options: RoiAlignOptions,
    x: &Tensor<4>,
    regions: &Tensor<2>,
    pictures: &Tensor<1, Int>,
) -> Option<Tensor<4>> {
    let x = x.clone().try_into_primitive::<Capture>().ok()?;
    let regions = regions.clone().try_into_primitive::<Capture>().ok()?;
    let pictures = pictures.clone().try_into_primitive::<Capture>().ok()?;
    let (client, dtype) = (x.client.clone(), x.dtype());
    let [height, width] = options.output;
    let shape = [regions.shape()[0], x.shape()[1], height, width];
    let output = TensorIr::uninit(client.create_empty_handle(), shape.into(), dtype);
    let scalars = vec![
        ScalarIr::UInt(height as u64),
        ScalarIr::UInt(width as u64),
        ScalarIr::UInt(options.sampling_ratio as u64),
        ScalarIr::Float(f64::from(options.spatial_scale)),
        ScalarIr::UInt(u64::from(options.aligned)),
    ];
    let inputs = [x.into_ir(), regions.into_ir(), pictures.into_ir()];
    let op = CustomOpIr::with_scalars(ROI_ALIGN, &inputs, &[output], scalars);
    let y = client.register(OperationIr::Custom(op)).pop()?;
    Some(Tensor::from_primitive::<Capture>(y))
}

/// The graph's operator for a recorded custom one, and how many of its inputs are to be followed by none.
pub(crate) fn operator(op: &CustomOpIr) -> Option<Op> {
    let scalar = |i: usize| op.scalars.get(i).map(|s| s.elem::<i64>());
    match op.id.as_str() {
        LSTM | GRU => {
            let hidden = usize::try_from(scalar(0)?).ok()?;
            let direction = match scalar(1)? {
                1 => RnnDirection::Forward,
                _ => RnnDirection::Bidirectional,
            };
            let (activations, batch_first) = (Vec::new(), false);
            Some(if op.id == LSTM {
                Op::Lstm { direction, hidden, activations, batch_first }
            } else {
                Op::Gru { direction, hidden, activations, linear_before_reset: true, batch_first }
            })
        }
        ROI_ALIGN => {
            let count = |i: usize| usize::try_from(scalar(i)?).ok();
            Some(Op::RoiAlign {
                mode: RoiMode::Average,
                output: [count(0)?, count(1)?],
                sampling_ratio: count(2)?,
                spatial_scale: op.scalars.get(3)?.elem(),
                half_pixel: count(4)? != 0,
            })
        }
        _ => None,
    }
}
