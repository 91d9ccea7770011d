//! Whatever a user hands in, the answer is a message and the right exit code, never a panic.

use std::{fs, path::Path, process::Stdio};

use crate::common::{Run, glyphic, photo};

const OK: i32 = 0;
const USAGE: i32 = 2;
const INPUT: i32 = 3;
const MODEL: i32 = 4;
const OUTPUT: i32 = 5;

#[test]
fn files_that_are_no_picture_are_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let jpeg = fs::read(photo()).unwrap();
    for (name, bytes, reason) in [
        ("empty.png", Vec::new(), "the file is empty"),
        ("text.png", b"not a picture at all".to_vec(), "no known image format"),
        ("truncated.jpg", jpeg[..200].to_vec(), "cannot decode"),
        ("nothing.ppm", b"P6\n0 0\n255\n".to_vec(), "cannot decode"),
        ("bomb.ppm", b"P6\n30000 30000\n255\n".to_vec(), "is 30000x30000: the limit is"),
        ("cut.ppm", b"P6\n40 40\n255\nabc".to_vec(), "cannot decode"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        for command in ["read", "detect", "recognize"] {
            let run = glyphic(&[command, &path.display().to_string()]);
            run.fails(INPUT, &[name, reason]);
        }
        let bytes = fs::read(&path).unwrap();
        crate::common::with_stdin(&["read", "-"], &bytes).fails(INPUT, &["-"]);
    }
    glyphic(&["read", "no/such/file.jpg"]).fails(INPUT, &["no/such/file.jpg", "No such file"]);
}

#[test]
fn a_bad_picture_among_good_ones_is_reported_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(photo(), folder.path().join("a.jpg")).unwrap();
    fs::write(folder.path().join("b.jpg"), "no picture").unwrap();
    fs::copy(photo(), folder.path().join("c.jpg")).unwrap();
    let run = glyphic(&["detect", &folder.path().display().to_string()]);
    run.fails(INPUT, &["b.jpg", "1 of 3 images"]);
    let pages: Vec<serde_json::Value> =
        run.stdout.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let names: Vec<&str> = pages.iter().filter_map(|p| p["file_name"].as_str()).collect();
    assert_eq!(names, ["a.jpg", "c.jpg"]);
}

#[test]
fn a_folder_without_pictures_is_an_input_error() {
    let folder = tempfile::tempdir().unwrap();
    glyphic(&["read", &folder.path().display().to_string()]).fails(INPUT, &["no images in"]);
}

#[test]
fn wrong_arguments_say_what_would_be_right() {
    let photo = photo().display().to_string();
    for (args, words) in [
        (vec!["read"], vec!["required", "<FILE|DIR|->"]),
        (vec!["red", "x.jpg"], vec!["unrecognized subcommand 'red'"]),
        (vec!["read", "x.jpg", "--format", "docx"], vec!["invalid value 'docx'", "jsonl"]),
        (vec!["read", "x.jpg", "--format", "pdf"], vec!["--out"]),
        (vec!["read", "x.jpg", "--format", "hocr,alto"], vec!["--out"]),
        (vec!["read", "x.jpg", "--pages", "3-1"], vec!["--pages", "1-3,7"]),
        (vec!["extract", "--model", "m.toml", "--weights", "w.onnx"], vec!["required", "<FILE|DIR|->"]),
        (vec!["tesseract", "x.jpg", "out", "docx"], vec!["expected txt, pdf, hocr, tsv, alto"]),
        (vec!["tesseract", "x.jpg", "out", "--psm", "0"], vec!["--psm 0", "orientation"]),
        (vec!["read", "x.jpg", "--threads", "0"], vec!["--threads"]),
        (
            vec!["read", "x.jpg", "--model", "dbnet_light"],
            vec!["unknown model \"dbnet_light\"", "dbnet_lite"],
        ),
        (vec!["detect", "x.jpg", "--model", "crnn_lite"], vec!["crnn_lite configures no model to detect"]),
        (vec!["read", "x.jpg", "--weights", "w.pth"], vec!["detect=FILE or recognize=FILE"]),
        (vec!["detect", photo.as_str(), "--weights", "recognize=w.pth"], vec!["another stage", "detect"]),
        (vec!["read", photo.as_str(), "--format", "overlay"], vec!["--out"]),
        (vec!["eval", "det", "--truth", "x"], vec!["--pred"]),
    ] {
        glyphic(&args).fails(USAGE, &words);
    }
}

