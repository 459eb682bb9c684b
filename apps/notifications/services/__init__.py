"""Everything that is told to people goes through here."""

from apps.notifications.services.inapp import notify
from apps.notifications.services.telegram import telegram_notify

__all__ = ["notify", "telegram_notify"]
