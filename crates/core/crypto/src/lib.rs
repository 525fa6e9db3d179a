//! Suites, COSE, Merkle trees and the verification of everything a node hands out; pure.
