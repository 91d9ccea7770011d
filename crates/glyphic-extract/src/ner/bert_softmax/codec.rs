use std::collections::HashMap;

use glyphic_core::Entity;

use super::NerConfig;
use crate::{Error, Result};

/// The tag of padding; those of categories begin behind it.
const PADDING: usize = 0;

/// From characters to tokens, and from tags to entities.
#[derive(Debug, Clone)]
pub struct NerCodec {
    tokens: HashMap<String, usize>,
    unknown: usize,
    start: usize,
    end: usize,
    config: NerConfig,
}

/// A text as the network is given it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Tokens, `[max_len]`, 0 behind the end.
    pub ids: Vec<usize>,
    /// How many of them count: those of the characters and the two around them.
    pub length: usize,
}

impl NerCodec {
    /// A codec of a vocabulary with one token a line, in the order of their numbers, as `vocab.txt` of BERT has them.
    ///
    /// # Errors
    /// [`Error::Vocabulary`] where `[UNK]`, `[CLS]` or `[SEP]` is missing, or where there are more tokens than the network
    /// knows; [`Error::Config`].
    pub fn new(vocabulary: &str, config: &NerConfig) -> Result<Self> {
        config.validate()?;
        let lines = vocabulary.strip_prefix('\u{feff}').unwrap_or(vocabulary).lines();
        let tokens: HashMap<String, usize> =
            lines.map(str::trim_end).zip(0..).map(|(token, id)| (token.to_owned(), id)).collect();
        let count = vocabulary.lines().count();
        if count > config.vocab_size {
            let reason = format!("it has {count} tokens, the network {}", config.vocab_size);
            return Err(Error::Vocabulary { reason });
        }
        let special = |token: &str| {
            let missing = || Error::Vocabulary { reason: format!("it lacks {token}") };
            tokens.get(token).copied().ok_or_else(missing)
        };
        let (unknown, start, end) = (special("[UNK]")?, special("[CLS]")?, special("[SEP]")?);
        Ok(Self { unknown, start, end, tokens, config: config.clone() })
    }

    /// Characters that one input takes.
    pub fn capacity(&self) -> usize {
        self.config.max_len - 2
    }

    /// The tokens of a text's characters in lower case, up to [`NerCodec::capacity`] of them: one for each character, so that
    /// positions are those of the text.
    pub fn encode(&self, text: &[char]) -> Tokens {
        let text = &text[..text.len().min(self.capacity())];
        let token = |c: &char| {
            let mut lower = c.to_lowercase();
            let one = match (lower.next(), lower.next()) {
                (Some(one), None) => one,
                _ => *c,
            };
            let mut buffer = [0; 4];
            self.tokens.get(&*one.encode_utf8(&mut buffer)).copied().unwrap_or(self.unknown)
        };
        let mut ids = Vec::with_capacity(self.config.max_len);
        ids.push(self.start);
        ids.extend(text.iter().map(token));
        ids.push(self.end);
        let length = ids.len();
        ids.resize(self.config.max_len, 0);
        Tokens { ids, length }
    }

    /// Tags of a text of so many characters, `[max_len]`. What lies behind the input's end is left out.
    ///
    /// # Errors
    /// [`Error::UnknownCategory`].
    pub fn labels(&self, length: usize, entities: &[Entity]) -> Result<Vec<usize>> {
        let count = self.config.categories.len();
        let mut labels = vec![PADDING; self.config.max_len];
        labels.iter_mut().take(length + 2).for_each(|label| *label = 2 * count + 1);
        for entity in entities {
            let category = self.config.categories.iter().position(|c| *c == entity.category);
            let category = category.ok_or_else(|| Error::UnknownCategory {
                category: entity.category.clone(),
                known: self.config.categories.join(", "),
            })?;
            for at in entity.start..=entity.end {
                let Ok(place) = usize::try_from(at + 1) else { continue };
                let tag = if at == entity.start { category + 1 } else { category + 1 + count };
                if let Some(label) = labels.get_mut(place) {
                    *label = tag;
                }
            }
        }
        Ok(labels)
    }

