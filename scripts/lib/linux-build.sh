# shellcheck shell=bash
# Builds the Linux programs of a release: with zig as C compiler and linker, so that they run with a glibc much older than
# that of this computer, and checks what came out.
#
# Always: uses the versions in Cargo.lock; a program that needs a newer glibc, another library, or names a path of this
# computer is refused. Sourced after common.sh, rust.sh, wheels.sh and reproducible.sh; $ROOT is the top of the checkout.

# Debian 10, Ubuntu 18.10, RHEL 8.
OLDEST_GLIBC=2.28
# What every glibc system has. zig links the unwinder into the programs.
SYSTEM_LIBRARIES="libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libgcc_s.so.1 ld-linux-x86-64.so.2 ld-linux-aarch64.so.1"
# The folder of zig and cargo-zigbuild, once ensure_zig has found it.
ZIG=""

zig_folder() { wheel_folder zig "$(wheel_version zig.txt ziglang)+$(wheel_version zig.txt cargo-zigbuild)"; }

need_zig() {
    need_command python3 python3 "writes the licences and the SBOM"
    need_command readelf binutils "looks at what was built"
    [ -d "$(zig_folder)" ] || need_pip "installs zig and cargo-zigbuild, which build for an old glibc"
}

# After install_missing: installs zig in the user's cache, once for each version.
ensure_zig() {
    ZIG=$(zig_folder)
    install_wheels zig.txt "$ZIG" bin/cargo-zigbuild || { warn "error: cannot install zig and cargo-zigbuild from PyPI"; return 1; }
}

# build_linux TARGET TARGET_DIR FOLDER: builds raa-server and raa-client for TARGET in TARGET_DIR and puts them into FOLDER.
build_linux() {
    local target=$1 build=$2 folder=$3 cargo="${CARGO_HOME:-$HOME/.cargo}" program
    mkdir -p "$build" "$folder"
    write_rustc_wrapper "$build/rustc-without-paths" "$build" "$cargo"
    (
        cd "$ROOT" || exit 1
        export RUSTC_WRAPPER="$build/rustc-without-paths" CARGO_TARGET_DIR="$build"
        # zig would strip everything, also the names of functions, so that a backtrace would say nothing.
        export CARGO_PROFILE_RELEASE_STRIP=none
        export CARGO_ZIGBUILD_ZIG_PATH="$ZIG/ziglang/zig" CARGO_ZIGBUILD_CACHE_DIR="$build/zigbuild"
        export "CFLAGS_${target//-/_}=-ffile-prefix-map=$build=target -ffile-prefix-map=$cargo=cargo"
        "$ZIG/bin/cargo-zigbuild" zigbuild --locked --release --target "$target.$OLDEST_GLIBC" -p raa-server -p raa-client
    ) || return 1
    for program in raa-server raa-client; do
        objcopy --strip-debug --remove-section=.comment "$build/$target/release/$program" "$folder/$program" || return 1
        python3 "$ROOT/scripts/lib/dependency_section.py" "$folder/$program" "$target" || return 1
        check_linux "$folder/$program" "$ROOT" "$build" "$cargo" "$ZIG" || return 1
    done
}

# check_linux PROGRAM PATH...: fails unless the program runs on OLDEST_GLIBC and has none of the paths in it.
check_linux() {
    local program=$1 newest library
    has_no_paths "$@"
    newest=$(newest_glibc "$program")
    [ -n "$newest" ] || die "$program needs no version of glibc; is it dynamically linked?"
    version_at_least "$OLDEST_GLIBC" "$newest" || die "$program needs glibc $newest; it must run with $OLDEST_GLIBC"
    for library in $(readelf -d "$program" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        case " $SYSTEM_LIBRARIES " in
            *" $library "*) ;;
            *) die "$program needs $library, which is not in SYSTEM_LIBRARIES" ;;
        esac
    done
    if readelf -W --dyn-syms --syms "$program" | grep -q __ubsan_handle; then die "$program checks itself (UBSan)"; fi
    say "$program: $(stat -c %s "$program") bytes, needs glibc $newest or newer"
}

# newest_glibc PROGRAM: prints the newest version of glibc whose symbols the program needs.
newest_glibc() {
    readelf -W --version-info "$1" | sed -n 's/.*Name: GLIBC_\([0-9][0-9.]*\) .*/\1/p' | sort -uV | tail -n 1
}
