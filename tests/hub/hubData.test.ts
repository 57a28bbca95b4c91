// Data sets of the hub by name, from a hub on this machine: splits, configurations, the converted branch, archives, the cache.
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HubServer, startHub } from "../../packages/models/testing/hubServer.js";
import { openDataset } from "../../packages/tuning/src/node/dataset.js";
import { forgetHubData, hubData } from "../../packages/tuning/src/node/hubData.js";

const utf8 = (text: string) => new TextEncoder().encode(text);
const parquet = (values: string[]) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: [
        { name: "question", data: values.map((one) => `Q ${one}`) },
        { name: "answer", data: values.map((one) => `so\n#### ${one}`) },
      ],
    }),
  );

let hub: HubServer;
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "attune-hub-data-"));
  forgetHubData();
});
afterEach(async () => {
  await hub.close();
  await rm(home, { recursive: true });
});

const serve = async (files: Record<string, Uint8Array>, branches: HubServer["branches"] = {}, repo = "org/set") => {
  hub = await startHub(repo, files, "dataset");
  hub.branches = branches;
};
const options = (env: Record<string, string> = {}) => ({
  env: { HF_HOME: home, HF_ENDPOINT: hub.url, HF_TOKEN: "hf_canary", ...env },
  sleep: async () => {},
});
const rowsOf = async (name: string, env?: Record<string, string>) => {
  const { format, rows } = await openDataset(name, { hub: options(env) });
  const all = [];
  for await (const { fields } of rows()) all.push(fields);
  return { format: format.name, rows: all };
};
const refusal = (name: string, env?: Record<string, string>) =>
  hubData(name, options(env)).then(
    () => expect.unreachable("it was found"),
    (error: Error & { exitClass?: string }) => error,
  );

const dialogue = (id: string) => `id,dialogue,summary,topic\n${id},"#Person1#: Hi\n#Person2#: Ho",They greet.,hi\n`;
const DIALOGSUM = {
  "README.md": utf8("---\nlanguage: en\n---\n# DialogSum"),
  "train.csv": utf8(dialogue("train_0")),
  "validation.csv": utf8(dialogue("dev_0")),
  "test.csv": utf8(dialogue("test_0")),
};

