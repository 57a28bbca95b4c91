// Adapters held against a record of PEFT: first values, training, the logits of an adapter before and after, merged weights, and the
// files that are written of it.
import {
  type Adapter,
  type FileSource,
  freshLora,
  type LoraLayers,
  loadLora,
  memoryFiles,
  mergeModule,
  openSafetensors,
  readAdapter,
  readJsonObject,
  writeAdapter,
} from "@attune/models";
import type { Device } from "@attune/tensor";
import { type Comparison, PartComparison } from "./compare.js";
import type { OpenedModel, VerifiedModel } from "./model.js";
import type { ReferenceRecord } from "./record.js";
import {
  compareGroups,
  compareLogits,
  compareTensors,
  followRun,
  readMicroBatches,
  readTensors,
  TRAJECTORY_BOUND,
  type TrainingRecord,
  TrajectoryParts,
} from "./training.js";

const VARIANTS = ["default", "all-linear", "rslora", "patterns", "dora", "saved", "biases"];
/** A merged weight is summed in double precision here and rounded once, in torch in f32. */
const MERGE_BOUND = 1e-6;

interface LoraRecord extends TrainingRecord {
  torch_manual_seed_before_get_peft_model: number;
  /** "forward case NAME": whose logits were recorded. */
  probe: string;
}

class LoraParts {
  readonly first = new PartComparison("adapters: first values");
  readonly initial = new PartComparison("adapters: logits of the untrained");
  readonly trajectory = new TrajectoryParts("adapters");
  readonly weights = new PartComparison("adapters: final weights");
  readonly logits = new PartComparison("adapters: logits of the trained");
  readonly merged = new PartComparison("adapters: merged weights");
  readonly mergedLogits = new PartComparison("adapters: logits of the merged");
  readonly files = new PartComparison("adapters: files as PEFT writes them");
}

/** All adapters of a record; nothing where it has none. */
export async function compareLora(
  device: Device,
  opened: OpenedModel,
  source: FileSource,
  record: ReferenceRecord,
  valuesBound: number,
): Promise<Comparison[]> {
  const parts = new LoraParts();
  let hasInitial = false;
  let hasMerged = false;
  let hasAny = false;
  for (const variant of VARIANTS) {
    const at = (file: string) => `lora/${variant}/${file}`;
    if (!(await source.has(at("train.json")))) continue;
    hasAny = true;
    const run = (await readJsonObject(source, at("train.json"))) as unknown as LoraRecord;
    const [initial, final] = await Promise.all(
      ["initial", "final"].map((state) => readAdapter(inFolder(source, at(state)), opened.linears, opened.specs)),
    );
    const model = await opened.load(device, false);
    const expected = await readTensors(source, at("logits.safetensors"));
    const probe = { forwardCase: run.probe.replace("forward case ", ""), bound: valuesBound };
    const base = { specs: opened.specs, weights: model.weights };
    const begun = freshLora(device, initial!.config, opened.linears, run.torch_manual_seed_before_get_peft_model, base);
    await compareFirstValues(parts.first, variant, begun, initial!);
    begun.dispose();
    const lora = loadLora(device, initial!, base);
    if (expected?.has("initial")) {
      hasInitial = true;
      await compareLogits(parts.initial, variant, device, model, record, { ...probe, lora, expected: expected.get("initial") });
    }
    compareGroups(parts.trajectory.groups, variant, lora.parameters, run.parameters, parameterName);
    const batches = (await readMicroBatches(source, model.model))!;
    const options = { model: model.model.with({ lora }), trainable: lora.parameters, lora };
    await followRun(device, run, batches, options, parts.trajectory, variant);
    const roundingOnly = run.checks.weights_that_follow_rounding_only ?? [];
    await compareFiles(parts, variant, inFolder(source, at("final")), await lora.read(), roundingOnly);

    const trained = loadLora(device, final!, base);
    await compareLogits(parts.logits, variant, device, model, record, {
      ...probe,
      lora: trained,
      expected: expected?.get("adapter"),
    });
    const mergedWeights = await readTensors(source, at("merged_weights.safetensors"));
    if (mergedWeights) {
      hasMerged = true;
      compareTensors(parts.merged, variant, await mergeInto(model, final!), withoutAliases(mergedWeights, model), MERGE_BOUND);
      // a copy of a head that the base ties has no place in it
      const isWhole = final!.own.every(({ name }) => model.weights.has(name));
      if (isWhole)
        await compareLogits(parts.mergedLogits, variant, device, model, record, { ...probe, expected: expected?.get("merged") });
    }
    for (const held of [trained, lora, model]) held.dispose();
  }
  if (!hasAny) return [];
  const { first, initial, trajectory, weights, logits, merged, mergedLogits, files } = parts;
  const later = [weights, logits, ...(hasMerged ? [merged, mergedLogits] : []), files];
  return [
    ...[first, ...(hasInitial ? [initial] : [])].map((part) => part.result()),
    ...trajectory.results(),
    ...later.map((part) => part.result()),
  ];
}

