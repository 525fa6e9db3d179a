//! A decision table, compiled over the variables of the process that uses it.

use chaincity_package::rule::{Program, Type};

use super::Compiler;
use crate::decision::{Hit, Table, TableDef, unary};
use crate::model::NodeKind;
use crate::model::{Expression, Node, TaskKind};

impl Compiler<'_> {
    /// The place of the compiled table that a task names.
    pub(super) fn table(&mut self, node: &Node, id: &str) -> Option<usize> {
        let files = self.decisions;
        let at = (node.line, node.id.as_str());
        if !matches!(node.kind, NodeKind::Task(TaskKind::Rule)) || node.multi.is_some() {
            let cause = (
                format!("`{}`不是单实例的业务规则任务，不能有决策", node.id),
                format!("`{}` is no business-rule task done once: it cannot decide", node.id),
            );
            self.report("decision", at, cause, ("", ""));
            return None;
        }
        let tables = files.iter().flat_map(|file| file.tables.iter().map(move |t| (file, t)));
        let Some((file, table)) = tables.clone().find(|(_, table)| table.id == id) else {
            let cause = (
                format!("`{}`的决策`{id}`不在所给的DMN文件中", node.id),
                format!("the decision `{id}` of `{}` is in no DMN file that was given", node.id),
            );
            let mend = ("请以--decisions给出DMN文件", "give the DMN file by --decisions");
            self.report("unknown-decision", at, cause, mend);
            return None;
        };
        let compiled = self.compile_table(&file.file, table)?;
        self.graph.tables.push(compiled);
        self.graph.tables.len().checked_sub(1)
    }

    fn compile_table(&mut self, file: &str, table: &Table) -> Option<TableDef> {
        let known = self.problems.len();
        let outputs: Vec<Option<Type>> =
            table.outputs.iter().map(|output| self.names.get(&output.text).cloned()).collect();
        for (output, ty) in table.outputs.iter().zip(&outputs) {
            let cause = match ty.as_ref().map(Type::required) {
                None => "is no variable",
                Some(Type::Sealed(_)) => "is encrypted",
                Some(_) => continue,
            };
            let cause = format!("sets `{}`, which {cause}", output.text);
            self.wrong_entry(file, table, output, &cause);
        }
        let mut rows = Vec::new();
        for row in &table.rows {
            let mut tests = Vec::new();
            for (input, entry) in table.inputs.iter().zip(&row.when) {
                match Program::compile(&unary(&input.text, &entry.text), &self.names) {
                    Ok(test) if *test.ty() == Type::Bool => tests.push(test),
                    Ok(_) => self.wrong_entry(file, table, entry, "is no test"),
                    Err(error) => self.wrong_entry(file, table, entry, &error.cause),
                }
            }
            let mut values = Vec::new();
            for (wanted, entry) in outputs.iter().zip(&row.then) {
                let Some(wanted) = wanted else { continue };
                match Program::compile(&entry.text, &self.names) {
                    Ok(value) if value.ty().fits(wanted) => values.push(value),
                    Ok(value) => {
                        let cause = format!("is of type {}, not {wanted}", value.ty());
                        self.wrong_entry(file, table, entry, &cause);
                    }
                    Err(error) => self.wrong_entry(file, table, entry, &error.cause),
                }
            }
            rows.push((tests, values));
        }
        self.may_match_nothing(file, table);
        let outputs = table.outputs.iter().map(|output| output.text.clone()).collect();
        let sound = self.problems.iter().skip(known).all(|problem| problem.code != "table");
        sound.then_some(TableDef { hit: table.hit, outputs, rows })
    }

    fn wrong_entry(&mut self, file: &str, table: &Table, entry: &Expression, cause: &str) {
        let text: String = entry.text.chars().take(60).collect();
        let cause = (
            format!("决策表`{}`的`{text}`有误：{cause}", table.id),
            format!("`{text}` of the decision `{}`: {cause}", table.id),
        );
        let mend = ("请用规则语言写", "write it in the rule language");
        self.report("table", (entry.line, &table.id), cause, mend);
        self.of_file(file);
    }

    /// The first rule that matches counts: the last should match all.
    fn may_match_nothing(&mut self, file: &str, table: &Table) {
        let all = |entry: &Expression| matches!(entry.text.as_str(), "" | "-");
        let open = table.rows.last().is_some_and(|row| !row.when.iter().all(all));
        if table.hit == Hit::First && open {
            let cause = (
                format!("决策表`{}`可能没有规则符合", table.id),
                format!("no rule of the decision `{}` may match", table.id),
            );
            let mend = ("最后一条规则的输入请都写“-”", "let every input of the last rule be `-`");
            self.report("table-open", (table.line, &table.id), cause, mend);
            self.of_file(file);
            if let Some(problem) = self.problems.pop() {
                self.problems.push(problem.warning());
            }
        }
    }

    /// The latest finding lies in this file.
    fn of_file(&mut self, file: &str) {
        let last = self.problems.last_mut().and_then(|problem| problem.location.as_mut());
        if let Some(at) = last {
            file.clone_into(&mut at.file);
        }
    }
}
