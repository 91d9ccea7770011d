//! What holds for every detector: it builds, runs both ways, loads strictly, and its quick path equals its network.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Distribution, Gradients, Tensor, TensorData};
use glyphic_core::{Detector, Image, from_toml};
use glyphic_detect::dbnet::{DbBackbone, DbLevel, DbLite, DbResnet, DbTargets, DbUnclip, DbZoom, Depth};
use glyphic_detect::{DbNetConfig, DbNetDetector, DetectorConfig, Error};
use glyphic_nn::checkpoint::{StateDict, state_names};
use glyphic_nn::device::cpu;
use glyphic_testing::formula;

fn bottlenecks() -> DbNetConfig {
    let backbone = DbResnet { depth: Depth::D50, ..DbResnet::default() };
    DbNetConfig { backbone: DbBackbone::Resnet(backbone), ..DbNetConfig::default() }
}

fn configs() -> [(&'static str, DbNetConfig); 3] {
    [("r18", DbNetConfig::default()), ("r50", bottlenecks()), ("lite", DbNetConfig::lite())]
}

/// Formula weights for every name of the network. The head's last layers are damped, so that maps are not saturated.
fn weights(config: &DbNetConfig) -> StateDict {
    let mut dict = StateDict::new();
    for (name, shape) in state_names(&config.init(&cpu())) {
        // The formula knows no modulation; any numbers will do.
        let modulation =
            || (0..shape.iter().product::<usize>()).map(|i| 0.1 * (i % 7) as f32 - 0.3).collect();
        let mut values = formula::weight("", &name, &shape).unwrap_or_else(modulation);
        if name.starts_with("bbox_head") && name.contains(".6.") {
            values.iter_mut().for_each(|v| *v *= 0.06);
        }
        dict.insert(name, &shape, &values);
    }
    dict
}

fn detector(config: &DbNetConfig) -> DbNetDetector {
    DbNetDetector::new(config.clone(), &weights(config), &cpu()).unwrap()
}

/// A picture with structure at every size.
fn picture(width: u32, height: u32) -> Image {
    let pixel = |x: u32, y: u32| {
        let checks = if (x / 16 + y / 12).is_multiple_of(2) { 200 } else { 30 };
        [checks as u8, (x * 255 / width) as u8, ((x * 7 + y * 13) % 256) as u8]
    };
    let rgb = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    Image::from_rgb(width, height, rgb).unwrap()
}

/// The network's input by definition, `[1, 3, H, W]`, for a picture that is not scaled.
fn input(config: &DbNetConfig, image: &Image) -> Tensor<4> {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let (padded_width, padded_height) = (width.next_multiple_of(32), height.next_multiple_of(32));
    let mut values = vec![0.0f32; 3 * padded_width * padded_height];
    for c in 0..3 {
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let v = f32::from(image.pixel(x as u32, y as u32)[c]);
            values[(c * padded_height + y) * padded_width + x] =
                (v - config.input.mean[c]) / config.input.std[c];
        }
    }
    Tensor::from_data(TensorData::new(values, [1, 3, padded_height, padded_width]), &cpu())
}

#[test]
fn the_quick_path_equals_the_network() {
    let at = |level| ("lite", DbNetConfig { level: Some(level), ..DbNetConfig::lite() });
    for (name, mut config) in configs().into_iter().chain([DbLevel::Word, DbLevel::Line].map(at)) {
        let level = config.level.unwrap_or_default();
        config.input.resize.enlarge = false;
        config.zoom = DbZoom::default();
        let image = picture(150, 90);
        let map = detector(&config).probability_map(&image).unwrap();
        assert_eq!((map.values.width(), map.values.height(), map.scale), (150, 90, [1.0, 1.0]), "{name}");

        let mut network = config.init(&cpu());
        glyphic_nn::checkpoint::load_into(&mut network, &weights(&config), &Default::default()).unwrap();
        let x = input(&config, &image);
        let probabilities = network.probabilities(x.clone(), level, false).unwrap();
        assert_eq!(probabilities.dims(), [1, 1, 96, 160], "{name}");
        let line = match (level, network.classify_level(&network.features(x.clone()))) {
            (DbLevel::Auto, Some(logit)) => logit.into_scalar::<f32>() > 0.0,
            (level, _) => level == DbLevel::Line,
        };
        let line = Tensor::full([1], f32::from(u8::from(line)), &cpu());
        let maps = network.forward(x, Some(&line));
        let expected: Vec<f32> = probabilities.into_data().iter::<f32>().collect();
        let trained: Vec<f32> = maps.prob.into_data().iter::<f32>().collect();
        assert_eq!(expected, trained, "{name}: training and inference see different maps");
        let mut largest: f32 = 0.0;
        for y in 0..90 {
            for x in 0..150 {
                largest = largest.max((map.values.at(x, y) - expected[y * 160 + x]).abs());
            }
        }
        let spread = expected.iter().fold((1.0f32, 0.0f32), |(l, h), v| (l.min(*v), h.max(*v)));
        assert!(spread.1 - spread.0 > 0.1, "{name}: the map is flat, {spread:?}");
        assert!(largest < 1e-4, "{name}: off by {largest}");
    }
}

