//! The `glyphic` command.
fn main() {}
