// npm run schema: writes apps/cli/assets/run.schema.json from the schema that checks runs and the table of keys in docs/your-own-data.md.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { runJsonSchema } from "../apps/cli/src/run/jsonSchema.js";

const page = fileURLToPath(new URL("../docs/your-own-data.md", import.meta.url));
export const schemaFile = fileURLToPath(new URL("../apps/cli/assets/run.schema.json", import.meta.url));

/** What the page's table says of each key, without its marks. */
export function keyDescriptions(): Map<string, string> {
  const rows = readFileSync(page, "utf8").matchAll(/^\| `([\w.]+)` \|([^|]*)\|(.*)\|$/gm);
  return new Map([...rows].map(([, key, , text]) => [key!, text!.replaceAll("`", "").replace(/; or$/, "").trim()]));
}

export const schemaText = (): string => `${JSON.stringify(runJsonSchema(keyDescriptions()), null, 2)}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(schemaFile, schemaText());
