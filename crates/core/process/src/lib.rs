//! Processes as BPMN 2.0 files: parse, check, compile, run, draw; pure.
//!
//! Stages, each small and separate: [`parse()`] reads a file to a [`model::Model`] of the declared
//! subset; [`check()`] says what is wrong with it; [`graph::Graph`] is what it compiles to, indices
//! alone; [`run`] moves tokens through it, a pure function from state and event to state and
//! effects; [`auto`] plays a process through by itself; [`draw()`] makes its picture. This crate
//! knows no case, no person and no calendar: it says when a task opens, not who may do it.
//! `docs/processes.md` is its specification.

pub mod auto;
mod check;
mod compile;
pub mod decision;
mod draw;
pub mod graph;
mod minify;
pub mod model;
mod parse;
pub mod run;
pub mod timing;
mod xml;

pub use check::{STATES_MAX, check, check_with, check_within, forms_of};
pub use compile::{compile, compile_with};
pub use draw::draw;
pub use minify::minify;
pub use parse::{BPMN, CHAINCITY, FLOW_NODES_MAX, FLOWS_MAX, parse};
pub use xml::{ATTRIBUTE_BYTES_MAX, ATTRIBUTES_MAX, BYTES_MAX, DEPTH_MAX, NODES_MAX};
