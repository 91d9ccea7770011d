//! The training loss: of the anchors, of the hardest proposals, and of the masks in those that stand for texts.

use burn::tensor::activation::log_softmax;
use burn::tensor::{Device, Int, Tensor, TensorData};
use glyphic_nn::loss::binary_cross_entropy;
use glyphic_nn::ops::RoiAlign;
use glyphic_regions::maskrcnn::BOX_SPREAD;
use glyphic_regions::maskrcnn::learn::{Chosen, Overlaps, Stands, choose, deltas, mask_in, shuffled};

use super::engine::{BOX_CELLS, MASK_CELLS, POOLED, level_of};
use super::{
    MaskLossConfig, MaskProposalConfig, MaskRcnn, MaskRcnnConfig, MaskTargets, Rect, RpnLevel, RpnMaps,
    anchors,
};
use crate::{Maps, Result};

/// Rows and columns of a mask.
const MASK_SIDE: usize = 28;

/// The loss's parts, `[1]` each.
#[derive(Debug, Clone)]
pub struct MaskLosses {
    /// Of the anchors' scores.
    pub rpn_scores: Tensor<1>,
    /// Of how the anchors are moved.
    pub rpn_boxes: Tensor<1>,
    /// Of the proposals' scores.
    pub scores: Tensor<1>,
    /// Of how the proposals are moved.
    pub boxes: Tensor<1>,
    /// Of the masks.
    pub masks: Tensor<1>,
}

impl MaskLosses {
    /// What training minimises: the sum, `[1]`.
    pub fn total(&self) -> Tensor<1> {
        let boxes = self.scores.clone() + self.boxes.clone() + self.masks.clone();
        boxes + self.rpn_scores.clone() + self.rpn_boxes.clone()
    }
}

fn indices(places: Vec<usize>, device: &Device) -> Tensor<1, Int> {
    let places: Vec<i64> = places.into_iter().map(|place| place as i64).collect();
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), device)
}

fn matrix<const N: usize>(rows: Vec<[f32; N]>, device: &Device) -> Tensor<2> {
    let count = rows.len();
    Tensor::from_data(TensorData::new(rows.into_iter().flatten().collect::<Vec<f32>>(), [count, N]), device)
}

fn zero(device: &Device) -> Tensor<1> {
    Tensor::zeros([1], device)
}

/// A proposal, or a text's own box, of a picture of the batch.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    picture: usize,
    rect: Rect,
}

impl MaskRcnnConfig {
    /// The loss of pictures `[N, 3, H, W]` against their texts.
    ///
    /// # Errors
    /// Those of [`MaskProposalConfig::propose`], which are defects.
    pub fn losses(&self, net: &MaskRcnn, images: Tensor<4>, targets: &[MaskTargets]) -> Result<MaskLosses> {
        let device = images.device();
        let [_, _, height, width] = images.dims();
        let levels = net.levels(images);
        let said: Vec<RpnMaps> = levels.iter().map(|level| net.rpn(level.clone())).collect();
        let [rpn_scores, rpn_boxes] = self.of_anchors(&said, targets, &device);

        let mut candidates = Vec::new();
        for (picture, targets) in targets.iter().enumerate() {
            let proposals = self.proposals(&said, picture, [width, height])?;
            let own = targets.boxes.iter().copied();
            candidates.extend(own.chain(proposals).map(|rect| Candidate { picture, rect }));
        }
        let chosen = self.hardest(net, &levels, &candidates, targets, &device);
        let [scores, boxes] = of_boxes(net, &levels, &candidates, &chosen, targets, &device);
        let masks = of_masks(net, &levels, &candidates, &chosen, targets, &device);
        Ok(MaskLosses { rpn_scores, rpn_boxes, scores, boxes, masks })
    }

