use std::{fs, io::Cursor, path::Path, sync::Arc};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, metadata::Orientation};

use crate::atomic::write_file;
use crate::{Error, Result, tiff};

/// Bounds on a decoded picture, so that a small file cannot fill the memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageLimits {
    /// The longest side, in pixels.
    pub max_side: u32,
    /// The most pixels in all.
    pub max_pixels: u64,
}

impl Default for ImageLimits {
    /// 65,535 pixels a side and 100 megapixels: an A3 page at 600 dpi fits, a bomb does not.
    fn default() -> Self {
        Self { max_side: 65_535, max_pixels: 100_000_000 }
    }
}

impl ImageLimits {
    /// Whether a size lies within the limits; `name` stands in errors.
    ///
    /// # Errors
    /// [`Error::Decode`] for a size of 0, [`Error::TooLarge`].
    pub fn check(&self, width: u32, height: u32, name: &str) -> Result<()> {
        if width == 0 || height == 0 {
            let reason = format!("it is {width}x{height}: it has no pixels");
            return Err(Error::Decode { name: name.to_owned(), reason });
        }
        if width.max(height) > self.max_side || u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(Error::TooLarge {
                name: name.to_owned(),
                width,
                height,
                max_side: self.max_side,
                max_pixels: self.max_pixels,
            });
        }
        Ok(())
    }
}

/// Where what is drawn on a transparent ground is lighter than this on average, 0 to 255, the ground is taken for black.
const LIGHT: f64 = 160.0;

/// The colours of a picture with its transparent parts over white, or over black where most of it is transparent and what is
/// drawn there is light: white text on nothing would vanish on white.
fn laid_over_contrast(rgba: &image::RgbaImage) -> Vec<u8> {
    let luma =
        |p: &image::Rgba<u8>| 0.299 * f64::from(p[0]) + 0.587 * f64::from(p[1]) + 0.114 * f64::from(p[2]);
    let (mut sum, mut weight, mut pixels) = (0.0, 0.0, 0.0);
    for p in rgba.pixels() {
        let alpha = f64::from(p[3]) / 255.0;
        sum += alpha * luma(p);
        weight += alpha;
        pixels += 1.0;
    }
    let light = weight > 0.0 && weight < 0.5 * pixels && sum > LIGHT * weight;
    let ground = if light { 0 } else { 255 };
    let over = |p: &image::Rgba<u8>| {
        let a = u32::from(p[3]);
        [0, 1, 2].map(|c| ((u32::from(p[c]) * a + ground * (255 - a) + 127) / 255) as u8)
    };
    rgba.pixels().flat_map(over).collect()
}

/// An upright RGB picture, 8 bits a channel. Cloning shares the pixels.
#[derive(Debug, Clone)]
pub struct Image {
    width: u32,
    height: u32,
    rgb: Arc<Vec<u8>>,
}

impl Image {
    /// From rows of `r, g, b` bytes, top to bottom: `[height, width, 3]`.
    ///
    /// # Errors
    /// [`Error::PixelCount`] where the length is not `width * height * 3` or a side is 0.
    pub fn from_rgb(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self> {
        // Saturating: a size beyond the address space cannot be met and fails below.
        let expected = (width as usize).saturating_mul(height as usize).saturating_mul(3);
        if rgb.len() != expected || expected == 0 {
            return Err(Error::PixelCount { width, height, expected, got: rgb.len() });
        }
        Ok(Self { width, height, rgb: Arc::new(rgb) })
    }

    /// A picture of one colour.
    ///
    /// # Errors
    /// [`Error::PixelCount`] where a side is 0.
    pub fn filled(width: u32, height: u32, colour: [u8; 3]) -> Result<Self> {
        let pixels = (width as usize).saturating_mul(height as usize);
        if pixels > isize::MAX as usize / 3 {
            return Err(Error::PixelCount { width, height, expected: usize::MAX, got: 0 });
        }
        Self::from_rgb(width, height, colour.repeat(pixels))
    }

    /// Reads and decodes a file, with the default limits. See [`Image::decode`].
    ///
    /// # Errors
    /// [`Error::Read`], and those of [`Image::decode`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::decode(&bytes, &path.display().to_string(), ImageLimits::default())
    }

