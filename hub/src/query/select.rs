//! Queries of twins and jobs: which documents, which columns, in pages.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{
    Continuation, Document, Expr, Path, QueryError, Scope, Step, Term,
    eval::{number, order},
    parse::Parser,
    token::Dialect,
};

/// A query of twins or jobs. `Display` writes it as text again.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    pub(super) top: Option<u64>,
    pub(super) columns: Columns,
    pub(super) from: Collection,
    pub(super) condition: Option<Expr>,
    pub(super) group: Vec<Path>,
}

/// What documents a query runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// `devices`: device twins.
    Devices,
    /// `devices.modules`: module twins.
    Modules,
    /// `devices.jobs`: what a job did on a device, one document for each.
    Jobs,
}

/// The columns of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Columns {
    /// `*`: the whole document.
    All,
    /// Some of it, or aggregates.
    Some(Vec<Column>),
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What is made of the property's values in a group.
    pub aggregate: Option<Aggregate>,
    /// The property; `None` for `COUNT()` only.
    pub path: Option<Path>,
    /// What it is called.
    pub alias: Option<String>,
}

/// What is made of the values in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    /// `COUNT()`: documents; `COUNT(x)`: documents in which x is defined.
    Count,
    /// `AVG(x)` of its numbers.
    Average,
    /// `SUM(x)` of its numbers.
    Sum,
    /// `MIN(x)` of its numbers.
    Least,
    /// `MAX(x)` of its numbers.
    Greatest,
}

/// Some rows of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Value>,
    /// Where the next page begins, if there may be one.
    pub next: Option<Continuation>,
}

impl Aggregate {
    pub(super) fn named(name: &str) -> Option<Self> {
        let all = [
            Self::Count,
            Self::Average,
            Self::Sum,
            Self::Least,
            Self::Greatest,
        ];
        all.into_iter()
            .find(|known| known.name().eq_ignore_ascii_case(name))
    }

    fn of(self, path: Option<&Path>, documents: &[Value]) -> Option<Value> {
        let scopes = documents.iter().map(Document);
        let Some(path) = path else {
            return number(documents.len() as f64).map(Cow::into_owned);
        };
        if self == Self::Count {
            let defined = scopes.filter(|scope| scope.find(path).is_some());
            return number(defined.count() as f64).map(Cow::into_owned);
        }
        let values: Vec<Value> = scopes
            .filter_map(|scope| scope.find(path).map(Cow::into_owned))
            .filter(Value::is_number)
            .collect();
        let sum = || values.iter().filter_map(Value::as_f64).sum::<f64>();
        let better = |wanted| {
            values.iter().reduce(|best, value| {
                let better = order(value, best) == Some(wanted);
                if better { value } else { best }
            })
        };
        match self {
            Self::Count => None,
            Self::Sum => number(sum()).map(Cow::into_owned),
            Self::Average if values.is_empty() => None,
            Self::Average => number(sum() / values.len() as f64).map(Cow::into_owned),
            Self::Least => better(std::cmp::Ordering::Less).cloned(),
            Self::Greatest => better(std::cmp::Ordering::Greater).cloned(),
        }
    }
}

impl Collection {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Devices => "devices",
            Self::Modules => "devices.modules",
            Self::Jobs => "devices.jobs",
        }
    }
}

impl std::str::FromStr for Query {
    type Err = QueryError;
    fn from_str(text: &str) -> Result<Self, QueryError> {
        Parser::new(text, Dialect::Twins)?.query()
    }
}

/// A document of a collection, whose paths may begin with the collection's name.
struct Row<'a>(Collection, Document<'a>);

impl Scope for Row<'_> {
    fn find(&self, path: &Path) -> Term<'_> {
        self.1.find(path).or_else(|| {
            let own = within(self.0, path)?;
            self.1.find(&own)
        })
    }
}

/// `devices.jobs.jobId` is `jobId` of a document of `devices.jobs`.
fn within(from: Collection, path: &Path) -> Option<Path> {
    let prefix = from.name().split('.').count();
    let name = |n: usize| match n.checked_sub(1) {
        None => Some(path.first()),
        Some(n) => match path.steps().get(n)? {
            Step::Name(name) => Some(name.as_str()),
            Step::Index(_) => None,
        },
    };
    let mut words = from.name().split('.').enumerate();
    let same = words.all(|(n, word)| name(n).is_some_and(|own| own.eq_ignore_ascii_case(word)));
    let first = name(prefix).filter(|_| same)?.to_owned();
    let steps = path.steps().get(prefix..)?.to_vec();
    Some(Path { first, steps })
}

impl Query {
    /// What it runs over.
    pub fn collection(&self) -> Collection {
        self.from
    }

    /// The columns.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Whether the rows are the collection's own documents, as `SELECT *` gives them.
    pub fn is_whole(&self) -> bool {
        self.columns == Columns::All
    }

    fn aggregates(&self) -> bool {
        match &self.columns {
            Columns::All => false,
            Columns::Some(columns) => columns.iter().any(|column| column.aggregate.is_some()),
        }
    }

