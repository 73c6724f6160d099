//! What a card can do beyond what every card can, as far as kernels are written differently for it.

use cresset_tensor::{DType, Error, Result};

/// What kernels may use of a card. Less than it has, if `CRESSET_GPU_WITHOUT` says so.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Abilities {
    /// 64-bit floating point, and with it 64-bit integers.
    pub f64: bool,
    /// 64-bit integers.
    pub i64: bool,
    /// 16-bit floating point in arithmetic.
    pub f16: bool,
    /// Numbers handed from one to another of the invocations that run side by side.
    pub subgroups: bool,
    /// Bytes of parameters that are handed over with a dispatch, without a buffer; 0 if there are none.
    pub immediate_bytes: u32,
    /// Time stamps between dispatches.
    pub timestamps: bool,
    /// So many arrays can take part in one dispatch.
    pub storage_buffers: u32,
    /// So many bytes of an array can be seen by a kernel.
    pub binding_bytes: u64,
    /// So many bytes a buffer can have.
    pub buffer_bytes: u64,
    /// Bytes that the invocations of a workgroup share.
    pub workgroup_bytes: u32,
    /// Invocations of a workgroup, at most.
    pub workgroup_size: u32,
}

/// The environment variable that hides abilities, so that what a lesser card does can be seen on this one: a list of
/// `f64`, `i64`, `f16`, `subgroups`, `immediates`, `timestamps` and `buffers` (all but eight).
const WITHOUT: &str = "CRESSET_GPU_WITHOUT";

/// What every card that wgpu serves has.
const STORAGE_BUFFERS: u32 = 8;

impl Abilities {
    /// Of an adapter, less what the environment hides.
    pub(crate) fn of(adapter: &wgpu::Adapter) -> Result<Abilities> {
        let (features, limits) = (adapter.features(), adapter.limits());
        let mut abilities = Abilities {
            // Doubles are compared by their bits, which takes 64-bit integers; HLSL has no such cast.
            f64: features.contains(wgpu::Features::SHADER_F64 | wgpu::Features::SHADER_INT64)
                && adapter.get_info().backend != wgpu::Backend::Dx12,
            i64: features.contains(wgpu::Features::SHADER_INT64),
            f16: features.contains(wgpu::Features::SHADER_F16),
            subgroups: features.contains(wgpu::Features::SUBGROUP),
            immediate_bytes: match features.contains(wgpu::Features::IMMEDIATES) {
                true => limits.max_immediate_size,
                false => 0,
            },
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            storage_buffers: limits.max_storage_buffers_per_shader_stage,
            binding_bytes: limits.max_storage_buffer_binding_size,
            buffer_bytes: limits.max_buffer_size,
            workgroup_bytes: limits.max_compute_workgroup_storage_size,
            workgroup_size: limits.max_compute_invocations_per_workgroup,
        };
        let hidden = std::env::var(WITHOUT).unwrap_or_default();
        for name in hidden.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            abilities.hide(name)?;
        }
        Ok(abilities)
    }

    fn hide(&mut self, name: &str) -> Result<()> {
        match name {
            "f64" => self.f64 = false,
            "i64" => (self.i64, self.f64) = (false, false),
            "f16" => self.f16 = false,
            "subgroups" => self.subgroups = false,
            "immediates" => self.immediate_bytes = 0,
            "timestamps" => self.timestamps = false,
            "buffers" => self.storage_buffers = self.storage_buffers.min(STORAGE_BUFFERS),
            other => {
                return Err(Error::argument(
                    "gpu",
                    format!(
                        "{WITHOUT} hides f64, i64, f16, subgroups, immediates, timestamps and buffers; there is no '{other}'"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// What a device is asked for.
    pub(crate) fn features(&self) -> wgpu::Features {
        let list = [
            (self.f64, wgpu::Features::SHADER_F64),
            (self.i64, wgpu::Features::SHADER_INT64),
            (self.f16, wgpu::Features::SHADER_F16),
            (self.subgroups, wgpu::Features::SUBGROUP),
            (self.immediate_bytes > 0, wgpu::Features::IMMEDIATES),
            (self.timestamps, wgpu::Features::TIMESTAMP_QUERY),
        ];
        list.into_iter().filter(|(has, _)| *has).fold(wgpu::Features::empty(), |all, (_, one)| all | one)
    }

    /// Refuses a dtype in which the card cannot compute.
    pub(crate) fn check(&self, operation: &'static str, dtype: DType) -> Result<()> {
        let (has, instead) = match dtype {
            DType::F64 => (self.f64, "float32"),
            DType::I64 => (self.i64, "int32"),
            DType::F32
            | DType::F16
            | DType::BF16
            | DType::I32
            | DType::I16
            | DType::I8
            | DType::U8
            | DType::Bool => return Ok(()),
        };
        if has {
            return Ok(());
        }
        Err(Error::dtype(
            operation,
            format!(
                "this card does not compute in {dtype}; convert to {instead} with to_dtype before moving it there, or stay on the CPU"
            ),
        ))
    }
}
