"""Small reference records for the tests: tests/golden/t5-relu and tests/golden/t5-gated (see tests/golden/README.md).

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install torch==2.13.0 transformers==5.18.0 peft==0.21.0 accelerate==1.15.0 safetensors==0.8.0 numpy==2.4.6
    /tmp/venv/bin/python scripts/make-golden.py            # torch's CPU build will do; under a minute on one core

Two tiny T5s with random weights, trained for a moment so that they say something, and what Hugging Face's stack computes with
them: logits, hidden states, losses, gradients, greedy ids, ten updates of AdamW on all weights, and as many on LoRA adapters.
`attune verify` and tests/parity read the records. Token ids and choices come out equal on every machine, floats may differ
in their last digits.
"""

import argparse
import copy
import json
import math
import shutil
from pathlib import Path

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import T5Config, T5ForConditionalGeneration, Trainer, get_scheduler

# The sizes are odd on purpose: no row length of these is a multiple of a vector or a workgroup. "gated" has its own lm_head,
# fewer decoder than encoder blocks, heads * d_kv unlike d_model, and position buckets unlike the default.
MODELS = {
    "t5-relu": dict(vocab_size=99, d_model=32, d_kv=8, d_ff=33, num_layers=2, num_heads=2, feed_forward_proj="relu"),
    "t5-gated": dict(vocab_size=101, d_model=32, d_kv=6, d_ff=35, num_layers=2, num_decoder_layers=1, num_heads=3,
                     feed_forward_proj="gated-gelu", relative_attention_num_buckets=16, relative_attention_max_distance=40),
}
ADAMW = dict(optimizer="adamw", steps=10, accumulation=2, betas=[0.9, 0.999], eps=1e-8, warmup=3, clip=6.0)
RUNS = {
    "t5-relu": ADAMW | dict(lr=3e-3, weight_decay=0.1, schedule="cosine"),
    "t5-gated": ADAMW | dict(lr=2e-3, weight_decay=0.05, schedule="linear"),
}
LORA_RUN = ADAMW | dict(lr=1e-2, clip=2.1, weight_decay=0.01, schedule="cosine")
ADAPTERS = {
    "t5-relu": {"default": dict(r=4, lora_alpha=8)},
    "t5-gated": {
        "default": dict(r=4, lora_alpha=8),
        "patterns": dict(r=4, lora_alpha=6, use_rslora=True, target_modules=["q", "v", "wo", "lm_head"],
                         rank_pattern={"EncDecAttention.q": 2, "lm_head": 3}, alpha_pattern={"SelfAttention.v": 10}),
    },
}
PAD, EOS = 0, 1


# --- files -----------------------------------------------------------------------------------------------------------

