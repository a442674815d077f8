# Call progress tones by country, after ITU-T E.180 supplement 2 (2003) and, for what it leaves out, the national
# specifications. Loaded to find one line, and dropped. Imports nothing.
#
# A tone is written as its frequencies in Hz and the ms for which it is on, off, on, off ..., over and over:
#     400+450@400,200,400,2000
# A slash begins other frequencies; no ms: without a break; an exclamation mark at the end: once only. What E.180 writes
# as 400x25, a tone that beats, is its two neighbours 12.5 Hz off, here 388+413, which beat as often.
#
# r ringing, b busy, c congestion (in North America: reorder), w call waiting.

_ROWS = """\
at r420@1000,5000 b420@400,400 c420@200,200 w420@40,1950
au r400+450@400,200,400,2000 b425@375,375 c425@375,375 w425@200,200,200,4400
be r425@1000,3000 b425@500,500 c425@167,167 w1400@175,175,175,3500
br r425@1000,4000 b425@250,250 c425@250,250,750,250 w425@50,1000
ca r440+480@2000,4000 b480+620@500,500 c480+620@250,250 w440@300,10000
ch r425@1000,4000 b425@500,500 c425@200,200 w425@200,200,200,4000
cn r450@1000,4000 b450@350,350 c450@700,700 w450@400,4000
cz r425@1000,4000 b425@330,330 c425@165,165 w425@330,9000
de r425@1000,4000 b425@480,480 c425@240,240 w425@200,200,200,5000
dk r425@1000,4000 b425@500,500 c425@200,200 w425@200,600,200,3000
es r425@1500,3000 b425@200,200 c425@200,200,200,200,200,600 w425@175,175,175,3500
fi r425@1000,4000 b425@300,300 c425@200,200 w425@150,150,150,8000
fr r440@1500,3500 b440@500,500 c440@250,250 w440@300,10000
gb r400+450@400,200,400,2000 b400@375,375 c400@400,350,225,525 w400@100,4000
ie r400+450@400,200,400,2000 b425@500,500 c425@250,250 w425@180,200,180,4500
il r400@1000,3000 b400@500,500 c400@250,250 w400@150,10000
in r388+413@400,200,400,2000 b400@750,750 c400@250,250 w400@200,100,200,7500
it r425@1000,4000 b425@500,500 c425@200,200 w425@400,100,250,100,150,14000
jp r392+408@1000,2000 b400@500,500 c400@500,500 w392+408@500,8000
nl r425@1000,4000 b425@500,500 c425@250,250 w425@500,9500
no r425@1000,4000 b425@500,500 c425@200,200 w425@200,600,200,10000
nz r400+450@400,200,400,2000 b400@500,500 c400@250,250 w400@200,3000
pl r425@1000,4000 b425@500,500 c425@500,500 w425@150,150,150,4000
pt r425@1000,5000 b425@500,500 c425@200,200 w425@200,200,200,5000
ru r425@800,3200 b425@400,400 c425@200,200 w425@200,5000
se r425@1000,5000 b425@250,250 c425@250,750 w425@200,500,200,9100
tr r450@2000,4000 b450@500,500 c450@200,200,200,200,200,200,600,200 w450@200,600,200,8000
us r440+480@2000,4000 b480+620@500,500 c480+620@250,250 w440@300,10000
za r384+417@400,200,400,2000 b400@500,500 c400@250,250 w384+417@400,4000
"""
_NAMES = ("ringing", "busy", "congestion", "waiting")
# Of no country: E.180 section 12 for information (the number is none), 1400 Hz as what is recorded is told by
_COMMON = {"beep": "1400@200!", "information": "950@330/1400@330/1800@330,1000"}


def countries():
    """The codes of all countries that are known, ISO 3166."""
    return [row[:2] for row in _ROWS.split("\n") if row]


def tones(country):
    """{name: how it sounds, as above} of a country's code: ringing, busy, congestion, waiting, beep, information; those
    of Germany, which E.180 recommends to everybody, for one that is not known.
    """
    at = _ROWS.find("\n" + country.lower() + " ") + 1 if country else 0
    if not at and not _ROWS.startswith(country.lower() + " "):
        at = _ROWS.find("\nde ") + 1
    row = _ROWS[at : _ROWS.find("\n", at)].split(" ")[1:]
    found = {}
    for i in range(4):
        found[_NAMES[i]] = row[i][1:]
    found.update(_COMMON)
    return found
