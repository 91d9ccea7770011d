//! A run that is killed and started again ends with the very weights of one that was not.

use std::fs;
use std::path::Path;

use glyphic_core::Image;
use glyphic_detect::panet::targets::PanetTargets;
use glyphic_detect::{DbNetConfig, DetectorConfig, PanNetConfig};
use glyphic_nn::checkpoint;
use glyphic_recognize::abinet::AbinetConfig;
use glyphic_recognize::aster::AsterConfig;
use glyphic_recognize::crnn::CrnnConfig;
use glyphic_recognize::crnn_lite::CrnnLiteConfig;
use glyphic_recognize::master::MasterConfig;
use glyphic_recognize::nrtr::{NrtrBackbone, NrtrConfig};
use glyphic_recognize::parseq::ParseqConfig;
use glyphic_recognize::robust_scanner::RobustScannerConfig;
use glyphic_recognize::sar::SarConfig;
use glyphic_recognize::satrn::SatrnConfig;
use glyphic_recognize::seg::SegConfig;
use glyphic_recognize::svtr::SvtrConfig;
use glyphic_recognize::{LabelConfig, RecognizerConfig};
use glyphic_train::{Batches, LogRow, ModelConfig, Observer, Optimizer, TrainConfig, train};

fn assert_same_weights(a: &Path, b: &Path) {
    let read = |run: &Path| checkpoint::read(run.join("last.safetensors")).unwrap();
    let (a, b) = (read(a), read(b));
    assert!(a.len() > 10 && a.names().eq(b.names()));
    for name in a.names() {
        assert!(a.get(name).unwrap().data == b.get(name).unwrap().data, "{name} differs");
    }
}

#[derive(Default)]
struct Recorder {
    losses: Vec<f64>,
    rows: Vec<LogRow>,
    messages: Vec<String>,
}

impl Observer for Recorder {
    fn step(&mut self, _step: u64, _steps: u64, loss: f64, _samples_per_second: f64) {
        self.losses.push(loss);
    }

    fn row(&mut self, row: &LogRow) {
        self.rows.push(row.clone());
    }

    fn message(&mut self, text: &str) {
        self.messages.push(text.to_owned());
    }
}

/// Crops of vertical bars: as many as the label has characters, dark for `a`, light for `b`.
fn recognition_pack(folder: &Path) {
    fs::create_dir_all(folder.join("crops")).unwrap();
    let mut labels = String::new();
    for i in 0..24_u32 {
        let text: String = (0..3 + i % 3).map(|k| if (i >> k) & 1 == 0 { 'a' } else { 'b' }).collect();
        let width = 20 * text.len() as u32;
        let mut image = Image::filled(width, 32, [128; 3]).unwrap();
        for (k, c) in text.chars().enumerate() {
            for y in 4..28 {
                for x in 20 * k + 6..20 * k + 14 {
                    let at = (y * width as usize + x) * 3;
                    image.rgb_mut()[at..at + 3].fill(if c == 'a' { 10 } else { 245 });
                }
            }
        }
        image.save(folder.join(format!("crops/{i}.png"))).unwrap();
        labels.push_str(&format!("{i}.png\t{text}\n"));
    }
    fs::write(folder.join("labels.tsv"), labels).unwrap();
}

fn recognition_config(pack: &Path, out: &Path, steps: u64) -> TrainConfig {
    let text = format!(
        r#"
[run]
seed = 3
out = {out:?}
steps = {steps}
workers = 2
log_every = 2
validate_every = 6
checkpoint_every = 3
schedule.warmup_steps = 2
schedule.decay = "constant"

[model.crnn_lite]
characters = "ab"
stem = 4
stages = [4, 6, 8]
mix = 8

[batches]
batch_size = 4
pool = 2

[[train]]
source.pack = {pack:?}

[[validate]]
name = "bars"
pack = {pack:?}
"#
    );
    let path = out.with_extension("toml");
    fs::write(&path, text).unwrap();
    TrainConfig::open(&path).unwrap()
}

