//! Who decides, and who is there: a fifth validator joins and one leaves, a node joins by
//! snapshot, validators are down from the start. Real nodes, under load, on virtual time.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::integer_division,
    clippy::large_futures,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests"
)]

use std::cell::Cell;

use chaincity_crypto::cose;
use chaincity_engine::sim::{Simulation, Weather, simulate_from};
use chaincity_ledger::governance::APPROVE;
use chaincity_ledger::mandate_digest;
use chaincity_testing::sim::checks;
use chaincity_testing::sim::city::{BEGIN, City, Plan};
use chaincity_testing::sim::client::{Client, Courier, governance_call};
use chaincity_testing::sim::keys::{KeyRing, administrator, member};
use chaincity_testing::workload::mandate_key;
use chaincity_types::wire::{Call, EXPIRY_AHEAD_MAX_MS, Mode, PROTOCOL, Transaction};
use chaincity_types::{Height, Str, Value};
use futures::future::try_join;

const EPOCH: u64 = 16;

fn plan(seed: u64) -> Plan {
    Plan { seed, validators: 4, epoch_blocks: EPOCH, equivocator: None }
}

fn run<F, Fut>(seed: u64, scenario: F)
where
    F: FnOnce(Simulation) -> Fut,
    Fut: Future<Output = Result<(), String>>,
{
    if let Err(failure) = simulate_from(BEGIN, seed, Weather::default(), scenario) {
        panic!("seed {seed}: {failure}");
    }
}

/// Does `act` while the client goes on making requests.
async fn under_load<T>(
    client: &mut Client,
    act: impl Future<Output = Result<T, String>>,
) -> Result<T, String> {
    let over = Cell::new(false);
    let act = async {
        let done = act.await;
        over.set(true);
        done
    };
    let load = async {
        while !over.get() {
            client.request(2).await?;
            let pause = client.pause();
            client.courier.rest(pause).await;
        }
        Ok(())
    };
    try_join(act, load).await.map(|(done, ())| done)
}

/// The administrators of the members.
struct Board(Courier);

impl Board {
    fn of(city: &City) -> Self {
        Self(Courier::new(city, 99))
    }

    async fn applied(&mut self, by: &str, call: Call) -> Result<Str, String> {
        let answers = self.0.settle(vec![(administrator(by), call)]).await?;
        match answers[0].outcome() {
            "applied" => Ok(mandate_key(answers[0].receipt())),
            code => Err(format!("`{code}`")),
        }
    }

    async fn add_node(&mut self, city: &KeyRing, node: usize) -> Result<(), String> {
        let announced = city.validator(node);
        let input = [
            ("key", Value::Bytes(announced.key)),
            ("member", announced.member.as_str().into()),
            ("address", announced.address.as_str().into()),
            ("kind", "candidate".into()),
        ];
        self.applied(member(node), governance_call("add-node", input)).await.map(|_| ())
    }

    /// The committee from the next epoch on, by decision of three of four members.
    async fn set_committee(&mut self, city: &KeyRing, nodes: &[usize]) -> Result<(), String> {
        let keys = nodes.iter().map(|node| Value::Bytes(city.node_public(*node))).collect();
        let mut call = governance_call("set-committee", [("nodes", Value::List(keys))]);
        let mut named = Vec::new();
        for consenting in ["court", "bank-a"] {
            let input = [
                ("party", consenting.into()),
                ("package", call.package.as_str().into()),
                ("action", call.action.as_str().into()),
                ("purpose", APPROVE.into()),
                ("digest", Value::Bytes(mandate_digest(&call.input).as_bytes().to_vec())),
                ("expiry", Value::Time(self.0.now().plus_ms(600_000))),
            ];
            named.push(self.applied(consenting, governance_call("mandate", input)).await?);
        }
        call.mandates = Some(named);
        self.applied("registry", call).await.map(|_| ())
    }
}

/// The first height of the next epoch but `epochs`.
fn epochs_on(height: Height, epochs: u64) -> Height {
    Height((height.0 / EPOCH + 1 + epochs) * EPOCH)
}

fn validates(city: &City, node: usize) -> bool {
    city.doors.at(node).is_some_and(|api| api.status().validator)
}

