//! Thinning (Zhang and Suen, 1984, "A fast parallel algorithm for thinning digital patterns") with scikit-image's
//! amendments, by which TextSnake's centre lines are defined. `imageproc` has no thinning.

use crate::Map;

/// The passes of a round in which a pixel with certain neighbours goes, as bits.
const FIRST: u8 = 1;
const SECOND: u8 = 2;
const BOTH: u8 = FIRST | SECOND;

/// Bits of the neighbours, clockwise from the one above and to the left.
const ABOVE: u8 = 1 << 1;
const RIGHT: u8 = 1 << 3;
const BELOW: u8 = 1 << 5;
const LEFT: u8 = 1 << 7;

/// Neighbourhoods that scikit-image treats unlike the paper: ends of diagonal strokes stay, staircases are cut at the
/// corner. Neighbours and the passes in which the pixel goes.
const AMENDMENTS: [(u8, u8); 25] = [
    (0b0000_0011, FIRST),
    (0b0000_0110, FIRST),
    (0b0000_1010, BOTH),
    (0b0000_1011, FIRST),
    (0b0000_1100, FIRST),
    (0b0000_1110, FIRST),
    (0b0001_1000, SECOND),
    (0b0001_1010, SECOND),
    (0b0010_1000, BOTH),
    (0b0011_0000, 0),
    (0b0011_1000, SECOND),
    (0b0110_0000, SECOND),
    (0b0110_1000, SECOND),
    (0b0110_1100, SECOND),
    (0b1000_0001, 0),
    (0b1000_0010, BOTH),
    (0b1000_0011, FIRST),
    (0b1000_0110, FIRST),
    (0b1010_0000, BOTH),
    (0b1010_0001, FIRST),
    (0b1011_0000, SECOND),
    (0b1100_0000, SECOND),
    (0b1100_0010, FIRST),
    (0b1100_0110, FIRST),
    (0b1110_0000, SECOND),
];

/// The passes in which a pixel with these neighbours goes.
const REMOVED: [u8; 256] = {
    let mut table = [0; 256];
    let mut bits = 0;
    while bits < 256 {
        table[bits] = removed(bits as u8);
        bits += 1;
    }
    let mut i = 0;
    while i < AMENDMENTS.len() {
        table[AMENDMENTS[i].0 as usize] = AMENDMENTS[i].1;
        i += 1;
    }
    table
};

/// The paper's conditions: two to six neighbours in one piece, and background on the sides that the pass eats from.
const fn removed(neighbours: u8) -> u8 {
    let beginnings = !neighbours & neighbours.rotate_right(1);
    if beginnings.count_ones() != 1 || neighbours.count_ones() < 2 || neighbours.count_ones() > 6 {
        return 0;
    }
    const fn all(neighbours: u8, sides: u8) -> bool {
        neighbours & sides == sides
    }
    let first = !all(neighbours, ABOVE | RIGHT | BELOW) && !all(neighbours, RIGHT | BELOW | LEFT);
    let second = !all(neighbours, ABOVE | RIGHT | LEFT) && !all(neighbours, ABOVE | BELOW | LEFT);
    (if first { FIRST } else { 0 }) | (if second { SECOND } else { 0 })
}

/// The non-zero values thinned to lines one pixel wide that are connected where the shapes were, 1 on 0: the pixels
/// that `skimage.morphology.skeletonize` keeps of a flat picture.
pub fn skeletonize(map: &Map<u8>) -> Map<u8> {
    let (width, height) = (map.width(), map.height());
    // A frame of zeros saves all bounds tests.
    let stride = width + 2;
    let mut values = vec![0u8; stride * (height + 2)];
    let mut left = Vec::new();
    for y in 0..height {
        for (x, value) in map.row(y).iter().enumerate() {
            if *value != 0 {
                let at = (y + 1) * stride + x + 1;
                values[at] = 1;
                left.push(at);
            }
        }
    }
    let neighbours = |values: &[u8], at: usize| {
        let (above, below) = (at - stride, at + stride);
        values[above - 1]
            | values[above] << 1
            | values[above + 1] << 2
            | values[at + 1] << 3
            | values[below + 1] << 4
            | values[below] << 5
            | values[below - 1] << 6
            | values[at - 1] << 7
    };
    let mut gone = Vec::new();
    loop {
        let before = left.len();
        for pass in [FIRST, SECOND] {
            // All are judged before any goes.
            gone.clear();
            left.retain(|&at| {
                let goes = REMOVED[usize::from(neighbours(&values, at))] & pass != 0;
                if goes {
                    gone.push(at);
                }
                !goes
            });
            for &at in &gone {
                values[at] = 0;
            }
        }
        if left.len() == before {
            break;
        }
    }
    let mut thin = vec![0u8; width * height];
    for at in left {
        thin[(at / stride - 1) * width + at % stride - 1] = 1;
    }
    Map::from_parts(width, height, thin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Connectivity, connected_components};
    use proptest::prelude::*;

    fn map(rows: &[&str]) -> Map<u8> {
        let data = rows.iter().flat_map(|row| row.bytes().map(|b| u8::from(b == b'#'))).collect();
        Map::new(rows[0].len(), rows.len(), data).unwrap()
    }

    #[test]
    fn a_bar_becomes_its_middle_line() {
        let bar = map(&["..........", ".########.", ".########.", ".########.", ".........."]);
        let thin = skeletonize(&bar);
        for (y, expected) in [(1, 0), (2, 1), (3, 0)] {
            assert!(thin.row(y)[3..6].iter().all(|v| *v == expected), "{thin:?}");
        }
    }

    #[test]
    fn nothing_stays_nothing_and_a_pixel_a_pixel() {
        assert_eq!(skeletonize(&map(&["..", ".."])), map(&["..", ".."]));
        assert_eq!(skeletonize(&map(&["#"])), map(&["#"]));
    }

    #[test]
    fn shapes_may_touch_the_border() {
        let full = Map::filled(9, 5, 7u8).unwrap();
        assert!(skeletonize(&full).data().contains(&1));
    }

    proptest! {
        #[test]
        fn a_skeleton_lies_in_its_shape_and_is_as_connected(bits in prop::collection::vec(0u8..5, 300)) {
            // Mostly foreground, so that there is something to thin.
            let map = Map::new(20, 15, bits.iter().map(|b| u8::from(*b > 0)).collect()).unwrap();
            let thin = skeletonize(&map);
            prop_assert!(map.data().iter().zip(thin.data()).all(|(m, t)| t <= m));
            let pieces = |m: &Map<u8>| connected_components(m, Connectivity::Eight).list.len();
            prop_assert_eq!(pieces(&map), pieces(&thin));
            prop_assert_eq!(skeletonize(&thin), thin);
        }
    }
}
