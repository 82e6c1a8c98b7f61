"""An OAuth 2.0 server and OpenID provider by django-oauth-toolkit, with one person, and an API that
knows whose an access token is.

Usage: server.py FOLDER. Says where it listens when it does.
"""

import os
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

FOLDER = Path(sys.argv[1])
SECRET = os.environ["CLIENT_SECRET"]

from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    LOGIN_URL="/login",
    LOGGING_CONFIG=None,
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": 300,
        "ALLOWED_REDIRECT_URI_SCHEMES": ["http", "https"],
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": os.environ["SIGNING_KEY"],
        "PKCE_REQUIRED": True,
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "SCOPES": {"openid": "That it is you", "read": "Who you are"},
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="for this test alone, and long enough to please everybody",
    USE_TZ=True,
)

import django

django.setup()

from django.contrib.auth import authenticate, get_user_model, login
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import include, path
from oauth2_provider.models import AccessToken, Application, RefreshToken
from oauth2_provider.views.generic import ProtectedResourceView


def sign_in(request):
    """The login page: a form, and its answer."""
    if request.method == "POST":
        user = authenticate(username=request.POST["username"], password=request.POST["password"])
        if user is None:
            return HttpResponse("no", status=403)
        login(request, user)
        return HttpResponseRedirect(request.POST["next"])
    target = request.GET["next"].replace("&", "&amp;").replace('"', "&quot;")
    return HttpResponse(
        f'<form method="post" action="/login"><input type="hidden" name="next" value="{target}">'
        '<input type="text" name="username"><input type="password" name="password"></form>'
    )


class Me(ProtectedResourceView):
    """Whose access token it is."""

    def get(self, request):
        user = request.resource_owner
        return JsonResponse({"id": user.pk, "username": user.username, "email": user.email})


def register(request):
    """The application has found its address."""
    Application.objects.update(redirect_uris=request.GET["redirect_uris"])
    return HttpResponse("noted")


def withdraw(request):
    """The user takes everything back."""
    AccessToken.objects.all().delete()
    RefreshToken.objects.all().delete()
    return HttpResponse("gone")


urlpatterns = [
    path("login", sign_in),
    path("api/me", Me.as_view()),
    path("test/register", register),
    path("test/withdraw", withdraw),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


call_command("migrate", verbosity=0)
get_user_model().objects.create_user("alice", "alice@example.test", "correct-horse")
Application.objects.create(
    algorithm=Application.RS256_ALGORITHM,
    authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
    client_id="web",
    client_secret=SECRET,
    client_type=Application.CLIENT_CONFIDENTIAL,
    name="web",
    skip_authorization=True,
)
with make_server("127.0.0.1", 0, get_wsgi_application(), Server, Quiet) as server:
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
