//! TIFF files whose samples the `image` crate does not take: floating point, signed, of 2, 4 or 32 bits, YCbCr as
//! scanners write it inside JPEG, and the compressions of fax machines (CCITT T.4, and TIFF 6.0's modified Huffman).

use std::io::Cursor;

use ::tiff::ColorType;
use ::tiff::decoder::{Decoder, DecodingResult, Limits, ifd::Value};
use ::tiff::tags::{SampleFormat, Tag};
use hayro_ccitt::{DecodeSettings, DecoderContext, EncodingMode};
use image::{DynamicImage, RgbImage, RgbaImage, metadata::Orientation};

use crate::{Error, Image, ImageLimits, Result};

/// Compressions by their numbers in the file.
const MODIFIED_HUFFMAN: u16 = 2;
const GROUP_3: u16 = 3;
const GROUP_4: u16 = 4;

/// The lowest bit comes first: the `tiff` crate takes it for the highest.
const LOWEST_FIRST: u16 = 2;

/// What is no number reads as paper.
const PAPER: f32 = 1.0;

type Tiff<'a> = Decoder<Cursor<&'a [u8]>>;

/// The first page; `None` for one that the `image` crate takes, or that neither does: its message is the clearer one.
///
/// # Errors
/// [`Error::TooLarge`] beyond `limits`, [`Error::Decode`] for data that are damaged.
pub(crate) fn decode(bytes: &[u8], name: &str, limits: ImageLimits) -> Option<Result<Image>> {
    let mut file = Tiff::new(Cursor::new(bytes)).ok()?.with_limits(Limits::unlimited());
    let (width, height) = file.dimensions().ok()?;
    if let Err(error) = limits.check(width, height, name) {
        return Some(Err(error));
    }
    let kind = Kind::of(&mut file)?;
    let failed = |reason: String| Error::Decode { name: name.to_owned(), reason };
    let decoded = match kind {
        Kind::Fax { compression } => fax(&mut file, bytes, compression).map_err(failed),
        Kind::Samples { color, format } => samples(&mut file, color, format).map_err(failed),
    };
    Some(decoded.and_then(|mut picture| {
        let orientation = number(&mut file, Tag::Orientation).and_then(|n| u8::try_from(n).ok());
        let orientation = orientation.and_then(Orientation::from_exif);
        picture.apply_orientation(orientation.unwrap_or(Orientation::NoTransforms));
        Image::from_dynamic(picture)
    }))
}

/// What is decoded here.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Fax { compression: u16 },
    Samples { color: ColorType, format: SampleFormat },
}

impl Kind {
    fn of(file: &mut Tiff<'_>) -> Option<Self> {
        let reversed = number(file, Tag::FillOrder) == Some(LOWEST_FIRST);
        match number(file, Tag::Compression) {
            Some(compression @ (MODIFIED_HUFFMAN | GROUP_3)) => return Some(Self::Fax { compression }),
            Some(GROUP_4) if reversed => return Some(Self::Fax { compression: GROUP_4 }),
            _ => {}
        }
        const PLANAR: u16 = 2;
        let planar = number(file, Tag::PlanarConfiguration) == Some(PLANAR);
        let color = file.colortype().ok()?;
        let formats = file.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).ok()?;
        let format = formats
            .and_then(|f| f.first().copied())
            .map_or(Some(SampleFormat::Uint), SampleFormat::from_u16)?;
        let plain = match color {
            ColorType::Gray(bits) => matches!(bits, 1 | 8 | 16),
            ColorType::GrayA(bits) | ColorType::RGB(bits) | ColorType::RGBA(bits) | ColorType::CMYK(bits) => {
                matches!(bits, 8 | 16)
            }
            ColorType::YCbCr(8) => false,
            _ => return None,
        };
        let known = matches!(format, SampleFormat::Uint | SampleFormat::Int | SampleFormat::IEEEFP);
        (known && !planar && !(plain && format == SampleFormat::Uint))
            .then_some(Self::Samples { color, format })
    }
}

fn number(file: &mut Tiff<'_>, tag: Tag) -> Option<u16> {
    file.find_tag_unsigned(tag).ok().flatten()
}

