//! Who may ask what, and signing in.

use chaincity_api::session::{CONTENT_TYPE, Challenge, Login};
use chaincity_api::{Access, Endpoint, Method};
use chaincity_crypto::{SecretKey, cose};
use chaincity_types::{Digest, cbor};

use crate::city::{City, Raw, agent, clerk, get, post, raw};
use crate::fake::version;

fn ask(city: &City, endpoint: Endpoint, token: Option<&str>) -> Raw {
    let url = format!("{}{}", city.url(), endpoint.url(&["0", "unit", "k"]));
    let bearer = token.map(|token| format!("Bearer {token}")).unwrap_or_default();
    raw(match endpoint.method() {
        Method::Get => agent().get(url).header("authorization", bearer).call().unwrap(),
        Method::Post => agent().post(url).header("authorization", bearer).send("").unwrap(),
    })
}

#[test]
fn every_endpoint_outside_the_allow_list_demands_a_token() {
    let city = City::open();
    let mut walked = 0;
    for endpoint in Endpoint::ALL {
        for token in [None, Some(""), Some("00"), Some(&*"ab".repeat(32))] {
            let answer = ask(&city, *endpoint, token);
            if endpoint.access() == Access::Token {
                assert_eq!(
                    (answer.status, answer.code().as_str()),
                    (401, "token-required"),
                    "{endpoint:?}"
                );
                assert_eq!(answer.headers["www-authenticate"], "Bearer");
                walked += 1;
            } else {
                assert_ne!(answer.status, 401, "{endpoint:?}");
            }
            assert_eq!(answer.headers["cache-control"], "no-store", "{endpoint:?}");
        }
    }
    assert_eq!(walked, 4 * (Endpoint::ALL.len() - 10), "ten endpoints need no token");
}

#[test]
fn every_endpoint_is_in_the_served_document_and_no_other_path_answers() {
    let city = City::open();
    let document = get(&format!("{}/openapi.json", city.url())).json();
    for endpoint in Endpoint::ALL {
        assert!(document["paths"][endpoint.path()].is_object(), "{endpoint:?}");
    }
    assert_eq!(document["paths"].as_object().unwrap().len(), Endpoint::ALL.len());
    for path in ["/", "/v1", "/v2/status", "/v1/status/", "/v1/../metrics", "/v1/records/a"] {
        let answer = get(&format!("{}{path}", city.url()));
        assert!(matches!(answer.status, 404 | 401), "{path}: {}", answer.status);
    }
    let answer = post(&format!("{}/v1/status", city.url()), "application/json", b"{}");
    assert_eq!((answer.status, answer.code().as_str()), (405, "method-not-allowed"));
}

#[test]
fn an_active_operator_signs_in_with_the_roles_that_the_member_may_hand_out() {
    let city = City::open();
    let client = city.stranger();
    let session = client.sign_in(clerk()).unwrap();
    assert_eq!(session.member, "registry");
    assert_eq!(session.roles, ["registry.registrar"]);
    assert_eq!(session.expires_s, 900);
    assert!(!format!("{session:?}").contains(&session.token));
    assert_eq!(
        client.validators().unwrap().items.len(),
        city.node.bundle.genesis.nodes.iter().filter(|n| n.validator).count()
    );
}

#[test]
fn a_registered_node_of_an_active_member_signs_in_with_its_own_key_and_without_roles() {
    let city = City::open();
    let node = || SecretKey::from_seed(&[9; 32]);
    assert_eq!(city.stranger().sign_in(node()).unwrap_err().code(), Some("operator-inactive"));
    let key = hex::encode(node().public_key().as_bytes());
    city.node.put(version(
        ("governance", "node", &key),
        1,
        1,
        &[("member", "registry".into()), ("kind", "candidate".into())],
    ));
    let client = city.stranger();
    let session = client.sign_in(node()).unwrap();
    assert_eq!((session.member.as_str(), session.roles.len()), ("registry", 0));
    assert!(!client.trust_bundle().unwrap().is_empty());
    city.suspend();
    assert_eq!(city.stranger().sign_in(node()).unwrap_err().code(), Some("operator-inactive"));
}

