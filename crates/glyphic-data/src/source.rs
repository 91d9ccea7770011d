use std::sync::Arc;

use glyphic_core::Sample;
use glyphic_labels::LazyPack;

use crate::random::{fold, permuted};
use crate::{Error, Result};

/// Where samples come from: a pack, a generator.
///
/// `sample(index)` must depend on the index alone, and be cheap to call from several threads at once.
pub trait Source: Send + Sync {
    /// A [`glyphic_core::Sample`] or a [`crate::TextSample`].
    type Item;

    /// A name for messages.
    fn name(&self) -> String;

    /// How many samples there are; `None` where every index gives a new one.
    fn len(&self) -> Option<usize>;

    /// Whether it can give no sample at all.
    fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Whether its pictures shall be augmented; false for a generator that degrades them itself.
    fn augmented(&self) -> bool {
        true
    }

    /// Where sample `index` stands, for messages.
    fn place(&self, index: u64) -> String {
        format!("{}, sample {index}", self.name())
    }

    /// Sample `index`, below [`Source::len`] where there is one.
    ///
    /// # Errors
    /// The reader's or the generator's, with the place it concerns.
    fn sample(&self, index: u64) -> Result<Self::Item>;
}

impl<S: Source + ?Sized> Source for Arc<S> {
    type Item = S::Item;

    fn name(&self) -> String {
        (**self).name()
    }

    fn len(&self) -> Option<usize> {
        (**self).len()
    }

    fn augmented(&self) -> bool {
        (**self).augmented()
    }

    fn place(&self, index: u64) -> String {
        (**self).place(index)
    }

    fn sample(&self, index: u64) -> Result<Self::Item> {
        (**self).sample(index)
    }
}

/// A source without end that a function of the index makes, such as a synthesiser.
pub struct FnSource<F> {
    name: String,
    augmented: bool,
    make: F,
}

impl<F> FnSource<F> {
    /// A source whose sample `index` is `make(index)`; `augmented` as for [`Source::augmented`].
    pub fn new(name: impl Into<String>, augmented: bool, make: F) -> Self {
        Self { name: name.into(), augmented, make }
    }
}

impl<T, E, F> Source for FnSource<F>
where
    F: Fn(u64) -> Result<T, E> + Send + Sync,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Item = T;

    fn name(&self) -> String {
        self.name.clone()
    }

    fn len(&self) -> Option<usize> {
        None
    }

    fn augmented(&self) -> bool {
        self.augmented
    }

    fn sample(&self, index: u64) -> Result<T> {
        (self.make)(index).map_err(|e| Error::Source { name: self.name.clone(), index, source: e.into() })
    }
}

/// What a draw from a mixture hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Which source, in the order added.
    pub source: usize,
    /// How often all of that source has been drawn before; 0 for a source without end.
    pub epoch: u64,
    /// The index in that source.
    pub index: u64,
}

/// Several sources mixed by weight, without end. Draw `i` is a pure function of the seed and `i`.
///
/// Sources take turns in a fixed cycle of 1024 draws, so each gets its share to 1/1024 (and at least one draw)
/// in every stretch of that length. A finite source gives each of its samples once an epoch, in another order
/// every epoch.
pub struct Mixture<T> {
    sources: Vec<Arc<dyn Source<Item = T>>>,
    /// Source of each draw of the cycle.
    cycle: Vec<u16>,
    /// How often that source was drawn in the cycle before.
    before: Vec<u32>,
    /// Draws of each source in a cycle.
    share: Vec<u32>,
}

const CYCLE: usize = 1024;

