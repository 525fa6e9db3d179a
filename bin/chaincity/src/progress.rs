//! Progress bars: on a terminal only, and on standard error.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of unknown length.
pub(crate) fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos}/{len} 剩余 left {eta}");
    // The template is a constant; with a wrong one the plain bar is shown.
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}
