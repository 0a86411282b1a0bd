//! Packs as requests carry them, to bytes.

use base64::{Engine, engine::general_purpose::STANDARD};
use betrace_dsl::{Color, Source, render};

use super::{ApiError, ErrorCode};
use crate::{
    api::{
        limits::{PACKS_PER_REQUEST_MAX, REFERENCE_BYTES_MAX},
        wire::PackUpload,
    },
    rules::NewPack,
};

/// Takes the component of each pack, compiling those that come as source alone.
pub(super) fn read(uploads: &[PackUpload]) -> Result<Vec<NewPack>, ApiError> {
    if uploads.len() > PACKS_PER_REQUEST_MAX {
        return Err(ApiError::bad_request(format!(
            "{} packs are more than the {PACKS_PER_REQUEST_MAX} of one request",
            uploads.len()
        )));
    }
    let mut packs = Vec::with_capacity(uploads.len());
    let mut mistakes = Vec::new();
    for upload in uploads {
        match read_one(upload) {
            Ok(pack) => packs.push(pack),
            // Every pack that does not compile is named, not only the first.
            Err(error) if error.code == ErrorCode::InvalidRule => mistakes.push(error.message),
            Err(error) => return Err(error),
        }
    }
    if mistakes.is_empty() {
        Ok(packs)
    } else {
        Err(ApiError::new(ErrorCode::InvalidRule, mistakes.join("\n")))
    }
}

fn read_one(upload: &PackUpload) -> Result<NewPack, ApiError> {
    let PackUpload {
        name,
        component,
        source,
        reference,
    } = upload;
    if reference
        .as_ref()
        .is_some_and(|text| text.len() > REFERENCE_BYTES_MAX)
    {
        return Err(ApiError::bad_request(format!(
            "the reference of `{name}` is longer than {REFERENCE_BYTES_MAX} bytes"
        )));
    }
    let bytes = match (component, source) {
        (Some(component), _) => STANDARD.decode(component).map_err(|error| {
            ApiError::bad_request(format!("the component of `{name}` is not base64: {error}"))
        })?,
        (None, Some(text)) => compile(name, text)?,
        (None, None) => {
            return Err(ApiError::bad_request(format!(
                "`{name}` has neither a component nor a source"
            )));
        }
    };
    Ok(NewPack {
        bytes,
        origin: name.clone(),
        source: source.clone(),
        reference: reference.clone(),
    })
}

fn compile(name: &str, text: &str) -> Result<Vec<u8>, ApiError> {
    let source = Source {
        name,
        text: text.as_bytes(),
    };
    let (compiled, diagnostics) = betrace_dsl::compile(&source);
    match compiled {
        Some(compiled) => Ok(compiled.component),
        None => Err(ApiError::new(
            ErrorCode::InvalidRule,
            render(&diagnostics, &source, Color::Plain).trim_end(),
        )),
    }
}