#[test]
fn killed_recognition_run_continues_to_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    recognition_pack(&pack);

    let whole = folder.path().join("whole");
    let mut seen = Recorder::default();
    let summary = train(&recognition_config(&pack, &whole, 12), &mut seen).unwrap();
    assert_eq!((summary.steps, summary.samples), (12, 48));
    assert!(seen.losses.iter().all(|l| l.is_finite()));
    assert!(seen.rows.iter().any(|r| r.scores.contains_key("bars/word_acc")));
    assert!(seen.messages[0].contains("24 samples, 24 can be trained on"), "{:?}", seen.messages);

    // The second call finds the checkpoint of the first and does the rest.
    let parts = folder.path().join("parts");
    train(&recognition_config(&pack, &parts, 6), &mut Recorder::default()).unwrap();
    let mut seen = Recorder::default();
    train(&recognition_config(&pack, &parts, 12), &mut seen).unwrap();
    assert!(seen.messages.iter().any(|m| m.contains("resuming from step 6")), "{:?}", seen.messages);
    assert_eq!(seen.losses.len(), 6);

    assert_same_weights(&whole, &parts);
    for file in ["log.jsonl", "curve.svg", "config.toml", "best.safetensors"] {
        assert!(parts.join(file).exists(), "{file}");
    }
    let kept = fs::read_dir(parts.join("checkpoints")).unwrap().count();
    assert_eq!(kept, 2);
}

#[test]
fn loss_falls_on_bars_that_can_be_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    recognition_pack(&pack);
    let mut seen = Recorder::default();
    train(&recognition_config(&pack, &folder.path().join("run"), 60), &mut seen).unwrap();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&seen.losses[..10]), mean(&seen.losses[50..]));
    assert!(last < 0.7 * first, "{first} to {last}");
}

#[test]
fn checkpoint_of_another_network_is_refused_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    recognition_pack(&pack);
    let run = folder.path().join("run");
    train(&recognition_config(&pack, &run, 3), &mut Recorder::default()).unwrap();
    let mut other = recognition_config(&pack, &run, 6);
    let ModelConfig::Recognizer(RecognizerConfig::CrnnLite(model)) = &mut other.model else {
        panic!("the test trains a recognizer")
    };
    model.mix = 12;
    let error = train(&other, &mut Recorder::default()).unwrap_err().to_string();
    assert!(error.contains("net.bpk") && error.contains("another `run.out`"), "{error}");
}

/// Dark boxes on a light page.
fn detection_pack(folder: &Path) {
    fs::create_dir_all(folder.join("images")).unwrap();
    let mut labels = String::new();
    for i in 0..4_usize {
        let mut image = Image::filled(160, 128, [230; 3]).unwrap();
        let (x, y) = (20 + 10 * i, 30 + 12 * i);
        for row in y..y + 24 {
            let at = (row * 160 + x) * 3;
            image.rgb_mut()[at..at + 70 * 3].fill(20);
        }
        image.save(folder.join(format!("images/{i}.png"))).unwrap();
        labels.push_str(&format!(
            "{{\"file_name\": \"{i}.png\", \"height\": 128, \"width\": 160, \"annotations\": [{{\"polygon\": [{x}, {y}, {r}, {y}, {r}, {b}, {x}, {b}], \"text\": \"box\", \"ignore\": false}}]}}\n",
            r = x + 70,
            b = y + 24
        ));
    }
    fs::write(folder.join("gt.jsonl"), labels).unwrap();
}

fn detection_config(pack: &Path, out: &Path, steps: u64) -> TrainConfig {
    let text = format!(
        r#"
[run]
seed = 5
out = {out:?}
steps = {steps}
workers = 1
validate_every = 4
checkpoint_every = 2
schedule.warmup_steps = 1
schedule.decay = "constant"

[model.dbnet.backbone.lite]
stem = [4, 4]
stages = [[4, 1], [6, 1], [8, 1]]

[model.dbnet.neck]
lateral_channels = 8
out_channels = 4

[batches]
batch_size = 2
augment.size = 64

[[train]]
source.pack = {pack:?}

[[validate]]
name = "boxes"
pack = {pack:?}
"#
    );
    let path = out.with_extension("toml");
    fs::write(&path, text).unwrap();
    TrainConfig::open(&path).unwrap()
}

#[test]
fn killed_detection_run_continues_to_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    detection_pack(&pack);
    let (whole, parts) = (folder.path().join("whole"), folder.path().join("parts"));
    let mut seen = Recorder::default();
    train(&detection_config(&pack, &whole, 4), &mut seen).unwrap();
    assert!(seen.rows.last().unwrap().scores.contains_key("boxes/hmean"));
    train(&detection_config(&pack, &parts, 2), &mut Recorder::default()).unwrap();
    train(&detection_config(&pack, &parts, 4), &mut Recorder::default()).unwrap();
    assert_same_weights(&whole, &parts);
}

