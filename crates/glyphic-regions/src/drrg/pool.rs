use crate::Maps;

/// A rectangle at any angle in a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RotatedRoi {
    /// Centre, `[x, y]` in pixels.
    pub centre: [f32; 2],
    /// Length of the side that lies along x where the angle is 0, in pixels.
    pub width: f32,
    /// Length of the other side, in pixels.
    pub height: f32,
    /// How far it is turned, from x towards -y, in radians.
    pub angle: f32,
}

/// Means of every map over the cells of a rectangle, `[channels, rows, columns]`: rotated RoIAlign with centres of
/// pixels at half numbers and as many samples a cell as it has pixels, as MMCV computes it.
pub fn pool_rotated(maps: &Maps<'_>, roi: &RotatedRoi, shape: [usize; 2]) -> Vec<f32> {
    let cells = shape[0] * shape[1];
    let mut pooled = vec![0.0; maps.channels() * cells];
    let count = samples(roi, shape, [maps.width(), maps.height()], |cell, taps| {
        for channel in 0..maps.channels() {
            let values = maps.channel(channel);
            let sample: f32 = taps.iter().map(|(at, weight)| weight * values[*at]).sum();
            pooled[channel * cells + cell] += sample;
        }
    });
    for value in &mut pooled {
        *value /= count;
    }
    pooled
}

/// Visits the samples of each cell of a rectangle in maps of `size` `[width, height]`, a cell's after the other's: the four
/// pixels around a sample with their weights. Samples outside the maps are left out, but count in the number of samples
/// a cell, which is returned and at least 1.
pub(super) fn samples(
    roi: &RotatedRoi,
    [rows, columns]: [usize; 2],
    [width, height]: [usize; 2],
    mut visit: impl FnMut(usize, [(usize, f32); 4]),
) -> f32 {
    let cell = [roi.width / columns as f32, roi.height / rows as f32];
    // No rectangle is larger than the map, whatever the network says.
    let samples = |cell: f32, side: usize| (cell.ceil() as usize).min(side);
    let (across, down) = (samples(cell[0], width), samples(cell[1], height));
    let (sin, cos) = roi.angle.sin_cos();
    let centre = roi.centre.map(|v| v - 0.5);
    for row in 0..rows {
        for column in 0..columns {
            for i in 0..down {
                let v = -roi.height / 2.0 + row as f32 * cell[1] + (i as f32 + 0.5) * cell[1] / down as f32;
                for j in 0..across {
                    let u = -roi.width / 2.0
                        + column as f32 * cell[0]
                        + (j as f32 + 0.5) * cell[0] / across as f32;
                    let x = v * sin + u * cos + centre[0];
                    let y = v * cos - u * sin + centre[1];
                    if let Some(taps) = taps(x, y, width, height) {
                        visit(row * columns + column, taps);
                    }
                }
            }
        }
    }
    (across * down).max(1) as f32
}

/// The four pixels around a point and their weights; `None` more than a pixel outside.
fn taps(x: f32, y: f32, width: usize, height: usize) -> Option<[(usize, f32); 4]> {
    let inside = |v: f32, size: usize| v >= -1.0 && v <= size as f32;
    if !inside(x, width) || !inside(y, height) {
        return None;
    }
    let split = |v: f32, size: usize| {
        let v = v.max(0.0);
        let low = v as usize;
        if low + 1 >= size { (size - 1, size - 1, 0.0) } else { (low, low + 1, v - low as f32) }
    };
    let (left, right, fx) = split(x, width);
    let (top, bottom, fy) = split(y, height);
    Some([
        (top * width + left, (1.0 - fy) * (1.0 - fx)),
        (top * width + right, (1.0 - fy) * fx),
        (bottom * width + left, fy * (1.0 - fx)),
        (bottom * width + right, fy * fx),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_pooled_to_the_centres_of_the_cells() {
        let ramp: Vec<f32> = (0..20 * 20).map(|i| (i % 20) as f32).collect();
        let maps = Maps::new(&ramp, [1, 20, 20]).unwrap();
        let roi = RotatedRoi { centre: [10.5, 10.5], width: 8.0, height: 6.0, angle: 0.0 };
        let pooled = pool_rotated(&maps, &roi, [2, 4]);
        for (got, expected) in pooled.iter().zip([7.0, 9.0, 11.0, 13.0, 7.0, 9.0, 11.0, 13.0]) {
            assert!((got - expected).abs() < 1e-4, "{pooled:?}");
        }
        let turned = RotatedRoi { angle: std::f32::consts::FRAC_PI_2, ..roi };
        for (i, got) in pool_rotated(&maps, &turned, [2, 4]).iter().enumerate() {
            let expected = if i < 4 { 8.5 } else { 11.5 };
            assert!((got - expected).abs() < 1e-4, "{i}: {got}");
        }
    }

    #[test]
    fn rectangles_that_are_none_give_numbers() {
        let maps = Maps::new(&[1.0], [1, 1, 1]).unwrap();
        for side in [f32::NAN, f32::INFINITY, -3.0, 0.0, 1e30] {
            let roi = RotatedRoi { centre: [side, 0.0], width: side, height: side, angle: side };
            assert_eq!(pool_rotated(&maps, &roi, [3, 4]).len(), 12, "{side}");
        }
    }
}
