use glyphic_core::{Point, Polygon, Region, TextInstance};

use super::*;
use crate::{FnSource, Loader, LoaderOptions, fixtures};

fn pages() -> Mixture<Sample> {
    Mixture::single(FnSource::new("pages", true, |i| {
        let mut truth = Page::new(200, 150);
        for k in 0..4 {
            let (x, y) = (10.0 + ((i * 7 + k * 45) % 120) as f64, 8.0 + (k * 33) as f64);
            let corners = [(x, y), (x + 60.0, y + 2.0), (x + 60.0, y + 20.0), (x, y + 18.0)];
            let polygon = Polygon::new(corners.map(|(x, y)| Point::new(x, y)).to_vec())?;
            let mut text = TextInstance::new(Region { polygon, score: 1.0 });
            text.ignore = k == 3;
            truth.instances.push(text);
        }
        Ok::<_, Error>(Sample { image: fixtures::picture(200, 150, i as u32), truth })
    }))
    .expect("endless")
}

fn options() -> DetectionOptions {
    DetectionOptions {
        seed: 9,
        batch_size: 3,
        augment: DetectionAugment { size: 96, ..DetectionAugment::default() },
        ..DetectionOptions::default()
    }
}

#[test]
fn batches_are_the_same_for_every_number_of_threads_and_from_every_step() {
    let make = |threads: usize, step: u64, n: usize| -> Vec<(DbnetMaps, Pixels, Vec<Page>)> {
        let plan = DetectionPlan::new(pages(), options()).expect("valid");
        let mut loader = Loader::new(plan, LoaderOptions { threads, queue: 3 }, step).expect("starts");
        let mut next = || {
            let batch = loader.next().expect("a batch");
            (batch.maps, batch.pixels, batch.truths)
        };
        (0..n).map(|_| next()).collect()
    };
    let all = make(1, 0, 6);
    assert!(all == make(3, 0, 6));
    assert!(all[4..] == make(2, 4, 2));
    assert!(all[0] != all[1]);
}

#[test]
fn maps_and_pictures_of_a_batch_belong_together() {
    let plan = DetectionPlan::new(pages(), options()).expect("valid");
    let batch = plan.unit(2).expect("a batch").remove(0);
    assert_eq!((batch.len, batch.size, batch.maps.len), (3, 96, 3));
    assert_eq!(batch.pixels.as_f32().expect("normalised").len(), 3 * 3 * 96 * 96);
    for n in 0..3 {
        let (sample, source) = plan.sample(6 + n as u64).expect("a picture");
        assert_eq!((sample.truth.clone(), source), (batch.truths[n].clone(), batch.sources[n]));
        let alone = DbnetTargets::default().maps(&sample.truth).expect("valid");
        let range = n * 96 * 96..(n + 1) * 96 * 96;
        assert_eq!(alone.shrink, batch.maps.shrink[range.clone()]);
        assert_eq!(alone.shrink_mask, batch.maps.shrink_mask[range.clone()]);
        assert_eq!(alone.thr, batch.maps.thr[range.clone()]);
        assert_eq!(alone.thr_mask, batch.maps.thr_mask[range]);
        assert!(alone.shrink.iter().any(|v| *v > 0), "a text is whole in every crop");
    }
}

#[test]
fn bytes_and_normalised_values_are_the_same_picture() {
    let batch = |format| {
        let plan = DetectionPlan::new(pages(), DetectionOptions { format, ..options() }).expect("valid");
        plan.unit(0).expect("a batch").remove(0).pixels
    };
    let mean = [0.485, 0.456, 0.406];
    let (bytes, floats) = (batch(PixelFormat::U8 { mean }), batch(PixelFormat::IMAGENET));
    let (bytes, floats) = (bytes.as_u8().expect("bytes").to_vec(), floats.as_f32().expect("floats").to_vec());
    let std = [0.229, 0.224, 0.225];
    for (i, (b, f)) in bytes.iter().zip(&floats).enumerate() {
        let c = i / (96 * 96) % 3;
        assert!(((f32::from(*b) / 255.0 - mean[c]) / std[c] - f).abs() < 1e-4, "value {i}");
    }
}

#[test]
fn impossible_options_are_refused() {
    for (word, options) in [
        ("batch_size", DetectionOptions { batch_size: 0, ..options() }),
        ("augment.size", DetectionOptions { augment: DetectionAugment::none(0), ..options() }),
        (
            "shrink_ratio",
            DetectionOptions {
                targets: DbnetTargets { shrink_ratio: 2.0, ..DbnetTargets::default() },
                ..options()
            },
        ),
    ] {
        let error = DetectionPlan::new(pages(), options).err().expect("refused").to_string();
        assert!(error.contains(word), "{error}");
    }
}
