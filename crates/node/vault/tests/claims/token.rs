//! The master key under a key in a token: the real SoftHSM, in processes of their own.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{bytes, holding, passphrase, seal};
use crate::softhsm::{PIN, configure, make_token, module, pin_file};
use chaincity_crypto::cipher::Secret;
use chaincity_types::{Digest, Timestamp};
use chaincity_vault::{
    KeyEncryption as _, Recovered, Token, TokenError, TokenKey, Unlock as _, Vault, VaultError,
};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, KeyType, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;

/// Set in the process that a test runs in.
const FOLDER: &str = "CHAINCITY_TEST_SOFTHSM";
const VAULT: Digest = Digest([1; 32]);

/// A folder with a SoftHSM in it.
struct Bench {
    folder: PathBuf,
}

impl Bench {
    fn config(&self) -> PathBuf {
        self.folder.join("softhsm2.conf")
    }

    /// A token with this label, and in it a key `kek`.
    fn token(&self, label: &str) -> Token {
        make_token(&self.config(), label);
        let token = self.of(label, "kek");
        token.make_key().unwrap();
        token
    }

    fn key(&self, token: &str, key: &str) -> TokenKey {
        TokenKey { module: module(), token: token.into(), slot: None, key: key.into() }
    }

    fn of(&self, token: &str, key: &str) -> Token {
        Token::new(self.key(token, key), &pin_file(&self.folder, "pin", PIN)).unwrap()
    }

    fn vault(&self) -> PathBuf {
        self.folder.join("vault")
    }
}

/// Runs a test in a process of its own: the module reads from its environment where its tokens are,
/// and has one state for each process.
fn alone(name: &str, test: impl FnOnce(&Bench)) {
    if let Some(folder) = std::env::var_os(FOLDER) {
        test(&Bench { folder: folder.into() });
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = configure(folder.path());
    let ran = Command::new(std::env::current_exe().unwrap())
        .arg(format!("token::{name}"))
        .args(["--exact", "--nocapture"])
        .env(FOLDER, folder.path())
        .env("SOFTHSM2_CONF", config)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ran.stdout);
    let more = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success() && told.contains("1 passed"), "{told}{more}");
}

fn code<T>(refused: Result<T, VaultError>) -> &'static str {
    refused.err().expect("it is refused").code()
}

#[test]
fn a_vault_moves_from_passphrase_to_token_and_back() {
    alone("a_vault_moves_from_passphrase_to_token_and_back", |bench| {
        let token = bench.token("vault");
        let path = bench.vault();
        let vault = Vault::create(&path, &passphrase(), Timestamp(1)).unwrap();
        let commitment = seal(&vault, 1, b"\xa0", &[]).unwrap();
        let [old, new] = ["old", "new"].map(|name| bench.folder.join(name));
        vault.backup(&old).unwrap();

        vault.change_key_encryption(&token).unwrap();
        vault.backup(&new).unwrap();
        drop(vault);
        assert_eq!(code(Vault::open(&path, &passphrase())), "vault-key-kind");
        let vault = Vault::open(&path, &token).unwrap();
        assert_eq!(bytes(&vault.open_group(&commitment).unwrap()), b"\xa0");

        vault.change_key_encryption(&passphrase()).unwrap();
        drop(vault);
        assert_eq!(code(Vault::open(&path, &token)), "vault-key-kind");
        drop(Vault::open(&path, &passphrase()).unwrap());

        // Each backup opens with what it was made under.
        let again = bench.folder.join("again/vault");
        assert_eq!(code(Vault::restore(&old, &again, &token)), "vault-key-kind");
        assert_eq!(code(Vault::restore(&new, &again, &passphrase())), "vault-key-kind");
        let restored = Vault::restore(&new, &again, &token).unwrap();
        restored.reapply_erasures(&[]).unwrap();
        assert_eq!(bytes(&restored.open_group(&commitment).unwrap()), b"\xa0");
    });
}

