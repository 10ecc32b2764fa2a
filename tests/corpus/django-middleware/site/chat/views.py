from django.contrib.auth.decorators import login_required
from django.http import JsonResponse
from django.utils.decorators import method_decorator
from django.views import View

from .claude import Unavailable, ask


@method_decorator(login_required, name="dispatch")
class AskView(View):
    def post(self, request):
        try:
            return JsonResponse({"text": ask(request.POST["q"], request.user)})
        except Unavailable:
            return JsonResponse({"error": "The assistant has a break. Please try again."}, status=503)


@login_required
def summary(request):
    try:
        return JsonResponse({"text": ask("Summarise: " + request.POST["text"], request.user)})
    except Unavailable:
        return JsonResponse({"error": "The assistant has a break. Please try again."}, status=503)