#[test]
fn words_and_lines_are_different_maps_of_which_the_network_chooses_one() {
    let map = |level| {
        let config = DbNetConfig { level: Some(level), zoom: DbZoom::default(), ..DbNetConfig::lite() };
        let detector = detector(&config);
        detector.probability_map(&picture(150, 90)).unwrap().values
    };
    let [auto, word, line] = [DbLevel::Auto, DbLevel::Word, DbLevel::Line].map(map);
    assert_ne!(word.data(), line.data());
    assert!(auto.data() == word.data() || auto.data() == line.data());
}

#[test]
fn words_and_low_lines_are_looked_at_larger() {
    let words = DbZoom { words: 1.5, ..DbZoom::default() };
    // Untrained weights find regions of some height that is below the largest allowed.
    let low_lines = DbZoom { line_height: 1024.0, max_scale: 2.0, ..words };
    let table = [
        (DbLevel::Word, words, (225, 135)),
        (DbLevel::Word, low_lines, (225, 135)),
        (DbLevel::Line, words, (150, 90)),
        (DbLevel::Line, low_lines, (300, 180)),
    ];
    for (level, zoom, size) in table {
        let mut config = DbNetConfig { level: Some(level), zoom, ..DbNetConfig::lite() };
        config.decode.min_score = 0.3;
        config.line_min_score = None;
        let map = detector(&config).probability_map(&picture(150, 90)).unwrap();
        assert_eq!((map.values.width(), map.values.height()), size, "{level:?} {zoom:?}");
        assert_eq!(map.scale, [150.0 / size.0 as f64, 90.0 / size.1 as f64]);
    }
}

#[test]
fn lines_have_a_threshold_of_their_own() {
    let found = |level, line_min_score| {
        let config = DbNetConfig {
            level: Some(level),
            line_min_score,
            zoom: DbZoom::default(),
            ..DbNetConfig::lite()
        };
        detector(&config).detect(&[picture(200, 140)]).unwrap().remove(0).len()
    };
    assert_eq!(
        (found(DbLevel::Line, None), found(DbLevel::Line, Some(0.99))),
        (0, 0),
        "nothing is that sure"
    );
    assert!(found(DbLevel::Line, Some(0.2)) > 0);
    assert_eq!(found(DbLevel::Word, Some(0.2)), 0, "words keep theirs");
    let wrong = |config: DbNetConfig| config.validate().unwrap_err().to_string();
    let error = wrong(DbNetConfig { line_min_score: Some(1.5), ..DbNetConfig::lite() });
    assert!(error.contains("line_min_score") && error.contains("0 to 1"), "{error}");
    let error = wrong(DbNetConfig { line_min_score: Some(0.5), ..DbNetConfig::default() });
    assert!(error.contains("line_min_score") && error.contains("level"), "{error}");
}

#[test]
fn a_zoom_that_cannot_be_is_an_error() {
    let zooms = [
        DbZoom { words: 0.0, ..DbZoom::default() },
        DbZoom { line_height: -1.0, ..DbZoom::default() },
        DbZoom { line_height: f64::NAN, ..DbZoom::default() },
        DbZoom { max_scale: 9.0, ..DbZoom::default() },
    ];
    for zoom in zooms {
        let error = DbNetConfig { zoom, ..DbNetConfig::lite() }.validate().unwrap_err().to_string();
        assert!(error.contains("zoom."), "{error}");
    }
    let error = DbNetConfig { level: None, ..DbNetConfig::lite() }.validate().unwrap_err().to_string();
    assert!(error.contains("zoom.words") && error.contains("level"), "{error}");
}

