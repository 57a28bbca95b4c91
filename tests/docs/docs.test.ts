// The pages are held to the project: every ts sample runs and prints what it says, every link leads somewhere, and every command,
// option, script and file that they name is there.
//
// Command lines are run by commands.test.ts.
//
//   ```ts            runs, in a process where all packages resolve to their sources
//   ```ts fragment   does not
//   ```ts of FILE    is a piece of that file, word for word (any language)
//   ```yaml run      is a run that attune accepts
//   //> text         in a sample: the next line that it prints
//   ```text tree     a drawing of folders, whose entries must exist
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { COMMANDS } from "../../apps/cli/src/commands/table.js";
import { parseRun } from "../../apps/cli/src/run/load.js";
import { runSchema } from "../../apps/cli/src/run/schema.js";
import { writeTinyModel } from "../cli/tinyModel.js";
import { missingLine, type Page, readPage, readPages, root, treeEntries } from "./pages.js";
import type { Ran } from "./runFiles.js";

const pages = readPages();
const samples = pages.flatMap(({ blocks }) =>
  blocks
    .filter(({ language, flags }) => language === "ts" && flags.length === 0)
    .map((block) => ({ where: block.where, text: block.text })),
);
const examples = readdirSync(path.join(root, "examples"))
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ where: `examples/${name}`, text: readFileSync(path.join(root, "examples", name), "utf8") }));

describe("samples run and print what they say", () => {
  const all = [...samples, ...examples];
  // below the root, where @attune/* resolves, in a folder that neither git nor the linter sees
  const scripts = path.join(root, ".attune", `docs-${process.pid}`);
  const home = mkdtempSync(path.join(tmpdir(), "attune-docs-"));
  const ran = new Map<string, Ran>();
  let crash = "";

  beforeAll(async () => {
    mkdirSync(scripts, { recursive: true });
    const files = all.map(({ text }, i) => {
      const file = path.join(scripts, `${i}.ts`);
      writeFileSync(file, text);
      return file;
    });
    await writeTinyModel(path.join(home, "flan-t5-small")); // stands in for the folder that samples load
    const { results, stderr } = await runFiles(files, home);
    for (const result of results) ran.set(all[files.indexOf(result.file)]!.where, result);
    crash = stderr;
  }, 240_000);
  afterAll(() => {
    for (const folder of [scripts, home]) rmSync(folder, { recursive: true, force: true });
  });

  test.each(all)("$where", ({ where, text }) => {
    const result = ran.get(where);
    expect(result, `ended the process of all samples:\n${crash}`).toBeDefined();
    expect(result!.error).toBeNull();
    expect(missingLine(text, result!.lines), `is not among what it printed:\n${result!.lines.join("\n")}`).toBeNull();
  });

  test("every package's page begins with one", () => {
    const packages = pages.filter(({ file }) => /^packages\/[^/]+\/README\.md$/.test(file));
    expect(packages.map(({ file }) => file).sort()).toEqual(
      readdirSync(path.join(root, "packages")).map((name) => `packages/${name}/README.md`),
    );
    for (const { file, blocks } of packages) {
      expect(blocks[0]?.language, file).toBe("ts");
      expect(blocks[0]?.flags, file).toEqual([]);
    }
  });
});

describe("quotes are true", () => {
  const blocks = pages.flatMap((page) => page.blocks);
  const quotes = blocks.filter(({ flags }) => flags[0] === "of");
  const runs = blocks.filter(({ language, flags }) => language === "yaml" && flags[0] === "run");

  test.each(quotes)("$where", ({ flags, text }) => {
    expect(readFileSync(path.join(root, flags[1]!), "utf8")).toContain(text.trimEnd());
  });
  test.each(runs)("$where", ({ where, text }) => {
    expect(parseRun(text, { file: "docs/my-run.yaml" }).name, where).toBe("my-run");
  });
  test("a row that is shown is one that the page's run takes", () => {
    const rows = blocks.filter(({ language }) => language === "json");
    expect(rows.map(({ where }) => where)).toEqual([expect.stringMatching(/^docs\/your-own-data\.md:/)]);
    const { data } = parseRun(runs.find(({ where }) => where.startsWith("docs/your-own-data.md"))!.text, {
      file: "docs/my-run.yaml",
    });
    const fields = Object.keys(JSON.parse(rows[0]!.text) as object);
    const named = [data.template?.prompt, data.template?.completion].flat().flatMap((text) => [...text!.matchAll(/\{(\w+)\}/g)]);
    expect(named.map(([, field]) => field).sort()).toEqual(fields.sort());
  });
  test("the table of a run's keys has all of them and no other", () => {
    const page = readFileSync(path.join(root, "docs/your-own-data.md"), "utf8");
    const told = [...page.slice(page.indexOf("## Every key")).matchAll(/^\| `([\w.]+)` \|/gm)].map(([, key]) => key!);
    expect(told.sort()).toEqual(keysOf(z.toJSONSchema(runSchema, { io: "input" }) as JsonSchema).sort());
  });
  test("no block has a word behind its fence that means nothing", () => {
    const known = blocks.filter(
      // `sh run`: tests/kernels/developerDay.test.ts runs those of its page, tests/packages those of the main page
      ({ language, flags: [flag] }) =>
        !flag || ["fragment", "of", "tree"].includes(flag) || language === "yaml" || (language === "sh" && flag === "run"),
    );
    expect(blocks.filter((block) => !known.includes(block)).map(({ where }) => where)).toEqual([]);
  });
});

