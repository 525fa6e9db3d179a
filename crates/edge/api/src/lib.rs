//! Request and response types and endpoint definitions; source of openapi/.