#[test]
fn a_fifth_validator_joins_and_one_leaves_under_load() {
    run(101, |sim| async {
        let mut city = City::found(sim, plan(101), &[0, 1, 2, 3]).await?;
        let (mut client, mut board) = (Client::new(&city, 101), Board::of(&city));
        under_load(&mut client, async {
            board.add_node(&city.keys, 4).await?;
            // Whoever is announced is let in from the next epoch on.
            city.reach(epochs_on(city.height(), 0), 300_000).await?;
            city.start(4).await?;
            city.reach(city.height(), 60_000).await?;
            assert!(!validates(&city, 4) && validates(&city, 0));
            board.set_committee(&city.keys, &[1, 2, 3, 4]).await?;
            city.reach(epochs_on(city.height(), 0), 300_000).await?;
            assert!(validates(&city, 4), "it joined");
            assert!(!validates(&city, 0), "it left");
            // Three of the new four are enough, and the new one is needed for that.
            city.crash(0).await?;
            city.crash(1).await?;
            city.reach(epochs_on(city.height(), 1), 300_000).await?;
            city.heal().await
        })
        .await?;
        client.courier.receipts.extend(board.0.receipts);
        assert!(client.tally.values().sum::<usize>() > 10, "there was load");
        checks::everything(&mut city, &mut client).await
    });
}

#[test]
fn a_node_joins_by_snapshot_and_fetches_all_history_under_load() {
    run(102, |sim| async {
        let mut city = City::found(sim, plan(102), &[0, 1, 2, 3]).await?;
        let (mut client, mut board) = (Client::new(&city, 102), Board::of(&city));
        under_load(&mut client, async {
            board.add_node(&city.keys, 4).await?;
            city.reach(epochs_on(city.height(), 1), 300_000).await?;
            let bundle = city.doors.at(2).unwrap().trust_bundle().map_err(|e| e.to_string())?;
            city.join(4, &bundle).await?;
            let api = city.doors.at(4).unwrap();
            let begun = city.sim.now();
            let mut first = None;
            while api.status().history_from != Some(Height(1)) {
                if city.sim.now().since_ms(begun) > 300_000 {
                    return Err(format!("history is not whole: {:?}", api.status()));
                }
                city.pass(50).await?;
                first = first.or(api.status().history_from);
            }
            let first = first.unwrap();
            assert!(first > Height(EPOCH), "it executed from {first}, not from genesis");
            Ok(())
        })
        .await?;
        client.courier.receipts.extend(board.0.receipts);
        checks::everything(&mut city, &mut client).await?;
        // What it fetched outlives a power cut.
        city.crash(4).await?;
        city.start(4).await?;
        assert_eq!(city.doors.at(4).unwrap().status().history_from, Some(Height(1)));
        checks::everything(&mut city, &mut client).await
    });
}

/// Nobody executes the block that a snapshot is of; if it ends an epoch, the next committee is in
/// the state alone.
#[test]
fn a_node_joins_by_a_snapshot_of_an_epochs_last_block_and_votes() {
    run(106, |sim| async {
        let mut city = City::found(sim, plan(106), &[0, 1, 2, 3]).await?;
        let (mut client, mut board) = (Client::new(&city, 106), Board::of(&city));
        board.add_node(&city.keys, 4).await?;
        city.reach(epochs_on(city.height(), 0), 300_000).await?;
        // From the epoch after this one on, it is of the committee: what it has to read.
        board.set_committee(&city.keys, &[1, 2, 3, 4]).await?;
        let last = Height(epochs_on(city.height(), 0).0 - 1);
        city.reach(last, 300_000).await?;
        let bundle = city.doors.at(2).unwrap().trust_bundle().map_err(|e| e.to_string())?;
        assert_eq!(bundle.epochs.last().unwrap().0.epoch, last.0 / EPOCH);
        city.join_bare(4, &bundle).await?;
        city.reach(last.next().next(), 120_000).await?;
        let status = city.doors.at(4).unwrap().status();
        assert_eq!(status.history_from, Some(last.next()), "its snapshot is of another block");
        // What it read outlives a power cut.
        city.crash(4).await?;
        city.start(4).await?;
        city.reach(epochs_on(city.height(), 0), 300_000).await?;
        assert_eq!(city.doors.at(4).unwrap().status().history_from, Some(Height(1)));
        assert!(validates(&city, 4), "it is of the committee");
        decides_without_1(&mut city, true).await?;
        client.request(2).await?;
        client.courier.receipts.extend(board.0.receipts);
        checks::everything(&mut city, &mut client).await
    });
}

