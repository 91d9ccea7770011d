//! Offsets against stored results of pyclipper (Clipper 6.4.2).

use std::path::Path;

use glyphic_core::geometry::{Point, offset};
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    points: Vec<f64>,
    distance: f64,
    pieces: Vec<Vec<f64>>,
}

#[test]
fn offset_gives_the_pieces_of_pyclipper_vertex_by_vertex() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/clipper_offsets.json");
    let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(cases.iter().any(|c| c.pieces.len() > 1) && cases.iter().any(|c| c.pieces.is_empty()));
    let mut wrong = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        let points: Vec<Point> = case.points.chunks_exact(2).map(|c| Point::new(c[0], c[1])).collect();
        let pieces: Vec<Vec<f64>> = offset(&points, case.distance)
            .iter()
            .map(|piece| piece.iter().flat_map(|p| [p.x, p.y]).collect())
            .collect();
        if pieces != case.pieces {
            wrong.push(format!(
                "case {i}: {:?} by {}\n  expected {:?}\n  got      {pieces:?}",
                case.points, case.distance, case.pieces
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong[..wrong.len().min(3)].join("\n")
    );
}
