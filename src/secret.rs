//! Secrets that cannot be printed, and the few places where they touch files.
//!
//! Promises: a [`Secret`] has no `Display`, its `Debug` says `[redacted]`, it is wiped when dropped. A file that holds one is read only when
//! nobody else can read it, up to a named size, and is written with mode 0600 from its first byte. [`redact`] takes known secrets out of
//! foreign text before it is kept or shown.

use std::fmt;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::error::{Exit, Explain};

/// The most that is read from a file with a credential. A service key is about 4 KiB, an x509 one about 12 KiB.
pub const MAX_SECRET_BYTES: u64 = 256 * 1024;

/// A value that must not be shown: a client secret, a token, a private key, a password.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes the value over.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value itself, for the one place that puts it on the wire.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.expose().is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        matches(self.expose().as_bytes(), other.expose().as_bytes())
    }
}

impl Eq for Secret {}

/// Compares without telling by its run time where two values differ; only their lengths show.
pub fn matches(given: &[u8], wanted: &[u8]) -> bool {
    given.len() == wanted.len() && given.iter().zip(wanted).fold(0, |odd, (a, b)| odd | (a ^ b)) == 0
}

/// Replaces every occurrence of `secrets` in `text`, and everything that looks like a bearer token or a private key.
pub fn redact<'a>(text: &str, secrets: impl IntoIterator<Item = &'a Secret>) -> String {
    let mut out = text.to_owned();
    for secret in secrets {
        // A very short value would shred the text, and is no secret.
        if secret.expose().len() >= 4 {
            out = out.replace(secret.expose(), "[redacted]");
        }
    }
    hide_tokens(&out)
}

/// JSON web tokens begin with the base64url of `{"`; nothing else in an error body does.
fn hide_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        let token =
            rest[at..].find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(rest.len() - at);
        out.push_str(&rest[..at]);
        out.push_str(if token > 20 { "[redacted]" } else { &rest[at..at + token] });
        rest = &rest[at + token..];
    }
    out.push_str(rest);
    out
}

/// Why a file with a secret was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system said no.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it answered.
        source: std::io::Error,
    },
    /// Others could read or change it.
    #[error("{} can be {what} by others (mode {mode:04o})", path.display())]
    Exposed {
        /// The file, or the folder it lies in.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// `read` or `changed`.
        what: &'static str,
    },
    /// It belongs to somebody else, who could change it.
    #[error("{} belongs to user {owner}, not to the agent's user {user}", path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// More than [`MAX_SECRET_BYTES`].
    #[error("{} is larger than {MAX_SECRET_BYTES} bytes, so it is not a credential", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Not UTF-8 text.
    #[error("{} is not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
}

impl Explain for FileError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Exposed { path, what: "read", .. } => Some(format!("run: chmod 600 '{}'", path.display())),
            Self::Exposed { path, .. } => Some(format!("run: chmod go-w '{}'", path.display())),
            Self::Owner { path, user, .. } => Some(format!("run: chown {user} '{}'", path.display())),
            Self::Io { path, source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some(format!("check the path; relative ones are relative to the config file ('{}')", path.display()))
            }
            _ => None,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Refused
    }
}

/// How strictly a secret's file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Owner-only: the file of an operator.
    OwnerOnly,
    /// Mounted by a platform (Kubernetes, systemd), which sets modes of its own that we cannot change.
    Mounted,
}

/// Reads the secret text of a file.
///
/// # Errors
/// [`FileError`] when the file cannot be read, is exposed to others ([`Guard::OwnerOnly`]), too large, or not text.
pub fn read_file(path: &Path, guard: Guard) -> Result<Secret, FileError> {
    let io = |action| move |source| FileError::Io { action, path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(io("open"))?;
    let metadata = file.metadata().map_err(io("look at"))?;
    if guard == Guard::OwnerOnly {
        check_owner_only(path, &metadata)?;
    }
    if metadata.len() > MAX_SECRET_BYTES {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    let mut text = Vec::new();
    Read::take(&mut file, MAX_SECRET_BYTES + 1).read_to_end(&mut text).map_err(io("read"))?;
    if text.len() as u64 > MAX_SECRET_BYTES {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(text).map(Secret::new).map_err(|_| FileError::NotText { path: path.to_owned() })
}

fn check_owner_only(path: &Path, metadata: &std::fs::Metadata) -> Result<(), FileError> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(FileError::Exposed { path: path.to_owned(), mode, what: "read" });
    }
    let user = rustix::process::geteuid().as_raw();
    if metadata.uid() != user && metadata.uid() != 0 {
        return Err(FileError::Owner { path: path.to_owned(), owner: metadata.uid(), user });
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(folder_metadata) = std::fs::metadata(folder) else { return Ok(()) };
    let folder_mode = folder_metadata.permissions().mode() & 0o7777;
    // In a folder like /tmp others may add files, but the sticky bit keeps them from replacing ours.
    if folder_mode & 0o022 != 0 && folder_mode & 0o1000 == 0 {
        return Err(FileError::Exposed { path: folder.to_owned(), mode: folder_mode, what: "changed" });
    }
    Ok(())
}

/// Makes a folder that only we can look into, with its parents. One that is there already is left as it is.
///
/// # Errors
/// [`FileError::Io`] when it cannot be made.
pub fn private_folder(path: &Path) -> Result<(), FileError> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|source| FileError::Io {
        action: "create the folder",
        path: path.to_owned(),
        source,
    })
}

