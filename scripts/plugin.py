"""Packs the WordPress plugin: the same files give the same bytes, whenever and wherever it is done.

python -m scripts.plugin [FOLDER]: writes igny8-bridge-<version>.zip there, else into `dist`, and prints its path.
"""

import re
import sys
import zipfile
from pathlib import Path

PLUGIN = Path(__file__).resolve().parents[1] / "integrations" / "wordpress" / "igny8-bridge"


def version() -> str:
    """As the plugin's header says; ValueError where its parts do not agree on it."""
    main = (PLUGIN / "igny8-bridge.php").read_text()
    said = {
        *re.findall(r"^ \* Version: (\S+)", main, re.MULTILINE),
        *re.findall(r"^const VERSION\s*= '(\S+)'", main, re.MULTILINE),
        *re.findall(r"^Stable tag: (\S+)", (PLUGIN / "readme.txt").read_text(), re.MULTILINE),
    }
    if len(said) != 1:
        raise ValueError(f"The plugin names several versions: {', '.join(sorted(said))}. Make them one.")
    return said.pop()


def pack(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / f"igny8-bridge-{version()}.zip"
    with zipfile.ZipFile(made, "w") as archive:
        for file in sorted(PLUGIN.rglob("*")):
            if file.is_file():
                entry = zipfile.ZipInfo(str(file.relative_to(PLUGIN.parent)))  # of 1980, as there is no time
                entry.external_attr = 0o644 << 16  # stored: two releases of zlib do not pack alike
                archive.writestr(entry, file.read_bytes())
    return made


if __name__ == "__main__":
    print(pack(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
