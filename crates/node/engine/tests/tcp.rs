//! Four validators over real sockets on the loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    missing_docs,
    reason = "tests"
)]

mod common;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use chaincity_engine::{Engine, EngineError, Handle, Place};
use chaincity_types::Height;
use common::{Toy, config, key};

fn free_addresses(count: usize) -> Vec<SocketAddr> {
    // All are held at once, so that no two are the same.
    let held: Vec<TcpListener> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap()).collect()
}

fn place(folder: &Path, node: usize, addresses: &[SocketAddr]) -> Place {
    Place {
        folder: folder.join(format!("node{node}")),
        listen: addresses[node],
        advertised: addresses[node].to_string(),
        bootstrap: (0..addresses.len())
            .filter(|other| *other != node)
            .map(|other| (key(u8::try_from(other).unwrap()).public(), addresses[other].to_string()))
            .collect(),
        threads: NonZeroUsize::new(1).unwrap(),
        private_network: true,
    }
}

fn start(folder: &Path, node: usize, addresses: &[SocketAddr], toy: &Toy) -> Handle {
    let config = config(u8::try_from(node).unwrap());
    let (engine, handle) = Engine::new(config, place(folder, node, addresses)).unwrap();
    engine.start(toy.clone()).unwrap();
    handle
}

/// Waits until `done`; a limit only keeps a broken test from hanging.
fn wait_until(what: &str, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what} did not happen in a minute");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn four_validators_finalize_blocks_across_an_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = free_addresses(4);
    let toys: Vec<Toy> = (0..4).map(|_| Toy::new(&[0b1111])).collect();
    let handles: Vec<Handle> =
        (0..4).map(|node| start(folder.path(), node, &addresses, &toys[node])).collect();
    wait_until("height 12 on all", || toys.iter().all(|toy| toy.height() >= 12));
    for toy in &toys {
        assert_eq!(toy.header(12), toys[0].header(12));
    }
    for handle in &handles {
        assert!(handle.status().epoch >= 1);
        assert!(handle.status().validator);
        let (received, sent) = (handle.status().wire_in, handle.status().wire_out);
        assert!(received > 10_000 && sent > 10_000, "bytes: {received} in, {sent} out");
        let certificate = futures::executor::block_on(handle.certificate(Height(5)));
        assert!(certificate.unwrap().is_some());
        futures::executor::block_on(handle.stop());
    }
}

#[test]
fn an_address_in_use_is_an_error_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let place = place(folder.path(), 0, &[held.local_addr().unwrap()]);
    let (engine, _handle) = Engine::new(config(0), place).unwrap();
    let started = engine.start(Toy::new(&[0b1]));
    assert!(matches!(started, Err(EngineError::Address(_))), "{started:?}");
}

#[test]
fn damaged_storage_is_an_error_at_start() {
    let folder = tempfile::tempdir().unwrap();
    let addresses = free_addresses(1);
    let place = place(folder.path(), 0, &addresses);
    // A file where the storage folder should be.
    std::fs::write(&place.folder, b"not a folder").unwrap();
    let (engine, _handle) = Engine::new(config(0), place).unwrap();
    let started = engine.start(Toy::new(&[0b1]));
    assert!(matches!(started, Err(EngineError::Failed(_))), "{started:?}");
}