/// Samples as shares of the whole range, 0 to 1, and floating point as [`stretched`].
fn samples(file: &mut Tiff<'_>, color: ColorType, format: SampleFormat) -> Result<DynamicImage, String> {
    let (width, height) = file.dimensions().map_err(|e| e.to_string())?;
    let read = file.read_image().map_err(|e| e.to_string())?;
    let bits = color.bit_depth();
    let channels = usize::from(color.num_samples());
    let row = width as usize * channels;
    let whole = |count: usize| {
        let expected = row * height as usize;
        let reason = format!("it holds {count} samples; {width}x{height} pixels have {expected}");
        if count >= expected { Ok(()) } else { Err(reason) }
    };
    let mut shares: Vec<f32> = match (&read, format) {
        (DecodingResult::F16(values), _) => values.iter().map(|v| v.to_f32()).collect(),
        (DecodingResult::F32(values), _) => values.clone(),
        (DecodingResult::F64(values), _) => values.iter().map(|v| *v as f32).collect(),
        (DecodingResult::I8(values), _) => values.iter().map(|v| (f32::from(*v) + 128.0) / 255.0).collect(),
        (DecodingResult::I16(values), _) => {
            values.iter().map(|v| (f32::from(*v) + 32_768.0) / 65_535.0).collect()
        }
        (DecodingResult::I32(values), _) => {
            values.iter().map(|v| ((f64::from(*v) + 2_147_483_648.0) / f64::from(u32::MAX)) as f32).collect()
        }
        (_, SampleFormat::Uint) => {
            let most = ((1_u128 << bits) - 1) as f64;
            integers(&read, bits, row)?.into_iter().map(|v| (v as f64 / most) as f32).collect()
        }
        _ => return Err(format!("samples of {bits} bits of this format are not read")),
    };
    whole(shares.len())?;
    if format == SampleFormat::IEEEFP {
        let colours =
            if matches!(color, ColorType::GrayA(_) | ColorType::RGBA(_)) { channels - 1 } else { channels };
        stretched(&mut shares, channels, colours);
    }
    let byte = |share: f32| (share.clamp(0.0, 1.0) * 255.0).round() as u8;
    let pixels = shares.chunks_exact(channels).take(width as usize * height as usize);
    let rgba = pixels.flat_map(|p| match (color, p) {
        (ColorType::Gray(_), [v]) => [byte(*v), byte(*v), byte(*v), 255],
        (ColorType::GrayA(_), [v, a]) => [byte(*v), byte(*v), byte(*v), byte(*a)],
        (ColorType::RGBA(_), [r, g, b, a]) => [byte(*r), byte(*g), byte(*b), byte(*a)],
        (ColorType::CMYK(_), [c, m, y, k]) => {
            let ink = |share: &f32| byte((1.0 - share) * (1.0 - k));
            [ink(c), ink(m), ink(y), 255]
        }
        (ColorType::YCbCr(_), [y, cb, cr]) => {
            let (cb, cr) = (cb - 128.0 / 255.0, cr - 128.0 / 255.0);
            [byte(y + 1.402 * cr), byte(y - 0.344_136 * cb - 0.714_136 * cr), byte(y + 1.772 * cb), 255]
        }
        (_, [r, g, b, ..]) => [byte(*r), byte(*g), byte(*b), 255],
        _ => [255; 4],
    });
    let transparent = matches!(color, ColorType::GrayA(_) | ColorType::RGBA(_));
    picture(width, height, rgba.collect(), transparent)
}

/// Brings floating point into 0 to 1: samples in that range stay, others are moved and stretched so that the least is 0 and the
/// largest 1. Of each pixel's channels the first `colours` count; opacity is 0 to 1 as it is.
fn stretched(shares: &mut [f32], channels: usize, colours: usize) {
    let colour = shares.iter().enumerate().filter(|(i, _)| i % channels < colours);
    let finite = colour.map(|(_, v)| *v).filter(|v| v.is_finite());
    let (least, most) = finite.fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(v), b.max(v)));
    let within = least >= 0.0 && most <= 1.0;
    let span = f64::from(most) - f64::from(least);
    for pixel in shares.chunks_exact_mut(channels) {
        for (i, value) in pixel.iter_mut().enumerate() {
            if !value.is_finite() {
                *value = PAPER;
            } else if i < colours && !within && span > 0.0 {
                *value = ((f64::from(*value) - f64::from(least)) / span) as f32;
            }
        }
    }
}

/// Unsigned samples; those below a byte stand side by side, each row from a byte of its own.
fn integers(read: &DecodingResult, bits: u8, row: usize) -> Result<Vec<u64>, String> {
    Ok(match read {
        DecodingResult::U8(bytes) if bits < 8 => {
            let (bits, row_bytes) = (usize::from(bits), (row * usize::from(bits)).div_ceil(8));
            let sample = move |bytes: &[u8], i: usize| {
                (0..bits).fold(0, |value, bit| {
                    let at = i * bits + bit;
                    (value << 1) | u64::from(bytes[at / 8] >> (7 - at % 8) & 1)
                })
            };
            bytes.chunks_exact(row_bytes).flat_map(|line| (0..row).map(move |i| sample(line, i))).collect()
        }
        DecodingResult::U8(values) => values.iter().map(|v| u64::from(*v)).collect(),
        DecodingResult::U16(values) => values.iter().map(|v| u64::from(*v)).collect(),
        DecodingResult::U32(values) => values.iter().map(|v| u64::from(*v)).collect(),
        DecodingResult::U64(values) => values.clone(),
        _ => return Err(format!("samples of {bits} bits of this format are not read")),
    })
}

