"""What a failed request to WordPress means: a cause, a sentence, and what to do about it.

WordPress itself, its plug-ins, the web server, a proxy or a firewall in front of it may have answered. The signs are
those that their users report.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from html import unescape

import httpx

from apps.core.http import OutboundError

CHALLENGE = re.compile(r"__cf_chl|cf-challenge|Attention Required|Just a moment|captcha", re.IGNORECASE)
CREDENTIALS = {"incorrect_password", "invalid_username", "invalid_email", "invalid_application_credentials"}
PASSWORDS_OFF = {"application_passwords_disabled", "application_passwords_disabled_for_user"}
PLUGIN = {
    "igny8_not_connected": "plugin_secret",
    "igny8_signature": "plugin_secret",
    "igny8_host": "plugin_host",
    "igny8_repeated": "plugin_repeated",
    "igny8_store": "server_error",
    "igny8_clock": "plugin_clock",
    "igny8_user": "plugin_user",
}
NOTICE = re.compile(
    r"(?:^|\n|<b>)(?:PHP )?(?:Warning|Notice|Deprecated|Parse error|Fatal error)(?:</b>)?: .{0,300}"
)
NOBODY = {"rest_not_logged_in"}
BLOCKED = {"rest_forbidden", "rest_login_required", "rest_disabled", "rest_api_authentication_required"}

ADVICE = {
    "address": "Check the address of the site.",
    "dns": "Check the spelling of the address, and that the domain is registered and has a DNS record.",
    "refused": "Check that the web server is running and that the address and its port are right.",
    "tls": "Renew the certificate of the site, or ask the host to install a valid one.",
    "timeout": "Look whether the site is slow or overloaded, and try again.",
    "unreachable": "Look whether the site is up, and try again.",
    "redirect": "Enter the address that the site redirects to: a redirected request is not followed, as it would lose "
    "what it carries.",
    "rest_missing": "Turn on permalinks in WordPress (Settings, Permalinks, anything but Plain), and check that no "
    "security plug-in switches the REST API off.",
    "not_wordpress": "Enter the address of the WordPress site itself, as it stands under Settings, General.",
    "html": "Another page answered in place of the REST API: look for a maintenance or login page, "
    "and for a plug-in that switches the REST API off.",
    "php_notice": "Turn WP_DEBUG_DISPLAY off in wp-config.php (display_errors in php.ini), and tell the author of the "
    "plug-in or theme that the message names.",
    "cut": "The answer was cut short. It is asked again.",
    "challenge": "Allow our server in the firewall (Cloudflare: a WAF rule that skips the challenge for /wp-json/).",
    "firewall": "Ask the host to allow requests to /wp-json/ in the firewall (ModSecurity, a security plug-in).",
    "rest_blocked": "Allow the REST API for logged-in users in the security plug-in of the site.",
    "server_password": "The web server asks for a password of its own, before WordPress (a staging site, .htpasswd): "
    "take it away for /wp-json/, or connect the public site.",
    # WordPress looks at an application password too late to say that it is wrong, unless a plug-in asked before.
    "not_logged_in": "WordPress saw no valid login. Most often the user or the application password is wrong: enter "
    "the login name (not the name of the application password), and make a new one under Users, Profile. When both are "
    "right, the server strips the Authorization header: add `SetEnvIf Authorization "
    '"(.*)" HTTP_AUTHORIZATION=$1` to .htaccess, or ask the host to pass it on.',
    "auth_stripped": "The server strips the Authorization header: add `SetEnvIf Authorization "
    '"(.*)" HTTP_AUTHORIZATION=$1` to .htaccess (Plesk and nginx: ask the host to pass it on to PHP), or connect by '
    "our plugin, which needs no such header.",
    "credentials": "Enter the user's login name (not the name of the application password) and a current application "
    "password, made in WordPress under Users, Profile.",
    "app_passwords_off": "Serve the site over https, and allow application passwords in the security plug-in; or "
    "connect by our plugin, which needs none.",
    "plugin_missing": "Install and activate Igny8 Bridge in WordPress, under Plugins, and connect it with the site's "
    "ApiKey.",
    "plugin_secret": "Connect again in WordPress, under Settings, Igny8: the site was connected anew since, or "
    "restored.",
    "plugin_old": "Update Igny8 Bridge in WordPress: under Plugins, Add New, upload the present version over it. Its "
    "settings stay.",
    "plugin_host": "Connect again in WordPress, under Settings, Igny8: the plugin tells us the address of its site.",
    "plugin_repeated": "Something in front of the site sends requests twice. It is asked again.",
    "plugin_clock": "Set the clock of the web server right (NTP): requests are signed with their time.",
    "plugin_user": "Choose another user in WordPress, under Settings, Igny8, and connect again.",
    "capability": "Give this WordPress user the role Editor or Administrator.",
    "type_missing": "Choose a post type or taxonomy that the site has, and that its REST API shows (show_in_rest).",
    "not_found": "It was deleted in WordPress.",
    "too_long": "It is asked for in smaller parts.",
    "too_large": "Raise the upload limit of the site (upload_max_filesize, post_max_size).",
    "upload": "Look for a full disk, the upload limit, and the image library of PHP (GD or Imagick).",
    "rate_limited": "It is tried again later.",
    "maintenance": "The site is in maintenance, or overloaded. It is tried again later.",
    "server_error": "Look into the error log of the site.",
    "rejected": "",
}
# Nothing was done, and it will go later.
_NOT_DONE = {"dns", "refused", "rate_limited"}
_TEMPORARY = {
    "cut",
    "timeout",
    "unreachable",
    "rate_limited",
    "maintenance",
    "server_error",
    "plugin_repeated",
}


class WordPressError(Exception):
    """`cause` is a key of ADVICE, `code` WordPress's own. `permanent`: asking again does not help. `maybe_done`:
    the site may have done it although no good answer came. `retry_after`: seconds that the site asked for."""

    def __init__(
        self,
        cause: str,
        sentence: str,
        *,
        permanent: bool | None = None,
        code: str = "",
        status: int | None = None,
        data: Mapping | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.cause = cause
        self.sentence = " ".join(filter(None, (sentence, ADVICE[cause])))
        self.permanent = cause not in _TEMPORARY if permanent is None else permanent
        self.code = code
        self.status = status
        self.data = data or {}
        self.retry_after = retry_after
        super().__init__(self.sentence)

    @property
    def is_gone(self) -> bool:
        """WordPress itself says that there is no such thing: not a firewall, not a broken rewrite."""
        return self.status == 410 or self.code in ("rest_post_invalid_id", "rest_already_trashed")

    @property
    def maybe_done(self) -> bool:
        return self.cause in ("html", "php_notice") or (not self.permanent and self.cause not in _NOT_DONE)


def error_of_transport(error: OutboundError, host: str) -> WordPressError:
    """No answer came, or a broken one."""
    cause = {
        "address": "address",
        "dns": "dns",
        "refused": "refused",
        "tls": "tls",
        "timeout": "timeout",
        "too_large": "too_long",
    }.get(error.reason, "unreachable")
    return WordPressError(cause, str(error), permanent=error.permanent)


def error_of_answer(response: httpx.Response) -> WordPressError:
    """The meaning of an answer that is no success, or no JSON."""
    host, status = response.url.host, response.status_code
    if response.is_redirect:
        where = response.headers.get("Location", "another address")[:200]
        if "wp-login.php" in where:
            return WordPressError(
                "rest_blocked", f"{host} sends its REST API to the login page.", status=status
            )
        return WordPressError("redirect", f"{host} redirects to {where}.", status=status)
    text = response.text[:20_000]
    if "cf-mitigated" in response.headers or (status in (403, 429, 503) and CHALLENGE.search(text)):
        return WordPressError("challenge", f"{host} asks for a proof that a browser is there.", status=status)
    found = json_of(text)
    if isinstance(found, dict) and isinstance(found.get("code"), str):
        return _of_code(host, status, found, _seconds(response))
    if response.is_success and (notice := NOTICE.search(text)):
        said = " ".join(re.sub(r"<[^>]*>", "", unescape(notice[0])).split())[:200]
        return WordPressError(
            "php_notice", f"{host} puts a message of PHP before its answer: {said}.", status=status
        )
    if response.is_success and text.lstrip()[:1] in ("{", "["):
        return WordPressError("cut", f"{host} did not end its answer.", status=status)
    if response.is_success:
        return WordPressError(
            "html", f"{host} answered with a page where its REST API was asked.", status=status
        )
    if status == 401 and "www-authenticate" in response.headers:
        return WordPressError(
            "server_password", f"The web server of {host} asks for a password.", status=status
        )
    cause, sentence = _of_status(host, status)
    return WordPressError(cause, sentence, status=status, retry_after=_seconds(response))


def json_of(text: str):
    """The JSON of an answer, or None."""
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except ValueError:
        return None


def _of_code(host: str, status: int, found: dict, seconds: float | None) -> WordPressError:
    code = found["code"]
    said = re.sub(r"<[^>]*>", "", str(found.get("message", "")))[:300].strip()
    data = found.get("data") if isinstance(found.get("data"), dict) else None
    cause = "rejected"
    if code == "igny8_signature" and not (data or {}).get("version"):
        cause = "plugin_old"
    elif code in PLUGIN:
        cause = PLUGIN[code]
    elif code in CREDENTIALS:
        cause = "credentials"
    elif code in PASSWORDS_OFF:
        cause = "app_passwords_off"
    elif code in NOBODY or (status == 401 and code.startswith("rest_cannot")):
        cause = "not_logged_in"
    elif code in BLOCKED and status in (401, 403):
        cause = "rest_blocked"
    elif status in (401, 403):
        cause = "capability"
    elif status == 404 and code.startswith("rest_no_route"):
        cause = "rest_missing"
    elif status in (404, 410):
        cause = "not_found"
    elif code.startswith("rest_upload"):
        cause = "too_large" if status == 413 else "upload"
    elif status == 429:
        cause = "rate_limited"
    elif status == 503:
        cause = "maintenance"
    elif status >= 500:
        cause = "server_error"
    old = f"{host} has a version of Igny8 Bridge that we do not speak to any more."
    return WordPressError(
        cause,
        old if cause == "plugin_old" else f"{host} says: {said or code}",
        code=code,
        status=status,
        data=data,
        retry_after=seconds,
    )


def _of_status(host: str, status: int) -> tuple[str, str]:
    match status:
        case 401:
            return "credentials", f"{host} refuses the login."
        case 403 | 406:
            return "firewall", f"A firewall of {host} refuses the request ({status})."
        case 404:
            return "rest_missing", f"{host} has no REST API at this address."
        case 413:
            return "too_large", f"{host} takes no file of this size."
        case 429:
            return "rate_limited", f"{host} is asked too often."
        case 502 | 503 | 504 | 520 | 521 | 522 | 524:
            return "maintenance", f"{host} is not available ({status})."
        case _ if status >= 500:
            return "server_error", f"{host} has an internal error ({status})."
    return "rejected", f"{host} refuses the request ({status})."


def _seconds(response: httpx.Response) -> float | None:
    """Retry-After, as a number or as a date; at most an hour."""
    value = response.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return min(float(value), 3600.0)
    try:
        wait = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(wait, 0.0), 3600.0)
