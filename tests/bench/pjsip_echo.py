# PJSIP as a phone that answers at once and says back what it hears: pjsip_echo.py SIP-PORT RTP-PORT. Run by the peers'
# Python, which has pjsua2-python. Ends when it is told to by a signal.

import sys
import time

import pjsua2 as pj


class Call(pj.Call):
    def onCallMediaState(self, prm):
        sound = self.getAudioMedia(-1)
        sound.startTransmit(sound)

    def onCallState(self, prm):
        if self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED:
            calls.remove(self)


class Account(pj.Account):
    def onIncomingCall(self, prm):
        call = Call(self, prm.callId)
        calls.append(call)
        answer = pj.CallOpParam()
        answer.statusCode = 200
        call.answer(answer)


calls = []
endpoint = pj.Endpoint()
endpoint.libCreate()
config = pj.EpConfig()
config.uaConfig.threadCnt = 0
config.uaConfig.mainThreadOnly = True
config.logConfig.level = 3
config.logConfig.consoleLevel = 3
config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
config.medConfig.noVad = True
config.medConfig.ecTailLen = 0
endpoint.libInit(config)
port = pj.TransportConfig()
port.port = int(sys.argv[1])
port.boundAddress = port.publicAddress = "127.0.0.1"
handle = endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, port)
endpoint.libStart()
endpoint.audDevManager().setNullDev()
account = Account()
settings = pj.AccountConfig()
settings.idUri = f"sip:echo@127.0.0.1:{sys.argv[1]}"
settings.sipConfig.transportId = handle
settings.mediaConfig.transportConfig.port = int(sys.argv[2])
settings.mediaConfig.transportConfig.portRange = 20
settings.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
account.create(settings)
print("ready", flush=True)
while True:
    endpoint.libHandleEvents(10)
    time.sleep(0)
