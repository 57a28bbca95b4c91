import type { Values } from "@attune/kernels-wgsl/testing";
import type { ProgramState } from "../programState.js";
import type { Tensor } from "../tensor.js";

/** An input of an op under test. Floats get gradients; integers do not. */
export interface CaseInput {
  shape: readonly number[];
  /** i32 inputs, and floats with a domain of their own (positive, apart from kinks), say how a value is drawn. */
  dtype?: "f32" | "i32" | "bf16" | "f16";
  draw?: (random: () => number, index: number) => number;
  /** No gradient is taken: what a frozen weight or a constant is. */
  isConstant?: boolean;
}

export type Dims = Readonly<Record<string, number>>;

/**
 * One op under test: how to draw inputs for given sizes, what the engine computes from them, what it should compute in f64.
 * The harness does the rest (harness.ts).
 */
export interface OpCase {
  name: string;
  /** Sizes by name, [least, most]: fast-check draws and shrinks them. */
  dims: Readonly<Record<string, readonly [number, number]>>;
  /** Sizes that always run, each with its reason (`why`). */
  edges: readonly (Readonly<Record<string, number | string>> & { readonly why: string })[];
  inputs: (dims: Dims) => readonly CaseInput[];
  /** May write in place; then it returns what it wrote. */
  run: (inputs: readonly Tensor[], dims: Dims, state: ProgramState) => Tensor;
  reference: (inputs: readonly Values[], dims: Dims, state: ProgramState["values"]) => Values;
  /** No gradient flows through it. */
  isForwardOnly?: boolean;
  /** Largest |a - b| / (1 + |b|) of the output and of gradients against central differences, with the reason where they are not 1e-5 and 1e-3. */
  bounds?: { output?: number; gradient?: number; why: string };
  /** Huge finite inputs must not give NaN. */
  checksExtremes?: boolean;
}
