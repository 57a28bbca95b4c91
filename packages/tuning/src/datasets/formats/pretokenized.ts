// Rows that are token ids already: {inputIds, attentionMask, labels}, in the order and the micro-batches in which they are to be learnt.

import { dataError, IGNORE_INDEX, type Row, type TokenizedExample } from "@attune/models";
import { every, type Format, made, wrongType } from "./format.js";

export const pretokenized: Format = {
  name: "pretokenized",
  summary: "token ids: inputIds, attentionMask, labels (and microBatch), used in the file's order",
  matches: (sample) =>
    every(sample, ({ fields }) => Array.isArray(fields.inputIds ?? fields.input_ids) && Array.isArray(fields.labels)),
  *rows(row) {
    yield made(row, row.fields);
  },
  templates: { encoderDecoder: "none", decoderOnly: "none" },
  task: "general",
};

/** A pre-tokenised row, and the number of its micro-batch where it names one. */
export interface PretokenizedRow {
  example: TokenizedExample;
  microBatch: number | undefined;
}

/**
 * The example of a pre-tokenised row. Positions at either end that the mask hides are taken off (padding changes nothing in T5 or OPT:
 * both count positions among what is visible); one hidden in between is refused. Throws (data) for ids outside the vocabulary, for masks
 * of another length, and for decoder-only labels of another length.
 */
export function pretokenizedRow(row: Row, { vocabSize, isCausal }: { vocabSize: number; isCausal: boolean }): PretokenizedRow {
  const { fields, where } = row;
  const isId = (id: number) => Number.isInteger(id) && id >= 0 && id < vocabSize;
  const ids = numbers(row, "inputIds", fields.inputIds ?? fields.input_ids, isId);
  const labels = numbers(row, "labels", fields.labels, (id) => isId(id) || id === IGNORE_INDEX);
  const given = fields.attentionMask ?? fields.attention_mask;
  const mask =
    given === undefined ? ids.map(() => 1) : numbers(row, "attentionMask", given, (value) => value === 0 || value === 1);
  if (mask.length !== ids.length) throw dataError(`${where}: attentionMask has ${mask.length} values, inputIds ${ids.length}`);
  if (isCausal && labels.length !== ids.length)
    throw dataError(
      `${where}: labels has ${labels.length} values, inputIds ${ids.length}; a decoder-only model needs one a position`,
    );
  const [begin, end] = [mask.indexOf(1), mask.lastIndexOf(1) + 1];
  if (begin < 0) throw dataError(`${where}: attentionMask hides every position`);
  const hole = mask.indexOf(0, begin);
  if (hole >= 0 && hole < end)
    throw dataError(`${where}: attentionMask hides position ${hole} between visible ones; only padding can be hidden`);
  const kept = isCausal ? labels.slice(begin, end) : labels.slice(0, labels.findLastIndex((label) => label !== IGNORE_INDEX) + 1);
  const { microBatch } = fields;
  if (microBatch !== undefined && !(Number.isInteger(microBatch) && (microBatch as number) >= 0))
    throw wrongType(row, "microBatch", microBatch, "a whole number");
  return {
    example: {
      id: String(fields.id ?? where),
      inputIds: ids.slice(begin, end),
      labels: kept,
      isSourceCut: false,
      isTargetCut: false,
    },
    microBatch: microBatch as number | undefined,
  };
}

function numbers(row: Row, field: string, value: unknown, isAllowed: (value: number) => boolean): number[] {
  if (!Array.isArray(value)) throw wrongType(row, field, value, "a list of whole numbers");
  const at = value.findIndex((one) => typeof one !== "number" || !isAllowed(one));
  if (at >= 0) throw dataError(`${row.where}: ${field}[${at}] is ${String(value[at])}, which is not allowed there`);
  if (value.length === 0) throw dataError(`${row.where}: ${field} is empty`);
  return value as number[];
}
