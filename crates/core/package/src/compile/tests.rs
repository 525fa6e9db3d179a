//! Claims about compiling.
