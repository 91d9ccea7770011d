//! Texts and their entities into the numbers a named-entity network reads.

use std::collections::HashMap;
use std::path::Path;

use crate::{Error, Result};
use glyphic_core::Entity;
use glyphic_labels::Error as LabelError;

/// The place of a symbol in BERT's vocabularies.
const UNKNOWN: i64 = 100;
const START: i64 = 101;
const END: i64 = 102;

/// A text as MMOCR's `NerTransform` gives it, each list `max_len` long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NerSample {
    /// The text.
    pub text: String,
    /// Start, the characters, end, then 0.
    pub input_ids: Vec<i64>,
    /// Per position: 0 on padding, else B or I of a category, or O.
    pub labels: Vec<i64>,
    /// 1 up to the end symbol, else 0.
    pub attention_mask: Vec<i64>,
    /// 0 throughout: there is one text.
    pub token_type_ids: Vec<i64>,
}

/// MMOCR's `NerTransform` with its `NerConvertor`, in the scheme of B, I and O.
///
/// A text longer than `max_len - 2` characters is cut, entities with it; an empty one is start and end alone (the
/// reference fails on both).
#[derive(Debug, Clone)]
pub struct NerTransform {
    ids: HashMap<char, i64>,
    categories: Vec<String>,
    max_len: usize,
}

impl NerTransform {
    /// From a vocabulary, a symbol a line (a BERT `vocab.txt`), the categories in the order of their classes, and the
    /// length of a sample, at least 3.
    ///
    /// # Errors
    /// [`Error::Setup`] for a shorter length, no categories, or one that comes twice.
    pub fn new(vocabulary: &str, categories: &[impl AsRef<str>], max_len: usize) -> Result<Self> {
        let fail = |reason: String| Err(Error::Setup { what: "NerTransform", reason });
        if max_len < 3 {
            return fail(format!("max_len is {max_len}, it must be at least 3"));
        }
        let categories: Vec<String> = categories.iter().map(|c| c.as_ref().to_owned()).collect();
        if categories.is_empty() {
            return fail("there are no categories".to_owned());
        }
        if let Some(twice) = (1..categories.len()).find(|&i| categories[..i].contains(&categories[i])) {
            return fail(format!("the category {:?} comes twice", categories[twice]));
        }
        let mut ids = HashMap::new();
        for (id, line) in vocabulary.lines().enumerate() {
            let mut chars = line.trim_end().chars();
            if let (Some(c), None) = (chars.next(), chars.next()) {
                ids.insert(c, id as i64);
            }
        }
        Ok(Self { ids, categories, max_len })
    }

    /// [`NerTransform::new`] with the vocabulary from a file.
    ///
    /// # Errors
    /// As there, and [`Error::Labels`].
    pub fn open(
        vocabulary: impl AsRef<Path>,
        categories: &[impl AsRef<str>],
        max_len: usize,
    ) -> Result<Self> {
        let path = vocabulary.as_ref();
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::from(LabelError::Read { path: path.to_owned(), source }))?;
        Self::new(&text, categories, max_len)
    }

    /// The classes: 0 is padding, then B of each category, then I of each, then O.
    pub fn outside(&self) -> i64 {
        2 * self.categories.len() as i64 + 1
    }

    /// A text with its entities; a later entity lies over an earlier one.
    ///
    /// # Errors
    /// [`Error::Step`] for an unknown category and an entity that is not within the text.
    pub fn apply(&self, text: &str, entities: &[Entity]) -> Result<NerSample> {
        let fail = |reason: String| Err(Error::Step { step: "NerTransform", reason });
        let length = text.chars().count();
        let room = self.max_len - 2;
        let kept = length.min(room);
        let mut input_ids = vec![0; self.max_len];
        input_ids[0] = START;
        // Lower-casing may lengthen a text; positions are those of the text as given.
        for (id, c) in input_ids[1..].iter_mut().zip(text.chars().take(kept)) {
            let mut lower = c.to_lowercase();
            let lower = if lower.len() == 1 { lower.next() } else { None };
            *id = lower.and_then(|c| self.ids.get(&c)).copied().unwrap_or(UNKNOWN);
        }
        input_ids[kept + 1] = END;
        let filled = |n: usize, value: i64| {
            let mut list = vec![0; self.max_len];
            list[..n].fill(value);
            list
        };
        let mut labels = filled(kept + 2, self.outside());
        for Entity { category, start, end } in entities {
            let Some(class) = self.categories.iter().position(|c| c == category) else {
                return fail(format!("category {category:?} is none of {:?}", self.categories));
            };
            let (Ok(first), Ok(last)) = (usize::try_from(*start), usize::try_from(*end)) else {
                return fail(format!(
                    "{category} from character {start} to {end}; characters are counted from 0"
                ));
            };
            if first > last || last >= length {
                return fail(format!(
                    "{category} from character {start} to {end}, but the text has {length}; both are counted from 0"
                ));
            }
            for place in (first..=last).filter(|place| *place < kept) {
                let offset = if place == first { 0 } else { self.categories.len() };
                labels[place + 1] = (class + 1 + offset) as i64;
            }
        }
        Ok(NerSample {
            text: text.to_owned(),
            input_ids,
            labels,
            attention_mask: filled(kept + 2, 1),
            token_type_ids: vec![0; self.max_len],
        })
    }
}

/// Samples as arrays `[samples, max_len]`: MMOCR's `ToTensorNER` and the collation after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NerTensors {
    /// Samples, positions.
    pub shape: [usize; 2],
    /// See [`NerSample::input_ids`].
    pub input_ids: Vec<i64>,
    /// See [`NerSample::labels`].
    pub labels: Vec<i64>,
    /// See [`NerSample::attention_mask`].
    pub attention_masks: Vec<i64>,
    /// See [`NerSample::token_type_ids`].
    pub token_type_ids: Vec<i64>,
}

/// Stacks samples: MMOCR's `ToTensorNER`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ToTensorNer {}

impl ToTensorNer {
    /// The samples one below the other.
    ///
    /// # Errors
    /// [`Error::Step`] where their lengths differ.
    pub fn apply(&self, samples: &[NerSample]) -> Result<NerTensors> {
        let length = samples.first().map_or(0, |s| s.input_ids.len());
        let mut out = NerTensors { shape: [samples.len(), length], ..NerTensors::default() };
        for sample in samples {
            let lists = [
                (&sample.input_ids, &mut out.input_ids),
                (&sample.labels, &mut out.labels),
                (&sample.attention_mask, &mut out.attention_masks),
                (&sample.token_type_ids, &mut out.token_type_ids),
            ];
            for (list, target) in lists {
                if list.len() != length {
                    let reason = format!("a sample of {} positions among samples of {length}", list.len());
                    return Err(Error::Step { step: "ToTensorNER", reason });
                }
                target.extend_from_slice(list);
            }
        }
        Ok(out)
    }
}