impl<T> Mixture<T> {
    /// Sources with their weights, which need not sum to 1.
    ///
    /// # Errors
    /// [`Error::Setup`] for no or more than 1024 sources, a weight that is not above zero and finite, or an
    /// empty source.
    pub fn new(parts: Vec<(Arc<dyn Source<Item = T>>, f64)>) -> Result<Self> {
        let fail = |reason: String| Err(Error::Setup { what: "mixture of sources", reason });
        if parts.is_empty() || parts.len() > CYCLE {
            return fail(format!("{} sources, 1 to {CYCLE} can be mixed", parts.len()));
        }
        for (source, weight) in &parts {
            if !(weight.is_finite() && *weight > 0.0) {
                return fail(format!("the weight of {} is {weight}, it must be above 0", source.name()));
            }
            if source.is_empty() {
                return fail(format!("{} has no sample", source.name()));
            }
        }
        let weights: Vec<f64> = parts.iter().map(|p| p.1).collect();
        let share = shares(&weights);
        let mut cycle = Vec::with_capacity(CYCLE);
        let mut before = Vec::with_capacity(CYCLE);
        let mut taken = vec![0u32; share.len()];
        // The source that lags most behind its share is next, so the turns are as even as they can be.
        for turn in 1..=CYCLE {
            let lag = |k: usize| f64::from(share[k]) * turn as f64 / CYCLE as f64 - f64::from(taken[k]);
            let next = (0..share.len())
                .filter(|&k| taken[k] < share[k])
                .max_by(|&a, &b| lag(a).total_cmp(&lag(b)).then(b.cmp(&a)));
            let next = next.expect("the shares sum to the cycle");
            cycle.push(next as u16);
            before.push(taken[next]);
            taken[next] += 1;
        }
        Ok(Self { sources: parts.into_iter().map(|p| p.0).collect(), cycle, before, share })
    }

    /// A mixture of one.
    ///
    /// # Errors
    /// [`Error::Setup`] where the source is empty.
    pub fn single(source: impl Source<Item = T> + 'static) -> Result<Self> {
        Self::new(vec![(Arc::new(source), 1.0)])
    }

    /// The sources, in the order added.
    pub fn sources(&self) -> &[Arc<dyn Source<Item = T>>] {
        &self.sources
    }

    /// What draw `i` hits.
    pub fn draw(&self, seed: u64, i: u64) -> Draw {
        let turn = (i % CYCLE as u64) as usize;
        let source = usize::from(self.cycle[turn]);
        let drawn = i / CYCLE as u64 * u64::from(self.share[source]) + u64::from(self.before[turn]);
        match self.sources[source].len() {
            None => Draw { source, epoch: 0, index: drawn },
            Some(len) => {
                let len = len as u64;
                let epoch = drawn / len;
                let index = permuted(drawn % len, len, fold(&[seed, source as u64, epoch]));
                Draw { source, epoch, index }
            }
        }
    }

    /// Another draw from the same source in place of draw `i`, whose sample was refused `attempt + 1` times.
    pub(crate) fn redraw(&self, seed: u64, i: u64, attempt: u32, source: usize) -> Draw {
        // Shifted, so that arithmetic on the index of an endless source cannot overflow.
        let any = fold(&[seed, i, u64::from(attempt), source as u64]) >> 2;
        let index = self.sources[source].len().map_or(any, |len| any % len as u64);
        Draw { source, epoch: 0, index }
    }

    /// How many epochs of each source the first `draws` draws make; `None` for a source without end.
    pub fn epochs(&self, draws: u64) -> Vec<Option<f64>> {
        let rest = (draws % CYCLE as u64) as usize;
        (0..self.sources.len())
            .map(|k| {
                let partial = self.cycle[..rest].iter().filter(|&&s| usize::from(s) == k).count() as u64;
                let drawn = draws / CYCLE as u64 * u64::from(self.share[k]) + partial;
                self.sources[k].len().map(|len| drawn as f64 / len as f64)
            })
            .collect()
    }
}

/// Whole draws of a cycle by weight: at least one each, the rest by largest remainder.
fn shares(weights: &[f64]) -> Vec<u32> {
    let sum: f64 = weights.iter().sum();
    let free = (CYCLE - weights.len()) as f64;
    let ideal: Vec<f64> = weights.iter().map(|w| (w / sum * CYCLE as f64 - 1.0).max(0.0)).collect();
    let scale = free / ideal.iter().sum::<f64>().max(1e-9);
    let scaled: Vec<f64> = ideal.iter().map(|x| x * scale).collect();
    let mut share: Vec<u32> = scaled.iter().map(|x| 1 + x.floor() as u32).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| scaled[b].fract().total_cmp(&scaled[a].fract()).then(a.cmp(&b)));
    let mut missing = CYCLE as u32 - share.iter().sum::<u32>().min(CYCLE as u32);
    for &k in order.iter().cycle() {
        if missing == 0 {
            break;
        }
        share[k] += 1;
        missing -= 1;
    }
    share
}

