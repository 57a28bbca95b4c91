// attune init from top to bottom: answers from flags and questions, a look at the data, a file that is checked before it is written.
import { access, copyFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { printable } from "@attune/models";
import { makeFolder } from "@attune/models/node";
import { userError } from "../errors.js";
import { parseRun } from "../run/load.js";
import { bundledModel, isHubName } from "../run/modelName.js";
import { schemaAsset } from "../shipped.js";
import { type DataLook, lookAtData, TASKS, type Task } from "./lookAtData.js";
import type { Asker } from "./questions.js";
import { type Answers, runText, templateFor } from "./runText.js";

export interface InitFlags {
  model?: string;
  data?: string;
  validation?: string;
  method?: "lora" | "full";
  task?: Task;
  prompt?: string;
  completion?: string;
  name?: string;
  out?: string;
  yes?: boolean;
  force?: boolean;
}

export const DEFAULT_MODEL = "google/flan-t5-small";
/** From the run's own folder. */
const SCHEMA_FILE = ".attune/run.schema.json";
/** Below this, a share of the rows would be too few to say anything. */
const FEW_ROWS = 40;

export interface Written {
  file: string;
  look: DataLook;
  text: string;
}

/** `asker` null: nobody can be asked. Throws (usage) naming every flag that is missing then, and where the file is there already. */
export async function init(flags: InitFlags, asker: Asker | null): Promise<Written> {
  if (!asker || flags.yes) requireFlags(flags, asker !== null);
  const ask = flags.yes ? null : asker;
  const isThere = (file: string) =>
    access(file).then(
      () => true,
      () => false,
    );
  const data =
    flags.data ??
    (await ask!.ask("Data (a file of rows)", undefined, async (file) =>
      (await isThere(file)) ? null : `${file}: no such file`,
    ));
  const look = await lookAtData(data);
  const model =
    flags.model ?? (ask ? await ask.ask("Model (a folder, or a name on the hub)", DEFAULT_MODEL, modelFault) : DEFAULT_MODEL);
  const fault = await modelFault(model);
  if (fault) throw userError("usage", `--model ${fault}`);
  const method =
    flags.method ??
    (ask ? await ask.choose("Train a LoRA adapter, or the full model?", ["lora", "full"] as const, "lora") : "lora");
  const template = await templateOf(flags, look, data, ask);
  const validation = flags.validation ?? (look.rows >= FEW_ROWS ? 0.1 : null);
  const stem =
    path
      .basename(data)
      .replace(/(?:\.\w+)+$/, "")
      .replace(/[^\w.-]+/g, "-")
      .replace(/^[^A-Za-z0-9]+/, "") || "run";
  const name = flags.name ?? stem;
  const file = flags.out ?? (ask ? await ask.ask("Write to", `${name}.yaml`) : `${name}.yaml`);
  if (!flags.force && (await isThere(file)))
    throw userError("usage", `${file}: is there already; replace it with --force, or name another with --out`);

  const folder = path.dirname(path.resolve(file));
  const from = (target: string) => path.relative(folder, path.resolve(target)).split(path.sep).join("/") || ".";
  const answers: Answers = {
    model: (await isThere(model)) ? from(model) : model,
    data: from(data),
    validation: typeof validation === "string" ? from(validation) : validation,
    method,
    task: flags.task ?? "general",
    template,
    name,
    schema: from(path.join(folder, SCHEMA_FILE)),
  };
  const text = runText(answers, look);
  parseRun(text, { file }); // what is written is a run: nobody is sent on with a file that the next command refuses
  await copySchema(path.join(folder, SCHEMA_FILE));
  const temporary = `${file}.tmp-${process.pid}`;
  await writeFile(temporary, text);
  await rename(temporary, file);
  return { file, look, text };
}

/** What editors check the run by lies beside it: where attune is installed differs from machine to machine. */
async function copySchema(target: string): Promise<void> {
  await makeFolder(path.dirname(target));
  const temporary = `${target}.tmp-${process.pid}`;
  await copyFile(schemaAsset, temporary);
  await rename(temporary, target);
}

function requireFlags({ data, model, yes }: InitFlags, isTerminal: boolean): void {
  const missing = [...(data ? [] : ["--data FILE"]), ...(model || yes ? [] : ["--model NAME"])];
  if (missing.length === 0) return;
  const why = isTerminal ? "with --yes nothing is asked" : "there is no terminal to ask on";
  throw userError(
    "usage",
    `${why}: add ${missing.join(" and ")}, as in: attune init --model ${DEFAULT_MODEL} --data rows.csv --yes`,
  );
}

async function modelFault(name: string): Promise<string | null> {
  if (isHubName(name) || bundledModel(name)) return null;
  return access(name).then(
    () => null,
    () => `${printable(name)}: no such folder; expected one, or a name on the hub such as ${DEFAULT_MODEL}`,
  );
}

/** Null where the rows' format brings its own. */
async function templateOf(flags: InitFlags, look: DataLook, data: string, ask: Asker | null): Promise<Answers["template"]> {
  const { prompt, completion, task } = flags;
  if ((prompt === undefined) !== (completion === undefined)) throw userError("usage", "--prompt and --completion go together");
  if (prompt !== undefined && completion !== undefined) return { prompt, completion };
  if (look.format) {
    if (task)
      throw userError(
        "usage",
        `--task is for rows of no known format; ${data} is ${look.format.name}, which has a template of its own`,
      );
    return null;
  }
  const chosen = task ?? (ask ? await ask.choose("What is asked of the model?", TASKS, "general") : "general");
  const guess = templateFor(look, chosen);
  const fields = look.fields.map((field) => printable(field)).join(", ");
  if (!ask) {
    if (guess) return guess;
    throw userError(
      "usage",
      `${data}: its fields do not say which is asked and which answered (${fields}); add --prompt "{FIELD}" --completion "{FIELD}"`,
    );
  }
  const check = (text: string) => (/\{[^{}]+\}/.test(text) ? null : `name a field in braces: ${fields}`);
  return {
    prompt: await ask.ask(`Prompt (fields: ${fields})`, guess?.prompt, check),
    completion: await ask.ask("Answer to learn", guess?.completion, check),
  };
}
