use crate::Map;

/// Which pixels count as neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Left, right, above, below.
    Four,
    /// Diagonal ones too.
    Eight,
}

/// What a label covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Component {
    /// Its number of pixels.
    pub area: usize,
    /// Leftmost column.
    pub x0: usize,
    /// Topmost row.
    pub y0: usize,
    /// Rightmost column, inclusive.
    pub x1: usize,
    /// Lowest row, inclusive.
    pub y1: usize,
    /// Mean of its pixels' `[x, y]`.
    pub centroid: [f64; 2],
}

/// The connected components of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    /// 0 for background, `i + 1` for the pixels of `list[i]`.
    pub labels: Map<u32>,
    /// The components in raster order of their first pixels.
    pub list: Vec<Component>,
}

/// The connected components of non-zero values.
pub fn connected_components(map: &Map<u8>, connectivity: Connectivity) -> Components {
    let (width, height) = (map.width(), map.height());
    let mut labels = vec![0u32; width * height];
    // First pass: a provisional label a run; `parents` joins those that touch (union-find, the least label is the root).
    let mut parents: Vec<u32> = vec![0];
    let reach = usize::from(connectivity == Connectivity::Eight);
    for y in 0..height {
        let row = map.row(y);
        let (above, rest) = labels.split_at_mut(y * width);
        let above = if y > 0 { &above[(y - 1) * width..] } else { &[][..] };
        let current = &mut rest[..width];
        let mut x = 0;
        while x < width {
            if row[x] == 0 {
                x += 1;
                continue;
            }
            let start = x;
            while x < width && row[x] != 0 {
                x += 1;
            }
            let mut label = 0;
            if !above.is_empty() {
                let mut seen = 0;
                for &up in &above[start.saturating_sub(reach)..(x + reach).min(width)] {
                    if up != 0 && up != seen {
                        seen = up;
                        label =
                            if label == 0 { root(&mut parents, up) } else { join(&mut parents, label, up) };
                    }
                }
            }
            if label == 0 {
                label = parents.len() as u32;
                parents.push(label);
            }
            current[start..x].fill(label);
        }
    }
    // Roots are the least labels, so they are met in raster order of the first pixels.
    let mut finals = vec![0u32; parents.len()];
    let mut count = 0;
    for i in 1..parents.len() as u32 {
        let r = root(&mut parents, i);
        if r == i {
            count += 1;
            finals[i as usize] = count;
        } else {
            finals[i as usize] = finals[r as usize];
        }
    }
    let empty = Component { area: 0, x0: usize::MAX, y0: usize::MAX, x1: 0, y1: 0, centroid: [0.0; 2] };
    let mut list = vec![empty; count as usize];
    for (y, row) in labels.chunks_exact_mut(width).enumerate() {
        for (x, label) in row.iter_mut().enumerate() {
            if *label == 0 {
                continue;
            }
            *label = finals[*label as usize];
            let c = &mut list[*label as usize - 1];
            c.area += 1;
            c.x0 = c.x0.min(x);
            c.y0 = c.y0.min(y);
            c.x1 = c.x1.max(x);
            c.y1 = y;
            c.centroid[0] += x as f64;
            c.centroid[1] += y as f64;
        }
    }
    for c in &mut list {
        c.centroid = c.centroid.map(|sum| sum / c.area as f64);
    }
    Components { labels: Map::from_parts(width, height, labels), list }
}

fn root(parents: &mut [u32], mut i: u32) -> u32 {
    while parents[i as usize] != i {
        parents[i as usize] = parents[parents[i as usize] as usize];
        i = parents[i as usize];
    }
    i
}

fn join(parents: &mut [u32], a: u32, b: u32) -> u32 {
    let (a, b) = (root(parents, a), root(parents, b));
    let (low, high) = (a.min(b), a.max(b));
    parents[high as usize] = low;
    low
}
