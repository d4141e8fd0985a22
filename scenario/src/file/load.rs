//! From files to cases: includes, variables, matrix.

use std::{
    ops::Range,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};
use twinbench_model::VirtualDuration;

use super::{
    Known, Matrix, ScenarioFile, VERSION,
    check::Compiler,
    names::{Mention, check_names},
    variables::{Values, replace},
};
use crate::{
    diagnostic::{FileError, nearest_or_list, position},
    plan::{Invariant, PlannedFault, Step},
};

pub use crate::plan::Place;

/// Reads a file for the loader: scenario files, included ones and stimuli.
pub type Reader<'a> = dyn FnMut(&Path) -> Result<String, String> + 'a;

/// How many cases a matrix may make.
const MOST_CASES: usize = 10_000;

/// A file's text with its path.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Parsed {
    pub(crate) fn place(&self, span: &Range<usize>) -> Place {
        let (line, column) = position(&self.text, span.start);
        Place {
            path: self.path.clone(),
            line,
            column,
        }
    }

    /// A path that this file names.
    pub(crate) fn beside(&self, path: &Path) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }

    fn error(&self, span: Range<usize>, message: impl Into<String>) -> FileError {
        FileError::at(&self.path, &self.text, Some(span), message)
    }
}

/// A scenario file with its cases: one, or one for every combination of its matrix.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The file.
    pub path: PathBuf,
    /// The scenario's name.
    pub name: String,
    /// The cases, in the file's order.
    pub cases: Vec<Case>,
}

/// One scenario on one bench with one seed.
#[derive(Debug, Clone)]
pub struct Case {
    /// The scenario's name, and what of the matrix makes this case: `alert [seed=2]`.
    pub name: String,
    /// What it is about.
    pub description: Option<String>,
    /// The scenario file.
    pub path: PathBuf,
    /// Where the scenario names itself.
    pub place: Place,
    /// The bench file.
    pub bench: PathBuf,
    /// The seed, instead of the bench file's.
    pub seed: Option<u64>,
    /// The backend of devices with firmware, instead of the bench file's.
    pub backend: Option<String>,
    /// The application's profile, instead of the bench file's.
    pub profile: Option<String>,
    /// Whether it must fail: its profile has a defect that the scenario shows.
    pub must_fail: bool,
    /// How long it goes on at least.
    pub length: VirtualDuration,
    /// The steps.
    pub steps: Vec<Step>,
    /// The faults.
    pub faults: Vec<PlannedFault>,
    /// What must hold all the time.
    pub always: Vec<Invariant>,
    /// Parts of the stream that must be as they were kept.
    pub goldens: Vec<PlannedGolden>,
    bench_span: Range<usize>,
    files: Vec<Parsed>,
    mentions: Vec<Mention>,
}

/// A part of the canonical stream that must be as it was kept.
#[derive(Debug, Clone)]
pub struct PlannedGolden {
    /// The file.
    pub file: PathBuf,
    /// Channels, exact or patterns with `*`.
    pub channels: Vec<String>,
    /// Where it is named.
    pub place: Place,
}

impl Case {
    /// Refuses names of devices, sensors and metrics that the bench does not have.
    ///
    /// # Errors
    /// With the place of the first of them, and the nearest name.
    pub fn check(&self, known: &Known) -> Result<(), FileError> {
        check_names(&self.files, &self.mentions, known)
    }

    /// An error at the place of the bench's name, for what only the bench can refuse.
    pub fn bench_error(&self, message: impl Into<String>) -> FileError {
        let text = self.files.last().map_or("", |file| file.text.as_str());
        FileError::at(&self.path, text, Some(self.bench_span.clone()), message)
    }
}

/// What is needed before the types are read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    #[serde(default)]
    include: Vec<Spanned<PathBuf>>,
    #[serde(default)]
    matrix: Vec<Matrix>,
}

/// One combination of the matrix.
#[derive(Debug, Clone, Default)]
struct Combination<'m, 'i> {
    bench: Option<&'m Spanned<PathBuf>>,
    seed: Option<u64>,
    backend: Option<&'m str>,
    profile: Option<&'m str>,
    values: Vec<(&'m str, DeValue<'i>)>,
    label: Vec<String>,
}

