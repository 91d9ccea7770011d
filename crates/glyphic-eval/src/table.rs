use std::fmt;

use crate::Score;
use crate::evaluate::Warning;

/// Columns aligned for a terminal: the first to the left, the others to the right.
pub(crate) struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(header: [&str; N]) -> Self {
        Self { rows: vec![header.map(str::to_owned)] }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }
}

impl Table<6> {
    pub(crate) fn score(&mut self, name: &str, score: &Score) {
        self.ratios(name, score.truths, score.predictions, [score.recall, score.precision, score.hmean]);
    }

    /// A row of counts, and of recall, precision and their mean.
    pub(crate) fn ratios(&mut self, name: &str, truths: usize, predictions: usize, ratios: [f64; 3]) {
        let [recall, precision, mean] = ratios.map(|v| format!("{v:.4}"));
        self.row([name.to_owned(), truths.to_string(), predictions.to_string(), recall, precision, mean]);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
        for row in &self.rows {
            write!(f, "{:<1$}", row[0], width(0))?;
            for (column, cell) in row.iter().enumerate().skip(1) {
                write!(f, "  {cell:>0$}", width(column))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// More warnings than this are counted instead of listed.
const LISTED: usize = 10;

pub(crate) fn list(f: &mut fmt::Formatter<'_>, warnings: &[Warning]) -> fmt::Result {
    for warning in warnings.iter().take(LISTED) {
        writeln!(f, "warning: {warning}")?;
    }
    if warnings.len() > LISTED {
        writeln!(f, "and {} more warnings", warnings.len() - LISTED)?;
    }
    Ok(())
}
