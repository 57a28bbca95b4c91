// attune score METRIC: a metric on plain files, for people who have outputs already.
import type { MeasureEntry, MeasureOptions } from "@attune/eval";
import { type Command, InvalidArgumentError, Option } from "commander";
import { userError } from "../errors.js";

interface Flags extends MeasureOptions {
  predictions: string[];
  references: string[];
  field?: string;
  referenceField?: string[];
  bootstrap?: true | number;
  test: "bootstrap" | "randomization";
  samples?: number;
  seed?: number;
  json?: boolean;
}

/** Flags that are options of measures by the same name. */
const MEASURE_FLAGS = [
  ...(["stemmer", "lowercase", "tokenizer", "smoothing", "maxOrder", "wordOrder"] as const),
  ...(["ignoreCase", "ignorePunctuation", "ignoreNumbers", "answer", "labels", "zeroDivision"] as const),
];

export function configure(command: Command): void {
  command
    .argument("<metric>", "rouge, sacrebleu, bleu, chrf, exact_match, squad, squad_v2, gsm8k, stated_answer, classification")
    .requiredOption("--predictions <files...>", "what was said: a line each, or .jsonl, .csv, .tsv; two files are compared")
    .requiredOption("--references <files...>", "what is right, in the same order; several files are several references")
    .option("--field <name>", "field or column of the predictions (output, prediction)")
    .option(
      "--reference-field <names...>",
      "field or column of the references (references, reference, answers, ...); a list is several",
    )
    .option("--bootstrap [samples]", "intervals of 95 % by drawing rows again (1000 times)", count)
    .addOption(
      new Option("--test <kind>", "two files: how chance is excluded")
        .choices(["bootstrap", "randomization"])
        .default("bootstrap"),
    )
    .option("--samples <n>", "of the test (1000, randomization 10000)", count)
    .option("--seed <n>", "of the draws (12345)", whole)
    .option("--stemmer", "rouge: compare stems of words")
    .option("--lowercase", "sacrebleu, chrf: fold case")
    .addOption(new Option("--tokenizer <name>", "sacrebleu (13a)").choices(["13a", "intl", "char", "none"]))
    .addOption(new Option("--smoothing <kind>", "sacrebleu (exp)").choices(["exp", "floor", "add-k", "none"]))
    .option("--max-order <n>", "sacrebleu, bleu: longest run of words (4)", count)
    .option("--word-order <n>", "chrf: 2 is chrF++ (0)", whole)
    .option("--ignore-case", "exact_match: fold case")
    .option("--ignore-punctuation", "exact_match: leave ASCII punctuation out")
    .option("--ignore-numbers", "exact_match: leave digits out")
    .addOption(
      new Option("--answer <style>", "gsm8k: the number behind ####, or the last one (flexible)").choices(["strict", "flexible"]),
    )
    .option("--labels <names...>", "classification: the classes that averages are about (all that occur)")
    .option("--zero-division <value>", "classification: what 0 / 0 is: 0, 1 or nan (0)", zeroDivision)
    .option("--json", "print { metric, values, signature, rows, details, intervals }, or of two files a list of these")
    .addHelpText(
      "after",
      `
Examples:
  attune score rouge --stemmer --predictions out.txt --references gold.txt --bootstrap
  attune score sacrebleu --predictions base.txt tuned.txt --references ref0.txt ref1.txt
  attune score rouge --predictions runs/first/samples.jsonl --references runs/first/samples.jsonl --json`,
    )
    .action(async (name: string, flags: Flags) => {
      const { MEASURES, DEFAULT_SEED } = await import("@attune/eval");
      const entry = Object.hasOwn(MEASURES, name) ? MEASURES[name] : undefined;
      if (!entry) {
        const { nearest } = await import("@attune/models");
        const near = nearest(name, Object.keys(MEASURES));
        const known = Object.keys(MEASURES).join(", ");
        throw userError("usage", `no metric named ${name}${near ? ` (did you mean ${near}?)` : ""}; there are ${known}`);
      }
      const measure = entry.make(optionsOf(name, entry, flags));
      const [{ scoreFiles }, { printScores }] = await Promise.all([
        import("../recipes/scoreFiles.js"),
        import("../report/scoreText.js"),
      ]);
      const { predictions, references, field, referenceField, bootstrap, test, samples, seed = DEFAULT_SEED } = flags;
      const scores = await scoreFiles(
        measure,
        { predictions, references, predictionFields: field === undefined ? undefined : [field], referenceFields: referenceField },
        {
          withIntervals: bootstrap !== undefined,
          test,
          seed,
          ...(samples ? { samples } : typeof bootstrap === "number" ? { samples: bootstrap } : {}),
        },
      );
      process.stdout.write(
        flags.json ? `${JSON.stringify(scores.length === 1 ? scores[0] : scores, null, 2)}\n` : printScores(scores),
      );
    });
}

/** Options of the metric. Throws (usage) for one that belongs to another metric: it would change nothing, in silence. */
function optionsOf(name: string, { options }: MeasureEntry, flags: Flags): MeasureOptions {
  const given = MEASURE_FLAGS.filter((flag) => flags[flag] !== undefined);
  const foreign = given.find((flag) => !options.includes(flag));
  if (foreign) {
    const dashed = (flag: string) => `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const own = options.length > 0 ? `it takes ${options.map(dashed).join(", ")}` : "it takes no options of its own";
    throw userError("usage", `${dashed(foreign)} is no option of ${name}; ${own}`);
  }
  return Object.fromEntries(given.map((flag) => [flag, flags[flag]]));
}

function whole(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0 || value >= 2 ** 32)
    throw new InvalidArgumentError("expected a whole number from 0 to 4294967295");
  return value;
}

function count(text: string): number {
  const value = whole(text);
  if (value < 1) throw new InvalidArgumentError("expected a whole number from 1 on");
  return value;
}

function zeroDivision(text: string): number {
  if (!["0", "1", "nan"].includes(text.toLowerCase())) throw new InvalidArgumentError("expected 0, 1 or nan");
  return text.toLowerCase() === "nan" ? Number.NaN : Number(text);
}
