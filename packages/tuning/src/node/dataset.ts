// A data set, on disk or on the hub: its format told from its first rows, and its rows in that format's normal form, as a stream.

import { printable, type Row, usageError } from "@attune/models";
import type { HubOptions } from "@attune/models/node";
import { type BadRows, badRows } from "../datasets/badRows.js";
import type { Format } from "../datasets/formats/format.js";
import { detectFormat, formatNamed } from "../datasets/formats/table.js";
import { isHubData } from "../datasets/hubFiles.js";
import { hubData } from "./hubData.js";
import { lookAt, type ReadRowsOptions, readRows } from "./readRows.js";

export interface DatasetOptions extends ReadRowsOptions {
  /** A format's name; "auto" (default): told by the first rows. */
  format?: string;
  /** Texts for placeholders such as {{name}} in the rows. */
  fill?: Readonly<Record<string, string>>;
  /** For names on the hub. */
  hub?: HubOptions;
}

export interface Dataset {
  format: Format;
  /** Normalised rows; each call reads the file anew. Bad ones go to `tally`, where what becomes of the rows can fail as well. */
  rows(tally?: BadRows): AsyncGenerator<Row>;
}

/** Rows that a format is told from. */
const SAMPLE_ROWS = 20;

/**
 * @param path a file, or hub:ORG/NAME[@REVISION][:CONFIG][#SPLIT], whose files follow one another and have the format of the first
 * Throws (data) where a file cannot be read or no format fits it, (usage) for an unknown format; as hubData does for names on the hub.
 */
export async function openDataset(path: string, options: DatasetOptions = {}): Promise<Dataset> {
  const { format: name = "auto", fill } = options;
  for (const key of Object.keys(fill ?? {}))
    if (!/^\w+$/.test(key)) throw usageError(`"${key}" cannot be filled in; expected a word`);
  const named = name === "auto" ? undefined : formatNamed(name);
  const files = isHubData(path) ? (await hubData(path, options.hub)).files : [path];
  const format = named ?? (await detect(files[0]!, options));
  const encoding = options.encoding ?? format.encoding;
  return {
    format,
    async *rows(outer) {
      const tally = badRows(printable(path, 300), outer ? { tally: outer } : options);
      for (const file of files) {
        for await (const row of readRows(file, { ...options, encoding, tally })) {
          try {
            for (const made of format.rows(row)) {
              tally.kept();
              yield fill ? { where: made.where, fields: filled(made.fields, fill) as Row["fields"] } : made;
            }
          } catch (error) {
            tally.bad(error);
          }
        }
      }
      tally.finish(`rows of the format ${format.name}`);
    },
  };
}

async function detect(path: string, options: DatasetOptions): Promise<Format> {
  const { kind } = await lookAt(path);
  const rows: Row[] = [];
  for await (const row of readRows(path, { ...options, encoding: options.encoding ?? "auto" })) {
    rows.push(row);
    if (rows.length === SAMPLE_ROWS) break;
  }
  return detectFormat({ name: path, kind: options.kind ?? kind, rows });
}

/** {{name}} and the like, wherever text is. */
function filled(value: unknown, fill: Readonly<Record<string, string>>): unknown {
  if (typeof value === "string")
    return value.replace(/\{\{(\w+)\}\}/g, (whole, key: string) => (Object.hasOwn(fill, key) ? fill[key]! : whole));
  if (Array.isArray(value)) return value.map((item) => filled(item, fill));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, fill)]));
}
