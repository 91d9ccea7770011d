use burn::tensor::activation::log_softmax;
use burn::tensor::{Int, Tensor, TensorData};

use super::{EdgeAverage, SdmgrLossConfig};

/// What SDMGR's predictions cost, each a scalar as `[1]`.
#[derive(Debug, Clone)]
pub struct SdmgrLoss {
    /// Cross entropy of the boxes' classes, weighted.
    pub node: Tensor<1>,
    /// Cross entropy of the links, weighted.
    pub edge: Tensor<1>,
    /// Share of boxes whose class is right, in percent.
    pub node_accuracy: f32,
    /// Share of pairs that are right, in percent.
    pub edge_accuracy: f32,
}

impl SdmgrLossConfig {
    /// The loss of boxes `[n, classes]` and pairs `[pairs, 2]` of a batch against their classes. A pair costs nothing
    /// where its target is -1.
    ///
    /// # Panics
    /// Where there is not one target a row, or a target is no class.
    pub fn forward(&self, nodes: Tensor<2>, edges: Tensor<2>, targets: &[i64], links: &[i64]) -> SdmgrLoss {
        let (node, node_accuracy) = focal_loss(nodes, targets, self.ignore, 0.0, None);
        let linked = links.iter().filter(|link| **link == 1).count();
        let divisor = (self.edge_average == EdgeAverage::Links).then_some(linked.max(1));
        let (edge, edge_accuracy) = focal_loss(edges, links, -1, self.edge_gamma, divisor);
        SdmgrLoss {
            node: node * self.node_weight,
            edge: edge * self.edge_weight,
            node_accuracy,
            edge_accuracy,
        }
    }
}

/// The focal loss of the rows whose target is not `ignore` (cross entropy where `gamma` is 0), divided by `divisor` or else by their
/// number; 0 where there is none. And how many of them are right in percent.
fn focal_loss(
    scores: Tensor<2>,
    targets: &[i64],
    ignore: i64,
    gamma: f64,
    divisor: Option<usize>,
) -> (Tensor<1>, f32) {
    let [rows, classes] = scores.dims();
    assert_eq!(rows, targets.len(), "a target a row");
    let device = scores.device();
    let counted: Vec<usize> = (0..rows).filter(|i| targets[*i] != ignore).collect();
    if counted.is_empty() {
        return (scores.sum() * 0.0, 0.0);
    }
    assert!(
        counted.iter().all(|i| usize::try_from(targets[*i]).is_ok_and(|t| t < classes)),
        "targets are below {classes}"
    );
    let found: Vec<f32> = scores.clone().detach().into_data().iter::<f32>().collect();
    let best = |row: usize| {
        let row = &found[row * classes..][..classes];
        (1..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best })
    };
    let right = counted.iter().filter(|i| best(**i) as i64 == targets[**i]).count();
    let index: Vec<i64> = targets.iter().map(|t| if *t == ignore { 0 } else { *t }).collect();
    let index = Tensor::<2, Int>::from_data(TensorData::new(index, [rows, 1]), &device);
    let weights: Vec<f32> = targets.iter().map(|t| f32::from(u8::from(*t != ignore))).collect();
    let weights = Tensor::<2>::from_data(TensorData::new(weights, [rows, 1]), &device);
    let mut picked = log_softmax(scores, 1).gather(1, index);
    if gamma > 0.0 {
        // Below 1, so that the power has a gradient.
        let sure = picked.clone().exp().clamp_max(1.0 - 1e-6);
        picked = (sure.neg() + 1.0).powf_scalar(gamma) * picked;
    }
    let divisor = divisor.unwrap_or(counted.len());
    ((picked * weights).sum() / -(divisor as f64), right as f32 / counted.len() as f32 * 100.0)
}
