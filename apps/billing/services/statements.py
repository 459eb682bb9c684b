"""A spend as one statement: the balance changes on condition and the entry is written, or nothing happens.

That is the whole cost of a spend on an account that many spend from: the row is locked for one statement, not
for as long as a transaction's round trips take.
"""

from django.db import IntegrityError, connection

from apps.billing.models import CreditBalance
from apps.billing.services.lots import catch_up, crossings_tell
from apps.core.sql import prepared_row

# Nothing is due, and neither zero nor the mark of low credits is crossed. The clock is the caller's.
IN_PASSING = """AND b.balance > %(amount)s AND b.next_event_at > %(now)s
  AND (b.balance < b.low_mark OR b.balance - %(amount)s >= b.low_mark)"""
SPENT = """spent AS (
  UPDATE billing_creditbalance b SET balance = b.balance - %(amount)s
  WHERE b.account_id = %(account_id)s {condition}
  RETURNING b.balance
)"""
ENTRY = """INSERT INTO billing_creditentry
  (account_id, amount, balance_after, kind, reference, operation, note, user_id, created_at)"""
USED = """used AS (
  INSERT INTO billing_creditusage (account_id, operation, provider, model, tokens_in, tokens_out, cost,
    credits, loss, reference, object_type, object_id, site_id, user_id, run_id, created_at)
  SELECT %(account_id)s, %(operation)s, %(provider)s, %(model)s, %(tokens_in)s, %(tokens_out)s, %(cost)s,
    %(amount)s, 0, %(reference)s, %(object_type)s, %(object_id)s, %(site_id)s, %(user_id)s, %(run_id)s,
    %(now)s FROM spent
)"""
CHARGED = f"""{ENTRY} SELECT %(account_id)s, -%(amount)s, balance, 'charge', %(reference)s, %(operation)s,
  %(note)s, %(user_id)s, %(now)s FROM spent
RETURNING id, balance_after"""  # noqa: S608 (constants of this file)
CHARGE = f"WITH {SPENT} {CHARGED}"
CHARGE_WITH_USAGE = f"WITH {SPENT}, {USED} {CHARGED}"
# A hold that is not released gives no row, so the entry gets no reference, and NOT NULL refuses all of it.
RESERVE = f"""WITH {SPENT}, hold AS (
  INSERT INTO billing_credithold AS h
    (account_id, reference, attempt, amount, operation, state, expires_at, created_at)
  SELECT %(account_id)s, %(reference)s, 1, %(amount)s, %(operation)s, 'held', %(expires_at)s, %(now)s
  FROM spent
  ON CONFLICT (account_id, reference) DO UPDATE SET attempt = h.attempt + 1, amount = EXCLUDED.amount,
    operation = EXCLUDED.operation, state = 'held', expires_at = EXCLUDED.expires_at
  WHERE h.state = 'released'
  RETURNING h.reference || '#' || h.attempt AS entry_reference, h.attempt
)
{ENTRY} SELECT %(account_id)s, -%(amount)s, balance, 'reserve', (SELECT entry_reference FROM hold),
  %(operation)s, '', %(user_id)s, %(now)s FROM spent
RETURNING id, balance_after, (SELECT attempt FROM hold)"""  # noqa: S608 (constants of this file)


def spend_in_passing(statement: str, values: dict) -> tuple | None:
    """Does it if nothing stands against it: the entry's id, the balance, a reserve's attempt.

    None: it changed nothing, do it under the lock.

    Inside a transaction it does not even try: a refusal by a constraint would end the caller's transaction.
    """
    if connection.in_atomic_block:
        return None
    try:
        connection.ensure_connection()
        with connection.wrap_database_errors:
            return prepared_row(statement.format(condition=IN_PASSING), values)
    except IntegrityError:
        return None


def spend_locked(statement: str, values: dict, balance: CreditBalance) -> tuple | None:
    """Does it on a locked balance whose holds and entries were looked at. None when the credits are short.

    Before it says so, it looks whether the account's plan has changed and brought credits.
    """
    if balance.balance < values["amount"]:
        catch_up(balance, values["now"])
    if balance.balance < values["amount"]:
        return None
    with connection.cursor() as cursor:
        cursor.execute(statement.format(condition=""), values)
        row = cursor.fetchone()
    crossings_tell(account_id=balance.account_id, before=balance.balance, after=row[1], entry_id=row[0])
    return row
