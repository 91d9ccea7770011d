use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{Linear, LinearConfig, Relu};
use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, Tensor};
use glyphic_graph::Graph;
use glyphic_nn::backbones::{Lite, ResNet};
use glyphic_nn::capture::{Axis, capture};
use glyphic_nn::layers::{BatchNorm2d, BatchNorm2dConfig, conv_bn, conv2d};
use glyphic_nn::necks::{Fpnc, FpncConfig};
use glyphic_nn::ops::{After, convolve_transposed};

use super::config::{DbBackbone, DbNetConfig};
use super::{DbLevel, FEATURES};

/// Steepness of the step function that turns probability and threshold into the binary map.
const STEEPNESS: f64 = 50.0;

/// The three maps that training compares with targets, `[N, 1, H, W]` each, 0 to 1.
#[derive(Debug, Clone)]
pub struct DbMaps {
    /// How likely each pixel is text (shrunk).
    pub prob: Tensor<4>,
    /// The threshold that fits each pixel.
    pub threshold: Tensor<4>,
    /// A soft `prob > threshold`.
    pub binary: Tensor<4>,
    /// What the network takes each picture for, `[N]`, a logit above 0 for lines; of networks that know levels.
    pub level: Option<Tensor<1>>,
}

/// Backbone, neck and head, and the level where the network knows one. Names: `backbone.*`, `neck.*`, `bbox_head.*`,
/// `level.*`.
#[derive(Module, Debug)]
pub struct DbNet {
    backbone: Backbone,
    neck: Fpnc,
    bbox_head: DbHead,
    level: Option<LevelClassifier>,
}

impl DbNetConfig {
    /// Makes the network with fresh weights.
    pub fn init(&self, device: &Device) -> DbNet {
        let backbone = match &self.backbone {
            DbBackbone::Resnet(config) => Backbone::Resnet(config.network().init(device)),
            DbBackbone::Lite(config) => Backbone::Lite(config.network().init(device)),
        };
        let channels = self.backbone.channels();
        let level = self.level.map(|_| {
            let coarsest = channels.last().copied().unwrap_or_default();
            LevelClassifier::new(coarsest, channels.len(), self.neck.lateral_channels, device)
        });
        let neck = FpncConfig {
            lateral_channels: self.neck.lateral_channels,
            out_channels: self.neck.out_channels,
            scale_fusion: self.neck.scale_fusion,
            ..FpncConfig::new(&channels)
        };
        let bbox_head = DbHead::new(neck.output_channels(), device);
        DbNet { backbone, neck: neck.init(device), bbox_head, level }
    }
}

impl DbNet {
    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> the backbone's features at 1/4, 1/8, 1/16 and 1/32.
    pub fn features(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        match &self.backbone {
            Backbone::Resnet(backbone) => backbone.forward(x),
            Backbone::Lite(backbone) => backbone.forward(x),
        }
    }

    /// Logits of the level of each image, `[N]`, above 0 for lines; `None` for a network without levels.
    pub fn classify_level(&self, features: &[Tensor<4>]) -> Option<Tensor<1>> {
        Some(self.level.as_ref()?.classify(features.last()?.clone()))
    }

    /// Features -> the neck's output `[N, 4 * out_channels, H/4, W/4]`. `line` is 0 for words and 1 for lines, `[N]`;
    /// networks without levels do not look at it.
    pub fn neck(&self, features: Vec<Tensor<4>>, line: Option<&Tensor<1>>) -> Tensor<4> {
        match (&self.level, line) {
            (Some(level), Some(line)) => self.neck.forward_with(features, |i, x| level.film(i, x, line)),
            _ => self.neck.forward(features),
        }
    }

    /// The neck's output -> all maps, `[N, 1, H, W]` each.
    pub fn maps(&self, x: Tensor<4>) -> DbMaps {
        let prob = branch(&self.bbox_head.binarize, x.clone());
        let threshold = branch(&self.bbox_head.threshold, x);
        let binary = sigmoid((prob.clone() - threshold.clone()) * STEEPNESS);
        DbMaps { prob, threshold, binary, level: None }
    }

    /// For training: `[N, 3, H, W]`, sides multiples of 32 -> three maps `[N, 1, H, W]`. `line` as for
    /// [`DbNet::neck`].
    pub fn forward(&self, x: Tensor<4>, line: Option<&Tensor<1>>) -> DbMaps {
        let features = self.features(x);
        let level = self.classify_level(&features);
        DbMaps { level, ..self.maps(self.neck(features, line)) }
    }

    /// The network as a graph, without the threshold branch: `image` `[N, 3, H, W]`, sides multiples of 32 ->
    /// `probability` `[N, 1, H, W]`. Of networks that know levels also `line`, `[N]`, as for [`DbNet::neck`], and
    /// `level`, `[N]`, what [`DbNet::classify_level`] gives; the values of `FEATURES` are all that lies between backbone and neck.
    ///
    /// # Errors
    /// Those of [`capture`].
    pub fn graph(&self) -> glyphic_nn::Result<Graph> {
        let sides = [Axis::free("height", 32), Axis::free("width", 32)];
        capture("dbnet", self, |network, tape| {
            let image = tape.input("image", [Axis::BATCH, Axis::Fixed(3), sides[0], sides[1]]);
            let features = network.features(image);
            for (name, feature) in FEATURES.iter().zip(&features) {
                tape.mark(name, feature);
            }
            let level = network.classify_level(&features);
            let line = level.as_ref().map(|_| tape.input("line", [Axis::BATCH]));
            let x = network.neck(features, line.as_ref());
            tape.output("probability", branch(&network.bbox_head.binarize, x));
            if let Some(level) = level {
                tape.output("level", level);
            }
        })
    }

