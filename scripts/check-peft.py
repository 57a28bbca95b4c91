"""Loads adapters of every kind that attune wrote with PEFT, and the merged models with transformers, and compares their logits.

    node scripts/with-driver.mjs tsx --conditions=@attune/source scripts/write-peft.ts OUT
    /tmp/venv/bin/python scripts/check-peft.py OUT

Needs torch, transformers and peft (scripts/make-golden.py says which versions, and how to get them). Not part of `npm test`,
which needs no Python. Ends with 1 where anything differs by more than 1e-5 (relative to the largest logit, at least 1).
"""

import json
import sys
import warnings
from pathlib import Path

import torch
from peft import PeftModel
from peft import __version__ as peft_version
from transformers import OPTForCausalLM, T5ForConditionalGeneration, logging
from transformers import __version__ as transformers_version

warnings.filterwarnings("ignore")
logging.set_verbosity_error()
torch.set_num_threads(1)
BOUND = 1e-5
CLASSES = {"t5": T5ForConditionalGeneration, "opt": OPTForCausalLM}


def difference(model, facts):
    ids = torch.tensor(facts["ids"]).view(facts["rows"], -1)
    inputs = {"input_ids": ids} | ({"decoder_input_ids": ids} if facts["model"] == "t5" else {})
    with torch.no_grad():
        logits = model.eval()(**inputs).logits.flatten()
    ours = torch.tensor(facts["logits"])
    return ((logits - ours).abs().max() / max(1.0, ours.abs().max().item())).item()


worst = 0.0
print(f"peft {peft_version}, transformers {transformers_version}, torch {torch.__version__}")
for file in sorted(Path(sys.argv[1]).rglob("facts.json")):
    facts, folder = json.loads(file.read_text()), file.parent
    load = lambda where: CLASSES[facts["model"]].from_pretrained(where, dtype=torch.float32, attn_implementation="eager")
    found = {"adapter": difference(PeftModel.from_pretrained(load(facts["base"]), folder / "adapter"), facts)}
    if facts["isMerged"]:
        found["merged"] = difference(load(folder / "merged"), facts)
    worst = max(worst, *found.values())
    print(f"{folder.parent.name}/{folder.name}: " + ", ".join(f"{name} {error:.1e}" for name, error in found.items()))
sys.exit(0 if worst <= BOUND else 1)
