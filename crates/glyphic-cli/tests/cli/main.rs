//! The built command, as a user meets it.

mod bad_input;
mod commands;
mod common;
mod data;
mod docs;
mod documents;
mod eval;
mod extract;
mod killed;
mod language_model;
mod quantize;
