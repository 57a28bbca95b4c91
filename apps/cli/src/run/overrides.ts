// `train.lr=3e-4` on the command line: a dotted path and a YAML value. Whether the path exists is the schema's business.
import { parseDocument } from "yaml";
import { userError } from "../errors.js";

type Tree = Record<string, unknown>;

/** What one override says, by this schema's own names. */
export interface Override {
  path: string;
  value: unknown;
}

/**
 * A copy of `base` with the overrides applied; each path is reported, so that messages can say where a value came from. `translate` puts
 * this schema's names for those of other tools; null where it has refused the key.
 */
export function applyOverrides(
  base: Tree,
  overrides: readonly string[],
  report: (path: string) => void = () => {},
  translate: (override: Override) => Override | null = (override) => override,
): Tree {
  const result = structuredClone(base);
  for (const text of overrides) {
    const [, dotted, raw] = /^([A-Za-z_][\w.-]*)=([\s\S]*)$/.exec(text) ?? [];
    if (dotted === undefined || raw === undefined) {
      throw userError("usage", `"${text}" is no override: write KEY=VALUE, such as train.lr=3e-4`);
    }
    const meant = translate({ path: dotted, value: parseValue(text, raw) });
    if (meant === null) continue;
    set(result, meant.path.split("."), meant.value);
    report(meant.path);
  }
  return result;
}

function parseValue(text: string, raw: string): unknown {
  const document = parseDocument(raw, { version: "1.2", schema: "core", prettyErrors: false });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault) throw userError("usage", `${text}: ${fault.message.replace(/\s+/g, " ")}`);
  return document.toJS({ maxAliasCount: 0 });
}

function set(tree: Tree, keys: string[], value: unknown): void {
  // Own properties only: "__proto__" and the like must end as unknown keys, not as a changed prototype.
  let node = tree;
  for (const key of keys.slice(0, -1)) {
    const next = Object.hasOwn(node, key) ? node[key] : undefined;
    const child: Tree = typeof next === "object" && next !== null && !Array.isArray(next) ? (next as Tree) : {};
    define(node, key, child);
    node = child;
  }
  define(node, keys.at(-1)!, value);
}

function define(node: Tree, key: string, value: unknown): void {
  Object.defineProperty(node, key, { value, enumerable: true, configurable: true, writable: true });
}
