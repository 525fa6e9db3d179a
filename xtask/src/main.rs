//! The repository's own checks and generators.
//!
//! `cargo xtask tidy` checks what the compiler cannot: dependency direction, file budgets, lint
//! inheritance, documents. `cargo xtask generate` writes the files that are made from code.

mod generate;
mod tidy;
mod tree;

use std::io::Write as _;
use std::process::ExitCode;

use tree::Tree;

/// What keeps a check from running at all; a finding is a [`tidy::Finding`] instead.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot list the repository's files with git")]
    List(#[source] std::io::Error),
    #[error("git refused to list the repository's files: `{0}`")]
    Git(String),
    #[error("cannot read `{path}`")]
    Read {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot write `{path}`")]
    Write {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("unknown command `{0}`\n{USAGE}")]
    Usage(String),
}

const USAGE: &str = "\
usage: cargo xtask tidy                      check the repository
       cargo xtask generate [--check]        write every generated file, or say which are stale
       cargo xtask <generator> [--check]     the same for one of them";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(error) => {
            let mut text = format!("error: {error}");
            let mut cause = std::error::Error::source(&error);
            while let Some(inner) = cause {
                text = format!("{text}: {inner}");
                cause = inner.source();
            }
            say(&text);
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode, Error> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["tidy"] => Ok(tidy(&Tree::of_repository()?)),
        ["generate"] => generate::write(generate::ALL).map(|()| ExitCode::SUCCESS),
        ["generate", "--check"] => {
            Ok(report(&generate::stale(&Tree::of_repository()?, generate::ALL)))
        }
        [name] => generate::write(generate::named(name)?).map(|()| ExitCode::SUCCESS),
        [name, "--check"] => {
            let generators = generate::named(name)?;
            Ok(report(&generate::stale(&Tree::of_repository()?, generators)))
        }
        other => Err(Error::Usage(other.join(" "))),
    }
}

fn tidy(tree: &Tree) -> ExitCode {
    let mut findings = Vec::new();
    for rule in tidy::RULES {
        let found = (rule.check)(tree);
        say(&format!("tidy {:<10} {:>3} found  {}", rule.name, found.len(), rule.claim));
        findings.extend(found);
    }
    report(&findings)
}

fn report(findings: &[tidy::Finding]) -> ExitCode {
    for finding in findings {
        say(&finding.to_string());
    }
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a line; a closed pipe is the reader's wish, not our error.
fn say(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}
