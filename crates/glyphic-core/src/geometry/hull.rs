use super::Point;

/// The convex hull, clockwise on the screen (y down), without collinear vertices.
///
/// Which vertex comes first, and the order, are those of OpenCV's `convexHull(points, clockwise=False)`:
/// [`super::min_area_rect`] breaks ties between equal rectangles by it. Coordinates are rounded to `f32` as there;
/// points that are not finite then are left out.
/// Fewer than three vertices come back where all points lie on a line; none for no points.
pub fn convex_hull(points: &[Point]) -> Vec<Point> {
    hull(points).iter().map(|p| Point::new(f64::from(p[0]), f64::from(p[1]))).collect()
}

/// [`convex_hull`] in single precision, `[x, y]`.
pub(super) fn hull(points: &[Point]) -> Vec<[f32; 2]> {
    let narrow = points.iter().map(|p| [p.x as f32, p.y as f32]);
    let points: Vec<[f32; 2]> = narrow.filter(|p| p[0].is_finite() && p[1].is_finite()).collect();
    if points.is_empty() {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&a, &b| {
        points[a][0].total_cmp(&points[b][0]).then(points[a][1].total_cmp(&points[b][1])).then(a.cmp(&b))
    });
    let sorted: Vec<[f32; 2]> = order.iter().map(|&i| points[i]).collect();
    let last = sorted.len() - 1;
    if sorted[0] == sorted[last] {
        return vec![sorted[0]];
    }
    let (mut min_y, mut max_y) = (0, 0);
    for (i, p) in sorted.iter().enumerate() {
        if p[1] < sorted[min_y][1] {
            min_y = i;
        }
        if p[1] > sorted[max_y][1] {
            max_y = i;
        }
    }
    // The half with the larger y, from the right end to the left end.
    let left = chain(&sorted, 0, max_y, -1, 1);
    let right = chain(&sorted, last, max_y, -1, -1);
    let stop = if left.len() > 2 {
        Some(left[1])
    } else if right.len() > 2 {
        Some(right[right.len() - 2])
    } else {
        None
    };
    let mut out: Vec<usize> = right[..right.len() - 1].to_vec();
    out.extend(left[1..].iter().rev());
    // The half with the smaller y, from the left end back to the right end.
    let mut left = chain(&sorted, 0, min_y, 1, -1);
    let mut right = chain(&sorted, last, min_y, 1, 1);
    if let Some(stop) = stop {
        let check = if left.len() > 2 {
            Some(left[1])
        } else if left.len() + right.len() > 2 {
            Some(right[2 - left.len()])
        } else {
            None
        };
        if check.is_some_and(|check| check == stop || sorted[check] == sorted[stop]) {
            // All points lie on one line: this half only mirrors the other.
            left.truncate(2);
            right.truncate(2);
        }
    }
    out.extend(&left[..left.len() - 1]);
    out.extend(right[1..].iter().rev());
    let mut indices: Vec<usize> = out.into_iter().map(|i| order[i]).collect();
    rotate_to_monotone(&mut indices);
    indices.into_iter().map(|i| points[i]).collect()
}

/// Sklansky's scan over points sorted by x, from `start` towards `end`: indices of one quarter of the hull.
fn chain(sorted: &[[f32; 2]], start: usize, end: usize, skip_sign: i32, turn: i32) -> Vec<usize> {
    if start == end || sorted[start] == sorted[end] {
        return vec![start];
    }
    let step: isize = if end > start { 1 } else { -1 };
    let at = |i: isize| sorted[i as usize];
    let start = start as isize;
    let after_end = end as isize + step;
    let (mut previous, mut current, mut next) = (start, start + step, start + 2 * step);
    let mut stack = vec![previous, current, next];
    while next != after_end {
        let by = at(next)[1] - at(current)[1];
        if sign(f64::from(by)) == skip_sign {
            next += step;
            *stack.last_mut().expect("the stack holds at least three") = next;
            continue;
        }
        let ax = at(current)[0] - at(previous)[0];
        let bx = at(next)[0] - at(current)[0];
        let ay = at(current)[1] - at(previous)[1];
        let cross = f64::from(ay) * f64::from(bx) - f64::from(ax) * f64::from(by);
        let n = stack.len();
        if sign(cross) == turn && (ax != 0.0 || ay != 0.0) {
            previous = current;
            current = next;
            next += step;
            stack.push(next);
        } else if previous == start {
            current = next;
            stack[1] = current;
            next += step;
            stack[2] = next;
        } else {
            stack[n - 2] = next;
            current = previous;
            previous = stack[n - 4];
            stack.pop();
        }
    }
    stack.pop();
    stack.into_iter().map(|i| i as usize).collect()
}

fn sign(v: f64) -> i32 {
    i32::from(v > 0.0) - i32::from(v < 0.0)
}

/// Rotates the indices so that they ascend or descend throughout, where a rotation can do that.
fn rotate_to_monotone(indices: &mut [usize]) {
    let n = indices.len();
    if n < 3 {
        return;
    }
    let (mut min, mut max, mut rises) = (0, 0, 0);
    for i in 1..n {
        rises += usize::from(indices[i - 1] < indices[i]);
        if rises > 1 && rises + 2 <= i {
            break;
        }
        if indices[i] < indices[min] {
            min = i;
        }
        if indices[i] > indices[max] {
            max = i;
        }
    }
    let distance = min.abs_diff(max);
    if (distance == 1 || distance == n - 1) && (rises <= 1 || rises >= n - 2) {
        let ascending = (max + 1) % n == min;
        let first = if ascending { min } else { max };
        let monotone =
            (0..n - 1).all(|i| ascending == (indices[(first + i) % n] < indices[(first + i + 1) % n]));
        if first > 0 && monotone {
            indices.rotate_left(first);
        }
    }
}
