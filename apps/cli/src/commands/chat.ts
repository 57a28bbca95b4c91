// attune chat MODEL|RUNDIR: a conversation, with an adapter and without.
import type { FrozenStorage, GenerateOptions } from "@attune/models";
import type { Command } from "commander";
import { sanitizeForTerminal } from "../terminal.js";
import { dtypeOption } from "./dtypeOption.js";
import { count, number, whole } from "./numberOptions.js";

interface Flags {
  adapter?: string;
  system?: string;
  taskTemplate?: string;
  maxNewTokens: number;
  maxPrompt: number;
  temperature?: number;
  topK?: number;
  topP?: number;
  repetitionPenalty?: number;
  seed?: number;
  dtype: FrozenStorage;
}

/** Any of these means sampling. */
const SAMPLING = ["temperature", "topK", "topP"] as const;
const PASSED = [...SAMPLING, "repetitionPenalty", "seed", "maxNewTokens"] as const;

export function configure(command: Command): void {
  command
    .argument("<model>", "a Hugging Face folder of a T5 or an OPT, a hub name, or a run's folder")
    .option("--adapter <dir>", "LoRA adapter in PEFT's form: a folder, or a name on the hub")
    .option("--system <text>", "what stands in front of the conversation")
    .option("--task-template <name>", "of a model that was taught a mixture: the set as whose rows lines are asked")
    .option("--max-new-tokens <n>", "longest answer", count, 128)
    .option("--max-prompt <n>", "longest prompt in tokens; older turns are left out beyond it", count, 1024)
    .option("--temperature <x>", "draw tokens by their probability: below 1 is bolder, above 1 more varied", number)
    .option("--top-k <n>", "draw from the n best tokens", whole)
    .option("--top-p <x>", "draw from the fewest with this probability together", number)
    .option("--repetition-penalty <x>", "above 1 makes tokens that were there less likely", number)
    .option("--seed <n>", "of drawing (0)", whole)
    .addOption(dtypeOption("how weights are kept: f32, bf16 or f16").default("f32"))
    .addHelpText(
      "after",
      `
Lines are asked as the model was taught (attune_template.json), else through its own chat template. In a pipe each line is a turn.
/reset, /system TEXT, /adapter on|off, /both, /help, /quit. Ctrl-C stops an answer; twice leaves.

Examples:
  attune chat runs/mine
  attune chat google/flan-t5-small --temperature 0.7
  attune chat facebook/opt-125m --adapter runs/chat/adapter --system "You answer in one sentence."
  printf 'Hello.\\n/both\\nHow are you?\\n' | attune chat runs/mine`,
    )
    .action(chat);
}

async function chat(name: string, flags: Flags): Promise<void> {
  const [
    { openDevice },
    { loadGenerators, openGeneration },
    { trainedAt },
    { openPrompting },
    { openSession },
    { chatOutput, converse },
    { answererOf },
  ] = await Promise.all([
    import("@attune/tensor/node"),
    import("../recipes/generate.js"),
    import("../recipes/trained.js"),
    import("../chat/prompting.js"),
    import("../chat/session.js"),
    import("../chat/terminal.js"),
    import("../chat/answerer.js"),
  ]);
  const trained = await trainedAt(name);
  const files = await openGeneration(trained.model, flags.adapter ?? trained.adapter, flags.taskTemplate);
  const prompting = await openPrompting(files);
  const device = await openDevice();
  try {
    const { adapted, base, notes } = await loadGenerators(device, files, flags.dtype);
    for (const note of notes) process.stderr.write(`${sanitizeForTerminal(note)}\n`);
    const settings: GenerateOptions = Object.fromEntries(
      PASSED.filter((key) => flags[key] !== undefined).map((key) => [key, flags[key]]),
    );
    settings.doSample = SAMPLING.some((key) => flags[key] !== undefined);
    const answerer = answererOf({ adapted, base }, files.tokenizer, { ...flags, settings, stopStrings: prompting.stopStrings });
    const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    const output = chatOutput(isTerminal);
    const session = openSession(prompting, answerer, output);
    if (isTerminal) output.note(`${prompting.about}. /help lists commands, Ctrl-D leaves`);
    if (flags.system !== undefined) await session.take(`/system ${flags.system}`);
    await converse(session, isTerminal);
    for (const generator of [adapted, base]) generator?.dispose();
  } finally {
    await prompting.close();
    device.destroy();
  }
}
