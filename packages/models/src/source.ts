// Where files come from: a record in memory, a web server, or (in node.ts) a folder. Paths are relative, with "/".

import { dataError, networkError, printable } from "./errors.js";

/** Half-open range of bytes, 0 <= begin <= end <= size. */
export interface ByteRange {
  begin: number;
  end: number;
}

/** Read access to the files of one folder. Every method refuses a path that leaves the folder. */
export interface FileSource {
  /** The bytes of `path`, or of `range` in it; exactly range.end - range.begin bytes. Throws (data, storage, network). */
  read(path: string, range?: ByteRange): Promise<Uint8Array>;
  /** Size of `path` in bytes. Throws when it does not exist. */
  size(path: string): Promise<number>;
  has(path: string): Promise<boolean>;
  /** How to name `path` in a message: the full path or address, safe to print. */
  describe(path: string): string;
}

/**
 * Refuses a path that could leave its folder: absolute, drive, UNC, "~", backslash, NUL, or a "..", "." or empty segment.
 * Throws (data).
 */
export function checkRelativePath(path: string, where: string): void {
  const isBad =
    path === "" ||
    /[\\\0]/.test(path) ||
    /^(\/|~|[A-Za-z]:)/.test(path) ||
    path.split("/").some((s) => s === "" || s === "." || s === "..");
  if (isBad) throw dataError(`${where}: "${printable(path)}" is not a path inside the folder; expected a plain relative name`);
}

/** A range that fits a file of `size` bytes, or an error (data) that calls the file truncated. */
export function checkRange(range: ByteRange, size: number, where: string): void {
  const { begin, end } = range;
  const isValid = Number.isSafeInteger(begin) && Number.isSafeInteger(end) && begin >= 0 && begin <= end && end <= size;
  if (!isValid)
    throw dataError(`${where}: bytes ${begin}..${end} wanted, but the file has ${size}; it is truncated, fetch it again`);
}

/** UTF-8 bytes as text, refusing (data) invalid bytes; a byte order mark is dropped. */
export function decodeUtf8(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw dataError(`${where}: not UTF-8 text`, cause);
  }
}

/** A JSON file's value; undefined-safe and with the file named in errors. Throws (data). */
export async function readJson(source: FileSource, path: string): Promise<unknown> {
  const where = source.describe(path);
  const text = decodeUtf8(await source.read(path), where);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw dataError(`${where}: not JSON: ${printable((cause as Error).message, 160)}`, cause);
  }
}

/** A JSON file that must hold an object. Throws (data). */
export async function readJsonObject(source: FileSource, path: string): Promise<Record<string, unknown>> {
  const value = await readJson(source, path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw dataError(
      `${source.describe(path)}: expected a JSON object, found ${Array.isArray(value) ? "an array" : String(value)}`,
    );
  }
  return value as Record<string, unknown>;
}

/** Files held in memory: path -> bytes or text. */
export function memoryFiles(files: Readonly<Record<string, Uint8Array | string>>): FileSource {
  const bytesOf = (path: string): Uint8Array => {
    checkRelativePath(path, "memory");
    const file = Object.hasOwn(files, path) ? files[path]! : undefined;
    if (file === undefined)
      throw dataError(
        `memory:${printable(path)}: no such file; there are ${
          Object.keys(files)
            .map((p) => printable(p))
            .join(", ") || "none"
        }`,
      );
    if (typeof file === "string") return new TextEncoder().encode(file);
    return new Uint8Array(file.buffer, file.byteOffset, file.byteLength); // a Buffer's own slice() would not copy
  };
  const describe = (path: string) => `memory:${printable(path, 200)}`;
  return {
    describe,
    async read(path, range) {
      const bytes = bytesOf(path);
      if (!range) return bytes.slice();
      checkRange(range, bytes.length, describe(path));
      return bytes.slice(range.begin, range.end);
    },
    async size(path) {
      return bytesOf(path).length;
    },
    async has(path) {
      checkRelativePath(path, "memory");
      return Object.hasOwn(files, path);
    },
  };
}

