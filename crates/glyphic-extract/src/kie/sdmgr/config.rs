use std::collections::HashMap;

use glyphic_core::Page;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The characters of MMOCR's WildReceipt dictionary, from class 1 on.
pub const WILDRECEIPT_CHARACTERS: &str =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/\\.$£€¥:-,*#()%@!'&=><+\"?|[]^";

/// The classes of WildReceipt, in its order.
pub const WILDRECEIPT_CLASSES: [&str; 26] = [
    "Ignore",
    "Store_name_value",
    "Store_name_key",
    "Store_addr_value",
    "Store_addr_key",
    "Tel_value",
    "Tel_key",
    "Date_value",
    "Date_key",
    "Time_value",
    "Time_key",
    "Prod_item_value",
    "Prod_item_key",
    "Prod_quantity_value",
    "Prod_quantity_key",
    "Prod_price_value",
    "Prod_price_key",
    "Subtotal_value",
    "Subtotal_key",
    "Tax_value",
    "Tax_key",
    "Tips_value",
    "Tips_key",
    "Total_value",
    "Total_key",
    "Others",
];

/// Configuration of SDMGR. The default is MMOCR's `sdmgr_novisual_60e_wildreceipt`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SdmgrConfig {
    /// Characters that the network knows, in the order of their classes, which count from 1. Others are left out of texts.
    pub characters: String,
    /// The classes of boxes, in the network's order.
    pub classes: Vec<String>,
    /// Classes that the macro F1 of a validation leaves out.
    pub uncounted: Vec<String>,
    /// Whether the network looks at the picture, and how. Without it, it sees texts and boxes alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visual: Option<BackboneConfig>,
    /// Width in which text and picture are joined.
    pub fusion_dim: usize,
    /// Features of a character.
    pub node_input: usize,
    /// Features of a box.
    pub node_embed: usize,
    /// Numbers of a relation; 5.
    pub edge_input: usize,
    /// Features of a pair.
    pub edge_embed: usize,
    /// Layers of reasoning.
    pub num_gnn: usize,
    /// Texts are read backwards too.
    pub bidirectional: bool,
    /// Distances between boxes are divided by it.
    pub norm: f32,
    /// The picture is scaled, in thought where the network does not look at it, to fit a long and a short side of so many
    /// pixels.
    pub scale: [u32; 2],
    /// Characters of a text that count, from its start.
    pub max_chars: usize,
    /// Lines are divided behind words that end in a colon: what a form asks from what stands there.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub split_at_colons: bool,
    /// The most boxes of a page: memory and time grow with the square of their number.
    pub max_boxes: usize,
    /// Pairs of boxes with a higher probability of belonging together become links. 0 to 1.
    pub min_link_score: f32,
    /// The loss.
    pub loss: SdmgrLossConfig,
}

/// What the network sees of the picture: a U-Net, of whose last map each box is pooled. MMOCR's `sdmgr_unet16` by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackboneConfig {
    /// The U-Net; its first stage has as many channels as a box has visual features.
    pub unet: UNetOptions,
    /// Rows and columns to which a box is pooled before its maximum counts.
    pub roi_size: usize,
}

#[cfg(feature = "train")]
type UNetOptions = glyphic_nn::backbones::UNetConfig;

/// Without the networks themselves the options are kept as they are.
#[cfg(not(feature = "train"))]
type UNetOptions = serde_json::Map<String, serde_json::Value>;

impl Default for BackboneConfig {
    fn default() -> Self {
        #[cfg(feature = "train")]
        let unet = UNetOptions { base_channels: 16, ..UNetOptions::default() };
        #[cfg(not(feature = "train"))]
        let unet = UNetOptions::default();
        Self { unet, roi_size: 7 }
    }
}

/// What SDMGR learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SdmgrLossConfig {
    /// Weight of the classes' cross entropy.
    pub node_weight: f64,
    /// Weight of the links' cross entropy.
    pub edge_weight: f64,
    /// A class of boxes that costs nothing; negative values are no class.
    pub ignore: i64,
    /// The exponent of the links' focal loss (Lin et al., "Focal Loss for Dense Object Detection"); 0 is cross entropy.
    #[serde(skip_serializing_if = "is_zero")]
    pub edge_gamma: f64,
    /// What the links' loss is divided by.
    #[serde(skip_serializing_if = "is_default")]
    pub edge_average: EdgeAverage,
}

/// What the loss of the pairs of a batch is divided by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeAverage {
    /// The number of pairs, as MMOCR does it.
    #[default]
    Pairs,
    /// The number of links: they are few among the pairs, and count as much on a page of many boxes as on one of few.
    Links,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_default(value: &EdgeAverage) -> bool {
    *value == EdgeAverage::default()
}

impl Default for SdmgrLossConfig {
    fn default() -> Self {
        Self {
            node_weight: 1.0,
            edge_weight: 1.0,
            ignore: -100,
            edge_gamma: 0.0,
            edge_average: EdgeAverage::default(),
        }
    }
}

impl Default for SdmgrConfig {
    fn default() -> Self {
        let uncounted = WILDRECEIPT_CLASSES.iter().enumerate().filter(|(i, _)| i % 2 == 0 || *i == 25);
        Self {
            characters: WILDRECEIPT_CHARACTERS.to_owned(),
            classes: WILDRECEIPT_CLASSES.map(str::to_owned).to_vec(),
            uncounted: uncounted.map(|(_, class)| (*class).to_owned()).collect(),
            visual: None,
            fusion_dim: 1024,
            node_input: 32,
            node_embed: 256,
            edge_input: 5,
            edge_embed: 256,
            num_gnn: 2,
            bidirectional: false,
            norm: 10.0,
            scale: [1024, 512],
            max_chars: 256,
            split_at_colons: false,
            max_boxes: 800,
            min_link_score: 0.5,
            loss: SdmgrLossConfig::default(),
        }
    }
}

