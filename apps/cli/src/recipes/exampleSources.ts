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
import { TokenStore } from "@attune/tuning";
import type { Run } from "../run/schema.js";
import { heapGuard } from "./heapGuard.js";
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
export function idRows(store: TokenStore, { tokenizer, known }: Pick<ModelFiles, "tokenizer" | "known">): ExampleSource {
  return known.kind === "opt" ? sequences(tokenizer, store) : pairs(tokenizer, store);
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
  const store = stored(run, examples, (example) => tokenizeExample(tokenizer, example, { maxSource, maxTarget, truncation }));
  const cuts = store.cuts();
  const notes: string[] = [];
  if (cuts.sources > 0)
    notes.push(
      `${cuts.sources} of ${store.length} prompts are longer than data.maxSource ${maxSource} and lose their ${SIDES[truncation]}`,
    );
  if (cuts.targets > 0) notes.push(cutAnswers(cuts.targets, store.length, maxTarget));
  return { ...pairs(tokenizer, store), notes };
}

/** The token ids of what `make` makes of every item. Throws (data) where they do not fit memory. */
function stored<T>({ data }: Run, items: Iterable<T>, make: (item: T) => TokenizedExample): TokenStore {
  const store = new TokenStore();
  const lookAtHeap = heapGuard(data.train);
  for (const item of items) {
    store.add(make(item));
    lookAtHeap();
  }
  return store;
}

/** Examples of an encoder-decoder. */
function pairs(tokenizer: Tokenizer, store: TokenStore): ExampleSource {
  return {
    lengths: store.lengths(),
    example: (index) => store.at(index),
    collate: (rows, dims) => collate(rows, dims, tokenizer.padId),
    notes: [],
  };
}

const cutAnswers = (cut: number, all: number, maxTarget: number): string =>
  `${cut} of ${all} completions are longer than data.maxTarget ${maxTarget} and lose their end`;

/** Decoder-only: prompt and completion in one sequence of at most maxSource + maxTarget ids, of which the completion is learnt. */
function completions(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const { maxSource, maxTarget } = run.data;
  const truncation = truncationOf(run) ?? "left";
  const most = maxSource + maxTarget;
  const store = stored(run, examples, ({ id, prompt, completion }) => {
    const [asked, answer] = [tokenizer.encode(prompt), tokenizer.encode(completion, { addSpecialTokens: false })];
    return promptCompletion(id, asked, answer, tokenizer.eosId, most, { maxTarget, truncation });
  });
  const cuts = store.cuts();
  const notes: string[] = [];
  if (cuts.sources > 0)
    notes.push(`${cuts.sources} of ${store.length} prompts do not fit ${most} tokens and lose their ${SIDES[truncation]}`);
  if (cuts.targets > 0) notes.push(`${cutAnswers(cuts.targets, store.length, maxTarget)}; where they break off no end is learnt`);
  return { ...sequences(tokenizer, store), notes };
}

/** Decoder-only on plain text: the prompt template makes the text; documents follow one another and are cut into maxSource ids. */
function causalLm(run: Run, tokenizer: Tokenizer, examples: readonly Example[]): ExampleSource {
  const length = run.data.maxSource;
  function* pieces(): Generator<number[]> {
    function* documents() {
      for (const { prompt } of examples) yield [...tokenizer.encode(prompt), tokenizer.eosId];
    }
    if (!run.data.packing) yield* cutStream(documents(), length);
    // packed documents do not see one another
    else for (const document of documents()) yield* cutStream([document], length);
  }
  let count = 0;
  return sequences(
    tokenizer,
    stored(run, pieces(), (ids) => causalExample(String(count++), ids)),
  );
}

function sequences(tokenizer: Tokenizer, store: TokenStore): ExampleSource {
  return {
    lengths: store.lengths().map(({ source: length }) => ({ source: length, target: length })),
    example: (index) => store.at(index),
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
  const cuts = { texts: 0 };
  function* pieces(): Generator<number[]> {
    for (const { prompt } of examples) {
      const ids = tokenizer.encode(prompt, { addSpecialTokens: false });
      if (ids.length > raw) cuts.texts++;
      for (let at = 0; at < ids.length; at += raw) if (ids.length - at >= 8) yield ids.slice(at, at + raw);
    }
  }
  const store = stored(run, pieces(), (ids) => causalExample("", ids));
  if (store.length === 0) throw dataError(`${run.data.train}: no text of at least 8 tokens to hide spans in`);
  return {
    ...corrupted(run.train.seed, store, noise),
    collate: (rows, dims) => collate(rows, dims, tokenizer.padId),
    notes:
      cuts.texts > 0 ? [`${cuts.texts} of ${examples.length} texts are longer than data.maxSource allows and were divided`] : [],
  };
}

/** Pieces of text with other spans hidden in each epoch. */
function corrupted(
  seed: number,
  store: TokenStore,
  noise: Parameters<typeof corruptSpans>[2],
): Pick<ExampleSource, "lengths" | "example"> {
  const corrupt = (index: number, epoch: number): TokenizedExample => {
    const random = mt19937(seedFor(seed, `spans of ${index} in epoch ${epoch}`));
    const { inputIds } = store.at(index);
    return { id: String(index), ...corruptSpans(inputIds, random, noise), isSourceCut: false, isTargetCut: false };
  };
  // the counts of hidden tokens and spans follow from the length alone
  const lengths = store.lengths().map((_, index) => {
    const { inputIds, labels } = corrupt(index, 0);
    return { source: inputIds.length, target: labels.length };
  });
  return { lengths, example: corrupt };
}
