//! The card that tests run on.

use std::sync::OnceLock;

use cresset_ops::Device;
use cresset_wgpu::Gpu;

/// The first card; `None`, said once, on a machine without any, unless `CRESSET_REQUIRE_GPU` is set.
pub fn gpu() -> Option<Device> {
    static FOUND: OnceLock<Option<Device>> = OnceLock::new();
    *FOUND.get_or_init(|| match Device::gpu(0) {
        Ok(device) => Some(device),
        Err(error) if std::env::var_os("CRESSET_REQUIRE_GPU").is_some() => {
            panic!("a GPU is required here: {error}")
        }
        Err(_) => {
            println!("skipped: no GPU adapter");
            None
        }
    })
}
