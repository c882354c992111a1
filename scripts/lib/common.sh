# shellcheck shell=bash
# Functions that all scripts share: messages, locks, and the installation of missing packages on Debian and Ubuntu.
#
# Always: packages that are installed stay as they are; every package is named with its reason before it is installed;
# sudo is used only when something must be installed.

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die() { warn "error: $*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Prints the distribution as "debian 12" or "ubuntu 24.04", or "unknown" without /etc/os-release.
distribution() {
    if [ -r /etc/os-release ]; then
        (. /etc/os-release && printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-}")
    else
        printf 'unknown'
    fi
}

# package_installed PACKAGE: true only if it is completely installed.
package_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]
}

# The missing packages are collected first, so that one message names them all and sudo asks once.
MISSING_PACKAGES=()
MISSING_REASONS=()

# need PACKAGE REASON: adds a package to the missing ones, once.
need() {
    case " ${MISSING_PACKAGES[*]} " in *" $1 "*) return 0 ;; esac
    MISSING_PACKAGES+=("$1")
    MISSING_REASONS+=("$2")
}

# need_command COMMAND PACKAGE REASON: needs the package if the command is missing.
need_command() { have "$1" || need "$2" "$3"; }

# need_package PACKAGE REASON: for packages without a command, such as libraries and plug-ins.
need_package() {
    if have dpkg-query; then
        package_installed "$1" || need "$1" "$2"
    fi
}

# as_root COMMAND ARG...: runs a command as root, with sudo if the caller is not root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        warn "error: this needs root, and sudo is not installed. Run this as root:"
        warn "    $*"
        return 1
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -y -q \
        -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@"
}

# Installs the packages collected by need*, or says why it cannot. Returns non-zero if a package is still missing.
install_missing() {
    [ "${#MISSING_PACKAGES[@]}" -gt 0 ] || return 0
    local i
    say "These packages are missing on this computer and are now installed with apt-get:"
    for i in "${!MISSING_PACKAGES[@]}"; do
        printf '    %-30s %s\n' "${MISSING_PACKAGES[$i]}" "${MISSING_REASONS[$i]}"
    done
    if ! have apt-get; then
        warn "error: this system has no apt-get (Debian 12 and Ubuntu 24.04 are supported)."
        warn "Install the packages above, under the names that your system gives them, and try again."
        return 1
    fi
    apt_get update || warn "Cannot refresh the package lists; trying with the present ones."
    apt_get install --no-install-recommends "${MISSING_PACKAGES[@]}" || return 1
    MISSING_PACKAGES=()
    MISSING_REASONS=()
}

# under_lock FILE COMMAND ARG...: runs a command while no other process holds the lock.
under_lock() {
    local lock=$1
    shift
    (flock 9 && "$@") 9>"$lock"
}
