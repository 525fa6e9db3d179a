//! Bounds: sizes, numbers, times.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::city::{City, agent, get, post, raw};

#[test]
fn long_addresses_and_odd_queries_are_refused() {
    let city = City::open();
    let long = "x".repeat(5_000);
    for path in [format!("/v1/status?{long}"), format!("/v1/blocks/{long}")] {
        let answer = get(&format!("{}{path}", city.url()));
        assert_eq!((answer.status, answer.code().as_str()), (414, "uri-too-long"));
    }
    let token = city.stranger().sign_in(crate::city::clerk()).unwrap().token;
    let get = |path: &str| {
        let request = agent().get(format!("{}{path}", city.url()));
        raw(request.header("authorization", format!("Bearer {token}")).call().unwrap())
    };
    for path in [
        "/v1/blocks?limit=0",
        "/v1/blocks?limit=1000",
        "/v1/blocks?limit=1&limit=2",
        "/v1/blocks?mistyped=1",
        "/v1/blocks/x",
        "/v1/blocks/-1",
        "/v1/blocks/99999999999999999999",
        "/v1/receipts/zz",
        "/v1/records/real-estate/unit/u?as_of=yesterday",
        "/v1/records/real-estate/unit/u/proof?versions=65",
        "/v1/records/real-estate/unit/%ff",
    ] {
        let answer = get(path);
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad-request"), "{path}");
    }
}

#[test]
fn large_and_malformed_bodies_are_refused() {
    let city = City::with(|config| config.limits.body_bytes_max = 10_000, 0);
    let url = |path: &str| format!("{}{path}", city.url());
    for (path, media, size) in [
        ("/v1/session/challenge", "application/json", 2_000),
        ("/v1/session", "application/cose", 2_000),
        ("/v1/verify", "application/json", 10_001),
    ] {
        let answer = post(&url(path), media, &vec![b' '; size]);
        assert_eq!((answer.status, answer.code().as_str()), (413, "request-too-large"), "{path}");
        let answer = post(&url(path), "text/plain", b"");
        assert_eq!((answer.status, answer.code().as_str()), (415, "media-type"), "{path}");
    }
    for body in ["", "{", "[]", "{\"key\":1}", "{\"key\":\"00\"}", "{\"key\":\"a\",\"x\":1}"] {
        let answer = post(&url("/v1/session/challenge"), "application/json", body.as_bytes());
        assert_eq!((answer.status, answer.code().as_str()), (400, "bad-request"), "{body}");
    }
    let answer = post(&url("/v1/session"), "application/cose", &[0xd2, 0x84]);
    assert_eq!((answer.status, answer.code().as_str()), (401, "signature-invalid"));
}

#[test]
fn a_body_without_an_announced_length_is_bounded_too() {
    let city = City::open();
    let mut stream = TcpStream::connect(city.server.address()).unwrap();
    let head = "POST /v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/cose\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[0; 0x10000], b"\r\n"].concat();
    // It never ends: the server reads on for a while and then gives up.
    let mut writer = stream.try_clone().unwrap();
    std::thread::spawn(move || while writer.write_all(&chunk).is_ok() {});
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[test]
fn requests_beyond_the_bound_are_told_to_come_back() {
    let city = City::with(|config| config.limits.requests_max = 0, 0);
    let answer = get(&format!("{}/v1/status", city.url()));
    assert_eq!((answer.status, answer.code().as_str()), (503, "busy"));
    assert_eq!(answer.headers["retry-after"], "1");
}

#[test]
fn a_request_that_takes_too_long_is_given_up() {
    let limits = |config: &mut chaincity_server::Config| config.limits.request_ms_max = 100;
    let city = City::with(limits, 0);
    // A body that never comes, where no wait is allowed for.
    let mut stream = TcpStream::connect(city.server.address()).unwrap();
    let head = "POST /v1/session HTTP/1.1\r\nhost: x\r\ncontent-type: application/cose\r\ncontent-length: 10\r\n\r\n";
    let begun = Instant::now();
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 504");
    assert!(begun.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_connection_that_sends_no_head_is_closed() {
    let city = City::with(|config| config.limits.head_ms_max = 100, 0);
    let mut stream = TcpStream::connect(city.server.address()).unwrap();
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost:").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}
