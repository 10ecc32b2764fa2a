from django.http import HttpResponse, JsonResponse
from django_ratelimit.decorators import ratelimit

from assistant.services import answer


@ratelimit(key="ip", rate="10/m")
def ask(request):
    try:
        return JsonResponse({"text": answer(request.POST["prompt"])})
    except Exception as error:
        return HttpResponse(f"Sorry: {error}", status=500)


def draft(request):
    return JsonResponse({"text": answer(request.POST["prompt"])})
