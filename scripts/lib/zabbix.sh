# shellcheck shell=bash
# A real Zabbix 7.0 for tests: frontend, server and database, unpacked into a folder of their own. Only PHP and PostgreSQL
# are installed on this computer.
#
# Zabbix and its libraries are Debian 13's packages, which also run on Debian 12: the server brings its own C library.
# Always: downloads and the filled database are kept in $ZABBIX_DIR, so that only the first run takes long; nothing here
# runs after the function has ended.
# Sourced after common.sh; $ROOT is the top of the checkout.

# Not below a home: PostgreSQL runs as another user if this one is root.
ZABBIX_DIR=${RAA_ZABBIX_DIR:-/var/tmp/raa-zabbix-$(id -u)}
ZABBIX_SUITE=trixie

need_zabbix() {
    need_command php php-cli "runs the Zabbix frontend"
    local extension present
    present=$(php -m 2>/dev/null)
    for extension in pgsql gd mbstring xml bcmath curl; do
        grep -qix "${extension/xml/xmlreader}" <<<"$present" || need "php-$extension" "the Zabbix frontend needs it"
    done
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || need postgresql "Zabbix' database"
    [ -f /usr/share/i18n/locales/ja_JP ] || need locales "Zabbix in Japanese"
}

# zabbix_apt ARG...: apt-get with package lists of its own, for the suite that has Zabbix 7.0.
zabbix_apt() { APT_CONFIG=$ZABBIX_DIR/apt/apt.conf apt-get -qq -t "$ZABBIX_SUITE" "$@"; }

zabbix_set_up_apt() {
    local apt=$ZABBIX_DIR/apt mirror
    # shellcheck disable=SC2016 # apt-get replaces it
    mirror=$(apt-get indextargets --format '$(REPO_URI)' "Codename: $(. /etc/os-release && echo "${VERSION_CODENAME:-}")" | sort -u | head -n 1)
    [ -n "$mirror" ] || { warn "error: Zabbix 7.0 is taken from Debian's packages, and this system does not use a Debian mirror."; return 1; }
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    : >"$apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $ZABBIX_SUITE main" >"$apt/sources.list"
    cat >"$apt/apt.conf" <<EOT
Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "-"; Acquire::Languages "none";
APT::Sandbox::User "root"; Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
EOT
    zabbix_apt update
}

# zabbix_unpack NAME COMMAND...: fills $ZABBIX_DIR/NAME once with all packages that the command downloads.
zabbix_unpack() {
    local name=$1 debs=$ZABBIX_DIR/debs-$1 deb
    shift
    [ -d "$ZABBIX_DIR/$name" ] && return 0
    [ -f "$ZABBIX_DIR/apt/apt.conf" ] || zabbix_set_up_apt || return 1
    rm -rf "$debs" "$ZABBIX_DIR/$name.new"
    mkdir -p "$debs/partial" "$ZABBIX_DIR/$name.new"
    (cd "$debs" && "$@" >/dev/null) || { warn "error: cannot download Zabbix ($name)"; return 1; }
    for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" "$ZABBIX_DIR/$name.new" || return 1; done
    mv "$ZABBIX_DIR/$name.new" "$ZABBIX_DIR/$name" && rm -rf "$debs"
}

zabbix_frontend() {
    zabbix_unpack frontend zabbix_apt download zabbix-frontend-php fonts-dejavu-core || return 1
    local share=$ZABBIX_DIR/frontend/usr/share/zabbix
    [ -f "$share/.raa-ready" ] && return 0
    # Two links of the package lead to where it would be installed.
    rm -f "$share"/local/app/{controllers,views}
    mkdir -p "$share"/local/app/{controllers,views} "$share/modules"
    # Debian's frontend reads /etc/zabbix; this one reads its own folder.
    sed -i "s#'/etc/zabbix/zabbix.conf.php'#'$share/conf/zabbix.conf.php'#" "$share/include/classes/core/CConfigFile.php"
    touch "$share/.raa-ready"
}

zabbix_programs() {
    zabbix_unpack server zabbix_apt -y -o APT::Install-Recommends=false -o Dir::Cache::archives="$ZABBIX_DIR/debs-server" -d install zabbix-server-pgsql || return 1
    zabbix_unpack nginx apt-get -qq download nginx
}

# Without the user's locale Zabbix shows an error in every widget.
zabbix_locales() {
    [ -d "$ZABBIX_DIR/locale" ] && return 0
    mkdir -p "$ZABBIX_DIR/locale.new"
    localedef -i en_US -f UTF-8 "$ZABBIX_DIR/locale.new/en_US.UTF-8" && localedef -i ja_JP -f UTF-8 "$ZABBIX_DIR/locale.new/ja_JP.UTF-8" &&
        mv "$ZABBIX_DIR/locale.new" "$ZABBIX_DIR/locale"
}

# as_database COMMAND...: runs it as a user that may own a database, which root may not.
as_database() { if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- env -C / "$@"; else "$@"; fi; }

# A database 'loaded' with Zabbix' tables and first data, which each run copies.
zabbix_database() {
    local bin data=$ZABBIX_DIR/database/data sockets=$ZABBIX_DIR/database/sockets sql=$ZABBIX_DIR/server/usr/share/zabbix-server-pgsql part
    bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
    [ -f "$ZABBIX_DIR/database/loaded" ] && return 0
    rm -rf "$ZABBIX_DIR/database"
    mkdir -p "$data" "$sockets"
    if [ "$(id -u)" -eq 0 ]; then chown -R postgres: "$ZABBIX_DIR/database"; fi
    chmod 700 "$data"
    as_database "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --no-locale --no-sync >/dev/null || return 1
    as_database "$bin/pg_ctl" -D "$data" -w -l "$ZABBIX_DIR/database/log" \
        -o "-c listen_addresses= -c unix_socket_directories=$sockets -c fsync=off" start >/dev/null || return 1
    {
        psql -q -h "$sockets" -U postgres -c "create role zabbix login password 'zabbix'" -c "create database loaded owner zabbix encoding 'UTF8'" &&
            for part in schema images data; do
                zcat "$sql/$part.sql.gz" | psql -q -v ON_ERROR_STOP=1 -h "$sockets" -U zabbix -d loaded >/dev/null || break
            done && [ "$part" = data ]
    }
    local status=$?
    as_database "$bin/pg_ctl" -D "$data" -m fast -w stop >/dev/null
    [ "$status" -eq 0 ] && touch "$ZABBIX_DIR/database/loaded"
}

# Downloads and prepares what is missing, and exports its place.
ensure_zabbix() {
    mkdir -p "$ZABBIX_DIR" && chmod 755 "$ZABBIX_DIR"
    [ -f "$ZABBIX_DIR/database/loaded" ] || say "Preparing Zabbix 7.0 in $ZABBIX_DIR"
    zabbix_frontend && zabbix_programs && zabbix_locales && zabbix_database || return 1
    export RAA_ZABBIX_DIR=$ZABBIX_DIR
}