#[test]
fn neither_the_batch_nor_the_threads_change_a_result() {
    // Untrained weights are not sure of anything.
    let mut config = DbNetConfig::lite();
    config.decode.min_score = 0.3;
    let detector = detector(&config);
    let images = [picture(200, 140), picture(64, 300), picture(200, 140)];
    let in_pool = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| detector.detect(&images).unwrap())
    };
    let one = in_pool(1);
    assert!(one.iter().any(|regions| !regions.is_empty()), "nothing is found, so nothing is compared");
    assert_eq!(one, in_pool(2));
    assert_eq!(one, in_pool(5));
    for (image, regions) in images.iter().zip(&one) {
        assert_eq!(&detector.detect(std::slice::from_ref(image)).unwrap()[0], regions);
    }
    assert!(detector.detect(&[]).unwrap().is_empty());
}

#[test]
fn pictures_of_any_shape_are_looked_at() {
    let detector = detector(&DbNetConfig::lite());
    for (width, height) in [(1, 1), (1, 500), (3000, 2), (33, 31), (2000, 1500)] {
        let map = detector.probability_map(&picture(width, height)).unwrap();
        assert!(map.values.data().iter().all(|p| (0.0..=1.0).contains(p)), "{width}x{height}");
        let covered = map.values.width() as f64 * map.scale[0];
        assert!((covered - f64::from(width)).abs() < 1e-6, "{width}x{height}: {covered}");
    }
}

struct Gradless<'a> {
    grads: &'a Gradients,
    missing: usize,
}

impl ModuleVisitor for Gradless<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let value = param.val();
        if value.is_require_grad() && value.grad(self.grads).is_none() {
            self.missing += 1;
        }
    }
}

#[test]
fn every_network_trains_on_all_its_weights() {
    for (name, config) in configs() {
        let device = cpu().autodiff();
        let network = config.init(&device);
        let x = Tensor::random([2, 3, 64, 96], Distribution::Uniform(-1.0, 1.0), &device);
        let line = Tensor::<1>::from_floats([0.0, 1.0], &device);
        let maps = network.forward(x, Some(&line));
        let text = Tensor::<3>::ones([2, 20, 40], &device).pad((10, 46, 20, 24), 0.0f32);
        let all = Tensor::<3>::ones([2, 64, 96], &device);
        let targets = DbTargets {
            shrink: text,
            shrink_mask: all.clone(),
            threshold: all.clone() * 0.5,
            threshold_mask: all,
            level: Some(line),
        };
        let loss = config.loss.forward(&maps, &targets).total();
        let value = loss.clone().into_scalar::<f32>();
        assert!(value.is_finite() && value > 0.0, "{name}: {value}");
        let grads = loss.backward();
        let mut visitor = Gradless { grads: &grads, missing: 0 };
        network.visit(&mut visitor);
        assert_eq!(visitor.missing, 0, "{name}");
    }
}

#[test]
fn weights_load_whole_or_not_at_all() {
    let config = DbNetConfig::lite();
    let build = |weights: &StateDict| DetectorConfig::DbnetLite(config.clone()).build(weights, &cpu());
    let whole = weights(&config);
    assert!(build(&whole).is_ok());
    let message = |weights: StateDict| match build(&weights) {
        Err(e @ Error::Weights(_)) => e.to_string(),
        Err(e) => panic!("another error: {e}"),
        Ok(_) => panic!("it was built"),
    };
    let missing = whole.clone().rename(|n| (n != "neck.smooth_convs.2.conv.weight").then(|| n.to_owned()));
    assert!(message(missing).contains("neck.smooth_convs.2.conv.weight"));
    let mut unused = whole.clone();
    unused.insert("bbox_head.binarize.7.weight", &[1], &[0.0]);
    assert!(message(unused).contains("bbox_head.binarize.7.weight"));
    let mut mis_shaped = whole;
    mis_shaped.insert("backbone.stem.0.bn.bias", &[17], &[0.0; 17]);
    assert!(message(mis_shaped).contains("[17]"));
}

