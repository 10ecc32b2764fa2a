from django.db import models


class Usage(models.Model):
    user = models.ForeignKey("auth.User", on_delete=models.CASCADE)
    output_tokens = models.IntegerField()