/// Writes a secret so that no other user sees it and no crash leaves a half of it: a new file beside it with mode 0600, synced, then
/// renamed over `path`, and the folder synced.
///
/// # Errors
/// [`FileError::Io`] with the step that failed; the old file is then still whole.
pub fn write_file(path: &Path, content: &str) -> Result<(), FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let temporary = folder.join(format!(".{name}.{:016x}", fastrand::u64(..)));
    let io = |action| move |source| FileError::Io { action, path: path.to_owned(), source };
    let written = (|| {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(io("create"))?;
        file.write_all(content.as_bytes()).map_err(io("write"))?;
        file.sync_all().map_err(io("sync"))?;
        std::fs::rename(&temporary, path).map_err(io("replace"))?;
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync the folder of"))
    })();
    if written.is_err() {
        // Best effort: the error that is returned matters more than this one.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests write the files that are then read")]
mod tests {
    use super::*;

    fn file(mode: u32, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::File::create(&path).unwrap().write_all(content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::new("planted-value");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[redacted] Some([redacted])");
    }

    #[test]
    fn every_mode_that_lets_others_in_is_refused_with_the_command_to_run() {
        for mode in 0..0o1000_u32 {
            let (_dir, path) = file(mode, b"x");
            match read_file(&path, Guard::OwnerOnly) {
                Err(error @ FileError::Exposed { .. }) if mode & 0o077 != 0 => {
                    assert!(error.hint().is_some_and(|hint| hint.starts_with("run: chmod 600 ")), "{mode:o}");
                }
                Ok(_) | Err(FileError::Io { .. }) if mode & 0o077 == 0 => {}
                other => panic!("mode {mode:o}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_folder_that_others_can_change_is_refused() {
        let (dir, path) = file(0o600, b"x");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = read_file(&path, Guard::OwnerOnly).unwrap_err();
        assert!(matches!(error, FileError::Exposed { what: "changed", .. }), "{error}");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(read_file(&path, Guard::OwnerOnly).is_ok(), "the sticky bit protects it");
    }

    #[test]
    fn what_a_platform_mounts_may_have_its_modes() {
        let (_dir, path) = file(0o644, b"mounted");
        assert_eq!(read_file(&path, Guard::Mounted).unwrap().expose(), "mounted");
    }

    #[test]
    fn size_and_encoding_are_bounded() {
        let (_dir, path) = file(0o600, &vec![b'x'; usize::try_from(MAX_SECRET_BYTES).unwrap() + 1]);
        assert!(matches!(read_file(&path, Guard::OwnerOnly), Err(FileError::TooLarge { .. })));
        let (_dir, path) = file(0o600, &[0xff, 0xfe]);
        assert!(matches!(read_file(&path, Guard::OwnerOnly), Err(FileError::NotText { .. })));
    }

    #[test]
    fn writes_owner_only_and_replaces_whole() {
        let (dir, path) = file(0o644, b"old");
        write_file(&path, "new").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(read_file(&path, Guard::OwnerOnly).unwrap().expose(), "new");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_private_folder_is_ours_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        private_folder(&path).unwrap();
        private_folder(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn redacts_known_values_and_tokens() {
        let secret = Secret::new("planted$value");
        let text = "body planted$value and eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln, eyJ";
        assert_eq!(redact(text, [&secret]), "body [redacted] and [redacted], eyJ");
    }

    #[test]
    fn comparison_knows_length_and_content() {
        assert!(matches(b"abc", b"abc"));
        assert!(!matches(b"abc", b"abd") && !matches(b"abc", b"ab"));
    }
}
