//! The sections of a component, and of the component of types that may be nested in it.

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentDefinedType, ComponentExternName,
    ComponentInstance, ComponentType, ComponentTypeSectionReader, CustomSectionReader, Encoding,
    Instance, Parser, Payload,
};

use super::{PACK_INTERFACE, PACK_NAME, check_most, invalid, module::Module, shape};
use crate::sandbox::{
    error::{LoadError, excerpt},
    limits::{
        COMPONENT_ITEMS_MAX, COMPONENT_TYPES_MAX, CUSTOM_BYTES_MAX, CUSTOM_SECTIONS_MAX,
        NAME_BYTES_MAX,
    },
};

/// How types of components begin that hold declarations of their own (`componenttype` and `instancetype` in the
/// component model's `Binary.md`). wasmparser reads what is declared in them by recursion, at three bytes a level.
const NESTING_TYPES: [u8; 2] = [0x41, 0x42];

/// Refuses whatever imports something, by its first import.
pub(super) fn check_imports(bytes: &[u8]) -> Result<(), LoadError> {
    let mut n_open = 0;
    // What cannot be read is refused when all of it is looked at.
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else imports")]
        match payload {
            Payload::Version { .. } => n_open += 1,
            Payload::End(_) => n_open -= 1,
            // What a nested component imports, the component itself gives it.
            Payload::ComponentImportSection(section) if n_open == 1 => {
                if let Some(import) = section.into_iter().next() {
                    let name = import.map_err(|error| invalid(&error))?.name.name;
                    let name = excerpt(name);
                    return Err(LoadError::Import { name });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What has been seen of a component so far.
pub(super) struct Shape<'a> {
    bytes: &'a [u8],
    /// The encodings of the binaries that are open, outermost first.
    open: Vec<Encoding>,
    modules: u32,
    components: u32,
    /// Of the core module.
    instances: u32,
    /// Of the nested component, and groups of exports.
    component_instances: u64,
    types: u64,
    items: u64,
    custom_sections: u64,
    custom_bytes: u64,
    exports: Vec<String>,
    module: Module,
}

impl<'a> Shape<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            open: Vec::new(),
            modules: 0,
            components: 0,
            instances: 0,
            component_instances: 0,
            types: 0,
            items: 0,
            custom_sections: 0,
            custom_bytes: 0,
            exports: Vec::new(),
            module: Module::default(),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "sections of core modules are `Module`'s, and what neither knows is refused there"
    )]
    pub(super) fn check(&mut self, payload: &Payload<'_>) -> Result<(), LoadError> {
        match payload {
            Payload::Version { encoding, .. } => self.open.push(*encoding),
            Payload::End(_) => {
                self.open.pop();
            }
            Payload::CustomSection(section) => self.check_custom(section)?,
            Payload::ModuleSection { .. } => {
                self.outermost_only("holds a module inside a nested component")?;
                self.modules += 1;
                if self.modules > 1 {
                    return shape("holds more than one core module");
                }
            }
            Payload::ComponentSection { .. } => {
                self.outermost_only("nests components in components")?;
                self.components += 1;
                if self.components > 1 {
                    return shape("holds more than one nested component");
                }
            }
            Payload::InstanceSection(section) => {
                self.outermost_only("instantiates inside a nested component")?;
                for instance in section.clone() {
                    self.check_instance(&instance.map_err(|error| invalid(&error))?)?;
                }
            }
            Payload::ComponentInstanceSection(section) => {
                self.outermost_only("instantiates inside a nested component")?;
                for instance in section.clone() {
                    self.check_component_instance(&instance.map_err(|error| invalid(&error))?)?;
                }
            }
            Payload::CoreTypeSection(_) => return shape("declares core types outside its module"),
            Payload::ComponentTypeSection(section) => self.check_types(section)?,
            Payload::ComponentAliasSection(section) => self.count_items(section.count())?,
            Payload::ComponentCanonicalSection(section) => {
                self.outermost_only("lifts functions inside a nested component")?;
                self.count_items(section.count())?;
                for function in section.clone() {
                    check_canonical(&function.map_err(|error| invalid(&error))?)?;
                }
            }
            Payload::ComponentStartSection { .. } => return shape("runs a start function"),
            Payload::ComponentImportSection(section) => {
                self.count_items(section.count())?;
                for import in section.clone() {
                    check_name(&import.map_err(|error| invalid(&error))?.name)?;
                }
            }
            Payload::ComponentExportSection(section) => {
                self.count_items(section.count())?;
                for export in section.clone() {
                    let export = export.map_err(|error| invalid(&error))?;
                    check_name(&export.name)?;
                    if self.open.len() == 1 {
                        self.exports.push(export.name.name.to_owned());
                    }
                }
            }
            payload => self.module.check(payload)?,
        }
        Ok(())
    }

    fn check_custom(&mut self, section: &CustomSectionReader<'_>) -> Result<(), LoadError> {
        self.custom_sections += 1;
        self.custom_bytes += section.range().len() as u64;
        check_most(
            "custom sections",
            self.custom_sections,
            u64::from(CUSTOM_SECTIONS_MAX),
        )?;
        check_most(
            "bytes of custom sections (strip its debug information)",
            self.custom_bytes,
            CUSTOM_BYTES_MAX as u64,
        )
    }

    fn check_instance(&mut self, instance: &Instance<'_>) -> Result<(), LoadError> {
        match instance {
            Instance::Instantiate { .. } => self.instances += 1,
            Instance::FromExports(_) => {}
        }
        if self.instances > 1 {
            return shape("instantiates its module more than once");
        }
        Ok(())
    }

    fn check_component_instance(
        &mut self,
        instance: &ComponentInstance<'_>,
    ) -> Result<(), LoadError> {
        let n_items = match instance {
            ComponentInstance::Instantiate { args, .. } => {
                self.component_instances += 1;
                args.len()
            }
            ComponentInstance::FromExports(exports) => {
                for export in exports {
                    check_name(&export.name)?;
                }
                exports.len()
            }
        };
        if self.component_instances > 1 {
            return shape("instantiates its nested component more than once");
        }
        self.count_items(u32::try_from(n_items).unwrap_or(u32::MAX))
    }

    /// Counts types with their fields. What begins as a type of components or instances is refused unread.
    fn check_types(&mut self, section: &ComponentTypeSectionReader<'_>) -> Result<(), LoadError> {
        let mut types = section.clone().into_iter();
        loop {
            let first = self.bytes.get(types.original_position());
            if first.is_some_and(|first| NESTING_TYPES.contains(first)) && types.size_hint().0 > 0 {
                return shape("declares types of components or instances");
            }
            let Some(ty) = types.next() else {
                return Ok(());
            };
            let fields = check_type(&ty.map_err(|error| invalid(&error))?)?;
            self.types += 1 + fields as u64;
            check_most(
                "types and fields of types in its interface",
                self.types,
                u64::from(COMPONENT_TYPES_MAX),
            )?;
        }
    }

    fn count_items(&mut self, n: u32) -> Result<(), LoadError> {
        self.items += u64::from(n);
        check_most(
            "aliases, arguments, functions, imports and exports",
            self.items,
            u64::from(COMPONENT_ITEMS_MAX),
        )
    }

    fn outermost_only(&self, what: &str) -> Result<(), LoadError> {
        if self.open.len() > 1 {
            shape(what)
        } else {
            Ok(())
        }
    }

    pub(super) fn finish(self) -> Result<(), LoadError> {
        let expected = PACK_INTERFACE;
        if let [export] = self.exports.as_slice()
            && export == expected
        {
            return Ok(());
        }
        let name = |name: &String| format!("`{}`", excerpt(name));
        if self.exports.iter().any(|name| name == expected) {
            let others = self.exports.iter().filter(|name| *name != expected);
            let others: Vec<_> = others.take(3).map(name).collect();
            let others = others.join(", ");
            return shape(&format!("exports {others} besides `{expected}`"));
        }
        if let Some(found) = self.exports.iter().find(|name| name.starts_with(PACK_NAME)) {
            let found = excerpt(found);
            return Err(LoadError::OtherVersion { found, expected });
        }
        let names: Vec<_> = self.exports.iter().take(3).map(name).collect();
        let found = if names.is_empty() {
            "nothing".to_owned()
        } else {
            names.join(", ")
        };
        Err(LoadError::OtherWorld { found, expected })
    }
}

