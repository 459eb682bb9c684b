"""Statements of the hot paths, past Django's cursor."""

import psycopg
from django.db import connection


class _PreparedCursor(psycopg.Cursor):
    """Django's own binds on the client, so that every call would parse and plan the statement again."""

    def execute(self, query, params=None):
        return super().execute(query, params, prepare=True, binary=True)


def prepared_row(statement: str, params: dict) -> tuple | None:
    """The first row of a statement of a hot path, prepared once a connection."""
    raw = connection.connection
    raw.prepare_threshold = 0  # Django turns prepared statements off
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    with make(_PreparedCursor(raw)) as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()
