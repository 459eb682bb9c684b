from apps.accounts.models.account import MODULES, Account, LimitCounter, Plan, Subscription
from apps.accounts.models.site import ApiKey, Industry, IndustrySector, Sector, Site, SiteAccess
from apps.accounts.models.telegram import TelegramInvite, TelegramRole, TelegramSubscriber, WebAppLogin
from apps.accounts.models.user import LoginSession, User

__all__ = [
    "MODULES",
    "Account",
    "ApiKey",
    "Industry",
    "IndustrySector",
    "LimitCounter",
    "LoginSession",
    "Plan",
    "Sector",
    "Site",
    "SiteAccess",
    "Subscription",
    "TelegramInvite",
    "TelegramRole",
    "TelegramSubscriber",
    "User",
    "WebAppLogin",
]
