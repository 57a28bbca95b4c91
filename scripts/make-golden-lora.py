"""Adapters of PEFT's further kinds beside the reference records: tests/golden/*/lora/. Run as make-golden.py is, after it and
make-golden-opt.py; a minute on one core.

DoRA, modules_to_save (a head that was tied among them), trained biases, exclude_modules, layers_to_transform. Each is trained for six
updates, with the adapter before and after, logits, and the base weights that merging changes.
"""

import copy
import importlib.util
import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file
from transformers import AutoConfig, OPTForCausalLM, T5ForConditionalGeneration

here = Path(__file__).parent
spec = importlib.util.spec_from_file_location("golden", here / "make-golden.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

VARIANTS = {
    "t5-gated": {
        "dora": dict(r=4, lora_alpha=8, use_dora=True, target_modules=["q", "wo"], rank_pattern={"EncDecAttention.q": 2}),
        "saved": dict(r=4, lora_alpha=8, target_modules=["q", "v"], modules_to_save=["lm_head", "final_layer_norm"],
                      exclude_modules=["EncDecAttention.v"]),
    },
    "opt-pre": {
        "dora": dict(r=3, lora_alpha=5, use_dora=True, use_rslora=True, bias="lora_only", target_modules=["q_proj", "fc2"]),
        "biases": dict(r=2, lora_alpha=4, bias="all", target_modules=["q_proj", "v_proj"], layers_to_transform=[1],
                       layers_pattern="layers", init_lora_weights=False),
        "saved": dict(r=2, lora_alpha=4, target_modules=["v_proj"], modules_to_save=["lm_head", "0.final_layer_norm"]),
    },
}
RUN = golden.LORA_RUN | dict(steps=6, warmup=2, clip=1.5)
PROBES = {"t5": "padded", "opt": "right-padded"}


def causal_batches(generator, vocab):
    """Right-padded batches, labels as a data set has them."""
    batches = []
    for rows, length in [(3, 10), (1, 8), (2, 12), (4, 7)]:
        lengths = [max(3, length - 3 * i) for i in range(rows)]
        ids = golden.rows_of([[2] + torch.randint(3, vocab, (n - 1,), generator=generator).tolist() for n in lengths], 1)
        mask = (torch.arange(ids.shape[1]) < torch.tensor(lengths)[:, None]).long()
        labels = ids.masked_fill(mask == 0, -100)
        labels[0, :2] = -100
        batches.append(dict(input_ids=ids, attention_mask=mask, labels=labels))
    return batches


def shifted(batch):
    """golden.train compares logits and labels place by place."""
    labels = torch.full_like(batch["labels"], -100)
    labels[:, :-1] = batch["labels"][:, 1:]
    return batch | {"labels": labels}


def make(folder):
    kind = AutoConfig.from_pretrained(folder).model_type
    kind_class = T5ForConditionalGeneration if kind == "t5" else OPTForCausalLM
    base = kind_class.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    if kind == "opt":
        batches = causal_batches(torch.Generator().manual_seed(5), base.config.vocab_size)
        golden.write_json(folder / "train/data.json", {"micro_batches": [{k: x.tolist() for k, x in b.items()} for b in batches]})
        batches = [shifted(batch) for batch in batches]
    else:
        data = json.loads((folder / "train/data.json").read_text())
        batches = [{key: torch.tensor(rows) for key, rows in batch.items()} for batch in data["micro_batches"]]
    cases = load_file(folder / "forward/cases.safetensors")
    inputs = ["input_ids", "attention_mask", "labels"]
    probe = {key: cases[f"{PROBES[kind]}.{key}"].long() for key in inputs if kind == "t5" or key != "labels"}
    for name, peft in VARIANTS[folder.name].items():
        out = folder / "lora" / name
        seed = 2000 + len(name)
        torch.manual_seed(seed)
        model = get_peft_model(copy.deepcopy(base), LoraConfig(**peft)).eval()
        golden.save_adapter(model, out / "initial")
        with torch.no_grad():
            logits = {"initial": model(**probe).logits}
        record = golden.make_training(model, batches, RUN)
        golden.save_adapter(model, out / "final")
        with torch.no_grad():
            logits["adapter"] = model(**probe).logits
            merged = copy.deepcopy(model).merge_and_unload().eval()
            logits["merged"] = merged(**probe).logits
        golden.write_tensors(out / "logits.safetensors", logits)
        before = base.state_dict()
        changed = {key: x for key, x in merged.state_dict().items() if not torch.equal(x, before[key])}
        golden.write_tensors(out / "merged_weights.safetensors", changed)
        facts = {"peft": peft, "torch_manual_seed_before_get_peft_model": seed, "probe": f"forward case {PROBES[kind]}"}
        golden.write_json(out / "train.json", facts | record)
        difference = (logits["adapter"] - logits["merged"]).abs().max().item()
        print(f"{folder.name}/{name}: {len(changed)} weights merged, adapter against merged {difference:.1e}", file=sys.stderr)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for model_name in VARIANTS:
        make(here.parent / "tests/golden" / model_name)
