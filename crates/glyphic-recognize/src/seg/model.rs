use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor};
use glyphic_graph::Graph;
use glyphic_nn::backbones::{ResNet31, ResNet31Config};
use glyphic_nn::capture::capture;
use glyphic_nn::layers::{ConvBlock, ConvBlockConfig, conv2d, upsample_nearest};
use glyphic_nn::necks::{FpnOcr, FpnOcrConfig};
use glyphic_nn::ops::convolve;

use super::config::STRIDE;
use super::{SegConfig, SegLoss, equal_parts};
use crate::model::{Learn, LineBatch};
use crate::network::DeviceNetwork;
use crate::{Result, Width};

/// SegOCR.
#[derive(Module, Debug)]
pub struct Seg {
    /// From crops to maps of four sizes.
    pub backbone: ResNet31,
    /// Joins them.
    pub neck: FpnOcr,
    /// Gives classes.
    pub head: SegHead,
}

/// MMOCR's `SegHead`.
#[derive(Module, Debug)]
pub struct SegHead {
    seg_conv: ConvBlock,
    pred_conv: Conv2d,
}

impl SegHead {
    /// `[N, C, h, w] -> [N, classes, 2 * h, 2 * w]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [_, _, height, width] = x.dims();
        let x = convolve(&self.pred_conv, self.seg_conv.forward(x));
        upsample_nearest(x, [2 * height, 2 * width])
    }
}

impl SegConfig {
    /// A network with random weights for `classes` classes, the background included.
    pub fn init(&self, classes: usize, device: &Device) -> Seg {
        let backbone = ResNet31Config {
            input: self.input.channels.count(),
            channels: self.channels,
            third_pool: [2, 2],
            last_pool: true,
            ..ResNet31Config::default()
        };
        let neck = FpnOcrConfig { in_channels: self.channels[2..].to_vec(), out_channels: self.neck };
        Seg {
            backbone: backbone.init(device),
            neck: neck.init(device),
            head: SegHead {
                seg_conv: ConvBlockConfig::new([self.neck, self.neck], [3, 3]).init(device),
                pred_conv: conv2d([self.neck, classes], [1, 1], [1, 1], [0, 0], true, device),
            },
        }
    }
}

impl Seg {
    /// Logits of each pixel: `[N, channels, H, W] -> [N, classes, H, W]`, H and W multiples of 16.
    pub fn maps(&self, image: Tensor<4>) -> Tensor<4> {
        self.head.forward(self.neck.forward(self.backbone.features(image).to_vec()))
    }

    /// [`Seg::maps`] column by column: `[N, W, H * classes]`.
    pub fn forward(&self, image: Tensor<4>) -> Tensor<3> {
        let maps = self.maps(image);
        let [batch, classes, height, width] = maps.dims();
        maps.permute([0, 3, 2, 1]).reshape([batch, width, height * classes])
    }
}

impl Learn for SegConfig {
    type Net = Seg;

    fn init(&self, classes: usize, device: &Device) -> Seg {
        self.init(classes, device)
    }

    fn graph(&self, net: &Seg) -> glyphic_nn::Result<Graph> {
        capture("seg", net, |net, tape| {
            let image = tape.input("image", self.input.axes(STRIDE));
            tape.output("logits", net.forward(image));
        })
    }

    fn on_device(&self, net: Seg) -> DeviceNetwork {
        DeviceNetwork::Whole(Box::new(move |image| net.forward(image)))
    }

    /// The classes of the text, which share the width.
    fn target(&self, text: &str, width: Width) -> Result<Vec<usize>> {
        let classes = self.codec()?.encode(text)?;
        let room = (width.content / self.pixels_per_class()) as usize;
        if classes.is_empty() || classes.len() > room {
            let reason = match classes.len() {
                0 => "it is empty".to_owned(),
                length => format!("it has {length} characters; its crop has room for {room}"),
            };
            return Err(glyphic_codec::Error::Label { text: text.to_owned(), reason }.into());
        }
        Ok(classes)
    }

    /// A component needs 20 pixels: two columns of a kernel that is 16 rows high.
    fn pixels_per_class(&self) -> u32 {
        8
    }

    fn loss(&self, net: &Seg, batch: &LineBatch) -> Result<Tensor<1>> {
        let [_, _, height, width] = batch.image.dims();
        let pairs = batch.targets.iter().zip(batch.widths);
        let maps: Vec<Vec<u8>> = pairs.map(|(classes, width)| equal_parts(classes, *width, height)).collect();
        SegLoss::default().forward(net.maps(batch.image.clone()), &maps, [height, width])
    }
}
