"""Reads a run's event files with TensorBoard's own reader, and compares every number with metrics.jsonl.

    npx attune train recipes/bundled-lora.yaml train.steps=20 --out OUT
    python scripts/check-tensorboard.py OUT

Needs the package tensorboard. Not part of `npm test`, which needs no Python: there the records' bytes and checksums are tested. Ends
with 1 where a number, a step or the run's YAML is missing or differs (values are float32 in event files).
"""

import json
import math
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = {"loss": "train/loss", "lr": "train/lr", "gradNorm": "train/grad_norm", "tokensPerSecond": "train/tokens_per_second"}
EVAL_TAGS = {"evalLoss": "eval/loss", "perplexity": "eval/perplexity"}


def as_float32(value):
    return math.nan if value is None else struct.unpack("f", struct.pack("f", value))[0]


folder = Path(sys.argv[1])
events = EventAccumulator(str(folder / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
events.Reload()
found = {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}
# newer readers turn scalars into tensors
for tag in events.Tags()["tensors"]:
    for event in events.Tensors(tag):
        values = event.tensor_proto.float_val
        if values:
            found.setdefault(tag, {})[event.step] = values[0]

faults, compared = [], 0
for line in (folder / "metrics.jsonl").read_text().splitlines():
    record = json.loads(line)
    tags = TAGS if record["kind"] == "train" else EVAL_TAGS
    expected = {tag: record[key] for key, tag in tags.items()}
    expected |= {f"eval/{name}": value for name, value in (record.get("metrics") or {}).items()}
    for tag, value in expected.items():
        compared += 1
        read = found.get(tag, {}).get(record["step"])
        wanted = as_float32(value)
        if read is None or not (read == wanted or (math.isnan(read) and math.isnan(wanted))):
            faults.append(f"{tag} at step {record['step']}: {read}, metrics.jsonl has {wanted}")
if not any("run" in tag for tag in events.Tags()["tensors"]):
    faults.append("the run's YAML is not among the texts")
print(f"{compared} numbers of {len(found)} tags compared")
for fault in faults:
    print(f"DIFFERS {fault}")
sys.exit(1 if faults or compared == 0 else 0)
