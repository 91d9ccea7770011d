/// Relations and bounds of boxes, each with its corners clockwise from the top-left one.
///
/// The relation of a pair is the distance to the right and down over `norm`, the row box's width over its height, the column
/// box's height and width over the row box's height: `[n, n, 5]`, row by row. Bounds are left, top, right, bottom. As SDMGR has
/// them (Sun et al. 2021, arXiv:2103.14470); sizes count the last pixel and are 1 at least.
pub fn relations(boxes: &[[f32; 8]], norm: f32) -> (Vec<[f32; 5]>, Vec<[f32; 4]>) {
    // In doubles, as numpy divides integers, and narrowed at the end.
    let bounds: Vec<[f64; 4]> = boxes.iter().map(|b| [b[0], b[1], b[4], b[5]].map(f64::from)).collect();
    let size = |b: &[f64; 4]| ((b[2] - b[0] + 1.0).max(1.0), (b[3] - b[1] + 1.0).max(1.0));
    let norm = f64::from(norm);
    let mut relations = Vec::with_capacity(bounds.len() * bounds.len());
    for from in &bounds {
        let (w, h) = size(from);
        for to in &bounds {
            let (other_w, other_h) = size(to);
            let (dx, dy) = ((to[0] - from[0]) / norm, (to[1] - from[1]) / norm);
            relations.push([dx, dy, w / h, other_h / h, other_w / h].map(|v| v as f32));
        }
    }
    (relations, bounds.into_iter().map(|b| b.map(|v| v as f32)).collect())
}
