# shellcheck shell=bash
# Finds or installs what a build of RAA needs: Rust of the workspace's rust-version, and a C compiler with CMake for libopus
# and SQLite, which are built from source.
#
# Always: a Rust that is new enough stays as it is. Sourced after common.sh; $ROOT is the top of the checkout.

# rustup puts its programs here. A shell that was open during the installation does not have the folder in PATH yet.
[ -d "${HOME:-}/.cargo/bin" ] && PATH="$PATH:$HOME/.cargo/bin"

# Prints the oldest Rust that builds the workspace, from Cargo.toml.
rust_version_wanted() {
    sed -n 's/^rust-version *= *"\([0-9.]*\)".*/\1/p' "$ROOT/Cargo.toml" | head -n 1
}

# version_at_least HAVE WANT: compares two version numbers.
version_at_least() {
    [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

cargo_is_new_enough() {
    local version
    have cargo && have rustc || return 1
    # In $ROOT, because a rust-toolchain file there would select another rustc.
    version=$(cd "$ROOT" && rustc --version 2>/dev/null | awk '{print $2}')
    [ -n "$version" ] && version_at_least "${version%%-*}" "$(rust_version_wanted)"
}

# Needs the packages for a build. Rust itself follows in ensure_rust.
need_build_tools() {
    need_command gcc gcc "compiles libopus and SQLite"
    need_package libc6-dev "the C library's headers"
    need_command make make "builds libopus"
    need_command cmake cmake "configures libopus"
    need_package ca-certificates "cargo fetches libraries over https"
    if ! cargo_is_new_enough && ! have rustup; then
        need_rust_packages
    fi
}

need_rust_packages() {
    local reason
    reason="builds RAA: Rust $(rust_version_wanted) or newer (replaces an older one of the distribution)"
    case "$(distribution)" in
        "debian 12")
            need rustc-web "$reason"
            need cargo-web "$reason"
            ;;
        "debian 13" | "ubuntu "*) need rustup "$reason" ;;
    esac
}

# After install_missing: selects a cargo that is new enough, or says how to get one.
ensure_rust() {
    hash -r
    cargo_is_new_enough && return 0
    if have rustup; then
        say "Installing the current stable Rust with rustup (RAA needs $(rust_version_wanted) or newer)"
        rustup toolchain install stable --profile minimal -c clippy,rustfmt || return 1
        export RUSTUP_TOOLCHAIN=stable
        hash -r
        cargo_is_new_enough && return 0
    fi
    warn "error: Rust is $(rustc --version 2>/dev/null || echo missing); it must be $(rust_version_wanted) or newer."
    warn "Install it as described at https://www.rust-lang.org/tools/install, open a new terminal and try again."
    return 1
}

# For ./test instructions.
# The server's own tests, some of which run in namespaces of their own.
need_networks() {
    need_command ip iproute2 "makes the networks of tests, in namespaces"
    need_command nft nftables "makes the firewalls of tests, in namespaces"
    need_command ffmpeg ffmpeg "sends and plays as another program would"
}
need_valgrind() { need_command valgrind valgrind "counts the instructions of the hot paths"; }

# Needs rustfmt and clippy, which only ./test uses, as Debian packages if Rust is one.
need_rust_checks() {
    have rustup && return 0
    if have cargo-fmt && have cargo-clippy; then return 0; fi
    case "$(distribution)" in
        "debian 12")
            need_command cargo-fmt rustfmt-web "checks the formatting"
            need_command cargo-clippy rust-web-clippy "checks the code for common mistakes"
            ;;
    esac
}

# With rustup, rustfmt and clippy are components of the toolchain.
ensure_rust_checks() {
    hash -r
    if cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1; then return 0; fi
    if have rustup; then
        say "Adding rustfmt and clippy to the Rust toolchain"
        rustup component add rustfmt clippy && return 0
    fi
    warn "error: cargo fmt or cargo clippy is missing; install rustfmt and clippy for your Rust."
    return 1
}
