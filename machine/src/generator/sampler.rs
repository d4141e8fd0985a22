//! A generator made ready for one quantity of one device.

use twinbench_model::{VirtualDuration, VirtualTime};

use super::{Generator, Key, Periodic, Randomness, Range};
use crate::Error;

/// The longest phase that is drawn (the simulator of the mirrored application draws so).
const LONGEST_PHASE_SECS: f64 = 1000.0;

/// Why a generator cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GeneratorError {
    /// A number is out of its range.
    #[error("{field} is {value}: {advice}")]
    Number {
        /// The field.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it may be.
        advice: &'static str,
    },
    /// There are no steps, or they are not in order.
    #[error("steps {0}")]
    Steps(String),
    /// The file is not of its form.
    #[error("csv file {path}{}: {reason}", line_of(*line))]
    Csv {
        /// The file.
        path: String,
        /// The line, from 1; 0 for the file as a whole.
        line: u64,
        /// What is wrong.
        reason: String,
    },
}

fn line_of(line: u64) -> String {
    match line {
        0 => String::new(),
        line => format!(", line {line}"),
    }
}

/// Gives the values of one quantity of one device.
#[derive(Debug, Clone)]
pub struct Sampler(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Constant(f64),
    Random(Range, Box<Randomness>),
    Sine(Sine, Box<Randomness>),
    Steps(Vec<(VirtualTime, f64)>),
}

#[derive(Debug, Clone, Copy)]
struct Sine {
    min: f64,
    span: f64,
    period: VirtualDuration,
    phase: VirtualDuration,
    /// How far a value may be off.
    swing: f64,
}

impl Sampler {
    /// Checks a generator and makes it ready for a device's quantity.
    ///
    /// # Errors
    /// When a number is out of its range, steps are not in order, or a file was not loaded or is
    /// not of its form.
    pub fn new(generator: &Generator, key: &Key, quantity: &str) -> Result<Self, GeneratorError> {
        let random = || Box::new(key.quantity(quantity));
        Ok(Self(match generator {
            Generator::Constant(value) => Kind::Constant(finite("constant", *value)?),
            Generator::Random(range) => {
                ordered(range.min, range.max)?;
                Kind::Random(*range, random())
            }
            Generator::Periodic(periodic) => {
                let random = random();
                Kind::Sine(Sine::new(periodic, &random)?, random)
            }
            Generator::Steps(steps) => Kind::Steps(check_steps(steps)?),
            Generator::Csv(file) => Kind::Steps(file.rows()?),
            Generator::Recording(recorded) => Kind::Steps(recorded.rows()?),
        }))
    }

    /// A sampler that gives one value for ever, set by hand.
    ///
    /// # Errors
    /// When it is no number that a quantity can have.
    pub(crate) fn held(quantity: &str, value: f64) -> Result<Self, Error> {
        finite("value", value)
            .map(|value| Self(Kind::Constant(value)))
            .map_err(|_| {
                Error::Setting(format!(
                    "{quantity} cannot be {value}: give a number from -1e12 to 1e12"
                ))
            })
    }

    /// Whether the value is the same at all times.
    pub fn is_constant(&self) -> bool {
        matches!(self.0, Kind::Constant(_))
    }

    /// The value at a time. Always finite.
    pub fn at(&mut self, time: VirtualTime) -> f64 {
        match &mut self.0 {
            Kind::Constant(value) => *value,
            Kind::Random(range, random) => range.min + (range.max - range.min) * random.at(time),
            Kind::Sine(sine, random) => sine.at(time, random),
            Kind::Steps(steps) => {
                let passed = steps.partition_point(|(at, _)| *at <= time);
                steps[passed.saturating_sub(1)].1
            }
        }
    }
}

impl Sine {
    fn new(it: &Periodic, random: &Randomness) -> Result<Self, GeneratorError> {
        ordered(it.min, it.max)?;
        if it.period == VirtualDuration::ZERO {
            return Err(GeneratorError::Number {
                field: "period",
                value: it.period.to_string(),
                advice: "it must be longer than nothing, such as 60s",
            });
        }
        if !(0.0..=1000.0).contains(&it.noise) {
            return Err(GeneratorError::Number {
                field: "noise",
                value: it.noise.to_string(),
                advice: "it is in percent of half the span, 0 to 1000",
            });
        }
        let drawn = || VirtualDuration::from_secs_f64(random.once() * LONGEST_PHASE_SECS);
        Ok(Self {
            min: it.min,
            span: it.max - it.min,
            period: it.period,
            phase: it.phase.unwrap_or_else(drawn),
            swing: it.noise / 100.0 * (it.max - it.min) / 2.0,
        })
    }

