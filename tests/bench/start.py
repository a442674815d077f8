# Starts siplet's main from wherever sys.path finds it: start.py CONFIG.json [--app NAME].

import sys

import main

sys.exit(main.start(sys.argv[1:]))
