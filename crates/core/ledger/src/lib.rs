//! A block's calls to writes, receipts and events; pure.
