"""What the search is compared with, in dictionaries and loops: every path, the definition of a back-off model, and
prefix beam search as it is written down. Nothing here is the package's."""

import itertools
import math
from collections import defaultdict

import torch

LN_ZERO = -math.inf


def random_frames(num_frames, num_tokens, seed, sharp=1.0):
    """(frame, token) log probabilities, float64."""
    generator = torch.Generator().manual_seed(seed)
    return (sharp * torch.randn(num_frames, num_tokens, generator=generator, dtype=torch.float64)).log_softmax(-1)


def add(*logarithms):
    """ln of the sum of exponentials."""
    most = max(logarithms)
    return most if most == LN_ZERO else most + math.log(sum(math.exp(one - most) for one in logarithms))


def all_strings(frames):
    """{token string: ln of the sum over its paths}, by walking every path."""
    sums = defaultdict(list)
    frames = frames.tolist()
    for path in itertools.product(range(len(frames[0])), repeat=len(frames)):
        string = tuple(token for token, _ in itertools.groupby(path) if token)
        sums[string].append(math.fsum(frame[token] for frame, token in zip(frames, path, strict=True)))
    return {string: add(*paths) for string, paths in sums.items()}


class PlainNgram:
    """An ARPA file as a dictionary."""

    def __init__(self, path):
        self.log10, self.backoff, self.order = {}, {}, 0
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.endswith("-grams:"):
                self.order = int(line[1:-7])
            elif self.order and line and not line.startswith("\\"):
                number, gram, *weight = line.split("\t")
                self.log10[tuple(gram.split(" "))] = float(number)
                self.backoff[tuple(gram.split(" "))] = float(weight[0]) if weight else 0.0
        self.known = {gram[0] for gram in self.log10 if len(gram) == 1}

    def word(self, history, word):
        """log10 p(word | history), by the definition."""
        history = tuple(history)[-(self.order - 1):] if self.order > 1 else ()
        if (*history, word) in self.log10:
            return self.log10[*history, word]
        return self.backoff.get(history, 0.0) + self.word(history[1:], word)

    def sentence(self, words, end=True):
        """log10 P(words </s>)."""
        words = ["<s>", *(word if word in self.known else "<unk>" for word in words), *(["</s>"] if end else [])]
        return sum(self.word(words[:place], words[place]) for place in range(1, len(words)))


def plain_search(frames, beam, first=(), longer=lambda prefix, token: (*prefix, token), gain=lambda prefix: 0.0):
    """Hannun et al.'s prefix search: {prefix: (ln p, its gain)} of the beam after the last frame.

    A prefix is a tuple, its last element the last token; longer(prefix, token): what it becomes, None if it cannot;
    gain(prefix): what it scores beside its paths.
    """
    prefixes = {first: (0.0, LN_ZERO)}  # ends in blank, ends in its last token
    for frame in frames.tolist():
        new = defaultdict(lambda: [LN_ZERO, LN_ZERO])
        for prefix, (blank, token) in prefixes.items():
            last = prefix[-1] if prefix else None
            new[prefix][0] = add(new[prefix][0], add(blank, token) + frame[0])
            if last:
                new[prefix][1] = add(new[prefix][1], token + frame[last])
            for index in range(1, len(frame)):
                if (next_ := longer(prefix, index)) is not None:
                    new[next_][1] = add(new[next_][1], (blank if index == last else add(blank, token)) + frame[index])
        best = sorted(new.items(), key=lambda item: -(add(*item[1]) + gain(item[0])))
        prefixes = dict(best[:beam])
    return {prefix: (add(*parts), gain(prefix)) for prefix, parts in prefixes.items()}


class PlainWords:
    """plain_search's functions for words of a language model; a prefix is (words, letters, last token)."""

    first = ((), "", 0)

    def __init__(self, texts, ngram, weight, penalty):
        """texts: what each token writes, a boundary as " ", None where nothing."""
        self.texts, self.ngram, self.weight, self.penalty = texts, ngram, weight, penalty
        self.words = sorted(ngram.known - {"<s>", "</s>", "<unk>"})

    def longer(self, prefix, token):
        words, letters, _ = prefix
        text = self.texts[token]
        if not text:
            return None
        if text[0] == " ":
            if letters and letters not in self.words:
                return None
            words, letters, text = words + ((letters,) if letters else ()), "", text[1:]
        letters += text
        return (words, letters, token) if any(word.startswith(letters) for word in self.words) else None

    def hope(self, letters):
        """The best unigram that goes on from these letters, against the best of all."""
        here, first = (max(self.ngram.log10[word,] for word in self.words if word.startswith(begin))
                       for begin in (letters, ""))
        return self.weight * (here - first)

    def gain(self, prefix):
        words, letters, _ = prefix
        score = self.weight * self.ngram.sentence(words, end=False) + self.penalty * len(words)
        return score + (self.hope(letters) if letters else 0.0)

    def results(self, beam):
        """{words: score} at the end, from what plain_search gives."""
        sums = defaultdict(list)
        for (words, letters, _), (paths, _) in beam.items():
            if not letters or letters in self.words:
                words += (letters,) if letters else ()
                sums[words].append(paths + self.weight * self.ngram.sentence(words) + self.penalty * len(words))
        return {words: add(*scores) for words, scores in sums.items()}
