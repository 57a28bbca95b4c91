// What a benchmark is, and how it is timed: warm-up, then the median and the spread of several runs, each long enough that waiting
// for the device is a small part of it.
import { execFileSync } from "node:child_process";
import type { NodeDevice } from "@attune/tensor/node";

/** Work on the device that can be repeated. */
export interface BenchCase {
  /** As in bench/peer/torchPeer.py where the peer has it too, so that lines can be laid side by side. */
  readonly name: string;
  readonly flops: number;
  /** Bytes moved at least. */
  readonly bytes?: number;
  /** Training and generation: what a run works through. */
  readonly tokens?: number;
  /** Submits the work `times` times and waits for the device. */
  run(times: number): Promise<void>;
  dispose(): void;
}

/** A case by name; made only if it is run, since weights and compiling cost seconds. */
export interface CaseMaker {
  readonly name: string;
  /** Not run on software adapters. */
  readonly needsGpu?: boolean | undefined;
  make(): BenchCase;
}

/** One line of output. `peer` is absent: it marks the lines of others. */
export interface BenchLine {
  case: string;
  median_ms: number;
  min_ms: number;
  max_ms: number;
  gflops: number;
  gb_per_s?: number;
  tokens_per_s?: number;
  adapter: string;
  driver: string;
  commit: string;
}

/** Milliseconds of each of `runs` runs, one execution's worth. A run repeats the work until it lasts `atLeastMs`. */
export async function sample(one: BenchCase, runs: number, atLeastMs = 300): Promise<number[]> {
  await one.run(1); // compiles
  const start = performance.now();
  await one.run(1);
  const times = Math.max(1, Math.round(atLeastMs / (performance.now() - start)));
  const samples: number[] = [];
  for (let i = 0; i < runs; i++) {
    const begin = performance.now();
    await one.run(times);
    samples.push((performance.now() - begin) / times);
  }
  return samples;
}

export function lineOf(device: NodeDevice, one: BenchCase, samples: readonly number[]): BenchLine {
  const sorted = [...samples].sort((a, b) => a - b);
  const ms = sorted[Math.floor(sorted.length / 2)]!;
  const { adapter } = device.facts;
  return {
    case: one.name,
    median_ms: round(ms),
    min_ms: round(sorted[0]!),
    max_ms: round(sorted.at(-1)!),
    gflops: round(one.flops / ms / 1e6),
    ...(one.bytes === undefined ? {} : { gb_per_s: round(one.bytes / ms / 1e6) }),
    ...(one.tokens === undefined ? {} : { tokens_per_s: round((one.tokens / ms) * 1e3) }),
    adapter: adapter.device || adapter.description,
    driver: adapter.description,
    commit: commit(),
  };
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

export function round(value: number): number {
  return Number(value.toPrecision(3));
}

let known: string | null = null;
/** Of the sources that are measured. */
export function commit(): string {
  known ??= execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  return known;
}
