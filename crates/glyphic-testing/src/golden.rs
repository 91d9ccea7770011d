//! The golden vectors: expected outputs of the reference, a manifest that describes each case, and comparisons
//! that honour what a case stores (whole tensors, every n-th element, or statistics alone).

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use crate::{formula, mersenne};

/// Families that the workspace computes so far; every case whose name starts with one of them must pass.
pub const BUILT: &[&str] = &[
    "A_eval_hmean",
    "A_hmean_ic13_",
    "A_hmean_iou_",
    "A_kie_f1",
    "A_lowlevel",
    "A_ner_f1",
    "A_ocr_metric",
    "A_poly_pairs",
    "B_convertors",
    "B_crnn",
    "B_nrtr_",
    "B_robust_scanner",
    "B_sar_",
    "B_seg",
    "C_dbnet_r18",
    "C_dbnet_r50dcnv2",
    "C_drrg_",
    "C_fcenet_r50",
    "C_mask_to_boundary",
    "C_maskrcnn_r50",
    "C_panet_",
    "C_post_",
    "C_psenet_",
    "C_textsnake_",
    "D_bitmap_masks",
    "D_crops",
    "D_jitter",
    "D_multi_rotate",
    "D_ocr_seg_targets",
    "D_parsers_misc",
    "D_resize_ocr",
    "D_sort_vertex",
    "D_target_parts",
    "D_targets_dbnet_",
    "D_targets_drrg_",
    "D_targets_fcenet_",
    "D_targets_panet_",
    "D_targets_psenet_",
    "D_targets_textsnake_",
    "E_kie_relations",
    "E_ner_bert2",
    "E_sdmgr_",
    "F_basic_block",
    "F_bilstm",
    "F_bottleneck_ds",
    "F_chan_red_encoder",
    "F_dot_attn",
    "F_gcn",
    "F_loss_celoss_",
    "F_loss_ctc_",
    "F_loss_db_",
    "F_loss_dice",
    "F_loss_drrg",
    "F_loss_fce",
    "F_loss_focal_",
    "F_loss_pan_",
    "F_loss_pse_",
    "F_loss_sarloss_",
    "F_loss_sdmgr",
    "F_loss_seg_",
    "F_loss_textsnake",
    "F_loss_tfloss_",
    "F_mha",
    "F_neck_fpem_ffm",
    "F_neck_fpn_unet",
    "F_neck_fpnc",
    "F_neck_fpnf",
    "F_neck_fpnocr",
    "F_nrtr_modality",
    "F_pff",
    "F_position_aware",
    "F_position_table_512",
    "F_positional",
    "F_rs_fusion",
    "F_sar_encoder_",
    "F_tf_",
    "F_tps",
    "F_unet",
    "F_vgg_",
    "G_abinet",
    "G_dbnetpp_",
    "G_master",
    "G_satrn_small",
];

/// Cases that a prefix of [`BUILT`] covers by name only.
const NOT_BUILT: &[&str] = &[];

/// Whether the workspace computes this case.
pub fn is_built(name: &str) -> bool {
    !NOT_BUILT.contains(&name) && BUILT.iter().any(|prefix| name.starts_with(prefix))
}

/// The folder of the golden vectors: the one named by `GLYPHIC_GOLDEN`, else the reduced one of this crate.
pub fn root() -> PathBuf {
    external().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("golden"))
}

/// The folder named by `GLYPHIC_GOLDEN`, if any.
pub fn external() -> Option<PathBuf> {
    std::env::var_os("GLYPHIC_GOLDEN").filter(|v| !v.is_empty()).map(PathBuf::from)
}

/// All cases of the manifest whose name starts with `prefix` and which are built, in the manifest's order.
///
/// # Panics
/// When no case fits, so that a test cannot pass by finding nothing.
pub fn cases(prefix: &str) -> Vec<Case> {
    let found: Vec<Case> =
        all().into_iter().filter(|c| c.name.starts_with(prefix) && is_built(&c.name)).collect();
    assert!(!found.is_empty(), "no built golden case starts with {prefix:?} in {}", root().display());
    found
}

/// One case by its full name.
pub fn case(name: &str) -> Case {
    all()
        .into_iter()
        .find(|c| c.name == name)
        .unwrap_or_else(|| panic!("no golden case {name:?} in {}", root().display()))
}

/// Every case of the manifest, built or not.
pub fn all() -> Vec<Case> {
    load(&root())
}