#[test]
fn a_typo_in_a_configuration_is_named_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("my.toml");
    fs::write(&config, "[reading]\ncrop_margin = 0.1\nmin_text_skore = 0.2\n").unwrap();
    let config = config.display().to_string();
    for args in [vec!["read", "x.jpg", "--model", &config], vec!["config", "show", &config]] {
        glyphic(&args).fails(USAGE, &["my.toml", "line 3", "min_text_skore", "min_text_score"]);
    }
}

#[test]
fn weights_that_do_not_fit_or_are_malicious_are_refused() {
    let photo = photo().display().to_string();
    let fixture = |name: &str| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights").join(name).display().to_string()
    };
    for (name, words) in [
        ("other_network.pth", vec!["other_network.pth", "does not fit the network", "conv.weight"]),
        ("malicious.pth", vec!["malicious.pth", "refused", "system"]),
        ("truncated.pth", vec!["truncated.pth"]),
        ("missing.pth", vec!["missing.pth", "No such file"]),
    ] {
        glyphic(&["detect", &photo, "--weights", &fixture(name)]).fails(MODEL, &words);
        glyphic(&["recognize", &photo, "--weights", &fixture(name)]).fails(MODEL, &words);
        let weights = format!("recognize={}", fixture(name));
        glyphic(&["read", &photo, "--weights", &weights]).fails(MODEL, &words);
    }
    let staged = format!("detect={}", fixture("missing.pth"));
    let run = glyphic(&["detect", &photo, "--weights", &staged]);
    run.fails(MODEL, &["missing.pth", "No such file"]);
    assert_eq!(run.stderr.matches("No such file").count(), 1, "{}", run.stderr);
    glyphic(&["detect", &photo, "--model", "dbnet_r18"]).fails(MODEL, &["dbnet_r18 comes without weights"]);
}

#[test]
fn a_device_that_is_not_there_is_an_error_and_nothing_falls_back() {
    let photo = photo().display().to_string();
    glyphic(&["read", &photo, "--device", "gpu"]).fails(MODEL, &["unknown device \"gpu\"", "cuda"]);
    glyphic(&["read", &photo, "--device", "cuda:7"]).fails(MODEL, &["cuda:7"]);
}

#[test]
fn a_label_file_with_a_broken_line_is_named_with_the_line() {
    let folder = tempfile::tempdir().unwrap();
    let pack = folder.path().join("pack");
    fs::create_dir_all(pack.join("images")).unwrap();
    let pred = folder.path().join("pred.jsonl");
    fs::write(&pred, "").unwrap();
    fs::write(pack.join("gt.jsonl"), "\n{\"file_name\": 7}\n").unwrap();
    let (pack, pred) = (pack.display().to_string(), pred.display().to_string());
    glyphic(&["eval", "det", "--truth", &pack, "--pred", &pred]).fails(INPUT, &["gt.jsonl", "2"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_output_error() {
    let full = || Stdio::from(fs::OpenOptions::new().write(true).open("/dev/full").unwrap());
    for args in
        [&["models"][..], &["config", "show"], &["doctor"], &["detect", &photo().display().to_string()]]
    {
        crate::common::with_stdout(args, full())
            .fails(OUTPUT, &["cannot write standard output", "No space left"]);
    }
    let photo = photo().display().to_string();
    glyphic(&["detect", &photo, "--out", "/dev/full"]).fails(OUTPUT, &["/dev/full", "No space left"]);
}

#[test]
fn output_that_cannot_be_written_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let photo = photo().display().to_string();
    let out = folder.path().join("no/such/folder.jsonl");
    glyphic(&["detect", &photo, "--out", &out.display().to_string()]).fails(OUTPUT, &["folder.jsonl"]);
    // The second picture fails the run after the first was written: the old file stays, no partial one does.
    let old = folder.path().join("old.jsonl");
    fs::write(&old, "old").unwrap();
    let args = ["detect", &photo, "--weights", "missing.pth", "--out", &old.display().to_string()];
    glyphic(&args).fails(MODEL, &["missing.pth"]);
    assert_eq!(fs::read_to_string(&old).unwrap(), "old");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_is_success() {
    let photo = photo().display().to_string();
    for args in [&["models"][..], &["detect", &photo]] {
        let Run { code, stderr, .. } = crate::common::with_closed_stdout(args);
        assert_eq!((code, stderr.as_str()), (OK, ""), "{args:?}");
    }
}
