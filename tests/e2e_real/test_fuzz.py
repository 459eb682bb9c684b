"""Schemathesis asks every route of the OpenAPI document for what it says may be asked, and for what it does not.

No answer may be an error of the server, or one that the document does not tell. `make soak-api` asks more.
"""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.e2e_real.product import running

EXAMPLES = int(os.environ.get("EXAMPLES", "1"))
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# What ends the session that asks, or the account; the doors for others' events want a body that they signed.
LEFT_OUT = "logout|password|auth/users/{id}|webhook"
LIMITS = {f"RATE_LIMIT_{scope}": "1000000" for scope in ("AI", "CONTENT", "AUTH", "GENERAL")}


@pytest.mark.timeout(300 + 60 * EXAMPLES)
def test_no_route_breaks_or_says_what_the_document_does_not():
    token = "the-internal-token-of-the-fuzzer"
    with running({**LIMITS, "INTERNAL_API_TOKEN": token}) as product:
        owner = {
            "email": "ada@example.com",
            "password": "correct horse battery",
            "first_name": "Ada",
            "account_name": "Ada",
        }
        session = httpx.post(f"{product.url}/api/v1/auth/register/", json=owner, timeout=60, trust_env=False)
        access = session.json()["data"]["access"]
        headers = {"Authorization": f"Bearer {access}"}
        site = {"name": "Ada's maps", "domain": "ada.example.com"}
        httpx.post(
            f"{product.url}/api/v1/auth/sites/", json=site, headers=headers, timeout=60, trust_env=False
        )
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"),
                "run",
                f"{product.url}/api/schema/",
                f"--url={product.url}",
                f"--header=Authorization: Bearer {access}",
                f"--header=X-Internal-Token: {token}",
                f"--checks={CHECKS}",
                "--phases=fuzzing",
                "--mode=all",
                f"--max-examples={EXAMPLES}",
                f"--seed={os.environ.get('SEED', '1')}",
                "--generation-deterministic",
                f"--exclude-path-regex={LEFT_OUT}",
                "--workers=2",
                "--request-timeout=60",
                "--warnings=off",
                "--no-color",
            ],
            env={**os.environ, "NO_PROXY": "127.0.0.1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:] + product.told()
