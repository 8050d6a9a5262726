"""Writes the SHA-256 of every file of every pinned package into `requirements/*.txt`.

    python3 -m venv .pins && .pins/bin/pip install pip-tools==7.6.2
    .pins/bin/python scripts/hash_requirements.py

Run it after you changed a version by hand: the hashes of each package are replaced by those of the
package index that pip is configured for. No address is written into the files.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "requirements"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+?)(?: \\)?$", re.MULTILINE)
_HASHED = re.compile(r"^([A-Za-z0-9._-]+)==(\S+) \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE)
_HASH_LINES = re.compile(r" \\\n(?:    --hash=\S+(?: \\)?\n)+")


def main() -> None:
    """Rewrite every file in place."""
    files = {path: _HASH_LINES.sub("\n", path.read_text()) for path in FOLDER.glob("*.txt")}
    pins = {name: version for text in files.values() for name, version in _PIN.findall(text)}
    hashes = _hashes_of(pins)
    for path, text in files.items():
        path.write_text(_PIN.sub(lambda pin: _hashed(pin, hashes), text))


def _hashes_of(pins: dict[str, str]) -> dict[str, str]:
    """Return the lines of hashes of each package, by its normal name."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, compiled = Path(folder, "pins.in"), Path(folder, "pins.txt")
        wanted.write_text("".join(f"{name}=={version}\n" for name, version in pins.items()))
        options = ("--generate-hashes", "--allow-unsafe", "--strip-extras", "--no-header")
        silent = ("--quiet", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links")
        subprocess.run(  # noqa: S603 - our own arguments
            [
                *(sys.executable, "-m", "piptools", "compile", *options, *silent),
                *("--no-emit-trusted-host", "--output-file", str(compiled), str(wanted)),
            ],
            check=True,
        )
        return {_normal(name): lines for name, _, lines in _HASHED.findall(compiled.read_text())}


def _hashed(pin: re.Match[str], hashes: dict[str, str]) -> str:
    return f"{pin[1]}=={pin[2]} \\\n{hashes[_normal(pin[1])].rstrip()}"


def _normal(name: str) -> str:
    """Return a package's name as indices compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    main()
