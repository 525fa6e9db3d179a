//! The command line as operators use it on a running city: mandates, transactions of several
//! calls, HTTPS.

use std::fs;

use rcgen::generate_simple_self_signed;
use serde_json::{Value, json};

use crate::city::{City, NODES, OBSERVER, Ran, SOON, chaincity, text};
use crate::load::register;

/// The input of a registration.
fn unit(number: &str) -> Value {
    json!({
        "number": number, "number_kind": "other", "location": "测试路1号",
        "building_area": "88.50", "basis": "新建房屋",
        "holders": [{"subject": "测试甲", "n": 1, "d": 1}],
    })
}

fn has_unit(city: &City, number: &str) -> bool {
    let client = city.client(&["registry"], "court");
    client.record("real-estate", "unit", number).unwrap().is_some()
}

/// Why a call was rejected.
fn code(ran: &Ran) -> Value {
    assert_eq!(ran.code, 4, "{ran:?}");
    let answer = &ran.json()[0];
    answer.get("rejections").map_or_else(|| answer["code"].clone(), |all| all[0]["code"].clone())
}

fn mandates_are_taken_back_by_their_party_alone_and_serve_no_more(city: &City) {
    let input = json!({"name": "office-hours", "value": "9-17"}).to_string();
    let give = |admin: &str| {
        let given = city.run_as(
            admin,
            "registry",
            &[
                "mandate",
                "give",
                "governance",
                "set-parameter",
                "--input",
                &input,
                "--for",
                "approve",
            ],
        );
        assert_eq!(given.code, 0, "{given:?}");
        given.json()[0]["mandate"].as_str().unwrap().to_owned()
    };
    let (court, bank) = (give("court-admin"), give("bank-a-admin"));
    let revoke = |operator: &str| city.run_as(operator, "registry", &["mandate", "revoke", &court]);
    assert_eq!(code(&revoke("bank-a-admin")), json!("not-authorised"));
    let revoked = revoke("court-admin");
    assert_eq!(revoked.code, 0, "{revoked:?}");
    assert_eq!(code(&revoke("court-admin")), json!("mandate-invalid"));

    let call = |mandates: &[&str]| {
        let mut arguments = vec!["call", "governance", "set-parameter", "--input", &input];
        mandates.iter().for_each(|mandate| arguments.extend(["--mandate", mandate]));
        city.run_as("registry-admin", "registry", &arguments)
    };
    assert_eq!(code(&call(&[&court, &bank])), json!("mandate-invalid"));
    let again = give("court-admin");
    let called = call(&[&again, &bank]);
    assert_eq!(called.code, 0, "{called:?}");
    // Once used, a mandate is used up, and cannot be taken back.
    assert_eq!(code(&call(&[&again, &bank])), json!("mandate-invalid"));
    let late = city.run_as("court-admin", "registry", &["mandate", "revoke", &again]);
    assert_eq!(code(&late), json!("mandate-invalid"));
}

fn of_independent_calls_only_the_failed_one_is_left_out_and_of_atomic_ones_all(city: &City) {
    let call = |number: &str| json!({"package": "real-estate", "action": "first-registration", "input": unit(number)});
    let calls = |names: [&str; 3]| Value::from(names.map(call).to_vec()).to_string();
    let independent = calls(["MANY-1", "MANY-1", "MANY-2"]);
    let ran =
        city.run_as("registrar", "registry", &["call", "--independent", "--calls", &independent]);
    assert_eq!(code(&ran), json!("ownership-exists"));
    let answer = &ran.json()[0];
    assert!(answer["applied"] == json!(false) && answer["rejections"][0]["call"] == json!(1));
    let applied: Vec<_> = answer["receipt"]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["applied"] == true)
        .collect();
    assert_eq!(applied, [true, false, true]);
    assert!(has_unit(city, "MANY-1") && has_unit(city, "MANY-2"));

    let atomic = calls(["MANY-3", "MANY-2", "MANY-4"]);
    let ran = city.run_as("registrar", "registry", &["call", "--atomic", "--calls", &atomic]);
    assert_eq!(code(&ran), json!("ownership-exists"));
    assert_eq!(ran.json()[0]["rejections"][0]["call"], json!(1));
    assert!(!has_unit(city, "MANY-3") && !has_unit(city, "MANY-4"));
}

