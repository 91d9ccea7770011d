//! Checkpoints: every layout that users have, hostile files, strict loading, round trips.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use glyphic_nn::backbones::{Depth, Lite, LiteConfig, ResNetConfig};
use glyphic_nn::checkpoint::{
    self, DType, FormatError, LoadOptions, StateDict, load_into, read_pth, read_safetensors,
    save_safetensors, state_dict, state_names,
};
use glyphic_nn::device::cpu;
use glyphic_nn::layers::{ConvBlock, ConvBlockConfig, Lstm, LstmConfig};
use glyphic_nn::{Device, Error};
use half::f16;
use proptest::prelude::*;
use serde_json::Value;

fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(data("expected.json")).unwrap()).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

#[track_caller]
fn assert_plain(dict: &StateDict, round: impl Fn(f32) -> f32) {
    let expected = expected();
    let expected = expected["plain"].as_object().unwrap();
    assert_eq!(dict.len(), expected.len());
    for (name, entry) in expected {
        let value = dict.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        let shape: Vec<f64> = value.shape.iter().map(|&d| d as f64).collect();
        assert_eq!(shape, numbers(&entry["shape"]), "{name}");
        let values: Vec<f32> = numbers(&entry["values"]).into_iter().map(|v| round(v as f32)).collect();
        assert_eq!(value.data, values, "{name}");
    }
}

#[test]
fn every_pytorch_layout_gives_the_same_tensors() {
    for name in ["plain_zip.pth", "plain_legacy.pth", "mmocr_zip.pth", "mmocr_legacy.pth"] {
        println!("{name}");
        assert_plain(&read_pth(data(name)).unwrap(), |v| v);
        assert_plain(&checkpoint::read(data(name)).unwrap(), |v| v);
    }
}

#[test]
fn the_meta_of_a_checkpoint_is_kept_as_text() {
    let dict = read_pth(data("mmocr_zip.pth")).unwrap();
    assert_eq!(dict.metadata()["mmocr_version"], "0.2.1");
    assert_eq!(dict.metadata()["epoch"], "12");
}

#[test]
fn half_precision_becomes_f32() {
    let dict = read_pth(data("half_zip.pth")).unwrap();
    assert_eq!(dict.dtype("conv.weight"), Some(DType::F16));
    assert_plain(&dict, |v| f16::from_f32(v).to_f32());
}

#[test]
fn views_with_strides_are_read_in_their_order() {
    let dict = read_pth(data("strided_zip.pth")).unwrap();
    let expected = expected();
    for (name, shape) in [("t", vec![6, 4]), ("slice", vec![2, 3]), ("scalar", vec![])] {
        let value = dict.get(name).unwrap();
        assert_eq!(value.shape, shape, "{name}");
        let values: Vec<f32> = numbers(&expected["strided"][name]).into_iter().map(|v| v as f32).collect();
        assert_eq!(value.data, values, "{name}");
    }
    assert_eq!(dict.get("empty").unwrap().shape, [0, 4]);
    assert_eq!(dict.get("shared").unwrap().data[..6], [0., 1., 2., 3., 4., 5.]);
}

