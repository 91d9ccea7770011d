use glyphic_imgproc::TieOrder;
use serde::{Deserialize, Serialize};

/// How equal values are ordered while DRRG sorts pixels by row, quads by score and components by distance: all decide
/// which components there are and which are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrrgOrder {
    /// As they come, from left to right and by number.
    #[default]
    Stable,
    /// As MMOCR 0.2.1, by NumPy's quicksort (quads by that of the GNU C++ library), which shuffles equal values and so
    /// takes neighbours of a row apart.
    Mmocr021,
}

/// Up to this many values are sorted by insertion.
const SMALL: usize = 16;

impl DrrgOrder {
    /// Which of quads with one score counts as the better.
    pub(crate) fn ties(self) -> TieOrder {
        match self {
            Self::Stable => TieOrder::Stable,
            Self::Mmocr021 => TieOrder::Libstdcxx,
        }
    }

    /// The numbers of the values from the least to the greatest.
    pub(crate) fn sorted(self, values: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        match self {
            Self::Stable => order.sort_by(|&a, &b| values[a].total_cmp(&values[b])),
            Self::Mmocr021 => quicksort(values, &mut order),
        }
        order
    }
}

/// Quicksort around the median of three, the larger part last, with its swaps of equal values.
fn quicksort(values: &[f64], order: &mut [usize]) {
    // Deeper than this NumPy turns to heap sort, and so does the library's sort; without duplicates the results agree.
    let depth = 2 * order.len().max(1).ilog2() as i32;
    let mut parts = vec![(0, order.len(), depth)];
    while let Some((start, end, depth)) = parts.pop() {
        let (mut start, mut end, mut depth) = (start, end, depth);
        if depth < 0 {
            order[start..end].sort_by(|&a, &b| values[a].total_cmp(&values[b]));
            continue;
        }
        while end - start > SMALL {
            let (low, high) = (start, end - 1);
            let middle = low + (high - low) / 2;
            for (a, b) in [(middle, low), (high, middle), (middle, low)] {
                if values[order[a]] < values[order[b]] {
                    order.swap(a, b);
                }
            }
            let pivot = values[order[middle]];
            order.swap(middle, high - 1);
            let (mut i, mut j) = (low, high - 1);
            loop {
                i += 1;
                while values[order[i]] < pivot {
                    i += 1;
                }
                j -= 1;
                while pivot < values[order[j]] {
                    j -= 1;
                }
                if i >= j {
                    break;
                }
                order.swap(i, j);
            }
            order.swap(i, high - 1);
            depth -= 1;
            if i - low < high - i {
                parts.push((i + 1, end, depth));
                end = i;
            } else {
                parts.push((start, i, depth));
                start = i + 1;
            }
        }
        for i in start + 1..end {
            let moving = order[i];
            let mut j = i;
            while j > start && values[moving] < values[order[j - 1]] {
                order[j] = order[j - 1];
                j -= 1;
            }
            order[j] = moving;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_orders_sort(values in prop::collection::vec(0u8..40, 0..200)) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let mut expected = values.clone();
            expected.sort_by(f64::total_cmp);
            for order in [DrrgOrder::Stable, DrrgOrder::Mmocr021] {
                let sorted: Vec<f64> = order.sorted(&values).into_iter().map(|i| values[i]).collect();
                prop_assert_eq!(&sorted, &expected, "{:?}", order);
            }
        }
    }
}
