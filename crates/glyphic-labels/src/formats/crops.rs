use std::path::Path;
use std::sync::Arc;

use glyphic_imgproc::{crop_rect, crop_text};

use crate::Result;
use crate::formats::{Picture, Record, Truth};

/// The crops of a picture's regions that have a text and are not ignored, as a recognizer is trained on them: upright
/// rectangles cut plainly, others straightened. Each is named after the picture and the number of its region.
///
/// A region outside the picture gives no crop; a record that is no picture with regions gives itself.
///
/// # Errors
/// Those of [`Record::image`], and [`crate::Error::Core`] where a crop cannot be encoded.
pub fn cut(record: &Record) -> Result<Vec<Record>> {
    let Truth::Instances(instances) = &record.truth else { return Ok(vec![record.clone()]) };
    let wanted: Vec<_> =
        instances.iter().enumerate().filter(|(_, i)| !i.ignore && !i.text().is_empty()).collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let image = record.image()?;
    let stem = Path::new(&record.file_name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let mut crops = Vec::with_capacity(wanted.len());
    for (k, instance) in wanted {
        let Some((cropped, text_box)) = crop_text(&image, &instance.region.polygon, 0.0) else {
            continue;
        };
        let cropped = crop_rect(&cropped, text_box);
        crops.push(Record {
            at: record.at.clone(),
            file_name: format!("{stem}_{k}.png"),
            size: Some((cropped.width(), cropped.height())),
            picture: Picture::Memory(Arc::from(cropped.encode(image::ImageFormat::Png)?)),
            truth: Truth::Text(instance.text().to_owned()),
            fields: Vec::new(),
        });
    }
    Ok(crops)
}
