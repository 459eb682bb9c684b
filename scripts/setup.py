"""Make .venv and install the pinned packages into it: scripts/setup.py [requirements file, default dev.txt].

Needs Python 3.11 and nothing else. When nothing has changed since the last time it does nothing.
Where a larger set was installed on purpose (bench.txt holds all of dev.txt), asking for the smaller keeps it.
"""

import hashlib
import io
import json
import os
import platform
import re
import subprocess
import sys
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
REQUIREMENTS = REPOSITORY / "requirements"
VENV = REPOSITORY / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
STAMP = VENV / ".installed.json"
# Each holds all of the ones before it.
FILES = ("base.txt", "dev.txt", "e2e.txt", "bench.txt")


def main() -> None:
    wanted = sys.argv[1] if len(sys.argv) > 1 else "dev.txt"
    if sys.version_info < (3, 11):  # noqa: UP036 - it may be started with any Python
        sys.exit(
            f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}: make PYTHON=python3.11 setup"
        )
    if wanted not in FILES:
        sys.exit(f"{wanted} is not one of {', '.join(FILES)}.")
    installed = _installed()
    if installed.get("file") in FILES[FILES.index(wanted) :]:
        wanted = installed["file"]
    if installed == _stamp(wanted) and PYTHON.exists():
        return
    _make_venv()
    _install_uv()
    STAMP.unlink(missing_ok=True)
    print(f"Installing requirements/{wanted}", flush=True)
    command = [UV, "pip", "sync", "--quiet", "--require-hashes", "--python", PYTHON, REQUIREMENTS / wanted]
    if subprocess.run(command, check=False).returncode:
        sys.exit("The packages could not be installed: see above. Run it again when the cause is gone.")
    STAMP.write_text(json.dumps(_stamp(wanted)))


def _installed() -> dict:
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}


def _stamp(wanted: str) -> dict:
    content = (REQUIREMENTS / wanted).read_bytes() + (REQUIREMENTS / "uv.txt").read_bytes()
    return {"file": wanted, "sha256": hashlib.sha256(content).hexdigest(), "folder": str(VENV)}


def _make_venv() -> None:
    # A moved checkout or an upgraded system leaves a .venv that does not run.
    works = PYTHON.exists() and _succeeds(PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))")
    if works and _installed().get("folder", str(VENV)) == str(VENV):
        return
    print(f"Making {VENV}", flush=True)
    # Without pip: Debian splits what venv needs to bring it into a package that may be missing.
    if not _succeeds(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV):
        sys.exit(
            f"{sys.executable} cannot make a virtual environment. On Debian: apt-get install python3-venv "
            "(as root), or name another Python: make PYTHON=/path/to/python3 setup"
        )


def _install_uv() -> None:
    pinned = (REQUIREMENTS / "uv.txt").read_text()
    version = re.search(r"^uv==(\S+)", pinned, re.MULTILINE).group(1)
    if UV.exists() and _output(UV, "--version").split()[1:2] == [version]:
        return
    print(f"Installing uv {version}", flush=True)
    install = ["install", "--quiet", "--require-hashes", "--no-deps", "-r", REQUIREMENTS / "uv.txt"]
    if _succeeds(sys.executable, "-m", "pip", "--python", PYTHON, *install):
        return
    if _succeeds(PYTHON, "-m", "ensurepip") and _succeeds(PYTHON, "-m", "pip", *install):
        return
    # A bare Debian has neither. A wheel is a zip file, and uv is one program in it.
    with zipfile.ZipFile(io.BytesIO(_download(version, pinned))) as wheel:
        UV.write_bytes(wheel.read(f"uv-{version}.data/scripts/uv"))
    UV.chmod(0o755)


def _download(version: str, pinned: str) -> bytes:
    """The wheel of uv for this machine out of the package index, checked against the pinned hashes."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/uv/"
    machine = platform.machine()
    try:
        with urllib.request.urlopen(index, timeout=60) as page:  # noqa: S310
            links = re.findall(r'href="([^"#]+\.whl)[^"]*"', page.read().decode())
        name = f"uv-{version}-py3-none-manylinux_2_17_{machine}."
        link = next(link for link in links if name in link)
        with urllib.request.urlopen(urllib.parse.urljoin(index, link), timeout=300) as file:  # noqa: S310
            wheel = file.read()
    except (OSError, StopIteration) as error:
        sys.exit(
            f"uv {version} for {machine} could not be fetched from {index} ({error}). "
            "On Debian, apt-get install python3-pip (as root) lets pip do it with its own settings."
        )
    if hashlib.sha256(wheel).hexdigest() not in pinned:
        sys.exit(
            f"What {index} has as uv {version} is not what requirements/uv.txt pins: nothing was installed."
        )
    return wheel


def _succeeds(*command: str | Path) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


if __name__ == "__main__":
    main()
