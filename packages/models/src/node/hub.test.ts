import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, readFile, readlink, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type HubServer, type Misbehaviour, sendRange, startHub } from "../../testing/hubServer.js";
import { hubSettings, neededFiles, parseHubName } from "../hub/names.js";
import { openModelFolder } from "../modelFolder.js";
import { diskFiles, type HubOptions, hubModel } from "../node.js";
import { bytesOf, writeSafetensors } from "../safetensors.js";
import { T5_DEFAULTS, type T5Config, t5ConfigJson } from "../t5/config.js";
import { initT5 } from "../t5/weights.js";

const tiny: T5Config = {
  ...T5_DEFAULTS,
  vocabSize: 64,
  dModel: 32,
  dKv: 8,
  dFf: 48,
  numLayers: 1,
  numDecoderLayers: 1,
  numHeads: 2,
};
const weights = writeSafetensors(
  [...initT5(tiny, 1)].map(({ name, shape, values }) => ({ name, shape, dtype: "F32", bytes: bytesOf(values) })),
);
const utf8 = (text: string) => new TextEncoder().encode(text);
const TOKEN = "hf_canaryCanaryCanary";
const LARGE = "model.safetensors";

let hub: HubServer;
let home: string;
const waits: number[] = [];
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "attune-hub-"));
  waits.length = 0;
  hub = await startHub("org/tiny", {
    "config.json": utf8(t5ConfigJson(tiny)),
    "tokenizer.json": utf8("{}"),
    [LARGE]: weights,
    "pytorch_model.bin": utf8("never fetched"),
    "tf_model.h5": utf8("never fetched"),
    "README.md": utf8("# tiny"),
  });
});
afterEach(async () => {
  await hub.close();
  await rm(home, { recursive: true });
});

const options = (env: Record<string, string> = {}, more: Partial<HubOptions> = {}): HubOptions => ({
  env: { HF_HOME: home, HF_ENDPOINT: hub.url, HF_TOKEN: TOKEN, ...env },
  sleep: async (milliseconds) => {
    waits.push(milliseconds);
    await new Promise((resolve) => setTimeout(resolve, 1));
  },
  ...more,
});
const repository = () => join(home, "hub", "models--org--tiny");
const refused = (name = "org/tiny", given = options()) =>
  hubModel(name, given).then(
    () => expect.unreachable("it was fetched"),
    (error: Error & { exitClass?: string }) => {
      expect(`${error.message} ${error.stack} ${JSON.stringify(error.cause)} ${String(error.cause)}`).not.toContain(TOKEN);
      expect(error.message).not.toMatch(/\n|signature/);
      return error;
    },
  );
/** What a misbehaviour returns when it has answered. */
const answered = (_response: unknown) => true;
const onLarge =
  (answer: Misbehaviour): Misbehaviour =>
  (request, response, count) =>
    request.host === "storage" && request.method === "GET" && answer(request, response, count);

