use burn::module::Module;
use burn::nn::{Embedding, EmbeddingConfig, Initializer, Linear, LinearConfig};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use glyphic_graph::Graph;
use glyphic_nn::backbones::UNet;
use glyphic_nn::capture::{Axis, Tape, capture};
use glyphic_nn::checkpoint::{StateDict, load_into};
use glyphic_nn::layers::{Lstm, LstmConfig, max_pool};
use glyphic_nn::ops::RoiAlign;

use super::preprocess::padded;
use super::{PageInput, SdmgrConfig};
use crate::Result;

/// Chunks into which the features of text and picture are divided where they are joined, and the rank of each chunk's
/// bilinear form (Ben-younes et al., "BLOCK", arXiv:1902.00038).
const CHUNKS: usize = 20;
const RANK: usize = 15;

impl SdmgrConfig {
    /// Makes the network of a configuration that [`SdmgrConfig::validate`] accepts.
    pub fn init(&self, device: &Device) -> Sdmgr {
        let linear = |from, to| LinearConfig::new(from, to).with_initializer(torch(from)).init(device);
        let (node, edge) = (self.node_embed, self.edge_embed);
        let hidden = if self.bidirectional { node / 2 } else { node };
        let layer = |_| GnnLayer {
            in_fc: linear(2 * node + edge, node),
            coef_fc: linear(node, 1),
            out_fc: linear(node, node),
        };
        let embed = Initializer::Normal { mean: 0.0, std: 0.01 };
        Sdmgr {
            backbone: self.visual.as_ref().map(|visual| visual.unet.init(device)),
            bbox_head: Head {
                fusion: self.visual.as_ref().map(|visual| {
                    Fusion::init([visual.unet.base_channels, node], node, self.fusion_dim, device)
                }),
                node_embed: EmbeddingConfig::new(self.num_chars(), self.node_input).init(device),
                rnn: LstmConfig { input: self.node_input, hidden, bidirectional: self.bidirectional }
                    .init(device),
                edge_embed: LinearConfig::new(self.edge_input, edge).with_initializer(embed).init(device),
                gnn_layers: (0..self.num_gnn).map(layer).collect(),
                node_cls: linear(node, self.classes.len()),
                edge_cls: linear(edge_features(node), 2),
            },
            roi_size: self.visual.as_ref().map_or(0, |visual| visual.roi_size),
        }
    }

    /// The network with these weights, all of them and no others but those that [`SdmgrConfig::load_options`] names.
    ///
    /// # Errors
    /// [`crate::Error::Config`]; [`crate::Error::Weights`] with every name that does not fit.
    pub fn load(&self, weights: &StateDict, device: &Device) -> Result<Sdmgr> {
        self.validate()?;
        let mut net = self.init(device);
        load_into(&mut net, weights, &self.load_options())?;
        Ok(net)
    }
}

/// Pairs are classified by what the last layer of reasoning makes of them, which has the width of a node.
fn edge_features(node: usize) -> usize {
    node
}

/// PyTorch's: uniform in +-1/sqrt(inputs).
fn torch(inputs: usize) -> Initializer {
    let bound = 1.0 / (inputs as f64).sqrt();
    Initializer::Uniform { min: -bound, max: bound }
}

/// SDMGR. Names: `backbone.*`, `bbox_head.*`.
#[derive(Module, Debug)]
pub struct Sdmgr {
    /// Where the network looks at the picture.
    pub backbone: Option<UNet>,
    bbox_head: Head,
    roi_size: usize,
}

#[derive(Module, Debug)]
struct Head {
    fusion: Option<Fusion>,
    node_embed: Embedding,
    rnn: Lstm,
    edge_embed: Linear,
    gnn_layers: Vec<GnnLayer>,
    node_cls: Linear,
    edge_cls: Linear,
}

#[derive(Module, Debug)]
struct GnnLayer {
    in_fc: Linear,
    coef_fc: Linear,
    out_fc: Linear,
}

/// Joins two kinds of features by block-wise bilinear forms of low rank.
#[derive(Module, Debug)]
struct Fusion {
    linear0: Linear,
    linear1: Linear,
    merge_linears0: Vec<Linear>,
    merge_linears1: Vec<Linear>,
    linear_out: Linear,
}

