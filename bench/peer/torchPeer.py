"""The peer of bench/compare: PyTorch, transformers and peft doing the same work as bench/cases, one case a process.

Started as `python torchPeer.py CASE`. It prints one JSON line when it is ready, then one for each line read from stdin: the
milliseconds of one execution. With the line "end" it prints its peak resident memory and stops. Weights are random, since a step costs
the same with any weights; shapes are those of the real models, and of bench/cases.
"""

import json
import resource
import sys
import time

import torch

THREADS = 2
# name: (m, k, n) of x [m, k] @ w [n, k]^T
MATMULS = {
    "matmul-512": (512, 512, 512),
    "matmul-1024": (1024, 1024, 1024),
    "matmul-t5-small-ffn": (2048, 512, 2048),
    "matmul-opt-1.3b-ffn": (1024, 2048, 8192),
    "matmul-t5-small-lm-head": (512, 512, 32128),
    "matvec-opt-1.3b-ffn": (1, 2048, 8192),
}
BATCH, SOURCE, TARGET, NEW_TOKENS = 8, 256, 64, 64
PROMPTS = {"t5-small-generate": 256, "opt-125m-generate": 128, "opt-125m-generate-short": 16}


def matmul(name):
    m, k, n = MATMULS[name]
    x, w = torch.randn(m, k), torch.randn(n, k)
    return lambda: torch.nn.functional.linear(x, w)


def t5_small():
    from transformers import T5Config, T5ForConditionalGeneration

    config = T5Config(vocab_size=32128, d_model=512, d_ff=2048, d_kv=64, num_layers=6, num_heads=8, dropout_rate=0.0, decoder_start_token_id=0)
    return T5ForConditionalGeneration(config), ["q", "v"], 32100


def opt_125m():
    from transformers import OPTConfig, OPTForCausalLM

    config = OPTConfig(vocab_size=50272, hidden_size=768, word_embed_proj_dim=768, ffn_dim=3072, num_hidden_layers=12,
                       num_attention_heads=12, max_position_embeddings=2048, dropout=0.0)
    return OPTForCausalLM(config), ["q_proj", "v_proj"], 50265


MODELS = {"t5-small": t5_small, "opt-125m": opt_125m}


def batch(name, vocabulary):
    """Token ids without padding; labels too (T5), or those of the input itself (OPT), the first `masked` of them ignored."""
    generator = torch.Generator().manual_seed(1)
    source = torch.randint(3, vocabulary, (BATCH, SOURCE), generator=generator)
    made = {"input_ids": source, "attention_mask": torch.ones_like(source)}
    made["labels"] = torch.randint(3, vocabulary, (BATCH, TARGET), generator=generator) if name.startswith("t5") else source.clone()
    return made


def step(name, method):
    model, targets, vocabulary = MODELS[name]()
    if method.startswith("lora"):
        from peft import LoraConfig, get_peft_model

        model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=targets))
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    inputs = batch(name, vocabulary)
    if method.endswith("masked"):
        inputs["labels"][:, : inputs["labels"].shape[1] * 7 // 8] = -100

    def run():
        model(**inputs).loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return run


def generate(name, prompt):
    """Greedy, NEW_TOKENS a row: no token ends a row."""
    model, _, vocabulary = MODELS[name]()
    model.eval()
    model.generation_config.eos_token_id = None
    source = batch(name, vocabulary)["input_ids"][:, :prompt]

    def run():
        with torch.inference_mode():
            made = model.generate(source, attention_mask=torch.ones_like(source), do_sample=False, max_new_tokens=NEW_TOKENS)
        assert made.shape[1] == NEW_TOKENS + (1 if name.startswith("t5") else prompt)

    return run


def work(case):
    if case in MATMULS:
        return matmul(case)
    name, method = next((name, case.removeprefix(f"{name}-")) for name in MODELS if case.startswith(f"{name}-"))
    return generate(name, PROMPTS[case]) if case in PROMPTS else step(name, method.removesuffix("-step"))


def main():
    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    run = work(sys.argv[1])
    for _ in range(2):  # warm-up: allocations, thread pools
        run()
    print(json.dumps({"ready": sys.argv[1], "torch": torch.__version__, "threads": THREADS}), flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        times = int(line)
        start = time.perf_counter()
        for _ in range(times):
            run()
        print(json.dumps({"ms": (time.perf_counter() - start) * 1e3 / times}), flush=True)
    print(json.dumps({"peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)


if __name__ == "__main__":
    main()
