# The host as a SIP phone: the same siplet as on a board, on this CPython. Calls, waits for calls, measures them.
# Imports errors, firmware, the parts of a measured call; siplet when it is used.
#
#     report = test_call("sip:door@192.168.1.20:5060", seconds=10)
#     print(report.ok, report.one_way_ms, [verdict.text for verdict in report.verdicts])

import asyncio
import contextlib
import os
import signal
import time

from siplet_tools import firmware
from siplet_tools.errors import USAGE, ToolError
from siplet_tools.wire import call_audio, measure
from siplet_tools.wire.call_report import Report
from siplet_tools.wire.call_session import Session
from siplet_tools.wire.call_verdict import judge
from siplet_tools.wire.own_phone import HostPhone

PORT = 5060
LOCAL_NETWORKS = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16")
_SILENT_S = 8  # without one SIP message nobody is there


def whole(target, account=""):
    """A SIP URI of what was typed: door@192.168.1.20, or a number at the account's server."""
    if target.startswith(("sip:", "sips:")):
        return target
    if account and "@" not in target:
        target += "@" + account.rpartition("@")[2]
    return "sip:" + target


def keys(digits):
    """digits as they are sent, without spaces; ToolError for what no phone has."""
    found = (digits or "").upper().replace(" ", "")
    if found.strip("0123456789*#ABCD") or len(found) > 32:
        raise ToolError(f"{digits}: keys are 0-9 * # A-D, at most 32", USAGE)
    return found


def host_of(target):
    """The host of a SIP URI; ToolError when it is none, or has a password in it."""
    errors = firmware.load("errors")
    if ":" in target.rpartition("@")[0].partition(":")[2]:
        raise ToolError(
            "a SIP URI with a password: everybody can read a command line; give the account's in SIPLET_PASSWORD", USAGE
        )
    try:
        return firmware.load("sip.uri").Uri(target.encode()).destination()[0]
    except (errors.RemoteError, errors.LocalError, UnicodeEncodeError) as error:
        reason = getattr(error, "text", error)
        raise ToolError(f"{target}: is no SIP URI ({reason}), such as sip:door@192.168.1.20:5060", USAGE) from None


def _audio(play=None, record=None, sound_card=False, echo=False):
    if sound_card:
        from siplet_tools.wire.sound_card import SoundCard

        end = SoundCard()
        end.check()
        return call_audio.Kept(end, end, record)
    if echo:
        end = call_audio.Delayed()
        return call_audio.Kept(end, end, record)
    source = call_audio.play(play) if play else call_audio.Samples(measure.probe())
    if play and record and os.path.exists(record) and os.path.samefile(play, record):
        raise ToolError(f"{record}: is what --play says; record into another file", USAGE)
    return call_audio.Kept(source, None, record)


async def call(
    target,
    *,
    seconds=10,
    digits="",
    forms=("rtp", "info"),
    play=None,
    record=None,
    sound_card=False,
    expect="sound",
    account="",
    password=None,
    transport=None,
    address="",
    port=0,
    timeout_s=30,
    log=None,
    live=None,
    stop=None,
):
    """Calls target, talks for `seconds`, and returns the Report.

    digits: keys to send, once in each of `forms`. play: a WAV file instead of the probe; record: one for what is heard.
    expect: see call_verdict.judge. log: a board_log.BoardLog of the board, by which keys are verified. live(Live):
    called while the call lasts. stop: an asyncio.Event that ends it. ToolError for what is wrong before anything was
    sent.
    """
    target, digits = whole(target, account), keys(digits)
    host = host_of(target)
    audio = _audio(play, record, sound_card)
    report = Report(target)
    stop = stop or asyncio.Event()
    try:
        own = {"address": address, "account": account, "password": password, "transport": transport, "port": port}
        toward = host_of(account) if account else host
        async with HostPhone(audio, toward, accept=(host,) if _is_number(host) else (), **own) as phone:
            report.local = f"{phone.phone.local_address}:{phone.phone.local_port}"
            dialled = log.now() if log else 0
            up = await _dial(phone, target, report, timeout_s, stop)
            session = Session(up, audio, report, log, dialled) if up else None
            if session:
                await session.run(seconds, digits, forms, stop, live)
            _noted(report, phone)
    finally:
        audio.close()
    if session:
        await asyncio.to_thread(session.measure)
    return judge(report, expect)


def _is_number(host):
    return not host.strip("0123456789.")


async def _dial(phone, target, report, timeout_s, stop):
    # The Call once it is answered; None and a filled report when it was not
    errors = firmware.load("errors")
    start = time.monotonic()
    call = phone.phone.call(target)
    dialling = asyncio.create_task(call.connect(int(1000 * timeout_s)))
    seen = phone.messages
    try:
        while not dialling.done():
            await asyncio.wait([dialling], timeout=0.05)
            report.rang = report.rang or call.state == "ringing"
            if stop.is_set() and not dialling.done():
                report.how = "interrupted"
                break
            if phone.messages == seen and time.monotonic() - start > _SILENT_S and not dialling.done():
                break
        if not dialling.done():
            dialling.cancel()
            await asyncio.wait([dialling])
        report.silent = phone.messages == seen
        if not dialling.cancelled():
            dialling.result()
    except errors.CallError as error:
        report.status, report.reason, report.how = error.status, error.reason, report.how or call.how
        return None
    except (errors.LocalError, errors.RemoteError) as error:
        raise ToolError(f"{target}: cannot be called ({getattr(error, 'text', error)})", USAGE) from None
    if call.state != "up":
        report.status, report.reason = call.status or 408, call.reason or "No answer"
        report.how = report.how or "timeout"
        return None
    report.answered = True
    report.setup_ms = round(1000 * (time.monotonic() - start))
    return call