impl Suite {
    /// Reads a scenario file with everything it names, through `read`.
    ///
    /// # Errors
    /// The first mistake, with file, line, column and what to do.
    pub fn load(path: &Path, read: &mut Reader<'_>) -> Result<Self, FileError> {
        let mut files = Vec::new();
        let text = read(path).map_err(|cause| {
            FileError::unreadable(path, "scenario file", &cause)
                .help("give the path of a scenario file, such as fixtures/scenarios/alert.toml")
        })?;
        let main = Parsed {
            path: path.to_owned(),
            text,
        };
        gather(main, &mut Vec::new(), &mut files, read)?;
        let mut trees = Vec::new();
        for file in &files {
            trees.push(parse(file)?);
        }
        // The file itself comes after what it includes.
        let (Some(main), Some(tree)) = (files.last(), trees.last()) else {
            return Err(FileError::unreadable(path, "scenario file", &"it is empty"));
        };
        let head: Head = Head::deserialize(Deserializer::from(tree.clone()))
            .map_err(|cause| FileError::toml(&main.path, &main.text, &cause))?;
        let mut values = Values::new();
        for tree in &trees {
            if let Some(table) =
                member(tree.get_ref(), "variables").and_then(|it| it.get_ref().as_table())
            {
                for (name, value) in table {
                    values.insert(name.get_ref().to_string(), value.get_ref().clone());
                }
            }
        }
        let mut cases = Vec::new();
        let mut name = String::new();
        for combination in combinations(main, tree.get_ref(), &head.matrix, &values)? {
            let case = case(&files, &trees, &values, &combination, read)?;
            if name.is_empty() {
                name.clone_from(&case.0);
            }
            cases.push(case.1);
        }
        Ok(Self {
            path: path.to_owned(),
            name,
            cases,
        })
    }
}

/// Adds what a file includes, and then the file.
fn gather(
    file: Parsed,
    above: &mut Vec<PathBuf>,
    files: &mut Vec<Parsed>,
    read: &mut Reader<'_>,
) -> Result<(), FileError> {
    let tree = parse(&file)?;
    let head: Head = Head::deserialize(Deserializer::from(tree))
        .map_err(|cause| FileError::toml(&file.path, &file.text, &cause))?;
    above.push(file.path.clone());
    for include in head.include {
        let path = file.beside(include.get_ref());
        if above.contains(&path) {
            return Err(file
                .error(
                    include.span(),
                    format!("{} includes itself", path.display()),
                )
                .help("remove one of the includes of the circle"));
        }
        // What several files include is there once.
        if files.iter().any(|known| known.path == path) {
            continue;
        }
        let text = read(&path).map_err(|cause| {
            file.error(
                include.span(),
                format!("included file {} cannot be read: {cause}", path.display()),
            )
            .help("the path is relative to the file that includes it")
            .missing()
        })?;
        gather(Parsed { path, text }, above, files, read)?;
    }
    above.pop();
    files.push(file);
    Ok(())
}

fn parse(file: &Parsed) -> Result<Spanned<DeTable<'_>>, FileError> {
    DeTable::parse(&file.text).map_err(|cause| FileError::toml(&file.path, &file.text, &cause))
}

fn member<'t, 'i>(table: &'t DeTable<'i>, name: &str) -> Option<&'t Spanned<DeValue<'i>>> {
    table
        .iter()
        .find(|(key, _)| key.get_ref() == name)
        .map(|(_, value)| value)
}

/// Every combination of every table of the matrix; one empty one without a matrix.
fn combinations<'m, 'i>(
    file: &Parsed,
    tree: &DeTable<'i>,
    matrix: &'m [Matrix],
    known: &Values<'i>,
) -> Result<Vec<Combination<'m, 'i>>, FileError> {
    if matrix.is_empty() {
        return Ok(vec![Combination::default()]);
    }
    let tables = member(tree, "matrix").and_then(|it| it.get_ref().as_array());
    let mut all = Vec::new();
    for (n, table) in matrix.iter().enumerate() {
        let written = tables.and_then(|tables| tables.get(n));
        let span = written.map_or(0..0, Spanned::span);
        let mut these = vec![Combination::default()];
        if !table.bench.is_empty() {
            these = times(&these, &&table.bench, |it, bench| {
                let stem = bench
                    .get_ref()
                    .file_stem()
                    .unwrap_or_default()
                    .to_string_lossy();
                it.label.push(format!("bench={stem}"));
                it.bench = Some(bench);
            });
        }
        if !table.backend.is_empty() {
            these = times(&these, &&table.backend, |it, backend| {
                it.label.push(format!("backend={backend}"));
                it.backend = Some(backend);
            });
        }
        if !table.profile.is_empty() {
            these = times(&these, &&table.profile, |it, profile| {
                it.label.push(format!("profile={profile}"));
                it.profile = Some(profile);
            });
        }
        if !table.seed.is_empty() {
            these = times(&these, &&table.seed, |it, seed| {
                it.label.push(format!("seed={seed}"));
                it.seed = Some(*seed);
            });
        }
        let variables = written
            .and_then(|it| it.get_ref().as_table())
            .and_then(|table| member(table, "variables"))
            .and_then(|it| it.get_ref().as_table());
        for name in table.variables.keys() {
            if !known.contains_key(name) {
                let names: Vec<&str> = known.keys().map(String::as_str).collect();
                return Err(file
                    .error(
                        span,
                        format!("the matrix varies {name:?}, which is no variable"),
                    )
                    .help(nearest_or_list(name, "variables", &names)));
            }
            let list = variables
                .and_then(|table| member(table, name))
                .and_then(|it| it.get_ref().as_array());
            let Some(list) = list.filter(|list| !list.is_empty()) else {
                return Err(file.error(span, format!("the matrix has no value for {name:?}")));
            };
            these = times(&these, &list.iter(), |it, value| {
                let shown: String = file.text.get(value.span()).unwrap_or_default().into();
                it.label
                    .push(format!("{name}={}", shown.trim_matches(['"', '\''])));
                it.values.push((name, value.get_ref().clone()));
            });
        }
        all.append(&mut these);
        if all.len() > MOST_CASES {
            return Err(file.error(
                span,
                format!("the matrix makes more than {MOST_CASES} cases"),
            ));
        }
    }
    Ok(all)
}

