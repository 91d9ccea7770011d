//! Cutting a labelled text out of a picture.

use glyphic_core::geometry::{intersection_area, min_area_rect, signed_area};
use glyphic_core::{Image, Point, Polygon, Rect};

use crate::crop::convex;
use crate::{Border, Homography, crop_rect, warp_perspective};

/// The pixels that a rectangle touches within a picture; `None` where it lies outside.
fn touched(image: &Image, rect: Rect) -> Option<Rect> {
    let (w, h) = (f64::from(image.width()), f64::from(image.height()));
    let (x0, y0) = (rect.x0.floor().max(0.0), rect.y0.floor().max(0.0));
    let (x1, y1) = (rect.x1.ceil().min(w), rect.y1.ceil().min(h));
    (x1 > x0 && y1 > y0).then_some(Rect { x0, y0, x1, y1 })
}

/// The text in a polygon, upright, with `margin` times its height of surroundings, and where in the result the
/// text stands. An upright rectangle is cut, anything else warped. `None` for a polygon outside the picture.
pub fn crop_text(image: &Image, polygon: &Polygon, margin: f64) -> Option<(Image, Rect)> {
    let bounds = touched(image, polygon.bounds())?;
    let quad = text_corners(polygon)?;
    if upright(&quad) {
        let m = margin * polygon.bounds().height();
        let outer = touched(
            image,
            Rect { x0: bounds.x0 - m, y0: bounds.y0 - m, x1: bounds.x1 + m, y1: bounds.y1 + m },
        )?;
        let inner = Rect {
            x0: bounds.x0 - outer.x0,
            y0: bounds.y0 - outer.y0,
            x1: bounds.x1 - outer.x0,
            y1: bounds.y1 - outer.y0,
        };
        return Some((crop_rect(image, outer), inner));
    }
    let side = |i: usize| quad[i].distance(quad[(i + 1) % 4]);
    let (width, height) = (side(0).max(side(2)), side(1).max(side(3)));
    // A polygon far larger than its picture is a slip in the label, and would fill the memory.
    let longest = 2.0 * f64::from(image.width() + image.height());
    if width > longest || height > longest {
        return None;
    }
    let (w, h) = (width.floor().max(1.0), height.floor().max(1.0));
    let m = (margin * h).round();
    // The pixels of `crop_quad`, and more of the same around them.
    let upright = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)];
    let transform = Homography::from_quads(quad, upright.map(|(x, y)| Point::new(x + m, y + m))).ok()?;
    let (ow, oh) = ((w + 2.0 * m) as u32, (h + 2.0 * m) as u32);
    let warped = warp_perspective(image, &transform, ow, oh, Border::Replicate).ok()?;
    Some((warped, Rect { x0: m, y0: m, x1: m + w, y1: m + h }))
}

/// The four corners from the text's top-left one, clockwise. Of a polygon with more (or three) vertices it is the
/// smallest rectangle around it, begun where the polygon begins.
pub fn text_corners(polygon: &Polygon) -> Option<[Point; 4]> {
    let points = polygon.points();
    if let Ok(quad) = <[Point; 4]>::try_from(points)
        && convex(&quad)
    {
        return Some(quad);
    }
    let rect = min_area_rect(points)?.corners;
    let nearest =
        (0..4).min_by(|&a, &b| rect[a].distance(points[0]).total_cmp(&rect[b].distance(points[0])))?;
    let mut quad = [0, 1, 2, 3].map(|i| rect[(nearest + i) % 4]);
    if signed_area(&quad) < 0.0 {
        quad.swap(1, 3);
    }
    Some(quad)
}

fn upright(q: &[Point; 4]) -> bool {
    let [a, b, c, d] = q;
    a.x == d.x && b.x == c.x && a.y == b.y && c.y == d.y && b.x > a.x && d.y > a.y
}

/// The share of a polygon's area that lies in its picture.
pub fn share_inside(polygon: &Polygon, image: &Image) -> f64 {
    let (w, h) = (f64::from(image.width()), f64::from(image.height()));
    let b = polygon.bounds();
    if b.x0 >= 0.0 && b.y0 >= 0.0 && b.x1 <= w && b.y1 <= h {
        return 1.0;
    }
    let frame = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)].map(|(x, y)| Point::new(x, y));
    (intersection_area(polygon.points(), &frame) / polygon.area()).min(1.0)
}

