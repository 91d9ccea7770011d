//! ONNX's own test cases for each operator, from the wheel `onnx` on PyPI (1.17: opset 22). `GLYPHIC_ONNX_TESTS` names the
//! folder `onnx/backend/test/data`; `cargo xtask check` fetches it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use glyphic_graph::{DType, Data, Session, Tensor};
use glyphic_onnx::{Error, from_bytes, open, tensor_from_bytes, to_bytes};

/// Cases whose name begins so are not run, though their operators are claimed, with the reason. Cases of other operators
/// and of element types that we lack are told by what the reader refuses.
const EXCLUDED: &[(&str, &str)] = &[
    ("test_batchnorm_example_training_mode", "training"),
    ("test_batchnorm_epsilon_training_mode", "training"),
    ("test_training_dropout", "training"),
    ("test_resize_downsample_scales_linear_antialias", "antialias"),
    ("test_resize_downsample_scales_cubic_antialias", "antialias"),
    ("test_resize_downsample_sizes_linear_antialias", "antialias"),
    ("test_resize_downsample_sizes_cubic_antialias", "antialias"),
    ("test_resize_upsample_scales_nearest_axes", "axes of a resize"),
    ("test_resize_upsample_sizes_nearest_axes", "axes of a resize"),
    ("test_resize_tf_crop_and_resize_axes", "axes of a resize"),
    ("test_resize_upsample_sizes_nearest_not_", "aspect ratio of a resize"),
    ("test_resize_downsample_sizes_nearest_not_", "aspect ratio of a resize"),
    ("test_scatternd_add", "scattering with a reduction"),
    ("test_scatternd_multiply", "scattering with a reduction"),
    ("test_scatternd_m", "scattering with a reduction"),
    ("test_scatter_elements_with_reduction", "scattering with a reduction"),
    ("test_scatter_elements_with_duplicate_indices", "scattering with a reduction"),
    // ONNX Runtime and PyTorch agree with us: 4 taps of the last window lie within the padding.
    (
        "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
        "divides by taps beyond the padding",
    ),
    ("test_maxpool_with_argmax_2d_precomputed_strides", "storage_order = 1"),
    // ONNX Runtime agrees with us: the specification saturates.
    ("test_qlinearmatmul_2D_int8", "expects sums that wrap around"),
    ("test_qlinearmatmul_3D_int8", "expects sums that wrap around"),
    ("test_quantizelinear_blocked", "blocks of a quantised axis"),
    ("test_dequantizelinear_blocked", "blocks of a quantised axis"),
];

/// Operators that all cases of are run, but those of [`EXCLUDED`] and of unclaimed types.
const CLAIMED: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "AveragePool",
    "BatchNormalization",
    "Cast",
    "Ceil",
    "Celu",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "CumSum",
    "DeformConv",
    "DequantizeLinear",
    "Div",
    "Dropout",
    "DynamicQuantizeLinear",
    "Elu",
    "Equal",
    "Erf",
    "Exp",
    "Expand",
    "Flatten",
    "Floor",
    "GRU",
    "Gather",
    "GatherElements",
    "GatherND",
    "Gelu",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "GridSample",
    "GroupNormalization",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "IsInf",
    "IsNaN",
    "LSTM",
    "LayerNormalization",
    "LeakyRelu",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "MatMul",
    "MatMulInteger",
    "Max",
    "MaxPool",
    "Mean",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "PRelu",
    "Pad",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "Resize",
    "RoiAlign",
    "Round",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "Selu",
    "Shape",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Size",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "TopK",
    "Transpose",
    "Unsqueeze",
    "Upsample",
    "Where",
    "Xor",
];

/// Fewest cases that must have passed.
const LEAST: usize = 826;

/// What became of a case.
enum Outcome {
    Passed,
    /// Not claimed, with the reason.
    Skipped(String),
    Failed(String),
}

#[test]
fn all_cases_of_claimed_operators_pass() {
    let Some(folder) = std::env::var_os("GLYPHIC_ONNX_TESTS").map(PathBuf::from) else {
        // Where a check is meant to be whole, a missing folder is a failure.
        assert!(std::env::var_os("GLYPHIC_ONNX_TESTS_REQUIRED").is_none(), "GLYPHIC_ONNX_TESTS is not set");
        eprintln!("NOT RUN: GLYPHIC_ONNX_TESTS does not name the folder of ONNX's test cases");
        return;
    };
    let (mut passed, mut skipped, mut failed) = (0, BTreeMap::<String, usize>::new(), Vec::new());
    let mut operators: BTreeMap<String, usize> = BTreeMap::new();
    for kind in ["node", "simple", "pytorch-operator"] {
        let mut cases: Vec<PathBuf> = fs::read_dir(folder.join(kind))
            .unwrap_or_else(|e| panic!("{}: {e}", folder.join(kind).display()))
            .map(|e| e.unwrap().path())
            .filter(|p| p.join("model.onnx").exists())
            .collect();
        cases.sort();
        for case in cases {
            match run(&case) {
                Outcome::Passed => {
                    passed += 1;
                    for op in open(case.join("model.onnx")).unwrap().nodes {
                        *operators.entry(op.op.name().to_owned()).or_default() += 1;
                    }
                }
                Outcome::Skipped(reason) => *skipped.entry(reason).or_default() += 1,
                Outcome::Failed(reason) => failed.push(format!("{}: {reason}", case.display())),
            }
        }
    }
    println!("{passed} cases passed; not claimed:");
    for (reason, count) in &skipped {
        println!("  {count:4} {reason}");
    }
    assert!(failed.is_empty(), "{} cases failed:\n{}", failed.len(), failed.join("\n"));
    assert!(passed >= LEAST, "{passed} cases passed; expected at least {LEAST}");
}

