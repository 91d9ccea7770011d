use crate::Pixel;

/// Length of the closed border in pixels, each edge in single precision as OpenCV's `arcLength`.
pub fn arc_length(border: &[Pixel]) -> f64 {
    let n = border.len();
    (0..n)
        .map(|i| {
            let (a, b) = (border[(i + n - 1) % n], border[i]);
            let (dx, dy) = ((b[0] - a[0]) as f32, (b[1] - a[1]) as f32);
            f64::from((dx * dx + dy * dy).sqrt())
        })
        .sum()
}

/// A closed border with fewer vertices, none farther than `epsilon` pixels from the border (Douglas and Peucker, 1973).
///
/// Equals OpenCV's `approxPolyDP(border, epsilon, closed=True)`: its choice of the first two vertices, and its last pass
/// over almost straight corners.
pub fn approx_poly_dp(border: &[Pixel], epsilon: f64) -> Vec<Pixel> {
    let n = border.len();
    if n == 0 {
        return Vec::new();
    }
    let epsilon = epsilon * epsilon;
    let wide = |p: Pixel| [f64::from(p[0]), f64::from(p[1])];

    // Two vertices far from each other, by three rounds of "the farthest from the last".
    let mut start = 0;
    let mut farthest = 0;
    let mut close = false;
    for _ in 0..3 {
        start = (start + farthest) % n;
        let [x, y] = wide(border[start]);
        let mut longest = 0.0;
        for j in 1..n {
            let [px, py] = wide(border[(start + j) % n]);
            let squared = (px - x) * (px - x) + (py - y) * (py - y);
            if squared > longest {
                longest = squared;
                farthest = j;
            }
        }
        close = longest <= epsilon;
    }
    if close {
        return vec![border[start]];
    }
    let opposite = (start + farthest) % n;

    let mut kept = Vec::new();
    let mut slices = vec![(opposite, start), (start, opposite)];
    while let Some((from, to)) = slices.pop() {
        let [x, y] = wide(border[from]);
        let [end_x, end_y] = wide(border[to]);
        let (dx, dy) = (end_x - x, end_y - y);
        let squared_length = dx * dx + dy * dy;
        let (mut longest, mut split) = (0.0, from);
        let mut i = (from + 1) % n;
        while i != to {
            let [px, py] = wide(border[i]);
            // Both ends on one pixel (a border that runs back over itself): the distance to that pixel counts.
            let distance = if squared_length > 0.0 {
                ((py - y) * dx - (px - x) * dy).abs()
            } else {
                (px - x).hypot(py - y)
            };
            if distance > longest {
                longest = distance;
                split = i;
            }
            i = (i + 1) % n;
        }
        let scale = if squared_length > 0.0 { squared_length } else { 1.0 };
        if longest * longest <= epsilon * scale {
            kept.push(border[from]);
        } else {
            slices.push((split, to));
            slices.push((from, split));
        }
    }
    drop_straight_corners(kept, epsilon)
}

/// Drops vertices almost on the line between their neighbours, in place while reading, so that a dropped vertex's
/// successor becomes the next anchor.
fn drop_straight_corners(mut kept: Vec<Pixel>, epsilon: f64) -> Vec<Pixel> {
    let n = kept.len();
    let mut left = n;
    let mut read = n - 1;
    let mut next = |kept: &[Pixel]| {
        let p = kept[read];
        read = (read + 1) % n;
        p
    };
    let mut anchor = next(&kept);
    let mut write = 0;
    let mut corner = next(&kept);
    let mut i = 0;
    while i < n && left > 2 {
        let end = next(&kept);
        let sub = |a: Pixel, b: Pixel| [f64::from(a[0]) - f64::from(b[0]), f64::from(a[1]) - f64::from(b[1])];
        let [dx, dy] = sub(end, anchor);
        let [cx, cy] = sub(corner, anchor);
        let [ex, ey] = sub(end, corner);
        let distance = (cx * dy - cy * dx).abs();
        let onwards = cx * ex + cy * ey >= 0.0;
        if distance * distance <= 0.5 * epsilon * (dx * dx + dy * dy) && dx != 0.0 && dy != 0.0 && onwards {
            left -= 1;
            anchor = end;
            kept[write] = end;
            write = (write + 1) % n;
            corner = next(&kept);
            i += 2;
        } else {
            anchor = corner;
            kept[write] = corner;
            write = (write + 1) % n;
            corner = end;
            i += 1;
        }
    }
    kept.truncate(left);
    kept
}
