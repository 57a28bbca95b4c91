import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../commands/table.js";
import { main } from "../main.js";
import { type CommandNode, commandTree } from "./commandTree.js";
import { completionScript } from "./scripts.js";

let tree: CommandNode[];
beforeAll(async () => {
  tree = await commandTree(COMMANDS);
});
const has = (shell: string) => spawnSync(shell, ["--version"]).status === 0;

/** What bash would offer for these words, the last of which is being typed. */
function offered(words: readonly string[]): string[] {
  const script = path.join(tmpdir(), `attune-completion-${process.pid}.bash`);
  writeFileSync(script, completionScript("bash", tree));
  const line = words.map((word) => `'${word}'`).join(" ");
  const { stdout, stderr } = spawnSync(
    "bash",
    [
      "-c",
      `source "$0"; COMP_WORDS=(attune ${line}); COMP_CWORD=${words.length}; _attune; printf '%s\\n' "\${COMPREPLY[@]}"`,
      script,
    ],
    { encoding: "utf8" },
  );
  expect(stderr).toBe("");
  return stdout.split("\n").filter(Boolean);
}

describe.skipIf(!has("bash"))("bash, which has sourced the script", () => {
  test("offers commands, their own commands, options, and values", () => {
    expect(offered(["tr"])).toEqual(["train"]);
    expect(offered(["--"])).toEqual(["--help", "--version"]);
    expect(offered(["data", ""])).toEqual(["check", "preview"]);
    expect(offered(["data", "preview", "--ro"])).toEqual(["--rows"]);
    expect(offered(["train", "--over"])).toEqual(["--overwrite"]);
    expect(offered(["completion", ""])).toEqual(["bash", "zsh", "fish"]);
    expect(offered(["help", "doc"])).toEqual(["doctor"]);
  });

  test("offers nothing of its own where a file is wanted: bash completes files then", () => {
    expect(offered(["train", "reci"])).toEqual([]);
    expect(offered(["nonsense", ""])).toEqual([]);
  });
});

describe.each(["zsh", "fish"] as const)("%s", (shell) => {
  test("has a script that names every command and option", () => {
    const script = completionScript(shell, tree);
    for (const { name, options } of tree) {
      expect(script).toContain(name);
      for (const { flags } of options) expect(script).toContain(shell === "fish" ? `-l ${flags[0]!.slice(2)}` : `${flags[0]}[`);
    }
  });
  test("can read it", ({ skip }) => {
    if (!has(shell)) skip(`no ${shell} on this machine`);
    const input = completionScript(shell, tree);
    expect(spawnSync(shell, ["-n"], { input, encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });
});

test("every command has a summary, and its help an example that begins with its name", async () => {
  const faults: string[] = [];
  const visit = async (words: string[], { name, summary, commands }: CommandNode): Promise<void> => {
    let help = "";
    const output = {
      out(text: string) {
        help += text;
      },
      err() {},
    };
    const all = [...words, name];
    expect(await main([...all, "--help"], output)).toBe(0);
    if (summary.length < 10) faults.push(`${all.join(" ")}: no summary`);
    const examples = help.slice(help.search(/Examples?:\n/));
    const spelled = new RegExp(`attune ${all.join(" ")}\\b`);
    if (!/Examples?:\n/.test(help) || !spelled.test(examples)) faults.push(`${all.join(" ")}: no example`);
    for (const child of commands) await visit(all, child);
  };
  for (const node of tree) await visit([], node);
  expect(faults).toEqual([]);
});
