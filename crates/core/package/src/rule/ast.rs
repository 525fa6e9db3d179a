//! The syntax tree of a rule: what the parser makes and the checker and compiler read.

use chaincity_types::Value;

/// A node: its place in the text, its number (an index into the checker's table of types), its
/// height, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expr {
    /// Byte offset in the text.
    pub(crate) at: usize,
    /// Number of the node, from 0, children before parents.
    pub(crate) id: usize,
    /// Longest way down to a leaf; at most `DEPTH_MAX`.
    pub(crate) height: usize,
    /// What it is.
    pub(crate) kind: ExprKind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExprKind {
    /// A literal.
    Literal(Value),
    /// A name.
    Name(String),
    /// `of.field`.
    Select(Box<Expr>, String),
    /// `of[index]`.
    Index(Box<Expr>, Box<Expr>),
    /// `!x`.
    Not(Box<Expr>),
    /// `-x`.
    Negate(Box<Expr>),
    /// `a op b`.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a ? b : c`.
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{"a": x}`: a record with constant keys.
    Record(Vec<(String, Expr)>),
    /// `has(a.b)`: the operand is the whole path.
    Has(Box<Expr>),
    /// `list.all(x, body)` and its kin.
    Macro {
        /// Which.
        kind: MacroKind,
        /// The list.
        list: Box<Expr>,
        /// The name that the body sees.
        variable: String,
        /// `map(x, keep, body)`: which items are taken.
        keep: Option<Box<Expr>>,
        /// Evaluated for each item.
        body: Box<Expr>,
    },
    /// `f(a, b)`, or `a.f(b)` with `a` first.
    Call {
        /// Function name.
        name: String,
        /// Whether it was written as a method.
        method: bool,
        /// Arguments.
        args: Vec<Expr>,
    },
}

/// A binary operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BinaryOp {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
    /// `in`
    In,
    /// `+`
    Add,
    /// `-`
    Sub,
    /// `*`
    Mul,
    /// `/`
    Div,
    /// `%`
    Rem,
}

/// A list macro of CEL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MacroKind {
    /// True for every item.
    All,
    /// True for some item.
    Exists,
    /// True for exactly one item.
    ExistsOne,
    /// The items for which it is true.
    Filter,
    /// What each item becomes.
    Map,
    /// The items, ordered by what the body says of each.
    SortBy,
}

impl Expr {
    /// The path that a chain of names spells, such as `title.price`.
    pub(crate) fn path(&self) -> Option<String> {
        match &self.kind {
            ExprKind::Name(name) => Some(name.clone()),
            ExprKind::Select(of, field) => Some(format!("{}.{field}", of.path()?)),
            ExprKind::Literal(_)
            | ExprKind::Index(..)
            | ExprKind::Not(_)
            | ExprKind::Negate(_)
            | ExprKind::Binary(..)
            | ExprKind::Conditional(..)
            | ExprKind::List(_)
            | ExprKind::Record(_)
            | ExprKind::Has(_)
            | ExprKind::Macro { .. }
            | ExprKind::Call { .. } => None,
        }
    }

    /// Every name that stands anywhere in it, macro variables included.
    pub(crate) fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.walk(&mut |expr| {
            if let ExprKind::Name(name) = &expr.kind {
                names.push(name.as_str());
            }
        });
        names
    }

    /// Every `name.field` that stands anywhere in it.
    pub(crate) fn fields_of(&self, name: &str) -> Vec<&str> {
        let mut fields = Vec::new();
        self.walk(&mut |expr| {
            if let ExprKind::Select(of, field) = &expr.kind
                && matches!(&of.kind, ExprKind::Name(found) if found == name)
            {
                fields.push(field.as_str());
            }
        });
        fields
    }

    /// Shows every node to `see`, parents first.
    fn walk<'e>(&'e self, see: &mut dyn FnMut(&'e Self)) {
        see(self);
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Name(_) => {}
            ExprKind::Select(of, _)
            | ExprKind::Not(of)
            | ExprKind::Negate(of)
            | ExprKind::Has(of) => of.walk(see),
            ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) => {
                a.walk(see);
                b.walk(see);
            }
            ExprKind::Conditional(a, b, c) => {
                a.walk(see);
                b.walk(see);
                c.walk(see);
            }
            ExprKind::List(items) | ExprKind::Call { args: items, .. } => {
                items.iter().for_each(|item| item.walk(see));
            }
            ExprKind::Record(entries) => entries.iter().for_each(|(_, entry)| entry.walk(see)),
            ExprKind::Macro { list, keep, body, .. } => {
                list.walk(see);
                if let Some(keep) = keep {
                    keep.walk(see);
                }
                body.walk(see);
            }
        }
    }
}
