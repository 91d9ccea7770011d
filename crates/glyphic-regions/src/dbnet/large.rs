//! Regions of a pass at a smaller scale, for text too large for the pass before.

use glyphic_core::Region;
use glyphic_core::geometry::{intersection_area, min_area_rect};

/// A coarse region of which finer regions cover this share of the area is a block of smaller text.
const BLOCK: f64 = 0.5;

/// A finer region at least this high, in heights of the coarse one, that lies half inside it is the same text.
const SAME_HEIGHT: f64 = 0.5;

/// A finer region lies inside a coarse one with this share of its area.
const INSIDE: f64 = 0.5;

/// So many regions inside a coarse one that are this many times longer than high are lines, not pieces of letters.
const LINES: usize = 3;
const LINE_ASPECT: f64 = 2.5;

/// Adds those of the coarse regions that are at least `least` pixels high and not found yet; finer regions inside them were
/// pieces of their letters.
pub fn add_large(fine: Vec<Region>, coarse: Vec<Region>, least: f64) -> Vec<Region> {
    let mut kept = fine;
    for region in coarse {
        let height = height(&region);
        if height < least {
            continue;
        }
        let area = region.polygon.area();
        let shared: Vec<f64> = kept
            .iter()
            .map(|fine| match apart(fine, &region) {
                true => 0.0,
                false => intersection_area(fine.polygon.points(), region.polygon.points()),
            })
            .collect();
        let inside = |i: usize| shared[i] > INSIDE * kept[i].polygon.area();
        let same = |i: usize| {
            self::height(&kept[i]) >= SAME_HEIGHT * height && (inside(i) || shared[i] > INSIDE * area)
        };
        let lines = (0..kept.len()).filter(|i| inside(*i) && is_line(&kept[*i])).count();
        if lines >= LINES || shared.iter().sum::<f64>() > BLOCK * area || (0..kept.len()).any(same) {
            continue;
        }
        let mut i = 0;
        let stays: Vec<bool> = (0..kept.len()).map(|i| !inside(i)).collect();
        kept.retain(|_| {
            i += 1;
            stays[i - 1]
        });
        kept.push(region);
    }
    kept
}

/// The shorter side of the smallest rectangle around a region.
fn height(region: &Region) -> f64 {
    min_area_rect(region.polygon.points()).map_or(0.0, |rect| rect.width.min(rect.height))
}

fn is_line(region: &Region) -> bool {
    min_area_rect(region.polygon.points())
        .is_some_and(|rect| rect.width.max(rect.height) >= LINE_ASPECT * rect.width.min(rect.height))
}

fn apart(a: &Region, b: &Region) -> bool {
    let (a, b) = (a.polygon.bounds(), b.polygon.bounds());
    a.x1 <= b.x0 || b.x1 <= a.x0 || a.y1 <= b.y0 || b.y1 <= a.y0
}

#[cfg(test)]
mod tests {
    use super::*;
    use glyphic_core::{Polygon, Rect};

    fn region([x, y, w, h]: [f64; 4]) -> Region {
        let rect = Rect { x0: x, y0: y, x1: x + w, y1: y + h };
        Region { polygon: Polygon::from_rect(rect).unwrap(), score: 0.9 }
    }

    #[test]
    fn large_text_replaces_the_pieces_found_of_it() {
        let digit_pieces = [[20., 20., 30., 90.], [140., 60., 60., 40.]].map(region).to_vec();
        let beside = region([400., 20., 100., 20.]);
        let large = region([10., 10., 300., 240.]);
        let fine = [digit_pieces, vec![beside.clone()]].concat();
        assert_eq!(add_large(fine, vec![large.clone()], 80.0), [beside, large]);
    }

    #[test]
    fn sparse_lines_do_not_become_one_large_text() {
        let lines: Vec<Region> = (0..4).map(|i| region([10., 10. + 60. * f64::from(i), 200., 20.])).collect();
        assert_eq!(add_large(lines.clone(), vec![region([0., 0., 400., 250.])], 80.0), lines);
    }

    #[test]
    fn a_block_of_lines_text_found_already_and_small_regions_are_not_added() {
        let lines: Vec<Region> = (0..5).map(|i| region([10., 10. + 50. * f64::from(i), 300., 32.])).collect();
        assert_eq!(add_large(lines.clone(), vec![region([8., 8., 304., 240.])], 80.0), lines);
        let found = vec![region([10., 10., 300., 150.])];
        assert_eq!(add_large(found.clone(), vec![region([0., 0., 330., 200.])], 80.0), found);
        assert_eq!(add_large(found.clone(), vec![region([400., 0., 330., 60.])], 80.0), found);
    }
}
