"""Reference records of generation, tests/golden/*/generation: run as make-golden.py is, after it and make-golden-opt.py, whose models this reads.

cases.json: greedy and beam search with every setting that transformers' processors have, alone and together. sampling.json and .safetensors: the
distribution that the first token is drawn from. A case stands only where weights that are off by a millionth give the same ids.
"""

import copy
import importlib.util
import json
from pathlib import Path

import torch
from transformers import LogitsProcessor, LogitsProcessorList, OPTForCausalLM, T5ForConditionalGeneration

here = Path(__file__).parent
spec = importlib.util.spec_from_file_location("golden", here / "make-golden.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

MODELS = {"t5-relu": T5ForConditionalGeneration, "t5-gated": T5ForConditionalGeneration, "opt-pre": OPTForCausalLM, "opt-post": OPTForCausalLM}
LENGTHS = (8, 12, 5, 9)


def prompts(model, folder, generator):
    """T5: those that were there, padded on the right. OPT: random ones, padded on the left."""
    pad = model.config.pad_token_id
    if model.config.is_encoder_decoder:
        inputs = json.loads((folder / "generation/cases.json").read_text())["inputs"]
        return {key: torch.tensor(rows) for key, rows in inputs.items()}
    rows = [[2] + torch.randint(3, model.config.vocab_size, (n - 1,), generator=generator).tolist() for n in LENGTHS]
    width = max(LENGTHS)
    ids = torch.tensor([[pad] * (width - len(row)) + row for row in rows])
    return dict(input_ids=ids, attention_mask=(ids != pad).long())


def settings_of(model, plain, prompt):
    """Settings that change something here: their ids come from what plain greedy search says."""
    new = [row[prompt:] for row in plain]
    first, second, third = new[0][0], new[0][1], new[0][2]
    ends = sorted({new[1][4], new[2][3]})  # so that rows end, at different times
    several = {"max_new_tokens": 10, "eos_token_id": ends}
    beams = {**several, "num_beams": 3}
    return {
        "greedy": {"max_new_tokens": 8},
        "greedy-defaults": {},
        "greedy-ends": several,
        "greedy-min-length": {**several, "min_length": prompt + 6},
        "greedy-min-new": {**several, "min_new_tokens": 7},
        "greedy-repetition": {**several, "repetition_penalty": 1.7},
        "greedy-encoder-repetition": {**several, "encoder_repetition_penalty": 1.6},
        "greedy-no-repeat": {**several, "no_repeat_ngram_size": 2},
        "greedy-encoder-no-repeat": {**several, "encoder_no_repeat_ngram_size": 1},
        "greedy-bad-words": {**several, "bad_words_ids": [[first], [second, third], [ends[0]]]},
        "greedy-bias": {**several, "sequence_bias": [[[7], 4.5], [[first, second], -6.0], [[first, 9], 20.0]]},
        "greedy-forced": {**several, "forced_bos_token_id": 5, "forced_eos_token_id": ends[0]},
        "greedy-decay": {**several, "exponential_decay_length_penalty": [2, 1.8]},
        "greedy-suppress": {**several, "suppress_tokens": [second, 11], "begin_suppress_tokens": [first]},
        "beam": beams,
        "beam-one-end": {**beams, "eos_token_id": ends[0], "length_penalty": 0.3},
        "beam-early": {**beams, "early_stopping": True, "num_return_sequences": 3},
        "beam-never": {**beams, "early_stopping": "never", "length_penalty": 2.0},
        "beam-negative": {**beams, "early_stopping": "never", "length_penalty": -0.5},
        "beam-no-repeat": {**beams, "no_repeat_ngram_size": 2, "encoder_no_repeat_ngram_size": 2},
        "beam-forced": {**beams, "forced_bos_token_id": 5, "forced_eos_token_id": ends[0]},
        "beam-bias": {**beams, "sequence_bias": [[[7], 1.5], [[first, second], -6.0]], "bad_words_ids": [[second, third]], "renormalize_logits": True},
        "beam-everything": {**beams, "repetition_penalty": 1.4, "min_new_tokens": 5, "suppress_tokens": [11], "remove_invalid_values": True,
                            "exponential_decay_length_penalty": [3, 1.2], "num_return_sequences": 2},
    }


OFF = {"top_k": 0, "top_p": 1.0}
SAMPLING = {
    "none": OFF,
    "temperature": {**OFF, "temperature": 0.6},
    "top-k": {**OFF, "top_k": 9},
    "top-p": {**OFF, "top_p": 0.8},
    "top-h": {**OFF, "top_h": 0.5},
    "min-p": {**OFF, "min_p": 0.15},
    "typical": {**OFF, "typical_p": 0.7},
    "epsilon": {**OFF, "epsilon_cutoff": 0.01},
    "eta": {**OFF, "eta_cutoff": 0.05},
    "defaults": {},
    "together": {"temperature": 0.8, "top_k": 20, "top_p": 0.9, "min_p": 0.02, "repetition_penalty": 1.3, "renormalize_logits": True},
}


class Keep(LogitsProcessor):
    def __call__(self, input_ids, scores):
        self.seen = scores.clone()
        return scores


def a_little_off(model):
    generator = torch.Generator().manual_seed(5)
    other = copy.deepcopy(model)
    for weight in other.parameters():
        weight.data *= 1 + 1e-6 * torch.randn(weight.shape, generator=generator)
    return other


def make_cases(folder, model, inputs):
    other = a_little_off(model)
    prompt = 1 if model.config.is_encoder_decoder else inputs["input_ids"].shape[1]
    plain = model.generate(**inputs, max_new_tokens=8, eos_token_id=None).tolist()
    cases = {}
    for name, settings in settings_of(model, plain, prompt).items():
        kept = {"return_dict_in_generate": True, "output_scores": True}
        out = model.generate(**inputs, **settings, **kept)
        if other.generate(**inputs, **settings).tolist() != out.sequences.tolist():
            print(f"{folder.name}: {name} is left out: another rounding gives other ids")
            continue
        scores = {"sequences_scores": out.sequences_scores.tolist()} if "num_beams" in settings else {}
        cases[name] = {"settings": settings, **scores, "sequences": out.sequences.tolist()}
    note = "sequences are transformers' raw ids; the same with weights that are off by a millionth"
    given = {key: x.tolist() for key, x in inputs.items()}
    golden.write_json(folder / "generation/cases.json", {"note": note, "inputs": given, "cases": cases})


def make_sampling(folder, model, inputs):
    tensors, cases = dict(inputs), {}
    keep = Keep()
    model.generate(**inputs, max_new_tokens=1, logits_processor=LogitsProcessorList([keep]))
    tensors["first_logits"] = keep.seen
    for name, settings in SAMPLING.items():
        out = model.generate(**inputs, **settings, do_sample=True, max_new_tokens=1, output_scores=True, return_dict_in_generate=True)
        probabilities = out.scores[0].softmax(-1)
        tensors[f"{name}.probabilities"] = probabilities
        cases[name] = {"settings": settings, "kept": (probabilities > 0).sum(-1).tolist()}
    note = "NAME.probabilities: softmax of the first step's processed scores; kept: tokens left in each row"
    golden.write_json(folder / "generation/sampling.json", {"note": note, "cases": cases})
    golden.write_tensors(folder / "generation/sampling.safetensors", tensors)


if __name__ == "__main__":
    for place, (name, kind) in enumerate(MODELS.items()):
        folder = here.parent / "tests/golden" / name
        (folder / "generation").mkdir(exist_ok=True)
        model = kind.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
        inputs = prompts(model, folder, torch.Generator().manual_seed(61 + place))
        make_cases(folder, model, inputs)
        make_sampling(folder, model, inputs)
