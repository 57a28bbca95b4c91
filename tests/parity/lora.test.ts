// The adapter layers on the device against double precision: any shape, any storage of the frozen weight, LoRA and DoRA, forward and
// gradients. DoRA's norm is held constant in the backward pass, as in PEFT; the reference perturbs with the norm of the unperturbed layer.
import { bf16ToF32, f32ToBf16, freshLora, LORA_DEFAULTS, type LoraConfig, LoraLayers } from "@attune/models";
import { backward, linear, mul, noGrad, ProgramState, parameter, persistent, sum, type Tensor, tensor } from "@attune/tensor";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let device: NodeDevice;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const PATH = "layer.q";
interface Case {
  rows: number;
  inputs: number;
  outputs: number;
  rank: number;
  useDora: boolean;
  storage: "f32" | "bf16";
  hasBias: boolean;
  seed: number;
}
const cases: fc.Arbitrary<Case> = fc.record({
  rows: fc.integer({ min: 1, max: 5 }),
  inputs: fc.integer({ min: 1, max: 12 }).map((half) => 2 * half), // packed rows are even
  outputs: fc.integer({ min: 1, max: 70 }),
  rank: fc.integer({ min: 1, max: 5 }),
  useDora: fc.boolean(),
  storage: fc.constantFrom("f32" as const, "bf16" as const),
  hasBias: fc.boolean(),
  seed: fc.integer({ min: 0, max: 1e6 }),
});

function valuesOf(count: number, seed: number): Float32Array {
  return Float32Array.from(
    { length: count },
    (_, i) => 2 * (((Math.imul(i + 1, 2654435761) ^ Math.imul(seed, 40503)) >>> 0) / 2 ** 32) - 1,
  );
}

type Values = Record<"x" | "w" | "a" | "b" | "m" | "bias", Float32Array>;

/** y [rows, out] in double precision; `norms` are those of the backward pass, else of these values. */
function reference({ rows, inputs, outputs, rank, useDora }: Case, v: Values, scale: number, norms?: Float64Array) {
  const found = new Float64Array(outputs);
  const y = new Float64Array(rows * outputs);
  for (let o = 0; o < outputs; o++) {
    const row = Float64Array.from({ length: inputs }, (_, i) => {
      let product = 0;
      for (let r = 0; r < rank; r++) product += v.b[o * rank + r]! * v.a[r * inputs + i]!;
      return v.w[o * inputs + i]! + scale * product;
    });
    found[o] = Math.sqrt(row.reduce((total, value) => total + value * value, 0));
    const factor = useDora ? v.m[o]! / (norms ?? found)[o]! : 1;
    for (let t = 0; t < rows; t++) {
      let dot = 0;
      for (let i = 0; i < inputs; i++) dot += row[i]! * v.x[t * inputs + i]!;
      y[t * outputs + o] = factor * dot + v.bias[o]!;
    }
  }
  return { y, norms: found };
}

function build(c: Case, config: Partial<LoraConfig> = {}) {
  const { rows, inputs, outputs, rank, useDora, storage, hasBias, seed } = c;
  const drawn = valuesOf(outputs * inputs, seed + 1);
  const w = storage === "bf16" ? bf16ToF32(f32ToBf16(drawn)) : drawn;
  const v: Values = {
    x: valuesOf(rows * inputs, seed),
    w,
    a: valuesOf(rank * inputs, seed + 2),
    b: valuesOf(outputs * rank, seed + 3),
    m: valuesOf(outputs, seed + 4).map((value) => 2 + value),
    bias: hasBias ? valuesOf(outputs, seed + 5) : new Float32Array(outputs),
  };
  const packed = storage === "bf16" ? new Uint32Array(f32ToBf16(drawn).buffer.slice(0)) : drawn;
  const weight = persistent(device, [outputs, inputs], { dtype: storage, label: "w", values: packed });
  const bias = hasBias ? persistent(device, [outputs], { label: "bias", values: v.bias }) : null;
  const modules = [{ path: PATH, inFeatures: inputs, outFeatures: outputs }];
  const weights = new Map([[`${PATH}.weight`, weight]]);
  const full = { ...LORA_DEFAULTS, rank, alpha: 2 * rank + 1, targetModules: ["q"], useDora, ...config };
  const lora = new LoraLayers(device, full, modules, { specs: [], weights });
  lora.write(PATH, v.a, v.b, useDora ? v.m : undefined);
  const x = parameter(device, v.x, [rows, inputs]);
  const run = (training: ProgramState | null = null) => lora.project(PATH, x, { y: linear(x, weight), weight, bias }, training);
  const dispose = () => {
    for (const held of [lora, weight, bias, x, x.grad]) held?.dispose();
  };
  return { v, lora, weight, weights, x, run, dispose, scale: (2 * rank + 1) / rank };
}

