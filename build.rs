//! Tells cargo what else the server is made of: the migrations, and for a release the built site that it embeds.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_SSR").is_none() {
        return; // the browser's build embeds neither
    }
    println!("cargo:rerun-if-changed=migrations");
    // A debug server reads the site from disk. A release one embeds it, and must be compiled again when files were
    // added; while the folder is missing cargo asks each time, so that no server is left without its site.
    if std::env::var("PROFILE").as_deref() == Ok("release") {
        println!("cargo:rerun-if-changed=target/site");
    }
}
