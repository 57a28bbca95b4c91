// Every command line of the pages runs: what stands in a block of `sh` is typed as it is there, in a folder with the project's recipes,
// data and records in it, and with stand-ins for a reader's own files. Trainings are cut short, and what a page names twice runs once.
//
//   ```sh                              each line is run here
//   ```sh run                          by another test, with what it prints (developerDay, packages)
//   ```sh fragment because WORDS       is not, and why; where another test runs it, which
import { existsSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { attuneInTurn, type Ended } from "../cli/attune.js";
import { readPages, root } from "./pages.js";

/** What a reader has, and these tests have not: a model of the hub, a run of one's own. */
const STAND_INS: readonly [RegExp, string][] = [
  [/\bgoogle\/flan-t5-small\b/g, "data/bundled/base"],
  [/\bRUN\.yaml\b/g, "recipes/bundled-lora.yaml"],
];
/** Behind the words of a command, so that it takes a second; what it means stays. */
const FEW = ["data.limit=16", "eval.rows=2", "eval.maxNewTokens=2", "eval.batch=2"];
const SHORT: Readonly<Record<string, readonly string[]>> = {
  train: [...FEW, "train.steps=2", "train.batch=2"],
  plan: FEW,
  generate: ["--max-new-tokens", "2"],
  doctor: ["--no-speed"],
};
/** Commands that take long, and the test that runs the same. */
const ELSEWHERE: readonly [command: RegExp, test: string][] = [
  [/^attune demo\b/, "tests/e2e/runs.test.ts"],
  [/^attune verify\b/, "tests/parity/verify.test.ts"],
  [/^attune kernels check\b/, "apps/cli/src/inspect/kernels.test.ts"],
];

const blocks = readPages()
  .flatMap((page) => page.blocks)
  .filter(({ language }) => language === "sh");
const lines = blocks
  .filter(({ flags }) => flags.length === 0)
  .flatMap(({ where, text }) =>
    text
      .trim()
      .split("\n")
      .filter((line) => !ELSEWHERE.some(([command]) => command.test(line.replace(/^npx /, ""))))
      .map((line) => ({ where, line })),
  );

/** A line as an argument list, and the file that its output goes to. Throws where it is no plain call of attune. */
export function wordsOf(line: string): { words: string[]; target: string | null } {
  const called = STAND_INS.reduce((text, [pattern, other]) => text.replace(pattern, other), line.replace(/\s+#.*$/, "").trim());
  const [, rest, target = null] = /^(?:npx )?attune (.*?)(?: > (\S+))?$/.exec(called) ?? [];
  if (rest === undefined || /[|;&<>`]|\$[({A-Z]/.test(rest.replace(/'[^']*'/g, "")))
    throw new Error(`no plain call of attune; mark its block \`sh fragment because ...\`: ${line}`);
  const words = [...rest.matchAll(/\$'((?:[^'\\]|\\.)*)'|'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, escaped, single, double, bare]) => escaped?.replace(/\\n/g, "\n").replace(/\\(.)/g, "$1") ?? single ?? double ?? bare!,
  );
  const again = words[0] === "train" && !words.includes("--resume") ? ["--overwrite"] : []; // pages use one folder several times
  return { words: [...words, ...(SHORT[words[0]!] ?? []), ...again], target };
}

describe("command lines of the pages", () => {
  let home = "";
  const ended = new Map<string, Ended>();
  const distinct = [...new Map(lines.map(({ line }) => [JSON.stringify(wordsOf(line)), wordsOf(line)])).entries()];

  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), "attune-commands-"));
    for (const name of ["recipes", "data", "tests"]) await symlink(path.join(root, name), path.join(home, name));
    const files: Record<string, string> = {
      "out.txt": "a boat\nthe end\n",
      "gold.txt": "the boat\nan end\n",
      "base.txt": "boat\nend\n",
      "tuned.txt": "a boat\nthe end\n",
      "ref0.txt": "the boat\nan end\n",
      "ref1.txt": "boats\nends\n",
      "answers.jsonl": '{"output": "nine"}\n',
      "dev.jsonl": '{"answers": {"text": ["nine"], "answer_start": [1]}, "dialogue": "Ann: Hi.", "summary": "Ann greets."}\n',
      "test.jsonl": '{"dialogue": "Ann: Hi.", "summary1": "a", "summary2": "b", "summary3": "c"}\n',
      "news.csv": "text,label\nthey won,sport\nthey voted,politics\n",
    };
    for (const [name, text] of Object.entries(files)) await writeFile(path.join(home, name), text);
    // facts of a device come from a command whose output another one reads: those that write files go first
    const ordered = [...distinct].sort((a, b) => Number(b[1].target !== null) - Number(a[1].target !== null));
    const writers = ordered.filter(([, { target }]) => target !== null);
    const others = ordered.filter(([, { target }]) => target === null);
    for (const part of [writers, others]) {
      const results = await attuneInTurn(
        part.map(([, { words }]) => words),
        process.env,
        home,
      );
      for (const [i, [key, { target }]] of part.entries()) {
        ended.set(key, results[i]!);
        if (target) await writeFile(path.join(home, target), results[i]!.stdout);
      }
    }
  }, 120_000);
  afterAll(() => rm(home, { recursive: true, force: true }));

  test.each(lines)("$where: $line", ({ line }) => {
    const { code, stdout, stderr } = ended.get(JSON.stringify(wordsOf(line)))!;
    expect(code, `${stdout}\n${stderr}`).toBe(0);
    expect(stdout.trim()).not.toBe("");
  });
});

test("what is not run says why, and what another test runs is run there", () => {
  expect(ELSEWHERE.filter(([, file]) => !existsSync(path.join(root, file)))).toEqual([]);
  const silent = blocks.filter(({ flags: [first, because, ...why] }) =>
    first === "fragment" ? because !== "because" || why.length < 3 : first !== undefined && !["run", "of"].includes(first),
  );
  expect(silent.map(({ where }) => where)).toEqual([]);
});

test("a line that is no plain call is found out", () => {
  expect(() => wordsOf("printf x | npx attune chat runs/mine")).toThrow(/no plain call/);
  expect(() => wordsOf("npx attune chat runs/mine | cat")).toThrow(/no plain call/);
  expect(wordsOf("npx attune config a.yaml > b.yaml   # what it says")).toEqual({
    words: ["config", "a.yaml"],
    target: "b.yaml",
  });
  expect(wordsOf("attune score x $'A: b?\\nC'").words).toEqual(["score", "x", "A: b?\nC"]);
});
