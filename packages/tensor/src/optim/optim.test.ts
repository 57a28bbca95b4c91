// Optimizers over arenas of several parameters: against the papers' formulas in f64, in pieces, and with gradients that are not finite.
import { generator } from "@attune/kernels-wgsl/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { capture } from "../device/capture.js";
import type { Device } from "../device/device.js";
import { type NodeDevice, openDevice } from "../node.js";
import { Adafactor, type AdafactorOptions } from "./adafactor.js";
import { AdamW, type AdamWOptions } from "./adamW.js";
import { ParameterSet } from "./parameterSet.js";

let device: NodeDevice;
beforeAll(async () => {
  device = await openDevice();
});
afterAll(() => device.destroy());

const SHAPES: Readonly<Record<string, readonly number[]>> = { a: [12, 20], b: [9, 5], c: [37], d: [1], e: [3, 1] };
const DECAYING = ["a", "b"];
const STEPS = 3;
const names = Object.keys(SHAPES);
const size = (name: string): number => SHAPES[name]!.reduce((product, length) => product * length, 1);

/** Values by name from a seed: large ones, so that clipping by RMS acts, and small ones. */
function drawn(seed: number, scale = 1): Map<string, Float32Array> {
  const random = generator(seed);
  return new Map(
    names.map((name, i) => [name, Float32Array.from({ length: size(name) }, () => scale * (i + 1) * (random() - 0.4))]),
  );
}

type Optimizer = AdamW | Adafactor;
interface Run {
  set: ParameterSet;
  optimizer: Optimizer;
  dispose(): void;
}
function start(on: Device, make: (set: ParameterSet) => Optimizer): Run {
  const set = new ParameterSet(
    on,
    names.map((name) => ({ name, shape: SHAPES[name]!, decays: DECAYING.includes(name) })),
  );
  for (const [name, values] of drawn(7)) set.get(name).write(values);
  const optimizer = make(set);
  const dispose = (): void => {
    optimizer.dispose();
    set.dispose();
  };
  return { set, optimizer, dispose };
}
/** Update t with the gradients of seed t, or with others. */
function update({ set, optimizer }: Run, t: number, gradients = drawn(t), lr = 0.02 * t): void {
  for (const [name, values] of gradients) set.get(name).grad!.write(values);
  optimizer.schedule(t, lr);
  set.device.scope(() => optimizer.step());
}
async function valuesOf({ set }: Run): Promise<Map<string, Float32Array>> {
  return new Map(await Promise.all(names.map(async (name) => [name, (await set.get(name).toArray()) as Float32Array] as const)));
}
/** Everything that an update may change, word by word. */
async function bitsOf({ set, optimizer }: Run): Promise<string> {
  const { control } = optimizer;
  const held =
    optimizer instanceof AdamW
      ? optimizer.moments.flatMap(({ m, v }) => [m, v])
      : optimizer.arenas.flatMap(({ second, moment }) => [second.storage, ...(moment ? [moment] : [])]);
  const words = await Promise.all(
    [...set.ranges.map(({ data }) => data), ...held].map(async (storage) =>
      new Uint32Array(await set.device.read(storage, storage.bytes)).join(),
    ),
  );
  const { good, rate } = await control.read();
  return [...words, good, rate].join("|");
}
const worst = (ours: Map<string, Float32Array>, theirs: Map<string, Float64Array>): number =>
  Math.max(
    ...names.map((name) =>
      ours.get(name)!.reduce((most, value, i) => {
        const error = Math.abs(value - theirs.get(name)![i]!) / (1 + Math.abs(theirs.get(name)![i]!));
        return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(most, error);
      }, 0),
    ),
  );

