// What an objective makes of a run's examples: token ids by index and epoch, and how rows of them become a batch.
import {
  type Batch,
  causalExample,
  collate,
  collateCausal,
  corruptSpans,
  cutStream,
  dataError,
  type Example,
  mt19937,
  promptCompletion,
  rawLength,
  type Side,
  seedFor,
  type TokenizedExample,
  type Tokenizer,
  tokenizeExample,
} from "@attune/models";
import type { Run } from "../run/schema.js";
import type { ModelFiles } from "./model.js";

/** The source that a run's objective and its model's kind ask for. */
export function exampleSource(
  run: Run,
  { tokenizer, known }: Pick<ModelFiles, "tokenizer" | "known">,
  examples: readonly Example[],
): ExampleSource {
  return SOURCES[run.objective === "instruction" ? `${known.kind} instruction` : run.objective]!(run, tokenizer, examples);
}

/** Rows that are token ids already. */
export function idRows(
  examples: readonly TokenizedExample[],
  { tokenizer, known }: Pick<ModelFiles, "tokenizer" | "known">,
): ExampleSource {
  if (known.kind === "opt") return sequences(tokenizer, examples);
  return {
    lengths: examples.map(({ inputIds, labels }) => ({ source: inputIds.length, target: labels.length })),
    example: (index) => examples[index]!,
    collate: (rows, dims) => collate(rows, dims, tokenizer.padId),
    notes: [],
  };
}

/** Examples by index and epoch, with lengths that do not depend on the epoch. */
export interface ExampleSource {
  lengths: { source: number; target: number }[];
  example(index: number, epoch: number): TokenizedExample;
  collate(examples: readonly TokenizedExample[], dims: { rows: number; source: number; target: number }): Batch;
  notes: string[];
}

/** Versions of the same rows, a version an epoch. A row's length is that of its longest version, so that plan and memory hold for all. */
export function inTurn(versions: readonly ExampleSource[]): ExampleSource {
  const [first] = versions as [ExampleSource, ...ExampleSource[]];
  if (versions.length === 1) return first;
  const most = (key: "source" | "target", index: number) => Math.max(...versions.map(({ lengths }) => lengths[index]![key]));
  return {
    ...first,
    lengths: first.lengths.map((_, index) => ({ source: most("source", index), target: most("target", index) })),
    example: (index, epoch) => versions[epoch % versions.length]!.example(index, epoch),
  };
}

/** What an objective makes of a run's examples; "instruction" differs by the model's kind. */
type MakeSource = (run: Run, tokenizer: Tokenizer, examples: readonly Example[]) => ExampleSource;
const SOURCES: Readonly<Record<string, MakeSource>> = {
  "t5 instruction": instructions,
  "opt instruction": completions,
  spanCorruption,
  causalLm,
};

/** The side on which prompts are cut that are too long; undefined: as the model's kind has it. */
export function truncationOf({ data: { truncate } }: Run): Side | undefined {
  return truncate === null ? undefined : truncate === "start" ? "left" : "right";
}

/** What a side of a prompt is called. */
const SIDES: Readonly<Record<Side, string>> = { left: "beginning", right: "end" };

function instructions(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const { maxSource, maxTarget } = run.data;
  const truncation = truncationOf(run) ?? tokenizer.truncationSide;
  const tokenized = examples.map((example) => tokenizeExample(tokenizer, example, { maxSource, maxTarget, truncation }));
  const notes: string[] = [];
  const cutSources = tokenized.filter(({ isSourceCut }) => isSourceCut).length;
  const cutTargets = tokenized.filter(({ isTargetCut }) => isTargetCut).length;
  if (cutSources > 0)
    notes.push(
      `${cutSources} of ${examples.length} prompts are longer than data.maxSource ${maxSource} and lose their ${SIDES[truncation]}`,
    );
  if (cutTargets > 0) notes.push(cutAnswers(cutTargets, examples.length, maxTarget));
  return {
    lengths: tokenized.map(({ inputIds, labels }) => ({ source: inputIds.length, target: labels.length })),
    example: (index) => tokenized[index]!,
    collate: (rows, dims) => collate(rows, dims, tokenizer.padId),
    notes,
  };
}