#[test]
fn a_vault_made_under_a_token_outlives_it_by_its_shares() {
    alone("a_vault_made_under_a_token_outlives_it_by_its_shares", |bench| {
        let token = bench.token("vault");
        let vault = Vault::create(&bench.vault(), &token, Timestamp(1)).unwrap();
        let commitment = seal(&vault, 1, b"\xa0", &[]).unwrap();
        let shares = vault.escrow_shares(2, 3).unwrap();
        drop(vault);
        fs::remove_dir_all(bench.folder.join("tokens")).unwrap();
        fs::create_dir(bench.folder.join("tokens")).unwrap();
        assert_eq!(code(Vault::open(&bench.vault(), &token)), "token-missing");
        let recovered = Recovered::from_shares(&shares[1..]).unwrap();
        let vault = Vault::open(&bench.vault(), &recovered).unwrap();
        vault.change_key_encryption(&bench.token("vault")).unwrap();
        drop(vault);
        let vault = Vault::open(&bench.vault(), &bench.of("vault", "kek")).unwrap();
        assert_eq!(bytes(&vault.open_group(&commitment).unwrap()), b"\xa0");
    });
}

#[test]
fn what_is_missing_or_wrong_has_its_own_code() {
    alone("what_is_missing_or_wrong_has_its_own_code", |bench| {
        let token = bench.token("vault");
        let vault = Vault::create(&bench.vault(), &token, Timestamp(1)).unwrap();
        drop(vault);
        let pin = bench.folder.join("pin");
        let open = |of: TokenKey, pin: &Path| {
            Token::new(of, pin).and_then(|token| Vault::open(&bench.vault(), &token))
        };
        let of = || bench.key("vault", "kek");
        drop(open(of(), &pin).unwrap());

        let no_module = TokenKey { module: "/nowhere/module.so".into(), ..of() };
        assert_eq!(code(open(no_module, &pin)), "token-module-missing");
        // A shared library, and none of PKCS#11.
        let no_module = TokenKey { module: "libm.so.6".into(), ..of() };
        assert_eq!(code(open(no_module, &pin)), "token-module-missing");
        assert_eq!(code(open(bench.key("other", "kek"), &pin)), "token-missing");
        assert_eq!(code(open(TokenKey { slot: Some(0), ..of() }, &pin)), "token-missing");
        assert_eq!(code(open(bench.key("vault", "other"), &pin)), "token-key-missing");
        assert_eq!(code(token.make_key()), "token-key-exists");
        let other = pin_file(&bench.folder, "other-pin", "planted-pin-7392");
        assert_eq!(code(open(of(), &other)), "token-pin-wrong");
        let short = pin_file(&bench.folder, "short-pin", "1");
        assert_eq!(code(open(of(), &short)), "token-pin-wrong");
        // A failed login leaves nothing behind that stands in the next one's way.
        drop(open(of(), &pin).unwrap());

        fs::set_permissions(&pin, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(code(open(of(), &pin)), "token-pin-file-open");
        assert_eq!(code(open(of(), &bench.folder.join("no-pin"))), "fault");
    });
}

#[test]
fn a_key_of_the_same_name_in_another_token_opens_nothing() {
    alone("a_key_of_the_same_name_in_another_token_opens_nothing", |bench| {
        let (token, other) = (bench.token("vault"), bench.token("other"));
        drop(Vault::create(&bench.vault(), &token, Timestamp(1)).unwrap());
        assert_eq!(code(Vault::open(&bench.vault(), &other)), "vault-key-wrong");
        // Two of the same label are told apart by their slots, and never taken one for the other.
        make_token(&bench.config(), "vault");
        assert_eq!(code(Vault::open(&bench.vault(), &token)), "token-ambiguous");
    });
}

#[test]
fn a_key_that_is_short_or_can_leave_the_token_is_refused() {
    alone("a_key_that_is_short_or_can_leave_the_token_is_refused", |bench| {
        drop(bench.token("vault"));
        let module = Pkcs11::new(module()).unwrap();
        module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
        let slot = module.get_slots_with_initialized_token().unwrap()[0];
        let session = module.open_rw_session(slot).unwrap();
        session.login(UserType::User, Some(&AuthPin::from(PIN))).unwrap();
        let make = |label: &str, bytes: u64, extractable: bool| {
            let template = [
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(KeyType::AES),
                Attribute::Token(true),
                Attribute::Private(true),
                Attribute::Sensitive(true),
                Attribute::Extractable(extractable),
                Attribute::Encrypt(true),
                Attribute::Decrypt(true),
                Attribute::ValueLen(bytes.into()),
                Attribute::Label(label.into()),
            ];
            session.generate_key(&Mechanism::AesKeyGen, &template).unwrap();
        };
        make("short", 16, false);
        make("leaves", 32, true);
        make("fit", 32, false);
        make("twice", 32, false);
        make("twice", 32, false);
        drop(session);
        module.finalize().unwrap();
        let wrap = |key| bench.of("vault", key).wrap(&VAULT, &Secret::from_bytes([5; 32]));
        assert_eq!(code(wrap("short")), "token-key-unfit");
        assert_eq!(code(wrap("leaves")), "token-key-unfit");
        assert_eq!(code(wrap("twice")), "token-ambiguous");
        wrap("fit").unwrap();
    });
}

#[test]
fn an_altered_byte_unlocks_nothing_and_another_vaults_key_neither() {
    alone("an_altered_byte_unlocks_nothing_and_another_vaults_key_neither", |bench| {
        let token = bench.token("vault");
        let master = Secret::from_bytes([5; 32]);
        let whole = token.wrap(&VAULT, &master).unwrap();
        assert_eq!(token.unlock(&VAULT, &whole).unwrap(), master);
        assert!(token.wrap(&VAULT, &master).unwrap() != whole, "no nonce is used twice");
        for at in 0..whole.len() {
            let mut altered = whole.clone();
            altered[at] ^= 1;
            assert!(token.unlock(&VAULT, &altered).is_err(), "byte {at}");
        }
        assert_eq!(code(token.unlock(&Digest([2; 32]), &whole)), "vault-damaged");
        // Nor when whoever has the file writes the other vault's id into it.
        let at = whole.windows(32).position(|window| window == VAULT.as_bytes()).unwrap();
        let mut moved = whole;
        moved[at..at + 32].copy_from_slice(&[2; 32]);
        assert_eq!(code(token.unlock(&Digest([2; 32]), &moved)), "vault-key-wrong");
    });
}

#[test]
fn one_token_serves_many_threads_in_turn() {
    alone("one_token_serves_many_threads_in_turn", |bench| {
        let token = bench.token("vault");
        std::thread::scope(|scope| {
            for number in 0..6_u8 {
                let token = &token;
                scope.spawn(move || {
                    let (vault, master) = (Digest([number; 32]), Secret::from_bytes([number; 32]));
                    for _ in 0..5 {
                        let wrapped = token.wrap(&vault, &master).unwrap();
                        assert_eq!(token.unlock(&vault, &wrapped).unwrap(), master);
                    }
                });
            }
        });
    });
}

#[test]
fn the_pin_is_printed_nowhere_and_stands_in_no_file_of_the_vault() {
    alone("the_pin_is_printed_nowhere_and_stands_in_no_file_of_the_vault", |bench| {
        let token = bench.token("vault");
        let vault = Vault::create(&bench.vault(), &token, Timestamp(1)).unwrap();
        vault.backup(&bench.folder.join("backup")).unwrap();
        vault.renew(&token, Timestamp(2)).unwrap();
        for folder in [bench.vault(), bench.folder.join("backup")] {
            assert_eq!(holding(&folder, PIN.as_bytes()), Vec::<PathBuf>::new());
            assert_eq!(holding(&folder, b"kek"), Vec::<PathBuf>::new());
        }
        assert!(!format!("{token:?}").contains(PIN));
        let pin = pin_file(&bench.folder, "other-pin", "planted-pin-7392");
        let other = Token::new(bench.key("vault", "kek"), &pin).unwrap();
        let refused = other.make_key().unwrap_err();
        assert!(matches!(refused, VaultError::Token(TokenError::PinWrong)));
        assert!(!format!("{refused:?} {refused}").contains("planted-pin"));
    });
}

#[test]
fn a_passphrase_vault_asks_no_token() {
    alone("a_passphrase_vault_asks_no_token", |bench| {
        drop(Vault::create(&bench.vault(), &passphrase(), Timestamp(1)).unwrap());
        let nowhere = TokenKey { module: "/nowhere/module.so".into(), ..bench.key("vault", "kek") };
        let token = Token::new(nowhere, &pin_file(&bench.folder, "pin", PIN)).unwrap();
        assert_eq!(code(Vault::open(&bench.vault(), &token)), "vault-key-kind");
    });
}
