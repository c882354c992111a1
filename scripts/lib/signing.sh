# shellcheck shell=bash
# Signs the Windows client with the builder's own command. RAA has no certificate.
#
# Always: only the signature is added. A command that fails, signs nothing or changes the program leaves no program behind that
# could be published. Sourced after common.sh; $ROOT is the top of the checkout.

# sign_program EXE: runs SIGN_COMMAND, a line of shell, with the path of EXE as its last word. Does nothing without a command.
sign_program() {
    local exe=$1 plain="$1.unsigned"
    [ -n "${SIGN_COMMAND:-}" ] || return 0
    cp "$exe" "$plain"
    if bash -c "$SIGN_COMMAND \"\$1\"" sign "$exe" && python3 "$ROOT/scripts/lib/pe_image.py" is-signed "$exe" "$plain"; then
        rm "$plain"
        return 0
    fi
    rm -f "$exe" "$plain"
    warn "error: SIGN_COMMAND failed, or did not sign $exe; the program was deleted"
    return 1
}
