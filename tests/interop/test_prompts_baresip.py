"""Prompts into a call with a real baresip, which keeps what it hears; and the call as we keep it, a channel a side."""

import subprocess
import time

from driver import DOOR, INDOOR
from siplet_tools.speech import compare
from siplet_tools.wav_file import RATE, read_wav


def test_a_prompt_is_heard_by_baresip_and_both_sides_are_in_our_recording(baresip, puppet, tmp_path):
    indoor = baresip()
    phone = puppet(sound={"sound.complete": True, "sound.jitter_least_ms": 60})  # whatever keeps this PC busy
    kept = tmp_path / "kept.wav"
    prompt = tmp_path / "prompt.wav"  # of another rate and form than the call
    subprocess.run(["sox", "-D", DOOR, "-r", "16000", "-e", "signed", "-b", "16", prompt], check=True, timeout=20)
    call = phone.do("call", target=indoor.uri)["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    phone.event("up", call=call)
    phone.do("record", call=call, path=str(kept), channels=2)
    began = time.monotonic()
    assert phone.do("play", call=call, paths=[str(prompt)])["played"]
    took = time.monotonic() - began
    assert abs(took - len(read_wav(DOOR)) / RATE) < 0.5
    time.sleep(max(0.5, len(read_wav(INDOOR)) / RATE + 1 - took))
    assert phone.do("stop_recording", call=call)["seconds"] >= 3
    indoor.command("hangup")
    phone.event("ended", call=call)
    heard = compare(DOOR, indoor.heard())
    sides = []
    for channel in (1, 2):
        path = tmp_path / f"side{channel}.wav"
        subprocess.run(["sox", kept, path, "remix", str(channel)], check=True, timeout=20)
        sides.append(path)
    said, answered = compare(DOOR, sides[0]), compare(INDOOR, sides[1])
    print("baresip heard:", heard, "\nwe kept of ours:", said, "\nand of baresip's:", answered)
    # The filter delays by parts of a sample, which is all that is amiss: test_sound_files looks at it more closely
    assert heard.ok and heard.correlation > 0.97
    assert said.ok and said.correlation > 0.97
    assert answered.ok and answered.correlation > 0.99
