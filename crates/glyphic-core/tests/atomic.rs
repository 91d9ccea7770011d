//! Files and folders appear whole or not at all, and nothing else changes.

use std::io::{self, Write};

use glyphic_core::{AtomicFile, AtomicFolder, Image, write_file};

#[test]
fn a_file_appears_whole_on_commit_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    let names = || std::fs::read_dir(folder.path()).unwrap().count();
    write_file(&path, b"old").unwrap();
    let mut dropped = AtomicFile::create(&path).unwrap();
    dropped.write_all(b"half").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    drop(dropped);
    assert_eq!((std::fs::read(&path).unwrap(), names()), (b"old".to_vec(), 1));
    let mut kept = AtomicFile::create(&path).unwrap();
    kept.write_all(b"new").unwrap();
    kept.commit().unwrap();
    assert_eq!((std::fs::read(&path).unwrap(), names()), (b"new".to_vec(), 1));
    assert!(AtomicFile::create(folder.path()).is_err());
    assert!(AtomicFile::create(folder.path().join("missing/out.json")).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_device_is_written_to_and_its_error_comes_up() {
    write_file("/dev/null", b"gone").unwrap();
    assert_eq!(write_file("/dev/full", b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_folder_appears_whole_on_commit_and_replaces_none() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("pack");
    let names = || std::fs::read_dir(parent.path()).unwrap().count();
    let dropped = AtomicFolder::create(&path).unwrap();
    write_file(dropped.partial().join("a"), b"1").unwrap();
    assert!(!path.exists());
    drop(dropped);
    assert_eq!(names(), 0);
    let kept = AtomicFolder::create(&path).unwrap();
    write_file(kept.partial().join("a"), b"1").unwrap();
    kept.commit().unwrap();
    assert_eq!((std::fs::read(path.join("a")).unwrap(), names()), (b"1".to_vec(), 1));
    assert_eq!(AtomicFolder::create(&path).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn saving_an_image_leaves_every_other_file_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("a.partial");
    std::fs::write(&mine, b"mine").unwrap();
    Image::filled(4, 4, [9; 3]).unwrap().save(folder.path().join("a.png")).unwrap();
    assert_eq!(std::fs::read(&mine).unwrap(), b"mine");
    assert_eq!(Image::open(folder.path().join("a.png")).unwrap().pixel(0, 0), [9; 3]);
}

/// Where a process of this test, started by it, writes half a file and is killed.
const HALF: &str = "GLYPHIC_TEST_HALF_A_FILE";

#[cfg(target_os = "linux")]
#[test]
fn a_process_that_is_killed_leaves_no_file() {
    if let Some(path) = std::env::var_os(HALF) {
        let mut half = AtomicFile::create(std::path::PathBuf::from(path)).unwrap();
        half.write_all(&[7; 100_000]).unwrap();
        half.flush().unwrap();
        // Nothing is dropped.
        std::process::abort();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    for old in [None, Some(b"old")] {
        if let Some(old) = old {
            write_file(&path, old).unwrap();
        }
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_is_killed_leaves_no_file", "--nocapture"])
            .env(HALF, &path)
            .stderr(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert!(!status.success());
        let left: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), usize::from(old.is_some()), "{left:?}");
        assert_eq!(std::fs::read(&path).ok(), old.map(|old| old.to_vec()));
    }
}

#[cfg(unix)]
#[test]
fn a_file_has_the_rights_of_any_new_file_or_of_the_one_it_replaces() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
    let rights = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    write_file(&ours, b"1").unwrap();
    std::fs::write(&plain, b"1").unwrap();
    assert_eq!(rights(&ours), rights(&plain));
    std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o600)).unwrap();
    write_file(&ours, b"2").unwrap();
    assert_eq!((rights(&ours), std::fs::read(&ours).unwrap()), (0o600, b"2".to_vec()));
}
