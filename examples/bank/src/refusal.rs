//! What a request is refused with: stable codes with texts in both languages.

use serde_json::{Value, json};

/// A refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    InstructionInvalid,
    KeyInvalid,
    CallbackInvalid,
    PlanInvalid,
    SignatureInvalid,
    NoSuchInstruction,
    NoSuchAccount,
    NoSuchPath,
    KeyReused,
    TooLarge,
    Busy,
    Fault,
}

impl Refusal {
    pub(crate) const fn status(self) -> u16 {
        match self {
            Self::InstructionInvalid
            | Self::KeyInvalid
            | Self::CallbackInvalid
            | Self::PlanInvalid => 400,
            Self::SignatureInvalid => 401,
            Self::NoSuchInstruction | Self::NoSuchAccount | Self::NoSuchPath => 404,
            Self::KeyReused => 409,
            Self::TooLarge => 413,
            Self::Fault => 500,
            Self::Busy => 503,
        }
    }

    const fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::InstructionInvalid => (
                "instruction-invalid",
                "指令的字段缺失、未知或越界",
                "a field of the instruction is missing, unknown or out of its bounds",
            ),
            Self::KeyInvalid => {
                ("key-invalid", "幂等键有误或与来源不符", "the key is not one, or not the source's")
            }
            Self::CallbackInvalid => (
                "callback-invalid",
                "没有回调地址，或不在本机",
                "the callback's address is missing or not on this machine",
            ),
            Self::PlanInvalid => ("plan-invalid", "安排有误", "the plan is not one"),
            Self::SignatureInvalid => {
                ("signature-invalid", "没有签名或签名不符", "the signature is missing or another's")
            }
            Self::NoSuchInstruction => {
                ("no-such-instruction", "没有这笔指令", "there is no such instruction")
            }
            Self::NoSuchAccount => ("no-such-account", "没有这个账户", "there is no such account"),
            Self::NoSuchPath => ("no-such-path", "没有这个路径", "there is no such path"),
            Self::KeyReused => {
                ("key-reused", "该键已用于另一指令", "the key was used for another instruction")
            }
            Self::TooLarge => ("too-large", "正文过大", "the body is too large"),
            Self::Busy => ("busy", "未办结的指令过多，请稍后再试", "too much is open; try again"),
            Self::Fault => ("fault", "模拟银行故障", "the simulated bank failed"),
        }
    }

    pub(crate) fn body(self) -> Value {
        let (code, zh, en) = self.texts();
        json!({"code": code, "zh": zh, "en": en})
    }
}
