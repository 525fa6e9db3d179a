//! Why a command that talks to a node or reads files has no result, and how a person and a script
//! are told: both languages on standard error, or one JSON object with `--json`.

use std::error::Error;
use std::io;

use chaincity_client::ClientError;
use serde::Serialize;

use crate::exit::Exit;
use crate::fault::Fault;
use crate::output::Output;

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A node refused, or none answered.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// This machine or its files.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Standard output.
    #[error(transparent)]
    Output(#[from] io::Error),
    /// The command line asks for something that cannot be.
    #[error("{zh} · {en}")]
    Usage {
        /// Chinese.
        zh: String,
        /// English.
        en: String,
    },
}

/// What is told.
#[derive(Debug, Serialize)]
struct Told {
    ok: bool,
    code: String,
    zh: String,
    en: String,
    detail: Option<String>,
}

impl Failure {
    pub(crate) fn usage(zh: impl Into<String>, en: impl Into<String>) -> Self {
        Self::Usage { zh: zh.into(), en: en.into() }
    }

    fn told(&self) -> Told {
        let told = |code: &str, zh: &str, en: &str, detail: Option<String>| Told {
            ok: false,
            code: code.to_owned(),
            zh: zh.to_owned(),
            en: en.to_owned(),
            detail,
        };
        match self {
            Self::Client(error) => {
                let (code, zh, en) = texts(error);
                let detail = match error {
                    ClientError::Refused { body, .. } => body.detail.clone(),
                    ClientError::NotSignedIn => None,
                    ClientError::Setup(_)
                    | ClientError::Unreachable { .. }
                    | ClientError::Answer { .. }
                    | ClientError::OtherLedger { .. }
                    | ClientError::Proof(_)
                    | ClientError::ProofOfOther(_)
                    | ClientError::NotFinal { .. }
                    | ClientError::Input(_) => Some(chain(error)),
                };
                told(code, zh, en, detail)
            }
            Self::Fault(Fault::Refused { code, zh, en, detail }) => {
                told(code, zh, en, detail.clone())
            }
            Self::Fault(fault) => {
                told("fault", "本机故障", "this machine or a file failed", Some(fault.to_string()))
            }
            Self::Output(fault) => {
                told("fault", "无法输出", "output failed", Some(fault.to_string()))
            }
            Self::Usage { zh, en } => told("usage", zh, en, None),
        }
    }

    /// How the command ends.
    fn exit(&self, submitting: bool) -> Exit {
        match self {
            Self::Usage { .. } => Exit::Usage,
            Self::Fault(Fault::Refused { .. }) => Exit::Refused,
            Self::Fault(_) => Exit::Fault,
            Self::Output(fault) if fault.kind() == io::ErrorKind::BrokenPipe => Exit::Ok,
            Self::Output(_) => Exit::Fault,
            Self::Client(error) => match error {
                ClientError::Refused { status, .. } => match status {
                    429 | 500.. => Exit::Fault,
                    _ if submitting => Exit::Rejected,
                    404 => Exit::Negative,
                    400 => Exit::Usage,
                    _ => Exit::Fault,
                },
                ClientError::Setup(_) | ClientError::NotSignedIn | ClientError::Input(_) => {
                    Exit::Usage
                }
                ClientError::Proof(_) | ClientError::ProofOfOther(_) => Exit::Negative,
                ClientError::Unreachable { .. }
                | ClientError::Answer { .. }
                | ClientError::OtherLedger { .. }
                | ClientError::NotFinal { .. } => Exit::Fault,
            },
        }
    }
}

/// Stable code and both texts.
fn texts(error: &ClientError) -> (&str, &str, &str) {
    match error {
        ClientError::Refused { body, .. } => (&body.code, &body.zh, &body.en),
        ClientError::Setup(_) => ("usage", "参数有误", "the command cannot be carried out so"),
        ClientError::Unreachable { .. } => ("unreachable", "无法连接节点", "no node answered"),
        ClientError::Answer { .. } => {
            ("not-a-node", "对方的应答不是链城节点的应答", "what answered is no node")
        }
        ClientError::OtherLedger { .. } => {
            ("other-ledger", "节点属于另一账本", "the node is of another ledger")
        }
        ClientError::Proof(_) => {
            ("proof-invalid", "节点给出的证明不成立", "the node's proof does not hold")
        }
        ClientError::ProofOfOther(_) => {
            ("proof-of-other", "节点证明的是另一事项", "the node proved something else")
        }
        ClientError::NotFinal { .. } => {
            ("not-final", "交易尚未终局", "the transaction is not final yet")
        }
        ClientError::NotSignedIn => (
            "key-required",
            "需要经办人密钥：--key 文件",
            "an operator's key is needed: --key FILE",
        ),
        ClientError::Input(_) => {
            ("input-invalid", "输入与业务动作的声明不符", "the input does not fit the action")
        }
    }
}

/// An error with its causes, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Tells of a failure and turns it into an exit code; `submitting` when a refusal is that of a
/// transaction.
///
/// # Errors
/// When standard output fails.
pub(crate) fn settle(
    outcome: Result<Exit, Failure>,
    submitting: bool,
    output: &mut Output,
) -> io::Result<Exit> {
    let failure = match outcome {
        Ok(exit) => return Ok(exit),
        Err(failure) => failure,
    };
    let exit = failure.exit(submitting);
    if exit == Exit::Ok {
        return Ok(exit);
    }
    output.failure(&failure.told(), |told| {
        let mut lines = vec![format!("{} · {} ({})", told.zh, told.en, told.code)];
        lines.extend(told.detail.as_ref().map(|detail| format!("  {detail}")));
        lines
    })?;
    Ok(exit)
}
