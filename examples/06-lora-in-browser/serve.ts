// Bundles the page and serves it with a model folder, on loopback alone.
//   npx tsx examples/06-lora-in-browser/serve.ts [MODEL FOLDER]
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const model = path.resolve(process.argv[2] ?? path.join(here, "../../data/bundled/base"));
const { outputFiles } = await build({
  entryPoints: [path.join(here, "page.ts")],
  bundle: true,
  write: false,
  format: "esm",
  conditions: ["@attune/source"], // of a clone; with the packages installed leave it out
});

const server = createServer(async ({ url }, response) => {
  const { pathname } = new URL(url ?? "/", "http://localhost");
  try {
    if (pathname === "/page.js") response.setHeader("content-type", "text/javascript").end(outputFiles[0]!.text);
    else if (pathname === "/") response.setHeader("content-type", "text/html").end(await readFile(path.join(here, "index.html")));
    // names of files of one folder, and nothing else
    else if (/^\/model\/[\w.-]+$/.test(pathname)) response.end(await readFile(path.join(model, path.basename(pathname))));
    else response.writeHead(404).end();
  } catch {
    response.writeHead(404).end();
  }
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  const address = server.address() as { port: number };
  console.log(`open http://localhost:${address.port}`);
});
