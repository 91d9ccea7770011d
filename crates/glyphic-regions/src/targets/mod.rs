//! What a network shall learn to draw, made from polygons: what the generators share. Each generator lies in its model's folder,
//! `targets`.
//!
//! A generator takes [`Outlines`] (or a [`Page`](glyphic_core::Page)) and gives plain maps. Where MMOCR 0.2.1 draws
//! something that cannot be right, the default differs from it; [`Compat::Mmocr021`] brings its maps back.

mod kernels;
mod outlines;
mod ribbons;
mod sides;

pub use glyphic_core::Compat;
pub use kernels::KernelMaps;
pub use outlines::Outlines;
pub use sides::{Ribbon, Sides, find_head_tail, resample_line, sides};

pub(crate) use kernels::draw as draw_kernels;
pub(crate) use ribbons::{Ribbons, check_ribbon};
pub(crate) use sides::{direction, distance};

#[cfg(test)]
mod tests;
