//! What every drawn sample must hold, with the fonts of `tests/fonts`.

use std::sync::LazyLock;

use glyphic_core::{LATIN, Sample};
use glyphic_synth::{Error, LineSynth, PageKind, PageShares, PageSynth, SynthConfig};
use rayon::prelude::*;

/// The defaults with the fonts that the tests bring.
fn config() -> SynthConfig {
    let fonts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fonts");
    SynthConfig { font_dirs: vec![fonts.into()], ..SynthConfig::default() }
}

static LINES: LazyLock<LineSynth> = LazyLock::new(|| {
    LineSynth::new(SynthConfig { seed: 3, ..config() }).expect("fonts that can be drawn with")
});

fn pages(degrade: bool) -> PageSynth {
    if degrade {
        return PageSynth::beside(&LINES);
    }
    static CLEAN: LazyLock<LineSynth> =
        LazyLock::new(|| LineSynth::new(SynthConfig { seed: 4, degrade: false, ..config() }).expect("fonts"));
    PageSynth::beside(&CLEAN)
}

fn same(a: &Sample, b: &Sample) -> bool {
    a.image.rgb() == b.image.rgb() && a.truth == b.truth
}

#[test]
fn a_line_is_the_same_whatever_thread_draws_it_and_whatever_was_drawn_before() {
    let together: Vec<Sample> = LINES.lines(0..96).collect();
    for i in (0..96).rev() {
        assert!(same(&LINES.line(i), &together[i as usize]), "line {i} differs");
    }
    assert!(!same(&together[0], &together[1]));
    let offset: Vec<Sample> = LINES.lines(90..96).collect();
    assert!(offset.iter().zip(&together[90..]).all(|(a, b)| same(a, b)));
}

#[test]
fn a_page_is_the_same_whatever_thread_draws_it() {
    let synth = pages(true);
    let together: Vec<Sample> = synth.pages(0..6).collect();
    for i in (0..6).rev() {
        assert!(same(&synth.page(i), &together[i as usize]), "page {i} differs");
    }
}

#[test]
fn another_seed_draws_other_lines() {
    let other = LineSynth::new(SynthConfig { seed: 4, ..config() }).expect("fonts");
    let differing = (0..20).filter(|&i| !same(&LINES.line(i), &other.line(i))).count();
    assert_eq!(differing, 20);
}

#[test]
fn every_crop_holds_one_line_of_known_characters_within_the_configured_size() {
    let config = config();
    (0..600u64).into_par_iter().for_each(|i| {
        let sample = LINES.line(i);
        let (w, h) = (sample.image.width(), sample.image.height());
        assert!((config.min_line_height..=config.max_line_height).contains(&h), "height {h}");
        assert!(w <= config.max_line_width);
        let page = &sample.truth;
        assert_eq!((page.width, page.height), (w, h));
        assert_eq!((page.instances.len(), page.lines.len()), (1, 1));
        let text = page.instances[0].text();
        assert_eq!(text, page.lines[0].text);
        assert!(!text.is_empty() && text.trim() == text && !text.contains("  "), "{text:?}");
        assert!(text.chars().all(|c| LATIN.contains(c)), "{text:?}");
    });
}

#[test]
fn single_words_phrases_and_long_lines_come_in_their_shares() {
    let words: Vec<usize> =
        LINES.lines(0..1500).map(|s| s.truth.instances[0].text().split(' ').count()).collect();
    let share = |low: usize, high: usize| {
        words.iter().filter(|n| (low..=high).contains(*n)).count() as f64 / words.len() as f64
    };
    assert!((0.33..0.60).contains(&share(1, 1)), "{}", share(1, 1));
    assert!((0.28..0.55).contains(&share(2, 6)), "{}", share(2, 6));
    assert!((0.08..0.30).contains(&share(7, 999)), "{}", share(7, 999));
}

#[test]
fn lines_are_words_of_signs_where_these_are_wanted() {
    let synth = |sign_words, curved| LineSynth::new(SynthConfig { sign_words, curved, ..config() }).unwrap();
    let counts = |synth: &LineSynth| {
        let samples: Vec<Sample> = synth.lines(0..300).collect();
        let words = samples.iter().filter(|s| !s.truth.instances[0].text().contains(' ')).count();
        // A straight line's outline has four corners.
        let curved = samples.iter().filter(|s| s.truth.lines[0].polygon.points().len() > 4).count();
        (words, curved)
    };
    let ((words, straight), (_, curved)) = (counts(&synth(1.0, 0.0)), counts(&synth(1.0, 0.6)));
    assert!(words > 270, "{words} of 300");
    assert!(straight == 0 && curved > 90, "{straight} and {curved} curved");
}