/// Returns how many fields, cases and parameters a type has.
fn check_type(ty: &ComponentType<'_>) -> Result<usize, LoadError> {
    let fields = match ty {
        ComponentType::Func(function) => function.params.len(),
        ComponentType::Defined(defined) => match defined {
            ComponentDefinedType::Record(fields) => fields.len(),
            ComponentDefinedType::Variant(cases) => cases.len(),
            ComponentDefinedType::Tuple(types) => types.len(),
            ComponentDefinedType::Flags(names) | ComponentDefinedType::Enum(names) => names.len(),
            ComponentDefinedType::Primitive(_)
            | ComponentDefinedType::List(_)
            | ComponentDefinedType::Option(_)
            | ComponentDefinedType::Result { .. } => 0,
            ComponentDefinedType::Map(..)
            | ComponentDefinedType::FixedLengthList(..)
            | ComponentDefinedType::Own(_)
            | ComponentDefinedType::Borrow(_)
            | ComponentDefinedType::Future(_)
            | ComponentDefinedType::Stream(_) => {
                return shape("declares types that the contract does not have");
            }
        },
        ComponentType::Component(_) | ComponentType::Instance(_) => {
            return shape("declares types of components or instances");
        }
        ComponentType::Resource { .. } => return shape("declares resources"),
    };
    Ok(fields)
}

fn check_name(name: &ComponentExternName<'_>) -> Result<(), LoadError> {
    check_most(
        "bytes in the name of an import or export",
        name.name.len() as u64,
        NAME_BYTES_MAX as u64,
    )
}

fn check_canonical(function: &CanonicalFunction) -> Result<(), LoadError> {
    let CanonicalFunction::Lift { options, .. } = function else {
        return shape("asks the host for built-in functions");
    };
    for option in options {
        match option {
            CanonicalOption::UTF8
            | CanonicalOption::Memory(_)
            | CanonicalOption::Realloc(_)
            | CanonicalOption::PostReturn(_) => {}
            CanonicalOption::UTF16 | CanonicalOption::CompactUTF16 => {
                return shape("passes strings in another encoding than UTF-8");
            }
            CanonicalOption::Async
            | CanonicalOption::Callback(_)
            | CanonicalOption::CoreType(_)
            | CanonicalOption::Gc => {
                return shape("lifts its functions in another way than the synchronous one");
            }
        }
    }
    Ok(())
}
