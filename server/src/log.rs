//! The log: lines on stderr, for the terminal, the journal or a file. What strangers wrote is never in it as they
//! wrote it: names and texts arrive as `Safe`, addresses and reasons are ours.

use std::io;

use tincan_server::config::Level;
use tracing::level_filters::LevelFilter;

/// Logs from now on.
pub(crate) fn start(level: Level) {
    let filter = match level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    // The only subscriber of the process: a second start is refused, which is no harm.
    let _ = tracing_subscriber::fmt()
        .with_max_level(filter)
        .with_writer(io::stderr)
        .with_target(false)
        // A line that stderr does not take (who read it is gone) would be complained of on stderr, which panics.
        .log_internal_errors(false)
        .try_init();
}
