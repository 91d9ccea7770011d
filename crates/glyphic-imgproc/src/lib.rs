//! Image operations for reading text: resize, warp, contours, fill, components, morphology, draw.
//!
//! Where detectors and their training targets are defined by OpenCV (resize, contours, polygon approximation and
//! filling, perspective warp), the results equal OpenCV 4.8's. The crates at hand do not: each of those modules says
//! in what.
//!
//! Pixel (x, y) covers the unit square from (x, y) on for [`resize`](resize_linear_f32); contours, fills and warps put
//! integer coordinates at pixel centres, as OpenCV does.

mod affine;
mod approx;
mod circle;
mod components;
mod contours;
mod crop;
mod draw;
mod error;
mod fill;
mod locality_nms;
mod map;
mod morphology;
mod raster;
mod resize;
mod rotate;
mod skeleton;
mod text_crop;
mod tiles;
mod warp;

pub use affine::{Affine, Interpolation};
pub use approx::{approx_poly_dp, arc_length};
pub use circle::fill_circle;
pub use components::{Component, Components, Connectivity, connected_components};
pub use contours::{Approximation, Contour, Retrieval, find_contours};
pub use crop::{crop_polygon, crop_quad, crop_rect, crop_ribbon};
pub use draw::{draw_line, draw_polygon, draw_polyline, fill_polygon, fill_rect};
pub use error::{Error, Result};
pub use fill::{draw_thin_line, fill_convex, fill_poly, fill_polys, poly_spans, polygon_mean};
pub use locality_nms::{ScoredQuad, TieOrder, merge_quads};
pub use map::{Map, Pixel, pixels, points};
pub use morphology::{dilate, erode};
pub use raster::{Around, Raster, Sides, Value};
pub use resize::{
    resize_antialiased, resize_linear, resize_linear_f32, resize_linear_u8, resize_nearest,
    resize_nearest_map,
};
pub use rotate::{QuarterTurn, rotate};
pub use skeleton::skeletonize;
pub use text_crop::{crop_text, share_inside, text_corners, text_size};
pub use tiles::{Tile, Tiles, tiles};
pub use warp::{Border, Homography, warp_perspective};
