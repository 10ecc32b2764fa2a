"""Hand a text to the workers and wait for its summary: `python send.py USER TEXT`."""

import sys

from tasks import summarise

if __name__ == "__main__":
    user, text = sys.argv[1:]
    result = summarise.delay(text, user).get(timeout=120)
    if "error" in result:
        sys.exit(f"{result['error']['text']} (reference {result['error']['reference']})")
    print(result["text"])
