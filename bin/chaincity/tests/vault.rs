//! A vault's keys by the command line: passphrase, token, custodians' shares, a new master key. The
//! token is the real SoftHSM.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

mod common;
#[path = "../../../crates/node/vault/tests/claims/softhsm/mod.rs"]
mod softhsm;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use common::{Ran, command, run};
use serde_json::Value;
use softhsm::{PIN, configure, make_token, module, pin_file};

/// A folder with a SoftHSM, a vault and what opens it.
struct Bench {
    folder: tempfile::TempDir,
    config: PathBuf,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = configure(folder.path());
        Self { folder, config }
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// A file that names the key `kek` of the token `vault`, with these lines changed.
    fn token_file(&self, name: &str, change: (&str, &str)) -> String {
        let module = module().display().to_string();
        let text = format!(
            "module = \"{module}\"\ntoken = \"vault\"\nkey = \"kek\"\npin = \"vault.pin\"\n"
        );
        assert!(text.contains(change.0));
        self.write(name, &text.replace(change.0, change.1))
    }

    fn vault(&self, action: &str, more: &[&str]) -> Ran {
        let folder = self.path("vault");
        let options = ["vault", action, "--json", "--vault", &folder];
        self.run(&[&options[..], more].concat())
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let done = command(arguments).env("SOFTHSM2_CONF", &self.config).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let ran = Ran {
            code: done.status.code().unwrap(),
            out: text(done.stdout),
            err: text(done.stderr),
        };
        assert!(
            !ran.out.contains("planted") && !ran.err.contains("planted"),
            "{}{}",
            ran.out,
            ran.err
        );
        ran
    }
}

fn done(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    ran.json().remove(0)
}

/// A refusal with this code, said in both languages.
fn refuses(code: &str, ran: &Ran) {
    let told = ran.json().remove(0);
    assert_eq!((ran.code, told["code"].as_str()), (6, Some(code)), "{told}");
    assert!(!told["zh"].as_str().unwrap().is_ascii() && told["en"].as_str().unwrap().is_ascii());
}

#[test]
fn a_vault_moves_from_passphrase_to_token_and_back_and_gets_a_new_master_key() {
    let bench = Bench::new();
    let passphrase = bench.write("vault.passphrase", "planted horse battery\n");
    let by_passphrase = ["--passphrase-file", &passphrase];
    make_token(&bench.config, "vault");
    pin_file(bench.folder.path(), "vault.pin", PIN);
    let token = bench.token_file("vault.token.toml", ("vault.pin", "vault.pin"));
    let by_token = ["--token", &token];

    done(&bench.vault("create", &by_passphrase));
    let rewrap = [&by_passphrase[..], &["--to-token", &token]].concat();
    refuses("token-key-missing", &bench.vault("rewrap", &rewrap));
    // What was refused changed nothing.
    done(&bench.vault("status", &by_passphrase));
    assert_eq!(
        done(&bench.run(&["vault", "token-key", "--json", "--token", &token]))["token"],
        token
    );
    refuses("token-key-exists", &bench.run(&["vault", "token-key", "--json", "--token", &token]));
    done(&bench.vault("rewrap", &rewrap));
    refuses("vault-key-kind", &bench.vault("status", &by_passphrase));
    assert_eq!(done(&bench.vault("status", &by_token))["epoch"], 1);

    let shares = ["a.share", "b.share", "c.share"].map(|name| bench.path(name));
    let to = ["--to", &shares[0], "--to", &shares[1], "--to", &shares[2]];
    let escrow = [&by_token[..], &["--needed", "2"], &to].concat();
    done(&bench.vault("escrow", &escrow));
    assert_eq!(fs::metadata(&shares[0]).unwrap().permissions().mode() & 0o777, 0o600);
    // No share is written over.
    assert_eq!(bench.vault("escrow", &escrow).code, 3);
    let by_shares = ["--share", &shares[2], "--share", &shares[0]];
    done(&bench.vault("status", &by_shares));
    refuses("shares-too-few", &bench.vault("status", &by_shares[..2]));
    let backup = bench.path("backup");
    done(&bench.vault("backup", &[&by_token[..], &["--to", &backup]].concat()));

    let renewed = done(&bench.vault("renew", &by_token));
    assert_eq!((&renewed["epoch"], &renewed["behind"]), (&2.into(), &0.into()));
    refuses("vault-key-wrong", &bench.vault("status", &by_shares));
    // The shares of then open the backup of then.
    let again = bench.path("again/vault");
    let restore = ["vault", "restore", "--json", "--vault", &again, "--from", &backup];
    let restored = bench.run(&[&restore[..], &by_shares].concat());
    assert_eq!(done(&restored)["epoch"], 1);

    let back = [&by_token[..], &["--to-passphrase-file", &passphrase]].concat();
    done(&bench.vault("rewrap", &back));
    refuses("vault-key-kind", &bench.vault("status", &by_token));
    assert_eq!(done(&bench.vault("rotate", &by_passphrase))["epoch"], 3);
}

#[test]
fn what_a_tokens_file_names_wrongly_has_its_own_code() {
    let bench = Bench::new();
    make_token(&bench.config, "vault");
    pin_file(bench.folder.path(), "vault.pin", PIN);
    let right = bench.token_file("right", ("kek", "kek"));
    done(&bench.run(&["vault", "token-key", "--json", "--token", &right]));
    done(&bench.vault("create", &["--token", &right]));
    pin_file(bench.folder.path(), "wrong.pin", "planted-pin-7392");
    let open = pin_file(bench.folder.path(), "open.pin", PIN);
    fs::set_permissions(open, fs::Permissions::from_mode(0o604)).unwrap();
    let module = module().display().to_string();
    for (code, change) in [
        ("token-module-missing", (&*module, "/nowhere/module.so")),
        ("token-missing", ("token = \"vault\"", "token = \"other\"")),
        ("token-missing", ("pin =", "slot = 0\npin =")),
        ("token-key-missing", ("kek", "other")),
        ("token-pin-wrong", ("vault.pin", "wrong.pin")),
        ("token-pin-file-open", ("vault.pin", "open.pin")),
        ("config-invalid", ("key =", "keys =")),
    ] {
        let token = bench.token_file("wrong", change);
        refuses(code, &bench.vault("status", &["--token", &token]));
    }
    // A file that is not there is a fault of the machine; two keys at once are no question.
    let token = bench.token_file("wrong", ("vault.pin", "no.pin"));
    assert_eq!(bench.vault("status", &["--token", &token]).code, 3);
    let both = ["--token", &right, "--passphrase-file", &right];
    assert_eq!(bench.vault("status", &both).code, 2);
    assert_eq!(bench.vault("status", &[]).code, 2);
}

#[test]
fn a_node_takes_its_vault_under_either_key_and_not_under_both() {
    let bench = Bench::new();
    for lines in ["", "passphrase = \"p\"\ntoken = \"t\"\n"] {
        let config = bench.write(
            "node.toml",
            &format!(
                "genesis = \"g\"\nkey = \"k\"\ndata = \"d\"\npeer_listen = \"127.0.0.1:1\"\n\
                 api_listen = \"127.0.0.1:2\"\n[vault]\nfolder = \"vault\"\n{lines}"
            ),
        );
        refuses("config-invalid", &run(&["node", "--json", "--config", &config], Vec::new()));
    }
}
