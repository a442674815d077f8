# PJSIP as a phone that tests hold by lines of JSON (child.py): commands on standard input, events on standard output.
# Run by the peers' Python, which has the package pjsua2-python; imports that and the standard library.
#
# What it hears of a call goes to heard-N.wav in its folder, N counting its calls; it says a WAV file over and over.

import json
import os
import select
import sys

import pjsua2 as pj

CALLS = 4
CODECS = ("PCMA/8000", "PCMU/8000")


def tell(**fields):
    print(json.dumps(fields), flush=True)


calls = {}


class Call(pj.Call):
    """A call, numbered; media and events are told as they come."""

    number = 0

    def __init__(self, account, handle=pj.PJSUA_INVALID_ID):
        super().__init__(account, handle)
        Call.number += 1
        self.number = Call.number
        self.up = False
        self.hold = False, False  # we are held, we hold
        self.player = self.recorder = None
        calls[self.number] = self

    def onCallState(self, prm):
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_EARLY:
            tell(event="ringing", call=self.number)
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED and not self.up:
            self.up = True
            tell(event="up", call=self.number, remote=info.remoteUri)
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            tell(event="ended", call=self.number, status=info.lastStatusCode, reason=info.lastReason)
            phone.later.append(lambda: phone.forget(self))

    def onCallMediaState(self, prm):
        info = self.getInfo()
        media = [entry for entry in info.media if entry.type == pj.PJMEDIA_TYPE_AUDIO]
        status = media[0].status if media else pj.PJSUA_CALL_MEDIA_NONE
        held, holding = status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD, status == pj.PJSUA_CALL_MEDIA_LOCAL_HOLD
        if (held, holding) != self.hold:
            self.hold = held, holding
            tell(event="media", call=self.number, held=held, holding=holding)
        if status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD):
            sound = self.getAudioMedia(-1)
            if self.recorder is None:
                self.recorder = pj.AudioMediaRecorder()
                self.recorder.createRecorder(os.path.join(phone.folder, f"heard-{self.number}.wav"))
            if self.player is None and phone.says:
                self.player = pj.AudioMediaPlayer()
                self.player.createPlayer(phone.says)
            sound.startTransmit(self.recorder)
            if self.player:
                self.player.startTransmit(sound)

    def onDtmfDigit(self, prm):
        form = "info" if prm.method == pj.PJSUA_DTMF_METHOD_SIP_INFO else "rtp"
        tell(event="digit", call=self.number, digit=prm.digit, form=form)

    def onCallTransferRequest(self, prm):
        prm.newCall = Call(phone.account)
        tell(event="transfer_request", call=self.number, target=prm.dstUri, new=prm.newCall.number)

    def onCallTransferStatus(self, prm):
        tell(event="transfer", call=self.number, status=prm.statusCode, final=prm.finalNotify)

    def onCallReplaceRequest(self, prm):
        prm.newCall = Call(phone.account)
        tell(event="replace_request", call=self.number, new=prm.newCall.number)

    def onCallReplaced(self, prm):
        tell(event="replaced", call=self.number)


class Account(pj.Account):
    def onRegState(self, prm):
        info = self.getInfo()
        tell(event="registration", status=prm.code, active=info.regIsActive)

    def onIncomingCall(self, prm):
        call = Call(self, prm.callId)
        tell(event="incoming", call=call.number, remote=call.getInfo().remoteUri, whole=prm.rdata.wholeMsg)
        if phone.auto:
            phone.answer(call)
        else:
            ringing = pj.CallOpParam()
            ringing.statusCode = 180
            call.answer(ringing)

    def onInstantMessage(self, prm):
        tell(event="message", remote=prm.fromUri, type=prm.contentType, text=prm.msgBody)

    def onInstantMessageStatus(self, prm):
        tell(event="message_status", status=int(prm.code), text=prm.msgBody)

    def onIncomingSubscribe(self, prm):
        tell(event="watcher", remote=prm.fromUri)


