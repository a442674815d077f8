# What SRTP does to each byte of a packet: srtp_viper where the build can run it, else srtp_plain, which documents it.

try:  # as in g711
    from siplet.media.srtp_viper import counters, differ, mix, start
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.srtp_plain import counters, differ, mix, start  # noqa: F401
