// Runs a command where Dawn finds an adapter: `node scripts/with-driver.mjs vitest run`.
// The Vulkan loader reads VK_DRIVER_FILES when its process starts, so it cannot be set from inside.
import path from "node:path";
import { projectRoot, withDriverEnv } from "./driver.mjs";
import { passThrough } from "./lib/process.mjs";

const [command, ...args] = process.argv.slice(2);
if (!command) {
  console.error("usage: node scripts/with-driver.mjs COMMAND [ARGUMENTS...]");
  process.exit(2);
}
const env = withDriverEnv(process.env);
env.PATH = [path.join(projectRoot, "node_modules", ".bin"), env.PATH].filter(Boolean).join(path.delimiter);
const isNode = command === "node";
process.exitCode = await passThrough(isNode ? process.execPath : command, args, { env });
