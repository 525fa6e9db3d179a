//! `chaincity sector`: sector ids by stewards, and blind questions about a list: asked of their nodes,
//! or by exchanging files where there is no line between the offices.
//!
//! Identity numbers come from files or standard input, never from arguments, which other users of
//! the machine could see; they are never printed, nor written to any file.

mod ask;
mod evaluate;
mod files;
mod ids;
mod keys;
mod lists;
mod people;

use std::io;

use clap::{Args, Subcommand};

pub(crate) use files::not_done;
pub(crate) use keys::open_keys;

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
    /// 向管理单位的节点询问领域编号，询问记入账本 · ask the stewards' nodes for sector ids, recorded on the ledger
    Ask(ask::Ask),
    /// 向名单持有单位的节点盲查某人是否在名单上，询问记入账本 · ask a list owner's node blindly whether persons are on the list, recorded on the ledger
    OnList(ask::OnList),
    /// 名单持有单位：由身份号码制作名单标签 · a list's owner: make the tags of a list of identity numbers
    List(lists::List),
    /// 以文件：盲化身份号码，送管理单位计算 · by files: blind identity numbers for the stewards to evaluate
    Blind(ids::Blind),
    /// 以文件：盲查名单，制作送持有单位的询问 · by files: blind a question about a list for its owner
    Question(lists::Ask),
    /// 以文件，密钥持有单位：计入限额，对盲化的号码计算并附证明 · by files, a key's holder: count and evaluate what was blinded, with a proof
    Evaluate(evaluate::Evaluate),
    /// 以文件：核对证明，取得领域编号 · by files: check the proofs and get the sector ids
    Finalize(ids::Finalize),
    /// 以文件：核对答复，得出是否在名单上 · by files: check the answer and see who is on the list
    Verdict(lists::Verdict),
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let submits = matches!(arguments.action, Action::Ask(_) | Action::OnList(_));
    let outcome = attempt(&arguments.action, output);
    settle(outcome, submits, output)
}

fn attempt(action: &Action, output: &mut Output) -> Result<Exit, Failure> {
    match action {
        Action::NewKey(arguments) => keys::new_key(arguments, output)?,
        Action::Ask(arguments) => ask::ask(arguments, output)?,
        Action::OnList(arguments) => ask::on_list(arguments, output)?,
        Action::List(arguments) => lists::list(arguments, output)?,
        Action::Blind(arguments) => ids::blind(arguments, output)?,
        Action::Question(arguments) => lists::question(arguments, output)?,
        Action::Evaluate(arguments) => evaluate::evaluate(arguments, output)?,
        Action::Finalize(arguments) => ids::finalize(arguments, output)?,
        Action::Verdict(arguments) => lists::verdict(arguments, output)?,
    }
    Ok(Exit::Ok)
}
