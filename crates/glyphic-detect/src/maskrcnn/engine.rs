//! Mask R-CNN as a detector that runs: three parts of the network with boxes in between.

use glyphic_core::{Detected, DropReason};
use glyphic_graph::{DType, Dim, Graph, Op, RoiMode, Session, Tensor};
use glyphic_regions::collect;

use super::{InstanceMask, MaskRcnnConfig, Rect, RpnLevel};
use crate::engine::{Cropped, DetectorModel, Frame, Network, Part, floats};
use crate::{InputConfig, Result};

/// Text and background.
#[cfg(feature = "train")]
pub(super) const CLASSES: usize = 2;

/// Rows and columns to which the levels are pooled under a proposal.
pub(super) const BOX_CELLS: [usize; 2] = [7, 7];

/// Rows and columns to which they are pooled under a box whose mask is drawn.
pub(super) const MASK_CELLS: [usize; 2] = [14, 14];

/// The levels that boxes are pooled from; the coarsest one only has anchors.
pub(super) const POOLED: usize = 4;

/// Boxes of this side belong to the finest level, in pixels.
const FINEST_SIDE: f32 = 56.0;

/// Boxes that a head sees at a time: it bounds the memory.
const BOXES: usize = 256;

/// The parts after the first.
const BOX_HEAD: usize = 1;
const MASK_HEAD: usize = 2;

/// Names of the first part's outputs: levels, then the anchors' scores, then their deltas.
const OUTPUTS: [&str; 14] = [
    "level.0", "level.1", "level.2", "level.3", "scores.0", "scores.1", "scores.2", "scores.3", "scores.4",
    "deltas.0", "deltas.1", "deltas.2", "deltas.3", "deltas.4",
];

impl DetectorModel for MaskRcnnConfig {
    const PARTS: &'static [Part] = &[
        Part { inputs: &["image"], outputs: &OUTPUTS },
        Part { inputs: &["box_features"], outputs: &["box_scores", "box_deltas"] },
        Part { inputs: &["mask_features"], outputs: &["mask_logits"] },
    ];

    fn validate(&self) -> Result<()> {
        Self::validate(self)
    }

    fn input(&self) -> &InputConfig {
        &self.input
    }

    fn decode(&self, outputs: &[Tensor], frame: &Frame, network: &dyn Network) -> Result<Detected> {
        let size = frame.content;
        let (levels, said) = outputs.split_at(POOLED.min(outputs.len()));
        let whole = Frame { content: frame.input, ..*frame };
        let said: Vec<Cropped> = said.iter().map(|maps| whole.crop(maps)).collect::<Result<_>>()?;
        let (scores, deltas) = said.split_at(Self::STRIDES.len().min(said.len()));
        let rpn: Vec<RpnLevel<'_>> = scores
            .iter()
            .zip(deltas)
            .zip(Self::STRIDES)
            .map(|((scores, deltas), stride)| {
                Ok(RpnLevel { scores: scores.maps()?, deltas: deltas.maps()?, stride })
            })
            .collect::<Result<_>>()?;
        let proposals: Vec<Rect> =
            self.propose.propose(&rpn, &self.anchors, size)?.into_iter().map(|(rect, _)| rect).collect();

        let (mut logits, mut moves) = (Vec::new(), Vec::new());
        let pool = RoiPool::new(levels, BOX_CELLS)?;
        for proposals in proposals.chunks(BOXES) {
            let mut heads = network.run(BOX_HEAD, vec![pool.forward(proposals)?])?.into_iter();
            logits.extend(floats(heads.next())?);
            moves.extend(floats(heads.next())?);
        }
        let (boxes, too_many) = self.decode.boxes(&proposals, &logits, &moves, size);

        let original = [0, 1].map(|axis| (size[axis] as f64 * frame.scale[axis]).round().max(1.0) as usize);
        let pool = RoiPool::new(levels, MASK_CELLS)?;
        let mut regions = Vec::with_capacity(boxes.len());
        for boxes in boxes.chunks(BOXES) {
            let rects: Vec<Rect> = boxes.iter().map(|(rect, _)| *rect).collect();
            let masks = network.run(MASK_HEAD, vec![pool.forward(&rects)?])?.pop();
            let side = masks.as_ref().and_then(|masks| masks.shape().last().copied()).unwrap_or(0);
            let masks = floats(masks)?;
            for ((rect, score), logits) in boxes.iter().zip(masks.chunks_exact((side * side).max(1))) {
                let rect = std::array::from_fn(|i| (f64::from(rect[i]) * frame.scale[i % 2]) as f32);
                let mask = InstanceMask { logits, side, rect, score: *score };
                regions.push(self.decode.outline(&mask, original)?);
            }
        }
        let mut detected = collect(regions.into_iter());
        detected.dropped.add_many(DropReason::TooMany, too_many);
        Ok(detected)
    }
}

/// The level that a box is pooled from: larger boxes from coarser ones.
pub(super) fn level_of(rect: &Rect) -> usize {
    let side = ((rect[2] - rect[0]) * (rect[3] - rect[1])).max(0.0).sqrt();
    let level = (side / FINEST_SIDE + 1e-6).log2().floor();
    level.clamp(0.0, (POOLED - 1) as f32) as usize
}

/// Pools the levels of one picture under boxes.
struct RoiPool<'a> {
    levels: &'a [Tensor],
    sessions: Vec<Session>,
    cells: [usize; 2],
}

