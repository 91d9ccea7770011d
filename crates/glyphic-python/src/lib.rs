//! The native half of the Python package: every function that computes. `python/glyphic` gives it Python's shapes.
//!
//! One file a facade module; `mmocr/` holds what MMOCR 0.2.1's modules need, one file for each of them. The interpreter's
//! lock is released while Rust works.

mod detect;
mod error;
mod image;
mod mmocr;
mod models;
mod page;
mod read;
mod recognize;

use pyo3::prelude::*;

#[pymodule]
mod _glyphic {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::detect::Detector;
    #[pymodule_export]
    use crate::error::GlyphicError;
    #[pymodule_export]
    use crate::models::{models, task_of};
    #[pymodule_export]
    use crate::read::Reader;
    #[pymodule_export]
    use crate::recognize::Recognizer;

    #[pymodule_export]
    use crate::mmocr::boxes::{
        bezier_points, is_on_same_line, sort_points, sort_vertices, stitch_boxes_into_lines,
    };
    #[pymodule_export]
    use crate::mmocr::datasets::relations;
    #[pymodule_export]
    use crate::mmocr::evaluation::{
        boundary_iou, box_center_distance, box_diag, compute_hmean, count_matches, eval_hmean,
        eval_hmean_ic13, eval_hmean_iou, eval_kie_f1, eval_ner_f1, eval_ocr_metric, ignore_pred, many2one,
        one2many, one2one, point_distance, points_center, recall_precision, scores_above, scores_from,
    };
    #[pymodule_export]
    use crate::mmocr::files::{LabelLmdb, drop_orientation, imread, write_lmdb};
    #[pymodule_export]
    use crate::mmocr::mask::{points2boundary, polygon_mask, resize_masks};
    #[pymodule_export]
    use crate::mmocr::polygon::Polygon;
    #[pymodule_export]
    use crate::mmocr::postprocess::{
        db_decode, drrg_decode, fcenet_decode, fourier_points, pan_decode, poly_nms, pse_decode,
        textsnake_decode,
    };
    #[pymodule_export]
    use crate::mmocr::targets::{draw_targets, find_head_tail, ocr_seg_targets};
    #[pymodule_export]
    use crate::mmocr::transforms::{
        NerEncoder, apply_step, check_step, crop_around, crop_box, crop_offset, free_places, jitter_size,
        normalize, resize, rotate_boxes, size_of_form, to_gray,
    };

    #[pymodule_export]
    use crate::mmocr::visualize::{draw_outlines, imwrite, jitter_corners, mask_borders};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
