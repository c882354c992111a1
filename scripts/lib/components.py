"""Knows everything by others that RAA's programs contain: crates, C libraries, the page's decoder, and the runtime parts that
the compilers add; each with its version, its licence and the text of the licence.

Always: the crates are those that cargo compiles into the programs, for each system that is shipped; a component
without a licence text is an error.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
# The programs, and the systems that they are built for.
SHIPPED = {"x86_64-unknown-linux-gnu": ["raa-server", "raa-client"], "aarch64-unknown-linux-gnu": ["raa-server", "raa-client"], "x86_64-pc-windows-gnu": ["raa-client"]}
LICENCE_FILE = re.compile(r"(?i)^(licen[cs]es?|copying|copyright|notice|unlicense)([-._].*)?$")
SQLITE_LICENCE = "blessing"
SQLITE_TEXT = """The author disclaims copyright to this source code.  In place of
a legal notice, here is a blessing:

   May you do good and not evil.
   May you find forgiveness for yourself and forgive others.
   May you share freely, never taking more than you give.
"""


@dataclass
class Component:
    """Something by others, or one of RAA's own crates (`own`)."""

    name: str
    version: str
    licence: str
    purl: str
    texts: dict = field(default_factory=dict)
    needs: list = field(default_factory=list)
    needs_on: dict = field(default_factory=dict)
    sha256: str = ""
    source: str = ""
    own: bool = False

    @property
    def ref(self):
        """Identifies it in the SBOM."""
        return self.purl


def cargo_metadata(target):
    """Returns what cargo knows about the packages for one system."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)


@cache
def checksums():
    """Returns the SHA-256 of each crate's archive, from Cargo.lock."""
    text = (ROOT / "Cargo.lock").read_text(encoding="utf-8")
    entry = re.compile(r'name = "([^"]+)"\nversion = "([^"]+)"\n(?:source = "[^"]+"\n)?(?:checksum = "([0-9a-f]{64})")?')
    return {(name, version): checksum or "" for name, version, checksum in entry.findall(text)}


def licence_texts(folder):
    """Returns the texts of the licence files in a folder, by file name; those in folders of that name, too."""
    texts = {}
    for path in sorted(folder.iterdir()):
        if LICENCE_FILE.match(path.name):
            for file in [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file()):
                texts[str(file.relative_to(folder))] = file.read_text(encoding="utf-8", errors="replace")
    return texts


def crate(package):
    """Returns the component for a package that cargo describes."""
    name, version, folder = package["name"], package["version"], Path(package["manifest_path"]).parent
    own = package["source"] is None
    licence = re.sub(r"\s*/\s*", " OR ", package["license"] or "")
    texts = {} if own else licence_texts(folder)
    return Component(name, version, licence, f"pkg:cargo/{name}@{version}", texts, sha256=checksums().get((name, version), ""), source=package["repository"] or "", own=own)


def compiled(target, programs):
    """Returns the crates that cargo compiles into the programs. Its metadata also has those of features that only tests ask for."""
    command = ["cargo", "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--target", target]
    for program in programs:
        command += ["-p", program]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(command)}: {done.stderr.strip()}")
    return {tuple(line.split()[:2]) for line in done.stdout.splitlines() if line}


@cache
def crates():
    """Returns the crates that the programs contain, with what each needs, by reference."""
    found = {}
    for target, programs in SHIPPED.items():
        metadata, inside = cargo_metadata(target), compiled(target, programs)
        packages = {package["id"]: package for package in metadata["packages"]}
        nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
        todo = [id for id, package in packages.items() if package["name"] in programs and package["source"] is None]
        assert len(todo) == len(programs), f"{programs} are not all in the workspace"
        seen = set()
        while todo:
            id = todo.pop()
            if id in seen:
                continue
            seen.add(id)
            needs = [edge["pkg"] for edge in nodes[id]["deps"] if any(kind["kind"] is None for kind in edge["dep_kinds"])]
            needs = [need for need in needs if (packages[need]["name"], f"v{packages[need]['version']}") in inside]
            component = crate(packages[id])
            component = found.setdefault(component.ref, component)
            component.needs = sorted({*component.needs, *(crate_ref(packages[need]) for need in needs)})
            component.needs_on[target] = sorted(crate_ref(packages[need]) for need in needs)
            todo += needs
    return found


def dependency_information(program, target):
    """Returns what cargo-auditable puts into a program: the crates in it, as its scanners read them."""
    found = crates()
    root = next(component for component in found.values() if component.own and component.name == program)
    refs, todo = set(), [root.ref]
    while todo:
        ref = todo.pop()
        if ref not in refs:
            refs.add(ref)
            todo += found[ref].needs_on[target]
    order = sorted(refs, key=lambda ref: (found[ref].name, found[ref].version))
    packages = []
    for ref in order:
        component = found[ref]
        package = {"name": component.name, "version": component.version, "source": "local" if component.own else "crates.io"}
        if component.needs_on[target]:
            package["dependencies"] = sorted(order.index(need) for need in component.needs_on[target])
        if component is root:
            package["root"] = True
        packages.append(package)
    return {"packages": packages}


