use std::fs;

use tempfile::TempDir;

use super::*;

/// A database of these entries; values as long as their number says.
fn database(keys: impl Iterator<Item = String>, size: impl Fn(usize) -> usize) -> (TempDir, usize) {
    let dir = TempDir::new().expect("a temporary folder");
    let mut keys: Vec<String> = keys.collect();
    keys.sort();
    let mut writer = LmdbWriter::create(dir.path().join(DATA_FILE)).expect("writable");
    for (i, key) in keys.iter().enumerate() {
        writer.put(key.as_bytes(), &value(i, size(i))).expect("in order");
    }
    writer.finish().expect("written");
    (dir, keys.len())
}

fn value(i: usize, size: usize) -> Vec<u8> {
    (0..size).map(|k| (i * 31 + k * 7) as u8).collect()
}

#[test]
fn what_was_written_is_read_by_key_and_in_order() {
    for count in [0, 1, 2, 50, 3000, 30_000] {
        // Values on the leaf, on one page of their own, on several.
        let size = |i: usize| {
            [0, 1, 40, 2028, 2040, 4080, 4081, 9000][i % 8] % if count > 5000 { 50 } else { 10_000 }
        };
        let (dir, _) = database((0..count).map(|i| format!("key-{i:07}")), size);
        let db = Lmdb::open(dir.path()).expect("opened");
        assert_eq!((db.len(), db.is_empty()), (count as u64, count == 0));
        for i in (0..count).step_by(if count > 5000 { 97 } else { 1 }) {
            let got = db.get(format!("key-{i:07}").as_bytes()).expect("sound");
            assert_eq!(got, Some(value(i, size(i))), "{count}: {i}");
        }
        for absent in ["key-", "key-9999999", "a", "z", ""] {
            assert_eq!(db.get(absent.as_bytes()).expect("sound"), None, "{absent}");
        }
        let all: Vec<(Vec<u8>, Vec<u8>)> = db.iter().map(|e| e.expect("sound")).collect();
        assert_eq!(all.len(), count);
        assert!(all.windows(2).all(|w| w[0].0 < w[1].0));
    }
}

#[test]
fn long_keys_make_deep_trees_whose_branches_have_two_children_at_least() {
    for count in 1..60 {
        let (dir, _) = database((0..count).map(|i| format!("{i:0>500}")), |_| 1500);
        let db = Lmdb::open(dir.path()).expect("opened");
        assert_eq!(db.iter().filter(|e| e.is_ok()).count(), count);
        for i in 0..count {
            assert!(db.get(format!("{i:0>500}").as_bytes()).expect("sound").is_some(), "{count}: {i}");
        }
        let bytes = fs::read(dir.path().join(DATA_FILE)).expect("there");
        for page in bytes.chunks(4096).skip(2) {
            let page = Page(page.to_vec());
            assert!(page.flags() != BRANCH || page.len() >= 2, "{count}");
        }
    }
}

#[test]
fn keys_must_ascend_and_fit() {
    let dir = TempDir::new().expect("a temporary folder");
    let mut writer = LmdbWriter::create(dir.path().join("x")).expect("writable");
    writer.put(b"b", b"1").expect("the first");
    for key in [b"b".as_slice(), b"a", b"", &[b'c'; 512]] {
        assert!(matches!(writer.put(key, b"2"), Err(Error::Setup { .. })), "{key:?}");
    }
}

/// Made by LMDB's own library (0.9.36, through py-lmdb): 40 short values, 3 of 5,000 bytes, some keys deleted and written
/// anew, so that its second head is not its newest and it has free pages.
const FOREIGN: &[u8] = include_bytes!("foreign.mdb");

#[test]
fn a_database_of_the_library_is_read() {
    let dir = TempDir::new().expect("a temporary folder");
    fs::write(dir.path().join(DATA_FILE), FOREIGN).expect("writable");
    let db = Lmdb::open(dir.path()).expect("opened");
    let all: Vec<(Vec<u8>, Vec<u8>)> = db.iter().map(|e| e.expect("sound")).collect();
    assert_eq!((all.len(), db.len()), (43, 43));
    for i in 0..40 {
        let expected = if i % 5 == 0 { format!("again {i}") } else { format!("value {i}") };
        assert_eq!(db.get(format!("key-{i:04}").as_bytes()).expect("sound"), Some(expected.into_bytes()));
    }
    for i in 0..3u8 {
        assert_eq!(db.get(format!("large-{i}").as_bytes()).expect("sound"), Some(vec![b'a' + i; 5000]));
    }
    assert_eq!(db.get(b"gone").expect("sound"), None);
}

#[test]
fn a_truncated_database_is_told_with_its_place() {
    let (dir, _) =
        database((0..3000).map(|i| format!("key-{i:07}")), |i| if i % 10 == 0 { 9000 } else { 100 });
    let whole = fs::read(dir.path().join(DATA_FILE)).expect("there");
    for share in [0.99, 0.7, 0.4, 0.1] {
        let cut = (whole.len() as f64 * share) as usize;
        fs::write(dir.path().join(DATA_FILE), &whole[..cut]).expect("writable");
        let db = Lmdb::open(dir.path()).expect("its heads are whole");
        // The branches come last: the way down is cut at once.
        let error = db.get(b"key-0000000").expect_err("cut");
        assert!(
            matches!(error, Error::Binary { offset, .. } if offset as usize == cut / 4096 * 4096),
            "{error:?}"
        );
        assert!(error.to_string().contains("truncated"), "{error}");
        assert!(db.iter().next().expect("one").is_err());
        assert_eq!(db.iter().count(), 1, "nothing comes after");
    }
    for cut in [0, 10, 4000, 5000, 8191] {
        fs::write(dir.path().join(DATA_FILE), &whole[..cut]).expect("writable");
        let error = Lmdb::open(dir.path()).expect_err("no heads");
        assert!(matches!(error, Error::Binary { .. }), "{cut}: {error:?}");
    }
}

#[test]
fn a_spoilt_database_never_panics() {
    let (dir, _) = database((0..60).map(|i| format!("key-{i:03}")), |i| if i % 9 == 0 { 5000 } else { 150 });
    let whole = fs::read(dir.path().join(DATA_FILE)).expect("there");
    for at in (0..whole.len()).step_by(23) {
        let mut spoilt = whole.clone();
        spoilt[at] ^= [0xFF, 0x01, 0x80][at % 3];
        fs::write(dir.path().join(DATA_FILE), &spoilt).expect("writable");
        let Ok(db) = Lmdb::open(dir.path()) else { continue };
        let _ = db.get(b"key-030");
        // A branch that points at its neighbour may show entries twice, not without end.
        assert!(db.iter().take(1000).count() < 1000, "{at}");
    }
}
