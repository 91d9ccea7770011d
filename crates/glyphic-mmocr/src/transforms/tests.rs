use glyphic_core::geometry::{point_in_polygon, point_outline_distance};
use glyphic_core::{Image, Page, Point, Polygon, Region, Sample, TextInstance};
use glyphic_imgproc::{Map, Raster};
use glyphic_testing::formula;
use glyphic_testing::golden::{self, Case, Tolerance};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Error;
use glyphic_data::targets::CharBoxes;

fn flat(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().expect("a number")).collect()
}

fn rows(value: &Value) -> Vec<Vec<f64>> {
    value.as_array().expect("a list").iter().map(flat).collect()
}

fn quad(numbers: &[f64]) -> [f64; 8] {
    numbers.try_into().expect("eight numbers")
}

fn stored_picture(case: &Case, name: &str) -> Picture {
    let stored = case.stored(name);
    let data = stored.values.iter().map(|v| *v as u8).collect();
    let [h, w, c] = stored.shape[..] else { panic!("{name} is no picture") };
    Picture::U8(Raster::new(h, w, c, data).expect("valid"))
}

fn values(picture: &Picture) -> Vec<f32> {
    picture.to_f32().into_data()
}

/// The picture that a golden case computes by its formula.
fn waves(case: &Case, tag: &str, h: usize, w: usize) -> Picture {
    let noise = formula::Stream::new(formula::seed(case.salt(), &format!("img:{tag}")));
    let pixel = |(i, v): (usize, f64)| {
        let (y, x, c) = (i / (w * 3), i / 3 % w, i % 3);
        let wave = 60.0 * (x as f64 / 7.0).sin() + 50.0 * (y as f64 / 5.0).cos();
        (128.0 + wave + 9.0 * c as f64 + 30.0 * v + 0.5).floor().clamp(0.0, 255.0) as u8
    };
    let data = noise.take(h * w * 3).enumerate().map(pixel).collect();
    Picture::U8(Raster::new(h, w, 3, data).expect("valid"))
}

fn step<T: serde::de::DeserializeOwned>(config: Value) -> T {
    serde_json::from_value(config).expect("a step's options")
}

