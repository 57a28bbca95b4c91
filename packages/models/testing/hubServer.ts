// A hub on this machine for tests: it answers as huggingface.co does, and misbehaves where it is told to.

import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface HubRequest {
  method: string;
  path: string;
  /** "hub" or "storage": large files lie on a host of their own. */
  host: "hub" | "storage";
  range: string | undefined;
  authorization: string | undefined;
}

/** May answer a request itself: returns true where it did. */
export type Misbehaviour = (request: HubRequest, response: ServerResponse, count: number) => boolean;

export interface HubServer {
  url: string;
  /** Every request so far. */
  requests: HubRequest[];
  /** Changes what the hub has: the commit is another then. */
  files: Record<string, Uint8Array>;
  misbehave: Misbehaviour;
  /** Other revisions by name, such as refs/convert/parquet, with their files. */
  branches: Record<string, Record<string, Uint8Array>>;
  commit(branch?: string): string;
  close(): Promise<void>;
}

/** Serves one repository. Files ending in .safetensors, .bin or .parquet are "large": on another host, with a sha256 as their etag. */
export async function startHub(
  repo: string,
  files: Record<string, Uint8Array>,
  type: "model" | "dataset" = "model",
): Promise<HubServer> {
  const isLarge = (name: string) => /\.(safetensors|bin|parquet)$/.test(name);
  const etagOf = (name: string, content: Uint8Array) => {
    if (isLarge(name)) return createHash("sha256").update(content).digest("hex");
    return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
  };
  const filesOf = (branch: string) => (branch === "main" ? hub.files : hub.branches[branch]!);
  const counts = new Map<string, number>();
  const handle = (host: "hub" | "storage") => (incoming: IncomingMessage, response: ServerResponse) => {
    const request: HubRequest = {
      method: incoming.method!,
      path: decodeURIComponent(incoming.url!.split("?")[0]!),
      host,
      range: incoming.headers.range,
      authorization: incoming.headers.authorization,
    };
    hub.requests.push(request);
    const key = `${request.method} ${host} ${request.path}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    if (hub.misbehave(request, response, counts.get(key)!)) return;
    const fail = (status: number, code: string) => response.writeHead(status, { "x-error-code": code }).end();
    const api = /^\/api\/(\w+)s\/(.+)\/revision\/(.+)$/.exec(request.path);
    const branchOf = (revision: string) =>
      ["main", ...Object.keys(hub.branches)].find((one) => one === revision || hub.commit(one) === revision);
    if (api) {
      if (api[1] !== type || api[2] !== repo) return fail(401, "RepoNotFound");
      const branch = branchOf(api[3]!);
      if (branch === undefined) return fail(404, "RevisionNotFound");
      const siblings = Object.keys(filesOf(branch)).map((rfilename) => ({ rfilename }));
      return response.end(JSON.stringify({ sha: hub.commit(branch), siblings }));
    }
    const [, prefix, commit, name] = /^\/(.+)\/resolve\/([^/]*)\/(.+)$/.exec(request.path) ?? [];
    if (prefix !== (type === "model" ? repo : `datasets/${repo}`)) return fail(401, "RepoNotFound");
    const held = filesOf(branchOf(commit!) ?? "main");
    if (!(name! in held)) return fail(404, "EntryNotFound");
    const content = held[name!]!;
    if (host === "hub" && isLarge(name!)) {
      const location = `${storage}${incoming.url!}?signature=secret`;
      const linked = { "x-linked-etag": `"${etagOf(name!, content)}"`, "x-linked-size": String(content.length) };
      return response.writeHead(302, { location, ...linked }).end();
    }
    sendRange(request, response, content, etagOf(name!, content));
  };
  const servers = (["hub", "storage"] as const).map((host) => createServer(handle(host)));
  const urls = await Promise.all(
    servers.map(
      (server) =>
        new Promise<string>((resolve) =>
          server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)),
        ),
    ),
  );
  const storage = urls[1]!;
  const hub: HubServer = {
    url: urls[0]!,
    requests: [],
    files,
    misbehave: () => false,
    branches: {},
    commit: (branch = "main") =>
      createHash("sha1")
        .update(
          Object.entries(filesOf(branch))
            .map(([name, content]) => name + etagOf(name, content))
            .join(),
        )
        .digest("hex"),
    async close() {
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  };
  return hub;
}

/** A file, or the part of it that was asked for. */
export function sendRange({ method, range }: HubRequest, response: ServerResponse, content: Uint8Array, etag: string): void {
  const from = Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
  const headers = { etag: `"${etag}"`, "content-length": String(content.length - from) };
  const rest = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
  if (from > content.length) response.writeHead(416).end();
  else
    response
      .writeHead(from > 0 ? 206 : 200, from > 0 ? { ...headers, ...rest } : headers)
      .end(method === "HEAD" ? "" : content.slice(from));
}
