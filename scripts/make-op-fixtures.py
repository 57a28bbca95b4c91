"""What PyTorch computes for every differentiable op: tests/golden/ops/ops.json, which tests/parity/ops.test.ts holds the device to.

    python3 -m venv /tmp/venv
    /tmp/venv/bin/pip install torch==2.13.0 numpy==2.4.6
    /tmp/venv/bin/python scripts/make-op-fixtures.py         # some seconds

A case has inputs (f32 values), weights of a random projection of the output, and what torch gives for them in float64: the output,
and the gradient of sum(weights * output) for every float input.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

torch.manual_seed(20261122)
cases = []


def rand(*shape, low=-1.0, high=1.0):
    return (low + (high - low) * torch.rand(shape)).float().double()


def away(*shape):  # from 0, where relu has its kink
    x = rand(*shape, low=0.1, high=2.0)
    return x * torch.where(torch.rand(shape) < 0.5, -1.0, 1.0)


def numbers(tensor, digits=9):  # nine digits are an f32, seven are enough to compare with
    return [float(f"{v:.{digits}g}") if tensor.is_floating_point() else int(v) for v in tensor.flatten().tolist()]


def case(name, op, inputs, fn, **options):
    leaves = {k: v.clone().requires_grad_() if v.is_floating_point() else v for k, v in inputs.items()}
    y = fn(**leaves)
    weights = rand(*y.shape)
    (y * weights).sum().backward()
    cases.append(dict(
        name=name, op=op, options=options,
        inputs={k: dict(shape=list(v.shape), dtype="f32" if v.is_floating_point() else "i32", data=numbers(v)) for k, v in inputs.items()},
        weights=numbers(weights), shape=list(y.shape), output=numbers(y.detach(), 7),
        gradients={k: numbers(v.grad, 7) for k, v in leaves.items() if v.is_floating_point()},
    ))


# one input
UNARY = dict(
    relu=(away, torch.relu), geluNew=(lambda *s: rand(*s, low=-3, high=3), lambda x: F.gelu(x, approximate="tanh")),
    exp=(rand, torch.exp), log=(lambda *s: rand(*s, low=0.2, high=2), torch.log), sqrt=(lambda *s: rand(*s, low=0.2, high=2), torch.sqrt),
    tanh=(lambda *s: rand(*s, low=-3, high=3), torch.tanh), square=(rand, torch.square),
    reciprocal=(lambda *s: rand(*s, low=0.2, high=2), torch.reciprocal), sigmoid=(lambda *s: rand(*s, low=-4, high=4), torch.sigmoid),
)
for name, (draw, fn) in UNARY.items():
    case(name, name, dict(x=draw(3, 7)), lambda x, fn=fn: fn(x))
case("affine", "affine", dict(x=rand(3, 7)), lambda x: -2.5 * x + 0.75, alpha=-2.5, beta=0.75)
for axis in (None, 0, 1):
    case(f"sum over {axis}", "sum", dict(x=rand(4, 9)), lambda x, axis=axis: x.sum() if axis is None else x.sum(axis), axis=axis)
    case(f"mean over {axis}", "mean", dict(x=rand(4, 9)), lambda x, axis=axis: x.mean() if axis is None else x.mean(axis), axis=axis)
case("reshape", "reshape", dict(x=rand(4, 6)), lambda x: x.reshape(3, 8), shape=[3, 8])
case("softmax", "softmax", dict(x=rand(4, 19, low=-4, high=4)), lambda x: x.softmax(-1))

# two inputs, with broadcasting
BINARY = dict(add=torch.add, sub=torch.sub, mul=torch.mul, div=torch.div, maximum=torch.maximum)
for name, fn in BINARY.items():
    for left, right in (((3, 5), (3, 5)), ((2, 3, 5), (5,)), ((4, 1), (1, 6))):
        draw = (lambda *s: rand(*s, low=0.3, high=2)) if name == "div" else rand
        case(f"{name} {left} and {right}", name, dict(a=draw(*left), b=draw(*right)), lambda a, b, fn=fn: fn(a, b))

# matrices, and what fuses behind them
case("matmul", "matmul", dict(a=rand(2, 5, 7), b=rand(2, 7, 9)), lambda a, b: a @ b)
case("matmul, shared operand", "matmul", dict(a=rand(2, 4, 8), b=rand(8, 12)), lambda a, b: a @ b)
for rows, inputs, outputs in ((6, 12, 8), (35, 36, 20), (5, 7, 9), (1, 16, 24)):
    case(f"linear {rows} x {inputs} to {outputs}", "linear", dict(x=rand(rows, inputs), w=rand(outputs, inputs)), lambda x, w: F.linear(x, w))
case("linear, bias", "linearBias", dict(x=rand(6, 12), w=rand(8, 12), b=rand(8)), lambda x, w, b: F.linear(x, w, b))
case("linear, bias, gelu_new", "linearBiasGelu", dict(x=rand(6, 12), w=rand(8, 12), b=rand(8)),
     lambda x, w, b: F.gelu(F.linear(x, w, b), approximate="tanh"))
case("linear, bias, relu, residual", "linearBiasReluResidual", dict(x=rand(6, 12), w=rand(8, 12), b=rand(8), residual=rand(6, 8)),
     lambda x, w, b, residual: F.relu(F.linear(x, w, b)) + residual)

# norms
case("rmsNorm", "rmsNorm", dict(x=rand(5, 19), w=rand(19)), lambda x, w: F.rms_norm(x, (19,), w, 1e-6), eps=1e-6)
case("layerNorm", "layerNorm", dict(x=rand(5, 19), w=rand(19), b=rand(19)), lambda x, w, b: F.layer_norm(x, (19,), w, b, 1e-5), eps=1e-5)

# tables and losses
ids = torch.tensor([3, 0, 3, 6, 1, 3], dtype=torch.int64)
case("embedding", "embedding", dict(table=rand(7, 10), ids=ids), lambda table, ids: F.embedding(ids, table))
labels = torch.tensor([4, -100, 0, 12, 7], dtype=torch.int64)
for smoothing in (0.0, 0.1):
    case(f"crossEntropy, smoothing {smoothing}", "crossEntropy", dict(logits=rand(5, 13, low=-4, high=4), labels=labels),
         lambda logits, labels, s=smoothing: F.cross_entropy(logits, labels, reduction="none", label_smoothing=s), labelSmoothing=smoothing)
    case(f"linearCrossEntropy, smoothing {smoothing}", "linearCrossEntropy", dict(x=rand(5, 8), w=rand(13, 8), labels=labels),
         lambda x, w, labels, s=smoothing: F.cross_entropy(F.linear(x, w), labels, reduction="none", label_smoothing=s), labelSmoothing=smoothing)


# attention: q, k, v [batch, time, heads * dKv]
def attend(q, k, v, heads, scale, causal=False, mask=None, query_segments=None, key_segments=None, table=None, buckets=None):
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)  # noqa: E731
    queries, keys = q.shape[1], k.shape[1]
    hidden = torch.zeros(q.shape[0], 1, queries, keys, dtype=torch.bool)
    if causal:
        hidden = hidden | torch.ones(queries, keys, dtype=torch.bool).triu(1)
    if mask is not None:
        hidden = hidden | (mask == 0)[:, None, None, :]
    if query_segments is not None:
        hidden = hidden | (query_segments[:, None, :, None] != key_segments[:, None, None, :])
    bias = torch.zeros(hidden.shape, dtype=torch.float64)
    if table is not None:
        distance = torch.arange(keys)[None, :] - torch.arange(queries)[:, None] + queries
        bias = bias + table[buckets[distance]].permute(2, 0, 1)
    bias = bias.masked_fill(hidden, -torch.inf)
    return F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=bias, scale=scale).transpose(1, 2).flatten(2)


def attention_case(name, queries, keys, heads, d_kv, causal=False, has_mask=False, has_segments=False, has_bias=False, scale=0.4):
    inputs = {part: rand(2, time, heads * d_kv) for part, time in (("q", queries), ("k", keys), ("v", keys))}
    if has_bias:
        inputs |= dict(table=rand(5, heads), buckets=torch.arange(queries + keys + 1) * 3 % 5)
    if has_mask:
        mask = (torch.rand(2, keys) < 0.7).long()
        mask[:, 0] = 1  # torch gives NaN where a query sees nothing
        inputs |= dict(mask=mask)
    if has_segments:
        half = lambda time: (torch.arange(time) * 2 // time).expand(2, -1).clone()  # noqa: E731
        inputs |= dict(query_segments=half(queries), key_segments=half(keys))
    case(f"attention, {name}", "attention", inputs, lambda **given: attend(**given, heads=heads, scale=scale, causal=causal),
         heads=heads, scale=scale, isCausal=causal)


attention_case("plain", 9, 12, 2, 8)
attention_case("causal", 11, 11, 2, 8, causal=True)
attention_case("mask", 6, 13, 3, 4, has_mask=True)
attention_case("bias", 10, 9, 2, 4, has_bias=True, scale=1.0)
attention_case("segments", 12, 12, 2, 5, has_segments=True)
attention_case("causal, mask and bias", 13, 13, 2, 6, causal=True, has_mask=True, has_bias=True)
attention_case("causal, segments and bias", 12, 12, 2, 16, causal=True, has_segments=True, has_bias=True)
attention_case("more than a tile", 37, 35, 1, 8, causal=True, has_bias=True)
attention_case("a head of 128", 5, 6, 1, 128, causal=True, has_bias=True, scale=0.1)

# what came later, behind the rest so that the rest keeps its numbers
case("logSoftmax", "logSoftmax", dict(x=rand(4, 19, low=-4, high=4)), lambda x: x.log_softmax(-1))
chosen = torch.tensor([4, 0, -1, 2])  # -1: a row of zeros; inverse: where each row of x went
case("selectRows", "selectRows", dict(x=rand(6, 5), indices=chosen, inverse=torch.tensor([1, -1, 3, -1, 0, -1])),
     lambda x, indices, inverse: x[indices.clamp(min=0)] * (indices >= 0)[:, None])


def philox(counter, key):  # Philox4x32-10 (Salmon et al. 2011)
    a, b, c, d = counter
    for turn in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        keys = [(k + turn * step) % 2**32 for k, step in zip(key, (0x9E3779B9, 0xBB67AE85))]
        a, b, c, d = q >> 32 ^ b ^ keys[0], q % 2**32, p >> 32 ^ d ^ keys[1], p % 2**32
    return a, b, c, d


assert philox((0, 0, 0, 0), (0, 0)) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)  # the authors' own vector


def dropped(x, p, site, seed, step, micro):
    words = [w for block in range(-(-x.numel() // 4)) for w in philox((block, site, step, micro), (seed, 0))]
    kept = torch.tensor([w >= int(p * 2**32) for w in words[: x.numel()]]).reshape(x.shape)
    return torch.where(kept, x / (1 - p), 0.0)


random = dict(p=0.3, site=7, seed=11, step=5, micro=2)
case("dropout", "dropout", dict(x=rand(5, 9)), lambda x: dropped(x, **random), **random)

out = Path(__file__).parent.parent / "tests" / "golden" / "ops" / "ops.json"
out.parent.mkdir(exist_ok=True)
out.write_text("[\n" + ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases) + "\n]\n")
print(len(cases), "cases,", out.stat().st_size // 1024, "KiB, torch", torch.__version__)
