//! What holds for every recognizer.

mod common;

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};
use common::{formula_weights, gradients, values};
use glyphic_core::{Image, Recognizer, Transcript, from_toml};
use glyphic_graph::{Dim, Session};
use glyphic_nn::checkpoint::{LoadOptions, StateDict, load_into, state_names};
use glyphic_nn::device::cpu;
use glyphic_recognize::LabelKind;
use glyphic_recognize::crnn::{Channels, CrnnConfig, CrnnLossConfig};
use glyphic_recognize::crnn_lite::{CrnnLiteConfig, CrnnLiteLoss};
use glyphic_recognize::nrtr::NrtrConfig;
use glyphic_recognize::robust_scanner::RobustScannerConfig;
use glyphic_recognize::sar::SarConfig;
use glyphic_recognize::{
    BentConfig, DeviceNetwork, Error, LabelConfig, RecognizerConfig, RereadConfig, Search, StepBeam, View,
};
use glyphic_testing::formula;

/// Every model with the variants of its network.
fn configs() -> Vec<(&'static str, RecognizerConfig)> {
    let crnn = CrnnConfig::default();
    let conv =
        CrnnConfig { rnn: false, leaky_relu: true, channels: Channels::Bgr, unknown: true, ..crnn.clone() };
    vec![
        ("crnn", RecognizerConfig::Crnn(crnn)),
        ("crnn_conv", RecognizerConfig::Crnn(conv)),
        ("crnn_lite", RecognizerConfig::CrnnLite(CrnnLiteConfig::default())),
    ]
}

/// Small networks that write class by class.
fn step_configs() -> Vec<(&'static str, RecognizerConfig)> {
    let labels = LabelConfig { characters: "abc1".to_owned(), max_length: 6, ..LabelConfig::default() };
    let channels = [4, 5, 6, 7, 8, 9];
    let sar =
        SarConfig { labels: labels.clone(), channels, features: 10, attention: 11, ..Default::default() };
    let beam =
        SarConfig { search: Search::Beam(StepBeam { width: 3, ..StepBeam::default() }), ..sar.clone() };
    let nrtr = NrtrConfig {
        labels: labels.clone(),
        channels: [4, 5, 6, 7, 8],
        layers: 2,
        model: 12,
        inner: 10,
        heads: 3,
        ..NrtrConfig::default()
    };
    let robust = RobustScannerConfig { labels, channels, features: 10, ..Default::default() };
    vec![
        ("sar", sar.into()),
        ("sar_beam", beam.into()),
        ("nrtr", nrtr.into()),
        ("robust_scanner", robust.into()),
    ]
}

fn all_configs() -> Vec<(&'static str, RecognizerConfig)> {
    configs().into_iter().chain(step_configs()).collect()
}

fn names(config: &RecognizerConfig) -> Vec<(String, Vec<usize>)> {
    config.state_names().unwrap()
}

fn weights(config: &RecognizerConfig) -> StateDict {
    let (mut dict, own) = (StateDict::new(), config.fresh_weights().unwrap());
    let end = config.vocab().unwrap().special(glyphic_core::Symbol::Start);
    for (name, shape) in names(config) {
        // What is computed and not learnt stays.
        let mut values = formula::weight("", &name, &shape).unwrap_or_else(|| own.get(&name).unwrap().data);
        // No text ends at once.
        if let (Some(end), "decoder.prediction.bias" | "decoder.classifier.bias") = (end, name.as_str()) {
            values[end] = -10.0;
        }
        // Livelier classes, so that something is read.
        if name.starts_with("classifier") || name.starts_with("decoder.decoder") {
            values.iter_mut().for_each(|v| *v *= 4.0);
        }
        dict.insert(name, &shape, &values);
    }
    dict
}

fn crop(width: u32, height: u32, seed: u64) -> Image {
    let noise = formula::Stream::new(seed).take((width * height * 3) as usize);
    Image::from_rgb(width, height, noise.map(|v| (v * 127.0 + 128.0) as u8).collect()).unwrap()
}

#[test]
fn state_dict_names_are_those_of_the_checkpoints() {
    for (name, config) in configs() {
        let text: String = names(&config).iter().map(|(name, shape)| format!("{name} {shape:?}\n")).collect();
        insta::assert_snapshot!(name, text);
    }
}

