//! What is typed after `tincan config`.

use clap::{Args as Group, Subcommand};

/// `tincan config`
#[derive(Clone, Debug, Group)]
pub struct Configuration {
    #[command(subcommand)]
    #[expect(missing_docs, reason = "the words of a field are its command's help")]
    pub look: Look,
}

/// How to look at it.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum Look {
    /// Say what is wrong with the file: unknown keys, wrong types, values out of range; exit code 2 when something is
    Check,
    /// List every key with its value, and where the value comes from
    Show,
}