#[test]
fn the_default_detector_has_these_names() {
    let network = DbNetConfig::lite().init(&cpu());
    let names: Vec<String> =
        state_names(&network).into_iter().map(|(name, shape)| format!("{name} {shape:?}")).collect();
    insta::assert_snapshot!(names.join("\n"));
}

#[test]
fn the_default_detector_is_small() {
    let names = state_names(&DbNetConfig::lite().init(&cpu()));
    let learned = names.iter().filter(|(name, _)| !name.contains(".running_"));
    assert_eq!(learned.map(|(_, shape)| shape.iter().product::<usize>()).sum::<usize>(), 540_939);
}

#[test]
fn the_default_configuration_is_this() {
    insta::assert_snapshot!(toml::to_string(&DetectorConfig::default()).unwrap());
}

#[test]
fn configurations_survive_a_file() {
    for (name, config) in configs() {
        let config = DetectorConfig::Dbnet(config);
        let text = toml::to_string(&config).unwrap();
        assert_eq!(from_toml::<DetectorConfig>(&text).unwrap(), config, "{name}:\n{text}");
    }
}

#[test]
fn a_file_says_only_what_differs_and_typos_are_found() {
    let text = "[dbnet.decode]\nmin_score = 0.5\noutline = \"polygon\"\nunclip = { ratio = 2.0 }\n";
    let DetectorConfig::Dbnet(config) = from_toml(text).unwrap() else { panic!("another model") };
    assert_eq!(config.backbone, DbBackbone::default());
    assert_eq!(config.decode.min_score, 0.5);
    for (text, place) in [
        ("[dbnet.decode]\nmin_scor = 0.5\n", "min_scor"),
        ("[dbnet.backbone.resnet]\ndepth = \"19\"\n", "19"),
        ("[dbnet.backbone.vit]\n", "vit"),
        ("[dbnett]\n", "dbnett"),
    ] {
        let error = from_toml::<DetectorConfig>(text).unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    }
}

#[test]
fn a_key_set_inside_a_model_changes_that_key_and_nothing_else() {
    let text = "[dbnet_lite]\ndecode.min_score = 0.5\nneck.out_channels = 16\ninput.resize.long_side = 640\n";
    let mut expected = DbNetConfig::lite();
    expected.decode.min_score = 0.5;
    expected.neck.out_channels = 16;
    expected.input.resize.long_side = 640;
    assert_eq!(from_toml::<DetectorConfig>(text).unwrap(), DetectorConfig::DbnetLite(expected));
    let text = "[dbnet_lite]\ndecode.unclip.ratio = 1.5\nbackbone.lite.fine = 2\n";
    let mut expected = DbNetConfig::lite();
    expected.decode.unclip = DbUnclip::Ratio(1.5);
    expected.backbone = DbBackbone::Lite(DbLite { fine: 2, ..DbLite::default() });
    assert_eq!(from_toml::<DetectorConfig>(text).unwrap(), DetectorConfig::DbnetLite(expected));
    let error = from_toml::<DetectorConfig>("[dbnet_lite]\n[dbnet_lite.neck]\n\nout = 3\n").unwrap_err();
    assert!(error.to_string().contains("line 4"), "{error}");
}

#[test]
fn values_that_make_no_detector_are_refused() {
    type Change = fn(&mut DbNetConfig);
    let table: [(&str, Change); 7] = [
        ("input.resize", |c| c.input.resize.long_side = 0),
        ("input.std", |c| c.input.std[1] = 0.0),
        ("input.mean", |c| c.input.mean[2] = f32::NAN),
        ("decode.min_score", |c| c.decode.min_score = 1.5),
        ("decode.mask_threshold", |c| c.decode.mask_threshold = f32::NAN),
        ("neck.out_channels", |c| c.neck.out_channels = 0),
        ("loss.alpha", |c| c.loss.alpha = -1.0),
    ];
    for (expected, change) in table {
        let mut config = DbNetConfig::lite();
        change(&mut config);
        match DbNetDetector::new(config, &StateDict::new(), &cpu()).err() {
            Some(Error::Config { field, .. }) => assert_eq!(field, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}
