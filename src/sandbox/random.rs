//! Identifiers and secrets of the sandbox.
//!
//! Owns the one source of randomness of this room: the operating system's, through `ring`. Promises that two landscapes never share an
//! identifier or a secret, so that a key of one run cannot open another. Never used for anything that tests compare.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::{SecureRandom, SystemRandom};

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut buffer = [0_u8; N];
    if SystemRandom::new().fill(&mut buffer).is_err() {
        // The kernel's generator does not fail once it is seeded; a sandbox that starts before that is still usable.
        buffer.iter_mut().for_each(|byte| *byte = fastrand::u8(..));
    }
    buffer
}

/// A random GUID (version 4) in its usual lower-case form.
pub(crate) fn guid() -> String {
    let mut raw = bytes::<16>();
    raw[6] = (raw[6] & 0x0f) | 0x40;
    raw[8] = (raw[8] & 0x3f) | 0x80;
    let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Whether `text` has the shape of a GUID: five groups of 8-4-4-4-12 hexadecimal digits.
pub(crate) fn is_guid(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.len() == 5
        && groups
            .iter()
            .zip([8, 4, 4, 4, 12])
            .all(|(group, length)| group.len() == length && group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A client secret of the form `binding-secret` credentials have: a GUID, `$`, then Base64. Always holds `$`, `+`, `/` and `=`, the
/// characters that careless encoders damage.
pub(crate) fn client_secret() -> String {
    format!("{}${}+{}/{}=", guid(), alphanumeric(), alphanumeric(), alphanumeric())
}

fn alphanumeric() -> String {
    STANDARD.encode(bytes::<12>()).chars().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_version_four_and_differs_each_time() {
        let (first, second) = (guid(), guid());
        assert!(is_guid(&first), "{first}");
        assert_eq!(first.as_bytes()[14], b'4');
        assert!(matches!(first.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_ne!(first, second);
    }

    #[test]
    fn what_is_not_a_guid_is_told_apart() {
        for text in
            ["", "orders", "0f2c", "00000000-0000-0000-0000-00000000000", "g0000000-0000-0000-0000-000000000000"]
        {
            assert!(!is_guid(text), "{text}");
        }
        assert!(is_guid("0F2C1A60-0000-4000-8000-0123456789AB"));
    }

    #[test]
    fn a_secret_holds_every_character_that_encoders_damage() {
        let secret = client_secret();
        for character in ['$', '+', '/', '='] {
            assert!(secret.contains(character), "{character} is missing");
        }
        assert_ne!(secret, client_secret());
    }
}