describe("a data set of the hub", () => {
  it("is its repository's own files by split, in Python's cache; only those of the split are fetched", async () => {
    await serve(DIALOGSUM, {}, "knkarthick/dialogsum");
    expect((await rowsOf("hub:knkarthick/dialogsum")).rows).toMatchObject([{ id: "train_0", output: "They greet." }]);
    const { files, name, commit } = await hubData("hub:knkarthick/dialogsum#validation", options());
    const repository = join(home, "hub", "datasets--knkarthick--dialogsum");
    expect([name, commit]).toEqual(["hub:knkarthick/dialogsum#validation", hub.commit()]);
    expect(files).toEqual([join(repository, "snapshots", commit, "validation.csv")]);
    expect(await readFile(files[0]!, "utf8")).toBe(dialogue("dev_0"));
    expect(await readFile(join(repository, "refs", "main"), "utf8")).toBe(commit);
    expect((await readdir(join(repository, "snapshots", commit))).sort()).toEqual(["README.md", "train.csv", "validation.csv"]);
    expect(hub.requests.every(({ authorization }) => authorization === "Bearer hf_canary")).toBe(true);
  });

  it("says which splits and configurations there are", async () => {
    await serve(DIALOGSUM);
    const wrong = await refusal("hub:org/set#validaton");
    expect(wrong).toMatchObject({ exitClass: "usage" });
    expect(wrong.message).toBe(
      'hub:org/set#validaton: has no split "validaton"; there are test, train, validation (did you mean "validation"?)',
    );
    expect((await refusal("hub:org/set:other")).message).toMatch(/has no configuration "other"; there is default/);
    expect((await refusal("hub:org")).message).toMatch(/no such data set on http/);
    for (const name of ["hub:", "hub:../x", "hub:a/b:", "hub:a/b#", "hub:a/b:c/d", "hub:a/b#x y"])
      expect((await refusal(name).catch((error) => error)).message).toMatch(/is no data set on the hub; expected hub:ORG/);
  });

  it("follows the configurations of its card, in parts, with the default that it names", async () => {
    const card = `---
configs:
- config_name: main
  default: true
  data_files:
  - {split: train, path: main/train-*}
  - {split: test, path: main/test-*.parquet}
- config_name: socratic
  data_files: socratic/*.parquet
---
`;
    await serve({
      "README.md": utf8(card),
      "main/train-00000-of-00002.parquet": parquet(["1", "2"]),
      "main/train-00001-of-00002.parquet": parquet(["3"]),
      "main/test-00000-of-00001.parquet": parquet(["4"]),
      "socratic/train-00000-of-00001.parquet": parquet(["5"]),
    });
    const answers = async (name: string) => (await rowsOf(name)).rows.map(({ answer }) => answer);
    expect(await answers("hub:org/set")).toEqual(["1", "2", "3"]);
    expect(await answers("hub:org/set:main#test")).toEqual(["4"]);
    expect(await answers("hub:org/set:socratic")).toEqual(["5"]);
    expect((await refusal("hub:org/set:main#dev")).message).toMatch(/no split "dev"; there are train, test/);
  });

  it("that is a script of Python's comes from refs/convert/parquet; of several configurations one must be named", async () => {
    const branch = {
      "plain/train/0000.parquet": parquet(["1"]),
      "plain/train/0001.parquet": parquet(["2"]),
      "plain/partial-validation/0000.parquet": parquet(["3"]),
    };
    await serve({ "set.py": utf8("import datasets"), "train.csv": utf8("x") }, { "refs/convert/parquet": branch });
    expect(await rowsOf("hub:org/set")).toMatchObject({ format: "gsm8k", rows: [{ answer: "1" }, { answer: "2" }] });
    expect((await rowsOf("hub:org/set#validation")).rows).toMatchObject([{ answer: "3" }]);
    const repository = join(home, "hub", "datasets--org--set");
    expect(await readFile(join(repository, "refs/refs/convert/parquet"), "utf8")).toBe(hub.commit("refs/convert/parquet"));
    hub.branches = { "refs/convert/parquet": { ...branch, "rich/train/0000.parquet": parquet(["9"]) } };
    forgetHubData();
    expect((await refusal("hub:org/set")).message).toMatch(
      /has 2 configurations, of which one has to be named, as in hub:org\/set:plain: plain, rich/,
    );
    expect((await rowsOf("hub:org/set:rich")).rows).toMatchObject([{ answer: "9" }]);
    hub.branches = {};
    forgetHubData();
    const none = await refusal("hub:org/set");
    expect([none.exitClass, none.message]).toEqual([
      "data",
      expect.stringMatching(/has no files of rows .*nor has the hub converted it/),
    ]);
  });

  it("may lie in an archive: Financial PhraseBank, in latin1", async () => {
    const text = Uint8Array.from("Sepp\xe4l\xe4 grew .@positive\r\nFlat .@neutral\r\n", (one) => one.charCodeAt(0));
    const levels = ["AllAgree", "75Agree", "66Agree", "50Agree"];
    const zip = zipOf(Object.fromEntries(levels.map((level) => [`FinancialPhraseBank-v1.0/Sentences_${level}.txt`, text])));
    await serve(
      { "financial_phrasebank.py": utf8("import datasets"), "data/FinancialPhraseBank-v1.0.zip": zip },
      {},
      "financial_phrasebank",
    );
    expect(await rowsOf("hub:financial_phrasebank:sentences_allagree")).toMatchObject({
      format: "phrasebank",
      rows: [{ sentence: "Sepp\xe4l\xe4 grew .", label: "positive" }, { label: "neutral" }],
    });
    expect((await refusal("hub:financial_phrasebank")).message).toMatch(
      /one has to be named, .*: sentences_allagree, sentences_75agree/,
    );
    const damaged = zip.slice();
    damaged[80]! ^= 255;
    hub.files = { ...hub.files, "data/FinancialPhraseBank-v1.0.zip": damaged };
    forgetHubData();
    await expect(rowsOf("hub:financial_phrasebank:sentences_allagree")).rejects.toThrow(
      /v1\.0\.zip: .*(damaged|cannot be unpacked)/,
    );
  });

  it("101: is there offline once it was fetched, and only then; what was not fetched is named", async () => {
    await serve(DIALOGSUM);
    const offline = { HF_HUB_OFFLINE: "1" };
    expect((await refusal("hub:org/set", offline)).message).toMatch(/org\/set: is not in the cache .*HF_HUB_OFFLINE is set/);
    await hubData("hub:org/set", options());
    forgetHubData();
    hub.requests.length = 0;
    expect((await rowsOf("hub:org/set", offline)).rows).toHaveLength(1);
    const lacking = await refusal("hub:org/set#test", offline);
    expect([lacking.exitClass, lacking.message]).toEqual([
      "network",
      expect.stringMatching(/the cache lacks test\.csv: HF_HUB_OFFLINE/),
    ]);
    expect((await refusal("hub:org/set#dev", offline)).message).toMatch(/no split "dev"; there are test, train, validation/);
    expect(hub.requests).toEqual([]);
    // of a cache that Python filled, the snapshot is all that is known
    await rm(join(home, "hub", "datasets--org--set", ".attune-files"), { recursive: true });
    expect((await rowsOf("hub:org/set", offline)).rows).toHaveLength(1);
    forgetHubData();
    expect((await refusal("hub:org/set#test", offline)).message).toMatch(/no split "test"; there is train/);
  });

  it("parts that are missing in a cache are not passed over", async () => {
    await serve({ "data/train-00000-of-00002.parquet": parquet(["1"]), "data/train-00001-of-00002.parquet": parquet(["2"]) });
    const { files } = await hubData("hub:org/set", options());
    await rm(files[1]!);
    await rm(join(home, "hub", "datasets--org--set", ".attune-files"), { recursive: true });
    forgetHubData();
    expect((await refusal("hub:org/set", { HF_HUB_OFFLINE: "1" })).message).toMatch(
      /1 of 2 parts of data\/train-of-00002 are there/,
    );
  });

  it.each<[string, number, Record<string, string>, string, RegExp]>([
    ["gated", 403, { "x-error-code": "GatedRepo" }, "data", /is gated: accept its terms at http.*\/datasets\/org\/set/],
    ["not there, or private", 401, { "x-error-code": "RepoNotFound" }, "data", /no such data set .* or it is private/],
    ["a fault of the server", 500, {}, "network", /HTTP 500\); try again later/],
  ])("102: %s", async (_, status, headers, exitClass, message) => {
    await serve(DIALOGSUM);
    hub.misbehave = (_, response) => response.writeHead(status, headers).end() !== undefined;
    const error = await refusal("hub:org/set");
    expect([error.exitClass, error.message]).toEqual([exitClass, expect.stringMatching(message)]);
    expect(existsSync(join(home, "hub", "datasets--org--set", "refs"))).toBe(false);
  });

  it("105: a branch that moves does not give one process the rows of two commits", async () => {
    await serve(DIALOGSUM);
    await hubData("hub:org/set", options());
    hub.files = { ...hub.files, "train.csv": utf8(dialogue("later")) };
    expect((await rowsOf("hub:org/set")).rows).toMatchObject([{ id: "train_0" }]);
    forgetHubData();
    expect((await rowsOf("hub:org/set")).rows).toMatchObject([{ id: "later" }]);
  });
});

/** An archive as zip writes it, each file deflated. */
function zipOf(files: Record<string, Uint8Array>): Uint8Array {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const packed = deflateRawSync(content);
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt16LE(8, 4);
    head.writeUInt32LE(crc32(content), 10);
    head.writeUInt32LE(packed.length, 14);
    head.writeUInt32LE(content.length, 18);
    head.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), head, Buffer.from(name), packed]);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x00"), head, place, Buffer.from(name)]));
    parts.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06", "latin1");
  end.writeUInt16LE(directory.length, 8);
  end.writeUInt16LE(directory.length, 10);
  end.writeUInt32LE(list.length, 12);
  end.writeUInt32LE(offset, 16);
  return new Uint8Array(Buffer.concat([...parts, list, end]));
}
