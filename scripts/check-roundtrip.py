"""Do transformers and attune read each other's model folders alike? Judged by hand, not in CI: it needs the Python stack.

  python scripts/check-roundtrip.py make DIR     tiny random models, their logits, and what `attune convert` makes of them
  python scripts/check-roundtrip.py check DIR    every converted folder is loaded by this Python's transformers, and compared

`make` with transformers 5 and `check` with both 5 and 4.57 shows that one file serves both (guide: tie_word_embeddings).
ATTUNE names the command, default: the sources of this checkout. docs/log.md has what came out.
"""

import os
import shlex
import subprocess
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ATTUNE = os.environ.get("ATTUNE", "node --import tsx --conditions=@attune/source apps/cli/src/main.ts")
# transformers 4 refuses newer versions of its helpers when it is imported; what is used here works with them
sys.modules["transformers.dependency_versions_check"] = types.ModuleType("transformers.dependency_versions_check")
sys.modules["transformers.dependency_versions_check"].dep_version_check = lambda *_, **__: None

os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = os.environ["TQDM_DISABLE"] = "1"
import torch  # noqa: E402
import transformers  # noqa: E402

T5 = dict(vocab_size=96, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_decoder_layers=2, num_heads=4,
          decoder_start_token_id=0, dropout_rate=0.1)
OPT = dict(vocab_size=96, hidden_size=32, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4,
           max_position_embeddings=40)
MODELS = {
    "t5-tied": lambda: transformers.T5ForConditionalGeneration(transformers.T5Config(**T5)),
    "t5-untied": lambda: transformers.T5ForConditionalGeneration(
        transformers.T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
    "opt": lambda: transformers.OPTForCausalLM(transformers.OPTConfig(**OPT, word_embed_proj_dim=32)),
    "opt-350m-form": lambda: transformers.OPTForCausalLM(
        transformers.OPTConfig(**OPT, word_embed_proj_dim=16, do_layer_norm_before=False)),
}
# how the folder is written here, how attune converts it, and how far the logits may be off
FORMS = {
    "safetensors": ("safetensors", [], 1e-5),
    "bin": ("bin", [], 1e-5),
    "bin-legacy": ("legacy", [], 1e-5),
    "shards": ("safetensors", ["--max-shard-size", "20kB"], 1e-5),
    "bf16": ("safetensors", ["--dtype", "bf16"], 0.2),
    "f16": ("bin", ["--dtype", "f16"], 0.02),
}


def load(folder):
    """In f32, whatever the files hold."""
    config = transformers.AutoConfig.from_pretrained(folder)
    kind = transformers.T5ForConditionalGeneration if config.model_type == "t5" else transformers.OPTForCausalLM
    try:
        model, info = kind.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    except TypeError:  # before 4.56
        model, info = kind.from_pretrained(folder, torch_dtype=torch.float32, output_loading_info=True)
    missing = [key for key in info["missing_keys"] if not key.endswith("embed_tokens.weight") and key != "lm_head.weight"]
    assert not missing and not info["unexpected_keys"] and not info["mismatched_keys"], info
    return model.eval()


def logits(model):
    ids = torch.tensor([[5, 9, 33, 2, 71, 8, 1], [7, 7, 64, 3, 1, 0, 0]])
    mask = (torch.arange(7)[None] < torch.tensor([[7], [5]])).long()
    more = {"labels": torch.tensor([[4, 6, 1], [9, 1, -100]])} if model.config.model_type == "t5" else {}
    with torch.no_grad():
        return model(input_ids=ids, attention_mask=mask, **more).logits[:, :3]


def make(out):
    for name, build in MODELS.items():
        torch.manual_seed(1)
        model = build().eval()
        for parameter in model.parameters():
            parameter.data += 0.02 * torch.randn_like(parameter)  # norms and biases too
        if name == "t5-untied":  # transformers 5 begins with a tied head even here
            model.lm_head.weight = torch.nn.Parameter(model.lm_head.weight.detach() + 0.02 * torch.randn(96, 32))
        for form, (written, flags, _) in FORMS.items():
            source, target = out / name / f"{form}.from", out / name / form
            model.save_pretrained(source)
            if written != "safetensors":
                (source / "model.safetensors").unlink()
                torch.save(model.state_dict(), source / "pytorch_model.bin", _use_new_zipfile_serialization=written == "bin")
            command = [*shlex.split(ATTUNE), "convert", str(source.resolve()), str(target.resolve()), "--force", *flags]
            subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        torch.save(logits(model), out / name / "logits.pt")


def check(out):
    failed = 0
    for name in MODELS:
        want = torch.load(out / name / "logits.pt")
        for form, (_, _, bound) in FORMS.items():
            difference = (logits(load(out / name / form)) - want).abs().max().item()
            failed += not difference <= bound
            print(f"{name:14} {form:12} {difference:.2e} {'ok' if difference <= bound else f'MORE THAN {bound}'}")
    print(f"transformers {transformers.__version__}: {'all alike' if not failed else f'{failed} differ'}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "check"):
        sys.exit(__doc__)
    {"make": make, "check": check}[sys.argv[1]](Path(sys.argv[2]))
