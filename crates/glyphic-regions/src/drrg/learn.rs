//! The local graphs that are learnt from, on plain slices.

use std::collections::BTreeSet;

use super::DrrgGraphConfig;
use super::graph::{GEOMETRY, geometry_features, normalized_adjacency};
use super::pool::{RotatedRoi, samples};

/// Numbers a row of components: their number, x, y, height, width, cosine, sine, label.
const ROW: usize = 8;

/// The local graphs of one picture.
#[derive(Debug, Clone, Default)]
pub struct LearnedGraphs {
    /// Nodes of the largest graph.
    pub nodes: usize,
    /// The pixels that are summed for each cell of each component, with their weights.
    pub pooling: Vec<Vec<(usize, f32)>>,
    /// Waves of each component's geometry, one after the other.
    pub geometry: Vec<f32>,
    /// Numbers of a component there.
    pub geometry_length: usize,
    /// Components of each graph, its pivot first.
    pub members: Vec<Vec<usize>>,
    /// Places among the members of the pivot's neighbours, nearest first.
    pub neighbours: Vec<Vec<usize>>,
    /// Normalized, `[members, members]` of each graph.
    pub adjacency: Vec<Vec<f64>>,
    /// Whether pivots and their neighbours belong to one text, 0 or 1, in the order of the pairs.
    pub linked: Vec<f32>,
}

impl DrrgGraphConfig {
    /// The local graphs of components as `DrrgTargets` gives them, rows of eight numbers; none for fewer than two. Of
    /// graphs that share more than `overlap` of their nodes around neighbours of one text the first is kept.
    pub fn learned(&self, components: &[f32], [width, height]: [usize; 2], overlap: f64) -> LearnedGraphs {
        let count = components.first().map_or(0, |n| *n as usize).min(components.len() / ROW);
        if count < 2 {
            return LearnedGraphs { geometry_length: self.geometry_length, ..LearnedGraphs::default() };
        }
        let rows = || components.chunks_exact(ROW).take(count);
        let geometry: Vec<[f64; GEOMETRY]> = rows()
            .map(|row| {
                let [x, y, h, w, cos, sin] = std::array::from_fn(|i| f64::from(row[i + 1]));
                [x, y, h, w, cos.clamp(-1.0, 1.0), sin]
            })
            .collect();
        let labels: Vec<i32> = rows().map(|row| row[ROW - 1] as i32).collect();
        let mut pooling = Vec::with_capacity(count * self.pooled[0] * self.pooled[1]);
        for row in rows() {
            self.pool(row, [width, height], &mut pooling);
        }
        let centres: Vec<[f64; 2]> = geometry.iter().map(|g| [g[0], g[1]]).collect();
        let nearest = self.nearest(&centres);
        let mut graphs = LearnedGraphs {
            pooling,
            geometry: geometry_features(&geometry, self.geometry_length),
            geometry_length: self.geometry_length,
            ..LearnedGraphs::default()
        };
        for pivot in 0..count {
            let (members, neighbours) = self.members(pivot, &nearest);
            let others: BTreeSet<usize> = members[1..].iter().copied().collect();
            let kept = graphs.members.iter().zip(&graphs.neighbours);
            let known = kept.into_iter().any(|(kept, near)| {
                let same_text = labels[kept[0]] == labels[pivot] && labels[pivot] != 0;
                if !same_text || !near.iter().any(|&place| kept[place] == pivot) {
                    return false;
                }
                let both = kept[1..].iter().filter(|member| others.contains(member)).count();
                let all = others.len() + kept.len() - 1 - both;
                both as f64 / (all as f64 + 1e-8) > overlap
            });
            if known {
                continue;
            }
            let linked = |place: &usize| {
                let same = labels[pivot] == labels[members[*place]] && labels[pivot] > 0;
                f32::from(u8::from(same))
            };
            graphs.linked.extend(neighbours.iter().map(linked));
            graphs.nodes = graphs.nodes.max(members.len());
            graphs.adjacency.push(normalized_adjacency(&self.adjacency(&members, &nearest), members.len()));
            graphs.members.push(members);
            graphs.neighbours.push(neighbours);
        }
        graphs
    }

    /// Adds the cells of one component.
    fn pool(&self, row: &[f32], size: [usize; 2], pooling: &mut Vec<Vec<(usize, f32)>>) {
        let (cos, sin) = (row[5].clamp(-1.0, 1.0), row[6]);
        let sign = if sin == 0.0 { 0.0 } else { sin.signum() };
        let roi =
            RotatedRoi { centre: [row[1], row[2]], width: row[3], height: row[4], angle: cos.acos() * sign };
        let mut cells = vec![Vec::new(); self.pooled[0] * self.pooled[1]];
        let count = samples(&roi, self.pooled, size, |cell, taps| cells[cell].extend(taps));
        cells.iter_mut().flatten().for_each(|(_, weight)| *weight /= count);
        pooling.extend(cells);
    }
}
