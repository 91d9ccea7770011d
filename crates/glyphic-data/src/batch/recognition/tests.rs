use std::sync::Arc;

use glyphic_core::DICT36;

use super::*;
use crate::{FnSource, Loader, LoaderOptions, Source, fixtures};

fn words() -> FnSource<impl Fn(u64) -> Result<TextSample> + Send + Sync> {
    FnSource::new("words", true, |i| {
        let text: String = (0..1 + i % 9).map(|k| char::from(b'a' + ((i + k * 3) % 26) as u8)).collect();
        Ok(TextSample::new(fixtures::picture(12 + 9 * text.len() as u32, 20, i as u32), text))
    })
}

/// Every text of `labels` in turn, on a picture of this size.
fn texts(labels: &[&str], width: u32) -> Mixture<TextSample> {
    let labels: Vec<String> = labels.iter().map(|l| (*l).to_owned()).collect();
    Mixture::single(FnSource::new("texts", true, move |i| {
        let text = labels[(i % labels.len() as u64) as usize].clone();
        Ok::<_, Error>(TextSample::new(fixtures::picture(width, 32, i as u32), text))
    }))
    .expect("never empty")
}

fn plan(mixture: Mixture<TextSample>, options: RecognitionOptions) -> RecognitionPlan {
    RecognitionPlan::new(mixture, Vocab::ctc(DICT36).expect("valid"), options).expect("valid")
}

fn small() -> RecognitionOptions {
    RecognitionOptions { seed: 5, batch_size: 6, pool: 3, ..RecognitionOptions::default() }
}

fn fingerprint(batch: &RecognitionBatch) -> (Vec<String>, Vec<u32>, u64) {
    let values = batch.pixels.as_f32().expect("normalised");
    let sum = values.iter().fold(0u64, |h, v| h.wrapping_mul(31).wrapping_add(u64::from(v.to_bits())));
    (batch.texts.clone(), batch.content_widths.clone(), sum)
}

#[test]
fn batches_are_the_same_for_every_number_of_threads_and_from_every_step() {
    let make = |threads: usize, step: u64, n: usize| -> Vec<_> {
        let plan = plan(Mixture::single(words()).expect("endless"), small());
        let mut loader = Loader::new(plan, LoaderOptions { threads, queue: 3 }, step).expect("starts");
        (0..n).map(|_| fingerprint(&loader.next().expect("a batch"))).collect()
    };
    let all = make(1, 0, 8);
    assert_eq!(all, make(3, 0, 8));
    assert_eq!(all[5..], make(2, 5, 3));
    assert_ne!(all[0], all[1]);
}

#[test]
fn a_batch_holds_crops_of_similar_width_padded_with_zero() {
    let plan = plan(Mixture::single(words()).expect("endless"), small());
    let input = LineInput::default();
    let mut wasted = [0, 0];
    for unit in 0..4 {
        let batches = plan.unit(unit).expect("batches");
        assert_eq!(batches.len(), 3);
        for batch in &batches {
            let widest = *batch.content_widths.iter().max().expect("crops");
            assert_eq!(batch.width, input.padded_width(widest) as usize);
            assert_eq!((batch.len, batch.height, batch.width % 32), (6, 32, 0));
            let values = batch.pixels.as_f32().expect("normalised");
            assert_eq!(values.len(), 6 * 3 * 32 * batch.width);
            for (n, content) in batch.content_widths.iter().enumerate() {
                for row in
                    values[n * 3 * 32 * batch.width..][..3 * 32 * batch.width].chunks_exact(batch.width)
                {
                    assert!(row[*content as usize..].iter().all(|v| *v == 0.0));
                    assert!(row.iter().all(|v| (-1.0..=1.0).contains(v)));
                }
                wasted[0] += batch.width - *content as usize;
            }
        }
        let widest = batches.iter().map(|b| b.width).max().expect("batches");
        wasted[1] +=
            batches.iter().flat_map(|b| &b.content_widths).map(|c| widest - *c as usize).sum::<usize>();
    }
    assert!(wasted[0] * 5 < wasted[1] * 4, "sorting by width saves padding: {wasted:?}");
}

#[test]
fn the_crop_of_an_augmented_source_changes_and_that_of_another_does_not() {
    for augmented in [true, false] {
        let source = FnSource::new("one", augmented, |_| {
            Ok::<_, Error>(TextSample::new(fixtures::picture(64, 32, 1), "one"))
        });
        let plan = plan(Mixture::single(source).expect("endless"), small());
        let same = plan.sample(0).expect("a crop").image.rgb() == fixtures::picture(64, 32, 1).rgb();
        assert_eq!(same, !augmented);
    }
}

#[test]
fn targets_are_the_classes_of_the_text_whatever_its_case() {
    let plan = plan(texts(&["aB3"], 90), small());
    let sample = plan.sample(0).expect("usable");
    assert_eq!((sample.target, sample.text.as_str()), (vec![11, 12, 4], "aB3"));
}

#[test]
fn what_ctc_cannot_learn_is_drawn_anew_and_counted() {
    let plan_of = |labels: &[&str]| {
        plan(texts(labels, 24), RecognitionOptions { augment: RecognitionAugment::none(), ..small() })
    };
    // 24 pixels give 8 steps: "aaaaa" needs 9.
    let batches = plan_of(&["good", "", "no!", "aaaaa", "abcdefghi"]).unit(0).expect("batches");
    assert!(batches.iter().flat_map(|b| &b.texts).all(|t| t == "good"));
    assert!(batches.iter().map(|b| b.redrawn).sum::<usize>() > 18);
    for (bad, words) in
        [("", "empty"), ("no!", "'!', character 3"), ("aaaaa", "9 time steps, its width gives 8")]
    {
        let error = plan_of(&[bad]).unit(0).expect_err("nothing usable");
        assert!(matches!(error, Error::NothingUsable { attempts: 100, .. }), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn sources_mix_by_weight_and_each_crop_knows_its_own() {
    let upper = FnSource::new("upper", true, |i| {
        let mut sample = TextSample::new(fixtures::picture(60, 20, i as u32), "UPPER");
        sample.rules.case_insensitive = true;
        Ok::<_, Error>(sample)
    });
    let parts: Vec<(Arc<dyn Source<Item = TextSample>>, f64)> =
        vec![(Arc::new(words()), 2.0), (Arc::new(upper), 1.0)];
    let batches = plan(Mixture::new(parts).expect("valid"), small()).unit(3).expect("batches");
    let mut counts = [0; 2];
    for batch in &batches {
        for ((source, text), rules) in batch.sources.iter().zip(&batch.texts).zip(&batch.rules) {
            counts[*source] += 1;
            assert_eq!((*source == 1, *source == 1), (text == "UPPER", rules.case_insensitive));
        }
    }
    assert_eq!(counts, [12, 6]);
}

#[test]
fn impossible_options_are_refused_with_their_name() {
    for (name, options) in [
        ("batch_size", RecognitionOptions { batch_size: 0, ..small() }),
        ("pool", RecognitionOptions { pool: 0, ..small() }),
        ("stride", RecognitionOptions { input: LineInput { stride: 0, ..LineInput::default() }, ..small() }),
        (
            "min_width",
            RecognitionOptions { input: LineInput { max_width: 4, ..LineInput::default() }, ..small() },
        ),
    ] {
        let made = RecognitionPlan::new(texts(&["a"], 20), Vocab::ctc(DICT36).expect("valid"), options);
        let error = made.err().expect("refused").to_string();
        assert!(error.contains(name), "{error}");
    }
}
