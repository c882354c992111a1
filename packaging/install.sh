#!/bin/sh
# install.sh: installs, upgrades and removes RAA on Linux, from a release. `sh install.sh --help` says how.
#
# Always: everything is checked before anything is changed; what is there stays usable until the new version has answered
# /healthz; whatever point it is killed at, running it again ends in a good installation. Everything is a function and the
# last line calls main, so a download that breaks off does nothing. POSIX sh, for dash, bash and busybox.
set -eu
umask 022

# scripts/release --base-url writes the address of the releases between the quotes.
DEFAULT_BASE_URL=""

SUCCESS=0 FAILED=1 USAGE=2 REFUSED=3 DOWNLOAD=4 WENT_BACK=5
OLDEST_GLIBC=2.28
OLDEST_KERNEL=4.18
SERVICE=raa-server
CLIENT_SERVICE=raa-client

usage() {
    cat <<'EOT'
Installs RAA, or upgrades it: the server, or with --client the client that sends what this computer plays.

    curl -fsSL ADDRESS/latest/download/install.sh | sh
    curl -fsSL ADDRESS/latest/download/install.sh | sh -s -- OPTION...

As root it installs for the whole computer, otherwise for you alone and below your home folder.

  --client              install the client
  --server HOST[:PORT]  the server that the client sends to
  --name NAME           the name under which the client appears
  --version X           install version X instead of the newest
  --allow-downgrade     let an older version replace a newer one
  --uninstall           remove the programs and the service; with --client only the client
  --purge               with --uninstall: also what operators set (names, volumes) and the configuration
  --yes                 ask nothing, and do what would have been asked
  --help                show this

Environment variables:
  RAA_BASE_URL          the address of the releases, for a mirror; it has latest/download/FILE and download/vX/FILE
  RAA_HEALTH_SECONDS    how long a new server may take to become healthy (30)
  https_proxy, no_proxy and the like are used for downloads.

Exit codes:
  0  done
  1  failed; the text says what is left to do
  2  wrong command line
  3  refused: this computer, or what is on it, does not allow it. Nothing was changed
  4  a download failed or has a wrong sum. Nothing was changed
  5  the new version did not become healthy; what was there before is back
EOT
}

# ---- words

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
# die CODE TEXT...
die() { code=$1; shift; warn "error: $*"; exit "$code"; }
have() { command -v "$1" >/dev/null 2>&1; }

# ask QUESTION: true if --yes was given or the person at the terminal says yes. Standard input may be this script.
ask() {
    [ "$YES" = 1 ] && return 0
    (: </dev/tty) 2>/dev/null || return 1
    printf '%s [y/N] ' "$1" >/dev/tty
    read -r answer </dev/tty || return 1
    case $answer in [yY] | [yY][eE][sS]) return 0 ;; *) return 1 ;; esac
}

# ---- the command line

parse() {
    CLIENT=0 SERVER_ADDRESS="" CLIENT_NAME="" VERSION="" DOWNGRADE=0 UNINSTALL=0 PURGE=0 YES=0
    while [ $# -gt 0 ]; do
        case $1 in
            --client) CLIENT=1 ;;
            --server | --name | --version)
                if [ $# -lt 2 ] || [ -z "$2" ]; then die $USAGE "$1 needs a value (--help shows all options)"; fi
                case $1 in
                    --server) SERVER_ADDRESS=$2 ;;
                    --name) CLIENT_NAME=$2 ;;
                    --version) VERSION=${2#v} ;;
                esac
                shift
                ;;
            --allow-downgrade) DOWNGRADE=1 ;;
            --uninstall) UNINSTALL=1 ;;
            --purge) PURGE=1 ;;
            --yes | -y) YES=1 ;;
            --help | -h) usage; exit $SUCCESS ;;
            *) die $USAGE "unknown option: $1 (--help shows all options)" ;;
        esac
        shift
    done
    [ -z "$SERVER_ADDRESS$CLIENT_NAME" ] || [ $CLIENT = 1 ] || die $USAGE "--server and --name are for --client"
    [ $PURGE = 0 ] || [ $UNINSTALL = 1 ] || die $USAGE "--purge is for --uninstall"
    [ -z "$VERSION" ] || is_version "$VERSION" || die $USAGE "--version $VERSION: a version is like 1.2.3"
    case $SERVER_ADDRESS$CLIENT_NAME in
        *"
"*) die $USAGE "--server and --name are one line each" ;;
    esac
}

# ---- versions

# A version becomes the name of a folder and a part of an address.
is_version() {
    case $1 in
        *[!0-9A-Za-z.-]* | *..* | [!0-9]*) return 1 ;;
        [0-9]*.[0-9]*.[0-9]*) return 0 ;;
        *) return 1 ;;
    esac
}

