//! The oracle's side: a Python process with unicorn, fed through a pipe.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::case::{CODE_HALVES, Case, DATA_SIZE, Outcome};

const ANSWER: usize = 4 * (3 + 49 + 1) + DATA_SIZE;

/// A running oracle.
pub(crate) struct Oracle {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// Its name and version.
    pub(crate) name: String,
}

impl Oracle {
    /// Starts the script with a Python that has unicorn.
    pub(crate) fn start(python: &Path) -> io::Result<Self> {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/isa/oracle.py");
        let mut child = Command::new(python)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let closed = || io::Error::other("no pipe to the oracle");
        let to = child.stdin.take().ok_or_else(closed)?;
        let mut from = BufReader::new(child.stdout.take().ok_or_else(closed)?);
        let mut name = String::new();
        from.read_line(&mut name)?;
        if !name.starts_with("unicorn") {
            return Err(io::Error::other(
                "the oracle did not start: is unicorn installed?",
            ));
        }
        let name = name.trim().to_owned();
        Ok(Self {
            child,
            to,
            from,
            name,
        })
    }

    /// Hands over a batch to work on.
    pub(crate) fn send(&mut self, cases: &[Case]) -> io::Result<()> {
        let mut bytes = (cases.len() as u32).to_le_bytes().to_vec();
        for case in cases {
            let mut halves = [0xBF00; CODE_HALVES];
            halves[..case.code.len()].copy_from_slice(&case.code);
            bytes.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
            let words = [2 * case.code.len() as u32, case.steps];
            let words = words.iter().chain(&case.r);
            let words = words.chain([&case.apsr, &case.fpscr]).chain(&case.s);
            bytes.extend(words.flat_map(|word| word.to_le_bytes()));
            bytes.extend(case.data);
        }
        self.to.write_all(&bytes)?;
        self.to.flush()
    }

    /// The outcomes of the batch sent last.
    pub(crate) fn receive(&mut self, count: usize) -> io::Result<Vec<Outcome>> {
        let mut bytes = vec![0; ANSWER * count];
        self.from.read_exact(&mut bytes)?;
        Ok(bytes.chunks_exact(ANSWER).map(outcome).collect())
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn outcome(bytes: &[u8]) -> Outcome {
    let word = |index: usize| {
        let at = 4 * index;
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let mut r = [0; 16];
    (r[0], r[13], r[15]) = (word(0), word(1), word(2));
    for (index, register) in r.iter_mut().enumerate().take(13).skip(1) {
        *register = word(2 + index);
    }
    r[14] = word(15);
    let mut data = [0; DATA_SIZE];
    data.copy_from_slice(&bytes[4 * 52..4 * 52 + DATA_SIZE]);
    let error = bytes[4 * 52 + DATA_SIZE..].iter().any(|byte| *byte != 0);
    Outcome {
        r,
        apsr: word(16) & 0xF80F_0000,
        fpscr: word(17),
        s: std::array::from_fn(|index| word(20 + index)),
        masks: [word(18), word(19)],
        data,
        fault: error,
    }
}
