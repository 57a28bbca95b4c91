// What debugging runs beside the kernels that it looks at.
import { planRange, RANGE_WORDS } from "../../inspect/plan.js";
import type { KernelCase } from "../kernelCase.js";
import { wide } from "./common.js";

const SLOT = 1;
const SLOTS = 3;
const AT = SLOT * RANGE_WORDS;
/** The bits of what is no number, as a draw gives them. */
const bitsOf = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0]!;
const BROKEN = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY] as const;

const rangeCase = (storage: "f32" | "bf16" | "f16"): KernelCase => ({
  name: `inspect/range${storage === "f32" ? "" : `, ${storage}`}`,
  dims: { count: [1, 200], every: [1, 70] },
  edges: [
    { count: 131, every: 7, why: "several turns of the lanes, the last one not full; an odd count of halves" },
    { count: 1, every: 1, why: "no finite value" },
    { count: 64, every: 64, why: "one turn; only the last lane finds something" },
    { count: 65, every: 65, why: "the first element of the second turn alone" },
  ],
  plan: ({ count }) => planRange({ count: count!, storage, slot: SLOT }),
  inputs: ({ count, every }) => ({
    x: {
      shape: [count!],
      dtype: storage,
      // halves that are no numbers are not drawn: packages/tensor/src/debug/levels.test.ts has them
      draw: (random, i) => (storage === "f32" && i % every! === every! - 1 ? BROKEN[i % 3]! : wide(50)(random)),
    },
    ranges: { shape: [SLOTS * RANGE_WORDS], dtype: "u32", draw: (_, i) => i }, // other slots keep what they hold
  }),
  reference: ({ x, ranges }) => {
    const values = [...x!.data];
    const finite = values.filter(Number.isFinite);
    const first = values.findIndex((value) => !Number.isFinite(value));
    const data = ranges!.data.slice();
    data[AT] = finite.length > 0 ? Math.min(...finite) : 3.4e38;
    data[AT + 1] = finite.length > 0 ? Math.max(...finite) : -3.4e38;
    data[AT + 2] = values.length - finite.length;
    data[AT + 3] = first < 0 ? 2 ** 32 - 1 : first;
    if (first >= 0) data[AT + 4] = bitsOf(values[first]!);
    return { ranges: { shape: ranges!.shape, data, dtype: "u32", floatsAt: [AT, AT + 1] } };
  },
});

export const inspectCases: readonly KernelCase[] = (["f32", "bf16", "f16"] as const).map(rangeCase);
