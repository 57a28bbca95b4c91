// The systems of a comparison: folders that attune train and attune eval wrote, read back. Nothing in them is trusted.
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import type { Sample } from "@attune/eval";
import { dataError, printable } from "@attune/models";
import { readJsonlFile } from "@attune/tuning/node";
import type { EvaluationResult } from "./evaluate.js";

export interface SystemFacts {
  parameters: number | null;
  trainableParameters: number | null;
  /** Of the adapter, or of the whole model that was saved. */
  savedBytes: number | null;
  trainSeconds: number | null;
  /** Of training: positions, padding included. */
  tokensPerSecond: number | null;
  /** To answer all examples. */
  evalSeconds: number | null;
  peakDeviceBytes: number | null;
}

export interface System {
  name: string;
  /** As its folder says; null where it says nothing. */
  task: string | null;
  samples: Sample[];
  facts: SystemFacts;
  /** Of training: mean loss at each report. */
  losses: { step: number; loss: number }[];
}

const SAMPLES = "samples.jsonl";

/** Whether a folder holds answers to compare. */
export async function hasSamples(folder: string): Promise<boolean> {
  return stat(path.join(folder, SAMPLES)).then(
    (facts) => facts.isFile(),
    () => false,
  );
}

/** Reads a folder of attune train or attune eval. Throws (data) for what is not as these write it. */
export async function readSystem(folder: string): Promise<System> {
  const [result, evaluated] = await Promise.all([jsonIn(folder, "result.json"), jsonIn(folder, "eval.json")]);
  const samples: Sample[] = [];
  for await (const { where, fields } of readJsonlFile(path.join(folder, SAMPLES))) {
    const { id, prompt, reference, output } = fields;
    const isReference =
      typeof reference === "string" || (Array.isArray(reference) && reference.every((text) => typeof text === "string"));
    if (typeof id !== "string" || typeof prompt !== "string" || typeof output !== "string" || !isReference)
      throw dataError(
        `${where}: expected { id, prompt, reference, output } as texts, as attune train and attune eval write them`,
      );
    samples.push({ id, prompt, reference: reference as string | string[], output });
  }
  const numbers = { ...result, ...evaluated };
  const number = (...names: string[]): number | null => {
    const found = names.map((name) => numbers[name]).find((value) => typeof value === "number" && Number.isFinite(value));
    return (found as number | undefined) ?? null;
  };
  const losses = await lossesIn(folder);
  return {
    name: typeof numbers.name === "string" ? numbers.name : path.basename(path.resolve(folder)),
    task: typeof numbers.task === "string" ? numbers.task : null,
    samples,
    facts: {
      parameters: number("parameters"),
      trainableParameters: number("trainableParameters"),
      savedBytes: number("savedBytes", "adapterBytes"),
      trainSeconds: number("trainSeconds"),
      tokensPerSecond: typeof result.tokensPerSecond === "number" ? result.tokensPerSecond : null,
      evalSeconds: number("seconds", "evalSeconds"),
      peakDeviceBytes: number("peakDeviceBytes"),
    },
    losses,
  };
}

/** An evaluation that was made just now. */
export function systemOf({ name, task, records, ...numbers }: EvaluationResult): System {
  return {
    name,
    task,
    samples: records,
    facts: {
      parameters: numbers.parameters,
      trainableParameters: numbers.trainableParameters,
      savedBytes: numbers.adapterBytes,
      trainSeconds: null,
      tokensPerSecond: null,
      evalSeconds: numbers.seconds,
      peakDeviceBytes: numbers.peakDeviceBytes,
    },
    losses: [],
  };
}

async function lossesIn(folder: string): Promise<System["losses"]> {
  const file = path.join(folder, "metrics.jsonl");
  if (!(await stat(file).catch(() => null))) return [];
  const losses: System["losses"] = [];
  for await (const { fields } of readJsonlFile(file)) {
    const { step, loss } = fields;
    if (typeof step === "number" && typeof loss === "number") losses.push({ step, loss });
  }
  return losses;
}

async function jsonIn(folder: string, name: string): Promise<Record<string, unknown>> {
  const file = path.join(folder, name);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw dataError(`${printable(file, 300)}: cannot be read as JSON: ${printable((error as Error).message, 120)}`, error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw dataError(`${printable(file, 300)}: expected an object, found ${Array.isArray(value) ? "a list" : typeof value}`);
  return value as Record<string, unknown>;
}