impl<'a> RoiPool<'a> {
    fn new(levels: &'a [Tensor], cells: [usize; 2]) -> Result<Self> {
        let session = |stride: usize| {
            let mut graph = Graph::new("roi_align");
            let free = |name: &str| Dim::Symbol(name.to_owned());
            let level = vec![Dim::Known(1), free("channels"), free("height"), free("width")];
            let x = graph.input("level", DType::F32, level);
            let regions = graph.input("regions", DType::F32, vec![free("regions"), Dim::Known(4)]);
            let pictures = graph.input("pictures", DType::I64, vec![free("regions")]);
            let op = Op::RoiAlign {
                mode: RoiMode::Average,
                output: cells,
                sampling_ratio: 0,
                spatial_scale: 1.0 / stride as f32,
                half_pixel: true,
            };
            let y = graph.push("roi_align", op, &[x, regions, pictures]);
            graph.output("pooled", y);
            Ok(Session::new(graph)?)
        };
        let sessions = MaskRcnnConfig::STRIDES.into_iter().take(levels.len()).map(session);
        Ok(Self { levels, sessions: sessions.collect::<Result<_>>()?, cells })
    }

    /// `[boxes, C, rows, columns]`
    fn forward(&self, boxes: &[Rect]) -> Result<Tensor> {
        let channels = self.levels.first().and_then(|level| level.shape().get(1).copied()).unwrap_or(0);
        let length = channels * self.cells[0] * self.cells[1];
        let mut pooled = vec![0.0f32; boxes.len() * length];
        for (i, (level, session)) in self.levels.iter().zip(&self.sessions).enumerate() {
            let own: Vec<usize> = (0..boxes.len()).filter(|&b| level_of(&boxes[b]) == i).collect();
            if own.is_empty() {
                continue;
            }
            let regions: Vec<f32> = own.iter().flat_map(|&b| boxes[b]).collect();
            let inputs = [
                ("level", level.clone()),
                ("regions", Tensor::from_f32(&[own.len(), 4], regions)?),
                ("pictures", Tensor::from_i64s(vec![0; own.len()])),
            ];
            let values = floats(session.run(&inputs)?.pop())?;
            for (b, values) in own.into_iter().zip(values.chunks_exact(length.max(1))) {
                pooled[b * length..][..length].copy_from_slice(values);
            }
        }
        Ok(Tensor::from_f32(&[boxes.len(), channels, self.cells[0], self.cells[1]], pooled)?)
    }
}

#[cfg(feature = "train")]
mod train {
    use glyphic_core::Page;
    use glyphic_graph::Tensor as HostTensor;
    use glyphic_nn::Device;
    use glyphic_nn::burn::tensor::Tensor;
    use glyphic_nn::capture::{Axis, Tape};
    use rand::RngExt;

    use super::super::{MaskRcnn, MaskRcnnConfig, MaskTargets};
    use super::{BOX_CELLS, BOX_HEAD, MASK_CELLS, MASK_HEAD, OUTPUTS, POOLED};
    use crate::Result;
    use crate::engine::{DetectorNetwork, TrainableDetector, image_input, no_part, to_device, to_host};

    impl DetectorNetwork for MaskRcnnConfig {
        type Net = MaskRcnn;

        fn init(&self, device: &Device) -> MaskRcnn {
            Self::init(self, device)
        }

        fn forward(&self, net: &MaskRcnn, image: Tensor<4>) -> Vec<(&'static str, Tensor<4>)> {
            let levels = net.levels(image);
            let (scores, deltas): (Vec<_>, Vec<_>) = levels
                .iter()
                .map(|level| net.rpn(level.clone()))
                .map(|maps| (maps.scores, maps.deltas))
                .unzip();
            let outputs = levels.into_iter().take(POOLED).chain(scores).chain(deltas);
            OUTPUTS.into_iter().zip(outputs).collect()
        }

        fn record(&self, net: &MaskRcnn, tape: &mut Tape) {
            for (name, output) in self.forward(net, image_input(tape)) {
                tape.output(name, output);
            }
            let channels = Axis::Fixed(self.neck_channels);
            let mut pooled = |name: &str, boxes: &'static str, [rows, columns]: [usize; 2]| {
                let axes = [Axis::free(boxes, 1), channels, Axis::Fixed(rows), Axis::Fixed(columns)];
                tape.input(name, axes)
            };
            let boxes = pooled("box_features", "proposals", BOX_CELLS);
            let masks = pooled("mask_features", "boxes", MASK_CELLS);
            let [scores, deltas] = net.boxes(boxes);
            tape.output("box_scores", scores);
            tape.output("box_deltas", deltas);
            tape.output("mask_logits", net.masks(masks));
        }

        fn run_part(
            &self,
            net: &MaskRcnn,
            part: usize,
            mut inputs: Vec<HostTensor>,
            device: &Device,
        ) -> Result<Vec<HostTensor>> {
            let features = inputs.pop().ok_or_else(|| no_part(part))?;
            let features: Tensor<4> = to_device(features, device)?;
            match part {
                BOX_HEAD => net.boxes(features).into_iter().map(to_host).collect(),
                MASK_HEAD => Ok(vec![to_host(net.masks(features))?]),
                _ => Err(no_part(part)),
            }
        }
    }

    impl TrainableDetector for MaskRcnnConfig {
        type Targets = MaskTargets;

        fn targets(&self, page: &Page, rng: &mut dyn rand::Rng) -> Result<MaskTargets, String> {
            Ok(MaskTargets::new(page, rng.random()))
        }

        fn loss(&self, net: &MaskRcnn, images: Tensor<4>, targets: &[MaskTargets]) -> Result<Tensor<1>> {
            Ok(self.losses(net, images, targets)?.total())
        }
    }
}
