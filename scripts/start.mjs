// `npm start`: set-up, then the demonstration. Further arguments go to `attune demo` (npm start -- --help).
import path from "node:path";
import { projectRoot, withDriverEnv } from "./driver.mjs";
import { passThrough } from "./lib/process.mjs";
import { setupOrExplain } from "./setup.mjs";

if (await setupOrExplain()) {
  const launcher = path.join(projectRoot, "apps/cli/bin/attune.js");
  process.exitCode = await passThrough(process.execPath, [launcher, "demo", ...process.argv.slice(2)], { env: withDriverEnv() });
}
