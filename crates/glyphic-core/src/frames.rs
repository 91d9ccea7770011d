//! Every picture of a file: the pages of a TIFF, the frames of an animated GIF, PNG or WebP.

use std::collections::{BTreeSet, VecDeque};
use std::io::Cursor;

use image::{
    AnimationDecoder, DynamicImage, ImageFormat, codecs::gif::GifDecoder, codecs::png::PngDecoder,
    codecs::webp::WebPDecoder,
};

use crate::{Error, Image, ImageLimits, Result};

/// One picture of a file.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The picture.
    pub image: Image,
    /// What is wrong with it although it could be decoded, as in "it ends early".
    pub warning: Option<String>,
}

/// Every picture of a file, decoded one at a time. A file of one picture has one frame.
pub struct Frames<'a> {
    name: String,
    limits: ImageLimits,
    source: Source<'a>,
    count: Option<usize>,
}

enum Source<'a> {
    /// One picture; `None` once it was given.
    Single(Option<&'a [u8]>),
    /// The offsets of a TIFF's pages, and its bytes, whose header is set to each of them in turn.
    Tiff {
        bytes: Vec<u8>,
        header: TiffHeader,
        pages: VecDeque<u64>,
        loops: bool,
    },
    Animation {
        frames: image::Frames<'a>,
        shown: Option<Vec<u8>>,
        failed: bool,
    },
}

impl<'a> Frames<'a> {
    /// The pictures of a file's bytes; `name` stands in errors only.
    ///
    /// # Errors
    /// [`Error::Decode`] for an animation that cannot be begun, [`Error::TooLarge`] beyond `limits`. Bytes that are no
    /// picture fail at the first frame.
    pub fn open(bytes: &'a [u8], name: &str, limits: ImageLimits) -> Result<Self> {
        let failed = |e: image::ImageError| Error::Decode { name: name.to_owned(), reason: e.to_string() };
        let source = match image::guess_format(bytes) {
            Ok(ImageFormat::Tiff) => Source::tiff(bytes),
            Ok(ImageFormat::Gif) => {
                let decoder = GifDecoder::new(Cursor::new(bytes)).map_err(failed)?;
                Source::animation(&decoder, limits, name)?;
                Source::Animation { frames: decoder.into_frames(), shown: None, failed: false }
            }
            Ok(ImageFormat::WebP) => {
                let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(failed)?;
                if decoder.has_animation() {
                    Source::animation(&decoder, limits, name)?;
                    Source::Animation { frames: decoder.into_frames(), shown: None, failed: false }
                } else {
                    Source::Single(Some(bytes))
                }
            }
            Ok(ImageFormat::Png) => {
                // What is wrong with a PNG its decoding as a single picture tells.
                let decoder = PngDecoder::new(Cursor::new(bytes)).ok();
                match decoder.filter(|decoder| decoder.is_apng().unwrap_or(false)) {
                    Some(decoder) => {
                        Source::animation(&decoder, limits, name)?;
                        let frames = decoder.apng().map_err(failed)?.into_frames();
                        Source::Animation { frames, shown: None, failed: false }
                    }
                    None => Source::Single(Some(bytes)),
                }
            }
            _ => Source::Single(Some(bytes)),
        };
        let count = match &source {
            Source::Single(_) => Some(1),
            Source::Tiff { pages, .. } => Some(pages.len()),
            Source::Animation { .. } => None,
        };
        Ok(Self { name: name.to_owned(), limits, source, count })
    }

    /// The number of pictures where it is known before they are decoded; an animation's is not.
    pub fn count_hint(&self) -> Option<usize> {
        self.count
    }

    fn decode(&self, bytes: &[u8]) -> Result<Frame> {
        let image = Image::decode(bytes, &self.name, self.limits)?;
        let warning = (image::guess_format(bytes).ok() == Some(ImageFormat::Jpeg) && !jpeg_is_whole(bytes))
            .then(|| "the JPEG ends early: its lower part may be missing".to_owned());
        Ok(Frame { image, warning })
    }
}

impl Source<'_> {
    fn animation(decoder: &impl image::ImageDecoder, limits: ImageLimits, name: &str) -> Result<()> {
        let (width, height) = decoder.dimensions();
        limits.check(width, height, name)
    }

    /// A TIFF of one page, or one whose directories cannot be followed, is a single picture: its decoder says what is wrong.
    fn tiff(bytes: &[u8]) -> Source<'_> {
        match TiffHeader::read(bytes).map(|header| (header, header.pages(bytes))) {
            Some((header, (pages, loops))) if pages.len() > 1 || loops => {
                Source::Tiff { bytes: bytes.to_vec(), header, pages: pages.into(), loops }
            }
            _ => Source::Single(Some(bytes)),
        }
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.source {
            Source::Single(bytes) => bytes.take().map(|bytes| self.decode(bytes)),
            Source::Tiff { bytes, header, pages, loops } => {
                let page = pages.pop_front()?;
                header.set_first(bytes, page);
                let image = Image::decode(bytes, &self.name, self.limits);
                let warning = (*loops && pages.is_empty()).then(|| {
                    "its list of pages runs in a circle; it was left at the first page seen twice".to_owned()
                });
                Some(image.map(|image| Frame { image, warning }))
            }
            Source::Animation { failed: true, .. } => None,
            Source::Animation { frames, shown, failed } => loop {
                match frames.next()? {
                    Ok(frame) => {
                        let buffer = frame.into_buffer();
                        // A frame that shows what the one before it shows holds no new text.
                        if shown.as_deref() == Some(buffer.as_raw().as_slice()) {
                            continue;
                        }
                        *shown = Some(buffer.as_raw().clone());
                        let image = Image::from_dynamic(DynamicImage::ImageRgba8(buffer));
                        return Some(image.map(|image| Frame { image, warning: None }));
                    }
                    Err(e) => {
                        *failed = true;
                        return Some(Err(Error::Decode { name: self.name.clone(), reason: e.to_string() }));
                    }
                }
            },
        }
    }
}

