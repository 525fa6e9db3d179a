//! The catalogue of reject codes as a table for integrators.

use chaincity_types::Reject;

const HEAD: &str = "\
# Reject codes / 驳回代码

Made from `crates/core/types/src/reject.rs` by `cargo xtask reject-codes`; do not edit.

The kernel's own codes. A code never changes its meaning; its texts may improve. A package adds
codes of its own for its guards.

| Code | 中文 | English |
|---|---|---|
";

pub(super) fn render() -> String {
    let mut text = HEAD.to_owned();
    for reject in Reject::ALL {
        let row = format!("| `{}` | {} | {} |\n", reject.code(), reject.zh(), reject.en());
        text.push_str(&row);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_code_once() {
        let text = render();
        for reject in Reject::ALL {
            let cell = format!("\n| `{}` |", reject.code());
            assert_eq!(text.matches(&cell).count(), 1, "{cell}");
        }
    }
}
