//! ONNX files: read into graphs, and written from them.

mod attributes;
mod proto;
mod read;
mod tensor;
mod write;

#[cfg(test)]
mod tests;