def crate_ref(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def source_folder(name):
    """Returns the version and the unpacked source of a crate that contains a C library."""
    package = next(package for package in cargo_metadata("x86_64-unknown-linux-gnu")["packages"] if package["name"] == name)
    return package["version"], Path(package["manifest_path"]).parent


def first_match(pattern, path):
    """Returns the version that a file names."""
    found = re.search(pattern, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    return found[1] if found else sys.exit(f"error: {path} names no version ({pattern})")


def libopus():
    _, folder = source_folder("opusic-sys")
    # The README's first line that names a version is a release of Opus; package_version has it in archives of releases.
    version = first_match(r'PACKAGE_VERSION="([^"]+)"', folder / "opus/package_version") if (folder / "opus/package_version").exists() else "unknown"
    return Component("libopus", version, "BSD-3-Clause", f"pkg:generic/libopus@{version}", {"COPYING": (folder / "opus/COPYING").read_text(encoding="utf-8")}, source="https://opus-codec.org/")


def sqlite():
    _, folder = source_folder("libsqlite3-sys")
    version = first_match(r'^#define SQLITE_VERSION\s+"([^"]+)"', folder / "sqlite3/sqlite3.h")
    text = (folder / "sqlite3/sqlite3.h").read_text(encoding="utf-8")
    if "May you do good and not evil" not in text:
        sys.exit("error: SQLite's source no longer has the text that stands for its licence")
    return Component("sqlite", version, SQLITE_LICENCE, f"pkg:generic/sqlite@{version}", {"sqlite3.h": SQLITE_TEXT}, source="https://sqlite.org/")


def vendored():
    """Returns the files of others in the repository: the page's decoder."""
    for folder in sorted((ROOT / "crates/raa-server/web/vendor").iterdir()):
        if folder.is_dir():
            name, version = first_match(r"^# (\S+ \S+)$", folder / "README.md").split()
            yield Component(name, version, "MIT AND BSD-3-Clause", f"pkg:npm/{name}@{version}", licence_texts(folder), source="https://github.com/eshaz/wasm-audio-decoders")


def rust_library():
    """Returns Rust's standard library, whose licence texts come with the compiler or, where they do not, from RAA's own."""
    version = subprocess.run(["rustc", "--version"], cwd=ROOT, text=True, capture_output=True, check=True).stdout.split()[1]
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("LICENSE-APACHE", "LICENSE-MIT")}
    texts["LICENSE-MIT"] = re.sub(r"(?m)^Copyright .*$", "Copyright (c) The Rust Project Contributors", texts["LICENSE-MIT"])
    return Component("rust-std", version, "MIT OR Apache-2.0", f"pkg:generic/rust-std@{version}", texts, source="https://www.rust-lang.org/")


def compiler_parts(zig):
    """Returns what the C compilers link into every program."""
    version = first_match(r"^Version: (\S+)$", next(zig.glob("ziglang-*.dist-info")) / "METADATA")
    folder = zig / "ziglang"
    yield Component("zig-compiler-rt", version, "MIT", f"pkg:pypi/ziglang@{version}", {"LICENSE": (folder / "LICENSE").read_text(encoding="utf-8")}, source="https://ziglang.org/")
    unwind = (folder / "lib/libunwind/LICENSE.TXT").read_text(encoding="utf-8")
    yield Component("llvm-libunwind", version, "Apache-2.0 WITH LLVM-exception", f"pkg:generic/llvm-libunwind@{version}", {"LICENSE.TXT": unwind}, source="https://llvm.org/")
    mingw = Path("/usr/share/doc/mingw-w64-x86-64-dev/copyright")
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "mingw-w64-x86-64-dev"], text=True, capture_output=True, check=True).stdout
    yield Component("mingw-w64-runtime", version, "ZPL-2.1", f"pkg:generic/mingw-w64-runtime@{version}", {"copyright": mingw.read_text(encoding="utf-8")}, source="https://www.mingw-w64.org/")


def all_components(zig):
    """Returns everything, RAA's own crates among it, by reference and sorted by name."""
    found = dict(crates())
    others = [libopus(), sqlite(), *vendored(), rust_library(), *compiler_parts(zig)]
    found.update((component.ref, component) for component in others)
    for user, used in (("opusic-sys", others[0]), ("libsqlite3-sys", others[1])):
        next(component for component in found.values() if component.name == user).needs.append(used.ref)
    for component in found.values():
        if not component.own and not any(text.strip() for text in component.texts.values()):
            sys.exit(f"error: {component.name} {component.version} ({component.licence}) comes without the text of its licence")
        if not component.licence:
            sys.exit(f"error: {component.name} {component.version} names no licence")
    return sorted(found.values(), key=lambda component: (component.name, component.version))