# version_below A B: true if A is older than B. 1.0.0-rc.1 is older than 1.0.0.
version_below() {
    awk -v a="$1" -v b="$2" 'BEGIN {
        pa = a; pb = b
        if (!sub(/^[^-]*-/, "", pa)) pa = ""
        if (!sub(/^[^-]*-/, "", pb)) pb = ""
        sub(/-.*/, "", a); sub(/-.*/, "", b)
        n = split(a, x, "."); m = split(b, y, ".")
        for (i = 1; i <= (n > m ? n : m); i++) if (x[i] + 0 != y[i] + 0) exit !(x[i] + 0 < y[i] + 0)
        if (pa == pb) exit 1
        if (pa == "" || pb == "") exit pa == ""
        n = split(pa, x, "."); m = split(pb, y, ".")
        for (i = 1; i <= (n > m ? n : m); i++) if (x[i] != y[i]) {
            if (x[i] ~ /^[0-9]+$/ && y[i] ~ /^[0-9]+$/) exit !(x[i] + 0 < y[i] + 0)
            exit !(x[i] "" < y[i] "")
        }
        exit 1
    }'
}

# ---- where things go

set_places() {
    if [ "$(id -u)" -eq 0 ]; then
        SYSTEM=1
        OPT=/opt/raa BIN=/usr/local/bin MAN=/usr/local/share/man/man1
        UNITS=/etc/systemd/system CLIENT_UNITS=/etc/systemd/user UNIT_SOURCE=systemd
        CONFIG=/etc/raa STATE=/var/lib/raa
    else
        SYSTEM=0
        [ -d "${HOME:-}" ] || die $REFUSED "your home folder (HOME) is missing: \"${HOME:-}\""
        config=${XDG_CONFIG_HOME:-$HOME/.config}
        OPT=$HOME/.local/opt/raa BIN=$HOME/.local/bin MAN=$HOME/.local/share/man/man1
        UNITS=$config/systemd/user CLIENT_UNITS=$config/systemd/user UNIT_SOURCE=systemd/user
        CONFIG=$config/raa STATE=${XDG_STATE_HOME:-$HOME/.local/state}/raa
        [ -n "${XDG_RUNTIME_DIR:-}" ] || XDG_RUNTIME_DIR=/run/user/$(id -u)
        export XDG_RUNTIME_DIR
    fi
    HEALTH_SECONDS=${RAA_HEALTH_SECONDS:-30}
    INSTALLED=$(readlink "$OPT/current" 2>/dev/null || true)
}

# Two installers must not work at once. The kernel lets go of the lock however this one ends. A folder that always exists is
# locked, so that no file stays behind.
lock() {
    have flock || die $REFUSED "this needs the command flock (package util-linux)"
    if [ $SYSTEM = 1 ]; then exec 9</etc; else exec 9<"$HOME"; fi
    flock -n 9 || die $REFUSED "another install.sh is at work on this computer; try again when it has ended"
}

# sc ARG...: systemctl for the server's service.
sc() { if [ $SYSTEM = 1 ]; then systemctl "$@"; else systemctl --user "$@"; fi; }

find_systemd() {
    SYSTEMD=0
    have systemctl || return 0
    if [ $SYSTEM = 1 ]; then
        [ -d /run/systemd/system ] && SYSTEMD=1
    else
        systemctl --user show-environment >/dev/null 2>&1 && SYSTEMD=1
    fi
    return 0
}

property() { sc show -p "$2" "$1" 2>/dev/null | sed -n "s/^$2=//p"; }

log_command() {
    if [ $SYSTEM = 1 ]; then printf 'journalctl -u %s' "$1"; else printf 'journalctl --user -u %s' "$1"; fi
}

show_log() {
    say "The last lines of its log ($(log_command "$1")):"
    if [ $SYSTEM = 1 ]; then
        journalctl -u "$1" -n 15 --no-pager -o cat 2>/dev/null | sed 's/^/    /' || true
    else
        journalctl --user -u "$1" -n 15 --no-pager -o cat 2>/dev/null | sed 's/^/    /' || true
    fi
}

# ---- what is refused

check_machine() {
    [ "$(uname -s)" = Linux ] || die $REFUSED "RAA's server and this script are for Linux; this is $(uname -s)"
    case $(uname -m) in
        x86_64 | amd64) ARCHITECTURE=x86_64 ;;
        aarch64 | arm64) ARCHITECTURE=aarch64 ;;
        *) die $REFUSED "there are no programs for this processor: $(uname -m)" ;;
    esac
    kernel=$(uname -r | sed 's/[^0-9.].*//')
    ! version_below "$kernel" $OLDEST_KERNEL || die $REFUSED "Linux $kernel is too old: RAA needs $OLDEST_KERNEL or newer"
    glibc=$(getconf GNU_LIBC_VERSION 2>/dev/null | awk '{print $2}') || true
    if [ -z "$glibc" ]; then
        die $REFUSED "this system has no glibc (musl, as in Alpine?): RAA's programs need glibc $OLDEST_GLIBC or newer"
    fi
    ! version_below "$glibc" $OLDEST_GLIBC || die $REFUSED "glibc $glibc is too old: RAA needs $OLDEST_GLIBC or newer"
    for command in tar gzip sha256sum awk sed; do
        have $command || die $REFUSED "the command $command is missing"
    done
    have curl || have wget || die $REFUSED "curl or wget is needed for downloads"
}

