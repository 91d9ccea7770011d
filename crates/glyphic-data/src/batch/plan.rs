use std::sync::Arc;

use rand::RngExt;

use super::Plan;
use crate::random::{SampleRng, rng};
use crate::source::Mixture;
use crate::{Error, Result};

/// How a model makes training batches of samples: targets of a sample, a batch of those.
pub trait Recipe: Send + Sync + 'static {
    /// What sources give.
    type Sample: 'static;
    /// A sample with its targets.
    type Item;
    /// Several of them.
    type Batch: Send + 'static;

    /// A sample with its targets. `rng` depends on the run's seed and the sample's place in the run alone.
    ///
    /// # Errors
    /// Why the sample cannot be trained on; another stands in for it.
    fn item(
        &self,
        sample: Self::Sample,
        drawn: Drawn,
        rng: &mut SampleRng,
    ) -> std::result::Result<Self::Item, String>;

    /// What the items of a pool are sorted by before they are divided into batches.
    fn width(&self, _item: &Self::Item) -> u32 {
        0
    }

    /// A batch of items.
    ///
    /// # Errors
    /// Where the batch cannot be made; it ends the run.
    fn batch(&self, items: Vec<Self::Item>) -> Result<Self::Batch>;
}

/// Where a sample comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Which source of the mixture.
    pub source: usize,
    /// Whether the source's samples shall be augmented; see [`crate::Source::augmented`].
    pub augmented: bool,
}

/// Sizes of batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOptions {
    /// Fixes every random choice.
    pub seed: u64,
    /// Samples in a batch.
    pub batch_size: usize,
    /// This many batches are drawn together and divided by [`Recipe::width`].
    pub pool: usize,
}

/// A batch, and what it is made of.
#[derive(Debug, Clone)]
pub struct Prepared<B> {
    /// The batch.
    pub batch: B,
    /// Number of samples.
    pub len: usize,
    /// Where its samples stand, for messages.
    pub places: Vec<String>,
    /// Samples that could not be trained on and that others of the same sources stand in for: each with its place and the
    /// reason.
    pub skipped: Vec<String>,
}

/// Endless batches from a mixture of sources.
pub struct SamplePlan<R: Recipe> {
    mixture: Mixture<R::Sample>,
    recipe: Arc<R>,
    options: PlanOptions,
}

/// So many skipped samples in a row mean that a source is of no use.
const MAX_REDRAWS: u32 = 100;

/// An item with its width, its place and what was skipped before it.
struct Made<I> {
    item: I,
    width: u32,
    place: String,
    skipped: Vec<String>,
}

impl<R: Recipe> SamplePlan<R> {
    /// Batches of these sources.
    ///
    /// # Errors
    /// [`Error::Setup`] for a batch size or pool of 0.
    pub fn new(mixture: Mixture<R::Sample>, recipe: Arc<R>, options: PlanOptions) -> Result<Self> {
        for (name, value) in [("batch_size", options.batch_size), ("pool", options.pool)] {
            if value == 0 {
                let reason = format!("invalid {name} = 0; expected at least 1");
                return Err(Error::Setup { what: "batches", reason });
            }
        }
        Ok(Self { mixture, recipe, options })
    }

    /// The sources.
    pub fn mixture(&self) -> &Mixture<R::Sample> {
        &self.mixture
    }

    /// Sample `i` of the stream: a pure function of the seed and `i`.
    fn sample(&self, i: u64) -> Result<Made<R::Item>> {
        let seed = self.options.seed;
        let mut draw = self.mixture.draw(seed, i);
        let source = &self.mixture.sources()[draw.source];
        let drawn = Drawn { source: draw.source, augmented: source.augmented() };
        let mut skipped = Vec::new();
        for attempt in 0..MAX_REDRAWS {
            let mut rng = rng(&[seed, i, u64::from(attempt)]);
            let item = source
                .sample(draw.index)
                .map_err(|e| e.to_string())
                .and_then(|sample| self.recipe.item(sample, drawn, &mut rng));
            let place = source.place(draw.index);
            match item {
                Ok(item) => {
                    let width = self.recipe.width(&item);
                    return Ok(Made { item, width, place, skipped });
                }
                Err(reason) if reason.contains(&place) => skipped.push(reason),
                Err(reason) => skipped.push(format!("{place}: {reason}")),
            }
            draw = self.mixture.redraw(seed, i, attempt, draw.source);
        }
        Err(Error::NothingUsable { attempts: MAX_REDRAWS, last: skipped.pop().unwrap_or_default() })
    }
}

impl<R: Recipe> Plan for SamplePlan<R> {
    type Batch = Prepared<R::Batch>;

    fn seed(&self) -> u64 {
        self.options.seed
    }

    fn unit_len(&self) -> usize {
        self.options.pool
    }

