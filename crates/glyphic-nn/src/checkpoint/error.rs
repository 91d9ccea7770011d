//! What can be wrong with a checkpoint.

use std::fmt;

/// What can be wrong with a checkpoint's bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// The bytes end too early or contradict themselves.
    #[error("broken {what}: {reason}")]
    Broken {
        /// The part that is broken.
        what: &'static str,
        /// How.
        reason: String,
    },
    /// Neither safetensors nor a PyTorch checkpoint.
    #[error(
        "not a checkpoint: expected safetensors, an ONNX model, or a PyTorch file in zip or legacy layout"
    )]
    Unknown,
    /// A pickle that names something outside the small list a checkpoint needs. Nothing of it has been run.
    #[error("refused: the file asks for `{global}`, which a checkpoint does not need; it may be malicious")]
    Refused {
        /// Module and name, such as `posix.system`.
        global: String,
    },
    /// Something a checkpoint may hold but that is not supported.
    #[error("unsupported: {what}")]
    Unsupported {
        /// What.
        what: String,
    },
    /// A file without a single named tensor.
    #[error("holds no state dict: expected named tensors, or a dict with them under `state_dict`")]
    NoTensors,
}

impl FormatError {
    pub(crate) fn broken(what: &'static str, reason: impl ToString) -> Self {
        Self::Broken { what, reason: reason.to_string() }
    }
}

/// Every disagreement between a checkpoint and a module.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// Names of the module that the checkpoint lacks.
    pub missing: Vec<String>,
    /// Names of the checkpoint that the module has no place for.
    pub unused: Vec<String>,
    /// Name, shape in the module, shape in the checkpoint; in PyTorch's layout.
    pub mis_shaped: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the checkpoint does not fit the network")?;
        if !self.missing.is_empty() {
            write!(f, "\n  missing in the checkpoint: {}", self.missing.join(", "))?;
        }
        if !self.unused.is_empty() {
            write!(f, "\n  without a place in the network: {}", self.unused.join(", "))?;
        }
        for (name, expected, got) in &self.mis_shaped {
            write!(f, "\n  {name} should be {expected:?} and is {got:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mismatch {}
