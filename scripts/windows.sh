# shellcheck shell=bash
# What building and testing the Windows client takes: MinGW, a Rust that knows the target, and Wine to run it.
#
# Always: a Rust that has the target is used as it is, and rustup is asked for it before anything is built. Debian 12's
# own Rust has no standard library for Windows and no rustup: there it is compiled once from Debian's source package,
# beside a private copy of that Rust, because the installed one belongs to root. Nothing half-built is ever used: it
# gets its final name when it is complete. Sourced after common.sh and rust.sh; $ROOT is the top of the checkout.

WINDOWS_TARGET=x86_64-pc-windows-gnu
MINGW=x86_64-w64-mingw32
# The folder of the private Rust, where that is the one to use; see ensure_windows_rust.
WINDOWS_RUST=""

# The target has a folder of its own: its builds and those of Linux do not wait for each other's lock.
windows_target_dir() { printf '%s' "${WINDOWS_TARGET_DIR:-${CARGO_TARGET_DIR:-$ROOT/target}/windows}"; }

# Notes the packages that a build for Windows needs beside those of need_build_tools.
need_windows_build() {
    need_command "$MINGW-gcc" gcc-mingw-w64-x86-64-win32 "compiles and links for Windows"
    need_command "$MINGW-windres" binutils-mingw-w64-x86-64 "puts icons and dialogs into the program for Windows"
    need_package mingw-w64-x86-64-dev "Windows' headers and import libraries"
}

need_wine() {
    wine_program >/dev/null || need wine64 "runs the program for Windows"
    need_command wineserver wine "Wine's own tools"
}

# A screen for it, somebody who types and clicks, and eyes.
need_windows_desktop() {
    need_command Xvfb xvfb "a screen that nobody sees"
    need_command openbox openbox "a window manager for it"
    need_command xdotool xdotool "types and clicks"
    need_command import imagemagick "takes pictures of the screen"
    need_command xwininfo x11-utils "knows where windows are"
    need_command xclip xclip "reads the clipboard"
    need_command tshark tshark "reads what is on the wire"
    need_command localedef libc-bin "makes a Japanese locale"
    need_package locales "the data of a Japanese locale"
    need_package fonts-ipafont-gothic "Japanese characters"
}

# After install_missing and ensure_rust: makes a Rust for the target the one that windows_cargo uses.
ensure_windows_rust() {
    WINDOWS_RUST=""
    windows_target_is_there && return 0
    if have rustup; then
        say "Adding the target $WINDOWS_TARGET to the Rust toolchain"
        rustup target add "$WINDOWS_TARGET" && windows_target_is_there && return 0
    fi
    case "$(distribution)" in
        "debian 12") ensure_private_rust ;;
        *)
            warn "error: this Rust cannot build for Windows: it has no target $WINDOWS_TARGET, and there is no rustup here to add it."
            return 1
            ;;
    esac
}

# Debian 12's Rust with a standard library for Windows beside it, in the user's cache; made once for each version.
ensure_private_rust() {
    local version cache
    version=$(newest_debian_rust)
    if [ -z "$version" ]; then
        apt_get update && version=$(newest_debian_rust)
    fi
    [ -n "$version" ] || { warn "error: Debian's package rustc-web is not to be had"; return 1; }
    cache="${XDG_CACHE_HOME:-$HOME/.cache}/raa"
    WINDOWS_RUST="$cache/rust-for-windows-$version"
    mkdir -p "$cache"
    under_lock "$WINDOWS_RUST.lock" make_private_rust "$version" "$WINDOWS_RUST"
}

newest_debian_rust() { apt-cache show rustc-web 2>/dev/null | sed -n 's/^Version: //p' | head -n 1; }

# make_private_rust VERSION FOLDER
make_private_rust() {
    local version=$1 final=$2 half="$2.half"
    [ -d "$final" ] && return 0
    say "Making a Rust for Windows from Debian's packages, once: $final (a few minutes)"
    rm -rf "$half"
    mkdir -p "$half/debs"
    unpack_rust "$version" "$half" && build_windows_std "$half" && write_rust_wrappers "$half" "$final" || return 1
    # The sources are half of it, and needed no more.
    rm -rf "$half/debs" "$half/std" "$half/root/usr/src"
    mv "$half" "$final"
}

# unpack_rust VERSION FOLDER: compiler, clippy and the standard library's source, into FOLDER/root.
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

