// A model's answers to prompts: a folder, perhaps an adapter beside it, greedy search.
import {
  type Adapter,
  type Checkpoint,
  checkTokenizerFits,
  dataError,
  linearModules,
  loadLora,
  loadT5Weights,
  loadTokenizer,
  openGenerationConfig,
  readAdapter,
  T5,
  type T5Config,
  type Tokenizer,
  t5Weights,
} from "@attune/models";
import { diskFiles } from "@attune/models/node";
import type { Device } from "@attune/tensor";
import { openT5Folder } from "./model.js";
import { answerAll } from "./summarize.js";

export interface GenerationFiles {
  config: T5Config;
  checkpoint: Checkpoint;
  tokenizer: Tokenizer;
  adapter: Adapter | null;
  /** As the model's generation_config.json wishes, if it does. */
  maxNewTokens: number | undefined;
}

/** Reads what needs no device. Throws (data) where model, tokenizer and adapter are not right or do not belong together. */
export async function openGeneration(folder: string, adapterFolder?: string): Promise<GenerationFiles> {
  const source = diskFiles(folder);
  if (!(await source.has("config.json")) && (await source.has("adapter_config.json"))) {
    throw dataError(`${source.describe("")}: is an adapter; name its base model, and this folder with --adapter`);
  }
  const opened = await openT5Folder(folder);
  const tokenizer = await loadTokenizer(source);
  checkTokenizerFits(tokenizer, opened.config.vocabSize, source.describe(""));
  const linears = linearModules(t5Weights(opened.config));
  const adapter = adapterFolder === undefined ? null : await readAdapter(diskFiles(adapterFolder), linears);
  const generation = await openGenerationConfig(source);
  return { ...opened, tokenizer, adapter, maxNewTokens: generation?.maxNewTokens };
}

export interface GenerateOptions {
  batch: number;
  maxSource: number;
  maxNewTokens: number;
}

/** The answer to every prompt, in their order. */
export async function generate(
  device: Device,
  { config, checkpoint, tokenizer, adapter }: GenerationFiles,
  prompts: readonly string[],
  options: GenerateOptions,
): Promise<string[]> {
  const base = await loadT5Weights(device, config, checkpoint, { trainable: false });
  const model = new T5(base.config, base.weights, { lora: adapter && loadLora(device, adapter) });
  const examples = prompts.map((prompt, index) => ({ id: String(index), prompt, completion: "", fields: {} }));
  const batch = Math.min(options.batch, prompts.length);
  return answerAll(device, model, tokenizer, examples, { ...options, batch });
}
