//! `chaincity read`: asks for encrypted groups of a record, or of many, or for claims that follow from
//! them, on the ledger, waits for the release, and opens what the steward sealed for this one reading.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chaincity_client::{Answer, Basis, Client, Confided, Opened, Read, Reading};
use chaincity_package::json;
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value as Json};
use zeroize::Zeroizing;

use super::asking::{Asking, Shown};
use crate::city::write_secret;
use crate::exit::Exit;
use crate::failure::{Failure, settle};
use crate::fault::Fault;
use crate::output::{Output, STANDARD};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// 应用包；按办件调用时默认为授权或同意所涉的 · the package; by case that of the grant or consent
    #[arg(required_unless_present = "case")]
    package: Option<String>,
    /// 登记簿，同上 · the register, likewise
    #[arg(required_unless_present = "case")]
    register: Option<String>,
    /// 记录主键 · the record's key
    #[arg(required_unless_present_any = ["batch", "subject", "case"])]
    record: Option<String>,
    /// 批量：文件每行一个记录主键，- 为标准输入 · many records: a file with a key a line, - for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["record", "subject"])]
    batch: Option<PathBuf>,
    /// 某人名下的全部记录 · all records of the register that name this subject
    #[arg(long, value_name = "ID", conflicts_with = "record")]
    subject: Option<String>,
    /// 字段组，逗号分隔 · the groups, comma-separated
    #[arg(long, value_name = "GROUP,…", value_delimiter = ',', required_unless_present = "claims")]
    groups: Vec<String>,
    /// 派生结论，逗号分隔 · the claims, comma-separated
    #[arg(long, value_name = "GROUP.CLAIM,…", value_delimiter = ',')]
    claims: Vec<String>,
    /// 派生结论的参数，可重复 · a parameter of the claims; may be repeated
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = named, requires = "claims")]
    parameters: Vec<(String, String)>,
    /// 将签名的派生结论存入该目录，可交第三方校验 · keep the signed claims in this folder, to show to others
    #[arg(long, value_name = "FOLDER", requires = "claims")]
    save: Option<PathBuf>,
    /// 提供单位（成员） · the member that keeps the data
    #[arg(long, value_name = "ID")]
    steward: String,
    /// 使用目的，须与授权或同意一致；连同业务号封存于提供单位的保险库，账本上只有承诺值 · the purpose, the same as that
    /// of the grant or consent; sealed with the case number in the steward's vault, a commitment on the ledger
    #[arg(long, value_name = "TEXT")]
    purpose: Option<String>,
    /// 业务号（案号）；未列记录时为账本上的办件，调用其所涉的全部记录 · number of the case; without a record a
    /// case of the ledger, of which all records are read
    #[arg(long, value_name = "ID")]
    case: Option<String>,
    /// 所依检索：记录由此检索找到，目的和业务号须相同 · the search by which the record was found; of the same purpose and case
    #[arg(long, value_name = "NUMBER")]
    search: Option<String>,
    /// 所依授权 · the grant that it rests on
    #[arg(long, value_name = "NUMBER", conflicts_with = "consent", requires = "purpose")]
    grant: Option<String>,
    /// 所依同意；两者皆无时查阅本人信息 · the consent; with neither, a subject reads what is about himself
    #[arg(long, value_name = "NUMBER", requires = "purpose")]
    consent: Option<String>,
    /// 保密调用：请求封存于提供单位的保险库，账本上到期前不显示何人调用何记录。文件不存在时提出并写入一次性私钥，
    /// 提供单位记录、审计会签后以同一命令打开 · confidentially: the request is sealed in the steward's vault, and
    /// nothing on the ledger says who reads what until its term ends. Asked when there is no such file, which
    /// then keeps the one-time key; the same command opens it once the steward has recorded and the auditor
    /// countersigned it
    #[arg(long, value_name = "FILE", requires_all = ["record", "purpose", "case"],
          conflicts_with_all = ["grant", "consent", "search", "batch", "subject"])]
    confidential: Option<PathBuf>,
    #[command(flatten)]
    asking: Asking,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Told {
    /// Of a confidential access, by which the steward's clerk records it.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    /// Of many.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    groups: BTreeMap<String, Vec<Map<String, Json>>>,
    /// What each claim says.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    claims: BTreeMap<String, Vec<Json>>,
    /// Files in which the claims were kept.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    saved: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let outcome = attempt(arguments, output);
    settle(outcome, true, output)
}

