from django.http import JsonResponse
from django_ratelimit.decorators import ratelimit

from assistant.services import Busy, answer


@ratelimit(key="user", rate="20/m")
def ask(request):
    try:
        text = answer(request.POST["prompt"], request.user)
    except Busy as busy:
        return JsonResponse({"error": busy.words}, status=503)
    return JsonResponse({"text": text})
