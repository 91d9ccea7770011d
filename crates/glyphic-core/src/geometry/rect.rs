use super::{Point, RotatedRect, hull::hull};

/// The rectangle of least area around the points, by rotating calipers over the convex hull (Toussaint, 1983).
///
/// Equals OpenCV 4.8's `minAreaRect` followed by `boxPoints`, in single precision and with its choice between equal
/// rectangles; `width` and `height` are its `size`. A side may be 0 (points on a line). `None` for no finite points.
pub fn min_area_rect(points: &[Point]) -> Option<RotatedRect> {
    let hull = hull(points);
    let (centre, size, angle) = match hull[..] {
        [] => return None,
        [p] => (p, [0.0, 0.0], 0.0),
        [a, b] => {
            let (dx, dy) = (f64::from(b[0] - a[0]), f64::from(b[1] - a[1]));
            let centre = [(a[0] + b[0]) * 0.5, (a[1] + b[1]) * 0.5];
            (centre, [(dx * dx + dy * dy).sqrt() as f32, 0.0], dy.atan2(dx) as f32)
        }
        _ => {
            let [corner, u, v] = calipers(&hull);
            let length = |v: [f32; 2]| {
                (f64::from(v[0]) * f64::from(v[0]) + f64::from(v[1]) * f64::from(v[1])).sqrt() as f32
            };
            let centre = [corner[0] + (u[0] + v[0]) * 0.5, corner[1] + (u[1] + v[1]) * 0.5];
            (centre, [length(u), length(v)], f64::from(u[1]).atan2(f64::from(u[0])) as f32)
        }
    };
    // The reference goes through degrees in single precision; so do we, to round alike.
    let degrees = (f64::from(angle) * 180.0 / std::f64::consts::PI) as f32;
    let radians = f64::from(degrees) * std::f64::consts::PI / 180.0;
    let (b, a) = (radians.cos() as f32 * 0.5, radians.sin() as f32 * 0.5);
    let [w, h] = size;
    let p0 = [centre[0] - a * h - b * w, centre[1] + b * h - a * w];
    let p1 = [centre[0] + a * h - b * w, centre[1] - b * h - a * w];
    let p2 = [2.0 * centre[0] - p0[0], 2.0 * centre[1] - p0[1]];
    let p3 = [2.0 * centre[0] - p1[0], 2.0 * centre[1] - p1[1]];
    Some(RotatedRect {
        corners: [p1, p2, p3, p0].map(|p| Point::new(f64::from(p[0]), f64::from(p[1]))),
        width: f64::from(w),
        height: f64::from(h),
    })
}

/// Corner and the two side vectors of the least rectangle around a hull of at least three vertices.
fn calipers(points: &[[f32; 2]]) -> [[f32; 2]; 3] {
    let n = points.len();
    let (mut left, mut right, mut bottom, mut top) = (0, 0, 0, 0);
    let mut edges = Vec::with_capacity(n);
    let mut inverse_lengths = Vec::with_capacity(n);
    for (i, p) in points.iter().enumerate() {
        if p[0] < points[left][0] {
            left = i;
        }
        if p[0] > points[right][0] {
            right = i;
        }
        if p[1] > points[top][1] {
            top = i;
        }
        if p[1] < points[bottom][1] {
            bottom = i;
        }
        let next = points[(i + 1) % n];
        let (dx, dy) = (next[0] - p[0], next[1] - p[1]);
        let (wide_x, wide_y) = (f64::from(dx), f64::from(dy));
        edges.push([dx, dy]);
        inverse_lengths.push((1.0 / (wide_x * wide_x + wide_y * wide_y).sqrt()) as f32);
    }
    // Calipers touch at `bottom`, `right`, `top`, `left`; each turn lays one side along the edge with the least angle.
    let mut touch = [bottom, right, top, left];
    let mut best = ([0usize, 0], [1.0f32, 0.0], [0.0f32, 0.0]);
    let mut least = f32::MAX;
    for _ in 0..n {
        let turned = [
            edges[touch[0]],
            [edges[touch[1]][1], -edges[touch[1]][0]],
            [-edges[touch[2]][0], -edges[touch[2]][1]],
            [-edges[touch[3]][1], edges[touch[3]][0]],
        ];
        let mut side = 0;
        for i in 1..4 {
            if turned[i][1] * turned[side][0] - turned[i][0] * turned[side][1] < 0.0 {
                side = i;
            }
        }
        let scale = inverse_lengths[touch[side]];
        let lead = [edges[touch[side]][0] * scale, edges[touch[side]][1] * scale];
        let base = match side {
            0 => lead,
            1 => [lead[1], -lead[0]],
            2 => [-lead[0], -lead[1]],
            _ => [-lead[1], lead[0]],
        };
        touch[side] = (touch[side] + 1) % n;
        let between = |a: usize, b: usize| [points[a][0] - points[b][0], points[a][1] - points[b][1]];
        let d = between(touch[1], touch[3]);
        let width = d[0] * base[0] + d[1] * base[1];
        let d = between(touch[2], touch[0]);
        let height = -d[0] * base[1] + d[1] * base[0];
        if width * height <= least {
            least = width * height;
            best = ([touch[3], touch[0]], base, [width, height]);
        }
    }
    let ([left, bottom], [a1, b1], [width, height]) = best;
    let (a2, b2) = (-b1, a1);
    let c1 = a1 * points[left][0] + points[left][1] * b1;
    let c2 = a2 * points[bottom][0] + points[bottom][1] * b2;
    let inverse = 1.0 / (a1 * b2 - a2 * b1);
    [
        [(c1 * b2 - c2 * b1) * inverse, (a1 * c2 - a2 * c1) * inverse],
        [a1 * width, b1 * width],
        [a2 * height, b2 * height],
    ]
}