fn times<'m, 'i, T>(
    these: &[Combination<'m, 'i>],
    values: &(impl IntoIterator<Item = T> + Clone),
    set: impl Fn(&mut Combination<'m, 'i>, T),
) -> Vec<Combination<'m, 'i>> {
    let mut all = Vec::new();
    for one in these {
        for value in values.clone() {
            let mut one = one.clone();
            set(&mut one, value);
            all.push(one);
        }
    }
    all
}

/// One case; with the scenario's name.
fn case<'i>(
    files: &'i [Parsed],
    trees: &[Spanned<DeTable<'i>>],
    values: &Values<'i>,
    combination: &Combination<'_, 'i>,
    read: &mut Reader<'_>,
) -> Result<(String, Case), FileError> {
    let mut values = values.clone();
    for (name, value) in &combination.values {
        values.insert((*name).to_owned(), value.clone());
    }
    let (mut steps, mut faults, mut always) = (Vec::new(), Vec::new(), Vec::new());
    let (mut mentions, mut goldens) = (Vec::new(), Vec::new());
    let mut last = None;
    for (index, (file, tree)) in files.iter().zip(trees).enumerate() {
        let mut tree = tree.clone();
        replace(tree.get_mut(), &values).map_err(|unknown| {
            let names: Vec<&str> = values.keys().map(String::as_str).collect();
            file.error(
                unknown.span,
                format!("variable {:?} has no value", unknown.name),
            )
            .help(nearest_or_list(&unknown.name, "variables", &names))
        })?;
        let content = ScenarioFile::deserialize(Deserializer::from(tree))
            .map_err(|cause| FileError::toml(&file.path, &file.text, &cause))?;
        check_head(file, &content)?;
        let mut compiler = Compiler {
            file,
            index,
            mentions: &mut mentions,
            read,
        };
        for step in &content.step {
            steps.push(compiler.step(step)?);
        }
        for fault in &content.fault {
            faults.push(compiler.fault(fault)?);
        }
        for golden in &content.golden {
            goldens.push(PlannedGolden {
                file: file.beside(golden.file.get_ref()),
                channels: golden.channels.clone(),
                place: file.place(&golden.file.span()),
            });
        }
        for invariant in &content.always {
            always.push(compiler.always(invariant)?);
        }
        last = Some((file, content));
    }
    let Some((file, content)) = last else {
        return Err(FileError::unreadable(
            Path::new(""),
            "scenario file",
            &"it is empty",
        ));
    };
    let name = content.name.as_ref().map_or_else(
        || {
            file.path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        },
        |name| name.get_ref().clone(),
    );
    let span = content.name.as_ref().map_or(0..0, Spanned::span);
    let Some(bench) = combination.bench.or(content.bench.as_ref()) else {
        return Err(file
            .error(
                content.version.span(),
                "on which bench? there is no `bench`",
            )
            .help("add `bench = \"path/to/bench.toml\"`, relative to this file"));
    };
    if steps.is_empty() && always.is_empty() && goldens.is_empty() {
        return Err(file
            .error(span, "the scenario does nothing")
            .help("add a [[step]] or an [[always]] table"));
    }
    let label = if combination.label.is_empty() {
        name.clone()
    } else {
        format!("{name} [{}]", combination.label.join(" "))
    };
    let profile = combination.profile.map(str::to_owned);
    let case = Case {
        name: label,
        description: content.description,
        path: file.path.clone(),
        place: file.place(&bench.span()),
        bench: file.beside(bench.get_ref()),
        bench_span: bench.span(),
        seed: combination.seed.or(content.seed),
        backend: combination.backend.map(str::to_owned),
        must_fail: profile
            .as_ref()
            .is_some_and(|it| content.fails_in.contains(it)),
        profile,
        length: content.length.unwrap_or_default(),
        steps,
        faults,
        always,
        goldens,
        files: files.to_vec(),
        mentions,
    };
    Ok((name, case))
}

fn check_head(file: &Parsed, content: &ScenarioFile) -> Result<(), FileError> {
    let version = &content.version;
    if *version.get_ref() != VERSION {
        return Err(file
            .error(
                version.span(),
                format!("version {} is not known", version.get_ref()),
            )
            .help(format!("this program reads version {VERSION}")));
    }
    if let Some(name) = &content.name
        && (name.get_ref().trim().is_empty() || name.get_ref().contains(['\n', '\r']))
    {
        return Err(file
            .error(name.span(), format!("{:?} is no name", name.get_ref()))
            .help("give it a short name in one line"));
    }
    Ok(())
}