fn open(text: &str) -> Result<TrainConfig, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    TrainConfig::open(file.path()).map_err(|e| e.to_string())
}

#[test]
fn errors_of_a_configuration_name_line_key_and_what_is_expected() {
    let data = "[[train]]\nsource.pack = \"data\"\n";
    for (text, parts) in [
        ("[run]\nseed = 1\nstepz = 5\n[model.crnn_lite]\n", vec!["stepz", "line 3"]),
        ("[run]\nsteps = 0\n[model.crnn_lite]\n", vec!["invalid run.steps = 0; expected at least 1"]),
        ("[model.crnn_light]\n", vec!["line 1", "crnn_light", "`crnn_lite`"]),
        ("[model.crnn_lite]\nmix = 0\n", vec!["invalid crnn_lite.mix = 0; expected 1 to 4096 channels"]),
        ("[model.dbnet_lite]\n[batches]\npool = 2\n", vec!["line 3", "pool"]),
        ("[model.dbnet_lite]\n[batches]\nbatch_size = 0\n", vec!["invalid batches.batch_size = 0"]),
        (
            "[model.dbnet_lite]\n[batches.augment]\nsize = 100\n",
            vec!["batches.augment.size = 100", "multiple of 32"],
        ),
        (
            "[run]\nmax_skipped = 2.0\n[model.crnn_lite]\n",
            vec!["invalid run.max_skipped = 2; expected 0 to 1"],
        ),
        (
            "[task.detection.dbnet]\nlevel = \"auto\"\n[task.detection.batches]\nbatch_size = 4\n",
            vec![
                "task.detection.batches: [batches]",
                "task.detection.dbnet: [model.dbnet_lite], or [model.dbnet]",
            ],
        ),
        ("[task.recognition.crnn_lite]\n", vec!["task.recognition.crnn_lite: [model.crnn_lite]"]),
    ] {
        let error = open(&format!("{text}{data}")).unwrap_err();
        assert!(parts.iter().all(|part| error.contains(part)), "{text}\n{error}");
    }
    assert!(open("[model.crnn_lite]\n").unwrap_err().contains("train"));
}

#[test]
fn a_key_that_is_set_changes_that_key_and_nothing_else() {
    let data = "[[train]]\nsource.pack = \"data\"\n";
    let text = "[run]\noptimizer.adamw.beta_2 = 0.5\n[model.dbnet_lite]\ndecode.min_score = 0.5\n[batches]\naugment.photo.blur = 0.9\n";
    let base = open(&format!("[model.dbnet_lite]\n{data}")).unwrap();
    let mut expected = base.clone();
    let (ModelConfig::Detector(DetectorConfig::DbnetLite(model)), Batches::Detection(batches)) =
        (&mut expected.model, &mut expected.batches)
    else {
        panic!("the configuration is a detector's")
    };
    assert_eq!(*model, DbNetConfig::lite());
    model.decode.min_score = 0.5;
    batches.augment.photo.blur = 0.9;
    assert_eq!(batches.augment.photo.invert, 0.0);
    let Optimizer::Adamw(adamw) = &mut expected.run.optimizer else { panic!("AdamW is the default") };
    adamw.beta_2 = 0.5;
    assert_eq!(open(&format!("{text}{data}")).unwrap(), expected);
}

