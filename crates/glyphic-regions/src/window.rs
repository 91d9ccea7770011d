use glyphic_imgproc::{Map, Pixel};

use crate::Result;

/// A part of a picture's maps, as large as what is drawn into it.
#[derive(Debug)]
pub(crate) struct Window {
    /// What has been drawn, 1 on 0.
    pub mask: Map<u8>,
    /// Its first pixel in the maps.
    pub origin: Pixel,
}

impl Window {
    /// Just around pixels of maps of `size`, `[width, height]`; what lies outside the maps is cut off.
    pub(crate) fn around(pixels: &[Pixel], size: [usize; 2]) -> Result<Self> {
        let edge = |axis: usize, pick: fn(i32, i32) -> i32| {
            pixels.iter().map(|p| p[axis]).reduce(pick).unwrap_or(0).clamp(0, size[axis] as i32 - 1)
        };
        let origin = [edge(0, i32::min), edge(1, i32::min)];
        let last = [edge(0, i32::max), edge(1, i32::max)];
        let [width, height] = [0, 1].map(|axis| (last[axis] - origin[axis] + 1) as usize);
        Ok(Self { mask: Map::filled(width, height, 0)?, origin })
    }

    /// Pixels of the maps by their places in the window.
    pub(crate) fn local(&self, pixels: &[Pixel]) -> Vec<Pixel> {
        pixels.iter().map(|p| [0, 1].map(|axis| p[axis].saturating_sub(self.origin[axis]))).collect()
    }

    /// Whether a pixel of the maps lies inside and has been drawn.
    pub(crate) fn contains(&self, pixel: Pixel) -> bool {
        let [x, y] = [0, 1].map(|axis| pixel[axis].saturating_sub(self.origin[axis]));
        let (width, height) = (self.mask.width() as i32, self.mask.height() as i32);
        (0..width).contains(&x) && (0..height).contains(&y) && self.mask.at(x as usize, y as usize) != 0
    }

    /// The pixels that have been drawn, row by row, by their places in the maps, `[x, y]`.
    pub(crate) fn pixels(&self) -> impl Iterator<Item = [usize; 2]> + '_ {
        drawn(&self.mask).map(|[x, y]| [self.origin[0] as usize + x, self.origin[1] as usize + y])
    }
}

/// The pixels of a mask that are not 0, row by row, `[x, y]`.
pub(crate) fn drawn(mask: &Map<u8>) -> impl Iterator<Item = [usize; 2]> + '_ {
    (0..mask.height()).flat_map(move |y| {
        let row = mask.row(y).iter().enumerate().filter(|(_, value)| **value != 0);
        row.map(move |(x, _)| [x, y])
    })
}