/// Texts of boxes as tensors.
#[derive(Debug, Clone)]
pub struct Texts {
    /// The classes of the characters, 0 behind the last one: `[n, length]`.
    pub chars: Tensor<2, Int>,
    /// 1 at each text's last character; nowhere for a text without any: `[n, length]`.
    pub last: Tensor<2>,
}

impl Texts {
    /// Texts as classes of characters, from 1 on, padded to the longest one.
    pub fn new(texts: &[&[usize]], device: &Device) -> Self {
        let (chars, last, shape) = padded(texts);
        let chars: Vec<i64> = chars.into_iter().map(|c| c as i64).collect();
        Self {
            chars: Tensor::from_data(TensorData::new(chars, shape), device),
            last: Tensor::from_data(TensorData::new(last, shape), device),
        }
    }
}

impl Sdmgr {
    /// The features of texts, `[n, node_embed]`: the state of the LSTM behind a text's last character.
    pub fn encode(&self, texts: Texts) -> Tensor<2> {
        let Texts { chars, last } = texts;
        let head = &self.bbox_head;
        let [n, length] = chars.dims();
        let weight = head.node_embed.weight.val();
        let [_, features] = weight.dims();
        let mut x = weight.select(0, chars.clone().reshape([n * length])).reshape([n, length, features]);
        if x.device().is_autodiff() {
            // The class of padding is not learned.
            let known = chars.clamp(0, 1).float().reshape([n, length, 1]);
            let padding = x.clone().detach() * (known.clone() * -1.0 + 1.0);
            x = x * known + padding;
        }
        let states = head.rnn.forward(x.swap_dims(0, 1)); // [length, n, node]
        let [_, _, node] = states.dims();
        let last = last.swap_dims(0, 1).reshape([length, n, 1]);
        (states * last).sum_dim(0).reshape([n, node])
    }

