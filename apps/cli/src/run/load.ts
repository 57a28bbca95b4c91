// A run's YAML file, with overrides from the command line, to a checked and complete Run. All faults are told at once,
// each with file:line:column and the path of its key; nothing else is touched before all of it is right.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from "yaml";
import type { z } from "zod";
import { userError } from "../errors.js";
import { secretIn } from "../secrets.js";
import { resolveAliases } from "./aliases.js";
import { applyOverrides, type Override } from "./overrides.js";
import { resolvePaths } from "./paths.js";
import { describeIssues, type Place } from "./problems.js";
import { type Run, type RunInput, runSchema } from "./schema.js";

export interface LoadOptions {
  /** `train.lr=3e-4` and the like, in order; the last one wins. */
  overrides?: readonly string[];
  /** Where data.train and data.validation lie instead: only their folder is replaced. */
  dataFolder?: string;
  /** Another folder for model.init.tokenizer. */
  tokenizerFolder?: string;
  /** What paths on the command line, and `out`, are relative to. */
  cwd?: string;
  /** The run is looked at, not run: a secret within is nobody's fault now. */
  isRecord?: boolean;
  /** Told of names of other tools that were taken: "learning_rate -> train.lr". */
  note?: (line: string) => void;
}

type Keys = readonly (string | number)[];

const MAX_BYTES = 1 << 20;

export async function loadRun(file: string, options: LoadOptions = {}): Promise<Run> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw userError("usage", `${file}: ${code === "ENOENT" ? "no such file" : `cannot be read (${code})`}`, error);
  }
  return parseRun(text, { ...options, file });
}

/** The same from text; `file` names it in messages, and its folder is what relative paths start from. */
export function parseRun(
  text: string,
  {
    file,
    overrides = [],
    dataFolder,
    tokenizerFolder,
    cwd = process.cwd(),
    isRecord = false,
    note = () => {},
  }: LoadOptions & { file: string },
): Run {
  if (text.length > MAX_BYTES) throw userError("usage", `${file}: over 1 MiB, which no run needs; is this the right file?`);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
  });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const [fault] = [...document.errors, ...document.warnings]; // what follows the first is mostly its consequence
  if (fault) throw userError("usage", `${at(fault.pos[0])}: ${fault.message.replace(/\s+/g, " ")}`);
  if (!isMap(document.contents)) throw userError("usage", `${file}: a run is a list of keys and values, such as "name: my-run"`);

  let plain: Record<string, unknown>;
  try {
    plain = document.toJS({ maxAliasCount: 100 }); // a handful of nested aliases can stand for gigabytes
  } catch (error) {
    throw userError("usage", `${file}: ${(error as Error).message}`, error);
  }
  const name = path.basename(file).replace(/\.ya?ml$/, "");
  const fromCommandLine = new Set<string>();
  const { tree, moved, faults } = resolveAliases(plain);
  const inFile = new Map(moved.map(({ from, to }) => [to, from]));
  const issues: AliasIssue[] = faults.map(({ from, message }) => ({ ...aliasIssue(from, message), isOverride: false }));
  const translate = ({ path: dotted, value }: Override): Override | null => {
    const own = resolveAliases(treeOf(dotted, value));
    issues.push(...own.faults.map(({ from, message }) => ({ ...aliasIssue(from, message), isOverride: true })));
    if (own.faults.length > 0) return null;
    const [alias] = own.moved;
    if (!alias) return { path: dotted, value };
    moved.push(alias);
    return { path: alias.to, value: valueIn(own.tree, alias.to) };
  };
  const given = applyOverrides({ name, ...tree }, overrides, (key) => fromCommandLine.add(key), translate);
  dropReplaced(given, fromCommandLine);
  const result = runSchema.safeParse(given);
  const commandLine = { where: "command line", offset: Number.POSITIVE_INFINITY };
  const placeOf = (keys: Keys) => {
    const dotted = keys.join(".");
    if (fromCommandLine.has(dotted)) return commandLine;
    return placeIn(document, inFile.get(dotted)?.split(".") ?? keys, at, file);
  };
  if (!result.success || issues.length > 0) {
    const lines = describeIssues([...issues, ...(result.error?.issues ?? [])], given, placeOf, (issue) =>
      (issue as Partial<AliasIssue>).isOverride ? commandLine : undefined,
    );
    throw userError("usage", lines.join("\n"));
  }
  for (const { from, to } of moved) note(`${from} -> ${to}`);
  const run = complete(result.data, { file, dataFolder, tokenizerFolder, cwd });
  if (!isRecord) refuseSecrets(run, placeOf);
  return run;
}

