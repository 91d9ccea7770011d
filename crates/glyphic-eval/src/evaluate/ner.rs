use std::fmt;

use glyphic_core::{Entity, EntityText};
use serde::{Deserialize, Serialize};

use crate::ner::right_entities;
use crate::table::Table;
use crate::{EntityScore, Error, NerRule, NerScore, Result, eval_ner_f1};

/// One text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NerText {
    /// Which text of the set, from 0.
    pub index: usize,
    /// The text, where known.
    pub text: Option<String>,
    /// Entities found.
    pub hits: usize,
    /// Entities of the truth that were not found.
    pub missed: Vec<Entity>,
    /// Predicted entities that are wrong.
    pub wrong: Vec<Entity>,
}

/// What [`evaluate_ner`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NerReport {
    /// Number of texts.
    pub texts: usize,
    /// The metrics.
    #[serde(flatten)]
    pub score: NerScore,
    /// Each text, the one with the most mistakes first.
    pub each: Vec<NerText>,
}

/// Entity recognition of a data set: truth and predictions of the same texts in the same order.
///
/// # Errors
/// [`Error::Order`] for another number of texts, [`Error::TextDiffers`] where both give a text and they differ.
pub fn evaluate_ner(truth: &[EntityText], predictions: &[EntityText], rule: NerRule) -> Result<NerReport> {
    if truth.len() != predictions.len() {
        return Err(Error::Order { expected: truth.len(), got: predictions.len() });
    }
    for (index, (t, p)) in truth.iter().zip(predictions).enumerate() {
        if let (Some(expected), Some(got)) = (&t.text, &p.text)
            && expected != got
        {
            return Err(Error::TextDiffers { index, expected: expected.clone(), got: got.clone() });
        }
    }
    let entities = |all: &[EntityText]| all.iter().map(|t| t.entities.clone()).collect::<Vec<_>>();
    let score = eval_ner_f1(&entities(predictions), &entities(truth), rule)?;
    let mut texts: Vec<NerText> = (truth.iter().zip(predictions).enumerate())
        .map(|(index, (t, p))| {
            let right = right_entities(&p.entities, &t.entities, rule);
            let found = right_entities(&t.entities, &p.entities, rule);
            let without = |entities: &[Entity], right: &[bool]| {
                entities.iter().zip(right).filter(|(_, right)| !**right).map(|(e, _)| e.clone()).collect()
            };
            NerText {
                index,
                text: t.text.clone().or_else(|| p.text.clone()),
                hits: right.iter().filter(|r| **r).count(),
                missed: without(&t.entities, &found),
                wrong: without(&p.entities, &right),
            }
        })
        .collect();
    texts.sort_by_key(|t| std::cmp::Reverse(t.missed.len() + t.wrong.len()));
    Ok(NerReport { texts: truth.len(), score, each: texts })
}

impl fmt::Display for NerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "entities of {} texts", self.texts)?;
        let mut table = Table::new(["", "truths", "predictions", "recall", "precision", "F1"]);
        let mut row = |name: &str, score: &EntityScore| {
            table.ratios(name, score.truths, score.predictions, [score.recall, score.precision, score.f1]);
        };
        for (name, score) in &self.score.categories {
            row(name, score);
        }
        row("all", &self.score.all);
        write!(f, "{table}")
    }
}
