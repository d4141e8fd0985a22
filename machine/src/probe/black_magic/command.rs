//! The remote protocol of the Black Magic Probe, version 3: a command is `!…#`, its answer `&K…#` when it
//! was done, `&E…#` when the target refused, `&P…#` when it was malformed and `&N…#` when it is none.

use twinbench_emulator::peripheral::Width;

use super::{super::virtual_probe::State, wire::Wire};

/// The version that is spoken.
const VERSION: u64 = 3;
/// No command is longer: 1,024 bytes in hexadecimal digits and what comes before them.
const LONGEST: usize = 4096;
/// The longest piece of memory that is read at once.
const MOST: usize = 4096;

/// What the commands leave behind.
#[derive(Debug, Default)]
pub(super) struct Remote {
    /// A command whose end has not come yet; none: between commands.
    command: Option<Vec<u8>>,
    wire: Wire,
    /// The reset line is held down.
    held: bool,
    /// The clock in kHz, as the client set it.
    speed: u32,
}

/// What is answered instead of a result.
enum Refusal {
    /// The target answered with FAULT.
    Target,
    /// The command's parameters make no sense.
    Parameters,
    /// There is no such command.
    Unknown,
}

/// A result.
enum Done {
    /// A number.
    Number(u64),
    /// Bytes, in the order of memory.
    Bytes(Vec<u8>),
    /// Text.
    Text(&'static str),
}

/// Digits that are read one number after the other.
struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    /// The number in the next `count` hexadecimal digits.
    fn next(&mut self, count: usize) -> Result<u64, Refusal> {
        let (digits, rest) = self.0.split_at_checked(count).ok_or(Refusal::Parameters)?;
        self.0 = rest;
        let text = std::str::from_utf8(digits).map_err(|_| Refusal::Parameters)?;
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Refusal::Parameters);
        }
        u64::from_str_radix(text, 16).map_err(|_| Refusal::Parameters)
    }

    /// The number in all digits that are left.
    fn rest(&mut self) -> Result<u64, Refusal> {
        self.next(self.0.len())
    }
}

impl Remote {
    /// Takes a byte of the client; an answer, if one is due, goes to `answers`.
    pub(super) fn take(&mut self, byte: u8, state: &mut State, answers: &mut Vec<u8>) {
        match (byte, &mut self.command) {
            (b'!', _) => self.command = Some(Vec::new()),
            (b'#', command) => {
                if let Some(command) = command.take() {
                    answer(self.carry_out(&command, state), answers);
                }
            }
            (byte, Some(command)) if command.len() < LONGEST => command.push(byte),
            (_, command) => *command = None,
        }
    }

    fn carry_out(&mut self, command: &[u8], state: &mut State) -> Result<Done, Refusal> {
        let (name, parameters) = command.split_at_checked(2).ok_or(Refusal::Unknown)?;
        let mut digits = Digits(parameters);
        match name {
            b"GA" => Ok(Done::Text("Twinbench virtual probe")),
            b"GV" => Ok(Done::Text("3.3V")),
            b"GF" => {
                self.speed = (digits.next(8)? / 1_000) as u32;
                Ok(Done::Number(0))
            }
            b"Gf" => Ok(Done::Number(self.speed.into())),
            b"GZ" => {
                let down = digits.next(1)? == 1;
                if std::mem::replace(&mut self.held, down) && !down {
                    let State { wire, desk, .. } = state;
                    wire.reset(desk);
                }
                Ok(Done::Number(0))
            }
            // The board has its own power, and the clock is always driven.
            b"GP" | b"GE" | b"SS" => Ok(Done::Number(0)),
            b"HC" => Ok(Done::Number(VERSION)),
            b"So" | b"SO" => {
                let count = bits(digits.next(2)?)?;
                let value = digits.rest()?;
                self.wire.out(state, value, count);
                if name == b"SO" {
                    let parity = u64::from(value.count_ones() & 1);
                    self.wire.out(state, parity, 1);
                }
                Ok(Done::Number(0))
            }
            b"Si" => Ok(Done::Number(self.wire.take(bits(digits.next(2)?)?))),
            b"SI" => {
                let value = self.wire.take(bits(digits.next(2)?)?);
                let parity = u64::from(value.count_ones() & 1);
                if self.wire.take(1) == parity {
                    Ok(Done::Number(value))
                } else {
                    Err(Refusal::Target)
                }
            }
            [b'A', which] => access(*which, &mut digits, state),
            _ => Err(Refusal::Unknown),
        }
    }
}

/// The length of a shift.
fn bits(count: u64) -> Result<u32, Refusal> {
    match u32::try_from(count) {
        Ok(count @ 1..=32) => Ok(count),
        _ => Err(Refusal::Parameters),
    }
}