fn load(root: &Path) -> Vec<Case> {
    let path = root.join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let manifest: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let cases = manifest["cases"].as_array().unwrap_or_else(|| panic!("{}: no list `cases`", path.display()));
    cases
        .iter()
        .map(|entry| Case {
            name: entry["case"].as_str().expect("every case has a name").to_owned(),
            config: entry["config"].clone(),
            tolerance: entry["tolerance"].clone(),
            entry: entry.clone(),
            root: root.to_owned(),
        })
        .collect()
}

/// One golden case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Its name, such as `F_basic_block`.
    pub name: String,
    /// The configuration of what it ran.
    pub config: Value,
    /// The tolerances to hold, by kind of output.
    pub tolerance: Value,
    /// The whole entry of the manifest.
    pub entry: Value,
    root: PathBuf,
}

/// A tensor as stored, or computed by its formula.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The shape of the full tensor.
    pub shape: Vec<usize>,
    /// Element 0, step, 2*step, ... of the row-major full tensor.
    pub values: Vec<f64>,
    /// 1 when `values` is the full tensor.
    pub step: usize,
}

impl Stored {
    /// The values as f32. For f64 tensors (gradient tables) read [`Stored::values`].
    pub fn f32(&self) -> Vec<f32> {
        self.values.iter().map(|&v| v as f32).collect()
    }

    /// The values as integers.
    pub fn i64(&self) -> Vec<i64> {
        self.values.iter().map(|&v| v as i64).collect()
    }

    /// The values as booleans.
    pub fn bool(&self) -> Vec<bool> {
        self.values.iter().map(|&v| v != 0.0).collect()
    }
}

/// How far a value may be from the golden one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tolerance {
    /// Not at all.
    Exact,
    /// At most this far.
    Abs(f64),
    /// At most this share of the largest magnitude of the golden tensor.
    RelMax(f64),
}

/// Why an output does not match its golden tensor.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// The case and tensor.
    pub what: String,
    /// What differs.
    pub reason: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

impl std::error::Error for Mismatch {}

impl Case {
    /// The path of the case's file. A case whose results stand in the manifest alone has none.
    pub fn file(&self) -> Option<PathBuf> {
        let file = self.entry["file"].as_str()?;
        Some(self.root.join(Path::new(file).file_name()?))
    }

    fn bytes(&self) -> Vec<u8> {
        let path = self.file().unwrap_or_else(|| panic!("{} has no file", self.name));
        std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// The content of the case's JSON file.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes()).unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// The salt in front of every stream's name.
    pub fn salt(&self) -> &str {
        self.entry["salt"].as_str().unwrap_or("")
    }

    /// The names of all tensors of a role: `input`, `output` or `buffer`.
    pub fn names(&self, role: &str) -> Vec<String> {
        let Some(tensors) = self.entry["tensors"].as_object() else { return Vec::new() };
        tensors.iter().filter(|(_, t)| t["role"] == role).map(|(n, _)| n.clone()).collect()
    }

    /// Whether the case has this tensor.
    pub fn has(&self, name: &str) -> bool {
        self.entry["tensors"].get(name).is_some()
    }

    /// A tensor of the case, stored or computed by its formula.
    pub fn stored(&self, name: &str) -> Stored {
        let meta =
            self.entry["tensors"].get(name).unwrap_or_else(|| panic!("{} has no tensor {name:?}", self.name));
        let shape = shape_of(&meta["shape"]);
        if let Some(formula) = meta["formula"].as_str() {
            let (stream, scale) =
                parse_formula(formula).unwrap_or_else(|| panic!("{}: formula {formula:?}", self.name));
            let n = shape.iter().product();
            let values = formula::values(self.salt(), stream, n, scale);
            return Stored { shape, values: values.into_iter().map(f64::from).collect(), step: 1 };
        }
        let step =
            meta["flat_step"].as_u64().unwrap_or_else(|| panic!("{}: {name} is not stored", self.name));
        let bytes = self.bytes();
        let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("{}: {e}", self.name));
        let view = file.tensor(name).unwrap_or_else(|e| panic!("{}: {name}: {e}", self.name));
        let values = to_f64(view.dtype(), view.data());
        assert_eq!(
            values.len(),
            shape.iter().product::<usize>().div_ceil(step as usize),
            "{}: {name} holds the wrong number of elements",
            self.name
        );
        Stored { shape, values, step: step as usize }
    }

