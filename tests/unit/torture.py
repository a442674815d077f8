# The torture messages of RFC 4475 in tests/vectors/rfc4475, and what a phone is expected to make of each.

FOLDER = __file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else ".."
FOLDER += "/vectors/rfc4475/"


def load(name):
    """The bytes of one message, by its name in the RFC."""
    with open(FOLDER + name + ".dat", "rb") as file:
        return file.read()


def verdicts():
    """[(name, class, what a phone does over UDP)]: "valid", "liberal", "invalid"; "ok", "400", "400|ok", "drop"..."""
    rows = []
    with open(FOLDER + "verdicts.tsv") as file:
        for line in file:
            row = line.split("\t")
            if row[0].endswith(".dat"):
                rows.append((row[0][:-4], row[3], row[4]))
    return rows
