// The rows of a file or a run through dataCheck, one at a time; and a few of a run's rows as the model will see them.
import {
  compileTemplate,
  type Example,
  IGNORE_INDEX,
  loadTokenizer,
  type Row,
  type Tokenizer,
  templateNamed,
} from "@attune/models";
import { badRows, isHubData } from "@attune/tuning";
import { type Dataset, openDataset } from "@attune/tuning/node";
import { checkInputs } from "../run/paths.js";
import type { Run } from "../run/schema.js";
import { prepareData } from "./data.js";
import { type CheckReport, dataChecker } from "./dataCheck.js";
import { chatOf } from "./examples.js";
import { openModelFiles } from "./model.js";
import { fetchHubData, modelFiles } from "./modelFiles.js";
import { openRunSets, openValidation, type RunSet } from "./runSets.js";
import { questionOf } from "./splitRows.js";
import { renderVersions } from "./versions.js";

export interface Checked {
  format: string;
  template: string;
  report: CheckReport;
}

/** A file, or a split of a data set on the hub, by itself, through its format's template. Throws (data) where it cannot be read or recognised. */
export async function checkFile(file: string, { format, tokenizer }: { format?: string; tokenizer?: string }): Promise<Checked> {
  if (isHubData(file)) await fetchHubData(file);
  const dataset = await openDataset(file, { format });
  const name = dataset.format.templates.encoderDecoder;
  const compiled = compileTemplate(templateNamed(name === "none" ? "text" : name, dataset.format.task));
  const loaded = tokenizer === undefined ? undefined : await loadTokenizer(await modelFiles(tokenizer));
  const limits = { maxSource: 512, maxTarget: 128 };
  const checker = dataChecker(loaded, limits, questionOf([{ name: undefined, compiled, dataset }]));
  let index = 0;
  for await (const row of dataset.rows()) checker.add(compiled.render(row, index++, { seed: 42 }), instructionOf(row), row.where);
  return { format: dataset.format.name, template: name, report: checker.finish() };
}

/** A run's sets with its own template, tokenizer and limits, as training renders them; its validation files against them. */
export async function checkRun(run: Run): Promise<Checked> {
  await checkInputs(run);
  const files = await openModelFiles(run);
  const sets = await openRunSets(run, files.known.kind);
  const checker = dataChecker(files.tokenizer, run.data, questionOf(sets));
  const chat = await chatOf(sets, files);
  // the rows as they are: further versions say the same
  const plain = { ...run, data: { ...run.data, augment: null } };
  const each = async (set: RunSet, dataset: Dataset, visit: (example: Example, row: Row) => void): Promise<void> => {
    const renderer = renderVersions(plain, set, files.tokenizer, chat, false);
    const tally = badRows(set.path, { onBadRow: run.data.onBadRow, onSkip: checker.addBad });
    let index = 0;
    for await (const row of dataset.rows(tally)) {
      try {
        visit((await renderer.render(row, index++))[0], row);
      } catch (error) {
        tally.bad(error);
      }
      if (index === run.data.limit) break;
    }
  };
  try {
    for (const set of sets) await each(set, set.dataset, (example, row) => checker.add(example, instructionOf(row), row.where));
    for (const set of sets) {
      const held = await openValidation(run, set);
      if (held) await each(set, held, (example, row) => checker.addValidation(example, row.where));
    }
  } finally {
    await chat?.close();
  }
  const [{ dataset, compiled }] = sets as [RunSet];
  return { format: dataset.format.name, template: compiled.template.name, report: checker.finish() };
}

/** The instruction of a row that has no input beside it. */
const instructionOf = ({ fields: { instruction, input } }: Row): string | undefined =>
  typeof instruction === "string" && input === "" ? instruction : undefined;

export interface PreviewRow {
  id: string;
  /** Of the encoder's input and then of the answer; of a decoder-only model, in one sequence. */
  tokens: { token: string; isLearnt: boolean }[];
  isEndLearnt: boolean;
}

/** The first rows of a run, exactly as the trainer gets them; with data.augment each in all of its versions. */
export async function previewRun(run: Run, rows: number): Promise<PreviewRow[]> {
  await checkInputs(run);
  const files = await openModelFiles(run);
  const data = await prepareData(
    // that the end is not learnt is shown, not refused
    { ...run, data: { ...run.data, requireEnd: false, limit: Math.min(run.data.limit ?? Infinity, Math.max(rows, 100)) } },
    files,
  );
  const { tokenizer } = files;
  const token = (id: number) => textOf(tokenizer, id);
  const versions = Array.from({ length: run.data.augment?.versions ?? 1 }, (_, epoch) => data.tokenized(rows, epoch));
  const shown = versions[0]!.flatMap((_, row) =>
    versions.map((one, version) => ({ ...one[row]!, id: `${one[row]!.id}${version > 0 ? ` (version ${version + 1})` : ""}` })),
  );
  return shown.map(({ id, inputIds, labels }) => {
    const isEndLearnt = labels.at(-1) === tokenizer.eosId;
    const asked = (ids: readonly number[], learnt: (i: number) => boolean) =>
      ids.map((one, i) => ({ token: token(one), isLearnt: learnt(i) }));
    const tokens =
      files.known.kind === "opt"
        ? asked(inputIds, (i) => i > 0 && labels[i] !== IGNORE_INDEX)
        : [...asked(inputIds, () => false), ...asked(labels, (i) => labels[i] !== IGNORE_INDEX)];
    return { id, tokens, isEndLearnt };
  });
}

/** A token as it reads: its blank in front, as Metaspace and byte-level BPE write it, is a blank. */
function textOf(tokenizer: Tokenizer, id: number): string {
  return (tokenizer.idToToken(id) ?? `<${id}>`).replaceAll("\u2581", " ").replaceAll("\u0120", " ").replaceAll("\u010a", "\n");
}
