//! The run's log: one JSON object a line, and a plot of loss and score drawn from it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// One line of `log.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRow {
    /// Steps done.
    pub step: u64,
    /// Samples seen.
    pub samples: u64,
    /// Minutes of training so far, earlier parts of a resumed run counted in.
    pub minutes: f64,
    /// Mean loss since the last row.
    pub loss: f64,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// Norm of the last step's gradient before clipping.
    pub gradient_norm: f64,
    /// Samples a second since the last row, without its validation.
    #[serde(default)]
    pub samples_per_second: f64,
    /// Share of the time in which the loop waited for its batches, 0 to 1.
    pub data_wait: f64,
    /// Samples skipped so far because they cannot be trained on.
    #[serde(default)]
    pub skipped: u64,
    /// Scores by `set/metric`, where this row validated.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub scores: BTreeMap<String, f64>,
}

/// Appends rows to `log.jsonl` and redraws `curve.svg`.
pub(crate) struct Log {
    file: File,
    rows: Vec<LogRow>,
    path: PathBuf,
    curve: PathBuf,
}

impl Log {
    /// Opens the log of a run; rows beyond `step` (of a run that was killed after its last checkpoint) are dropped.
    pub(crate) fn open(folder: &Path, step: u64) -> Result<Self> {
        let path = folder.join("log.jsonl");
        let mut rows = Vec::new();
        if path.exists() {
            let file = File::open(&path).map_err(|e| Error::io(&path, e))?;
            for line in BufReader::new(file).lines() {
                let line = line.map_err(|e| Error::io(&path, e))?;
                // A line cut off by a kill is no row.
                if let Ok(row) = serde_json::from_str::<LogRow>(&line)
                    && row.step <= step
                {
                    rows.push(row);
                }
            }
        }
        let mut text = String::new();
        for row in &rows {
            text.push_str(&to_line(row));
        }
        write_atomic(&path, text.as_bytes())?;
        let file = OpenOptions::new().append(true).open(&path).map_err(|e| Error::io(&path, e))?;
        Ok(Self { file, rows, path, curve: folder.join("curve.svg") })
    }

    pub(crate) fn push(&mut self, row: LogRow) -> Result<()> {
        self.file.write_all(to_line(&row).as_bytes()).map_err(|e| Error::io(&self.path, e))?;
        let scored = !row.scores.is_empty();
        self.rows.push(row);
        if scored {
            write_atomic(&self.curve, plot(&self.rows).as_bytes())?;
        }
        Ok(())
    }
}

fn to_line(row: &LogRow) -> String {
    let mut line = serde_json::to_string(row).unwrap_or_default();
    line.push('\n');
    line
}

/// A full disk or a kill leaves the old file whole.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    glyphic_core::write_file(path, bytes).map_err(|e| Error::io(path, e))
}

const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const WIDTH: f64 = 860.0;
const PANEL: f64 = 240.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 220.0;