    /// Decodes a picture, whatever its format, turns it upright by its EXIF orientation and converts it to
    /// RGB. What is transparent is laid over white, or over black where what is drawn on it is light. `name` stands in
    /// errors only.
    ///
    /// # Errors
    /// [`Error::Decode`] for bytes that are no picture, [`Error::TooLarge`] beyond `limits`.
    pub fn decode(bytes: &[u8], name: &str, limits: ImageLimits) -> Result<Self> {
        let decode_error = |reason: String| Error::Decode { name: name.to_owned(), reason };
        if bytes.is_empty() {
            return Err(decode_error("the file is empty".to_owned()));
        }
        let reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| decode_error(e.to_string()))?;
        if reader.format().is_none() {
            return Err(decode_error(
                "its first bytes are of no known image format (JPEG, PNG, BMP, GIF, TIFF, WebP and PNM are read)"
                    .to_owned(),
            ));
        }
        if reader.format() == Some(ImageFormat::Tiff)
            && let Some(decoded) = tiff::decode(bytes, name, limits)
        {
            return decoded;
        }
        let mut decoder = reader.into_decoder().map_err(|e| decode_error(e.to_string()))?;
        let (width, height) = decoder.dimensions();
        limits.check(width, height, name)?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut decoded = DynamicImage::from_decoder(decoder).map_err(|e| decode_error(e.to_string()))?;
        decoded.apply_orientation(orientation);
        Self::from_dynamic(decoded)
    }

    /// From any picture of the `image` crate, converted to RGB. What is transparent is laid over white, or over black where
    /// what is drawn on it is light.
    ///
    /// # Errors
    /// [`Error::PixelCount`] where a side is 0.
    pub fn from_dynamic(picture: DynamicImage) -> Result<Self> {
        let (width, height) = (picture.width(), picture.height());
        let rgb = if picture.color().has_alpha() {
            laid_over_contrast(&picture.into_rgba8())
        } else {
            picture.into_rgb8().into_raw()
        };
        Self::from_rgb(width, height, rgb)
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels, `[height, width, 3]`, r, g, b.
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    /// The pixels, to be changed; copied first where they are shared.
    pub fn rgb_mut(&mut self) -> &mut [u8] {
        let pixels: &mut Vec<u8> = Arc::make_mut(&mut self.rgb);
        pixels
    }

    /// The colour at column `x`, row `y`.
    ///
    /// # Panics
    /// Outside the picture.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        assert!(x < self.width && y < self.height, "({x}, {y}) lies outside the picture");
        let i = (y as usize * self.width as usize + x as usize) * 3;
        [self.rgb[i], self.rgb[i + 1], self.rgb[i + 2]]
    }

    /// Writes the picture as PNG or JPEG, by the file name's extension. The file appears whole or not at all.
    ///
    /// # Errors
    /// [`Error::Decode`] for an extension that is not known, [`Error::Write`] where writing fails.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let format = image::ImageFormat::from_path(path)
            .map_err(|e| Error::Decode { name: path.display().to_string(), reason: e.to_string() })?;
        let bytes = self.encode(format)?;
        write_file(path, &bytes).map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// The picture as the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Decode`] where the format cannot hold it.
    pub fn encode(&self, format: image::ImageFormat) -> Result<Vec<u8>> {
        let mut bytes = Cursor::new(Vec::new());
        image::write_buffer_with_format(
            &mut bytes,
            &self.rgb,
            self.width,
            self.height,
            image::ExtendedColorType::Rgb8,
            format,
        )
        .map_err(|e| Error::Decode { name: format!("{format:?}"), reason: e.to_string() })?;
        Ok(bytes.into_inner())
    }
}
