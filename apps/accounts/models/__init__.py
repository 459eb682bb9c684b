from apps.accounts.models.account import MODULES, Account, LimitCounter, Plan, Subscription
from apps.accounts.models.site import ApiKey, Industry, IndustrySector, Sector, Site, SiteAccess
from apps.accounts.models.team import AuditRecord, Invitation
from apps.accounts.models.telegram import TelegramInvite, TelegramRole, TelegramSubscriber, WebAppLogin
from apps.accounts.models.user import LoginSession, User

__all__ = [
    "MODULES",
    "Account",
    "ApiKey",
    "AuditRecord",
    "Industry",
    "IndustrySector",
    "Invitation",
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
