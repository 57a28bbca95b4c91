// What may be wrong with a data set, found in one pass over its rows: memory holds hashes of each prompt, answer and id in typed arrays, and
// nothing else that grows.
import { type Example, printable, type Tokenizer, withoutMarks } from "@attune/models";
import { promptKey } from "@attune/tuning";
import { HashTable, hash32 } from "./hashTable.js";

export interface Finding {
  kind: string;
  count: number;
  /** Where the first few are, with what is there. */
  examples: string[];
  advice: string;
}

export interface CheckReport {
  rows: number;
  seconds: number;
  findings: Finding[];
  /** Token ids of prompt and completion; absent without a tokenizer. */
  lengths?: { prompt: LengthFacts; completion: LengthFacts };
  labels?: Record<string, number>;
}

export interface LengthFacts {
  mean: number;
  max: number;
}

export interface CheckLimits {
  maxSource: number;
  maxTarget: number;
}

/** Examples that a finding shows. */
const SHOWN = 3;
/** Different completions up to which they count as labels. */
const MAX_LABELS = 20;

const ADVICE = {
  "bad row": "mend these rows: data.onBadRow skip leaves them out, up to 1 %",
  "blank prompt": "leave these rows out, or mend the file",
  "blank answer": "leave these rows out: they teach to end at once",
  "vague instruction": "say what is to be done with what; a few words without an input cannot be answered well",
  "short prompt": "fewer than three words tell a model little",
  "repeated row": "rows that repeat are learnt more than once: leave all but one out",
  "same prompt, other answer": "two answers to one prompt pull apart: keep the better one, unless variety is meant",
  "in training and validation": "scores on these rows say little: split by data.split, which keeps them on one side",
  "damaged text": "letters that were decoded with the wrong encoding: find the original, or say data.encoding",
  "lost characters": "U+FFFD stands for bytes that could not be read: find the original",
  "control characters": "NUL and other controls are no text: was a binary file, or UTF-16, taken for text?",
  "same id, other row": "answers are compared by id: give each row its own",
  "unfilled placeholder": "give its text in data.fill",
  "prompt too long": "raise data.maxSource, or shorten: what is over is cut off",
  "answer too long": "raise data.maxTarget: an answer that is cut off never shows its end",
  "unbalanced labels":
    "report macro F1 beside accuracy, stratify the split (data.split.stratify), or balance the labels (data.balance)",
  "end token never learnt": "the tokenizer adds no end token to answers: generation would not know when to stop",
} as const;
type Kind = keyof typeof ADVICE;

/** UTF-8 read as Latin-1 or Windows-1252: "Ã¤", "â€™". A letter of that kind alone is fine. */
const MOJIBAKE = /[\u00c2\u00c3][\u0080-\u00bf]|\u00e2[\u0080\u20ac][\u0080-\u203a\u2122\u0153\u009c]|[a-z]\+[ñìåï][a-z]/;
/** Line breaks and tabs aside. */
const CONTROLS = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;
const PLACEHOLDER = /\{\{\w+\}\}/;
const VAGUE =
  /^(help|do (it|this|that)|explain( (it|this|that))?|continue|go on|write( something)?|tell me|answer|fix( it| this)?|improve( it| this)?|more|summari[sz]e)[\s.!?]*$/i;

export interface DataChecker {
  /** `instruction` is what a row without an input asks; where it is undefined, the prompt is looked at. */
  add(example: Example, instruction: string | undefined, where: string): void;
  /** A row that cannot be used. */
  addBad(error: Error): void;
  /** Prompts of a validation set, after all of the training set. */
  addValidation(example: Example, where: string): void;
  finish(): CheckReport;
}

/**
 * @param tokenizer lengths and the end token are only looked at with one
 * @param keyOf what makes two examples the same question
 */
