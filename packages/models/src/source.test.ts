import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nearest, printable } from "./errors.js";
import { diskFiles, diskSink } from "./node.js";
import { httpFiles, memoryFiles } from "./source.js";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (value: Uint8Array) => new TextDecoder().decode(value);
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "attune-source-"));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("memoryFiles", () => {
  it("reads whole files and ranges, and knows only its own keys", async () => {
    const files = memoryFiles({ "a/b.txt": "hello", c: bytes("xyz") });
    expect(text(await files.read("a/b.txt", { begin: 1, end: 3 }))).toBe("el");
    expect(await files.size("c")).toBe(3);
    expect(await files.has("toString")).toBe(false);
    await expect(files.read("none")).rejects.toMatchObject({ exitClass: "data" });
    await expect(files.read("c", { begin: 0, end: 4 })).rejects.toThrow(/truncated/);
  });
});

describe("paths", () => {
  it.each(["../x", "/etc/passwd", "a/../b", "C:/x", "a\\b", "~/x", "\\\\host\\x", "a\0b", "", "a//b", "./a"])(
    "%j is refused everywhere",
    async (path) => {
      for (const files of [memoryFiles({}), diskFiles(dir), httpFiles("http://h/")]) {
        await expect(files.read(path)).rejects.toMatchObject({ exitClass: "data" });
      }
      await expect(diskSink(dir).write(path, "x")).rejects.toMatchObject({ exitClass: "data" });
    },
  );
});

describe("diskFiles", () => {
  it("reads ranges and reports missing files, folders and pipes", async () => {
    await writeFile(join(dir, "f"), "0123456789");
    await mkdir(join(dir, "folder"), { recursive: true });
    execFileSync("mkfifo", [join(dir, "pipe")]);
    const files = diskFiles(dir);
    expect(text(await files.read("f", { begin: 3, end: 7 }))).toBe("3456");
    expect(await files.size("f")).toBe(10);
    await expect(files.read("missing")).rejects.toThrow(/missing: no such file/);
    await expect(files.read("folder")).rejects.toThrow(/is a folder/);
    await expect(files.read("pipe")).rejects.toThrow(/special file/);
    expect(await files.has("missing")).toBe(false);
  });

  it("follows links inside the folder and into the hub cache's blobs only", async () => {
    const snapshot = join(dir, "models--x--y", "snapshots", "abc");
    await mkdir(snapshot, { recursive: true });
    await mkdir(join(dir, "models--x--y", "blobs"));
    await writeFile(join(dir, "models--x--y", "blobs", "hash"), "blob");
    await writeFile(join(dir, "secret"), "secret");
    await writeFile(join(snapshot, "own"), "own");
    await symlink("../../blobs/hash", join(snapshot, "model"));
    await symlink("own", join(snapshot, "near"));
    await symlink(join(dir, "secret"), join(snapshot, "far"));
    await symlink(dir, join(snapshot, "away"));
    const files = diskFiles(snapshot);
    expect(text(await files.read("model"))).toBe("blob");
    expect(text(await files.read("near"))).toBe("own");
    await expect(files.read("far")).rejects.toThrow(/outside the model's folder/);
    await expect(files.read("away/secret")).rejects.toThrow(/outside the model's folder/);
    expect(text(await diskFiles(snapshot, { allowSymlinks: true }).read("far"))).toBe("secret");
  });

  it("notices a file that changes between two reads", async () => {
    await writeFile(join(dir, "moving"), "one");
    const files = diskFiles(dir);
    await files.read("moving");
    await writeFile(join(dir, "moving"), "four");
    await expect(files.read("moving")).rejects.toThrow(/changed while/);
  });
});

describe("diskSink", () => {
  it("writes whole files, replaces them, and leaves no temporary ones", async () => {
    const sink = diskSink(join(dir, "out"));
    await sink.write("sub/a.txt", "one");
    await sink.write("sub/a.txt", bytes("two"));
    expect(await readFile(join(dir, "out", "sub", "a.txt"), "utf8")).toBe("two");
    expect(await readdir(join(dir, "out", "sub"))).toEqual(["a.txt"]);
  });

  it("is a storage error when the folder cannot be made", async () => {
    await writeFile(join(dir, "file"), "");
    await expect(diskSink(join(dir, "file", "below")).write("a", "x")).rejects.toMatchObject({ exitClass: "storage" });
  });
});

describe("httpFiles", () => {
  const body = bytes("0123456789");
  const server = (ranges: boolean): typeof fetch =>
    (async (input: string, init: RequestInit = {}) => {
      if (!String(input).endsWith("/f")) return new Response("no", { status: String(input).endsWith("/busy") ? 503 : 404 });
      if (init.method === "HEAD") return new Response(null, { headers: { "content-length": "10" } });
      const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init.headers).get("range") ?? "");
      return ranges && range
        ? new Response(body.slice(Number(range[1]), Number(range[2]) + 1), { status: 206 })
        : new Response(body);
    }) as typeof fetch;

  it.each([true, false])("reads ranges from a server with ranges: %s", async (ranges) => {
    const files = httpFiles("http://user:secret@host/model", { fetch: server(ranges) });
    expect(text(await files.read("f", { begin: 2, end: 5 }))).toBe("234");
    expect(await files.size("f")).toBe(10);
    expect(await files.has("g")).toBe(false);
    expect(files.describe("f")).toBe("http://host/model/f");
    await expect(files.read("g")).rejects.toMatchObject({ exitClass: "data" });
    await expect(files.read("busy")).rejects.toMatchObject({ exitClass: "network" });
  });

  it("is a network error when nobody answers", async () => {
    const files = httpFiles("http://host", { fetch: async () => Promise.reject(new Error("refused")) });
    await expect(files.read("f")).rejects.toMatchObject({ exitClass: "network" });
  });
});

describe("messages", () => {
  it("escapes what could drive a terminal", () => {
    expect(printable("a\x1b[31m\r\u202eb\u2028\ud800")).toBe("a\\x1b[31m\\x0d\\u202eb\\u2028\\ud800");
    expect(printable("é 漢 😀")).toBe("é 漢 😀");
  });

  it("finds the nearest name", () => {
    expect(nearest("dialog", ["dialogue", "summary"])).toBe("dialogue");
    expect(nearest("zzz", ["dialogue", "summary"])).toBeUndefined();
  });
});
