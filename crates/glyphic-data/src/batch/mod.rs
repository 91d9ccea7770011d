//! Batches, made ahead by several threads.

mod loader;
mod plan;

pub use loader::{Loader, LoaderOptions, Plan, StreamState, WaitReport};
pub use plan::{Drawn, PlanOptions, Prepared, Recipe, SamplePlan};
