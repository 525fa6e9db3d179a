//! Service with validators down, and what survives a power cut.

use std::time::{Duration, Instant};

use crate::city::{City, NODES, OBSERVER, SOON, VALIDATORS};
use crate::load::{FINAL, Load, register, signed};

#[test]
fn with_one_of_four_validators_never_started_service_goes_on_and_a_late_one_catches_up() {
    let mut city = City::found(10);
    let (late, up) = ("housing", ["bank-a", "court", "registry", OBSERVER]);
    city.start(&up);
    let client = city.client(&["registry"], "registrar");
    let first = register(&client, "LATE-1");
    // The observer follows: it has the receipt, and the record can be asked of it.
    let observer = city.client(&[OBSERVER], "registrar");
    city.wait("the observer has the receipt", SOON, |_| {
        observer.receipt(&first, Duration::ZERO).unwrap().is_some()
    });
    assert!(observer.record("real-estate", "unit", "LATE-1").unwrap().is_some());
    // Beyond the end of an epoch, which it did not see either.
    let load = Load::begin(&city, &["registry"], "ON");
    city.wait_height("registry", 12);
    load.end();

    city.start(&[late]);
    let second = register(&client, "LATE-2");
    city.agree(&NODES);
    let status = city.status(late).unwrap();
    assert!(status.validator && status.history_from == Some(1), "{status:?}");
    let caught_up = city.client(&[late], "registrar");
    for id in [first, second] {
        let proved = caught_up.receipt_proved(&id, FINAL).unwrap();
        assert_eq!(proved.receipt.transaction, id);
    }
}

#[test]
fn with_two_of_four_validators_down_nothing_is_final_until_one_returns_and_then_by_itself() {
    let mut city = City::found(1_000);
    city.start(&NODES);
    let client = city.client(&["registry"], "registrar");
    register(&client, "HALT-1");
    city.kill(&["court", "housing"]);
    // What the dead ones had voted for may still become final.
    let up = ["bank-a", "registry", OBSERVER];
    let waiting = signed(&client, "HALT-2").unwrap();
    client.submit(&waiting, Duration::ZERO).unwrap();
    let (mut heights, mut since) = ([0; 3], Instant::now());
    city.wait("the last votes are counted", SOON, |city| {
        let now = up.map(|name| city.height(name));
        if now != heights {
            (heights, since) = (now, Instant::now());
        }
        since.elapsed() > Duration::from_secs(1)
    });
    city.stays("nothing becomes final", Duration::from_secs(6), |city| {
        let receipt = client.receipt(&waiting.id, Duration::ZERO).unwrap();
        receipt.is_none() && up.map(|name| city.height(name)) == heights
    });
    assert_eq!(city.status("registry").unwrap().pool, 1);

    city.spawn(&["court"]);
    let receipt = client.receipt(&waiting.id, FINAL).unwrap();
    let receipt = receipt.unwrap_or_else(|| panic!("still not final{}", city.logs()));
    assert!(receipt.entries[0].applied && receipt.height > heights[0], "{receipt:?}");
    register(&client, "HALT-3");
    city.agree(&["bank-a", "court", "registry", OBSERVER]);
}

#[test]
fn a_power_cut_of_all_nodes_under_load_loses_nothing_that_was_final() {
    let mut city = City::found(20);
    city.start(&NODES);
    let load = Load::begin(&city, &VALIDATORS, "CUT");
    // Over the end of an epoch.
    city.wait("the load is under way", SOON, |city| {
        load.done() >= 20 && city.height("registry") > 25
    });
    city.kill(&NODES);
    city.start(&NODES);
    let seen = load.end_after_outage();
    assert!(seen.len() >= 20, "{seen:?}");
    let client = city.client(&["court"], "registrar");
    register(&client, "AFTER-CUT");
    city.agree(&NODES);
    for name in NODES {
        let client = city.client(&[name], "registrar");
        for registered in &seen {
            let receipt = client.receipt(&registered.id, Duration::ZERO).unwrap().unwrap();
            assert_eq!(receipt.height, registered.height, "{name}: {registered:?}");
            assert!(receipt.entries[0].applied, "{name}: {registered:?}");
        }
    }
}
