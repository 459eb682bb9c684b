"""Statements of the hot paths, past Django's cursor."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ConnStatus, ExecStatus, Format

_NO_SUCH_STATEMENT = "26000"
MOST_PREPARED = 200
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%%")


class _PreparedCursor(psycopg.Cursor):
    """Django's own binds on the client, so that every call would parse and plan the statement again."""

    def execute(self, query, params=None):
        return super().execute(query, params, prepare=True, binary=True)


def prepared_row(statement: str, params: Mapping[str, Any]) -> tuple | None:
    """The first row of a statement of a hot path, prepared once a connection. Placeholders are `%(name)s`.

    Outside of a transaction it goes to libpq in one call, which costs a tenth of a cursor; a signal is heard after it.
    """
    connection = connections[DEFAULT_DB_ALIAS]  # the proxy `connection` looks this up with each attribute
    raw = connection.connection
    if raw.autocommit and not connection.execute_wrappers and not connection.queries_logged:
        with connection.wrap_database_errors, raw.lock:
            return _direct_row(raw, statement, params)
    raw.prepare_threshold = 0  # Django turns prepared statements off
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with make(_PreparedCursor(raw)) as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()


def first_row(statement: str, params: Mapping[str, Any]) -> tuple | None:
    """`prepared_row` of the first statement of a request: itself the health check of the connection.

    One that the server has closed meanwhile, as by a restart, is opened again. A statement that was run but not
    answered is then run twice.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    connection.health_check_done = True
    raw = connection.connection
    try:
        return prepared_row(statement, params)
    except OperationalError:
        if connection.in_atomic_block or not raw.closed:
            raise
        connection.close()
        connection.ensure_connection()
        return prepared_row(statement, params)


class _Direct:
    """What a connection knows of the statements that it ran directly."""

    def __init__(self, raw: psycopg.Connection):
        self.transformer = Transformer(raw)
        self.prepared: dict[bytes, None] = {}  # in the order they came


_direct: WeakKeyDictionary[psycopg.Connection, _Direct] = WeakKeyDictionary()


def _direct_row(raw: psycopg.Connection, statement: str, params: Mapping[str, Any]) -> tuple | None:
    name, query, names = _numbered(statement)
    direct = _direct.get(raw) or _direct.setdefault(raw, _Direct(raw))
    # As text, and of the type that the statement gives it: an int of Python's has as many types as sizes.
    values = direct.transformer.dump_sequence([params[n] for n in names], [PyFormat.TEXT] * len(names))
    try:
        if name not in direct.prepared:
            if len(direct.prepared) >= MOST_PREPARED:  # statements that are put together have many forms
                oldest = next(iter(direct.prepared))
                del direct.prepared[oldest]
                raw.pgconn.exec_(b"DEALLOCATE " + oldest)
            _checked(raw, raw.pgconn.prepare(name, query))
            direct.prepared[name] = None
        result = _checked(raw, raw.pgconn.exec_prepared(name, values, result_format=Format.BINARY))
    except psycopg.Error as error:
        if error.sqlstate != _NO_SUCH_STATEMENT:
            raise
        # A DEALLOCATE ALL, as psycopg sends it after some roll-backs. Nothing was run.
        _checked(raw, raw.pgconn.prepare(name, query))
        result = _checked(raw, raw.pgconn.exec_prepared(name, values, result_format=Format.BINARY))
    if not result.ntuples:
        return None
    direct.transformer.set_pgresult(result)
    return direct.transformer.load_row(0, tuple)


def _checked(raw: psycopg.Connection, result):
    """The result, or the error that it is."""
    if result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        return result
    if raw.pgconn.status == ConnStatus.BAD:
        raise psycopg.OperationalError(raw.pgconn.get_error_message())
    raise psycopg.errors.error_from_result(result, encoding="utf-8")


@lru_cache(maxsize=1024)
def _numbered(statement: str) -> tuple[bytes, bytes, tuple[str, ...]]:
    """A name for the statement, the statement with $1, $2 …, and what stands for them."""
    names = tuple(dict.fromkeys(n for n in _PLACEHOLDER.findall(statement) if n))
    query = _PLACEHOLDER.sub(lambda m: f"${names.index(m[1]) + 1}" if m[1] else "%", statement)
    return f"direct_{abs(hash(statement)):x}".encode(), query.encode(), names