const read = async (of: Tensor) => (await of.toArray()).slice() as Float32Array;

/** max|a-b| / max(1, max|b|) */
function error(ours: Float32Array, theirs: Float64Array): number {
  const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  return ours.reduce((most, value, i) => Math.max(most, Math.abs(value - theirs[i]!)), 0) / largest;
}

describe("a projection with an adapter", () => {
  it("is that of double precision, and so are its gradients", async () => {
    await fc.assert(
      fc.asyncProperty(cases, async (c) => {
        const { v, lora, x, run, dispose, scale } = build(c);
        const g = valuesOf(c.rows * c.outputs, c.seed + 9); // the loss is sum(g y)
        const y = device.scope(() => {
          const made = run();
          backward(sum(mul(made, tensor(device, g, [c.rows, c.outputs]))));
          return made;
        });
        const expected = reference(c, v, scale);
        expect(error(await read(y), expected.y), "y").toBeLessThan(2e-6);
        const trained: [keyof Values, Tensor][] = [
          ["x", x],
          ["a", lora.parameters.get(`${PATH}.lora_A.weight`)],
          ["b", lora.parameters.get(`${PATH}.lora_B.weight`)],
          ...(c.useDora ? [["m", lora.parameters.get(`${PATH}.lora_magnitude_vector`)] as [keyof Values, Tensor]] : []),
        ];
        for (const [name, of] of trained) {
          const gradient = Float64Array.from(v[name], (value, i) => {
            const at = (shift: number) => {
              const moved = Float64Array.from(v[name]);
              moved[i] = value + shift;
              const { y } = reference(c, { ...v, [name]: moved as unknown as Float32Array }, scale, expected.norms);
              return y.reduce((total, yi, k) => total + yi * g[k]!, 0);
            };
            return (at(1e-4) - at(-1e-4)) / 2e-4; // linear in each value alone: no truncation error
          });
          expect(error(await read(of.grad!), gradient), `gradient of ${name}`).toBeLessThan(5e-6);
        }
        y.dispose();
        dispose();
      }),
      { numRuns: 25, seed: 4 },
    );
  });

  it("begins as the base alone: magnitudes are the rows' norms, also of packed weights", async () => {
    for (const storage of ["f32", "bf16"] as const) {
      const c: Case = { rows: 3, inputs: 10, outputs: 70, rank: 2, useDora: true, storage, hasBias: false, seed: 3 };
      const { v, weight, weights, x, dispose } = build(c);
      const config = { ...LORA_DEFAULTS, rank: 2, targetModules: ["q"], useDora: true };
      const fresh = freshLora(device, config, [{ path: PATH, inFeatures: 10, outFeatures: 70 }], 1, { specs: [], weights });
      const { norms, y } = reference({ ...c, useDora: false }, { ...v, b: new Float32Array(v.b.length) }, 1);
      const { modules } = await fresh.read();
      expect(error(modules[0]!.magnitude!, norms)).toBeLessThan(1e-6);
      const ours = device.scope(() => noGrad(() => fresh.project(PATH, x, { y: linear(x, weight), weight, bias: null }, null)));
      expect(error(await read(ours), y)).toBeLessThan(1e-6);
      for (const held of [ours, fresh]) held.dispose();
      dispose();
    }
  });

  it("drops the adapter's input alone, DoRA's rescaling of the base too: the mean over many masks is what is computed without", async () => {
    for (const useDora of [false, true]) {
      const c: Case = { rows: 1, inputs: 8, outputs: 6, rank: 2, useDora, storage: "f32", hasBias: true, seed: 11 };
      const { v, run, dispose, scale } = build(c, { dropout: 0.5 });
      const state = new ProgramState(device, { seed: 5 });
      const rounds = 200;
      const mean = new Float64Array(6);
      const seen = new Set<string>();
      for (let step = 0; step < rounds; step++) {
        state.set({ step });
        const y = device.scope(() => noGrad(() => run(state)));
        const values = await read(y);
        y.dispose();
        for (const [i, value] of values.entries()) mean[i]! += value / rounds;
        seen.add(values.join());
      }
      expect(seen.size).toBeGreaterThan(50);
      const { y } = reference(c, v, scale);
      const spread = Math.max(...y.map(Math.abs));
      mean.forEach((value, i) => void expect(Math.abs(value - y[i]!)).toBeLessThan(0.25 * spread));
      state.dispose();
      dispose();
    }
  });

  it("DoRA without the base's weights is refused in one line", () => {
    const config = { ...LORA_DEFAULTS, useDora: true };
    const modules = [{ path: PATH, inFeatures: 2, outFeatures: 2 }];
    expect(() => new LoraLayers(device, config, modules)).toThrow(/needs the base model's weight layer.q.weight/);
  });
});
