//! Mask R-CNN against the reference, stage by stage.

mod common;

use burn::tensor::{Int, Tensor, TensorData};
use common::{FEATURE, assert_names, assert_tensor, load, tensor, values};
use glyphic_detect::engine::{Frame, Network, to_host};
use glyphic_detect::maskrcnn::{
    MaskDecodeConfig, MaskProposalConfig, MaskRcnn, MaskRcnnConfig, MaskRule, Rect, RpnLevel, anchors,
};
use glyphic_detect::{DetectorModel, DetectorNetwork, Maps};
use glyphic_nn::device::cpu;
use glyphic_nn::ops::RoiAlign;
use glyphic_testing::Tolerance;
use glyphic_testing::golden::cases;

/// The reference's settings of the case.
fn config() -> MaskRcnnConfig {
    MaskRcnnConfig {
        propose: MaskProposalConfig { per_level: 60, most: 40, ..MaskProposalConfig::default() },
        decode: MaskDecodeConfig { rule: MaskRule::Mmocr021, ..MaskDecodeConfig::default() },
        ..MaskRcnnConfig::default()
    }
}

#[track_caller]
fn assert_boxes(what: &str, got: &[(Rect, f32)], expected: &(Vec<usize>, Vec<f32>)) {
    assert_eq!(got.len(), expected.0[0], "{what}");
    for (i, ((rect, score), row)) in got.iter().zip(expected.1.chunks_exact(5)).enumerate() {
        let off = rect.iter().zip(row).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-2 && (score - row[4]).abs() < 1e-4, "{what} {i}: {rect:?} {score} is not {row:?}");
    }
}

/// Levels pooled under boxes, each from the level of its size.
fn pooled(levels: &[Tensor<4>], boxes: &[Rect], side: usize) -> Tensor<4> {
    let one = |rect: &Rect| {
        let length = ((rect[2] - rect[0]) * (rect[3] - rect[1])).sqrt();
        let level = ((length / 56.0).log2().floor().max(0.0) as usize).min(3);
        let align = RoiAlign::new([side; 2], 1.0 / MaskRcnnConfig::STRIDES[level] as f32);
        let region = Tensor::<2>::from_data(TensorData::new(rect.to_vec(), [1, 4]), &cpu());
        align.forward(levels[level].clone(), region, Tensor::<1, Int>::zeros([1], &cpu()))
    };
    Tensor::cat(boxes.iter().map(one).collect(), 0)
}

/// The parts of the network by the burn module.
struct Parts(MaskRcnnConfig, MaskRcnn);

impl Network for Parts {
    fn run(
        &self,
        part: usize,
        inputs: Vec<glyphic_graph::Tensor>,
    ) -> glyphic_detect::Result<Vec<glyphic_graph::Tensor>> {
        self.0.run_part(&self.1, part, inputs, &cpu())
    }
}

#[test]
fn every_stage_equals_the_reference() {
    for case in cases("C_maskrcnn_r50") {
        let config = config();
        let net = load(&case, config.init(&cpu()));
        assert_names(&case, &net);

        let image = tensor::<4>(&case, "input/img", &cpu());
        let size = [image.dims()[3], image.dims()[2]];
        let levels = net.levels(image.clone());
        let mut said = Vec::new();
        for (i, level) in levels.iter().enumerate() {
            assert_tensor(&case, &format!("fpn_{i}"), level.clone(), FEATURE);
            let maps = net.rpn(level.clone());
            assert_tensor(&case, &format!("rpn_cls_{i}"), maps.scores.clone(), FEATURE);
            assert_tensor(&case, &format!("rpn_reg_{i}"), maps.deltas.clone(), FEATURE);
            let [_, _, h, w] = level.dims();
            let shape = &config.anchors;
            let all = anchors([h, w], MaskRcnnConfig::STRIDES[i], shape.scale, &shape.ratios);
            let first: Vec<f32> = all.iter().take(60).flatten().copied().collect();
            case.assert_tensor(&format!("anchors_{i}"), &[first.len() / 4, 4], &first, Tolerance::Abs(1e-2));
            said.push([values(maps.scores), values(maps.deltas)]);
        }
        let rpn: Vec<RpnLevel<'_>> = said
            .iter()
            .zip(MaskRcnnConfig::STRIDES)
            .map(|(maps, stride)| {
                let [scores, deltas] = [0, 1].map(|i| {
                    let (shape, values) = &maps[i];
                    Maps::new(values, [shape[1], shape[2], shape[3]]).unwrap()
                });
                RpnLevel { scores, deltas, stride }
            })
            .collect();
        let proposals = config.propose.propose(&rpn, &config.anchors, size).unwrap();
        assert_boxes("proposals", &proposals, &case.tensor("proposals"));

        let fixed: Vec<Rect> = case
            .tensor("fixed_rois")
            .1
            .chunks_exact(5)
            .map(|row| std::array::from_fn(|i| row[i + 1]))
            .collect();
        let features = pooled(&levels, &fixed, 7);
        assert_tensor(&case, "fixed_roi_feat", features.clone(), FEATURE);
        let [scores, deltas] = net.boxes(features);
        assert_tensor(&case, "fixed_cls_score", scores, FEATURE);
        assert_tensor(&case, "fixed_bbox_pred", deltas, FEATURE);
        assert_tensor(&case, "fixed_mask_logits", net.masks(pooled(&levels, &fixed, 14)), FEATURE);

        let rects: Vec<Rect> = proposals.iter().map(|(rect, _)| *rect).collect();
        let [logits, deltas] = net.boxes(pooled(&levels, &rects, 7)).map(|t| values(t).1);
        let (boxes, _) = config.decode.boxes(&rects, &logits, &deltas, size);
        assert_boxes("boxes", &boxes, &case.tensor("det_bboxes"));

        let outputs: Vec<glyphic_graph::Tensor> =
            config.forward(&net, image).into_iter().map(|(_, output)| to_host(output).unwrap()).collect();
        let frame = Frame { input: size, content: size, scale: [1.0, 1.0] };
        let detected = config.decode(&outputs, &frame, &Parts(config.clone(), net)).unwrap();
        // The reference also returns masks of one pixel or one row, which have no area.
        let area = |row: &[f64]| {
            let cross = |i: usize, j: usize| row[2 * i] * row[2 * j + 1] - row[2 * j] * row[2 * i + 1];
            (cross(0, 1) + cross(1, 2) + cross(2, 3) + cross(3, 0)).abs() / 2.0
        };
        let stored = case.entry["json_outputs"]["boundary_result"].as_array().unwrap();
        let rows: Vec<Vec<f64>> = stored
            .iter()
            .map(|row| row.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect())
            .filter(|row: &Vec<f64>| area(row) > 1e-6)
            .collect();
        assert_eq!(detected.regions.len(), rows.len(), "{}", case.name);
        for (region, row) in detected.regions.iter().zip(&rows) {
            assert!((f64::from(region.score) - row[8]).abs() < 1e-4);
            for point in region.polygon.points() {
                let near = |c: &[f64]| (c[0] - point.x).abs() < 1e-2 && (c[1] - point.y).abs() < 1e-2;
                assert!(row[..8].chunks_exact(2).any(near), "{point:?} is not in {row:?}");
            }
        }
    }
}