/// The call, signed for as long as a transaction may wait.
fn lasting(city: &City, (by, call): (String, Call)) -> Vec<u8> {
    let transaction = Transaction {
        ledger: city.ledger,
        protocol: PROTOCOL,
        expiry: city.sim.now().plus_ms(EXPIRY_AHEAD_MAX_MS - 5_000),
        mode: Mode::Atomic,
        calls: vec![call],
        intent: None,
    };
    cose::sign_transaction(&transaction, &city.keys.named(&by))
}

/// Asserts that the city decides nothing more while validator 1 is down, or that it does.
async fn decides_without_1(city: &mut City, decides: bool) -> Result<(), String> {
    city.crash(1).await?;
    city.pass(3_000).await?;
    let before = city.height();
    city.pass(20_000).await?;
    assert_eq!(city.height() > Height(before.0 + 2), decides, "from {before} to {}", city.height());
    city.start(1).await?;
    city.reach(Height(city.height().0 + 2), 120_000).await
}

/// What was final in the last ten minutes it cannot tell from what is new.
#[test]
fn a_validator_that_joined_by_snapshot_votes_only_once_it_holds_the_replay_window() {
    run(105, |sim| async {
        let mut city = City::found(sim, plan(105), &[0, 1, 2, 3]).await?;
        let (mut client, mut board) = (Client::new(&city, 105), Board::of(&city));
        board.add_node(&city.keys, 4).await?;
        let replayed = lasting(&city, client.stranger(city.sim.now()));
        let id = city.doors.at(0).unwrap().submit(replayed.clone()).await.unwrap();
        city.reach(epochs_on(city.height(), 0), 300_000).await?;
        let bundle = city.doors.at(2).unwrap().trust_bundle().map_err(|e| e.to_string())?;
        let receipt = city.doors.at(0).unwrap().receipt(&id).unwrap().unwrap();
        client.courier.receipts.insert(id, receipt);
        city.join_bare(4, &bundle).await?;
        city.reach(Height(1), 120_000).await?;
        board.set_committee(&city.keys, &[1, 2, 3, 4]).await?;
        // Two epochs on, the snapshot alone is no reason any more to be silent.
        city.reach(epochs_on(city.height(), 1), 300_000).await?;
        assert!(validates(&city, 4), "it is of the committee");
        let api = city.doors.at(4).unwrap();
        assert!(api.status().history_from > Some(Height(1)), "{:?}", api.status());
        decides_without_1(&mut city, false).await?;

        city.backfill(4);
        city.reach(epochs_on(city.height(), 0), 300_000).await?;
        assert_eq!(api.status().history_from, Some(Height(1)));
        decides_without_1(&mut city, true).await?;
        let refused = api.submit(replayed).await.unwrap_err();
        assert_eq!(refused.code.code(), "duplicate");
        client.courier.receipts.extend(board.0.receipts);
        checks::everything(&mut city, &mut client).await
    });
}

#[test]
fn with_one_of_four_down_from_the_start_service_goes_on() {
    run(103, |sim| async {
        let mut city = City::found(sim, plan(103), &[0, 1, 2]).await?;
        let mut client = Client::new(&city, 103);
        for _ in 0..10 {
            client.request(1).await?;
        }
        checks::everything(&mut city, &mut client).await
    });
}

#[test]
fn with_two_of_four_down_service_stops_and_resumes_by_itself_when_one_returns() {
    run(104, |sim| async {
        let mut city = City::new(sim, plan(104))?;
        for node in [0, 1] {
            city.start(node).await?;
        }
        city.pass(20_000).await?;
        assert_eq!(city.height(), Height(0), "two of four decide nothing");
        city.start(2).await?;
        city.reach(Height(1), 30_000).await?;
        let mut client = Client::new(&city, 104);
        for _ in 0..5 {
            client.request(1).await?;
        }
        city.crash(2).await?;
        city.pass(3_000).await?;
        let stopped = city.height();
        let waiting = {
            let calls = vec![client.stranger(city.sim.now())];
            let stands = async {
                city.pass(20_000).await?;
                assert_eq!(city.height(), stopped, "two of four decide nothing");
                city.start(2).await
            };
            let (answers, ()) = try_join(client.courier.settle(calls), stands).await?;
            answers[0].receipt().unwrap().height
        };
        assert!(waiting > stopped, "what was asked meanwhile is done");
        checks::everything(&mut city, &mut client).await
    });
}