#[test]
fn resolved_configurations_read_back_and_reject_typos() {
    for (name, config) in all_configs() {
        let text = toml::to_string(&config).unwrap();
        assert_eq!(from_toml::<RecognizerConfig>(&text).unwrap(), config, "{name}");
    }
    assert!(from_toml::<RecognizerConfig>("[crnn_lite]\nmax_widht = 3").is_err());
    assert!(from_toml::<RecognizerConfig>("[crnn.resize]\nheigth = 3").is_err());
    assert!(from_toml::<RecognizerConfig>("[crnnlite]").is_err());
}

#[test]
fn configurations_that_make_no_network_are_refused_with_the_field() {
    let lite = CrnnLiteConfig::default();
    let crnn = CrnnConfig::default();
    let lite = |change: fn(&mut CrnnLiteConfig)| {
        let mut config = lite.clone();
        change(&mut config);
        RecognizerConfig::CrnnLite(config)
    };
    let crnn = |change: fn(&mut CrnnConfig)| {
        let mut config = crnn.clone();
        change(&mut config);
        RecognizerConfig::Crnn(config)
    };
    for (field, config) in [
        ("characters", lite(|c| c.characters.clear())),
        ("stem", lite(|c| c.stem = 0)),
        ("stages", lite(|c| c.stages[1] = 0)),
        ("mix", lite(|c| c.mix = 0)),
        ("max_width", lite(|c| c.max_width = 7)),
        ("characters", crnn(|c| c.characters.clear())),
        ("resize.height", crnn(|c| c.resize.height = 48)),
        ("resize.max_width", crnn(|c| c.resize.keep_aspect_ratio = false)),
        ("resize.max_width", crnn(|c| c.resize.max_width = Some(1 << 27))),
        ("resize.max_width", crnn(|c| c.resize.max_width = Some(0))),
        ("resize.min_width", crnn(|c| c.resize.min_width = Some(8193))),
        ("resize.min_width", crnn(|c| (c.resize.min_width, c.resize.max_width) = (Some(200), Some(100)))),
        ("resize.width_divisor", crnn(|c| c.resize.width_divisor = 0)),
        ("max_width", lite(|c| c.max_width = 1 << 27)),
        ("mix", lite(|c| c.mix = 1 << 27)),
        ("mean", crnn(|c| c.mean = vec![0.0; 2])),
        ("std", crnn(|c| c.std = vec![0.0])),
    ] {
        match config.build(&StateDict::new(), None, &cpu()) {
            Err(Error::Config { field: found, .. }) => assert_eq!(found, field),
            Err(other) => panic!("{field}: {other}"),
            Ok(_) => panic!("{field}: built"),
        }
    }
    let error = crnn(|c| c.resize.max_width = Some(0)).validate().unwrap_err().to_string();
    assert_eq!(error, "invalid crnn.resize.max_width = 0; expected 1 to 8192");
    assert!(matches!(
        lite(|c| c.characters = "aba".to_owned()).build(&StateDict::new(), None, &cpu()),
        Err(Error::Core(_))
    ));
}

#[test]
fn weights_load_strictly() {
    for (name, config) in all_configs() {
        let all = weights(&config);
        config.build(&all, None, &cpu()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let first = all.names().next().unwrap().to_owned();
        let missing = all.clone().rename(|n| (n != first).then(|| n.to_owned()));
        let Err(Error::Weights(error)) = config.build(&missing, None, &cpu()) else {
            panic!("{name}: built")
        };
        assert!(error.to_string().contains(&first), "{error}");
        let mut unused = all.clone();
        unused.insert("extra.weight", &[1], &[0.0]);
        let Err(Error::Weights(error)) = config.build(&unused, None, &cpu()) else { panic!("{name}: built") };
        assert!(error.to_string().contains("extra.weight"), "{error}");
    }
}

/// Crops of many sizes, some of equal padded width, in no order.
fn crops() -> Vec<Image> {
    [
        (90, 30),
        (40, 64),
        (300, 41),
        (91, 30),
        (8, 8),
        (1, 40),
        (700, 25),
        (92, 31),
        (64, 32),
        (88, 30),
        (3, 1),
        (3000, 20),
    ]
    .into_iter()
    .enumerate()
    .map(|(i, (w, h))| crop(w, h, i as u64))
    .collect()
}

fn read(recognizer: &dyn Recognizer, crops: &[Image]) -> Vec<Transcript> {
    let read = recognizer.recognize(crops).unwrap();
    assert_eq!(read.len(), crops.len());
    read
}

#[test]
fn a_result_depends_on_its_crop_alone_with_one_thread_and_with_two() {
    for (name, config) in all_configs() {
        let recognizer = config.build(&weights(&config), None, &cpu()).unwrap();
        let crops = crops();
        let together = read(&*recognizer, &crops);
        assert!(together.iter().any(|t| t.text.chars().count() > 3), "{name} reads nothing: {together:?}");
        let alone: Vec<Transcript> =
            crops.iter().map(|c| read(&*recognizer, std::slice::from_ref(c)).remove(0)).collect();
        for (together, alone) in together.iter().zip(&alone) {
            assert_eq!(together, alone, "{name}");
        }
        for threads in [1, 2] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(|| read(&*recognizer, &crops)), together, "{name}, {threads} threads");
        }
        for transcript in &together {
            assert!((0.0..=1.0).contains(&transcript.score));
            assert_eq!(transcript.text, transcript.chars.iter().map(|c| c.char).collect::<String>());
            assert!(transcript.chars.iter().all(|c| 0.0 <= c.start && c.start <= c.end && c.end <= 1.0));
        }
        assert!(read(&*recognizer, &[]).is_empty());
    }
}

