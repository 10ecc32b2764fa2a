TOKEN = "{{KEY3}}"
