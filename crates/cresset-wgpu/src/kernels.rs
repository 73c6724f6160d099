//! Kernels: templates that print WGSL, and what they were compiled to.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use cresset_tensor::Result;
use smallvec::SmallVec;

use crate::{
    abilities::Abilities,
    card::Card,
    run::{
        copy, fill, index, map, neighbours, normalize, pool, product, reduce, scan, scatter, search, softmax,
        sort, view,
    },
    stream::WINDOW,
};

/// What a kernel does with a buffer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Access {
    /// Reads it.
    Read,
    /// Writes it, and perhaps reads it.
    Write,
}

/// The text of a kernel, and the buffers it takes in the order of their bindings.
#[derive(Clone, Debug)]
pub struct Source {
    /// WGSL with one entry point, `main`.
    pub text: String,
    /// What it does with each buffer.
    pub access: SmallVec<[Access; 8]>,
    /// Bytes of parameters that are handed over with a dispatch; 0 if they come in a buffer.
    pub immediates: u32,
}

/// A kernel before it is printed: everything its text depends on, and nothing else.
macro_rules! templates {
    ($($(#[$doc:meta])* $name:ident($template:ty),)*) => {
        /// A kernel before it is printed: everything its text depends on, and nothing else.
        #[derive(Clone, PartialEq, Eq, Hash, Debug)]
        pub enum Template {
            $($(#[$doc])* $name($template),)*
        }

        /// A template without its arguments.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Kind {
            $($(#[$doc])* $name,)*
        }

        impl Kind {
            /// Every one of them.
            pub const ALL: &[Kind] = &[$(Kind::$name,)*];

            /// Templates of this kind for cards of such abilities, over every dtype, layout and size that changes the text.
            pub fn samples(self, abilities: &Abilities) -> Vec<Template> {
                match self {
                    $(Kind::$name => {
                        <$template>::samples(abilities).into_iter().map(Template::$name).collect()
                    })*
                }
            }
        }

        impl Template {
            /// Without its arguments.
            fn kind(&self) -> Kind {
                match self {
                    $(Template::$name(_) => Kind::$name,)*
                }
            }

            /// Prints it.
            pub fn source(&self, abilities: &Abilities) -> Source {
                match self {
                    $(Template::$name(template) => template.source(abilities),)*
                }
            }
        }
    };
}

templates! {
    /// A formula over elements.
    Map(map::Template),
    /// Every element the same.
    Fill(fill::Template),
    /// Elements from one layout to another.
    Copy(copy::Template),
    /// Reading at indices.
    Pick(index::Template),
    /// Writing at indices.
    Scatter(scatter::Template),
    /// Overlapping windows added.
    Fold(view::Template),
    /// A reduction.
    Reduce(reduce::Template),
    /// Running totals.
    Scan(scan::Template),
    /// A part of sorting.
    Sort(sort::Template),
    /// A search in sorted rows.
    Search(search::Template),
    /// Softmax, or its logarithm.
    Softmax(softmax::Template),
    /// Rows with mean 0 and variance 1.
    Normalize(normalize::Template),
    /// A product of matrices, or of what a convolution gathers.
    Product(product::Template),
    /// The sum of a product's parts.
    Join(product::join::Template),
    /// The largest of windows.
    MaxPool(pool::Template),
    /// Whether the invocations of a subgroup are neighbours.
    Neighbours(neighbours::Template),
}

impl Kind {
    /// Does it go where numbers lead that it was given? What it reads and writes is then checked once more.
    fn goes_by_data(self) -> bool {
        match self {
            Kind::Pick | Kind::Scatter => true,
            Kind::Map
            | Kind::Fill
            | Kind::Copy
            | Kind::Fold
            | Kind::Reduce
            | Kind::Scan
            | Kind::Sort
            | Kind::Search
            | Kind::Softmax
            | Kind::Normalize
            | Kind::Product
            | Kind::Join
            | Kind::MaxPool
            | Kind::Neighbours => false,
        }
    }
}

/// A compiled kernel.
pub struct Kernel {
    /// wgpu's pipeline.
    pub pipeline: wgpu::ComputePipeline,
    /// The layout of its buffers.
    pub bindings: wgpu::BindGroupLayout,
    /// What it does with each buffer.
    pub access: SmallVec<[Access; 8]>,
    /// Kernels of one signature take the same buffers in the same way.
    pub signature: u64,
    /// Bytes of parameters that are handed over with a dispatch; 0 if they come in a buffer.
    pub immediates: u32,
}

/// Of a signature: its number, and the layout of its buffers.
type Signature = (u64, wgpu::BindGroupLayout);

/// Everything compiled for a card.
pub struct Kernels {
    window: wgpu::BindGroupLayout,
    compiled: Mutex<HashMap<Template, Arc<Kernel>>>,
    signatures: Mutex<HashMap<SmallVec<[Access; 8]>, Signature>>,
    count: AtomicU64,
}

impl Kernels {
    /// None yet.
    pub fn new(device: &wgpu::Device) -> Kernels {
        let window = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("parameters"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: wgpu::BufferSize::new(WINDOW),
                },
                count: None,
            }],
        });
        Kernels { window, compiled: Mutex::default(), signatures: Mutex::default(), count: AtomicU64::new(0) }
    }

    /// The layout of the parameters.
    pub fn window(&self) -> &wgpu::BindGroupLayout {
        &self.window
    }

    /// How many were compiled.
    pub fn count(&self) -> u64 {
        self.count.load(Relaxed)
    }
}

impl Card {
    /// The kernel of a template, compiled at the first call.
    pub fn kernel(&self, operation: &'static str, template: Template) -> Result<Arc<Kernel>> {
        self.kernel_after(operation, template, || Ok(()))
    }

    /// The same, but that it is only compiled if nothing speaks against it.
    pub fn kernel_after(
        &self,
        operation: &'static str,
        template: Template,
        check: impl FnOnce() -> Result<()>,
    ) -> Result<Arc<Kernel>> {
        let compiled = || self.kernels.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernel) = compiled().get(&template) {
            return Ok(kernel.clone());
        }
        check()?;
        let source = template.source(&self.abilities);
        let kernel = Arc::new(self.compile(operation, &source, template.kind())?);
        compiled().insert(template, kernel.clone());
        Ok(kernel)
    }

    fn compile(&self, operation: &'static str, source: &Source, kind: Kind) -> Result<Kernel> {
        let mut signatures = self.kernels.signatures.lock().unwrap_or_else(PoisonError::into_inner);
        let next = signatures.len() as u64;
        let (signature, bindings) = signatures
            .entry(source.access.clone())
            .or_insert_with(|| (next, Card::layout(&self.raw, &source.access)));
        let window = (source.immediates == 0).then_some(&self.kernels.window);
        let layout = self.raw.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[window, Some(bindings)],
            immediate_size: source.immediates,
        });
        let description = wgpu::ShaderModuleDescriptor {
            label: Some(operation),
            source: wgpu::ShaderSource::Wgsl(source.text.as_str().into()),
        };
        let module = if kind.goes_by_data() {
            self.raw.create_shader_module(description)
        } else {
            let mut checks = wgpu::ShaderRuntimeChecks::checked();
            checks.bounds_checks = false;
            checks.force_loop_bounding = false;
            // SAFETY: places are computed of layouts that lie inside of their memory (checked when arrays are made) and of
            // numbers of invocations that are compared with sizes; what numbers lead to is excepted above. Every loop counts
            // to an end.
            unsafe { self.raw.create_shader_module_trusted(description, checks) }
        };
        let pipeline = self.raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(operation),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                // Every kernel writes what it shares before it reads it.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        self.kernels.count.fetch_add(1, Relaxed);
        self.trouble.check(operation)?;
        Ok(Kernel {
            pipeline,
            bindings: bindings.clone(),
            access: source.access.clone(),
            signature: *signature,
            immediates: source.immediates,
        })
    }
}
