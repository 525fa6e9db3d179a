//! Signatures of requests and answers under the secret that both sides share.

use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Fault;

/// The header that carries a signature.
pub(crate) const SIGNATURE: &str = "chaincity-signature";
/// The header that carries an instruction's key.
pub(crate) const KEY: &str = "idempotency-key";
/// The header that says where an outcome is told.
pub(crate) const CALLBACK: &str = "callback-url";

/// Length of the secret, in bytes.
const SECRET_BYTES: usize = 32;

/// What is signed of a message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signed<'a> {
    /// Method and path, or status and path.
    pub(crate) head: &'a str,
    /// The idempotency key, or nothing.
    pub(crate) key: &'a str,
    /// The callback address, or nothing.
    pub(crate) callback: &'a str,
    pub(crate) body: &'a [u8],
}

/// The secret that both sides share.
#[derive(Clone)]
pub(crate) struct Secret(Hmac<Sha256>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl Secret {
    /// Reads it from a file with 64 hexadecimal digits.
    pub(crate) fn read(path: &Path) -> Result<Self, Fault> {
        let wrong = |cause: String| {
            let (zh, en) = ("密钥文件有误", "the secret's file cannot be used");
            Fault::new("secret-invalid", zh, en, format!("{}: {cause}", path.display()))
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let bytes = hex::decode(text.trim()).ok().filter(|bytes| bytes.len() == SECRET_BYTES);
        let bytes = bytes.ok_or_else(|| wrong("64 hexadecimal digits".to_owned()))?;
        Self::new(&bytes).ok_or_else(|| wrong("length".to_owned()))
    }

    fn new(bytes: &[u8]) -> Option<Self> {
        Hmac::new_from_slice(bytes).ok().map(Self)
    }

    fn mac(&self, signed: Signed<'_>) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for line in [signed.head, signed.key, signed.callback] {
            mac.update(line.as_bytes());
            mac.update(b"\n");
        }
        mac.update(signed.body);
        mac
    }

    /// The signature, in hexadecimal.
    pub(crate) fn sign(&self, signed: Signed<'_>) -> String {
        hex::encode(self.mac(signed).finalize().into_bytes())
    }

    /// Whether this is the signature.
    pub(crate) fn verify(&self, signed: Signed<'_>, signature: &str) -> bool {
        hex::decode(signature).is_ok_and(|tag| self.mac(signed).verify_slice(&tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_a_whole_and_any_other_is_refused() {
        let secret = Secret::new(&[7; SECRET_BYTES]).unwrap();
        let good = Signed { head: "POST /v1/x", key: "k", callback: "c", body: b"{}" };
        let signature = secret.sign(good);
        // The same vector stands in the port's tests.
        let vector = "088c41595a435a5ed89ad5f42c14cd677178d1f1962c46b78f4a9a8f8f64830a";
        assert_eq!(signature, vector);
        assert!(secret.verify(good, &signature));
        for other in [
            Signed { head: "POST /v1/y", ..good },
            Signed { key: "l", ..good },
            Signed { callback: "", ..good },
            Signed { body: b"{ }", ..good },
        ] {
            assert!(!secret.verify(other, &signature), "{other:?}");
        }
        for bad in ["", "00", "not hexadecimal"] {
            assert!(!secret.verify(good, bad));
        }
        assert!(!Secret::new(&[8; SECRET_BYTES]).unwrap().verify(good, &signature));
    }
}