    fn of_anchors(&self, said: &[RpnMaps], targets: &[MaskTargets], device: &Device) -> [Tensor<1>; 2] {
        let mut all = Vec::new();
        let (mut logits, mut moves) = (Vec::new(), Vec::new());
        for (maps, stride) in said.iter().zip(Self::STRIDES) {
            let [n, count, h, w] = maps.scores.dims();
            all.extend(anchors([h, w], stride, self.anchors.scale, &self.anchors.ratios));
            let scores = maps.scores.clone().permute([0, 2, 3, 1]).reshape([n, h * w * count]);
            let deltas = maps.deltas.clone().permute([0, 2, 3, 1]).reshape([n, h * w * count, 4]);
            logits.push(scores);
            moves.push(deltas);
        }
        let logits: Tensor<1> = Tensor::cat(logits, 1).reshape([-1]);
        let moves: Tensor<2> = Tensor::cat(moves, 1).reshape([-1, 4]);
        let (mut places, mut truth) = (Vec::new(), Vec::new());
        let (mut moved, mut to) = (Vec::new(), Vec::new());
        for (picture, targets) in targets.iter().enumerate() {
            let first = picture * all.len();
            let MaskLossConfig { anchors, anchor_share, rule, .. } = self.loss;
            let stands = Overlaps::ANCHORS.assign(&all, targets, rule);
            let chosen = choose(&stands, anchors, anchor_share, shuffled(targets.seed));
            for (anchor, text) in chosen.positives {
                places.push(first + anchor);
                truth.push(1.0f32);
                moved.push(first + anchor);
                to.push(deltas(&all[anchor], &targets.boxes[text], [1.0; 4]));
            }
            truth.extend(std::iter::repeat_n(0.0, chosen.negatives.len()));
            places.extend(chosen.negatives.into_iter().map(|anchor| first + anchor));
        }
        if places.is_empty() {
            return [zero(device), zero(device)];
        }
        let count = places.len() as f64;
        let truth = Tensor::<1>::from_floats(truth.as_slice(), device);
        let of_scores = binary_cross_entropy(logits.select(0, indices(places, device)), truth).mean();
        let of_boxes = match moved.is_empty() {
            true => zero(device),
            false => {
                let moves = moves.select(0, indices(moved, device));
                (moves - matrix(to, device)).abs().sum() / count
            }
        };
        [of_scores, of_boxes]
    }

    /// The proposals of one picture of a batch.
    fn proposals(&self, said: &[RpnMaps], picture: usize, size: [usize; 2]) -> Result<Vec<Rect>> {
        let host = |maps: &Tensor<4>| {
            let [_, channels, h, w] = maps.dims();
            let values = maps.clone().narrow(0, picture, 1).into_data().iter::<f32>().collect::<Vec<f32>>();
            (values, [channels, h, w])
        };
        let maps: Vec<_> = said.iter().map(|maps| (host(&maps.scores), host(&maps.deltas))).collect();
        let mut rpn = Vec::with_capacity(maps.len());
        for (((scores, a), (deltas, b)), stride) in maps.iter().zip(Self::STRIDES) {
            rpn.push(RpnLevel { scores: Maps::new(scores, *a)?, deltas: Maps::new(deltas, *b)?, stride });
        }
        // MMOCR compares twice as many anchors in training.
        let propose = MaskProposalConfig { per_level: 2 * self.propose.per_level, ..self.propose.clone() };
        let found = propose.propose(&rpn, &self.anchors, size)?;
        Ok(found.into_iter().map(|(rect, _)| rect).collect())
    }

    /// The candidates that the network is most wrong about, a picture each.
    fn hardest(
        &self,
        net: &MaskRcnn,
        levels: &[Tensor<4>],
        candidates: &[Candidate],
        targets: &[MaskTargets],
        device: &Device,
    ) -> Vec<Chosen> {
        let MaskLossConfig { boxes, box_share, rule, .. } = self.loss;
        let all: Vec<usize> = (0..candidates.len()).collect();
        let logits: Vec<f32> = match all.is_empty() {
            true => Vec::new(),
            false => {
                let detached: Vec<Tensor<4>> = levels.iter().map(|level| level.clone().detach()).collect();
                let [logits, _] = net.boxes(pooled(&detached, candidates, &all, BOX_CELLS, device));
                logits.into_data().iter::<f32>().collect()
            }
        };
        let mut first = 0;
        let mut chosen = Vec::with_capacity(targets.len());
        for (picture, targets) in targets.iter().enumerate() {
            let own: Vec<Rect> =
                candidates[first..].iter().take_while(|c| c.picture == picture).map(|c| c.rect).collect();
            let stands = Overlaps::PROPOSALS.assign(&own, targets, rule);
            let hardness = |i: usize| {
                let [text, background] = [0, 1].map(|k| f64::from(logits[2 * (first + i) + k]));
                // Further on the wrong side, harder.
                if matches!(stands[i], Stands::For(_)) { background - text } else { text - background }
            };
            let mut hard = choose(&stands, boxes, box_share, hardness);
            hard.positives.iter_mut().for_each(|(i, _)| *i += first);
            hard.negatives.iter_mut().for_each(|i| *i += first);
            first += own.len();
            chosen.push(hard);
        }
        chosen
    }
}