# The packages own the same names. Both at once would be two servers, or an upgrade that reaches only one of them.
check_package() {
    have dpkg-query || return 0
    for package in $SERVICE $CLIENT_SERVICE; do
        case $package in
            "$SERVICE") [ $WANT_SERVER = 1 ] || continue ;;
            "$CLIENT_SERVICE") [ $WANT_CLIENT = 1 ] || continue ;;
        esac
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" != installed ] || die $REFUSED "the Debian package $package is installed. Upgrade it with apt" \
            "(apt install ./${package}_VERSION_amd64.deb), or remove it first (apt remove $package)"
    done
}

# Files of others are not written over.
check_links() {
    for link in "$BIN/raa-server" "$BIN/raa-client"; do
        [ -e "$link" ] || [ -L "$link" ] || continue
        case $(readlink "$link" 2>/dev/null || true) in
            "$OPT"/*) ;;
            *) die $REFUSED "$link is there and not from this script; move it away first" ;;
        esac
    done
}

check_downgrade() {
    [ -n "$INSTALLED" ] && [ $DOWNGRADE = 0 ] || return 0
    ! version_below "$VERSION" "$INSTALLED" || die $REFUSED \
        "version $INSTALLED is installed and $VERSION is older. To go back on purpose: --version $VERSION --allow-downgrade"
}

# holder tcp|udp PORT: prints who listens there, as "PID NAME"; prints nothing if nobody does.
holder() {
    hexadecimal=$(printf '%04X' "$2")
    inode=$(cat "/proc/net/$1" "/proc/net/${1}6" 2>/dev/null | awk -v port="$hexadecimal" -v protocol="$1" '
        { n = split($2, part, ":") }
        n == 2 && part[2] == port && (protocol == "udp" || $4 == "0A") { print $10; exit }')
    [ -n "$inode" ] || return 0
    # Descriptors are links such as "socket:[4711]". One ls for all, since a process for each would take minutes. Those of
    # other users cannot be read, and processes come and go.
    pid=$({ ls -l /proc/[0-9]*/fd 2>/dev/null || true; } | awk -v socket="socket:[$inode]" '
        /^\/proc\// { split($0, part, "/"); pid = part[3] }
        !found && $NF == socket { found = 1; print pid }')
    if [ -n "$pid" ]; then
        printf '%s %s\n' "$pid" "$(cat "/proc/$pid/comm" 2>/dev/null || printf 'a program that has just ended')"
    else
        printf '0 unknown\n'
    fi
}

# Reads the ports that the new version will use, and so also finds out whether it accepts the configuration.
check_ports() {
    settings=$(settings_of "$1") || {
        warn "$settings"
        die $REFUSED "version $VERSION does not accept $CONFIG/raa-server.toml"
    }
    HTTP_PORT=$(setting http_port) UDP_PORT=$(setting udp_port)
    LISTEN_ADDRESS=$(setting listen_address | tr -d '"')
    own=""
    [ $SYSTEMD = 0 ] || own=$(property $SERVICE MainPID)
    # 0 stands for no process here, and for one that cannot be seen below.
    [ "$own" != 0 ] || own=""
    for place in "tcp $HTTP_PORT http_port" "udp $UDP_PORT udp_port"; do
        # shellcheck disable=SC2086 # three words
        set -- $place
        [ "$2" != 0 ] || continue
        found=$(holder "$1" "$2")
        pid=${found%% *}
        if [ -z "$found" ] || [ "$pid" = "$own" ]; then continue; fi
        if [ "$pid" = 0 ]; then
            who="by a program of another user (to see it, as root: ss -lpn \"sport = :$2\")"
        else
            who="by ${found#* } (pid $pid)"
        fi
        die $REFUSED "port $2/$1 is in use $who. Stop that program, or set another $3 in $CONFIG/raa-server.toml"
    done
}

# settings_of PROGRAM: prints the settings in effect. Neither root's own settings nor the caller's environment are the
# service's.
settings_of() {
    if [ -e "$CONFIG/raa-server.toml" ]; then
        (unset UDP_PORT HTTP_PORT LOG_LEVEL; "$1" --check-config --config "$CONFIG/raa-server.toml" 2>&1)
    else
        (unset UDP_PORT HTTP_PORT LOG_LEVEL; "$1" --check-config --config /dev/null 2>&1)
    fi
}

setting() { printf '%s\n' "$settings" | sed -n "s/^$1 = \(.*[^ ]\)  *#.*/\1/p"; }

# ---- downloads

# fetch ADDRESS FILE: no colours, no bars, and nothing that keeps the lock when this script is killed.
fetch() {
    if have curl; then
        curl -fsSL --retry 2 --connect-timeout 15 --speed-limit 100 --speed-time 30 -o "$2" "$1" 9<&-
    else
        wget -q -T 30 -O "$2" "$1" 9<&-
    fi
}

