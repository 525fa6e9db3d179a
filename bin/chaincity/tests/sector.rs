//! `chaincity sector`: two offices get ids from two stewards, and ask about a list, by files alone.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "tests"
)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use common::{Ran, run};
use serde_json::json;
use tempfile::TempDir;

/// Synthetic people, born in 1900.
const NUMBERS: [&str; 3] = ["431302190001010017", "431321190002280026", "43130219000301007X"];

/// A folder that stands for both offices, with two stewards' keys and a list's.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        desk.write("pass", "correct horse battery\n");
        desk.write("numbers", &format!("{}\r\n\n{}\n", NUMBERS[0], NUMBERS[1]));
        desk.done("new-key a.key --public a.pub --sector provident-fund");
        desk.done("new-key b.key --public b.pub --sector provident-fund");
        desk
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Runs `chaincity sector` with what is said, standard input empty.
    fn run(&self, line: &str) -> Ran {
        self.run_with(line, "")
    }

    /// Words with a dot, and these names, are files; the ledger and the passphrase go without saying.
    fn run_with(&self, line: &str, input: &str) -> Ran {
        let word = |word: &str| {
            let file = word.contains('.') || ["numbers", "others", "three"].contains(&word);
            if file { self.path(word) } else { word.to_owned() }
        };
        let mut arguments = vec!["sector".to_owned(), "--json".to_owned()];
        arguments.extend(line.split(' ').map(word));
        let action = line.split(' ').next().unwrap();
        if action == "new-key" {
            arguments.extend(["--ledger".to_owned(), "09".repeat(32)]);
        }
        if ["new-key", "list", "evaluate"].contains(&action) {
            arguments.extend(["--passphrase-file".to_owned(), self.path("pass")]);
        }
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        run(&arguments, input.as_bytes().to_vec())
    }

    fn done(&self, line: &str) -> Vec<serde_json::Value> {
        let ran = self.run(line);
        assert_eq!(ran.code, 0, "{line}: {}{}", ran.out, ran.err);
        ran.json()
    }

    /// Runs what must be refused, and gives its code.
    fn refused(&self, exit: i32, line: &str) -> String {
        let ran = self.run(line);
        assert_eq!(ran.code, exit, "{line}: {}{}", ran.out, ran.err);
        assert!(ran.err.is_empty(), "{}", ran.err);
        let told = &ran.json()[0];
        let (zh, en) = (told["zh"].as_str().unwrap(), told["en"].as_str().unwrap());
        assert!(!zh.is_empty() && !en.is_empty());
        for number in NUMBERS {
            assert!(!ran.out.contains(number), "{}", ran.out);
        }
        told["code"].as_str().unwrap().to_owned()
    }
}

const BOTH: &str = "--steward a.pub --steward b.pub";
const BY_BANK: &str = "--member bank-a --quota 3";

#[test]
fn two_offices_get_the_same_id_from_two_stewards() {
    let desk = Desk::new();
    desk.done(&format!("blind numbers {BOTH} --out q.1 --secret s.1"));
    let first = desk.done(&format!("evaluate q.1 --key a.key {BY_BANK} --counts c.a --out q.2"));
    assert_eq!((&first[0]["persons"], &first[0]["left"]), (&json!(2), &json!(1)));
    desk.done(&format!("evaluate q.2 --key b.key {BY_BANK} --counts c.b --out q.3"));
    let ids = desk.done(&format!("finalize q.3 numbers {BOTH} --secret s.1"));
    assert_eq!((&ids[0]["line"], &ids[1]["line"]), (&json!(1), &json!(3)));
    let id = ids[0]["id"].as_str().unwrap();
    assert!(id.starts_with("provident-fund.1.") && id != ids[1]["id"].as_str().unwrap(), "{id}");

    // The other office asks about one of them, from standard input, another day.
    let ask = format!("blind - {BOTH} --out o.1 --secret t.1");
    let blinded = desk.run_with(&ask, NUMBERS[1]);
    assert_eq!(blinded.code, 0, "{}", blinded.out);
    desk.done("evaluate o.1 --key a.key --member court --quota 9 --counts c.a --out o.2");
    desk.done("evaluate o.2 --key b.key --member court --quota 9 --counts c.b --out o.3");
    let finish = format!("finalize o.3 - {BOTH} --secret t.1");
    let finished = desk.run_with(&finish, NUMBERS[1]);
    assert_eq!(finished.json()[0]["id"], ids[1]["id"]);

    // Half of the way, or the stewards in another order, is none.
    let half = desk.refused(6, &format!("finalize q.2 numbers {BOTH} --secret s.1"));
    assert_eq!(half, "sector-steps");
    let swapped = "finalize q.3 numbers --steward b.pub --steward a.pub --secret s.1";
    assert_eq!(desk.refused(6, swapped), "sector-proof");
    let twice = "finalize q.3 numbers --steward a.pub --steward a.pub --secret s.1";
    assert_eq!(desk.refused(6, twice), "sector-chain");
    no_number_in_files(&desk);
}

