// Runs a T5 record through the engine and compares every part of it.
import {
  type Checkpoint,
  type FileSource,
  GreedyGenerator,
  loadT5Weights,
  openCheckpoint,
  openT5Weights,
  readJsonObject,
  readT5Config,
  shiftRight,
  T5,
  type T5Config,
  type T5OnDevice,
} from "@attune/models";
import { affine, backward, crossEntropy, type Device, noGrad, sum, type Tensor, tensor } from "@attune/tensor";
import { type Comparison, missing, norm, normError, PartComparison, scaledMaxError } from "./compare.js";
import { type ForwardCase, openRecord, type ReferenceRecord } from "./record.js";

export interface Bounds {
  /** max|a-b| / max(1, max|b|) of logits, hidden states and loss */
  values: number;
  /** ||a-b|| / ||b|| of each gradient */
  gradients: number;
}

/** A record whose files were found and fit together. */
export interface OpenedRecord {
  config: T5Config;
  checkpoint: Checkpoint;
  record: ReferenceRecord;
}

/** Reads all but the weights' values, without a device. Throws (data) where the folder is no readable model or no record. */
export async function openT5Record(source: FileSource): Promise<OpenedRecord> {
  const config = readT5Config(await readJsonObject(source, "config.json"), { where: source.describe("config.json") });
  const checkpoint = await openCheckpoint(source);
  await openT5Weights(config, checkpoint);
  return { config, checkpoint, record: await openRecord(source) };
}

/** All comparisons of one record. */
export async function verifyT5(
  device: Device,
  { config, checkpoint, record }: OpenedRecord,
  bounds: Bounds,
): Promise<{ parts: Comparison[]; notCompared: readonly string[] }> {
  const loaded = await loadT5Weights(device, config, checkpoint, { trainable: true });
  const model = new T5(loaded.config, loaded.weights);
  const parts = [
    ...(await compareForward(device, model, record, bounds)),
    await compareGradients(device, model, loaded, record, bounds),
    await compareGreedy(device, model, record),
  ];
  loaded.trainable?.dispose();
  return { parts, notCompared: record.notCompared };
}

/** Bounds for a model: without scaling before the head logits are larger sums, and eager against fused attention alone differs by 1e-5. */
export function boundsFor({ config }: OpenedRecord, given: Partial<Bounds> = {}): Bounds {
  return { values: given.values ?? (config.scaleDecoderOutputs ? 1e-5 : 3e-5), gradients: given.gradients ?? 1e-4 };
}

function inputsOf(
  device: Device,
  model: T5,
  forwardCase: ForwardCase,
): { run(onHidden?: Parameters<T5["forward"]>[1]): Tensor; labels: Tensor | null } {
  const get = (name: string): Tensor | null => {
    const input = forwardCase.inputs.get(name);
    return input ? tensor(device, input.values, input.shape) : null;
  };
  const labels = forwardCase.inputs.get("labels");
  const decoderInputIds =
    get("decoder_input_ids") ?? tensor(device, shiftRight(labels!.values, labels!.shape.at(-1)!, model.config), labels!.shape);
  const inputs = {
    inputIds: get("input_ids")!,
    attentionMask: get("attention_mask"),
    decoderInputIds,
    decoderAttentionMask: get("decoder_attention_mask"),
  };
  return {
    run: (onHidden) => model.forward(inputs, onHidden),
    labels: labels ? tensor(device, labels.values, labels.shape) : null,
  };
}

async function compareForward(device: Device, model: T5, record: ReferenceRecord, bounds: Bounds): Promise<Comparison[]> {
  const logitsPart = new PartComparison("logits");
  const hiddenPart = new PartComparison("hidden states");
  const lossPart = new PartComparison("loss");
  for (const forwardCase of record.forward.cases) {
    const kept = new Map<string, Tensor>();
    const { logits, loss } = device.scope(() =>
      noGrad(() => {
        const { run, labels } = inputsOf(device, model, forwardCase);
        const logits = run((stack, index, hidden) => {
          kept.set(`${stack}_hidden.${index}`, hidden);
          if (stack === "encoder" && index === model.config.numLayers) kept.set("encoder_last_hidden_state", hidden);
        });
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
      const reference = await record.forward.read(forwardCase.name, name);
      let values: ArrayLike<number> = await ours.toArray();
      let expected: ArrayLike<number> = reference;
      if (name === "logits" && !forwardCase.comparesAllLogits) {
        const mask = forwardCase.inputs.get("decoder_attention_mask")!.values;
        const width = reference.length / mask.length;
        const isVisible = (_: number, i: number): boolean => mask[Math.floor(i / width)] === 1;
        values = (values as Float32Array).filter(isVisible);
        expected = reference.filter(isVisible);
      }
      part.add(
        label,
        expected.length,
        values.length === expected.length ? scaledMaxError(values, expected) : Number.NaN,
        bounds.values,
      );
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
  model: T5,
  loaded: T5OnDevice,
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
    loaded.trainable!.zeroGrad();
    device.scope(() => {
      const { run, labels } = inputsOf(device, model, forwardCase);
      backward(affine(sum(crossEntropy(run(), labels!)), 1 / forwardCase.lossTokens!));
    });
    for (const name of new Set([...reference.keys(), ...loaded.weights.keys()])) {
      const label = `${forwardCase.name}: ${name}`;
      const ours = loaded.weights.get(name);
      const theirs = reference.get(name);
      if (!ours || !theirs) part.lacks(label);
      else part.add(label, theirs.length, normError(await ours.grad!.toArray(), theirs, globalNorm), bounds.gradients);
    }
  }
  return part.result();
}

async function compareGreedy(device: Device, model: T5, record: ReferenceRecord): Promise<Comparison> {
  const { generation } = record;
  if (!generation || generation.cases.length === 0)
    return missing("greedy ids", "the record has no generation/cases.json with greedy cases");
  const part = new PartComparison("greedy ids");
  const rows = generation.inputIds.length;
  const inputIds = Int32Array.from(generation.inputIds.flat());
  const mask = generation.attentionMask
    ? Int32Array.from(generation.attentionMask.flat())
    : new Int32Array(inputIds.length).fill(1);
  const generator = new GreedyGenerator(device, model);
  for (const { name, settings, sequences } of generation.cases) {
    const maxNewTokens = (settings.max_new_tokens as number | undefined) ?? 20; // transformers' default length
    const ours = await generator.generate(inputIds, mask, rows, { maxNewTokens });
    const wrong =
      sequences.flat().filter((id, i) => ours.flat()[i] !== id).length + Math.abs(ours.flat().length - sequences.flat().length);
    part.add(name, sequences.flat().length, wrong, 0);
  }
  generator.dispose();
  return part.result();
}
