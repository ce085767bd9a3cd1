//! People using the real programs: server and clients as processes, sound that is recorded and compared.

#[path = "scenario/alsa.rs"]
mod alsa;
#[path = "scenario/control.rs"]
mod control;
#[path = "scenario/doctor.rs"]
mod doctor;
#[expect(dead_code, reason = "the figures use the rest")]
mod harness;
#[path = "scenario/headless.rs"]
mod headless;
#[path = "scenario/keeping.rs"]
mod keeping;
#[path = "scenario/late.rs"]
mod late;
#[path = "scenario/leak.rs"]
mod leak;
#[path = "scenario/linear.rs"]
mod linear;
#[path = "scenario/lines.rs"]
mod lines;
#[path = "scenario/many.rs"]
mod many;
#[path = "scenario/mixed.rs"]
mod mixed;
#[path = "scenario/originals.rs"]
mod originals;
#[path = "scenario/plain.rs"]
mod plain;
#[path = "scenario/press.rs"]
mod press;
#[path = "scenario/ring.rs"]
mod ring;
#[path = "scenario/screen.rs"]
mod screen;
#[path = "scenario/secrets.rs"]
mod secrets;
#[path = "scenario/stop.rs"]
mod stop;
#[path = "scenario/talk.rs"]
mod talk;
#[expect(
    clippy::unwrap_used,
    dead_code,
    reason = "a test that cannot be set up has failed; the server's use the rest"
)]
#[path = "../../server/tests/real/tap.rs"]
mod tap;
#[path = "scenario/told.rs"]
mod told;
#[path = "scenario/transcript.rs"]
mod transcript;
#[path = "scenario/trust.rs"]
mod trust;
#[path = "scenario/wire.rs"]
mod wire;
