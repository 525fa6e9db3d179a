//! Implements the Machine: admit, execute, hand over; pools, caches, back-pressure.
