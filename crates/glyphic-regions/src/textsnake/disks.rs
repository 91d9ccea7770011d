/// A disk of a text: its centre on the text's centre line, its radius half the text's height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disk {
    /// Centre, `[x, y]` in pixels.
    pub centre: [f64; 2],
    /// Radius in pixels.
    pub radius: f64,
    /// The score of its centre.
    pub score: f64,
}

/// Replaces each disk, best first, and those whose centres lie no farther from it than `overlap` times the sum of both
/// radii by their mean.
pub fn merge_disks(mut disks: Vec<Disk>, overlap: f64) -> Vec<Disk> {
    // Of equal scores the later one first.
    disks.sort_by(|a, b| a.score.total_cmp(&b.score));
    disks.reverse();
    let mut merged = Vec::new();
    while let Some(&best) = disks.first() {
        let near = |disk: &Disk| {
            let [dx, dy] = [best.centre[0] - disk.centre[0], best.centre[1] - disk.centre[1]];
            (dx * dx + dy * dy).sqrt() <= (best.radius + disk.radius) * overlap
        };
        let mut sum = best;
        let mut count = 1.0;
        let mut first = true;
        disks.retain(|disk| {
            if std::mem::take(&mut first) {
                return false;
            }
            let joins = near(disk);
            if joins {
                sum.centre = [sum.centre[0] + disk.centre[0], sum.centre[1] + disk.centre[1]];
                sum.radius += disk.radius;
                sum.score += disk.score;
                count += 1.0;
            }
            !joins
        });
        merged.push(Disk {
            centre: sum.centre.map(|v| v / count),
            radius: sum.radius / count,
            score: sum.score / count,
        });
    }
    merged
}
