//! Programs under test see nothing of whoever runs the tests.

/// Where settings and data are looked for when a test names no place: one that is not there and that not even root can
/// make, so that nobody's own settings decide about a test and no test changes them.
pub(crate) const HOMES: [(&str, &str); 3] = [
    ("XDG_CONFIG_HOME", "/proc/nobody/config"),
    ("XDG_DATA_HOME", "/proc/nobody/data"),
    ("XDG_STATE_HOME", "/proc/nobody/state"),
];
