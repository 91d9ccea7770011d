use std::collections::HashMap;

use glyphic_core::Entity;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What counts as right. Both give the same where no prediction is made twice and every category has a truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NerRule {
    /// Each truth can be found once, and a category that is only predicted is listed too.
    #[default]
    OneToOne,
    /// As MMOCR 0.2.1: a prediction made twice is right twice, so that recall can exceed 1, and a category that the truth
    /// has not counts among all but is not listed.
    Mmocr021,
}

/// How well entities are found.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct EntityScore {
    /// Entities of the truth.
    pub truths: usize,
    /// Entities predicted.
    pub predictions: usize,
    /// Predictions of the right category at exactly the right place.
    pub hits: usize,
    /// `hits / predictions`, 0 without predictions.
    pub precision: f64,
    /// `hits / truths`, 0 without truths.
    pub recall: f64,
    /// Harmonic mean of both, 0 where both are 0.
    pub f1: f64,
}

impl EntityScore {
    /// The ratios of these counts.
    pub fn new(truths: usize, predictions: usize, hits: usize) -> Self {
        let share = |of: usize| if of == 0 { 0.0 } else { hits as f64 / of as f64 };
        let (recall, precision) = (share(truths), share(predictions));
        let sum = recall + precision;
        let f1 = if sum == 0.0 { 0.0 } else { 2.0 * precision * recall / sum };
        Self { truths, predictions, hits, precision, recall, f1 }
    }
}

/// Entity recognition of a whole set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NerScore {
    /// All categories together.
    pub all: EntityScore,
    /// Each category, in the order in which the truth names them first.
    pub categories: Vec<(String, EntityScore)>,
}

/// F1 of entities: those predicted and those of the truth, a list for each text. An entity is right where category,
/// start and end are.
///
/// # Errors
/// [`Error::Count`] for lists of different length.
pub fn eval_ner_f1(predicted: &[Vec<Entity>], truths: &[Vec<Entity>], rule: NerRule) -> Result<NerScore> {
    if predicted.len() != truths.len() {
        return Err(Error::Count { what: "entities", expected: truths.len(), got: predicted.len() });
    }
    let right: Vec<Vec<bool>> = (predicted.par_iter().zip(truths))
        .with_min_len(256)
        .map(|(predicted, truths)| right_entities(predicted, truths, rule))
        .collect();
    let mut order: Vec<&str> = Vec::new();
    let mut counts: HashMap<&str, [usize; 3]> = HashMap::new();
    let mut all = [0; 3];
    let mut count = |category, of: usize, listed: bool| {
        all[of] += 1;
        let counted = counts.entry(category).or_insert_with(|| {
            if listed {
                order.push(category);
            }
            [0; 3]
        });
        counted[of] += 1;
    };
    truths.iter().flatten().for_each(|e| count(&e.category, 0, true));
    for (entity, right) in predicted.iter().flatten().zip(right.iter().flatten()) {
        count(&entity.category, 1, rule == NerRule::OneToOne);
        if *right {
            count(&entity.category, 2, false);
        }
    }
    let score = |[truths, predictions, hits]: [usize; 3]| EntityScore::new(truths, predictions, hits);
    let categories = order.iter().map(|c| ((*c).to_owned(), score(counts[c]))).collect();
    Ok(NerScore { all: score(all), categories })
}

/// For each predicted entity of one text, whether it is right.
pub(crate) fn right_entities(predicted: &[Entity], truths: &[Entity], rule: NerRule) -> Vec<bool> {
    let mut left: HashMap<&Entity, usize> = HashMap::with_capacity(truths.len());
    for truth in truths {
        *left.entry(truth).or_default() += 1;
    }
    let right = predicted.iter().map(|entity| match left.get_mut(entity) {
        Some(n) if *n > 0 => {
            *n -= usize::from(rule == NerRule::OneToOne);
            true
        }
        _ => false,
    });
    right.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entities(list: &[(&str, i64, i64)]) -> Vec<Entity> {
        list.iter().map(|(c, s, e)| Entity::new(*c, *s, *e)).collect()
    }

    #[test]
    fn category_start_and_end_must_all_be_right() {
        let truth = entities(&[("name", 2, 4), ("book", 7, 9)]);
        // prediction, hits of `name`, hits of all
        for (predicted, name, all) in [
            (&[("name", 2, 4), ("book", 7, 9)][..], 1, 2),
            (&[("name", 2, 5), ("book", 7, 9)], 0, 1),
            (&[("name", 1, 4)], 0, 0),
            (&[("book", 2, 4)], 0, 0),
            (&[], 0, 0),
        ] {
            let score =
                eval_ner_f1(&[entities(predicted)], std::slice::from_ref(&truth), NerRule::OneToOne).unwrap();
            assert_eq!(score.categories[0].0, "name");
            assert_eq!((score.categories[0].1.hits, score.all.hits), (name, all), "{predicted:?}");
        }
    }

    #[test]
    fn a_prediction_made_twice_is_right_once_and_under_the_reference_twice() {
        let truth = [entities(&[("name", 2, 4)])];
        let predicted = [entities(&[("name", 2, 4), ("name", 2, 4), ("city", 0, 1)])];
        let ours = eval_ner_f1(&predicted, &truth, NerRule::OneToOne).unwrap();
        assert_eq!((ours.all.hits, ours.all.recall), (1, 1.0));
        assert_eq!(ours.categories.iter().map(|c| c.0.as_str()).collect::<Vec<_>>(), ["name", "city"]);
        let theirs = eval_ner_f1(&predicted, &truth, NerRule::Mmocr021).unwrap();
        assert_eq!((theirs.all.hits, theirs.all.recall, theirs.all.predictions), (2, 2.0, 3));
        assert_eq!(theirs.categories.len(), 1, "a category without truth is not listed");
    }

    #[test]
    fn nothing_predicted_and_nothing_there_score_zero() {
        let score = eval_ner_f1(&[vec![]], &[vec![]], NerRule::OneToOne).unwrap();
        assert_eq!((score.all, score.categories.len()), (EntityScore::default(), 0));
        let error = eval_ner_f1(&[], &[vec![]], NerRule::OneToOne).unwrap_err();
        assert!(matches!(error, Error::Count { what: "entities", expected: 1, got: 0 }), "{error}");
    }

    fn texts() -> impl Strategy<Value = Vec<Vec<Entity>>> {
        let entity = ("[abc]", 0..6i64, 0..3i64).prop_map(|(c, s, n)| Entity::new(c, s, s + n));
        prop::collection::vec(prop::collection::vec(entity, 0..5), 300)
    }

    proptest! {
        #[test]
        fn the_number_of_threads_does_not_matter_and_hits_never_exceed_either_side(a in texts(), b in texts()) {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| eval_ner_f1(&a, &b, NerRule::OneToOne)).unwrap()
            };
            let one = on(1);
            prop_assert_eq!(&one, &on(2));
            for (_, score) in &one.categories {
                prop_assert!(score.hits <= score.truths.min(score.predictions));
            }
            let swapped = eval_ner_f1(&b, &a, NerRule::OneToOne).unwrap();
            prop_assert_eq!((one.all.recall, one.all.precision), (swapped.all.precision, swapped.all.recall));
        }
    }
}
