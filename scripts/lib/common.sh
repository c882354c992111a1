# shellcheck shell=bash
# What ./run and ./test share: how they speak, and how they get what is missing on Debian and Ubuntu.
#
# Always: nothing that is there already is touched; before anything is installed it is named, with the reason;
# root rights are asked for (sudo) only at the moment something must be installed.

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "error: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# The distribution as "debian 12" or "ubuntu 24.04"; "unknown" where /etc/os-release is silent.
distribution() {
    if [ -r /etc/os-release ]; then
        (. /etc/os-release && printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-}")
    else
        printf 'unknown'
    fi
}

# A package counts as there only when it is fully installed.
package_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]
}

# Needs are collected first, so that one sentence names them all and sudo is asked once.
MISSING_PACKAGES=()
MISSING_REASONS=()

# need PACKAGE REASON: notes a package as missing, once.
need() {
    case " ${MISSING_PACKAGES[*]} " in *" $1 "*) return 0 ;; esac
    MISSING_PACKAGES+=("$1")
    MISSING_REASONS+=("$2")
}

# need_command COMMAND PACKAGE REASON
need_command() { have "$1" || need "$2" "$3"; }

# need_package PACKAGE REASON: for what has no command (libraries, plug-ins).
need_package() {
    if have dpkg-query; then
        package_installed "$1" || need "$1" "$2"
    fi
}

# Runs a command as root, asking through sudo where the caller is not root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        warn "error: this needs root and there is no sudo here. As root, run:"
        warn "    $*"
        return 1
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# Installs what was noted by need*, or says why it cannot. Returns non-zero when something stays missing.
install_missing() {
    [ "${#MISSING_PACKAGES[@]}" -gt 0 ] || return 0
    local i
    say "Missing on this computer, to be installed with apt-get:"
    for i in "${!MISSING_PACKAGES[@]}"; do
        printf '    %-30s %s\n' "${MISSING_PACKAGES[$i]}" "${MISSING_REASONS[$i]}"
    done
    if ! have apt-get; then
        warn "error: there is no apt-get here (Debian 12 and Ubuntu 24.04 are supported):"
        warn "install the packages above, or what your system calls them, and try again."
        return 1
    fi
    apt_get update || warn "The package lists could not be refreshed; trying with the ones that are here."
    apt_get install --no-install-recommends "${MISSING_PACKAGES[@]}" || return 1
    MISSING_PACKAGES=()
    MISSING_REASONS=()
}
