from django.urls import path

from apps.accounts.views import telegram

urlpatterns = [
    path("telegram/subscribers", telegram.SubscribersView.as_view()),
    path("telegram/subscribers/by-username/<str:username>", telegram.SubscriberByNameView.as_view()),
    path("telegram/subscribers/<str:chat_id>", telegram.SubscriberView.as_view()),
    path("telegram/subscribers/<str:chat_id>/role", telegram.SubscriberRoleView.as_view()),
    path("telegram/subscribers/<str:chat_id>/permissions", telegram.SubscriberPermissionsView.as_view()),
    path("telegram/subscribers/<str:chat_id>/language", telegram.SubscriberLanguageView.as_view()),
    path("telegram/subscribers/<str:chat_id>/subscribe", telegram.SubscribeView.as_view()),
    path("telegram/subscribers/<str:chat_id>/unsubscribe", telegram.UnsubscribeView.as_view()),
    path("telegram/topics/<str:topic>/subscribers", telegram.TopicSubscribersView.as_view()),
    path("telegram/invites", telegram.InvitesView.as_view()),
    path("telegram/invites/claim", telegram.InviteClaimView.as_view()),
    path("telegram/invites/<int:invite_id>", telegram.InviteView.as_view()),
    path("webapp/auth", telegram.WebAppAuthView.as_view()),
]
