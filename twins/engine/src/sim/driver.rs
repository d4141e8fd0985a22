//! Clients, time, commits and crashes, from one seed.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde_json::{Value, json};
use twinbench_model::{Table, VirtualDuration, VirtualTime};

use super::{
    Failure, Report, checks,
    model::{Expected, Model, Times},
    workers::Workers,
    world::{self, Here, Line, book, fleeting},
};
use crate::{
    ClientFaults, Engine, InstanceError, Limits, StartRequest, Status,
    store::{MemoryStore, Store},
};

const BOOKS: [&str; 5] = ["", "a", "b", "c@d", "e"];
/// After so many rounds a run that has not come to its end never will.
const MOST_ROUNDS: usize = 20_000;

/// Random decisions.
pub(super) struct Chance(ChaCha8Rng);

impl Chance {
    /// A number below another.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end.max(1)
    }

    pub(super) fn one_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len() as u64) as usize]
    }
}

pub(super) struct Run {
    seed: u64,
    chance: Chance,
    here: Here,
    limits: Limits,
    faults: ClientFaults,
    check_replays: bool,
    /// Whether the sick are cured.
    well: Arc<AtomicBool>,
    engine: Engine,
    store: MemoryStore,
    model: Model,
    /// The model at the last commit.
    saved: Model,
    workers: Workers,
    now: VirtualTime,
    mark: i64,
    report: Report,
}

