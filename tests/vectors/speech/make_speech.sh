#!/bin/sh
# Makes the two clips of speech that lie beside this file: G.711, 8 kHz, mono, under 5 s and 40 KB each.
# Wants Debian's espeak-ng and sox; the clips are committed, so nobody needs to run this to use them.
#   door.wav    what the visitor says at the door, mu-law
#   indoor.wav  what the person in the house answers, A-law (so one call carries both laws)
set -eu
cd "$(dirname "$0")"

# speak NAME VOICE ENCODING TEXT: low cut as a telephone does, peak at -3 dB, no dither (the same bytes each time).
speak() {
    espeak-ng -v "$2" -s 165 --stdout "$4" |
        sox -D -t wav - -r 8000 -c 1 -e "$3" "$1" highpass 150 gain -n -3
    size=$(wc -c <"$1")
    [ "$size" -le 40000 ] || { echo "$1 is $size bytes, more than 40000" >&2; exit 1; }
}

speak door.wav en-gb mu-law "Good morning! I bring a parcel for number eleven."
speak indoor.wav en-us+f3 a-law "Thank you, just a moment. Push when it buzzes."