const ADAM = { beta1: 0.8, beta2: 0.95, eps: 1e-4, weightDecay: 0.3 };
/** Both with the global clipping given; steps as torch and transformers write them. */
function adamWReference(clip: number): Map<string, Float64Array> {
  const p = new Map([...drawn(7)].map(([name, values]) => [name, Float64Array.from(values)]));
  const [m, v] = [0, 0].map(() => new Map(names.map((name) => [name, new Float64Array(size(name))])));
  for (let t = 1; t <= STEPS; t++) {
    const gradients = clipped(t, clip);
    const lr = 0.02 * t;
    for (const name of names) {
      const [values, first, second] = [p.get(name)!, m!.get(name)!, v!.get(name)!];
      gradients.get(name)!.forEach((g, i) => {
        first[i] = ADAM.beta1 * first[i]! + (1 - ADAM.beta1) * g;
        second[i] = ADAM.beta2 * second[i]! + (1 - ADAM.beta2) * g * g;
        const change = first[i]! / (1 - ADAM.beta1 ** t) / (Math.sqrt(second[i]! / (1 - ADAM.beta2 ** t)) + ADAM.eps);
        values[i] = values[i]! * (1 - (DECAYING.includes(name) ? lr * ADAM.weightDecay : 0)) - lr * change;
      });
    }
  }
  return p;
}
function clipped(t: number, clip: number): Map<string, Float64Array> {
  const gradients = new Map([...drawn(t)].map(([name, values]) => [name, Float64Array.from(values)]));
  const norm = Math.sqrt([...gradients.values()].reduce((sum, values) => sum + values.reduce((s, g) => s + g * g, 0), 0));
  const factor = clip > 0 ? Math.min(1, clip / (norm + 1e-6)) : 1;
  return new Map([...gradients].map(([name, values]) => [name, values.map((g) => g * factor)]));
}