class Buddy(pj.Buddy):
    def onBuddyState(self):
        info = self.getInfo()
        status = info.presStatus
        tell(
            event="presence",
            remote=info.uri,
            state=info.subStateName,
            code=int(info.subTermCode),
            online=status.status == pj.PJSUA_BUDDY_STATUS_ONLINE,
            note=status.note,
            text=status.statusText,
        )


class Phone:
    def __init__(self):
        self.endpoint = pj.Endpoint()
        self.account = None
        self.buddies = {}
        self.later = []
        self.running = True

    # -- one method for each command

    def do_open(self, wish):
        self.folder = wish["folder"]
        self.says = wish.get("says")
        self.auto = wish.get("auto", False)
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = CALLS
        config.uaConfig.userAgent = "pjsua"
        config.logConfig.level = 5
        config.logConfig.consoleLevel = 0
        config.logConfig.filename = os.path.join(self.folder, "pjsip.log")
        config.medConfig.clockRate = config.medConfig.sndClockRate = wish.get("rate", 8000)
        config.medConfig.noVad = True
        config.medConfig.ecTailLen = 0
        config.medConfig.quality = 10
        self.endpoint.libInit(config)
        kind = wish.get("transport", "udp")
        port = pj.TransportConfig()
        port.port = wish["port"]
        port.boundAddress = port.publicAddress = "127.0.0.1"
        if kind == "tls":
            port.tlsConfig.CaListFile = wish["ca"]
            port.tlsConfig.certFile = wish["certificate"]
            port.tlsConfig.privKeyFile = wish["key"]
            port.tlsConfig.verifyServer = True
            port.tlsConfig.method = pj.PJSIP_TLSV1_2_METHOD
        kinds = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS}
        handle = self.endpoint.transportCreate(kinds[kind], port)
        self.endpoint.libStart()
        self.endpoint.audDevManager().setNullDev()
        self.do_codecs(wish)
        account = pj.AccountConfig()
        parameter = "" if kind == "udp" else ";transport=" + kind
        account.idUri = wish["address"]
        account.sipConfig.transportId = handle
        account.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", wish["user"], 0, wish["password"]))
        account.natConfig.iceEnabled = False
        account.natConfig.sipOutboundUse = 0
        account.natConfig.contactRewriteUse = account.natConfig.viaRewriteUse = 0
        account.mediaConfig.transportConfig.port = wish["media_port"]
        account.mediaConfig.transportConfig.portRange = 40
        account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        account.mediaConfig.srtpUse = ("", "offer", "require").index(wish.get("srtp", ""))
        account.mediaConfig.srtpSecureSignaling = 0  # keys over UDP, too
        for name in wish.get("suites", ()):
            suite = pj.SrtpCrypto()
            suite.name = name
            account.mediaConfig.srtpOpt.cryptos.append(suite)
        account.callConfig.prackUse = wish.get("prack", pj.PJSUA_100REL_OPTIONAL)
        account.callConfig.timerUse = wish.get("timer", pj.PJSUA_SIP_TIMER_OPTIONAL)
        account.presConfig.publishEnabled = bool(wish.get("publish"))
        if wish.get("server"):
            account.regConfig.registrarUri = f"sip:{wish['server']}{parameter}"
            account.regConfig.timeoutSec = 60
            account.sipConfig.proxies.append(f"sip:{wish['server']}{parameter};lr")
        self.account = Account()
        self.account.create(account)

    def do_codecs(self, wish):
        codecs = wish.get("codecs", CODECS)
        for codec in self.endpoint.codecEnum2():
            name = codec.codecId.rsplit("/", 1)[0]
            rank = 255 - codecs.index(name) if name in codecs else 0
            self.endpoint.codecSetPriority(codec.codecId, rank)

    def do_call(self, wish):
        call = Call(self.account)
        prm = pj.CallOpParam(True)
        prm.opt.videoCount = 0
        call.makeCall(wish["target"], prm)
        return {"call": call.number}

    def do_answer(self, wish):
        self.answer(calls[wish["call"]])

    def do_reject(self, wish):
        prm = pj.CallOpParam()
        prm.statusCode = wish.get("status", 486)
        calls[wish["call"]].hangup(prm)

    def do_hangup(self, wish):
        if wish["call"] in calls:
            calls[wish["call"]].hangup(pj.CallOpParam())

    def do_hold(self, wish):
        calls[wish["call"]].setHold(pj.CallOpParam())

    def do_resume(self, wish):
        prm = pj.CallOpParam(True)
        prm.opt.flag = pj.PJSUA_CALL_UNHOLD
        calls[wish["call"]].reinvite(prm)

    def do_transfer(self, wish):
        calls[wish["call"]].xfer(wish["target"], pj.CallOpParam())

    def do_transfer_to(self, wish):
        calls[wish["call"]].xferReplaces(calls[wish["other"]], pj.CallOpParam())

    def do_digits(self, wish):
        prm = pj.CallSendDtmfParam()
        prm.digits = wish["digits"]
        prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if wish["form"] == "info" else pj.PJSUA_DTMF_METHOD_RFC2833
        calls[wish["call"]].sendDtmf(prm)

    def do_message(self, wish):
        prm = pj.SendInstantMessageParam()
        prm.content = wish["text"]
        prm.contentType = "text/plain"
        self.buddy(wish["target"], False).sendInstantMessage(prm)

    def do_watch(self, wish):
        self.buddy(wish["target"], True)

    def do_unwatch(self, wish):
        self.buddy(wish["target"], True).subscribePresence(False)

    def do_online(self, wish):
        status = pj.PresenceStatus()
        status.status = pj.PJSUA_BUDDY_STATUS_ONLINE if wish["online"] else pj.PJSUA_BUDDY_STATUS_OFFLINE
        status.note = wish.get("note", "")
        self.account.setOnlineStatus(status)

    def do_statistics(self, wish):
        rtcp = calls[wish["call"]].getStreamStat(0).rtcp
        told = {"round_trip_ms": rtcp.rttUsec.mean / 1000, "round_trips": rtcp.rttUsec.n}
        for name, part in (("heard", rtcp.rxStat), ("told", rtcp.txStat)):
            told[name] = {"packets": part.pkt, "lost": part.loss, "jitter_ms": part.jitterUsec.mean / 1000}
        return told

    def do_idle(self, wish):
        return {"calls": len(calls)}

    def do_close(self, wish):
        self.running = False

    # -- beside the commands

    def buddy(self, target, watch):
        if target not in self.buddies:
            config = pj.BuddyConfig()
            config.uri = target
            config.subscribe = watch
            self.buddies[target] = Buddy()
            self.buddies[target].create(self.account, config)
        return self.buddies[target]

    def answer(self, call):
        prm = pj.CallOpParam(True)
        prm.statusCode = 200
        prm.opt.videoCount = 0
        call.answer(prm)

    def forget(self, call):
        # Its recording is whole only when its recorder is gone.
        call.player = call.recorder = None
        calls.pop(call.number, None)
        tell(event="recorded", call=call.number)

    def run(self):
        tell(event="ready")
        rest = ""
        while self.running:
            if self.account:
                self.endpoint.libHandleEvents(5)
            while self.later:
                self.later.pop(0)()
            if not select.select([sys.stdin], [], [], 0 if self.account else 1)[0]:
                continue
            piece = os.read(sys.stdin.fileno(), 65536).decode()
            if not piece:
                break
            rest += piece
            while "\n" in rest:
                line, rest = rest.split("\n", 1)
                self.take(json.loads(line))
        self.close()

    def take(self, wish):
        number, name = wish.pop("id"), wish.pop("do")
        try:
            tell(id=number, ok=True, **(getattr(self, "do_" + name)(wish) or {}))
        except pj.Error as error:
            tell(id=number, ok=False, error=error.info())

    def close(self):
        # The library itself is not taken down: it would wait a second for nothing.
        self.endpoint.hangupAllCalls()
        if self.account and self.account.getInfo().regIsConfigured:
            self.account.setRegistration(False)
        for _ in range(50):
            self.endpoint.libHandleEvents(10)
            if not calls and not (self.account and self.account.getInfo().regIsActive):
                break
            while self.later:
                self.later.pop(0)()


phone = Phone()
phone.run()
sys.stdout.flush()
os._exit(0)  # the destructors of what is left would look for a library that is gone