impl Run {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance(ChaCha8Rng::seed_from_u64(seed));
        let here = match chance.below(4) {
            0 => Here::ALL,
            1 => Here {
                entities: false,
                orchestrations: false,
                activities: false,
            },
            2 => Here {
                entities: false,
                ..Here::ALL
            },
            _ => Here {
                orchestrations: false,
                activities: false,
                ..Here::ALL
            },
        };
        let limits = Limits {
            batch: 1 + chance.below(12) as usize,
            // How often work may be lost is another test's question.
            losses: u32::MAX,
            ..Limits::default()
        };
        let mut faults = ClientFaults::default();
        if chance.one_in(4) {
            faults = ClientFaults {
                seed,
                reorder: Some(VirtualDuration::from_millis(30)),
                duplicate: 0.2,
            };
        }
        let check_replays = chance.one_in(8);
        let well = Arc::new(AtomicBool::new(false));
        let workers = Workers::new(world::functions(Here::ALL, &well));
        let mut run = Self {
            seed,
            chance,
            here,
            limits,
            faults,
            check_replays,
            well,
            engine: Engine::builder().build(),
            store: MemoryStore::new(),
            model: Model::default(),
            saved: Model::default(),
            workers,
            now: VirtualTime::from_secs(1),
            mark: 0,
            report: Report::default(),
        };
        run.engine = run.fresh();
        run
    }

    pub(super) fn through(mut self, steps: usize) -> Result<Report, Failure> {
        let done = self.go(steps);
        self.report.items = self.workers.items;
        self.report.items_lost = self.workers.lost;
        match done {
            Ok(()) => Ok(self.report),
            Err(what) => Err(Failure {
                seed: self.seed,
                step: self.report.steps,
                what,
            }),
        }
    }

    fn go(&mut self, steps: usize) -> Result<(), String> {
        for _ in 0..steps {
            self.report.steps += 1;
            self.step()?;
        }
        self.finish()?;
        checks::messages(&self.engine, &self.model, &BOOKS)?;
        if !self.is_unruly() {
            checks::sums(&self.engine, &self.model)?;
        }
        for (id, expected) in &self.model.instances {
            let instance = self.engine.instance(id);
            let instance = instance.ok_or_else(|| format!("{id:?} is not there"))?;
            checks::ended(instance, expected)?;
        }
        if let Some(it) = self.engine.instances().find(|it| !it.status().is_final()) {
            return Err(format!("in the end {it:?} has not ended"));
        }
        checks::nothing_left(&self.engine)?;
        self.report.messages = self.model.marks.len();
        self.clear_away()
    }

    fn fresh(&self) -> Engine {
        let Here {
            entities,
            orchestrations,
            activities,
        } = self.here;
        Engine::builder()
            .functions(world::functions(self.here, &self.well))
            .remote(!(entities && orchestrations && activities))
            .limits(self.limits)
            .faults(self.faults)
            .check_replays(self.check_replays)
            .journal(false)
            .build()
    }

    fn is_unruly(&self) -> bool {
        self.faults != ClientFaults::default()
    }

    fn next_mark(&mut self) -> i64 {
        self.mark += 2;
        self.mark
    }

    fn step(&mut self) -> Result<(), String> {
        match self.chance.below(100) {
            0..22 => self.signal()?,
            22..25 => self.tell_a_fleeting_one()?,
            25..34 => self.start()?,
            34..40 => self.raise()?,
            40..43 => self.suspend()?,
            43..46 => self.resume()?,
            46..48 => self.terminate()?,
            48..50 => self.purge()?,
            50 => self.rewind()?,
            51 => {
                self.engine.clean_entities(true, true, self.now);
            }
            52..62 => self.engine.run(self.now),
            62..68 => {
                self.pass_time();
                self.engine.run(self.now);
            }
            68..88 => self
                .workers
                .step(&mut self.engine, self.now, &mut self.chance)?,
            88..99 => {
                // Crashes at every boundary: before, after, and for one part in neither.
                match self.chance.below(6) {
                    0 => self.crash()?,
                    1 => {
                        self.commit()?;
                        self.crash()?;
                    }
                    _ => self.commit()?,
                }
            }
            _ => self.crash()?,
        }
        Ok(())
    }

    fn pass_time(&mut self) {
        let timer = self.engine.next_timer().filter(|_| self.chance.one_in(2));
        self.now = match timer {
            Some(due) => self.now.max(due),
            None => self.now + VirtualDuration::from_millis(self.chance.below(40)),
        };
    }

    fn commit(&mut self) -> Result<(), String> {
        let mut records = Vec::new();
        self.engine.drain_records(&mut records);
        self.store
            .commit(&records)
            .map_err(|error| error.to_string())?;
        self.saved = self.model.clone();
        self.report.commits += 1;
        if self.chance.one_in(12) {
            let restored = self.restored()?;
            checks::alike(&self.engine, &restored)?;
        }
        Ok(())
    }

    fn restored(&mut self) -> Result<Engine, String> {
        let mut engine = self.fresh();
        let rows = self.store.load(Table::Engine);
        engine
            .restore(rows.map_err(|error| error.to_string())?)
            .map_err(|error| error.to_string())?;
        Ok(engine)
    }

    /// What was not committed is gone, for clients too: it was not acknowledged.
    fn crash(&mut self) -> Result<(), String> {
        self.report.crashes += 1;
        self.engine = self.restored()?;
        self.model = self.saved.clone();
        self.workers.crash();
        Ok(())
    }

    fn signal(&mut self) -> Result<(), String> {
        let (key, to) = (self.chance.of(&BOOKS), self.chance.of(&BOOKS));
        let (mark, now) = (self.next_mark(), self.now);
        let unruly = self.is_unruly();
        let times = if unruly {
            Times::OnceOrMore
        } else {
            Times::Once
        };
        let (operation, input) = match self.chance.below(12) {
            0 => ("throw", json!([to, mark])),
            1 | 2 => {
                self.model.told(key, mark, times, !unruly);
                self.model.passes(key, to, mark, times);
                ("pass", json!([to, mark]))
            }
            3 => {
                self.model.told(key, mark, times, false);
                ("later", json!([mark, self.chance.below(200)]))
            }
            4 => {
                self.model.told(to, mark, times, false);
                ("begin", json!([[to, mark]]))
            }
            5 => {
                // Scheduled ones are not touched by the faults of clients, and have no order.
                let due = now + VirtualDuration::from_millis(self.chance.below(200));
                let times = if due > now { Times::Once } else { times };
                self.model.told(key, mark, times, false);
                return self
                    .engine
                    .signal_at(&book(key), "write", json!(mark), due, now)
                    .map_err(|error| error.to_string());
            }
            _ => {
                self.model.told(key, mark, times, !unruly);
                ("write", json!(mark))
            }
        };
        self.engine
            .signal(&book(key), operation, input, now)
            .map_err(|error| error.to_string())
    }

    fn tell_a_fleeting_one(&mut self) -> Result<(), String> {
        let key = self.chance.of(&["x", "y"]);
        let number = (!self.chance.one_in(3)).then(|| self.chance.below(20) as i64 + 1);
        self.model.adds(key, number);
        let operation = if number.is_some() { "add" } else { "delete" };
        self.engine
            .signal(&fleeting(key), operation, json!(number), self.now)
            .map_err(|error| error.to_string())
    }

    /// Different books, at least one.
    fn some_books(&mut self) -> Vec<&'static str> {
        let chosen: Vec<_> = BOOKS
            .into_iter()
            .filter(|_| self.chance.one_in(3))
            .collect();
        if chosen.is_empty() {
            vec![BOOKS[1]]
        } else {
            chosen
        }
    }

    fn start(&mut self) -> Result<(), String> {
        let reused = self.chance.one_in(5).then(|| self.any_instance()).flatten();
        let id = match reused {
            Some(id) => {
                let Some(instance) = self.engine.instance(&id) else {
                    return Err(format!("{id:?} is not there"));
                };
                if !instance.status().is_final() {
                    let again = self.engine.start("Chain", Some(&id), json!(1), self.now);
                    return match again {
                        Err(crate::StartError::Exists(_)) => Ok(()),
                        other => Err(format!("{id:?} is at work and started: {other:?}")),
                    };
                }
                if let Some(expected) = self.model.instances.get(&id) {
                    checks::ended(instance, expected)?;
                }
                id
            }
            None => format!("i{}", self.next_mark()),
        };
        let (mut expected, input) = self.something();
        let delay = VirtualDuration::from_millis(self.chance.below(100));
        let request = StartRequest {
            instance: Some(id.clone()),
            input: Some(input.into()),
            scheduled_start: self.chance.one_in(5).then(|| self.now + delay),
            ..StartRequest::new(expected.name)
        };
        expected.suspended = false;
        self.model.started(&id, expected);
        self.report.orchestrations += 1;
        self.engine
            .start_with(request, self.now)
            .map_err(|error| error.to_string())?;
        Ok(())
    }

    /// An orchestration with its input, and what it has to come to.
    fn something(&mut self) -> (Expected, Value) {
        let n = self.chance.below(1000) as i64;
        let key = self.chance.of(&BOOKS).to_owned();
        let mut rounds = 0;
        let (name, output, lines, input): (_, _, Vec<Line>, _) = match self.chance.below(8) {
            0 => ("Chain", json!(n * 4), Vec::new(), json!(n)),
            1 | 2 => {
                let many = 1 + self.chance.below(12);
                let lines: Vec<Line> = (0..many)
                    .map(|_| (self.chance.of(&BOOKS).to_owned(), self.next_mark()))
                    .collect();
                let input = json!(lines);
                ("Tell", json!(lines.len()), lines, input)
            }
            3 => {
                let (keys, mark) = (self.some_books(), self.next_mark());
                let both = |key: &&str| [((*key).to_owned(), mark), ((*key).to_owned(), mark + 1)];
                let lines = keys.iter().flat_map(both).collect();
                ("Lock", Value::Null, lines, json!([keys, mark]))
            }
            4 | 5 => {
                rounds = 1 + self.chance.below(6) as usize;
                let anew = self.chance.one_in(2);
                (
                    "Collect",
                    Value::Null,
                    Vec::new(),
                    json!([rounds, anew, []]),
                )
            }
            6 => {
                let children = self.chance.below(4) as i64;
                let sum: i64 = (n..n + children).map(|n| n * 4).sum();
                ("Parent", json!(sum - 1), Vec::new(), json!([n, children]))
            }
            _ => {
                let mark = self.next_mark();
                let name = self.chance.of(&["Sick", "Ward"]);
                let line = (key, mark);
                let input = json!(line);
                (name, json!(mark), vec![line], input)
            }
        };
        let expected = Expected {
            name,
            output,
            lines,
            rounds,
            events: Vec::new(),
            terminated: false,
            suspended: false,
        };
        (expected, input)
    }

    fn any_instance(&mut self) -> Option<String> {
        let many = self.model.instances.len() as u64;
        let place = self.chance.below(many) as usize;
        self.model.instances.keys().nth(place).cloned()
    }

    fn status(&self, id: &str) -> Result<Status, String> {
        let instance = self.engine.instance(id);
        instance
            .map(crate::Instance::status)
            .ok_or_else(|| format!("{id:?} is not there"))
    }

    fn raise(&mut self) -> Result<(), String> {
        let waiting = self.model.instances.iter();
        let waiting: Vec<_> = waiting
            .filter(|(_, it)| it.rounds > it.events.len())
            .map(|(id, _)| id.clone())
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let id = waiting[self.chance.below(waiting.len() as u64) as usize].clone();
        self.raise_for(&id)
    }

    fn raise_for(&mut self, id: &str) -> Result<(), String> {
        let (was, number) = (self.status(id)?, self.next_mark());
        let event = Some(json!(number).into());
        // In any case: that does not count.
        let name = self.chance.of(&["Go", "GO", "go"]);
        let result = self.engine.raise_event(id, name, event, self.now);
        if taken(id, &result, was)?
            && let Some(expected) = self.model.instances.get_mut(id)
        {
            expected.events.push(number);
        }
        Ok(())
    }

    fn suspend(&mut self) -> Result<(), String> {
        let Some(id) = self.any_instance() else {
            return Ok(());
        };
        let was = self.status(&id)?;
        let result = self.engine.suspend(&id, None, self.now);
        if taken(&id, &result, was)?
            && let Some(expected) = self.model.instances.get_mut(&id)
        {
            expected.suspended = true;
        }
        Ok(())
    }

    fn resume(&mut self) -> Result<(), String> {
        let suspended = self.model.instances.iter();
        let mut suspended = suspended.filter(|(_, it)| it.suspended);
        let Some(id) = suspended.next().map(|(id, _)| id.clone()) else {
            return Ok(());
        };
        let was = self.status(&id)?;
        let result = self.engine.resume_instance(&id, None, self.now);
        taken(&id, &result, was)?;
        if let Some(expected) = self.model.instances.get_mut(&id) {
            expected.suspended = false;
        }
        Ok(())
    }

    fn terminate(&mut self) -> Result<(), String> {
        let Some(id) = self.any_instance() else {
            return Ok(());
        };
        let was = self.status(&id)?;
        let recurse = self.chance.one_in(2);
        let result = self.engine.terminate(&id, None, recurse, self.now);
        if taken(&id, &result, was)? {
            self.model.terminated(&id);
            if self.status(&id)? != Status::Terminated {
                return Err(format!("{id:?} was terminated and goes on"));
            }
        }
        Ok(())
    }

    fn purge(&mut self) -> Result<(), String> {
        let Some(id) = self.any_instance() else {
            return Ok(());
        };
        let was = self.status(&id)?;
        if was.is_final()
            && let (Some(instance), Some(expected)) =
                (self.engine.instance(&id), self.model.instances.get(&id))
        {
            checks::ended(instance, expected)?;
        }
        let recurse = self.chance.one_in(2);
        let purged = self.engine.purge(&id, recurse);
        if (purged > 0) != was.is_final() {
            return Err(format!("{id:?} was {}, {purged} were purged", was.name()));
        }
        if purged > 0 {
            self.model.instances.remove(&id);
        }
        Ok(())
    }

    fn rewind(&mut self) -> Result<(), String> {
        let Some(id) = self.any_instance() else {
            return Ok(());
        };
        let was = self.status(&id)?;
        match (self.engine.rewind(&id, None, self.now), was) {
            (Ok(()), Status::Failed) => Ok(()),
            (Err(InstanceError::NotFailed(..)), was) if was != Status::Failed => Ok(()),
            (result, was) => Err(format!("{id:?} was {} and answered {result:?}", was.name())),
        }
    }

    /// No more faults than a crash now and then: everything comes to its end.
    fn finish(&mut self) -> Result<(), String> {
        self.well.store(true, Ordering::Relaxed);
        for _ in 0..MOST_ROUNDS {
            self.engine.run(self.now);
            self.commit()?;
            if self.chance.one_in(40) {
                self.crash()?;
                continue;
            }
            let mut busy = self
                .workers
                .finish(&mut self.engine, self.now, &mut self.chance)?;
            busy |= self.help()?;
            let timers = [self.engine.next_timer(), self.engine.next_offer()];
            match timers.into_iter().flatten().min() {
                _ if busy => {}
                Some(due) => self.now = self.now.max(due),
                None => return Ok(()),
            }
        }
        let waits = self.engine.instances().find(|it| !it.status().is_final());
        Err(format!(
            "it does not come to an end: {waits:?} waits, the next timer is {:?} at {}",
            self.engine.next_timer(),
            self.now
        ))
    }

    /// Does what those wait for who do not end by themselves. False when nobody needs it.
    fn help(&mut self) -> Result<bool, String> {
        let mut some = false;
        let ids: Vec<_> = self.model.instances.keys().cloned().collect();
        for id in ids {
            let status = self.status(&id)?;
            let Some(expected) = self.model.instances.get(&id) else {
                continue;
            };
            let (suspended, missing) = (
                expected.suspended,
                expected.rounds.saturating_sub(expected.events.len()),
            );
            if status == Status::Failed && matches!(expected.name, "Sick" | "Ward") {
                self.engine
                    .rewind(&id, None, self.now)
                    .map_err(|error| error.to_string())?;
                some = true;
            }
            if status.is_final() {
                continue;
            }
            for _ in 0..missing {
                self.raise_for(&id)?;
                some = true;
            }
            if suspended {
                self.engine
                    .resume_instance(&id, None, self.now)
                    .map_err(|error| error.to_string())?;
                if let Some(expected) = self.model.instances.get_mut(&id) {
                    expected.suspended = false;
                }
                some = true;
            }
        }
        let (_, released) = self.engine.clean_entities(true, true, self.now);
        Ok(some || released > 0)
    }

    /// When everything is purged, nothing of it is stored.
    fn clear_away(&mut self) -> Result<(), String> {
        let ids: Vec<_> = self
            .engine
            .instances()
            .map(|it| it.id().to_owned())
            .collect();
        for id in ids {
            self.engine.purge(&id, false);
        }
        for key in BOOKS {
            self.engine.purge_entity(&book(key));
        }
        for key in ["x", "y"] {
            self.engine.purge_entity(&fleeting(key));
        }
        self.commit()?;
        let rows = self
            .store
            .load(Table::Engine)
            .map_err(|error| error.to_string())?;
        let kept = |key: &[u8]| matches!(key, [b'g'] | [b's', _]);
        match rows.iter().find(|(key, _)| !kept(key)) {
            Some((key, _)) => Err(format!(
                "everything was purged and {} is stored",
                key.escape_ascii()
            )),
            None => Ok(()),
        }
    }
}

/// Whether a client's request came to what it had to come to: it is taken while the instance is at
/// work. True when it was taken.
fn taken(id: &str, result: &Result<(), InstanceError>, was: Status) -> Result<bool, String> {
    match (result, was.is_final()) {
        (Ok(()), false) => Ok(true),
        (Err(InstanceError::Ended(_)), true) => Ok(false),
        _ => Err(format!("{id:?} was {} and answered {result:?}", was.name())),
    }
}
