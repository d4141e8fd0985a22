//! Paths into a document: `tags.location['plant-name'].floors[0]`.

/// A path: a first name, then steps. Made by the parser only, so that it prints as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    pub(super) first: String,
    pub(super) steps: Vec<Step>,
}

/// A step into a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// To the member of an object.
    Name(String),
    /// To the element of an array, from 0.
    Index(usize),
}

impl Path {
    /// The first name.
    pub fn first(&self) -> &str {
        &self.first
    }

    /// What follows it.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The last name: that of a column without alias.
    pub fn last_name(&self) -> &str {
        let names = self.steps.iter().rev().find_map(|step| match step {
            Step::Name(name) => Some(name),
            Step::Index(_) => None,
        });
        names.unwrap_or(&self.first)
    }
}
