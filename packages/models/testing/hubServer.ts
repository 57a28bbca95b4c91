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
  commit(): string;
  close(): Promise<void>;
}

/** Serves one repository. Files ending in .safetensors or .bin are "large": on another host, with a sha256 as their etag. */
export async function startHub(repo: string, files: Record<string, Uint8Array>): Promise<HubServer> {
  const isLarge = (name: string) => /\.(safetensors|bin)$/.test(name);
  const etagOf = (name: string) => {
    const content = hub.files[name]!;
    if (isLarge(name)) return createHash("sha256").update(content).digest("hex");
    return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
  };
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
    const api = /^\/api\/models\/(.+)\/revision\/(.+)$/.exec(request.path);
    if (api) {
      if (api[1] !== repo) return fail(401, "RepoNotFound");
      if (api[2] !== "main" && api[2] !== hub.commit()) return fail(404, "RevisionNotFound");
      const siblings = Object.keys(hub.files).map((rfilename) => ({ rfilename }));
      return response.end(JSON.stringify({ sha: hub.commit(), siblings }));
    }
    const name = request.path.slice(request.path.indexOf("/resolve/") + "/resolve/".length).replace(/^[^/]*\//, "");
    if (!(name in hub.files)) return fail(404, "EntryNotFound");
    const content = hub.files[name]!;
    if (host === "hub" && isLarge(name)) {
      const location = `${storage}${incoming.url!}?signature=secret`;
      const linked = { "x-linked-etag": `"${etagOf(name)}"`, "x-linked-size": String(content.length) };
      return response.writeHead(302, { location, ...linked }).end();
    }
    sendRange(request, response, content, etagOf(name));
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
    commit: () =>
      createHash("sha1")
        .update(
          Object.keys(hub.files)
            .map((name) => name + etagOf(name))
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