fn run(case: &Path) -> Outcome {
    let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some((_, reason)) = EXCLUDED.iter().find(|(start, _)| name.starts_with(start)) {
        return Outcome::Skipped((*reason).to_owned());
    }
    let graph = match open(case.join("model.onnx")) {
        Ok(graph) => graph,
        Err(Error::Unsupported { parts }) => {
            // A refusal is right only for what is not claimed: another operator, or an element type.
            for part in &parts {
                let operator = part.split(' ').next().unwrap_or_default();
                if part.contains("elements of type") {
                    return Outcome::Skipped("element types that we lack".into());
                }
                if !CLAIMED.contains(&operator) && !part.starts_with("input ") {
                    return Outcome::Skipped(format!("operator {operator}"));
                }
                if part.contains("is no tensor") {
                    return Outcome::Skipped("values that are no tensors".into());
                }
            }
            return Outcome::Failed(format!("refused: {parts:?}"));
        }
        Err(e) => return Outcome::Failed(e.to_string()),
    };
    // Written and read again it must be the same network.
    let again = match to_bytes(&graph).and_then(|bytes| Ok((from_bytes(&bytes)?, bytes))) {
        Ok((again, bytes)) if to_bytes(&again).is_ok_and(|b| b == bytes) => again,
        Ok(_) => return Outcome::Failed("written again it differs".into()),
        Err(e) => return Outcome::Failed(format!("written: {e}")),
    };
    let (session, again) = match (Session::new(graph), Session::new(again)) {
        (Ok(session), Ok(again)) => (session, again),
        (Err(e), _) | (_, Err(e)) => return Outcome::Failed(e.to_string()),
    };
    let mut sets = 0;
    while case.join(format!("test_data_set_{sets}")).is_dir() {
        let folder = case.join(format!("test_data_set_{sets}"));
        let inputs: Vec<(&str, Tensor)> = match session
            .graph()
            .inputs
            .iter()
            .enumerate()
            .map(|(i, input)| Ok((input.name.as_str(), tensor(&folder.join(format!("input_{i}.pb")))?)))
            .collect::<Result<_, String>>()
        {
            Ok(inputs) => inputs,
            Err(e) => return Outcome::Failed(e),
        };
        let (outputs, others) = match (session.run(&inputs), again.run(&inputs)) {
            (Ok(outputs), Ok(others)) => (outputs, others),
            (Err(e), _) | (_, Err(e)) => return Outcome::Failed(e.to_string()),
        };
        for (i, (output, other)) in outputs.iter().zip(&others).enumerate() {
            if let Err(e) = equal(other, output) {
                return Outcome::Failed(format!("output {i} after writing: {e}"));
            }
        }
        for (i, output) in outputs.iter().enumerate() {
            let expected = match tensor(&folder.join(format!("output_{i}.pb"))) {
                Ok(expected) => expected,
                Err(e) if e.contains("elements of type") => {
                    return Outcome::Skipped("element types that we lack".into());
                }
                Err(e) => return Outcome::Failed(e),
            };
            if let Err(e) = equal(output, &expected) {
                return Outcome::Failed(format!("output {i}: {e}"));
            }
        }
        sets += 1;
    }
    if sets == 0 { Outcome::Failed("no data".into()) } else { Outcome::Passed }
}

fn tensor(path: &Path) -> Result<Tensor, String> {
    let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    tensor_from_bytes(&bytes).map_err(|e| e.to_string())
}

/// ONNX's own tolerance, relative 1e-3; and as much of the absolute as rounding needs.
fn equal(a: &Tensor, b: &Tensor) -> Result<(), String> {
    if a.shape() != b.shape() || a.dtype() != b.dtype() {
        return Err(format!("{:?} {:?}; expected {:?} {:?}", a.dtype(), a.shape(), b.dtype(), b.shape()));
    }
    let close =
        |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-6 + 1e-3 * b.abs();
    let differs = match (a.data(), b.data()) {
        (Data::F64(x), Data::F64(y)) => x.iter().zip(y.iter()).position(|(x, y)| !close(*x, *y)),
        _ if matches!(a.dtype(), DType::F32 | DType::F16) => {
            let (x, y) = (a.to_f32(), b.to_f32());
            let pairs = x.as_f32().unwrap_or_default().iter().zip(y.as_f32().unwrap_or_default());
            pairs.into_iter().position(|(x, y)| !close(f64::from(*x), f64::from(*y)))
        }
        _ if a.data() == b.data() => None,
        _ => {
            let (x, y) = (a.to_f32(), b.to_f32());
            let pairs = x.as_f32().unwrap_or_default().iter().zip(y.as_f32().unwrap_or_default());
            Some(pairs.into_iter().position(|(x, y)| x != y).unwrap_or(0))
        }
    };
    match differs {
        None => Ok(()),
        Some(at) => {
            let (x, y) = (a.to_f32(), b.to_f32());
            Err(format!(
                "element {at} of {:?}: {:?}; expected {:?}",
                a.shape(),
                x.as_f32().map(|v| v[at]),
                y.as_f32().map(|v| v[at])
            ))
        }
    }
}
