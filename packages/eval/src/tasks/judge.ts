// Outputs judged: a record of every example, and the scores of the whole.

import { type Measure, type RowStatistics, type Scored, Tally } from "../measure/measure.js";
import { distinctShare } from "../metrics/distinct.js";
import { dataError } from "../metrics/pairs.js";

/** What was asked and what was answered; a line of samples.jsonl. */
export interface Sample {
  id: string;
  prompt: string;
  /** One text that is right, or all of them. */
  reference: string | readonly string[];
  output: string;
}

export interface SampleRecord extends Sample {
  /** By measure and value: "rouge.rougeL". */
  scores: Record<string, number>;
}

export interface Judged {
  scored: Scored[];
  /** [measures][rows], for intervals and paired tests. */
  statistics: (readonly RowStatistics[])[];
  records: SampleRecord[];
  /** Share of different outputs: a model that always says the same has a share near 0. */
  distinct: number;
}

/** Throws (data) where there are no samples, or one without reference. */
export function judge(measures: readonly Measure[], samples: readonly Sample[]): Judged {
  if (samples.length === 0) throw dataError("there are 0 examples to judge; a score needs at least one");
  const tallies = measures.map((measure) => new Tally(measure, true));
  const records = samples.map((sample): SampleRecord => {
    const references = typeof sample.reference === "string" ? [sample.reference] : sample.reference;
    const scores = tallies.flatMap((tally) => {
      const row = tally.add(references, sample.output);
      return Object.entries(tally.measure.rowValues(row)).map(([name, value]) => [`${tally.measure.name}.${name}`, value]);
    });
    return { ...sample, scores: Object.fromEntries(scores) as Record<string, number> };
  });
  return {
    scored: tallies.map((tally) => tally.result()),
    statistics: tallies.map(({ kept }) => kept),
    records,
    distinct: distinctShare(samples.map(({ output }) => output)),
  };
}
