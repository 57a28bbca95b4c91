// Generates with one model: greedy search, sampling, beam search and beam sampling as transformers does (generation/utils.py), over
// captured programs. One generator serves many calls; it keeps the programs of the latest shapes.
import { type Device, ProgramState, ScratchSet } from "@attune/tensor";
import { usageError } from "../errors.js";
import type { GenerationConfig } from "../generationConfig.js";
import type { Tokenizer } from "../tokenizers/tokenizer.js";
import { searchBeams } from "./beams.js";
import type { GenerativeModel } from "./decoder.js";
import { DecodePrograms, type DecodeShape } from "./programs.js";
import { checkInputs, type GenerateOptions, type GenerationInputs, resolveSettings, type Settings } from "./settings.js";
import { chooseOnHost, greedyOnDevice, type NewTokens, type SingleRows } from "./single.js";
import { endsBy, timer } from "./stopping.js";

export interface GeneratorOptions {
  /** The model's own wishes, which a call's settings go before: generation_config.json. */
  config?: GenerationConfig | undefined;
  /** For stop strings. */
  tokenizer?: Tokenizer | null;
  /** Scratch of other programs too, which then disposes of it; one of its own without. */
  scratch?: ScratchSet | undefined;
}

/** What a call gives; row i * returned + j is sequence j of prompt i. */
export interface Generated {
  /**
   * Token ids as transformers returns them: from the decoder's start token on, or from the prompt on; all of one length, filled up with
   * pad. (Beams of a model whose pad is 0 are filled up with the end token instead, which is transformers' way.)
   */
  sequences: number[][];
  /** Tokens of `sequences` that were there before. */
  promptLength: number;
  /** Beams: the sum of log-probabilities over length^lengthPenalty. */
  scores: number[] | null;
  /** If asked for, log-probabilities of the new tokens up to each sequence's end, as the processors left them. */
  tokenScores: number[][] | null;
}

/** Shapes whose programs and caches are kept. */
const SHAPES_KEPT = 4;

export class SequenceGenerator {
  /** By shape, the latest last. */
  readonly #programs = new Map<string, DecodePrograms>();
  readonly #state: ProgramState;
  readonly #scratch: ScratchSet;

  constructor(
    readonly device: Device,
    readonly model: GenerativeModel,
    readonly options: GeneratorOptions = {},
  ) {
    this.#state = new ProgramState(device);
    this.#scratch = options.scratch ?? new ScratchSet(device);
  }

  /** Sequences for every prompt. Throws (usage) on settings or inputs that cannot be, (numerics) where no token is left to choose. */
  async generate(inputs: GenerationInputs, options: GenerateOptions = {}): Promise<Generated> {
    const settings = this.#settings(inputs, options);
    if (settings.mode === "beams") return this.#beams(inputs, settings);
    const { prompts, tokens } = this.#single(inputs, settings, false);
    const sequences = prompts.map((prompt) => [...prompt]);
    const scores: number[][] = prompts.map(() => []);
    for await (const made of tokens) {
      made.ids.forEach((ids, row) => void sequences[row]!.push(...ids));
      made.scores?.forEach((some, row) => void scores[row]!.push(...some));
    }
    const longest = Math.max(...sequences.map((ids) => endOf(ids, settings))); // the device may have gone on a little
    const { promptLength, withTokenScores } = settings;
    return {
      sequences: sequences.map((ids) => ids.slice(0, longest)),
      promptLength,
      scores: null,
      tokenScores: withTokenScores ? scores : null,
    };
  }

