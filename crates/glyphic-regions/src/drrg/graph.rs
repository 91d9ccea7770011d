//! From components to what the graph network sees, on plain slices.

use serde::{Deserialize, Serialize};

use super::pool::{RotatedRoi, pool_rotated};
use super::{DrrgComponent, DrrgOrder};
use crate::{Error, Maps, Result};

/// Numbers that describe the geometry of a component: x, y, height, width, cosine, sine.
pub(super) const GEOMETRY: usize = 6;

/// The base of the wave lengths in which geometry is told.
const WAVE: f64 = 1000.0;

/// How local graphs are built around components.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrrgGraphConfig {
    /// How many of the nearest components a component is compared with; they are one hop from it.
    pub neighbours: usize,
    /// How many of the nearest components of those are in the graph as well, two hops away.
    pub second_neighbours: usize,
    /// How many of its nearest components each is joined with in the graph.
    pub links: usize,
    /// Numbers that tell a component's geometry, a multiple of 6.
    pub geometry_length: usize,
    /// Rows and columns to which the maps are pooled inside a component.
    pub pooled: [usize; 2],
    /// How equally near components are ordered.
    pub order: DrrgOrder,
}

impl Default for DrrgGraphConfig {
    /// MMOCR's values for its head.
    fn default() -> Self {
        Self {
            neighbours: 8,
            second_neighbours: 4,
            links: 3,
            geometry_length: 120,
            pooled: [4, 3],
            order: DrrgOrder::Stable,
        }
    }
}

/// One graph a component, all with as many nodes as the largest has.
#[derive(Debug, Clone, PartialEq)]
pub struct LocalGraphs {
    /// Nodes of a graph.
    pub nodes: usize,
    /// Numbers a node.
    pub length: usize,
    /// The components in each graph: first its own, the pivot, then the others by number.
    pub members: Vec<Vec<usize>>,
    /// For each graph the places in `members` of the pivot's neighbours, nearest first.
    pub neighbours: Vec<Vec<usize>>,
    /// Features of the nodes less those of the pivot, `[graphs, nodes, length]`, 0 where there is no node.
    pub features: Vec<f32>,
    /// Normalized adjacency, `[graphs, nodes, nodes]`, 0 where there is no node.
    pub adjacency: Vec<f32>,
}

impl LocalGraphs {
    /// The pairs of components that the network scores, in its order: every pivot with its neighbours.
    pub fn edges(&self) -> Vec<[usize; 2]> {
        let graphs = self.members.iter().zip(&self.neighbours);
        graphs.flat_map(|(members, near)| near.iter().map(|&place| [members[0], members[place]])).collect()
    }
}

