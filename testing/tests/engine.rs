//! Clusters of the engine with a toy ledger, on virtual time: faults, changes of committee, snapshots.
//! They stand here because this crate has compiled the simulator already.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::integer_division,
    clippy::print_stdout,
    missing_docs,
    reason = "tests"
)]

#[path = "../../crates/node/engine/tests/common/mod.rs"]
mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use chaincity_crypto::finality::Certificate;
use chaincity_crypto::state_proof::{verify_absent, verify_present};
use chaincity_engine::sim::{Simulation, Weather, simulate};
use chaincity_engine::{ContentKey, Handle};
use chaincity_types::{Digest, Height};
use common::{EPOCH, Toy, committee, committee_key, config, key};

/// A cluster of toys.
struct Cluster {
    sim: Simulation,
    toys: Vec<Toy>,
    handles: Vec<Handle>,
}

impl Cluster {
    async fn start(sim: Simulation, toys: Vec<Toy>) -> Self {
        let mut cluster = Self { sim, toys: Vec::new(), handles: Vec::new() };
        for (node, toy) in toys.into_iter().enumerate() {
            let config = config(u8::try_from(node).unwrap());
            let machine = toy.clone();
            let handle = cluster.sim.start(node, config, |_| machine).await.unwrap();
            cluster.toys.push(toy);
            cluster.handles.push(handle);
        }
        cluster
    }

    async fn restart(&mut self, node: usize, toy: Toy, sync_epoch: Option<u64>) {
        let mut config = config(u8::try_from(node).unwrap());
        config.sync_epoch = sync_epoch;
        let machine = toy.clone();
        self.handles[node] = self.sim.start(node, config, |_| machine).await.unwrap();
        self.toys[node] = toy;
    }

    /// Lets time pass until each of `nodes` is at `height`; virtual minutes bound a broken run.
    async fn reach(&self, nodes: &[usize], height: u64) {
        for _ in 0..6_000 {
            if nodes.iter().all(|node| self.toys[*node].height() >= height) {
                return;
            }
            self.sim.pass_ms(100).await;
        }
        let heights: Vec<u64> = self.toys.iter().map(Toy::height).collect();
        panic!("no height {height} on {nodes:?} in ten minutes: {heights:?}");
    }

    /// Lets time pass until a node that was just started has a block, and no longer.
    async fn first_block(&self, node: usize) {
        for _ in 0..60_000 {
            if self.toys[node].height() > 0 {
                return;
            }
            self.sim.pass_ms(2).await;
        }
        panic!("node {node} has no block in two minutes");
    }

    /// Takes the storage of node 3 away and lets it ask for a snapshot, with the committees that a
    /// trust bundle of the time tells.
    async fn join_anew(&mut self) {
        self.sim.crash(3).await;
        self.join_in(self.toys[0].height() / EPOCH).await;
    }

    /// The same of a node that is down, with the committees up to this epoch.
    async fn join_in(&mut self, epoch: u64) {
        self.sim.wipe(3);
        let toy = Toy::new(&[0b1111]);
        toy.disk.lock().unwrap().committees.extend((1..=epoch).map(|epoch| (epoch, 0b1111)));
        self.restart(3, toy, Some(epoch)).await;
    }

    /// Demands that node 3 goes on with the others, has their state, and is needed: without it and
    /// node 0 nothing would be decided.
    async fn assert_takes_part(&mut self) {
        self.reach(&[0, 1, 2, 3], self.toys[0].height() + 1).await;
        let next = (self.toys[0].height() / EPOCH + 2) * EPOCH;
        self.reach(&[0, 1, 2, 3], next).await;
        assert!(self.handles[3].status().validator, "it votes again");
        self.sim.crash(0).await;
        self.reach(&[1, 2, 3], next + 6).await;
        self.assert_same(&[1, 2, 3], next + 6);
    }

    fn assert_same(&self, nodes: &[usize], height: u64) {
        let header = self.toys[nodes[0]].header(height).unwrap();
        for node in nodes {
            assert_eq!(self.toys[*node].header(height).as_ref(), Some(&header), "node {node}");
        }
    }
}

fn toys(count: usize, schedule: &[u64]) -> Vec<Toy> {
    (0..count).map(|_| Toy::new(schedule)).collect()
}

