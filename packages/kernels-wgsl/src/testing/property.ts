// Shapes drawn from a case's dims, and the smallest one that fails: no library, so that a kernel's package needs none for its tests.
import type { KernelDevice } from "./deviceRun.js";
import { generator } from "./generator.js";
import { DEFAULT_BOUND, EXTREMES, type KernelReport, type KernelRunOptions, runKernel } from "./harness.js";
import type { Dims, KernelCase } from "./kernelCase.js";

export interface CheckOptions {
  /** Drawn shapes, beside the case's edges. */
  readonly shapes?: number;
  readonly seed?: number;
  /** These sizes alone, with the seed as it is: a replay. */
  readonly dims?: Dims;
  /** With `dims`: every float input takes values of this size, and only NaN is looked for. */
  readonly extreme?: number;
  /** The command that runs one size of one case again; default `attune kernels test`, which knows the kernels of this package. */
  readonly replay?: (name: string, dims: Dims, seed: number, extreme?: number) => string;
  readonly onRun?: (report: KernelReport, dims: Dims) => void;
}

export interface Counterexample {
  readonly dims: Dims;
  readonly seed: number;
  readonly failures: readonly string[];
  /** Runs exactly this again. */
  readonly replay: string;
}

export interface CheckReport {
  readonly name: string;
  /** Kernels that ran, with their variants. */
  readonly kernels: readonly string[];
  readonly runs: number;
  readonly worstError: number;
  readonly worstDims: Dims;
  readonly bound: number;
  readonly counterexample: Counterexample | null;
  /** Why nothing was run, where the adapter lacks what the case needs. */
  readonly lacks: string | null;
}

/** Runs the edges, then `shapes` drawn sizes; stops at the first that fails, and shrinks it to the smallest that still fails. */
export async function checkKernel(
  device: KernelDevice,
  kernelCase: KernelCase,
  { shapes = 200, seed = 1, dims: only, extreme, replay = replayOf, onRun }: CheckOptions = {},
): Promise<CheckReport> {
  const bound = kernelCase.bound?.value ?? DEFAULT_BOUND;
  const lacks = kernelCase.needs?.(device.facts) ?? null;
  if (lacks !== null)
    return { name: kernelCase.name, kernels: [], runs: 0, worstError: 0, worstDims: {}, bound, counterexample: null, lacks };
  const kernels = new Set<string>();
  let [runs, worstError, worstDims] = [0, 0, {} as Dims];
  let counterexample: Counterexample | null = null;
  const random = generator(seed);
  const edges = kernelCase.edges.map(({ why: _, ...edge }) => ({ dims: edge as Dims, seed }));
  const drawn = Array.from({ length: shapes }, () => {
    const sizes = Object.entries(kernelCase.dims).map(([name, [least, most]]): [string, number] => [
      name,
      least + Math.floor(random() * (most - least + 1)),
    ]);
    return { dims: Object.fromEntries(sizes) as Dims, seed: Math.floor(random() * 2 ** 31) };
  });
  for (const one of only ? [{ dims: only, seed }] : [...edges, ...drawn]) {
    const report = await attempt(device, kernelCase, { ...one, extreme });
    runs++;
    kernels.add(report.kernel);
    onRun?.(report, one.dims);
    if (report.error > worstError || runs === 1) [worstError, worstDims] = [report.error, one.dims];
    if (report.failures.length === 0) continue;
    const smallest = only ? { ...one, failures: report.failures } : await shrink(device, kernelCase, one, report.failures);
    counterexample = { ...smallest, replay: replay(kernelCase.name, smallest.dims, smallest.seed, extreme) };
    break;
  }
  if (!counterexample && kernelCase.checksExtremes && !only) {
    const { dims } = edges[0]!;
    for (const huge of EXTREMES) {
      const { failures } = await attempt(device, kernelCase, { dims, seed, extreme: huge });
      runs++;
      if (failures.length === 0) continue;
      counterexample = { dims, seed, failures, replay: replay(kernelCase.name, dims, seed, huge) };
      break;
    }
  }
  return { name: kernelCase.name, kernels: [...kernels], runs, worstError, worstDims, bound, counterexample, lacks };
}

/** The command that runs one size of one case again, in the project of these kernels. */
export function replayOf(name: string, dims: Dims, seed: number, extreme?: number): string {
  const sizes = Object.entries(dims).map(([size, value]) => `${size}=${value}`);
  return `attune kernels test ${JSON.stringify(name)} --dims ${sizes.join(",")} --seed ${seed}${extreme === undefined ? "" : ` --extreme ${extreme}`}`;
}

/** "rows=3,cols=27" -> { rows: 3, cols: 27 }. @throws where a size is not one of the case's, or one is missing */
export function parseDims(text: string, kernelCase: KernelCase): Dims {
  const dims = Object.fromEntries(
    text
      .split(",")
      .filter(Boolean)
      .map((part) => {
        const [name, value] = part.split("=") as [string, string | undefined];
        if (!(name in kernelCase.dims) || !/^\d+$/.test(value ?? ""))
          throw new Error(`${part} is no size of ${kernelCase.name}: its sizes are ${Object.keys(kernelCase.dims).join(", ")}`);
        return [name, Number(value)];
      }),
  );
  const missing = Object.keys(kernelCase.dims).filter((name) => !(name in dims));
  if (missing.length > 0) throw new Error(`${kernelCase.name}: --dims lacks ${missing.join(", ")}`);
  return dims;
}

async function attempt(device: KernelDevice, kernelCase: KernelCase, options: KernelRunOptions): Promise<KernelReport> {
  try {
    return await runKernel(device, kernelCase, options);
  } catch (error) {
    return { kernel: kernelCase.name, error: Number.POSITIVE_INFINITY, failures: [String((error as Error).message)] };
  }
}

/** One size at a time towards its least, by halves: a few dozen runs at most. */
async function shrink(
  device: KernelDevice,
  kernelCase: KernelCase,
  start: { dims: Dims; seed: number },
  found: readonly string[],
): Promise<{ dims: Dims; seed: number; failures: readonly string[] }> {
  let smallest = { ...start, failures: found };
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false;
    for (const [name, [least]] of Object.entries(kernelCase.dims)) {
      const from = smallest.dims[name]!;
      for (const size of new Set([least, Math.floor((least + from) / 2), from - 1])) {
        if (size >= from || size < least) continue;
        const dims = { ...smallest.dims, [name]: size };
        const { failures } = await attempt(device, kernelCase, { dims, seed: start.seed });
        if (failures.length === 0) continue;
        smallest = { dims, seed: start.seed, failures };
        isSmaller = true;
        break;
      }
    }
  }
  return smallest;
}
