//! The probability map on a CPU: the same network as [`super::model`], its batch norms folded into the
//! convolutions, on plain numbers. The threshold branch serves training alone and is left out.

use glyphic_nn::plain::{Conv, FeatureMap, FoldedWeights, Window};

use super::config::{DbBackbone, DbLite, DbNetConfig, DbResnet};
use super::level::DbLevel;
use super::model::DbNet;

/// The network ready to run. Immutable; any number of threads may share it.
pub(crate) struct Inference {
    backbone: Backbone,
    laterals: Vec<Conv>,
    smooths: Vec<Conv>,
    head: Head,
    lines: Option<Lines>,
}

/// What differs where regions are lines.
struct Lines {
    /// The mean of the coarsest features -> a logit above 0 for lines.
    judge: Conv,
    laterals: Vec<Conv>,
}

/// A frame for convolutions of 3x3, which nearly all are.
const FRAME: usize = 1;

impl Inference {
    /// From a network of this configuration.
    pub(crate) fn new(config: &DbNetConfig, network: DbNet) -> Self {
        let weights = FoldedWeights::new(network);
        let backbone = match &config.backbone {
            DbBackbone::Resnet(config) => Backbone::resnet(config, &weights),
            DbBackbone::Lite(config) => Backbone::lite(config, &weights),
        };
        let levels = 0..config.backbone.channels().len();
        let pixel = Window::square(1, 1);
        let lines = config.level.map(|_| Lines {
            judge: weights.conv("level.judge", pixel, false),
            laterals: levels
                .clone()
                .map(|i| {
                    let (scale, shift) = (format!("level.scale.{i}"), format!("level.shift.{i}"));
                    weights.leaning_conv(&format!("neck.lateral_convs.{i}.conv"), &scale, &shift, pixel)
                })
                .collect(),
        });
        let convs = |part: &str, window: Window| -> Vec<Conv> {
            let name = |i: usize| format!("neck.{part}.{i}.conv");
            levels.clone().map(|i| weights.conv(&name(i), window, false)).collect()
        };
        Self {
            backbone,
            laterals: convs("lateral_convs", pixel),
            smooths: convs("smooth_convs", Window::square(3, 1)),
            head: Head {
                conv: weights.conv("bbox_head.binarize.0", Window::square(3, 1), true),
                enlarge: weights.double("bbox_head.binarize.3", true),
                last: weights.double("bbox_head.binarize.6", false),
            },
            lines,
        }
    }

    /// The frame that the input map must have.
    pub(crate) fn input_frame(&self) -> usize {
        self.backbone.stem[0].padding()
    }

    /// A normalised picture `[H, W, 3]`, sides multiples of 32 -> text probabilities `[H, W]`; `None` where the picture is
    /// judged to be one of words and `lines_only` is set.
    pub(crate) fn probabilities(
        &self,
        picture: FeatureMap,
        level: DbLevel,
        lines_only: bool,
    ) -> Option<Vec<f32>> {
        let features = self.backbone.forward(picture);
        let lines = self.lines.as_ref().filter(|lines| match (level, features.last()) {
            (DbLevel::Auto, Some(coarsest)) => {
                lines.judge.forward(&coarsest.mean(), 0).into_values()[0] > 0.0
            }
            (level, _) => level == DbLevel::Line,
        });
        if lines.is_none() && lines_only {
            return None;
        }
        let fused = self.neck(features, lines.map_or(&self.laterals, |lines| &lines.laterals));
        Some(self.head.forward(&fused))
    }

    /// FPNC: features at 1/4 to 1/32 -> `[H/4, W/4, 4 * out]`.
    fn neck(&self, features: Vec<FeatureMap>, laterals: &[Conv]) -> FeatureMap {
        let mut fused: Option<FeatureMap> = None;
        let mut above: Option<FeatureMap> = None;
        let (height, width) = (features[0].height, features[0].width);
        let channels: usize = self.smooths.iter().map(Conv::outputs).sum();
        for (level, feature) in features.into_iter().enumerate().rev() {
            let lateral = match &above {
                Some(above) => laterals[level].forward_add(&feature, above, FRAME),
                None => laterals[level].forward(&feature, FRAME),
            };
            drop(feature);
            let out = fused.get_or_insert_with(|| FeatureMap::new(height, width, channels, FRAME));
            let smooth = &self.smooths[level];
            let channel = self.smooths[..level].iter().map(Conv::outputs).sum();
            if level == 0 {
                smooth.forward_into(&lateral, out, channel);
            } else {
                out.write_enlarged(&smooth.forward(&lateral, 0), channel, 1 << level);
            }
            above = Some(lateral);
        }
        fused.expect("a backbone has features")
    }
}

/// A backbone of residual blocks.
struct Backbone {
    stem: Vec<Conv>,
    /// A 3x3 pooling of stride 2 follows the stem. Without it the stem's output is the first feature.
    pool: bool,
    /// Blocks before the first feature.
    fine: Vec<Block>,
    stages: Vec<Vec<Block>>,
}

