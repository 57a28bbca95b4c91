// A Hugging Face folder of any model that is known here: model_type in its config.json decides. Opening reads names and shapes and
// compares tied copies; values are read when the model is put on a device.

import type { Device } from "@attune/tensor";
import { openCheckpoint } from "./checkpoint.js";
import type { HowKept } from "./device.js";
import { dataError, printable } from "./errors.js";
import type { LoraLayers } from "./lora/layers.js";
import { readOptConfig } from "./opt/config.js";
import { type OptOnDevice, putOptOnDevice } from "./opt/load.js";
import { Opt } from "./opt/opt.js";
import { type OptOpened, openOptWeights, optWeights } from "./opt/weights.js";
import type { WeightSpec } from "./pretrained.js";
import type { Checkpoint } from "./safetensors.js";
import { type FileSource, readJsonObject } from "./source.js";
import { readT5Config } from "./t5/config.js";
import { putT5OnDevice, type T5OnDevice } from "./t5/load.js";
import { T5 } from "./t5/t5.js";
import { openT5Weights, type T5Opened, t5Weights } from "./t5/weights.js";

interface Folder {
  /** The folder: its tokenizer and generation_config.json are read from here. */
  source: FileSource;
}
export interface T5Folder extends Folder, T5Opened {
  kind: "t5";
}
export interface OptFolder extends Folder, OptOpened {
  kind: "opt";
}
/** `kind` tells the model; config, weights and notes are of that kind. */
export type ModelFolder = T5Folder | OptFolder;
export type ModelKind = ModelFolder["kind"];

type Json = Record<string, unknown>;
type Opener = (source: FileSource, json: Json, checkpoint: Checkpoint, isStrict: boolean) => Promise<ModelFolder>;

const OPENERS: Readonly<Record<ModelKind, Opener>> = {
  async t5(source, json, checkpoint, isStrict) {
    const notes: string[] = [];
    const config = readT5Config(json, { where: source.describe("config.json"), onNote: (note) => notes.push(note) });
    const opened = await openT5Weights(config, checkpoint, isStrict);
    return { kind: "t5", source, ...opened, notes: [...notes, ...opened.notes] };
  },
  async opt(source, json, checkpoint, isStrict) {
    const notes: string[] = [];
    const config = readOptConfig(json, { where: source.describe("config.json"), onNote: (note) => notes.push(note) });
    const opened = await openOptWeights(config, checkpoint, isStrict);
    return { kind: "opt", source, ...opened, notes: [...notes, ...opened.notes] };
  },
};

/** The kinds of models that are known, as model_type names them. */
export const MODEL_KINDS = Object.keys(OPENERS) as ModelKind[];

/**
 * The kind that a config.json names; T5's where it says nothing but has T5's architecture, as the oldest files.
 * Throws (data) for any other, with the nearest that is known.
 */
export function modelKind(json: Readonly<Json>, where = "config.json"): ModelKind {
  const { model_type: type, architectures } = json;
  if (MODEL_KINDS.includes(type as ModelKind)) return type as ModelKind;
  const first = String(Array.isArray(architectures) ? architectures[0] : "");
  const named = type === undefined ? MODEL_KINDS.find((kind) => first.toLowerCase().startsWith(kind)) : undefined;
  if (named) return named;
  if (json.peft_type !== undefined) throw dataError(`${where}: is of an adapter; name its base model here`);
  const near = MODEL_KINDS.find((kind) => String(type).includes(kind)); // by edit distance names of two letters are near to everything
  throw dataError(
    `${where}: model_type is ${printable(String(JSON.stringify(type)))}; supported are ${MODEL_KINDS.map((kind) => `"${kind}"`).join(" and ")}${near ? `, did you mean "${near}"?` : ""}`,
  );
}

/**
 * Opens a model's folder: config.json, and of the weights names, shapes and what is tied. Throws (data) where they do not fit each
 * other, all that is missing or misshapen at once; with `strict` also what is unexpected, which is otherwise a note; (storage, network)
 * where files cannot be read.
 */
export async function openModelFolder(source: FileSource, { strict = false } = {}): Promise<ModelFolder> {
  if (!(await source.has("config.json")) && (await source.has("adapter_config.json"))) {
    throw dataError(`${source.describe("")}: is an adapter; name its base model, and this folder with --adapter`);
  }
  const json = await readJsonObject(source, "config.json");
  const open = OPENERS[modelKind(json, source.describe("config.json"))];
  return open(source, json, await openCheckpoint(source), strict);
}

/** What a folder's model consists of, in the order of transformers' named_parameters(). */
export function weightsOf(folder: ModelFolder): WeightSpec[] {
  return folder.kind === "t5" ? t5Weights(folder.config) : optWeights(folder.config);
}

export type ModelOnDevice = ({ kind: "t5" } & T5OnDevice) | ({ kind: "opt" } & OptOnDevice);

/** The model of loaded weights. */
export function modelOf(loaded: ModelOnDevice, options: { lora?: LoraLayers | null } = {}): T5 | Opt {
  return loaded.kind === "t5" ? new T5(loaded.config, loaded.weights, options) : new Opt(loaded.config, loaded.weights, options);
}

/** Reads an opened folder's weights onto the device. Throws (data) where a value does not fit the storage asked for. */
export async function loadModelFolder(device: Device, folder: ModelFolder, how: HowKept): Promise<ModelOnDevice> {
  if (folder.kind === "t5") return { kind: "t5", ...(await putT5OnDevice(device, folder, how)) };
  return { kind: "opt", ...(await putOptOnDevice(device, folder, how)) };
}