/// Levels pooled under candidates, `[places, C, rows, columns]`.
fn pooled(
    levels: &[Tensor<4>],
    candidates: &[Candidate],
    places: &[usize],
    cells: [usize; 2],
    device: &Device,
) -> Tensor<4> {
    let mut order = vec![0usize; places.len()];
    let mut parts = Vec::new();
    let mut done = 0;
    for (i, level) in levels.iter().take(POOLED).enumerate() {
        let own: Vec<usize> =
            (0..places.len()).filter(|&p| level_of(&candidates[places[p]].rect) == i).collect();
        if own.is_empty() {
            continue;
        }
        let rects = own.iter().map(|&p| candidates[places[p]].rect).collect();
        let pictures = own.iter().map(|&p| candidates[places[p]].picture).collect();
        let align = RoiAlign::new(cells, 1.0 / MaskRcnnConfig::STRIDES[i] as f32);
        parts.push(align.forward(level.clone(), matrix(rects, device), indices(pictures, device)));
        for p in own {
            order[p] = done;
            done += 1;
        }
    }
    Tensor::cat(parts, 0).select(0, indices(order, device))
}

/// Losses of the scores of chosen candidates, and of how those are moved that stand for texts.
fn of_boxes(
    net: &MaskRcnn,
    levels: &[Tensor<4>],
    candidates: &[Candidate],
    chosen: &[Chosen],
    targets: &[MaskTargets],
    device: &Device,
) -> [Tensor<1>; 2] {
    let (mut places, mut to) = (Vec::new(), Vec::new());
    for (chosen, targets) in chosen.iter().zip(targets) {
        for (candidate, text) in &chosen.positives {
            places.push(*candidate);
            to.push(deltas(&candidates[*candidate].rect, &targets.boxes[*text], BOX_SPREAD));
        }
    }
    let positives = places.len();
    places.extend(chosen.iter().flat_map(|chosen| &chosen.negatives));
    if places.is_empty() {
        return [zero(device), zero(device)];
    }
    let count = places.len();
    let [logits, moves] = net.boxes(pooled(levels, candidates, &places, BOX_CELLS, device));
    let class = (0..count).map(|i| if i < positives { [1.0, 0.0] } else { [0.0, 1.0] }).collect();
    let scores = (log_softmax(logits, 1) * matrix::<2>(class, device)).sum().neg() / count as f64;
    let boxes = match positives {
        0 => zero(device),
        _ => (moves.narrow(0, 0, positives) - matrix(to, device)).abs().sum() / count as f64,
    };
    [scores, boxes]
}

/// Loss of the masks in candidates that stand for texts.
fn of_masks(
    net: &MaskRcnn,
    levels: &[Tensor<4>],
    candidates: &[Candidate],
    chosen: &[Chosen],
    targets: &[MaskTargets],
    device: &Device,
) -> Tensor<1> {
    let (mut places, mut truth) = (Vec::new(), Vec::new());
    for (chosen, targets) in chosen.iter().zip(targets) {
        for (candidate, text) in &chosen.positives {
            places.push(*candidate);
            truth.extend(mask_in(&targets.outlines[*text], &candidates[*candidate].rect, MASK_SIDE));
        }
    }
    if places.is_empty() {
        return zero(device);
    }
    let truth = TensorData::new(truth, [places.len(), 1, MASK_SIDE, MASK_SIDE]);
    let logits = net.masks(pooled(levels, candidates, &places, MASK_CELLS, device));
    binary_cross_entropy(logits, Tensor::from_data(truth, device)).mean()
}