impl Backbone {
    fn lite(config: &DbLite, weights: &FoldedWeights) -> Self {
        let half = Window::square(3, 2);
        let block = |name: String, stride: usize| {
            Block::new(weights, &name, &[(3, stride), (3, 1)], ("down.conv", stride))
        };
        Self {
            stem: [0, 1].map(|i| weights.conv(&format!("backbone.stem.{i}.conv"), half, true)).into(),
            pool: false,
            fine: (0..config.fine).map(|b| block(format!("backbone.fine.{b}"), 1)).collect(),
            stages: config
                .stages
                .iter()
                .enumerate()
                .map(|(stage, (_, blocks))| {
                    let name = |b: usize| format!("backbone.stages.{stage}.{b}");
                    (0..*blocks).map(|b| block(name(b), if b == 0 { 2 } else { 1 })).collect()
                })
                .collect(),
        }
    }

    fn resnet(config: &DbResnet, weights: &FoldedWeights) -> Self {
        let block = |name: &str, stride: usize| {
            let (first, second) = if config.stride_on_first { (stride, 1) } else { (1, stride) };
            let convs: &[_] = match weights.has(&format!("{name}.conv3")) {
                true => &[(1, first), (3, second), (1, 1)],
                false => &[(3, stride), (3, 1)],
            };
            Block::new(weights, name, convs, ("downsample.0", stride))
        };
        let stage = |stage: usize| {
            (0..)
                .map(|b| (b, format!("backbone.layer{stage}.{b}")))
                .take_while(|(_, name)| weights.has(&format!("{name}.conv1")))
                .map(|(b, name)| block(&name, if stage > 1 && b == 0 { 2 } else { 1 }))
                .collect()
        };
        Self {
            stem: vec![weights.conv("backbone.conv1", Window::square(7, 2), true)],
            pool: true,
            fine: Vec::new(),
            stages: (1..=4).map(stage).collect(),
        }
    }

    /// `[H, W, 3]` -> features at 1/4, 1/8, 1/16 and 1/32.
    fn forward(&self, picture: FeatureMap) -> Vec<FeatureMap> {
        let mut x = picture;
        for conv in &self.stem {
            x = conv.forward(&x, FRAME);
        }
        if self.pool {
            x = x.max_pool_3x3_s2(FRAME);
        }
        for block in &self.fine {
            x = block.forward(&x);
        }
        let mut features: Vec<FeatureMap> = Vec::new();
        for stage in &self.stages {
            let mut out: Option<FeatureMap> = None;
            for block in stage {
                out = Some(block.forward(out.as_ref().or(features.last()).unwrap_or(&x)));
            }
            features.extend(out);
        }
        if !self.pool {
            features.insert(0, x);
        }
        features
    }
}

/// A residual block: convolutions, the last of which adds the input (brought to its shape) before its ReLU.
struct Block {
    first: Vec<Conv>,
    last: Conv,
    down: Option<Conv>,
}

impl Block {
    /// Convolutions `conv1..` of these kernels and strides, and the shortcut's where the block has one.
    fn new(weights: &FoldedWeights, name: &str, convs: &[(usize, usize)], down: (&str, usize)) -> Self {
        let mut convs: Vec<Conv> = convs
            .iter()
            .zip(1..)
            .map(|(&(kernel, stride), i)| {
                weights.conv(&format!("{name}.conv{i}"), Window::square(kernel, stride), true)
            })
            .collect();
        let down_name = format!("{name}.{}", down.0);
        let last = convs.pop().expect("a block has convolutions");
        let down =
            weights.has(&down_name).then(|| weights.conv(&down_name, Window::square(1, down.1), false));
        Self { first: convs, last, down }
    }

    fn forward(&self, x: &FeatureMap) -> FeatureMap {
        let shortcut = self.down.as_ref().map(|down| down.forward(x, 0));
        let mut inner: Option<FeatureMap> = None;
        for conv in &self.first {
            inner = Some(conv.forward(inner.as_ref().unwrap_or(x), FRAME));
        }
        self.last.forward_add(inner.as_ref().unwrap_or(x), shortcut.as_ref().unwrap_or(x), FRAME)
    }
}

/// A branch of the head: a convolution, then two transposed ones of 2x2 and stride 2, which never overlap and so
/// are 1x1 convolutions with four outputs a pixel.
struct Head {
    conv: Conv,
    enlarge: Conv,
    last: Conv,
}

impl Head {
    /// `[h, w, c]` -> probabilities `[4h, 4w]`.
    fn forward(&self, fused: &FeatureMap) -> Vec<f32> {
        let (height, width) = (fused.height, fused.width);
        let x = self.conv.forward(fused, 0);
        let x = self.enlarge.forward(&x, 0).split_pixels(4);
        let x = self.last.forward(&x, 0);
        // x: [h, w * (dy, dx), (ey, ex)]; pixel (4y + 2dy + ey, 4x + 2dx + ex) of the map
        let mut out = FeatureMap::new(4 * height, 4 * width, 1, 0);
        out.for_each_row(|y, row| {
            let (dy, ey) = (y / 2 % 2, y % 2);
            for (targets, pixel) in row.chunks_exact_mut(4).zip(x.row(y / 4).chunks_exact(16)) {
                for dx in 0..2 {
                    for ex in 0..2 {
                        targets[2 * dx + ex] = sigmoid(pixel[(2 * dy + dx) * 4 + 2 * ey + ex]);
                    }
                }
            }
        });
        out.into_values()
    }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}