/// Gives a stopped node a certificate; gives the authority's file.
fn with_https(city: &mut City, node: &str) -> String {
    let made = generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let (certificate, key) = (city.file("api.pem"), city.file("api.key"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let config = city.config(node);
    let mut text = fs::read_to_string(&config).unwrap();
    text.push_str(&format!("\n[tls]\ncertificate = \"{certificate}\"\nkey = \"{key}\"\n"));
    fs::write(&config, text).unwrap();
    let dir = city.path().join("nodes").join(node);
    city.adopt(node, &dir);
    certificate
}

fn https_needs_the_authority_and_every_node_is_told_apart(city: &mut City) {
    city.stop("court");
    let authority = with_https(city, "court");
    city.spawn(&["court"]);
    let path = city.path();
    let folder = text(&path);
    let status = |extra: &[&str]| chaincity(&[&["status", "--city", folder], extra].concat());
    let all_reachable = |ran: &Ran| ran.json().iter().all(|line| line["reachable"] == true);
    city.wait("all nodes answer", SOON, |_| all_reachable(&status(&["--authorities", &authority])));
    let seen = status(&["--authorities", &authority]);
    assert_eq!((seen.code, seen.json().len()), (0, NODES.len()), "{seen:?}");
    let votes: Vec<_> = seen.json().iter().map(|line| line["validator"].clone()).collect();
    assert_eq!(votes, [true, true, true, true, false].map(Value::from));
    // Without the authority, that node and no other is not believed.
    let unseen = status(&[]);
    let apart: Vec<_> = unseen.json().iter().map(|line| line["reachable"] == true).collect();
    assert_eq!((unseen.code, apart), (3, vec![true, false, true, true, true]), "{unseen:?}");

    let found = |extra: &[&str]| {
        let ask = ["query", "real-estate", "unit", "--where", "_key=HTTPS-1"];
        city.run_as("housing", "court", &[&ask[..], extra].concat())
    };
    register(&city.client(&["registry"], "registrar"), "HTTPS-1");
    // A node that was just started answers before it holds its state: then it is not ready.
    city.wait("the node answers over HTTPS", SOON, |_| {
        let ran = found(&["--authorities", &authority]);
        assert!(ran.code == 0 || code(&ran) == json!("not-ready"), "{ran:?}");
        ran.json()[0]["_key"] == "HTTPS-1"
    });
    assert_eq!(found(&[]).code, 3);

    // A node that lost everything joins through it.
    city.stop(OBSERVER);
    fs::remove_dir_all(city.data(OBSERVER)).unwrap();
    let join = format!("join = \"{}\"\njoin_authorities = \"{authority}\"", city.url("court"));
    city.configure(OBSERVER, &join);
    city.start(&[OBSERVER]);
    assert!(city.log(OBSERVER).contains("fetching a snapshot"), "{}", city.logs());
    city.agree(&["registry", OBSERVER]);

    city.kill(&["housing"]);
    let seen = status(&["--authorities", &authority]);
    assert!(seen.code == 3 && !all_reachable(&seen), "{seen:?}");
}

#[test]
fn the_command_line_gives_and_takes_mandates_sends_several_calls_and_speaks_https() {
    let mut city = City::found(1_000);
    city.start(&NODES);
    mandates_are_taken_back_by_their_party_alone_and_serve_no_more(&city);
    of_independent_calls_only_the_failed_one_is_left_out_and_of_atomic_ones_all(&city);
    https_needs_the_authority_and_every_node_is_told_apart(&mut city);
}
