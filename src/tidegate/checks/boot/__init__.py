"""Evidence from inside of the target: its real variables, one free request to Claude, and the receipt of both."""
