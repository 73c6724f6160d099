//! `#[derive(Module)]`: a module's parts are its fields.
//!
//! What is written here only names the fields; what each is, its type says (`cresset_nn::Field`), so that an error about a
//! field points at the field.

use proc_macro::TokenStream;
use proc_macro2::{Span, TokenStream as Tokens};
use quote::{format_ident, quote, quote_spanned};
use syn::{
    Attribute, Data, DeriveInput, Error, Fields, Ident, LitStr, Result, Type, parse_macro_input, parse_quote,
    spanned::Spanned,
};

/// Finds the parts of a module among the fields of a struct, or of an enum's variant.
///
/// On a type: `#[module(name = "ReLU")]` is the name that is printed, `#[module(extra)]` says that it has a method
/// `fn extra(&self) -> String` for what is printed between the parentheses. On a field: `#[module(skip)]` says that it is
/// no part, `#[module(name = "0")]` gives it another name.
#[proc_macro_derive(Module, attributes(module))]
pub fn module(input: TokenStream) -> TokenStream {
    expanded(parse_macro_input!(input as DeriveInput), quote!(::cresset_nn))
}

/// [`Module`](macro@Module) for those who depend on the crate `cresset` alone, which calls it `Module` too.
#[proc_macro_derive(FacadeModule, attributes(module))]
pub fn facade_module(input: TokenStream) -> TokenStream {
    expanded(parse_macro_input!(input as DeriveInput), quote!(::cresset::nn))
}

fn expanded(input: DeriveInput, nn: Tokens) -> TokenStream {
    implementation(&input, &nn).unwrap_or_else(|error| error.into_compile_error()).into()
}

#[derive(Default)]
struct Attributes {
    name: Option<LitStr>,
    extra: bool,
    skip: bool,
}

fn attributes(list: &[Attribute], of_field: bool) -> Result<Attributes> {
    let mut found = Attributes::default();
    for attribute in list.iter().filter(|attribute| attribute.path().is_ident("module")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                found.name = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("skip") && of_field {
                found.skip = true;
            } else if meta.path.is_ident("extra") && !of_field {
                found.extra = true;
            } else if of_field {
                return Err(meta.error("a field takes `skip` or `name = \"…\"`"));
            } else {
                return Err(meta.error("a module takes `extra` or `name = \"…\"`"));
            }
            Ok(())
        })?;
    }
    Ok(found)
}

/// A field that is shown: what it is bound to, and under which name.
struct Shown {
    binding: Ident,
    name: String,
    ty: Type,
}

/// The pattern that binds the fields, and those that are shown.
fn bound(fields: &Fields) -> Result<(Tokens, Vec<Shown>)> {
    let mut shown = Vec::new();
    let mut patterns = Vec::new();
    for (i, field) in fields.iter().enumerate() {
        let attributes = attributes(&field.attrs, true)?;
        if attributes.skip {
            continue;
        }
        let binding = format_ident!("field_{i}");
        let name = match (&attributes.name, &field.ident) {
            (Some(name), _) => name.value(),
            // `r#type` is named `type`.
            (None, Some(ident)) => ident.to_string().trim_start_matches("r#").to_owned(),
            (None, None) => i.to_string(),
        };
        if name.is_empty() || name.contains('.') {
            let span = attributes.name.map_or(field.span(), |name| name.span());
            return Err(Error::new(
                span,
                "a name has at least one letter, and no dot: dots part nested names",
            ));
        }
        let member = match &field.ident {
            Some(ident) => quote!(#ident),
            None => {
                let index = syn::Index::from(i);
                quote!(#index)
            }
        };
        patterns.push(quote!(#member: #binding));
        shown.push(Shown { binding, name, ty: field.ty.clone() });
    }
    Ok((quote!({ #(#patterns,)* .. }), shown))
}

fn implementation(input: &DeriveInput, nn: &Tokens) -> Result<Tokens> {
    let DeriveInput { ident, generics, data, attrs, .. } = input;
    let own = attributes(attrs, false)?;
    let variants: Vec<(Tokens, &Fields)> = match data {
        Data::Struct(data) => vec![(quote!(Self), &data.fields)],
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                let name = &variant.ident;
                (quote!(Self::#name), &variant.fields)
            })
            .collect(),
        Data::Union(_) => {
            return Err(Error::new(ident.span(), "a union cannot be a module: nobody knows what is in it"));
        }
    };
    let (mut arms, mut arms_mut) = (Vec::new(), Vec::new());
    let mut generics = generics.clone();
    let parameters: Vec<Ident> = generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for (path, fields) in &variants {
        let (pattern, shown) = bound(fields)?;
        let show = shown.iter().map(|Shown { binding, name, ty }| {
            quote_spanned!(ty.span()=> <#ty as #nn::Field>::show(#binding, #name, see);)
        });
        arms.push(quote!(#path #pattern => { #(#show)* }));
        let show = shown.iter().map(|Shown { binding, name, ty }| {
            quote_spanned!(ty.span()=> <#ty as #nn::Field>::show_mut(#binding, #name, see);)
        });
        arms_mut.push(quote!(#path #pattern => { #(#show)* }));
        // A field whose type depends on a parameter must be a part whatever the parameter is.
        for Shown { ty, .. } in &shown {
            if mentions(ty, &parameters) {
                generics.make_where_clause().predicates.push(parse_quote!(#ty: #nn::Field));
            }
        }
    }
    for parameter in &parameters {
        let bound = parse_quote!(#parameter: ::core::marker::Send + ::core::marker::Sync);
        generics.make_where_clause().predicates.push(bound);
    }
    let kind = own.name.unwrap_or_else(|| LitStr::new(&ident.to_string(), Span::call_site()));
    let extra = own.extra.then(|| {
        quote! {
            #[inline]
            fn extra(&self) -> ::std::string::String {
                Self::extra(self)
            }
        }
    });
    let (generics, types, bounds) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics #nn::Module for #ident #types #bounds {
            #[inline]
            #[allow(unused_variables)]
            fn parts<'module>(&'module self, see: #nn::See<'_, 'module>) {
                match self { #(#arms)* }
            }

            #[inline]
            #[allow(unused_variables)]
            fn parts_mut<'module>(&'module mut self, see: #nn::SeeMut<'_, 'module>) {
                match self { #(#arms_mut)* }
            }

            #[inline]
            fn kind(&self) -> &str {
                #kind
            }

            #extra
        }

        #[automatically_derived]
        impl #generics ::core::fmt::Debug for #ident #types #bounds {
            #[inline]
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.write_str(&#nn::printed(self))
            }
        }
    })
}

/// Does a type name one of the parameters?
fn mentions(ty: &Type, parameters: &[Ident]) -> bool {
    fn inside(tokens: Tokens, parameters: &[Ident]) -> bool {
        tokens.into_iter().any(|token| match token {
            proc_macro2::TokenTree::Ident(ident) => parameters.contains(&ident),
            proc_macro2::TokenTree::Group(group) => inside(group.stream(), parameters),
            proc_macro2::TokenTree::Punct(_) | proc_macro2::TokenTree::Literal(_) => false,
        })
    }
    inside(quote!(#ty), parameters)
}
