# Which address of this PC faces the network. May import siplet's net.


def find_address():
    """Our address towards the default route by Linux's tables, or the first that is not loopback; None without one."""
    try:
        with open("/proc/net/route") as file:
            routes = [line.split() for line in file.readlines()[1:]]
        with open("/proc/net/fib_trie") as file:
            return choose_address(routes, file.readlines())
    except OSError:  # no Linux: CPython can ask the routing table, MicroPython cannot
        from siplet.net.route import local_address

        found = local_address("192.0.2.1")  # TEST-NET-1; nothing is sent
        return None if found == "127.0.0.1" else found


def choose_address(routes, tree):
    """routes: the fields of /proc/net/route's lines; tree: the lines of /proc/net/fib_trie."""
    local = []
    for line in tree:
        if "|-- " in line:
            leaf = line.strip()[4:]
        elif "/32 host LOCAL" in line and leaf[:4] != "127." and leaf not in local:
            local.append(leaf)
    default = None
    for fields in routes:
        if fields[1] == "00000000" and (default is None or int(fields[6]) < int(default[6])):
            default = fields
    for fields in routes:
        if default and fields[0] == default[0] and fields[1] != "00000000" and fields[2] == "00000000":
            for address in local:
                if _number(address) & int(fields[7], 16) == int(fields[1], 16):
                    return address
    return local[0] if local else None


def _number(address):
    a, b, c, d = [int(part) for part in address.split(".")]
    return a | b << 8 | c << 16 | d << 24  # as a little-endian kernel prints it
