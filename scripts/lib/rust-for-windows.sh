# shellcheck shell=bash
# Builds a private Rust for Windows on Debian 12, which has no rustup and whose Rust has no standard library for Windows. The
# standard library is compiled once from Debian's source package. It goes into a private copy of Debian's Rust, because the
# installed one belongs to root.
#
# Always: nothing incomplete is ever used, because the folder gets its final name last. Sourced by windows.sh.

# Makes the private Rust in the user's cache, once for each version, and sets WINDOWS_RUST.
ensure_private_rust() {
    local version cache
    version=$(newest_debian_rust)
    if [ -z "$version" ]; then
        apt_get update && version=$(newest_debian_rust)
    fi
    [ -n "$version" ] || { warn "error: apt does not know Debian's package rustc-web"; return 1; }
    cache="${XDG_CACHE_HOME:-$HOME/.cache}/raa"
    WINDOWS_RUST="$cache/rust-for-windows-$version"
    mkdir -p "$cache"
    under_lock "$WINDOWS_RUST.lock" make_private_rust "$version" "$WINDOWS_RUST"
}

newest_debian_rust() { apt-cache show rustc-web 2>/dev/null | sed -n 's/^Version: //p' | head -n 1; }

# make_private_rust VERSION FOLDER: does nothing if the folder exists.
make_private_rust() {
    local version=$1 final=$2 half="$2.half"
    [ -d "$final" ] && return 0
    say "Building a Rust for Windows from Debian's packages in $final (once; takes a few minutes)"
    rm -rf "$half"
    mkdir -p "$half/debs"
    unpack_rust "$version" "$half" && build_windows_std "$half" && write_rust_wrappers "$half" "$final" || return 1
    # The sources are half of the folder and are no longer needed.
    rm -rf "$half/debs" "$half/std" "$half/root/usr/src"
    mv "$half" "$final"
}

# unpack_rust VERSION FOLDER: unpacks the compiler, clippy and the standard library's source into FOLDER/root.
unpack_rust() {
    local version=$1 folder=$2 std llvm deb
    std=$(apt-cache show "libstd-rust-web-dev=$version" | sed -n 's/^Depends: .*\(libstd-rust-web-[0-9.]*\).*/\1/p')
    llvm=$(apt-cache show "$std=$version" | grep -o 'libllvm[0-9]*' | head -n 1)
    need_package "$llvm" "the compiler's code generator"
    install_missing || return 1
    (
        cd "$folder/debs" || exit 1
        apt-get -q download "rustc-web=$version" "rust-web-src=$version" "rust-web-clippy=$version" \
            "libstd-rust-web-dev=$version" "$std=$version" || exit 1
        for deb in *.deb; do dpkg -x "$deb" "$folder/root" || exit 1; done
    )
}

# build_windows_std FOLDER: compiles the standard library like any crate. rustc's own bootstrap does the same, and also
# compiles panic_abort itself with panic=abort.
build_windows_std() {
    local folder=$1 build="$1/std" usr="$1/root/usr" lib flags
    # Panics name their source file. An exe must not contain the paths of this computer.
    flags=(-Cembed-bitcode=yes "--remap-path-prefix=$usr/lib/rustlib/src/rust=rust"
        "--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=cargo")
    lib="$usr/lib/rustlib/$WINDOWS_TARGET/lib"
    mkdir -p "$build/src"
    printf '[package]\nname = "std-for-windows"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n' >"$build/Cargo.toml"
    echo 'fn main() {}' >"$build/src/main.rs"
    cat >"$build/rustc-wrapper" <<'EOT'
#!/bin/sh
case " $* " in
    *" --crate-name panic_abort "*) exec "$@" -Cpanic=abort ;;
    *) exec "$@" ;;
esac
EOT
    chmod +x "$build/rustc-wrapper"
    (
        cd "$build" || exit 1
        env LD_LIBRARY_PATH="$usr/lib/x86_64-linux-gnu" RUSTC="$usr/bin/rustc" RUSTC_WRAPPER="$build/rustc-wrapper" \
            RUSTC_BOOTSTRAP=1 CARGO_ENCODED_RUSTFLAGS="$(encoded_flags "${flags[@]}")" CARGO_TARGET_DIR="$build/target" \
            cargo build --release --target "$WINDOWS_TARGET" -Zbuild-std=std,panic_abort,panic_unwind,test
    ) || return 1
    mkdir -p "$lib" && cp "$build/target/$WINDOWS_TARGET"/release/deps/*.rlib "$lib/"
}

# encoded_flags FLAG...: joins flags for CARGO_ENCODED_RUSTFLAGS, which allows blanks within a flag.
encoded_flags() {
    local IFS=$'\x1f'
    printf '%s' "$*"
}

# write_rust_wrappers FOLDER FINAL: writes rustc, rustdoc and cargo-clippy, which find their libraries in FINAL.
write_rust_wrappers() {
    local folder=$1 final=$2 program
    # bash, because sh drops variables whose names it does not accept, such as CARGO_BIN_EXE_raa-client.
    for program in rustc rustdoc cargo-clippy; do
        printf '#!/bin/bash\nexport LD_LIBRARY_PATH="%s/root/usr/lib/x86_64-linux-gnu"\nexec "%s/root/usr/bin/%s" "$@"\n' \
            "$final" "$final" "$program" >"$folder/$program" && chmod +x "$folder/$program" || return 1
    done
}
