// The one harness that every kernel goes through, on a bare GPUDevice: against its f64 reference, the same bits in a second run and
// with the grid folded into two dimensions, nothing written outside its outputs, no NaN from huge inputs where it promises that.
import type { DeviceFacts } from "../facts.js";
import type { KernelCall } from "../kernel.js";
import { dispatchAll, GUARD, GUARD_WORDS, guarded, type KernelDevice } from "./deviceRun.js";
import { generator } from "./generator.js";
import { narrowed } from "./halves.js";
import type { Dims, KernelCase, KernelInput, Result, StateValues } from "./kernelCase.js";
import type { Values } from "./references.js";

/** f32 rounds to 6e-8; sums of some dozens of terms of size 1 and the device's exp stay a hundredfold of that. */
export const DEFAULT_BOUND = 1e-5;

/** What one run of a case found; `failures` is empty when all is well. */
export interface KernelReport {
  readonly kernel: string;
  readonly error: number;
  readonly failures: readonly string[];
}

export interface KernelRunOptions {
  readonly dims: Dims;
  readonly seed: number;
  /** Every float input takes huge values of this size; then only NaN is looked for. */
  readonly extreme?: number;
}

/** Runs one case at one size. Failures name the check, the binding, the worst index and both values. */
export async function runKernel(
  device: KernelDevice,
  kernelCase: KernelCase,
  { dims, seed, extreme }: KernelRunOptions,
): Promise<KernelReport> {
  const { facts } = device;
  const random = generator(seed);
  const call = kernelCase.plan(dims, facts);
  const { kernel } = call;
  const state = drawState(dims, random);
  const inputs = kernelCase.inputs(dims, facts);
  const values = Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, draw(input, random, extreme)]));
  const expected = kernelCase.reference(
    Object.fromEntries(Object.entries(values).map(([name, { exact }]) => [name, exact])),
    dims,
    state,
    facts,
  );
  const names = new Set(kernel.bindings.map(({ name }) => name));
  for (const name of [...Object.keys(inputs), ...Object.keys(expected)])
    if (!names.has(name)) throw new Error(`case ${kernelCase.name}: kernel ${kernel.name} has no binding ${name}`);
  const storages = Object.fromEntries(
    kernel.bindings.map(({ name, type, access }) => {
      if (type === "ProgramState") return [name, guarded(stateWords(state), access)];
      const words = values[name]?.words ?? new Uint32Array(expected[name]?.data.length ?? 0).fill(GUARD);
      return [name, guarded(words, access)];
    }),
  );
  // its second run, and one whose grid is folded: as sizes beyond 65,535 workgroups are run
  const calls = [call, call, ...folded(kernelCase, dims, facts, call)];
  const [first, ...others] = await dispatchAll(device, calls, storages);
  const failures: string[] = [];
  let error = 0;
  for (const { name, access, type } of kernel.bindings) {
    if (access === "read") continue;
    const ours = first![name]!;
    const result = expected[name];
    if (extreme !== undefined) {
      const at = type.includes("f") ? floats(ours, result?.data.length ?? 0).findIndex(Number.isNaN) : -1;
      if (at >= 0) failures.push(`${name} ${at} is NaN for inputs of size ${extreme}`);
      continue;
    }
    const found = result ? compare(name, ours, result, kernelCase.bound?.value ?? DEFAULT_BOUND) : { error: 0, failure: null };
    error = Math.max(error, found.error);
    if (found.failure) failures.push(found.failure);
    const end = result ? (/vec\d/.test(type) ? Math.ceil(result.data.length / 4) * 4 : result.data.length) : 0;
    const outside = ours.findIndex((word, i) => i >= end && word !== storages[name]![i]);
    if (outside >= 0) failures.push(`${name}: word ${outside} was written, beyond the ${end} of its data`);
    others.forEach((other, which) => {
      const at = other[name]!.findIndex((word, i) => word !== ours[i]);
      const run = which === 0 ? "second run" : "run with a folded grid";
      if (at >= 0)
        failures.push(`${run}: ${name} ${at} has other bits: ${ours[at]!.toString(16)} and ${other[name]![at]!.toString(16)}`);
    });
  }
  return { kernel: kernel.name, error, failures };
}

