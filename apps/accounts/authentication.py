"""Who is asking. One statement finds the caller, the account, what it may see, and counts the request.

core reads only what stands here on the request: `tenant` and `rate`.
"""

import hashlib
import hmac
from functools import lru_cache

from rest_framework import authentication, exceptions
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken
from rest_framework_simplejwt.utils import aware_utcnow

from apps.accounts.models import SiteAccess, User
from apps.core.ratelimit import COUNTER, Rate, scope_of, take
from apps.core.sql import first_row
from apps.core.tenancy import Tenant

# In the model's order, which Model.from_db needs; the password hash stays in the database.
USER_FIELDS = tuple(f.attname for f in User._meta.concrete_fields if f.attname != "password")

BEARER = f"""
WITH rate AS ({COUNTER})
SELECT {", ".join(f"u.{f}" for f in USER_FIELDS)}, a.status, a.disabled_modules,
  CASE WHEN NOT u.all_sites AND u.role IN ('editor', 'viewer')
       THEN (SELECT coalesce(array_agg(x.site_id), '{{}}') FROM accounts_siteaccess x WHERE x.user_id = u.id) END,
  rate.hits, rate."window", rate.now
FROM rate
LEFT JOIN (
  accounts_user u
  LEFT JOIN accounts_account a ON a.id = u.account_id
  JOIN accounts_loginsession s ON s.user_id = u.id AND s.id = %(session_id)s AND s.ended_at IS NULL
) ON u.id = %(user_id)s AND u.token_generation = %(generation)s 
  AND u.account_id IS NOT DISTINCT FROM %(account_id)s
"""  # noqa: S608  the names of our own columns

KEY = """
WITH used AS (
  UPDATE accounts_apikey SET last_used_at = now()
  WHERE prefix = %(prefix)s AND revoked_at IS NULL AND key_hash = %(key_hash)s
    AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
)
SELECT k.id, k.key_hash, k.account_id, k.site_id, a.status, a.disabled_modules
FROM (SELECT 1) AS one
LEFT JOIN (accounts_apikey k JOIN accounts_account a ON a.id = k.account_id)
  ON k.prefix = %(prefix)s AND k.revoked_at IS NULL
"""


class InvalidToken(exceptions.AuthenticationFailed):
    default_detail = "The token is not valid or has expired. Refresh it, or log in again."
    app_code = "INVALID_TOKEN"


class KeyUser:
    """Stands in `request.user` where an ApiKey speaks: authenticated, nobody in particular."""

    is_authenticated = True
    is_anonymous = False
    is_staff = False
    is_active = True
    pk = id = None


@lru_cache(maxsize=2048)
def _verified(raw: bytes) -> AccessToken:
    """The token, its signature checked. A client sends the same one for minutes; only its end changes meanwhile."""
    return AccessToken(raw)


def _credentials(request) -> list[bytes]:
    """The words of the header. DRF's own way to it makes a dictionary of all headers first."""
    return request._request.META.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace").split()


def _scope(request) -> str:
    return scope_of(request.parser_context.get("view"))


def _counted(claims: dict) -> str:
    """Whose requests these are: the account's, or those of a member of staff without one."""
    account_id = claims["account_id"]
    return f"user:{claims['user_id']}" if account_id is None else f"account:{account_id}"


class BearerAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer <access token>`."""

    def authenticate(self, request):
        header = _credentials(request)
        if not header or header[0].lower() != b"bearer":
            return None
        if len(header) != 2:
            raise InvalidToken
        try:
            token = _verified(header[1])
            token.check_exp(current_time=aware_utcnow())
            claims = {k: token[k] for k in ("user_id", "session_id", "account_id", "generation")}
        except (TokenError, KeyError):
            raise InvalidToken from None
        scope = _scope(request)
        row = first_row(BEARER, {**claims, "rate_key": f"{scope}:{_counted(claims)}"})
        request._request.rate = Rate.of(scope, *row[-3:])
        if row[0] is None:
            raise InvalidToken
        user = User.from_db("default", USER_FIELDS, row[: len(USER_FIELDS)])
        if user.account_id is None:  # staff
            return user, token
        status, off, sites = row[len(USER_FIELDS) : len(USER_FIELDS) + 3]
        request._request.tenant = Tenant(
            account_id=user.account_id,
            account_status=status,
            role=user.role,
            site_ids=None if sites is None else frozenset(sites),
            user_id=user.pk,
            user_active=user.is_active,
            disabled_modules=frozenset(off),
        )
        return user, token

    def authenticate_header(self, request) -> str:
        return 'Bearer realm="api"'


class ApiKeyAuthentication(authentication.BaseAuthentication):
    """`Authorization: ApiKey <key>`: one site's own credential."""

    def authenticate(self, request):
        header = _credentials(request)
        if not header or header[0].lower() != b"apikey":
            return None
        key = header[1].decode("ascii", "replace") if len(header) == 2 else ""
        prefix, dot, _ = key.partition(".")
        if not dot or len(prefix) > 16 or "\x00" in key:
            raise InvalidToken("This ApiKey is not valid. Make a new one at auth/sites/{id}/api-keys/.")
        digest = hashlib.sha256(key.encode()).hexdigest()
        row = first_row(KEY, {"prefix": prefix, "key_hash": digest})
        key_id, key_hash, account_id, site_id, status, off = row
        if key_id is None or not hmac.compare_digest(key_hash, digest):
            raise InvalidToken(
                "This ApiKey is not valid or was revoked. Make a new one at auth/sites/{id}/api-keys/."
            )
        # Counted once it is known: a stranger's guesses count by address, and write no rows of their choosing.
        request._request.rate = take(_scope(request), f"key:{key_id}")
        request._request.tenant = Tenant(
            account_id=account_id,
            account_status=status,
            role="viewer",
            site_ids=frozenset({site_id}),
            key_id=key_id,
            disabled_modules=frozenset(off),
        )
        return KeyUser(), prefix

    def authenticate_header(self, request) -> str:
        return "ApiKey"


def tenant_of_user(user: User) -> Tenant | None:
    """The tenant of a user whose row is at hand, as for a browser session."""
    if user.account_id is None:
        return None
    limited = not user.all_sites and user.role in (User.Role.EDITOR, User.Role.VIEWER)
    sites = (
        frozenset(SiteAccess.objects.filter(user=user).values_list("site_id", flat=True)) if limited else None
    )
    return Tenant(
        account_id=user.account_id,
        account_status=user.account.status,
        role=user.role,
        site_ids=sites,
        user_id=user.pk,
        user_active=user.is_active,
        disabled_modules=frozenset(user.account.disabled_modules),
    )


class SessionAuthentication(authentication.SessionAuthentication):
    """The browser session that log-in opens; CSRF is enforced."""

    def authenticate(self, request):
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        scope = _scope(request)
        request._request.rate = take(scope, _counted({"user_id": user.pk, "account_id": user.account_id}))
        request._request.tenant = tenant_of_user(user)
        return found
