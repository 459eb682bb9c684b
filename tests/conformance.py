"""Holds the answers of the API against its OpenAPI document, in every test: status and body fit.

`tests/conftest.py` puts it behind the test client; it raises what does not fit as an AssertionError of that test.
"""

import re
from functools import cached_property, lru_cache

import jsonschema_rs
from drf_spectacular.generators import SchemaGenerator

# Refused before a route is reached, or for what no client of the document would send.
OF_THE_PROTOCOL = {405, 406, 411, 413, 415, 500}


class Document:
    """The OpenAPI document, made once a process."""

    @cached_property
    def _document(self) -> dict:
        return _without_nullable(SchemaGenerator().get_schema(request=None, public=True))

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern, str]]:
        """Fixed paths before those with parameters, as the router tries them."""
        paths = sorted(self._document["paths"], key=lambda path: (path.count("{"), -len(path)))
        return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path) for path in paths]

    @lru_cache(maxsize=4096)  # noqa: B019
    def template(self, path: str) -> str | None:
        """The document's name of a path: /api/v1/writer/tasks/{id}/. None for what it does not list."""
        path = path.replace("/api/v1/internal/", "/internal/", 1)
        return next((name for pattern, name in self._templates if pattern.fullmatch(path)), None)

    def operation(self, template: str, method: str) -> dict | None:
        return self._document["paths"][template].get(method.lower())

    @lru_cache(maxsize=4096)  # noqa: B019
    def validator(self, template: str, method: str, status: int) -> jsonschema_rs.Draft4Validator:
        answers = self.operation(template, method)["responses"]
        media = answers[str(status)]["content"]["application/json"]
        return jsonschema_rs.Draft4Validator(
            {**(media.get("schema") or {}), "components": self._document["components"]}, validate_formats=True
        )


def _without_nullable(node):
    """OpenAPI 3.0's own word for null in JSON Schema's."""
    if isinstance(node, list):
        return [_without_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {name: _without_nullable(value) for name, value in node.items()}
    return {"anyOf": [node, {"type": "null"}]} if node.pop("nullable", False) is True else node


document = Document()


def check(request, response) -> None:
    """Raises AssertionError where the answer is not what the document says."""
    template = document.template(request.path)
    operation = template and document.operation(template, request.method)
    if not operation or response.status_code in OF_THE_PROTOCOL or "format" in request.GET:
        return
    told = f"{request.method} {template} {response.status_code}"
    answer = operation["responses"].get(str(response.status_code))
    assert answer is not None, f"{told} is not in the OpenAPI document"
    kind = response.headers.get("Content-Type", "").partition(";")[0]
    kinds = answer.get("content", {})
    if not kind or not kinds:
        return
    assert kind in kinds, f"{told}: {kind} is not in the OpenAPI document, which tells {sorted(kinds)}"
    if kind == "application/json":
        errors = document.validator(template, request.method, response.status_code).iter_errors(
            response.json()
        )
        error = next(errors, None)
        assert error is None, f"{told}: {'.'.join(map(str, error.instance_path))}: {error.message}"