export interface HttpOptions {
  /** Instead of the global fetch: for tests, or to add a token. */
  fetch?: typeof fetch;
}

/**
 * Files below a web address, read by HTTP ranges. A server without ranges is read whole, once, and kept. Errors are of
 * class network, except 404 (data). The size and entity tag first seen must not change between two reads of a file.
 */
export function httpFiles(url: string, options: HttpOptions = {}): FileSource {
  const base = url.endsWith("/") ? url : url + "/";
  const call = options.fetch ?? fetch;
  const sizes = new Map<string, number>();
  const tags = new Map<string, string>();
  const whole = new Map<string, Uint8Array>();

  const addressOf = (path: string): string => {
    checkRelativePath(path, describe(""));
    return base + path.split("/").map(encodeURIComponent).join("/");
  };
  const describe = (path: string) => printable(withoutCredentials(base) + path, 300);

  async function request(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await call(addressOf(path), { redirect: "follow", ...init });
    } catch (cause) {
      if ((cause as { exitClass?: unknown }).exitClass) throw cause;
      throw networkError(`${describe(path)}: cannot be reached: ${printable(String((cause as Error).message), 160)}`, cause);
    }
    if (response.status === 404) throw dataError(`${describe(path)}: no such file (HTTP 404)`);
    if (!response.ok)
      throw networkError(`${describe(path)}: the server answered HTTP ${response.status} ${printable(response.statusText)}`);
    const tag = response.headers.get("etag");
    if (tag && tags.has(path) && tags.get(path) !== tag) {
      throw networkError(`${describe(path)}: the file changed on the server while it was being read; start again`);
    }
    if (tag) tags.set(path, tag);
    return response;
  }

  async function bodyOf(path: string, response: Response): Promise<Uint8Array> {
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch (cause) {
      throw networkError(
        `${describe(path)}: the connection broke while reading: ${printable(String((cause as Error).message), 160)}`,
        cause,
      );
    }
  }

  async function readWhole(path: string): Promise<Uint8Array> {
    const kept = whole.get(path);
    if (kept) return kept;
    const bytes = await bodyOf(path, await request(path, {}));
    sizes.set(path, bytes.length);
    return bytes;
  }

  async function size(path: string): Promise<number> {
    const known = sizes.get(path);
    if (known !== undefined) return known;
    const response = await request(path, { method: "HEAD" });
    // behind a content encoding the length is that of the packed form, so it says nothing about the file
    const length = response.headers.get("content-encoding") ? null : response.headers.get("content-length");
    if (length !== null && /^\d+$/.test(length)) {
      sizes.set(path, Number(length));
      return Number(length);
    }
    const bytes = await readWhole(path);
    whole.set(path, bytes);
    return bytes.length;
  }

  return {
    describe,
    size,
    async has(path) {
      try {
        await request(path, { method: "HEAD" });
        return true;
      } catch (error) {
        if ((error as { exitClass?: unknown }).exitClass === "data") return false;
        throw error;
      }
    },
    async read(path, range) {
      if (!range) return (await readWhole(path)).slice();
      if (range.begin === range.end) return new Uint8Array(0);
      let bytes = whole.get(path);
      if (!bytes) {
        const response = await request(path, { headers: { Range: `bytes=${range.begin}-${range.end - 1}` } });
        const body = await bodyOf(path, response);
        if (response.status === 206) {
          if (body.length !== range.end - range.begin) {
            throw networkError(`${describe(path)}: bytes ${range.begin}..${range.end} wanted, ${body.length} bytes came`);
          }
          return body;
        }
        whole.set(path, body); // 200: the server has no ranges and sent everything
        bytes = body;
      }
      checkRange(range, bytes.length, describe(path));
      return bytes.slice(range.begin, range.end);
    },
  };
}

function withoutCredentials(address: string): string {
  return address.replace(/^([a-z]+:\/\/)[^/@]*@/i, "$1");
}