#[test]
fn vertical_crops_are_turned_only_where_configured() {
    // Fresh weights are never sure, and other views of a crop are not what is asked here.
    let once = RereadConfig { below: 0.0, ..RereadConfig::default() };
    let config =
        |turn_vertical| CrnnLiteConfig { turn_vertical, reread: once.clone(), ..CrnnLiteConfig::default() };
    let [upright, turned] = [false, true].map(|turn| RecognizerConfig::CrnnLite(config(turn)));
    let weights = weights(&upright);
    let (upright, turned) =
        (upright.build(&weights, None, &cpu()).unwrap(), turned.build(&weights, None, &cpu()).unwrap());
    let (tall, square) = (crop(20, 100, 1), crop(40, 40, 2));
    let crops = [tall.clone(), square];
    let (plain, best) = (read(&*upright, &crops), read(&*turned, &crops));
    assert_eq!(plain[1], best[1], "a square crop is not vertical");
    let left = glyphic_imgproc::rotate(&tall, glyphic_imgproc::QuarterTurn::CounterClockwise);
    let right = glyphic_imgproc::rotate(&tall, glyphic_imgproc::QuarterTurn::Clockwise);
    let mut all = read(&*upright, &[tall, left, right]);
    all.sort_by(|a, b| b.score.total_cmp(&a.score));
    assert_eq!(best[0], all[0]);
}

#[test]
fn unsure_crops_are_read_again_and_the_surest_view_counts() {
    let config = |reread| RecognizerConfig::CrnnLite(CrnnLiteConfig { reread, ..CrnnLiteConfig::default() });
    let view = |stretch, rows, columns| View { stretch, rows, columns };
    let views = vec![view(1.25, 0.0, 0.0), view(1.0, 0.1, 0.2), view(1.0, -0.1, 0.0)];
    let weights = weights(&config(RereadConfig::default()));
    let reader = |below, views: &[View]| {
        let bent = BentConfig { spans: vec![], ..BentConfig::default() };
        let reread = RereadConfig { below, views: views.to_vec(), bent };
        config(reread).build(&weights, None, &cpu()).unwrap()
    };
    let crops = [crop(120, 30, 1), crop(64, 20, 2), crop(1, 1, 3), crop(300, 40, 4)];
    let once = read(&*reader(0.0, &views), &crops);
    let all = read(&*reader(1.0, &views), &crops);
    // Each view alone is at most as sure as all together, and one of them is what counts.
    let single: Vec<_> = views.iter().map(|view| read(&*reader(1.0, &[*view]), &crops)).collect();
    for (i, best) in all.iter().enumerate() {
        let scores = single.iter().map(|read| read[i].score).chain([once[i].score]);
        assert_eq!(best.score, scores.fold(0.0, f32::max), "crop {i}");
        assert!(
            best.chars.iter().all(|c| (0.0..=1.0).contains(&c.start) && c.start <= c.end && c.end <= 1.0)
        );
    }
    assert!(all.iter().zip(&once).any(|(all, once)| all.score > once.score), "a view is surer somewhere");
    // Those that are sure enough are left alone, and batches change nothing.
    let least = once.iter().map(|read| read.score).fold(1.0, f32::min);
    assert_eq!(read(&*reader(least, &views), &crops), once);
    for (crop, read_in_batch) in crops.iter().zip(&all) {
        assert_eq!(&read(&*reader(1.0, &views), std::slice::from_ref(crop))[0], read_in_batch);
    }
}

