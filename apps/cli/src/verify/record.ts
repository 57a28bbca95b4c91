// A reference record: a model folder beside what the reference computed with it (forward/, generation/).
import { type Checkpoint, dataError, type FileSource, openSafetensors, readJsonObject, toFloat32 } from "@attune/models";

export interface ForwardCase {
  name: string;
  inputs: ReadonlyMap<string, { shape: readonly number[]; values: Int32Array }>;
  /** Which logits mean something: all, or those of visible decoder positions. */
  comparesAllLogits: boolean;
  loss: number | null;
  lossTokens: number | null;
  /** File of the gradients of the mean loss, if the record has them. */
  gradients: string | null;
  /** Names of the reference tensors of this case, without the case's name. */
  tensors: readonly string[];
}

export interface GreedyCase {
  name: string;
  settings: Readonly<Record<string, unknown>>;
  sequences: readonly (readonly number[])[];
}

export interface ReferenceRecord {
  forward: { cases: readonly ForwardCase[]; read(name: string, tensor: string): Promise<Float32Array> };
  /** null: the file is not there. */
  readGradients(file: string): Promise<Map<string, Float32Array> | null>;
  generation: { inputIds: number[][]; attentionMask: number[][] | null; cases: readonly GreedyCase[] } | null;
  /** Parts of the record that this version of attune does not compute, for the user to know. */
  notCompared: readonly string[];
}

/** Opens a record. Throws (data) where the folder holds no forward/cases.json. */
export async function openRecord(source: FileSource): Promise<ReferenceRecord> {
  const where = source.describe("");
  if (!(await source.has("forward/cases.json"))) {
    throw dataError(
      `${where}: no forward/cases.json, so there is nothing to verify against; expected a record as in tests/golden`,
    );
  }
  const checkpoint = await openSafetensors(source, "forward/cases.safetensors");
  const json = await readJsonObject(source, "forward/cases.json");
  const cases = await Promise.all(
    Object.entries(json.cases as Record<string, CaseJson>).map(([name, entry]) => readCase(name, entry, checkpoint)),
  );
  return {
    forward: { cases, read: async (name, tensor) => f32(checkpoint, `${name}.${tensor}`) },
    async readGradients(file) {
      if (!(await source.has(file))) return null;
      const gradients = await openSafetensors(source, file);
      const read = await Promise.all(gradients.names.map(async (name) => [name, await f32(gradients, name)] as const));
      return new Map(read);
    },
    ...(await readGeneration(source)),
  };
}

interface CaseJson {
  inputs: string[];
  compare_logits: string;
  loss?: number;
  loss_tokens?: number;
  gradients?: string;
}

async function readCase(name: string, json: CaseJson, checkpoint: Checkpoint): Promise<ForwardCase> {
  const inputs = new Map<string, { shape: readonly number[]; values: Int32Array }>();
  for (const input of json.inputs) {
    const { shape, bytes } = await checkpoint.read(`${name}.${input}`);
    inputs.set(input, { shape, values: new Int32Array(new Uint8Array(bytes).buffer) });
  }
  const prefix = `${name}.`;
  const tensors = checkpoint.names
    .filter((full) => full.startsWith(prefix) && !json.inputs.includes(full.slice(prefix.length)))
    .map((full) => full.slice(prefix.length));
  return {
    name,
    inputs,
    comparesAllLogits: json.compare_logits === "all",
    loss: json.loss ?? null,
    lossTokens: json.loss_tokens ?? null,
    gradients: json.gradients ?? null,
    tensors,
  };
}

async function readGeneration(source: FileSource): Promise<Pick<ReferenceRecord, "generation" | "notCompared">> {
  const notCompared: string[] = [];
  if (await source.has("generation/sampling.json")) notCompared.push("generation/sampling");
  if (!(await source.has("generation/cases.json"))) return { generation: null, notCompared };
  const json = await readJsonObject(source, "generation/cases.json");
  const inputs = json.inputs as { input_ids: number[][]; attention_mask?: number[][] };
  const cases = Object.entries(json.cases as Record<string, Omit<GreedyCase, "name">>).map(([name, entry]) => ({
    ...entry,
    name,
  }));
  const isPlain = ({ settings }: GreedyCase): boolean => Object.keys(settings).every((key) => key === "max_new_tokens");
  const others = cases.filter((entry) => !isPlain(entry)).map(({ name }) => name);
  if (others.length > 0) notCompared.push(`generation: ${others.join(", ")}`);
  const generation = {
    inputIds: inputs.input_ids,
    attentionMask: inputs.attention_mask ?? null,
    cases: cases.filter(isPlain),
  };
  return { generation, notCompared };
}

async function f32(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  return toFloat32(name, await checkpoint.read(name));
}
