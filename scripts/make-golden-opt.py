"""Reference records of two tiny OPTs, tests/golden/opt-pre and tests/golden/opt-post: run as make-golden.py is, whose helpers this uses.

Forward only: logits, hidden states, losses of shifted labels, and all gradients of one case. Weights and ids are random.
"""

import importlib.util
from pathlib import Path

import torch
import torch.nn.functional as F
from transformers import OPTConfig, OPTForCausalLM

here = Path(__file__).parent
spec = importlib.util.spec_from_file_location("golden", here / "make-golden.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

PAD, BOS = 1, 2
# Odd sizes, so that no row is a multiple of a vector; "post" has opt-350m's form: norms after the sublayers, narrow embeddings.
MODELS = {
    "opt-pre": dict(vocab_size=99, hidden_size=30, ffn_dim=37, num_hidden_layers=2, num_attention_heads=3, word_embed_proj_dim=30),
    "opt-post": dict(vocab_size=101, hidden_size=32, ffn_dim=35, num_hidden_layers=2, num_attention_heads=2, word_embed_proj_dim=20,
                     do_layer_norm_before=False),
}


def fresh_model(name, generator):
    config = OPTConfig(**MODELS[name], max_position_embeddings=40, dropout=0.0, attention_dropout=0.0)
    model = OPTForCausalLM._from_config(config, attn_implementation="eager")
    for key, weight in model.named_parameters():
        draw = torch.randn(weight.shape, generator=generator)
        is_norm = "layer_norm" in key
        if key.endswith("bias"):
            weight.data = 0.2 * draw
        elif is_norm:
            weight.data = 1 + 0.1 * draw
        else:
            weight.data = draw * (0.5 if "embed" in key else weight.shape[-1] ** -0.5)
    return model.eval()


def row(generator, vocab, length):
    return [BOS] + torch.randint(3, vocab, (length - 1,), generator=generator).tolist()


def forward_cases(model, generator):
    vocab = model.config.vocab_size
    rows = [row(generator, vocab, n) for n in (9, 4, 11, 7)]
    right = golden.rows_of(rows, PAD)
    width = right.shape[1]
    left = torch.tensor([[PAD] * (width - len(r)) + r for r in rows])
    lengths = torch.tensor([[len(r)] for r in rows])
    right_mask = (torch.arange(width) < lengths).long()
    labels = right.masked_fill(right_mask == 0, -100)
    labels[:, :3] = -100  # a prompt that is not learnt
    labels[3] = -100  # a row that teaches nothing
    return {
        "right-padded": dict(input_ids=right, attention_mask=right_mask, labels=labels),
        "left-padded": dict(input_ids=left, attention_mask=right_mask.flip(1)),
        "no-mask": dict(input_ids=right, labels=right.clone()),
        "longest": dict(input_ids=torch.tensor([row(generator, vocab, 40)])),
    }


def record(name, seed):
    generator = torch.Generator().manual_seed(seed)
    model = fresh_model(name, generator)
    folder = here.parent / "tests/golden" / name
    model.save_pretrained(folder)
    cases, tensors = {}, {}
    for case_name, inputs in forward_cases(model, generator).items():
        given = {key: x for key, x in inputs.items() if key != "labels"}
        out = model(**given, output_hidden_states=True)
        is_left = case_name == "left-padded"
        case = {"inputs": sorted(inputs), "compare_logits": "only where attention_mask is 1" if is_left else "all"}
        if not is_left:  # rows that see nothing become NaN in double: the mask's lowest double is -inf to the f32 softmax
            exact = golden.twice_as_precise(model)(**given)
            case["fp32_vs_fp64_max_abs_diff"] = (out.logits - exact.logits).abs().max().item()
        kept = {"logits": out.logits}
        if case_name == "right-padded":
            kept |= {f"hidden.{i}": state for i, state in enumerate(out.hidden_states)}
        if "labels" in inputs:
            shifted = inputs["labels"][:, 1:]
            tokens = int((shifted != -100).sum())
            loss = F.cross_entropy(out.logits[:, :-1].flatten(0, 1), shifted.flatten(), ignore_index=-100, reduction="sum") / tokens
            case |= {"loss": loss.item(), "loss_tokens": tokens}
            if case_name == "right-padded":
                model.zero_grad()
                loss.backward()
                case["gradients"] = f"forward/gradients.{case_name}.safetensors"
                golden.write_tensors(folder / case["gradients"], {key: p.grad for key, p in model.named_parameters()})
        cases[case_name] = case
        tensors |= {f"{case_name}.{key}": x for key, x in (inputs | kept).items()}
    note = "loss: mean over loss_tokens, which counts shifted labels; hidden.0 is the input of the first layer, the last one what the head projects"
    golden.write_json(folder / "forward/cases.json", {"note": note, "cases": cases})
    golden.write_tensors(folder / "forward/cases.safetensors", tensors)


if __name__ == "__main__":
    for place, name in enumerate(MODELS):
        record(name, 31 + place)
