use burn::module::Module;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Int, Tensor, TensorData};
use glyphic_nn::backbones::ResNet;
use glyphic_nn::layers::conv2d;
use glyphic_nn::necks::{FpnUnet, FpnUnetConfig};
use glyphic_nn::ops::{ColumnSums, convolve, sum_columns};

use super::config::MAPS;
use super::gcn::{Gcn, GcnConfig};
use super::{DrrgConfig, LearnedGraphs};

/// Backbone, neck and head. Names: `backbone.*`, `neck.*`, `bbox_head.out_conv`, `bbox_head.gcn.*`.
#[derive(Module, Debug)]
pub struct Drrg {
    backbone: ResNet,
    neck: FpnUnet,
    bbox_head: DrrgHead,
}

#[derive(Module, Debug)]
struct DrrgHead {
    out_conv: Conv2d,
    gcn: Gcn,
}

impl DrrgConfig {
    /// Makes the network with fresh weights.
    pub fn init(&self, device: &Device) -> Drrg {
        let backbone = self.backbone.network();
        let neck = FpnUnetConfig { in_channels: backbone.channels(), out_channels: self.neck_channels };
        let out_conv = conv2d([self.neck_channels, MAPS], [1, 1], [1, 1], [0, 0], true, device);
        let gcn = GcnConfig { length: self.node_length() };
        Drrg {
            backbone: backbone.init(device),
            neck: neck.init(device),
            bbox_head: DrrgHead { out_conv, gcn: gcn.init(device) },
        }
    }
}

impl Drrg {
    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> features of 1/4 to 1/32 of the size.
    pub fn features(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        self.backbone.forward(x)
    }

    /// Features -> the neck's output, `[N, C, H, W]`.
    pub fn neck(&self, features: Vec<Tensor<4>>) -> Tensor<4> {
        self.neck.forward(features)
    }

    /// The neck's output -> maps `[N, 6, H, W]`: logits of text and centre line, sine and cosine of the direction from the
    /// bottom to the top, heights to the top and to the bottom.
    pub fn maps(&self, x: Tensor<4>) -> Tensor<4> {
        convolve(&self.bbox_head.out_conv, x)
    }

    /// Pictures `[N, 3, H, W]`, sides multiples of 32 -> maps `[N, 6, H, W]` and what nodes are pooled from,
    /// `[N, C + 6, H, W]`: the neck's output and the maps.
    pub fn forward(&self, x: Tensor<4>) -> [Tensor<4>; 2] {
        let neck = self.neck(self.features(x));
        let maps = self.maps(neck.clone());
        [maps.clone(), Tensor::cat(vec![neck, maps], 1)]
    }

    /// Local graphs: features `[graphs, nodes, length]`, adjacency `[graphs, nodes, nodes]` and which nodes are the pivot's
    /// neighbours, 1 in rows of 0 `[graphs, neighbours, nodes]` -> logits of "not linked" and "linked",
    /// `[graphs, neighbours, 2]`.
    pub fn link(&self, nodes: Tensor<3>, adjacency: Tensor<3>, selection: Tensor<3>) -> Tensor<3> {
        let gcn = &self.bbox_head.gcn;
        gcn.classify(selection.matmul(gcn.nodes(nodes, adjacency)))
    }

    /// The logits of the pairs of graphs that are learnt from, `[pairs, 2]`, pictures one after the other; gradients reach the
    /// features, `[N, C + 6, H, W]`. `None` where there are no graphs.
    pub fn learned_links(&self, features: &Tensor<4>, pictures: &[&LearnedGraphs]) -> Option<Tensor<2>> {
        let device = features.device();
        let [_, channels, height, width] = features.dims();
        let size = pictures.iter().map(|p| p.nodes).max()?;
        let (mut nodes, mut adjacency, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
        let mut first = 0;
        for (i, picture) in pictures.iter().enumerate().filter(|(_, p)| !p.members.is_empty()) {
            let map = features.clone().narrow(0, i, 1).reshape([channels, height * width]);
            let components = picture.geometry.len() / picture.geometry_length;
            let cells = picture.pooling.len() / components;
            let mut pooling = ColumnSums::default();
            picture.pooling.iter().for_each(|cell| pooling.push(cell.iter().copied()));
            let content = sum_columns(map, &pooling).reshape([components, cells, channels]);
            let content = content.swap_dims(1, 2).reshape([components, channels * cells]);
            let geometry = TensorData::new(picture.geometry.clone(), [components, picture.geometry_length]);
            let of_components = Tensor::cat(vec![content, Tensor::from_data(geometry, &device)], 1);

            let graphs = picture.members.len();
            let (mut own, mut pivots) = (Vec::new(), Vec::new());
            let mut is_node = vec![0.0f32; graphs * size];
            let mut joined = vec![0.0f32; graphs * size * size];
            for (g, (members, near)) in picture.members.iter().zip(&picture.neighbours).enumerate() {
                let n = members.len();
                own.extend((0..size).map(|j| members.get(j).copied().unwrap_or(members[0]) as i64));
                pivots.extend(std::iter::repeat_n(members[0] as i64, size));
                is_node[g * size..][..n].fill(1.0);
                for (row, values) in picture.adjacency[g].chunks_exact(n).enumerate() {
                    let target = &mut joined[(g * size + row) * size..][..n];
                    target.iter_mut().zip(values).for_each(|(t, v)| *t = *v as f32);
                }
                pairs.extend(near.iter().map(|place| ((first + g) * size + place) as i64));
            }
            first += graphs;
            let rows = |places: Vec<i64>| {
                let data = TensorData::new(places, [graphs * size]);
                of_components.clone().select(0, Tensor::<1, Int>::from_data(data, &device))
            };
            let is_node = Tensor::<2>::from_data(TensorData::new(is_node, [graphs * size, 1]), &device);
            let length = of_components.dims()[1];
            nodes.push(((rows(own) - rows(pivots)) * is_node).reshape([graphs, size, length]));
            adjacency.push(Tensor::<3>::from_data(TensorData::new(joined, [graphs, size, size]), &device));
        }
        if pairs.is_empty() {
            return None;
        }
        let gcn = &self.bbox_head.gcn;
        let known = gcn.nodes(Tensor::cat(nodes, 0), Tensor::cat(adjacency, 0));
        let [graphs, size, width] = known.dims();
        let count = pairs.len();
        let pairs = Tensor::<1, Int>::from_data(TensorData::new(pairs, [count]), &device);
        let pairs = known.reshape([graphs * size, width]).select(0, pairs);
        Some(gcn.classify(pairs.unsqueeze::<3>()).reshape([count, 2]))
    }
}