#[test]
fn unsure_crops_are_read_straightened_where_that_is_sure_enough() {
    let weights = weights(&RecognizerConfig::CrnnLite(CrnnLiteConfig::default()));
    let reader = |below, least| {
        let bent = BentConfig { least, ..BentConfig::default() };
        let reread = RereadConfig { below, views: vec![], bent };
        let config = CrnnLiteConfig { reread, ..CrnnLiteConfig::default() };
        RecognizerConfig::CrnnLite(config).build(&weights, None, &cpu()).unwrap()
    };
    let crops: Vec<_> =
        (0..12).map(|i| crop(20 + 7 * i, 40, u64::from(i))).chain([crop(300, 40, 4)]).collect();
    let once = read(&*reader(0.0, 0.0), &crops);
    let best = read(&*reader(1.0, 0.0), &crops);
    assert!(best.iter().zip(&once).all(|(best, once)| best.score >= once.score));
    assert!(best.iter().zip(&once).any(|(best, once)| best.score > once.score));
    assert_eq!(best[12], once[12], "a line is not bent");
    for read in &best {
        assert!(
            read.chars.iter().all(|c| (0.0..=1.0).contains(&c.start) && c.start <= c.end && c.end <= 1.0)
        );
    }
    assert_eq!(read(&*reader(1.0, 1.0), &crops), once, "none is as sure");
    for (crop, read_in_batch) in crops.iter().zip(&best) {
        assert_eq!(&read(&*reader(1.0, 0.0), std::slice::from_ref(crop))[0], read_in_batch);
    }
}

/// The network's input of a size, any numbers.
fn input(channels: usize, batch: usize, width: usize) -> Tensor<4> {
    let shape = [batch, channels, 32, width];
    let values = formula::values("", "input:graph", shape.iter().product(), 1.0);
    Tensor::from_data(TensorData::new(values, shape), &cpu())
}

fn run(session: &Session, x: &Tensor<4>) -> Vec<f32> {
    let x = glyphic_graph::Tensor::from_f32(&x.dims(), values(x.clone())).unwrap();
    session.run(&[("image", x)]).unwrap().remove(0).into_f32().unwrap()
}

#[test]
fn graphs_compute_what_the_networks_do_at_every_size_and_batch() {
    for (name, config) in configs() {
        let weights = weights(&config);
        let graph = config.graph(&weights).unwrap();
        let Some([_, Dim::Known(channels), _, _]) = graph.inputs[0].shape.as_deref() else {
            panic!("{name}")
        };
        let channels = *channels;
        let session = Session::new(graph).unwrap();
        let DeviceNetwork::Whole(forward) = config.device_network(&weights, &cpu()).unwrap() else {
            continue;
        };
        for (batch, width) in [(1, 32), (3, 64), (2, 100)] {
            let x = input(channels, batch, width);
            let expected = forward(x.clone());
            let largest = expected.clone().abs().max().into_scalar::<f32>().max(1.0);
            let scores = run(&session, &x);
            assert_eq!(scores.len(), expected.shape().num_elements(), "{name}");
            for (a, b) in scores.iter().zip(values(expected)) {
                assert!((a - b).abs() < 1e-4 * largest, "{name} {batch} {width}: {a} and {b}");
            }
            let one = scores.len() / batch;
            for n in 0..batch {
                let alone = run(&session, &x.clone().narrow(0, n, 1));
                assert_eq!(alone, scores[n * one..(n + 1) * one], "{name}: a crop's neighbours change it");
            }
        }
    }
}

#[test]
fn graphs_hold_the_whole_state_dict() {
    for (name, config) in all_configs() {
        let weights = weights(&config);
        let graph = config.graph(&weights).unwrap();
        for (weight, shape) in config.state_names().unwrap() {
            let value = graph.named(&weight).unwrap_or_else(|| panic!("{name}: {weight}"));
            assert_eq!(graph.constants[&value].shape(), shape, "{name}: {weight}");
            assert_eq!(graph.constants[&value].as_f32().unwrap(), weights.get(&weight).unwrap().data);
        }
    }
}

#[test]
fn a_graph_of_another_network_is_refused() {
    let lite = RecognizerConfig::CrnnLite(CrnnLiteConfig::default());
    let crnn = RecognizerConfig::Crnn(CrnnConfig { characters: "ab".to_owned(), ..CrnnConfig::default() });
    let other = lite.from_graph(&crnn.graph(&weights(&crnn)).unwrap(), None).unwrap();
    let error = other.recognize(&[crop(40, 32, 1)]).unwrap_err().to_string();
    assert!(error.contains("image"), "{error}");
}