describe("what the pages name is there", () => {
  test("links", () => expect(pages.flatMap(deadLinks)).toEqual([]));
  test("commands and their options", async () => {
    const known = await knownOptions();
    expect(pages.flatMap((page) => unknownCommands(page, known))).toEqual([]);
  });
  test("every command has its line on the main page", () => {
    const main = readFileSync(path.join(root, "README.md"), "utf8");
    expect(COMMANDS.filter(({ name }) => !main.includes(`\`attune ${name}\``)).map(({ name }) => name)).toEqual([]);
  });
  test("npm scripts", () => expect(pages.flatMap(unknownScripts)).toEqual([]));
  test("files in code", () => expect(pages.flatMap(missingFiles)).toEqual([]));
  test("entries of drawn trees, and every folder and file at the top is in one", () => {
    const trees = pages.flatMap(({ blocks }) => blocks.filter(({ flags }) => flags.includes("tree")));
    const entries = trees.flatMap(({ text }) => treeEntries(text));
    expect(entries.filter((entry) => !existsSync(path.join(root, entry)))).toEqual([]);
    expect(topOfProject().filter((name) => !entries.includes(name))).toEqual([]);
  });
});

test("a made-up page with a fault of each kind is found out", async () => {
  const text = [
    "# Title",
    "[good](README.md#attune) [self](#title) [gone](gone.md) [no anchor](README.md#nowhere) [self gone](#nothing)",
    "`npx attune fly`, `attune plan run.yaml --sideways`, `npm run nonsense`, `recipes/none.yaml`",
    "`ATTUNE_DEBUG=2 npx attune tune-cellos`, `attune kernels sing`, `attune kernels list --loud`, `attune kernels show norm/rms --dtype f16`",
    "```text tree",
    "packages/",
    "  tensor/  an engine",
    "  none.ts other.ts  not there",
    "```",
  ].join("\n");
  const page = readPage("fault.md", text);
  expect(deadLinks(page)).toEqual(["fault.md:2: gone.md", "fault.md:2: README.md#nowhere", "fault.md:2: #nothing"]);
  expect(unknownCommands(page, await knownOptions())).toEqual([
    "fault.md:3: attune fly",
    "fault.md:3: attune plan --sideways",
    "fault.md:4: attune tune-cellos",
    "fault.md:4: attune kernels sing",
    "fault.md:4: attune kernels list --loud",
  ]);
  expect(unknownScripts(page)).toEqual(["fault.md:3: npm run nonsense"]);
  expect(missingFiles(page)).toEqual(["fault.md:3: recipes/none.yaml"]);
  expect(treeEntries(page.blocks[0]!.text)).toEqual(["packages", "packages/tensor", "packages/none.ts", "packages/other.ts"]);
});

/** What git keeps at the top; nothing where this is no clone. */
function topOfProject(): string[] {
  try {
    const files = execFileSync("git", ["ls-files"], { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return [
      ...new Set(
        files
          .trim()
          .split("\n")
          .map((file) => file.split("/")[0]!),
      ),
    ];
  } catch {
    return [];
  }
}

function runFiles(files: readonly string[], cwd: string): Promise<{ results: Ran[]; stderr: string }> {
  const node = ["--conditions=@attune/source", "--import", import.meta.resolve("tsx")];
  const script = fileURLToPath(new URL("runFiles.ts", import.meta.url));
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...node, script], { cwd, maxBuffer: 1 << 26 }, (_, stdout, stderr) => {
      const lines = stdout.split("\n").filter((line) => line.startsWith("\u0001"));
      resolve({ results: lines.map((line) => JSON.parse(line.slice(1)) as Ran), stderr });
    });
    child.stdin!.end(JSON.stringify(files));
  });
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  anyOf?: JsonSchema[];
}

