# shellcheck shell=bash
# What makes two builds of the same source give the same bytes, in any folder and at any time.
#
# Always: nothing that ships has a path of the computer that built it, or the time. Sourced after common.sh; $ROOT is the top
# of the checkout.

# Prints the time that all files of a release have, in seconds since 1970: that of the last commit. A copy without git's
# history needs it in SOURCE_DATE_EPOCH.
source_date() {
    if [ -n "${SOURCE_DATE_EPOCH:-}" ]; then
        printf '%s' "$SOURCE_DATE_EPOCH"
    else
        git -C "$ROOT" log -1 --format=%ct 2>/dev/null
    fi
}

# write_rustc_wrapper FILE TARGET_DIR CARGO_HOME: writes a wrapper for RUSTC_WRAPPER. Panics name their source file; it gets
# a path relative to the checkout. Cargo must not know these flags, because the flags that it knows influence the names and
# the order of symbols.
write_rustc_wrapper() {
    local std
    std="$(cd "$ROOT" && rustc --print sysroot)/lib/rustlib/src/rust"
    # The last one that fits counts.
    printf '#!/bin/bash\nexec "$@" --remap-path-prefix=%q=raa --remap-path-prefix=%q=target --remap-path-prefix=%q=cargo --remap-path-prefix=%q=rust\n' \
        "$ROOT" "$2" "$3" "$std" >"$1" && chmod +x "$1"
}

# has_no_paths PROGRAM PATH...: fails if the program has one of the paths in it. A path such as /src is a part of many others,
# so it can't be looked for.
has_no_paths() {
    local program=$1 path
    shift
    for path in "$@"; do
        [[ "$path" = /*/* ]] || continue
        if grep -qaF -- "$path" "$program"; then die "$program contains the path $path of this computer"; fi
    done
}