/** A folder of a source, as a source. */
function inFolder(source: FileSource, folder: string): FileSource {
  return {
    read: (path, range) => source.read(`${folder}/${path}`, range),
    size: (path) => source.size(`${folder}/${path}`),
    has: (path) => source.has(`${folder}/${path}`),
    describe: (path) => source.describe(path ? `${folder}/${path}` : folder),
  };
}

/** "base_model.model.PATH.lora_A.default.weight" is our PATH.lora_A.weight; trained copies have the base weight's name. */
function parameterName(name: string): string {
  return name
    .replace(/^base_model\.model\./, "")
    .replace(/\.modules_to_save\.default\.|\.base_layer\.|\.default\./, ".")
    .replace(/lora_magnitude_vector\.weight$/, "lora_magnitude_vector");
}

/** What training begins from, under the record's torch seed: A and B bit for bit, magnitudes of the base's rows, copies of its weights. */
async function compareFirstValues(part: PartComparison, variant: string, begun: LoraLayers, theirs: Adapter): Promise<void> {
  const ours = await begun.read();
  const valuesOf = ({ modules, own }: Adapter): Map<string, Float32Array> => {
    const values = modules.flatMap(({ path, a, b, magnitude }) => [
      [`${path}.lora_A`, a] as const,
      [`${path}.lora_B`, b] as const,
      ...(magnitude ? [[`${path}.lora_magnitude_vector`, magnitude] as const] : []),
    ]);
    return new Map([...values, ...own.map(({ name, values }) => [name, values] as const)]);
  };
  const [a, b] = [valuesOf(ours), valuesOf(theirs)];
  const isNorm = (name: string) => name.endsWith("magnitude_vector");
  for (const [kind, bound] of [
    [false, 0],
    [true, MERGE_BOUND],
  ] as const) {
    const pick = (all: Map<string, Float32Array>) => new Map([...all].filter(([name]) => isNorm(name) === kind));
    compareTensors(part, variant, pick(a), pick(b), bound);
  }
}

/** What we write of the adapter that we trained against what PEFT wrote of its own: values, names, and each field of the config. */
async function compareFiles(
  parts: LoraParts,
  variant: string,
  theirs: FileSource,
  adapter: Adapter,
  roundingOnly: readonly string[],
): Promise<void> {
  const ours = memoryFiles(writeAdapter(adapter));
  const file = "adapter_model.safetensors";
  const [written, expected] = [await openSafetensors(ours, file), await openSafetensors(theirs, file)];
  // beside an adapted output head PEFT saves a copy of the frozen head itself
  const names = expected.names.filter((name) => !name.endsWith(".base_layer.weight"));
  const values = (await readTensors(theirs, file))!;
  for (const name of values.keys()) if (!names.includes(name)) values.delete(name);
  compareTensors(parts.weights, variant, (await readTensors(ours, file))!, values, TRAJECTORY_BOUND, roundingOnly);
  for (const name of new Set([...names, ...written.names])) {
    const [a, b] = [written.tensors.get(name), expected.tensors.get(name)];
    if (!a || !b) parts.files.lacks(`${variant}: ${name}`);
    else parts.files.add(`${variant}: ${name}`, 1, a.dtype === b.dtype && String(a.shape) === String(b.shape) ? 0 : 1, 0);
  }
  const configs = [ours, theirs].map((source) => readJsonObject(source, "adapter_config.json"));
  const [config, expectedConfig] = [await configs[0]!, await configs[1]!];
  for (const [field, value] of Object.entries(config)) {
    const isEqual = JSON.stringify(value) === JSON.stringify(expectedConfig[field]);
    parts.files.add(`${variant}: adapter_config.json's ${field}`, 1, isEqual ? 0 : 1, 0);
  }
}

/** Merges the adapter into the model on the device, and gives the weights that this changed. */
async function mergeInto(model: VerifiedModel, { modules, own }: Adapter): Promise<Map<string, Float32Array>> {
  const changed = new Map<string, Float32Array>();
  for (const module of modules) {
    const name = `${module.path}.weight`;
    changed.set(name, mergeModule((await model.weights.get(name)!.toArray()) as Float32Array, module).weight);
  }
  for (const { name, values } of own) if (model.weights.has(name)) changed.set(name, values);
  for (const [name, values] of changed) model.weights.get(name)!.write(values);
  return changed;
}

/** A state dict of torch lists a tied weight under all of its names. */
function withoutAliases(tensors: ReadonlyMap<string, Float32Array>, model: VerifiedModel): Map<string, Float32Array> {
  return new Map([...tensors].filter(([name]) => model.weights.has(name)));
}
