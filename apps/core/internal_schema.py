"""How /internal/ stands in the OpenAPI document: its token and its error answers."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension

DETAIL = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"type": "string", "example": "The X-Internal-Token is wrong."}},
}
PROBLEM = {
    "type": "object",
    "required": ["loc", "msg", "type"],
    "properties": {
        "loc": {"type": "array", "items": {}, "example": ["body", "source_ids", 0]},
        "msg": {"type": "string", "example": "A valid integer is required."},
        "type": {"type": "string", "example": "invalid"},
    },
}
PROBLEMS = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"type": "array", "items": {"$ref": "#/components/schemas/InternalProblem"}}},
}
ERRORS = {
    "401": ("No token was sent.", "Send the internal token as the header X-Internal-Token."),
    "403": (
        "The token is wrong, none is set, or the address is not allowed.",
        "The X-Internal-Token is wrong.",
    ),
    "400": ("It cannot be read.", "The body is no JSON."),
    "409": ("The state of it forbids this now.", "There is an invite with this name."),
    "429": ("Too many tries; see `Retry-After`.", "Too many requests. Try again in 20 seconds."),
    "404": ("It does not exist.", "There is no source 7."),
}


class InternalTokenScheme(OpenApiAuthenticationExtension):
    target_class = "apps.core.internal.InternalTokenAuthentication"
    name = "InternalToken"

    def get_security_definition(self, auto_schema):
        return {"type": "apiKey", "in": "header", "name": "X-Internal-Token"}


def internal_errors(result: dict, generator, request, public) -> dict:
    """Adds the error answers of the internal routes."""
    components = result.setdefault("components", {}).setdefault("schemas", {})
    components.update(InternalDetail=DETAIL, InternalProblem=PROBLEM, InternalProblems=PROBLEMS)
    for path, operations in result["paths"].items():
        if not path.startswith("/internal/"):
            continue
        for method, operation in operations.items():
            wanted = {"401", "403"} if operation.get("security") else {"403"}
            asked = operation.get("parameters") or operation.get("requestBody")
            wanted |= {"400"} | ({"404"} if asked else set()) | set(operation.pop("x-answers", ()))
            for status in sorted(wanted):
                description, sentence = ERRORS[status]
                operation["responses"].setdefault(
                    status, _answer(description, "InternalDetail", {"detail": sentence})
                )
            if method != "get" or operation.get("parameters"):
                problem = {
                    "loc": ["body", "source_ids"],
                    "msg": "This field is required.",
                    "type": "required",
                }
                operation["responses"].setdefault(
                    "422",
                    _answer("The input does not fit.", "InternalProblems", {"detail": [problem]}),
                )
    return result


def _answer(description: str, component: str, example: dict) -> dict:
    return {
        "description": description,
        "content": {
            "application/json": {"schema": {"$ref": f"#/components/schemas/{component}"}, "example": example}
        },
    }