/**
 * A run is written beside its results, shown and shared: nothing in it may be secret. Taking the secret out there instead would make
 * another run of the one that is read back.
 */
function refuseSecrets(run: Run, placeOf: (keys: Keys) => Place): void {
  const lines = textsIn(run).flatMap(({ keys, text }) => {
    const what = secretIn(text);
    if (what === null) return [];
    const remedy = what.startsWith("the value of ")
      ? "leave it out (or take the variable away, if it is no secret)"
      : "leave it out: attune takes the hub's token from HF_TOKEN, and a run names no other secret";
    return [
      `${placeOf(keys).where}: ${keys.join(".")} holds ${what}, and runs are kept as they are beside their results; ${remedy}`,
    ];
  });
  if (lines.length > 0) throw userError("usage", lines.join("\n"));
}

function textsIn(value: unknown, keys: Keys = []): { keys: Keys; text: string }[] {
  if (typeof value === "string") return [{ keys, text: value }];
  if (typeof value !== "object" || value === null) return [];
  const entries = Array.isArray(value) ? value.map((item, i) => [i, item] as const) : Object.entries(value);
  return entries.flatMap(([key, item]) => textsIn(item, [...keys, key]));
}

/** train.steps on the command line replaces the file's train.epochs, and the other way round: one of the two ends a run. */
function dropReplaced(given: Record<string, unknown>, fromCommandLine: ReadonlySet<string>): void {
  const train = given.train as Record<string, unknown> | undefined;
  for (const [said, other] of [
    ["steps", "epochs"],
    ["epochs", "steps"],
  ] as const)
    if (fromCommandLine.has(`train.${said}`) && !fromCommandLine.has(`train.${other}`)) delete train?.[other];
}

/** A fault of another tool's name, in the form of the schema's own. */
type AliasIssue = z.core.$ZodIssueCustom & { isOverride: boolean };
const aliasIssue = (from: string, message: string): z.core.$ZodIssueCustom => ({
  code: "custom",
  path: from.split("."),
  message,
  input: from,
});

function treeOf(dotted: string, value: unknown): Record<string, unknown> {
  return dotted.split(".").reduceRight<unknown>((inner, key) => ({ [key]: inner }), value) as Record<string, unknown>;
}

function valueIn(tree: Record<string, unknown>, dotted: string): unknown {
  return dotted.split(".").reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], tree);
}

/** Where a key stands; of a missing one, where its parent does. */
function placeIn(document: Document, keys: Keys, at: (offset: number) => string, file: string): Place {
  for (let length = keys.length; length > 0; length--) {
    const parent = document.getIn(keys.slice(0, length - 1), true);
    const pair = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && key.value === keys[length - 1]) : undefined;
    const node = pair?.key ?? document.getIn(keys.slice(0, length), true);
    if (isNode(node) && node.range) return { where: at(node.range[0]), offset: node.range[0] };
  }
  return { where: file, offset: 0 };
}

function complete(input: RunInput, where: { file: string; dataFolder?: string; tokenizerFolder?: string; cwd: string }): Run {
  const { steps, epochs } = input.train;
  const isWholeModel = input.lora === null && input.model.init === undefined;
  const run: Run = {
    ...input,
    out: input.out ?? path.join("runs", input.name),
    data: { ...input.data, train: input.data.train ?? input.data.mixture![0]!.train },
    train: {
      ...input.train,
      ...(steps === undefined ? { epochs: epochs ?? 3 } : {}),
      lr: input.train.lr ?? (isWholeModel ? 3e-4 : 1e-3),
    },
    // of several evaluations the best one's weights are kept, unless a run says otherwise
    eval: { ...input.eval, best: input.eval.best === undefined ? (input.eval.every === null ? null : "loss") : input.eval.best },
  };
  return resolvePaths(run, where);
}