#[test]
fn a_cluster_survives_a_crash_and_a_partition() {
    simulate(1, Weather::default(), |sim| async {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], 5).await;
        cluster.sim.crash(3).await;
        cluster.reach(&[0, 1, 2], 14).await;
        let toy = cluster.toys[3].restarted();
        cluster.restart(3, toy, None).await;
        cluster.reach(&[3], 20).await;
        // Two and two: nobody may go on.
        cluster.sim.divide(&[&[0, 1], &[2, 3]]).await;
        cluster.sim.pass_ms(3_000).await;
        let stopped = cluster.toys[0].height();
        cluster.sim.pass_ms(10_000).await;
        assert_eq!(cluster.toys[0].height(), stopped);
        cluster.sim.heal().await;
        cluster.reach(&[0, 1, 2, 3], stopped + 12).await;
        cluster.assert_same(&[0, 1, 2, 3], stopped + 12);
    });
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        simulate(7, Weather::default(), |sim| async {
            let cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
            cluster.reach(&[0, 1, 2, 3], 4).await;
            cluster.sim.fingerprint()
        })
    };
    assert_eq!(run(), run());
}

#[test]
fn one_of_four_may_be_missing() {
    simulate(2, Weather::default(), |sim| async {
        let cluster = Cluster::start(sim, toys(3, &[0b1111])).await;
        cluster.reach(&[0, 1, 2], 25).await;
        cluster.assert_same(&[0, 1, 2], 25);
        // Once its silence is known, its turns cost nothing.
        let (before, height) = (cluster.sim.now(), cluster.toys[0].height());
        cluster.reach(&[0, 1, 2], height + 12).await;
        assert!(cluster.sim.now().since_ms(before) < 8_000);
    });
}

#[test]
fn a_validator_joins_and_another_leaves_as_the_ledger_decides() {
    simulate(3, Weather::default(), |sim| async {
        let schedule = [0b0_1111, 0b1_1111, 0b1_1110];
        let cluster = Cluster::start(sim, toys(5, &schedule)).await;
        cluster.reach(&[0, 1, 2, 3, 4], EPOCH - 1).await;
        cluster.reach(&[0, 1, 2, 3, 4], 2 * EPOCH - 1).await;
        cluster.reach(&[0, 1, 2, 3, 4], 3 * EPOCH + 2).await;
        cluster.assert_same(&[0, 1, 2, 3, 4], 3 * EPOCH + 2);
        assert!(cluster.handles[4].status().validator);
        assert!(!cluster.handles[0].status().validator, "it follows what it no longer decides");
        let (_, heads) = cluster.handles[0].heads(vec![committee_key(2)]).await.unwrap();
        assert_eq!(heads[0].unwrap().version, 0b1_1110);
    });
}

#[test]
fn a_node_restarts_at_the_boundary_of_an_epoch() {
    simulate(4, Weather::default(), |sim| async {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        for boundary in [EPOCH - 1, 2 * EPOCH - 1, 2 * EPOCH] {
            cluster.reach(&[2], boundary).await;
            cluster.sim.crash(2).await;
            let toy = cluster.toys[2].restarted();
            cluster.restart(2, toy, None).await;
        }
        cluster.reach(&[0, 1, 2, 3], 3 * EPOCH + 3).await;
        cluster.assert_same(&[0, 1, 2, 3], 3 * EPOCH + 3);
    });
}

#[test]
fn a_restarted_node_is_told_the_certificate_of_the_last_handover_again() {
    simulate(12, Weather::default(), |sim| async {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], EPOCH + 3).await;
        cluster.sim.crash(3).await;
        let toy = cluster.toys[3].restarted();
        cluster.restart(3, toy, None).await;
        cluster.reach(&[3], EPOCH + 5).await;
        let told = Arc::clone(&cluster.toys[3].told);
        assert!(told.lock().unwrap().certificates.contains_key(&(EPOCH - 1)));
    });
}

#[test]
fn all_nodes_crash_at_once_and_go_on() {
    simulate(5, Weather::default(), |sim| async {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], 13).await;
        for node in 0..4 {
            cluster.sim.crash(node).await;
        }
        for node in 0..4 {
            let toy = cluster.toys[node].restarted();
            cluster.restart(node, toy, None).await;
        }
        cluster.reach(&[0, 1, 2, 3], 25).await;
        cluster.assert_same(&[0, 1, 2, 3], 25);
    });
}