  /** New tokens of every row as they come, [rows][tokens]; pad after a row's end. Not for beams, which may change their mind (usage). */
  async *stream(inputs: GenerationInputs, options: GenerateOptions = {}): AsyncGenerator<number[][]> {
    const settings = this.#settings(inputs, options);
    if (settings.mode === "beams") throw usageError("generation: beams cannot be streamed; they change until the end");
    for await (const { ids } of this.#single(inputs, settings, true).tokens) yield ids;
  }

  dispose(): void {
    for (const programs of this.#programs.values()) programs.dispose();
    this.#programs.clear();
    this.#state.dispose();
    if (!this.options.scratch) this.#scratch.dispose();
  }

  #settings(inputs: GenerationInputs, options: GenerateOptions): Settings {
    const settings = resolveSettings(this.model.traits, this.options.config, options, inputs);
    if ((settings.config.stopStrings ?? []).length > 0 && !this.options.tokenizer)
      throw usageError("generation: stop strings need a tokenizer; give the generator one");
    return settings;
  }

  #single(
    inputs: GenerationInputs,
    settings: Settings,
    isWatched: boolean,
  ): { prompts: number[][]; tokens: AsyncGenerator<NewTokens> } {
    const { returned, config, processors, withTokenScores } = settings;
    const { programs, prompts, encoderIds } = this.#begin(inputs, settings, returned);
    const rows: SingleRows = {
      settings,
      prompts: prompts.flatMap((prompt) => Array.from({ length: returned }, () => prompt)),
      encoderIds,
      ends: endsBy(settings, this.options.tokenizer ?? null),
      isOver: timer(config.maxTime),
      isWatched,
    };
    const isPlain = settings.mode === "greedy" && processors.length === 0 && !withTokenScores;
    const isLong = config.maxTime === undefined && (config.stopStrings ?? []).length === 0;
    const tokens = isPlain && isLong ? greedyOnDevice(programs, rows) : chooseOnHost(programs, rows);
    return { prompts: rows.prompts.map((prompt) => [...prompt]), tokens };
  }

  async #beams(inputs: GenerationInputs, settings: Settings): Promise<Generated> {
    const { returned, beams, config, eos, pad, promptLength, withTokenScores } = settings;
    const { programs, prompts, encoderIds } = this.#begin(inputs, settings, beams);
    const ends = endsBy(settings, this.options.tokenizer ?? null);
    const found = await searchBeams(programs, { settings, prompts, encoderIds, ends, isOver: timer(config.maxTime) });
    const chosen = found.flatMap((finished) => finished.slice(0, returned));
    const longest = Math.max(...chosen.map(({ ids }) => ids.length));
    const fill = eos.length === 0 ? -1 : pad || eos[0]!; // transformers takes a pad of 0 for none
    return {
      sequences: chosen.map(({ ids }) => [...ids, ...new Array<number>(longest - ids.length).fill(fill)]),
      promptLength,
      scores: chosen.map(({ score }) => score),
      tokenScores: withTokenScores ? chosen.map(({ tokenScores }) => [...tokenScores]) : null,
    };
  }

  /** The programs of the inputs' shape, at their beginning; what every row starts with, by source. */
  #begin(
    inputs: GenerationInputs,
    settings: Settings,
    rowsPerSource: number,
  ): { programs: DecodePrograms; prompts: number[][]; encoderIds: number[][] } {
    const { rows: sources, inputIds } = inputs;
    const { startId, maxLength, promptLength } = settings;
    const mask = checkInputs(inputs, this.model.traits);
    const time = inputIds.length / sources;
    const given = Array.from({ length: sources }, (_, row) => [...inputIds.subarray(row * time, (row + 1) * time)]);
    const prompts = startId === null ? given : given.map(() => [startId]);
    const read = startId === null ? time - 1 : time; // the last token of a prompt is what the first step takes
    const eights = (n: number): number => 8 * Math.max(1, Math.ceil(n / 8));
    const shape: DecodeShape = { sources, rowsPerSource, prompt: eights(read), room: eights(maxLength - promptLength) };
    const programs = this.#programsFor(shape, settings);
    const firsts = (array: Int32Array): Int32Array => (read === time ? array : array.filter((_, i) => i % time < read));
    programs.begin(
      firsts(inputIds),
      firsts(mask),
      prompts.map((prompt) => prompt.at(-1)!),
    );
    return { programs, prompts, encoderIds: given };
  }

  #programsFor(shape: DecodeShape, { eos, pad }: Settings): DecodePrograms {
    const key = JSON.stringify([shape, eos, pad]);
    const known = this.#programs.get(key);
    if (known) {
      this.#programs.delete(key); // and again, as the latest
    } else if (this.#programs.size >= SHAPES_KEPT) {
      const [oldest, programs] = this.#programs.entries().next().value!;
      programs.dispose();
      this.#programs.delete(oldest);
    }
    const programs = known ?? new DecodePrograms(this.device, this.model, shape, this.#state, this.#scratch, { eos, pad });
    this.#programs.set(key, programs);
    return programs;
  }
}

/** Where a row ends: after its first end token, else with its last. */
function endOf(ids: readonly number[], { eos, promptLength }: Settings): number {
  const end = ids.findIndex((id, i) => i >= promptLength && eos.includes(id));
  return end < 0 ? ids.length : end + 1;
}
