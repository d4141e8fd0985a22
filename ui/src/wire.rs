//! The shapes that the page and the bench share, by the names that the page uses.

pub(crate) use twinbench_model::api::{
    BenchStatus,
    page::{
        Change, ChannelInfo, ConsoleTail, DeviceDetail, DeviceRow, EventRow, Frame, Pinned,
        RecordedChannels, Samples, Status,
    },
};
