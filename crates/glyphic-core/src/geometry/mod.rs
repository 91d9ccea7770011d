//! Points, polygons and the operations text detection needs.

mod polygon;

pub use polygon::{Point, Polygon, Rect, RotatedRect, perimeter, signed_area};