fn picture(width: u32, height: u32, rgba: Vec<u8>, transparent: bool) -> Result<DynamicImage, String> {
    let image =
        RgbaImage::from_raw(width, height, rgba).ok_or("its pixels are not as many as its size says")?;
    let image = DynamicImage::ImageRgba8(image);
    Ok(if transparent { image } else { DynamicImage::ImageRgb8(image.into_rgb8()) })
}

/// Rows of a fax.
struct Rows {
    width: usize,
    white: u8,
    rgb: Vec<u8>,
}

impl hayro_ccitt::Decoder for Rows {
    fn push_row(&mut self, changes: &[u32]) {
        let start = self.rgb.len();
        self.rgb.resize(start + 3 * self.width, self.white);
        let row = &mut self.rgb[start..];
        for run in changes.chunks(2) {
            let place = |x: u32| 3 * (x as usize).min(self.width);
            let end = run.get(1).map_or(3 * self.width, |end| place(*end));
            row[place(run[0])..end].fill(255 - self.white);
        }
    }
}

/// Strips of Group 3 or modified Huffman.
fn fax(file: &mut Tiff<'_>, bytes: &[u8], compression: u16) -> Result<DynamicImage, String> {
    const T4_OPTIONS: Tag = Tag::Unknown(292);
    const TWO_DIMENSIONS: u32 = 1;
    const UNCOMPRESSED: u32 = 2;
    const WHITE_IS_ZERO: u16 = 0;
    let text = |e: ::tiff::TiffError| e.to_string();
    let (width, height) = file.dimensions().map_err(text)?;
    let list = |file: &mut Tiff<'_>, tag: Tag| -> Result<Vec<u64>, String> {
        match file.find_tag(tag).map_err(text)? {
            Some(value) => Ok(match value {
                Value::List(_) => file.get_tag_u64_vec(tag).map_err(text)?,
                _ => vec![file.get_tag_u64(tag).map_err(text)?],
            }),
            None => Err(format!("it has no {tag:?}")),
        }
    };
    let offsets = list(file, Tag::StripOffsets)?;
    let counts = list(file, Tag::StripByteCounts)?;
    let rows = match file.find_tag(Tag::RowsPerStrip).map_err(text)? {
        Some(_) => file.get_tag_u32(Tag::RowsPerStrip).map_err(text)?.clamp(1, height),
        None => height,
    };
    let options: u32 = file.find_tag_unsigned(T4_OPTIONS).map_err(text)?.unwrap_or(0);
    if compression == GROUP_3 && options & UNCOMPRESSED != 0 {
        return Err("Group 3 fax with uncompressed parts is not read".to_owned());
    }
    let reversed = number(file, Tag::FillOrder) == Some(LOWEST_FIRST);
    let white_is_zero =
        number(file, Tag::PhotometricInterpretation).is_none_or(|value| value == WHITE_IS_ZERO);
    let encoding = match compression {
        GROUP_4 => EncodingMode::Group4,
        GROUP_3 if options & TWO_DIMENSIONS != 0 => EncodingMode::Group3_2D,
        _ => EncodingMode::Group3_1D,
    };
    let mut out = Rows { width: width as usize, white: if white_is_zero { 255 } else { 0 }, rgb: Vec::new() };
    for (i, (offset, count)) in offsets.iter().zip(&counts).enumerate() {
        let first = u32::try_from(i).unwrap_or(u32::MAX).saturating_mul(rows);
        let rows = rows.min(height.saturating_sub(first));
        if rows == 0 {
            break;
        }
        let strip = usize::try_from(*offset)
            .ok()
            .zip(usize::try_from(*count).ok())
            .and_then(|(offset, count)| bytes.get(offset..offset.checked_add(count)?))
            .ok_or_else(|| format!("strip {i} lies beyond the end of the file"))?;
        let strip: Vec<u8> = strip.iter().map(|b| if reversed { b.reverse_bits() } else { *b }).collect();
        let mut context = DecoderContext::new(DecodeSettings {
            columns: width,
            rows,
            end_of_block: compression != MODIFIED_HUFFMAN,
            end_of_line: false,
            rows_are_byte_aligned: compression == MODIFIED_HUFFMAN,
            encoding,
            strict: false,
        });
        let before = out.rgb.len();
        let decoded = hayro_ccitt::decode(&strip, &mut out, &mut context);
        let length = 3 * width as usize * rows as usize;
        let got = (out.rgb.len() - before) / (3 * width as usize);
        if let Err(error) = decoded
            && got == 0
        {
            return Err(format!("strip {i} of its fax data is damaged: {error:?}"));
        }
        // A line that was lost in transmission is paper.
        out.rgb.resize(before + length, out.white);
    }
    out.rgb.resize(3 * width as usize * height as usize, out.white);
    let image =
        RgbImage::from_raw(width, height, out.rgb).ok_or("its pixels are not as many as its size says")?;
    Ok(DynamicImage::ImageRgb8(image))
}