#[test]
fn options_that_would_be_ignored_or_fail_at_every_sample_are_refused_before_training() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    detection_pack(&pack);
    type Change = fn(&mut TrainConfig);
    let config = |change: Change| {
        let mut config = detection_config(&pack, &folder.path().join("run"), 1);
        config.model = ModelConfig::Detector(DetectorConfig::Panet(PanNetConfig::default()));
        change(&mut config);
        config
    };
    let table: [(Change, &str); 2] = [
        (
            |config| {
                let Batches::Detection(batches) = &mut config.batches else { panic!("a detector's") };
                batches.targets.shrink_ratio = 0.5;
            },
            "not for `panet`",
        ),
        (
            |config| {
                let targets = PanetTargets { shrink_ratio: vec![1.0, 7.0], ..PanetTargets::default() };
                let model = PanNetConfig { targets, ..PanNetConfig::default() };
                config.model = ModelConfig::Detector(DetectorConfig::Panet(model));
            },
            "PANet targets",
        ),
    ];
    for (change, expected) in table {
        let error = train(&config(change), &mut Recorder::default()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for (decay, milestones) in [("step", "[]"), ("cosine", "[3]")] {
        let path = folder.path().join("wrong.toml");
        let schedule = format!("schedule = {{ decay = \"{decay}\", milestones = {milestones} }}");
        let text = format!("[run]\n{schedule}\n[model.panet]\n[[train]]\nsource.pack = \"x\"\n");
        fs::write(&path, text).unwrap();
        let error = TrainConfig::open(&path).unwrap_err().to_string();
        assert!(error.contains("run.schedule.milestones"), "{error}");
    }
}

#[test]
fn what_keeps_a_run_from_learning_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    detection_pack(&pack);
    let messages = |name: &str, norm_eval: bool, warmup_steps: u64| {
        let mut config = detection_config(&pack, &folder.path().join(name), 1);
        let mut model = PanNetConfig::default();
        model.backbone.norm_eval = norm_eval;
        config.model = ModelConfig::Detector(DetectorConfig::Panet(model));
        config.run.schedule.warmup_steps = warmup_steps;
        config.validate.clear();
        let mut seen = Recorder::default();
        train(&config, &mut seen).unwrap();
        seen.messages.into_iter().filter(|message| message.starts_with("warning")).collect::<Vec<_>>()
    };
    let told = messages("kept", true, 500);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("backbone.norm_eval") && told[0].contains("run.init.backbone"), "{told:?}");
    assert!(told[1].contains("warmup_steps = 500"), "{told:?}");
    let told = messages("free", false, 0);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn a_folder_in_which_a_run_trains_is_refused_to_another() {
    struct Inner<'a>(&'a TrainConfig, Option<String>);
    impl Observer for Inner<'_> {
        fn step(&mut self, _: u64, _: u64, _: f64, _: f64) {
            if self.1.is_none() {
                self.1 = train(self.0, &mut Recorder::default()).err().map(|e| e.to_string());
            }
        }
        fn row(&mut self, _: &LogRow) {}
        fn message(&mut self, _: &str) {}
    }
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    recognition_pack(&pack);
    let config = recognition_config(&pack, &folder.path().join("run"), 1);
    let mut observer = Inner(&config, None);
    train(&config, &mut observer).unwrap();
    let error = observer.1.unwrap();
    assert!(error.contains("in use by another training run") && error.contains("run.out"), "{error}");
    // The lock ends with the run.
    train(&config, &mut Recorder::default()).unwrap();
}

#[test]
fn a_run_over_broken_labels_ends_well_and_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    recognition_pack(&pack);
    fs::write(pack.join("crops/broken.png"), b"no picture").unwrap();
    fs::copy(pack.join("crops/0.png"), pack.join("crops/good.png")).unwrap();
    let labels = pack.join("labels.tsv");
    let mut text = fs::read_to_string(&labels).unwrap();
    text.push_str("missing.png\tab\n");
    text.push_str("no tab\n");
    text.push_str("broken.png\tab\n");
    text.push_str("good.png\taxb\n");
    text.push_str(&format!("good.png\t{}\n", "ab".repeat(100)));
    fs::write(&labels, text).unwrap();
    let out = folder.path().join("run");
    let mut config = recognition_config(&pack, &out, 300);
    config.run.validate_every = 300;
    config.run.checkpoint_every = 150;
    config.run.max_skipped = 0.3;
    config.validate.clear();
    let mut seen = Recorder::default();
    let summary = train(&config, &mut seen).unwrap();
    assert_eq!((summary.steps, summary.samples), (300, 1200));
    // Three of 27 labels are drawn and skipped each epoch.
    assert!((80..300).contains(&summary.skipped), "{}", summary.skipped);
    assert_eq!(seen.rows.last().unwrap().skipped, summary.skipped);
    let listed = fs::read_to_string(out.join("skipped.txt")).unwrap();
    for (line, reason) in [
        (25, "missing.png"),
        (26, "labels.tsv:26"),
        (27, "broken.png"),
        (28, "has no class for 'x'"),
        (29, "time steps"),
    ] {
        let place = format!("labels.tsv:{line}");
        let found =
            listed.lines().find(|l| l.contains(&place)).unwrap_or_else(|| panic!("{place}: {listed}"));
        assert!(found.contains(reason), "{found}");
        assert!(seen.messages.iter().any(|m| m.starts_with("skipped: ") && m.contains(found)), "{found}");
    }
    assert_eq!(listed.lines().count(), 5, "{listed}");

    // Too many are refused, before anything is trained and while it is.
    config.run.out = folder.path().join("strict");
    config.run.max_skipped = 0.0;
    let error = train(&config, &mut Recorder::default()).unwrap_err().to_string();
    assert!(error.contains("2 of 29 samples") && error.contains("run.max_skipped = 0"), "{error}");
    config.run.out = folder.path().join("later");
    config.run.max_skipped = 0.05;
    let error = train(&config, &mut Recorder::default()).unwrap_err().to_string();
    assert!(error.contains("run.max_skipped = 0.05") && error.contains("skipped.txt"), "{error}");
}