fn attempt(arguments: &Arguments, output: &mut Output) -> Result<Exit, Failure> {
    let (client, steward) = arguments.asking.clients()?;
    let basis = match (&arguments.grant, &arguments.consent) {
        (Some(grant), _) => Basis::Grant(grant.clone()),
        (None, Some(consent)) => Basis::Consent(consent.clone()),
        (None, None) if arguments.confidential.is_some() => Basis::Statute,
        (None, None) => Basis::Subject,
    };
    let (package, register) = place(&client, arguments, &basis)?;
    let by_case = arguments.case.as_ref().filter(|_| {
        arguments.record.is_none() && arguments.batch.is_none() && arguments.subject.is_none()
    });
    let records = match (&arguments.batch, &arguments.subject, by_case) {
        (Some(file), ..) => Some(keys_in(file)?),
        (None, Some(subject), _) => Some(client.records_of_subject(&package, &register, subject)?),
        (None, None, Some(case)) => Some(client.records_of_case(&package, &register, case)?),
        (None, None, None) => None,
    };
    let reading = Reading {
        steward: arguments.steward.clone(),
        package,
        register,
        record: arguments.record.clone().unwrap_or_default(),
        groups: arguments.groups.clone(),
        claims: arguments.claims.clone(),
        parameters: arguments.parameters.iter().cloned().collect(),
        purpose: arguments.purpose.clone().unwrap_or_default(),
        case: arguments.case.clone(),
        of_case: by_case.cloned(),
        search: arguments.search.clone(),
        basis,
    };
    let (steward, wait) = (steward.as_ref().unwrap_or(&client), arguments.asking.wait());
    let keeping = Keeping { client: &client, folder: arguments.save.as_deref() };
    if let Some(file) = &arguments.confidential {
        return confidentially(&keeping, &reading, (steward, wait), file, output);
    }
    if let Some(records) = records {
        return many(&keeping, &reading, &records, steward, wait, output);
    }
    let (shown, exit) = keeping.shown(client.read(&reading, steward, wait)?)?;
    output.report(&shown, for_person)?;
    Ok(exit)
}

/// The register that is read: as it was given, else that of the grant or consent.
fn place(
    client: &Client,
    arguments: &Arguments,
    basis: &Basis,
) -> Result<(String, String), Failure> {
    match (&arguments.package, &arguments.register) {
        (Some(package), Some(register)) => return Ok((package.clone(), register.clone())),
        (None, None) => {}
        (Some(_), None) | (None, Some(_)) => return Err(no_register()),
    }
    let (kind, number) = match basis {
        Basis::Grant(number) => ("grant", number),
        Basis::Consent(number) => ("consent", number),
        Basis::Subject | Basis::Statute => return Err(no_register()),
    };
    let basis = client.record("disclosure", kind, number)?;
    let field = |name: &str| {
        let value = basis.as_ref().and_then(|basis| basis.fields.get(name)?.as_str());
        value.map(str::to_owned)
    };
    field("in_package").zip(field("register")).ok_or_else(no_register)
}

fn no_register() -> Failure {
    Failure::usage(
        "须写明应用包和登记簿，或写明存在的授权或同意",
        "name the package and the register, or a grant or consent that exists",
    )
}

