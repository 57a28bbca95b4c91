import type { DeviceFacts } from "../facts.js";
import type { KernelCall } from "../kernel.js";
import type { Values } from "./references.js";

export type Dims = Readonly<Record<string, number>>;

/** A storage that a kernel reads, or starts from. */
export interface KernelInput {
  readonly shape: readonly number[];
  /** Default f32. The halves lie two in a u32, as their kernels expect. */
  readonly dtype?: "f32" | "i32" | "u32" | "bf16" | "f16";
  /** How an element is drawn; default uniform in [-1, 1). */
  readonly draw?: (random: () => number, index: number) => number;
}

/** `struct ProgramState`, drawn for each run and bound wherever a kernel asks for it. */
export interface StateValues {
  readonly seed: number;
  readonly step: number;
  readonly micro: number;
  readonly past: number;
  readonly lr: number;
  readonly correction1: number;
  readonly correction2: number;
}

/**
 * One kernel under test: sizes, how it is planned for them, what it reads, and what it should write, in f64.
 * The harness does the rest (harness.ts).
 */
export interface KernelCase {
  /** The kernel's name, then after a comma what is special: "matmul/plain, bf16 weights". */
  readonly name: string;
  /** Sizes by name, [least, most]: drawn, and shrunk where a check fails. */
  readonly dims: Readonly<Record<string, readonly [least: number, most: number]>>;
  /** Sizes that always run, each with its reason. */
  readonly edges: readonly (Readonly<Record<string, number | string>> & { readonly why: string })[];
  /** Why an adapter cannot run it, or null: matrix units, for one. What needs what the adapter lacks is told, not run. */
  readonly needs?: (facts: DeviceFacts) => string | null;
  /** May plan for other facts than the device's own: kernels of other devices. */
  readonly plan: (dims: Dims, facts: DeviceFacts) => KernelCall;
  /** By binding. What is in neither inputs nor results is bound to a few words of NaN: the kernel must not look at it. */
  readonly inputs: (dims: Dims, facts: DeviceFacts) => Readonly<Record<string, KernelInput>>;
  /** What each binding that is written holds afterwards. One that is not among the inputs starts as NaN everywhere. */
  readonly reference: (
    inputs: Readonly<Record<string, Values>>,
    dims: Dims,
    state: StateValues,
    facts: DeviceFacts,
  ) => Readonly<Record<string, Result>>;
  /** Largest |ours - reference| / (1 + |reference|), with the reason where it is not 1e-5. */
  readonly bound?: { readonly value: number; readonly why: string };
  /** Huge finite inputs must not give NaN. */
  readonly checksExtremes?: boolean;
}

/** Expected values of a storage. */
export interface Result extends Values {
  /** How it is stored; default f32. Integers must be equal. */
  readonly dtype?: "f32" | "i32" | "u32";
  /** Words of a u32 storage that hold an f32: a struct. */
  readonly floatsAt?: readonly number[];
}