#[test]
fn every_outline_of_a_page_lies_in_it_and_lines_say_what_their_words_say() {
    let synth = pages(true);
    (0..24u64).into_par_iter().for_each(|i| {
        let sample = synth.page(i);
        let page = &sample.truth;
        let config = config();
        let side = page.width.max(page.height);
        assert!(
            (config.min_page_side - 2..=config.max_page_side).contains(&side),
            "page {i} has side {side}"
        );
        assert!(!page.lines.is_empty());
        // Letters reach up to the drawing's edge, and outlines have a little air.
        let slack = 4.0;
        for word in &page.instances {
            let b = word.region.polygon.bounds();
            assert!(
                b.x0 > -slack
                    && b.y0 > -slack
                    && b.x1 < f64::from(page.width) + slack
                    && b.y1 < f64::from(page.height) + slack,
                "page {i} ({:?}): {b:?} of {:?} leaves {}x{}",
                synth.kind(i),
                word.text(),
                page.width,
                page.height
            );
        }
        let mut named = vec![0; page.instances.len()];
        for line in &page.lines {
            let words: Vec<&str> = line.instances.iter().map(|&w| page.instances[w].text()).collect();
            assert_eq!(line.text, words.join(" "));
            line.instances.iter().for_each(|&w| named[w] += 1);
        }
        assert!(named.iter().all(|&n| n == 1), "page {i}: every word belongs to one line");
    });
}

#[test]
fn every_word_of_a_clean_page_encloses_ink_that_differs_from_its_ground() {
    let synth = pages(false);
    (0..16u64).into_par_iter().for_each(|i| {
        let sample = synth.page(i);
        for word in &sample.truth.instances {
            let b = word.region.polygon.bounds();
            let (x0, x1) = (b.x0.max(0.0) as u32, (b.x1 as u32).min(sample.image.width() - 1));
            let (y0, y1) = (b.y0.max(0.0) as u32, (b.y1 as u32).min(sample.image.height() - 1));
            let (mut low, mut high) = (255u8, 0u8);
            for y in y0..=y1 {
                for x in x0..=x1 {
                    for c in sample.image.pixel(x, y) {
                        (low, high) = (low.min(c), high.max(c));
                    }
                }
            }
            assert!(high - low > 12, "page {i} ({:?}): no ink in {:?}", synth.kind(i), word.text());
        }
    });
}

#[test]
fn pages_of_every_kind_occur() {
    let synth = pages(true);
    for kind in [PageKind::Receipt, PageKind::Document, PageKind::Scene] {
        assert!((0..60).any(|i| synth.kind(i) == kind), "{kind:?}");
    }
}

#[test]
fn folders_without_fonts_are_named_with_what_to_install() {
    let folder = std::env::temp_dir().join(format!("no-fonts-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("broken.ttf"), b"not a font at all").unwrap();
    let config = SynthConfig { font_dirs: vec![folder.clone()], ..SynthConfig::default() };
    let error = LineSynth::new(config.clone()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains(&folder.display().to_string()) && message.contains("fonts-dejavu"), "{message}");
    assert!(matches!(error, Error::NoFonts { files: 1, .. }), "{error:?}");
    assert!(matches!(PageSynth::new(config), Err(Error::NoFonts { .. })));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn scenes_alone_have_as_many_curved_signs_as_wanted() {
    let pages = PageShares { receipts: 0.0, documents: 0.0, scenes: 1.0 };
    let curved_lines = |curved: f32| {
        let synth = PageSynth::new(SynthConfig { pages: pages.clone(), curved, ..config() }).unwrap();
        let lines: Vec<usize> = (0..40)
            .map(|i| {
                assert_eq!(synth.kind(i), PageKind::Scene);
                // A straight line's outline has four corners.
                synth.page(i).truth.lines.iter().filter(|line| line.polygon.points().len() > 4).count()
            })
            .collect();
        lines.iter().sum::<usize>()
    };
    let (none, some, all) = (curved_lines(0.0), curved_lines(0.13), curved_lines(1.0));
    assert!(none < some && 3 * some < all && all > 40, "{none} {some} {all}");
}

#[test]
fn settings_out_of_range_and_unknown_settings_are_refused_by_name() {
    for (text, field) in [
        ("min_line_height = 4", "min_line_height"),
        ("max_line_height = 10", "max_line_height"),
        ("max_line_width = 1", "max_line_width"),
        ("max_page_side = 100", "max_page_side"),
        ("min_page_side = 9999", "min_page_side"),
        ("curved = 1.5", "curved"),
        ("sign_words = -0.5", "sign_words"),
        ("pages = { receipts = 0.0, documents = 0.0, scenes = 0.0 }", "pages"),
        ("pages = { receipts = -1.0 }", "pages"),
    ] {
        let config: SynthConfig = toml::from_str(text).unwrap();
        let error = LineSynth::new(config).unwrap_err();
        assert!(matches!(&error, Error::Config { field: f, .. } if *f == field), "{text}: {error}");
    }
    let error = toml::from_str::<SynthConfig>("sead = 1").unwrap_err().to_string();
    assert!(error.contains("sead"), "{error}");
}
