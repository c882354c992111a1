"""Tests what scripts/release has made, file by file, as those see it who download it.

The folder is RAA_DIST, else target/dist. Always: reads the files that ship, never those they are made from.
"""

import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DIST = Path(os.environ.get("RAA_DIST", ROOT / "target/dist"))
VERSION = re.search(r'^version = "([^"]+)"', (ROOT / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]
TOP = f"raa-{VERSION}-x86_64-linux"
TARBALL = DIST / f"{TOP}.tar.gz"
FILES = {TARBALL.name, "raa-client.exe", f"raa-client_{VERSION}_amd64.deb", f"raa-server_{VERSION}_amd64.deb", "install.sh", f"raa-zabbix-{VERSION}.zip", "SHA256SUMS", f"raa-{VERSION}.cdx.json", "THIRD-PARTY-LICENSES.txt"}
OLDEST_GLIBC = (2, 28)
PROGRAMS = ("raa-server", "raa-client")
sys.path.insert(0, str(ROOT / "scripts/lib"))
import pe_image  # noqa: E402

SCRATCH = tempfile.TemporaryDirectory(prefix="raa-artifacts-")


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def setUpModule():
    run("tar", "-C", SCRATCH.name, "-xzf", TARBALL)
    for program in PROGRAMS:
        run("dpkg-deb", "--raw-extract", DIST / f"{program}_{VERSION}_amd64.deb", Path(SCRATCH.name) / program)


def unpacked(path):
    return Path(SCRATCH.name) / TOP / path


def in_deb(program, path):
    return Path(SCRATCH.name) / program / path


class Files(unittest.TestCase):
    def test_release_has_exactly_its_files(self):
        self.assertEqual({file.name for file in DIST.iterdir()} - {f"raa-{VERSION}-aarch64-linux.tar.gz"}, FILES)

    def test_sums_name_every_other_file(self):
        listed = dict(reversed(line.split("  ")) for line in (DIST / "SHA256SUMS").read_text(encoding="utf-8").splitlines())
        self.assertEqual(set(listed), {file.name for file in DIST.iterdir()} - {"SHA256SUMS"})
        for name, expected in listed.items():
            self.assertEqual(hashlib.sha256((DIST / name).read_bytes()).hexdigest(), expected, name)

    def test_tarball_has_one_folder_of_root(self):
        with tarfile.open(TARBALL) as tar:
            members = tar.getmembers()
        self.assertEqual({member.name.split("/")[0] for member in members}, {TOP})
        self.assertEqual({(member.uid, member.gid) for member in members}, {(0, 0)})
        self.assertEqual({member.mode & 0o022 for member in members}, {0}, "only the owner may write")
        self.assertEqual(len({member.mtime for member in members}), 1)
        names = {member.name.removeprefix(f"{TOP}/") for member in members if member.isfile()}
        self.assertEqual(names, {"VERSION", "LICENSE-APACHE", "LICENSE-MIT", "THIRD-PARTY-LICENSES.txt", "bin/raa-client", "bin/raa-server", "etc/raa-server.toml", "man/man1/raa-client.1", "man/man1/raa-server.1", "systemd/raa-server.service", "systemd/user/raa-client.service", "systemd/user/raa-server.service"})
        self.assertEqual(unpacked("VERSION").read_text(encoding="utf-8"), f"{VERSION}\n")

    def stamp(self, url):
        """Stamps install.sh as `scripts/release --base-url URL` does."""
        copy = Path(SCRATCH.name) / "stamped.sh"
        libraries = " ".join(f'. "{ROOT}/scripts/lib/{name}.sh";' for name in ("common", "packages"))
        done = subprocess.run(["bash", "-c", f'ROOT="{ROOT}"; {libraries} stamp_installer "$1" "$2"', "-", url, copy], text=True, capture_output=True, check=False)
        return done.returncode, done.stderr, copy

    def test_installer_asks_the_address_that_it_was_stamped_with(self):
        code, errors, copy = self.stamp("http://127.0.0.1:9/releases/")
        self.assertEqual((code, errors), (0, ""))
        without = {name: value for name, value in os.environ.items() if name != "RAA_BASE_URL"}
        for script, words in ((copy, "http://127.0.0.1:9/releases/latest/download"), (DIST / "install.sh", "RAA_BASE_URL is not set")):
            done = subprocess.run(["sh", script, "--yes"], text=True, capture_output=True, check=False, env={**without, "HOME": SCRATCH.name})
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words, done.stdout + done.stderr)

    def test_address_that_would_end_the_quotes_is_refused(self):
        code, errors, _ = self.stamp('http://x/"; reboot; "')
        self.assertNotEqual(code, 0)
        self.assertIn("characters", errors)


