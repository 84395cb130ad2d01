//! From a place to a key. The only part of this room that touches the disk.

use std::path::{Path, PathBuf};

use rapidhash::fast::RapidHasher;
use serde_json::{Map, Value};
use std::hash::Hasher;
use std::os::unix::fs::MetadataExt;

use super::{KeyError, KeyOptions, Location, ServiceKey};
use crate::secret::{FileError, Guard, MAX_SECRET_BYTES, Secret, read_file};

/// The most files of a mounted folder that are looked at; a binding has about ten.
const MAX_FILES: usize = 64;

/// Reads the key from its place.
///
/// # Errors
/// [`KeyError`] when there is none, or it cannot be used.
pub fn load(location: &Location, options: &KeyOptions) -> Result<ServiceKey, KeyError> {
    match location {
        Location::Environment { name, text } if text.expose().trim().is_empty() => {
            Err(KeyError::Empty { origin: format!("the environment variable {name}") })
        }
        Location::Environment { text, .. } | Location::VcapServices(text) => parse_bounded(text, options),
        Location::File(path) => ServiceKey::parse(read_file(path, Guard::OwnerOnly)?.expose(), options),
        Location::SystemdCredential(path) => ServiceKey::parse(read_file(path, Guard::Mounted)?.expose(), options),
        Location::Directory(path) => directory(path, options),
    }
}

fn parse_bounded(text: &Secret, options: &KeyOptions) -> Result<ServiceKey, KeyError> {
    if text.expose().len() as u64 > MAX_SECRET_BYTES {
        return Err(KeyError::Unknown);
    }
    ServiceKey::parse(text.expose(), options)
}

/// A folder with one file a key, or with one file that holds everything. Source: servicebinding.io; BTP service operator's secret formats.
fn directory(path: &Path, options: &KeyOptions) -> Result<ServiceKey, KeyError> {
    let mut object = Map::new();
    for file in files(path)? {
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let text = read_file(&file, Guard::Mounted)?;
        let text = text.expose().trim_end_matches(['\r', '\n']);
        object.insert(name, Value::String(text.to_owned()));
    }
    if object.is_empty() {
        return Err(KeyError::Empty { origin: path.display().to_string() });
    }
    let by_file = ServiceKey::parse(&Value::Object(object.clone()).to_string(), options);
    if !matches!(by_file, Err(KeyError::Unknown)) {
        return by_file;
    }
    // One file with the whole JSON; its name is the operator's choice.
    let whole = object.values().filter_map(Value::as_str).filter(|text| text.trim_start().starts_with('{'));
    let mut last = KeyError::Unknown;
    for text in whole {
        match ServiceKey::parse(text, options) {
            Ok(key) => return Ok(key),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The visible files of a folder, in the order of their names. A mounted secret keeps its versions in hidden folders.
fn files(path: &Path) -> Result<Vec<PathBuf>, FileError> {
    let io = |source| FileError::Io { action: "list", path: path.to_owned(), source };
    let entries = std::fs::read_dir(path).map_err(io)?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .take(MAX_FILES)
        .collect();
    files.sort();
    Ok(files)
}

/// What tells one state of the key's place from the next: for each file its inode, its time of change and its content.
pub(super) fn fingerprint(location: &Location, options: &KeyOptions) -> Option<u64> {
    let mut watched = match location {
        Location::File(path) | Location::SystemdCredential(path) => vec![path.clone()],
        Location::Directory(path) => files(path).ok()?,
        Location::Environment { .. } | Location::VcapServices(_) => Vec::new(),
    };
    if let Some((certificate, key)) = &options.certificate {
        watched.extend([certificate.clone(), key.clone()]);
    }
    let mut hasher = RapidHasher::default();
    for path in watched {
        let metadata = std::fs::metadata(&path).ok()?;
        hasher.write(path.as_os_str().as_encoded_bytes());
        hasher.write_u64(metadata.ino());
        hasher.write_i64(metadata.mtime());
        hasher.write_i64(metadata.mtime_nsec());
        // Not a guard: whether it may be read is decided by who loads it.
        if let Ok(text) = read_file(&path, Guard::Mounted) {
            hasher.write(text.expose().as_bytes());
        }
    }
    Some(hasher.finish())
}
