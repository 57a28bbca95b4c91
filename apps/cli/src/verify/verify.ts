// Runs a reference record through the engine and compares every part of it.
import type { FileSource } from "@attune/models";
import { affine, backward, crossEntropy, type Device, noGrad, sum, type Tensor } from "@attune/tensor";
import { type Comparison, norm, normError, PartComparison, scaledMaxError } from "./compare.js";
import { compareGeneration } from "./generation.js";
import { compareLora } from "./lora.js";
import { meaningful, type OpenedModel, type VerifiedModel } from "./model.js";
import { openModel } from "./open.js";
import { openRecord, type ReferenceRecord } from "./record.js";
import { compareTraining } from "./training.js";

export interface Bounds {
  /** max|a-b| / max(1, max|b|) of logits, hidden states and loss */
  values: number;
  /** ||a-b|| / ||b|| of each gradient */
  gradients: number;
}

/** A record whose files were found and fit together. */
export interface OpenedRecord {
  model: OpenedModel;
  record: ReferenceRecord;
  source: FileSource;
}

/** What of a record is compared: forward is logits, hidden states, loss and gradients. */
export const SECTIONS = ["forward", "generation", "training", "lora"] as const;
export type Section = (typeof SECTIONS)[number];

/** Reads all but the weights' values, without a device. Throws (data) where the folder is no readable model or no record. */
export async function openVerification(source: FileSource): Promise<OpenedRecord> {
  return { model: await openModel(source), record: await openRecord(source), source };
}

/** All comparisons of one record, or those of some sections. */
export async function verify(
  device: Device,
  { model: opened, record, source }: OpenedRecord,
  bounds: Bounds,
  sections: readonly Section[] = SECTIONS,
): Promise<Comparison[]> {
  const parts: Comparison[] = [];
  const model = await opened.load(device, true);
  if (sections.includes("forward")) {
    parts.push(...(await compareForward(device, model, record, bounds)));
    parts.push(await compareGradients(device, model, record, bounds));
  }
  if (sections.includes("generation")) parts.push(...(await compareGeneration(device, model.model, source)));
  model.dispose();
  if (sections.includes("training")) parts.push(...(await compareTraining(device, opened, source, record)));
  if (sections.includes("lora")) parts.push(...(await compareLora(device, opened, source, record, bounds.values)));
  return parts;
}

export function boundsFor({ model }: OpenedRecord, given: Partial<Bounds> = {}): Bounds {
  return { values: given.values ?? model.valuesBound, gradients: given.gradients ?? 1e-4 };
}

async function compareForward(
  device: Device,
  model: VerifiedModel,
  record: ReferenceRecord,
  bounds: Bounds,
): Promise<Comparison[]> {
  const logitsPart = new PartComparison("logits");
  const hiddenPart = new PartComparison("hidden states");
  const lossPart = new PartComparison("loss");
  for (const forwardCase of record.forward.cases) {
    const kept = new Map<string, Tensor>();
    const { logits, loss } = device.scope(() =>
      noGrad(() => {
        const { logits, labels } = model.forward(forwardCase, (name, hidden) => kept.set(name, hidden));
        return { logits, loss: labels ? sum(crossEntropy(logits, labels)) : null, kept: [...kept.values()] };
      }),
    );
    // what every case must have: without it nothing would be compared, and nothing would fail
    if (!forwardCase.tensors.includes("logits")) logitsPart.lacks(`${forwardCase.name}.logits`);
    if (loss && forwardCase.loss === null) lossPart.lacks(forwardCase.name);
    for (const name of forwardCase.tensors) {
      const ours = name === "logits" ? logits : kept.get(name);
      const label = `${forwardCase.name}.${name}`;
      const part = name === "logits" ? logitsPart : hiddenPart;
      if (!ours) {
        part.lacks(label); // the record names something that we do not compute
        continue;
      }
      const expected = await record.forward.read(forwardCase.name, name);
      const values = (await ours.toArray()) as Float32Array;
      const means = name.startsWith("encoder") ? () => true : meaningful(model, forwardCase, expected.length);
      const [ourOnes, theirs] = [values.filter(means), expected.filter(means)];
      const error = values.length === expected.length ? scaledMaxError(ourOnes, theirs) : Number.NaN;
      part.add(label, theirs.length, error, bounds.values);
    }
    if (forwardCase.loss !== null && loss) {
      const mean = (await loss.item()) / forwardCase.lossTokens!;
      lossPart.add(forwardCase.name, 1, scaledMaxError([mean], [forwardCase.loss]), bounds.values);
    }
    for (const held of [logits, loss, ...kept.values()]) held?.dispose();
  }
  return [logitsPart.result(), hiddenPart.result(), lossPart.result()];
}

async function compareGradients(
  device: Device,
  model: VerifiedModel,
  record: ReferenceRecord,
  bounds: Bounds,
): Promise<Comparison> {
  const part = new PartComparison("gradients");
  for (const forwardCase of record.forward.cases) {
    if (!forwardCase.gradients) continue;
    const reference = await record.readGradients(forwardCase.gradients);
    if (!reference) {
      part.lacks(forwardCase.gradients);
      continue;
    }
    const globalNorm = Math.sqrt([...reference.values()].reduce((total, values) => total + norm(values) ** 2, 0));
    model.trainable!.zeroGrad();
    device.scope(() => {
      const { logits, labels } = model.forward(forwardCase);
      backward(affine(sum(crossEntropy(logits, labels!)), 1 / forwardCase.lossTokens!));
    });
    for (const name of new Set([...reference.keys(), ...model.weights.keys()])) {
      const label = `${forwardCase.name}: ${name}`;
      const ours = model.weights.get(name);
      const theirs = reference.get(name);
      if (!ours || !theirs) part.lacks(label);
      else part.add(label, theirs.length, normError(await ours.grad!.toArray(), theirs, globalNorm), bounds.gradients);
    }
  }
  return part.result();
}
