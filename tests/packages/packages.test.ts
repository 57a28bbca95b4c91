// Every package alone: as npm packs it, in an empty folder, it installs, runs the sample that its page begins with, has types that hold,
// and its browser-clean entries bundle for a browser. The command line does what the main page says, from that folder.
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { build, transform } from "esbuild";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { packageFaults } from "../../scripts/check-packages.mjs";
import { type Packed, packAll, publishedPackages } from "../../scripts/lib/pack.mjs";
import { writeTinyModel } from "../cli/tinyModel.js";
import { commandLines, missingLine, missingPiece, readPage } from "../docs/pages.js";
import { type Ended, installAlone, root, shell } from "./alone.js";

const published = await publishedPackages();
const libraries = published
  .filter(({ manifest }) => manifest.exports)
  .map(({ folder, manifest }) => ({ folder, name: manifest.name as string }));
const CLI = "@attune/cli";

let home: string;
let packed: Map<string, Packed>;
const folderOf = (name: string) => path.join(home, name.replace("@attune/", ""));

beforeAll(async () => {
  for (const { folder } of published)
    if (!existsSync(path.join(root, folder, "dist"))) throw new Error(`${folder} is not built: npm run build`);
  home = await mkdtemp(path.join(tmpdir(), "attune alone-")); // a blank in a path is nothing special
  await mkdir(path.join(home, "packed"));
  packed = await packAll(path.join(home, "packed"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const firstSample = async (folder: string) =>
  readPage("README.md", await readFile(path.join(root, folder, "README.md"), "utf8")).blocks[0]!.text;

test("packing leaves nothing in the project", () => {
  for (const { folder } of published) expect(existsSync(path.join(root, folder, "LICENSE")), folder).toBe(false);
  expect(existsSync(path.join(root, "apps/cli/recipes"))).toBe(false);
});

test("publint and are-the-types-wrong find no fault", async () => expect(await packageFaults(packed)).toEqual([]));

describe.each(libraries)("$name alone", ({ folder, name }) => {
  const at = () => folderOf(name);
  beforeAll(() => installAlone(name, packed, at()), 240_000); // a registry may be slow

  test("runs the sample that its page begins with", async () => {
    const sample = await firstSample(folder);
    const { code } = await transform(sample, { loader: "ts", format: "esm" });
    await writeFile(path.join(at(), "sample.mjs"), code);
    await writeFile(path.join(at(), "sample.ts"), sample);
    if (sample.includes('"flan-t5-small"')) await writeTinyModel(path.join(at(), "flan-t5-small"));
    const ended = await shell(`"${process.execPath}" sample.mjs`, at());
    expect(ended.stderr.replace(/^Warning: .*\n/gm, "")).toBe("");
    expect(ended.code).toBe(0);
    expect(missingLine(sample, ended.stdout.split("\n"))).toBeNull();
    expect(ended.stdout).not.toBe("");
  });

  test("bundles for a browser", async () => {
    const entries = Object.keys(packed.get(name)!.manifest.exports).filter((entry) => entry !== "./node");
    const { metafile, outputFiles } = await build({
      stdin: {
        contents: entries.map((entry, i) => `export * as e${i} from "${name}${entry.slice(1)}";`).join("\n"),
        resolveDir: at(),
      },
      bundle: true,
      write: false,
      metafile: true,
      minify: true,
      format: "esm",
      platform: "browser", // a node: module would not resolve
      logLevel: "silent",
    });
    expect(Object.keys(metafile.inputs).filter((file) => /node_modules\/webgpu\/|^node:/.test(file))).toEqual([]);
    expect(outputFiles[0]!.text).not.toMatch(/(?:from|import|require)\s*\(?\s*"(?:node:[^"]*|webgpu)"/);
    expect(Object.values(metafile.outputs)[0]!.imports).toEqual([]);
  });
});

test("types hold in a TypeScript project that installs nothing besides, and checks those of libraries too", async () => {
  const at = folderOf("@attune/tensor"); // its types name WebGPU's
  const compilerOptions = { noEmit: true, strict: true, module: "nodenext", target: "es2023", types: [] };
  await writeFile(path.join(at, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["sample.ts"] }));
  const ended = await shell(`"${process.execPath}" "${path.join(root, "node_modules/typescript/bin/tsc")}"`, at);
  // a project of its own says what console is: by DOM or by @types/node
  expect(ended.stdout.split("\n").filter((line) => line && !/name 'console'/.test(line))).toEqual([]);
});

describe("the command line alone, as the main page has it", () => {
  const lines = commandLines(readPage("README.md", readFileSync(path.join(root, "README.md"), "utf8")));
  const ended: Ended[] = [];
  beforeAll(async () => {
    const at = folderOf(CLI);
    await installAlone(CLI, packed, at);
    await writeFile(path.join(at, "my.csv"), await someRows());
    for (const { command } of lines) ended.push(await shell(command, at));
  }, 240_000);

  test("shows a first answer, and the way from a CSV to an adapter", () => {
    const names = lines.map(({ command }) => /^npx attune (data check|\w+)/.exec(command)?.[1]);
    expect(names).toEqual(["generate", "init", "data check", "train", "generate"]);
  });
  test.each(lines.map((line, i) => ({ ...line, i })))("$command", ({ i, where, promised }) => {
    const { code, stdout, stderr } = ended[i]!;
    expect(code, `${where}: ${stderr}`).toBe(0);
    expect(promised.length, where).toBeGreaterThan(0);
    expect(missingPiece(promised, `${stdout}\n${stderr}`), `is not in:\n${stdout}\n${stderr}`).toBeNull();
  });
  test("leaves what the page names: a run, an adapter of PEFT's form, scores", async () => {
    const run = path.join(folderOf(CLI), "runs/my");
    const result = JSON.parse(await readFile(path.join(run, "result.json"), "utf8"));
    expect(result.lastLoss).toBeLessThan(result.firstLoss / 10);
    const adapter = JSON.parse(await readFile(path.join(run, "adapter/adapter_config.json"), "utf8"));
    expect(adapter.peft_type).toBe("LORA");
  });
});

/** A CSV as a person might have it: headlines of companies and what they are, with names of columns that no format has. */
async function someRows(): Promise<string> {
  const rows = (await readFile(path.join(root, "data/bundled/headlines.train.jsonl"), "utf8")).trim().split("\n").slice(0, 120);
  const quoted = rows.map((row) => JSON.parse(row)).map(({ sentence, label }) => `"${sentence.replaceAll('"', '""')}",${label}`);
  return `text,label\n${quoted.join("\n")}\n`;
}
