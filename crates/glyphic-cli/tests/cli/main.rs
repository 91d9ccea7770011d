//! The built command, as a user meets it.

mod bad_input;
mod commands;
mod common;
mod data;
mod eval;
mod language_model;