/// A parameter as it was typed.
fn named(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or("写作 名称=值 · written as NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Asks confidentially, or goes on with what was asked and is kept in the file.
fn confidentially(
    keeping: &Keeping<'_>,
    reading: &Reading,
    (steward, wait): (&Client, Duration),
    file: &Path,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let confided = if file.exists() {
        let text = Zeroizing::new(std::fs::read_to_string(file).map_err(Fault::io(file))?);
        Confided::from_text(&text).ok_or_else(|| {
            Failure::usage(
                "该文件不是保密调用的一次性私钥文件",
                "the file keeps no one-time key of a confidential access",
            )
        })?
    } else {
        let confided = keeping.client.confide(reading, steward)?;
        write_secret(file, &confided.to_text())?;
        confided
    };
    let read = keeping.client.read_confided(reading, &confided, steward, wait)?;
    let (mut shown, exit) = keeping.shown(read)?;
    let request = confided.request.to_string();
    // Not recorded yet, it has no number.
    shown.told.access = shown.told.access.filter(|number| *number != request);
    shown.told.request = Some(request);
    output.report(&shown, for_person)?;
    Ok(exit)
}

/// Where signed claims are kept.
struct Keeping<'a> {
    client: &'a Client,
    folder: Option<&'a Path>,
}

impl Keeping<'_> {
    /// What came of a reading; its claims are kept if they shall be.
    fn shown(&self, read: Read) -> Result<(Shown<Told>, Exit), Failure> {
        let mut saved = Vec::new();
        if let (Some(folder), Answer::Given { number, given }) = (self.folder, &read) {
            std::fs::create_dir_all(folder).map_err(Fault::io(folder))?;
            for (at, (name, claim)) in (1_usize..).zip(&given.claims) {
                let file = folder.join(format!("{}.{at}.{name}.cbor", number.replace(':', "-")));
                let proof = self.client.claim_proof(claim)?;
                std::fs::write(&file, proof).map_err(Fault::io(&file))?;
                saved.push(file);
            }
        }
        let (mut shown, exit) = Shown::of(read, "released", told);
        shown.told.saved = saved;
        Ok((shown, exit))
    }
}

/// The keys in a file, a line each; empty lines do not count.
fn keys_in(file: &Path) -> Result<Vec<String>, Fault> {
    let text = if file == Path::new(STANDARD) {
        io::read_to_string(io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    let text = text.map_err(Fault::io(file))?;
    let keys = text.lines().map(str::trim).filter(|key| !key.is_empty());
    Ok(keys.map(str::to_owned).collect())
}

/// What came of many.
#[derive(Debug, Default, Serialize)]
struct Sum {
    records: usize,
    released: usize,
    refused: usize,
    unanswered: usize,
}

fn many(
    keeping: &Keeping<'_>,
    reading: &Reading,
    records: &[String],
    steward: &Client,
    wait: Duration,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let mut sum = Sum { records: records.len(), ..Sum::default() };
    keeping.client.read_many(reading, records, steward, wait, |record, read| {
        let (mut shown, exit) = keeping.shown(read)?;
        shown.told.record = Some(record.to_owned());
        let count = if exit == Exit::Ok {
            &mut sum.released
        } else if exit == Exit::Rejected {
            &mut sum.refused
        } else {
            &mut sum.unanswered
        };
        *count = count.saturating_add(1);
        output.report(&shown, for_person)?;
        output.flush().map_err(Failure::from)
    })?;
    output.report(&sum, |sum| {
        vec![format!(
            "{} 条记录 · records：放行 · released {}，拒绝 · refused {}，未答复 · unanswered {}",
            sum.records, sum.released, sum.refused, sum.unanswered
        )]
    })?;
    Ok(match sum {
        Sum { refused: 1.., .. } => Exit::Rejected,
        Sum { unanswered: 1.., .. } | Sum { records: 0, .. } => Exit::Negative,
        Sum { .. } => Exit::Ok,
    })
}

/// The access, and what was opened.
fn told(access: Option<String>, opened: Option<Opened>) -> Told {
    let mut told = Told { access, ..Told::default() };
    if let Some(Opened { version, groups, claims }) = opened {
        told.version = Some(version);
        for (name, claim) in claims {
            let value = json::from_value(&claim.statement.value);
            told.claims.entry(name).or_default().push(value);
        }
        for (group, fields) in groups {
            told.groups.entry(group).or_default().push(json::from_fields(&fields));
        }
    }
    told
}

fn for_person(shown: &Shown<Told>) -> Vec<String> {
    let mut lines = shown.head("已放行 · released".to_owned());
    let shown = &shown.told;
    if let (Some(first), Some(record)) = (lines.first_mut(), &shown.record) {
        *first = format!("{record}  {first}");
    }
    for (group, instances) in &shown.groups {
        lines.push(format!("  {group}"));
        for (name, value) in instances.iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            lines.push(format!("    {name}: {text}"));
        }
    }
    for (name, values) in &shown.claims {
        let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        lines.extend(values.iter().map(|value| format!("  {name}: {}", text(value))));
    }
    lines.extend(shown.saved.iter().map(|file| format!("  已存 · kept: {}", file.display())));
    lines.extend(shown.request.as_ref().map(|request| format!("  请求 · request: {request}")));
    lines.extend(shown.access.as_ref().map(|access| format!("  调用编号 · access: {access}")));
    lines
}
