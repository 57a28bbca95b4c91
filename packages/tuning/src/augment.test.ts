import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NEUTRAL_NAMES, otherOrder, otherSpeakers, speakersOf, versionSeed } from "./augment.js";
import { balanceRows } from "./balance.js";

describe("speakers", () => {
  it("are who has turns, tags and names alike", () => {
    expect(speakersOf("#Person1#: Hi.\n#Person2#: Ho.\n #Person1#: So: what?")).toEqual(["#Person1#", "#Person2#"]);
    expect(speakersOf("Ann Lee: Hi\nÉlodie: Ho\nnot a turn: x\nhttp://x")).toEqual(["Ann Lee", "Élodie"]);
    expect(speakersOf("Note: only one")).toEqual([]);
  });

  const tagged = {
    where: "a:1",
    fields: {
      id: "#Person1#",
      dialogue: "#Person1#: Hi, Ann.\n#Person2#: Ho.",
      summary: "#Person1# greets #Person2#'s friend.",
      references: ["#Person2# is greeted."],
      rank: 3,
    },
  };

  it("as tags change places in every text of the row, and in nothing else", () => {
    for (let seed = 0; seed < 5; seed++) {
      expect(otherSpeakers(tagged, "dialogue", seed).fields).toEqual({
        id: "#Person1#",
        dialogue: "#Person2#: Hi, Ann.\n#Person1#: Ho.",
        summary: "#Person2# greets #Person1#'s friend.",
        references: ["#Person1# is greeted."],
        rank: 3,
      });
    }
  });

  it("by name become persons that the row does not have, whole words only, each somebody else", () => {
    const row = {
      where: "a:1",
      fields: { dialogue: "Al: Hi\nAlan: Also Sam\nAl: bye", summary: "Al and Alan talk about Sam. (Al: x)" },
    };
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed++) {
      const { dialogue, summary } = otherSpeakers(row, "dialogue", seed).fields as Record<string, string>;
      const [, al, alan] = /^(\w+): Hi\n(\w+): Also Sam\n\1: bye$/.exec(dialogue!)!;
      expect(summary).toBe(`${al} and ${alan} talk about Sam. (${al}: x)`);
      expect(new Set([al, alan, "Sam"]).size).toBe(3);
      expect(NEUTRAL_NAMES).toContain(al);
      seen.add(al!);
    }
    expect(seen.size).toBeGreaterThan(10);
    expect(otherSpeakers(row, "dialogue", 7)).toEqual(otherSpeakers(row, "dialogue", 7));
  });

  it("leave a row alone in which nobody speaks", () => {
    const row = { where: "a:1", fields: { dialogue: "plain text", summary: "Ann" } };
    expect(otherSpeakers(row, "dialogue", 1)).toBe(row);
    expect(otherSpeakers(row, "absent", 1)).toBe(row);
  });
});

describe("listed options", () => {
  const text = "Which?\nOPTIONS:\n- a\n- b\n- c\n- d\nAnswer:";
  it("keep all that they list and what stands around them, in more than one order", () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      const made = otherOrder(text, seed);
      const [, list] = /^Which\?\nOPTIONS:\n((?:- [a-d]\n){4})Answer:$/.exec(made)!;
      expect(list!.trim().split("\n").sort()).toEqual(["- a", "- b", "- c", "- d"]);
      orders.add(list!);
    }
    expect(orders.size).toBeGreaterThan(8);
    expect(otherOrder("a list:\n- x\n- y", 3)).toBe("a list:\n- x\n- y");
  });
  it("have a seed for each version and row", () => {
    expect(new Set([versionSeed(1, 1, 0), versionSeed(1, 2, 0), versionSeed(1, 1, 1), versionSeed(2, 1, 0)]).size).toBe(4);
  });
});

describe("balanceRows", () => {
  const classes = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 60 });

  it("gives every class the rows of the largest, each row as often as any other of its class but once", () => {
    fc.assert(
      fc.property(classes, fc.nat(1000), (names, seed) => {
        const { rows, classes: counted } = balanceRows(names, { how: "oversample", seed });
        const most = Math.max(...counted.map(({ before }) => before));
        for (const { name, before, after } of counted) {
          const own = rows.filter((row) => names[row] === name);
          expect([own.length, after]).toEqual([most, most]);
          const times = names.flatMap((one, row) => (one === name ? [own.filter((r) => r === row).length] : []));
          expect(times.length).toBe(before);
          expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
          expect(Math.min(...times)).toBeGreaterThan(0);
        }
      }),
      { numRuns: 100 },
    );
  });

  it("or those of the smallest, none twice, by the seed", () => {
    const names = [...Array(30).fill("a"), ...Array(4).fill("b")];
    const drawn = balanceRows(names, { how: "undersample", seed: 1 });
    expect(drawn.classes).toEqual([
      { name: "a", before: 30, after: 4 },
      { name: "b", before: 4, after: 4 },
    ]);
    expect(new Set(drawn.rows).size).toBe(8);
    expect(drawn.rows).toEqual(balanceRows(names, { how: "undersample", seed: 1 }).rows);
    expect(drawn.rows).not.toEqual(balanceRows(names, { how: "undersample", seed: 2 }).rows);
  });
});
