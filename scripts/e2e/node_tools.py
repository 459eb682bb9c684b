"""Programs of npm that the tests measure the product against. Installed by the lock file, run in the data folder."""

import json
import re
import shutil
import subprocess
from pathlib import Path

from config.embedded.state import EmbeddedError

from . import packages, wordpress
from .state import folder, locked

SOURCE = Path(__file__).with_name("node")
WAIT = 600
_SCRIPT = re.compile(r"'([\w-]+)\.min\.js' => array\('dependencies' => array\(([^)]*)\)")


def run(program: str, *arguments: str, given: object) -> object:
    """What a program of `node/` makes of `given`: JSON in, JSON out."""
    with locked():
        home = _installed()
    command = ["node", program, *arguments]
    ended = subprocess.run(
        command, cwd=home, input=json.dumps(given), capture_output=True, text=True, timeout=WAIT
    )
    if ended.returncode:
        raise EmbeddedError(f"{program} failed: {ended.stderr.strip()[-2000:]}")
    return json.loads(ended.stdout)


def blocks_judged(documents: list[str]) -> list[dict]:
    """Each document of block markup as WordPress sees it: {loose, names, invalid}."""
    with locked():
        site = wordpress.files()
    told = (site / "wp-includes/assets/script-loader-packages.min.php").read_text()
    scripts = {name: re.findall(r"'([^']+)'", others) for name, others in _SCRIPT.findall(told)}
    return run("blocks.mjs", str(site), json.dumps(scripts), given=documents)


def _installed() -> Path:
    """The folder of the programs with what they need, installed anew when the lock file has changed."""
    home = folder() / "node"
    home.mkdir(exist_ok=True)
    if not (shutil.which("node") and shutil.which("npm")):
        packages.install(folder() / "apt.log", ["nodejs", "npm"])
    for file in SOURCE.iterdir():
        if file.is_file():
            shutil.copy(file, home / file.name)
    lock, done = home / "package-lock.json", home / "installed.json"
    if not done.exists() or done.read_bytes() != lock.read_bytes():
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        ended = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=WAIT)
        if ended.returncode:
            raise EmbeddedError(f"npm ci failed: {ended.stderr.strip()[-800:]}")
        shutil.copy(lock, done)
    return home
