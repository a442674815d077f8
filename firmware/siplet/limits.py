# Every bound on remote input and every protocol constant, with its RFC or reason. Imports nothing of siplet.
# Plain module-level ints: importers copy what they need into a const() of their own where a loop is hot.

# Sizes of what may come in
MESSAGE = 4096  # bytes of one SIP datagram; above the 3,515 of RFC 4475's longest message, below what a board can spare
LARGE = 1300  # bytes of a request from which it goes by TCP where it can (RFC 3261 18.1.1)
HEADERS = 80  # header lines of one message; RFC 4475 longreq has 49
VALUES = 64  # values of one header over all its lines and commas; RFC 4475 longreq has 34 Vias, a list costs 20 B each
SDP_LINES = 64  # lines of one session description; browsers send about 60, phones 15
SDP_FORMATS = 24  # payload types of an m-line that are looked at; phones offer up to 15
SDP_MEDIA = 4  # m-lines looked at: audio, video, text and one more; what lies beyond is answered 488
REALMS = 4  # that have challenged us: a registrar, a proxy or two on the way, the far end; the oldest is forgotten
CHALLENGE = 640  # bytes of one digest challenge; most of it comes back in our answer, for up to REALMS of them
TRANSACTIONS = 16  # at once, both roles; a request beyond gets 503 with Retry-After (RFC 3261 21.5.4)
REDIRECTS = 5  # places that one call is sent on to by 3xx; RFC 3261 8.1.3.4 wants a bound, and names none
EARLY_DIALOGS = 4  # forks of one INVITE that are remembered (RFC 3261 12.1)
URI = 512  # bytes of a remote target; it is repeated in every request of the dialog
ROUTES = 6  # Record-Route values kept for a dialog; each is copied into every request
EVENTS = 16  # events not yet fetched by the shell; the oldest call events are never dropped, new stray ones are

# Timers in ms, RFC 3261 section 17 table 4
T1 = 500  # round-trip estimate
T2 = 4000  # longest retransmission interval of a non-INVITE request and of an INVITE response
T4 = 5000  # longest time a message stays in the network
TIMEOUT = 64 * T1  # timers B, F, H, J, L and M
TIMER_D = 32000  # how long an INVITE client waits for retransmitted final answers, UDP

# Registration
EXPIRES = 300  # s, asked for by default; keeps most NAT bindings of a PBX fresh without load
EXPIRES_STATE = 3600  # s, for which our presence is published (RFC 3903 6 leaves it to the package; RFC 3856 6.4)
RETRY_BASE = 4000  # ms, first pause after a failure; doubles, with jitter (the method of RFC 5626 4.5)
RETRY_TOP = 300000  # ms, the longest pause between tries; a door phone must be back minutes after its server
RETRY_REFUSED = 300000  # ms after a refusal that a retry cannot mend (401 again, 403, 404): never hammer a server

# Session timers
SESSION_LEAST = 90  # s, the shortest that we agree to refresh by (RFC 4028 5)
SESSION_MOST = 345600  # s, four days; ticks tell six apart

# Finding servers (RFC 3263): what name servers may make us do
DNS_ANSWER = 1232  # bytes of a datagram: 512 by RFC 1035, some servers send more; what passes every network unbroken
DNS_STREAM = 2048  # bytes of an answer over TCP, asked for when one was cut; 24 SRV records take 1500
DNS_RECORDS = 24  # of one answer that are looked at; a pool of servers has up to 8, and aliases stand before them
DNS_ALIASES = 8  # CNAMEs in a row; content networks use 2 or 3
DNS_TARGETS = 8  # addresses kept for a destination; each that is silent costs a caller 32 s
DNS_PLACES = 8  # destinations whose addresses are known; more peers at once than a small phone has
DNS_CACHE = 16  # answers kept; two or three for each destination
DNS_LOOKUPS = 2  # that ask at once, the others wait: each takes a socket, and an ESP32 has ten in all
DNS_SERVERS = 3  # name servers that are asked, as resolv.conf(5) has it
DNS_TTL = 86400000  # ms, the longest that an answer is believed: ticks can tell 12 days at most
DNS_NEGATIVE = 30000  # ms, the longest that "there is none" is believed: a server that comes back must be found soon
DNS_RETRY = 1000  # ms until the next server is asked, or the same once more; doubles with every round
DNS_LOOKUP = 6000  # ms for all questions about one destination; somebody stands at the door
DNS_RETURN = 300000  # ms for which a server that did not answer is passed over, until the best is tried again

# Strangers (admission.py)
STRANGERS = 16  # addresses remembered that were refused; a scan comes from one or two
STRANGER_TRIES = 5  # refusals that one of them gets before it meets silence
STRANGER_MS = 600000  # after that long without a word it is a stranger anew

# Beside calls: messages, subscriptions, and who watches us
TEXT = 1300  # bytes of a message, sent whole (RFC 3428 8) or received without its head
WATCHERS = 4  # of ours; each gets a NOTIFY when something changes, and costs up to 2 KB
WATCH_LEAST = 60  # s, the shortest subscription to us, but for a mere question (RFC 6665 4.2.1.1)
WATCH_MOST = 3600  # s, the longest: who was switched off is forgotten then
WATCH_PACE = 1000  # ms between two NOTIFYs to a watcher (RFC 4235 3.10)
XML_ELEMENTS = 128  # of a document; a watched phone with eight calls has 60
XML_DEPTH = 12  # elements within elements; presence has 6
TUPLES = 8  # of a presence document that are kept: the devices of one person
DIALOGS = 8  # of a watched phone that are kept
SUMMARY_LINES = 32  # of a message summary; there are 8 classes of messages

# Streams: TCP, TLS, WebSocket (net/links.py)
STREAMS_OUT = 3  # connections that we opened; an ESP32 has ten sockets in all
STREAMS_IN = 3  # that others opened; the one that was idle longest makes room
STREAM_QUEUE = 8192  # bytes that wait for one of them: two messages of the largest size
STREAM_CONNECT = 10000  # ms for TCP, TLS and the upgrade to WebSocket; a board's handshake takes 2 s
STREAM_STALL = 32000  # ms for one message, either way; 64 * T1, when its transaction is over (RFC 3261 17)
STREAM_PONG = 10000  # ms, RFC 5626 4.4.1
STREAM_PAUSE = 1000  # ms until a server is tried again that could not be reached; doubles up to 32 times as much