/// No number, nor its bytes in hexadecimal, in any file but the one that was given.
fn no_number_in_files(desk: &Desk) {
    let given = ["numbers", "others", "three"];
    let mut searched = 0;
    for entry in fs::read_dir(desk.0.path()).unwrap().map(Result::unwrap) {
        if given.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let bytes = fs::read(entry.path()).unwrap();
        for number in NUMBERS {
            assert!(!bytes.windows(18).any(|part| part == number.as_bytes()), "{entry:?}");
        }
        searched += 1;
    }
    assert!(searched > 8);
}

#[test]
fn a_member_beyond_its_quota_gets_nothing_and_others_go_on() {
    let desk = Desk::new();
    desk.done(&format!("blind numbers {BOTH} --out q.1 --secret s.1"));
    let evaluate = |member: &str, out: &str| {
        format!("evaluate q.1 --key a.key --member {member} --quota 3 --counts c.a --out {out}")
    };
    desk.done(&evaluate("bank-a", "q.2"));
    assert_eq!(desk.refused(6, &evaluate("bank-a", "q.3")), "sector-quota-exceeded");
    assert!(!Path::new(&desk.path("q.3")).exists());
    // A place that is taken is told before anything is counted.
    assert_eq!(desk.refused(3, &evaluate("bank-b", "q.2")), "fault");
    assert_eq!(desk.done(&evaluate("bank-b", "q.4"))[0]["left"], 1);
    desk.write("c.a", "spoilt");
    assert_eq!(desk.refused(6, &evaluate("bank-b", "q.5")), "sector-malformed");
}

#[test]
fn a_question_is_answered_by_the_epoch_that_it_names() {
    let desk = Desk::new();
    desk.done("new-key a2.key --public a2.pub --sector provident-fund --epoch 2");
    desk.done("blind numbers --steward a.pub --out q.1 --secret s.1");
    desk.done("blind numbers --steward a2.pub --out r.1 --secret u.1");
    let ring = "--key a.key --key a2.key --member bank-a --quota 9 --counts c.a";
    desk.done(&format!("evaluate q.1 {ring} --out q.2"));
    desk.done(&format!("evaluate r.1 {ring} --out r.2"));
    let old = desk.done("finalize q.2 numbers --steward a.pub --secret s.1");
    let new = desk.done("finalize r.2 numbers --steward a2.pub --secret u.1");
    assert!(old[0]["id"].as_str().unwrap().starts_with("provident-fund.1."));
    assert!(new[0]["id"].as_str().unwrap().starts_with("provident-fund.2."));
    let only_new = "evaluate q.1 --key a2.key --member bank-a --quota 9 --counts c.a --out q.9";
    assert_eq!(desk.refused(6, only_new), "sector-epoch-unknown");
}

#[test]
fn who_is_on_another_citys_list_is_told_and_nothing_else() {
    let desk = Desk::new();
    desk.done("new-key l.key --public l.pub --list defaulters");
    desk.write("others", &format!("name,no\n甲,{}\n乙,{}\n", NUMBERS[0], NUMBERS[2]));
    let made = desk.done("list others --column no --key l.key --out l.tags");
    assert_eq!((&made[0]["lines"], &made[0]["class"]), (&json!(2), &json!(1024)));
    desk.done("question l.tags numbers --out q.1 --secret s.1");
    desk.done("evaluate q.1 --key l.key --member bank-a --quota 2 --counts c.l --out q.2");
    let told = desk.done("verdict q.2 numbers --tags l.tags --secret s.1");
    let verdicts: Vec<_> = told.iter().map(|told| (&told["line"], &told["listed"])).collect();
    assert_eq!(verdicts, [(&json!(1), &json!(true)), (&json!(3), &json!(false))]);

    // Neither other persons nor another key.
    desk.write("three", &NUMBERS.join("\n"));
    let other = desk.refused(6, "verdict q.2 three --tags l.tags --secret s.1");
    assert_eq!(other, "sector-persons-differ");
    let by_sector = "evaluate q.1 --key a.key --member bank-a --quota 2 --counts c.l --out q.9";
    assert_eq!(desk.refused(6, by_sector), "sector-purpose-differs");
    let again = "evaluate q.1 --key l.key --member bank-a --quota 2 --counts c.l --out q.9";
    assert_eq!(desk.refused(6, again), "sector-quota-exceeded");
    no_number_in_files(&desk);
}

