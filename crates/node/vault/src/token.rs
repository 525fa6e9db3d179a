//! The key encryption from a token behind PKCS#11 (a hardware module, or SoftHSM): AES-256-GCM by a
//! key that never leaves it.
//!
//! The token is used when the vault is opened and when its master key is wrapped, and at no other
//! time: each use loads the module, logs in, works, logs out and gives the module up again. So a
//! token may be locked away while a node runs, and nothing of ours stays logged in.
//!
//! The PIN is in a file that its owner alone can read. It is never an argument, never printed, and
//! wiped from memory when dropped. A wrong PIN counts against the token's tries, so the last one is
//! left to a person: a node that is started again and again does not lock its own token.

use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chaincity_crypto::cipher::Secret;
use chaincity_types::{Digest, cbor};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use minicbor::{Decode, Encode};
use zeroize::Zeroizing;

use crate::ring::{KeyEncryption, Unlock, check_algorithm};
use crate::{VaultError, random};

/// How the master key is wrapped.
const ALGORITHM: &str = "pkcs11-aes-256-gcm";
const WRAPPED_BYTES_MAX: usize = 1024;
const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;
const KEY_BYTES: u64 = 32;

/// A module has one state for the whole process, so it is used by one at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Why a token did not do what it was asked. No variant holds a PIN or a key.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// There is no such module, or it is none of PKCS#11.
    #[error("the PKCS#11 module cannot be loaded")]
    Module(#[source] Error),
    /// No token that is ready for use has this label.
    #[error("the module has no token of this label that is ready for use")]
    Missing,
    /// More than one token, or more than one key in it, has this label.
    #[error("more than one token or key has this label")]
    Ambiguous,
    /// Others than its owner can read or write the PIN's file.
    #[error("others than its owner can read the file of the PIN")]
    PinFileOpen,
    /// The PIN is not the token's.
    #[error("the PIN is not the token's")]
    PinWrong,
    /// Too many wrong PINs were tried, or one try is left.
    #[error("the token is locked, or one wrong PIN away from it")]
    Locked,
    /// The token has no key of this label.
    #[error("the token has no AES key of this label")]
    KeyMissing,
    /// The token has a key of this label already.
    #[error("the token has a key of this label already")]
    KeyExists,
    /// The key is too short, or can leave the token.
    #[error("the key is not one of 256 bits that cannot leave the token")]
    KeyUnfit,
    /// The module failed.
    #[error("the token failed")]
    Failed(#[source] Error),
}

impl TokenError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Module(_) => "token-module-missing",
            Self::Missing => "token-missing",
            Self::Ambiguous => "token-ambiguous",
            Self::PinFileOpen => "token-pin-file-open",
            Self::PinWrong => "token-pin-wrong",
            Self::Locked => "token-locked",
            Self::KeyMissing => "token-key-missing",
            Self::KeyExists => "token-key-exists",
            Self::KeyUnfit => "token-key-unfit",
            Self::Failed(_) => "fault",
        }
    }
}

impl From<Error> for TokenError {
    fn from(error: Error) -> Self {
        let Error::Pkcs11(answer, Function::Login) = &error else { return Self::Failed(error) };
        if matches!(answer, RvError::PinIncorrect | RvError::PinLenRange) {
            Self::PinWrong
        } else if matches!(answer, RvError::PinLocked) {
            Self::Locked
        } else {
            Self::Failed(error)
        }
    }
}

/// Which key of which token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKey {
    /// The PKCS#11 module: a shared library.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The slot, where more than one token has this label.
    pub slot: Option<u64>,
    /// The key's label.
    pub key: String,
}

/// A key in a token, and the PIN that opens it.
pub struct Token {
    of: TokenKey,
    pin: AuthPin,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("of", &self.of).finish_non_exhaustive()
    }
}

/// What the wrapped key is bound to.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Bound {
    #[n(1)]
    vault: Digest,
    #[n(2)]
    algorithm: String,
}

impl Bound {
    fn to(vault: &Digest) -> Self {
        Self { vault: *vault, algorithm: ALGORITHM.to_owned() }
    }
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Wrapped {
    #[n(1)]
    bound: Bound,
    /// `nonce (12) ‖ ciphertext ‖ tag (16)`.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    sealed: Vec<u8>,
}

impl Token {
    /// A token's key, with the PIN in a file, without the line's end. The token is not asked yet.
    ///
    /// # Errors
    /// [`TokenError::PinFileOpen`], or when the file cannot be read.
    pub fn new(of: TokenKey, pin_file: &Path) -> Result<Self, VaultError> {
        let mut file = File::open(pin_file)?;
        if file.metadata()?.permissions().mode() & 0o077 != 0 {
            return Err(TokenError::PinFileOpen.into());
        }
        let mut text = Zeroizing::new(String::new());
        file.read_to_string(&mut text)?;
        let pin = AuthPin::from(text.trim_end_matches(['\r', '\n']));
        Ok(Self { of, pin })
    }

    /// Makes the key in the token: AES-256, which cannot be read out, nor wrapped by another key.
    ///
    /// # Errors
    /// [`TokenError::KeyExists`], and those of opening the token.
    pub fn make_key(&self) -> Result<(), VaultError> {
        self.at_token(Access::Write, |session| {
            match self.find(session) {
                Err(TokenError::KeyMissing) => {}
                Ok(_) | Err(TokenError::Ambiguous) => return Err(TokenError::KeyExists),
                Err(error) => return Err(error),
            }
            let mut template = self.template();
            template.extend([
                Attribute::ValueLen(KEY_BYTES.into()),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(false),
                Attribute::Encrypt(true),
                Attribute::Decrypt(true),
                Attribute::Wrap(false),
                Attribute::Unwrap(false),
            ]);
            session.generate_key(&Mechanism::AesKeyGen, &template)?;
            Ok(())
        })?;
        Ok(())
    }