    /// [`Sdmgr::encode`] of many texts, those of similar lengths together.
    pub fn encode_all(&self, texts: &[&[usize]], device: &Device) -> Tensor<2> {
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|i| texts[*i].len());
        let mut parts = Vec::new();
        let mut start = 0;
        while start < order.len() {
            let longest = (texts[order[start]].len().max(3) * 3).div_ceil(2);
            let end = start + order[start..].iter().take_while(|i| texts[**i].len() <= longest).count();
            let group: Vec<&[usize]> = order[start..end].iter().map(|i| texts[*i]).collect();
            parts.push(self.encode(Texts::new(&group, device)));
            start = end;
        }
        let mut places = vec![0_i64; order.len()];
        order.iter().zip(0..).for_each(|(i, place)| places[*i] = place);
        let places = Tensor::<1, Int>::from_data(TensorData::from(places.as_slice()), device);
        Tensor::cat(parts, 0).select(0, places)
    }

    /// What the network sees of regions `[n, 4]` of pictures `[N, 3, H, W]`: `[n, base_channels]`. `None` where it does not
    /// look at pictures.
    pub fn look(&self, image: Tensor<4>, regions: Tensor<2>, pictures: Tensor<1, Int>) -> Option<Tensor<2>> {
        let map = self.backbone.as_ref()?.forward(image).pop()?;
        Some(self.pool(map, regions, pictures))
    }

    /// The maxima of regions of the backbone's last map.
    pub fn pool(&self, map: Tensor<4>, regions: Tensor<2>, pictures: Tensor<1, Int>) -> Tensor<2> {
        let size = [self.roi_size; 2];
        let pooled = RoiAlign::new(size, 1.0).forward(map, regions, pictures);
        max_pool(pooled, size, size, [0, 0]).flatten::<2>(1, 3)
    }

    /// Nodes of texts `[n, node_embed]` and, where given, of what is seen of them.
    pub fn join(&self, texts: Tensor<2>, visual: Option<Tensor<2>>) -> Tensor<2> {
        match (&self.bbox_head.fusion, visual) {
            (Some(fusion), Some(visual)) => fusion.forward(visual, texts),
            _ => texts,
        }
    }

    /// Nodes `[n, node_embed]` and relations `[n, n, 5]` of one page to scores of each box's classes, `[n, classes]`, and of
    /// whether two boxes belong together, `[n, n, 2]`.
    pub fn reason(&self, nodes: Tensor<2>, relations: Tensor<3>) -> (Tensor<2>, Tensor<3>) {
        let head = &self.bbox_head;
        let [n, _] = nodes.dims();
        let [_, _, numbers] = relations.dims();
        let relations = relations.reshape([n * n, numbers]);
        let embedded = head.edge_embed.forward(relations.clone());
        // [n * n, 1]
        let length = embedded.powi_scalar(2).sum_dim(1).sqrt().clamp_min(1e-12);
        let index = Tensor::<1, Int>::arange(0..n as i64, &nodes.device()).float();
        let apart = (index.clone().reshape([n, 1]) - index.reshape([1, n])).abs().clamp_max(1.0);
        // A box does not attend to itself.
        let barrier = (apart - 1.0) * 1e9;
        let mut nodes = nodes;
        let mut pairs = None;
        for layer in &head.gnn_layers {
            let (next, mixed) =
                layer.forward(nodes, &head.edge_embed, relations.clone(), length.clone(), barrier.clone());
            (nodes, pairs) = (next, Some(mixed));
        }
        let pairs = pairs.expect("there is a layer");
        let [_, _, node] = pairs.dims();
        let links = head.edge_cls.forward(pairs.reshape([n * n, node])).reshape([n, n, 2]);
        (head.node_cls.forward(nodes), links)
    }

    /// The scores of a batch of pages: of all boxes `[sum of n, classes]`, of all pairs `[sum of n * n, 2]`. `images` are the
    /// pages' pictures, `[N, 3, H, W]`, where the network looks at them.
    pub fn forward(
        &self,
        pages: &[&PageInput],
        images: Option<Tensor<4>>,
        device: &Device,
    ) -> (Tensor<2>, Tensor<2>) {
        let texts: Vec<&[usize]> =
            pages.iter().flat_map(|page| page.texts.iter().map(Vec::as_slice)).collect();
        let nodes = self.encode_all(&texts, device);
        let visual = images.and_then(|images| {
            let boxes: Vec<f32> = pages.iter().flat_map(|page| page.boxes.as_flattened()).copied().collect();
            let places = pages.iter().zip(0_i64..).flat_map(|(page, i)| vec![i; page.boxes.len()]);
            let boxes = Tensor::from_data(TensorData::new(boxes, [texts.len(), 4]), device);
            let places: Vec<i64> = places.collect();
            self.look(images, boxes, Tensor::from_data(TensorData::from(places.as_slice()), device))
        });
        let nodes = self.join(nodes, visual);
        let (mut classes, mut links) = (Vec::new(), Vec::new());
        let mut start = 0;
        for page in pages {
            let n = page.texts.len();
            let relations = TensorData::new(page.relations.clone(), [n, n, 5]);
            let own = nodes.clone().narrow(0, start, n);
            let (class, link) = self.reason(own, Tensor::from_data(relations, device));
            classes.push(class);
            links.push(link.reshape([n * n, 2]));
            start += n;
        }
        (Tensor::cat(classes, 0), Tensor::cat(links, 0))
    }

    /// The network as a graph of one page: inputs `chars` and `last` `[boxes, length]`, `relations` `[boxes, boxes, 5]` and,
    /// where the network looks at the picture, `image` `[1, 3, height, width]` and `regions` `[boxes, 4]`; outputs `classes`
    /// `[boxes, classes]` and `links` `[boxes, boxes, 2]`. Characters are numbers in floats.
    ///
    /// # Errors
    /// [`crate::Error::Weights`] where it cannot be recorded.
    pub fn graph(&self, config: &SdmgrConfig) -> Result<Graph> {
        let divisor = config.visual.as_ref().map_or(1, |visual| visual.unet.divisor());
        let graph = capture("sdmgr", self, |net, tape: &mut Tape| {
            let (boxes, length) = (Axis::free("boxes", 1), Axis::free("length", 1));
            let chars = tape.input("chars", [boxes, length]).int();
            let last = tape.input("last", [boxes, length]);
            let relations = tape.input("relations", [boxes, boxes, Axis::Fixed(config.edge_input)]);
            let nodes = net.encode(Texts { chars, last });
            let visual = config.visual.as_ref().and_then(|visual| {
                let side = |name| Axis::free(name, divisor);
                let channels = Axis::Fixed(visual.unet.in_channels);
                let image = tape.input("image", [Axis::Fixed(1), channels, side("height"), side("width")]);
                let regions = tape.input("regions", [boxes, Axis::Fixed(4)]);
                let [n, _] = regions.dims();
                #[expect(
                    clippy::erasing_op,
                    reason = "picture 0 for each region, of as many as the size says"
                )]
                let pictures = Tensor::<1, Int>::arange(0..n as i64, &regions.device()) * 0;
                net.look(image, regions, pictures)
            });
            let (classes, links) = net.reason(net.join(nodes, visual), relations);
            tape.output("classes", classes);
            tape.output("links", links);
        });
        Ok(graph?)
    }
}

