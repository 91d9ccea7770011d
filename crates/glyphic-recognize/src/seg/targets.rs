use crate::Width;

/// The value of padding in a map of classes.
pub(super) const PADDING: u8 = 255;

/// Size of a character's kernel against the character.
const SHRINK: f64 = 0.25;

/// A map `[height, width.padded]` of the classes of a text whose characters take equal parts of the content: a kernel in the
/// middle of each part, a quarter of its size, background elsewhere, 255 on padding. Classes are below 255.
pub fn equal_parts(classes: &[usize], width: Width, height: usize) -> Vec<u8> {
    let (content, padded) = (width.content as usize, width.padded as usize);
    let mut map = vec![0; height * padded];
    let kernel = |from: f64, to: f64| {
        let (middle, half) = ((from + to) / 2.0, (to - from) * SHRINK / 2.0);
        let start = (middle - half).round() as usize;
        start..((middle + half).round() as usize).max(start + 1)
    };
    let part = content as f64 / classes.len().max(1) as f64;
    let rows = kernel(0.0, height as f64);
    for (i, class) in classes.iter().enumerate() {
        let columns = kernel(i as f64 * part, (i + 1) as f64 * part);
        for y in rows.start..rows.end.min(height) {
            map[y * padded + columns.start.min(content)..y * padded + columns.end.min(content)]
                .fill(u8::try_from(*class).unwrap_or(PADDING));
        }
    }
    for row in map.chunks_exact_mut(padded.max(1)) {
        row[content.min(padded)..].fill(PADDING);
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_stand_apart_in_the_middle_of_their_parts() {
        let map = equal_parts(&[3, 5], Width { content: 16, padded: 20 }, 8);
        let row: Vec<u8> = map[4 * 20..5 * 20].to_vec();
        assert_eq!(&row[..8], [0, 0, 0, 3, 3, 0, 0, 0]);
        assert_eq!(&row[8..16], [0, 0, 0, 5, 5, 0, 0, 0]);
        assert_eq!(&row[16..], [255; 4]);
        assert_eq!(map[..16], [0; 16]);
    }

    #[test]
    fn more_characters_than_columns_and_none_at_all_make_maps() {
        let map = equal_parts(&[1; 50], Width { content: 16, padded: 16 }, 8);
        assert!(map.contains(&1) && map.len() == 128);
        assert_eq!(equal_parts(&[], Width { content: 4, padded: 4 }, 2), [0; 8]);
    }
}
