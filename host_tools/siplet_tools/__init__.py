# siplet's host tools: everything that runs on a PC's CPython beside a board. May import siplet's firmware (it runs here too).