describe("a model from the hub", () => {
  it("lies in Python's cache as Python lays it out, and opens as a folder", async () => {
    const seen: number[] = [];
    const model = await hubModel("org/tiny", options({}, { onProgress: ({ done, total }) => seen.push(done / total) }));
    expect(model).toMatchObject({ repo: "org/tiny", revision: "main", commit: hub.commit() });
    expect(model.folder).toBe(join(repository(), "snapshots", hub.commit()));
    expect((await readdir(model.folder)).sort()).toEqual(["config.json", LARGE, "tokenizer.json"]);
    expect(await readFile(join(repository(), "refs", "main"), "utf8")).toBe(hub.commit());
    const link = await readlink(join(model.folder, LARGE));
    expect(link).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/);
    expect(await readlink(join(model.folder, "config.json"))).toMatch(/^\.\.\/\.\.\/blobs\/[0-9a-f]{40}$/);
    expect((await readdir(join(repository(), "blobs"))).length).toBe(3); // no partial files
    expect(seen.at(-1)).toBe(1);
    expect((await openModelFolder(diskFiles(model.folder))).kind).toBe("t5");
  });

  it("fetches nothing twice: neither the same commit, nor a file that another commit shares", async () => {
    await hubModel("org/tiny", options());
    hub.requests.length = 0;
    await hubModel("org/tiny", options());
    expect(hub.requests.length).toBe(1); // which commit main is at
    hub.files = { ...hub.files, "tokenizer.json": utf8('{"a":1}') };
    const { folder } = await hubModel("org/tiny", options());
    expect(await readFile(join(folder, "tokenizer.json"), "utf8")).toBe('{"a":1}');
    expect(
      hub.requests.filter(({ method, path }) => method === "GET" && path.includes("/resolve/")).map(({ path }) => path),
    ).toEqual([`/org/tiny/resolve/${hub.commit()}/tokenizer.json`]);
  });

  it("the token goes to the hub and to nobody else", async () => {
    await hubModel("org/tiny", options());
    const storage = hub.requests.filter(({ host }) => host === "storage");
    expect(storage.length).toBeGreaterThan(0);
    expect(storage.every(({ authorization }) => authorization === undefined)).toBe(true);
    expect(
      hub.requests.filter(({ host }) => host === "hub").every(({ authorization }) => authorization === `Bearer ${TOKEN}`),
    ).toBe(true);
  });

  it("reads the token that Python's log-in wrote", async () => {
    await writeFile(join(home, "token"), `${TOKEN}\n`);
    await hubModel("org/tiny", options({ HF_TOKEN: "" }));
    expect(hub.requests[0]!.authorization).toBe(`Bearer ${TOKEN}`);
  });

  it("fetches the shards that an index names, and refuses names that leave the repository", async () => {
    const index = (shard: string) => utf8(JSON.stringify({ weight_map: { a: "part-1.safetensors", b: shard } }));
    const { [LARGE]: _, ...small } = hub.files;
    hub.files = { ...small, "model.safetensors.index.json": index("part-2.safetensors"), "part-1.safetensors": utf8("1") };
    expect((await refused()).message).toMatch(/names the shard part-2.safetensors, which is no file beside/);
    hub.files = { ...hub.files, "part-2.safetensors": utf8("2") };
    const { folder } = await hubModel("org/tiny", options());
    expect(await readFile(join(folder, "part-2.safetensors"), "utf8")).toBe("2");
    hub.files = { ...hub.files, "model.safetensors.index.json": index("../../x") };
    expect((await refused()).message).toMatch(/names the shard \.\.\/\.\.\/x/);
  });

  it("99: goes on where a connection broke, within one call and in the next", async () => {
    const cut = Math.floor(weights.length / 3);
    const cutOff: Misbehaviour = (request, response) => {
      const from = Number(/bytes=(\d+)/.exec(request.range ?? "")?.[1] ?? 0);
      response.writeHead(from ? 206 : 200, {
        "content-length": String(weights.length - from),
        "content-range": `bytes ${from}-${weights.length - 1}/${weights.length}`,
      });
      response.write(weights.slice(from, from + cut), () => response.destroy());
      return true;
    };
    hub.misbehave = onLarge(cutOff);
    await hubModel("org/tiny", options());
    const ranges = hub.requests.filter(({ host }) => host === "storage").map(({ range }) => range);
    expect(ranges.slice(0, 3)).toEqual([undefined, `bytes=${cut}-`, `bytes=${2 * cut}-`]);

    await rm(repository(), { recursive: true });
    hub.misbehave = onLarge((request, response, count) =>
      count === 5 ? cutOff(request, response, count) : response.destroy() !== null,
    );
    hub.requests.length = 0;
    const failed = await refused();
    expect(failed).toMatchObject({ exitClass: "network" });
    expect(failed.message).toMatch(/model\.safetensors: .*(which are kept|cannot be reached)/);
    const [partial] = (await readdir(join(repository(), "blobs"))).filter((name) => name.endsWith(".incomplete"));
    expect((await lstat(join(repository(), "blobs", partial!))).size).toBe(cut);
    expect(existsSync(join(repository(), "snapshots", hub.commit(), LARGE))).toBe(false);
    hub.misbehave = () => false;
    hub.requests.length = 0;
    const { folder } = await hubModel("org/tiny", options());
    expect(hub.requests.find(({ host }) => host === "storage")!.range).toBe(`bytes=${cut}-`);
    expect(Buffer.compare(await readFile(join(folder, LARGE)), weights)).toBe(0);
  });

  it("begins again where a server has no ranges", async () => {
    hub.misbehave = onLarge((_, response, count) => {
      response.writeHead(200, { "content-length": String(weights.length) });
      if (count === 1) response.write(weights.slice(0, 100), () => response.destroy());
      else response.end(weights);
      return true;
    });
    const { folder } = await hubModel("org/tiny", options());
    expect(Buffer.compare(await readFile(join(folder, LARGE)), weights)).toBe(0);
  });

  it("100: content with another hash, too long or too short is refused and not kept", async () => {
    const wrong = weights.slice();
    wrong[1000]! ^= 1;
    hub.misbehave = onLarge((request, response) => answered(sendRange(request, response, wrong, "x")));
    expect((await refused()).message).toMatch(/model\.safetensors: arrived damaged/);
    hub.misbehave = onLarge((_, response) => answered(response.writeHead(200).end(Buffer.concat([weights, weights]))));
    expect((await refused()).message).toMatch(/sends more than the \d+ bytes/);
    hub.misbehave = onLarge((_, response) => answered(response.writeHead(200).end(weights.slice(0, 10))));
    expect((await refused()).message).toMatch(/breaks again and again \(it ended early\)/);
    await rm(repository(), { recursive: true });
    hub.misbehave = (request, response) => {
      if (!request.path.endsWith("config.json") || request.method !== "GET") return false;
      response.end("x".repeat(hub.files["config.json"]!.length)); // small files have git's sha1
      return true;
    };
    expect((await refused()).message).toMatch(/config\.json: arrived damaged/);
    hub.misbehave = () => false;
    await hubModel("org/tiny", options());
  });

  it("101: offline takes what is complete in the cache, and says what is missing", async () => {
    const offline = options({ HF_HUB_OFFLINE: "1" });
    expect((await refused("org/tiny", offline)).message).toMatch(/org\/tiny: is not in the cache .*HF_HUB_OFFLINE is set/);
    const { folder, commit } = await hubModel("org/tiny", options());
    hub.requests.length = 0;
    expect((await hubModel("org/tiny", offline)).folder).toBe(folder);
    expect((await hubModel(`org/tiny@${commit}`, offline)).folder).toBe(folder);
    expect(hub.requests).toEqual([]);
    await rm(join(folder, LARGE));
    expect((await refused("org/tiny", offline)).message).toMatch(/the cache lacks model\.safetensors/);
  });

  it("a hub that cannot be reached is replaced by the cache, saying so; without one the fault is told", async () => {
    await hubModel("org/tiny", options());
    const notes: string[] = [];
    const gone = (onNote?: (note: string) => void) => options({ HF_ENDPOINT: "http://127.0.0.1:9" }, { onNote });
    expect(
      (
        await hubModel(
          "org/tiny",
          gone((note) => notes.push(note)),
        )
      ).commit,
    ).toBe(hub.commit());
    expect(notes[0]).toMatch(/cannot be reached: .*; the copy in the cache is used/);
    expect(await refused("org/other", gone())).toMatchObject({ exitClass: "network" });
    expect(waits.length).toBe(8); // four pauses each
  });

  it.each<[string, number, Record<string, string>, string, RegExp]>([
    ["gated", 403, { "x-error-code": "GatedRepo" }, "data", /is gated: accept its terms at http.*\/org\/tiny/],
    ["not allowed", 403, {}, "data", /not allowed \(HTTP 403\)/],
    ["not there, or private", 401, { "x-error-code": "RepoNotFound" }, "data", /no such model .* or it is private/],
    ["no such revision", 404, { "x-error-code": "RevisionNotFound" }, "data", /no revision "main"/],
    ["a fault of the server", 500, {}, "network", /HTTP 500\); try again later/],
    ["too many requests", 429, { "retry-after": "3600" }, "network", /HTTP 429\)/],
    ["a log-in page", 200, { "content-type": "text/html" }, "network", /log-in page/],
  ])("102: %s", async (_, status, headers, exitClass, message) => {
    hub.misbehave = (_, response) => answered(response.writeHead(status, headers).end("<html>"));
    const error = await refused();
    expect(error).toMatchObject({ exitClass });
    expect(error.message).toMatch(message);
    const without = await refused("org/tiny", options({ HF_TOKEN: "" }));
    if (status === 401 || status === 403) expect(without.message).toMatch(/set HF_TOKEN/);
  });

  it("waits as long as it is asked to, then goes on", async () => {
    hub.misbehave = (_, response, count) => count === 1 && answered(response.writeHead(429, { "retry-after": "7" }).end());
    await hubModel("org/tiny", options());
    expect(waits.filter((wait) => wait === 7000).length).toBeGreaterThan(3);
  });

  it("103: redirects in a circle, or to no web address, end", async () => {
    hub.misbehave = ({ path }, response) => answered(response.writeHead(302, { location: path }).end());
    expect((await refused()).message).toMatch(/more than 8 redirects/);
    hub.misbehave = (_, response) => answered(response.writeHead(302, { location: "file:///etc/passwd" }).end());
    expect((await refused()).message).toMatch(/redirects to file:, which is not safe/);
  });

  it("105: a branch that moves meanwhile does not mix two commits", async () => {
    const before = hub.commit();
    hub.misbehave = ({ path }) => {
      if (path.endsWith("tokenizer.json")) hub.misbehave = () => false;
      return false;
    };
    await hubModel("org/tiny", options());
    const fetched = hub.requests.filter(({ path }) => path.includes("/resolve/"));
    expect(fetched.every(({ path }) => path.includes(`/resolve/${before}/`))).toBe(true);
  });

  it("108: two at once fetch each blob once; a lock of a process that is gone is taken over", async () => {
    const locks = join(home, "hub", ".locks", "models--org--tiny");
    const both = await Promise.all([hubModel("org/tiny", options()), hubModel("org/tiny", options())]);
    expect(both[0]).toEqual(both[1]);
    expect(hub.requests.filter(({ host, method }) => host === "storage" && method === "GET").length).toBe(1);
    expect(await readdir(locks)).toEqual([]);
    await rm(repository(), { recursive: true });
    await mkdir(locks, { recursive: true });
    const config = hub.files["config.json"]!;
    const etag = createHash("sha1").update(`blob ${config.length}\0`).update(config).digest("hex");
    await writeFile(join(locks, `${etag}.attune.lock`), "1");
    await utimes(join(locks, `${etag}.attune.lock`), 1, 1);
    await hubModel("org/tiny", options());
    expect(await readdir(locks)).toEqual([]);
  });
});

