import { references } from "@attune/kernels-wgsl/testing";
import { affine } from "../../ops/elementwise.js";
import { linearCrossEntropy } from "../../ops/linearCrossEntropy.js";
import { crossEntropy } from "../../ops/loss.js";
import type { CaseInput, OpCase } from "../opCase.js";

/** About a third of the rows ignored. */
const labels = (rows: number, vocab: number): CaseInput => ({
  shape: [rows],
  dtype: "i32",
  draw: (random) => (random() < 0.3 ? -100 : Math.floor(random() * vocab)),
});

export const lossCases: readonly OpCase[] = [
  ...[0, 0.2].map(
    (labelSmoothing): OpCase => ({
      name: labelSmoothing ? "crossEntropy, smoothed" : "crossEntropy",
      dims: { rows: [1, 20], vocab: [1, 70] },
      edges: [
        { rows: 4, vocab: 2, why: "some rows are ignored" },
        { rows: 9, vocab: 43, why: "several turns of the lanes" },
      ],
      inputs: ({ rows, vocab }) => [{ shape: [rows!, vocab!], draw: (random) => 8 * random() - 4 }, labels(rows!, vocab!)],
      run: ([x, of]) => crossEntropy(x!, of!, { labelSmoothing }),
      reference: ([x, of]) => references.crossEntropy(x!, of!, labelSmoothing),
      checksExtremes: true,
    }),
  ),
  ...(["frozen f32", "frozen bf16", "frozen f16", "trained"] as const).map((kind): OpCase => {
    const dtype = kind === "frozen bf16" ? "bf16" : kind === "frozen f16" ? "f16" : "f32";
    return {
      name: `linearCrossEntropy, w ${kind}`,
      dims: { rows: [1, 300], vocab: [1, 50], quads: [1, 6] },
      edges: [
        { rows: 3, vocab: 2, quads: 1, why: "small" },
        { rows: 9, vocab: 43, quads: 2, why: "a vocabulary of odd size" },
        { rows: 260, vocab: 12, quads: 3, why: "more rows than a tile" },
      ],
      inputs: ({ rows, vocab, quads }) => [
        { shape: [rows!, 4 * quads!] },
        { shape: [vocab!, 4 * quads!], dtype, isConstant: kind !== "trained" },
        labels(rows!, vocab!),
      ],
      run: ([x, w, of]) => linearCrossEntropy(x!, w!, of!, { labelSmoothing: 0.1 }),
      reference: ([x, w, of]) => references.crossEntropy(references.linear(x!, w!), of!, 0.1),
    };
  }),
  {
    name: "linearCrossEntropy of computed operands",
    dims: { rows: [1, 20], vocab: [1, 20], quads: [1, 4] },
    edges: [{ rows: 5, vocab: 8, quads: 2, why: "gradients that start in fresh memory" }],
    inputs: ({ rows, vocab, quads }) => [{ shape: [rows!, 4 * quads!] }, { shape: [vocab!, 4 * quads!] }, labels(rows!, vocab!)],
    run: ([x, w, of]) => linearCrossEntropy(affine(x!, 2), affine(w!, 3), of!),
    reference: ([x, w, of]) =>
      references.crossEntropy(
        references.linear(
          references.map(x!, (v) => 2 * v),
          references.map(w!, (v) => 3 * v),
        ),
        of!,
      ),
  },
];