/// Whether a JPEG's data reach its end marker. Segments are followed by their lengths, so that the end of a thumbnail inside
/// a segment does not count.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xDA;
    const END_OF_IMAGE: u8 = 0xD9;
    let mut at = 2;
    loop {
        // Fill bytes may stand before a marker, entropy-coded data stand after a scan's header.
        while bytes.get(at) == Some(&0xFF) && bytes.get(at + 1) == Some(&0xFF) {
            at += 1;
        }
        let (Some(0xFF), Some(&marker)) = (bytes.get(at), bytes.get(at + 1)) else { return false };
        match marker {
            END_OF_IMAGE => return true,
            0x01 | 0xD0..=0xD8 => at += 2,
            _ => {
                let (Some(high), Some(low)) = (bytes.get(at + 2), bytes.get(at + 3)) else { return false };
                at += 2 + usize::from(u16::from_be_bytes([*high, *low])).max(2);
                if marker == START_OF_SCAN {
                    let data = bytes.get(at..).unwrap_or_default();
                    let is_marker = |w: &[u8]| w[0] == 0xFF && !matches!(w[1], 0x00 | 0xD0..=0xD7 | 0xFF);
                    let Some(length) = data.windows(2).position(is_marker) else { return false };
                    at += length;
                }
            }
        }
    }
}

/// The first bytes of a TIFF 6.0 or BigTIFF file.
#[derive(Debug, Clone, Copy)]
struct TiffHeader {
    little: bool,
    big: bool,
}

impl TiffHeader {
    fn read(bytes: &[u8]) -> Option<Self> {
        let little = match bytes.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        let header = Self { little, big: false };
        match header.number(bytes, 2, 2)? {
            42 => Some(header),
            43 => Some(Self { big: true, ..header }),
            _ => None,
        }
    }

    /// An unsigned number of `size` bytes, 1 to 8.
    fn number(self, bytes: &[u8], at: usize, size: usize) -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(size)?)?;
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        Some(if self.little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    }

    /// Where the offset of the first directory stands, and its size.
    fn first(self) -> (usize, usize) {
        if self.big { (8, 8) } else { (4, 4) }
    }

    /// The offsets of the directories of whole pages, in order, and whether their list runs in a circle. Thumbnails and
    /// masks are left out.
    fn pages(self, bytes: &[u8]) -> (Vec<u64>, bool) {
        const NEW_SUBFILE_TYPE: u64 = 254;
        const REDUCED_OR_MASK: u64 = 0b101;
        let (count_size, entry, offset) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let (mut pages, mut seen) = (Vec::new(), BTreeSet::new());
        let (at, size) = self.first();
        let mut next = self.number(bytes, at, size).unwrap_or(0);
        while next != 0 {
            if !seen.insert(next) {
                return (pages, true);
            }
            let Some((start, count)) = usize::try_from(next).ok().and_then(|start| {
                Some((start, usize::try_from(self.number(bytes, start, count_size)?).ok()?))
            }) else {
                break;
            };
            let entries = start.saturating_add(count_size);
            let tags = (0..count).map_while(|i| {
                let at = entries.checked_add(i.checked_mul(entry)?)?;
                Some((at, self.number(bytes, at, 2)?))
            });
            let kind = tags
                .take_while(|(_, tag)| *tag <= NEW_SUBFILE_TYPE)
                .find(|(_, tag)| *tag == NEW_SUBFILE_TYPE)
                .and_then(|(at, _)| self.number(bytes, at + entry - offset, 4))
                .unwrap_or(0);
            if kind & REDUCED_OR_MASK == 0 {
                pages.push(next);
            }
            let end = count.checked_mul(entry).and_then(|length| entries.checked_add(length));
            next = end.and_then(|end| self.number(bytes, end, offset)).unwrap_or(0);
        }
        (pages, false)
    }

    /// Makes a page the first, so that a decoder of one picture decodes it.
    fn set_first(self, bytes: &mut [u8], page: u64) {
        let (at, size) = self.first();
        let number = if self.little { page.to_le_bytes() } else { page.to_be_bytes() };
        let number = if self.little { &number[..size] } else { &number[8 - size..] };
        if let Some(place) = bytes.get_mut(at..at + size) {
            place.copy_from_slice(number);
        }
    }
}