# The standard library is compiled like any crate; rustc's own bootstrap does it the same way, with panic_abort itself
# compiled to abort.
build_windows_std() {
    local folder=$1 build="$1/std" usr="$1/root/usr" lib flags
    # Panics name their source file; no exe is to say where this computer keeps its caches.
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

# encoded_flags FLAG...: as CARGO_ENCODED_RUSTFLAGS wants them, which may have blanks within.
encoded_flags() {
    local IFS=$'\x1f'
    printf '%s' "$*"
}

# write_rust_wrappers FOLDER FINAL: rustc, rustdoc and cargo-clippy, which find their libraries where FOLDER will be.
write_rust_wrappers() {
    local folder=$1 final=$2 program
    # In bash: a plain sh drops the variables that are no names to it, and CARGO_BIN_EXE_raa-client is one.
    for program in rustc rustdoc cargo-clippy; do
        printf '#!/bin/bash\nexport LD_LIBRARY_PATH="%s/root/usr/lib/x86_64-linux-gnu"\nexec "%s/root/usr/bin/%s" "$@"\n' \
            "$final" "$final" "$program" >"$folder/$program" && chmod +x "$folder/$program" || return 1
    done
}

windows_target_is_there() {
    local sysroot
    sysroot=$(cd "$ROOT" && rustc --print sysroot 2>/dev/null) && [ -d "$sysroot/lib/rustlib/$WINDOWS_TARGET/lib" ]
}

# windows_cargo COMMAND ARG...: cargo for Windows. clippy comes from the same Rust as the compiler.
windows_cargo() {
    local command=$1 environment=(CARGO_TARGET_DIR="$(windows_target_dir)" CARGO_BUILD_TARGET="$WINDOWS_TARGET")
    shift
    if [ -n "$WINDOWS_RUST" ]; then
        environment+=(RUSTC="$WINDOWS_RUST/rustc" RUSTDOC="$WINDOWS_RUST/rustdoc")
        if [ "$command" = clippy ]; then
            env "${environment[@]}" "$WINDOWS_RUST/cargo-clippy" clippy "$@"
            return
        fi
    fi
    env "${environment[@]}" cargo "$command" "$@"
}

# wine_program: prints the path of Wine's loader, which some versions keep out of PATH.
wine_program() {
    local program
    for program in "$(command -v wine64)" /usr/lib/wine/wine64; do
        if [ -x "$program" ]; then
            printf '%s' "$program"
            return 0
        fi
    done
    return 1
}

# Wine in the tests' way, for what is started from here: no .NET, no HTML, no entries in this desktop's menus, and its
# own debugging kept to itself.
wine_environment() {
    export WINEPREFIX=$1 WINEDLLOVERRIDES="mscoree,mshtml,winemenubuilder.exe=d" WINEDEBUG="${WINEDEBUG:--all}"
}

# After install_missing: a Wine prefix in which programs made by Rust start, made once. It is the template of those that
# tests make for themselves, and cargo's tests run in it. Exports RAA_WINE, RAA_WINE_PREFIX and RAA_WINE_DLLS.
ensure_wine_prefix() {
    local target="${CARGO_TARGET_DIR:-$ROOT/target}"
    mkdir -p "$target" && target=$(cd "$target" && pwd) || return 1
    RAA_WINE=$(wine_program) || { warn "error: there is no wine64 here"; return 1; }
    RAA_WINE_PREFIX="$target/wine-prefix"
    RAA_WINE_DLLS="$target/wine-dlls"
    export RAA_WINE RAA_WINE_PREFIX RAA_WINE_DLLS
    build_wine_dlls "$RAA_WINE_DLLS" || { warn "error: bcryptprimitives.dll for Wine could not be built"; return 1; }
    under_lock "$RAA_WINE_PREFIX.lock" make_wine_prefix "$RAA_WINE_PREFIX" \
        || { warn "error: Wine could not make a prefix in $RAA_WINE_PREFIX"; return 1; }
}

# wine_registry KEY VALUE TEXT
wine_registry() { "$RAA_WINE" reg.exe add "$1" /v "$2" /d "$3" /f; }

build_wine_dlls() {
    local source="$ROOT/tests/windows/bcryptprimitives.c" dll="$1/bcryptprimitives.dll"
    [ "$dll" -nt "$source" ] && return 0
    mkdir -p "$1" && "$MINGW-gcc" -O2 -s -shared -o "$dll.$$" "$source" -ladvapi32 && mv "$dll.$$" "$dll"
}

make_wine_prefix() {
    local prefix=$1 half="$1.half" system32="drive_c/windows/system32"
    [ -e "$prefix/system.reg" ] && return 0
    say "Making a Wine prefix for the tests: $prefix"
    rm -rf "$prefix" "$half"
    (
        wine_environment "$half"
        unset DISPLAY WAYLAND_DISPLAY
        # Wine says on the way that 32-bit programs will not run; it is not asked to run any.
        "$RAA_WINE" wineboot.exe -i || exit 1
        # Windows that nobody sees are windows, too; and the dialogs' fonts, which Wine does not have.
        wine_registry 'HKCU\Software\Wine\Drivers' Graphics x11,null &&
            wine_registry 'HKCU\Software\Wine\Fonts\Replacements' "Yu Gothic UI" IPAPGothic || exit 1
        wineserver -w
    ) >>"$half.log" 2>&1 || { cat "$half.log" >&2; return 1; }
    # Wine 10 has its own, which stays.
    [ -e "$half/$system32/bcryptprimitives.dll" ] || cp "$RAA_WINE_DLLS/bcryptprimitives.dll" "$half/$system32/" || return 1
    mv "$half" "$prefix"
}

# under_lock FILE COMMAND ARG...: two that need the same thing at the same time make it once.
under_lock() {
    local lock=$1
    shift
    (flock 9 && "$@") 9>"$lock"
}

# windows_cargo with Wine as the runner of what it builds.
windows_cargo_under_wine() {
    (
        wine_environment "$RAA_WINE_PREFIX"
        export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="$RAA_WINE"
        windows_cargo "$@"
    )
}
