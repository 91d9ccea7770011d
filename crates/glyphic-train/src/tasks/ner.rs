//! Training BERT with softmax: sentences with named entities, validation by the F1 of entities.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use glyphic_core::{Entity, write_file};
use glyphic_data::{Drawn, Mixture, PlanOptions, Recipe, SampleRng, Source};
use glyphic_eval::{NerRule, eval_ner_f1};
use glyphic_extract::ner::bert_softmax::{BertSoftmax, EntityFinder, NerCodec, NerConfig, Tokens};
use glyphic_labels::formats::{Format, ReadOptions, Reader, Truth};

use super::source;
use crate::batches::SentenceBatches;
use crate::config::TrainConfig;
use crate::observer::{Observer, Summary};
use crate::skipped::SkippedSamples;
use crate::sources::{SourceKind, ValidationSet};
use crate::trainable::{Scores, Trainable};
use crate::{Error, Result};

/// A sentence and its entities.
#[derive(Debug, Clone)]
pub(crate) struct Sentence {
    chars: Vec<char>,
    entities: Vec<Entity>,
}

struct Sentences {
    path: PathBuf,
    all: Vec<Sentence>,
}

impl Sentences {
    /// CLUENER's lines: of a file, or of `data.jsonl` in a folder.
    fn open(path: &Path, limit: Option<usize>) -> Result<Self> {
        let file = if path.is_dir() { path.join("data.jsonl") } else { path.to_owned() };
        let options = ReadOptions { format: Some(Format::Cluener), ..ReadOptions::default() };
        let mut all = Vec::new();
        for record in Reader::open(&file, &options)?.take(limit.unwrap_or(usize::MAX)) {
            if let Truth::Sentence { text, entities } = record?.truth {
                all.push(Sentence { chars: text.chars().collect(), entities });
            }
        }
        Ok(Self { path: file, all })
    }
}

impl Source for Sentences {
    type Item = Sentence;

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn len(&self) -> Option<usize> {
        Some(self.all.len())
    }

    fn place(&self, index: u64) -> String {
        format!("{}:{}", self.path.display(), index + 1)
    }

    fn sample(&self, index: u64) -> glyphic_data::Result<Sentence> {
        let missing = || glyphic_data::Error::Setup {
            what: "sentences",
            reason: format!("{} has no sentence {index}", self.path.display()),
        };
        usize::try_from(index).ok().and_then(|i| self.all.get(i)).cloned().ok_or_else(missing)
    }
}

/// A token for each character that occurs at least twice, in the order of their code points.
fn vocabulary(sources: &[Arc<Sentences>]) -> String {
    let mut counts: BTreeMap<char, usize> = BTreeMap::new();
    let chars = sources.iter().flat_map(|s| s.all.iter().flat_map(|sentence| &sentence.chars));
    for c in chars.flat_map(|c| c.to_lowercase()) {
        *counts.entry(c).or_default() += 1;
    }
    let mut text = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n".to_owned();
    for (c, _) in counts.iter().filter(|(c, count)| **count > 1 && !c.is_whitespace() && !c.is_control()) {
        text.extend([*c, '\n']);
    }
    text
}

struct NerTraining {
    config: NerConfig,
    codec: NerCodec,
    vocabulary: String,
    validation: Vec<(String, Sentences)>,
}