impl SdmgrConfig {
    /// Classes of characters, with the one of padding.
    pub fn num_chars(&self) -> usize {
        self.characters.chars().count() + 1
    }

    /// The class of each character.
    pub(crate) fn vocabulary(&self) -> HashMap<char, usize> {
        self.characters.chars().zip(1..).collect()
    }

    /// The class of a label.
    pub fn class_of(&self, label: &str) -> Option<usize> {
        self.classes.iter().position(|class| class == label)
    }

    /// The classes of a page's boxes: those of their labels. Boxes without a label are `Ignore`, where that is a class,
    /// and else cost nothing ([`SdmgrLossConfig::ignore`]).
    ///
    /// # Errors
    /// [`Error::UnknownClass`] for a label that is no class.
    pub fn targets(&self, page: &Page) -> Result<Vec<i64>> {
        let unlabelled = self.class_of("Ignore").map_or(self.loss.ignore, |class| class as i64);
        let class = |(index, label): (usize, Option<&str>)| {
            let Some(label) = label else { return Ok(unlabelled) };
            self.class_of(label).map(|class| class as i64).ok_or_else(|| Error::UnknownClass {
                index,
                label: label.to_owned(),
                classes: self.classes.len(),
                known: match self.classes.get(..5) {
                    Some(first) if self.classes.len() > 5 => first.join(", ") + ", ...",
                    _ => self.classes.join(", "),
                },
            })
        };
        page.instances.iter().map(|i| i.label.as_deref()).enumerate().map(class).collect()
    }

    /// For each ordered pair of a page's boxes, row by row, whether they are linked (1) or not (0); -1, which costs nothing, for a
    /// box beside itself and for all pairs of a page whose links are not known.
    pub fn link_targets(&self, page: &Page) -> Vec<i64> {
        let n = page.instances.len();
        let mut targets = vec![if page.links.is_empty() { -1 } else { 0 }; n * n];
        for &[a, b] in &page.links {
            if a.max(b) < n {
                targets[a * n + b] = 1;
                targets[b * n + a] = 1;
            }
        }
        (0..n).for_each(|i| targets[i * n + i] = -1);
        targets
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        let wrong =
            |field, got: String, expected| Err(Error::Config { model: "sdmgr", field, got, expected });
        if self.vocabulary().len() + 1 != self.num_chars() {
            let mut seen = std::collections::HashSet::new();
            let twice = self.characters.chars().find(|c| !seen.insert(*c)).unwrap_or_default();
            return wrong("characters", format!("{twice:?} twice"), "each character once");
        }
        if self.classes.is_empty() || self.classes.len() > 10_000 {
            return wrong("classes", format!("{} classes", self.classes.len()), "1 to 10000");
        }
        for (i, class) in self.classes.iter().enumerate() {
            if self.classes[..i].contains(class) {
                return wrong("classes", format!("{class:?} twice"), "each class once");
            }
        }
        if let Some(class) = self.uncounted.iter().find(|class| !self.classes.contains(class)) {
            return wrong("uncounted", format!("{class:?}"), "some of `classes`");
        }
        if self.edge_input != 5 {
            return wrong("edge_input", self.edge_input.to_string(), "5, the numbers of a relation");
        }
        for (field, value, most) in [
            ("fusion_dim", self.fusion_dim, 65_536),
            ("node_input", self.node_input, 65_536),
            ("node_embed", self.node_embed, 65_536),
            ("edge_embed", self.edge_embed, 65_536),
            ("num_gnn", self.num_gnn, 64),
            ("max_chars", self.max_chars, 65_536),
            ("max_boxes", self.max_boxes, 65_536),
            ("scale[0]", self.scale[0] as usize, 65_536),
            ("scale[1]", self.scale[1] as usize, 65_536),
        ] {
            if !(1..=most).contains(&value) {
                return wrong(
                    field,
                    value.to_string(),
                    "a number of at least 1, and not above 65536 (num_gnn: 64)",
                );
            }
        }
        if self.bidirectional && !self.node_embed.is_multiple_of(2) {
            return wrong("node_embed", self.node_embed.to_string(), "an even number where bidirectional");
        }
        if !(self.norm.is_finite() && self.norm > 0.0) {
            return wrong("norm", self.norm.to_string(), "a number above 0");
        }
        if !(0.0..=1.0).contains(&self.min_link_score) {
            return wrong("min_link_score", self.min_link_score.to_string(), "0 to 1");
        }
        for (field, weight) in [
            ("loss.node_weight", self.loss.node_weight),
            ("loss.edge_weight", self.loss.edge_weight),
            ("loss.edge_gamma", self.loss.edge_gamma),
        ] {
            if !(weight.is_finite() && weight >= 0.0) {
                return wrong(field, weight.to_string(), "a number of at least 0");
            }
        }
        let Some(visual) = &self.visual else { return Ok(()) };
        if !(1..=64).contains(&visual.roi_size) {
            return wrong("visual.roi_size", visual.roi_size.to_string(), "1 to 64");
        }
        #[cfg(feature = "train")]
        {
            if let Err((field, got, expected)) = visual.unet.validate() {
                return wrong(field, got, expected);
            }
            let divisor = visual.unet.divisor();
            if !super::preprocess::DIVISOR.is_multiple_of(divisor as u32) {
                return wrong(
                    "visual.unet",
                    format!("a U-Net that divides sides by {divisor}"),
                    "one that divides them by at most 32",
                );
            }
        }
        Ok(())
    }
}
