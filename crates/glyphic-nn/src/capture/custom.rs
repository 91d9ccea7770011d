//! Operators that burn lacks or unrolls. On the capture device they are recorded whole.

use burn::backend::{Capture, TensorMetadata};
use burn::tensor::{Int, Tensor, TensorData};
use burn_ir::{CustomOpIr, OperationIr, ScalarIr, TensorIr};
use burn_router::RouterClient;
use glyphic_graph::{Op, RnnDirection};

/// Name of a recorded LSTM: x, w, r, b; scalars: hidden size, number of directions.
const LSTM: &str = "glyphic.lstm";

/// The weights of an LSTM's direction, in PyTorch's layouts and gate order i, f, g, o.
#[derive(Debug, Clone)]
pub struct Direction {
    /// Of the input, `[4 * hidden, input]`.
    pub input: Tensor<2>,
    /// Of the state, `[4 * hidden, hidden]`.
    pub hidden: Tensor<2>,
    /// Of both, `[4 * hidden]` each.
    pub bias: [Tensor<1>; 2],
}

/// Records an LSTM `[T, N, input] -> [T, N, directions * hidden]`, forwards and, where there are two directions,
/// backwards; `None` on devices that compute.
pub fn lstm(x: &Tensor<3>, directions: &[Direction]) -> Option<Tensor<3>> {
    let recorded = x.clone().try_into_primitive::<Capture>().ok()?;
    let [steps, batch, _] = x.dims();
    let [rows, hidden] = directions.first()?.hidden.dims();
    let device = x.device();
    // From PyTorch's i, f, g, o to ONNX's i, o, f, c.
    let order = Tensor::<1, Int>::from_data(TensorData::from([0_i64, 3, 1, 2]), &device);
    let matrices = |pick: fn(&Direction) -> &Tensor<2>| {
        let matrix = |direction: &Direction| {
            let [_, columns] = pick(direction).dims();
            let gates = pick(direction).clone().reshape([4, hidden, columns]).select(0, order.clone());
            gates.reshape([1, rows, columns])
        };
        Tensor::cat(directions.iter().map(matrix).collect::<Vec<Tensor<3>>>(), 0)
    };
    let biases = |direction: &Direction| {
        let bias = |b: &Tensor<1>| b.clone().reshape([4, hidden]).select(0, order.clone());
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
    let op = CustomOpIr::with_scalars(LSTM, &inputs, &[output], scalars);
    let y = client.register(OperationIr::Custom(op)).pop()?;
    let y = Tensor::<4>::from_primitive::<Capture>(y); // [T, directions, N, hidden]
    Some(y.permute([0, 2, 1, 3]).reshape([steps, batch, directions.len() * hidden]))
}

/// The graph's operator for a recorded custom one, and how many of its inputs are to be followed by none.
pub(super) fn operator(op: &CustomOpIr) -> Option<Op> {
    let scalar = |i: usize| op.scalars.get(i).map(|s| s.elem::<i64>());
    match op.id.as_str() {
        LSTM => Some(Op::Lstm {
            direction: match scalar(1)? {
                1 => RnnDirection::Forward,
                _ => RnnDirection::Bidirectional,
            },
            hidden: usize::try_from(scalar(0)?).ok()?,
            activations: Vec::new(),
            batch_first: false,
        }),
        _ => None,
    }
}
