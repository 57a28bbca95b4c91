"""The Python half of bench/metrics.ts: reads {references, predictions} as JSON on stdin, times ROUGE and BLEU, prints one JSON line.

ROUGE: rouge_score where it is installed, else torchmetrics' ROUGEScore (both over NLTK's Porter stemmer), else a transcription of
rouge_score's rules (google-research/rouge) over NLTK's stemmer, which does no work that rouge_score does not do.
"""
import collections
import json
import re
import sys
import time


def transcribed(references, predictions):
    from nltk.stem.porter import PorterStemmer

    stemmer = PorterStemmer()

    def tokens(text):
        words = re.split(r"\s+", re.sub(r"[^a-z0-9]+", " ", text.lower()))
        words = [stemmer.stem(word) if len(word) > 3 else word for word in words]
        return [word for word in words if re.match(r"^[a-z0-9]+$", word)]

    def f(hits, reference, prediction):
        p, r = hits / max(prediction, 1), hits / max(reference, 1)
        return 2 * p * r / (p + r) if p + r > 0 else 0.0

    def lcs(a, b):
        table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
        for i in range(1, len(a) + 1):
            for j in range(1, len(b) + 1):
                table[i][j] = table[i - 1][j - 1] + 1 if a[i - 1] == b[j - 1] else max(table[i - 1][j], table[i][j - 1])
        return table[-1][-1]

    def grams(words, n):
        return collections.Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))

    sums = collections.Counter()
    for reference, prediction in zip(references, predictions):
        a, b = tokens(reference), tokens(prediction)
        for n in (1, 2):
            x, y = grams(a, n), grams(b, n)
            sums[f"rouge{n}"] += f(sum((x & y).values()), sum(x.values()), sum(y.values()))
        sums["rougeL"] += f(lcs(a, b), len(a), len(b))
    return {name: value / len(references) for name, value in sums.items()}


def rouge():
    try:
        from rouge_score import rouge_scorer

        def score(references, predictions):
            scorer = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
            rows = [scorer.score(a, b) for a, b in zip(references, predictions)]
            return {name: sum(row[name].fmeasure for row in rows) / len(rows) for name in rows[0]}

        return "rouge_score", score
    except ImportError:
        pass
    try:
        from torchmetrics.text.rouge import ROUGEScore

        def score(references, predictions):
            found = ROUGEScore(use_stemmer=True, rouge_keys=("rouge1", "rouge2", "rougeL"))(predictions, references)
            return {name: float(found[f"{name}_fmeasure"]) for name in ("rouge1", "rouge2", "rougeL")}

        return "torchmetrics", score
    except ImportError:
        return "rouge_score's rules over nltk", transcribed


def best(work, rounds):
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        value = work()
        times.append(time.perf_counter() - begin)
    return value, sorted(times)[len(times) // 2]


def main():
    data = json.load(sys.stdin)
    references, predictions = data["references"], data["predictions"]
    name, score = rouge()
    rouge_values, rouge_seconds = best(lambda: score(references, predictions), data["rounds"])
    import sacrebleu

    def bleu():
        sacrebleu.metrics.bleu._get_tokenizer("13a")  # the class; its cache of lines below is what a second corpus would not have
        from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
        from sacrebleu.tokenizers.tokenizer_re import TokenizerRegexp

        for cached in (Tokenizer13a.__call__, TokenizerRegexp.__call__):
            cached.cache_clear()
        return sacrebleu.corpus_bleu(predictions, [references]).score

    bleu_value, bleu_seconds = best(bleu, data["rounds"])
    print(json.dumps({"rouge": rouge_values, "rouge_s": rouge_seconds, "by": name, "bleu": bleu_value, "bleu_s": bleu_seconds}))


main()
