use std::{fmt, io, process};

/// How the command ends. Documented in `glyphic --help`: keep [`HELP`] in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Success.
    Success = 0,
    /// A result was refused: a quantised model loses more than is allowed.
    #[cfg_attr(not(feature = "train"), expect(dead_code, reason = "models are quantised with `train` alone"))]
    Refused = 1,
    /// Invalid arguments or configuration file (clap's own code).
    Usage = 2,
    /// Some inputs could not be read; all others were processed.
    Input = 3,
    /// A model or its weights could not be loaded or run.
    Model = 4,
    /// The output could not be written.
    Output = 5,
}

pub(crate) const HELP: &str = "\
Exit codes:
  0  success
  1  the result was refused: a quantised model loses more than is allowed
  2  invalid arguments or configuration file
  3  some inputs could not be read; all others were processed
  4  a model or its weights could not be loaded or run
  5  the output could not be written";

impl From<Exit> for process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An error and the exit code it stands for.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Many errors say their cause themselves; what is said already is not said again.
        let mut said = String::new();
        for cause in self.error.chain().map(ToString::to_string) {
            if !said.contains(&cause) {
                let separator = if said.is_empty() { "" } else { ": " };
                said.push_str(separator);
                said.push_str(&cause);
            }
        }
        f.write_str(&said)
    }
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { exit, error: anyhow::Error::msg(message) }
    }

    /// Whether the reader of our output has gone (`glyphic ... | head`): that is success.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.error
            .chain()
            .filter_map(|e| e.downcast_ref::<io::Error>())
            .any(|e| e.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Gives an error its exit code.
pub(crate) trait OrExit<T> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> OrExit<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|e| Failure { exit, error: e.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let wrapped = glyphic_core::Error::Read { path: "a.png".into(), source: missing() };
        let failure = Failure { exit: Exit::Input, error: anyhow::Error::new(wrapped).context("page 3") };
        assert_eq!(failure.to_string(), format!("page 3: cannot read a.png: {}", missing()));
    }
}
