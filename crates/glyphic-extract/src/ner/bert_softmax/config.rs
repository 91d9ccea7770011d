use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The categories of CLUENER, in MMOCR's order.
pub const CLUENER_CATEGORIES: [&str; 10] = [
    "address",
    "book",
    "company",
    "game",
    "government",
    "movie",
    "name",
    "organization",
    "position",
    "scene",
];

/// Configuration of BERT with softmax. The default is MMOCR's: `bert-base-chinese` and CLUENER's categories.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NerConfig {
    /// Categories of entities, in the order of their tags.
    pub categories: Vec<String>,
    /// Tokens of an input, with those that begin and end it. Longer texts are read in parts that overlap.
    pub max_len: usize,
    /// Entries of the vocabulary.
    pub vocab_size: usize,
    /// Features of a token.
    pub hidden_size: usize,
    /// Layers of the encoder.
    pub num_hidden_layers: usize,
    /// Heads of attention.
    pub num_attention_heads: usize,
    /// Features between the two linear layers of a block.
    pub intermediate_size: usize,
    /// Positions that the encoder knows.
    pub max_position_embeddings: usize,
    /// Kinds of segments.
    pub type_vocab_size: usize,
    /// Added to variances.
    pub layer_norm_eps: f64,
    /// Share of features that are dropped in training.
    pub dropout: f64,
    /// Read and write tags as MMOCR 0.2.1 does: entities of one character are lost, a tag of another category goes on with
    /// an entity, and texts that are empty or too long are errors.
    pub reference: bool,
    /// What is learned.
    pub loss: NerLoss,
}

/// The loss of tags; those of padding cost nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NerLoss {
    /// Cross entropy.
    #[default]
    CrossEntropy,
    /// Focal loss (Lin et al. 2017) with this exponent; MMOCR's is 2.
    Focal(f64),
}

impl Default for NerConfig {
    fn default() -> Self {
        Self {
            categories: CLUENER_CATEGORIES.map(str::to_owned).to_vec(),
            max_len: 128,
            vocab_size: 21_128,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
            dropout: 0.1,
            reference: false,
            loss: NerLoss::CrossEntropy,
        }
    }
}

impl NerConfig {
    /// Tags: padding, two a category, outside, begin and end of a text.
    pub fn num_labels(&self) -> usize {
        2 * self.categories.len() + 4
    }

    /// Checks every value.
    ///
    /// # Errors
    /// [`Error::Config`] with the field, its value and what would be right.
    pub fn validate(&self) -> Result<()> {
        let wrong =
            |field, got: String, expected| Err(Error::Config { model: "bert_softmax", field, got, expected });
        for (i, category) in self.categories.iter().enumerate() {
            if self.categories[..i].contains(category) {
                return wrong("categories", format!("{category:?} twice"), "each category once");
            }
        }
        if self.categories.is_empty() || self.categories.len() > 10_000 {
            return wrong("categories", format!("{} categories", self.categories.len()), "1 to 10000");
        }
        for (field, value) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ] {
            if !(1..=10_000_000).contains(&value) {
                return wrong(field, value.to_string(), "1 to 10000000");
            }
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return wrong("hidden_size", self.hidden_size.to_string(), "a multiple of num_attention_heads");
        }
        if !(3..=self.max_position_embeddings).contains(&self.max_len) {
            return wrong("max_len", self.max_len.to_string(), "3 to max_position_embeddings");
        }
        if !(self.layer_norm_eps.is_finite() && self.layer_norm_eps > 0.0) {
            return wrong("layer_norm_eps", self.layer_norm_eps.to_string(), "a number above 0");
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong("dropout", self.dropout.to_string(), "0 to below 1");
        }
        match self.loss {
            NerLoss::Focal(gamma) if !(gamma.is_finite() && gamma >= 0.0) => {
                wrong("loss.focal", gamma.to_string(), "a number of at least 0")
            }
            _ => Ok(()),
        }
    }
}
