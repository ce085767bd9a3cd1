"""How well speech came through: PESQ (ITU-T P.862.2, wide band) for each voice and STOI for each sentence.

    meter.py MOUTH.wav EAR.wav FROM:TO:VOICE...

Both files are mono, 16 bit, 48 kHz, and share one clock; a sentence lies between two samples of MOUTH. Each is found in
EAR on its own, at most 1.3 s later, so that a call that changes its delay between sentences is not punished for it,
while one that stretches a sentence is. Prints one JSON object.
"""

import json
import sys
import wave

import numpy as np
from pesq import pesq
from pystoi import stoi
from scipy.signal import resample_poly

RATE = 48_000
LATE_MAX = int(1.3 * RATE)
MARGIN = RATE // 4


def read(path):
    with wave.open(path) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, RATE), path
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float) / 32768


def delay_of(said, heard):
    """Samples from `said` to where it is found in `heard`: the peak of their cross-correlation over the bands of speech,
    half whitened, so that one loud vowel does not decide."""
    size = 1 << (len(said) + len(heard)).bit_length()
    hertz = np.fft.rfftfreq(size, 1 / RATE)
    cross = np.conj(np.fft.rfft(said, size)) * np.fft.rfft(heard, size)
    cross[(hertz < 150) | (hertz > 5_000)] = 0
    cross /= np.sqrt(np.abs(cross)) + 1e-9
    return int(np.argmax(np.fft.irfft(cross, size)[:LATE_MAX]))


def main():
    mouth, ear = read(sys.argv[1]), read(sys.argv[2])
    ear = np.concatenate([ear, np.zeros(LATE_MAX + MARGIN)])
    delays, stois, voices = [], [], {}
    for sentence in sys.argv[3:]:
        start, end, voice = (int(number) for number in sentence.split(":"))
        delay = delay_of(mouth[start:end], ear[start : end + LATE_MAX])
        start, end = max(0, start - MARGIN), min(end + MARGIN, len(mouth))
        said = resample_poly(mouth[start:end], 1, 3)
        heard = resample_poly(ear[start + delay : end + delay], 1, 3)
        delays.append(1000 * delay / RATE)
        stois.append(float(stoi(said, heard, RATE // 3)))
        voices.setdefault(voice, []).append((said, heard))
    scores = []
    for pairs in voices.values():
        said, heard = (np.concatenate(side) for side in zip(*pairs))
        try:
            scores.append(float(pesq(RATE // 3, said, heard, "wb")))
        except Exception:  # The library finds no speech at all: the worst there is.
            scores.append(1.0)
    print(json.dumps({"pesq": float(np.mean(scores)), "stoi": float(np.mean(stois)), "delays": delays}))


main()
