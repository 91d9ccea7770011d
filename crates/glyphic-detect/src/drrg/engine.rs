//! DRRG as a detector that runs and trains: maps, then local graphs around the components that they propose.

use glyphic_core::Detected;
use glyphic_graph::Tensor;
use glyphic_imgproc::ScoredQuad;

use super::{DrrgConfig, LocalGraphs};
use crate::engine::{DetectorModel, Frame, Network, Part, floats};
use crate::{InputConfig, Result};

/// Local graphs that the network sees at a time: it bounds the memory.
const GRAPHS: usize = 128;

/// The part that scores pairs.
const LINK: usize = 1;

impl DetectorModel for DrrgConfig {
    const PARTS: &'static [Part] = &[
        Part { inputs: &["image"], outputs: &["maps", "features"] },
        Part { inputs: &["nodes", "adjacency", "selection"], outputs: &["links"] },
    ];

    fn validate(&self) -> Result<()> {
        Self::validate(self)
    }

    fn input(&self) -> &InputConfig {
        &self.input
    }

    fn decode(&self, outputs: &[Tensor], frame: &Frame, network: &dyn Network) -> Result<Detected> {
        let (maps, features) = (frame.crop_of(outputs, 0)?, frame.crop_of(outputs, 1)?);
        let components = self.propose.propose(&maps.maps()?)?;
        let graphs = self.graph.build(&features.maps()?, &components)?;
        let scores = link_scores(&graphs, network)?;
        let quads: Vec<ScoredQuad> = components.iter().map(|component| component.quad()).collect();
        Ok(self.decode.decode_counted(&quads, &graphs.edges(), &scores, maps.scale)?)
    }
}

/// How sure the network is that each pair of [`LocalGraphs::edges`] belongs together, 0 to 1.
fn link_scores(graphs: &LocalGraphs, network: &dyn Network) -> Result<Vec<f64>> {
    let LocalGraphs { nodes, length, .. } = *graphs;
    let mut scores = Vec::new();
    for start in (0..graphs.members.len()).step_by(GRAPHS) {
        let end = (start + GRAPHS).min(graphs.members.len());
        let count = end - start;
        let near = &graphs.neighbours[start..end];
        // Every component has as many neighbours: all others, up to the limit.
        let most = near.iter().map(Vec::len).max().unwrap_or(0);
        let mut selection = vec![0.0f32; count * most * nodes];
        for (g, near) in near.iter().enumerate() {
            for (k, place) in near.iter().enumerate() {
                selection[(g * most + k) * nodes + place] = 1.0;
            }
        }
        let features = graphs.features[start * nodes * length..end * nodes * length].to_vec();
        let adjacency = graphs.adjacency[start * nodes * nodes..end * nodes * nodes].to_vec();
        let inputs = vec![
            Tensor::from_f32(&[count, nodes, length], features)?,
            Tensor::from_f32(&[count, nodes, nodes], adjacency)?,
            Tensor::from_f32(&[count, most, nodes], selection)?,
        ];
        let links = floats(network.run(LINK, inputs)?.pop())?;
        for (near, links) in near.iter().zip(links.chunks_exact(2 * most.max(1))) {
            let score = |pair: &[f32]| 1.0 / (1.0 + (f64::from(pair[0]) - f64::from(pair[1])).exp());
            scores.extend(links.chunks_exact(2).take(near.len()).map(score));
        }
    }
    Ok(scores)
}

#[cfg(feature = "train")]
mod train {
    use glyphic_core::Page;
    use glyphic_graph::Tensor as HostTensor;
    use glyphic_nn::Device;
    use glyphic_nn::burn::tensor::Tensor;
    use glyphic_nn::capture::{Axis, Tape};

    use super::super::targets::DrrgMaps;
    use super::super::{Drrg, DrrgConfig, DrrgMapTargets, LearnedGraphs};
    use super::LINK;
    use crate::Result;
    use crate::engine::{
        DetectorNetwork, TrainableDetector, image_input, no_part, planes, to_device, to_host,
    };

    impl DetectorNetwork for DrrgConfig {
        type Net = Drrg;

        fn init(&self, device: &Device) -> Drrg {
            Self::init(self, device)
        }

        fn forward(&self, net: &Drrg, image: Tensor<4>) -> Vec<(&'static str, Tensor<4>)> {
            let [maps, features] = net.forward(image);
            vec![("maps", maps), ("features", features)]
        }

        fn record(&self, net: &Drrg, tape: &mut Tape) {
            for (name, output) in self.forward(net, image_input(tape)) {
                tape.output(name, output);
            }
            let [graphs, nodes, near] = ["graphs", "nodes", "neighbours"].map(|name| Axis::free(name, 1));
            let x = tape.input("nodes", [graphs, nodes, Axis::Fixed(self.node_length())]);
            let adjacency = tape.input("adjacency", [graphs, nodes, nodes]);
            let selection = tape.input("selection", [graphs, near, nodes]);
            tape.output("links", net.link(x, adjacency, selection));
        }

        fn run_part(
            &self,
            net: &Drrg,
            part: usize,
            inputs: Vec<HostTensor>,
            device: &Device,
        ) -> Result<Vec<HostTensor>> {
            let inputs: Vec<Tensor<3>> =
                inputs.into_iter().map(|input| to_device(input, device)).collect::<Result<_>>()?;
            match (part, <[Tensor<3>; 3]>::try_from(inputs)) {
                (LINK, Ok([nodes, adjacency, selection])) => {
                    Ok(vec![to_host(net.link(nodes, adjacency, selection))?])
                }
                _ => Err(no_part(part)),
            }
        }
    }

    impl TrainableDetector for DrrgConfig {
        type Targets = (DrrgMaps, LearnedGraphs);

        fn targets(&self, page: &Page, rng: &mut dyn rand::Rng) -> Result<Self::Targets, String> {
            let mut rng = rng;
            let maps = self.targets.maps(page, &mut rng).map_err(|e| e.to_string())?;
            let size = [maps.width, maps.height];
            let graphs = self.graph.learned(&maps.comp_attribs, size, self.loss.graph_overlap);
            Ok((maps, graphs))
        }

        fn loss(&self, net: &Drrg, images: Tensor<4>, targets: &[Self::Targets]) -> Result<Tensor<1>> {
            let [_, _, height, width] = images.dims();
            let device = images.device();
            let size = [height, width];
            let bytes =
                |pick: fn(&DrrgMaps) -> &[u8]| planes(targets.iter().map(|(t, _)| pick(t)), size, &device);
            let floats =
                |pick: fn(&DrrgMaps) -> &[f32]| planes(targets.iter().map(|(t, _)| pick(t)), size, &device);
            let of_maps = DrrgMapTargets {
                text: bytes(|t| &t.text_mask),
                centre: bytes(|t| &t.center_region_mask),
                mask: bytes(|t| &t.mask),
                top: floats(|t| &t.top_height),
                bottom: floats(|t| &t.bot_height),
                sin: floats(|t| &t.sin),
                cos: floats(|t| &t.cos),
            };
            let [maps, features] = net.forward(images);
            let graphs: Vec<&LearnedGraphs> = targets.iter().map(|(_, graphs)| graphs).collect();
            let linked: Vec<f32> = graphs.iter().flat_map(|g| &g.linked).copied().collect();
            let links = net.learned_links(&features, &graphs);
            let links = links.map(|logits| (logits, Tensor::from_floats(linked.as_slice(), &device)));
            Ok(self.loss.forward(&maps, &of_maps, links).total())
        }
    }
}