/// An SVG of the loss (logarithmic) above and of every score (0 to 1) below, against samples seen.
pub fn plot(rows: &[LogRow]) -> String {
    let most = rows.iter().map(|r| r.samples).max().unwrap_or(1).max(1) as f64;
    let x = |samples: u64| LEFT + (WIDTH - LEFT - RIGHT) * samples as f64 / most;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {h}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{h}\" fill=\"white\"/>\n",
        h = 2.0 * PANEL + 90.0
    );
    let losses: Vec<(u64, f64)> = rows
        .iter()
        .filter(|r| r.loss > 0.0 && r.loss.is_finite())
        .map(|r| (r.samples, r.loss.log10()))
        .collect();
    let low = losses.iter().map(|p| p.1).fold(f64::INFINITY, f64::min).floor();
    let high = losses.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max).ceil().max(low + 1.0);
    let frame = |svg: &mut String, top: f64, title: &str, ticks: &[(f64, String)]| {
        let _ =
            writeln!(svg, "<text x=\"{LEFT}\" y=\"{:.0}\" font-weight=\"bold\">{title}</text>", top - 8.0);
        for (at, label) in ticks {
            let y = top + PANEL * (1.0 - at);
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                WIDTH - RIGHT,
                LEFT - 6.0,
                y + 4.0
            );
        }
    };
    let line = |svg: &mut String, colour: &str, points: &[(f64, f64)]| {
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" points=\"{}\"/>",
            points.join(" ")
        );
    };
    let top = 40.0;
    if !losses.is_empty() {
        let ticks: Vec<(f64, String)> =
            (low as i64..=high as i64).map(|e| ((e as f64 - low) / (high - low), format!("1e{e}"))).collect();
        frame(&mut svg, top, "loss", &ticks);
        let points: Vec<(f64, f64)> =
            losses.iter().map(|&(s, l)| (x(s), top + PANEL * (1.0 - (l - low) / (high - low)))).collect();
        line(&mut svg, COLOURS[0], &points);
    }
    let top = top + PANEL + 40.0;
    let ticks: Vec<(f64, String)> =
        (0..=5).map(|i| (f64::from(i) / 5.0, format!("{:.1}", f64::from(i) / 5.0))).collect();
    frame(&mut svg, top, "scores", &ticks);
    let mut names: Vec<&String> = rows.iter().flat_map(|r| r.scores.keys()).collect();
    names.sort();
    names.dedup();
    for (i, name) in names.iter().enumerate() {
        let colour = COLOURS[i % COLOURS.len()];
        let points: Vec<(f64, f64)> = rows
            .iter()
            .filter_map(|r| {
                r.scores.get(*name).map(|s| (x(r.samples), top + PANEL * (1.0 - s.clamp(0.0, 1.0))))
            })
            .collect();
        line(&mut svg, colour, &points);
        let last = rows.iter().rev().find_map(|r| r.scores.get(*name)).copied().unwrap_or(0.0);
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{:.0}\" fill=\"{colour}\">{} {last:.3}</text>",
            WIDTH - RIGHT + 10.0,
            top + 12.0 + 16.0 * i as f64,
            escape(name)
        );
    }
    let bottom = top + PANEL + 18.0;
    for i in 0..=4 {
        let s = (most * f64::from(i) / 4.0) as u64;
        let _ = writeln!(svg, "<text x=\"{:.0}\" y=\"{bottom:.0}\" text-anchor=\"middle\">{s}</text>", x(s));
    }
    let _ = writeln!(svg, "<text x=\"{:.0}\" y=\"{bottom:.0}\">samples seen</text>", WIDTH - RIGHT + 40.0);
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn row(step: u64, score: Option<f64>) -> LogRow {
        LogRow {
            step,
            samples: step * 8,
            minutes: step as f64,
            loss: 1.0 / (step as f64 + 1.0),
            learning_rate: 1e-3,
            gradient_norm: 1.0,
            samples_per_second: 50.0,
            data_wait: 0.1,
            skipped: 0,
            scores: score.map(|s| ("val/hmean".to_owned(), s)).into_iter().collect(),
        }
    }

    #[test]
    fn reopened_log_drops_what_lies_beyond_the_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = Log::open(folder.path(), 0).unwrap();
        for step in 1..=5 {
            log.push(row(step, (step % 2 == 0).then_some(0.5))).unwrap();
        }
        drop(log);
        fs::write(
            folder.path().join("log.jsonl"),
            fs::read_to_string(folder.path().join("log.jsonl")).unwrap() + "{\"step\": 6, \"cut",
        )
        .unwrap();
        let log = Log::open(folder.path(), 3).unwrap();
        assert_eq!(log.rows, vec![row(1, None), row(2, Some(0.5)), row(3, None)]);
    }

    #[test]
    fn plot_names_every_score_and_its_last_value() {
        let svg = plot(&[row(1, Some(0.25)), row(2, Some(0.5))]);
        assert!(svg.contains("val/hmean 0.500") && svg.contains("polyline") && svg.ends_with("</svg>\n"));
        assert!(plot(&[]).ends_with("</svg>\n"));
    }
}