    fn unit(&self, unit: u64) -> Result<Vec<Prepared<R::Batch>>> {
        let PlanOptions { seed, batch_size, pool } = self.options;
        let n = (batch_size * pool) as u64;
        let mut samples = (unit * n..(unit + 1) * n).map(|i| self.sample(i)).collect::<Result<Vec<_>>>()?;
        samples.sort_by_key(|s| s.width);
        let mut samples = samples.into_iter();
        let mut batches = Vec::with_capacity(pool);
        for _ in 0..pool {
            let (mut items, mut places) = (Vec::with_capacity(batch_size), Vec::with_capacity(batch_size));
            let mut skipped = Vec::new();
            for made in samples.by_ref().take(batch_size) {
                items.push(made.item);
                places.push(made.place);
                skipped.extend(made.skipped);
            }
            batches.push(Prepared { len: items.len(), batch: self.recipe.batch(items)?, places, skipped });
        }
        // Otherwise every unit would go from narrow to wide.
        let mut rng = rng(&[seed, unit, u64::MAX]);
        for k in (1..batches.len()).rev() {
            batches.swap(k, rng.random_range(0..=k));
        }
        Ok(batches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FnSource, Loader, LoaderOptions, Source};

    /// Words; those with a `!` cannot be trained on.
    struct Words;

    impl Recipe for Words {
        type Sample = String;
        type Item = (String, Drawn, u32);
        type Batch = Vec<(String, Drawn, u32)>;

        fn item(&self, word: String, drawn: Drawn, rng: &mut SampleRng) -> Result<Self::Item, String> {
            if word.contains('!') {
                return Err(format!("{word:?} has a mark"));
            }
            Ok((word, drawn, rng.random()))
        }

        fn width(&self, item: &Self::Item) -> u32 {
            item.0.len() as u32
        }

        fn batch(&self, items: Vec<Self::Item>) -> Result<Self::Batch> {
            Ok(items)
        }
    }

    /// Sample `i` is a word of `1 + i % 9` letters, unless `bad` says otherwise.
    fn words(
        augmented: bool,
        bad: impl Fn(u64) -> bool + Send + Sync,
    ) -> FnSource<impl Fn(u64) -> Result<String> + Send + Sync> {
        FnSource::new("words", augmented, move |i| match i % 11 {
            _ if !bad(i) => Ok("abcdefghi"[..1 + (i % 9) as usize].to_owned()),
            0..5 => Ok(format!("{i}!")),
            _ => Err(Error::Setup { what: "word", reason: format!("{i} is broken") }),
        })
    }

    fn plan(mixture: Mixture<String>) -> SamplePlan<Words> {
        SamplePlan::new(mixture, Arc::new(Words), PlanOptions { seed: 5, batch_size: 6, pool: 3 }).unwrap()
    }

    #[test]
    fn batches_are_the_same_for_every_number_of_threads_and_from_every_step() {
        let make = |threads: usize, step: u64, n: usize| -> Vec<_> {
            let plan = plan(Mixture::single(words(true, |i| i % 5 == 0)).unwrap());
            let mut loader = Loader::new(plan, LoaderOptions { threads, queue: 3 }, step).unwrap();
            let mut next = || {
                let prepared = loader.next().unwrap();
                (prepared.batch, prepared.places, prepared.skipped)
            };
            (0..n).map(|_| next()).collect()
        };
        let all = make(1, 0, 8);
        assert_eq!(all, make(3, 0, 8));
        assert_eq!(all[5..], make(2, 5, 3));
        assert_ne!(all[0], all[1]);
    }

    #[test]
    fn a_pool_is_divided_by_width() {
        let batches = plan(Mixture::single(words(true, |_| false)).unwrap()).unit(0).unwrap();
        let mut ranges: Vec<(usize, usize)> = batches
            .iter()
            .map(|b| {
                let widths = b.batch.iter().map(|item| item.0.len());
                assert_eq!((b.len, b.batch.len(), b.places.len()), (6, 6, 6));
                (widths.clone().min().unwrap(), widths.max().unwrap())
            })
            .collect();
        ranges.sort_unstable();
        assert_eq!(ranges, [(1, 3), (4, 6), (7, 9)]);
    }

    #[test]
    fn samples_that_cannot_be_trained_on_are_replaced_and_named() {
        let plan_of = |bad: fn(u64) -> bool| plan(Mixture::single(words(true, bad)).unwrap());
        let batches = plan_of(|i| i % 4 == 0).unit(1).unwrap();
        let skipped: Vec<&String> = batches.iter().flat_map(|b| &b.skipped).collect();
        // Draws 18 to 35: four of them are bad, and perhaps some that stand in for them.
        assert!(skipped.len() >= 4, "{skipped:?}");
        assert!(skipped.iter().all(|s| s.starts_with("words, sample ")), "{skipped:?}");
        assert!(
            skipped.iter().any(|s| s.contains("has a mark")) && skipped.iter().any(|s| s.contains("broken"))
        );
        let error = plan_of(|_| true).unit(0).err().unwrap();
        assert!(matches!(error, Error::NothingUsable { attempts: 100, .. }), "{error:?}");
    }

    #[test]
    fn sources_mix_by_weight_and_each_item_knows_its_own() {
        let parts: Vec<(Arc<dyn Source<Item = String>>, f64)> =
            vec![(Arc::new(words(true, |_| false)), 2.0), (Arc::new(words(false, |_| false)), 1.0)];
        let batches = plan(Mixture::new(parts).unwrap()).unit(3).unwrap();
        let mut counts = [0; 2];
        for (_, drawn, _) in batches.iter().flat_map(|b| &b.batch) {
            counts[drawn.source] += 1;
            assert_eq!(drawn.augmented, drawn.source == 0);
        }
        assert_eq!(counts, [12, 6]);
    }

    #[test]
    fn impossible_options_are_refused_with_their_name() {
        for (name, batch_size, pool) in [("batch_size", 0, 1), ("pool", 1, 0)] {
            let options = PlanOptions { seed: 0, batch_size, pool };
            let mixture = Mixture::single(words(true, |_| false)).unwrap();
            let error = SamplePlan::new(mixture, Arc::new(Words), options).err().unwrap().to_string();
            assert!(error.contains(&format!("invalid {name} = 0")), "{error}");
        }
    }
}
