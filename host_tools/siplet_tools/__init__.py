# siplet's host tools: what runs on a PC's CPython beside a board. May import siplet's firmware, which runs here too.
