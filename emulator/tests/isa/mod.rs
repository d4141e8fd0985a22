//! Single instructions and IT blocks, compared with an independent oracle (unicorn).

pub(crate) mod case;
pub(crate) mod compare;
pub(crate) mod oracle;
pub(crate) mod rng;
pub(crate) mod rows;
