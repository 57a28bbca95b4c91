// A reference record: a model folder beside what the reference computed with it (forward/).
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

export interface ReferenceRecord {
  forward: { cases: readonly ForwardCase[]; read(name: string, tensor: string): Promise<Float32Array> };
  /** null: the file is not there. */
  readGradients(file: string): Promise<Map<string, Float32Array> | null>;
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

async function f32(checkpoint: Checkpoint, name: string): Promise<Float32Array> {
  return toFloat32(name, await checkpoint.read(name));
}
