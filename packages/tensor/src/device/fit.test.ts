// Tensors larger than a binding: every op, on a device whose limit is lowered until its calls are cut into pieces.
import type { Kernel } from "@attune/kernels-wgsl";
import { afterAll, describe, expect, it } from "vitest";
import { type NodeDevice, openDevice } from "../node.js";
import { linear } from "../ops/matmul.js";
import { softmax } from "../ops/softmax.js";
import { tensor } from "../tensor.js";
import { type Dims, type OpCase, opCases } from "../testing/index.js";
import { type PiecesReport, runInPieces } from "../testing/pieces.js";

/** The first that a case can be cut to is taken; ranges begin at 16 bytes, so that small cases fall into several. */
const LIMITS = [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 262144];
const ALIGNMENT = 16;

/** Sums along a cut axis: pieces are added up, each rounded on its own. All others keep their bits. */
const ADDED_UP =
  /^(sum|mean|linear|matmul with a shared operand|a weight used twice|(residual around )?(rms|layer)Norm|chain with a row)/;
/** Cases that fit one binding at the largest sizes that are drawn. */
const LARGER: Readonly<Record<string, Dims>> = {
  "decodeAttention, cross-attention, a head size of no fours": { sources: 6, beams: 3, heads: 3, positions: 30 },
  "norm of an arena": { size: 40_000 },
  "allFinite, the last element 0": { size: 100_000 },
  "allFinite, the last element NaN": { size: 100_000 },
  "allFinite, the last element -Infinity": { size: 100_000 },
  "maximum at ties": { size: 200 },
  "second use of a tensor": { size: 200 },
  "mean of a reshaped tensor": { a: 20, b: 30 },
  "embedding, f32": { rows: 200, cols: 8, tokens: 30 },
  "embedding, bf16": { rows: 200, cols: 8, tokens: 30 },
  "matmul call nn, f32 and f32": { m: 120, n: 20, k: 20, inner: 1, bias: 1, activation: 2, residual: 1, accumulate: 1 },
};
/** Relative to 1 + |value|: thousands of f32 terms of size 1, added in another order. */
const BOUND = 1e-5;

const devices = new Map<number, NodeDevice>();
async function deviceWith(limit: number): Promise<NodeDevice> {
  const known = devices.get(limit) ?? (await openLimited(limit));
  devices.set(limit, known);
  return known;
}
function openLimited(limit: number, rewrite?: (kernel: Kernel, code: string) => string): Promise<NodeDevice> {
  const limits = { maxStorageBufferBindingSize: limit, minStorageBufferOffsetAlignment: ALIGNMENT };
  return openDevice({ limits, ...(rewrite ? { rewrite } : {}) });
}
const UNLIMITED = 2 ** 27;

const sizesOf = ({ name, dims }: OpCase): Dims =>
  LARGER[name] ?? Object.fromEntries(Object.entries(dims).map(([axis, [, most]]) => [axis, most]));

async function smallestPieces(opCase: OpCase): Promise<{ limit: number; report: PiecesReport }> {
  for (const limit of LIMITS) {
    const report = await runInPieces(await deviceWith(UNLIMITED), await deviceWith(limit), opCase, sizesOf(opCase));
    if (report) return { limit, report };
  }
  throw new Error(`${opCase.name} cannot be cut to ${LIMITS.at(-1)} bytes`);
}

afterAll(() => {
  for (const device of devices.values()) device.destroy();
});

describe("every op in pieces that a binding holds", () => {
  for (const opCase of opCases) {
    it(opCase.name, async () => {
      const { limit, report } = await smallestPieces(opCase);
      const { extraCalls, otherBits, difference } = report;
      expect(extraCalls, `limit ${limit}`).toBeGreaterThan(0);
      if (ADDED_UP.test(opCase.name)) expect(difference, `limit ${limit}`).toBeLessThan(BOUND);
      else expect(otherBits, `limit ${limit}`).toEqual([]);
    });
  }

  const forgotten: readonly [kernel: string, caseName: string, find: RegExp, replace: string][] = [
    ["embedding/gather", "embedding, bf16", / - params\.first/, ""],
    ["embedding/gather", "embedding, bf16", /if \(params\.first == 0u\)/, ""],
    ["embedding/scatter", "embedding, f32", / - first/, ""],
    ["dropout/dropout", "dropout", /params\.first \+ i/, "i"],
    ["elementwise/broadcast", "chain with a row and one value", /params\.first \+ i/, "i"],
    ["attention/block_gradient", "attention, dropout, frozen keys", /first_noise \+ stat/, "stat"],
    ["attention/bias_diagonals", "attention, bias", /sums\[params\.place \+ i\] = /, "sums[i] = "],
    ["attention/numbers", "attention, frozen bias, mask", /params\.first_key \+ key\] ==/, "key] =="],
    ["reduce/sum_squares", "norm of an arena", /params\.first \+ block/, "block"],
  ];
  for (const [kernel, caseName, find, replace] of forgotten) {
    it(`notices a ${kernel} that forgets where its piece begins: ${find.source}`, async () => {
      const opCase = opCases.find(({ name }) => name === caseName)!;
      const { limit } = await smallestPieces(opCase);
      let bites = false;
      const broken = await openLimited(limit, (of, code) => {
        if (of.name !== kernel) return code;
        bites ||= find.test(code);
        return code.replace(find, replace);
      });
      const report = await runInPieces(await deviceWith(UNLIMITED), broken, opCase, sizesOf(opCase));
      broken.destroy();
      expect(bites).toBe(true);
      expect(report!.difference).toBeGreaterThan(BOUND);
    });
  }
});

describe("what cannot be cut", () => {
  it("is refused by name: a row larger than a binding", async () => {
    const device = await deviceWith(256);
    const long = tensor(device, new Float32Array(100), [1, 100]);
    expect(() => softmax(long)).toThrow(
      /kernel softmax\/rows: .*\[1, 100\] has 400 bytes, more than the 256 that this device binds at once .*no axis/,
    );
    expect(() => linear(long, tensor(device, new Float32Array(100), [1, 100]))).toThrow(/kernel matmul.* has 400 bytes/);
  });

  it("is refused by name: more than a buffer holds", async () => {
    const device = await openDevice({ limits: { maxBufferSize: 1024 } });
    expect(() => tensor(device, new Float32Array(300), [300])).toThrow(
      "tensor [300]: 1200 bytes exceed the 1024 of the largest buffer that this device makes (maxBufferSize)",
    );
    device.destroy();
  });
});
