"""/account/: the pages behind the links of mails."""

from django.urls import path

from apps.accounts.views import pages

urlpatterns = [
    path(f"{page.purpose}/", page.as_view(), name=f"link-{page.purpose}")
    for page in (pages.VerifyPage, pages.ChangePage, pages.ResetPage, pages.InvitationPage)
]
