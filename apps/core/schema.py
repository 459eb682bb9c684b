"""The OpenAPI document: tags, the envelope around answers, the error answers, and an example on every route."""

from typing import Any

from django.core.exceptions import FieldDoesNotExist
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

# Values for examples, by the name of the field; the rest goes by type.
EXAMPLES: dict[str, Any] = {
    "keyword": "cold brew ratio",
    "primary_keyword": "cold brew ratio",
    "email": "ada@example.com",
    "password": "a long sentence is fine",
    "old_password": "a long sentence is fine",
    "new_password": "another long sentence",
    "first_name": "Ada",
    "last_name": "Lovelace",
    "account_name": "Lovelace Media",
    "domain": "coffee.example.com",
    "slug": "cold-brew-ratio",
    "title": "Cold brew ratio: how much coffee for how much water",
    "name": "Cold brew",
    "country": "US",
    "language": "en",
    "industry_sector_name": "Coffee & Tea",
    "sector_name": "Coffee & Tea",
    "cluster_name": "Cold brew",
    "difficulty_score": 25,
    "volume": 2400,
    "difficulty": 25,
    "timezone": "Europe/London",
    "access": "eyJhbGciOiJIUzI1NiJ9.access",
    "refresh": "eyJhbGciOiJIUzI1NiJ9.refresh",
    "html": "<p>Start with one part of coffee to eight parts of water.</p>",
    "currency": "USD",
    "granularity": 0.5,
    "task_id": "5b1a7c4e-2f0c-4d57-9a3e-0d2f6f8f1c11",
    "page": 1,
    "page_size": 20,
    "percent": 40,
    "message": "120 of 300",
    "payment_method_id": "pm_1NqVfZ2eZvKYlo2C",
    "accent": "#8a4b2a",
    "paper": "#fffdf9",
    "ink": "#1d1b19",
    "error": "",
}
BY_FORMAT = {
    "date-time": "2026-01-15T09:00:00Z",
    "date": "2026-01-15",
    "time": "09:00:00",
    "email": "ada@example.com",
    "uri": "https://example.com/cold-brew-ratio/",
    "uuid": "5b1a7c4e-2f0c-4d57-9a3e-0d2f6f8f1c11",
    "decimal": "9.00",
    "double": 0.5,
    "binary": "(the file)",
}
# How deep an example goes: deeper than any answer does, for a serializer that holds itself.
DEEPEST = 20
BY_TYPE = {"integer": 1, "number": 1.5, "boolean": True, "string": "text", "object": {}, "null": None}


def also(*statuses: str, null: bool = False) -> dict:
    """`extensions=` of `extend_schema`: answers that the route does not show, and whether its data may be null."""
    return {"x-answers": statuses, "x-null": null}


class TenantSchema(AutoSchema):
    """Tags by the first part of the path, and fields as they are sent."""

    def get_tags(self) -> list[str]:
        parts = [p for p in self.path.split("/") if p]
        return [parts[2] if parts[:2] == ["api", "v1"] and len(parts) > 2 else parts[0]]

    def _map_serializer_field(self, field, direction, bypass_extensions=False):
        column = _column(field)
        if column is not None and field.read_only:  # of which DRF forgets that it may be empty
            field.allow_null = field.allow_null or column.null
            if isinstance(field, serializers.CharField | serializers.ChoiceField):
                field.allow_blank = column.blank
        schema = super()._map_serializer_field(field, direction, bypass_extensions)
        if isinstance(field, serializers.TimeField):  # JSON Schema's "time" has a zone
            return {**_text(schema), "description": "HH:MM or HH:MM:SS.", "example": "09:00:00"}
        return schema


def _column(field: serializers.Field):
    """The column of the model that a field shows, or None."""
    meta = getattr(field.parent, "Meta", None)
    try:
        return meta and meta.model._meta.get_field(field.source)
    except (AttributeError, FieldDoesNotExist):
        return None


def _text(schema: dict) -> dict:
    """The schema of a text without what it says of its form."""
    kept = {name: value for name, value in schema.items() if name in ("readOnly", "nullable", "description")}
    return {"type": "string", **kept}


def only_canonical_routes(endpoints: list) -> list:
    """The internal routes' second mount is an alias, left out."""
    return [e for e in endpoints if not e[0].startswith("/api/v1/internal/")]


def example(schema: dict, components: dict, name: str = "", depth: int = 0) -> Any:
    """An example that fits `schema`."""
    if "example" in schema:
        return schema["example"]
    if "$ref" in schema:
        return example(components[schema["$ref"].rsplit("/", 1)[1]], components, name, depth + 1)
    if depth > DEEPEST:
        return None
    for combination in ("allOf", "oneOf", "anyOf"):
        if combination in schema:
            parts = [example(s, components, name, depth + 1) for s in schema[combination]]
            if combination == "allOf" and all(isinstance(p, dict) for p in parts):
                return {k: v for p in parts for k, v in p.items()}
            return parts[0]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = next((k for k in kind if k != "null"), "null") if isinstance(kind, list) else kind
    if kind == "object" and schema.get("properties"):
        return {k: example(s, components, k, depth + 1) for k, s in schema["properties"].items()}
    if kind == "array":
        one = example(schema.get("items", {}), components, name.rstrip("s"), depth + 1)
        more = range(1, schema.get("minItems", 1))
        return [one, *(one + n if isinstance(one, int) else one for n in more)]
    known = EXAMPLES.get(name)
    if known is not None and (kind is None or isinstance(known, str) == (kind == "string")):
        return known or BY_TYPE["string"] if schema.get("minLength") else known
    if schema.get("default") or ("default" in schema and not schema.get("minLength")):
        return schema["default"]
    if kind == "integer":
        return max(BY_TYPE[kind], schema.get("minimum", 0))
    return BY_FORMAT.get(schema.get("format"), BY_TYPE.get(kind))