#[test]
fn a_run_over_broken_pictures_of_a_detection_pack_ends_well_and_names_them() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    detection_pack(&pack);
    fs::write(pack.join("images/broken.png"), b"no picture").unwrap();
    let labels = pack.join("gt.jsonl");
    let mut text = fs::read_to_string(&labels).unwrap();
    let line = |name: &str, width: u32| {
        format!("{{\"file_name\": \"{name}\", \"height\": 128, \"width\": {width}, \"annotations\": []}}\n")
    };
    text.push_str(&line("missing.png", 160));
    text.push_str("{\"file_name\": 3\n");
    text.push_str(&line("broken.png", 160));
    text.push_str(&line("0.png", 99));
    fs::write(&labels, text).unwrap();
    let out = folder.path().join("run");
    let mut config = detection_config(&pack, &out, 12);
    config.run.max_skipped = 0.5;
    config.validate.clear();
    let mut seen = Recorder::default();
    let summary = train(&config, &mut seen).unwrap();
    assert_eq!((summary.steps, summary.samples), (12, 24));
    let listed = fs::read_to_string(out.join("skipped.txt")).unwrap();
    for line in 5..=8 {
        assert!(listed.contains(&format!("gt.jsonl:{line}")), "{line}: {listed}");
    }
    assert!(seen.losses.iter().all(|l| l.is_finite()));
}

/// MMOCR's models train as the defaults do.
#[test]
fn the_loss_of_mmocrs_crnn_falls() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    recognition_pack(&pack);
    let mut config = recognition_config(&pack, &folder.path().join("run"), 12);
    let model = CrnnConfig { characters: "ab".to_owned(), ..CrnnConfig::default() };
    config.model = ModelConfig::Recognizer(model.into());
    config.run.validate_every = 12;
    let mut seen = Recorder::default();
    train(&config, &mut seen).unwrap();
    assert!(seen.rows.last().unwrap().scores.contains_key("bars/word_acc"));
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let (first, last) = (mean(&seen.losses[..3]), mean(&seen.losses[9..]));
    assert!(last < first, "{first} to {last}");
}

/// Networks that write class by class train by the same code.
#[test]
fn the_loss_of_networks_that_write_class_by_class_falls() {
    let labels = LabelConfig { characters: "ab".to_owned(), max_length: 8, ..LabelConfig::default() };
    let channels = [4, 6, 8, 8, 12, 16];
    let sar = SarConfig {
        labels: labels.clone(),
        channels,
        features: 16,
        attention: 8,
        encoder_dropout: 0.0,
        dropout: 0.0,
        ..SarConfig::default()
    };
    let robust = RobustScannerConfig { labels: labels.clone(), channels, features: 16, ..Default::default() };
    let nrtr = NrtrConfig {
        labels,
        backbone: NrtrBackbone::Modality,
        layers: 1,
        model: 32,
        inner: 32,
        heads: 4,
        dropout: 0.0,
        ..NrtrConfig::default()
    };
    let models: [RecognizerConfig; 3] = [sar.into(), robust.into(), nrtr.into()];
    for model in models {
        let name = model.name();
        let folder = tempfile::tempdir().unwrap();
        let pack = folder.path().join("pack");
        recognition_pack(&pack);
        let mut config = recognition_config(&pack, &folder.path().join("run"), 24);
        config.model = ModelConfig::Recognizer(model);
        config.run.validate_every = 24;
        config.run.checkpoint_every = 12;
        let mut seen = Recorder::default();
        train(&config, &mut seen).unwrap();
        assert!(seen.rows.last().unwrap().scores.contains_key("bars/word_acc"), "{name}");
        let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
        let (first, last) = (mean(&seen.losses[..4]), mean(&seen.losses[seen.losses.len() - 4..]));
        assert!(last < 0.95 * first, "{name}: {first} to {last}");
    }
}

