# shellcheck shell=bash
# Tells the person who started ./run where to go: waits until the server listens, then prints its addresses, how to add a
# computer and how to stop.
#
# Always: takes the ports from the server's log, so that environment, configuration file and options all count; shows the
# end of the log if the server ends before it listens. Sourced after common.sh.

# Prints the path of the log: in the state folder, or a temporary file if that folder is not writable.
log_file() {
    local dir="${XDG_STATE_HOME:-${HOME:-/nonexistent}/.local/state}/raa"
    if mkdir -p "$dir" 2>/dev/null && : 2>/dev/null >"$dir/server.log"; then
        printf '%s' "$dir/server.log"
    else
        mktemp --suffix=.raa-server.log
    fi
}

# announce PID LOG BIN: returns once the addresses are printed or the server has ended.
announce() {
    local pid=$1 log=$2 bin=$3 line
    while kill -0 "$pid" 2>/dev/null; do
        line=$(grep -m 1 '"msg":"listening"' "$log" 2>/dev/null || true)
        if [ -n "$line" ]; then
            print_addresses "$(port_of udp "$line")" "$(port_of http "$line")" "$log" "$bin"
            return
        fi
        sleep 0.1
    done
    warn ""
    warn "The server ended before it started to listen. The last lines of its log, $log:"
    tail -n 5 "$log" >&2
}

# port_of FIELD LINE: prints the number after the last colon of that field.
port_of() {
    printf '%s' "$2" | sed -n "s/.*\"$1\":\"[^\"]*:\([0-9][0-9]*\)\".*/\1/p"
}

# Prints this computer's IPv4 addresses, one per line.
lan_addresses() {
    if have hostname; then
        hostname -I 2>/dev/null | tr ' ' '\n' | grep -E '^[0-9]+(\.[0-9]+){3}$' || true
    fi
}

print_addresses() {
    local udp=$1 http=$2 log=$3 bin=$4 address first=""
    say ""
    say "RAA is running. Open in a browser:"
    say ""
    say "    http://localhost:$http/        (on this computer)"
    for address in $(lan_addresses); do
        say "    http://$address:$http/"
        [ -n "$first" ] || first=$address
    done
    say ""
    say "Press the play button there. You hear the test music \"Test BGM (Goldberg Var.1)\", unless you switched it off."
    say "To add a computer, copy $bin/raa-client to a Linux desktop and run there"
    say "    ./raa-client --server ${first:-127.0.0.1}:$udp --name \"Ward 3\""
    say "From then on everything that it plays is in the mix, and it has a row on the page."
    say "The server's log is in $log."
    say "Ctrl-C stops the server."
}
