"""Debian's packages: those that other programs are made of are installed, WordPress and RabbitMQ only unpacked.

Unpacked, they need neither a web server nor systemd nor a user of their own, and nothing of them starts by itself.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from config.embedded.state import EmbeddedError

INSTALLED = [
    *("php-cli", "php-mysql", "php-gd", "php-xml", "php-mbstring", "php-curl", "php-getid3"),
    *("mariadb-server-core", "mariadb-client-core", "libjs-cropper", "libjs-underscore", "ca-certificates"),
    *("erlang-base", "erlang-crypto", "erlang-eldap", "erlang-inets", "erlang-mnesia", "erlang-os-mon"),
    *("erlang-parsetools", "erlang-public-key", "erlang-runtime-tools", "erlang-ssl", "erlang-syntax-tools"),
    *("erlang-tools", "erlang-xmerl", "chromium"),
]
# An apt of somebody else is waited for.
APT = ("apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", "-o", "APT::Sandbox::User=")


def install(log: Path, names: Sequence[str] = INSTALLED) -> None:
    """Install what is missing; EmbeddedError says what to install when we may not or cannot."""
    missing = [name for name in names if not _is_installed(name)]
    if not missing:
        return
    by_hand = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if os.geteuid():
        raise EmbeddedError(f"Packages of Debian are missing. As root: {by_hand}")
    command = [*APT, "install", "-y", "--no-install-recommends", *missing]
    if not _apt(command, log) and not (_apt([*APT, "update"], log) and _apt(command, log)):
        raise EmbeddedError(f"Debian's packages could not be installed, see {log}. By hand: {by_hand}")


def unpack(names: list[str], into: Path, log: Path, prepare: Callable[[Path], None] = lambda _: None) -> None:
    """The files of some packages in a folder, whole or not at all."""
    if into.exists():
        return
    with tempfile.TemporaryDirectory(dir=into.parent) as folder:
        command = [*APT, "download", *names]
        if not _apt(command, log, folder) and not (
            _apt([*APT, "update"], log) and _apt(command, log, folder)
        ):
            raise EmbeddedError(
                f"apt-get download {' '.join(names)} failed, see {log}. Is Debian's archive to be reached, "
                "and was `apt-get update` run (as root)?"
            )
        root = Path(folder) / "root"
        for file in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", file, root], check=True)
        prepare(root)
        root.chmod(0o755)
        root.rename(into)


def make_links_real(folder: Path) -> None:
    """Replace links by what they lead to where the package would be installed, which must be installed itself."""
    for link in [path for path in folder.rglob("*") if path.is_symlink()]:
        aim = Path(os.readlink(link))
        if not aim.is_absolute():
            in_package = Path("/usr/share/wordpress") / link.relative_to(folder)
            aim = Path(os.path.normpath(in_package.parent / aim))
        link.unlink()
        if aim.is_file():
            shutil.copyfile(aim, link)


def _is_installed(name: str) -> bool:
    answer = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", name], capture_output=True, text=True, check=False
    )
    return answer.stdout == "installed"


def _apt(command: list[str], log: Path, folder: str = "/") -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with log.open("a") as file:
        return not subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            check=False,
        ).returncode
