//! The edge of a GDB session: one client on a TCP socket.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpListener,
    time::Duration,
};

use twinbench_emulator::{Chip, gdb::GdbSession};
use twinbench_model::VirtualDuration;

/// How far the chip runs between two looks at the socket.
const SLICE: VirtualDuration = VirtualDuration::from_millis(1);

/// Serves one client until it goes; gives the chip back.
pub(crate) fn serve(
    listener: &TcpListener,
    mut chip: Chip,
) -> Result<Chip, Box<dyn std::error::Error>> {
    let (mut client, _) = listener.accept()?;
    client.set_nodelay(true)?;
    let mut session = GdbSession::new(&mut chip)?;
    let mut buffer = [0; 1024];
    while !session.is_over() {
        client.set_nonblocking(session.runs())?;
        match client.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => session.receive(&mut chip, &buffer[..count])?,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if session.runs() {
            session.poll(&mut chip)?;
        }
        if session.runs() {
            let end = chip.now() + SLICE;
            chip.run_until(end);
            session.poll(&mut chip)?;
        }
        client.set_nonblocking(false)?;
        client.set_write_timeout(Some(Duration::from_secs(5)))?;
        client.write_all(&session.take_output())?;
    }
    Ok(chip)
}
