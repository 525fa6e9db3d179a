//! Lexing: text to tokens, each with its place. Bounded by the text's length.

use super::RuleError;

/// A token and the byte at which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Byte offset in the text.
    pub(crate) at: usize,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An integer literal without sign.
    Int(u64),
    /// A string literal, unescaped.
    Text(String),
    /// A bytes literal, unescaped.
    Bytes(Vec<u8>),
    /// A name or a word such as `true`.
    Word(String),
    /// An operator or a bracket.
    Mark(&'static str),
    /// The end of the text.
    End,
}

/// Longest first, so that `<=` is not read as `<` and `=`.
const MARKS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", ".", ",",
    "(", ")", "[", "]", "{", "}",
];

/// All tokens of `text`, ending with [`Kind::End`].
pub(crate) fn lex(text: &str) -> Result<Vec<Token>, RuleError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let at = lexer.at;
        let kind = lexer.token()?;
        let end = kind == Kind::End;
        tokens.push(Token { at, kind });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn advance(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\r', '\n']);
            self.advance(rest.len().saturating_sub(trimmed.len()));
            if !trimmed.starts_with("//") {
                return;
            }
            self.advance(trimmed.find('\n').unwrap_or(trimmed.len()));
        }
    }

    fn token(&mut self) -> Result<Kind, RuleError> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(Kind::End) };
        if first.is_ascii_digit() {
            return self.number();
        }
        if let Some(kind) = self.quoted()? {
            return Ok(kind);
        }
        if first.is_ascii_alphabetic() || first == '_' {
            let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
            return Ok(Kind::Word(word.to_owned()));
        }
        for mark in MARKS {
            if rest.starts_with(mark) {
                self.advance(mark.len());
                return Ok(Kind::Mark(mark));
            }
        }
        Err(RuleError::new(self.at, format!("unexpected character `{}`", first.escape_debug())))
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.advance(end);
        rest.get(..end).unwrap_or_default()
    }

    fn number(&mut self) -> Result<Kind, RuleError> {
        let at = self.at;
        let word = self.take_while(|c| c.is_ascii_alphanumeric());
        if self.rest().starts_with('.') && self.rest().chars().nth(1).is_some_and(char::is_numeric)
        {
            let hint = "there are no floating-point numbers: write decimal(\"1.50\")";
            return Err(RuleError::new(at, hint));
        }
        let value = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => word.parse(),
        };
        value.ok().map(Kind::Int).ok_or_else(|| {
            RuleError::new(at, format!("`{}` is not a 64-bit integer", super::short(word)))
        })
    }

    /// A string or bytes literal, with the prefixes `r` (no escapes) and `b` (bytes).
    fn quoted(&mut self) -> Result<Option<Kind>, RuleError> {
        let rest = self.rest();
        let Some(quote_at) = rest.find(['"', '\'']).filter(|at| *at <= 2) else { return Ok(None) };
        let prefix = rest.get(..quote_at).unwrap_or_default().to_ascii_lowercase();
        let (raw, bytes) = match prefix.as_str() {
            "" => (false, false),
            "r" => (true, false),
            "b" => (false, true),
            "br" | "rb" => (true, true),
            _ => return Ok(None),
        };
        let quote =
            if rest.get(quote_at..).is_some_and(|r| r.starts_with('"')) { '"' } else { '\'' };
        let begin = self.at;
        self.advance(quote_at.saturating_add(1));
        let mut out = Vec::new();
        loop {
            let mut chars = self.rest().chars();
            match chars.next() {
                None | Some('\n' | '\r') => {
                    return Err(RuleError::new(begin, "a string is not closed"));
                }
                Some(c) if c == quote => {
                    self.advance(1);
                    break;
                }
                Some('\\') if !raw => self.escape(bytes, &mut out)?,
                Some(c) => {
                    self.advance(c.len_utf8());
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
            }
        }
        if bytes {
            return Ok(Some(Kind::Bytes(out)));
        }
        let text = String::from_utf8(out).ok();
        let text = text.ok_or_else(|| RuleError::new(begin, "a string is not Unicode"))?;
        Ok(Some(Kind::Text(text)))
    }

    fn escape(&mut self, bytes: bool, out: &mut Vec<u8>) -> Result<(), RuleError> {
        let at = self.at;
        let bad = || RuleError::new(at, "unknown escape in a string");
        self.advance(1);
        let c = self.rest().chars().next().ok_or_else(bad)?;
        let simple = match c {
            'n' => Some(b'\n'),
            't' => Some(b'\t'),
            'r' => Some(b'\r'),
            'a' => Some(7),
            'b' => Some(8),
            'f' => Some(12),
            'v' => Some(11),
            '\\' | '"' | '\'' | '`' | '?' => u8::try_from(c).ok(),
            _ => None,
        };
        if let Some(byte) = simple {
            self.advance(1);
            out.push(byte);
            return Ok(());
        }
        let (skip, digits, radix) = match c {
            'x' | 'X' => (1, 2, 16),
            'u' if !bytes => (1, 4, 16),
            'U' if !bytes => (1, 8, 16),
            '0'..='3' => (0, 3, 8),
            _ => return Err(bad()),
        };
        self.advance(skip);
        let number = self.rest().get(..digits).ok_or_else(bad)?;
        if !number.chars().all(|c| c.is_digit(radix)) {
            return Err(bad());
        }
        let code = u32::from_str_radix(number, radix).ok().ok_or_else(bad)?;
        self.advance(digits);
        if bytes {
            out.push(u8::try_from(code).ok().ok_or_else(bad)?);
        } else {
            let c = char::from_u32(code).ok_or_else(bad)?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Ok(())
    }
}