#[test]
fn a_wiped_node_fetches_a_snapshot_and_takes_part_again() {
    simulate(6, Weather::default(), |sim| async {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], 2 * EPOCH + 4).await;
        cluster.sim.crash(3).await;
        cluster.join_in(2).await;
        cluster.reach(&[0, 1, 2, 3], 4 * EPOCH + 2).await;
        cluster.assert_same(&[0, 1, 2, 3], 4 * EPOCH + 2);
        assert!(!cluster.handles[3].status().syncing);
        let first = *cluster.toys[3].disk.lock().unwrap().blocks.first_key_value().unwrap().0;
        assert!(first > EPOCH, "it executed from {first}, not from genesis");
        // It holds the blocks of its epoch only in part, and restarts nevertheless.
        cluster.sim.crash(3).await;
        let toy = cluster.toys[3].restarted();
        cluster.restart(3, toy, Some(2)).await;
        cluster.reach(&[0, 1, 2, 3], 6 * EPOCH).await;
    });
}

#[test]
fn a_node_signs_nothing_in_the_epoch_of_its_snapshot() {
    simulate(12, Weather::default(), |sim| async {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        // A snapshot takes most of an epoch: asked for before the epoch, it is of its beginning.
        cluster.reach(&[0, 1, 2, 3], 2 * EPOCH - 4).await;
        cluster.sim.crash(3).await;
        cluster.join_in(2).await;
        cluster.first_block(3).await;
        let status = cluster.handles[3].status();
        assert_eq!((status.epoch, status.validator), (2, false), "it may have voted here before");
        // Nor does it after a crash, when it no longer asks for a snapshot.
        cluster.sim.crash(3).await;
        let toy = cluster.toys[3].restarted();
        cluster.restart(3, toy, None).await;
        cluster.first_block(3).await;
        let status = cluster.handles[3].status();
        assert_eq!((status.epoch, status.validator), (2, false));
        cluster.reach(&[0, 1, 2, 3], 3 * EPOCH + 2).await;
        let status = cluster.handles[3].status();
        assert_eq!((status.epoch, status.validator), (3, true), "in the next it votes");
        cluster.assert_same(&[0, 1, 2, 3], 3 * EPOCH + 2);
    });
}

#[test]
fn a_node_restarts_right_after_its_snapshot() {
    simulate(8, Weather::default(), |sim| async {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], 2 * EPOCH + 3).await;
        cluster.sim.crash(3).await;
        cluster.join_in(2).await;
        cluster.reach(&[3], 1).await;
        cluster.sim.crash(3).await;
        let toy = cluster.toys[3].restarted();
        cluster.restart(3, toy, None).await;
        cluster.reach(&[0, 1, 2, 3], 5 * EPOCH).await;
        cluster.assert_same(&[0, 1, 2, 3], 5 * EPOCH);
    });
}

/// The power of a node that fetched a snapshot from height `asked` on is cut so long after the
/// first block that it shows.
fn cut_after_the_first_block(asked: u64, cut_ms: u64) {
    simulate(12, Weather::default(), |sim| async move {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], asked).await;
        cluster.sim.crash(3).await;
        cluster.join_in(2).await;
        cluster.first_block(3).await;
        cluster.sim.pass_ms(cut_ms).await;
        cluster.sim.crash(3).await;
        let toy = cluster.toys[3].restarted();
        cluster.restart(3, toy, None).await;
        cluster.reach(&[0, 1, 2, 3], 5 * EPOCH).await;
        cluster.assert_same(&[0, 1, 2, 3], 5 * EPOCH);
        assert!(cluster.handles[3].status().validator, "it votes again");
    });
}

/// Blocks after the snapshot are executed and shown before the snapshot is noted as complete. A
/// node cut off in between asked for a newer one, of epochs whose committees it did not know.
#[test]
fn a_power_cut_right_after_the_first_block_of_a_snapshot_is_survived() {
    for asked in [2 * EPOCH - 4, 2 * EPOCH - 2, 2 * EPOCH] {
        for cut_ms in [0, 1, 2, 3, 5, 8, 13, 21, 34, 50] {
            println!("asked for at {asked}, cut after {cut_ms} ms");
            cut_after_the_first_block(asked, cut_ms);
        }
    }
}

