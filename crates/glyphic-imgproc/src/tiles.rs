//! A picture in square tiles, each told for what it shows: ground, a rule, one shade, or something drawn.

use glyphic_core::Image;

use crate::Map;

/// A pixel differs from the ground where one of its channels does by more than this, of 255.
const CONTRAST: u8 = 40;

/// Shades of a pixel within this of the ground's are the ground's own, of 255.
const GROUND: u8 = 6;

/// A tile shows something where so many of its pixels differ from the ground: 1 in 32.
const MARKED: usize = 32;

/// The greatest difference of brightness within one shade, of 255.
const FLAT: u8 = 18;

/// A line is thin that takes one in so many rows or columns of a tile.
const THIN: usize = 3;

/// The largest tile, in pixels.
const LARGEST: usize = 64;

/// What a tile shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tile {
    /// The ground, and perhaps a speck.
    Ground,
    /// Straight edges along its rows or columns and nothing else, in less than half of it: a rule, or the border of a shade.
    Straight,
    /// One shade that is not the ground's, in half of it at least, with straight edges.
    Flat,
    /// Anything else: letters, drawings, photographs.
    Drawn,
}

/// A picture in tiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiles {
    /// Side of a tile in pixels; those at the right and lower edge of the picture may be smaller.
    pub size: usize,
    /// What each shows.
    pub map: Map<Tile>,
    /// The share of the picture, 0 to 1, that has the shade of its ground, the commonest one, all but exactly.
    pub ground: f64,
}

/// Divides a picture into tiles of `size` by `size` pixels; 2 to 64, beyond which the nearest
/// of these counts. One pass over the picture.
pub fn tiles(image: &Image, size: usize) -> Tiles {
    let size = size.clamp(2, LARGEST);
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (columns, rows) = (width.div_ceil(size), height.div_ceil(size));
    let (ground, share) = ground(image);
    let mut map = Vec::with_capacity(columns * rows);
    let mut differs = vec![0_u8; width * size];
    let mut luma = vec![0_u8; width * size];
    for row in image.rgb().chunks(3 * width * size) {
        for ((pixel, differs), luma) in row.chunks_exact(3).zip(&mut differs).zip(&mut luma) {
            let off = pixel.iter().zip(&ground).map(|(a, b)| a.abs_diff(*b)).fold(0, u8::max);
            *differs = u8::from(off > CONTRAST);
            *luma = ((u16::from(pixel[0]) + 2 * u16::from(pixel[1]) + u16::from(pixel[2])) / 4) as u8;
        }
        let high = row.len() / (3 * width);
        for column in 0..columns {
            let from = column * size;
            let wide = size.min(width - from);
            map.push(tile(&differs, &luma, width, from, wide, high));
        }
    }
    Tiles { size, map: Map::from_parts(columns, rows, map), ground: share }
}

/// The commonest shade by channel, and the share of pixels that have it.
fn ground(image: &Image) -> ([u8; 3], f64) {
    // A sample is enough; a step that is odd meets all columns.
    const STEP: usize = 7;
    let mut counts = [[0_usize; 256]; 3];
    let sample = || image.rgb().chunks_exact(3).step_by(STEP);
    for pixel in sample() {
        for (counts, value) in counts.iter_mut().zip(pixel) {
            counts[usize::from(*value)] += 1;
        }
    }
    let ground = counts.map(|counts| {
        let commonest = counts.iter().enumerate().max_by_key(|(_, count)| **count);
        commonest.map_or(255, |(value, _)| value as u8)
    });
    let near = |pixel: &&[u8]| pixel.iter().zip(&ground).all(|(a, b)| a.abs_diff(*b) <= GROUND);
    let share = sample().filter(near).count() as f64 / sample().count().max(1) as f64;
    (ground, share)
}

fn tile(differs: &[u8], luma: &[u8], stride: usize, from: usize, wide: usize, high: usize) -> Tile {
    let mut columns = [0_u16; LARGEST];
    let columns = &mut columns[..wide.min(LARGEST)];
    let (mut marked, mut full_rows, mut any_rows) = (0, 0, 0);
    let (mut darkest, mut lightest) = (255, 0);
    for y in 0..high {
        let row = &differs[y * stride + from..][..wide];
        let count: usize = row.iter().map(|v| usize::from(*v)).sum();
        marked += count;
        full_rows += usize::from(count == wide);
        any_rows += usize::from(count > 0);
        columns.iter_mut().zip(row).for_each(|(sum, v)| *sum += u16::from(*v));
        let shades = &luma[y * stride + from..][..wide];
        darkest = shades.iter().copied().fold(darkest, u8::min);
        lightest = shades.iter().copied().fold(lightest, u8::max);
    }
    if marked * MARKED < wide * high {
        return Tile::Ground;
    }
    if marked == wide * high {
        return if lightest - darkest <= FLAT { Tile::Flat } else { Tile::Drawn };
    }
    let full_columns = columns.iter().filter(|sum| usize::from(**sum) == high).count();
    let any_columns = columns.iter().filter(|sum| **sum > 0).count();
    // A thin line from side to side, as a rule is that stands a little askew.
    let thin =
        (any_columns == wide && THIN * any_rows <= high) || (any_rows == high && THIN * any_columns <= wide);
    if thin {
        return Tile::Straight;
    }
    let straight = full_rows * wide + full_columns * high - full_rows * full_columns;
    // Specks of a scan beside it.
    if marked > straight + straight / 8 {
        Tile::Drawn
    } else if 2 * marked >= wide * high {
        Tile::Flat
    } else {
        Tile::Straight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_told_by_what_they_show() {
        let mut image = Image::filled(50, 10, [250, 250, 250]).unwrap();
        let mut put = |x: usize, y: usize, value: u8| {
            image.rgb_mut()[3 * (y * 50 + x)..][..3].fill(value);
        };
        // A rule, a shade, its border with a rule across, and letters.
        (10..20).for_each(|x| put(x, 5, 0));
        (0..100).for_each(|i| put(20 + i % 10, i / 10, 90));
        (0..40).for_each(|i| put(30 + i % 4, i / 4, 90));
        (0..10).for_each(|i| put(30 + i, 2, 10));
        (0..10).for_each(|i| put(40 + i, i, 0));
        let found = tiles(&image, 10);
        assert_eq!(found.map.data(), [Tile::Ground, Tile::Straight, Tile::Flat, Tile::Straight, Tile::Drawn]);
        assert!((found.ground - 0.66).abs() < 0.1, "{}", found.ground);
    }

    #[test]
    fn what_does_not_fill_a_tile_is_a_smaller_one() {
        let image = Image::filled(23, 9, [255; 3]).unwrap();
        let found = tiles(&image, 4);
        assert_eq!((found.map.width(), found.map.height()), (6, 3));
        assert!(found.map.data().iter().all(|tile| *tile == Tile::Ground) && found.ground == 1.0);
    }
}
