//! Named entities of texts.

pub mod bert_softmax;
