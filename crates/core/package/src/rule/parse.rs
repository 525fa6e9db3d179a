//! Parsing: tokens to a syntax tree by precedence climbing. Size and depth are bounded, so that
//! later stages may recurse.

use chaincity_types::Value;

use super::ast::{BinaryOp, Expr, ExprKind, MacroKind};
use super::lex::{Kind, Token, lex};
use super::{DEPTH_MAX, NODES_MAX, RuleError, TEXT_BYTES_MAX};

/// Words of CEL that cannot be names.
const RESERVED: [&str; 18] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "namespace",
    "package",
    "return",
    "var",
    "void",
    "while",
];

/// Parses one whole expression.
pub(crate) fn parse(text: &str) -> Result<Expr, RuleError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.expr()?;
    parser.expect_end()?;
    Ok(expr)
}

/// Whether `word` may name a thing that rules see.
pub(crate) fn is_name(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !RESERVED.contains(&word)
        && !matches!(word, "true" | "false" | "null" | "whole")
}

/// A parser over the tokens of one text; `crate::read` uses it for declared reads too.
pub(crate) struct Parser {
    tokens: Vec<Token>,
    next: usize,
    nodes: usize,
    depth: usize,
}

impl Parser {
    pub(crate) fn new(text: &str) -> Result<Self, RuleError> {
        if text.len() > TEXT_BYTES_MAX {
            let cause = format!("{} bytes where at most {TEXT_BYTES_MAX} are allowed", text.len());
            return Err(RuleError::new(0, cause));
        }
        Ok(Self { tokens: lex(text)?, next: 0, nodes: 0, depth: 0 })
    }

