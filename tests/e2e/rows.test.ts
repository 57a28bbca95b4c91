// Which rows a run learns, and how they stand in batches: packed ones, and those that have nothing to learn.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type NodeDevice, openDevice } from "@attune/tensor/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { planRun } from "../../apps/cli/src/recipes/plan.js";
import { planLines } from "../../apps/cli/src/recipes/progress.js";
import { prepareRun, tune } from "../../apps/cli/src/recipes/tune.js";
import { parseRun } from "../../apps/cli/src/run/load.js";

const BASE = fileURLToPath(new URL("../../data/bundled/base", import.meta.url));
const OPT_TOKENIZER = fileURLToPath(new URL("../../../shared/data/tokenizers/opt", import.meta.url));
const quiet = { note() {}, step() {}, evaluating() {} };

let out: string;
beforeAll(async () => {
  out = await mkdtemp(path.join(tmpdir(), "attune-rows-"));
});
afterAll(() => rm(out, { recursive: true }));

const write = async (name: string, rows: readonly unknown[]): Promise<string> => {
  await writeFile(path.join(out, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  return path.join(out, name);
};

describe("packing", () => {
  const why = existsSync(OPT_TOKENIZER) ? "" : ` (skipped: ${OPT_TOKENIZER} is not there)`;
  const COUNT = 24;
  let device: NodeDevice;
  beforeAll(async () => {
    device = await openDevice();
  });
  afterAll(() => device.destroy());

  async function runOf(name: string, data: Record<string, unknown>, batch: number) {
    const rows = Array.from({ length: COUNT }, (_, i) => ({
      text: `Sales went up by ${"a lot and ".repeat(i % 7)}more.`,
      label: "up",
    }));
    const train = await write("opt.jsonl", rows);
    const sizes = { hidden_size: 32, word_embed_proj_dim: 32, num_hidden_layers: 1, ffn_dim: 64, num_attention_heads: 2 };
    return parseRun(
      JSON.stringify({
        name,
        model: {
          init: { config: { model_type: "opt", max_position_embeddings: 64, dropout: 0, ...sizes }, tokenizer: OPT_TOKENIZER },
        },
        data: { train, template: { prompt: "{text}\nDirection:", completion: " {label}" }, maxSource: 44, maxTarget: 8, ...data },
        train: { steps: 4, batch, lr: 1e-2, dropout: 0, schedule: "constant", warmup: 0, logEvery: 1 },
        out: path.join(out, name),
      }),
      { file: path.join(out, `${name}.yaml`) },
    );
  }

  it.skipIf(why !== "")(`puts several examples in a row, and trains as they would apart${why}`, async () => {
    const { rows } = (await prepareRun(await runOf("packed", { packing: true }, 1))).data.packing!;
    const packed = await prepareRun(await runOf("packed", { packing: true }, rows)); // all in one batch
    const { packing, plan, count, notes } = packed.data;
    expect(packing!.rows).toBe(rows);
    expect(rows).toBeLessThan(count / 2);
    expect(plan.updatesPerEpoch).toBe(1);
    expect(plan.paddingShare()).toBeLessThan(0.2);
    expect(notes.join("\n")).toMatch(/packed: 24 sequences in \d+ rows; \d+ % padding, apart it would be \d+ %/);
    expect(planLines(packed.run, packed)[0]).toMatch(/24 examples in \d+ rows/);
    const ids = (epoch: number) =>
      [...packed.data.updates(epoch)]
        .slice(0, 1)
        .flat()
        .flatMap((batch) => batch.ids);
    expect(ids(0).length).toBe(COUNT);
    expect(ids(1)).not.toEqual(ids(0));
    expect([...ids(1)].sort()).toEqual([...ids(0)].sort());

    const planned = await planRun(packed, device.facts);
    expect(planned).toMatchObject({ examples: COUNT, packing: { rows: packing!.rows } });
    const apart = await prepareRun(await runOf("apart", {}, COUNT));
    const [together, each] = [await tune(device, packed, quiet), await tune(device, apart, quiet)];
    // one update is all examples in either form
    expect(Math.abs(together.firstLoss - each.firstLoss) / each.firstLoss).toBeLessThan(1e-6);
    expect(Math.abs(together.lastLoss - each.lastLoss) / each.lastLoss).toBeLessThan(1e-4);
    const [first] = (await readFile(path.join(out, "packed/metrics.jsonl"), "utf8")).split("\n");
    expect(JSON.parse(first!)).toMatchObject({ examplesSeen: COUNT, epoch: 1 });
  });

  it("is refused for an encoder-decoder in one line", async () => {
    const train = await write("t5.jsonl", [{ text: "a b c", label: "d" }]);
    const run = parseRun(
      JSON.stringify({
        model: { path: BASE },
        data: { train, packing: true, template: { prompt: "{text}", completion: "{label}" } },
      }),
      { file: path.join(out, "t5.yaml") },
    );
    await expect(prepareRun(run)).rejects.toThrow(/^data.packing: is for decoder-only models; of an encoder-decoder rows/);
  });
});

describe("rows whose labels are all masked", () => {
  const row = (labels: readonly number[], microBatch: number) => ({ inputIds: [5, 6, 7, 1], labels, microBatch });
  const prepare = async (rows: readonly unknown[], data: Record<string, unknown> = {}) =>
    prepareRun(
      parseRun(
        JSON.stringify({
          model: { path: BASE },
          data: { train: await write("ids.jsonl", rows), format: "pretokenized", ...data },
          train: { steps: 2, batch: 1 },
        }),
        { file: path.join(out, "ids.yaml") },
      ),
    );

  it("are counted and named, and it is told whether the end is learnt", async () => {
    const prepared = await prepare([row([8, 1], 0), row([-100, -100], 1), row([9, 9], 2)]);
    expect(prepared.data.notes.join("\n")).toMatch(/1 of 3 rows have no label that counts and weigh nothing: .*ids.jsonl:2/);
    expect(planLines(prepared.run, prepared)).toEqual([
      expect.stringMatching(/ids.*: all weights, 3 examples, 16 tokens/),
      "2 updates of 1 row, 0.667 epochs; end token learnt: in 1 of 3 examples",
      "no validation rows: nothing is evaluated",
    ]);
  });
  it("answers that never end are refused, unless one insists", async () => {
    const rows = [row([8, 9], 0), row([9], 1)];
    await expect(prepare(rows)).rejects.toMatchObject({
      exitClass: "data",
      message: expect.stringMatching(
        /ids\.jsonl: none of 2 answers ends in the end token \(id 1\).*set data\.requireEnd to false$/,
      ),
    });
    const prepared = await prepare(rows, { requireEnd: false });
    expect(planLines(prepared.run, prepared)[1]).toMatch(/end token learnt: no: the model will not learn to stop$/);
  });
  it("and no others are refused before there is a device", async () => {
    await expect(prepare([row([-100], 0), row([-100, -100], 1)])).rejects.toThrow(
      /none of 2 rows has a label that counts, so there is nothing to learn: .*ids.jsonl:1, .*ids.jsonl:2/,
    );
  });
});