    /// The probability map alone of a network without levels, `[N, 3, H, W] -> [N, 1, H, W]`.
    pub(super) fn probability(&self, x: Tensor<4>) -> Tensor<4> {
        branch(&self.bbox_head.binarize, self.neck(self.features(x), None))
    }

    /// For inference, without the threshold branch: one picture `[1, 3, H, W]` -> probabilities `[1, 1, H, W]`; `None`
    /// where it is classified as one of words and `lines_only` is set.
    pub fn probabilities(&self, x: Tensor<4>, level: DbLevel, lines_only: bool) -> Option<Tensor<4>> {
        let features = self.features(x);
        let line = self.classify_level(&features).map(|logit| match level {
            DbLevel::Auto => logit.into_scalar::<f32>() > 0.0,
            level => level == DbLevel::Line,
        });
        if lines_only && line != Some(true) {
            return None;
        }
        let line = line.map(|line| Tensor::full([1], f32::from(u8::from(line)), &features[0].device()));
        Some(branch(&self.bbox_head.binarize, self.neck(features, line.as_ref())))
    }
}

#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one of them")]
enum Backbone {
    Resnet(ResNet),
    Lite(Lite),
}

/// Classifies an image as one of words or one of lines and conditions the neck on the class: a linear classifier on the mean of the coarsest features, and feature-wise linear modulation (FiLM, Perez et al. 2018)
/// of the neck's laterals where the class is "lines". Names in checkpoints: `level.judge.{weight,bias}`,
/// `level.scale.<i>`, `level.shift.<i>`.
#[derive(Module, Debug)]
struct LevelClassifier {
    judge: Linear,
    scale: Vec<Param<Tensor<1>>>,
    shift: Vec<Param<Tensor<1>>>,
}

impl LevelClassifier {
    /// For features with `coarsest` channels at the last of `laterals` laterals of `channels` channels.
    fn new(coarsest: usize, laterals: usize, channels: usize, device: &Device) -> Self {
        let zeros = || (0..laterals).map(|_| Param::from_tensor(Tensor::zeros([channels], device))).collect();
        Self { judge: LinearConfig::new(coarsest, 1).init(device), scale: zeros(), shift: zeros() }
    }

    /// The coarsest features `[N, C, h, w]` -> logits `[N]`, above 0 for lines.
    fn classify(&self, coarsest: Tensor<4>) -> Tensor<1> {
        let [n, channels, _, _] = coarsest.dims();
        let means = coarsest.mean_dim(3).mean_dim(2).reshape([n, channels]);
        self.judge.forward(means).reshape([n])
    }

    /// Lateral `i`, `[N, C, h, w]`, scaled and shifted where `line` `[N]` is 1; unchanged where it is 0.
    fn film(&self, i: usize, x: Tensor<4>, line: &Tensor<1>) -> Tensor<4> {
        let [n, channels, _, _] = x.dims();
        let line = line.clone().reshape([n, 1, 1, 1]);
        let of = |p: &Param<Tensor<1>>| line.clone() * p.val().reshape([1, channels, 1, 1]);
        x * (of(&self.scale[i]) + 1.0) + of(&self.shift[i])
    }
}

/// Names: `binarize.{0,1,3,4,6}`, `threshold.{0,1,3,4,6}`; the ReLUs between count too.
#[derive(Module, Debug)]
struct DbHead {
    binarize: Branch,
    threshold: Branch,
}

type Branch =
    (Conv2d, Option<BatchNorm2d>, Relu, ConvTranspose2d, Option<BatchNorm2d>, Relu, ConvTranspose2d);

impl DbHead {
    fn new(channels: usize, device: &Device) -> Self {
        let inner = channels / 4;
        let norm = || Some(BatchNorm2dConfig::new(inner).init(device));
        let double = |to| ConvTranspose2dConfig::new([inner, to], [2, 2]).with_stride([2, 2]).init(device);
        let branch = || {
            let conv = conv2d([channels, inner], [3, 3], [1, 1], [1, 1], false, device);
            (conv, norm(), Relu, double(inner), norm(), Relu, double(1))
        };
        Self { binarize: branch(), threshold: branch() }
    }
}

/// `[N, C, h, w]` -> `[N, 1, 4h, 4w]`, 0 to 1.
fn branch((conv, bn1, _, double, bn2, _, last): &Branch, x: Tensor<4>) -> Tensor<4> {
    let x = conv_bn(conv, bn1.as_ref(), x, After::Relu);
    let x = convolve_transposed(double, x);
    let x = match bn2 {
        Some(bn) => bn.forward_then(x, After::Relu),
        None => After::Relu.apply(x),
    };
    sigmoid(convolve_transposed(last, x))
}
