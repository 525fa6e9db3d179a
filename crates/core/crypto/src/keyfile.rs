//! The text form of key files; reading and writing the file is the caller's business.
//!
//! ```text
//! chaincity-key-1 international
//! public 64 hexadecimal digits
//! secret 64 hexadecimal digits
//! ```

use zeroize::Zeroizing;

use crate::suite::{PublicKey, SEED_BYTES, SecretKey, Suite};

const VERSION: &str = "chaincity-key-1";

/// Why a text is not a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// The first line is not `chaincity-key-1` and a suite.
    #[error("not a key file: the first line must be `chaincity-key-1 international`")]
    Version,
    /// The second line is not `public` and a key.
    #[error("the second line must be `public` and 64 hexadecimal digits")]
    Public,
    /// The third line is not `secret` and a seed.
    #[error("the third line must be `secret` and 64 hexadecimal digits")]
    Secret,
    /// More than three lines.
    #[error("text after the third line")]
    Trailing,
    /// The public key is not the secret key's.
    #[error("the public key does not belong to the secret key")]
    Mismatch,
}

/// The text of a key's file. It holds the secret: keep it readable by its owner alone.
#[must_use]
pub fn format(key: &SecretKey) -> Zeroizing<String> {
    let suite = Suite::International.name();
    let secret = Zeroizing::new(hex::encode(key.seed().as_slice()));
    let public = key.public_key();
    Zeroizing::new(format!("{VERSION} {suite}\npublic {public}\nsecret {}\n", secret.as_str()))
}

/// The key in a key file's text.
///
/// # Errors
/// See [`KeyFileError`]; messages never contain the text.
pub fn parse(text: &str) -> Result<SecretKey, KeyFileError> {
    let mut lines = text.lines().map(str::trim_end);
    let suite = lines.next().and_then(|line| line.strip_prefix(VERSION)?.strip_prefix(' '));
    suite.and_then(Suite::from_name).ok_or(KeyFileError::Version)?;
    let public = lines.next().and_then(|line| line.strip_prefix("public "));
    let public = public.and_then(PublicKey::from_hex).ok_or(KeyFileError::Public)?;
    let secret = lines.next().and_then(|line| line.strip_prefix("secret "));
    let secret = secret.ok_or(KeyFileError::Secret)?;
    let mut seed = Zeroizing::new([0; SEED_BYTES]);
    hex::decode_to_slice(secret, seed.as_mut_slice()).map_err(|_invalid| KeyFileError::Secret)?;
    if lines.any(|line| !line.is_empty()) {
        return Err(KeyFileError::Trailing);
    }
    let key = SecretKey::from_seed(&seed);
    if key.public_key() == public { Ok(key) } else { Err(KeyFileError::Mismatch) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_file_round_trips_and_damage_is_named() {
        let key = SecretKey::from_seed(&[3; 32]);
        let text = format(&key);
        assert_eq!(parse(&text).unwrap().public_key(), key.public_key());
        let other = SecretKey::from_seed(&[4; 32]).public_key().to_string();
        let cases = [
            (text.replace("key-1", "key-2"), KeyFileError::Version),
            (text.replace("international", "guomi"), KeyFileError::Version),
            (text.replace("public ", "public"), KeyFileError::Public),
            (text.replace("secret 0", "secret x"), KeyFileError::Secret),
            (format!("{}more\n", text.as_str()), KeyFileError::Trailing),
            (text.replace(&key.public_key().to_string(), &other), KeyFileError::Mismatch),
        ];
        for (text, error) in cases {
            assert_eq!(parse(&text).unwrap_err(), error);
        }
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "\\PC{0,200}") {
            prop_assert!(parse(&text).is_err());
        }
    }
}
