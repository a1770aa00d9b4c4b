"""A Django site in one file: a URL, a view, the usual middleware."""
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

import leak

settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], SECRET_KEY="not secret", ROOT_URLCONF=__name__,
                   MIDDLEWARE=["django.middleware.security.SecurityMiddleware",
                               "django.middleware.common.CommonMiddleware",
                               "django.middleware.csrf.CsrfViewMiddleware"],
                   INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"])
django.setup()


def hello(request):
    return HttpResponse(leak.visit(int(request.GET["n"])))


urlpatterns = [path("", hello)]
application = get_wsgi_application()
