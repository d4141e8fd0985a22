//! The driver that `probe-rs` finds virtual probes with.

use std::{
    fmt,
    sync::{Arc, Once},
};

use probe_rs::{
    CoreStatus,
    architecture::arm::{
        ArmCommunicationInterface, ArmDebugInterface, ArmError, DapError, DapProbe, RawDapAccess,
        RegisterAddress, sequences::ArmDebugSequence,
    },
    plugin::{Plugin, register_plugin},
    probe::{
        DebugProbe, DebugProbeError, DebugProbeInfo, DebugProbeSelector, ProbeCreationError,
        ProbeFactory, WireProtocol, list::ProbeListItem,
    },
};

use super::{
    board::{State, VirtualBoard},
    port::Refusal,
};

/// USB identity of a virtual probe: a vendor's number for tests that no product has.
pub const VENDOR: u16 = 0x1209;
/// USB identity of a virtual probe.
pub const PRODUCT: u16 = 0x0001;

/// The fastest clock that is taken, in kHz. It changes nothing: the wire takes no time.
const FASTEST: u32 = 50_000;

/// `nRESET` among the probe's pins.
const NRESET: u32 = 1 << 7;

/// Makes virtual probes known to `probe-rs`, once.
pub(super) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        register_plugin(Plugin {
            probe_drivers: &[&Factory],
            ..Plugin::default()
        });
    });
}

#[derive(Debug)]
struct Factory;

impl fmt::Display for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Twinbench virtual probe")
    }
}

impl ProbeFactory for Factory {
    fn open(&self, selector: &DebugProbeSelector) -> Result<Box<dyn DebugProbe>, DebugProbeError> {
        let board = VirtualBoard::all()
            .into_iter()
            .find(|board| selector.matches_probe(&info(board)))
            .ok_or(DebugProbeError::ProbeCouldNotBeCreated(
                ProbeCreationError::NotFound,
            ))?;
        Ok(Box::new(VirtualProbe {
            board,
            speed: 4_000,
            held: false,
        }))
    }

    fn list_probes(&self) -> Vec<ProbeListItem> {
        VirtualBoard::all()
            .iter()
            .map(|board| ProbeListItem::accessible(info(board)))
            .collect()
    }
}

pub(super) fn info(board: &VirtualBoard) -> DebugProbeInfo {
    DebugProbeInfo::new(
        "Virtual probe",
        VENDOR,
        PRODUCT,
        Some(board.serial().to_owned()),
        &Factory,
        None,
        false,
    )
}

/// An opened virtual probe.
#[derive(Debug)]
struct VirtualProbe {
    board: VirtualBoard,
    speed: u32,
    /// The reset line is held down.
    held: bool,
}

impl VirtualProbe {
    /// Does something on the wire, if the cable is plugged in.
    fn on_wire<T>(
        &self,
        act: impl FnOnce(&mut State) -> Result<T, Refusal>,
    ) -> Result<T, ArmError> {
        let mut state = self.board.state();
        if !state.plugged {
            return Err(ArmError::Probe(gone()));
        }
        act(&mut state).map_err(|Refusal::Fault| {
            // As other drivers do: the flags are cleared, so that the next access is a new one.
            state.wire.write_dp(0, 0x1E);
            ArmError::Dap(DapError::FaultResponse)
        })
    }

    fn line(&mut self, down: bool) -> Result<(), DebugProbeError> {
        let mut state = self.board.state();
        if !state.plugged {
            return Err(gone());
        }
        let State { wire, desk, .. } = &mut *state;
        if std::mem::replace(&mut self.held, down) && !down {
            wire.reset(desk);
        }
        Ok(())
    }
}

fn gone() -> DebugProbeError {
    DebugProbeError::Usb(std::io::Error::new(
        std::io::ErrorKind::NotConnected,
        "the virtual probe is unplugged",
    ))
}

fn read(state: &mut State, address: RegisterAddress) -> Result<u32, Refusal> {
    let State { wire, desk, .. } = state;
    match address {
        RegisterAddress::DpRegister(register) => Ok(wire.read_dp(register.address)),
        RegisterAddress::ApRegister(register) => wire.read_ap(desk, register),
    }
}

fn write(state: &mut State, address: RegisterAddress, value: u32) -> Result<(), Refusal> {
    let State { wire, desk, .. } = state;
    match address {
        RegisterAddress::DpRegister(register) => {
            wire.write_dp(register.address, value);
            Ok(())
        }
        RegisterAddress::ApRegister(register) => wire.write_ap(desk, register, value),
    }
}

