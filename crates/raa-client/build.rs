//! Compiles icons, dialogs, manifest and version into raa-client.exe; does nothing on other systems.

use std::env;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=resources");
    if env::var("CARGO_CFG_TARGET_OS")? != "windows" {
        return Ok(());
    }
    let number = |part: &str| env::var(format!("CARGO_PKG_VERSION_{part}"));
    let (major, minor, patch) = (number("MAJOR")?, number("MINOR")?, number("PATCH")?);
    let macros = [
        format!("RAA_VERSION={}", env::var("CARGO_PKG_VERSION")?),
        format!("RAA_VERSION_NUMBERS={major},{minor},{patch},0"),
    ];
    let macros = embed_resource::ParamsMacrosAndIncludeDirs(&macros, &["resources"]);
    embed_resource::compile("resources/raa-client.rc", macros).manifest_required()?;
    Ok(())
}
