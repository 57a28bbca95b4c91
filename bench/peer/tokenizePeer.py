"""bench/tokenize.ts's peer: Python's `tokenizers` on the same rows. Prints the seconds of every round and the number of ids."""

import json
import sys
import time

from tokenizers import Tokenizer

folder, file, field, rounds = sys.argv[1:]
with open(file, encoding="utf-8") as rows:
    texts = [str(json.loads(row)[field]) for row in rows if row.strip()]
seconds = []
for _ in range(int(rounds)):
    begin = time.perf_counter()
    tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
    count = sum(len(encoding.ids) for encoding in tokenizer.encode_batch(texts))
    seconds.append(time.perf_counter() - begin)
print(json.dumps({"seconds": seconds, "ids": count}))