function adafactorReference(options: AdafactorOptions): Map<string, Float64Array> {
  const { relativeStep = true, warmupInit = false, scaleParameter = true, clipThreshold = 1, beta1 = null } = options;
  const { weightDecay = 0, clipNorm = 0 } = options;
  const p = new Map([...drawn(7)].map(([name, values]) => [name, Float64Array.from(values)]));
  const rowsOf = new Map(names.map((name) => [name, new Float64Array(SHAPES[name]![0]!)]));
  const columnsOf = new Map(names.map((name) => [name, new Float64Array(SHAPES[name]![1] ?? 0)]));
  const momentOf = new Map(names.map((name) => [name, new Float64Array(size(name))]));
  const rms = (values: Float64Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
  const mean = (values: Float64Array): number => values.reduce((sum, v) => sum + v, 0) / values.length;
  for (let t = 1; t <= STEPS; t++) {
    const gradients = clipped(t, clipNorm);
    const keep = 1 - t ** -0.8;
    for (const name of names) {
      const [values, g, rows, columns] = [p.get(name)!, gradients.get(name)!, rowsOf.get(name)!, columnsOf.get(name)!];
      const [r, c] = SHAPES[name] as [number, number?];
      const base = relativeStep ? Math.min(warmupInit ? 1e-6 * t : 1e-2, 1 / Math.sqrt(t)) : 0.02 * t;
      const lr = base * (scaleParameter ? Math.max(1e-3, rms(values)) : 1);
      const squares = g.map((v) => v * v + 1e-30);
      let u: Float64Array;
      if (c === undefined) {
        rows.forEach((before, i) => {
          rows[i] = keep * before + (1 - keep) * squares[i]!;
        });
        u = g.map((v, i) => v / Math.sqrt(rows[i]!));
      } else {
        for (let i = 0; i < r; i++) rows[i] = keep * rows[i]! + (1 - keep) * mean(squares.subarray(i * c, (i + 1) * c));
        for (let j = 0; j < c; j++) {
          columns[j] = keep * columns[j]! + (1 - keep) * mean(squares.filter((_, k) => k % c === j));
        }
        const all = mean(rows);
        u = g.map((v, k) => v / Math.sqrt(rows[Math.floor(k / c)]! / all) / Math.sqrt(columns[k % c]!));
      }
      const shrink = Math.max(1, rms(u) / clipThreshold);
      const moment = momentOf.get(name)!;
      u.forEach((v, i) => {
        let change = (v / shrink) * lr;
        if (beta1 !== null) {
          moment[i] = beta1 * moment[i]! + (1 - beta1) * change;
          change = moment[i]!;
        }
        const decay = DECAYING.includes(name) ? weightDecay * lr : 0;
        values[i] = values[i]! - decay * values[i]! - change;
      });
    }
  }
  return p;
}

const ADAFACTOR: readonly [string, AdafactorOptions][] = [
  ["T5's own step", {}],
  ["warm-up of its own", { warmupInit: true }],
  ["a given rate, decay and clipping", { relativeStep: false, scaleParameter: false, weightDecay: 0.2, clipNorm: 2 }],
  ["a running mean of updates", { relativeStep: false, beta1: 0.7, clipThreshold: 0.3 }],
];

describe("against the formulas in f64", () => {
  for (const clipNorm of [0, 3]) {
    it(`AdamW, clipped at ${clipNorm || "nothing"}`, async () => {
      const run = start(device, (set) => new AdamW(set, { ...ADAM, clipNorm }));
      for (let t = 1; t <= STEPS; t++) update(run, t);
      expect(worst(await valuesOf(run), adamWReference(clipNorm))).toBeLessThan(3e-6);
      run.dispose();
    });
  }
  for (const [what, options] of ADAFACTOR) {
    it(`Adafactor, ${what}`, async () => {
      const run = start(device, (set) => new Adafactor(set, options));
      for (let t = 1; t <= STEPS; t++) update(run, t);
      expect(worst(await valuesOf(run), adafactorReference(options))).toBeLessThan(3e-6);
      run.dispose();
    });
  }
});

describe("dispatches and pieces", () => {
  const calls = (on: NodeDevice, make: (set: ParameterSet) => Optimizer): string[] => {
    const run = start(on, make);
    const seen: string[] = [];
    on.onCall = ({ kernel }) => seen.push(kernel.name);
    update(run, 1);
    on.onCall = null;
    run.dispose();
    return seen;
  };

  it("AdamW takes three for all parameters, Adafactor six", () => {
    const begin = ["reduce/sum_squares", "optimizer/decide"];
    expect(calls(device, (set) => new AdamW(set))).toEqual([...begin, "optimizer/adamw"]);
    const parts = ["stats", "squares", "totals", "apply"].map((part) => `optimizer/adafactor_${part}`);
    expect(calls(device, (set) => new Adafactor(set))).toEqual([...begin, ...parts]);
  });

  it("a matrix larger than a binding is cut by rows", async () => {
    // sum_squares' blocks are of 64 KiB; a binding of less than them would be refused
    const limits = { maxStorageBufferBindingSize: 2 ** 16, minStorageBufferOffsetAlignment: 16 };
    const small = await openDevice({ limits });
    const shape = [300, 128]; // 150 KiB
    const trained = async (on: Device, make: (set: ParameterSet) => Optimizer): Promise<Float32Array> => {
      const set = new ParameterSet(on, [
        { name: "w", shape, decays: true },
        { name: "b", shape: [7], decays: false },
      ]);
      const random = generator(3);
      set.get("w").write(Float32Array.from({ length: 300 * 128 }, () => random() - 0.5));
      set.get("w").grad!.write(Float32Array.from({ length: 300 * 128 }, () => random() - 0.5));
      const optimizer = make(set);
      for (const t of [1, 2]) {
        optimizer.schedule(t, 0.01);
        on.scope(() => optimizer.step());
      }
      const values = (await set.get("w").toArray()) as Float32Array;
      optimizer.dispose();
      set.dispose();
      return values;
    };
    const adamW = (set: ParameterSet): Optimizer => new AdamW(set);
    expect(await trained(small, adamW)).toEqual(await trained(device, adamW)); // bit for bit
    const adafactor = (set: ParameterSet): Optimizer => new Adafactor(set, { weightDecay: 0.1, beta1: 0.5 });
    const [ours, whole] = [await trained(small, adafactor), await trained(device, adafactor)];
    // sums over the rows of a column are added up by pieces
    expect(Math.max(...ours.map((value, i) => Math.abs(value - whole[i]!)))).toBeLessThan(1e-6);
    small.destroy();
  });
});

describe("gradients that are not finite", () => {
  const broken = (value: number): Map<string, Float32Array> => {
    const gradients = drawn(2);
    gradients.get("b")![44] = value; // the last one
    return gradients;
  };
  const optimizers: readonly [string, (options: AdamWOptions) => (set: ParameterSet) => Optimizer][] = [
    ["AdamW", (options) => (set) => new AdamW(set, options)],
    ["Adafactor", (options) => (set) => new Adafactor(set, { ...options, beta1: 0.5 })],
  ];
  for (const [what, make] of optimizers) {
    for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN]) {
      it(`${what} skips an update with ${value}, and the next one is as if it had not been`, async () => {
        const lossScale = { initial: 4, growthInterval: 2 };
        const scaled = (t: number, by: number): Map<string, Float32Array> =>
          new Map([...drawn(t)].map(([name, values]) => [name, values.map((g) => g * by)]));
        const run = start(device, make({ lossScale }));
        const program = capture(device, "update", {}, () => {
          run.optimizer.step();
          return {};
        });
        const replay = (t: number, gradients: Map<string, Float32Array>): void => {
          for (const [name, values] of gradients) run.set.get(name).grad!.write(values);
          run.optimizer.schedule(t, 0.02 * t);
          program.run();
        };
        replay(1, scaled(1, 4));
        const before = await bitsOf(run);
        replay(2, broken(value));
        expect((await bitsOf(run)).split("|").slice(0, -1)).toEqual(before.split("|").slice(0, -1)); // all but the latest rate
        expect(await run.optimizer.control.read()).toMatchObject({ good: 1, skipped: 1, grown: 0, scale: 2, isGood: false });
        replay(3, scaled(2, 2));
        replay(4, scaled(3, 2));
        expect(await run.optimizer.control.read()).toMatchObject({ good: 3, skipped: 1, grown: 0, scale: 4, isGood: true });
        const smooth = start(device, make({}));
        for (let t = 1; t <= 3; t++) update(smooth, t);
        expect(await valuesOf(run)).toEqual(await valuesOf(smooth)); // powers of two take no bit away
        for (const held of [program, run, smooth]) held.dispose();
      });
    }

    it(`${what} without a loss scale leaves the weights as they are, unless it is told to go on`, async () => {
      const run = start(device, make({}));
      const before = await valuesOf(run);
      update(run, 1, broken(Number.NaN));
      expect(await valuesOf(run)).toEqual(before);
      expect(await run.optimizer.control.read()).toMatchObject({ good: 0, skipped: 1, scale: 1, isGood: false });
      const careless = start(device, make({ skipNonFinite: false }));
      update(careless, 1, broken(Number.NaN));
      expect((await valuesOf(careless)).get("b")![44]).toBeNaN();
      expect(await careless.optimizer.control.read()).toMatchObject({ good: 1, skipped: 0 });
      run.dispose();
      careless.dispose();
    });
  }

  it("goes on where another run stopped", async () => {
    const first = start(device, (set) => new AdamW(set, { lossScale: { initial: 8 } }));
    first.optimizer.control.restore({ good: 5, skipped: 2, grown: 3, scale: 16 });
    first.optimizer.schedule(6, 0.25);
    device.scope(() => first.optimizer.step());
    expect(await first.optimizer.control.read()).toMatchObject({ good: 6, skipped: 2, grown: 4, scale: 16, rate: 0.25 });
    first.dispose();
  });

  it("refuses options that mean nothing", () => {
    const set = new ParameterSet(device, [{ name: "p", shape: [2, 2, 2], decays: true }]);
    expect(() => new AdamW(set, { lossScale: { initial: 0 } })).toThrow("lossScale.initial must be positive, got 0");
    expect(() => new AdamW(set, { lossScale: { growthInterval: 0 } })).toThrow("must be a positive whole number, got 0");
    expect(() => new Adafactor(set)).toThrow("p [2, 2, 2] is neither a matrix nor a vector");
    expect(() => new Adafactor(set, { warmupInit: true, relativeStep: false })).toThrow("warmupInit belongs to relativeStep");
    set.dispose();
  });
});
