// A first run's YAML, with a comment on every line that a newcomer will want to change. Pure: answers in, text out.
import { stringify } from "yaml";
import { ASKING, type DataLook, type Task } from "./lookAtData.js";

export interface Answers {
  /** A folder (from the file's own folder) or a name on the hub. */
  model: string;
  /** From the file's own folder. */
  data: string;
  /** A file; or the share of `data` that is kept for it. */
  validation: string | number | null;
  method: "lora" | "full";
  task: Task;
  /** Of rows of no known format, or where the user wants another than the format's. */
  template: { prompt: string; completion: string } | null;
  name: string;
  /** What editors look keys up in, from the file's own folder, where init puts it. */
  schema: string;
}

/** The template for rows of no known format. Null where their fields say nothing, and the user must. */
export function templateFor({ guess }: DataLook, task: Task): Answers["template"] {
  return guess && { prompt: `${ASKING[task]}{${guess.prompt}}`, completion: `{${guess.answer}}` };
}

export function runText(answers: Answers, look: DataLook): string {
  const { model, data, validation, method, template, name, schema } = answers;
  const count = `${look.rows}${look.isMore ? " and more" : ""} rows`;
  const what = look.format
    ? `${count}, recognised as ${look.format.name} (${look.format.summary})`
    : `${count}: ${look.fields.join(", ")}`;
  const isLora = method === "lora";
  const lines: (string | [line: string, comment: string])[] = [
    `# yaml-language-server: $schema=${schema}`,
    `# ${isLora ? "LoRA" : "Full fine-tuning"} of ${oneLine(model)} on ${oneLine(data)}.`,
    "#   attune data preview THIS-FILE    rows as the model will see them",
    "#   attune plan THIS-FILE            memory, time, disk space",
    "#   attune train THIS-FILE           any value can be changed there: train.lr=1e-4",
    [`name: ${scalar(name)}`, "results go to runs/NAME"],
    ["model:", "a folder (config.json, model.safetensors, tokenizer.json), or a name on the hub"],
    `  path: ${scalar(model)}`,
    "data:",
    [`  train: ${scalar(data)}`, oneLine(what)],
    ...validationLines(validation),
    ...(template
      ? [
          ["  template:", "fields of a row in braces"] as [string, string],
          `    prompt: ${scalar(template.prompt)}`,
          [`    completion: ${scalar(template.completion)}`, "what is learnt"] as [string, string],
        ]
      : [["  # template: alpaca", "the format brings its own; attune data preview shows it"] as [string, string]]),
    [`  maxSource: ${look.promptTokens}`, "tokens of a prompt at most; attune data check counts them"],
    [`  maxTarget: ${look.answerTokens}`, "tokens of an answer at most"],
    ...(isLora
      ? [
          ["lora:", "small matrices are trained beside frozen weights; without this group everything is"] as [string, string],
          ["  rank: 8", "more learns more, and takes more memory"] as [string, string],
          ["  alpha: 16", "its part is scaled by alpha / rank"] as [string, string],
          ["  # targets: all-linear", "every linear layer; left out, the attention's q and v"] as [string, string],
        ]
      : []),
    "train:",
    ["  epochs: 3", "passes over the data; or steps: N"],
    ["  batch: 8", "rows of a micro-batch: memory grows with it"],
    ["  accumulate: 1", "micro-batches of an update: batch x accumulate rows count at once"],
    [
      `  lr: ${isLora ? "1.0e-3" : "3.0e-4"}`,
      isLora ? "LoRA takes about three times that of full fine-tuning" : "less where the loss jumps",
    ],
    ["  seed: 42", "the same seed gives the same run"],
    ...(validation === null
      ? []
      : ["eval:", ["  every: 0.2", "five times a run; the weights of the best one are kept"] as [string, string]]),
    "save:",
    ["  every: 500", "updates between checkpoints, for attune resume"],
  ];
  return `${lines.map((line) => (typeof line === "string" ? line : `${line[0].padEnd(34)} # ${line[1]}`)).join("\n")}\n`;
}

function validationLines(validation: Answers["validation"]): [string, string][] {
  if (typeof validation === "string")
    return [[`  validation: ${scalar(validation)}`, "rows that are not trained on, but evaluated"]];
  if (typeof validation === "number")
    return [[`  split: {validation: ${validation}}`, "this share of the rows is not trained on, but evaluated"]];
  return [["  validation: null", "nothing is evaluated; name a file here to see scores"]];
}

/** A value that YAML reads back as this text, on one line. */
const scalar = (text: string): string =>
  stringify(text, { lineWidth: 0, defaultStringType: needsQuotes(text) ? "QUOTE_DOUBLE" : "PLAIN" }).trim();
const needsQuotes = (text: string): boolean => /[\s{}[\]#:&*!|>'"%@`,]/.test(text) && !/^[\w./@-]+$/.test(text);
const oneLine = (text: string): string => text.replace(/\s+/g, " ");