    /// Loads the module, logs in, does this, and gives all of it up again.
    fn at_token<T>(
        &self,
        access: Access,
        act: impl FnOnce(&Session) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let module = Pkcs11::new(&self.of.module).map_err(TokenError::Module)?;
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
        let done = self.logged_in(&module, access, act);
        let given_up = module.finalize();
        let done = done?;
        given_up?;
        Ok(done)
    }

    fn logged_in<T>(
        &self,
        module: &Pkcs11,
        access: Access,
        act: impl FnOnce(&Session) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let slot = self.slot(module)?;
        let info = module.get_token_info(slot)?;
        if info.user_pin_locked() || info.user_pin_final_try() {
            return Err(TokenError::Locked);
        }
        let session = match access {
            Access::Read => module.open_ro_session(slot)?,
            Access::Write => module.open_rw_session(slot)?,
        };
        session.login(UserType::User, Some(&self.pin))?;
        let done = act(&session);
        let logged_out = session.logout();
        let done = done?;
        logged_out?;
        Ok(done)
    }

    fn slot(&self, module: &Pkcs11) -> Result<Slot, TokenError> {
        let mut found = None;
        for slot in module.get_slots_with_token()? {
            let info = module.get_token_info(slot)?;
            let ready = info.token_initialized() && info.user_pin_initialized();
            let wanted = self.of.slot.is_none_or(|number| number == slot.id());
            if ready && wanted && info.label() == self.of.token && found.replace(slot).is_some() {
                return Err(TokenError::Ambiguous);
            }
        }
        found.ok_or(TokenError::Missing)
    }

    /// What is looked for, and what a new key is.
    fn template(&self) -> Vec<Attribute> {
        vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(true),
            Attribute::Label(self.of.key.clone().into_bytes()),
        ]
    }

    fn find(&self, session: &Session) -> Result<ObjectHandle, TokenError> {
        let found = session.find_objects(&self.template())?;
        let key = match found.as_slice() {
            [] => return Err(TokenError::KeyMissing),
            [key] => *key,
            _ => return Err(TokenError::Ambiguous),
        };
        let asked = [AttributeType::Sensitive, AttributeType::Extractable, AttributeType::ValueLen];
        let told = session.get_attributes(key, &asked)?;
        let wanted = [
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            Attribute::ValueLen(KEY_BYTES.into()),
        ];
        let fit = wanted.iter().all(|attribute| told.contains(attribute));
        if fit { Ok(key) } else { Err(TokenError::KeyUnfit) }
    }
}

/// Whether a session changes what is in the token.
#[derive(Clone, Copy)]
enum Access {
    Read,
    Write,
}

impl Unlock for Token {
    fn unlock(&self, vault: &Digest, wrapped: &[u8]) -> Result<Secret, VaultError> {
        const DAMAGED: VaultError = VaultError::Damaged("the wrapped master key");
        check_algorithm(wrapped, ALGORITHM)?;
        let Wrapped { bound, sealed } =
            cbor::decode(wrapped, WRAPPED_BYTES_MAX).map_err(|_any| DAMAGED)?;
        if bound.vault != *vault {
            return Err(DAMAGED);
        }
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(DAMAGED)?;
        let (mut nonce, associated) = (*nonce, cbor::encode(&bound));
        let opened = self.at_token(Access::Read, |session| {
            let key = self.find(session)?;
            let params = GcmParams::new(&mut nonce, &associated, TAG_BITS.into())?;
            match session.decrypt(&Mechanism::AesGcm(params), key, sealed) {
                Ok(master) => Ok(Some(Zeroizing::new(master))),
                Err(Error::Pkcs11(error, Function::Decrypt)) if is_other_key(error) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })?;
        let master = opened.ok_or(VaultError::KeyWrong)?;
        Secret::from_slice(&master).ok_or(DAMAGED)
    }
}

/// What modules answer when a tag does not fit: the standard's codes, and those that SoftHSM and
/// others give instead.
const fn is_other_key(error: RvError) -> bool {
    matches!(
        error,
        RvError::EncryptedDataInvalid
            | RvError::EncryptedDataLenRange
            | RvError::GeneralError
            | RvError::FunctionFailed
    )
}

impl KeyEncryption for Token {
    fn wrap(&self, vault: &Digest, master: &Secret) -> Result<Vec<u8>, VaultError> {
        let bound = Bound::to(vault);
        let associated = cbor::encode(&bound);
        let mut nonce = random::bytes::<NONCE_BYTES>()?;
        let ciphertext = self.at_token(Access::Read, |session| {
            let key = self.find(session)?;
            let params = GcmParams::new(&mut nonce, &associated, TAG_BITS.into())?;
            Ok(session.encrypt(&Mechanism::AesGcm(params), key, master.as_bytes())?)
        })?;
        // Read after the call: a token may insist on a nonce of its own, and writes it there.
        let sealed = [&nonce[..], &ciphertext].concat();
        Ok(cbor::encode(&Wrapped { bound, sealed }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_answers_at_the_login_has_its_code() {
        for (answer, code) in [
            (RvError::PinIncorrect, "token-pin-wrong"),
            (RvError::PinLenRange, "token-pin-wrong"),
            (RvError::PinLocked, "token-locked"),
            (RvError::DeviceError, "fault"),
        ] {
            assert_eq!(TokenError::from(Error::Pkcs11(answer, Function::Login)).code(), code);
        }
        // The same answer to something else is the module's failure.
        let elsewhere = Error::Pkcs11(RvError::PinLocked, Function::Encrypt);
        assert_eq!(TokenError::from(elsewhere).code(), "fault");
    }
}