impl DrrgGraphConfig {
    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        let counts = [
            ("graph.neighbours", self.neighbours),
            ("graph.second_neighbours", self.second_neighbours),
            ("graph.links", self.links),
            ("graph.pooled", self.pooled[0]),
            ("graph.pooled", self.pooled[1]),
        ];
        if let Some((field, value)) = counts.into_iter().find(|(_, v)| !(1..=1024).contains(v)) {
            return Err(Error::config(field, value, "1 to 1024"));
        }
        if self.geometry_length == 0 || !self.geometry_length.is_multiple_of(GEOMETRY) {
            return Err(Error::config("graph.geometry_length", self.geometry_length, "a multiple of 6"));
        }
        Ok(())
    }

    /// The local graph of every component; none for fewer than two components.
    ///
    /// `maps` are the features under the components, `[C, H, W]`: in MMOCR those of the neck, followed by the six
    /// predicted maps. A node has `C * rows * columns + geometry_length` features.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn build(&self, maps: &Maps<'_>, components: &[DrrgComponent]) -> Result<LocalGraphs> {
        self.validate()?;
        let length = maps.channels() * self.pooled[0] * self.pooled[1] + self.geometry_length;
        let empty = LocalGraphs {
            nodes: 0,
            length,
            members: Vec::new(),
            neighbours: Vec::new(),
            features: Vec::new(),
            adjacency: Vec::new(),
        };
        if components.len() < 2 {
            return Ok(empty);
        }
        let features = self.features(maps, components);
        let centres: Vec<[f64; 2]> = components.iter().map(|c| c.centre.map(|v| v as f64)).collect();
        let nearest = self.nearest(&centres);

        let mut graphs = empty;
        for pivot in 0..components.len() {
            let (members, neighbours) = self.members(pivot, &nearest);
            graphs.nodes = graphs.nodes.max(members.len());
            graphs.members.push(members);
            graphs.neighbours.push(neighbours);
        }
        graphs.features = vec![0.0; components.len() * graphs.nodes * length];
        graphs.adjacency = vec![0.0; components.len() * graphs.nodes * graphs.nodes];
        for (pivot, members) in graphs.members.iter().enumerate() {
            let own = &features[pivot * length..][..length];
            let target = &mut graphs.features[pivot * graphs.nodes * length..];
            for (target, &member) in target.chunks_exact_mut(length).zip(members) {
                let values = features[member * length..][..length].iter().zip(own);
                for (target, (value, own)) in target.iter_mut().zip(values) {
                    *target = value - own;
                }
            }
            let adjacency = normalized_adjacency(&self.adjacency(members, &nearest), members.len());
            let target = &mut graphs.adjacency[pivot * graphs.nodes * graphs.nodes..];
            for (target, row) in
                target.chunks_exact_mut(graphs.nodes).zip(adjacency.chunks_exact(members.len()))
            {
                for (target, value) in target.iter_mut().zip(row) {
                    *target = *value as f32;
                }
            }
        }
        Ok(graphs)
    }

    /// What the network is told of each component: the maps under it, then its geometry.
    fn features(&self, maps: &Maps<'_>, components: &[DrrgComponent]) -> Vec<f32> {
        let wide = |c: &DrrgComponent| {
            let [x, y] = c.centre.map(|v| v as f64);
            [x, y, f64::from(c.height), f64::from(c.width), f64::from(c.cos), f64::from(c.sin)]
        };
        let geometry: Vec<[f64; GEOMETRY]> = components.iter().map(wide).collect();
        let geometry = geometry_features(&geometry, self.geometry_length);
        let mut features = Vec::new();
        for (component, geometry) in components.iter().zip(geometry.chunks_exact(self.geometry_length)) {
            let sign = if component.sin == 0.0 { 0.0 } else { component.sin.signum() };
            let roi = RotatedRoi {
                centre: component.centre.map(|v| v as f32),
                // At angle 0 a text runs down the map.
                width: component.height,
                height: component.width,
                angle: component.cos.clamp(-1.0, 1.0).acos() * sign,
            };
            features.extend(pool_rotated(maps, &roi, self.pooled));
            features.extend_from_slice(geometry);
        }
        features
    }

    /// The components of a pivot's graph, itself first, and the places among them of its neighbours, nearest first.
    pub(super) fn members(&self, pivot: usize, nearest: &[Vec<usize>]) -> (Vec<usize>, Vec<usize>) {
        let near = &nearest[pivot][..nearest[pivot].len().min(self.neighbours)];
        let second = near.iter().flat_map(|&n| nearest[n].iter().take(self.second_neighbours));
        let mut others: Vec<usize> = near.iter().chain(second).copied().filter(|&n| n != pivot).collect();
        others.sort_unstable();
        others.dedup();
        let place = |n: &usize| others.binary_search(n).map_or(0, |i| i + 1);
        let neighbours = near.iter().map(place).collect();
        others.insert(0, pivot);
        (others, neighbours)
    }

    /// For each component, by its centre, the others by distance, as many as any rule asks for.
    pub(super) fn nearest(&self, centres: &[[f64; 2]]) -> Vec<Vec<usize>> {
        let asked = self.neighbours.max(self.second_neighbours).max(self.links);
        let from = |a: &[f64; 2]| {
            let distance = |b: &[f64; 2]| (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2);
            let distances: Vec<f64> = centres.iter().map(distance).collect();
            // The first is itself, or one at the same place.
            self.order.sorted(&distances).into_iter().skip(1).take(asked).collect()
        };
        centres.iter().map(from).collect()
    }

    /// Which members are joined, `[members, members]`.
    pub(super) fn adjacency(&self, members: &[usize], nearest: &[Vec<usize>]) -> Vec<f64> {
        let n = members.len();
        let mut joined = vec![0.0; n * n];
        for (i, &member) in members.iter().enumerate() {
            for other in nearest[member].iter().take(self.links) {
                if let Some(j) = members.iter().position(|m| m == other) {
                    joined[i * n + j] = 1.0;
                    joined[j * n + i] = 1.0;
                }
            }
        }
        joined
    }
}

/// A symmetric adjacency matrix of `n` nodes with every node joined to itself, each entry over the square root of both
/// nodes' sums (Kipf and Welling, 2017). Entries that are missing count as 0.
pub fn normalized_adjacency(adjacency: &[f64], n: usize) -> Vec<f64> {
    let entry = |i: usize, j: usize| {
        let joined = adjacency.get(i * n + j).copied().unwrap_or(0.0);
        if i == j { joined + 1.0 } else { joined }
    };
    let scale: Vec<f64> = (0..n)
        .map(|j| {
            let scale = (0..n).map(|i| entry(i, j)).sum::<f64>().powf(-0.5);
            if scale.is_infinite() { 0.0 } else { scale }
        })
        .collect();
    (0..n).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| entry(j, i) * scale[i] * scale[j]).collect()
}

/// Geometry as waves, `length` numbers a component: the six numbers over wave lengths from 1 to 1000, of which there are
/// `length / 6`, as sines for components of even number and as cosines for the others. (By place in the list, not by
/// wave: so the weights have learnt it.)
pub fn geometry_features(geometry: &[[f64; GEOMETRY]], length: usize) -> Vec<f32> {
    let waves = length / GEOMETRY;
    let wave = |j: usize| WAVE.powf(2.0 * (j / 2) as f64 / waves as f64);
    let component = |(i, numbers): (usize, &[f64; GEOMETRY])| {
        let numbers = *numbers;
        (0..waves).flat_map(move |j| {
            numbers
                .map(|v| if i.is_multiple_of(2) { (v / wave(j)).sin() } else { (v / wave(j)).cos() } as f32)
        })
    };
    geometry.iter().enumerate().flat_map(component).collect()
}
