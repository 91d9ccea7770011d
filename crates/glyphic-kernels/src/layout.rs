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
    // The planes of a picture.
    if rows == 3 && columns > 0 {
        return interleave::<3>(from, from_step, to, to_step, columns);
    }
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

/// [`transpose`] of `N` rows, one number of each written at a time.
fn interleave<const N: usize>(
    from: &[f32],
    from_step: usize,
    to: &mut [f32],
    to_step: usize,
    columns: usize,
) {
    let rows: [&[f32]; N] = std::array::from_fn(|a| &from[a * from_step..][..columns]);
    if to_step == N {
        let to = &mut to.as_chunks_mut::<N>().0[..columns];
        for (b, to) in to.iter_mut().enumerate() {
            *to = rows.map(|row| row[b]);
        }
    } else {
        for (b, to) in to.chunks_mut(to_step).take(columns).enumerate() {
            to[..N].copy_from_slice(&rows.map(|row| row[b]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns_whatever_lies_between_them() {
        let table =
            [(37, 21, 25, 40), (3, 50, 50, 3), (3, 50, 51, 5), (1, 40, 40, 1), (7, 90, 95, 7), (7, 9, 9, 8)];
        for (rows, columns, from_step, to_step) in table {
            let from: Vec<f32> = (0..rows * from_step).map(|i| i as f32).collect();
            let mut to = vec![-1.0; columns * to_step];
            transpose(&from, from_step, &mut to, to_step, rows, columns);
            for b in 0..columns {
                for a in 0..to_step {
                    let expected = if a < rows { from[a * from_step + b] } else { -1.0 };
                    assert_eq!(to[b * to_step + a], expected, "{rows}: {a}, {b}");
                }
            }
        }
    }
}
