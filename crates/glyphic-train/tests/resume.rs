//! A run that is killed and started again ends with the very weights of one that was not.

use std::fs;
use std::path::Path;

use glyphic_core::Image;
use glyphic_nn::checkpoint;
use glyphic_train::{LogRow, Observer, TrainConfig, train};

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

[task.recognition.crnn_lite]
characters = "ab"
stem = 4
stages = [4, 6, 8]
mix = 8

[task.recognition.batches]
batch_size = 4
pool = 2

[[task.recognition.train]]
source.pack = {pack:?}

[[task.recognition.validate]]
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
    assert!(seen.messages.iter().any(|m| m.contains("goes on from step 6")), "{:?}", seen.messages);
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
    match &mut other.task {
        glyphic_train::TaskConfig::Recognition(task) => task.crnn_lite.mix = 12,
        glyphic_train::TaskConfig::Detection(_) => unreachable!("the test trains a recognizer"),
    }
    let error = train(&other, &mut Recorder::default()).unwrap_err().to_string();
    assert!(error.contains("net.bpk") && error.contains("another `out`"), "{error}");
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

[task.detection.dbnet.backbone.lite]
stem = [4, 4]
stages = [[4, 1], [6, 1], [8, 1]]

[task.detection.dbnet.neck]
lateral_channels = 8
out_channels = 4

[task.detection.batches]
batch_size = 2
augment.size = 64

[[task.detection.train]]
source.pack = {pack:?}

[[task.detection.validate]]
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

#[test]
fn typo_in_a_configuration_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("typo.toml");
    fs::write(&path, "[run]\nseed = 1\nstepz = 5\n[task.recognition]\ntrain = []\n").unwrap();
    let error = TrainConfig::open(&path).unwrap_err().to_string();
    assert!(error.contains("stepz") && error.contains("line 3"), "{error}");
    fs::write(&path, "[run]\nsteps = 0\n[task.recognition]\ntrain = []\n").unwrap();
    let error = TrainConfig::open(&path).unwrap_err().to_string();
    assert!(error.contains("run.steps is 0"), "{error}");
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
    assert_eq!(count, 2);
}
