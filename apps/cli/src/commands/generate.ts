// attune generate MODEL "PROMPT"...: what a model, or a model with an adapter, answers.
import type { Answer, FrozenStorage, GenerateOptions, SequenceGenerator, Tokenizer } from "@attune/models";
import { type Command, Option } from "commander";
import { sanitizeForTerminal } from "../terminal.js";
import { dtypeOption } from "./dtypeOption.js";
import { count, noRepeatOption, number, whole } from "./numberOptions.js";
import { promptsOf, promptsOfRows, rowsOf } from "./prompts.js";

interface Flags extends Pick<GenerateOptions, (typeof PASSED)[number]> {
  adapter?: string;
  file?: string;
  field?: string;
  row?: string[];
  rows?: string;
  taskTemplate?: string;
  sample?: boolean;
  stop?: string[];
  maxPrompt: number;
  batch: number;
  dtype: FrozenStorage;
  json?: boolean;
}

/** Flags that are settings by the same name. */
const PASSED = [
  ...(["maxNewTokens", "minNewTokens", "maxTime", "numBeams", "numReturnSequences", "lengthPenalty", "earlyStopping"] as const),
  ...(["temperature", "topK", "topP", "minP", "typicalP", "repetitionPenalty", "noRepeatNgramSize", "seed"] as const),
] as const;
/** Any of these means sampling. */
const SAMPLING = ["temperature", "topK", "topP", "minP", "typicalP"] as const;
const DEFAULT_NEW_TOKENS = 64;

export function configure(command: Command): void {
  command
    .argument(
      "<model>",
      "a Hugging Face folder of a T5 or an OPT, a hub name such as google/flan-t5-small, a run's folder, or bundled",
    )
    .argument("[prompts...]", "what to answer; without any, a line each from --file or from stdin")
    .option("--adapter <dir>", "LoRA adapter in PEFT's form, as attune train saves it: a folder, or a name on the hub")
    .option("--file <file>", "prompts, one a line; a .jsonl file has an object a line")
    .option("--field <name>", 'the field of a JSON line that holds the prompt ("prompt")')
    .option(
      "--row <json>",
      "a row to ask about, as the model was taught (attune_template.json); may be given several times",
      collect,
    )
    .option("--rows <file>", "the same from a file: .jsonl, .csv, ...; they need no answers")
    .option("--task-template <name>", "of a model that was taught a mixture: the set whose template --row and --rows go through")
    .option("--max-new-tokens <n>", `longest answer (the model's own wish, else ${DEFAULT_NEW_TOKENS})`, count)
    .option("--min-new-tokens <n>", "shortest answer", whole)
    .option("--max-prompt <n>", "longest prompt in tokens; what is longer loses its end", count, 512)
    .option("--max-time <seconds>", "stop after so long", number)
    .option("--stop <text>", "stop where the answer says this; may be given several times", collect)
    .option("--num-beams <n>", "beam search", count)
    .option("--num-return-sequences <n>", "answers to each prompt: samples, or the best beams", count)
    .option("--length-penalty <x>", "beams: above 0 favours longer answers (1)", number)
    .addOption(
      new Option("--early-stopping <when>", "beams: when to stop looking for better ones").choices(["true", "false", "never"]),
    )
    .option("--sample", "draw tokens by their probability; the flags that follow mean it too")
    .option("--temperature <x>", "sampling: below 1 is bolder, above 1 more varied", number)
    .option("--top-k <n>", "sampling: of the n best tokens (50); 0 of all", whole)
    .option("--top-p <x>", "sampling: of the fewest with this probability together", number)
    .option("--min-p <x>", "sampling: of those with this share of the best one's probability", number)
    .option("--typical-p <x>", "sampling: of the most typical with this probability together", number)
    .option("--repetition-penalty <x>", "above 1 makes tokens that were there less likely", number)
    .addOption(noRepeatOption())
    .option("--seed <n>", "of sampling (0)", whole)
    .option("--batch <n>", "prompts answered together", count, 8)
    .addOption(dtypeOption("how weights are kept: f32, bf16 or f16").default("f32"))
    .option("--json", "print [{ prompt, output }, ...]; with beams { score } too, with several answers { outputs }")
    .addHelpText(
      "after",
      `
Examples:
  attune generate google/flan-t5-small "Translate to German: Good morning."
  attune generate facebook/opt-125m "The sea is" --temperature 0.8 --top-p 0.9 --seed 7
  attune generate data/bundled/base --adapter runs/bundled-lora/adapter --file prompts.txt --num-beams 4 --json
  attune generate runs/bundled-lora --row '{"dialogue": "Ann: Lunch?\\nBo: At one."}'`,
    )
    .action(async (name: string, given: string[], flags: Flags) => {
      const rows = flags.row || flags.rows !== undefined ? await rowsOf(given, flags) : null;
      const texts = rows ? [] : await promptsOf(given, flags);
      const [{ openDevice }, { loadGenerator, openGeneration }, { trainedAt }] = await Promise.all([
        import("@attune/tensor/node"),
        import("../recipes/generate.js"),
        import("../recipes/trained.js"),
      ]);
      const trained = await trainedAt(name);
      const files = await openGeneration(trained.model, flags.adapter ?? trained.adapter, flags.taskTemplate);
      const prompts = rows ? await promptsOfRows(rows, files, name, flags.maxPrompt) : texts;
      const device = await openDevice();
      const { generator, notes } = await loadGenerator(device, files, flags.dtype);
      for (const note of notes) warn(note);
      const options = await optionsOf(flags, generator);
      const { generationWarnings } = await import("@attune/models");
      for (const warning of generationWarnings({ ...files.config, ...options.settings })) warn(warning);
      for (const [i, prompt] of prompts.entries()) {
        const { length } = files.tokenizer.encode(prompt);
        if (length > options.maxPrompt)
          warn(`prompt ${i + 1} has ${length} tokens and loses its end (--max-prompt ${options.maxPrompt})`);
      }
      await answer(generator, files.tokenizer, prompts, flags, options);
      generator.dispose();
      device.destroy();
    });
}