describe("names and settings", () => {
  it.each([
    ["org/name", "org/name", "main"],
    ["google/flan-t5-small@refs/pr/1", "google/flan-t5-small", "refs/pr/1"],
    ["facebook/opt-1.3b@v1.0", "facebook/opt-1.3b", "v1.0"],
    ["t5-small", "t5-small", "main"],
  ])("%s", (text, repo, revision) => expect(parseHubName(text)).toEqual({ repo, revision }));

  it.each(["", "a/b/c", "../x", "./x", "/x", "~/x", "a--b/c", "a/b@", "a/b@../x", "a b/c", "a/.b", "C:\\x", "a/b@x//y", "org/"])(
    "%j is no name",
    (text) => expect(parseHubName(text)).toBeUndefined(),
  );

  it("follows Python's variables", () => {
    expect(hubSettings({}, "/h")).toEqual({
      cache: "/h/.cache/huggingface/hub",
      tokenFile: "/h/.cache/huggingface/token",
      token: undefined,
      endpoint: "https://huggingface.co",
      isOffline: false,
    });
    expect(hubSettings({ HF_HOME: "~/hf", HF_HUB_OFFLINE: "yes", HF_ENDPOINT: "https://mirror/x/" }, "/h")).toMatchObject({
      cache: "/h/hf/hub",
      isOffline: true,
      endpoint: "https://mirror/x",
    });
    expect(hubSettings({ HF_HUB_CACHE: "/c", XDG_CACHE_HOME: "/x" }, "/h")).toMatchObject({
      cache: "/c",
      tokenFile: "/x/huggingface/token",
    });
    expect(() => hubSettings({ HF_ENDPOINT: "https://user:secret@host" }, "/h")).toThrow(/HF_ENDPOINT: expected a web address/);
  });

  it("106: one form of weights, safetensors before .bin, and nothing else", () => {
    const common = [
      "config.json",
      "tf_model.h5",
      "flax_model.msgpack",
      "model.onnx",
      "README.md",
      "tokenizer.json",
      "spiece.model",
    ];
    const small = ["config.json", "tokenizer.json"];
    expect(neededFiles([...common, "pytorch_model.bin", LARGE])).toEqual([...small, LARGE]);
    expect(neededFiles([...common, "pytorch_model.bin"])).toEqual([...small, "pytorch_model.bin"]);
    expect(neededFiles([...common, "pytorch_model.bin", "model.safetensors.index.json"])).toEqual([
      ...small,
      "model.safetensors.index.json",
    ]);
    expect(neededFiles(["config.json", "spiece.model"])).toEqual(["config.json", "spiece.model"]);
  });
});
