from django.core.cache import cache
from django.http import JsonResponse


class QuotaMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        who = f"quota:{request.user.pk}"
        cache.add(who, 0, timeout=60)
        if cache.incr(who) > 30:
            response = JsonResponse({"error": "Please wait a minute."}, status=429)
            response["Retry-After"] = "60"
            return response
        return self.get_response(request)