const cutAnswers = (cut: number, all: number, maxTarget: number): string =>
  `${cut} of ${all} completions are longer than data.maxTarget ${maxTarget} and lose their end`;

/** Decoder-only: prompt and completion in one sequence of at most maxSource + maxTarget ids, of which the completion is learnt. */
function completions(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const { maxSource, maxTarget } = run.data;
  const truncation = truncationOf(run) ?? "left";
  const tokenized = examples.map(({ id, prompt, completion }) =>
    promptCompletion(
      id,
      tokenizer.encode(prompt),
      tokenizer.encode(completion, { addSpecialTokens: false }),
      tokenizer.eosId,
      maxSource + maxTarget,
      { maxTarget, truncation },
    ),
  );
  const cut = tokenized.filter(({ isSourceCut }) => isSourceCut).length;
  const cutTargets = tokenized.filter(({ isTargetCut }) => isTargetCut).length;
  const notes: string[] = [];
  if (cut > 0)
    notes.push(
      `${cut} of ${examples.length} prompts do not fit ${maxSource + maxTarget} tokens and lose their ${SIDES[truncation]}`,
    );
  if (cutTargets > 0) notes.push(`${cutAnswers(cutTargets, examples.length, maxTarget)}; where they break off no end is learnt`);
  return { ...sequences(tokenizer, tokenized), notes };
}

/** Decoder-only on plain text: the prompt template makes the text; documents follow one another and are cut into maxSource ids. */
function causalLm(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const documents = examples.map(({ prompt }) => [...tokenizer.encode(prompt), tokenizer.eosId]);
  const streams = run.data.packing ? documents.map((document) => [document]) : [documents]; // packed documents do not see one another
  const pieces = streams.flatMap((stream) => [...cutStream(stream, run.data.maxSource)]);
  return sequences(
    tokenizer,
    pieces.map((ids, index) => causalExample(String(index), ids)),
  );
}

function sequences(tokenizer: Tokenizer, tokenized: readonly TokenizedExample[]): ExampleSource {
  return {
    lengths: tokenized.map(({ inputIds: { length } }) => ({ source: length, target: length })),
    example: (index) => tokenized[index]!,
    collate: (rows, { rows: count, source }) => collateCausal(rows, { rows: count, length: source }, tokenizer.padId),
    notes: [],
  };
}

/** T5's own objective (Raffel et al. 2020): the prompt template makes the text, spans of it are hidden, anew in every epoch. */
function spanCorruption(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const { sentinelIds } = tokenizer;
  if (!sentinelIds)
    throw dataError("objective: spanCorruption needs a tokenizer with sentinels (<extra_id_0> ...); this one has none");
  const { noiseDensity, meanSpanLength } = run.spanCorruption;
  const noise = { noiseDensity, meanSpanLength, sentinelIds, eosId: tokenizer.eosId };
  const { raw } = rawLength(run.data.maxSource, noise);
  const pieces: number[][] = [];
  let cut = 0;
  for (const { prompt } of examples) {
    const ids = tokenizer.encode(prompt, { addSpecialTokens: false });
    if (ids.length > raw) cut++;
    for (let at = 0; at < ids.length; at += raw) if (ids.length - at >= 8) pieces.push(ids.slice(at, at + raw));
  }
  if (pieces.length === 0) throw dataError(`${run.data.train}: no text of at least 8 tokens to hide spans in`);
  const corrupt = (index: number, epoch: number): TokenizedExample => {
    const random = mt19937(seedFor(run.train.seed, `spans of ${index} in epoch ${epoch}`));
    return { id: String(index), ...corruptSpans(pieces[index]!, random, noise), isSourceCut: false, isTargetCut: false };
  };
  return {
    // the counts of hidden tokens and spans follow from the length alone
    lengths: pieces.map((_, index) => {
      const { inputIds, labels } = corrupt(index, 0);
      return { source: inputIds.length, target: labels.length };
    }),
    example: corrupt,
    collate: (rows, dims) => collate(rows, dims, tokenizer.padId),
    notes: cut > 0 ? [`${cut} of ${examples.length} texts are longer than data.maxSource allows and were divided`] : [],
  };
}