/// The pictures of a pack with their truth; see [`LazyPack::get`].
impl Source for LazyPack {
    type Item = Sample;

    fn name(&self) -> String {
        self.labels().parent().unwrap_or(self.labels()).display().to_string()
    }

    fn len(&self) -> Option<usize> {
        Some(LazyPack::len(self))
    }

    fn place(&self, index: u64) -> String {
        let location = self.location(usize::try_from(index).unwrap_or(usize::MAX));
        location.map_or_else(|_| self.name(), |at| at.to_string())
    }

    fn sample(&self, index: u64) -> Result<Sample> {
        Ok(self.get(usize::try_from(index).unwrap_or(usize::MAX))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Numbers(usize);

    impl Source for Numbers {
        type Item = u64;
        fn name(&self) -> String {
            format!("numbers to {}", self.0)
        }
        fn len(&self) -> Option<usize> {
            Some(self.0)
        }
        fn sample(&self, index: u64) -> Result<u64> {
            Ok(index)
        }
    }

    fn mixture(weights: &[f64]) -> Mixture<u64> {
        let parts = weights.iter().map(|w| (Arc::new(Numbers(50)) as Arc<dyn Source<Item = u64>>, *w));
        Mixture::new(parts.collect()).expect("valid")
    }

    #[test]
    fn every_source_gets_its_share_in_every_stretch() {
        for weights in [vec![1.0], vec![1.0, 1.0], vec![0.5, 0.3, 0.2], vec![7.0, 1.0], vec![1e6, 1.0, 1.0]] {
            let mixture = mixture(&weights);
            let sum: f64 = weights.iter().sum();
            for window in [64u64, 256, 1024] {
                for start in [0u64, 1000, 5000] {
                    for (k, w) in weights.iter().enumerate() {
                        let drawn =
                            (start..start + window).filter(|&i| mixture.draw(3, i).source == k).count();
                        let ideal = w / sum * window as f64;
                        assert!(
                            (drawn as f64 - ideal).abs() <= 2.5,
                            "{weights:?} source {k}: {drawn}, {ideal}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_epoch_holds_every_sample_once_and_the_next_has_another_order() {
        let mixture = mixture(&[2.0, 1.0]);
        let mut orders: [Vec<Draw>; 2] = Default::default();
        for i in 0..900 {
            let draw = mixture.draw(11, i);
            orders[draw.source].push(draw);
        }
        for draws in &orders {
            let epoch =
                |n: u64| -> Vec<u64> { draws.iter().filter(|d| d.epoch == n).map(|d| d.index).collect() };
            let mut first = epoch(0);
            assert_ne!(first, epoch(1));
            first.sort_unstable();
            assert_eq!(first, (0..50).collect::<Vec<_>>());
        }
        let epochs = mixture.epochs(900);
        assert!(
            (epochs[0].unwrap() - 12.0).abs() < 0.1 && (epochs[1].unwrap() - 6.0).abs() < 0.1,
            "{epochs:?}"
        );
    }

    #[test]
    fn a_source_without_end_counts_up_without_gaps() {
        let endless = FnSource::new("squares", false, |i| Ok::<u64, Error>(i * i));
        let parts: Vec<(Arc<dyn Source<Item = u64>>, f64)> =
            vec![(Arc::new(Numbers(10)), 1.0), (Arc::new(endless), 2.0)];
        let mixture = Mixture::new(parts).expect("valid");
        let drawn: Vec<u64> =
            (0..3000).map(|i| mixture.draw(0, i)).filter(|d| d.source == 1).map(|d| d.index).collect();
        assert_eq!(drawn, (0..drawn.len() as u64).collect::<Vec<_>>());
        assert!(mixture.epochs(10)[1].is_none());
    }

    #[test]
    fn impossible_mixtures_are_refused() {
        let part = |n: usize, w: f64| (Arc::new(Numbers(n)) as Arc<dyn Source<Item = u64>>, w);
        for (parts, word) in [
            (vec![], "0 sources"),
            (vec![part(5, 0.0)], "weight"),
            (vec![part(5, f64::NAN)], "weight"),
            (vec![part(0, 1.0)], "no sample"),
        ] {
            let error = Mixture::new(parts).err().expect("refused").to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
