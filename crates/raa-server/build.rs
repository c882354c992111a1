//! Has the crate rebuilt when a file is added to the page or removed from it; changes of files
//! that are embedded already are seen without this.

fn main() {
    println!("cargo::rerun-if-changed=web");
}
