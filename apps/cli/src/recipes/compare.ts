// A comparison of systems on the same examples: scores with intervals, differences from the first with their p-values, what each cost,
// and what each said.
import { type Judged, judge, type Measure, pairedBootstrap, TASKS } from "@attune/eval";
import { dataError, listSome, printable, usageError } from "@attune/models";
import { intervalsOf, type SystemScore } from "./scoreFiles.js";
import type { System, SystemFacts } from "./systems.js";

export interface ComparedSystem {
  name: string;
  facts: SystemFacts;
  /** One a measure; those after the first are `compared` with it. */
  scores: SystemScore[];
  distinct: number;
  losses: System["losses"];
  /** Classification: [true][predicted], by `labels`. */
  confusion: { labels: string[]; counts: number[][] } | null;
}

export interface ComparedSample {
  id: string;
  prompt: string;
  references: readonly string[];
  /** [systems] */
  outputs: string[];
  /** [systems]: the first measure's value of this row alone. */
  scores: number[];
}

export interface Comparison {
  task: string;
  rows: number;
  systems: ComparedSystem[];
  samples: ComparedSample[];
}

/** Throws (data) where systems answered different examples: then no difference means anything. */
export function compareSystems(systems: readonly System[], task: string, labels?: readonly string[]): Comparison {
  if (!Object.hasOwn(TASKS, task))
    throw usageError(`no task named ${printable(task)}; there are ${Object.keys(TASKS).join(", ")}`);
  const [first] = systems as [System];
  for (const other of systems.slice(1)) requireSameExamples(first, other);
  const references = first.samples.map(({ reference }) => (typeof reference === "string" ? [reference] : reference));
  const classes = labels ?? [...new Set(references.map(([label]) => label!.trim()))].sort();
  // one measure for all systems: the columns of its statistics must be the same
  const measures = TASKS[task]!.measures({ labels: classes });
  const judged = systems.map(({ samples }) => judge(measures, samples));
  const names = uniqueNames(systems.map(({ name }) => name));
  return {
    task,
    rows: first.samples.length,
    systems: systems.map(({ facts, losses }, k): ComparedSystem => {
      const scores = measures.map((measure, m) => scoreOf(names[k]!, measure, judged, k, m));
      return { name: names[k]!, facts, losses, scores, distinct: judged[k]!.distinct, confusion: confusionOf(scores[0]!) };
    }),
    samples: first.samples.map(
      ({ id, prompt }, row): ComparedSample => ({
        id,
        prompt,
        references: references[row]!,
        outputs: systems.map(({ samples }) => samples[row]!.output),
        scores: judged.map(({ records }) => rowScore(measures[0]!, records[row]!.scores)),
      }),
    ),
  };
}

/** Rows for a person to read: the largest gain of the last system over the first, the largest loss, and what lies between. */
export function tellingSamples({ samples }: Comparison, count: number): ComparedSample[] {
  const gain = ({ scores }: ComparedSample): number => scores.at(-1)! - scores[0]!;
  const sorted = [...samples].sort((a, b) => gain(b) - gain(a));
  if (count >= sorted.length) return sorted;
  if (count === 1) return sorted.slice(0, 1);
  return Array.from({ length: count }, (_, k) => sorted[Math.round((k * (sorted.length - 1)) / (count - 1))]!);
}

function scoreOf(system: string, measure: Measure, judged: readonly Judged[], k: number, m: number): SystemScore {
  const { scored, statistics } = judged[k]!;
  const score = { system, ...scored[m]!, ...intervalsOf(measure, statistics[m]!, {}) };
  return k === 0 ? score : { ...score, compared: pairedBootstrap(measure, judged[0]!.statistics[m]!, statistics[m]!) };
}

function rowScore({ name, headline }: Measure, scores: Readonly<Record<string, number>>): number {
  return scores[`${name}.${headline}`] ?? Object.values(scores)[0]!;
}

function confusionOf({ metric, details }: SystemScore): ComparedSystem["confusion"] {
  if (metric !== "classification") return null;
  return { labels: details.labels as string[], counts: details.confusion as number[][] };
}

function requireSameExamples(first: System, other: System): void {
  const [a, b] = [first.samples, other.samples];
  if (a.length !== b.length)
    throw dataError(`${first.name} answered ${a.length} examples and ${other.name} ${b.length}; compare them on the same`);
  const differing = a.flatMap(({ id, reference }, row) =>
    placeOf(id) === placeOf(b[row]!.id) && JSON.stringify(reference) === JSON.stringify(b[row]!.reference) ? [] : [printable(id)],
  );
  if (differing.length > 0)
    throw dataError(
      `${first.name} and ${other.name} answered different examples: ${differing.length} of ${a.length} have another id or reference (${listSome(differing, 3)}); compare them on the same`,
    );
}

/** An id that is the row's place, "data/test.jsonl:3", whatever folder it was read from. */
function placeOf(id: string): string {
  return /:\d+$/.test(id) ? id.replace(/^.*[\\/]/, "") : id;
}

/** Folders of the same name get a number. */
function uniqueNames(names: readonly string[]): string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}
