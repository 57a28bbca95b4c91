// A run's sets to two sides: what makes two rows the same question, and what of each set stands on which side.
import { type Example, printable, usageError } from "@attune/models";
import { questionKey, splitSets } from "@attune/tuning";
import type { Run } from "../run/schema.js";
import type { RunSet } from "./runSets.js";
import type { Versions } from "./versions.js";

type KeyOf = (example: Example) => string;

/**
 * What an example asks, in whichever phrasing and in whichever of the sets: the texts that its set's prompts use. An instruction that is the
 * same for all rows of a format tells nothing, so that a sentence is known behind other instructions, too.
 */
export function questionOf(sets: readonly Pick<RunSet, "name" | "compiled" | "dataset">[]): KeyOf {
  const fields = new Map(
    sets.map(({ name, compiled: { promptFields }, dataset: { format } }) => {
      const own = format.task === "general" ? promptFields : promptFields.filter((field) => field !== "instruction");
      return [name, own.length > 0 ? own : promptFields];
    }),
  );
  return (example) => questionKey(example, fields.get(example.task) ?? []);
}

/** data.split.group, else what the set's format keeps together: turns of a conversation, questions of a paragraph. Throws (usage). */
function groupOf({ data }: Run, sets: readonly RunSet[]): (example: Example) => string | undefined {
  const groups = new Map(sets.map(({ name, dataset: { format } }) => [name, format.group]));
  const asked = data.split?.group ?? undefined;
  return ({ id, task, fields }) => {
    const group = asked ?? groups.get(task);
    if (group === undefined) return undefined;
    if (Object.hasOwn(fields, group)) return fields[group];
    if (asked !== undefined) throw usageError(`data.split.group: ${id} has no text field "${printable(asked)}"`);
    return group === "row" ? id.replace(/#\d+$/, "") : undefined;
  };
}

/** The sides of every set, before rows repeat in a mixture. Throws (usage) where a set has nothing left to train on. */
export function dividedSets(
  run: Run,
  sets: readonly RunSet[],
  parts: readonly (readonly Versions[])[],
  notes: string[],
): { parts: Versions[][]; held: Example[][] } {
  const { validation: share, seed, stratify } = run.data.split!;
  const examples = parts.map((units) => units.map(([example]) => example));
  const splits = splitSets(examples, {
    validation: share,
    seed,
    stratify: stratify ?? undefined,
    keyOf: questionOf(sets),
    groupOf: groupOf(run, sets),
  });
  for (const [k, { train, validation, duplicates, shared, units }] of splits.entries()) {
    const { name, dataset } = sets[k]!;
    const of = name === undefined ? "" : ` of ${name}`;
    const rows = examples[k]!.length;
    if (duplicates > 0) notes.push(`${duplicates} rows${of} repeat an earlier prompt; each stays on the side of the first`);
    if (shared > 0) notes.push(`${shared} rows${of} ask what a set before it asks; each stays on the side that has it there`);
    if (units < rows - duplicates) {
      const group = run.data.split!.group ?? (dataset.format.group === "row" ? "conversation" : dataset.format.group);
      notes.push(`rows${of} of the same ${group} stay together: ${units} groups of ${rows} rows`);
    }
    notes.push(`split${of} by seed ${seed}: ${train.length} rows to train on, ${validation.length} for validation`);
  }
  return {
    parts: splits.map(({ train }, k) => train.map((i) => parts[k]![i]!)),
    held: splits.map(({ validation }, k) => validation.slice(0, run.eval.rows).map((i) => examples[k]![i]!)),
  };
}
