"""Localstripe, run by the tests on loopback alone, in a thread of its own."""

import asyncio
import hashlib
import hmac
import json
import threading
import time

import httpx
from aiohttp import web
from localstripe import resources, server

SECRET = "whsec_of_the_tests"
KEY = "sk_test_of_the_tests"


class Dispute(resources.StripeObject):
    """What a bank asks back: localstripe has none. Fields as in https://docs.stripe.com/api/disputes/object"""

    object = "dispute"
    _id_prefix = "dp_"

    def __init__(self, charge: resources.Charge, amount: int, status: str, reason: str):
        super().__init__()
        self.charge, self.payment_intent = charge.id, charge.payment_intent
        self.amount, self.currency = amount, charge.currency
        self.status, self.reason = status, reason

    @classmethod
    def _api_list_all(cls, url, payment_intent=None, limit=None, **kwargs):
        found = super()._api_list_all(url, limit=limit, **kwargs)
        found._list = [d for d in found._list if d.payment_intent == payment_intent]
        return found


server.app.router.add_route("GET", "/v1/disputes", server.api_list_all(Dispute, "/v1/disputes"))


class LocalStripe:
    """The server, and what a browser with Stripe's script would do."""

    def __init__(self):
        resources.Store.dump_to_disk = lambda self: None  # it would write to /tmp
        self._started = threading.Event()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, daemon=True, name="localstripe").start()
        assert self._started.wait(20)
        self._http = httpx.Client(base_url=self.base, headers={"Authorization": f"Bearer {KEY}"}, timeout=20)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def start() -> None:
            runner = web.AppRunner(server.app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = site._server.sockets[0].getsockname()[1]
            self.base = f"http://127.0.0.1:{self.port}"
            self._started.set()

        self._loop.run_until_complete(start())
        self._loop.run_forever()

    def flush(self) -> None:
        self._http.delete("/_config/data").raise_for_status()
        # Nobody is told but whom a test names.
        server.register_webhook.__globals__["_webhooks"].clear()

    def deliver_to(self, url: str) -> None:
        """Webhooks go to `url`, a second after what they tell."""
        hook = {"url": url, "secret": SECRET}
        self._http.post("/_config/webhooks/tests", json=hook).raise_for_status()

    def post(self, path: str, **data) -> dict:
        answer = self._http.post(f"/v1/{path}", json=data or {"a": 1})
        return answer.json()

    def card(self, number: str = "4242424242424242") -> str:
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        return self.post("payment_methods", type="card", card=card)["id"]

    def confirm(self, client_secret: str, number: str = "4242424242424242") -> dict:
        """The buyer types a card and confirms."""
        intent_id = client_secret.split("_secret_")[0]
        # Stripe takes the method with the confirmation; this server wants it on the intent.
        resources.store[f"payment_intent:{intent_id}"].payment_method = self.card(number)
        return self._http.post(f"/v1/payment_intents/{intent_id}/confirm", json={}).json()

    def refund(self, intent_id: str, amount: int | None = None) -> None:
        """Made in Stripe's dashboard, which tells of it."""
        self.post("refunds", payment_intent=intent_id, **({"amount": amount} if amount else {}))
        resources.Event("charge.refunded", self._charge(intent_id))

    def dispute(
        self, intent_id: str, *, amount: int | None = None, status: str = "needs_response"
    ) -> Dispute:
        """The buyer's bank disputes a payment."""
        charge = self._charge(intent_id)
        charge.disputed = True
        made = Dispute(charge, amount or charge.amount, status, "fraudulent")
        resources.Event("charge.dispute.created", made)
        return made

    def decide(self, dispute: Dispute, status: str) -> None:
        dispute.status = status
        resources.Event("charge.dispute.closed", dispute)

    def _charge(self, intent_id: str) -> resources.Charge:
        return resources.store[f"payment_intent:{intent_id}"].latest_charge

    def events(self) -> list[dict]:
        return self._http.get("/v1/events?limit=100").json()["data"]


def signed(event: dict, *, secret: str = SECRET, at: int | None = None) -> tuple[bytes, str]:
    """An event's body and its Stripe-Signature."""
    body, at = json.dumps(event).encode(), at or int(time.time())
    mark = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return body, f"t={at},v1={mark}"