#[test]
fn a_number_is_never_an_argument_and_never_told_again() {
    let desk = Desk::new();
    for number in NUMBERS {
        let line = format!("blind {number} {BOTH} --out q.1 --secret s.1");
        assert_eq!(desk.refused(2, &line), "usage");
    }
    // One digit wrong: the line is told, not the number, nor the digit that should stand there.
    desk.write("others", &format!("{}\n431302190001010018\n", NUMBERS[1]));
    let ran = desk.run(&format!("blind others {BOTH} --out q.1 --secret s.1"));
    assert_eq!(ran.code, 6);
    let told = &ran.json()[0];
    assert_eq!(told["code"], "number-invalid");
    assert_eq!(told["en"], "line 2 is no valid identity number (check-digit)");
    assert!(!ran.out.contains("4313") && !Path::new(&desk.path("q.1")).exists());
    let column =
        desk.refused(6, &format!("blind others --column no {BOTH} --out q.1 --secret s.1"));
    assert_eq!(column, "column-missing");
}

#[test]
fn keys_are_their_owners_alone_and_open_under_their_passphrase() {
    let desk = Desk::new();
    let mode = |name: &str| fs::metadata(desk.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("a.key"), 0o600);
    desk.done(&format!("blind numbers {BOTH} --out q.1 --secret s.1"));
    assert_eq!(mode("s.1"), 0o600);
    let written = fs::read(desk.path("a.key")).unwrap();
    assert_eq!(desk.refused(3, "new-key a.key --public x.pub --sector provident-fund"), "fault");
    assert_eq!(fs::read(desk.path("a.key")).unwrap(), written);
    assert!(!Path::new(&desk.path("x.pub")).exists());

    let evaluate = format!("evaluate q.1 --key a.key {BY_BANK} --counts c.a --out q.2");
    desk.write("pass", "another horse battery\n");
    assert_eq!(desk.refused(6, &evaluate), "sector-key-wrong");
    desk.write("pass", "short\n");
    assert_eq!(desk.refused(6, &evaluate), "passphrase-short");
    desk.write("pass", "correct horse battery\n");
    // The seed is bound to sector, epoch and public key, and sealed.
    let name = written.windows(4).position(|part| part == b"fund").unwrap();
    for (at, code) in [(name, "sector-key-damaged"), (written.len() - 1, "sector-key-wrong")] {
        let mut spoilt = written.clone();
        spoilt[at] ^= 1;
        fs::write(desk.path("a.key"), spoilt).unwrap();
        assert_eq!(desk.refused(6, &evaluate), code);
    }
    assert_eq!(
        desk.refused(6, &evaluate.replace("--key a.key", "--key a.pub")),
        "sector-key-damaged"
    );
    assert!(!Path::new(&desk.path("q.2")).exists());
}

/// Founds a city, and gives the configuration of one of its nodes, with this section at its end.
fn node_with(desk: &Desk, section: &str) -> String {
    let dir = desk.path("city");
    let founded = run(&["init", "--json", "--dir", &dir], Vec::new());
    assert_eq!(founded.code, 0, "{}{}", founded.out, founded.err);
    let config = format!("{dir}/nodes/registry/node.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n{section}\n")).unwrap();
    config
}

fn does_not_start(config: &str, code: &str) {
    let ran = run(&["node", "--json", "--config", config], Vec::new());
    assert_eq!(ran.code, 6, "{}{}", ran.out, ran.err);
    let told = &ran.json()[0];
    assert_eq!(told["code"], code);
    assert!(!told["zh"].as_str().unwrap().is_ascii() && told["en"].as_str().unwrap().is_ascii());
}

#[test]
fn a_node_does_not_start_with_keys_of_another_ledger() {
    let desk = Desk::new();
    let section = format!(
        "[sector]\nkeys = [\"{}\"]\npassphrase = \"{}\"",
        desk.path("a.key"),
        desk.path("pass")
    );
    does_not_start(&node_with(&desk, &section), "sector-scope-differs");
}

#[test]
fn a_node_does_not_start_with_a_policy_that_it_cannot_understand() {
    let desk = Desk::new();
    let (vault, pass, policy) = (desk.path("vault"), desk.path("pass"), desk.path("policy.yaml"));
    let create = ["vault", "create", "--json", "--vault", &vault, "--passphrase-file", &pass];
    assert_eq!(run(&create, Vec::new()).code, 0);
    desk.write(
        "policy.yaml",
        "rules:\n  - {when: access.price > 3, refuse: {zh: 价, en: price}}\n",
    );
    let section =
        format!("[vault]\nfolder = \"{vault}\"\npassphrase = \"{pass}\"\npolicy = \"{policy}\"");
    does_not_start(&node_with(&desk, &section), "policy-invalid");
}