ERROR = {
    "type": "object",
    "required": ["success", "error", "code"],
    "properties": {
        "success": {"type": "boolean", "example": False},
        "error": {"type": "string", "example": "volume: A whole number of 0 or more is needed."},
        "code": {"type": "string", "example": "VALIDATION_ERROR"},
        "details": {
            "type": "object",
            "additionalProperties": {},
            "example": {"volume": ["A whole number …"]},
        },
    },
}
ERRORS = {
    "400": ("The input does not fit; `details` names the fields.", "VALIDATION_ERROR"),
    "401": ("Not logged in, or the token is no longer good.", "NOT_AUTHENTICATED"),
    "403": ("The role, the key or the state of the account forbids it.", "PERMISSION_DENIED"),
    "402": ("There are not enough credits, or the plan allows no more.", "INSUFFICIENT_CREDITS"),
    "409": ("The state of it forbids this now.", "CONFLICT"),
    "404": ("It does not exist, or belongs to somebody else.", "NOT_FOUND"),
    "502": ("Somebody else's server, which this asks, does not do it.", "UPSTREAM_ERROR"),
    "503": ("Not all parts are well; `details` names them.", "SERVICE_UNAVAILABLE"),
    "429": ("Too many requests; see `Retry-After`.", "RATE_LIMITED"),
}


def _wrap(schema: dict | None) -> dict:
    return {
        "type": "object",
        "required": ["success", "data"],
        "properties": {
            "success": {"type": "boolean", "example": True},
            "data": schema if schema is not None else {"type": "object", "nullable": True, "example": None},
            "message": {"type": "string", "example": ""},
        },
    }


def envelope(result: dict, generator, request, public) -> dict:
    """Wraps every JSON answer of /api/v1/, adds the error answers, and gives each operation its example."""
    components = result.setdefault("components", {}).setdefault("schemas", {})
    components["Error"] = ERROR
    _as_sent(components)
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            responses = operation["responses"]
            null = operation.pop("x-null", False)
            if "204" in responses:
                responses.pop("204")
                responses["200"] = {
                    "description": "Deleted.",
                    "content": {"application/json": {"schema": None}},
                }
            for status, response in responses.items():
                media = response.get("content", {}).get("application/json")
                if media is None or not status.startswith("2"):
                    continue
                schema = media.get("schema")
                listed = bool(schema) and "Paginated" in str(schema.get("$ref", ""))
                if null and status == "200":
                    schema = {"allOf": [schema], "nullable": True}
                if path.startswith("/api/v1/") and not listed:
                    schema = media["schema"] = _wrap(schema)
                if "examples" not in media and "example" not in media:
                    media["example"] = example(schema or {}, components)
            for body in operation.get("requestBody", {}).get("content", {}).values():
                if "examples" not in body and "example" not in body:
                    body["example"] = example(body.get("schema", {}), components)
            if path.startswith("/api/v1/"):
                _errors(operation, path, method)
    return result


def _as_sent(node) -> None:
    """Alternatives may overlap: an empty text fits "a text of this form" and "an empty text", and is right. An address
    may hold letters of any script, which the format "uri" does not know."""
    for value in node.values() if isinstance(node, dict) else node:
        if isinstance(value, dict | list):
            _as_sent(value)
    if isinstance(node, dict) and "oneOf" in node:
        node["anyOf"] = node.pop("oneOf")
    if isinstance(node, dict) and node.get("format") == "uri":
        node.pop("format")
        node.setdefault("example", BY_FORMAT["uri"])


def _errors(operation: dict, path: str, method: str) -> None:
    wanted = {"429"} | ({"401", "403"} if operation.get("security") else set())
    asked = operation.get("parameters") or operation.get("requestBody")
    wanted |= {"400"} | ({"404"} if asked or "{" in path else set())
    wanted |= {"409"} if method != "get" else set()
    wanted |= {"402"} if method == "post" else set()
    wanted |= set(operation.pop("x-answers", ()))
    if "304" in wanted:
        wanted.remove("304")
        operation["responses"]["304"] = {"description": "The answer has still the `ETag` that was sent."}
    for status in sorted(wanted):
        description, code = ERRORS[status]
        operation["responses"].setdefault(
            status,
            {
                "description": description,
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/Error"},
                        "example": {"success": False, "error": description, "code": code},
                    }
                },
            },
        )
