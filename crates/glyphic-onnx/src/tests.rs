//! Files that are right, wrong, or made to do harm.

use std::fs;

use glyphic_graph::{
    BinaryOp, CoordinateMode, DType, Dim, Graph, Interpolation, NearestMode, Node, Op, Padding, Session,
    Tensor, UnaryOp,
};
use half::f16;
use proptest::prelude::*;
use prost::Message as _;

use crate::{
    Error, from_bytes, open, proto, proto::attribute_type, tensor_from_bytes, tensor_to_bytes, to_bytes,
};

/// A network of a few layers, with weights of 16 bits, a shape that is worked out, names and metadata.
fn network() -> Graph {
    let mut g = Graph::new("small");
    let symbol = |s: &str| Dim::Symbol(s.into());
    let x =
        g.input("image", DType::F32, vec![symbol("batch"), Dim::Known(2), symbol("height"), symbol("width")]);
    let weights = (0..36).map(|i| (i % 7) as f32 / 4. - 0.75).collect();
    let w = g.parameter("conv.weight", Tensor::from_f32(&[2, 2, 3, 3], weights).unwrap().to_f16());
    let b = g.parameter("conv.bias", Tensor::from_f32(&[2], vec![0.5, -0.25]).unwrap());
    let conv = Op::Conv {
        strides: vec![1, 1],
        dilations: vec![1, 1],
        padding: Padding::Explicit(vec![1; 4]),
        groups: 1,
    };
    let y = g.push("conv", conv, &[x, w, b]);
    let y = g.push("swish", Op::Unary(UnaryOp::Swish { alpha: 1. }), &[y]);
    let shape = g.push("shape", Op::Shape { start: 2, end: None }, &[x]);
    let batch = g.constant(Tensor::from_i64s(vec![-1, 2]));
    let sizes = g.push("sizes", Op::Concat { axis: 0 }, &[batch, shape]);
    let y = g.push("reshape", Op::Reshape { allow_zero: false }, &[y, sizes]);
    let scales = g.constant(Tensor::from_f32(&[4], vec![1., 1., 2., 2.]).unwrap());
    let resize = Op::Resize {
        mode: Interpolation::Linear,
        coordinates: CoordinateMode::HalfPixel,
        nearest: NearestMode::Floor,
        cubic_a: -0.75,
        exclude_outside: false,
        extrapolation: 0.,
    };
    let up = g.value();
    g.nodes.push(Node {
        name: "up".into(),
        op: resize,
        inputs: vec![Some(y), None, Some(scales)],
        outputs: vec![Some(up)],
    });
    let y = g.push("residual", Op::Binary(BinaryOp::Add), &[up, up]);
    g.output("map", y);
    g.metadata.insert("vocabulary".into(), "aä→".into());
    g
}

fn image() -> Tensor {
    Tensor::from_f32(&[1, 2, 4, 5], (0..40).map(|i| (i * 13 % 17) as f32 / 17.).collect()).unwrap()
}

#[test]
fn nodes_of_one_name_are_told_apart_in_the_file() {
    let mut g = Graph::new("twins");
    let x = g.input("x", DType::F32, vec![Dim::Known(2)]);
    let y = g.push("same", Op::Unary(UnaryOp::Swish { alpha: 1. }), &[x]);
    let y = g.push("same", Op::Unary(UnaryOp::Swish { alpha: 1. }), &[y]);
    g.output("y", y);
    let model: super::proto::Model = prost::Message::decode(&*to_bytes(&g).unwrap()).unwrap();
    let nodes = model.graph.unwrap().node;
    let names: std::collections::HashSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names.len(), nodes.len(), "{names:?}");
}

#[test]
fn a_network_is_read_as_it_was_written() {
    let g = network();
    let bytes = to_bytes(&g).unwrap();
    let read = from_bytes(&bytes).unwrap();
    let again = to_bytes(&read).unwrap();
    assert_eq!(to_bytes(&from_bytes(&again).unwrap()).unwrap(), again);
    assert_eq!(read.metadata, g.metadata);
    assert_eq!(read.inputs[0].shape, g.inputs[0].shape);
    let weight = read.named("conv.weight").unwrap();
    assert_eq!(
        read.constants[&weight],
        g.constants[&g.named("conv.weight").unwrap()],
        "16 bits stay 16 bits"
    );
    let run = |g: Graph| Session::new(g).unwrap().run(&[("image", image())]).unwrap();
    assert_eq!(run(g), run(read));
}

