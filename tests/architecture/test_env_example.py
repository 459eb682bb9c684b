"""`.env.example` documents every variable that is read, and no other."""

import ast
import math
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READ_IN_PYTHON = re.compile(
    r"(?:\benv(?:\.\w+)?\(|\bsecret\(|\bos\.environ(?:\.\w+)?[(\[]|\bos\.getenv\()\s*[\"']([A-Z][A-Z0-9_]*)[\"']"
)
READ_BY_COMPOSE = re.compile(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)")
VARIABLE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)
# Set by our own programs for those that they start, never by a user.
OUR_OWN = {"DJANGO_SETTINGS_MODULE", "IGNY8_PROGRAM"}


def variables_read() -> set[str]:
    found = set()
    for folder in ("config", "apps"):
        for source in (ROOT / folder).rglob("*.py"):
            found.update(READ_IN_PYTHON.findall(source.read_text()))
    for name in ("docker-compose.yml", "Procfile"):
        found.update(READ_BY_COMPOSE.findall((ROOT / name).read_text()))
    return found - OUR_OWN


def test_the_walk_sees_each_way_of_reading():
    text = 'env.int("ONE", 1) env("TWO") secret("THREE", "x") os.environ.get("FOUR") os.environ["FIVE"]'
    assert READ_IN_PYTHON.findall(text) == ["ONE", "TWO", "THREE", "FOUR", "FIVE"]
    assert READ_BY_COMPOSE.findall("${SIX:-2} ${SEVEN:?Set it} $${EIGHT} $$NINE") == ["SIX", "SEVEN"]


def test_every_variable_is_documented_once_and_no_other():
    documented = [name for name, _ in VARIABLE.findall((ROOT / ".env.example").read_text())]
    assert len(documented) == len(set(documented))
    read = variables_read()
    assert {"DATABASE_URL", "SECRET_KEY", "HOST", "IGNY8_DATA_DIR", "POSTGRES_PASSWORD"} <= read
    missing, stale = read - set(documented), set(documented) - read
    assert not missing, f"not in .env.example: {sorted(missing)}"
    assert not stale, f"in .env.example but read nowhere: {sorted(stale)}"


def test_every_variable_stands_below_a_line_that_says_what_it_is():
    explained = False
    for line in (ROOT / ".env.example").read_text().splitlines():
        if VARIABLE.match(line):
            assert explained, line
        else:
            explained = line.startswith("# ") and not line.startswith("# ---")


def test_defaults_of_settings_are_those_documented():
    """A number or truth value that settings.py names as default is the one in .env.example."""
    documented = dict(VARIABLE.findall((ROOT / ".env.example").read_text()))
    source = (ROOT / "config" / "settings.py").read_text()
    named = re.findall(r'env\.(int|float|bool)\("([A-Z0-9_]+)", ([\w. *]+)\)', source)
    assert len(named) > 15
    for kind, name, default in named:
        value = math.prod(ast.literal_eval(factor.strip()) for factor in default.split("*"))
        shown = documented[name].lower()
        assert (shown == "true") == value if kind == "bool" else float(shown) == value, name