#[test]
fn a_file_that_asks_for_code_is_refused_by_name() {
    match read_pth(data("evil_zip.pth")) {
        Err(Error::Checkpoint { source: FormatError::Refused { global }, .. }) => {
            assert!(["posix.system", "os.system", "nt.system"].contains(&global.as_str()), "{global}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_truncated_file_says_so() {
    let error = read_pth(data("truncated_zip.pth")).unwrap_err().to_string();
    assert!(error.contains("truncated_zip.pth") && error.contains("cut off"), "{error}");
}

/// Every prefix of every good file is an error, never a panic, and never a dict with wrong tensors.
#[test]
fn no_prefix_of_a_file_passes_for_the_file() {
    for name in ["plain_zip.pth", "plain_legacy.pth", "mmocr_legacy.pth"] {
        let bytes = std::fs::read(data(name)).unwrap();
        for length in (0..bytes.len()).step_by(7) {
            assert!(
                checkpoint::from_bytes("cut", bytes[..length].to_vec()).is_err(),
                "{name} cut at {length}"
            );
        }
    }
}

/// Pickles in the legacy layout, one oddity each.
#[test]
fn hostile_pickles_are_errors() {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let head = b"\x80\x02M\xe9\x03.\x80\x02}.";
    let storage = |count: u8| {
        let mut id =
            b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK"
                .to_vec();
        id.extend([count, b't', b'Q']);
        id
    };
    let tensor = |shape: &[u8], strides: &[u8]| {
        let mut t = b"\x80\x02}X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n(".to_vec();
        t.extend(storage(2));
        t.extend(b"K\x00");
        t.extend(shape);
        t.extend(strides);
        t.extend(b"\x89Ntrs.".map(|b| if b == b'r' { b'R' } else { b }));
        t
    };
    let huge = b"(J\xff\xff\xff\x7fJ\xff\xff\xff\x7fJ\xff\xff\xff\x7ft";
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("eval", b"\x80\x02c__builtin__\neval\nX\x01\x00\x00\x001\x85R.".to_vec(), "refused"),
        ("getattr", b"\x80\x02cbuiltins\ngetattr\n.".to_vec(), "refused"),
        ("stack global", b"\x80\x04\x8c\x02os\x8c\x06system\x93.".to_vec(), "refused"),
        ("instance", b"\x80\x02(ios\nsystem\n.".to_vec(), "refused"),
        ("torch.load", b"\x80\x02ctorch\nload\n.".to_vec(), "refused"),
        ("extension", b"\x80\x02\x82\x01.".to_vec(), "refused"),
        ("long text", b"\x80\x02X\xff\xff\xff\x7fabc.".to_vec(), "cut off"),
        ("negative length", b"\x80\x02X\xff\xff\xff\xffabc.".to_vec(), "negative"),
        ("no operands", b"\x80\x02R.".to_vec(), "operands"),
        ("no mark", b"\x80\x02K\x01t.".to_vec(), "operands"),
        ("no memo", b"\x80\x02h\x07.".to_vec(), "memo"),
        ("no end", b"\x80\x02}".to_vec(), "instruction"),
        ("huge tensor", tensor(huge, b"(K\x00K\x00K\x00t"), "tensor"),
        ("beyond its storage", tensor(b"(K\x05t", b"(K\x01t"), "storage of 2"),
        ("repeated", tensor(b"(J\x00\x00\x00\x10t", b"(K\x00t"), "spread"),
        ("ranks differ", tensor(b"(K\x02t", b"(t"), "strides"),
        ("negative size", tensor(b"(J\xff\xff\xff\xfft", b"(K\x01t"), "sizes"),
    ];
    for (what, object, reason) in table {
        let mut bytes = magic.to_vec();
        bytes.extend(head);
        bytes.extend(object);
        bytes.extend(b"\x80\x02]X\x01\x00\x00\x000a.");
        bytes.extend(2u64.to_le_bytes());
        bytes.extend([0; 8]);
        let error = checkpoint::from_bytes(what, bytes).unwrap_err().to_string();
        assert!(error.contains(reason), "{what}: {error}");
    }
}

/// Two bytes name a value again. Each of these files is below a megabyte and asks for tens of gigabytes.
#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    let put = |bytes: &mut Vec<u8>, parts: &[&[u8]]| parts.iter().for_each(|part| bytes.extend(*part));
    let text = |text: &str| {
        let mut bytes = b"X".to_vec();
        bytes.extend((text.len() as u32).to_le_bytes());
        bytes.extend(text.as_bytes());
        bytes
    };
    // Memo 0: a list of 50,000 pairs. Then 80,000 dicts of it.
    let mut dicts = b"\x80\x02]q\x00(".to_vec();
    (0..50_000).for_each(|_| put(&mut dicts, &[b"K\x01K\x02\x86"]));
    put(&mut dicts, &[b"ec", b"collections\nOrderedDict\nq\x01"]);
    (0..80_000).for_each(|_| put(&mut dicts, &[b"h\x01h\x00\x85R"]));
    put(&mut dicts, &[b"."]);
    // Memo 0: a text of 450,000 bytes, which is the value of 45,000 keys of the metadata.
    let tensor = |bytes: &mut Vec<u8>, shape: &[u8], strides: &[u8]| {
        put(bytes, &[b"ctorch._utils\n_rebuild_tensor_v2\n((", &text("storage"), b"ctorch\nFloatStorage\n"]);
        put(bytes, &[&text("0"), &text("cpu"), b"K\x02tQK\x00", shape, strides, b"\x89NtR"]);
    };
    let mut metadata = b"\x80\x02}(".to_vec();
    put(&mut metadata, &[&text("state_dict"), b"}", &text("w")]);
    tensor(&mut metadata, b"K\x02\x85", b"K\x01\x85");
    put(&mut metadata, &[b"s", &text("meta"), b"}(", &text("long"), &text(&"x".repeat(450_000)), b"q\x00"]);
    (0..45_000).for_each(|i| put(&mut metadata, &[&text(&i.to_string()), b"h\x00"]));
    put(&mut metadata, &[b"uu."]);
    // 5,000 tensors of a million elements each, all of them views of one number.
    let mut views = b"\x80\x02}(".to_vec();
    for i in 0..5000 {
        put(&mut views, &[&text(&i.to_string())]);
        tensor(&mut views, b"J\x00\x00\x10\x00\x85", b"K\x00\x85");
    }
    put(&mut views, &[b"u."]);
    for (what, object, reason) in [
        ("dicts", dicts, "repeats its values"),
        ("metadata", metadata, "names and metadata are larger"),
        ("views", views, "tensors are larger"),
    ] {
        let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
        bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}.");
        bytes.extend(object);
        bytes.extend(b"\x80\x02]X\x01\x00\x00\x000a.");
        bytes.extend(2u64.to_le_bytes());
        bytes.extend([0; 8]);
        assert!(bytes.len() < 1 << 20, "{what}: {} bytes", bytes.len());
        let error = checkpoint::from_bytes(what, bytes).unwrap_err().to_string();
        assert!(error.contains(reason), "{what}: {error}");
    }
}