pub(super) fn train(
    model: &NerConfig,
    batches: &SentenceBatches,
    config: &TrainConfig,
    observer: &mut dyn Observer,
) -> Result<Summary> {
    let run = &config.run;
    let mut parts: Vec<(Arc<Sentences>, f64)> = Vec::new();
    for source in &config.train {
        let fail = |reason: &str| Error::Config { path: "train".into(), reason: reason.to_owned() };
        if source.outlines.is_some() || source.rules.is_some() {
            return Err(fail("`outlines` and `rules` are for detectors and recognizers"));
        }
        let SourceKind::Pack(path) = &source.source else {
            return Err(fail("entities are learned from sentences; synthetic text has none"));
        };
        let sentences = Sentences::open(path, None)?;
        observer.message(&format!("{}: {} sentences", path.display(), sentences.all.len()));
        parts.push((Arc::new(sentences), source.weight));
    }
    let text = match &batches.vocabulary {
        Some(path) => std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?,
        None => vocabulary(&parts.iter().map(|(s, _)| Arc::clone(s)).collect::<Vec<_>>()),
    };
    let path = run.out.join("vocab.txt");
    write_file(&path, text.as_bytes()).map_err(|e| Error::io(&path, e))?;
    let open = |set: &ValidationSet| Ok((set.name.clone(), Sentences::open(&set.pack, set.limit)?));
    let training = NerTraining {
        codec: NerCodec::new(&text, model)?,
        config: model.clone(),
        vocabulary: text,
        validation: config.validate.iter().map(open).collect::<Result<_>>()?,
    };
    let options = PlanOptions { seed: run.seed, batch_size: batches.batch_size, pool: batches.pool };
    let skipped = SkippedSamples::open(&run.out, run.max_skipped)?;
    let parts = parts.into_iter().map(|(s, weight)| (s as Arc<dyn Source<Item = Sentence>>, weight));
    source::train(training, Mixture::new(parts.collect())?, options, run, skipped, observer)
}

impl Recipe for NerTraining {
    type Sample = Sentence;
    type Item = (Tokens, Vec<usize>);
    type Batch = Vec<(Tokens, Vec<usize>)>;

    fn item(&self, sample: Sentence, _: Drawn, _: &mut SampleRng) -> Result<Self::Item, String> {
        let labels = self.codec.labels(sample.chars.len(), &sample.entities).map_err(|e| e.to_string())?;
        Ok((self.codec.encode(&sample.chars), labels))
    }

    fn width(&self, item: &Self::Item) -> u32 {
        item.0.length as u32
    }

    fn batch(&self, mut items: Vec<Self::Item>) -> glyphic_data::Result<Self::Batch> {
        let longest = items.iter().map(|(tokens, _)| tokens.length).max().unwrap_or(0);
        for (tokens, labels) in &mut items {
            tokens.ids.truncate(longest);
            labels.truncate(longest);
        }
        Ok(items)
    }
}

impl Trainable for NerTraining {
    type Net = BertSoftmax;

    fn init(&self, device: &Device) -> BertSoftmax {
        self.config.init(device)
    }

    fn loss(&self, net: &BertSoftmax, batch: &Self::Batch, device: &Device) -> Result<Tensor<1>> {
        let (tokens, labels): (Vec<Tokens>, Vec<Vec<usize>>) = batch.iter().cloned().unzip();
        Ok(self.config.loss(net.forward(&tokens, device).logits, &labels.concat()))
    }

    fn validate(&self, net: &BertSoftmax, _: &Device) -> Result<Scores> {
        if self.validation.is_empty() {
            return Ok(Scores::default());
        }
        let finder = EntityFinder::from_graph(&self.config, &self.vocabulary, &net.graph()?)?;
        let (mut scores, mut decisive) = (BTreeMap::new(), Vec::new());
        for (name, sentences) in &self.validation {
            let (mut found, mut truths) = (Vec::new(), Vec::new());
            for sentence in &sentences.all {
                let text: String = sentence.chars.iter().collect();
                found.push(finder.find(&text)?.into_iter().map(|f| f.entity).collect::<Vec<Entity>>());
                truths.push(sentence.entities.clone());
            }
            let f1 = eval_ner_f1(&found, &truths, NerRule::default())?.all.f1;
            scores.insert(format!("{name}/f1"), f1);
            decisive.push(f1);
        }
        Ok(Scores::new(scores, &decisive))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vocabulary_is_made_of_characters_that_occur_twice() {
        let sentence = |text: &str| Sentence { chars: text.chars().collect(), entities: Vec::new() };
        let all = vec![sentence("Ab 是a"), sentence("是c")];
        let text = vocabulary(&[Arc::new(Sentences { path: "x".into(), all })]);
        assert_eq!(text, "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n是\n");
    }
}
