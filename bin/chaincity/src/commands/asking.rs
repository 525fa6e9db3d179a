//! What `read` and `search` have in common: where they ask, how long they wait, what came of it.

use std::time::Duration;

use chaincity_client::{Answer, Client};
use clap::Args;
use serde::Serialize;

use crate::connection::Connection;
use crate::exit::Exit;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct Asking {
    /// 提供单位（保管保险库）的节点地址；默认与 --node 相同 · address of the steward's node, which keeps its vault; that of --node by default
    #[arg(long, value_name = "URL")]
    steward_node: Option<String>,
    /// 等待答复的秒数；批量时为每批 · seconds to wait for the answer, of each batch when there are many
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(0..=3_600))]
    wait: u64,
    #[command(flatten)]
    connection: Connection,
}

impl Asking {
    /// A client of the own node, and one of the steward's, if that is another.
    pub(super) fn clients(&self) -> Result<(Client, Option<Client>), Failure> {
        let client = self.connection.client()?;
        let steward = self.steward_node.as_ref();
        let steward = steward.map(|url| self.connection.with_node(url).client()).transpose()?;
        Ok((client, steward))
    }

    pub(super) const fn wait(&self) -> Duration {
        Duration::from_secs(self.wait)
    }
}

/// What came of it, as it is shown; `T` holds the number, and what was given.
#[derive(Debug, Serialize)]
pub(super) struct Shown<T> {
    pub(super) state: &'static str,
    #[serde(flatten)]
    pub(super) told: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    zh: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    en: String,
}

impl<T> Shown<T> {
    /// Shows an answer, as `state` when something was given.
    pub(super) fn of<A>(
        answer: Answer<A>,
        state: &'static str,
        tell: impl FnOnce(Option<String>, Option<A>) -> T,
    ) -> (Self, Exit) {
        let shown = |state, told, (code, zh, en)| Self { state, told, code, zh, en };
        let no_refusal = || (None, String::new(), String::new());
        match answer {
            Answer::Given { number, given } => {
                (shown(state, tell(Some(number), Some(given)), no_refusal()), Exit::Ok)
            }
            Answer::Refused { number, code, zh, en } => {
                (shown("refused", tell(Some(number), None), (Some(code), zh, en)), Exit::Rejected)
            }
            Answer::Rejected { code } => {
                let refusal = (Some(code), String::new(), String::new());
                (shown("rejected", tell(None, None), refusal), Exit::Rejected)
            }
            Answer::Unanswered { number } => {
                (shown("unanswered", tell(Some(number), None), no_refusal()), Exit::Negative)
            }
        }
    }

    /// The first lines for a person; `given` says that something was given.
    pub(super) fn head(&self, given: String) -> Vec<String> {
        let mut lines = vec![match self.state {
            "refused" => "被拒绝 · refused".to_owned(),
            "rejected" => "未受理 · rejected".to_owned(),
            "unanswered" => "尚未答复 · not answered".to_owned(),
            _ => given,
        }];
        let code = self.code.as_ref();
        lines.extend(code.map(|code| format!("  {code}  {} · {}", self.zh, self.en)));
        lines
    }
}
