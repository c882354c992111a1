"""Makes a man page from what a program says of itself: `man_pages.py PROGRAM... --out FOLDER`.

The text of --help is shown as the program prints it, under the headings that man pages have; each subcommand's help follows
its program's. Always: the page has every line of the help and nothing that the help does not say; the same program gives
the same bytes, with the date in SOURCE_DATE_EPOCH.
"""

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

SECTION = re.compile(r"^(\S[^\n]*):$")
OPTION = re.compile(r"^ {2,6}(-\S.*?)(?: {2,}(\S.*))?$")


def printed(program, *arguments):
    """Returns what the program prints for these arguments."""
    done = subprocess.run([program, *arguments], text=True, capture_output=True, check=False, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    if done.returncode != 0:
        sys.exit(f"error: {program} {' '.join(arguments)} ended with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.rstrip()


def escaped(text):
    """Returns text that troff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga").replace("~", "\\(ti").replace("^", "\\(ha")
    return "\\&" + text if text.startswith((".", "\\(aq")) else text


def paragraph(lines):
    """Returns lines of prose as they are, each on a line of its own."""
    return [".PP", ".nf", *(escaped(line) for line in lines), ".fi"]


def options(lines):
    """Returns an option per .TP, with its text, which stands on the same line or below it."""
    page = []
    for line in lines:
        option = OPTION.match(line)
        if option:
            page += [".TP", ".B " + escaped(option[1])]
            if option[2]:
                page.append(escaped(option[2]))
        elif line.strip():
            page.append(escaped(line.strip()))
    return page


def blocks(text):
    """Yields the heading (None at the top) and the lines of each part of a help text."""
    heading, lines = None, []
    for line in text.splitlines():
        section = SECTION.match(line)
        # clap prints the usage on its heading's line.
        usage = re.match(r"^Usage: (.*)$", line)
        if section or usage:
            yield heading, lines
            heading, lines = (section[1], []) if section else ("Usage", [usage[1]])
        else:
            lines.append(line)
    yield heading, lines


def trimmed(lines):
    """Returns the lines without blank ones at both ends."""
    return "\n".join(lines).strip("\n").split("\n")


def subcommands(text):
    """Returns the names under the heading Commands, without clap's own `help`."""
    lines = next((lines for heading, lines in blocks(text) if heading == "Commands"), [])
    found = (re.match(r"^ {2}([a-z][a-z-]*)\b", line) for line in lines)
    return [name[1] for name in found if name and name[1] != "help"]


def sections(text):
    """Returns the parts of one help text as man sections, and its description apart."""
    description, synopsis, rest = [], [], []
    for heading, lines in blocks(text):
        lines = trimmed(lines)
        if heading is None:
            description = lines
        elif heading == "Usage":
            synopsis = [line.strip() for line in lines if line.strip()]
        elif any(OPTION.match(line) for line in lines):
            rest += [f".SH {escaped(heading.upper())}", *options(lines)]
        else:
            rest += [f'.SH "{escaped(heading.upper())}"', *paragraph(lines)]
    return description, synopsis, rest


def page(program):
    """Returns the whole page of a program."""
    text, name = printed(program, "--help"), Path(program).name
    version = printed(program, "--version").split()[-1]
    date = time.strftime("%Y-%m-%d", time.gmtime(int(os.environ["SOURCE_DATE_EPOCH"])))
    description, synopsis, rest = sections(text)
    lines = [f'.TH {name.upper()} 1 "{date}" "{name} {version}" "User Commands"',
             ".SH NAME", f"{escaped(name)} \\- {escaped(description[0].rstrip('.'))}",
             ".SH SYNOPSIS", ".nf", *(f".B {escaped(line)}" for line in synopsis), ".fi",
             ".SH DESCRIPTION", *(escaped(line) if line else ".PP" for line in description), *rest]
    for command in subcommands(text):
        about, usage, parts = sections(printed(program, command, "--help"))
        lines += [f'.SH "{escaped(f"{name} {command}".upper())}"', *(escaped(line) if line else ".PP" for line in about), ".PP",
                  *(f".B {escaped(line)}" for line in usage), *(line.replace(".SH ", ".SS ", 1) for line in parts)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--out", required=True, type=Path)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for program in given.programs:
        (given.out / f"{Path(program).name}.1").write_text(page(program), encoding="utf-8")


if __name__ == "__main__":
    main()
