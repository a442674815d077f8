# python -m siplet_tools: the same as siplet. Imports cli.

import sys

from siplet_tools.cli import main

sys.exit(main())
