//! Forms against the packages whose inputs they fill, which compiling does not know.

use std::collections::BTreeMap;

use crate::compile::type_differs;
use crate::model::{FieldType, Fill, Package};
use crate::problem::Problem;
use crate::source::Source;

/// What forms of a package name of `others` and is not there, or has another type than what the
/// same field fills besides. `package` is the source, compiled.
#[must_use]
pub fn check_forms(
    source: &Source,
    package: &Package,
    others: &BTreeMap<String, Package>,
) -> Vec<Problem> {
    let mut found = Vec::new();
    for (name, form) in &package.forms {
        for (i, field) in form.fields.iter().enumerate() {
            let place = format!("forms.{name}.fields[{i}]");
            let own = field.fills.iter().find_map(|fill| fill.kind_in(package));
            let mut kind: Option<&FieldType> = own;
            for fill in &field.fills {
                let Fill::Input { package: of, .. } = fill else { continue };
                let Some(other) = others.get(of.as_str()) else { continue };
                match (fill.kind_in(other), kind) {
                    (None, _) => {
                        let cause =
                            (format!("未知的输入`{fill}`"), format!("unknown input `{fill}`"));
                        let mend = ("改正名称", "correct the name");
                        found.push(Problem::error("unknown-name", place.clone(), cause, mend));
                    }
                    (Some(found_kind), Some(kind)) if !found_kind.is_like(kind) => {
                        found.push(type_differs(&place, &fill.to_string()));
                    }
                    (found_kind, _) => kind = found_kind,
                }
            }
        }
    }
    found.into_iter().map(|problem| source.locate(problem)).collect()
}
