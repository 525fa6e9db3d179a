//! A vault on two machines: the one that answers dies between sealing and release, the other one takes
//! over, and the first, started again, answers no more.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::city::{City, NODES, Ran, SOON, VALIDATORS, chaincity, text};
use crate::disclosure::{
    DESK, PRICE, STEWARD, ask, call, done, grant, keep_a_vault, read, sealed, sell, vault,
};
use crate::load::Load;
use crate::membership::add_node;

/// The registry's second node, and who answers out of its vault.
const SECOND: &str = "registry-2";
const AGENT: &str = "second-agent";

/// A second machine: a node of the registry with a vault made from a backup, on standby.
fn add_standby(city: &mut City, backup: &str) {
    let dir = add_node(city, SECOND, ("registry", "registry-admin", "observer"));
    let key = done(&chaincity(&["key", "new", &city.key_file(AGENT)]));
    let operator = json!({"key": key["public"], "member": "registry", "roles": ["steward.agent"]});
    call(city, "registry-admin", ("governance", "add-operator"), &operator, &[]);
    let passphrase = dir.join("vault.passphrase");
    fs::write(&passphrase, "correct horse battery\n").unwrap();
    let folder = dir.join("vault");
    let options = ["--vault", text(&folder), "--passphrase-file", text(&passphrase)];
    done(&vault("restore", &options.map(str::to_owned), &["--from", backup]));
    let section = format!(
        "\n[vault]\nfolder = \"vault\"\npassphrase = \"vault.passphrase\"\nagent = \"{}\"\n\
         standby = true\n",
        city.key_file(AGENT)
    );
    append(&dir.join("node.toml"), &section);
    city.adopt(SECOND, &dir);
    // A node is let in with an epoch; an idle ledger takes a minute for one.
    let load = Load::begin(city, &VALIDATORS, "EPOCH");
    city.start(&[SECOND]);
    load.end();
}

fn append(file: &Path, text: &str) {
    let before = fs::read_to_string(file).unwrap();
    fs::write(file, format!("{before}{text}")).unwrap();
}

/// Seals a group at a node.
fn seal(city: &City, node: &str) -> Ran {
    let file = city.file("sealed.json");
    fs::write(&file, json!({"price": 1}).to_string()).unwrap();
    let seal = ["seal", "real-estate", "right", "deal", "--values", &format!("@{file}")];
    city.run_as("registrar", node, &seal)
}

/// Whether nothing was sealed, for the reason with this code.
fn is_refused(ran: &Ran, code: &str) -> bool {
    assert_ne!(ran.code, 0, "{ran:?}");
    ran.json()[0]["code"] == code
}

fn access(city: &City, access: &str) -> Value {
    let client = city.client(&[DESK], "court");
    json!(client.record("disclosure", "access", access).unwrap().unwrap().fields)
}

#[test]
fn what_was_sealed_before_the_vaults_node_died_is_opened_by_the_standby_and_the_former_one_refuses()
{
    let mut city = City::found(30);
    let options = keep_a_vault(&city, STEWARD, "release-agent");
    let backup = city.file("backup");
    done(&vault("backup", &options, &["--to", &backup]));
    city.start(&NODES);
    add_standby(&mut city, &backup);
    city.stop(STEWARD);
    let copy_to = format!("copy_to = \"{}\"\n", city.url(SECOND));
    append(Path::new(&city.config(STEWARD)), &copy_to);
    city.start(&[STEWARD]);

    // Nothing is sealed at the standby, nor where the standby does not keep it too.
    city.wait("both seal", SOON, |city| seal(city, STEWARD).code == 0);
    assert!(is_refused(&seal(&city, SECOND), "vault-elsewhere"));
    city.kill(&[SECOND]);
    assert!(is_refused(&seal(&city, STEWARD), "standby-away"));
    city.start(&[SECOND]);
    city.wait("both seal again", SOON, |city| seal(city, STEWARD).code == 0);

    let title = sell(&city);
    let grant = grant(&city);
    let asked = (&*title, &*grant);
    let waiting = sealed(&city, "bank-a", asked);
    city.kill(&[STEWARD]);
    let waiting = ask(&city, "bank-a", waiting);
    assert_eq!(access(&city, &waiting)["state"], "asked");
    let reason = json!({"reason": "主机故障"});
    call(&city, AGENT, ("disclosure", "take-over"), &reason, &[]);
    city.wait("it is answered", SOON, |city| access(city, &waiting)["state"] == "released");
    let opens = |city: &City| {
        let opened = done(&read(city, "bank-a", asked, &["--steward-node", city.url(SECOND)]));
        assert_eq!(opened["groups"]["deal"][0]["price"], PRICE);
        opened["access"].as_str().unwrap().to_owned()
    };
    let first = opens(&city);

    city.start(&[STEWARD]);
    let tip = city.height(DESK);
    city.wait_height(STEWARD, tip);
    assert!(is_refused(&seal(&city, STEWARD), "vault-elsewhere"));
    let second = opens(&city);
    let agent = city.key(AGENT).public_key().to_string();
    for answered in [&waiting, &first, &second] {
        assert_eq!(access(&city, answered)["answered_by"], agent);
    }
    assert_eq!(seal(&city, SECOND).code, 0);
}