    /// The entities of tags of a text's characters. With [`NerConfig::reference`], as MMOCR 0.2.1 has them.
    pub fn entities(&self, tags: &[usize]) -> Vec<Entity> {
        let count = self.config.categories.len();
        let shortest = if self.config.reference { 2 } else { 1 };
        let mut found = Vec::new();
        let mut open: Option<(usize, usize, usize)> = None;
        let mut close = |entity: Option<(usize, usize, usize)>| {
            if let Some((category, start, end)) = entity
                && end + 1 - start >= shortest
            {
                let name = self.config.categories[category].clone();
                found.push(Entity::new(name, start as i64, end as i64));
            }
        };
        for (i, tag) in tags.iter().enumerate() {
            match *tag {
                tag if (1..=count).contains(&tag) => {
                    close(open.take());
                    open = Some((tag - 1, i, i));
                }
                tag if (count + 1..=2 * count).contains(&tag) && open.is_some() => {
                    let inside = tag - count - 1;
                    open = match open {
                        Some((category, start, _)) if category == inside => Some((category, start, i)),
                        Some(other) if self.config.reference => Some(other),
                        other => {
                            close(other);
                            None
                        }
                    };
                }
                _ => close(open.take()),
            }
        }
        close(open);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VOCABULARY: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\na\nb\n是\n";

    fn codec(reference: bool) -> NerCodec {
        let config = NerConfig { max_len: 6, reference, ..NerConfig::default() };
        NerCodec::new(VOCABULARY, &config).unwrap()
    }

    #[test]
    fn every_character_is_a_token_and_long_texts_are_cut() {
        let tokens = codec(false).encode(&"A是?".chars().collect::<Vec<_>>());
        assert_eq!(tokens, Tokens { ids: vec![2, 4, 6, 1, 3, 0], length: 5 });
        let tokens = codec(false).encode(&"abababab".chars().collect::<Vec<_>>());
        assert_eq!(tokens, Tokens { ids: vec![2, 4, 5, 4, 5, 3], length: 6 });
        assert_eq!(codec(false).encode(&[]), Tokens { ids: vec![2, 3, 0, 0, 0, 0], length: 2 });
    }

    #[test]
    fn tags_of_entities_give_them_back() {
        let entities = [Entity::new("book", 0, 0), Entity::new("name", 1, 3)];
        let codec = codec(false);
        let labels = codec.labels(4, &entities).unwrap();
        assert_eq!(labels, [21, 2, 7, 17, 17, 21]);
        assert_eq!(codec.entities(&labels[1..5]), entities);
        let error = codec.labels(4, &[Entity::new("planet", 0, 1)]).unwrap_err().to_string();
        assert!(error.contains("planet") && error.contains("address"), "{error}");
    }

    #[test]
    fn the_references_way_loses_entities_of_one_character_and_the_default_does_not() {
        // B-book, then I-book, I-name, I-book.
        let tags = [2, 12, 17, 12];
        assert_eq!(codec(true).entities(&tags), [Entity::new("book", 0, 3)]);
        assert_eq!(codec(false).entities(&tags), [Entity::new("book", 0, 1)]);
        assert!(codec(true).entities(&[2, 21]).is_empty());
        assert_eq!(codec(false).entities(&[2, 21]), [Entity::new("book", 0, 0)]);
    }

    #[test]
    fn a_vocabulary_that_does_not_fit_is_refused() {
        let small = NerConfig { vocab_size: 3, ..NerConfig::default() };
        for (vocabulary, config, word) in
            [("[UNK]\n[CLS]\na\n", NerConfig::default(), "[SEP]"), (VOCABULARY, small, "7 tokens")]
        {
            let error = NerCodec::new(vocabulary, &config).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