#[test]
fn deep_nesting_costs_no_stack() {
    let mut bytes = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.".to_vec();
    bytes.extend(b"\x80\x02M\xe9\x03.\x80\x02}.\x80\x02");
    bytes.extend(std::iter::repeat_n(b']', 1_000_000));
    bytes.extend(std::iter::repeat_n(b'a', 999_999));
    bytes.extend(b".\x80\x02].");
    assert!(matches!(
        checkpoint::from_bytes("deep", bytes),
        Err(Error::Checkpoint { source: FormatError::NoTensors, .. })
    ));
}

#[test]
fn other_files_are_not_checkpoints() {
    for bytes in [&b""[..], b"hello", b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"\x08\0\0\0\0\0\0\0{}"] {
        assert!(checkpoint::from_bytes("x", bytes.to_vec()).is_err());
    }
    let missing = checkpoint::read("no/such/file.pth").unwrap_err();
    assert!(matches!(missing, Error::Read { .. }) && missing.to_string().contains("no/such/file.pth"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Any one byte changed: a dict or an error, never a panic or a flood of memory.
    #[test]
    fn a_changed_byte_never_panics(
        name in prop::sample::select(vec!["plain_zip.pth", "plain_legacy.pth", "mmocr_legacy.pth", "strided_zip.pth"]),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = std::fs::read(data(name)).unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(dict) = checkpoint::from_bytes(name, bytes) {
            for name in dict.names() {
                let value = dict.get(name).unwrap();
                prop_assert_eq!(value.data.len(), value.shape.iter().product::<usize>());
            }
        }
    }
}

/// One of each layout that differs between PyTorch and burn.
#[derive(Module, Debug)]
struct Mixed {
    conv: ConvBlock,
    lstm: Lstm,
    fc: Linear,
    norm: burn::nn::BatchNorm,
    up: burn::nn::conv::ConvTranspose2d,
}

fn mixed(device: &Device) -> Mixed {
    Mixed {
        conv: ConvBlockConfig::new([3, 4], [3, 3]).bias(true).init(device),
        lstm: LstmConfig { input: 4, hidden: 3, bidirectional: true }.init(device),
        fc: LinearConfig::new(6, 5).init(device),
        norm: burn::nn::BatchNormConfig::new(4).init(device),
        up: burn::nn::conv::ConvTranspose2dConfig::new([4, 2], [2, 2]).init(device),
    }
}

#[test]
fn names_and_layouts_are_those_of_pytorch() {
    let names: BTreeMap<_, _> = state_names(&mixed(&cpu())).into_iter().collect();
    for (name, shape) in [
        ("conv.bn.running_var", vec![4]),
        ("lstm.weight_ih_l0_reverse", vec![12, 4]),
        ("fc.weight", vec![5, 6]),
        ("norm.weight", vec![4]),
        ("norm.bias", vec![4]),
        ("norm.running_mean", vec![4]),
        ("up.weight", vec![4, 2, 2, 2]),
    ] {
        assert_eq!(names.get(name), Some(&shape), "{name} in {names:?}");
    }
}

#[test]
fn a_pytorch_checkpoint_loads_into_a_module_and_comes_back_out() {
    #[derive(Module, Debug)]
    struct Net {
        conv: burn::nn::conv::Conv2d,
        bn: glyphic_nn::layers::BatchNorm2d,
        lstm: Lstm,
        fc: Linear,
    }
    let device = cpu();
    let mut net = Net {
        conv: glyphic_nn::layers::conv2d([3, 4], [3, 3], [1, 1], [1, 1], true, &device),
        bn: glyphic_nn::layers::BatchNorm2dConfig::new(4).init(&device),
        lstm: LstmConfig { input: 4, hidden: 3, bidirectional: true }.init(&device),
        fc: LinearConfig::new(6, 5).init(&device),
    };
    let dict = read_pth(data("mmocr_zip.pth")).unwrap();
    let report = load_into(&mut net, &dict, &LoadOptions::default()).unwrap();
    assert_eq!((report.loaded, report.ignored.as_slice()), (16, &["bn.num_batches_tracked".to_owned()][..]));
    let back = state_dict(&net);
    for name in back.names() {
        assert_eq!(back.get(name), dict.get(name), "{name}");
    }
    assert_eq!(back.len(), 16);
}

#[test]
fn saving_and_loading_gives_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    let device = cpu();
    let saved = mixed(&device);
    let metadata = BTreeMap::from([("vocabulary".to_owned(), "abc\u{e9}".to_owned())]);
    save_safetensors(&saved, &path, DType::F32, &metadata).unwrap();
    let dict = read_safetensors(&path).unwrap();
    assert_eq!(dict.metadata(), &metadata);
    let metadata: BTreeMap<String, String> = (0..20).map(|i| (format!("key {i}"), i.to_string())).collect();
    let written = || {
        save_safetensors(&saved, &path, DType::F16, &metadata).unwrap();
        std::fs::read(&path).unwrap()
    };
    assert!(written() == written(), "equal weights are equal files");
    let mut loaded = mixed(&device);
    load_into(&mut loaded, &dict, &LoadOptions::default()).unwrap();
    let (a, b) = (state_dict(&saved), state_dict(&loaded));
    for name in a.names() {
        assert_eq!(a.get(name), b.get(name), "{name}");
    }

    save_safetensors(&saved, &path, DType::F16, &BTreeMap::new()).unwrap();
    let half = read_safetensors(&path).unwrap();
    for name in a.names() {
        let rounded: Vec<f32> =
            a.get(name).unwrap().data.iter().map(|&v| f16::from_f32(v).to_f32()).collect();
        assert_eq!(half.get(name).unwrap().data, rounded, "{name}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["weights.safetensors"]);
}

#[test]
fn a_failed_save_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let lite = LiteConfig::default().init(&cpu());
    let missing = folder.path().join("no/such/folder/w.safetensors");
    assert!(matches!(
        save_safetensors(&lite, missing, DType::F32, &BTreeMap::new()),
        Err(Error::Write { .. })
    ));
    // A folder in the way of the rename stands for a disk that fails late.
    let blocked = folder.path().join("w.safetensors");
    std::fs::create_dir(&blocked).unwrap();
    assert!(matches!(
        save_safetensors(&lite, &blocked, DType::F32, &BTreeMap::new()),
        Err(Error::Write { .. })
    ));
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["w.safetensors"]);
}

#[test]
fn every_disagreement_stands_in_one_error_and_nothing_is_loaded() {
    let device = cpu();
    let mut net: Lite = LiteConfig::default().init(&device);
    let before = state_dict(&net);
    let mut wrong = StateDict::new();
    for name in before.names() {
        let value = before.get(name).unwrap();
        match name {
            "stem.0.conv.weight" => wrong.insert(name, &[16, 3, 1, 3], &[0.0; 144]),
            "stem.1.bn.bias" | "stages.0.0.conv1.weight" => {}
            _ => wrong.insert(name, &value.shape, &vec![0.5; value.data.len()]),
        }
    }
    wrong.insert("head.weight", &[1], &[0.0]);
    wrong.insert("stem.0.bn.num_batches_tracked", &[], &[3.0]);
    let error = load_into(&mut net, &wrong, &LoadOptions::default()).unwrap_err();
    let Error::Mismatch(mismatch) = &error else { panic!("{error}") };
    assert_eq!(mismatch.missing, ["stem.1.bn.bias", "stages.0.0.conv1.weight"]);
    assert_eq!(mismatch.unused, ["head.weight"]);
    assert_eq!(
        mismatch.mis_shaped,
        [("stem.0.conv.weight".to_owned(), vec![16, 3, 3, 3], vec![16, 3, 1, 3])]
    );
    for name in ["stem.1.bn.bias", "stages.0.0.conv1.weight", "head.weight", "[16, 3, 1, 3]"] {
        assert!(error.to_string().contains(name), "{error}");
    }
    let after = state_dict(&net);
    assert!(before.names().all(|n| before.get(n) == after.get(n)));

    let options = LoadOptions::default().ignore("stem.*").ignore("stages.0.0.conv1.weight").ignore("head.*");
    let report = load_into(&mut net, &wrong, &options).unwrap();
    assert_eq!(report.kept, ["stem.0.conv.weight", "stem.1.bn.bias", "stages.0.0.conv1.weight"]);
    assert_eq!(report.loaded + report.kept.len(), before.len());
}

#[test]
fn prefixes_can_be_renamed_and_cut() {
    let device = cpu();
    let config = ResNetConfig::new(Depth::D18);
    let (source, mut target) = (config.init(&device), config.init(&device));
    let dict = state_dict(&source).rename(|n| Some(format!("net.{n}")));
    load_into(&mut target, &dict, &LoadOptions::default().rename("net.", "")).unwrap();
    let loaded = state_dict(&target);
    assert!(loaded.names().all(|n| loaded.get(n) == dict.get(&format!("net.{n}"))));
    load_into(&mut target, &dict.below("net."), &LoadOptions::default()).unwrap();
    assert!(load_into(&mut target, &dict, &LoadOptions::default()).is_err());
}

#[test]
fn weights_load_onto_a_training_device_and_stay_trainable() {
    let device = cpu().autodiff();
    let mut net = LiteConfig::default().init(&device);
    let dict = state_dict(&LiteConfig::default().init(&cpu()));
    load_into(&mut net, &dict, &LoadOptions::default()).unwrap();
    let x = burn::tensor::Tensor::ones([1, 3, 64, 64], &device);
    let grads = net.forward(x).pop().unwrap().sum().backward();
    let found = checkpoint::gradients(&net, &grads);
    let trainable = state_names(&net).into_iter().filter(|(n, _)| !n.contains("running_")).count();
    assert_eq!(found.len(), trainable);
}
