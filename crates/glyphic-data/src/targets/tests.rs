use glyphic_testing::golden::{self, Tolerance};
use serde_json::Value;

use super::*;
use crate::Error;

fn flat(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn wide<T: Copy + Into<f64>>(values: &[T]) -> Vec<f32> {
    values.iter().map(|v| (*v).into() as f32).collect()
}

#[test]
fn ocr_seg_maps_equal_the_reference() {
    let case = golden::case("D_ocr_seg_targets");
    let convertor: SegClasses =
        serde_json::from_value(case.config["label_convertor"].clone()).expect("a convertor");
    let inputs = case.entry["json_inputs"].as_object().expect("inputs").clone();
    assert_eq!(inputs.len(), 4);
    for (name, input) in inputs {
        let box_type = if name.contains("quads") { CharBoxes::CharQuads } else { CharBoxes::CharRects };
        let boxes: Vec<Vec<f64>> = input["boxes"].as_array().expect("boxes").iter().map(flat).collect();
        let chars: Vec<&str> =
            input["chars"].as_array().expect("chars").iter().map(|c| c.as_str().expect("a char")).collect();
        let classes = convertor.classes(&chars).expect("known or not");
        let size = |key: &str| {
            let s = flat(&input[key]);
            [s[0] as usize, s[1] as usize]
        };
        let targets = OcrSegTargets { box_type, compat: Compat::Mmocr021, ..OcrSegTargets::default() };
        let (image, resized, padded) = (size("img_shape"), size("resize_shape"), size("pad_shape"));
        let maps = targets.maps(image, resized, padded, &boxes, &classes).expect("valid");
        let all = [maps.attention, maps.segmentation, maps.mask].concat();
        let shape = [3, maps.height, maps.width];
        case.assert_tensor(&format!("{name}/binary_seg_mask"), &shape, &wide(&all), Tolerance::Exact);
        let expected = &case.entry["json_outputs"][format!("{name}_scaled_boxes")];
        let expected: Vec<Vec<f64>> = expected.as_array().expect("boxes").iter().map(flat).collect();
        let got: Vec<Vec<f64>> = maps.boxes.iter().map(|b| b.iter().map(|v| *v as f64).collect()).collect();
        assert_eq!(got, expected);
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let strict = SegClasses { with_unknown: false, ..SegClasses::default() };
    assert!(matches!(strict.classes(&["0", "Z"]), Err(Error::Setup { .. })));
    for wrong in [
        SegClasses { dict_type: "DICT37".to_owned(), ..SegClasses::default() },
        SegClasses { kind: "CTCConvertor".to_owned(), ..SegClasses::default() },
    ] {
        assert!(matches!(wrong.classes(&["0"]), Err(Error::Setup { .. })));
    }
    let seg = OcrSegTargets::default();
    for result in [
        seg.maps([0, 5], [4, 4], [4, 4], &[] as &[Vec<f64>], &[]),
        seg.maps([4, 4], [4, 4], [3, 4], &[] as &[Vec<f64>], &[]),
        seg.maps([4, 4], [4, 4], [4, 4], &[vec![1.0; 4]], &[]),
        seg.maps([4, 4], [4, 4], [4, 4], &[vec![1.0; 3]], &[1]),
        seg.maps([4, 4], [4, 4], [4, 4], &[vec![f64::NAN; 4]], &[1]),
    ] {
        assert!(matches!(result, Err(Error::Setup { .. } | Error::Outline { .. })));
    }
}

#[test]
fn padding_below_the_picture_is_padding_too() {
    let below = |compat| {
        let targets = OcrSegTargets { compat, ..OcrSegTargets::default() };
        let maps = targets.maps([4, 4], [4, 4], [6, 6], &[] as &[Vec<f64>], &[]).expect("valid");
        (maps.segmentation[5 * 6], maps.mask[5 * 6], maps.segmentation[5], maps.mask[5])
    };
    assert_eq!((below(Compat::Fixed), below(Compat::Mmocr021)), ((255, 0, 255, 0), (0, 1, 255, 0)));
}