#[test]
fn pooling_to_a_size_is_written_with_what_onnx_has() {
    for size in [[1, 1], [2, 5], [3, 2], [4, 5]] {
        let mut g = Graph::new("pool");
        let x = g.input("image", DType::F32, [1, 2, 4, 5].map(Dim::Known).to_vec());
        let y = g.push("pool", Op::AdaptiveAveragePool { output: size }, &[x]);
        g.output("y", y);
        let read = from_bytes(&to_bytes(&g).unwrap()).unwrap();
        let run = |g: Graph| Session::new(g).unwrap().run(&[("image", image())]).unwrap();
        let (a, b) = (run(g), run(read));
        assert_eq!(a[0].shape(), b[0].shape());
        for (a, b) in a[0].as_f32().unwrap().iter().zip(b[0].as_f32().unwrap()) {
            assert!((a - b).abs() < 1e-6, "{size:?}: {a} {b}");
        }
    }
    let mut g = Graph::new("pool");
    let x = g.input("image", DType::F32, vec![Dim::Unknown; 4]);
    let y = g.push("pool", Op::AdaptiveAveragePool { output: [3, 3] }, &[x]);
    g.output("y", y);
    assert!(matches!(to_bytes(&g), Err(Error::Unsupported { .. })));
}

fn model(graph: proto::Graph) -> Vec<u8> {
    let opset_import = vec![proto::OperatorSet { domain: String::new(), version: 17 }];
    proto::Model { ir_version: 8, graph: Some(graph), opset_import, ..proto::Model::default() }
        .encode_to_vec()
}

fn node(op: &str, name: &str, attribute: Vec<proto::Attribute>) -> proto::Node {
    proto::Node {
        input: vec!["x".into()],
        output: vec![format!("{name}_out")],
        name: name.into(),
        op_type: op.into(),
        attribute,
        domain: String::new(),
    }
}

