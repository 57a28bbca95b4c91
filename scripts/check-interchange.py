"""Loads what attune saved with transformers and PEFT, and compares what they compute with what attune wrote down.

    node scripts/with-driver.mjs tsx --conditions=@attune/source scripts/write-interchange.ts OUT
    /tmp/venv/bin/python scripts/check-interchange.py OUT

Needs torch, transformers and peft (scripts/make-golden.py says which versions, and how to get them). Not part of `npm test`,
which needs no Python. Ends with 1 where anything differs by more than 1e-5 (relative to the largest logit, at least 1).
"""

import json
import sys
import warnings
from pathlib import Path

import torch
from transformers import AutoModelForSeq2SeqLM, logging
from transformers import __version__ as transformers_version

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
torch.set_num_threads(1)
BOUND = 1e-5


def ways_to_load(folder, record):
    """Name of the way -> model, for every way that a user of the Python stack would take."""
    if record["kind"] == "model":
        yield "from_pretrained", AutoModelForSeq2SeqLM.from_pretrained(folder / "model", torch_dtype=torch.float32)
        return
    from peft import AutoPeftModel, PeftModel

    def base():
        return AutoModelForSeq2SeqLM.from_pretrained(record["base"], torch_dtype=torch.float32)

    adapter = str(folder / "adapter")
    yield "PeftModel", PeftModel.from_pretrained(base(), adapter)
    yield "merged", PeftModel.from_pretrained(base(), adapter).merge_and_unload()
    if json.loads((folder / "adapter/adapter_config.json").read_text())["auto_mapping"]:
        yield "AutoPeftModel", AutoPeftModel.from_pretrained(adapter)
    model = base()
    model.load_adapter(adapter)
    yield "load_adapter", model


def compare(model, record):
    """The scaled difference of the logits, and whether greedy ids are equal."""
    ids, mask, labels = (torch.tensor(record[name]) for name in ("input_ids", "attention_mask", "labels"))
    with torch.no_grad():
        logits = model.eval()(input_ids=ids, attention_mask=mask, labels=labels).logits
        greedy = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=12)
    ours = torch.tensor(record["logits"]).reshape(logits.shape)
    return ((ours - logits).abs().max() / logits.abs().max().clamp(min=1)).item(), greedy.tolist() == record["greedy"]


print(f"transformers {transformers_version}, torch {torch.__version__}")
is_equal = True
for folder in sorted(path.parent for path in Path(sys.argv[1]).glob("*/attune.json")):
    record = json.loads((folder / "attune.json").read_text())
    for way, model in ways_to_load(folder, record):
        error, same_ids = compare(model, record)
        passed = error <= BOUND and same_ids
        is_equal &= passed
        print(f"{'ok     ' if passed else 'DIFFERS'} {folder.name:20} {way:16} logits {error:.1e}  greedy ids {'equal' if same_ids else 'differ'}")
sys.exit(0 if is_equal else 1)
