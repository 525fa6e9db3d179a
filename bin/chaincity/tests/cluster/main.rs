//! A city of real processes: the built binary, sockets on loopback, folders on the disk.
//!
//! Each test founds its own city (see `city`), so none depends on another. They run one at a
//! time: a city is five processes and takes the usual ports.

#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests")]

mod availability;
mod bank_port;
mod city;
mod disclosure;
mod explain;
mod generations;
mod importing;
mod joining;
mod load;
mod membership;
mod operator;
mod proxy;
mod read_log;
mod read_model;
mod release;
mod searching;
mod sector;
mod standby;