    fn at(&self, time: VirtualTime, random: &mut Randomness) -> f64 {
        // Reduced as integers: a double would lose the nanoseconds of a long run.
        let turned = u128::from(time.as_nanos()) + u128::from(self.phase.as_nanos());
        let part =
            (turned % u128::from(self.period.as_nanos())) as f64 / self.period.as_nanos() as f64;
        let wave = 0.5 * (libm::sin(core::f64::consts::TAU * part) + 1.0);
        let clean = self.min + self.span * wave;
        if self.swing == 0.0 {
            return clean;
        }
        clean + (2.0 * random.at(time) - 1.0) * self.swing
    }
}

fn finite(field: &'static str, value: f64) -> Result<f64, GeneratorError> {
    if value.abs() <= 1e12 {
        return Ok(value);
    }
    Err(GeneratorError::Number {
        field,
        value: value.to_string(),
        advice: "it must be a number from -1e12 to 1e12",
    })
}

fn ordered(min: f64, max: f64) -> Result<(), GeneratorError> {
    if finite("min", min)? <= finite("max", max)? {
        return Ok(());
    }
    Err(GeneratorError::Number {
        field: "min",
        value: min.to_string(),
        advice: "it must not be above max",
    })
}

fn check_steps(
    steps: &[(VirtualDuration, f64)],
) -> Result<Vec<(VirtualTime, f64)>, GeneratorError> {
    if steps.is_empty() {
        return Err(GeneratorError::Steps(
            "are none: give at least [\"0s\", value]".to_owned(),
        ));
    }
    if let Some(pair) = steps.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        let reason = format!("are not in order: {} comes before {}", pair[0].0, pair[1].0);
        return Err(GeneratorError::Steps(reason));
    }
    steps
        .iter()
        .map(|(at, value)| Ok((VirtualTime::ZERO + *at, finite("step", *value)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(
        clippy::float_cmp,
        reason = "equal to the last bit is what is promised"
    )]

    use twinbench_model::DeviceId;

    use super::*;

    fn parse(text: &str) -> Result<Generator, String> {
        #[derive(serde::Deserialize)]
        struct Bench {
            it: Generator,
        }
        let bench: Bench = toml::from_str(&format!("it = {text}")).map_err(|e| e.to_string())?;
        Ok(bench.it)
    }

    fn key() -> Key {
        Key {
            seed: 7,
            device: DeviceId::new("devkit-01").unwrap(),
        }
    }

    fn sampler(text: &str) -> Result<Sampler, String> {
        Sampler::new(&parse(text)?, &key(), "temperature").map_err(|e| e.to_string())
    }

    fn at(sampler: &mut Sampler, secs: f64) -> f64 {
        sampler.at(VirtualTime::ZERO + VirtualDuration::from_secs_f64(secs))
    }

    #[test]
    fn a_constant_stays() {
        assert_eq!(at(&mut sampler("{ constant = 21 }").unwrap(), 1e6), 21.0);
    }

    #[test]
    fn random_values_are_uniform() {
        let mut sampler = sampler("{ random = { min = -10.0, max = 30.0 } }").unwrap();
        let n = 20_000;
        let values: Vec<f64> = (0..n)
            .map(|k| at(&mut sampler, f64::from(k) * 0.25))
            .collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / f64::from(n);
        // Mean 10, variance 40²/12; five standard errors of the mean are 0.41.
        assert!((mean - 10.0).abs() < 0.41, "mean {mean}");
        assert!(
            (variance - 1600.0 / 12.0).abs() < 5.0,
            "variance {variance}"
        );
        assert!(values.iter().all(|v| (-10.0..30.0).contains(v)));
        // Each tenth of the range is met as often, within five standard deviations.
        for tenth in 0..10 {
            let low = -10.0 + 4.0 * f64::from(tenth);
            let hits = values
                .iter()
                .filter(|v| (low..low + 4.0).contains(*v))
                .count();
            assert!(hits.abs_diff(2000) < 215, "tenth {tenth}: {hits}");
        }
    }

    #[test]
    fn a_period_follows_the_formula() {
        let mut sampler =
            sampler("{ periodic = { min = 18.0, max = 34.0, period = \"120s\", phase = \"0s\" } }")
                .unwrap();
        for (secs, value) in [
            (0.0, 26.0),
            (30.0, 34.0),
            (60.0, 26.0),
            (90.0, 18.0),
            (120_030.0, 34.0),
        ] {
            assert!((at(&mut sampler, secs) - value).abs() < 1e-9, "{secs} s");
        }
    }

    #[test]
    fn noise_is_percent_of_half_the_span() {
        let text = |noise| {
            format!("{{ periodic = {{ min = 0.0, max = 20.0, noise = {noise}, phase = \"0s\" }} }}")
        };
        let mut noisy = sampler(&text(5.0)).unwrap();
        let mut clean = sampler(&text(0.0)).unwrap();
        let off: Vec<f64> = (0..5000)
            .map(|k| f64::from(k) * 0.37)
            .map(|t| at(&mut noisy, t) - at(&mut clean, t))
            .collect();
        let widest = off.iter().fold(0.0f64, |widest, it| widest.max(it.abs()));
        assert!(widest <= 0.5 && widest > 0.499, "{widest}");
        assert!((off.iter().sum::<f64>() / 5000.0).abs() < 0.021);
    }

    #[test]
    fn a_phase_is_drawn_once_and_by_device() {
        let generator = parse("{ periodic = { min = 0.0, max = 1.0 } }").unwrap();
        let mut one = Sampler::new(&generator, &key(), "temperature").unwrap();
        let mut same = one.clone();
        let other = Key {
            device: DeviceId::new("devkit-02").unwrap(),
            ..key()
        };
        let mut other = Sampler::new(&generator, &other, "temperature").unwrap();
        assert_eq!(at(&mut one, 5.0), at(&mut same, 5.0));
        assert_ne!(at(&mut one, 5.0), at(&mut other, 5.0));
        // The default period is a minute.
        assert!((at(&mut one, 5.0) - at(&mut one, 65.0)).abs() < 1e-9);
    }

    #[test]
    fn steps_hold() {
        let mut sampler = sampler("{ steps = [[\"10s\", 20.0], [\"1m\", 31]] }").unwrap();
        for (secs, value) in [
            (0.0, 20.0),
            (10.0, 20.0),
            (59.999, 20.0),
            (60.0, 31.0),
            (1e6, 31.0),
        ] {
            assert_eq!(at(&mut sampler, secs), value, "{secs} s");
        }
    }

    #[test]
    fn a_file_is_steps() {
        let mut generator = parse("{ csv = \"t.csv\" }").unwrap();
        let unread = Sampler::new(&generator, &key(), "temperature").unwrap_err();
        assert_eq!(unread.to_string(), "csv file t.csv: the file was not read");
        generator
            .load(|path| {
                assert_eq!(path, "t.csv");
                Ok::<_, ()>("time,value\n# spring\n0, 20.5\n1m 30s,21\n100.5,-3\n".to_owned())
            })
            .unwrap();
        let mut sampler = Sampler::new(&generator, &key(), "temperature").unwrap();
        for (secs, value) in [(0.0, 20.5), (89.0, 20.5), (90.0, 21.0), (100.5, -3.0)] {
            assert_eq!(at(&mut sampler, secs), value, "{secs} s");
        }
    }

    #[test]
    fn a_broken_file_says_where() {
        let check = |text: &str, expected: &str| {
            let mut generator = parse("{ csv = \"t.csv\" }").unwrap();
            generator.load(|_| Ok::<_, ()>(text.to_owned())).unwrap();
            let error = Sampler::new(&generator, &key(), "temperature").unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check("", "csv file t.csv: it has no rows");
        check(
            "0,1\n5,x\n",
            "csv file t.csv, line 2: a row is a time and a value, such as 90,21.5",
        );
        check(
            "0,1\n0,2\n",
            "csv file t.csv, line 2: its time is not later than that of the row before",
        );
        check(
            "0,1,2\n",
            "csv file t.csv, line 1: a row is a time and a value, such as 90,21.5",
        );
        check(
            "-1,2\n",
            "csv file t.csv, line 1: a row is a time and a value, such as 90,21.5",
        );
        check(
            "0,NaN\n",
            "csv file t.csv, line 1: a row is a time and a value, such as 90,21.5",
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let check = |text: &str, expected: &str| {
            let error = sampler(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        };
        check(
            "{ random = { min = 2.0, max = 1.0 } }",
            "min is 2: it must not be above max",
        );
        check("{ constant = nan }", "constant is NaN");
        check(
            "{ periodic = { min = 0.0, max = 1.0, period = \"0s\" } }",
            "period is 0s",
        );
        check(
            "{ periodic = { min = 0.0, max = 1.0, noise = -1.0 } }",
            "noise is -1",
        );
        check("{ steps = [] }", "steps are none");
        check(
            "{ steps = [[\"5s\", 1.0], [\"5s\", 2.0]] }",
            "steps are not in order",
        );
        check(
            "{ periodic = { min = 0.0, max = 1.0, perod = \"5s\" } }",
            "unknown field `perod`",
        );
        check(
            "{ random = { min = 0.0, max = 1.0, noise = 1.0 } }",
            "unknown field `noise`",
        );
        check(
            "{ sine = { min = 0.0, max = 1.0 } }",
            "unknown variant `sine`",
        );
        check(
            "{ periodic = { min = 0.0, max = 1.0, period = 5 } }",
            "invalid type",
        );
    }
}