def to_text(value, depth=0):
    """JSON with one line for whatever fits on it: short to read, and one changed number changes one line."""
    flat = json.dumps(value)
    if len(flat) <= 120 - 2 * depth or not isinstance(value, (dict, list)) or (isinstance(value, list) and isinstance(value[0], int)):
        return flat
    inner = "  " * (depth + 1)
    if isinstance(value, dict):
        items = [f"{json.dumps(key)}: {to_text(item, depth + 1)}" for key, item in value.items()]
    else:
        items = [to_text(item, depth + 1) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(items) + "\n" + "  " * depth + closing


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(to_text(value) + "\n")


def write_tensors(path, tensors):
    path.parent.mkdir(parents=True, exist_ok=True)
    small = {name: x.detach().to(torch.int32 if x.dtype == torch.int64 else torch.float32).contiguous() for name, x in tensors.items()}
    save_file(small, path, metadata={"format": "pt"})


# --- models ----------------------------------------------------------------------------------------------------------

def rows_of(sequences, fill, width=None):
    width = width or max(map(len, sequences))
    return torch.tensor([list(row) + [fill] * (width - len(row)) for row in sequences])


def random_row(generator, vocab, length):
    """`length` tokens, the last of them EOS; the ids 0 to 2 stand for nothing else."""
    return torch.randint(3, vocab, (length - 1,), generator=generator).tolist() + [EOS]


def fresh_model(name, generator):
    is_gated = name == "t5-gated"
    config = T5Config(**MODELS[name], dropout_rate=0.0, decoder_start_token_id=PAD, tie_word_embeddings=not is_gated)
    model = T5ForConditionalGeneration._from_config(config, attn_implementation="eager")
    if is_gated:  # transformers 5 ties whatever the config says, unless the two matrices differ
        model.lm_head.weight = torch.nn.Parameter(torch.empty(config.vocab_size, config.d_model))
        model.config.scale_decoder_outputs = False
        model.config.tie_word_embeddings = False
    for key, weight in model.named_parameters():
        draw = torch.randn(weight.shape, generator=generator)
        if "layer_norm" in key:
            weight.data = 1 + 0.1 * draw
        elif "relative_attention_bias" in key:
            weight.data = 0.7 * draw
        else:
            weight.data = draw * (1.0 if key == "shared.weight" else weight.shape[-1] ** -0.5)
    warm_up(model, generator)
    return model.eval()


def warm_up(model, generator, steps=400):
    """Learns, for some steps, to count on from the input's first token in strides of 7, and to stop now and then."""
    vocab = model.config.vocab_size
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    for _ in range(steps):
        rows = [random_row(generator, vocab, int(n)) for n in torch.randint(5, 13, (24,), generator=generator)]
        ids = rows_of(rows, PAD)
        counted = [[3 + (row[0] - 3 + 7 * i) % (vocab - 3) for i in range(len(row) - 2)] + [EOS] for row in rows]
        optimizer.zero_grad()
        model(input_ids=ids, attention_mask=(ids != PAD).long(), labels=rows_of(counted, -100)).loss.backward()
        optimizer.step()


def twice_as_precise(model):
    return copy.deepcopy(model).double()


# --- forward and gradients -------------------------------------------------------------------------------------------

def forward_cases(model, generator):
    vocab, reach = model.config.vocab_size, model.config.relative_attention_max_distance
    ids = rows_of([random_row(generator, vocab, n) for n in (9, 4, 11, 7)], PAD)
    labels = rows_of([random_row(generator, vocab, n) for n in (5, 7, 3, 6)], -100)
    labels[0, 1] = labels[1, 0] = labels[1, 4] = -100  # holes
    labels[3] = -100  # a row that teaches nothing
    mask = (ids != PAD).long()
    far = dict(
        input_ids=torch.tensor([random_row(generator, vocab, reach * 5 // 4)]),
        labels=torch.tensor([random_row(generator, vocab, reach * 9 // 8)]),
    )
    far["labels"][0, 3:20:4] = -100
    decoder_ids = rows_of([[PAD] + random_row(generator, vocab, n)[:-1] for n in (6, 2, 5, 4)], PAD)
    decoder_mask = (torch.arange(decoder_ids.shape[1]) < torch.tensor([[6], [2], [5], [4]])).long()
    return {
        "padded": dict(input_ids=ids, attention_mask=mask, labels=labels),
        "no-mask": dict(input_ids=ids, labels=labels),
        "decoder-mask": dict(input_ids=ids, attention_mask=mask, decoder_input_ids=decoder_ids, decoder_attention_mask=decoder_mask),
        "far": far,
    }


def make_forward(folder, model, generator, gradients_of):
    cases, tensors = {}, {}
    forward_inputs = forward_cases(model, generator)
    for name, inputs in forward_inputs.items():
        out = model(**inputs, output_hidden_states=True)
        exact = twice_as_precise(model)(**inputs)
        case = {"inputs": sorted(inputs)}
        is_masked = "decoder_attention_mask" in inputs
        case["compare_logits"] = "only where decoder_attention_mask is 1" if is_masked else "all"
        case["fp32_vs_fp64_max_abs_diff"] = (out.logits - exact.logits).abs().max().item()
        kept = {"logits": out.logits}
        if name == "padded":
            for stack, states in (("encoder", out.encoder_hidden_states), ("decoder", out.decoder_hidden_states)):
                kept |= {f"{stack}_hidden.{i}": state for i, state in enumerate(states)}
        if "labels" in inputs:
            tokens = int((inputs["labels"] != -100).sum())
            loss = F.cross_entropy(out.logits.flatten(0, 1), inputs["labels"].flatten(), ignore_index=-100, reduction="sum") / tokens
            case |= {"loss": loss.item(), "loss_tokens": tokens}
            if name == gradients_of:
                model.zero_grad()
                loss.backward()
                case["gradients"] = f"forward/gradients.{name}.safetensors"
                write_tensors(folder / case["gradients"], {key: p.grad for key, p in model.named_parameters()})
        cases[name] = case
        tensors |= {f"{name}.{key}": x for key, x in (inputs | kept).items()}
    note = "loss: mean over loss_tokens; hidden.0 is the input of the first block, the last one what leaves the final norm"
    write_json(folder / "forward/cases.json", {"note": note, "cases": cases})
    write_tensors(folder / "forward/cases.safetensors", tensors)
    return forward_inputs["padded"]


# --- generation ------------------------------------------------------------------------------------------------------

def make_generation(folder, model, generator):
    ids = rows_of([random_row(generator, model.config.vocab_size, n) for n in (8, 12, 5, 9)], PAD)
    inputs = dict(input_ids=ids, attention_mask=(ids != PAD).long())
    cases = {}
    for name, settings in {"greedy": {"max_new_tokens": 8}, "greedy-defaults": {}}.items():
        out = model.generate(**inputs, **settings, output_logits=True, return_dict_in_generate=True)
        exact = twice_as_precise(model).generate(**inputs, **settings)
        top = torch.stack(out.logits, 1).topk(2).values
        margin = (top[..., 0] - top[..., 1]).min().item()
        assert torch.equal(out.sequences, exact) and margin > 1e-3, f"{name}: ids that rounding could change; take another seed"
        cases[name] = {"settings": settings, "smallest_margin": margin, "sequences": out.sequences.tolist()}
    ended = [EOS in row for row in cases["greedy"]["sequences"]]
    assert any(ended) and not all(ended), f"greedy: {cases}; take another seed"
    write_json(folder / "generation/cases.json", {"inputs": {k: x.tolist() for k, x in inputs.items()}, "cases": cases})


# --- training --------------------------------------------------------------------------------------------------------

def micro_batches(generator, vocab):
    """Padded batches of all shapes and label counts."""
    batches = []
    for rows, source, target in [(3, 10, 6), (1, 8, 7), (2, 12, 4), (4, 7, 5), (2, 10, 6), (3, 5, 3)]:
        lengths = [(max(3, source - 3 * i), max(2, target - 2 * i)) for i in range(rows)]
        ids = rows_of([random_row(generator, vocab, n) for n, _ in lengths], PAD)
        labels = rows_of([random_row(generator, vocab, n) for _, n in lengths], -100)
        batches.append(dict(input_ids=ids, attention_mask=(ids != PAD).long(), labels=labels))
    batches[3]["labels"][2, :2] = -100
    return batches


def train(model, batches, run):
    """Updates with losses normalised by the tokens of the whole update. Returns what is known of each."""
    parameters = {key: p for key, p in model.named_parameters() if p.requires_grad}
    decay = [key for key in Trainer.get_decay_parameter_names(None, model) if key in parameters]
    groups = [
        {"params": [p for key, p in parameters.items() if key in decay], "weight_decay": run["weight_decay"]},
        {"params": [p for key, p in parameters.items() if key not in decay], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=run["lr"], betas=tuple(run["betas"]), eps=run["eps"], foreach=False)
    scheduler = get_scheduler(run["schedule"], optimizer, run["warmup"], run["steps"])
    steps = []
    for step in range(run["steps"]):
        chosen = [(run["accumulation"] * step + i) % len(batches) for i in range(run["accumulation"])]
        tokens = sum(int((batches[i]["labels"] != -100).sum()) for i in chosen)
        optimizer.zero_grad()
        losses = []
        for i in chosen:
            logits = model(**batches[i]).logits
            summed = F.cross_entropy(logits.flatten(0, 1), batches[i]["labels"].flatten(), ignore_index=-100, reduction="sum")
            (summed / tokens).backward()
            losses.append(summed.item() / tokens)
        norm = torch.nn.utils.clip_grad_norm_(parameters.values(), run["clip"]).item()
        steps.append(dict(step=step + 1, micro_batches=chosen, tokens=tokens, loss=math.fsum(losses), micro_losses=losses,
                          grad_norm=norm, lr=scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    return steps, {"decay": decay, "no_decay": [key for key in parameters if key not in decay]}


def make_training(model, batches, run):
    """Trains in place. Returns the record: a second run in double precision tells which weights follow rounding alone."""
    exact = twice_as_precise(model)
    steps, groups = train(model, batches, run)
    exact_steps, _ = train(exact, batches, run)
    drift = {key: (p - q).abs().max().item() for (key, p), (_, q) in zip(model.named_parameters(), exact.named_parameters())}
    clipped = sum(step["grad_norm"] > run["clip"] for step in steps)
    assert 0 < clipped and steps[-1]["loss"] < steps[0]["loss"], f"{clipped} updates clipped, losses {[s['loss'] for s in steps]}"
    checks = {
        "fp64_loss_max_abs_diff": max(abs(a["loss"] - b["loss"]) for a, b in zip(steps, exact_steps)),
        "fp64_final_weights_max_abs_diff": max(drift.values()),
        "weights_that_follow_rounding_only": [key for key, distance in drift.items() if distance > 2e-5],
        "updates_clipped": clipped,
    }
    return {"settings": run, "parameters": groups, "steps": steps, "checks": checks}


def save_adapter(model, folder):
    """`folder` is RECORD/lora/NAME/initial or final."""
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["target_modules"].sort()  # it comes from a set
    config["base_model_name_or_path"] = folder.parents[2].name  # not where it lay on this machine
    write_json(folder / "adapter_config.json", config)


def make_adapter(folder, base, batches, name, peft, probe):
    seed = 1000 + len(name)
    torch.manual_seed(seed)
    model = get_peft_model(copy.deepcopy(base), LoraConfig(**{"target_modules": ["q", "v"]} | peft)).eval()
    save_adapter(model, folder / name / "initial")
    record = make_training(model, batches, LORA_RUN)
    save_adapter(model, folder / name / "final")
    with torch.no_grad():
        logits = {"adapter": model(**probe).logits, "merged": copy.deepcopy(model).merge_and_unload()(**probe).logits}
    write_tensors(folder / name / "logits.safetensors", logits)
    facts = {"peft": peft, "torch_manual_seed_before_get_peft_model": seed, "probe": "forward case padded"}
    write_json(folder / name / "train.json", facts | record)


# --- all of it -------------------------------------------------------------------------------------------------------

def make_record(folder, name, seed):
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(seed)
    model = fresh_model(name, generator)
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    if name == "t5-gated":  # the form of the hub's files, which transformers 4 reads too
        config["tie_word_embeddings"] = False
        config.pop("scale_decoder_outputs", None)
    write_json(folder / "config.json", config)
    model = T5ForConditionalGeneration.from_pretrained(folder, attn_implementation="eager").eval()
    is_tied = model.lm_head.weight.data_ptr() == model.shared.weight.data_ptr()
    assert is_tied == (name == "t5-relu") and model.config.scale_decoder_outputs == is_tied, "tied where it should not be"

    probe = make_forward(folder, model, generator, gradients_of="padded" if name == "t5-relu" else "far")
    make_generation(folder, model, generator)
    batches = micro_batches(generator, model.config.vocab_size)
    write_json(folder / "train/data.json", {"micro_batches": [{k: x.tolist() for k, x in b.items()} for b in batches]})
    for adapter, peft in ADAPTERS[name].items():
        make_adapter(folder / "lora", model, batches, adapter, peft, probe)
    write_json(folder / "train/adamw.json", make_training(model, batches, RUNS[name]))
    write_tensors(folder / "train/adamw.final.safetensors", dict(model.named_parameters()))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "tests/golden")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--model", choices=list(MODELS), help="only this one")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in [arguments.model] if arguments.model else MODELS:
        make_record(arguments.out / name, name, arguments.seed)
        print(name, sum(file.stat().st_size for file in (arguments.out / name).rglob("*.*")) // 1024, "KiB")
