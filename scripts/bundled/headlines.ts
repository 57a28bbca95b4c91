/** Financial headlines with three sentiments, built from companies, figures and events; held-out ones share no company and no wording. */
import { expand, tidy } from "./grammar.js";
import type { Split } from "./people.js";
import { type Pool, pool } from "./pool.js";
import { makeRng, type Rng } from "./prng.js";

export type Sentiment = "positive" | "negative" | "neutral";
export interface Headline {
  sentence: string;
  label: Sentiment;
}

const HEADS = pool(
  [
    "Nord",
    "Alta",
    "Vero",
    "Tele",
    "Solar",
    "Ferro",
    "Agri",
    "Medi",
    "Trans",
    "Omni",
    "Poly",
    "Aero",
    "Hydro",
    "Inter",
    "Luma",
    "Cargo",
  ],
  ["Quanta", "Borea", "Silva", "Kalo", "Zephyr"],
);
const TAILS = pool(
  ["tech", "bank", "works", "lines", "pharm", "gas", "foods", "steel", "media", "motors", "net", "mills"],
  ["logic", "grain", "cast", "ware"],
);
const FORMS = ["", "", " Group", " Holding", " Inc", " plc"];

const FIELDS = pool(
  [
    "packaging",
    "software",
    "paper",
    "shipping",
    "retail",
    "crane",
    "telecom",
    "mining",
    "insurance",
    "dairy",
    "elevator",
    "tyre",
  ],
  ["robotics", "furniture", "salmon", "battery"],
);
const CITIES = pool(
  ["Oslo", "Warsaw", "Leeds", "Turku", "Porto", "Lyon", "Dallas", "Osaka", "Riga", "Graz"],
  ["Bergen", "Malaga", "Cardiff", "Denver"],
);

const LINES: Record<Sentiment, Pool<string>> = {
  positive: pool(
    [
      "{company} [raises|lifts] its [full-year|annual] forecast after strong {field} sales",
      "Net profit of {company} rose to EUR {big} mn from EUR {small} mn in the {quarter} quarter",
      "{company} wins a EUR {big} mn {field} order from {city}",
      "Sales at {company} grew by {percent} percent, helped by demand for {field} products",
      "{company} shares jump {percent} percent as orders [hit a record|beat expectations]",
      "Operating profit improved to EUR {big} mn, compared with EUR {small} mn a year earlier, {company} said",
      "{company} to hire {count} people in {city} as its {field} business expands",
      "{company} doubles its dividend after its best {quarter} quarter ever",
      "{company} turned a loss of EUR {small} mn into a profit of EUR {big} mn",
    ],
    [
      "Earnings of {company} climbed {percent} percent on a busy {field} market",
      "A record backlog lets {company} look ahead with confidence",
      "{company} gained a major {field} customer in {city}, worth EUR {big} mn",
      "Margins at {company} widened in the {quarter} quarter",
    ],
  ),
  negative: pool(
    [
      "{company} [cuts|lowers] its [full-year|annual] forecast as {field} sales weaken",
      "Net profit of {company} fell to EUR {small} mn from EUR {big} mn in the {quarter} quarter",
      "{company} loses a EUR {big} mn {field} contract in {city}",
      "Sales at {company} dropped by {percent} percent as demand for {field} products slowed",
      "{company} shares [slump|sink] {percent} percent after a profit warning",
      "Operating loss widened to EUR {big} mn, compared with EUR {small} mn a year earlier, {company} said",
      "{company} to lay off {count} people in {city} as its {field} business shrinks",
      "{company} cancels its dividend after a weak {quarter} quarter",
      "{company} swung from a profit of EUR {big} mn to a loss of EUR {small} mn",
    ],
    [
      "Earnings of {company} plunged {percent} percent on a dull {field} market",
      "A strike in {city} forces {company} to halt its {field} plant",
      "{company} writes off EUR {big} mn on a failed {field} venture",
      "Margins at {company} narrowed in the {quarter} quarter",
    ],
  ),
  neutral: pool(
    [
      "{company} will publish its {quarter} quarter report on Thursday",
      "{company} appoints a new head of its {field} unit in {city}",
      "The annual meeting of {company} will be held in {city}",
      "{company} employs {count} people, most of them in {city}",
      "{company} makes {field} products and has its head office in {city}",
      "The value of the {field} deal between {company} and its partner was not disclosed",
      "{company} moves its {field} office to {city}",
      "The share capital of {company} totals EUR {big} mn",
      "{company} and the city of {city} sign a letter of intent",
    ],
    [
      "{company} renames its {field} division",
      "A spokesman of {company} in {city} declined to comment",
      "Trading in {company} takes place in {city}",
      "{company} sets the date of its {quarter} quarter call",
    ],
  ),
};

const QUARTERS = ["first", "second", "third", "fourth"];

/** One company in one piece of news: "Nordsteel Group". */
const drawCompany = (draw: <T>(items: Pool<T>) => T, rng: Rng) => draw(HEADS) + draw(TAILS) + rng.pick(FORMS);

export function makeHeadlines(split: Split, count: number, seed: number): Headline[] {
  const rng = makeRng(seed);
  const draw = <T>(items: Pool<T>) => rng.pick(split === "train" ? items.seen : items.unseen);
  const labels = Object.keys(LINES) as Sentiment[];
  const known = new Set<string>();
  const out: Headline[] = [];
  while (out.length < count) {
    const label = labels[out.length % labels.length]!;
    const small = 2 + rng.below(60) / 10;
    const slots = {
      company: drawCompany(draw, rng),
      field: draw(FIELDS),
      city: draw(CITIES),
      quarter: rng.pick(QUARTERS),
      small: small.toFixed(1),
      big: (small + 1 + rng.below(400) / 10).toFixed(1),
      percent: String(2 + rng.below(40)),
      count: String(10 * (2 + rng.below(90))),
    };
    const sentence = `${tidy(expand(draw(LINES[label]), slots, rng))}.`;
    if (known.has(sentence)) continue;
    known.add(sentence);
    out.push({ sentence, label });
  }
  return rng.shuffled(out);
}