/// Width and height in pixels of the crop of a text, each at least 1; see [`text_corners`].
pub fn text_size(polygon: &Polygon) -> Option<(u32, u32)> {
    let q = text_corners(polygon)?;
    let side = |i: usize| q[i].distance(q[(i + 1) % 4]);
    Some((side(0).max(side(2)).max(1.0) as u32, side(1).max(side(3)).max(1.0) as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INK: [u8; 3] = [250, 20, 20];
    const PAPER: [u8; 3] = [20, 20, 250];

    /// A picture with a filled polygon, drawn by the even-odd rule at pixel centres.
    fn drawn(width: u32, height: u32, polygon: &Polygon) -> Image {
        let rgb = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| {
                let centre = Point::new(f64::from(x) + 0.5, f64::from(y) + 0.5);
                if glyphic_core::geometry::point_in_polygon(centre, polygon.points()) { INK } else { PAPER }
            })
            .collect();
        Image::from_rgb(width, height, rgb).expect("valid")
    }

    fn polygon(flat: &[f64]) -> Polygon {
        Polygon::from_flat(flat).expect("valid")
    }

    fn ink(image: &Image, rect: Rect) -> f64 {
        let crop = crop_rect(image, rect);
        let inked = crop.rgb().chunks_exact(3).filter(|p| p[0] > 130).count();
        inked as f64 / f64::from(crop.width() * crop.height())
    }

    #[test]
    fn a_crop_holds_the_polygon_and_the_margin_its_surroundings() {
        for flat in [
            vec![20.0, 20.0, 80.0, 20.0, 80.0, 44.0, 20.0, 44.0],
            vec![20.0, 20.0, 80.0, 30.0, 76.0, 54.0, 16.0, 44.0],
            vec![20.0, 20.0, 80.0, 16.0, 84.0, 60.0, 22.0, 40.0],
        ] {
            let polygon = polygon(&flat);
            let image = drawn(120, 90, &polygon);
            let (crop, text_box) = crop_text(&image, &polygon, 0.25).expect("inside");
            assert!(ink(&crop, text_box) > 0.93, "{flat:?}: {}", ink(&crop, text_box));
            let whole = Rect { x0: 0.0, y0: 0.0, x1: 1e9, y1: 1e9 };
            let share = text_box.width() * text_box.height() / f64::from(crop.width() * crop.height());
            assert!(share < 0.8 && (ink(&crop, whole) - share).abs() < 0.06, "{flat:?} {share}");
            let (bare, bare_box) = crop_text(&image, &polygon, 0.0).expect("inside");
            assert_eq!(
                (f64::from(bare.width()), f64::from(bare.height())),
                (bare_box.width(), bare_box.height())
            );
        }
    }

    #[test]
    fn a_warped_crop_is_the_one_that_reading_cuts() {
        let rgb = (0..120 * 90 * 3).map(|i| (i * 37 % 251) as u8).collect();
        let image = Image::from_rgb(120, 90, rgb).expect("valid");
        let quad = [(20.3, 20.0), (80.0, 16.8), (84.0, 60.0), (22.0, 40.5)].map(|(x, y)| Point::new(x, y));
        let expected = crate::crop_quad(&image, quad, Border::Replicate).expect("convex");
        let (crop, text_box) =
            crop_text(&image, &Polygon::new(quad.to_vec()).expect("valid"), 0.3).expect("inside");
        let inner = crop_rect(&crop, text_box);
        assert_eq!((inner.width(), inner.height()), (expected.width(), expected.height()));
        let differing = inner.rgb().iter().zip(expected.rgb()).filter(|(a, b)| a.abs_diff(**b) > 1).count();
        assert!(differing * 100 < expected.rgb().len(), "{differing} values differ");
    }

    #[test]
    fn text_that_begins_at_another_corner_is_turned_upright() {
        // The first vertex is the text's top-left corner: here the page lies on its right side.
        let turned = polygon(&[60.0, 20.0, 60.0, 80.0, 40.0, 80.0, 40.0, 20.0]);
        let image = drawn(100, 100, &turned);
        let (crop, _) = crop_text(&image, &turned, 0.0).expect("inside");
        assert_eq!((crop.width(), crop.height()), (60, 20));
    }

    #[test]
    fn polygons_that_show_nothing_give_nothing() {
        let image = Image::filled(50, 40, PAPER).expect("valid");
        for flat in [
            vec![60.0, 5.0, 90.0, 5.0, 90.0, 20.0, 60.0, 20.0],
            vec![-30.0, -30.0, -10.0, -32.0, -10.0, -20.0, -30.0, -20.0],
            vec![0.0, 1.0, 1e7, 0.0, 1e7, 1e7, 0.0, 1e7],
        ] {
            assert!(crop_text(&image, &polygon(&flat), 0.2).is_none(), "{flat:?}");
        }
    }

    #[test]
    fn a_curved_polygon_is_cut_by_the_rectangle_around_it() {
        let bow = polygon(&[10.0, 30.0, 40.0, 15.0, 70.0, 30.0, 70.0, 50.0, 40.0, 35.0, 10.0, 50.0]);
        let (crop, text_box) = crop_text(&drawn(90, 70, &bow), &bow, 0.0).expect("inside");
        assert!((55..70).contains(&crop.width()) && (30..45).contains(&crop.height()), "{crop:?}");
        assert!(ink(&crop, text_box) > 0.5);
    }
}
