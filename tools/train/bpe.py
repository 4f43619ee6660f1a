# SPDX-License-Identifier: MIT
"""Byte-pair encoding as CLIP's, for plain ASCII text: learning merges, and encoding with them.

The program's own tokenizer (src/clip) is the reference; captions are lower-case words, so what it
does about Unicode is not needed here. Symbols are numbered as there: 256 bytes, 256 bytes that end
a word, one for each merge, start, end.
"""
import collections
import re

WORD = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[a-z]+|[0-9]|[^\sa-z0-9]+")


def words_of(text):
    return WORD.findall(text.lower())


def byte_symbol(byte):
    """Number of a printable ASCII byte in CLIP's alphabet."""
    assert 33 <= byte <= 126
    return byte - 33


def learn(counts, size):
    """Merges by falling frequency; ties by the alphabet, so that the result is always the same."""
    pieces = {w: tuple(w[:-1]) + (w[-1] + "</w>",) for w in counts}
    merges = []
    while len(merges) < size:
        pairs = collections.Counter()
        for word, parts in pieces.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += counts[word]
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for word, parts in pieces.items():
            if best[0] in parts:
                pieces[word] = join(parts, best)
    return merges


def join(parts, pair):
    out, i = [], 0
    while i < len(parts):
        if i + 1 < len(parts) and (parts[i], parts[i + 1]) == pair:
            out.append(parts[i] + parts[i + 1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return tuple(out)


class Tokenizer:
    def __init__(self, merges):
        self.rank = {pair: i for i, pair in enumerate(merges)}
        self.number = {}
        for byte in range(33, 127):
            self.number[chr(byte)] = byte_symbol(byte)
            self.number[chr(byte) + "</w>"] = 256 + byte_symbol(byte)
        for i, pair in enumerate(merges):
            self.number["".join(pair)] = 512 + i
        self.start = 512 + len(merges)
        self.end = self.start + 1
        self.size = self.end + 1
        self.known = {}

    def word(self, word):
        if word not in self.known:
            parts = tuple(word[:-1]) + (word[-1] + "</w>",)
            while len(parts) > 1:
                pair = min(zip(parts, parts[1:]), key=lambda p: self.rank.get(p, 1 << 30))
                if pair not in self.rank:
                    break
                parts = join(parts, pair)
            self.known[word] = [self.number[p] for p in parts]
        return self.known[word]

    def encode(self, text, length):
        ids = [self.start] + [i for w in words_of(text) for i in self.word(w)] + [self.end]
        if len(ids) > length:
            ids = ids[: length - 1] + [self.end]
        return ids + [0] * (length - len(ids))