export function dataChecker(
  tokenizer: Tokenizer | undefined,
  limits: CheckLimits,
  keyOf: (example: Example) => string = promptKey,
): DataChecker {
  const began = performance.now();
  const found = new Map<Kind, Finding>();
  const prompts = new HashTable(); // each with the hash of its answer
  const ids = new HashTable(); // of rows that bear one
  const labels = new Map<string, number>();
  const lengths = { prompt: { sum: 0, max: 0 }, completion: { sum: 0, max: 0 } };
  let rows = 0;
  let ends = 0;
  let hasLabels = true;

  function note(kind: Kind, where: string, text: string): void {
    const finding = found.get(kind) ?? { kind, count: 0, examples: [], advice: ADVICE[kind] };
    finding.count++;
    if (finding.examples.length < SHOWN)
      finding.examples.push(`${where && `${where}: `}${printable(withoutMarks(text).trim(), where ? 70 : 200)}`);
    found.set(kind, finding);
  }
  function measure(part: "prompt" | "completion", text: string, limit: number, where: string): number[] {
    const ids = tokenizer!.encode(text);
    lengths[part].sum += ids.length;
    lengths[part].max = Math.max(lengths[part].max, ids.length);
    if (ids.length > limit)
      note(part === "prompt" ? "prompt too long" : "answer too long", where, `${ids.length} tokens, at most ${limit}`);
    return ids;
  }

  return {
    add(example, instruction, where) {
      rows++;
      const { prompt, completion } = example;
      const asked = instruction ?? prompt;
      if (prompt.trim() === "") note("blank prompt", where, completion);
      else if (VAGUE.test(asked.trim())) note("vague instruction", where, asked);
      else if (!/\S+\s+\S+\s+\S/.test(prompt)) note("short prompt", where, prompt);
      if (completion.trim() === "") note("blank answer", where, prompt);
      const both = `${prompt}\n${completion}`;
      if (both.includes("\ufffd")) note("lost characters", where, around(both, /\ufffd/));
      if (MOJIBAKE.test(both)) note("damaged text", where, around(both, MOJIBAKE));
      if (CONTROLS.test(both)) note("control characters", where, around(both, CONTROLS));
      if (PLACEHOLDER.test(both)) note("unfilled placeholder", where, around(both, PLACEHOLDER));
      const answer = hash32(completion.trim());
      const earlier = prompts.seen(keyOf(example), answer);
      if (earlier !== undefined) note(earlier === answer ? "repeated row" : "same prompt, other answer", where, prompt);
      if (example.id !== where && ids.seen(example.id) !== undefined) note("same id, other row", where, example.id);
      if (hasLabels) {
        labels.set(completion.trim(), (labels.get(completion.trim()) ?? 0) + 1);
        if (labels.size > MAX_LABELS) hasLabels = false;
      }
      if (!tokenizer) return;
      measure("prompt", prompt, limits.maxSource, where);
      const answerIds = measure("completion", completion, limits.maxTarget, where);
      if (answerIds.at(-1) === tokenizer.eosId || tokenizer.encode("").at(-1) !== tokenizer.eosId) ends++;
    },
    addBad(error) {
      note("bad row", "", error.message);
    },
    addValidation(example, where) {
      if (prompts.get(keyOf(example)) !== undefined) note("in training and validation", where, example.prompt);
    },
    finish() {
      if (tokenizer && rows > 0 && ends === 0) note("end token never learnt", "all rows", `${rows} answers`);
      const isLabelled = hasLabels && labels.size > 1 && rows >= 5 * labels.size;
      const counts = [...labels].sort((a, b) => b[1] - a[1]);
      if (isLabelled && counts[0]![1] > (1.5 * rows) / labels.size) {
        const shares = counts.map(([label, count]) => `${label} ${Math.round((100 * count) / rows)} %`).join(", ");
        note("unbalanced labels", "all rows", shares);
      }
      const facts = ({ sum, max }: { sum: number; max: number }): LengthFacts => ({ mean: sum / Math.max(rows, 1), max });
      return {
        rows,
        seconds: (performance.now() - began) / 1000,
        findings: [...found.values()].sort((a, b) => b.count - a.count),
        ...(tokenizer ? { lengths: { prompt: facts(lengths.prompt), completion: facts(lengths.completion) } } : {}),
        ...(isLabelled ? { labels: Object.fromEntries(counts) } : {}),
      };
    },
  };
}

function around(text: string, pattern: RegExp): string {
  const at = text.search(pattern);
  return text.slice(Math.max(0, at - 25), at + 40);
}