#[test]
fn a_stranger_and_a_suspended_operator_get_no_token() {
    let city = City::open();
    let refused = city.stranger().sign_in(SecretKey::from_seed(&[8; 32])).unwrap_err();
    assert_eq!(refused.code(), Some("operator-inactive"));
    city.suspend();
    assert_eq!(city.stranger().sign_in(clerk()).unwrap_err().code(), Some("operator-inactive"));
}

fn challenge(city: &City) -> Challenge {
    let key = hex::encode(clerk().public_key().as_bytes());
    let url = format!("{}/v1/session/challenge", city.url());
    let body = serde_json::json!({ "key": key }).to_string();
    serde_json::from_str(&post(&url, "application/json", body.as_bytes()).text).unwrap()
}

fn login(city: &City, change: impl FnOnce(&mut Login), key: &SecretKey, media: &str) -> Raw {
    let mut login = Login {
        ledger: city.node.ledger(),
        challenge: hex::decode(challenge(city).challenge).unwrap(),
        key: clerk().public_key().as_bytes().to_vec(),
    };
    change(&mut login);
    let statement = cose::sign_statement(media, &cbor::encode(&login), key);
    post(&format!("{}/v1/session", city.url()), "application/cose", &statement)
}

#[test]
fn a_statement_for_another_ledger_key_purpose_or_challenge_is_refused() {
    let city = City::open();
    let code = |raw: Raw| (raw.status, raw.code());
    assert_eq!(login(&city, |_| (), &clerk(), CONTENT_TYPE).status, 200);
    let invalid = (401, "signature-invalid".to_owned());
    assert_eq!(code(login(&city, |l| l.ledger = Digest([1; 32]), &clerk(), CONTENT_TYPE)), invalid);
    assert_eq!(code(login(&city, |_| (), &SecretKey::from_seed(&[8; 32]), CONTENT_TYPE)), invalid);
    assert_eq!(code(login(&city, |_| (), &clerk(), "application/other")), invalid);
    let lapsed = (401, "challenge-invalid".to_owned());
    assert_eq!(code(login(&city, |l| l.challenge[0] ^= 1, &clerk(), CONTENT_TYPE)), lapsed);
    assert_eq!(code(login(&city, |l| l.challenge.clear(), &clerk(), CONTENT_TYPE)), lapsed);
    let used = hex::decode(challenge(&city).challenge).unwrap();
    let again = |l: &mut Login| l.challenge.clone_from(&used);
    assert_eq!(login(&city, again, &clerk(), CONTENT_TYPE).status, 200);
    assert_eq!(code(login(&city, again, &clerk(), CONTENT_TYPE)), lapsed);
}

#[test]
fn a_client_signs_in_again_when_its_token_lapses() {
    let city = City::with(|config| config.limits.sessions_per_key_max = 1, 0);
    let (first, second) = (city.client(), city.client());
    // The second session ended the first; each client gets a new one when it needs it.
    for client in [&first, &second, &first] {
        client.packages().unwrap();
    }
}

#[test]
fn metrics_are_for_this_machine_alone_or_have_an_address_of_their_own() {
    let city = City::with(|config| config.metrics = Some("127.0.0.1:0".parse().unwrap()), 0);
    city.client().packages().unwrap();
    let own = format!("http://{}/metrics", city.server.metrics_address().unwrap());
    for url in [format!("{}/metrics", city.url()), own.clone()] {
        let text = get(&url).text;
        for line in [
            "chaincity_height 0",
            "chaincity_pool_transactions 3",
            "chaincity_peers 4",
            "chaincity_read_model_height 3",
            "chaincity_read_model_lag_blocks 0",
            "chaincity_sessions 1",
            "chaincity_http_requests_total{route=\"/v1/packages\",status=\"200\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
    let proxied =
        agent().get(format!("{}/metrics", city.url())).header("x-forwarded-for", "10.0.0.1");
    assert_eq!(raw(proxied.call().unwrap()).code(), "loopback-only");
    // Nothing but metrics and health is served there.
    assert_eq!(get(&own.replace("/metrics", "/v1/status")).status, 404);
}

#[test]
fn no_metric_names_what_was_asked_for() {
    let city = City::open();
    let url = format!("{}/v1/records/real-estate/unit/{}?as_of=secret", city.url(), "u-secret");
    assert_eq!(get(&url).status, 401);
    assert_eq!(get(&format!("{}/secret", city.url())).status, 404);
    assert!(!get(&format!("{}/metrics", city.url())).text.contains("secret"));
}
