//! REST handlers, authentication, error mapping, event stream, metrics.