    /// What the grammar alone does not refuse.
    pub(super) fn check(&self) -> Result<(), String> {
        let grouped = self.aggregates() || !self.group.is_empty();
        if self.from == Collection::Jobs && (grouped || !self.is_whole()) {
            return Err("devices.jobs can be asked with SELECT * only".to_owned());
        }
        match &self.columns {
            Columns::All if grouped => {
                Err("GROUP BY needs columns: name the group's properties and aggregates".to_owned())
            }
            Columns::Some(columns) if grouped => {
                let lost = columns.iter().find(|column| {
                    let path = column.path.as_ref();
                    column.aggregate.is_none()
                        && !path.is_some_and(|path| self.group.contains(path))
                });
                match lost {
                    None => Ok(()),
                    Some(column) => Err(format!("{column} must be in GROUP BY or in an aggregate")),
                }
            }
            _ => Ok(()),
        }
    }

    /// Whether a document is selected.
    pub fn selects(&self, document: &Value) -> bool {
        let row = Row(self.from, Document(document));
        self.condition
            .as_ref()
            .is_none_or(|condition| condition.holds(&row))
    }

    /// Gives up to `size` rows.
    ///
    /// `documents` makes the collection's documents after a key (all for `None`), with their keys
    /// in ascending order; it is asked once, and read no further than the page needs, except by
    /// aggregates.
    pub fn page<I>(
        &self,
        size: usize,
        from: Option<&Continuation>,
        documents: impl FnOnce(Option<&str>) -> I,
    ) -> Page
    where
        I: IntoIterator<Item = (String, Value)>,
    {
        let given = from.map_or(0, |from| from.rows);
        let left = self.top.map_or(u64::MAX, |top| top.saturating_sub(given));
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(size.max(1));
        if self.aggregates() || !self.group.is_empty() {
            let rows = self.groups(documents(None));
            let skip = usize::try_from(given).unwrap_or(usize::MAX);
            let more = rows.len().saturating_sub(skip) > size && left > size as u64;
            let rows: Vec<_> = rows.into_iter().skip(skip).take(size).collect();
            let next = more.then(|| Continuation {
                rows: given + rows.len() as u64,
                after: None,
            });
            return Page { rows, next };
        }
        let after = from.and_then(|from| from.after.as_deref());
        let mut rows = Vec::new();
        let mut last = None;
        for (key, document) in documents(after) {
            if !self.selects(&document) {
                continue;
            }
            if rows.len() == size {
                let next = Continuation {
                    rows: given + size as u64,
                    after: last,
                };
                let next = (left > size as u64).then_some(next);
                return Page { rows, next };
            }
            rows.push(self.projected(document));
            last = Some(key);
        }
        Page { rows, next: None }
    }

    fn projected(&self, document: Value) -> Value {
        let Columns::Some(columns) = &self.columns else {
            return document;
        };
        let scope = Document(&document);
        let row = Row(self.from, scope);
        let mut made = Map::new();
        for column in columns {
            let Some(path) = &column.path else { continue };
            if let Some(value) = row.find(path) {
                let name = column.name(scope, path);
                made.insert(name, value.into_owned());
            }
        }
        Value::Object(made)
    }

    /// One row for each group, in the order in which the groups come up.
    fn groups(&self, documents: impl IntoIterator<Item = (String, Value)>) -> Vec<Value> {
        let mut groups: Vec<(Vec<Option<Value>>, Vec<Value>)> = Vec::new();
        let mut places = std::collections::BTreeMap::new();
        for (_, document) in documents {
            if !self.selects(&document) {
                continue;
            }
            let row = Row(self.from, Document(&document));
            let values = self
                .group
                .iter()
                .map(|path| row.find(path).map(Cow::into_owned));
            let values: Vec<Option<Value>> = values.collect();
            let text = values
                .iter()
                .map(|value| value.as_ref().map(Value::to_string));
            let place = *places
                .entry(text.collect::<Vec<_>>())
                .or_insert(groups.len());
            if place == groups.len() {
                groups.push((values, Vec::new()));
            }
            groups[place].1.push(document);
        }
        if groups.is_empty() && self.group.is_empty() {
            // Without groups there is one row, whatever was found.
            groups.push((Vec::new(), Vec::new()));
        }
        let rows = groups
            .iter()
            .map(|(values, documents)| self.group_row(values, documents));
        rows.collect()
    }

    fn group_row(&self, values: &[Option<Value>], documents: &[Value]) -> Value {
        let Columns::Some(columns) = &self.columns else {
            return Value::Null;
        };
        let (mut made, mut unnamed) = (Map::new(), 0);
        for column in columns {
            let path = column.path.as_ref();
            let (name, value) = match (column.aggregate, path) {
                (Some(aggregate), _) => {
                    let path = path.map(|path| within(self.from, path).unwrap_or(path.clone()));
                    unnamed += usize::from(column.alias.is_none());
                    let name = column
                        .alias
                        .clone()
                        .unwrap_or_else(|| format!("${unnamed}"));
                    (name, aggregate.of(path.as_ref(), documents))
                }
                (None, Some(path)) => {
                    let place = self.group.iter().position(|own| own == path);
                    let value = place.and_then(|place| values.get(place).cloned().flatten());
                    let first = documents.first().unwrap_or(&Value::Null);
                    (column.name(Document(first), path), value)
                }
                (None, None) => continue,
            };
            if let Some(value) = value {
                made.insert(name, value);
            }
        }
        Value::Object(made)
    }
}

impl Column {
    /// What it is called in a row: its alias, else its last name, as the document writes it.
    fn name(&self, document: Document<'_>, path: &Path) -> String {
        if let Some(alias) = &self.alias {
            return alias.clone();
        }
        let name = path.last_name();
        let own = document.own_name(name).filter(|_| path.steps().is_empty());
        own.unwrap_or(name).to_owned()
    }
}
