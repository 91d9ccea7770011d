//! Pages and texts as JSON lines: written by `read`, `detect` and `recognize`, read back by `eval`, which takes
//! anybody's of that shape.

use std::{fs, path::Path};

use anyhow::{Context, anyhow};
use glyphic_core::{Line, Page, Point, Polygon, Region, TextInstance, Transcript};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::exit::{Exit, Failure, OrExit};

/// A page. Polygons are `[x1, y1, x2, y2, ...]` in pixels of the picture.
#[derive(Serialize, Deserialize)]
pub(crate) struct PageRecord {
    file_name: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    instances: Vec<InstanceRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lines: Option<Vec<LineRecord>>,
}

/// A word; without text where it was only detected.
#[derive(Serialize, Deserialize)]
struct InstanceRecord {
    polygon: Polygon,
    #[serde(default = "one")]
    score: f32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_score: Option<f32>,
}

#[derive(Serialize, Deserialize)]
struct LineRecord {
    polygon: Polygon,
    text: String,
    #[serde(default = "one")]
    score: f32,
    #[serde(default)]
    instances: Vec<usize>,
}

/// A crop's text.
#[derive(Serialize, Deserialize)]
pub(crate) struct TextRecord {
    pub(crate) file_name: String,
    pub(crate) text: String,
    #[serde(default = "one")]
    pub(crate) score: f32,
}

fn one() -> f32 {
    1.0
}

/// Pages by file name.
pub(crate) fn pages(path: &Path) -> Result<Vec<(String, Page)>, Failure> {
    Ok(lines::<PageRecord>(path)?.into_iter().map(PageRecord::into_page).collect())
}

/// Texts by file name.
pub(crate) fn texts(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    Ok(lines::<TextRecord>(path)?.into_iter().map(|l| (l.file_name, l.text)).collect())
}

impl PageRecord {
    /// What `read` writes of a page.
    pub(crate) fn read(file_name: &str, page: &Page) -> Self {
        let line = |l: &Line| LineRecord {
            polygon: rounded(&l.polygon),
            text: l.text.clone(),
            score: l.score,
            instances: l.instances.clone(),
        };
        Self { lines: Some(page.lines.iter().map(line).collect()), ..Self::detected(file_name, page) }
    }

    /// What `detect` writes of a page.
    pub(crate) fn detected(file_name: &str, page: &Page) -> Self {
        let instance = |i: &TextInstance| InstanceRecord {
            polygon: rounded(&i.region.polygon),
            score: i.region.score,
            text: i.transcript.as_ref().map(|t| t.text.clone()),
            text_score: i.transcript.as_ref().map(|t| t.score),
        };
        Self {
            file_name: file_name.to_owned(),
            width: page.width,
            height: page.height,
            instances: page.instances.iter().map(instance).collect(),
            lines: None,
        }
    }

    fn into_page(self) -> (String, Page) {
        let instance = |record: InstanceRecord| TextInstance {
            transcript: record.text.map(|text| Transcript {
                text,
                score: record.text_score.unwrap_or(1.0),
                chars: Vec::new(),
            }),
            ..TextInstance::new(Region { polygon: record.polygon, score: record.score })
        };
        let line = |record: LineRecord| Line {
            polygon: record.polygon,
            text: record.text,
            score: record.score,
            instances: record.instances,
        };
        let page = Page {
            instances: self.instances.into_iter().map(instance).collect(),
            lines: self.lines.unwrap_or_default().into_iter().map(line).collect(),
            ..Page::new(self.width, self.height)
        };
        (self.file_name, page)
    }
}

/// Hundredths of a pixel are enough for anybody; a sliver that they would flatten stays as it is.
fn rounded(polygon: &Polygon) -> Polygon {
    let round = |v: f64| (v * 100.0).round() / 100.0;
    polygon.map(|p| Point::new(round(p.x), round(p.y))).unwrap_or_else(|_| polygon.clone())
}

/// Every line of a file that holds anything, read as JSON; an error names file and line.
fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, Failure> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read {}", path.display()))
        .or_exit(Exit::Input)?;
    let filled = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    filled
        .map(|(i, line)| {
            serde_json::from_str(line).map_err(|e| anyhow!("{}, line {}: {e}", path.display(), i + 1))
        })
        .collect::<anyhow::Result<_>>()
        .or_exit(Exit::Input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn detections_are_read_with_or_without_scores_texts_and_lines() {
        let file = file(concat!(
            "{\"file_name\":\"a.jpg\",\"instances\":[{\"polygon\":[0,0,9,0,9,5,0,5]}]}\n\n",
            "{\"file_name\":\"b.jpg\",\"width\":20,\"height\":10,\"instances\":[{\"polygon\":[0,0,9,0,9,5,0,5],",
            "\"score\":0.5,\"text\":\"hi\",\"text_score\":0.25}],\"lines\":[{\"polygon\":[0,0,9,0,9,5,0,5],",
            "\"text\":\"hi\",\"score\":0.25,\"instances\":[0]}]}\n",
        ));
        let pages = pages(file.path()).unwrap();
        assert_eq!(pages.iter().map(|p| p.0.as_str()).collect::<Vec<_>>(), ["a.jpg", "b.jpg"]);
        assert_eq!(pages[0].1.instances[0].region.score, 1.0);
        assert!(pages[0].1.instances[0].transcript.is_none());
        let b = &pages[1].1;
        assert_eq!((b.width, b.height, b.instances[0].text()), (20, 10, "hi"));
        assert_eq!(b.instances[0].transcript.as_ref().map(|t| t.score), Some(0.25));
        assert_eq!((b.lines[0].text.as_str(), &b.lines[0].instances), ("hi", &vec![0]));
    }

    #[test]
    fn a_broken_line_is_named() {
        for (content, line, reason) in [
            ("{\"file_name\":\"a\",\"instances\":[]}\nnot json\n", "line 2", "expected"),
            ("\n{\"file_name\":\"a\"}\n", "line 2", "missing field `instances`"),
            ("{\"file_name\":\"a\",\"instances\":[{\"polygon\":[1,2,3]}]}", "line 1", "not a polygon"),
        ] {
            let failure = pages(file(content).path()).unwrap_err();
            assert_eq!(failure.exit, Exit::Input);
            let message = failure.to_string();
            assert!(message.contains(line) && message.contains(reason), "{message}");
        }
    }
}
