"""The command line: what people type; one command a file, imported when it is asked for."""