/// Biases in front of a batch norm, which takes them away again.
const WITHOUT_EFFECT: [&str; 3] =
    ["backbone.cnn.conv2.bias", "backbone.cnn.conv4.bias", "backbone.cnn.conv6.bias"];

/// Every parameter has a gradient that is finite and, somewhere, not 0.
fn assert_learns<M: Module>(net: &M, loss: Tensor<1>) {
    let value = values(loss.clone())[0];
    assert!(value.is_finite() && value > 0.0, "{value}");
    let found = gradients(net, &loss.backward());
    for (name, _) in state_names(net).iter().filter(|(name, _)| !name.contains("running_")) {
        let gradient = found.get(name).unwrap_or_else(|| panic!("{name} has no gradient"));
        assert!(gradient.iter().all(|g| g.is_finite()), "{name}");
        assert!(WITHOUT_EFFECT.contains(&name.as_str()) || gradient.iter().any(|&g| g != 0.0), "{name}");
    }
}

#[test]
fn every_parameter_learns() {
    let device = cpu().autodiff();
    for (_, config) in configs() {
        let codec = glyphic_recognize::CtcCodec::new(config.vocab().unwrap()).unwrap();
        let labels = vec![codec.encode("ab1").unwrap(), codec.encode("zz").unwrap()];
        let input = |channels: usize| {
            let values = formula::values("", "input:learn", 2 * channels * 32 * 64, 1.0);
            Tensor::<4>::from_data(TensorData::new(values, [2, channels, 32, 64]), &device)
        };
        let classes = codec.vocab().len();
        match config {
            RecognizerConfig::Crnn(c) => {
                let mut net = c.init(classes, &device);
                let weights = formula_weights(&net);
                load_into(&mut net, &weights, &LoadOptions::default()).unwrap();
                let logits = net.forward(input(c.channels.count()));
                assert_learns(&net, CrnnLossConfig::default().forward(logits, &labels, &[1.0, 0.5]).unwrap());
            }
            RecognizerConfig::CrnnLite(c) => {
                let mut net = c.init(classes, &device);
                let weights = formula_weights(&net);
                load_into(&mut net, &weights, &LoadOptions::default()).unwrap();
                let loss = CrnnLiteLoss::new(codec.vocab()).unwrap();
                let kinds = [LabelKind::Exact, LabelKind::IgnoreCase];
                let logits = net.forward(input(3));
                let steps = vec![logits.dims()[1]; 2];
                assert_learns(&net, loss.forward(logits, &labels, &steps, &kinds).unwrap());
            }
            // Those that write class by class stand in `attention`.
            _ => {}
        }
    }
}

/// What stands in the padding, which is not read, is not learnt from.
#[test]
fn training_reads_the_time_steps_that_are_read_in_use() {
    let config = CrnnLiteConfig::default();
    for (content, padded, steps) in [(100, 128, 26), (101, 128, 27), (120, 128, 31), (8, 32, 3), (24, 32, 7)]
    {
        assert_eq!(config.steps(content, padded), steps, "{content} of {padded}");
    }
    let codec = config.codec().unwrap();
    let loss = CrnnLiteLoss::new(codec.vocab()).unwrap();
    let classes = codec.vocab().len();
    let cost = |padding: &str| {
        let mut logits = formula::values("", "input:steps", 32 * classes, 3.0);
        logits[26 * classes..].copy_from_slice(&formula::values("", padding, 6 * classes, 3.0));
        let logits = Tensor::<3>::from_data(TensorData::new(logits, [1, 32, classes]), &cpu());
        let label = codec.encode("Stop").unwrap();
        values(loss.forward(logits, &[label], &[config.steps(100, 128)], &[LabelKind::Exact]).unwrap())[0]
    };
    assert_eq!(cost("input:one"), cost("input:other"));
}

