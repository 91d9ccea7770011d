//! Changes of layout.

/// Transposes blocks of this side, so that both sides stay in the nearest cache.
const BLOCK: usize = 16;

/// `to[b * to_step + a] = from[a * from_step + b]` for `a` below `rows` and `b` below `columns`.
///
/// # Panics
/// Where a slice is too short.
pub fn transpose(
    from: &[f32],
    from_step: usize,
    to: &mut [f32],
    to_step: usize,
    rows: usize,
    columns: usize,
) {
    for first_row in (0..rows).step_by(BLOCK) {
        let last_row = (first_row + BLOCK).min(rows);
        for first in (0..columns).step_by(BLOCK) {
            for b in first..(first + BLOCK).min(columns) {
                let to = &mut to[b * to_step + first_row..b * to_step + last_row];
                for (to, a) in to.iter_mut().zip(first_row..) {
                    *to = from[a * from_step + b];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns_whatever_lies_between_them() {
        let (rows, columns, from_step, to_step) = (37, 21, 25, 40);
        let from: Vec<f32> = (0..rows * from_step).map(|i| i as f32).collect();
        let mut to = vec![-1.0; columns * to_step];
        transpose(&from, from_step, &mut to, to_step, rows, columns);
        for b in 0..columns {
            for a in 0..to_step {
                let expected = if a < rows { from[a * from_step + b] } else { -1.0 };
                assert_eq!(to[b * to_step + a], expected, "{a}, {b}");
            }
        }
    }
}
