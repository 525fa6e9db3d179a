//! What goes wrong with this machine or its files, as a person is told: never a rejection.

use std::error::Error;
use std::path::Path;

/// A fault with its cause.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// A file or folder cannot be read or written.
    #[error("无法读写 cannot read or write `{path}`: {cause}")]
    Io {
        /// The path.
        path: String,
        /// The system's error.
        cause: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("格式错误 `{path}` is not valid: {cause}")]
    Form {
        /// The path.
        path: String,
        /// What is wrong.
        cause: Box<dyn Error + Send + Sync>,
    },
    /// What the node has stored, or was given, is not to be relied on: the node does not start
    /// until the operator has done what the text says.
    #[error("{zh} · {en} ({code}){}", detail.as_ref().map(|d| format!(": {d}")).unwrap_or_default())]
    Refused {
        /// Stable code.
        code: &'static str,
        /// What is wrong and what to do, in Chinese.
        zh: String,
        /// The same in English.
        en: String,
        /// What exactly was found.
        detail: Option<String>,
    },
    /// Anything else, said in both languages.
    #[error("{zh} {en}")]
    Other {
        /// Chinese.
        zh: String,
        /// English.
        en: String,
    },
}

impl Fault {
    /// For `map_err` after file operations.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |cause| Self::Io { path: path.display().to_string(), cause }
    }

    /// For `map_err` after reading a file's content.
    pub(crate) fn form<E: Error + Send + Sync + 'static>(
        path: &Path,
    ) -> impl FnOnce(E) -> Self + '_ {
        move |cause| Self::Form { path: path.display().to_string(), cause: Box::new(cause) }
    }

    /// Any other fault.
    pub(crate) fn other(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Other { zh: zh.into(), en: en.into() }
    }
}
