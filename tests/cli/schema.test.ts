// The JSON Schema that editors get: as the checks have it, and with what the docs say of every key.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { keyDescriptions, schemaFile, schemaText } from "../../scripts/write-run-schema.js";

interface Node {
  description?: string;
  properties?: Record<string, Node>;
  anyOf?: Node[];
}

test("assets/run.schema.json is current (npm run schema writes it)", () => {
  expect(
    readFileSync(schemaFile, "utf8") === schemaText(),
    "run `npm run schema` and commit apps/cli/assets/run.schema.json",
  ).toBe(true);
});

test("what docs say of a key stands at that key", () => {
  const schema = JSON.parse(schemaText()) as Node;
  for (const [key, text] of keyDescriptions()) {
    const node = key.split(".").reduce<Node | undefined>((at, part) => {
      const properties = at?.properties ?? at?.anyOf?.find((one) => one.properties)?.properties;
      return properties?.[part];
    }, schema);
    expect(node?.description ?? "", key).toBe(text);
  }
  expect(schema.properties!.train!.properties!.batch!.description).toBe("rows of a micro-batch");
});
