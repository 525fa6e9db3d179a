//! `chaincity rule`: tries a rule without a package.

use std::io;

use chaincity_package::json;
use chaincity_package::rule::{Environment, Fuel, Names, Program, Type};
use chaincity_types::Value;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value as Json;

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
    /// 求值：给出值或错误、类型和用量 · evaluate it: value or error, type, fuel used
    Eval {
        /// 表达式 · the expression
        #[arg(allow_hyphen_values = true)]
        expression: String,
        /// 变量，JSON对象 · its variables, a JSON object
        #[arg(long, value_name = "JSON", default_value = "{}")]
        vars: String,
    },
}

/// What a rule gave.
#[derive(Debug, Default, Serialize)]
struct Evaluated {
    ok: bool,
    /// The value; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Json>,
    /// Its static type; absent when the text is no rule.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    ty: Option<String>,
    /// Units of fuel that it used.
    fuel: u64,
    /// `rule` when the text is no rule, else the reject code of a call with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> io::Result<Exit> {
    let Action::Eval { expression, vars } = &arguments.action;
    let outcome = variables(vars).and_then(|(names, environment)| {
        let evaluated = evaluate(expression, &names, &environment);
        output.report(&evaluated, Evaluated::for_person)?;
        Ok(if evaluated.ok { Exit::Ok } else { Exit::Negative })
    });
    settle(outcome, false, output)
}

/// The variables with their types.
fn variables(text: &str) -> Result<(Names, Environment), Failure> {
    let wrong = |cause: String| {
        Failure::usage(format!("--vars 有误：{cause}"), format!("--vars cannot be used: {cause}"))
    };
    let json: Json = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let Value::Map(environment) =
        json::infer(&json).map_err(|problem| wrong(problem.to_string()))?
    else {
        return Err(wrong("not an object".to_owned()));
    };
    let mut names = Names::new();
    for (name, value) in &environment {
        let Some(ty) = Type::of_value(value) else {
            return Err(wrong(format!("`{name}` is a list of values of different types")));
        };
        names.insert(name.to_string(), ty);
    }
    Ok((names, environment))
}

fn evaluate(expression: &str, names: &Names, environment: &Environment) -> Evaluated {
    let program = match Program::compile(expression, names) {
        Ok(program) => program,
        Err(error) => {
            let (code, error) = (Some("rule".to_owned()), Some(error.to_string()));
            return Evaluated { code, error, ..Evaluated::default() };
        }
    };
    let ty = Some(program.ty().to_string());
    let mut fuel = Fuel::for_call();
    let before = fuel.left;
    let result = program.run(environment, &mut fuel);
    let fuel = before.saturating_sub(fuel.left);
    match result {
        Ok(value) => {
            let value = Some(json::from_value(&value));
            Evaluated { ok: true, value, ty, fuel, ..Evaluated::default() }
        }
        Err(failure) => {
            let (code, error) = (Some(failure.code.code().to_owned()), Some(failure.detail));
            Evaluated { ty, fuel, code, error, ..Evaluated::default() }
        }
    }
}

impl Evaluated {
    fn for_person(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(value) = &self.value {
            lines.push(format!("值 · value: {value}"));
        }
        if let (Some(code), Some(error)) = (&self.code, &self.error) {
            lines.push(format!("错误 · error: {error} ({code})"));
        }
        if let Some(ty) = &self.ty {
            lines.push(format!("类型 · type: {ty}"));
        }
        lines.push(format!("用量 · fuel: {}", self.fuel));
        lines
    }
}
