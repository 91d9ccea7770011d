use glyphic_core::Image;

/// A turn by a multiple of 90 degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuarterTurn {
    /// 90 degrees clockwise.
    Clockwise,
    /// 180 degrees.
    Half,
    /// 90 degrees counter-clockwise.
    CounterClockwise,
}

/// The picture turned without loss.
pub fn rotate(image: &Image, turn: QuarterTurn) -> Image {
    let (pixels, _) = image.rgb().as_chunks::<3>();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let turned: Vec<[u8; 3]> = match turn {
        QuarterTurn::Half => pixels.iter().rev().copied().collect(),
        QuarterTurn::Clockwise => {
            (0..width).flat_map(|x| (0..height).rev().map(move |y| pixels[y * width + x])).collect()
        }
        QuarterTurn::CounterClockwise => {
            (0..width).rev().flat_map(|x| (0..height).map(move |y| pixels[y * width + x])).collect()
        }
    };
    let (width, height) = match turn {
        QuarterTurn::Half => (image.width(), image.height()),
        _ => (image.height(), image.width()),
    };
    Image::from_rgb(width, height, turned.into_flattened()).expect("a turn keeps the number of pixels")
}
