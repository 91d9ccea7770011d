use glyphic_core::{Page, Polygon, Region, Transcript};
use glyphic_document::{BlockRecord, PageRecord};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

/// `{"polygon": [[x, y], ...], "score"}`.
pub(crate) fn region<'py>(py: Python<'py>, region: &Region) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("polygon", polygon(&region.polygon))?;
    dict.set_item("score", region.score)?;
    Ok(dict)
}

/// `{"text", "score", "chars": [(character, score, start, end), ...], "alternatives": [(text, score), ...]}`.
pub(crate) fn transcript<'py>(py: Python<'py>, transcript: &Transcript) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("text", &transcript.text)?;
    dict.set_item("score", transcript.score)?;
    let chars: Vec<_> = transcript.chars.iter().map(|c| (c.char, c.score, c.start, c.end)).collect();
    dict.set_item("chars", chars)?;
    let others: Vec<_> = transcript.alternatives.iter().map(|other| (&other.text, other.score)).collect();
    dict.set_item("alternatives", others)?;
    Ok(dict)
}

/// `{"width", "height", "words": [region, transcript, "bold" and "italic"], "lines": [...], "orientation", "blocks": [...]}`.
pub(crate) fn page<'py>(py: Python<'py>, page: &Page) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("width", page.width)?;
    dict.set_item("height", page.height)?;
    let words = PyList::empty(py);
    for instance in &page.instances {
        let word = region(py, &instance.region)?;
        word.set_item("transcript", transcript(py, &instance.transcript.clone().unwrap_or_default())?)?;
        word.set_item("bold", instance.emphasis.bold)?;
        word.set_item("italic", instance.emphasis.italic)?;
        words.append(word)?;
    }
    dict.set_item("words", words)?;
    let lines = PyList::empty(py);
    for line in &page.lines {
        let row = PyDict::new(py);
        row.set_item("polygon", polygon(&line.polygon))?;
        row.set_item("text", &line.text)?;
        row.set_item("score", line.score)?;
        row.set_item("words", &line.instances)?;
        lines.append(row)?;
    }
    dict.set_item("lines", lines)?;
    dict.set_item("orientation", page.orientation)?;
    let blocks = PyList::empty(py);
    for found in PageRecord::read("", page).blocks.iter().flatten() {
        blocks.append(block(py, found)?)?;
    }
    dict.set_item("blocks", blocks)?;
    Ok(dict)
}

/// `{"kind", "polygon", "lines", "rows": [[(column, row span, column span, lines), ...], ...] or None,
/// "key": str or None, "value": str or None}`.
fn block<'py>(py: Python<'py>, block: &BlockRecord) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("kind", block.kind.name())?;
    dict.set_item("polygon", polygon(&block.polygon))?;
    dict.set_item("lines", &block.lines)?;
    let rows = block.rows.as_ref().map(|rows| {
        let cells = rows.iter().map(|row| row.cells.iter());
        let cells =
            cells.map(|row| row.map(|c| (c.column, c.row_span, c.column_span, &c.lines)).collect::<Vec<_>>());
        cells.collect::<Vec<_>>()
    });
    dict.set_item("rows", rows)?;
    dict.set_item("key", &block.key)?;
    dict.set_item("value", &block.value)?;
    Ok(dict)
}

fn polygon(polygon: &Polygon) -> Vec<(f64, f64)> {
    polygon.points().iter().map(|p| (p.x, p.y)).collect()
}
