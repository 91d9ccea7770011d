//! Points, polygons and the operations text detection needs.
//!
//! Functions take plain points, so that they serve outlines that are not (yet) a valid [`Polygon`].

mod distance;
mod hull;
mod offset;
mod order;
mod overlap;
mod polygon;
mod rect;

pub use distance::{point_in_polygon, point_outline_distance, point_segment_distance};
pub use hull::convex_hull;
pub use offset::offset;
pub use order::{order_quad, sort_clockwise};
pub use overlap::{intersection, intersection_area, iou, union, union_area};
pub use polygon::{Point, Polygon, Rect, RotatedRect, perimeter, signed_area};
pub use rect::min_area_rect;
