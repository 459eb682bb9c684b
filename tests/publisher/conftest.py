from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from tests.factories.publisher import ApprovedContentFactory


@pytest.fixture
def content(alice):
    return ApprovedContentFactory(site=alice.site)


@pytest.fixture
def side_by_side():
    """Calls the functions at once, each in a thread with a connection of its own. Returns results or exceptions."""

    def run(*functions):
        def one(function):
            try:
                return function()
            except Exception as error:
                return error
            finally:
                connection.close()

        with ThreadPoolExecutor(len(functions)) as pool:
            return list(pool.map(one, functions))

    return run
