# shellcheck shell=bash
# Makes the tarball and the Debian packages of a release from its programs, and its install.sh.
#
# Always: the same programs give the same bytes, because files are sorted and have root as owner and SOURCE_DATE_EPOCH as
# time. Sourced after common.sh; $ROOT is the top of the checkout, and $VERSION the version.

need_packaging() {
    need_package debhelper "makes the Debian packages"
    need_command dpkg-shlibdeps dpkg-dev "finds out what the programs need"
    need_command xz xz-utils "compresses the Debian packages"
}

# lay_out FOLDER PROGRAMS LICENCES: puts everything that the tarball has into FOLDER.
lay_out() {
    local folder=$1 programs=$2 licences=$3
    rm -rf "$folder"
    mkdir -p "$folder"/{bin,etc,man/man1,systemd/user}
    cp "$programs"/raa-server "$programs"/raa-client "$folder/bin/"
    cp "$ROOT/crates/raa-server/raa-server.toml" "$folder/etc/"
    cp "$ROOT"/packaging/systemd/*.service "$folder/systemd/"
    cp "$ROOT"/packaging/systemd/user/*.service "$folder/systemd/user/"
    cp "$ROOT/LICENSE-APACHE" "$ROOT/LICENSE-MIT" "$licences" "$folder/"
    printf '%s\n' "$VERSION" >"$folder/VERSION"
    # Whatever this user's umask is.
    find "$folder" -type d -exec chmod 755 {} +
    find "$folder" -type f -exec chmod 644 {} +
    chmod 755 "$folder"/bin/*
}

# make_tarball FOLDER FILE: packs FOLDER under its own name.
make_tarball() {
    tar -C "$(dirname "$1")" --sort=name --owner=root:0 --group=root:0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
        --format=gnu -cf - "$(basename "$1")" | gzip -9n >"$2"
}

# make_debs FOLDER BUILD DIST: makes the packages in BUILD from what the tarball has, and puts them into DIST.
make_debs() {
    local folder=$1 build=$2 dist=$3
    rm -rf "$build"
    mkdir -p "$build/raa"
    cp -r "$folder/." "$build/raa/"
    cp -r "$ROOT/packaging/debian" "$build/raa/debian"
    unit_for_deb raa-server.service >"$build/raa/debian/raa-server.service"
    unit_for_deb user/raa-client.service >"$build/raa/debian/raa-client.user.service"
    write_debian_changelog >"$build/raa/debian/changelog"
    find "$build/raa" -type d -exec chmod 755 {} +
    find "$build/raa/debian" -type f ! -name rules -exec chmod 644 {} +
    (cd "$build/raa" && umask 022 && LC_ALL=C dpkg-buildpackage --build=binary --no-sign --no-check-builddeps) >"$build/log" 2>&1 \
        || { cat "$build/log" >&2; return 1; }
    cp "$build"/*.deb "$dist/"
}

# unit_for_deb UNIT: prints a unit as a package has it.
unit_for_deb() { sed 's|^ExecStart=/usr/local/bin/|ExecStart=/usr/bin/|' "$ROOT/packaging/systemd/$1"; }

write_debian_changelog() {
    printf 'raa (%s) stable; urgency=medium\n\n  * Release %s. CHANGELOG.md in the source says what is new.\n\n' "$VERSION" "$VERSION"
    printf ' -- %s  %s\n' "$(sed -n 's/^Maintainer: //p' "$ROOT/packaging/debian/control")" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

# stamp_installer BASE_URL FILE: copies install.sh with the address in it that it was given.
stamp_installer() {
    local source="$ROOT/packaging/install.sh" url=$1
    [[ "$url" != *[!A-Za-z0-9:/._~%-]* ]] || die "the address $url has characters that no address of releases has"
    [ -z "$url" ] || grep -q '^DEFAULT_BASE_URL=""$' "$source" || die "$source has no line DEFAULT_BASE_URL=\"\""
    sed "s|^DEFAULT_BASE_URL=\"\"\$|DEFAULT_BASE_URL=\"${url%/}\"|" "$source" >"$2"
    chmod 755 "$2"
}
