//! The commands, a file each.

mod asking;
mod bank_port;
mod bench;
mod calendar;
mod call;
mod case;
mod completions;
mod confidential;
mod demo;
mod explain;
mod export;
mod fsck;
mod history;
mod id;
mod import;
mod init;
mod join;
mod key;
mod mandate;
mod node;
mod package;
mod process;
mod proof;
mod query;
mod read;
mod read_log;
mod read_model;
mod release;
mod rule;
mod seal;
mod search;
mod sector;
mod status;
mod vault;

use std::io;

use clap::Subcommand;

pub(crate) use id::today_in_china;
pub(crate) use sector::{not_done, open_keys};

use crate::exit::Exit;
use crate::output::Output;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// 校验证件号码、信用代码、不动产单元号等 · check identifiers
    Id(id::Arguments),
    /// 工作日历 · the working-day calendar
    Calendar(calendar::Arguments),
    /// 按映射导入已公布的数据 · import published data by a mapping
    Import(import::Arguments),
    /// 建立一个联盟 · found a consortium
    Init(init::Arguments),
    /// 为加入已有联盟准备节点目录 · prepare a node's folder for a running ledger
    Join(join::Arguments),
    /// 在本机演示一座城市 · a whole city on this machine
    Demo(demo::Arguments),
    /// 性能测试 · measure throughput and latency on this machine
    Bench(bench::Arguments),
    /// 运行一个节点 · run a node
    Node(node::Arguments),
    /// 查看节点状态 · how one or several nodes are
    Status(status::Arguments),
    /// 生成和查看密钥 · make and show keys
    Key(key::Arguments),
    /// 办理业务：签名、提交并取得回执 · sign and submit a transaction, and show its receipt
    Call(Box<call::Arguments>),
    /// 授意与撤回 · give and take back mandates
    Mandate(mandate::Arguments),
    /// 调用加密数据：提出、等待放行、打开，全程记录 · read encrypted groups: asked, released and opened on the record
    Read(Box<read::Arguments>),
    /// 调用日志：本人、提供单位、审计三种视图，可连同完整性证明导出 · read logs of subject, steward and auditor, exported with proof that nothing is missing
    ReadLog(Box<read_log::Arguments>),
    /// 检索本单位数据：按姓名、地址等查找记录，全程记录 · find records by a name or address in the own member's vault, on the record
    Search(Box<search::Arguments>),
    /// 答复转人工的调用：列出、批准释放或拒绝 · answer the accesses that wait for a person
    Release(release::Arguments),
    /// 保密调用：查看请求、记录、会签、提前解除（提出和打开用 read --confidential） · confidential accesses: show, record, countersign and lift them (they are asked and opened by read --confidential)
    Confidential(confidential::Arguments),
    /// 将字段组存入本单位保险库，取得承诺值 · seal a field group in the own member's vault, for its commitment
    Seal(Box<seal::Arguments>),
    /// 保险库：建立、概况、密钥、托管、备份、恢复 · the vault: make, look at, its keys, escrow, back up, restore
    Vault(vault::Arguments),
    /// 领域编号与盲查名单：同一人在各单位编号相同，而不出示身份号码 · sector ids and blind questions: one person, one id, nobody shown
    Sector(Box<sector::Arguments>),
    /// 银行接口：把付款指令送交银行核心系统，把结果送回账本 · the bank port: payment instructions to a bank's core, outcomes back
    BankPort(Box<bank_port::Arguments>),
    /// 查询记录 · find records
    Query(Box<query::Arguments>),
    /// 查看记录的历史 · a record's versions
    History(Box<history::Arguments>),
    /// 办件 · cases
    Case(case::Arguments),
    /// 说明一条记录（及其差错）如何形成、由谁经办 · how a record, or an error in it, came about
    Explain(Box<explain::Arguments>),
    /// 取得可离线核验的证明 · fetch proofs that can be verified offline
    Proof(Box<proof::Arguments>),
    /// 按国际标准导出登记簿 · export registers as objects of a standard, such as LADM (ISO 19152)
    Export(export::Arguments),
    /// 检查、测试应用包 · check and test a package
    Package(package::Arguments),
    /// 流程：BPMN文件的检查、试运行和绘图 · processes: check, play and draw BPMN files
    Process(process::Arguments),
    /// 试算规则 · try a rule
    Rule(rule::Arguments),
    /// 检查已停止节点的数据 · check a stopped node's data
    Fsck(fsck::Arguments),
    /// 重建查询库 · make the read model anew
    ReadModel(read_model::Arguments),
    /// 命令行补全脚本 · a shell's completion script
    Completions(completions::Arguments),
}

impl Command {
    /// Runs it.
    ///
    /// # Errors
    /// When this machine fails; a negative answer is no error.
    pub(crate) fn run(self, output: &mut Output) -> io::Result<Exit> {
        match self {
            Self::Id(arguments) => id::run(arguments, output),
            Self::Calendar(arguments) => calendar::run(arguments, output),
            Self::Import(arguments) => import::run(&arguments, output),
            Self::Init(arguments) => init::run(&arguments, output),
            Self::Join(arguments) => join::run(&arguments, output),
            Self::Demo(arguments) => demo::run(&arguments),
            Self::Bench(arguments) => bench::run(&arguments, output),
            Self::Node(arguments) => node::run(&arguments, output),
            Self::Status(arguments) => status::run(&arguments, output),
            Self::Key(arguments) => key::run(&arguments, output),
            Self::Call(arguments) => call::run(&arguments, output),
            Self::Mandate(arguments) => mandate::run(&arguments, output),
            Self::Read(arguments) => read::run(&arguments, output),
            Self::ReadLog(arguments) => read_log::run(&arguments, output),
            Self::Search(arguments) => search::run(&arguments, output),
            Self::Release(arguments) => release::run(&arguments, output),
            Self::Confidential(arguments) => confidential::run(&arguments, output),
            Self::Seal(arguments) => seal::run(&arguments, output),
            Self::Vault(arguments) => vault::run(&arguments, output),
            Self::Sector(arguments) => sector::run(&arguments, output),
            Self::BankPort(arguments) => bank_port::run(&arguments, output),
            Self::Query(arguments) => query::run(&arguments, output),
            Self::History(arguments) => history::run(&arguments, output),
            Self::Case(arguments) => case::run(&arguments, output),
            Self::Explain(arguments) => explain::run(&arguments, output),
            Self::Proof(arguments) => proof::run(&arguments, output),
            Self::Export(arguments) => export::run(&arguments, output),
            Self::Package(arguments) => package::run(&arguments, output),
            Self::Process(arguments) => process::run(&arguments, output),
            Self::Rule(arguments) => rule::run(&arguments, output),
            Self::Fsck(arguments) => fsck::run(&arguments, output),
            Self::ReadModel(arguments) => read_model::run(&arguments, output),
            Self::Completions(arguments) => completions::run(&arguments, output),
        }
    }
}
