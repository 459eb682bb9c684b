"""WordPress of our own: PHP's web server with workers, MariaDB on a unix socket, a user of each role that we need."""

import json
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from config.embedded.state import HOST, EmbeddedError, tail, write_private
from scripts.plugin import pack

from . import packages
from .daemon import Daemon
from .state import Secrets, folder, with_free_ports

PHP = Path(__file__).parent / "php"
WORKERS = 4
SALTS = ("AUTH_KEY", "SECURE_AUTH_KEY", "LOGGED_IN_KEY", "NONCE_KEY")
SALTS += ("AUTH_SALT", "SECURE_AUTH_SALT", "LOGGED_IN_SALT", "NONCE_SALT")


def _site() -> Path:
    return folder() / "wordpress" / "site"


def _database() -> Daemon:
    return Daemon("mariadb", folder() / "mariadb")


def _web() -> Daemon:
    return Daemon("php", folder() / "wordpress")


def _socket() -> Path:
    return folder() / "mariadb" / "socket"


def files() -> Path:
    """WordPress as it comes, which no site runs in. The caller holds the lock."""
    program = folder() / "wordpress.program"
    names = ["wordpress", "wordpress-theme-twentytwentythree"]
    packages.unpack(names, program, folder() / "apt.log", _prepare)
    return program / "usr/share/wordpress"


def start(kept: Secrets) -> Secrets:
    """Begin to start it; `wait` for the rest."""
    program = files()
    if not _site().exists():
        _web().folder.mkdir(exist_ok=True)
        new = _site().with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(program, new)
        new.rename(_site())
    install_plugins()
    _start_database()
    if not _web().pid():
        kept = with_free_ports(kept, "wordpress_port")
        _configure(kept)
    return kept


def wait(kept: Secrets) -> dict:
    """Until it answers. Returns its address, users, application passwords and folder."""
    _database().wait(_socket().is_socket)
    file = _web().folder / "users.json"
    if not file.exists():
        write_private(file, _install(kept))
    limits = {"upload_max_filesize": "32M", "post_max_size": "40M", "memory_limit": "256M"}
    options = {**limits, "opcache.enable": 1, "opcache.enable_cli": 1, "display_errors": 0, "log_errors": 1}
    set_ = [f"-d{name}={value}" for name, value in options.items()]
    _web().start(
        ["php", *set_, "-S", f"{HOST}:{kept.wordpress_port}", "-t", _site(), PHP / "router.php"],
        PHP_CLI_SERVER_WORKERS=str(WORKERS),
    )
    _web().wait(lambda: _answers(kept))
    return {"url": url(kept), "users": json.loads(file.read_text()), "folder": str(_site())}


def stop() -> None:
    _web().stop()
    _database().stop()


def url(kept: Secrets) -> str:
    return f"http://{HOST}:{kept.wordpress_port}"


def _prepare(root: Path) -> None:
    """Make one folder of it that runs by itself."""
    site = root / "usr/share/wordpress"
    shutil.copytree(
        root / "var/lib/wordpress/wp-content",
        site / "wp-content",
        dirs_exist_ok=True,
        # Links to what is in the site already.
        ignore=lambda at, names: [name for name in names if (Path(at) / name).is_symlink()],
    )
    (site / "wp-config.php").unlink(missing_ok=True)
    packages.make_links_real(site)
    for name in ("uploads", "themes", "plugins", "mu-plugins"):
        (site / "wp-content" / name).mkdir(exist_ok=True)


def _start_database() -> None:
    server = _database()
    if server.pid():
        return
    if len(str(_socket())) > 100:
        raise EmbeddedError(
            f"{_socket()} is too long a name for a socket: set IGNY8_DATA_DIR to a shorter path."
        )
    user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    common = ["--no-defaults", f"--user={user}", f"--datadir={server.folder / 'data'}"]
    if not (server.folder / "data" / "mysql").exists():
        shutil.rmtree(server.folder, ignore_errors=True)
        server.folder.mkdir()
        made = server.folder / "install.log"
        with made.open("w") as log:
            command = [
                "mariadb-install-db",
                *common,
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ]
            if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
                raise EmbeddedError(f"MariaDB's data could not be made:\n{tail(made, 15)}")
    _socket().unlink(missing_ok=True)
    small = [
        "--innodb-buffer-pool-size=64M",
        "--innodb-flush-log-at-trx-commit=2",
        "--performance-schema=OFF",
    ]
    alone = [f"--socket={_socket()}", "--skip-networking", "--skip-name-resolve"]
    server.start(["mariadbd", *common, *alone, *small])


def _configure(kept: Secrets) -> None:
    constants = {
        "DB_NAME": "wordpress",
        "DB_USER": "root",
        "DB_PASSWORD": "",
        "DB_HOST": f"localhost:{_socket()}",
        "DB_CHARSET": "utf8mb4",
        "DB_COLLATE": "",
        "WP_HOME": url(kept),
        "WP_SITEURL": url(kept),
        "WP_ENVIRONMENT_TYPE": "local",  # application passwords over plain http
        "WP_HTTP_BLOCK_EXTERNAL": True,
        "AUTOMATIC_UPDATER_DISABLED": True,
        "DISABLE_WP_CRON": True,  # scheduled posts go out when wp-cron.php is asked for
        "WP_DEBUG": False,
        "FS_METHOD": "direct",
        **{name: f"{name}{kept.wordpress_salt}" for name in SALTS},
    }
    # JSON's strings and booleans are PHP's, but for the dollar sign, which no value has.
    lines = [f"define({json.dumps(name)}, {json.dumps(value)});" for name, value in constants.items()]
    lines += ["$table_prefix = 'wp_';", "if (!defined('ABSPATH')) define('ABSPATH', __DIR__ . '/');"]
    write_private(
        _site() / "wp-config.php",
        "\n".join(["<?php", *lines, "require_once ABSPATH . 'wp-settings.php';", ""]),
    )


def install_plugins() -> None:
    """Ours as it is packed, and what the tests break the site with."""
    for name in ("loopback.php", "faults.php", "left.php", "aioseo.php"):
        shutil.copyfile(PHP / name, _site() / "wp-content/mu-plugins" / name)
    with tempfile.TemporaryDirectory() as packed:
        shutil.unpack_archive(pack(Path(packed)), _site() / "wp-content/plugins")


def _install(kept: Secrets) -> str:
    """Makes the tables, the users and their application passwords, and returns these as JSON."""
    given = {"site": str(_site()), "socket": str(_socket()), "passwords": kept.passwords}
    return json.dumps(_php("install.php", given, "WordPress could not be installed"), indent=2)


def seed(count: int, *, left: int = 0) -> int:
    """Makes so many posts at once, instead of those that it made before but for the first ones that are `left`. Returns
    how many there are."""
    given = {"site": str(_site()), "count": count, "left": left}
    return _php("seed.php", given, "The posts could not be made")


def _php(script: str, given: dict, failed: str):
    """What a script of ours answers, as JSON, to what it is given."""
    done = subprocess.run(
        ["php", "-d", "display_errors=stderr", "-d", "memory_limit=512M", PHP / script],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise EmbeddedError(f"{failed}:\n{done.stdout}{done.stderr}") from None


def _answers(kept: Secrets) -> bool:
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url(kept)}/wp-json/", timeout=10) as answer:
            return "namespaces" in json.load(answer)
    except (OSError, ValueError, urllib.error.URLError):
        return False
