import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import {
  fingerprintOf,
  MATMUL_VARIANTS,
  planMatmul,
  readChoice,
  shapeClass,
  softwareFacts,
  writeChoice,
} from "@attune/kernels-wgsl";
import { openDevice, tunedFile } from "@attune/tensor/node";
import { afterAll, afterEach, expect, it, vi } from "vitest";
import { main } from "../main.js";
import { denseProduct, usualProducts, writeTuned } from "./tuned.js";

const folder = mkdtempSync(path.join(tmpdir(), "attune-tuned-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const { XDG_CACHE_HOME, ATTUNE_DEBUG } = process.env;
afterEach(() => {
  for (const [name, value] of Object.entries({ XDG_CACHE_HOME, ATTUNE_DEBUG, ATTUNE_TUNED: undefined })) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  vi.restoreAllMocks();
});

it("keeps a device's choice in the user's cache folder", () => {
  const file = tunedFile(softwareFacts, { XDG_CACHE_HOME: "/cache" });
  expect(file).toMatch(/^\/cache\/attune\/kernels-[0-9a-f]{16}\.json$/);
  expect(tunedFile({ ...softwareFacts, subgroupSize: 4 }, { XDG_CACHE_HOME: "/cache" })).not.toBe(file);
  expect(tunedFile(softwareFacts, { XDG_CACHE_HOME: "relative" })).toContain(`${path.sep}.cache${path.sep}attune`); // as the standard says
});

it("writes all or nothing", async () => {
  const file = path.join(folder, "new", "a.json");
  const choice = { fingerprint: "x", variants: { "nt f32": "plain" } } as const;
  await writeTuned(file, choice);
  expect(readChoice(readFileSync(file, "utf8"))).toEqual(choice);
  await expect(writeTuned(path.join(file, "below"), choice)).rejects.toThrow();
  expect(readdirSync(path.dirname(file))).toEqual(["a.json"]);
});

it("usual products are distinct classes", () => {
  for (const facts of [softwareFacts, { ...softwareFacts, isSoftware: false }]) {
    const classes = usualProducts(facts).map(shapeClass);
    expect(classes.length).toBeGreaterThan(10);
    expect(new Set(classes).size).toBeGreaterThan(classes.length / 2);
  }
});

it("measures, writes, and the choice is used where it is asked for", async () => {
  const file = path.join(folder, "tuned.json");
  expect(await main(["tune-kernels", "--shape", "nt,8,32,16", "--runs", "2", "--out", file])).toBe(0);
  const { fingerprint, variants } = readChoice(readFileSync(file, "utf8"));
  for (const variant of Object.values(variants)) expect(MATMUL_VARIANTS).toContain(variant);

  const sizes = denseProduct("nt", 8, 32, 16);
  const usual = await openDevice();
  expect(usual.facts.tuning).toBeUndefined(); // never by itself
  expect(fingerprintOf(usual.facts)).toBe(fingerprint);
  expect(planMatmul(sizes, usual.facts).reason).not.toContain("measured");
  usual.destroy();

  writeFileSync(file, writeChoice({ fingerprint, variants: { [shapeClass(sizes)]: "plain" } }));
  process.env.ATTUNE_TUNED = file;
  const tuned = await openDevice();
  expect(planMatmul(sizes, tuned.facts)).toMatchObject({ kernel: { name: "matmul/plain" }, reason: "plain: measured" });
  tuned.destroy();

  writeFileSync(file, writeChoice({ fingerprint: "another", variants }));
  await expect(openDevice()).rejects.toThrow(/measured on another device or driver than .*Run attune tune-kernels again/);
  writeFileSync(file, "{}");
  await expect(openDevice()).rejects.toThrow(
    /^ATTUNE_TUNED=.*tuned\.json: matmul choices: version undefined, expected \d+\. Delete the file/,
  );
  process.env.ATTUNE_TUNED = path.join(folder, "none.json");
  await expect(openDevice()).rejects.toMatchObject({ exitClass: "usage" });
});

it("auto takes the choice of this adapter where there is one, else the rules, and says so", async () => {
  Object.assign(process.env, { XDG_CACHE_HOME: path.join(folder, "cache"), ATTUNE_DEBUG: "1", ATTUNE_TUNED: "auto" });
  const said: string[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0);
  const sizes = denseProduct("nt", 8, 32, 16);
  const usual = await openDevice();
  const file = tunedFile(usual.facts);
  expect(file).toContain(path.join(folder, "cache"));
  expect(usual.facts.tuning).toBeUndefined();
  expect(said.join("")).toContain(
    `attune: ATTUNE_TUNED=auto: no ${file}, so the rules choose; \`attune tune-kernels\` measures\n`,
  );
  usual.destroy();

  await writeTuned(file, { fingerprint: fingerprintOf(usual.facts), variants: { [shapeClass(sizes)]: "plain" } });
  const tuned = await openDevice();
  expect(planMatmul(sizes, tuned.facts).reason).toBe("plain: measured");
  expect(said.join("")).toContain(`attune: ATTUNE_TUNED=auto: 1 products as measured in ${file}\n`);
  tuned.destroy();

  delete process.env.ATTUNE_TUNED;
  const unasked = await openDevice();
  expect(unasked.facts.tuning).toBeUndefined();
  unasked.destroy();

  process.env.ATTUNE_TUNED = "auto";
  writeFileSync(file, "{");
  await expect(openDevice()).rejects.toMatchObject({
    exitClass: "usage",
    message: expect.stringContaining(`ATTUNE_TUNED=auto: ${file}: matmul choices: no JSON`),
  });
});

it.each([
  [["--shape", "nt,0,1,1"], /expected layout,m,k,n/],
  [["--shape", "xx,1,1,1"], /expected layout,m,k,n/],
  [["--runs", "0"], /expected a whole number/],
])("%s is a mistake of usage", async (words, message) => {
  const out = path.join(folder, "never.json");
  const said: string[] = [];
  const code = await main(["tune-kernels", ...words, "--out", out], {
    out: (text) => said.push(text),
    err: (text) => said.push(text),
  });
  expect(code).toBe(2);
  expect(said.join("")).toMatch(message);
  expect(existsSync(out)).toBe(false);
});
