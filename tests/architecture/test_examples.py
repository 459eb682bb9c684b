"""The examples of the OpenAPI document fit it: what /api/docs/ offers to send is taken, what it shows can come."""

import jsonschema_rs

from tests.conformance import document

METHODS = {"get", "post", "put", "patch", "delete"}


def _examples(operation: dict):
    """(where, schema, example) of a request and its answers."""
    bodies = [("body", operation.get("requestBody", {}))]
    for where, part in [*bodies, *operation["responses"].items()]:
        for media in part.get("content", {}).values():
            shown = [one["value"] for one in media.get("examples", {}).values()]
            shown += [media["example"]] if "example" in media else []
            for example in shown:
                yield where, media.get("schema") or {}, example


def test_every_example_fits_its_schema():
    whole = document._document
    told = {
        f"{method.upper()} {path} {where} {number}": (schema, example)
        for path, operations in whole["paths"].items()
        for method in METHODS & operations.keys()
        for number, (where, schema, example) in enumerate(_examples(operations[method]))
    }
    # As one schema: a validator of its own for each would read all components each time.
    one = {
        "properties": {name: schema for name, (schema, _) in told.items()},
        "components": whole["components"],
    }
    errors = jsonschema_rs.Draft4Validator(one).iter_errors(
        {name: example for name, (_, example) in told.items()}
    )
    wrong = [f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in errors]
    assert len(told) > 500 and not wrong, "\n".join(wrong)
