use burn::backend::Flex;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::tensor::{Int, Tensor, TensorData};
use rayon::prelude::*;

use super::{Tracked, in_order, numbers, primitive, tensor};

/// Weighted sums over columns: for each row of the result the columns that it reads and their weights.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ColumnSums {
    /// Where each row's entries end.
    ends: Vec<usize>,
    entries: Vec<(usize, f32)>,
}

impl ColumnSums {
    /// Adds a row; entries are columns with their weights.
    pub fn push(&mut self, entries: impl IntoIterator<Item = (usize, f32)>) {
        self.entries.extend(entries);
        self.ends.push(self.entries.len());
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    fn row(&self, row: usize) -> &[(usize, f32)] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.entries[start..self.ends[row]]
    }

    /// `x` `[C, P]` -> `[rows, C]`.
    fn forward(&self, x: &[f32], channels: usize) -> Vec<f32> {
        let columns = x.len() / channels.max(1);
        let mut out = vec![0.0; self.rows() * channels];
        out.par_chunks_mut(channels.max(1)).enumerate().for_each(|(row, sums)| {
            let entries = self.row(row);
            for (sum, plane) in sums.iter_mut().zip(x.chunks_exact(columns)) {
                *sum = entries.iter().map(|(column, weight)| weight * plane[*column]).sum();
            }
        });
        out
    }

    /// Gradients `[rows, C]` -> `[C, P]`.
    fn backward(&self, y: &[f32], channels: usize, columns: usize) -> Vec<f32> {
        let mut out = vec![0.0; channels * columns];
        out.par_chunks_mut(columns.max(1)).enumerate().for_each(|(channel, plane)| {
            for row in 0..self.rows() {
                let slope = y[row * channels + channel];
                for (column, weight) in self.row(row) {
                    plane[*column] += weight * slope;
                }
            }
        });
        out
    }
}

/// Weighted sums of columns, with a gradient: `[C, P] -> [rows, C]`. This is how pixels under a shape are pooled.
///
/// # Panics
/// Where an entry names a column beyond `P`.
pub fn sum_columns(x: Tensor<2>, sums: &ColumnSums) -> Tensor<2> {
    match apply(&x, sums) {
        Some(y) => y,
        None => gathered(x, sums),
    }
}

/// `None` on devices other than the processor's.
fn apply(x: &Tensor<2>, sums: &ColumnSums) -> Option<Tensor<2>> {
    let [channels, columns] = x.dims();
    let dims = [sums.rows(), channels];
    if !x.device().is_autodiff() {
        let x = in_order(primitive::<Flex, 2>(x)?);
        return Some(Tensor::from_primitive::<Flex>(tensor(sums.forward(numbers(&x), channels), dims)));
    }
    let (x, node) = primitive::<Tracked, 2>(x)?.into_parts();
    let y: FlexTensor = tensor(sums.forward(numbers(&in_order(x)), channels), dims);
    let state = State { sums: sums.clone(), channels, columns };
    let y = match SumsBackward.prepare::<NoCheckpointing>([node]).compute_bound().stateful() {
        OpsKind::Tracked(prep) => prep.finish(state, y),
        OpsKind::UnTracked(prep) => prep.finish(y),
    };
    Some(Tensor::from_primitive::<Tracked>(y))
}

/// The same by burn's operations: a row's entries are padded to the longest row's number.
fn gathered(x: Tensor<2>, sums: &ColumnSums) -> Tensor<2> {
    let (device, [channels, _], rows) = (x.device(), x.dims(), sums.rows());
    let longest = (0..rows).map(|row| sums.row(row).len()).max().unwrap_or(0).max(1);
    let mut places = vec![0i64; rows * longest];
    let mut weights = vec![0.0f32; rows * longest];
    for row in 0..rows {
        for (i, (column, weight)) in sums.row(row).iter().enumerate() {
            places[row * longest + i] = *column as i64;
            weights[row * longest + i] = *weight;
        }
    }
    let places = Tensor::<1, Int>::from_data(TensorData::new(places, [rows * longest]), &device);
    let weights = Tensor::<3>::from_data(TensorData::new(weights, [1, rows, longest]), &device);
    let taken = x.select(1, places).reshape([channels, rows, longest]);
    (taken * weights).sum_dim(2).reshape([channels, rows]).transpose()
}

#[derive(Debug)]
struct SumsBackward;

#[derive(Debug, Clone)]
struct State {
    sums: ColumnSums,
    channels: usize,
    columns: usize,
}

impl Backward<Flex, 1> for SumsBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let y = in_order(gradients.consume::<Flex>(&ops.node));
        let State { sums, channels, columns } = ops.state;
        let [Some(parent)] = ops.parents else { return };
        let gradient = sums.backward(numbers(&y), channels, columns);
        gradients.register::<Flex>(parent.id, tensor(gradient, [channels, columns]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Distribution;

    fn sums() -> ColumnSums {
        let mut sums = ColumnSums::default();
        sums.push([(0, 0.5), (3, -2.0), (0, 1.0)]);
        sums.push([]);
        sums.push([(4, 3.0)]);
        sums
    }

    #[test]
    fn sums_and_gradients_equal_those_by_burns_operations() {
        let device = crate::device::cpu();
        let x = Tensor::<2>::random([3, 5], Distribution::Uniform(-1.0, 1.0), &device);
        let slope = Tensor::<2>::random([3, 3], Distribution::Uniform(-1.0, 1.0), &device);
        let values = |t: Tensor<2>| t.into_data().iter::<f32>().collect::<Vec<f32>>();
        let run = |by: fn(Tensor<2>, &ColumnSums) -> Tensor<2>| {
            let x = x.clone().autodiff().require_grad();
            let y = by(x.clone(), &sums());
            let gradients = (y.clone() * slope.clone().autodiff()).sum().backward();
            [values(y.inner()), values(x.grad(&gradients).unwrap())]
        };
        let [ours, theirs] = [run(sum_columns), run(gathered)];
        for (ours, theirs) in ours.concat().iter().zip(&theirs.concat()) {
            assert!((ours - theirs).abs() < 1e-6);
        }
        assert_eq!(values(sum_columns(x.clone(), &sums())), ours[0]);
    }
}