#[test]
fn a_label_whose_case_is_unknown_costs_no_more_than_either() {
    let config = CrnnLiteConfig::default();
    let codec = config.codec().unwrap();
    let loss = CrnnLiteLoss::new(codec.vocab()).unwrap();
    let logits = formula::values("", "input:case", 20 * codec.vocab().len(), 3.0);
    let logits = Tensor::<3>::from_data(TensorData::new(logits, [1, 20, codec.vocab().len()]), &cpu());
    let cost = |text: &str, kind| {
        values(loss.forward(logits.clone(), &[codec.encode(text).unwrap()], &[20], &[kind]).unwrap())[0]
    };
    let free = cost("Stop é", LabelKind::IgnoreCase);
    assert!((free - cost("sTOP É", LabelKind::IgnoreCase)).abs() < 1e-5);
    for text in ["Stop é", "STOP É", "stop é"] {
        assert!(free < cost(text, LabelKind::Exact), "{text}");
    }
    assert!(cost("stop", LabelKind::IgnoreSpaces) < cost("stop", LabelKind::Exact));
    assert!(matches!(
        loss.forward(logits.clone(), &[], &[20], &[LabelKind::Exact]),
        Err(Error::BatchSize { what: "targets", batch: 1, got: 0 })
    ));
    assert!(matches!(
        loss.forward(logits, &[vec![1, 0]], &[20], &[LabelKind::Exact]),
        Err(Error::Target { sample: 0, position: 1, class: 0, .. })
    ));
}

#[test]
fn characters_come_from_a_dictionary_that_is_checked() {
    let folder = std::env::temp_dir().join(format!("glyphic-dictionary-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let open = |content: &str| {
        let path = folder.join("dict.txt");
        std::fs::write(&path, content).unwrap();
        let text = format!("[sar]\nlabels.characters = {{ file = {:?} }}\n", path.display().to_string());
        from_toml::<RecognizerConfig>(&text)
    };
    // An empty line is passed over, a space is a character.
    let RecognizerConfig::Sar(config) = open("a\n\n \nb\n").unwrap() else { panic!("another model") };
    assert_eq!(config.labels.characters, "a b");
    assert_eq!(config.labels.max_length, SarConfig::default().labels.max_length);
    for (content, part) in
        [("a\nb\na\n", "line 1"), ("ab\n", "more than one character"), ("", "no character")]
    {
        let error = open(content).unwrap_err().to_string();
        assert!(error.contains(part), "{content:?}: {error}");
    }
    let missing = from_toml::<RecognizerConfig>("[crnn]\ncharacters = { file = \"/no/such\" }\n");
    assert!(missing.unwrap_err().to_string().contains("/no/such"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn upright_crops_are_read_turned_by_every_model_that_is_told_to() {
    for (name, config) in step_configs() {
        assert!(config.model().turn_vertical(), "{name}");
        let recognizer = config.build(&weights(&config), None, &cpu()).unwrap();
        let tall = crop(20, 100, 1);
        let turn = |turn| glyphic_imgproc::rotate(&tall, turn);
        let turned = [
            tall.clone(),
            turn(glyphic_imgproc::QuarterTurn::CounterClockwise),
            turn(glyphic_imgproc::QuarterTurn::Clockwise),
        ];
        let best = read(&*recognizer, std::slice::from_ref(&tall)).remove(0);
        let flat = read(&*recognizer, &turned[1..]);
        assert!(flat.iter().all(|read| best.score >= read.score), "{name}");
    }
}

/// MMOCR writes `meta`, `state_dict` and `optimizer`; the file is PyTorch's.
#[test]
fn a_checkpoint_as_mmocr_writes_it_loads_strictly() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/sar_mmocr.pth");
    let checkpoint = glyphic_nn::checkpoint::read(path).unwrap();
    let (_, config) = step_configs().remove(0);
    let recognizer = config.build(&checkpoint, None, &cpu()).unwrap();
    assert_eq!(read(&*recognizer, &[crop(90, 30, 1)]).len(), 1);
    let graph = config.graph(&checkpoint).unwrap();
    let weight = |name: &str| graph.constants[&graph.named(name).unwrap()].as_f32().unwrap().to_vec();
    for name in ["encoder.linear.weight", "decoder.prediction.weight", "backbone.block4.3.conv2.weight"] {
        assert_eq!(weight(name), checkpoint.get(name).unwrap().data, "{name}");
    }
    let without = checkpoint.clone().rename(|n| (n != "decoder.embedding.weight").then(|| n.to_owned()));
    let Err(Error::Weights(error)) = config.build(&without, None, &cpu()) else { panic!("built") };
    assert!(error.to_string().contains("decoder.embedding.weight"), "{error}");
    let (_, other) = step_configs().remove(3);
    let Err(Error::Weights(error)) = other.build(&checkpoint, None, &cpu()) else { panic!("built") };
    assert!(error.to_string().contains("decoder.fusion_module.linear_layer.weight"), "{error}");
}