#[test]
fn resize_ocr_equals_the_reference() {
    let case = golden::case("D_resize_ocr");
    let resize = |name: &str| step::<ResizeOcr>(case.config[name].clone());
    let side = |v: &Value, i: usize| v[i].as_u64().expect("a size") as usize;
    let shapes = case.entry["json_outputs"]["shapes"].as_array().expect("shapes").clone();
    assert!(shapes.len() > 20);
    for shape in &shapes {
        let (h, w) = (shape["h"].as_u64().expect("h") as usize, shape["w"].as_u64().expect("w") as usize);
        let size = resize(shape["set"].as_str().expect("a set")).size(h, w, 0).expect("a size");
        assert_eq!([size.height, size.content], [0, 1].map(|i| side(&shape["resize_shape"], i)), "{shape}");
        assert_eq!([size.height, size.padded], [0, 1].map(|i| side(&shape["pad_shape"], i)), "{shape}");
        assert_eq!(size.valid_ratio, shape["valid_ratio"].as_f64().expect("a ratio"), "{shape}");
    }
    let normalize = NormalizeOcr { mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] };
    let mut compared = 0;
    for input in case.names("input") {
        let tag = input.strip_prefix("input/").expect("a tag").to_owned();
        for name in ["sar48", "crnn_fixed", "crnn_test"] {
            let mut scene = Scene::new(stored_picture(&case, &input));
            resize(name).apply(&mut scene, 0).expect("resized");
            let [h, w] = scene.picture.size();
            let out = format!("out/{name}_{tag}");
            case.assert_tensor(&out, &[h, w, 3], &values(&scene.picture), Tolerance::Abs(1.0));
            ToTensorOcr {}.apply(&mut scene);
            for suffix in ["totensor", "normalized"] {
                if suffix == "normalized" {
                    normalize.apply(&mut scene).expect("three channels");
                }
                let output = format!("{out}_{suffix}");
                if case.has(&output) {
                    let tensor = scene.tensor.as_ref().expect("a tensor");
                    // Bytes that differ by one.
                    let tolerance = if suffix == "totensor" { 1.0 / 255.0 } else { 1.0 / 255.0 / 0.224 };
                    case.assert_tensor(
                        &output,
                        &tensor.shape,
                        &tensor.data,
                        Tolerance::Abs(tolerance + 1e-6),
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared >= 6, "{compared}");
}

#[test]
fn crops_equal_the_reference() {
    let case = golden::case("D_crops");
    let picture = stored_picture(&case, "input/img");
    let near = |name: &str, crop: &Picture| {
        let shape = [crop.height(), crop.width(), 3];
        let expected = case.stored(name);
        assert_eq!(expected.shape, shape, "{name}");
        let got = values(crop);
        let off =
            got.iter().zip(&expected.values).filter(|(a, b)| (f64::from(**a) - **b).abs() > 1.0).count();
        assert!(off * 100 <= got.len(), "{name}: {off} of {} values are off by more than 1", got.len());
    };
    let boxes = rows(&case.entry["json_inputs"]["boxes"]);
    assert_eq!(boxes.len(), 5);
    for (i, corners) in boxes.iter().enumerate() {
        near(&format!("warp_{i}"), &warp_crop(&picture, quad(corners)).expect("a crop"));
        near(&format!("crop_{i}"), &box_crop(&picture, quad(corners), 0.4, 0.2).expect("a crop"));
    }
    let never = OnlineCropOcr { jitter_prob: 0.0, ..OnlineCropOcr::default() };
    near("online_crop_0", &never.crop(&picture, quad(&boxes[0]), &mut generator(1, 1)).expect("a crop"));
}

#[test]
fn maps_are_rescaled_as_by_the_reference() {
    let case = golden::case("D_bitmap_masks");
    let stored = case.stored("input/masks");
    let [n, h, w] = stored.shape[..] else { panic!("no maps") };
    let bytes: Vec<u8> = stored.values.iter().map(|v| *v as u8).collect();
    let masks: Vec<Picture> = bytes
        .chunks_exact(h * w)
        .map(|m| Picture::U8(Raster::new(h, w, 1, m.to_vec()).expect("valid")))
        .collect();
    assert_eq!(masks.len(), n);
    for scale in ["0.25", "0.5", "1.0", "2.0", "0.3"] {
        let scaled: Vec<Picture> = masks
            .iter()
            .map(|m| m.rescale_nearest(scale.parse().expect("a number")).expect("maps"))
            .collect();
        let [h, w] = scaled[0].size();
        let all: Vec<f32> = scaled.iter().flat_map(values).collect();
        case.assert_tensor(&format!("rescale_{scale}"), &[n, h, w], &all, Tolerance::Exact);
    }
    let resized: Vec<f32> =
        masks.iter().flat_map(|m| values(&m.resize_nearest(9, 30).expect("maps"))).collect();
    case.assert_tensor("resize_9x30", &[n, 9, 30], &resized, Tolerance::Exact);
    let (_, float) = case.tensor("input/float_mask");
    let float = Picture::F32(Raster::new(h, w, 1, float).expect("valid"));
    let half = float.rescale_nearest(0.5).expect("a map");
    case.assert_tensor("rescale_float_0.5", &[1, 8, 11], &values(&half), Tolerance::Exact);
}

#[test]
fn turned_characters_and_drawn_sizes_equal_the_reference() {
    let golden = golden::case("D_jitter").json();
    let turned = golden["rotate_bbox"].as_array().expect("rows");
    assert!(turned.len() > 3);
    for row in turned {
        let characters: Vec<Character> = rows(&row["boxes"])
            .iter()
            .zip('a'..)
            .map(|(b, name)| Character::from_quad(name, quad(b)))
            .collect();
        let (centre, size) = (flat(&row["center"]), flat(&row["img_wh"]));
        let angle = row["angle_rad"].as_f64().expect("an angle");
        let got = RandomRotateImageBox::rotate_boxes(
            &characters,
            angle,
            [centre[0], centre[1]],
            [size[0], size[1]],
        );
        let names: Vec<&str> = got.iter().map(|c| c.text.as_str()).collect();
        let expected: Vec<&str> =
            row["out_chars"].as_array().expect("chars").iter().map(|c| c.as_str().expect("a char")).collect();
        assert_eq!(names, expected, "{row}");
        for (c, expected) in got.iter().zip(rows(&row["out_boxes"])) {
            for (p, e) in c.outline.iter().zip(expected.chunks_exact(2)) {
                assert!((p.x - e[0]).abs() < 1e-6 && (p.y - e[1]).abs() < 1e-6, "{p:?}, {e:?}");
            }
        }
    }
    let jitters = golden["scale_aspect_jitter"].as_array().expect("rows");
    assert!(jitters.len() > 10);
    let mut compared = 0;
    for row in jitters {
        let jitter: ScaleAspectJitter = step(row["config"].clone());
        let mut draws = flat(&row["uniform_draws"]).into_iter();
        let side = |key: &str| row[key].as_u64().expect("a side") as usize;
        let Some(expected) = row["out"]["ok"]["scale"].as_array() else { continue };
        let got = jitter.size(side("h"), side("w"), || draws.next().expect("a draw")).expect("a size");
        let expected: Vec<usize> =
            expected.iter().rev().map(|v| v.as_u64().expect("a side") as usize).collect();
        assert_eq!(got.to_vec(), expected, "{row}");
        compared += 1;
    }
    assert!(compared > 10, "{compared}");
}

#[test]
fn quarter_turns_equal_the_reference() {
    let case = golden::case("D_multi_rotate");
    let golden = case.json();
    for row in golden["rows"].as_array().expect("rows") {
        let (h, w) = (row["h"].as_u64().expect("h") as usize, row["w"].as_u64().expect("w") as usize);
        let mut config = json!({
            "transforms": [], "force_rotate": row["force"], "rotate_degrees": row["rotate_degrees"],
        });
        let picture = waves(&case, "mr", h, w);
        for compat in ["mmocr021", "fixed"] {
            config["compat"] = json!(compat);
            let augment: MultiRotateAugOcr = step(config.clone());
            let got = augment.apply(Scene::new(picture.clone()), &mut generator(1, 1)).expect("turned");
            let calls = row["calls"].as_array().expect("calls");
            assert_eq!(got.len(), calls.len(), "{row}");
            for (scene, call) in got.iter().zip(calls) {
                let [gh, gw] = scene.picture.size();
                assert_eq!(json!([gh, gw, 3]), call[0], "{row}");
                let Picture::U8(r) = &scene.picture else { panic!("bytes stay bytes") };
                assert_eq!(
                    (json!(r.pixel(0, 0)[0]), json!(r.pixel(gw - 1, gh - 1)[2])),
                    (call[1].clone(), call[2].clone())
                );
                let seen = json!([scene.meta.img_shape[0], scene.meta.img_shape[1], 3]);
                // By default the steps that follow see the size as it is.
                assert_eq!(&seen, if compat == "fixed" { &call[0] } else { &call[3] }, "{row}");
            }
        }
    }
}

#[test]
fn sizes_without_pictures_equal_the_reference() {
    let golden = golden::case("E_kie_relations").json();
    let resize: ResizeNoImg = step(json!({"img_scale": [1024, 512]}));
    for row in golden["resize_no_img"].as_array().expect("rows") {
        let hw = flat(&row["hw"]);
        let (size, factor) = resize.size(hw[0] as usize, hw[1] as usize).expect("a size");
        assert_eq!(json!([size[0], size[1], 1]), row["out"]["img_shape"]);
        for (got, expected) in factor.iter().zip(flat(&row["out"]["scale_factor"])) {
            assert!((f64::from(*got) - expected).abs() < 1e-5, "{row}");
        }
    }
    assert!(resize.size(0, 5).is_err());
}

#[test]
fn relations_are_scaled_by_width_and_height() {
    let mut relations = [[10.0, 20.0, 2.0, 3.0, 4.0]];
    KieFormatBundle::scale(&mut relations, [2.0, 4.0]);
    assert_eq!(relations, [[20.0, 80.0, 1.0, 3.0, 2.0]]);
}

#[test]
fn colours_change_as_in_pillow() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/pillow_colours.json");
    let cases: Vec<Value> = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("cases");
    assert_eq!(cases.len(), 20);
    for case in cases {
        let bytes = |key: &str| -> Vec<u8> { flat(&case[key]).iter().map(|v| *v as u8).collect() };
        let size = |key: &str| case[key].as_u64().expect("a size") as usize;
        let mut picture = Raster::new(size("height"), size("width"), 3, bytes("rgb")).expect("valid");
        let factor = case["factor"].as_f64().expect("a factor");
        let kind = case["change"].as_str().expect("a change");
        let change = match kind {
            "brightness" => ColourChange::Brightness(factor),
            "contrast" => ColourChange::Contrast(factor),
            "saturation" => ColourChange::Saturation(factor),
            _ => ColourChange::Hue(factor),
        };
        change.apply(&mut picture).expect("three channels");
        assert_eq!(picture.data(), bytes("out"), "{kind} {factor}");
    }
}

#[test]
fn named_entities_become_the_references_numbers() {
    let mut vocabulary: Vec<String> = (0..100).map(|i| format!("[u{i}]")).collect();
    vocabulary.extend(["[UNK]", "[CLS]", "[SEP]"].map(str::to_owned));
    vocabulary.extend(('a'..='z').chain('0'..='9').map(|c| c.to_string()));
    let categories = [
        "address",
        "book",
        "company",
        "game",
        "government",
        "movie",
        "name",
        "organization",
        "position",
        "scene",
    ];
    let transform = NerTransform::new(&vocabulary.join("\n"), &categories, 24).expect("valid");
    let entity = |category: &str, start, end| glyphic_core::Entity::new(category, start, end);
    let sample = transform.apply("xhcAp", &[entity("scene", 2, 2)]).expect("valid");
    assert_eq!(sample.input_ids[..8], [101, 126, 110, 105, 103, 118, 102, 0]);
    assert_eq!(sample.labels[..8], [21, 21, 21, 10, 21, 21, 21, 0]);
    assert_eq!(sample.attention_mask[..8], [1, 1, 1, 1, 1, 1, 1, 0]);
    let entities = [
        entity("organization", 5, 9),
        entity("government", 11, 12),
        entity("government", 1, 1),
        entity("name", 2, 5),
    ];
    let long = transform.apply("gxu575m\u{4e86}\u{5df1}k\u{7740}vn", &entities).expect("valid");
    assert_eq!(long.labels[..14], [21, 21, 5, 7, 17, 17, 17, 18, 18, 18, 18, 21, 5, 15]);
    assert_eq!(long.input_ids[8], 100, "not in the vocabulary");
    // What the reference fails on.
    let cut = transform.apply(&"a".repeat(30), &[entity("name", 20, 29)]).expect("cut");
    assert_eq!((cut.input_ids[23], cut.labels[21], cut.labels[22], cut.labels[23]), (102, 7, 17, 21));
    assert_eq!(transform.apply("", &[]).expect("empty").input_ids[..3], [101, 102, 0]);
    let stacked = ToTensorNer {}.apply(&[sample, cut]).expect("equal lengths");
    assert_eq!((stacked.shape, stacked.labels.len()), ([2, 24], 48));
    for wrong in [entity("nobody", 0, 0), entity("name", 1, 0), entity("name", 0, 5)] {
        assert!(matches!(transform.apply("short", &[wrong]), Err(Error::Step { .. })));
    }
    assert!(NerTransform::new("a", &["x"], 2).is_err());
    assert!(NerTransform::new("a", &["x", "x"], 9).is_err());
    assert!(NerTransform::new("a", &[] as &[&str], 9).is_err());
}

#[test]
fn polygons_are_drawn_as_cocos_tools_draw_them() {
    // By hand: a rectangle's pixels are those whose centres, half a pixel beyond their numbers, lie inside.
    let rect = |x0: f64, y0: f64, x1: f64, y1: f64| {
        vec![[x0, y0], [x1, y0], [x1, y1], [x0, y1]]
            .into_iter()
            .map(|[x, y]| Point::new(x, y))
            .collect::<Vec<_>>()
    };
    let count = |polygons: &[Vec<Point>]| -> usize {
        polygon_mask(polygons, 20, 30).expect("a map").data().iter().map(|v| usize::from(*v)).sum()
    };
    assert_eq!(count(&[rect(2.0, 3.0, 12.0, 9.0)]), 60);
    assert_eq!(count(&[rect(2.6, 3.0, 12.6, 9.0)]), 60);
    assert_eq!(count(&[rect(2.0, 3.0, 12.0, 9.0), rect(20.0, 3.0, 22.0, 5.0)]), 64);
    assert_eq!(count(&[rect(-9.0, -9.0, 99.0, 99.0)]), 600);
    assert_eq!(count(&[rect(40.0, 3.0, 50.0, 9.0)]), 0);
    assert_eq!(count(&[vec![Point::new(3.0, 3.0); 3]]), 0);
    assert!(polygon_mask(&[], 0, 4).is_err());
}

#[test]
fn annotations_are_taken_as_asked() {
    let annotation = Annotation {
        bboxes: vec![[1.0, 1.0, 9.0, 9.0], [0.0, 0.0, 2.0, 2.0]],
        labels: vec![1, 2],
        masks: vec![vec![vec![1.0, 1.0, 9.0, 1.0, 9.0, 9.1]], vec![vec![1.0, 1.0, 2.0]]],
        masks_ignore: vec![vec![vec![0.0; 7], vec![2.0, 2.0, 6.0, 2.0, 6.0, 6.0]]],
        height: 12,
        width: 16,
        extra: [("texts".to_owned(), json!(["x"]))].into(),
        ..Annotation::default()
    };
    let picture = || Picture::U8(Raster::filled(12, 16, 3, [0; 4]).expect("valid"));
    let mut scene = Scene::new(picture());
    let load: LoadTextAnnotations =
        step(json!({"with_mask": true, "poly2mask": false, "with_extra_fields": true}));
    assert_eq!(load.apply(&annotation, &mut scene).expect("loaded"), 1, "one text has no polygon");
    assert_eq!((scene.texts.len(), &scene.labels[..], scene.boxes.len()), (1, &[1][..], 1));
    assert_eq!(scene.texts[0][2].y, f64::from(9.1f32));
    assert_eq!((scene.ignored.len(), &scene.extra["gt_texts"]), (1, &json!(["x"])));
    let bitmaps = LoadTextAnnotations { with_mask: true, ..LoadTextAnnotations::default() };
    let mut scene = Scene::new(picture());
    bitmaps.apply(&annotation, &mut scene).expect("loaded");
    assert_eq!((scene.masks["gt_masks"].len(), scene.masks["gt_masks_ignore"].len()), (1, 1));
    scene.check("test").expect("consistent");
    let wrong = Annotation { height: 13, ..annotation.clone() };
    assert!(bitmaps.apply(&wrong, &mut Scene::new(picture())).is_err());
    let sized = LoadTextAnnotations { use_img_shape: true, ..bitmaps.clone() };
    sized.apply(&wrong, &mut Scene::new(picture())).expect("the picture's size counts");
    let seg = LoadTextAnnotations { with_seg: true, ..LoadTextAnnotations::default() };
    assert!(seg.apply(&annotation, &mut Scene::new(picture())).is_err());
    let short = Annotation { labels: vec![1], ..annotation };
    assert!(bitmaps.apply(&short, &mut Scene::new(picture())).is_err());
}

#[test]
fn arrays_become_scenes_of_the_channels_asked_for() {
    let red = Raster::filled(2, 2, 3, [200u8, 0, 0, 0]).expect("valid");
    let grey = |order: &str| {
        let load: LoadImageFromNdarray = step(json!({"color_type": "grayscale", "channel_order": order}));
        values(&load.apply(red.clone()).expect("a scene").picture)[0]
    };
    assert_eq!((grey("rgb"), grey("bgr")), (60.0, 23.0));
    let one = Raster::filled(2, 2, 1, [7u8; 4]).expect("valid");
    let load: LoadImageFromNdarray = step(json!({"to_float32": true}));
    let scene = load.apply(one).expect("a scene");
    assert_eq!((scene.picture.channels(), &values(&scene.picture)[..3]), (3, &[7.0; 3][..]));
    assert!(matches!(scene.picture, Picture::F32(_)));
}

const PAPER: u8 = 255;

/// White paper with texts filled in black, of bytes or of single precision, with bitmaps and characters.
fn drawn(width: usize, height: usize, texts: &[Vec<Point>], float: bool) -> Scene {
    let holds = |text: &[Point], i: usize| {
        point_in_polygon(Point::new((i % width) as f64 + 0.5, (i / width) as f64 + 0.5), text)
    };
    let inside = |i: usize| texts.iter().any(|t| holds(t, i));
    let data: Vec<u8> = (0..width * height).flat_map(|i| [if inside(i) { 0 } else { PAPER }; 3]).collect();
    let raster = Raster::new(height, width, 3, data).expect("valid");
    let mut scene = Scene::new(if float { Picture::F32(raster.map(f32::from)) } else { Picture::U8(raster) });
    let bitmaps = texts.iter().map(|t| {
        let bits = (0..width * height).map(|i| u8::from(holds(t, i))).collect();
        Picture::from(Map::new(width, height, bits).expect("valid"))
    });
    scene.masks.insert("gt_masks".to_owned(), bitmaps.collect());
    scene.texts = texts.to_vec();
    scene.labels = (0..texts.len() as i64).collect();
    scene.boxes = texts.iter().map(|t| super::scene::bounds(t)).collect();
    scene.characters = texts.iter().map(|t| Character { text: "x".to_owned(), outline: t.clone() }).collect();
    scene
}

fn text(x: f64, y: f64, w: f64, h: f64, lean: f64) -> Vec<Point> {
    [(x, y), (x + w, y + lean), (x + w - lean, y + h + lean), (x - lean, y + h)]
        .map(|(x, y)| Point::new(x, y))
        .into()
}

/// Ink farther than `slack` pixels from every text, and the least share of a text's inner pixels that is inked.
fn agreement(scene: &Scene, slack: f64) -> (usize, f64) {
    let raster = scene.picture.to_f32();
    let (mut stray, mut inner, mut inked) = (0, 0, 0);
    for y in 0..raster.height() {
        for x in 0..raster.width() {
            let p = Point::new(x as f64 + 0.5, y as f64 + 0.5);
            let ink = raster.pixel(x, y)[0] < 90.0;
            let near = |t: &Vec<Point>| point_outline_distance(p, t) <= slack;
            let within = scene.texts.iter().any(|t| point_in_polygon(p, t));
            let border = scene.texts.iter().any(near);
            stray += usize::from(ink && !within && !border);
            if within && !border {
                inner += 1;
                inked += usize::from(ink);
            }
        }
    }
    (stray, if inner == 0 { 1.0 } else { inked as f64 / inner as f64 })
}

/// Geometric steps with options that make them happen, and how far ink may be off.
fn geometric() -> Vec<(Step, f64)> {
    let colour = json!([255, 255, 255]);
    [
        (json!({"type": "RandomRotateTextDet", "max_angle": 20}), 2.0),
        (
            json!({"type": "RandomRotatePolyInstances", "rotate_ratio": 1.0, "max_angle": 30,
                "pad_with_fixed_color": true, "pad_value": colour}),
            2.0,
        ),
        (json!({"type": "RandomScaling", "size": 200}), 3.5),
        (
            json!({"type": "ScaleAspectJitter", "img_scale": [[300, 150]], "ratio_range": [0.6, 1.6],
                "aspect_ratio_range": [0.8, 1.2]}),
            3.0,
        ),
        (
            json!({"type": "SquareResizePad", "target_size": 180, "pad_ratio": 0.5,
                "pad_with_fixed_color": true, "pad_value": colour}),
            2.5,
        ),
        (json!({"type": "EastRandomCrop", "target_size": [200, 160]}), 4.5),
        (json!({"type": "RandomCropPolyInstances", "crop_ratio": 1.0}), 1.5),
        (json!({"type": "RandomCropFlip", "crop_ratio": 1.0, "iter_num": 2, "min_area_ratio": 0.05}), 1.5),
        (json!({"type": "ImgAug", "args": [["Fliplr", 0.5], ["Flipud", 0.5]]}), 1.5),
        (json!({"type": "ImgAug", "args": [{"cls": "Affine", "rotate": [-20, 20]}]}), 2.0),
        (json!({"type": "ImgAug", "args": [["Resize", [0.6, 2.0]]]}), 3.5),
        (json!({"type": "RandomPaddingOCR"}), 1.5),
        (json!({"type": "RandomRotateImageBox"}), 2.0),
    ]
    .map(|(config, slack)| (step(config), slack))
    .into()
}

/// Steps whose picture shows black where there was none.
fn darkens(step: &Step) -> bool {
    !matches!(
        step,
        Step::RandomScaling(_)
            | Step::ScaleAspectJitter(_)
            | Step::RandomCropPolyInstances(_)
            | Step::RandomCropFlip(_)
            | Step::RandomPaddingOcr(_)
            | Step::SquareResizePad(_)
            | Step::RandomRotatePolyInstances(_)
    ) && !matches!(step, Step::ImgAug(a) if !format!("{a:?}").contains("Rotate"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_transformed_text_still_covers_its_ink(
        seed in 0u64..1_000_000,
        x in 15.0..60.0f64, y in 15.0..30.0f64, w in 30.0..70.0f64, h in 12.0..25.0f64, lean in -6.0..6.0f64,
        float in prop::bool::ANY,
    ) {
        let texts = [text(x, y, w, h, lean), text(30.0, 85.0, 60.0, 20.0, 2.0)];
        for (step, slack) in geometric() {
            let scene = drawn(160, 130, &texts, float);
            let out = step.apply(scene, &mut generator(seed, 1)).expect("applied").remove(0);
            out.check(step.name()).expect("consistent");
            let (stray, inked) = agreement(&out, slack);
            prop_assert!(darkens(&step) || stray == 0, "{}: {stray} stray pixels", step.name());
            prop_assert!(inked > 0.99, "{}: {inked} of the texts is inked", step.name());
            prop_assert_eq!(out.labels.len(), out.texts.len());
            prop_assert_eq!(out.boxes.len(), out.texts.len());
            prop_assert_eq!(out.masks["gt_masks"].len(), out.texts.len());
            for ((text, bitmap), b) in out.texts.iter().zip(&out.masks["gt_masks"]).zip(&out.boxes) {
                let mask = bitmap.to_f32();
                for (i, v) in mask.data().iter().enumerate() {
                    let p = Point::new((i % mask.width()) as f64 + 0.5, (i / mask.width()) as f64 + 0.5);
                    let far = point_outline_distance(p, text) > slack + 1.0;
                    prop_assert!(!far || (*v > 0.0) == point_in_polygon(p, text), "{}: its bitmap", step.name());
                    let reach = slack + 1.0;
                    let boxed =
                        p.x >= b[0] - reach && p.x <= b[2] + reach && p.y >= b[1] - reach && p.y <= b[3] + reach;
                    prop_assert!(*v == 0.0 || boxed, "{}: its box", step.name());
                }
            }
            for c in &out.characters {
                prop_assert!(
                    out.texts.is_empty() || c.outline.len() == 4,
                    "{}: its characters", step.name()
                );
            }
        }
    }

    #[test]
    fn crops_cut_no_text_and_keep_the_one_they_were_made_for(
        seed in 0u64..1_000_000,
        boxes in prop::collection::vec((0.0..150.0f64, 0.0..110.0f64, 5.0..50.0f64, 5.0..25.0f64), 1..8),
    ) {
        let texts: Vec<Vec<Point>> = boxes.iter().map(|(x, y, w, h)| text(*x, *y, *w, *h, 0.0)).collect();
        let mut scene = Scene::new(Picture::U8(Raster::filled(130, 200, 3, [PAPER; 4]).expect("valid")));
        scene.texts = texts.clone();
        let crop = RandomCropPolyInstances { crop_ratio: 1.0, ..RandomCropPolyInstances::default() };
        let mut cut = scene.clone();
        crop.apply(&mut cut, &mut generator(seed, 2)).expect("cut");
        prop_assert!(!cut.texts.is_empty());
        let flip = RandomCropFlip { crop_ratio: 1.0, min_area_ratio: 0.01, ..RandomCropFlip::default() };
        let mut flipped = scene.clone();
        flip.apply(&mut flipped, &mut generator(seed, 3)).expect("flipped");
        prop_assert_eq!(flipped.texts.len(), texts.len());
        let areas = |s: &Scene| -> Vec<i64> {
            s.texts.iter().map(|t| glyphic_core::geometry::signed_area(t).abs().round() as i64).collect()
        };
        prop_assert_eq!(areas(&flipped), areas(&scene));
        let east = EastRandomCrop { target_size: [200, 130], ..EastRandomCrop::default() };
        let [x, y, w, h] = east.draw(130, 200, &texts, &mut generator(seed, 4));
        prop_assert!(w > 0 && h > 0 && x + w <= 200 && y + h <= 130);
        for t in &texts {
            let [x0, y0, x1, y1] = super::scene::bounds(t);
            let crosses = |low: f64, high: f64, at: usize| (at as f64) > low.round() && (at as f64) < high.round() - 1.0;
            let whole = [x, y, w, h] == [0, 0, 200, 130];
            prop_assert!(whole || !(crosses(x0, x1, x) || crosses(y0, y1, y)), "{x} {y} cuts {t:?}");
        }
    }

    #[test]
    fn whatever_the_size_and_the_outlines_a_step_answers(
        seed in 0u64..1000,
        width in 1usize..40, height in 1usize..40, float in prop::bool::ANY,
        points in prop::collection::vec((-1e6..1e6f64, -60.0..60.0f64), 1..6),
    ) {
        let outline: Vec<Point> = points.iter().map(|(x, y)| Point::new(*x, *y)).collect();
        let near: Vec<Point> = outline.iter().map(|p| Point::new(p.x / 3e4, p.y)).collect();
        for (step, _) in geometric() {
            let raster = Raster::filled(height, width, 3, [9u8; 4]).expect("valid");
            let mut scene =
                Scene::new(if float { Picture::F32(raster.map(f32::from)) } else { Picture::U8(raster) });
            scene.texts = vec![outline.clone(), near.clone()];
            scene.ignored = vec![outline.clone()];
            // An answer, or an error that says why not; never a panic.
            match step.apply(scene, &mut generator(seed, 5)) {
                Ok(out) => out[0].check(step.name()).expect("consistent"),
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}

#[test]
fn instances_are_cropped_where_they_stand() {
    let texts = [text(100.0, 70.0, 20.0, 10.0, 0.0)];
    let crop: RandomCropInstances =
        step(json!({"target_size": 64, "instance_key": "gt_masks", "positive_sample_ratio": 1.0}));
    let mut shown = 0;
    for seed in 0..60 {
        let mut scene = drawn(200, 150, &texts, false);
        crop.apply(&mut scene, &mut generator(seed, 1)).expect("cropped");
        assert_eq!(scene.picture.size(), [64, 64]);
        scene.check("test").expect("consistent");
        shown += usize::from(!scene.texts.is_empty());
        let (stray, inked) = agreement(&scene, 1.5);
        assert!(inked > 0.99 && (stray == 0 || scene.texts.is_empty()), "seed {seed}: {stray}, {inked}");
    }
    assert!(shown > 50, "{shown}");
    // A text that only one offset shows: the reference looks elsewhere.
    let marks: Vec<bool> = (0..100 * 100).map(|i| i == 99 * 100 + 99).collect();
    let at = |compat| {
        let crop = RandomCropInstances { compat, ..crop.clone() };
        crop.draw([100, 100], Some(&marks), &mut generator(1, 1))
    };
    assert_eq!((at(Compat::Fixed), at(Compat::Mmocr021)), ([35, 35], [0, 0]));
    let mut scene = Scene::new(Picture::U8(Raster::filled(9, 9, 3, [0; 4]).expect("valid")));
    assert!(matches!(crop.apply(&mut scene, &mut generator(1, 1)), Err(Error::Step { .. })));
}

#[test]
fn drawn_numbers_have_the_distributions_of_the_reference() {
    let n = 20_000;
    let mut rng = generator(11, 0);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let deviation = |values: &[f64]| {
        let m = mean(values);
        (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
    };
    // Padding: uniform up to a share of each side.
    let pad = RandomPaddingOcr::default();
    let lefts: Vec<f64> = (0..n).map(|_| pad.draw(100, 1000, &mut rng).left as f64).collect();
    assert!((mean(&lefts) - 50.0).abs() < 1.0 && lefts.iter().all(|v| *v <= 100.0));
    // Fancy PCA: normal along the axes.
    let pca = FancyPca::default();
    let reds: Vec<f64> = (0..n).map(|_| f64::from(pca.draw(&mut rng)[0])).collect();
    let expected = 0.1 * (0.2175f64 * 0.5675).hypot((0.0188f64 * 0.7192).hypot(0.0045 * 0.4009));
    assert!(
        mean(&reds).abs() < 0.001 && (deviation(&reds) - expected).abs() < 0.0005,
        "{}",
        deviation(&reds)
    );
    // Scaling: uniform in 0.75 to 2.5 times 800 over the longer side.
    let scaling = RandomScaling::default();
    let widths: Vec<f64> = (0..n).map(|_| scaling.draw(100, 400, &mut rng)[1] as f64).collect();
    assert!((mean(&widths) - 1300.0).abs() < 10.0);
    assert!(widths.iter().all(|w| (600.0..=2000.0).contains(w)));
    // Turning a line: no diagonal turns upright.
    let rotate =
        RandomRotateImageBox { min_angle: -90.0, max_angle: 90.0, ..RandomRotateImageBox::default() };
    let steepest = 45f64;
    assert!((0..n).map(|_| rotate.draw(50, 50, &mut rng)).all(|a| a.abs() <= steepest));
    // Colours: each factor in its range, all orders alike.
    let jitter: ColorJitter =
        step(json!({"brightness": 0.125, "contrast": [0.5, 0.7], "saturation": 0.5, "hue": 0.1}));
    let mut first_is_hue = 0;
    for _ in 0..n {
        let changes = jitter.draw(&mut rng).expect("valid");
        assert_eq!(changes.len(), 4);
        first_is_hue += usize::from(matches!(changes[0], ColourChange::Hue(_)));
        for change in changes {
            assert!(match change {
                ColourChange::Brightness(v) => (0.875..=1.125).contains(&v),
                ColourChange::Contrast(v) => (0.5..=0.7).contains(&v),
                ColourChange::Saturation(v) => (0.5..=1.5).contains(&v),
                ColourChange::Hue(v) => (-0.1..=0.1).contains(&v),
            });
        }
    }
    assert!((first_is_hue as f64 / n as f64 - 0.25).abs() < 0.02);
    // A crop's jitter happens with its probability, in the reference with the opposite.
    let picture = waves(&golden::case("D_multi_rotate"), "mr", 60, 90);
    let share = |compat| {
        let crop = OnlineCropOcr { jitter_prob: 0.2, compat, ..OnlineCropOcr::default() };
        let corners = [10.0, 10.0, 60.0, 10.0, 60.0, 40.0, 10.0, 40.0];
        let plain = warp_crop(&picture, corners).expect("a crop");
        let mut rng = generator(3, 3);
        let moved =
            (0..400).filter(|_| crop.crop(&picture, corners, &mut rng).expect("a crop") != plain).count();
        moved as f64 / 400.0
    };
    assert!((share(Compat::Fixed) - 0.2).abs() < 0.06 && (share(Compat::Mmocr021) - 0.8).abs() < 0.06);
    // A cut in the strip below the texts: the reference never makes it.
    let texts = [text(10.0, 10.0, 180.0, 40.0, 0.0)];
    let lowest = |compat| {
        let crop = EastRandomCrop { compat, ..EastRandomCrop::default() };
        let mut rng = generator(4, 4);
        (0..300)
            .map(|_| crop.draw(200, 200, &texts, &mut rng))
            .filter(|cut| *cut != [0, 0, 200, 200])
            .map(|[_, y, _, h]| y + h)
            .max()
    };
    assert!(lowest(Compat::Fixed) > Some(150), "{:?}", lowest(Compat::Fixed));
}

#[test]
fn a_seed_fixes_a_pipeline_and_another_changes_it() {
    let pipeline = Pipeline(geometric().into_iter().map(|(step, _)| step).take(6).collect());
    let texts = [text(30.0, 30.0, 60.0, 20.0, 3.0)];
    let run =
        |seed| pipeline.apply(drawn(160, 130, &texts, false), &mut generator(seed, 0)).expect("applied");
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[test]
fn configurations_of_mmocr_are_understood_and_typos_named() {
    let pipeline: Pipeline = step(json!([
        {"type": "ColorJitter", "brightness": 0.12549019607843137, "saturation": 0.5},
        {"type": "ImgAug", "args": [["Fliplr", 0.5], {"cls": "Affine", "rotate": [-10, 10]}, ["Resize", [0.5, 3.0]]]},
        {"type": "EastRandomCrop", "target_size": [64, 64]},
        {"type": "DBNetTargets", "shrink_ratio": 0.4},
        {"type": "PANetTargets", "shrink_ratio": [1.0, 0.7]},
        {"type": "PSENetTargets"},
        {"type": "TextSnakeTargets"},
        {"type": "FCENetTargets", "fourier_degree": 5, "level_proportion_range": [[0, 0.25], [0.2, 0.65], [0.55, 1.0]]},
        {"type": "DRRGTargets"},
        {"type": "CustomFormatBundle", "keys": ["gt_shrink", "gt_thr_mask"],
         "visualize": {"flag": false, "boundary_key": "gt_shrink"}},
    ]));
    let scene = drawn(200, 150, &[text(40.0, 40.0, 90.0, 30.0, 4.0)], false);
    let out = pipeline.apply(scene, &mut generator(2, 2)).expect("applied").remove(0);
    let names: Vec<&str> = out.masks.keys().map(String::as_str).collect();
    assert!(names.contains(&"gt_kernels") && names.contains(&"gt_radius_map"), "{names:?}");
    assert_eq!(out.levels["p3_maps"].shape, [25, 8, 8]);
    assert_eq!(out.levels["gt_comp_attribs"].shape, [1, 600, 8]);
    assert_eq!(out.tensor.expect("formatted").shape, [3, 64, 64]);
    let round: Pipeline = step(serde_json::to_value(&pipeline).expect("written"));
    assert_eq!(round, pipeline);

    let recognition: Pipeline = step(json!([
        {"type": "RandomPaddingOCR", "max_ratio": [0.15, 0.2, 0.15, 0.2]},
        {"type": "OpencvToPil"},
        {"type": "RandomRotateImageBox", "min_angle": -17, "max_angle": 17, "box_type": "char_quads"},
        {"type": "PilToOpencv"},
        {"type": "MultiRotateAugOCR", "rotate_degrees": [0, 90, 270], "transforms": [
            {"type": "ResizeOCR", "height": 48, "min_width": 48, "max_width": 160, "keep_aspect_ratio": true,
             "width_downsample_ratio": 0.25},
            {"type": "ToTensorOCR"},
            {"type": "FancyPCA"},
            {"type": "NormalizeOCR", "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}]},
    ]));
    let tall = recognition.apply(drawn(40, 120, &[], false), &mut generator(1, 1)).expect("applied");
    assert_eq!(tall.len(), 3);
    assert!(tall.iter().all(|s| s.tensor.as_ref().is_some_and(|t| t.shape == [3, 48, 160])));
    assert!(tall[1].meta.valid_ratio > tall[0].meta.valid_ratio);

    let segmentation: Pipeline = step(json!([
        {"type": "ResizeOCR", "height": 64, "min_width": 64, "max_width": 512},
        {"type": "OCRSegTargets", "box_type": "char_quads",
         "label_convertor": {"type": "SegConvertor", "dict_type": "DICT36", "with_unknown": true, "lower": true}},
    ]));
    let mut line = drawn(120, 40, &[], false);
    line.characters = vec![
        Character::from_rect("B", [10.0, 5.0, 40.0, 35.0]),
        Character::from_rect("?", [50.0, 5.0, 80.0, 35.0]),
    ];
    let out = segmentation.apply(line, &mut generator(1, 1)).expect("applied").remove(0);
    let kernels = &out.masks["gt_kernels"];
    let at = |map: usize, x: usize| kernels[map].to_f32().pixel(x, 32)[0];
    assert_eq!(kernels.len(), 3);
    assert_eq!([at(0, 40), at(1, 40), at(1, 104), at(1, 400)], [1.0, 12.0, 37.0, 255.0]);
    assert_eq!([at(2, 40), at(2, 400)], [1.0, 0.0]);

    for (wrong, word) in [
        (json!({"type": "ResizeOcr", "height": 3}), "ResizeOCR"),
        (json!({"type": "ResizeOCR", "hight": 3}), "hight"),
        (json!({"type": "ImgAug", "args": [["Crop", 0.5]]}), "Fliplr"),
        (json!({"type": "ImgAug", "args": [{"cls": "Affine", "shear": 3}]}), "rotate"),
        (json!({"type": "RandomCropInstances", "target_size": 3}), "instance_key"),
    ] {
        let error = serde_json::from_value::<Step>(wrong).expect_err(word).to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn scenes_and_options_that_cannot_be_used_are_refused() {
    let scene = || Scene::new(Picture::U8(Raster::filled(20, 30, 3, [0; 4]).expect("valid")));
    let float = || Scene::new(Picture::F32(Raster::filled(20, 30, 3, [0.0; 4]).expect("valid")));
    let refused = |config: Value, scene: Scene| {
        let step: Step = step(config);
        step.apply(scene, &mut generator(1, 1)).map(|_| ()).expect_err(step.name())
    };
    let setups = [
        json!({"type": "ResizeOCR", "height": 0}),
        json!({"type": "ResizeOCR", "height": []}),
        json!({"type": "ResizeOCR", "height": 32, "keep_aspect_ratio": false}),
        json!({"type": "ResizeOCR", "height": 32, "width_downsample_ratio": 0}),
        json!({"type": "ResizeOCR", "height": 32, "backend": "pillow"}),
        json!({"type": "ColorJitter", "brightness": -1}),
        json!({"type": "ColorJitter", "hue": 0.7}),
        json!({"type": "ScaleAspectJitter"}),
        json!({"type": "ScaleAspectJitter", "keep_ratio": true}),
        json!({"type": "RandomCropPolyInstances", "instance_key": "gt_mask"}),
        json!({"type": "MultiRotateAugOCR", "transforms": [], "rotate_degrees": 45}),
        json!({"type": "CustomFormatBundle", "visualize": {"flag": true}}),
        json!({"type": "ImgAug", "args": [["Resize", [-1.0, 0.0]]]}),
    ];
    for config in setups {
        let error = refused(config.clone(), scene());
        assert!(matches!(error, Error::Setup { .. }), "{config}: {error}");
    }
    for (config, scene) in [
        (json!({"type": "NormalizeOCR", "mean": [0], "std": [1]}), scene()),
        (json!({"type": "FancyPCA"}), scene()),
        (json!({"type": "ColorJitter", "brightness": 0.5}), float()),
        (json!({"type": "CustomFormatBundle", "keys": ["gt_kernels"]}), scene()),
    ] {
        let error = refused(config.clone(), scene);
        assert!(matches!(error, Error::Step { .. }), "{config}: {error}");
    }
    let any = json!({"type": "ToTensorOCR"});
    let mut lopsided = scene();
    lopsided.labels = vec![1];
    assert!(refused(any.clone(), lopsided).to_string().contains("1 labels for 0 texts"));
    let mut other = scene();
    other.masks.insert("gt".to_owned(), vec![Picture::from(Map::filled(3, 3, 0u8).expect("valid"))]);
    assert!(refused(any.clone(), other).to_string().contains("gt is [3, 3]"));
    let mut far = scene();
    far.texts = vec![vec![Point::new(f64::NAN, 0.0)]];
    assert!(matches!(refused(any.clone(), far), Error::Outline { list: "texts", index: 0, .. }));
    let mut empty = scene();
    empty.ignored = vec![Vec::new()];
    assert!(matches!(refused(any, empty), Error::Outline { list: "ignored", .. }));
    assert!(matches!(
        NormalizeOcr { mean: vec![0.0; 3], std: vec![0.0; 3] }
            .normalize(&mut ToTensorOcr {}.tensor(&scene().picture)),
        Err(Error::Setup { .. })
    ));
    assert!(warp_crop(&scene().picture, [f64::NAN; 8]).is_err());
    assert!(warp_crop(&scene().picture, [5.0; 8]).is_err());
    assert!(warp_crop(&float().picture, [1.0, 1.0, 9.0, 1.0, 9.0, 9.0, 1.0, 9.0]).is_err());
}

#[test]
fn rectangles_of_characters_stay_upright_and_texts_come_from_samples() {
    let mut scene = Scene::new(Picture::U8(Raster::filled(40, 120, 3, [0; 4]).expect("valid")));
    scene.characters = vec![Character::from_rect("a", [30.0, 10.0, 50.0, 30.0])];
    let rotate = RandomRotateImageBox { min_angle: 9.0, max_angle: 10.0, box_type: CharBoxes::CharRects };
    rotate.apply(&mut scene, &mut generator(1, 1)).expect("turned");
    let [x0, y0, x1, y1] = scene.characters[0].rect();
    assert!(x1 - x0 > 20.0 && y1 - y0 > 20.0 && scene.characters[0].outline[1].y == y0);
    let polygon = Polygon::from_flat(&[1.0, 1.0, 9.0, 1.0, 9.0, 6.0]).expect("valid");
    let mut truth = Page::new(12, 8);
    truth.instances = [false, true]
        .map(|ignore| TextInstance {
            ignore,
            ..TextInstance::new(Region { polygon: polygon.clone(), score: 1.0 })
        })
        .into();
    let scene = Scene::from(&Sample { image: Image::filled(12, 8, [5; 3]).expect("valid"), truth });
    assert_eq!((scene.texts.len(), scene.ignored.len(), scene.picture.size()), (1, 1, [8, 12]));
}