# local_answer PATH: true if this computer's server answers it with 200. Proxies are for downloads only.
local_answer() {
    (
        unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
        if have curl; then
            curl -fs -m 3 -o /dev/null "http://$LOCAL_HOST:$HTTP_PORT$1" 9<&-
        else
            wget -q -T 3 -O /dev/null "http://$LOCAL_HOST:$HTTP_PORT$1" 9<&- 2>/dev/null
        fi
    )
}

download() {
    INCOMING=$OPT/.incoming
    rm -rf "$INCOMING"
    mkdir -p "$INCOMING"
    if [ -n "$VERSION" ]; then from=$BASE_URL/download/v$VERSION; else from=$BASE_URL/latest/download; fi
    say "Downloading the list of files and their sums: $from/SHA256SUMS"
    fetch "$from/SHA256SUMS" "$INCOMING/SHA256SUMS" ||
        die $DOWNLOAD "cannot download $from/SHA256SUMS. Is the address right, and is there a network (or https_proxy)?"
    case $BASE_URL in
        https://*) ;;
        *) say "Note: the address is not https. The sums show damage, but not whether somebody on the way changed the files." ;;
    esac
    listed=$(sed -n 's/^[0-9a-f]\{64\} [ *]raa-\(.*\)-'$ARCHITECTURE'-linux\.tar\.gz$/\1/p' "$INCOMING/SHA256SUMS")
    [ -n "$listed" ] || die $REFUSED "this release has no programs for $ARCHITECTURE"
    is_version "$listed" || die $DOWNLOAD "$from/SHA256SUMS names no version"
    [ -z "$VERSION" ] || [ "$VERSION" = "$listed" ] || die $DOWNLOAD "$from has version $listed"
    VERSION=$listed
    NAME=raa-$VERSION-$ARCHITECTURE-linux
    check_downgrade
    say "Downloading version $VERSION: $BASE_URL/download/v$VERSION/$NAME.tar.gz"
    # By its version, since the newest release may have changed meanwhile.
    fetch "$BASE_URL/download/v$VERSION/$NAME.tar.gz" "$INCOMING/$NAME.tar.gz" ||
        die $DOWNLOAD "cannot download $BASE_URL/download/v$VERSION/$NAME.tar.gz"
    (cd "$INCOMING" && grep "^[0-9a-f]* [ *]$NAME\.tar\.gz\$" SHA256SUMS >sum && sha256sum -c sum >/dev/null 2>&1) ||
        die $DOWNLOAD "$NAME.tar.gz does not have the sum in SHA256SUMS: damaged on the way, or not the file of this release"
    say "Its sum is right."
    tar -xzof "$INCOMING/$NAME.tar.gz" -C "$INCOMING" || die $FAILED "cannot unpack $NAME.tar.gz; is the disk full?"
    FRESH=$INCOMING/$NAME
    for program in raa-server raa-client; do
        "$FRESH/bin/$program" --version >/dev/null || die $REFUSED "$program does not run on this computer (see above)"
    done
}

# ---- changes

# write FILE <TEXT: replaces the file at once or not at all.
write() {
    mkdir -p "$(dirname "$1")"
    cat >"$1.raa-new"
    mv -f "$1.raa-new" "$1"
}

# point LINK TARGET: replaces the link at once.
point() {
    mkdir -p "$(dirname "$1")"
    rm -f "$1.raa-new"
    ln -s "$2" "$1.raa-new"
    mv -T -f "$1.raa-new" "$1"
}

sums() { (cd "$1" && find . -type f -exec sha256sum {} + | sort); }

# Puts the unpacked version where it belongs. Sets CHANGED if it was not there, or was damaged.
place_version() {
    CHANGED=0
    [ "$INSTALLED" = "$VERSION" ] || CHANGED=1
    if [ -d "$OPT/$VERSION" ]; then
        [ "$(sums "$OPT/$VERSION")" != "$(sums "$FRESH")" ] || return 0
        say "Putting the files of $OPT/$VERSION right, which are not those of the release"
        CHANGED=1
        mv "$OPT/$VERSION" "$INCOMING/damaged"
    fi
    mv "$FRESH" "$OPT/$VERSION"
    ! have restorecon || restorecon -R "$OPT" >/dev/null 2>&1 || true
}

# unit_text VERSION SERVICE: prints the unit file. For a user, the program is below the home folder.
unit_text() {
    source=$OPT/$1/$UNIT_SOURCE/$2.service
    [ "$2" = $SERVICE ] || source=$OPT/$1/systemd/user/$2.service
    if [ $SYSTEM = 1 ]; then cat "$source"; else sed 's|^ExecStart=/usr/local/bin/|ExecStart=%h/.local/bin/|' "$source"; fi
}

# activate VERSION: makes this version the current one, with its units and links. Starts nothing.
activate() {
    point "$OPT/current" "$1"
    if [ $WANT_SERVER = 1 ]; then
        point "$BIN/raa-server" "$OPT/current/bin/raa-server"
        unit_text "$1" $SERVICE | write "$UNITS/$SERVICE.service"
    fi
    if [ $WANT_CLIENT = 1 ]; then
        point "$BIN/raa-client" "$OPT/current/bin/raa-client"
        unit_text "$1" $CLIENT_SERVICE | write "$CLIENT_UNITS/$CLIENT_SERVICE.service"
    fi
    link_manual "$1"
    [ $SYSTEMD = 0 ] || sc daemon-reload
}

