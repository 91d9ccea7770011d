//! The training loss: of the maps, and of which pairs of components belong together.

use burn::tensor::Tensor;
use glyphic_nn::loss::{binary_cross_entropy, masked_mean, smooth_l1};

use super::DrrgLossConfig;
use crate::textsnake::loss::{direction, of_ratio, of_text, plane};

/// Weight of the background in the loss of the centre lines.
const BACKGROUND: f64 = 0.5;

/// What the maps should be, `[N, H, W]` each and as large as the maps.
#[derive(Debug, Clone)]
pub struct DrrgMapTargets {
    /// 1 inside texts.
    pub text: Tensor<3>,
    /// 1 inside centre regions.
    pub centre: Tensor<3>,
    /// 0 where ignored texts stand, else 1.
    pub mask: Tensor<3>,
    /// Distance to the top side, on centre regions.
    pub top: Tensor<3>,
    /// Distance to the bottom side.
    pub bottom: Tensor<3>,
    /// Sine of the direction from the bottom to the top, on centre regions.
    pub sin: Tensor<3>,
    /// Its cosine.
    pub cos: Tensor<3>,
}

/// The loss's parts, `[1]` each.
#[derive(Debug, Clone)]
pub struct DrrgLosses {
    /// Of the text map.
    pub text: Tensor<1>,
    /// Of the centre lines.
    pub centre: Tensor<1>,
    /// Of the heights.
    pub height: Tensor<1>,
    /// Of the direction's sine.
    pub sin: Tensor<1>,
    /// Of its cosine.
    pub cos: Tensor<1>,
    /// Of the pairs.
    pub links: Tensor<1>,
}

impl DrrgLosses {
    /// What training minimises: the sum, `[1]`.
    pub fn total(&self) -> Tensor<1> {
        let maps = self.text.clone() + self.centre.clone() + self.height.clone();
        maps + self.sin.clone() + self.cos.clone() + self.links.clone()
    }
}

impl DrrgLossConfig {
    /// The loss of maps `[N, 6, H, W]`, and of pairs where there are any: their logits `[pairs, 2]` and whether they
    /// belong together, `[pairs]`. Sums run over the whole batch.
    pub fn forward(
        &self,
        maps: &Tensor<4>,
        targets: &DrrgMapTargets,
        links: Option<(Tensor<2>, Tensor<1>)>,
    ) -> DrrgLosses {
        let DrrgMapTargets { text, centre, mask, top, bottom, sin, cos } = targets;
        let inside = text.clone() * mask.clone();
        let outside = (text.clone().neg() + 1.0) * mask.clone();
        let on_line = centre.clone() * mask.clone();
        let of_centre = binary_cross_entropy(plane(maps, 1), centre.clone());
        let [s, c] = direction(plane(maps, 2), plane(maps, 3));
        let weight = (top.clone() + bottom.clone() + 1.0).log();
        let heights = of_ratio(plane(maps, 4), top) + of_ratio(plane(maps, 5), bottom);
        let of_links = match links {
            Some((logits, linked)) => {
                let logit = logits.clone().narrow(1, 1, 1) - logits.narrow(1, 0, 1);
                binary_cross_entropy(logit.squeeze_dim::<1>(1), linked).mean()
            }
            None => Tensor::zeros([1], &maps.device()),
        };
        DrrgLosses {
            text: of_text(plane(maps, 0), text, mask, self.negative_ratio),
            centre: masked_mean(of_centre.clone(), inside) + masked_mean(of_centre, outside) * BACKGROUND,
            height: masked_mean(weight * heights, on_line.clone()),
            sin: masked_mean(smooth_l1(s - sin.clone()), on_line.clone()),
            cos: masked_mean(smooth_l1(c - cos.clone()), on_line),
            links: of_links,
        }
    }
}
