"""Puts the list of a program's crates into the program, in the section and format of cargo-auditable, so that scanners find
it where no SBOM is at hand: `dependency_section.py PROGRAM TARGET`.

Always: the section is not loaded when the program runs.
"""

import json
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

from components import dependency_information


def main():
    program, target = Path(sys.argv[1]), sys.argv[2]
    text = json.dumps(dependency_information(program.name, target), separators=(",", ":"))
    with tempfile.NamedTemporaryFile() as file:
        file.write(zlib.compress(text.encode(), 9))
        file.flush()
        subprocess.run(["objcopy", "--add-section", f".dep-v0={file.name}", program], check=True)


if __name__ == "__main__":
    main()