link_manual() {
    for page in "$OPT/$1"/man/man1/*.1*; do
        case $(basename "$page") in
            raa-server*) [ $WANT_SERVER = 1 ] || continue ;;
            raa-client*) [ $WANT_CLIENT = 1 ] || continue ;;
            *) continue ;;
        esac
        point "$MAN/$(basename "$page")" "$OPT/current/man/man1/$(basename "$page")"
    done
}

# The database of before is copied while no server runs. The copy counts once it has its name.
copy_database() {
    [ -d "$STATE" ] || return 0
    rm -rf "$OPT/.before" "$OPT/.before.half"
    (umask 077 && mkdir "$OPT/.before.half")
    for file in "$STATE"/raa.sqlite "$STATE"/raa.sqlite-wal "$STATE"/raa.sqlite-shm; do
        [ ! -e "$file" ] || cp -p "$file" "$OPT/.before.half/"
    done
    mv "$OPT/.before.half" "$OPT/.before"
}

# Puts the copy back. It is moved only when complete, so that this can be done again after an interruption.
restore_database() {
    [ -d "$OPT/.before" ] || return 0
    say "Putting the database of before back"
    rm -f "$STATE/raa.sqlite-wal" "$STATE/raa.sqlite-shm"
    for file in "$OPT/.before"/*; do
        [ -e "$file" ] || continue
        cp -p "$file" "$STATE/.raa-new" && mv -f "$STATE/.raa-new" "$STATE/$(basename "$file")"
    done
    [ -e "$OPT/.before/raa.sqlite" ] || rm -f "$STATE/raa.sqlite"
}

# healthy VERSION: true if the service runs this version and answers.
healthy() {
    pid=$(property $SERVICE MainPID)
    [ "${pid:-0}" != 0 ] && [ "$(readlink "/proc/$pid/exe" 2>/dev/null)" = "$OPT/$1/bin/raa-server" ] || return 1
    [ "$HTTP_PORT" = 0 ] || local_answer /healthz
}

# wait_healthy VERSION: waits until it is healthy, and still the same process two seconds later. Sets WHY_NOT.
wait_healthy() {
    case $LISTEN_ADDRESS in
        :: | 0.0.0.0 | "") LOCAL_HOST=127.0.0.1 ;;
        *:*) LOCAL_HOST="[$LISTEN_ADDRESS]" ;;
        *) LOCAL_HOST=$LISTEN_ADDRESS ;;
    esac
    waited=0
    while [ $waited -lt "$HEALTH_SECONDS" ]; do
        if healthy "$1"; then
            first=$pid
            sleep 2
            if healthy "$1" && [ "$pid" = "$first" ]; then return 0; fi
        fi
        case $(property $SERVICE ActiveState) in
            failed) WHY_NOT="it ended"; return 1 ;;
            # At first the start may still be in systemd's queue.
            inactive) [ $waited -lt 2 ] || { WHY_NOT="it ended"; return 1; } ;;
        esac
        restarts=$(property $SERVICE NRestarts)
        if [ "${restarts:-0}" -ge 3 ]; then WHY_NOT="it ended ${restarts} times"; return 1; fi
        sleep 1
        waited=$((waited + 1))
    done
    WHY_NOT="it did not answer http://$LOCAL_HOST:$HTTP_PORT/healthz within $HEALTH_SECONDS seconds"
    return 1
}

start_server() {
    sc enable $SERVICE >/dev/null 2>&1 || warn "Cannot enable $SERVICE: it will not start with the computer"
    sc reset-failed $SERVICE >/dev/null 2>&1 || true
    # The wait is ours: systemctl would wait for a minute and a half.
    sc start --no-block $SERVICE
}

# From here to `settle`, a file says which version to go back to, in case this script is killed.
begin_change() {
    IN_CHANGE=${INSTALLED:-none}
    printf '%s\n' "$IN_CHANGE" | write "$OPT/.change"
}

settle() {
    IN_CHANGE=""
    rm -rf "$OPT/.change" "$OPT/.before" "$OPT/.before.half"
}

# go_back VERSION|none: puts the version of before back, with its database.
go_back() {
    IN_CHANGE=""
    [ $SYSTEMD = 0 ] || sc stop $SERVICE >/dev/null 2>&1 || true
    if [ "$1" = none ]; then
        say "Removing what was installed; the configuration and the state stay"
        remove_programs
        return 0
    fi
    say "Going back to version $1"
    restore_database
    activate "$1"
    if [ $SYSTEMD = 1 ]; then
        start_server
        wait_healthy "$1" || { show_log $SERVICE; die $FAILED "version $1 does not become healthy either: $WHY_NOT"; }
    fi
    settle
    INSTALLED=$1
}

# An earlier run was killed while the server was being changed. If that went well all the same, it stays.
recover() {
    [ -f "$OPT/.change" ] || return 0
    before=$(cat "$OPT/.change")
    say "An earlier installation was interrupted; looking at what it left"
    if [ $SYSTEMD = 1 ] && [ -n "$INSTALLED" ] && healthy_within 3 "$INSTALLED"; then
        say "Version $INSTALLED is healthy"
        settle
        return 0
    fi
    if [ "$before" != none ] && [ -d "$OPT/$before" ]; then
        go_back "$before"
    else
        # Without a version of before, the installation that now follows replaces what is there.
        INSTALLED=""
    fi
}

# Two versions stay: this one and the one of before.
prune() {
    for folder in "$OPT"/[0-9]*; do
        [ -d "$folder" ] || continue
        case $(basename "$folder") in
            "$VERSION" | "$1") ;;
            *) say "Removing the old version $(basename "$folder")"; rm -rf "$folder" ;;
        esac
    done
}

install_config() {
    [ ! -e "$CONFIG/raa-server.toml" ] || return 0
    say "Writing $CONFIG/raa-server.toml, which describes every setting"
    write "$CONFIG/raa-server.toml" <"$OPT/$VERSION/etc/raa-server.toml"
}

install_server() {
    before=$INSTALLED
    if [ $SYSTEMD = 0 ]; then
        activate "$VERSION"
        install_config
        no_service
        return 0
    fi
    if [ $CHANGED = 0 ] && healthy_within 2 "$VERSION"; then
        say "Version $VERSION is installed and healthy; it goes on without an interruption"
        activate "$VERSION"
        install_config
        return 0
    fi
    begin_change
    [ -z "$before" ] || say "Stopping version $before and copying its database"
    sc stop $SERVICE >/dev/null 2>&1 || true
    [ -z "$before" ] || copy_database
    activate "$VERSION"
    install_config
    say "Starting the service $SERVICE and waiting until it is healthy"
    start_server
    if ! wait_healthy "$VERSION"; then
        warn "Version $VERSION does not become healthy: $WHY_NOT."
        show_log $SERVICE
        go_back "${before:-none}"
        [ "$VERSION" = "$before" ] || rm -rf "${OPT:?}/$VERSION"
        [ -n "$before" ] || die $WENT_BACK "version $VERSION did not become healthy; nothing of it stays but the configuration"
        die $WENT_BACK "version $VERSION did not become healthy; version $before runs again"
    fi
    settle
}

# healthy_within SECONDS VERSION
healthy_within() {
    seconds=$HEALTH_SECONDS HEALTH_SECONDS=$1
    if wait_healthy "$2"; then result=0; else result=1; fi
    HEALTH_SECONDS=$seconds
    return $result
}

no_service() {
    say "No systemd that this script could use is running$([ $SYSTEM = 1 ] || printf ' for you'), so nothing was started. To start the server:"
    if [ $SYSTEM = 1 ]; then
        say "    $BIN/raa-server --state-dir $STATE"
        say "Your init system should run this as a user of its own, to whom $STATE belongs."
    else
        say "    $BIN/raa-server"
        say "For a service, sign in directly (not by su or sudo), or let root run 'loginctl enable-linger $(id -un)', and run this again."
    fi
}

# ---- the client

# toml_text TEXT: prints it as a TOML string.
toml_text() { printf '"%s"' "$(printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g')"; }

# set_key FILE KEY TEXT: sets a key of the client's settings and leaves every other line.
set_key() {
    line="$2 = $(toml_text "$3")"
    mkdir -p "$(dirname "$1")"
    [ -e "$1" ] || write "$1" </dev/null
    # The text goes by the environment, since awk -v would take its backslashes.
    LINE=$line awk -v key="$2" '
        $0 ~ "^[ \t]*" key "[ \t]*=" { if (!done) print ENVIRON["LINE"]; done = 1; next }
        { text = text $0 "\n"; print }
        END { if (!done) print ENVIRON["LINE"] }' "$1" | write "$1.raa-set"
    mv -f "$1.raa-set" "$1"
}

install_client() {
    settings_file=$CONFIG/raa-client.toml
    if [ $SYSTEM = 1 ]; then
        [ $SYSTEMD = 0 ] || systemctl --global enable $CLIENT_SERVICE >/dev/null 2>&1 || true
        if [ -n "$SERVER_ADDRESS" ]; then client_for_all; fi
        say "The client is installed for everybody on this computer. It starts when somebody signs in$([ -n "$SERVER_ADDRESS" ] ||
            printf ' who has\n~/.config/raa/raa-client.toml with the line  server = "HOST"')."
        return 0
    fi
    before=$(cat "$settings_file" 2>/dev/null || true)
    [ -z "$SERVER_ADDRESS" ] || { say "Writing the server's address to $settings_file"; set_key "$settings_file" server "$SERVER_ADDRESS"; }
    [ -z "$CLIENT_NAME" ] || set_key "$settings_file" name "$CLIENT_NAME"
    if [ ! -e "$settings_file" ]; then
        say "The client does not know its server yet. Run this again with --client --server HOST."
        return 0
    fi
    if [ $SYSTEMD = 0 ]; then
        say "No systemd that this script could use is running for you, so nothing was started. To start the client:"
        say "    $BIN/raa-client"
        return 0
    fi
    if [ $CHANGED = 0 ] && [ "$before" = "$(cat "$settings_file")" ] && [ "$(property $CLIENT_SERVICE ActiveState)" = active ]; then
        say "The client is installed and running; it goes on without an interruption"
        return 0
    fi
    say "Starting the service $CLIENT_SERVICE"
    sc enable $CLIENT_SERVICE >/dev/null 2>&1 || warn "Cannot enable $CLIENT_SERVICE: it will not start when you sign in"
    sc restart $CLIENT_SERVICE || true
    sleep 2
    if [ "$(property $CLIENT_SERVICE ActiveState)" != active ]; then
        show_log $CLIENT_SERVICE
        die $FAILED "the client does not run; see above"
    fi
}

# Settings are a user's own, because they hold the client's identity. For all users, the server is an option instead.
client_for_all() {
    options="--server $(unit_word "$SERVER_ADDRESS")"
    [ -z "$CLIENT_NAME" ] || options="$options --name $(unit_word "$CLIENT_NAME")"
    say "Writing the server's address to $CLIENT_UNITS/$CLIENT_SERVICE.service.d/server.conf"
    write "$CLIENT_UNITS/$CLIENT_SERVICE.service.d/server.conf" <<EOT
[Unit]
ConditionPathExists=

[Service]
ExecStart=
ExecStart=$BIN/raa-client $options
EOT
}

# unit_word TEXT: prints it as one word of ExecStart=.
unit_word() { printf '"%s"' "$(printf '%s' "$1" | sed 's/\\/\\\\/g; s/"/\\"/g; s/%/%%/g; s/\$/$$/g')"; }

# ---- linger

offer_linger() {
    [ $SYSTEM = 0 ] && [ $SYSTEMD = 1 ] && have loginctl || return 0
    me=$(id -un)
    [ "$(loginctl show-user "$me" -p Linger 2>/dev/null)" != Linger=yes ] || return 0
    say "A service of yours ends when you sign out, and does not start with the computer, unless systemd lets your services linger."
    if ask "Let the services of $me linger (loginctl enable-linger $me)?"; then
        if loginctl enable-linger "$me" 2>/dev/null; then
            say "They linger now."
        elif have sudo && (: </dev/tty) 2>/dev/null && say "This needs root:" && sudo loginctl enable-linger "$me"; then
            say "They linger now."
        else
            warn "This needs root. Let an administrator run: loginctl enable-linger $me"
        fi
    else
        say "To do that later: loginctl enable-linger $me"
    fi
}

# ---- removal

remove_service() {
    if [ $SYSTEMD = 1 ]; then
        say "Stopping the service $1"
        sc disable --now "$1" >/dev/null 2>&1 || true
        sc reset-failed "$1" >/dev/null 2>&1 || true
    fi
    rm -f "$2/$1.service"
}

remove_client() {
    if [ $SYSTEM = 1 ]; then
        [ ! -e "$CLIENT_UNITS/$CLIENT_SERVICE.service" ] || ! have systemctl ||
            systemctl --global disable $CLIENT_SERVICE >/dev/null 2>&1 || true
        rm -f "$CLIENT_UNITS/$CLIENT_SERVICE.service"
    elif [ -e "$CLIENT_UNITS/$CLIENT_SERVICE.service" ]; then
        remove_service $CLIENT_SERVICE "$CLIENT_UNITS"
    fi
    rm -rf "$CLIENT_UNITS/$CLIENT_SERVICE.service.d"
    remove_links raa-client
}

remove_links() {
    for link in "$BIN/$1" "$MAN/$1".1*; do
        case $(readlink "$link" 2>/dev/null || true) in "$OPT"/*) rm -f "$link" ;; esac
    done
}

remove_programs() {
    remove_client
    [ ! -e "$UNITS/$SERVICE.service" ] || remove_service $SERVICE "$UNITS"
    remove_links raa-server
    rm -rf "$OPT"
    tidy
    [ $SYSTEMD = 0 ] || sc daemon-reload
}

# Removes folders that are empty and may have been made by this script.
tidy() {
    if [ $SYSTEM = 0 ]; then
        for folder in "$UNITS/default.target.wants" "$UNITS" "$config/systemd" "$CONFIG" "$config" "$MAN" "$HOME/.local/share/man" \
            "$HOME/.local/share" "$HOME/.local/opt" "$BIN" "$STATE" "${STATE%/raa}" "$HOME/.local"; do
            rmdir "$folder" 2>/dev/null || true
        done
    else
        rmdir "$CLIENT_UNITS/default.target.wants" "$CONFIG" "$MAN" 2>/dev/null || true
    fi
}

uninstall() {
    if [ ! -d "$OPT" ] && [ $PURGE = 0 ]; then
        say "RAA is not installed by this script here ($OPT is missing)."
        return 0
    fi
    if [ $CLIENT = 1 ]; then
        say "Removing the client"
        remove_client
        [ $PURGE = 0 ] || rm -f "$CONFIG/raa-client.toml"
        [ -e "$BIN/raa-server" ] || remove_programs
        return 0
    fi
    if [ $PURGE = 1 ]; then
        say "This removes RAA, the configuration in $CONFIG, and everything that operators set, in $STATE."
        ask "Go on?" || die $REFUSED "nothing was removed; --yes removes it without a question"
    fi
    say "Removing RAA from $OPT, $BIN and $UNITS"
    remove_programs
    if [ $PURGE = 1 ]; then
        say "Removing $CONFIG and $STATE"
        rm -rf "$CONFIG" "$STATE"
        # With a dynamic user, systemd keeps the state in a folder to which others have no way, and STATE is a link to it.
        [ $SYSTEM = 0 ] || rm -rf /var/lib/private/raa
        tidy
    else
        for left in "$CONFIG" "$STATE"; do
            [ ! -e "$left" ] || say "$left stays (--uninstall --purge removes it)."
        done
    fi
    say "RAA is removed."
}

# ---- the end

addresses() {
    {
        uname -n
        have hostname && hostname -I 2>/dev/null | tr ' ' '\n' | sed '/:/d' | head -n 3
    } | awk 'NF && !seen[$1]++'
}

say_where() {
    name=$(addresses | sed -n 2p)
    [ -n "$name" ] || name=$(uname -n)
    case $LISTEN_ADDRESS in
        :: | 0.0.0.0 | "") ;;
        *) name=$LISTEN_ADDRESS ;;
    esac
    say ""
    say "RAA $VERSION is running. Open http://$name:$HTTP_PORT/ and press the play button."
    [ "$name" = "$(uname -n)" ] || say "By its name: http://$(uname -n):$HTTP_PORT/"
    say "Log: $(log_command $SERVICE).  If something is wrong: raa-server doctor"
    port=""
    [ "$UDP_PORT" = 4010 ] || port=:$UDP_PORT
    say "On a Linux computer that is to be heard:"
    export=""
    [ "$BASE_URL" = "$DEFAULT_BASE_URL" ] || export="RAA_BASE_URL=$BASE_URL "
    say "    curl -fsSL $BASE_URL/latest/download/install.sh | ${export}sh -s -- --client --server $name$port"
}

# Runs at the end, whatever the end is: an installation that stopped half-way goes back. Then removes what a run that ended
# early has left; `current` and what it names stay.
clean_up() {
    if [ -n "$IN_CHANGE" ]; then
        trap '' HUP INT TERM
        warn "Interrupted, or stopped by the error above."
        go_back "$IN_CHANGE"
    fi
    rm -rf "$OPT/.incoming"
    [ -n "$(readlink "$OPT/current" 2>/dev/null || true)" ] || [ -e "$OPT/.change" ] || { rmdir "$OPT" 2>/dev/null && tidy; } || true
}

main() {
    parse "$@"
    set_places
    find_systemd
    if [ $UNINSTALL = 1 ]; then
        lock
        uninstall
        exit $SUCCESS
    fi
    BASE_URL=${RAA_BASE_URL:-$DEFAULT_BASE_URL}
    BASE_URL=${BASE_URL%/}
    [ -n "$BASE_URL" ] || die $USAGE "RAA_BASE_URL is not set, and this copy of install.sh names no address of releases"
    WANT_SERVER=0 WANT_CLIENT=$CLIENT
    [ $CLIENT = 1 ] || WANT_SERVER=1
    check_machine
    lock
    # An upgrade is for all that is installed here.
    [ ! -L "$BIN/raa-server" ] || WANT_SERVER=1
    [ ! -L "$BIN/raa-client" ] || WANT_CLIENT=1
    check_package
    check_links
    [ -z "$VERSION" ] || check_downgrade
    IN_CHANGE=""
    trap clean_up EXIT
    trap 'exit 1' HUP INT TERM
    download
    UDP_PORT=4010 HTTP_PORT=4011 LISTEN_ADDRESS=::
    [ $WANT_SERVER = 0 ] || check_ports "$FRESH/bin/raa-server"
    if [ $SYSTEM = 1 ]; then whom="for the whole computer"; else whom="for $(id -un)"; fi
    if [ -n "$INSTALLED" ] && [ "$INSTALLED" != "$VERSION" ]; then
        say "Replacing version $INSTALLED by $VERSION $whom: $OPT/$VERSION, links in $BIN"
    else
        say "Installing version $VERSION $whom: $OPT/$VERSION, links in $BIN"
    fi
    recover
    place_version
    was=$INSTALLED
    if [ $WANT_SERVER = 1 ]; then install_server; else activate "$VERSION"; fi
    [ $WANT_CLIENT = 0 ] || install_client
    [ "$was" = "$VERSION" ] || prune "$was"
    offer_linger
    case ":${PATH:-}:" in *":$BIN:"*) ;; *) say "Note: $BIN is not in your PATH." ;; esac
    if [ $WANT_SERVER = 1 ] && [ $SYSTEMD = 1 ]; then say_where; else say "RAA $VERSION is installed."; fi
}

main "$@"
