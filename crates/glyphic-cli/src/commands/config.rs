use clap::Subcommand;
use glyphic::Models;

use crate::{
    exit::{Exit, Failure, OrExit},
    output::print,
};

/// Shows configurations.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Prints the resolved configuration as TOML, with all defaults
    Show {
        /// Models listed by `glyphic models`, or TOML files [default: the shipped models]
        #[arg(value_name = "NAME|FILE")]
        models: Vec<String>,
    },
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let Action::Show { models: names } = args.action;
    let mut models = Models::default();
    for name in &names {
        models.add(name).or_exit(Exit::Usage)?;
    }
    let text = toml::to_string(&models.config).or_exit(Exit::Output)?;
    print(&text)
}
