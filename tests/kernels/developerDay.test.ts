// docs/kernel-developer.md is true: its `sh run` blocks are run, and print what their `#>` lines say.
import { afterAll, beforeAll, expect, it } from "vitest";
import { attune, type Ended } from "../cli/attune.js";
import { readPages } from "../docs/pages.js";

const page = readPages("docs").find(({ file }) => file === "docs/kernel-developer.md")!;
const runs = page.blocks
  .filter(({ language, flags }) => language === "sh" && flags.includes("run"))
  .flatMap(({ text, where }) =>
    text
      .split(/^(?=npx )/m)
      .filter(Boolean)
      .map((part) => {
        const [command, ...promised] = part.trim().split("\n") as [string, ...string[]];
        return {
          where,
          words: command.replace("npx attune ", "").split(" "),
          promised: promised.map((line) => line.replace("#> ", "")),
        };
      }),
  );

let ended: Ended[] = [];
beforeAll(async () => {
  for (const { words } of runs) ended.push(await attune(words));
}, 120_000);
afterAll(() => {
  ended = [];
});

it("has commands", () => expect(runs.length).toBeGreaterThan(1));

it.each(runs.map((run, i) => ({ ...run, i, command: run.words.join(" ") })))("$command", ({ i, promised, where }) => {
  const { code, stdout, stderr } = ended[i]!;
  expect(code, `${where}: ${stderr}`).toBe(0);
  let from = 0;
  for (const line of promised) {
    const at = stdout.indexOf(line, from);
    expect(at, `"${line}" is not in:\n${stdout}`).toBeGreaterThanOrEqual(from);
    from = at + line.length;
  }
});

it("a case or a size that is not there is refused with what there is", async () => {
  const [noCase, noSize] = [
    await attune(["kernels", "test", "softmaxx"]),
    await attune(["kernels", "test", "softmax/rows, lanes alone", "--dims", "rows=2,columns=3"]),
  ];
  expect(noCase.code).toBe(2);
  expect(noCase.stderr).toContain('no kernel case is named like "softmaxx": elementwise/unary, ');
  expect(noSize.code).toBe(2);
  expect(noSize.stderr).toContain("columns=3 is no size of softmax/rows, lanes alone: its sizes are rows, cols");
});
