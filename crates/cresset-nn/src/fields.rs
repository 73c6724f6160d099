//! What std's types are as fields of a module: containers name what is in them by place or key, settings are no part.

use std::{
    collections::{BTreeMap, HashMap},
    marker::PhantomData,
};

use crate::{
    Buffer, Module, Parameter, Training,
    module::{Field, Layer, Part, PartMut, Place, See, SeeMut},
};
use cresset_autograd::{DType, Device, Result, Scalar, Shape, Sizes, Tensor};
use cresset_ops::methods::LossReduction;

impl<M: Module> Field for M {
    fn show<'a>(&'a self, name: &str, see: See<'_, 'a>) {
        if !M::holds_settings() {
            see(name, Part::Module(self));
        }
    }

    fn show_mut<'a>(&'a mut self, name: &str, see: SeeMut<'_, 'a>) {
        if !M::holds_settings() {
            see(name, PartMut::Module(self));
        }
    }

    fn is_setting() -> bool {
        M::holds_settings()
    }
}

impl Field for Parameter {
    fn show<'a>(&'a self, name: &str, see: See<'_, 'a>) {
        see(name, Part::Parameter(self));
    }

    fn show_mut<'a>(&'a mut self, name: &str, see: SeeMut<'_, 'a>) {
        see(name, PartMut::Parameter(self));
    }
}

impl Field for Buffer {
    fn show<'a>(&'a self, name: &str, see: See<'_, 'a>) {
        see(name, Part::Buffer(self));
    }

    fn show_mut<'a>(&'a mut self, name: &str, see: SeeMut<'_, 'a>) {
        see(name, PartMut::Buffer(self));
    }
}

impl Field for Training {
    fn show<'a>(&'a self, name: &str, see: See<'_, 'a>) {
        see(name, Part::Training(self));
    }

    fn show_mut<'a>(&'a mut self, _: &str, _: SeeMut<'_, 'a>) {}
}

/// What may be missing is transparent: its parts have the names they would have without it.
impl<F: Field> Field for Option<F> {
    fn show<'a>(&'a self, name: &str, see: See<'_, 'a>) {
        if let Some(field) = self {
            field.show(name, see);
        }
    }

    fn show_mut<'a>(&'a mut self, name: &str, see: SeeMut<'_, 'a>) {
        if let Some(field) = self {
            field.show_mut(name, see);
        }
    }

    fn is_setting() -> bool {
        F::is_setting()
    }
}

macro_rules! settings {
    ($($type:ty),*) => {$(
        /// A setting: no part of a model's state.
        impl Field for $type {
            fn show<'a>(&'a self, _: &str, _: See<'_, 'a>) {}

            fn show_mut<'a>(&'a mut self, _: &str, _: SeeMut<'_, 'a>) {}

            fn is_setting() -> bool {
                true
            }
        }
    )*};
}

settings!(
    bool,
    char,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    f32,
    f64,
    String,
    &'static str,
    DType,
    Device,
    Scalar,
    Shape,
    Sizes,
    LossReduction,
    ()
);

impl<T: Send + Sync + ?Sized> Field for PhantomData<T> {
    fn show<'a>(&'a self, _: &str, _: See<'_, 'a>) {}

    fn show_mut<'a>(&'a mut self, _: &str, _: SeeMut<'_, 'a>) {}
}

/// Boxed modules are what is in the box.
impl<M: Module + ?Sized> Module for Box<M> {
    fn parts<'a>(&'a self, see: See<'_, 'a>) {
        (**self).parts(see);
    }

    fn parts_mut<'a>(&'a mut self, see: SeeMut<'_, 'a>) {
        (**self).parts_mut(see);
    }

    fn kind(&self) -> &str {
        (**self).kind()
    }

    fn extra(&self) -> String {
        (**self).extra()
    }

    fn is_list(&self) -> bool {
        (**self).is_list()
    }

    fn identity(&self) -> Place {
        (**self).identity()
    }
}

impl<L: Layer + ?Sized> Layer for Box<L> {
    #[track_caller]
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        (**self).forward(x)
    }
}

macro_rules! lists {
    ($([$($generics:tt)*] $type:ty;)*) => {$(
        /// A list names what is in it by place.
        impl<$($generics)*> Module for $type {
            fn parts<'a>(&'a self, see: See<'_, 'a>) {
                for (i, field) in self.iter().enumerate() {
                    field.show(&i.to_string(), see);
                }
            }

            fn parts_mut<'a>(&'a mut self, see: SeeMut<'_, 'a>) {
                for (i, field) in self.iter_mut().enumerate() {
                    field.show_mut(&i.to_string(), see);
                }
            }

            fn kind(&self) -> &str {
                "ModuleList"
            }

            fn is_list(&self) -> bool {
                true
            }

            fn holds_settings() -> bool {
                F::is_setting()
            }
        }
    )*};
}

lists! {
    [F: Field] Vec<F>;
    [F: Field, const N: usize] [F; N];
}

/// A map names what is in it by key.
impl<K: AsRef<str> + Ord + Send + Sync, F: Field> Module for BTreeMap<K, F> {
    fn parts<'a>(&'a self, see: See<'_, 'a>) {
        for (key, field) in self {
            field.show(key.as_ref(), see);
        }
    }

    fn parts_mut<'a>(&'a mut self, see: SeeMut<'_, 'a>) {
        for (key, field) in self {
            field.show_mut(key.as_ref(), see);
        }
    }

    fn kind(&self) -> &str {
        "ModuleDict"
    }

    fn holds_settings() -> bool {
        F::is_setting()
    }
}

/// A map names what is in it by key, in the order of the keys, so that no two runs differ.
impl<K: AsRef<str> + Send + Sync, F: Field, S: Send + Sync> Module for HashMap<K, F, S> {
    fn parts<'a>(&'a self, see: See<'_, 'a>) {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        for (key, field) in entries {
            field.show(key.as_ref(), see);
        }
    }

    fn parts_mut<'a>(&'a mut self, see: SeeMut<'_, 'a>) {
        let mut entries: Vec<_> = self.iter_mut().collect();
        entries.sort_by(|a, b| a.0.as_ref().cmp(b.0.as_ref()));
        for (key, field) in entries {
            field.show_mut(key.as_ref(), see);
        }
    }

    fn kind(&self) -> &str {
        "ModuleDict"
    }

    fn holds_settings() -> bool {
        F::is_setting()
    }
}

macro_rules! tuples {
    ($(($($type:ident $place:tt),*))*) => {$(
        /// A tuple names what is in it by place.
        impl<$($type: Field),*> Module for ($($type,)*) {
            fn parts<'a>(&'a self, see: See<'_, 'a>) {
                $(self.$place.show(stringify!($place), see);)*
            }

            fn parts_mut<'a>(&'a mut self, see: SeeMut<'_, 'a>) {
                $(self.$place.show_mut(stringify!($place), see);)*
            }

            fn kind(&self) -> &str {
                "ModuleList"
            }

            fn is_list(&self) -> bool {
                true
            }

            fn holds_settings() -> bool {
                true $(&& $type::is_setting())*
            }
        }
    )*};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}
