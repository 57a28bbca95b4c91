// A run's page over HTTP, for a browser on this machine: on the loopback address alone, and only to requests that name it (a page of
// elsewhere whose name was made to point here does not).
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { userError } from "../errors.js";

export interface ServedPage {
  url: string;
  close(): Promise<void>;
}

export interface PageSource {
  /** The page as it is now. */
  html(): Promise<string>;
  /** What it draws, to be asked for again. */
  json(): Promise<string>;
}

const LOOPBACK = "127.0.0.1";

/** @param port 0: any that is free. Throws (usage) for one that is taken. */
export async function servePage(source: PageSource, port = 0): Promise<ServedPage> {
  const server = createServer((request, response) => {
    const { port: own } = server.address() as AddressInfo;
    const send = (code: number, type: string, body: string) => {
      response.writeHead(code, {
        "content-type": `${type}; charset=utf-8`,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
      });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    if (![`${LOOPBACK}:${own}`, `localhost:${own}`].includes(request.headers.host ?? ""))
      return send(403, "text/plain", "only for this machine\n");
    if (request.method !== "GET" && request.method !== "HEAD") return send(405, "text/plain", "GET alone\n");
    const routes: Readonly<Record<string, readonly [type: string, make: () => Promise<string>]>> = {
      "/": ["text/html", source.html],
      "/data.json": ["application/json", source.json],
    };
    const route = Object.hasOwn(routes, request.url ?? "") ? routes[request.url!] : undefined;
    if (!route) return send(404, "text/plain", "there is / alone\n");
    const [type, make] = route;
    make().then(
      (body) => send(200, type, body),
      (error: Error) => send(500, "text/plain", `${error.message}\n`),
    );
  });
  await listening(server, port);
  return {
    url: `http://${LOOPBACK}:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      reject(
        userError("usage", `port ${port}: cannot be served (${error.code}); name another with --port, or leave it out`, error),
      ),
    );
    server.listen(port, LOOPBACK, resolve);
  });
}
