//! Crops, labels and dictionaries that are not as they should be, for every recognizer of the list with its own values.

use glyphic_core::{Image, Symbol, from_toml};
use glyphic_nn::device::cpu;
use glyphic_recognize::crnn::CrnnConfig;
use glyphic_recognize::{Learn, RecognizerConfig, Visitor};
use glyphic_testing::formula;

fn crop(width: u32, height: u32, seed: u64) -> Image {
    let noise = formula::Stream::new(seed).take((width * height * 3) as usize);
    Image::from_rgb(width, height, noise.map(|v| (v * 127.0 + 128.0) as u8).collect()).unwrap()
}

fn named(name: &str) -> RecognizerConfig {
    match name {
        "crnn_tps" => CrnnConfig::tps().into(),
        _ => RecognizerConfig::all().into_iter().find(|(known, _)| *known == name).unwrap().1,
    }
}

/// One pixel, one column, a line far too long, a standing strip, an upright word, a page full of edges.
fn crops() -> Vec<Image> {
    let sizes = [(1, 1), (1, 40), (3000, 40), (32, 2000), (30, 90), (800, 600)];
    (0..).zip(sizes).map(|(seed, (w, h))| crop(w, h, seed)).collect()
}

/// Crops of every kind are read, the same alone and in a batch, with scores that are probabilities.
fn survives(name: &str) {
    let config = named(name);
    let recognizer = config.build(&config.fresh_weights().unwrap(), None, &cpu()).unwrap();
    let crops = crops();
    let together = recognizer.recognize(&crops).unwrap();
    assert_eq!(together.len(), crops.len());
    for (crop, together) in crops.iter().zip(&together) {
        let size = [crop.width(), crop.height()];
        let alone = recognizer.recognize(std::slice::from_ref(crop)).unwrap().remove(0);
        assert_eq!(alone.text, together.text, "{size:?}");
        assert!((alone.score - together.score).abs() < 1e-4, "{size:?}");
        assert!((0.0..=1.0).contains(&together.score), "{size:?}: {}", together.score);
        for char in &together.chars {
            assert!((0.0..=1.0).contains(&char.score), "{size:?}: {}", char.score);
            assert!(0.0 <= char.start && char.start <= char.end && char.end <= 1.0, "{size:?}");
        }
    }
}

/// A test for each recognizer of the list.
macro_rules! survive {
    ($($name:ident),* $(,)?) => {
        mod crops_of_every_kind_alone_and_in_a_batch {
            $(#[test]
            fn $name() {
                super::survives(stringify!($name));
            })*

            #[test]
            fn are_tried_on_every_recognizer() {
                let all = super::RecognizerConfig::all();
                let names: Vec<&str> = all.iter().map(|(name, _)| *name).chain(["crnn_tps"]).collect();
                assert_eq!(names, [$(stringify!($name)),*]);
            }
        }
    };
}

survive!(
    crnn_lite,
    crnn,
    nrtr,
    sar,
    robust_scanner,
    satrn,
    seg,
    master,
    abinet,
    svtr,
    parseq,
    aster,
    crnn_tps,
);

/// What becomes of labels.
struct Labels;

impl Visitor for Labels {
    type Output = ();

    fn visit<M: Learn + Into<RecognizerConfig>>(self, model: &M) {
        let name = model.name();
        let preprocess = model.preprocess();
        let (_, height) = preprocess.input();
        let width = preprocess.width(5 * height, height);
        let target = |text: &str| model.target(text, width).map_err(|error| error.to_string());
        assert!(!target("abc1").unwrap().is_empty(), "{name}");

        // No class is learnt for nothing.
        let error = target("").unwrap_err();
        assert!(error.contains("empty"), "{name}: {error}");

        // A character that the dictionary lacks is the class of unknown ones, where there is one.
        let vocab = model.vocab().unwrap();
        let unknown = vocab.special(Symbol::Unknown);
        match (target("a\u{13000}c"), unknown) {
            (Ok(classes), Some(unknown)) => assert!(classes.contains(&unknown), "{name}: {classes:?}"),
            (Err(error), None) => assert!(error.contains('\u{13000}'), "{name}: {error}"),
            (got, unknown) => panic!("{name}: {got:?} with the unknown class {unknown:?}"),
        }

        // Longer than the network writes: the label is named, and how long it may be or is.
        let long = "ab".repeat(1000);
        let error = target(&long).unwrap_err();
        assert!(error.contains(&long) && error.contains("2000"), "{name}: {error}");
    }

    fn foreign(self, name: &'static str) {
        panic!("{name} has no network");
    }
}

#[test]
fn labels_that_cannot_be_written_are_errors_that_say_why() {
    for name in RecognizerConfig::all().iter().map(|(name, _)| *name).chain(["crnn_tps"]) {
        named(name).visit(Labels);
    }
}

/// `characters` lie at the top or among the labels.
#[test]
fn dictionaries_with_a_character_twice_or_none_are_refused_by_every_model() {
    let folder = tempfile::tempdir().unwrap();
    for (_, config) in RecognizerConfig::all() {
        let name = config.name();
        let keys = toml::Value::try_from(&config).unwrap();
        let key = match keys[name].get("characters") {
            Some(_) => "characters",
            None => "labels.characters",
        };
        let open = |content: &str| {
            let path = folder.path().join("dict.txt");
            std::fs::write(&path, content).unwrap();
            let text = format!("[{name}]\n{key} = {{ file = {:?} }}\n", path.display().to_string());
            let config: RecognizerConfig = from_toml(&text).map_err(|error| error.to_string())?;
            config.vocab().map_err(|error| error.to_string())
        };
        // An empty line is passed over, a space is a character.
        let vocab = open("a\n\n \nb\n").unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!([' ', 'a', 'b'].iter().all(|c| vocab.index_of(*c).is_some()), "{name}");
        for (content, part) in
            [("a\nb\na\n", "'a'"), ("ab\n", "more than one character"), ("", "no character")]
        {
            let error = open(content).unwrap_err();
            assert!(error.contains(part), "{name}: {content:?}: {error}");
        }
        // Given in the file itself.
        let text = format!("[{name}]\n{key} = \"aba\"\n");
        let config: RecognizerConfig = from_toml(&text).unwrap();
        let error = config.vocab().unwrap_err().to_string();
        assert!(error.contains("'a'"), "{name}: {error}");
    }
}