/// Lets a node join by a snapshot that it asks for at height `asked`; gives the first block that it
/// executed.
fn first_after_joining(seed: u64, asked: u64) -> u64 {
    simulate(seed, Weather::default(), |sim| async move {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], asked).await;
        cluster.join_anew().await;
        cluster.assert_takes_part().await;
        let first = *cluster.toys[3].disk.lock().unwrap().blocks.first_key_value().unwrap().0;
        assert!(first > EPOCH, "it executed from {first}, not from genesis");
        first
    })
}

/// The committee of the next epoch comes with the execution of an epoch's last block. A node whose
/// snapshot was of that very block waited for it for ever: when the last block was the newest one
/// as it asked, and when the snapshot was moved on to it while it was being fetched.
#[test]
fn a_node_joins_by_a_snapshot_of_any_block_of_an_epoch() {
    let (mut newest, mut moved) = (0, 0);
    // Which snapshot a node gets is chance: after one of each height, others until both kinds were met.
    let tries =
        (11..19).flat_map(|seed| (2 * EPOCH - 2..=3 * EPOCH).map(move |asked| (seed, asked)));
    for (seed, asked) in tries {
        if seed > 11 && newest > 0 && moved > 0 {
            break;
        }
        println!("seed {seed}, asked for at {asked}");
        let first = first_after_joining(seed, asked);
        match first.is_multiple_of(EPOCH) {
            true if first <= asked + 2 => newest += 1,
            true => moved += 1,
            false => {}
        }
    }
    assert!(newest > 0 && moved > 0, "{newest} and {moved} snapshots were of a last block");
}

/// A node whose snapshot is of an epoch's last block loses its power before, while and after it
/// learns the next committee from it.
#[test]
fn a_power_cut_right_after_a_snapshot_of_an_epochs_last_block_is_survived() {
    for cut_ms in [0, 5, 10, 15, 20, 25, 50, 500] {
        println!("cut after {cut_ms} ms");
        simulate(13, Weather::default(), |sim| async move {
            let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
            cluster.reach(&[0, 1, 2, 3], 3 * EPOCH - 1).await;
            cluster.join_anew().await;
            while cluster.handles[3].status().opened_at == Height(0) {
                cluster.sim.pass_ms(1).await;
            }
            assert_eq!(cluster.toys[3].height(), 0, "nothing was executed yet");
            cluster.sim.pass_ms(cut_ms).await;
            cluster.sim.crash(3).await;
            let toy = cluster.toys[3].restarted();
            cluster.restart(3, toy, None).await;
            cluster.assert_takes_part().await;
            let held = cluster.toys[3].disk.lock().unwrap().blocks.contains_key(&(3 * EPOCH - 1));
            assert!(!held, "its snapshot was not of the last block");
        });
    }
}

#[test]
fn a_node_that_missed_two_epochs_catches_up_without_a_snapshot() {
    for asked in [EPOCH - 3, EPOCH - 2, EPOCH - 1, EPOCH, EPOCH + 1] {
        println!("down from {asked} on");
        simulate(15, Weather::default(), |sim| async move {
            let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
            cluster.reach(&[0, 1, 2, 3], asked).await;
            cluster.sim.crash(3).await;
            cluster.reach(&[0, 1, 2], asked + 2 * EPOCH + 3).await;
            let toy = cluster.toys[3].restarted();
            cluster.restart(3, toy, None).await;
            cluster.assert_takes_part().await;
            let disk = cluster.toys[3].disk.lock().unwrap();
            let newest = *disk.blocks.last_key_value().unwrap().0;
            assert!(disk.blocks.keys().copied().eq(1..=newest), "it executed every block");
        });
    }
}

