//! What the tests share: the naive model ledger, the workload generator, the simulator.
