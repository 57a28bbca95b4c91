// The JSON Schema of runs, for editors: from the zod schema that checks them, with what docs/your-own-data.md says of each key. The file
// assets/run.schema.json is written by `npm run schema`; a test holds it to both.
import { z } from "zod";
import { runSchema } from "./schema.js";

interface Node {
  type?: string;
  description?: string;
  properties?: Record<string, Node>;
  required?: string[];
  anyOf?: Node[];
  items?: Node;
  default?: unknown;
  [key: string]: unknown;
}

/** `descriptions` by dotted key. */
export function runJsonSchema(descriptions: ReadonlyMap<string, string>): object {
  const schema = z.toJSONSchema(runSchema, { io: "input" }) as Node;
  schema.title = "A run of attune";
  // left out, it is the file's name
  schema.required = schema.required?.filter((key) => key !== "name");
  const { data } = schema.properties!;
  shortTemplate(data!.properties!);
  shortTemplate(data!.properties!.mixture!.items!.properties!);
  describe(schema, "", descriptions);
  return schema;
}

/** `template: alpaca` stands for `template: {name: alpaca}`, which zod's preprocessing hides from its JSON Schema. */
function shortTemplate(properties: Record<string, Node>): void {
  properties.template = { anyOf: [{ type: "string", minLength: 1 }, properties.template!] };
}

function describe(node: Node, key: string, descriptions: ReadonlyMap<string, string>): void {
  const text = descriptions.get(key);
  if (text) node.description = text;
  const properties = node.properties ?? node.anyOf?.find((one) => one.properties)?.properties ?? {};
  for (const [name, below] of Object.entries(properties)) describe(below, key ? `${key}.${name}` : name, descriptions);
}
