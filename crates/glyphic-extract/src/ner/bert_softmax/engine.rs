use glyphic_core::Entity;
use glyphic_graph::{Graph, Session, Tensor};
use serde::Serialize;

use super::{NerCodec, NerConfig};
use crate::{Error, Result};

/// An entity of a text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FoundEntity {
    /// Its category and first and last character.
    #[serde(flatten)]
    pub entity: Entity,
    /// What it says.
    pub text: String,
    /// The mean probability of its characters' tags, 0 to 1.
    pub score: f32,
}

/// Finds the named entities of texts. One serves every thread; a text never depends on others.
#[derive(Debug)]
pub struct EntityFinder {
    codec: NerCodec,
    config: NerConfig,
    session: Session,
}

impl EntityFinder {
    /// A finder of a network's graph, as `BertSoftmax::graph` makes it, and the vocabulary that it was trained with.
    ///
    /// # Errors
    /// Those of [`NerCodec::new`]; [`Error::Graph`] for another network's graph.
    pub fn from_graph(config: &NerConfig, vocabulary: &str, graph: &Graph) -> Result<Self> {
        let codec = NerCodec::new(vocabulary, config)?;
        let session = Session::new(graph.cut(&["tokens", "mask"], &["logits"])?)?;
        Ok(Self { codec, config: config.clone(), session })
    }

    /// The entities of a text, in its order. Texts longer than the network's input are read in parts that overlap by half;
    /// each character's tag is that of the part in which it stands farthest from an end.
    ///
    /// # Errors
    /// [`Error::Scores`] where the categories are not as many as the network's, [`Error::Graph`]; with
    /// [`NerConfig::reference`], [`Error::TextLength`] for texts that are empty or too long.
    pub fn find(&self, text: &str) -> Result<Vec<FoundEntity>> {
        let chars: Vec<char> = text.chars().collect();
        let most = self.codec.capacity();
        if self.config.reference && !(1..=most).contains(&chars.len()) {
            return Err(Error::TextLength { chars: chars.len(), most });
        }
        let mut tags: Vec<(usize, f32, usize)> = vec![(0, 0.0, 0); chars.len()];
        let mut start = 0;
        while start < chars.len() {
            let end = chars.len().min(start + most);
            for (i, (tag, score)) in self.tags(&chars[start..end])?.into_iter().enumerate() {
                // How many characters of the part, or the text's end, stand on the nearer side.
                let left = if start == 0 { usize::MAX } else { i + 1 };
                let right = if end == chars.len() { usize::MAX } else { end - start - i };
                let slot = &mut tags[start + i];
                if left.min(right) > slot.2 {
                    *slot = (tag, score, left.min(right));
                }
            }
            if end == chars.len() {
                break;
            }
            start += most.div_ceil(2);
        }
        let classes: Vec<usize> = tags.iter().map(|(tag, ..)| *tag).collect();
        let found = |entity: Entity| {
            let range = entity.start.max(0) as usize..(entity.end.max(0) as usize + 1).min(chars.len());
            let scores = &tags[range.clone()];
            let score = scores.iter().map(|(_, score, _)| score).sum::<f32>() / scores.len().max(1) as f32;
            FoundEntity { text: chars[range].iter().collect(), entity, score }
        };
        Ok(self.codec.entities(&classes).into_iter().map(found).collect())
    }

    /// The best tag of each character and its probability.
    fn tags(&self, chars: &[char]) -> Result<Vec<(usize, f32)>> {
        let mut tokens = self.codec.encode(chars);
        tokens.ids.truncate(tokens.length);
        let shape = [1, tokens.length];
        let ids = Tensor::from_f32(&shape, tokens.ids.iter().map(|id| *id as f32).collect())?;
        let mask = Tensor::from_f32(&shape, vec![1.0; tokens.length])?;
        let output = self.session.run(&[("tokens", ids), ("mask", mask)])?.pop();
        let classes = self.config.num_labels();
        let expected = vec![1, tokens.length, classes];
        let got = output.as_ref().map_or(Vec::new(), |t| t.shape().to_vec());
        let Some(logits) = output.and_then(Tensor::into_f32).filter(|_| got == expected) else {
            return Err(Error::Scores { what: "tags", got, expected });
        };
        // Without the tokens around the text.
        let rows = logits.chunks_exact(classes).skip(1).take(chars.len());
        Ok(rows
            .map(|row| {
                let best = (1..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
                (best, 1.0 / row.iter().map(|v| (v - row[best]).exp()).sum::<f32>())
            })
            .collect())
    }
}
