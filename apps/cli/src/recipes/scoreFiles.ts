// Scores from plain files: predictions of one system or more against the references of their rows, in one pass.
import {
  type Compared,
  type Interval,
  intervals,
  type Measure,
  pairedBootstrap,
  type ResampleOptions,
  type RowStatistics,
  randomization,
  type Scored,
  Tally,
} from "@attune/eval";
import { dataError } from "@attune/models";
import { PREDICTION_FIELDS, REFERENCE_FIELDS, type TextRow, textRows } from "./textRows.js";

export interface ScoreFiles {
  /** A file for each system; the first is what the others are compared with. */
  predictions: readonly string[];
  /** Files with a reference each for every row, or one whose rows have lists. */
  references: readonly string[];
  predictionFields?: readonly string[] | undefined;
  referenceFields?: readonly string[] | undefined;
}

export interface ScoreSettings extends ResampleOptions {
  /** Draw intervals too. */
  withIntervals: boolean;
  test: "bootstrap" | "randomization";
}

export interface SystemScore extends Scored {
  /** Its file, or its name. */
  system: string;
  intervals?: Record<string, Interval>;
  intervalSignature?: string;
  /** Against the first system. */
  compared?: Compared;
}

/** Throws (data) where files have different numbers of rows, none, or rows that no score can be made of. */
export async function scoreFiles(
  measure: Measure,
  { predictions, references, predictionFields, referenceFields }: ScoreFiles,
  { withIntervals, test, ...resample }: ScoreSettings,
): Promise<SystemScore[]> {
  const systems = predictions.map((file) => ({ file, rows: textRows(file, predictionFields, PREDICTION_FIELDS) }));
  const right = references.map((file) => ({ file, rows: textRows(file, referenceFields, REFERENCE_FIELDS) }));
  const tallies = predictions.map(() => new Tally(measure, withIntervals || predictions.length > 1));
  for await (const rows of together([...systems, ...right])) {
    const texts = rows.slice(systems.length).flatMap((row) => row.texts);
    // no answer is written as "" where a file has no lists
    const wanted = measure.allowsNoReference ? texts.filter((text) => text !== "") : texts;
    tallies.forEach((tally, k) => {
      const { where, texts: outputs } = rows[k]!;
      if (outputs.length !== 1) throw dataError(`${where}: ${outputs.length} predictions in one row; expected one`);
      tally.add(wanted, outputs[0]!);
    });
  }
  return tallies.map((tally, k): SystemScore => {
    const scored = { system: predictions[k]!, ...tally.result() };
    const uncertain = withIntervals ? intervalsOf(measure, tally.kept, resample) : {};
    if (k === 0) return { ...scored, ...uncertain };
    const compare = test === "bootstrap" ? pairedBootstrap : randomization;
    return { ...scored, ...uncertain, compared: compare(measure, tallies[0]!.kept, tally.kept, resample) };
  });
}

/** Intervals under the names that a SystemScore has for them. */
export function intervalsOf(
  measure: Measure,
  rows: readonly RowStatistics[],
  options: ResampleOptions,
): Required<Pick<SystemScore, "intervals" | "intervalSignature">> {
  const { intervals: found, signature } = intervals(measure, rows, options);
  return { intervals: found, intervalSignature: signature };
}

/** Row i of every file. Throws (data) with all their lengths where these differ. */
async function* together(files: readonly { file: string; rows: AsyncGenerator<TextRow> }[]): AsyncGenerator<readonly TextRow[]> {
  for (let count = 0; ; count++) {
    const next = await Promise.all(files.map(({ rows }) => rows.next()));
    const found = next.flatMap(({ value }) => (value ? [value as TextRow] : []));
    if (found.length === files.length) {
      yield found;
      continue;
    }
    if (found.length > 0) {
      const lengths = await Promise.all(
        files.map(async ({ file, rows }, k) => {
          let length = count + (next[k]!.done ? 0 : 1);
          for await (const _ of rows) length++;
          return `${file} has ${length}`;
        }),
      );
      throw dataError(
        `the files have different numbers of rows: ${lengths.join(", ")}; each prediction needs the reference of its own row`,
      );
    }
    if (count === 0) throw dataError(`${files.map(({ file }) => file).join(", ")}: no rows; a score needs at least one`);
    return;
  }
}
