//! Doubtful crops are read again in other shapes, and the surest reading counts: test-time augmentation where it pays.

use std::borrow::Cow;

use glyphic_core::{Image, Transcript};
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::bend::BentConfig;
use crate::error::Check;

/// Which crops are read again, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RereadConfig {
    /// A crop read with less confidence is read again in each of `views` until it reaches it; the reading with the highest
    /// confidence counts. 0 (never) to 1.
    pub below: f32,
    /// The shapes of the other readings, in order.
    pub views: Vec<View>,
    /// How crops that still are below are straightened, in case their text stands at an angle or along an arc.
    pub bent: BentConfig,
}

/// Another shape of a crop.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct View {
    /// What the width is multiplied by, 0.25 to 4.
    pub stretch: f64,
    /// What is added above and below (as copies of the edge's pixels), in heights of the crop; negative values cut. -0.4 to 1.
    pub rows: f64,
    /// What is added left and right, in heights of the crop. 0 to 1.
    pub columns: f64,
}

impl Default for View {
    /// The crop as it is.
    fn default() -> Self {
        Self { stretch: 1.0, rows: 0.0, columns: 0.0 }
    }
}

impl Default for RereadConfig {
    /// What read best on half of the crops of seven validation packs, with earlier weights.
    fn default() -> Self {
        let wide = View { stretch: 1.25, ..View::default() };
        let padded = View { rows: 0.08, columns: 0.08, ..View::default() };
        let cut = View { rows: -0.12, ..View::default() };
        Self { below: 0.67, views: vec![wide, padded, cut], bent: BentConfig::default() }
    }
}

impl RereadConfig {
    pub(crate) fn validate(&self, model: &'static str) -> Result<()> {
        let check = Check(model);
        if !(0.0..=1.0).contains(&self.below) {
            return check.wrong("reread.below", self.below, "0 to 1");
        }
        for view in &self.views {
            for (field, got, range, expected) in [
                ("reread.views.stretch", view.stretch, 0.25..=4.0, "0.25 to 4"),
                ("reread.views.rows", view.rows, -0.4..=1.0, "-0.4 to 1"),
                ("reread.views.columns", view.columns, 0.0..=1.0, "0 to 1"),
            ] {
                if !range.contains(&got) {
                    return check.wrong(field, got, expected);
                }
            }
        }
        self.bent.validate(model)
    }
}

impl View {
    /// Rows and columns that are added on each side, in pixels.
    fn margins(&self, image: &Image) -> (i64, i64) {
        let height = f64::from(image.height());
        let pixels =
            |share: f64| if share == 0.0 { 0 } else { ((share * height).round() as i64).abs().max(1) };
        let rows = if self.rows < 0.0 { -pixels(self.rows) } else { pixels(self.rows) };
        // Of a crop of a few rows at least one stays.
        (rows.max(-((i64::from(image.height()) - 1) / 2)), pixels(self.columns))
    }

    /// The crop with its margins; what [`View::stretch`] asks for is left to the resizing.
    pub(crate) fn shape<'a>(&self, image: &'a Image) -> Cow<'a, Image> {
        let (rows, columns) = self.margins(image);
        if (rows, columns) == (0, 0) {
            return Cow::Borrowed(image);
        }
        let (width, height) = (i64::from(image.width()), i64::from(image.height()));
        let mut rgb = Vec::with_capacity(((width + 2 * columns) * (height + 2 * rows)) as usize * 3);
        for y in -rows..height + rows {
            let y = y.clamp(0, height - 1) as u32;
            for x in -columns..width + columns {
                rgb.extend(image.pixel(x.clamp(0, width - 1) as u32, y));
            }
        }
        let (width, height) = ((width + 2 * columns) as u32, (height + 2 * rows) as u32);
        Image::from_rgb(width, height, rgb).map_or(Cow::Borrowed(image), Cow::Owned)
    }

    /// A transcript of the view with its characters' places in the crop.
    pub(crate) fn give_back(&self, image: &Image, transcript: &mut Transcript) {
        let (_, columns) = self.margins(image);
        if columns == 0 {
            return;
        }
        let (width, columns) = (image.width() as f32, columns as f32);
        let place = |x: f32| ((x * (width + 2.0 * columns) - columns) / width).clamp(0.0, 1.0);
        for span in &mut transcript.chars {
            (span.start, span.end) = (place(span.start), place(span.end));
        }
    }
}

#[cfg(test)]
mod tests {
    use glyphic_core::CharSpan;

    use super::*;

    fn numbered(width: u32, height: u32) -> Image {
        let pixel = |i: u32| [i as u8, (i / width) as u8, (i % width) as u8];
        Image::from_rgb(width, height, (0..width * height).flat_map(pixel).collect()).unwrap()
    }

    #[test]
    fn margins_copy_the_edge_or_cut() {
        let image = numbered(20, 10);
        let padded = View { rows: 0.2, columns: 0.3, ..View::default() }.shape(&image).into_owned();
        assert_eq!((padded.width(), padded.height()), (26, 14));
        assert_eq!(padded.pixel(0, 0), image.pixel(0, 0));
        assert_eq!(padded.pixel(3, 2), image.pixel(0, 0));
        assert_eq!(padded.pixel(25, 13), image.pixel(19, 9));
        assert_eq!(padded.pixel(13, 7), image.pixel(10, 5));
        let cut = View { rows: -0.2, ..View::default() }.shape(&image).into_owned();
        assert_eq!((cut.width(), cut.height()), (20, 6));
        assert_eq!(cut.pixel(4, 0), image.pixel(4, 2));
        for height in 1..4 {
            let cut = View { rows: -0.4, ..View::default() }.shape(&numbered(3, height)).into_owned();
            assert!((1..=height).contains(&cut.height()), "{height}: {}", cut.height());
        }
    }

    #[test]
    fn characters_return_to_their_places() {
        let image = numbered(30, 10);
        let view = View { columns: 0.5, ..View::default() };
        // 5 of 40 columns are margin on either side.
        let span = |start, end| CharSpan { char: 'a', score: 1.0, start, end };
        let mut read = Transcript {
            text: "aa".into(),
            score: 1.0,
            chars: vec![span(0.125, 0.5), span(0.5, 1.0)],
            ..Transcript::default()
        };
        view.give_back(&image, &mut read);
        assert_eq!(read.chars, [span(0.0, 0.5), span(0.5, 1.0)]);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for view in [
            View { stretch: 0.0, ..View::default() },
            View { rows: -0.5, ..View::default() },
            View { columns: f64::NAN, ..View::default() },
        ] {
            let config = RereadConfig { below: 0.5, views: vec![view], ..RereadConfig::default() };
            assert!(
                config.validate("crnn_lite").unwrap_err().to_string().contains("reread.views"),
                "{view:?}"
            );
        }
        assert!(RereadConfig { below: 1.5, ..RereadConfig::default() }.validate("crnn_lite").is_err());
        assert!(RereadConfig::default().validate("crnn_lite").is_ok());
    }
}