/// Commands on the debug and access ports; each begins with the number of the device on the chain.
fn access(which: u8, digits: &mut Digits<'_>, state: &mut State) -> Result<Done, Refusal> {
    digits.next(2)?;
    let done = match which {
        b'd' => {
            digits.next(2)?;
            let address = digits.next(4)? as u8;
            Ok(word(state.wire.read_dp(address)))
        }
        b'R' => {
            let read = digits.next(2)? != 0;
            let address = digits.next(4)?;
            let value = digits.next(8)? as u32;
            raw(state, read, address, value)
        }
        b'a' => {
            select(state, digits)?;
            let address = digits.next(4)? as u8;
            bank(state, address);
            let State { wire, desk, .. } = state;
            wire.read_ap(desk, address)
                .map(word)
                .map_err(|_| Refusal::Target)
        }
        b'A' => {
            select(state, digits)?;
            let address = digits.next(4)? as u8;
            // Written in the order of memory.
            let value = (digits.next(8)? as u32).swap_bytes();
            bank(state, address);
            let State { wire, desk, .. } = state;
            wire.write_ap(desk, address, value)
                .map(|()| Done::Number(0))
                .map_err(|_| Refusal::Target)
        }
        b'm' => {
            digits.next(2 + 8)?;
            let address = digits.next(8)? as u32;
            let length = digits.next(8)? as usize;
            if length > MOST {
                return Err(Refusal::Parameters);
            }
            load(state, address, length).map(Done::Bytes)
        }
        b'M' => {
            digits.next(2 + 8)?;
            let width = match digits.next(2)? {
                0 => Width::Byte,
                1 => Width::Half,
                2 => Width::Word,
                _ => return Err(Refusal::Parameters),
            };
            let address = digits.next(8)? as u32;
            let length = digits.next(8)? as usize;
            if digits.0.len() != 2 * length {
                return Err(Refusal::Parameters);
            }
            let bytes: Result<Vec<u8>, Refusal> =
                (0..length).map(|_| Ok(digits.next(2)? as u8)).collect();
            store(state, address, width, &bytes?).map(|()| Done::Number(0))
        }
        _ => return Err(Refusal::Unknown),
    };
    if matches!(done, Err(Refusal::Target)) {
        // As the probe does: the flags are cleared, so that the next command is a new one.
        state.wire.write_dp(0, 0x1E);
    }
    done
}

/// Selects the access port that the next two digits name.
fn select(state: &mut State, digits: &mut Digits<'_>) -> Result<(), Refusal> {
    let port = digits.next(2)? as u32;
    state.wire.write_dp(0x8, port << 24);
    Ok(())
}

/// Selects the bank of a register.
fn bank(state: &mut State, address: u8) {
    let port = state.wire.selected() & 0xFF00_0000;
    state.wire.write_dp(0x8, port | u32::from(address & 0xF0));
}

/// A single access as it goes over the wire; bit 8 of the address means the access port.
fn raw(state: &mut State, read: bool, address: u64, value: u32) -> Result<Done, Refusal> {
    let access_port = address & 0x100 != 0;
    let address = address as u8;
    let State { wire, desk, .. } = state;
    match (access_port, read) {
        (true, true) => wire.read_ap(desk, address).map(word),
        (true, false) => wire
            .write_ap(desk, address, value)
            .map(|()| Done::Number(0)),
        (false, true) => Ok(word(wire.read_dp(address))),
        (false, false) => {
            wire.write_dp(address, value);
            Ok(Done::Number(0))
        }
    }
    .map_err(|_| Refusal::Target)
}

/// The widest access that fits both an address and what is left.
fn widest(address: u32, left: usize) -> (Width, usize) {
    if address.is_multiple_of(4) && left >= 4 {
        (Width::Word, 4)
    } else if address.is_multiple_of(2) && left >= 2 {
        (Width::Half, 2)
    } else {
        (Width::Byte, 1)
    }
}

fn load(state: &mut State, start: u32, length: usize) -> Result<Vec<u8>, Refusal> {
    let State { wire, desk, .. } = state;
    wire.ready().map_err(|_| Refusal::Target)?;
    let mut bytes = Vec::with_capacity(length);
    while bytes.len() < length {
        let address = start.wrapping_add(bytes.len() as u32);
        let (width, size) = widest(address, length - bytes.len());
        let value = wire
            .load(desk, address, width)
            .map_err(|_| Refusal::Target)?;
        let lane = address as usize & 3;
        bytes.extend(value.to_le_bytes().into_iter().skip(lane).take(size));
    }
    Ok(bytes)
}

