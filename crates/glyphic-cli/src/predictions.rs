//! Predictions read back from JSON lines: `read`'s, `detect`'s and `recognize`'s, or anybody's of that shape.

use std::{fs, path::Path};

use anyhow::{Context, anyhow};
use glyphic_core::{Line, Page, Polygon, Region, TextInstance, Transcript};
use serde::{Deserialize, de::DeserializeOwned};

use crate::exit::{Exit, Failure, OrExit};

#[derive(Deserialize)]
struct PageLine {
    file_name: String,
    #[serde(default)]
    width: u32,
    #[serde(default)]
    height: u32,
    instances: Vec<InstanceEntry>,
    #[serde(default)]
    lines: Vec<LineEntry>,
}

#[derive(Deserialize)]
struct InstanceEntry {
    polygon: Polygon,
    #[serde(default = "one")]
    score: f32,
    text: Option<String>,
    text_score: Option<f32>,
}

#[derive(Deserialize)]
struct LineEntry {
    polygon: Polygon,
    text: String,
    #[serde(default = "one")]
    score: f32,
    #[serde(default)]
    instances: Vec<usize>,
}

#[derive(Deserialize)]
struct TextLine {
    file_name: String,
    text: String,
}

fn one() -> f32 {
    1.0
}

/// Pages by file name.
pub(crate) fn pages(path: &Path) -> Result<Vec<(String, Page)>, Failure> {
    Ok(lines::<PageLine>(path)?.into_iter().map(PageLine::into_page).collect())
}

/// Texts by file name.
pub(crate) fn texts(path: &Path) -> Result<Vec<(String, String)>, Failure> {
    Ok(lines::<TextLine>(path)?.into_iter().map(|l| (l.file_name, l.text)).collect())
}

impl PageLine {
    fn into_page(self) -> (String, Page) {
        let instance = |entry: InstanceEntry| TextInstance {
            transcript: entry.text.map(|text| Transcript {
                text,
                score: entry.text_score.unwrap_or(1.0),
                chars: Vec::new(),
            }),
            ..TextInstance::new(Region { polygon: entry.polygon, score: entry.score })
        };
        let line = |entry: LineEntry| Line {
            polygon: entry.polygon,
            text: entry.text,
            score: entry.score,
            instances: entry.instances,
        };
        let page = Page {
            instances: self.instances.into_iter().map(instance).collect(),
            lines: self.lines.into_iter().map(line).collect(),
            ..Page::new(self.width, self.height)
        };
        (self.file_name, page)
    }
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
