// Chains as the passes build them: what is their own is which storage is loaded how, the order of steps, and what is stored.
import { type Chain, planChain } from "../../elementwise/fused.js";
import type { KernelCase } from "../kernelCase.js";
import { dropout, map, scalarFunctions } from "../references.js";
import { flat } from "./common.js";

const P = 0.3;
const counted = {
  dims: { count: [1, 1200] },
  edges: [
    { count: 1027, why: "five workgroups, a tail" },
    { count: 5, why: "a tail of one" },
  ],
} as const;
const each = (slot: number) => ({ slot, reading: "each" }) as const;

function chain(count: number): Chain {
  const numbers = { site: 5, threshold: Math.floor(P * 2 ** 32), scale: 1 / (1 - P) };
  return {
    count,
    slots: [
      { access: "read" }, { access: "read" }, { access: "read" }, { access: "read" }, { access: "read_write" }, { access: "read_write" },
    ],
    steps: [
      { op: "geluNew", operands: [each(0)], numbers: {} },
      { op: "mul", operands: [{ step: 0 }, each(1)], numbers: {} },
      { op: "dropout", operands: [{ step: 1 }], numbers, state: 3 },
      { op: "add", operands: [each(2), { step: 2 }], numbers: { alpha: 0.5 } },
    ],
    stores: [{ slot: 4, step: 1 }, { slot: 5, step: 3 }],
  }; // biome-ignore format: a step a line
}

export const fusedCases: readonly KernelCase[] = [
  {
    name: "elementwise/fused, gate, dropout and residual",
    ...counted,
    plan: ({ count }, facts) => planChain(chain(count!), facts),
    inputs: ({ count }) => ({ s0: { shape: [count!] }, s1: { shape: [count!] }, s2: { shape: [count!] } }),
    reference: ({ s0, s1, s2 }, _, state) => {
      const gate = flat(s0!.shape, (i) => scalarFunctions.geluNew(s0!.data[i]!) * s1!.data[i]!);
      const kept = dropout(gate, P, 5, state);
      return { s4: gate, s5: flat(s0!.shape, (i) => s2!.data[i]! + 0.5 * kept.data[i]!) };
    },
  },
  {
    name: "elementwise/fused, rows, one value and a sum in place",
    dims: { rows: [1, 40], fours: [1, 12] },
    edges: [{ rows: 30, fours: 9, why: "five workgroups; the row repeats within one" }],
    plan: ({ rows, fours }, facts) => {
      const numbers = { alpha: 0.25 };
      const steps: Chain["steps"] = [
        { op: "mul", operands: [each(0), { slot: 1, reading: "row", cols: 4 * fours! }], numbers: {} },
        { op: "add", operands: [{ step: 0 }, { slot: 2, reading: "one" }], numbers: { alpha: 1 } },
        { op: "relu", operands: [{ step: 1 }], numbers: {} },
        { op: "accumulate", operands: [each(3), { step: 2 }], numbers },
      ];
      const slots: Chain["slots"] = [{ access: "read" }, { access: "read" }, { access: "read" }, { access: "read_write" }];
      return planChain({ count: rows! * 4 * fours!, slots, steps, stores: [{ slot: 3, step: 3 }] }, facts);
    },
    inputs: ({ rows, fours }) => {
      const all = { shape: [rows!, 4 * fours!] };
      return { s0: all, s1: { shape: [4 * fours!] }, s2: { shape: [1] }, s3: all };
    },
    reference: ({ s0, s1, s2, s3 }, { fours }) => {
      const v = map(
        flat(s0!.shape, (i) => s0!.data[i]! * s1!.data[i % (4 * fours!)]! + s2!.data[0]!),
        scalarFunctions.relu,
      );
      return { s3: flat(s0!.shape, (i) => s3!.data[i]! + 0.25 * v.data[i]!) };
    },
  },
];