/** Huge finite inputs: whatever the kernel gives for them, it must not be NaN. */
export const EXTREMES: readonly number[] = [1e4, 1e8, 1e18];

/** The same call planned under a limit so low that the count of workgroups takes two dimensions; none where it has only one. */
function folded(kernelCase: KernelCase, dims: Dims, facts: DeviceFacts, call: KernelCall): KernelCall[] {
  const [x, y] = call.workgroups;
  if (x < 2 || y !== 1) return [];
  for (const most of [Math.ceil(Math.sqrt(x)), Math.ceil(x / 2)]) {
    const limits = { ...facts.limits, maxComputeWorkgroupsPerDimension: most };
    try {
      const again = kernelCase.plan(dims, { ...facts, limits });
      if (again.kernel === call.kernel && again.workgroups[1] > 1) return [again];
    } catch (error) {
      // a plan of several calls may have a larger one beside this; what is refused for another reason is a fault
      if (!/exceeds/.test(String(error))) throw error;
    }
  }
  return [];
}

function drawState(dims: Dims, random: () => number): StateValues {
  const places = dims.keys ?? dims.capacity ?? 3;
  return {
    seed: 12345 + Math.floor(random() * 1000),
    step: 3,
    micro: 1,
    past: Math.min(2, places - 1),
    lr: 0.01,
    correction1: 0.5,
    correction2: 0.25,
  };
}

function stateWords({ seed, step, micro, past, lr, correction1, correction2 }: StateValues): Uint32Array {
  const words = new Uint32Array(8);
  words.set([seed, step, micro, past]);
  words.set(new Uint32Array(Float32Array.of(lr, correction1, correction2).buffer), 4);
  return words;
}

interface Drawn {
  /** What the device holds, in f64. */
  exact: Values;
  words: Uint32Array;
}

function draw({ shape, dtype = "f32", draw: from }: KernelInput, random: () => number, extreme?: number): Drawn {
  const size = shape.reduce((product, length) => product * length, 1);
  const huge = (i: number): number => (i % 3 === 0 ? extreme! : i % 3 === 1 ? -extreme! : 0);
  const data = Float64Array.from({ length: size }, (_, i) => {
    const drawn = from ? from(random, i) : random() * 2 - 1;
    return extreme !== undefined && dtype === "f32" ? huge(i) : drawn;
  });
  if (dtype === "i32") return { exact: { shape, data }, words: new Uint32Array(Int32Array.from(data).buffer) };
  if (dtype === "u32") return { exact: { shape, data }, words: Uint32Array.from(data) };
  if (dtype === "f32") {
    const rounded = Float32Array.from(data);
    return { exact: { shape, data: Float64Array.from(rounded) }, words: new Uint32Array(rounded.buffer) };
  }
  const { values, words } = narrowed(dtype, data);
  return { exact: { shape, data: values }, words };
}

const floats = (words: Uint32Array, count: number): Float32Array => new Float32Array(words.buffer, 0, count);

function compare(name: string, words: Uint32Array, { data, dtype = "f32", floatsAt = [] }: Result, bound: number) {
  const asFloats = floats(words, data.length);
  const ours: ArrayLike<number> =
    dtype === "f32" ? asFloats : dtype === "i32" ? new Int32Array(words.buffer, 0, data.length) : words;
  let worst = { error: 0, failure: null as string | null };
  let over = 0; // by how much a failing value exceeds its bound: integers have none
  for (let i = 0; i < data.length; i++) {
    const isFloat = dtype === "f32" || floatsAt.includes(i);
    const [value, expected, most] = [isFloat ? asFloats[i]! : ours[i]!, data[i]!, isFloat ? bound : 0];
    if (value === expected || (Number.isNaN(value) && Number.isNaN(expected))) continue;
    const difference = Math.abs(value - expected) / (1 + Math.abs(expected));
    const error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
    if (error <= worst.error && error - most <= over) continue;
    over = Math.max(over, error - most);
    const failure = `${name} ${i}: device ${value}, reference ${expected}, error ${error.toExponential(1)} > ${most}`;
    worst = { error: Math.max(error, worst.error), failure: error > most ? failure : worst.failure };
  }
  return worst;
}

export { GUARD_WORDS };
