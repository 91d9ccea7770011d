//! Filled circles with the pixels that OpenCV's `circle` (thickness -1, 8-connected, no sub-pixel shift) sets.

use crate::{Map, Pixel};

/// Sets every pixel of a disk, in pixels; a radius of 0 is one pixel, a negative one none.
pub fn fill_circle<T: Copy>(map: &mut Map<T>, centre: Pixel, radius: i32, value: T) {
    if radius < 0 {
        return;
    }
    let (width, height) = (map.width() as i64, map.height() as i64);
    let [x, y] = centre.map(i64::from);
    let radius = i64::from(radius);
    if x + radius < 0 || x - radius >= width || y + radius < 0 || y - radius >= height {
        return;
    }
    // A disk far larger than the map would be walked around for nothing.
    let reach = |centre: i64, side: i64| centre.max(side - 1 - centre) as f64;
    if reach(x, width).hypot(reach(y, height)) <= (radius - 1) as f64 {
        map.data_mut().fill(value);
        return;
    }
    let mut span = |row: i64, half: i64| {
        if (0..height).contains(&row) && x + half >= 0 && x - half < width {
            let (left, right) = ((x - half).max(0) as usize, (x + half).min(width - 1) as usize);
            map.row_mut(row as usize)[left..=right].fill(value);
        }
    };
    // Bresenham's eighth of a circle: `across` shrinks as `along` grows.
    let (mut across, mut along) = (radius, 0i64);
    let (mut error, mut plus, mut minus) = (0i64, 1i64, 2 * radius - 1);
    while across >= along {
        for sign in [-1, 1] {
            span(y + sign * along, across);
            span(y + sign * across, along);
        }
        along += 1;
        error += plus;
        plus += 2;
        if error > 0 {
            error -= minus;
            across -= 1;
            minus -= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(centre: Pixel, radius: i32) -> Vec<String> {
        let mut map = Map::filled(9, 9, 0u8).unwrap();
        fill_circle(&mut map, centre, radius, 1);
        (0..9).map(|y| map.row(y).iter().map(|v| if *v == 1 { '#' } else { '.' }).collect()).collect()
    }

    #[test]
    fn disks_have_opencvs_outline() {
        assert_eq!(
            drawn([4, 4], 3),
            [
                ".........",
                "....#....",
                "..#####..",
                "..#####..",
                ".#######.",
                "..#####..",
                "..#####..",
                "....#....",
                "........."
            ]
        );
        assert_eq!(drawn([4, 4], 1)[3..6], ["....#....", "...###...", "....#...."]);
        assert_eq!(drawn([4, 4], 0)[4], "....#....");
    }

    #[test]
    fn a_disk_is_cut_at_the_border() {
        let whole = drawn([4, 4], 3);
        let cut = drawn([0, 8], 3);
        for y in 0..4 {
            assert_eq!(cut[5 + y][..5], whole[1 + y][4..], "row {y}");
        }
        for (centre, radius) in [([-9, 4], 3), ([4, 40], 3), ([4, 4], -1), ([i32::MAX, i32::MIN], 5)] {
            assert!(drawn(centre, radius).iter().all(|row| !row.contains('#')), "{centre:?} {radius}");
        }
        for radius in [7, 100, i32::MAX] {
            assert!(drawn([4, 4], radius).iter().all(|row| row == "#########"), "{radius}");
        }
    }
}
