//! BERT with a softmax over BIO tags of each character: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers",
//! arXiv:1810.04805, as MMOCR's `bert_softmax_cluener_18e`.

mod codec;
mod config;
mod engine;
#[cfg(feature = "train")]
mod keys;
#[cfg(feature = "train")]
mod loss;
#[cfg(feature = "train")]
mod model;

pub use codec::{NerCodec, Tokens};
pub use config::{CLUENER_CATEGORIES, NerConfig, NerLoss};
pub use engine::{EntityFinder, FoundEntity};
#[cfg(feature = "train")]
pub use model::{BertSoftmax, Encoded};
