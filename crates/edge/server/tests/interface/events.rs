//! The event stream: order, resuming, slow readers, the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use chaincity_client::call;
use chaincity_types::wire::Mode;

use crate::city::{City, agent, clerk, raw};

fn token(city: &City) -> String {
    city.stranger().sign_in(clerk()).unwrap().token
}

/// Opens a stream by hand: the lines after the head.
fn open(city: &City, query: &str, header: &str) -> BufReader<TcpStream> {
    let mut stream = TcpStream::connect(city.server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let token = token(city);
    let head = format!(
        "GET /v1/events{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n{header}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "HTTP/1.1 200 OK");
    reader
}

/// The next lines that begin with a prefix, so many.
fn lines(reader: &mut BufReader<TcpStream>, prefix: &str, count: usize) -> Vec<String> {
    let mut found = Vec::new();
    while found.len() < count {
        let mut line = String::new();
        assert_ne!(reader.read_line(&mut line).unwrap(), 0, "the stream ended after {found:?}");
        if let Some(rest) = line.trim_end().strip_prefix(prefix) {
            found.push(rest.to_owned());
        }
    }
    found
}

#[test]
fn a_client_follows_blocks_in_order_with_their_receipts_and_events() {
    let city = City::open();
    let client = city.client();
    let calls = vec![call("real-estate", "seal", [].into())];
    let signed = client.sign(&client.transaction(Mode::Atomic, calls).unwrap()).unwrap();
    client.submit(&signed, Duration::ZERO).unwrap();
    let mut events = client.events(0);
    assert_eq!(events.next().unwrap().unwrap().block.height, 0);
    let block = events.next().unwrap().unwrap();
    assert_eq!((block.block.height, &block.receipts[0].id), (1, &signed.id.to_string()));
    assert_eq!(block.receipts[0].entries[0].events[0].key, "u-1");
    city.node.add_block(None);
    assert_eq!(events.next().unwrap().unwrap().block.height, 2, "and goes on with new blocks");
}

#[test]
fn who_wants_only_ids_gets_only_ids() {
    let city = City::open();
    let client = city.client();
    let calls = vec![call("real-estate", "seal", [].into())];
    let signed = client.sign(&client.transaction(Mode::Atomic, calls).unwrap()).unwrap();
    client.submit(&signed, Duration::ZERO).unwrap();
    let mut events = client.event_ids(0);
    let (first, second) = (events.next().unwrap().unwrap(), events.next().unwrap().unwrap());
    assert_eq!((first.block.height, first.ids), (0, Vec::new()));
    assert_eq!((second.block.height, second.ids), (1, vec![signed.id.to_string()]));
    let data = &lines(&mut open(&city, "?from=1&view=ids", ""), "data: ", 1)[0];
    assert!(data.contains(&signed.id.to_string()) && !data.contains("entries"), "{data}");
    let other = agent().get(format!("{}/v1/events?view=all", city.url()));
    let other = other.header("authorization", format!("Bearer {}", token(&city)));
    assert_eq!(raw(other.call().unwrap()).code(), "bad-request");
}

#[test]
fn a_stream_resumes_after_the_last_event_seen() {
    let city = City::open();
    (0..5).for_each(|_| city.node.add_block(None));
    assert_eq!(lines(&mut open(&city, "", "last-event-id: 2\r\n"), "id: ", 3), ["3", "4", "5"]);
    assert_eq!(lines(&mut open(&city, "?from=4", ""), "id: ", 2), ["4", "5"]);
    // What the browser says it saw counts more than where it began.
    assert_eq!(lines(&mut open(&city, "?from=1", "last-event-id: 4\r\n"), "id: ", 1), ["5"]);
    let bad = agent().get(format!("{}/v1/events", city.url()));
    let bad = bad
        .header("authorization", format!("Bearer {}", token(&city)))
        .header("last-event-id", "x");
    assert_eq!(raw(bad.call().unwrap()).code(), "bad-request");
}

#[test]
fn without_a_place_to_begin_a_stream_begins_with_the_next_block() {
    let city = City::open();
    (0..3).for_each(|_| city.node.add_block(None));
    let mut stream = open(&city, "", "");
    city.node.add_block(None);
    assert_eq!(lines(&mut stream, "id: ", 1), ["4"]);
}

#[test]
fn a_slow_reader_is_let_go_with_a_word_and_can_resume() {
    let slow = |config: &mut chaincity_server::Config| {
        config.limits.stream_blocks_max = 2;
        config.limits.stream_stall_ms_max = 100;
    };
    // Blocks so large that the connection's buffers cannot hold them all.
    let city = City::with(slow, 400_000);
    for n in 0..200_u8 {
        city.node.add_block(Some((chaincity_types::Digest([n; 32]), vec![n])));
    }
    let mut stream = open(&city, "?from=1", "");
    // The reader does not read until the server has let it go and freed its place.
    let metrics = format!("{}/metrics", city.url());
    while !crate::city::get(&metrics).text.contains("chaincity_event_streams 0") {}
    let mut rest = String::new();
    let end = loop {
        rest.clear();
        assert_ne!(stream.read_line(&mut rest).unwrap(), 0);
        if rest.starts_with("event: end") {
            break lines(&mut stream, "data: ", 1).remove(0);
        }
    };
    let end: serde_json::Value = serde_json::from_str(&end).unwrap();
    assert_eq!(end["code"], "slow-consumer");
    let last = end["height"].as_u64().unwrap();
    assert!((1..200).contains(&last), "{last}");
    let header = format!("last-event-id: {last}\r\n");
    assert_eq!(lines(&mut open(&city, "", &header), "id: ", 1), [(last + 1).to_string()]);
}

#[test]
fn streams_are_bounded_and_end_with_their_token() {
    let limits = |config: &mut chaincity_server::Config| {
        config.limits.streams_max = 1;
        config.limits.session_s = 2;
    };
    let city = City::with(limits, 0);
    let mut stream = open(&city, "", "");
    let second = agent().get(format!("{}/v1/events", city.url()));
    let second = second.header("authorization", format!("Bearer {}", token(&city)));
    assert_eq!(raw(second.call().unwrap()).code(), "busy");
    let end = loop {
        if lines(&mut stream, "event: ", 1) == ["end"] {
            break lines(&mut stream, "data: ", 1).remove(0);
        }
    };
    assert!(end.contains("token-expired"), "{end}");
}

#[test]
fn stopping_ends_streams_with_a_word_and_closes_all_connections() {
    let city = City::open();
    let mut stream = open(&city, "", "");
    let stopper = std::thread::spawn(move || city.server.stop());
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.contains("event: end") && text.contains("\"shutdown\""), "{text}");
    stopper.join().unwrap();
}
