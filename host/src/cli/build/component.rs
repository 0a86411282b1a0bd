//! A core module to a component. The module says itself what it exports: wit-bindgen has put the contract into a section of
//! it, and wit-component wraps it by that.

use anyhow::anyhow;
use wit_component::ComponentEncoder;

use crate::cli::exit::Failure;

/// Wraps a core module that cargo built.
pub(super) fn encode(module: &[u8]) -> Result<Vec<u8>, Failure> {
    let encoded = ComponentEncoder::default()
        .validate(false)
        .module(module)
        .and_then(|mut encoder| encoder.encode());
    let component = encoded.map_err(|error| {
        Failure::wrong(error.context("failed to make a component of the module that was built"))
            .help("a crate of rules imports nothing: look for a dependency that asks for a clock, random numbers or a system")
    })?;
    // Of a module that says nothing of what it exports, the component exports nothing.
    if exports_nothing(&component) {
        return Err(Failure::wrong(anyhow!("the crate exports no rules"))
            .help("list them at its root: betrace_rules::pack![my_rule];"));
    }
    Ok(component)
}

/// The name of the interface is in every pack, as the name of its export.
fn exports_nothing(component: &[u8]) -> bool {
    let name = b"betrace:rules/pack@";
    !component.windows(name.len()).any(|window| window == name)
}

#[cfg(test)]
mod tests {
    use super::encode;
    use crate::cli::exit::Failure;

    fn said(module: &str) -> String {
        let module = wat::parse_str(module).unwrap();
        match encode(&module) {
            Err(Failure::Error { error, help, .. }) => {
                format!("{error:#} {}", help.unwrap_or_default())
            }
            Err(Failure::ReaderGone) | Ok(_) => String::new(),
        }
    }

    #[test]
    fn a_module_that_is_no_pack_is_refused_with_advice() {
        let nothing = said("(module (memory (export \"memory\") 1))");
        assert!(
            nothing.contains("exports no rules") && nothing.contains("pack!["),
            "{nothing}"
        );
        let imports = said("(module (import \"env\" \"clock\" (func)))");
        assert!(imports.contains("imports nothing"), "{imports}");
    }
}