class Programs(unittest.TestCase):
    def test_programs_run_and_know_their_version(self):
        for program in PROGRAMS:
            self.assertEqual(run(unpacked(f"bin/{program}"), "--version"), f"{program} {VERSION}\n")

    def test_programs_need_only_an_old_glibc(self):
        for program in PROGRAMS:
            path = unpacked(f"bin/{program}")
            versions = [tuple(map(int, version.split("."))) for version in re.findall(r"Name: GLIBC_([\d.]+)", run("readelf", "-W", "--version-info", path))]
            self.assertTrue(versions, "dynamically linked")
            self.assertLessEqual(max(versions), OLDEST_GLIBC, program)
            libraries = set(re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-d", path)))
            self.assertLessEqual(libraries, {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}, program)

    def test_programs_name_no_path_of_the_builder(self):
        for path in [*(unpacked(f"bin/{program}") for program in PROGRAMS), DIST / "raa-client.exe"]:
            content = path.read_bytes()
            # A checkout in a folder such as /src can't be told from other paths.
            for folder in (Path.home(), Path("/tmp"), *([ROOT] if len(ROOT.parts) > 2 else [])):
                self.assertFalse(f"{folder}/".encode() in content, f"{path.name} names {folder}")

    def test_windows_client_survives_the_loss_of_its_share(self):
        content = (DIST / "raa-client.exe").read_bytes()
        header = struct.unpack_from("<I", content, 60)[0]
        self.assertTrue(struct.unpack_from("<H", content, header + 22)[0] & 0x0800, "IMAGE_FILE_NET_RUN_FROM_SWAP")
        image = pe_image.Image(content)
        self.assertEqual(image.checksum, image.expected_checksum())

    def test_programs_are_hardened_and_name_their_functions(self):
        for program in PROGRAMS:
            path = unpacked(f"bin/{program}")
            self.assertIn("Type:                              DYN", run("readelf", "-h", path), "position-independent")
            headers = run("readelf", "-lW", path)
            self.assertRegex(headers, r"GNU_STACK.* RW ", "no stack that can be executed")
            self.assertIn("GNU_RELRO", headers)
            self.assertIn("BIND_NOW", run("readelf", "-d", path))
            self.assertIn(f"{program.replace('-', '_')}", run("readelf", "-Ws", path))
            self.assertNotIn(".debug_info", run("readelf", "-SW", path))

    def test_packages_have_the_tarballs_programs(self):
        for program in PROGRAMS:
            self.assertEqual(in_deb(program, f"usr/bin/{program}").read_bytes(), unpacked(f"bin/{program}").read_bytes())


class Texts(unittest.TestCase):
    """Man pages, licences and the SBOM."""

    def test_man_page_has_every_option(self):
        for program in PROGRAMS:
            help_text = run(unpacked(f"bin/{program}"), "--help")
            page = run("man", "--encoding=UTF-8", "--local-file", unpacked(f"man/man1/{program}.1"), env={**os.environ, "MANWIDTH": "200", "LC_ALL": "C.UTF-8", "MANROFFOPT": "-c"})
            page = re.sub(r".\x08", "", page)
            options = re.findall(r"^ +(?:-\w, )?(--[a-z-]+)", help_text, re.MULTILINE)
            self.assertGreater(len(options), 4)
            for option in options:
                self.assertIn(option, page, program)
            commands = help_text.partition("\nCommands:\n")[2].partition("\n\n")[0]
            for command in re.findall(r"^  ([a-z]+)", commands, re.MULTILINE):
                if command != "help":
                    self.assertIn(f"{program} {command}".upper(), page)
            for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"):
                self.assertRegex(page, rf"(?m)^{heading}$")

    def test_licences_name_every_crate_of_the_programs(self):
        text = (DIST / "THIRD-PARTY-LICENSES.txt").read_text(encoding="utf-8")
        crates = crates_of_the_programs()
        self.assertGreater(len(crates), 100)
        for crate in crates:
            # Once in the list, and at least once above a text.
            self.assertGreaterEqual(len(re.findall(rf"(?m)^{re.escape(crate)} ", text)), 2, crate)
        for words in ("Xiph.Org", "May you do good and not evil", "opus-decoder 0.7.12 (LICENSE)", "opus-decoder 0.7.12 (LICENSE-libopus)", "The Rust Project Contributors", "mingw-w64"):
            self.assertIn(words, text)
        self.assertEqual(text, unpacked("THIRD-PARTY-LICENSES.txt").read_text(encoding="utf-8"))

    def test_programs_name_their_crates_for_scanners(self):
        named = set()
        for program in PROGRAMS:
            section = Path(SCRATCH.name) / "dep-v0"
            run("objcopy", f"--dump-section=.dep-v0={section}", unpacked(f"bin/{program}"), section.with_suffix(".copy"))
            packages = json.loads(zlib.decompress(section.read_bytes()))["packages"]
            self.assertEqual([package["name"] for package in packages if package.get("root")], [program])
            self.assertTrue(all(0 <= need < len(packages) for package in packages for need in package.get("dependencies", [])))
            named |= {f"{package['name']} {package['version']}" for package in packages if package["source"] == "crates.io"}
        self.assertEqual(named, crates_of_the_programs())

    def test_sbom_is_valid_cyclonedx(self):
        import fastjsonschema

        schemas = next(Path(os.environ["RAA_CHECKS"]).glob("cyclonedx/schema/_res"))

        def load(uri):
            return json.loads((schemas / uri.rsplit("/", 1)[-1]).read_text(encoding="utf-8"))

        validate = fastjsonschema.compile(load("bom-1.5.SNAPSHOT.schema.json"), handlers={"http": load, "https": load}, formats={"iri-reference": r".*", "idn-email": r".*"})
        sbom = json.loads((DIST / f"raa-{VERSION}.cdx.json").read_text(encoding="utf-8"))
        validate(sbom)
        with self.assertRaises(fastjsonschema.JsonSchemaValueException):
            validate({**sbom, "components": [{"name": "without a type"}]})

    def test_sbom_names_every_crate_and_what_needs_it(self):
        sbom = json.loads((DIST / f"raa-{VERSION}.cdx.json").read_text(encoding="utf-8"))
        named = {f"{component['name']} {component['version']}" for component in sbom["components"]}
        self.assertLessEqual(crates_of_the_programs(), named)
        self.assertLessEqual({"libopus", "sqlite", "opus-decoder", "rust-std"}, {name.split()[0] for name in named})
        references = {component["bom-ref"] for component in sbom["components"]}
        reached, todo = set(), [sbom["metadata"]["component"]["bom-ref"]]
        needs = {entry["ref"]: entry["dependsOn"] for entry in sbom["dependencies"]}
        while todo:
            reference = todo.pop()
            if reference not in reached:
                reached.add(reference)
                todo += needs[reference]
        self.assertEqual(references - reached, set(), "each component is needed by something")


def crates_of_the_programs():
    """Returns the crates of both programs on Linux as `cargo tree` sees them, which the release's own scripts do not use."""
    tree = run("cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--target", "x86_64-unknown-linux-gnu", "-p", "raa-server", "-p", "raa-client", cwd=ROOT)
    crates = {" ".join(line.split()[:2]).replace(" v", " ") for line in tree.splitlines() if line}
    return {crate for crate in crates if not crate.startswith("raa-")}


class Packages(unittest.TestCase):
    def test_lintian_finds_nothing(self):
        output = run("lintian", "--allow-root", "--fail-on", "error,warning", "--tag-display-limit", "0", *sorted(DIST.glob("*.deb")))
        self.assertEqual(output, "")

    def test_packages_need_only_an_old_glibc(self):
        for program in PROGRAMS:
            depends = run("dpkg-deb", "--field", DIST / f"{program}_{VERSION}_amd64.deb", "Depends")
            self.assertIn("libc6 (>= 2.28)", depends)

    def test_packages_can_be_read_by_debian_11(self):
        for program in PROGRAMS:
            members = run("ar", "t", DIST / f"{program}_{VERSION}_amd64.deb").split()
            self.assertEqual(members, ["debian-binary", "control.tar.xz", "data.tar.xz"])

    def test_configuration_is_a_conffile(self):
        self.assertEqual(in_deb("raa-server", "DEBIAN/conffiles").read_text(encoding="utf-8"), "/etc/raa/raa-server.toml\n")
        self.assertEqual(in_deb("raa-server", "etc/raa/raa-server.toml").read_bytes(), unpacked("etc/raa-server.toml").read_bytes())

    def test_units_of_package_and_tarball_differ_by_path_only(self):
        for program, tarball, package in (("raa-server", "systemd/raa-server.service", "lib/systemd/system/raa-server.service"), ("raa-client", "systemd/user/raa-client.service", "usr/lib/systemd/user/raa-client.service")):
            ours = unpacked(tarball).read_text(encoding="utf-8")
            self.assertIn(f"\nExecStart=/usr/local/bin/{program}\n", ours)
            self.assertEqual(in_deb(program, package).read_text(encoding="utf-8"), ours.replace("/usr/local/bin/", "/usr/bin/"))


class Units(unittest.TestCase):
    def test_server_unit_is_hardened(self):
        report = run("systemd-analyze", "security", "--offline=true", "--threshold=15", unpacked("systemd/raa-server.service"))
        self.assertRegex(report, r"Overall exposure level for raa-server.service: 1\.\d OK")

    def test_units_have_no_unknown_settings(self):
        for unit in ("systemd/raa-server.service", "systemd/user/raa-server.service", "systemd/user/raa-client.service"):
            text = unpacked(unit).read_text(encoding="utf-8")
            # The program need not be installed here.
            program = re.search(r"^ExecStart=(\S+)$", text, re.MULTILINE)[1]
            copy = Path(SCRATCH.name) / "units" / Path(unit).name
            copy.parent.mkdir(exist_ok=True)
            copy.write_text(text.replace(program, "/bin/true"), encoding="utf-8")
            scope = ["--user"] if "user/" in unit else []
            done = subprocess.run(["systemd-analyze", *scope, "--man=no", "verify", copy], text=True, capture_output=True, check=False, env={**os.environ, "XDG_RUNTIME_DIR": SCRATCH.name})
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""), unit)


if __name__ == "__main__":
    unittest.main()