    pub(crate) fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |token| token.at)
    }

    fn peek(&self) -> &Kind {
        self.tokens.get(self.next).map_or(&Kind::End, |token| &token.kind)
    }

    fn peek_second(&self) -> &Kind {
        self.tokens.get(self.next.saturating_add(1)).map_or(&Kind::End, |token| &token.kind)
    }

    fn advance(&mut self) -> Kind {
        let kind = self.peek().clone();
        self.next = self.next.saturating_add(1);
        kind
    }

    pub(crate) fn take_mark(&mut self, mark: &'static str) -> bool {
        let found = *self.peek() == Kind::Mark(mark);
        if found {
            self.advance();
        }
        found
    }

    pub(crate) fn expect_mark(&mut self, mark: &'static str) -> Result<(), RuleError> {
        if self.take_mark(mark) { Ok(()) } else { Err(self.unexpected(&format!("`{mark}`"))) }
    }

    pub(crate) fn expect_end(&self) -> Result<(), RuleError> {
        if *self.peek() == Kind::End { Ok(()) } else { Err(self.unexpected("the end")) }
    }

    /// The next token if it is a word, without taking it; and whether an integer follows.
    pub(crate) fn peek_word(&self) -> Option<(&str, bool)> {
        let Kind::Word(word) = self.peek() else { return None };
        Some((word, matches!(self.peek_second(), Kind::Int(_))))
    }

    pub(crate) fn word(&mut self) -> Result<String, RuleError> {
        let at = self.next;
        match self.advance() {
            Kind::Word(word) => Ok(word),
            Kind::Int(_) | Kind::Text(_) | Kind::Bytes(_) | Kind::Mark(_) | Kind::End => {
                self.next = at;
                Err(self.unexpected("a name"))
            }
        }
    }

    /// Words joined by hyphens without blanks between, such as `maximum-amount`.
    pub(crate) fn word_with_hyphens(&mut self) -> Result<String, RuleError> {
        let mut name = self.word()?;
        while *self.peek() == Kind::Mark("-") {
            self.advance();
            name.push('-');
            name.push_str(&self.word()?);
        }
        Ok(name)
    }

    pub(crate) fn int(&mut self) -> Result<u64, RuleError> {
        if let Kind::Int(n) = *self.peek() {
            self.advance();
            return Ok(n);
        }
        Err(self.unexpected("a number"))
    }

    fn unexpected(&self, wanted: &str) -> RuleError {
        let found = match self.peek() {
            Kind::Int(n) => format!("`{n}`"),
            Kind::Text(_) => "a string".to_owned(),
            Kind::Bytes(_) => "a bytes literal".to_owned(),
            Kind::Word(word) => format!("`{}`", super::short(word)),
            Kind::Mark(mark) => format!("`{mark}`"),
            Kind::End => "the end".to_owned(),
        };
        RuleError::new(self.at(), format!("{wanted} expected, found {found}"))
    }

    fn node(&mut self, at: usize, kind: ExprKind) -> Result<Expr, RuleError> {
        let height = child_height(&kind).saturating_add(1);
        if height > DEPTH_MAX {
            return Err(RuleError::new(at, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let id = self.nodes;
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > NODES_MAX {
            return Err(RuleError::new(at, format!("more than {NODES_MAX} parts")));
        }
        Ok(Expr { at, id, height, kind })
    }

    /// `a ? b : c`, the loosest.
    pub(crate) fn expr(&mut self) -> Result<Expr, RuleError> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > DEPTH_MAX {
            let cause = format!("nested deeper than {DEPTH_MAX} levels");
            return Err(RuleError::new(self.at(), cause));
        }
        let condition = self.binary(0)?;
        let at = self.at();
        let expr = if self.take_mark("?") {
            let yes = self.binary(0)?;
            self.expect_mark(":")?;
            let no = self.expr()?;
            let parts = (Box::new(condition), Box::new(yes), Box::new(no));
            self.node(at, ExprKind::Conditional(parts.0, parts.1, parts.2))?
        } else {
            condition
        };
        self.depth = self.depth.saturating_sub(1);
        Ok(expr)
    }

    /// Left-associative operators that bind at least as tightly as `loosest`.
    fn binary(&mut self, loosest: u8) -> Result<Expr, RuleError> {
        let mut left = self.unary()?;
        while let Some((op, strength)) = operator(self.peek()) {
            if strength < loosest {
                break;
            }
            let at = self.at();
            self.advance();
            let right = self.binary(strength.saturating_add(1))?;
            left = self.node(at, ExprKind::Binary(op, Box::new(left), Box::new(right)))?;
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, RuleError> {
        let mut marks = Vec::new();
        while matches!(self.peek(), Kind::Mark("!" | "-")) {
            marks.push((self.at(), *self.peek() == Kind::Mark("!")));
            self.advance();
        }
        if let (Kind::Int(n), Some((at, false))) = (self.peek(), marks.last().copied()) {
            // The sign belongs to the literal: the smallest integer has no positive twin.
            let value = 0_i64.checked_sub_unsigned(*n);
            let value = value.ok_or_else(|| RuleError::new(at, "integer out of range"))?;
            self.advance();
            marks.pop();
            let literal = self.node(at, ExprKind::Literal(Value::Int(value)))?;
            let expr = self.members(literal)?;
            return self.apply_marks(marks, expr);
        }
        let primary = self.primary()?;
        let expr = self.members(primary)?;
        self.apply_marks(marks, expr)
    }

    fn apply_marks(&mut self, marks: Vec<(usize, bool)>, expr: Expr) -> Result<Expr, RuleError> {
        marks.into_iter().rev().try_fold(expr, |expr, (at, not)| {
            let inner = Box::new(expr);
            self.node(at, if not { ExprKind::Not(inner) } else { ExprKind::Negate(inner) })
        })
    }

    /// `.field`, `.method(…)` and `[index]` after a primary.
    fn members(&mut self, mut of: Expr) -> Result<Expr, RuleError> {
        loop {
            let at = self.at();
            if self.take_mark(".") {
                let name = self.word()?;
                of = if self.take_mark("(") {
                    self.method(at, of, name)?
                } else {
                    self.node(at, ExprKind::Select(Box::new(of), name))?
                };
            } else if self.take_mark("[") {
                let index = self.expr()?;
                self.expect_mark("]")?;
                of = self.node(at, ExprKind::Index(Box::new(of), Box::new(index)))?;
            } else {
                return Ok(of);
            }
        }
    }

    fn method(&mut self, at: usize, of: Expr, name: String) -> Result<Expr, RuleError> {
        let kind = match name.as_str() {
            "all" => MacroKind::All,
            "exists" => MacroKind::Exists,
            "exists_one" => MacroKind::ExistsOne,
            "filter" => MacroKind::Filter,
            "map" => MacroKind::Map,
            "sortBy" => MacroKind::SortBy,
            _ => {
                let mut args = self.list(")")?;
                args.insert(0, of);
                return self.node(at, ExprKind::Call { name, method: true, args });
            }
        };
        let variable_at = self.at();
        let variable = self.word()?;
        if !is_name(&variable) {
            let cause = format!("`{}` cannot be a name", super::short(&variable));
            return Err(RuleError::new(variable_at, cause));
        }
        self.expect_mark(",")?;
        let first = self.expr()?;
        let (keep, body) = if kind == MacroKind::Map && self.take_mark(",") {
            (Some(Box::new(first)), self.expr()?)
        } else {
            (None, first)
        };
        self.expect_mark(")")?;
        let (list, body) = (Box::new(of), Box::new(body));
        self.node(at, ExprKind::Macro { kind, list, variable, keep, body })
    }

    /// Comma-separated expressions up to `close`, which is taken.
    fn list(&mut self, close: &'static str) -> Result<Vec<Expr>, RuleError> {
        let mut items = Vec::new();
        loop {
            if self.take_mark(close) {
                return Ok(items);
            }
            items.push(self.expr()?);
            if !self.take_mark(",") {
                self.expect_mark(close)?;
                return Ok(items);
            }
        }
    }

    fn primary(&mut self) -> Result<Expr, RuleError> {
        let at = self.at();
        match self.peek().clone() {
            Kind::Int(n) => {
                let n = i64::try_from(n).ok();
                let n = n.ok_or_else(|| RuleError::new(at, "integer out of range"))?;
                self.advance();
                self.node(at, ExprKind::Literal(Value::Int(n)))
            }
            Kind::Text(text) => {
                self.advance();
                self.node(at, ExprKind::Literal(Value::from(text)))
            }
            Kind::Bytes(bytes) => {
                self.advance();
                self.node(at, ExprKind::Literal(Value::Bytes(bytes)))
            }
            Kind::Word(word) => {
                self.advance();
                self.word_or_call(at, word)
            }
            Kind::Mark("(") => {
                self.advance();
                let inner = self.expr()?;
                self.expect_mark(")")?;
                Ok(inner)
            }
            Kind::Mark("[") => {
                self.advance();
                let items = self.list("]")?;
                self.node(at, ExprKind::List(items))
            }
            Kind::Mark("{") => {
                self.advance();
                self.record(at)
            }
            Kind::Mark(_) | Kind::End => Err(self.unexpected("an expression")),
        }
    }

    fn record(&mut self, at: usize) -> Result<Expr, RuleError> {
        let mut entries: Vec<(String, Expr)> = Vec::new();
        while !self.take_mark("}") {
            let key_at = self.at();
            let Kind::Text(key) = self.advance() else {
                return Err(RuleError::new(key_at, "a map key must be a string literal"));
            };
            if entries.iter().any(|(name, _)| *name == key) {
                return Err(RuleError::new(key_at, "a map key stands twice"));
            }
            self.expect_mark(":")?;
            entries.push((key, self.expr()?));
            if !self.take_mark(",") {
                self.expect_mark("}")?;
                break;
            }
        }
        self.node(at, ExprKind::Record(entries))
    }

    fn word_or_call(&mut self, at: usize, word: String) -> Result<Expr, RuleError> {
        let literal = match word.as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            "null" => Some(Value::Null),
            _ => None,
        };
        if let Some(value) = literal {
            return self.node(at, ExprKind::Literal(value));
        }
        if RESERVED.contains(&word.as_str()) {
            return Err(RuleError::new(at, format!("`{word}` is a reserved word")));
        }
        if !self.take_mark("(") {
            return self.node(at, ExprKind::Name(word));
        }
        let mut args = self.list(")")?;
        if word == "has" {
            let (Some(path), true) = (args.pop(), args.is_empty()) else {
                return Err(RuleError::new(at, "has takes one field, such as has(input.price)"));
            };
            if !matches!(path.kind, ExprKind::Select(..)) {
                return Err(RuleError::new(at, "has takes a field, such as has(input.price)"));
            }
            return self.node(at, ExprKind::Has(Box::new(path)));
        }
        self.node(at, ExprKind::Call { name: word, method: false, args })
    }
}

fn operator(kind: &Kind) -> Option<(BinaryOp, u8)> {
    let mark = match kind {
        Kind::Mark(mark) => *mark,
        Kind::Word(word) if word == "in" => "in",
        Kind::Int(_) | Kind::Text(_) | Kind::Bytes(_) | Kind::Word(_) | Kind::End => return None,
    };
    Some(match mark {
        "||" => (BinaryOp::Or, 1),
        "&&" => (BinaryOp::And, 2),
        "==" => (BinaryOp::Eq, 3),
        "!=" => (BinaryOp::Ne, 3),
        "<" => (BinaryOp::Lt, 3),
        "<=" => (BinaryOp::Le, 3),
        ">" => (BinaryOp::Gt, 3),
        ">=" => (BinaryOp::Ge, 3),
        "in" => (BinaryOp::In, 3),
        "+" => (BinaryOp::Add, 4),
        "-" => (BinaryOp::Sub, 4),
        "*" => (BinaryOp::Mul, 5),
        "/" => (BinaryOp::Div, 5),
        "%" => (BinaryOp::Rem, 5),
        _ => return None,
    })
}

fn child_height(kind: &ExprKind) -> usize {
    let of_all = |items: &[Expr]| items.iter().map(|item| item.height).max().unwrap_or(0);
    match kind {
        ExprKind::Literal(_) | ExprKind::Name(_) => 0,
        ExprKind::Select(of, _) | ExprKind::Not(of) | ExprKind::Negate(of) | ExprKind::Has(of) => {
            of.height
        }
        ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) => a.height.max(b.height),
        ExprKind::Conditional(a, b, c) => a.height.max(b.height).max(c.height),
        ExprKind::List(items) | ExprKind::Call { args: items, .. } => of_all(items),
        ExprKind::Record(entries) => entries.iter().map(|(_, e)| e.height).max().unwrap_or(0),
        ExprKind::Macro { list, keep, body, .. } => {
            list.height.max(body.height).max(keep.as_ref().map_or(0, |keep| keep.height))
        }
    }
}
