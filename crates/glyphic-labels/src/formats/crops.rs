use std::path::Path;
use std::sync::Arc;

use glyphic_imgproc::{crop_rect, crop_text, share_inside};

use crate::Result;
use crate::findings::Warning;
use crate::formats::{Picture, Record, Truth};

/// A region of which less than this share is in its picture shows too little of its text.
const LEAST_INSIDE: f64 = 0.5;

/// The crops of one picture, and what gave none.
#[derive(Debug, Clone, Default)]
pub struct Crops {
    /// The crops.
    pub crops: Vec<Record>,
    /// Regions that lie outside the picture and are left out, and those that lie mostly outside.
    pub outside: Vec<Warning>,
    /// Regions left out because they are to be ignored.
    pub ignored: usize,
    /// Regions left out because their text is not known.
    pub without_text: usize,
}

impl Crops {
    /// How many regions gave no crop.
    pub fn left_out(&self) -> usize {
        self.outside.iter().filter(|w| w.remedy == LEFT_OUT).count() + self.ignored + self.without_text
    }
}

const LEFT_OUT: &str = "it is left out";

/// The crops of a picture's regions that have a text and are not ignored, as a recognizer is trained on them: upright
/// rectangles cut plainly, others straightened. Each is named after the picture and the number of its region.
///
/// A region outside the picture gives no crop; a record that is no picture with regions gives itself.
///
/// # Errors
/// Those of [`Record::image`], and [`crate::Error::Core`] where a crop cannot be encoded.
pub fn cut(record: &Record) -> Result<Crops> {
    let mut made = Crops::default();
    let Truth::Instances(instances) = &record.truth else {
        made.crops.push(record.clone());
        return Ok(made);
    };
    made.ignored = instances.iter().filter(|i| i.ignore).count();
    made.without_text = instances.iter().filter(|i| !i.ignore && i.text().is_empty()).count();
    let wanted: Vec<_> =
        instances.iter().enumerate().filter(|(_, i)| !i.ignore && !i.text().is_empty()).collect();
    if wanted.is_empty() {
        return Ok(made);
    }
    let image = record.image()?;
    let stem = Path::new(&record.file_name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for (k, instance) in wanted {
        let polygon = &instance.region.polygon;
        let inside = share_inside(polygon, &image);
        let warn = |what: String, remedy| Warning {
            at: record.at.clone(),
            annotation: k,
            reason: format!("{what} ({:?})", instance.text()),
            remedy,
        };
        let picture = format!("its {}x{} picture", image.width(), image.height());
        let Some((cropped, text_box)) = crop_text(&image, polygon, 0.0) else {
            made.outside.push(warn(format!("it lies outside of {picture}"), LEFT_OUT));
            continue;
        };
        if inside < LEAST_INSIDE {
            let what = format!("{picture} holds only {:.0}% of its area", inside * 100.0);
            made.outside.push(warn(what, "what is inside is cut out"));
        }
        let cropped = crop_rect(&cropped, text_box);
        made.crops.push(Record {
            at: record.at.clone(),
            file_name: format!("{stem}_{k}.png"),
            size: Some((cropped.width(), cropped.height())),
            picture: Picture::Memory(Arc::from(cropped.encode(image::ImageFormat::Png)?)),
            truth: Truth::Text(instance.text().to_owned()),
            fields: Vec::new(),
            links: Vec::new(),
        });
    }
    Ok(made)
}
