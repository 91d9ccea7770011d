use glyphic_core::{Image, Point, Polygon, Region};
use glyphic_imgproc::{Projective, warp_quad};

use crate::quad::Quad;

/// A region taller than this many times its width may hold a vertical line; it is read turned both ways, too.
const TALL: f64 = 1.5;

/// The text of a region, upright, with a margin.
#[derive(Debug, Clone)]
pub(crate) struct Crop {
    /// Index of the region.
    pub(crate) region: usize,
    pub(crate) image: Image,
    /// Crop to picture.
    to_picture: Projective,
    /// Pixels of margin on each side.
    margin: f64,
}
