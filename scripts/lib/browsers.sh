# shellcheck shell=bash
# Installs what the page's tests and the end-to-end tests need besides Rust: Node.js, two browsers, a private sound server,
# and senders other than RAA's.
#
# Always: the browsers are the distribution's packages where it has any (Debian). Ubuntu has both only as snaps, which cannot
# reach a private sound server, so there the npm drivers fetch them into target/e2e-browsers.
# Sourced after common.sh; $ROOT is the top of the checkout.

E2E="$ROOT/tests/e2e"

node_is_new_enough() {
    have node && node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 18 || (a === 18 && b >= 19) ? 0 : 1)'
}

need_node() { node_is_new_enough || need nodejs "runs the tests of the page and the end-to-end tests (18.19 or newer)"; }

# The Linux client's own tests need it as well.
need_sound_server() {
    need_command pulseaudio pulseaudio "a sound server without a sound card, which records what programs play"
    need_command pactl pulseaudio-utils "plays and records test tones"
}

need_e2e_packages() {
    need_node
    need_command npm npm "fetches the browsers' drivers"
    need_sound_server
    need_command ffmpeg ffmpeg "encodes, decodes, and sends as another program would"
    need_command gst-launch-1.0 gstreamer1.0-tools "sends as another program would"
    need_package gstreamer1.0-plugins-base "GStreamer's Opus encoder"
    need_package gstreamer1.0-plugins-good "GStreamer's RTP"
    need_command chrt util-linux "keeps the load of a busy machine out of the measured delay"
    case "$(distribution)" in
        "ubuntu "*)
            need_package libnss3 "a library of Chromium"
            need_package libgbm1 "a library of Chromium"
            need_package libasound2t64 "a library of both browsers"
            need_package libpulse0 "a library of both browsers"
            need_package libgtk-3-0t64 "a library of Firefox"
            need_package libdbus-glib-1-2 "a library of Firefox"
            need_package libx11-xcb1 "a library of Firefox"
            need_command xz xz-utils "unpacks Firefox"
            ;;
        *)
            need_command chromium chromium "opens the page and plays the mix"
            need_command firefox-esr firefox-esr "opens the page and plays the mix"
            ;;
    esac
}

# ensure_npm FOLDER WHAT: after install_missing, fetches the npm packages exactly as the folder's package-lock.json names them,
# once for each lock file. What is there already needs no network.
ensure_npm() {
    local folder=$1
    node_is_new_enough || { warn "error: Node.js is $(node --version 2>/dev/null || echo missing); it must be 18.19 or newer."; return 1; }
    cmp -s "$folder/package-lock.json" "$folder/node_modules/.raa-lock" && return 0
    say "Fetching $2 from npm into ${folder#"$ROOT/"}/node_modules"
    (cd "$folder" && npm ci --ignore-scripts --no-audit --no-fund) && cp "$folder/package-lock.json" "$folder/node_modules/.raa-lock"
}

ensure_drivers() { ensure_npm "$E2E" "the browsers' drivers"; }

need_page_checks() { need_command npm npm "fetches what checks the page's code"; }

# Checks the types of the page's and the Zabbix widget's code, which comments name, and the JavaScript of page, Zabbix widget and tests for mistakes.
check_page() {
    local checks="$ROOT/tests/web" status=0
    ensure_npm "$checks" "what checks the page's code" || { warn "error: the page's code was NOT CHECKED"; return 1; }
    "$checks/node_modules/.bin/tsc" --project "$ROOT" || status=1
    (cd "$ROOT" && "$checks/node_modules/.bin/eslint" --config "$checks/eslint.config.js" --max-warnings 0 crates/raa-server/web zabbix/modules tests) || status=1
    return "$status"
}

# Exports the browsers to test with as RAA_CHROMIUM and RAA_FIREFOX.
ensure_browsers() {
    case "$(distribution)" in
        "ubuntu "*)
            RAA_CHROMIUM=${RAA_CHROMIUM:-$(fetched_browser chrome@stable)} || return 1
            RAA_FIREFOX=${RAA_FIREFOX:-$(fetched_browser firefox@esr)} || return 1
            ;;
        *)
            RAA_CHROMIUM=${RAA_CHROMIUM:-$(command -v chromium || true)}
            RAA_FIREFOX=${RAA_FIREFOX:-$(command -v firefox-esr || true)}
            ;;
    esac
    export RAA_CHROMIUM RAA_FIREFOX
    [ -x "$RAA_CHROMIUM" ] || { warn "error: Chromium was not found; set RAA_CHROMIUM to its path"; return 1; }
    [ -x "$RAA_FIREFOX" ] || { warn "error: Firefox ESR was not found; set RAA_FIREFOX to its path"; return 1; }
}

# fetched_browser NAME@VERSION: prints the path of the program, and fetches it the first time.
fetched_browser() {
    local dir="$ROOT/target/e2e-browsers" mark
    mark="$dir/$1.path"
    if [ ! -x "$(cat "$mark" 2>/dev/null)" ]; then
        warn "Fetching $1 into target/e2e-browsers"
        mkdir -p "$dir"
        (cd "$E2E" && npx --no-install browsers install "$1" --path "$dir" --format '{{path}}') >"$mark" || return 1
    fi
    cat "$mark"
}
