// Threads of this project's own files: built files run as they are; source (the project's own tests and commands) needs a loader, which
// threads do not inherit.

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/** Starts `file`, a URL that ends in .js beside the caller; from source, the .ts of that name. */
export function startThread(file: URL, options: WorkerOptions): Worker {
  if (import.meta.url.endsWith(".js")) return new Worker(file, options);
  const loader = pathToFileURL(createRequire(import.meta.url).resolve("tsx/esm/api")).href;
  const source = file.href.replace(/\.js$/, ".ts");
  const start = `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(source)}); })`;
  return new Worker(start, { ...options, eval: true, execArgv: [] });
}
