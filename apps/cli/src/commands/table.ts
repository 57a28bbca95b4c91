// Every command of attune. A command's file is loaded only when it is called, and that file loads the engine only when
// it runs (`await import` inside its action), so that `attune --help` answers at once and never touches Dawn.
import type { Command } from "commander";

export interface CommandModule {
  /** Adds arguments, options and the action. Called before the command line is parsed; `entries` are all commands that there are. */
  configure(command: Command, entries: readonly CommandEntry[]): void;
}

export interface CommandEntry {
  name: string;
  summary: string;
  load(): Promise<CommandModule>;
}

export const COMMANDS: readonly CommandEntry[] = [
  { name: "demo", summary: "tune the bundled base model whole and through LoRA, and compare", load: () => import("./demo.js") },
  { name: "init", summary: "write a run's YAML for your own data, by a few questions or flags", load: () => import("./init.js") },
  { name: "recipes", summary: "list, describe and copy the runs that come with attune", load: () => import("./recipes.js") },
  { name: "train", summary: "run the training that a YAML file describes", load: () => import("./train.js") },
  { name: "resume", summary: "go on with a run that was stopped, from its folder", load: () => import("./resume.js") },
  { name: "runs", summary: "list runs, show one, see their sizes, remove old checkpoints", load: () => import("./runs.js") },
  {
    name: "generate",
    summary: "answer prompts with a model, or with a model and an adapter",
    load: () => import("./generate.js"),
  },
  { name: "chat", summary: "talk with a model, with its adapter and without", load: () => import("./chat.js") },
  {
    name: "eval",
    summary: "answer a task's rows with a model or a run's result, and score the answers",
    load: () => import("./eval.js"),
  },
  {
    name: "compare",
    summary: "compare runs and models on the same examples: intervals, significance, cost, a page",
    load: () => import("./compare.js"),
  },
  { name: "report", summary: "write or serve a run's page: curves, answers, data, cost", load: () => import("./report.js") },
  {
    name: "score",
    summary: "score outputs in plain files: ROUGE, BLEU, chrF, exact match, F1, accuracy",
    load: () => import("./score.js"),
  },
  {
    name: "convert",
    summary: "write a model's folder anew: .bin to safetensors, another type, other shards",
    load: () => import("./convert.js"),
  },
  { name: "push", summary: "publish an adapter or a model on the hub, with a model card", load: () => import("./push.js") },
  {
    name: "plan",
    summary: "show what a run will take: memory, FLOPs, disk space, time, and what would fit",
    load: () => import("./plan.js"),
  },
  {
    name: "profile",
    summary: "show where an update's time goes, kernel by kernel, and what bounds each",
    load: () => import("./profile.js"),
  },
  {
    name: "doctor",
    summary: "show the adapter, its speed, and what to do if something is missing",
    load: () => import("./doctor.js"),
  },
  {
    name: "bench",
    summary: "measure this device in a minute: matmul, memory, dispatch, training",
    load: () => import("./bench.js"),
  },
  {
    name: "merge",
    summary: "put a LoRA adapter into the weights of its base model, checked against both",
    load: () => import("./merge.js"),
  },
  { name: "tokenize", summary: "turn texts into token ids, line by line", load: () => import("./tokenize.js") },
  {
    name: "verify",
    summary: "prove that a model computes here what its reference record says",
    load: () => import("./verify.js"),
  },
  { name: "kernels", summary: "look at the WGSL kernels, and test them on this adapter", load: () => import("./kernels.js") },
  {
    name: "tune-kernels",
    summary: "measure which matmul kernels are fastest here, for runs that ask for it",
    load: () => import("./tuneKernels.js"),
  },
  {
    name: "data",
    summary: "check a data set for what spoils training, and show rows as the model will see them",
    load: () => import("./data.js"),
  },
  {
    name: "completion",
    summary: "print a completion script for bash, zsh or fish",
    load: () => import("./completion.js"),
  },
  { name: "config", summary: "check a run's YAML and print it with all defaults filled in", load: () => import("./config.js") },
];