    /// A full tensor of the case as shape and f32 values.
    pub fn tensor(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let stored = self.stored(name);
        assert_eq!(stored.step, 1, "{}: {name} is stored in part only", self.name);
        let values = stored.f32();
        (stored.shape, values)
    }

    /// The state dict of the case's network: name, shape and formula value of every entry in the reference's order.
    /// `num_batches_tracked` is there too, as 0. Buffers that are stored in part are left out: the module computes them.
    /// Matrices that the reference's constructor drew, of which a part is stored, are drawn again.
    pub fn weights(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let gains: Vec<(&str, f32)> = self.entry["extra_gain_by_prefix"]
            .as_object()
            .map(|m| {
                m.iter().map(|(p, g)| (p.as_str(), g.as_f64().expect("a gain is a number") as f32)).collect()
            })
            .unwrap_or_default();
        self.state_dict()
            .into_iter()
            .filter_map(|(name, shape)| {
                let buffer = || {
                    let stored = self.stored(&format!("buffer/{name}"));
                    (stored.step == 1).then(|| stored.f32())
                };
                let drawn = || match *shape {
                    [rows, columns] => self.drawn(&name, [rows, columns]),
                    _ => None,
                };
                let formula = formula::weight(self.salt(), &name, &shape);
                let mut values = formula.or_else(buffer).or_else(drawn)?;
                for (prefix, gain) in &gains {
                    if name.starts_with(prefix) {
                        values.iter_mut().for_each(|v| *v *= gain);
                    }
                }
                Some((name, shape, values))
            })
            .collect()
    }

    /// A matrix that the reference's constructor drew, which must agree with what is stored of it.
    fn drawn(&self, name: &str, size: [usize; 2]) -> Option<Vec<f32>> {
        let values = mersenne::matrix(&self.name, name, size)?;
        match self.compare_stored(&format!("buffer/{name}"), &values, Tolerance::RelMax(1e-6)) {
            Ok(_) => Some(values),
            Err(mismatch) => panic!("{mismatch}"),
        }
    }

    /// Name and shape of every state-dict entry in the reference's order.
    pub fn state_dict(&self) -> Vec<(String, Vec<usize>)> {
        let list =
            self.entry["state_dict"].as_array().unwrap_or_else(|| panic!("{}: no state_dict", self.name));
        list.iter().map(|e| (e[0].as_str().expect("a name").to_owned(), shape_of(&e[1]))).collect()
    }

    /// Compares a full tensor with what the case stores of it, element by element and by its statistics.
    /// Returns the largest difference.
    pub fn compare_stored(&self, name: &str, full: &[f32], tolerance: Tolerance) -> Result<f64, Mismatch> {
        let stored = self.stored(name);
        let fail = |reason: String| Err(Mismatch { what: format!("{} {name}", self.name), reason });
        let n: usize = stored.shape.iter().product();
        if full.len() != n {
            return fail(format!("has {} elements, the golden one {:?} = {n}", full.len(), stored.shape));
        }
        if let Some(i) = full.iter().position(|v| v.is_nan()) {
            return fail(format!("element {i} is NaN"));
        }
        let stats = &self.entry["tensors"][name]["stats"];
        let stat = |key: &str| stats[key].as_f64();
        let largest = match (stat("min"), stat("max")) {
            (Some(min), Some(max)) => min.abs().max(max.abs()),
            _ => stored.values.iter().fold(0.0, |m: f64, v| m.max(v.abs())),
        };
        let allowed = match tolerance {
            Tolerance::Exact => 0.0,
            Tolerance::Abs(abs) => abs,
            Tolerance::RelMax(rel) => rel * largest,
        };
        let mut worst = (0.0, 0);
        for (k, (&expected, &got)) in stored.values.iter().zip(full.iter().step_by(stored.step)).enumerate() {
            // Equal infinities differ by NaN.
            let difference = if f64::from(got) == expected { 0.0 } else { (f64::from(got) - expected).abs() };
            if difference > worst.0 {
                worst = (difference, k * stored.step);
            }
        }
        if worst.0 > allowed {
            let k = worst.1 / stored.step;
            return fail(format!(
                "element {} is {} and should be {}: off by {:.3e}, allowed {allowed:.3e} ({tolerance:?}, largest {largest:.4})",
                worst.1, full[worst.1], stored.values[k], worst.0
            ));
        }
        // Statistics see the elements that a step leaves out. They were summed in f64 by the reference.
        let slack = allowed.max(largest * 1e-9);
        for (key, got) in statistics(full) {
            if let Some(expected) = stat(key)
                && (got - expected).abs() > slack
            {
                return fail(format!("its {key} is {got} and should be {expected}, allowed {slack:.3e}"));
            }
        }
        Ok(worst.0)
    }

