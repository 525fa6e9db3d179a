//! Ordering and authenticated state: commonware, and the stand-in orderer.
