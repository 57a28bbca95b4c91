// Rows of a run that are token ids already: read in the file's order, in the micro-batches that it names.
import { dataError } from "@attune/models";
import { badRows, pretokenizedRow, TokenStore } from "@attune/tuning";
import { openDataset } from "@attune/tuning/node";
import type { Run } from "../run/schema.js";
import type { DataFiles } from "./data.js";

/** undefined where rows are text. Throws (data) where the micro-batches that the file names are not those of the run. */
export async function pretokenizedRows(run: Run, files: DataFiles, notes: string[]): Promise<TokenStore | undefined> {
  const { data, objective, train } = run;
  if (data.mixture !== undefined || data.template !== undefined || objective !== "instruction") return undefined;
  const { format } = await openIds(data.train, run);
  if (format.name !== "pretokenized") return undefined;
  return readIdRows(data.train, run, files, { limit: data.limit, microBatchRows: train.batch, notes });
}

const openIds = (file: string, { data: { format, onBadRow, maxLineBytes, encoding } }: Run) =>
  openDataset(file, { format, onBadRow, maxLineBytes, encoding });

export interface IdRowOptions {
  /** Rows at most; null: all. */
  limit: number | null;
  /** Rows of a micro-batch; where left out, what the file says of them does not count. */
  microBatchRows?: number;
  /** Gets a line where rows are left out. */
  notes: string[];
}

/**
 * The rows of a file of token ids, which are learnt in its order: micro-batch k is rows k * `microBatchRows` on. Throws (data) where ids do
 * not fit the model (or, with onBadRow skip, where they do not in more than 1 % of the rows), and where micro-batches that the file names
 * are others.
 */
export async function readIdRows(
  file: string,
  run: Run,
  { tokenizer, known }: DataFiles,
  { limit, microBatchRows, notes }: IdRowOptions,
): Promise<TokenStore> {
  const { rows } = await openIds(file, run);
  const examples = new TokenStore();
  const model = { vocabSize: tokenizer.vocabSize, isCausal: known.kind === "opt" };
  const tally = badRows(file, run.data);
  let first: number | undefined;
  for await (const row of rows(tally)) {
    let read: ReturnType<typeof pretokenizedRow>;
    try {
      read = pretokenizedRow(row, model);
    } catch (error) {
      tally.bad(error);
      continue;
    }
    tally.kept();
    const { example, microBatch } = read;
    if (microBatchRows !== undefined) {
      first ??= microBatch;
      const expected = first === undefined ? undefined : first + Math.floor(examples.length / microBatchRows);
      if (microBatch !== expected)
        throw dataError(
          `${row.where}: is in micro-batch ${microBatch ?? "none"}, with train.batch ${microBatchRows} it would be in ${expected}`,
        );
    }
    examples.add(example);
    if (examples.length === limit) break;
  }
  const { bad, rows: all, first: fault } = tally.finish("rows of token ids");
  if (bad > 0) notes.push(`${bad} of ${all} rows of ${file} are bad and left out; the first: ${fault!.message}`);
  return examples;
}