fn input() -> proto::ValueInfo {
    let tensor_type = Some(proto::TensorType { elem_type: 1, shape: None });
    proto::ValueInfo { name: "x".into(), r#type: Some(proto::Type { tensor_type }) }
}

#[test]
fn all_that_is_not_supported_is_said_at_once() {
    // A subgraph within a subgraph within ... is not looked into.
    let mut deep = Vec::new();
    for _ in 0..100_000 {
        let mut outer = vec![0x32];
        prost::encoding::encode_varint(deep.len() as u64, &mut outer);
        deep = if deep.len() < 1 << 12 { [outer, deep].concat() } else { deep };
    }
    let branch =
        proto::Attribute { name: "then_branch".into(), g: Some(deep), r#type: 5, ..Default::default() };
    let clip = proto::Attribute {
        name: "clip".into(),
        f: Some(1.),
        r#type: attribute_type::FLOAT,
        ..Default::default()
    };
    let graph = proto::Graph {
        node: vec![
            node("If", "choice", vec![branch]),
            node("Relu", "fine", vec![]),
            node("Einsum", "sum", vec![]),
            node("Sigmoid", "odd", vec![clip]),
            proto::Node { domain: "com.microsoft".into(), ..node("FusedConv", "fused", vec![]) },
        ],
        input: vec![input()],
        ..proto::Graph::default()
    };
    let Err(Error::Unsupported { parts }) = from_bytes(&model(graph)) else { panic!("read") };
    let expected = [
        "If (node \"choice\")",
        "Einsum (node \"sum\")",
        "Sigmoid (node \"odd\"): attribute \"clip\"",
        "com.microsoft.FusedConv (node \"fused\")",
    ];
    assert_eq!(parts, expected);
}

#[test]
fn a_file_of_a_million_empty_nodes_is_refused_before_it_takes_memory() {
    let graph = [0x0a, 0x00].repeat(1 << 21);
    let mut file = vec![0x3a];
    prost::encoding::encode_varint(graph.len() as u64, &mut file);
    file.extend(graph);
    let message = from_bytes(&file).unwrap_err().to_string();
    assert!(message.contains("more than a million"), "{message}");
}

#[test]
fn a_tensor_has_as_many_elements_as_its_shape_says() {
    let refused = |t: proto::Tensor| tensor_from_bytes(&t.encode_to_vec()).unwrap_err().to_string();
    let t = proto::Tensor { data_type: 1, name: "w".into(), ..proto::Tensor::default() };
    assert!(refused(proto::Tensor { dims: vec![1 << 40, 1 << 40], ..t.clone() }).contains("too large"));
    assert!(refused(proto::Tensor { dims: vec![1 << 40], ..t.clone() }).contains("expected 1099511627776"));
    assert!(refused(proto::Tensor { dims: vec![-1], ..t.clone() }).contains("a size of -1"));
    assert!(
        refused(proto::Tensor { dims: vec![2], raw_data: Some(vec![0; 7]), ..t.clone() })
            .contains("7 bytes; expected 8")
    );
    assert!(refused(proto::Tensor { dims: vec![2], data_type: 8, ..t }).contains("STRING"));
}

#[test]
fn data_of_every_type_is_read_raw_and_typed() {
    let t = |data_type: i32| proto::Tensor { dims: vec![2], data_type, ..proto::Tensor::default() };
    let read = |t: proto::Tensor| tensor_from_bytes(&t.encode_to_vec()).unwrap();
    let ints = |code: i32, values: [i32; 2]| read(proto::Tensor { int32_data: values.to_vec(), ..t(code) });
    let tensors = [
        (read(proto::Tensor { float_data: vec![1.5, -2.], ..t(1) }), DType::F32),
        (read(proto::Tensor { double_data: vec![1.5, -2.], ..t(11) }), DType::F64),
        (read(proto::Tensor { int64_data: vec![1 << 40, -2], ..t(7) }), DType::I64),
        (ints(6, [1 << 20, -2]), DType::I32),
        (ints(3, [127, -128]), DType::I8),
        (ints(2, [0, 255]), DType::U8),
        (ints(9, [0, 1]), DType::Bool),
        (ints(10, [f16::from_f32(1.5).to_bits().into(), f16::from_f32(-2.).to_bits().into()]), DType::F16),
    ];
    for (tensor, dtype) in tensors {
        assert_eq!(tensor.dtype(), dtype);
        assert_eq!(tensor_from_bytes(&tensor_to_bytes(&tensor)).unwrap(), tensor, "raw");
    }
}

/// A model that adds weights of another file.
fn external(location: &str, offset: u64, length: u64) -> Vec<u8> {
    let entry = |key: &str, value: String| proto::Entry { key: key.into(), value };
    let weights = proto::Tensor {
        dims: vec![2],
        data_type: 1,
        name: "w".into(),
        external_data: vec![
            entry("location", location.into()),
            entry("offset", offset.to_string()),
            entry("length", length.to_string()),
        ],
        data_location: 1,
        ..proto::Tensor::default()
    };
    let mut add = node("Add", "add", vec![]);
    add.input.push("w".into());
    let output = proto::ValueInfo { name: "add_out".into(), r#type: None };
    model(proto::Graph {
        node: vec![add],
        initializer: vec![weights],
        input: vec![input()],
        output: vec![output],
        ..proto::Graph::default()
    })
}

#[test]
fn external_data_lies_beside_the_file_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    fs::create_dir(&inner).unwrap();
    let bytes: Vec<u8> = [7f32, 1., 2.].iter().flat_map(|v| v.to_le_bytes()).collect();
    fs::write(inner.join("weights.bin"), &bytes).unwrap();
    fs::write(folder.path().join("secret.bin"), &bytes).unwrap();
    let open = |location: &str, offset: u64, length: u64| {
        fs::write(inner.join("net.onnx"), external(location, offset, length)).unwrap();
        open(inner.join("net.onnx"))
    };
    let session = Session::new(open("weights.bin", 4, 8).unwrap()).unwrap();
    let x = Tensor::from_f32(&[2], vec![10., 20.]).unwrap();
    assert_eq!(session.run(&[("x", x)]).unwrap()[0].as_f32().unwrap(), [11., 22.]);

    let refused =
        |location: &str, offset: u64, length: u64| open(location, offset, length).unwrap_err().to_string();
    assert!(refused("../secret.bin", 0, 8).contains("outside the network's folder"));
    let absolute = folder.path().join("secret.bin");
    assert!(refused(absolute.to_str().unwrap(), 0, 8).contains("outside the network's folder"));
    assert!(refused("weights.bin", 8, 8).contains("ends behind"));
    assert!(refused("weights.bin", u64::MAX, 8).contains("ends behind"));
    assert!(refused("weights.bin", 0, 4).contains("expected 8"));
    assert!(refused("missing.bin", 0, 8).contains("cannot read"));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&absolute, inner.join("link.bin")).unwrap();
        assert!(refused("link.bin", 0, 8).contains("outside the network's folder"));
    }
    assert!(from_bytes(&external("weights.bin", 4, 8)).unwrap_err().to_string().contains("no folder"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever stands in a file, reading it gives a graph or an error.
    #[test]
    fn a_damaged_file_is_an_error_and_no_panic(flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8u8), 0..6), cut in any::<prop::sample::Index>(), truncate in any::<bool>()) {
        let mut bytes = to_bytes(&network()).unwrap();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if truncate {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(graph) = from_bytes(&bytes) {
            let _ = Session::new(graph.clone());
            let _ = to_bytes(&graph);
        }
    }

    #[test]
    fn bytes_that_are_no_file_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = from_bytes(&bytes);
        let _ = tensor_from_bytes(&bytes);
    }
}