impl GnnLayer {
    /// Nodes `[n, node]` -> nodes, and what it makes of pairs, `[n, n, node]`.
    ///
    /// A linear layer of a row's node, a column's node and their edge is a sum of three. The edge is an embedded relation of
    /// length 1; what the layer makes of it is made of the relation's few numbers at once, and scaled.
    fn forward(
        &self,
        nodes: Tensor<2>,
        edge_embed: &Linear,
        relations: Tensor<2>,
        length: Tensor<2>,
        barrier: Tensor<2>,
    ) -> (Tensor<2>, Tensor<3>) {
        let [n, node] = nodes.dims();
        let weight = self.in_fc.weight.val(); // [2 * node + edge, node]
        let edge = weight.dims()[0] - 2 * node;
        let part = |start, length| weight.clone().narrow(0, start, length);
        let of_edges = part(2 * node, edge);
        let mut from_relations = relations.matmul(edge_embed.weight.val().matmul(of_edges.clone()));
        if let Some(bias) = &edge_embed.bias {
            from_relations = from_relations + bias.val().reshape([1, edge]).matmul(of_edges);
        }
        let edges = (from_relations / length).reshape([n, n, node]);
        let mut rows = nodes.clone().matmul(part(0, node));
        if let Some(bias) = &self.in_fc.bias {
            rows = rows + bias.val().reshape([1, node]);
        }
        let columns = nodes.clone().matmul(part(node, node));
        let pairs = relu(edges + rows.reshape([n, 1, node]) + columns.reshape([1, n, node]));
        let scores = self.coef_fc.forward(pairs.clone().reshape([n * n, node])).reshape([n, n]) + barrier;
        let attention = softmax(scores, 1).reshape([n, 1, n]);
        let residual = attention.matmul(pairs.clone()).reshape([n, node]);
        (nodes + relu(self.out_fc.forward(residual)), pairs)
    }
}

impl Fusion {
    fn init(inputs: [usize; 2], output: usize, width: usize, device: &Device) -> Self {
        let linear = |from, to| LinearConfig::new(from, to).with_initializer(torch(from)).init(device);
        let size = width.div_ceil(CHUNKS);
        let sizes = (0..CHUNKS).map(|i| size.min(width.saturating_sub(i * size))).filter(|size| *size > 0);
        let merge = || sizes.clone().map(|size| linear(size, size * RANK)).collect();
        Self {
            linear0: linear(inputs[0], width),
            linear1: linear(inputs[1], width),
            merge_linears0: merge(),
            merge_linears1: merge(),
            linear_out: linear(width, output),
        }
    }

    /// `[n, visual]` and `[n, node]` -> `[n, node]`.
    fn forward(&self, visual: Tensor<2>, texts: Tensor<2>) -> Tensor<2> {
        let (x, y) = (self.linear0.forward(visual), self.linear1.forward(texts));
        let [n, _] = x.dims();
        let mut start = 0;
        let mut chunks = Vec::with_capacity(self.merge_linears0.len());
        for (of_x, of_y) in self.merge_linears0.iter().zip(&self.merge_linears1) {
            let size = of_x.weight.dims()[0];
            let part = |t: &Tensor<2>| t.clone().narrow(1, start, size);
            let product = of_x.forward(part(&x)) * of_y.forward(part(&y));
            let z = product.reshape([n, RANK, size]).sum_dim(1).reshape([n, size]);
            let z = relu(z.clone()).sqrt() - relu(z.neg()).sqrt();
            let length = z.clone().powi_scalar(2).sum_dim(1).sqrt().clamp_min(1e-12);
            chunks.push(z / length);
            start += size;
        }
        self.linear_out.forward(Tensor::cat(chunks, 1))
    }
}