async def answer(
    phone,
    audio,
    *,
    seconds=0,
    wait_s=None,
    expect="sound",
    digits="",
    forms=("rtp", "info"),
    log=None,
    live=None,
    stop=None,
):
    """The Report of the next call that comes to an open HostPhone whose audio, a call_audio.Kept, is given; as call().

    seconds: after which the host hangs up, 0: the caller does. wait_s: for how long a call is waited for.
    """
    digits = keys(digits)
    errors = firmware.load("errors")
    stop = stop or asyncio.Event()
    report = Report(phone.uri, "in", local=f"{phone.phone.local_address}:{phone.phone.local_port}")
    deadline = None if wait_s is None else time.monotonic() + wait_s
    call = None
    while call is None and not stop.is_set() and (deadline is None or time.monotonic() < deadline):
        call = await phone.phone.incoming(timeout_ms=100)
    if call is None:
        report.how = "interrupted" if stop.is_set() else "nobody"
        return judge(_noted(report, phone), expect)
    report.remote = call.remote
    dialled = log.now() - 1 if log else 0  # the board said so before it called
    try:
        await call.answer()
    except errors.CallError as error:
        report.status, report.reason, report.how = error.status, error.reason, "cancelled"
        return judge(_noted(report, phone), expect)
    report.answered = True
    session = Session(call, audio, report, log, dialled)
    await session.run(seconds, digits, forms, stop, live)
    _noted(report, phone)
    await asyncio.to_thread(session.measure)
    return judge(report, expect)


def _noted(report, phone):
    # What the phone said since its last call belongs to this one
    report.notes += phone.notes
    phone.notes.clear()
    return report


async def calls(
    count,
    stop=None,
    ended=None,
    told=None,
    *,
    toward="",
    address="",
    account="",
    password=None,
    transport=None,
    port=PORT,
    accept=LOCAL_NETWORKS,
    play=None,
    record=None,
    sound_card=False,
    echo=False,
    **talk,
):
    """See wait_for_calls(). talk: options of answer(); all others: of HostPhone, and of what is said."""
    reports = []
    stop = stop or asyncio.Event()
    audio = _audio(play, record, sound_card, echo)
    own = {"address": address, "account": account, "password": password, "transport": transport}
    try:
        async with HostPhone(audio, host_of(account) if account else toward, port=port, accept=accept, **own) as phone:
            if told:
                told(account or phone.uri)
            while not count or len(reports) < count:
                report = await answer(phone, audio, stop=stop, **talk)
                if stop.is_set() and not report.answered and reports:
                    break
                if not count:
                    reports.clear()  # who waits for ever is told of each
                reports.append(report)
                if ended:
                    ended(report)
                if stop.is_set() or report.how == "nobody":
                    break
                audio.forget()
    finally:
        audio.close()
    return reports


# -- for callers without an event loop


def run(make):
    """make(stop) is a coroutine; its result. Ctrl-C sets `stop`, so that what is known by then is still told."""
    # Windows' other loop cannot wait for sockets of datagrams as siplet does
    loop = asyncio.SelectorEventLoop()
    asyncio.set_event_loop(loop)
    try:
        stop = asyncio.Event()
        with _ctrl_c(loop, stop):
            return loop.run_until_complete(make(stop))
    finally:
        rest = asyncio.all_tasks(loop)
        for task in rest:
            task.cancel()
        if rest:
            loop.run_until_complete(asyncio.wait(rest, timeout=3))
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()


@contextlib.contextmanager
def _ctrl_c(loop, stop):
    former = None
    with contextlib.suppress(ValueError, RuntimeError):  # in another thread than the main one
        try:
            loop.add_signal_handler(signal.SIGINT, stop.set)
        except NotImplementedError:  # Windows, where it is heard when the loop wakes up: several times a second
            former = signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        yield
    finally:
        if former is not None:
            signal.signal(signal.SIGINT, former)


def test_call(target, **options):
    """call() for who has no event loop: the Report of a call to target."""
    return run(lambda stop: call(target, stop=stop, **options))


test_call.__test__ = False  # its name is that of what it does, not of a test


def wait_for_calls(count=1, ended=None, told=None, **options):
    """[Report, ...] of the next `count` calls that come; 0: until Ctrl-C, and of the last one alone. told(uri): is
    called once it can be reached; ended(report): after each call. Options: those of calls().
    """
    return run(lambda stop: calls(count, stop, ended, told, **options))


def wait_for_call(**options):
    """The Report of the next call that comes; options: those of wait_for_calls()."""
    return wait_for_calls(1, **options)[0]
