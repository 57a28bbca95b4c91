import { describe, expect, it } from "vitest";
import { goldenMetric } from "../../testing/shared.js";
import { porterStem } from "./porter.js";

describe("porterStem", () => {
  it("stems as NLTK's default mode does", () => {
    // Values of NLTK 3.10 for our own list: each step, each deviation from the paper, and what must stay.
    const stems = {
      flies: "fli",
      dies: "die",
      died: "die",
      spied: "spi",
      ties: "tie",
      skies: "sky",
      dying: "die",
      news: "news",
      innings: "inning",
      proceed: "proceed",
      happy: "happi",
      enjoy: "enjoy",
      by: "by",
      lazy: "lazi",
      was: "wa",
      classes: "class",
      class: "class",
      agreed: "agre",
      feed: "feed",
      hopping: "hop",
      hoping: "hope",
      falling: "fall",
      filing: "file",
      sized: "size",
      troubled: "troubl",
      relational: "relat",
      conditional: "condit",
      possibly: "possibl",
      fully: "fulli",
      hopefully: "hope",
      geology: "geolog",
      radically: "radic",
      generalizations: "gener",
      electricity: "electr",
      adjustable: "adjust",
      replacement: "replac",
      adoption: "adopt",
      controlling: "control",
      rate: "rate",
      cease: "ceas",
      ooze: "ooz",
      yyy: "yyy",
      sayyid: "sayyid",
      "2023s": "2023",
      covid19: "covid19",
      Running: "run",
    };
    for (const [word, stem] of Object.entries(stems)) expect([word, porterStem(word)]).toEqual([word, stem]);
  });

  it("leaves words of one or two letters", () => {
    for (const word of ["", "a", "as", "is", "y"]) expect(porterStem(word)).toBe(word);
  });

  it("equals NLTK on 2,918 words", (context) => {
    const { stems } = goldenMetric<{ stems: [string, string][] }>(context, "porter.json");
    expect(stems.map(([word]) => [word, porterStem(word)])).toEqual(stems);
  });
});