fn store(state: &mut State, start: u32, width: Width, bytes: &[u8]) -> Result<(), Refusal> {
    let State { wire, desk, .. } = state;
    wire.ready().map_err(|_| Refusal::Target)?;
    let size = match width {
        Width::Byte => 1,
        Width::Half => 2,
        Width::Word => 4,
    };
    if !bytes.len().is_multiple_of(size) || !(start as usize).is_multiple_of(size) {
        return Err(Refusal::Parameters);
    }
    for (index, piece) in bytes.chunks(size).enumerate() {
        let address = start.wrapping_add((index * size) as u32);
        let mut value = [0; 4];
        let lane = address as usize & 3;
        for (place, byte) in value.iter_mut().skip(lane).zip(piece) {
            *place = *byte;
        }
        wire.store(desk, address, width, u32::from_le_bytes(value))
            .map_err(|_| Refusal::Target)?;
    }
    Ok(())
}

fn word(value: u32) -> Done {
    Done::Bytes(value.to_le_bytes().to_vec())
}

fn answer(result: Result<Done, Refusal>, answers: &mut Vec<u8>) {
    let text = match result {
        Ok(Done::Number(number)) => format!("&K{number:x}#"),
        Ok(Done::Text(text)) => format!("&K{text}#"),
        Ok(Done::Bytes(bytes)) => {
            let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
            let digits: String = bytes
                .iter()
                .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
                .collect();
            format!("&K{digits}#")
        }
        // Numbers of faults: a FAULT of the target, wrong parameters, an unknown command.
        Err(Refusal::Target) => "&E4#".to_owned(),
        Err(Refusal::Parameters) => "&P1#".to_owned(),
        Err(Refusal::Unknown) => "&N0#".to_owned(),
    };
    answers.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use twinbench_model::{DeviceId, Epoch};

    use super::{super::super::VirtualBoard, *};
    use crate::EmulatorOptions;

    fn board() -> VirtualBoard {
        let epoch = Epoch::new("2026-01-01T00:00:00Z".parse().unwrap());
        let mut options = EmulatorOptions::new(DeviceId::new("remote").unwrap(), 7, epoch);
        options.modem = None;
        let file = twinbench_emulator::board::BoardFile::az3166().unwrap();
        VirtualBoard::unique("commands", &file, options).unwrap()
    }

    fn ask(remote: &mut Remote, board: &VirtualBoard, text: &str) -> String {
        let mut answers = Vec::new();
        for byte in text.bytes() {
            remote.take(byte, &mut board.state(), &mut answers);
        }
        String::from_utf8(answers).unwrap()
    }

    #[test]
    fn a_register_is_read_bit_by_bit() {
        let (mut remote, board) = (Remote::default(), board());
        // A line reset, two idle bits, and a request to read DPIDR: start, RnW, parity, park.
        for command in ["!So20ffffffff#", "!So20ffffffff#", "!So0200#", "!So08a5#"] {
            assert_eq!(ask(&mut remote, &board, command), "&K0#");
        }
        // Acknowledged, the value, its parity.
        assert_eq!(ask(&mut remote, &board, "!Si03#"), "&K1#");
        assert_eq!(ask(&mut remote, &board, "!SI20#"), "&K2ba01477#");
        // A request with a wrong parity is not answered: the line is pulled up.
        assert_eq!(ask(&mut remote, &board, "!So0885#!Si03#"), "&K0#&K7#");
        // Lost until the next reset of the line.
        assert_eq!(ask(&mut remote, &board, "!So08a5#!Si03#"), "&K0#&K7#");
        let reset = "!So20ffffffff#!So20ffffffff#!So0200#!So08a5#!Si03#";
        assert_eq!(ask(&mut remote, &board, reset), "&K0#&K0#&K0#&K0#&K1#");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_bytes_are_answered_in_form_or_not_at_all(
            pieces in proptest::collection::vec(
                prop_oneof![
                    "[!#+ AGHSJdamMoiIOR0-9a-f]{0,40}",
                    "!A[aAdmMR][0-9a-f]{2,60}#",
                    "!S[oOiI][0-3][0-9a-f]{1,12}#",
                ],
                1..40,
            )
        ) {
            let (mut remote, board) = (Remote::default(), board());
            for piece in pieces {
                let text = ask(&mut remote, &board, &piece);
                for answer in text.split_terminator('#') {
                    let form = answer.starts_with("&K")
                        || ["&E4", "&P1", "&N0"].contains(&answer);
                    prop_assert!(form, "{answer:?}");
                }
            }
            let last = ask(&mut remote, &board, "#!HC#");
            prop_assert!(last.ends_with("&K3#"), "{last:?}");
        }
    }
}
