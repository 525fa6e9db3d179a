//! `chaincity sector`: sector ids by stewards, and blind questions about a list. Two offices do
//! both by exchanging files.
//!
//! Identity numbers come from files or standard input, never from arguments, which other users of
//! the machine could see; they are never printed, nor written to any file.

mod evaluate;
mod files;
mod ids;
mod keys;
mod lists;
mod people;

use std::io;

use clap::{Args, Subcommand};

use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::output::Output;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// 生成领域或名单的密钥，以口令加密保存 · make a key of a sector or a list, kept under a passphrase
    NewKey(keys::NewKey),
    /// 盲化身份号码，送管理单位计算 · blind identity numbers for the stewards to evaluate
    Blind(ids::Blind),
    /// 管理单位：计入限额，对盲化的号码计算并附证明 · a steward: count and evaluate what was blinded, with a proof
    Evaluate(evaluate::Evaluate),
    /// 核对证明，取得领域编号 · check the proofs and get the sector ids
    Finalize(ids::Finalize),
    /// 名单持有单位：由身份号码制作名单标签 · a list's owner: make the tags of a list of identity numbers
    List(lists::List),
    /// 盲查：某人是否在对方名单上 · ask blindly whether persons are on a list
    Ask(lists::Ask),
    /// 名单持有单位：计入限额，答复盲查而不知所查何人 · a list's owner: count and answer a question without learning about whom
    Answer(evaluate::Answer),
    /// 核对答复，得出是否在名单上 · check the answer and see who is on the list
    Verdict(lists::Verdict),
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(&arguments.action, output);
    settle(outcome, false, output)
}

fn attempt(action: &Action, output: &mut Output) -> Result<Exit, Failure> {
    match action {
        Action::NewKey(arguments) => keys::new_key(arguments, output)?,
        Action::Blind(arguments) => ids::blind(arguments, output)?,
        Action::Evaluate(arguments) => evaluate::evaluate(arguments, output)?,
        Action::Finalize(arguments) => ids::finalize(arguments, output)?,
        Action::List(arguments) => lists::list(arguments, output)?,
        Action::Ask(arguments) => lists::ask(arguments, output)?,
        Action::Answer(arguments) => evaluate::answer(arguments, output)?,
        Action::Verdict(arguments) => lists::verdict(arguments, output)?,
    }
    Ok(Exit::Ok)
}