/// Small networks of every recognizer; the backbones of MASTER and ABINet have one size.
fn small_recognizers() -> Vec<RecognizerConfig> {
    let labels = |labels: LabelConfig| LabelConfig { characters: "ab".to_owned(), max_length: 8, ..labels };
    let plain = labels(LabelConfig::default());
    let channels = [4, 6, 8, 8, 12, 16];
    let lite = CrnnLiteConfig {
        characters: "ab".to_owned(),
        stem: 4,
        stages: [4, 6, 8],
        mix: 8,
        ..Default::default()
    };
    let crnn = CrnnConfig { characters: "ab".to_owned(), ..CrnnConfig::default() };
    let nrtr = NrtrConfig {
        labels: plain.clone(),
        channels: [4, 6, 8, 8, 12],
        layers: 1,
        model: 16,
        inner: 16,
        heads: 4,
        ..NrtrConfig::default()
    };
    let sar =
        SarConfig { labels: plain.clone(), channels, features: 16, attention: 8, ..SarConfig::default() };
    let robust = RobustScannerConfig { labels: plain.clone(), channels, features: 16, ..Default::default() };
    let satrn = SatrnConfig {
        labels: plain.clone(),
        encoder_layers: 1,
        decoder_layers: 1,
        model: 16,
        inner: 16,
        heads: 2,
        ..SatrnConfig::default()
    };
    let seg = SegConfig { characters: "ab".to_owned(), channels, neck: 8, ..SegConfig::default() };
    let master = MasterConfig { labels: plain, layers: 1, inner: 16, ..MasterConfig::default() };
    let abinet = AbinetConfig {
        labels: labels(AbinetConfig::default().labels),
        vision_layers: 1,
        language_layers: 1,
        inner: 16,
        ..AbinetConfig::default()
    };
    let svtr = SvtrConfig {
        characters: "ab".to_owned(),
        channels: [8, 12, 16],
        depths: [1, 2, 1],
        heads: [2, 3, 4],
        local: 2,
        features: 12,
        ..SvtrConfig::tiny()
    };
    let parseq = ParseqConfig {
        labels: labels(ParseqConfig::default().labels),
        features: 24,
        layers: 1,
        heads: 3,
        decoder_heads: 4,
        ..ParseqConfig::default()
    };
    let aster = AsterConfig {
        labels: labels(AsterConfig::default().labels),
        attention: 8,
        hidden: 8,
        ..AsterConfig::default()
    };
    vec![
        lite.into(),
        crnn.into(),
        nrtr.into(),
        sar.into(),
        robust.into(),
        satrn.into(),
        seg.into(),
        master.into(),
        abinet.into(),
        svtr.into(),
        parseq.into(),
        aster.into(),
    ]
}

/// Masks and matrices that a network holds and does not learn are no reason to skip a step.
#[test]
fn every_recognizer_takes_its_steps_and_is_validated() {
    let small = small_recognizers();
    let names = |configs: Vec<&RecognizerConfig>| configs.iter().map(|c| c.name()).collect::<Vec<_>>();
    let all = RecognizerConfig::all();
    assert_eq!(names(small.iter().collect()), names(all.iter().map(|(_, config)| config).collect()));
    for model in small {
        let name = model.name();
        let folder = tempfile::tempdir().unwrap();
        let pack = folder.path().join("pack");
        recognition_pack(&pack);
        let mut config = recognition_config(&pack, &folder.path().join("run"), 2);
        config.model = ModelConfig::Recognizer(model);
        let Batches::Recognition(batches) = &mut config.batches else { panic!("a recognizer's") };
        batches.batch_size = 2;
        config.validate[0].limit = Some(2);
        let mut seen = Recorder::default();
        train(&config, &mut seen).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            seen.losses.len() == 2 && seen.losses.iter().all(|l| l.is_finite()),
            "{name}: {:?}",
            seen.losses
        );
        assert!(!seen.messages.iter().any(|m| m.contains("step skipped")), "{name}: {:?}", seen.messages);
        assert!(seen.rows.last().unwrap().scores.contains_key("bars/word_acc"), "{name}");
    }
}

#[test]
fn shipped_training_configurations_are_valid() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/train");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let config = TrainConfig::open(&path).unwrap_or_else(|e| panic!("{e}"));
        // What a run writes into its folder is a configuration too.
        let copy = tempfile::NamedTempFile::new().unwrap();
        fs::write(copy.path(), config.to_toml().unwrap()).unwrap();
        assert_eq!(TrainConfig::open(copy.path()).unwrap(), config);
        count += 1;
    }
    assert!(count >= 12, "{count}");
}
