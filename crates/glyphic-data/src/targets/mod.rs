//! What a network shall learn to draw, made from polygons.

pub mod dbnet;