#[test]
fn a_node_that_cannot_judge_blocks_signs_nothing_until_the_epoch_in_which_it_can() {
    simulate(14, Weather::default(), |sim| async {
        let mut cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], EPOCH - 3).await;
        cluster.toys[3].judges.store(false, Ordering::SeqCst);
        cluster.reach(&[0, 1, 2, 3], EPOCH + 1).await;
        let status = cluster.handles[3].status();
        assert_eq!((status.epoch, status.validator), (1, false));
        // Able again, it still follows to the end of the epoch: two of four decide nothing.
        cluster.toys[3].judges.store(true, Ordering::SeqCst);
        cluster.sim.crash(0).await;
        cluster.sim.pass_ms(3_000).await;
        let stopped = cluster.toys[1].height();
        cluster.sim.pass_ms(20_000).await;
        assert_eq!(cluster.toys[1].height(), stopped, "it signed nothing");
        let toy = cluster.toys[0].restarted();
        cluster.restart(0, toy, None).await;
        cluster.reach(&[0, 1, 2, 3], 2 * EPOCH + 1).await;
        let status = cluster.handles[3].status();
        assert_eq!((status.epoch, status.validator), (2, true));
        cluster.sim.crash(0).await;
        cluster.reach(&[1, 2, 3], 2 * EPOCH + 6).await;
        cluster.assert_same(&[1, 2, 3], 2 * EPOCH + 6);
    });
}

#[test]
fn a_proposer_whose_block_is_invalid_is_outvoted() {
    simulate(9, Weather::default(), |sim| async {
        let mut toys = toys(4, &[0b1111]);
        toys[1].lies = true;
        let cluster = Cluster::start(sim, toys).await;
        cluster.reach(&[0, 2, 3], 12).await;
        cluster.assert_same(&[0, 2, 3], 12);
    });
}

#[test]
fn gossip_and_content_reach_every_peer() {
    simulate(10, Weather::default(), |sim| async {
        let cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], 2).await;
        cluster.handles[0].gossip(Bytes::from_static(b"news")).await.unwrap();
        cluster.sim.pass_ms(200).await;
        for node in [1, 2, 3] {
            let told = cluster.toys[node].told.lock().unwrap();
            assert_eq!(told.gossip, [(key(0).public(), Bytes::from_static(b"news"))]);
        }
        let held = ContentKey::Body(Digest([2; 32]));
        let content = cluster.handles[0].fetch(held).await.unwrap();
        assert_eq!(content, Some(Bytes::from_static(&[2; 32])));
        let missing = ContentKey::Body(Digest([3; 32]));
        assert_eq!(cluster.handles[0].fetch(missing).await.unwrap(), None);
        let long = Bytes::from(vec![0; chaincity_engine::GOSSIP_BYTES_MAX + 1]);
        assert!(cluster.handles[0].gossip(long).await.is_err());
    });
}

#[test]
fn state_is_proved_against_the_root_of_a_final_block() {
    simulate(11, Weather::default(), |sim| async {
        let cluster = Cluster::start(sim, toys(4, &[0b1111])).await;
        cluster.reach(&[0, 1, 2, 3], 4).await;
        let (wanted, missing) = (committee_key(1), Digest([0xfe; 32]));
        let keys = vec![wanted, missing];
        let proved = cluster.handles[0].prove(keys.clone()).await.unwrap();
        let (root, heads) = cluster.handles[0].heads(keys).await.unwrap();
        assert_eq!(root, proved.state_root);
        assert_eq!(heads[0], proved.proofs[0].0);
        assert_eq!((heads[1], proved.proofs[1].0), (None, None));
        // Our own verifier, which shares no code with the engine, accepts both proofs.
        let (present, absent) = (&proved.proofs[0].1, &proved.proofs[1].1);
        verify_present(present, &wanted, &heads[0].unwrap(), &root).unwrap();
        verify_absent(absent, &missing, &root).unwrap();
        let roots: Vec<Digest> =
            cluster.toys[0].told.lock().unwrap().headers.values().map(|h| h.state_root).collect();
        assert!(roots.contains(&root));
        let (height, certificate) =
            cluster.handles[0].certificate(Height(2)).await.unwrap().unwrap();
        assert!(height >= Height(2));
        Certificate::decode(&certificate).unwrap().verify(&committee(0, 0b1111)).unwrap();
        let told = Arc::clone(&cluster.toys[0].told);
        assert_eq!(told.lock().unwrap().certificates.get(&height.0), Some(&certificate));
    });
}
