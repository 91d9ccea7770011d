use crate::dataset::{Dataset, Truths};
use crate::{Error, Result};

/// Several data sets one behind the other.
pub struct Concat<D> {
    datasets: Vec<D>,
    /// Each data set is evaluated by itself.
    pub separate_eval: bool,
}

impl<D: Dataset> Concat<D> {
    /// Data sets of one kind, evaluated each by itself.
    ///
    /// # Errors
    /// [`Error::Setup`] for none.
    pub fn new(datasets: Vec<D>) -> Result<Self> {
        if datasets.is_empty() {
            return Err(Error::Setup { what: "concatenation", reason: "there is no data set".to_owned() });
        }
        Ok(Self { datasets, separate_eval: true })
    }

    /// The data sets.
    pub fn datasets(&self) -> &[D] {
        &self.datasets
    }

    /// Where each data set ends.
    pub fn cumulative_sizes(&self) -> Vec<usize> {
        let sizes = self.datasets.iter().scan(0, |sum, d| {
            *sum += d.len();
            Some(*sum)
        });
        sizes.collect()
    }

    /// Which data set has sample `index`, and as which of its own.
    ///
    /// # Errors
    /// [`Error::Index`].
    pub fn locate(&self, index: usize) -> Result<(usize, usize)> {
        let sizes = self.cumulative_sizes();
        let which = sizes.partition_point(|end| *end <= index);
        if which == sizes.len() {
            return Err(Error::Index { name: "the concatenation".to_owned(), index, len: self.len() });
        }
        Ok((which, index - which.checked_sub(1).map_or(0, |before| sizes[before])))
    }

    /// The results of each data set.
    ///
    /// # Errors
    /// [`Error::Setup`] where there are more or fewer results than samples.
    pub fn split_results<'a, R>(&self, results: &'a [R]) -> Result<Vec<&'a [R]>> {
        if results.len() != self.len() {
            let reason = format!("{} results for {} samples, one each is needed", results.len(), self.len());
            return Err(Error::Setup { what: "evaluation", reason });
        }
        let mut rest = results;
        let parts = self.datasets.iter().map(|d| {
            let (mine, behind) = rest.split_at(d.len());
            rest = behind;
            mine
        });
        Ok(parts.collect())
    }

    /// Evaluates results: `metric` gets data sets and their results, each data set alone where [`Concat::separate_eval`], whose
    /// values are then named `0_...`, `1_...`; else all at once.
    ///
    /// # Errors
    /// Those of [`Concat::split_results`] and of the metric.
    pub fn evaluate<R, E: From<Error>>(
        &self,
        results: &[R],
        mut metric: impl FnMut(&[D], &[&[R]]) -> Result<Vec<(String, f64)>, E>,
    ) -> Result<Vec<(String, f64)>, E> {
        let parts = self.split_results(results)?;
        if !self.separate_eval {
            return metric(&self.datasets, &parts);
        }
        let mut all = Vec::new();
        for (k, part) in parts.iter().enumerate() {
            let values = metric(&self.datasets[k..=k], &[part])?;
            all.extend(values.into_iter().map(|(name, value)| (format!("{k}_{name}"), value)));
        }
        Ok(all)
    }
}

impl<D: Truths> Truths for Concat<D> {
    type Truth = D::Truth;
    type Error = D::Error;

    fn truths(&self) -> Result<Vec<D::Truth>, D::Error> {
        self.datasets.truths()
    }
}

impl<D: Dataset> Dataset for Concat<D> {
    type Item = D::Item;

    fn len(&self) -> usize {
        self.datasets.iter().map(Dataset::len).sum()
    }

    fn test_mode(&self) -> bool {
        self.datasets.iter().all(Dataset::test_mode)
    }

    fn prepare(&self, index: usize) -> Result<D::Item> {
        let (which, inner) = self.locate(index)?;
        self.datasets[which].prepare(inner)
    }
}