/** Leaves of a schema, dotted; a free record, such as a model's config, is a leaf. */
function keysOf(schema: JsonSchema, prefix = ""): string[] {
  const properties = schema.properties ?? schema.anyOf?.find((one) => one.properties)?.properties;
  if (!properties) return [prefix];
  return Object.entries(properties).flatMap(([key, value]) => keysOf(value, prefix ? `${prefix}.${key}` : key));
}

function deadLinks({ file, links, anchors }: Page): string[] {
  return links
    .filter(({ target }) => !/^[a-z]+:/.test(target))
    .filter(({ target }) => {
      const [to, anchor] = target.split("#") as [string, string?];
      const wanted = to === "" ? file : path.posix.join(path.posix.dirname(file), to);
      if (!existsSync(path.join(root, wanted)) && wanted !== file) return true;
      if (anchor === undefined) return false;
      const there = wanted === file ? anchors : pages.find((page) => page.file === wanted)?.anchors;
      return there !== undefined && !there.has(anchor);
    })
    .map(({ where, target }) => `${where}: ${target}`);
}

/** Long options of every command and, as "kernels list", of every command below one, as commander knows them. */
async function knownOptions(): Promise<Map<string, Set<string>>> {
  const known = new Map([["help", new Set<string>()]]);
  const add = (name: string, command: Command): void => {
    const names = command.options.flatMap(({ long }) => long ?? []);
    known.set(name, new Set([...names, "--help"]));
    for (const below of command.commands) add(`${name} ${below.name()}`, below);
  };
  for (const { name, load } of COMMANDS) {
    const command = new Command(name);
    (await load()).configure(command, COMMANDS);
    add(name, command);
  }
  return known;
}

/** `npx attune NAME --option ...` and `attune NAME ...`, in code alone: in prose attune is a name. `ATTUNE_X=1` may stand in front. */
function unknownCommands({ code }: Page, known: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return code.flatMap(({ where, text }) => {
    const call = /^(?:\$ )?(?:[A-Z_]+=\S+ )*(?:npx )?attune ([a-z]+(?:-[a-z]+)*)(?![\w-])(?: ([a-z]+)(?![\w./-]))?(.*)$/.exec(
      text.trim(),
    );
    if (!call) return [];
    const [, name, second = "", rest] = call as unknown as [string, string, string | undefined, string];
    const hasBelow = [...known.keys()].some((one) => one.startsWith(`${name} `));
    const full = hasBelow && second ? `${name} ${second}` : name;
    const options = known.get(full);
    if (!options) return [`${where}: attune ${full}`];
    const used = [...rest.replace(/\s#.*$/, "").matchAll(/(?<=\s)--[a-z][a-z-]*/g)].map(([option]) => option);
    return used.filter((option) => !options.has(option)).map((option) => `${where}: attune ${full} ${option}`);
  });
}

function unknownScripts({ code }: Page): string[] {
  const { scripts } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };
  return code.flatMap(({ where, text }) =>
    [...text.matchAll(/\bnpm run ([\w:-]+)/g)].filter(([, name]) => !(name! in scripts)).map(([call]) => `${where}: ${call}`),
  );
}

/** Files of the project's own folders. Capitals stand for a name to be chosen. */
function missingFiles({ code }: Page): string[] {
  const folders = "(?:apps|bench|data|docs|examples|packages|recipes|scripts|tests)";
  const pattern = new RegExp(`(?<![\\w./-])${folders}/[\\w./-]*\\.(?:ts|mjs|js|py|md|json|jsonl|yaml|wgsl)\\b`, "g");
  return code.flatMap(({ where, text }) =>
    [...text.matchAll(pattern)]
      .filter(([file]) => !/[A-Z]{3}/.test(file.replace(/README|CHANGELOG|CONTRIBUTING/, "")))
      .filter(([file]) => !existsSync(path.join(root, file)))
      .map(([file]) => `${where}: ${file}`),
  );
}