impl RawDapAccess for VirtualProbe {
    fn raw_read_register(&mut self, address: RegisterAddress) -> Result<u32, ArmError> {
        self.on_wire(|state| read(state, address))
    }

    fn raw_read_block(
        &mut self,
        address: RegisterAddress,
        values: &mut [u32],
    ) -> Result<(), ArmError> {
        self.on_wire(|state| {
            for value in values {
                *value = read(state, address)?;
            }
            Ok(())
        })
    }

    fn raw_write_register(&mut self, address: RegisterAddress, value: u32) -> Result<(), ArmError> {
        self.on_wire(|state| write(state, address, value))
    }

    fn raw_write_block(
        &mut self,
        address: RegisterAddress,
        values: &[u32],
    ) -> Result<(), ArmError> {
        self.on_wire(|state| {
            values
                .iter()
                .try_for_each(|value| write(state, address, *value))
        })
    }

    fn jtag_sequence(&mut self, _: u8, _: bool, _: u64) -> Result<(), DebugProbeError> {
        Err(DebugProbeError::UnsupportedProtocol(WireProtocol::Jtag))
    }

    fn swj_sequence(&mut self, bit_len: u8, bits: u64) -> Result<(), DebugProbeError> {
        // 50 ones in a row are a line reset; which protocol is selected makes no difference here.
        if bit_len >= 50 && bits.trailing_ones() >= 50 {
            self.on_wire(|state| {
                state.wire.line_reset();
                Ok(())
            })
            .map_err(|_| gone())?;
        }
        Ok(())
    }

    fn swj_pins(&mut self, pin_out: u32, pin_select: u32, _: u32) -> Result<u32, DebugProbeError> {
        if pin_select & NRESET != 0 {
            self.line(pin_out & NRESET == 0)?;
        }
        Ok(if self.held { 0 } else { NRESET })
    }

    fn into_probe(self: Box<Self>) -> Box<dyn DebugProbe> {
        self
    }

    fn core_status_notification(&mut self, _: CoreStatus) -> Result<(), DebugProbeError> {
        Ok(())
    }
}

impl DapProbe for VirtualProbe {}

impl DebugProbe for VirtualProbe {
    fn get_name(&self) -> &'static str {
        "Virtual probe"
    }

    fn speed_khz(&self) -> u32 {
        self.speed
    }

    fn set_speed(&mut self, speed_khz: u32) -> Result<u32, DebugProbeError> {
        if speed_khz == 0 {
            return Err(DebugProbeError::UnsupportedSpeed(speed_khz));
        }
        self.speed = speed_khz.min(FASTEST);
        Ok(self.speed)
    }

    fn attach(&mut self) -> Result<(), DebugProbeError> {
        if self.board.is_plugged() {
            Ok(())
        } else {
            Err(gone())
        }
    }

    fn detach(&mut self) -> Result<(), probe_rs::Error> {
        Ok(())
    }

    fn target_reset(&mut self) -> Result<(), DebugProbeError> {
        self.line(true)?;
        self.line(false)
    }

    fn target_reset_assert(&mut self) -> Result<(), DebugProbeError> {
        self.line(true)
    }

    fn target_reset_deassert(&mut self) -> Result<(), DebugProbeError> {
        self.line(false)
    }

    fn select_protocol(&mut self, protocol: WireProtocol) -> Result<(), DebugProbeError> {
        match protocol {
            WireProtocol::Swd => Ok(()),
            WireProtocol::Jtag => Err(DebugProbeError::UnsupportedProtocol(protocol)),
        }
    }

    fn active_protocol(&self) -> Option<WireProtocol> {
        Some(WireProtocol::Swd)
    }

    fn has_arm_interface(&self) -> bool {
        true
    }

    fn try_get_arm_debug_interface<'probe>(
        self: Box<Self>,
        sequence: Arc<dyn ArmDebugSequence>,
    ) -> Result<Box<dyn ArmDebugInterface + 'probe>, (Box<dyn DebugProbe>, ArmError)> {
        Ok(ArmCommunicationInterface::create(self, sequence, true))
    }

    fn into_probe(self: Box<Self>) -> Box<dyn DebugProbe> {
        self
    }

    fn try_as_dap_probe(&mut self) -> Option<&mut dyn DapProbe> {
        Some(self)
    }

    fn get_target_voltage(&mut self) -> Result<Option<f32>, DebugProbeError> {
        Ok(Some(3.3))
    }
}
