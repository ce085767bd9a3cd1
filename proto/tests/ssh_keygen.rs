//! OpenSSH is the second opinion on our signatures and key files: what we sign, `ssh-keygen -Y verify` accepts, and
//! what `ssh-keygen -Y sign` signs, we accept. Skipped, saying so, where there is no ssh-keygen.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "this test asks another program"
)]

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use data_encoding::BASE64;
use proto::crypto::identity::{AccountKey, CLAIM_NAMESPACE, DEVICE_NAMESPACE, verify_sshsig};

/// A private directory that goes away with the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn present() -> bool {
    let present = Command::new("ssh-keygen").arg("-?").output().is_ok();
    if !present {
        println!("skipped: there is no ssh-keygen here");
    }
    present
}

fn ssh_keygen(args: &[&str], stdin: &[u8]) -> Output {
    let mut child = Command::new("ssh-keygen")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}

fn armour(blob: &[u8]) -> String {
    let base64 = BASE64.encode(blob);
    let lines: Vec<_> = base64.as_bytes().chunks(70).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

#[test]
fn openssh_accepts_what_we_sign() {
    if !present() {
        return;
    }
    let (dir, key) = (Dir::new("verify"), AccountKey::from_seed(&[7; 32], "alice"));
    let signers = dir.write("signers", format!("alice {}\n", key.public_openssh()).as_bytes());
    let signature = dir.write("signature", armour(&key.sign(DEVICE_NAMESPACE, b"some bytes")).as_bytes());
    let (signers, signature) = (signers.to_str().unwrap(), signature.to_str().unwrap());
    let verify = |namespace: &str, bytes: &[u8]| {
        let args = ["-Y", "verify", "-f", signers, "-I", "alice", "-n", namespace, "-s", signature];
        ssh_keygen(&args, bytes).status.success()
    };
    assert!(verify(DEVICE_NAMESPACE, b"some bytes"));
    assert!(!verify(CLAIM_NAMESPACE, b"some bytes"));
    assert!(!verify(DEVICE_NAMESPACE, b"other bytes"));
}

#[test]
fn we_accept_what_openssh_signs() {
    if !present() {
        return;
    }
    let dir = Dir::new("sign");
    let file = dir.0.join("key");
    let made = ssh_keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", file.to_str().unwrap()], b"");
    assert!(made.status.success());
    let key = AccountKey::from_openssh(&fs::read_to_string(&file).unwrap()).unwrap();
    let signed =
        ssh_keygen(&["-Y", "sign", "-f", file.to_str().unwrap(), "-n", CLAIM_NAMESPACE], b"some bytes");
    let armoured = String::from_utf8(signed.stdout).unwrap();
    let base64: String = armoured.lines().filter(|line| !line.starts_with("-----")).collect();
    let blob = BASE64.decode(base64.as_bytes()).unwrap();
    assert_eq!(verify_sshsig(CLAIM_NAMESPACE, b"some bytes", &blob), Some(key.fingerprint()));
    assert_eq!(verify_sshsig(DEVICE_NAMESPACE, b"some bytes", &blob), None);
}

#[test]
fn openssh_reads_the_key_file_we_write() {
    if !present() {
        return;
    }
    let (dir, key) = (Dir::new("file"), AccountKey::from_seed(&[9; 32], "carol"));
    let file = dir.write("key", key.to_openssh().as_bytes());
    let listed = ssh_keygen(&["-l", "-f", file.to_str().unwrap()], b"");
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(&key.fingerprint().openssh()), "{listed}");
}