interface Options {
  settings: GenerateOptions;
  maxPrompt: number;
}

/** The settings that flags name, and the longest prompt that leaves room for an answer. */
async function optionsOf(flags: Flags, { model, options: { config = {} } }: SequenceGenerator): Promise<Options> {
  const settings: GenerateOptions = Object.fromEntries(
    PASSED.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]),
  );
  const { earlyStopping } = flags as { earlyStopping?: unknown };
  if (earlyStopping !== undefined) settings.earlyStopping = earlyStopping === "never" ? "never" : earlyStopping === "true";
  if (flags.sample || SAMPLING.some((name) => flags[name] !== undefined)) settings.doSample = true;
  if (flags.stop) settings.stopStrings = flags.stop;
  if (settings.maxNewTokens === undefined && config.maxNewTokens === undefined && config.maxLength === undefined)
    settings.maxNewTokens = DEFAULT_NEW_TOKENS;
  const { maxPositions } = model.traits;
  const asked = settings.maxNewTokens ?? config.maxNewTokens ?? 0;
  const room = maxPositions === null ? Number.POSITIVE_INFINITY : Math.max(1, maxPositions - asked);
  return { settings, maxPrompt: Math.min(flags.maxPrompt, room) };
}

/** Answers all prompts and prints each answer as soon as it is there; to one prompt in a terminal, each word. */
async function answer(
  generator: SequenceGenerator,
  tokenizer: Tokenizer,
  prompts: readonly string[],
  { json, batch }: Flags,
  { settings, maxPrompt }: Options,
): Promise<void> {
  const { answerPrompts, streamAnswer, withoutMarks } = await import("@attune/models");
  const { numBeams = 1, numReturnSequences = 1 } = { ...generator.options.config, ...settings };
  const isWatched = process.stdout.isTTY && !json && prompts.length === 1 && numBeams === 1 && numReturnSequences === 1;
  if (isWatched) {
    for await (const piece of streamAnswer(generator, tokenizer, prompts[0]!, { ...settings, maxPrompt }))
      print(sanitizeForTerminal(piece));
    print("\n");
    return;
  }
  let index = 0;
  for await (const answers of answerPrompts(generator, tokenizer, prompts, { ...settings, batch, maxPrompt })) {
    const prompt = prompts[index]!;
    // special tokens within a row are marked as text, which is nobody's business outside
    if (json) print(`${index === 0 ? "[\n" : ",\n"}${JSON.stringify(entryOf(withoutMarks(prompt), answers))}`);
    else for (const { text } of answers) print(`${sanitizeForTerminal(text.trim()).replaceAll("\n", " ")}\n`);
    index++;
  }
  if (json) print("\n]\n");
}

function entryOf(prompt: string, answers: readonly Answer[]): object {
  const [first] = answers as [Answer];
  if (answers.length > 1)
    return { prompt, outputs: answers.map(({ text, score }) => (score === null ? { text } : { text, score })) };
  return { prompt, output: first.text, ...(first.score === null ? {} : { score: first.score }) };
}

function print(text: string): void {
  process.stdout.write(text);
}

function warn(text: string): void {
  process.stderr.write(`${sanitizeForTerminal(text)}\n`);
}

function collect(text: string, before: string[] = []): string[] {
  return [...before, text];
}