    /// [`Case::compare_stored`] that also compares the shape, and panics on a mismatch.
    #[track_caller]
    pub fn assert_tensor(&self, name: &str, shape: &[usize], full: &[f32], tolerance: Tolerance) {
        let expected = shape_of(&self.entry["tensors"][name]["shape"]);
        assert_eq!(shape, expected, "{} {name}: shape", self.name);
        if let Err(mismatch) = self.compare_stored(name, full, tolerance) {
            panic!("{mismatch}");
        }
    }

    /// Compares gradients of parameters with a stored `l2_sum_first_middle` table. `gradient` gives the gradient of
    /// a parameter in PyTorch's name and layout, `None` where it has none.
    ///
    /// The norm may be off by `rel` of itself plus `share` of the largest norm of the case; sum, first and middle
    /// element by the same, times sqrt(n) for the sum.
    pub fn compare_gradients(
        &self,
        gradient: impl Fn(&str) -> Option<Vec<f32>>,
        rel: f64,
        share: f64,
    ) -> Result<(), Mismatch> {
        let (table, names) = ["train_grad", "grad_params"]
            .iter()
            .find_map(|t| {
                let key = if *t == "train_grad" { "train_grad_names" } else { "grad_names" };
                Some((format!("{t}/l2_sum_first_middle"), self.entry["json_outputs"][key].as_array()?))
            })
            .unwrap_or_else(|| panic!("{} stores no gradients of parameters", self.name));
        let table = self.stored(&table);
        let largest = table.values.chunks_exact(4).fold(0.0, |m: f64, row| m.max(row[0]));
        let mut wrong = Vec::new();
        for (name, row) in names.iter().zip(table.values.chunks_exact(4)) {
            let name = name.as_str().expect("a name");
            let got = gradient(name);
            match (&got, row[0] < 0.0) {
                (None, true) => continue,
                (None, false) => wrong.push(format!("{name}: no gradient, norm should be {}", row[0])),
                (Some(g), true) if g.iter().all(|&v| v == 0.0) => continue,
                (Some(_), true) => wrong.push(format!("{name}: has a gradient and should have none")),
                (Some(g), false) => {
                    let l2 = g.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
                    let sum: f64 = g.iter().map(|&v| f64::from(v)).sum();
                    let allowed = rel * row[0] + share * largest;
                    let rows = [
                        ("norm", l2, row[0], allowed),
                        ("sum", sum, row[1], allowed * (g.len() as f64).sqrt()),
                        ("first", f64::from(g[0]), row[2], allowed),
                        ("middle", f64::from(g[g.len() / 2]), row[3], allowed),
                    ];
                    for (what, got, expected, allowed) in rows {
                        // `partial_cmp` so that NaN is wrong too.
                        if !matches!(
                            (got - expected).abs().partial_cmp(&allowed),
                            Some(std::cmp::Ordering::Less | std::cmp::Ordering::Equal)
                        ) {
                            wrong.push(format!(
                                "{name}: {what} is {got}, should be {expected} +- {allowed:.3e}"
                            ));
                        }
                    }
                }
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        Err(Mismatch { what: format!("{} gradients", self.name), reason: wrong.join("\n  ") })
    }
}

/// Mean, population standard deviation, minimum, maximum and mean magnitude, in f64.
fn statistics(values: &[f32]) -> BTreeMap<&'static str, f64> {
    let n = values.len() as f64;
    let wide = || values.iter().map(|&v| f64::from(v));
    let mean = wide().sum::<f64>() / n;
    let std = (wide().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let min = wide().fold(f64::INFINITY, f64::min);
    let max = wide().fold(f64::NEG_INFINITY, f64::max);
    let abs_mean = wide().map(f64::abs).sum::<f64>() / n;
    BTreeMap::from([("mean", mean), ("std", std), ("min", min), ("max", max), ("abs_mean", abs_mean)])
}

fn shape_of(value: &Value) -> Vec<usize> {
    let list = value.as_array().unwrap_or_else(|| panic!("not a shape: {value}"));
    list.iter().map(|d| d.as_u64().expect("a dimension") as usize).collect()
}

/// `v of seed fnv1a(salt+'NAME') * SCALE` -> (NAME, SCALE).
fn parse_formula(formula: &str) -> Option<(&str, f64)> {
    let (_, rest) = formula.split_once("(salt+'")?;
    let (name, rest) = rest.split_once("') * ")?;
    let number = rest.split(|c: char| !(c.is_ascii_digit() || c == '.')).next()?;
    Some((name, number.parse().ok()?))
}

fn to_f64(dtype: Dtype, data: &[u8]) -> Vec<f64> {
    fn each<const N: usize>(data: &[u8], f: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        data.chunks_exact(N).map(|c| f(c.try_into().expect("the chunk's length"))).collect()
    }
    match dtype {
        Dtype::BOOL | Dtype::U8 => data.iter().map(|&b| f64::from(b)).collect(),
        Dtype::I32 => each(data, |b| f64::from(i32::from_le_bytes(b))),
        Dtype::I64 => each(data, |b| i64::from_le_bytes(b) as f64),
        Dtype::F16 => each(data, |b| half::f16::from_le_bytes(b).to_f64()),
        Dtype::F32 => each(data, |b| f64::from(f32::from_le_bytes(b))),
        Dtype::F64 => each(data, f64::from_le_bytes),
        other => panic!("golden tensors of type {other:?} are not known"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_its_file_and_says_whether_it_is_built() {
        let cases = all();
        let mut built = 0;
        for case in &cases {
            let state = if is_built(&case.name) { "built" } else { "NOT BUILT YET" };
            built += usize::from(is_built(&case.name));
            println!("{:<48} {state}", case.name);
            if let Some(file) = case.file() {
                assert!(file.is_file(), "{} is missing", file.display());
            }
        }
        println!("{built} of {} cases are built", cases.len());
        assert!(built > 0);
    }

    #[test]
    fn every_tensor_has_the_stated_shape_and_statistics() {
        for case in all() {
            for name in ["input", "output", "buffer"].iter().flat_map(|r| case.names(r)) {
                let stored = case.stored(&name);
                if stored.step == 1
                    && !stored.values.is_empty()
                    && stored.values.iter().all(|v| (*v as f32).is_finite())
                {
                    // f32 holds the f64 gradient tables to 1e-6 of the largest value only.
                    if let Err(mismatch) = case.compare_stored(&name, &stored.f32(), Tolerance::RelMax(1e-6))
                    {
                        panic!("{mismatch}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_wrong_element_a_wrong_statistic_and_nan_are_found() {
        let case = case("F_neck_fpnc");
        let stored = case.stored("eval_out");
        assert!(stored.step > 1);
        let n = stored.shape.iter().product();
        let mut full = vec![0.0f32; n];
        for (k, v) in stored.values.iter().enumerate() {
            full[k * stored.step] = *v as f32;
        }
        let unseen = case.compare_stored("eval_out", &full, Tolerance::RelMax(1e-4)).unwrap_err();
        assert!(unseen.reason.contains("should be"), "{unseen}");
        full[0] += 1.0;
        let off = case.compare_stored("eval_out", &full, Tolerance::RelMax(1e-4)).unwrap_err();
        assert!(off.reason.contains("element 0"), "{off}");
        full[0] = f32::NAN;
        assert!(
            case.compare_stored("eval_out", &full, Tolerance::Abs(1e9)).unwrap_err().reason.contains("NaN")
        );
        assert!(case.compare_stored("eval_out", &full[1..], Tolerance::Abs(1e9)).is_err());
    }

    #[test]
    fn formulas_name_their_stream_and_scale() {
        let table = [
            ("v of seed fnv1a(salt+'input:a.x') * 1.0", ("input:a.x", 1.0)),
            ("v of seed fnv1a(salt+'input:n') * 0.2", ("input:n", 0.2)),
            ("v of seed fnv1a(salt+'input:k') * 1.5 (used by the visual model only)", ("input:k", 1.5)),
            ("v of seed fnv1a(salt+'input:u') * 1.0; 1,8,192,256", ("input:u", 1.0)),
        ];
        for (formula, expected) in table {
            assert_eq!(parse_formula(formula), Some(expected));
        }
    }
}
