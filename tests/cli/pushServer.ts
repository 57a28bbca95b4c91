// A hub of our own that takes repositories, LFS files and commits as huggingface.co does, and remembers what it was sent.
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

export interface PushServer {
  endpoint: string;
  /** Content of every file at the last commit, by path. */
  files: Map<string, Buffer>;
  repos: Map<string, { visibility: string | undefined }>;
  commits: { summary: string; paths: string[] }[];
  /** "METHOD path", with the authorization that came along. */
  requests: { line: string; authorization: string | undefined }[];
  /** Answers the next requests whose line matches with a status. */
  fail(line: RegExp, status: number): void;
  close(): Promise<void>;
}

const TOKEN_HOLDER = "ann";

export async function startPushServer(token: string): Promise<PushServer> {
  const files = new Map<string, Buffer>();
  const stored = new Map<string, Buffer>(); // LFS, by sha256
  const failures: { line: RegExp; status: number }[] = [];
  const server: PushServer = {
    endpoint: "",
    files,
    repos: new Map(),
    commits: [],
    requests: [],
    fail: (line, status) => failures.push({ line, status }),
    close: () =>
      new Promise((resolve) => {
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };

  const json = (response: ServerResponse, status: number, body: unknown) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify(body));
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const line = `${request.method} ${request.url}`;
    server.requests.push({ line, authorization: request.headers.authorization });
    const body = await buffer(request);
    const failure = failures.find((one) => one.line.test(line));
    if (failure) return json(response, failure.status, { error: `refused by the test (${token.slice(0, 0)}${failure.status})` });
    const stores = /^PUT \/store\/([0-9a-f]{64})$/.exec(line)?.[1];
    if (stores) {
      if (createHash("sha256").update(body).digest("hex") !== stores) return json(response, 400, { error: "other bytes" });
      stored.set(stores, body);
      return json(response, 200, {});
    }
    if (request.headers.authorization !== `Bearer ${token}`)
      return json(response, 401, { error: "Invalid username or password." });
    if (line === "POST /api/repos/create") {
      const { name, organization, visibility } = JSON.parse(String(body)) as Record<string, string>;
      if (organization !== TOKEN_HOLDER) return json(response, 403, { error: "You don't have the rights" });
      if (server.repos.has(`${organization}/${name}`)) return json(response, 409, { error: "exists" });
      server.repos.set(`${organization}/${name}`, { visibility });
      return json(response, 200, { url: `${server.endpoint}/${organization}/${name}`, id: `${organization}/${name}` });
    }
    const file = /^GET \/[\w-]+\/[\w-]+\/resolve\/main\/(.+)$/.exec(line)?.[1];
    if (file) {
      const content = files.get(file);
      response.writeHead(content ? 200 : 404).end(content);
      return;
    }
    if (/^POST \/api\/models\/[\w-]+\/[\w-]+\/preupload\/main$/.test(line)) {
      const asked = (JSON.parse(String(body)) as { files: { path: string }[] }).files;
      const modes = asked.map(({ path }) => ({ path, uploadMode: path.endsWith(".safetensors") ? "lfs" : "regular" }));
      return json(response, 200, { files: modes });
    }
    if (/^POST \/[\w-]+\/[\w-]+\.git\/info\/lfs\/objects\/batch$/.test(line)) {
      const { objects } = JSON.parse(String(body)) as { objects: { oid: string; size: number }[] };
      const actions = (oid: string) =>
        stored.has(oid) ? {} : { actions: { upload: { href: `${server.endpoint}/store/${oid}` } } };
      return json(response, 200, {
        transfer: "basic",
        objects: objects.map(({ oid, size }) => ({ oid, size, ...actions(oid) })),
      });
    }
    if (/^POST \/api\/models\/[\w-]+\/[\w-]+\/commit\/main$/.test(line)) {
      const lines = String(body)
        .trim()
        .split("\n")
        .map((text) => JSON.parse(text) as { key: string; value: Record<string, string> });
      const paths: string[] = [];
      for (const { key, value } of lines) {
        if (key === "file") files.set(value.path!, Buffer.from(value.content!, "base64"));
        else if (key === "lfsFile") {
          const content = stored.get(value.oid!);
          if (!content) return json(response, 400, { error: `no object ${value.oid}` });
          files.set(value.path!, content);
        } else continue;
        paths.push(value.path!);
      }
      server.commits.push({ summary: lines[0]!.value.summary!, paths: paths.sort() });
      return json(response, 200, { commitOid: "c".repeat(40), commitUrl: "", hookOutput: "", success: true });
    }
    json(response, 404, { error: "not here" });
  };
  const http = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  server.endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return server;
}
