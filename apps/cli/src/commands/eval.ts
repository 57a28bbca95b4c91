// attune eval RUN.yaml|MODEL: answers a task's rows with a model, or with a model and an adapter, and scores the answers.
import { type Command, Option } from "commander";
import { type EvaluationFlags, evaluationOf } from "../recipes/evaluationFlags.js";
import { dtypeOption } from "./dtypeOption.js";
import { count, noRepeatOption, number, whole } from "./numberOptions.js";

interface Flags extends EvaluationFlags {
  json?: boolean;
  out?: string;
}

/** Flags that attune compare has too. */
export function addEvalOptions(command: Command): Command {
  return command
    .option(
      "--task <name>",
      "summarization, classification, question-answering, translation, reasoning, chat (a run's: by what its rows are)",
    )
    .option("--data <file>", "rows to answer: .jsonl, .csv, .tsv, hub:ORG/NAME; a run's own are its validation data")
    .option("--prompt <template>", "how a row becomes a prompt, such as 'summarize: {text}' (the run's, the model's, the task's)")
    .option("--completion <template>", "and its right answer, such as '{summary}'")
    .option("--task-template <name>", "of a model that was taught a mixture: the set whose template rows go through")
    .option("--reference-field <names...>", "fields with all that is right, instead of the completion")
    .option("--rows <n>", "only the first n rows (a run's eval.rows, else all)", count)
    .option("--batch <n>", "prompts answered together", count, 16)
    .option("--max-prompt <n>", "longest prompt in tokens (a run's data.maxSource, else 512)", count)
    .option("--max-new-tokens <n>", "longest answer (a run's eval.maxNewTokens, else the task's)", count)
    .option("--num-beams <n>", "beam search", count, 1)
    .addOption(noRepeatOption())
    .option("--repetition-penalty <x>", "above 1 makes tokens that were there less likely", number)
    .option("--labels <names...>", "classification: the classes (all that the data has)")
    .addOption(
      new Option(
        "--method <how>",
        "classification: from the answer's text, or by the labels' probability (a run's eval.method, else generate)",
      ).choices(["generate", "likelihood"]),
    )
    .option("--shots <n>", "solved examples in front of each prompt", whole, 0)
    .option("--shots-from <file>", "where these come from")
    .option("--seed <n>", "of the choice of examples", whole, 17)
    .option("--perplexity", "the right answers' perplexity too")
    .addOption(dtypeOption("how weights are kept: f32, bf16 or f16").default("f32"));
}

export function configure(command: Command): void {
  addEvalOptions(
    command
      .argument("<run>", "a run's YAML file, whose result is evaluated; or a model: a folder, or a name on the hub")
      .option("--adapter <dir>", "LoRA adapter in PEFT's form"),
  )
    .option("--out <dir>", "write eval.json and samples.jsonl there: every prompt, answer, reference and score")
    .option("--json", "print the result as JSON, with a record of each example")
    .addHelpText(
      "after",
      `
Examples:
  attune eval recipes/bundled-lora.yaml
  attune eval google/flan-t5-small --task summarization --data test.jsonl --reference-field summary1 summary2 summary3
  attune eval data/bundled/base --task classification --method likelihood --data news.csv --labels sport politics --json`,
    )
    .action(async (name: string, flags: Flags) => {
      const [
        { openDevice },
        { evaluate, prepareEvaluation, writeEvaluation },
        { printEvaluation },
        { createStatus },
        { checkOut },
      ] = await Promise.all([
        import("@attune/tensor/node"),
        import("../recipes/evaluate.js"),
        import("../report/evaluationText.js"),
        import("../status.js"),
        import("../run/paths.js"),
      ]);
      const prepared = await prepareEvaluation(await evaluationOf(name, flags));
      if (flags.out !== undefined) await checkOut(flags.out);
      const device = await openDevice();
      const status = createStatus();
      try {
        const result = await evaluate(device, prepared, (done, total) => status.update(`answered ${done} of ${total}`));
        status.done();
        if (flags.out !== undefined) await writeEvaluation(flags.out, result);
        process.stdout.write(flags.json ? `${JSON.stringify(result, null, 2)}\n` : printEvaluation(result));
      } finally {
        status.done();
        device.destroy();
      }
    });
}
