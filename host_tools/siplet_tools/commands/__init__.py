# One command a file: each has a click command named `command`. Thin: they parse,
# call what stands below them, and print.
