//! Claims about reading YAML.
