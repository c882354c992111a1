# shellcheck shell=bash
# Installs what building and testing the Windows client needs: MinGW, a Rust with the target, and Wine.
#
# Always: a Rust that has the target stays as it is; otherwise rustup adds the target, and Debian 12, which has no rustup,
# gets a private Rust (rust-for-windows.sh). Nothing incomplete is ever used. Sourced after common.sh and rust.sh; $ROOT is
# the top of the checkout.

. "$ROOT/scripts/lib/rust-for-windows.sh"

WINDOWS_TARGET=x86_64-pc-windows-gnu
MINGW=x86_64-w64-mingw32
# The folder of the private Rust if that is the one to use, else empty; see ensure_windows_rust.
WINDOWS_RUST=""

# Builds for Windows have their own folder, so that they and the builds for Linux do not wait for each other's lock.
windows_target_dir() { printf '%s' "${WINDOWS_TARGET_DIR:-${CARGO_TARGET_DIR:-$ROOT/target}/windows}"; }

# Needs the packages for a Windows build, in addition to those of need_build_tools.
need_windows_build() {
    need_command "$MINGW-gcc" gcc-mingw-w64-x86-64-win32 "compiles and links for Windows"
    need_command "$MINGW-windres" binutils-mingw-w64-x86-64 "adds icons and dialogs to the Windows client"
    need_package mingw-w64-x86-64-dev "headers and import libraries of Windows"
}

need_wine() {
    wine_program >/dev/null || need wine64 "runs the Windows client"
    need_command wineserver wine "Wine's tools"
}

# A desktop for Wine: a screen, a keyboard and a mouse, and programs that look at the result.
need_windows_desktop() {
    need_command Xvfb xvfb "a virtual screen"
    need_command openbox openbox "a window manager for the screen"
    need_command xdotool xdotool "types and clicks"
    need_command import imagemagick "takes pictures of the screen"
    need_command xwininfo x11-utils "finds windows on the screen"
    need_command xclip xclip "reads the clipboard"
    need_command tshark tshark "reads the packets on the wire"
    need_command localedef libc-bin "makes a Japanese locale"
    need_package locales "the data of a Japanese locale"
    need_package fonts-ipafont-gothic "Japanese characters"
}

# After install_missing and ensure_rust: selects the Rust that windows_cargo uses.
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
            warn "error: this Rust lacks the target $WINDOWS_TARGET, and rustup, which could add it, is not installed."
            return 1
            ;;
    esac
}

windows_target_is_there() {
    local sysroot
    sysroot=$(cd "$ROOT" && rustc --print sysroot 2>/dev/null) && [ -d "$sysroot/lib/rustlib/$WINDOWS_TARGET/lib" ]
}

# windows_cargo COMMAND ARG...: runs cargo for Windows. clippy comes from the same Rust as the compiler.
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

# wine_program: prints the path of Wine's loader, which is not in PATH in some versions.
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

# wine_environment PREFIX: sets up Wine as the tests do: no .NET, no HTML, no entries in this desktop's menus, and no debug
# output.
wine_environment() {
    export WINEPREFIX=$1 WINEDLLOVERRIDES="mscoree,mshtml,winemenubuilder.exe=d" WINEDEBUG="${WINEDEBUG:--all}"
}

# After install_missing: makes, once, a Wine prefix in which programs built with Rust start. cargo's tests run in it, and the
# end-to-end tests copy it. Exports RAA_WINE, RAA_WINE_PREFIX and RAA_WINE_DLLS.
ensure_wine_prefix() {
    local target="${CARGO_TARGET_DIR:-$ROOT/target}"
    mkdir -p "$target" && target=$(cd "$target" && pwd) || return 1
    RAA_WINE=$(wine_program) || { warn "error: wine64 was not found"; return 1; }
    RAA_WINE_PREFIX="$target/wine-prefix"
    RAA_WINE_DLLS="$target/wine-dlls"
    export RAA_WINE RAA_WINE_PREFIX RAA_WINE_DLLS
    build_wine_dlls "$RAA_WINE_DLLS" || { warn "error: cannot build bcryptprimitives.dll for Wine"; return 1; }
    under_lock "$RAA_WINE_PREFIX.lock" make_wine_prefix "$RAA_WINE_PREFIX" \
        || { warn "error: Wine cannot make a prefix in $RAA_WINE_PREFIX"; return 1; }
}

# wine_registry KEY VALUE TEXT: sets a value in the registry of the prefix.
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
        # Wine warns that 32-bit programs will not run. There are none.
        "$RAA_WINE" wineboot.exe -i || exit 1
        # The null driver lets programs open windows without a screen. Wine lacks the dialogs' font.
        wine_registry 'HKCU\Software\Wine\Drivers' Graphics x11,null &&
            wine_registry 'HKCU\Software\Wine\Fonts\Replacements' "Yu Gothic UI" IPAPGothic || exit 1
        wineserver -w
    ) >>"$half.log" 2>&1 || { cat "$half.log" >&2; return 1; }
    # Wine 10 has its own bcryptprimitives.dll, which stays.
    [ -e "$half/$system32/bcryptprimitives.dll" ] || cp "$RAA_WINE_DLLS/bcryptprimitives.dll" "$half/$system32/" || return 1
    mv "$half" "$prefix"
}

# windows_cargo_under_wine COMMAND ARG...: like windows_cargo, with Wine to run the programs.
windows_cargo_under_wine() {
    (
        wine_environment "$RAA_WINE_PREFIX"
        export CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUNNER="$RAA_WINE"
        windows_cargo "$@"
    )
}
