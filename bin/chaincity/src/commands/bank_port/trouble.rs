//! Why a payment does not go on, for now or until a person has looked: stable codes with texts in
//! both languages. No amount and no name is ever part of it.

use std::fmt;

use chaincity_client::ClientError;

use crate::failure::chain;

/// Why a payment does not go on.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The core does not answer, or is busy.
    BankUnreachable(String),
    /// What answered lacks the secret, or makes no sense.
    BankAnswer(&'static str),
    /// The core refused, with its code.
    BankRefused(String),
    /// No node answers.
    LedgerUnreachable(Box<ClientError>),
    /// A node refused, or its answer does not hold.
    LedgerRefused(Box<ClientError>),
    /// The node's read model is behind.
    Behind,
    /// The access to the amount was refused, with the ledger's code.
    AmountRefused(String),
    /// Nobody answered the access in time.
    AmountUnanswered,
    /// What the record says is no instruction.
    Unfit(&'static str),
    /// The ledger refused the confirmation, with its code.
    ConfirmationRefused(String),
    /// The ledger has another result than the core.
    Differs,
}

impl Trouble {
    /// Whether every payment would meet it, so that none is tried for now.
    pub(super) const fn is_general(&self) -> bool {
        matches!(self, Self::BankUnreachable(_) | Self::BankAnswer(_) | Self::LedgerUnreachable(_))
    }

    pub(super) const fn code(&self) -> &'static str {
        match self {
            Self::BankUnreachable(_) => "bank-unreachable",
            Self::BankAnswer(_) => "bank-answer-invalid",
            Self::BankRefused(_) => "bank-refused",
            Self::LedgerUnreachable(_) | Self::Behind => "ledger-unreachable",
            Self::LedgerRefused(_) => "ledger-refused",
            Self::AmountRefused(_) => "amount-refused",
            Self::AmountUnanswered => "amount-unanswered",
            Self::Unfit(_) => "payment-unfit",
            Self::ConfirmationRefused(_) => "confirmation-refused",
            Self::Differs => "outcome-differs",
        }
    }

    const fn texts(&self) -> (&'static str, &'static str) {
        match self {
            Self::BankUnreachable(_) => {
                ("核心系统连接不上或繁忙", "the core cannot be reached, or is busy")
            }
            Self::BankAnswer(_) => {
                ("对方的应答不是核心系统的应答", "what answered is not the core")
            }
            Self::BankRefused(_) => ("核心系统拒绝受理", "the core refused the instruction"),
            Self::LedgerUnreachable(_) => ("没有节点应答", "no node answers"),
            Self::LedgerRefused(_) => ("节点拒绝请求", "a node refused the request"),
            Self::Behind => ("节点的查询库尚未跟上", "the node's read model is behind"),
            Self::AmountRefused(_) => ("金额的调用被拒绝", "the access to the amount was refused"),
            Self::AmountUnanswered => {
                ("金额的调用未获答复", "the access to the amount was not answered")
            }
            Self::Unfit(_) => ("记录所载不成其为指令", "what the record says is no instruction"),
            Self::ConfirmationRefused(_) => ("账本拒绝回单", "the ledger refused the confirmation"),
            Self::Differs => {
                ("账本上的结果与银行的不同", "the ledger has another result than the bank")
            }
        }
    }

    /// The cause, for whoever looks into it.
    pub(super) fn cause(&self) -> String {
        match self {
            Self::BankUnreachable(cause)
            | Self::BankRefused(cause)
            | Self::AmountRefused(cause)
            | Self::ConfirmationRefused(cause) => cause.clone(),
            Self::BankAnswer(cause) | Self::Unfit(cause) => (*cause).to_owned(),
            Self::LedgerUnreachable(error) | Self::LedgerRefused(error) => chain(&**error),
            Self::Behind | Self::AmountUnanswered | Self::Differs => String::new(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (zh, en) = self.texts();
        write!(f, "{zh} · {en}")
    }
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Self {
        if error.is_passing() || matches!(error, ClientError::NotFinal { .. }) {
            Self::LedgerUnreachable(Box::new(error))
        } else {
            Self::LedgerRefused(Box::new(error))
        }
    }
}
