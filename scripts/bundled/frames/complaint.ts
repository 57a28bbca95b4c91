/** A bought something that does not work; B refunds, replaces, repairs, or refuses. */
import { drawFault, drawThing } from "../compose.js";
import { drawDay, drawLater, drawOrder, drawShop } from "../facts.js";
import { type Frame, pool } from "../stage.js";
import { closeGlad, closeSad, open } from "../talk.js";

const REPORT = pool(
  [
    "I bought {item} from you on {day}, and [now|already] {fault}.",
    "It's about the {item} I bought on {day}. The trouble is, {fault}.",
    "I'm not happy with my new {item}. I've had it since {day}, and {fault}.",
    "The {item} I got on {day} is no good: {fault}.",
  ],
  ["I picked up {item} here on {day}, and guess what, {fault}.", "There is an issue with the {item} from {day}, since {fault}."],
);
const WISH: Record<string, ReturnType<typeof pool<string>>> = {
  "a refund": pool(
    ["I would like my money back.", "Can I get a refund?", "I want a refund, please."],
    ["I'd rather have the money returned.", "Please pay me back."],
  ),
  "a replacement": pool(
    ["I would like a new one.", "Can I get a replacement?", "Could you replace it?"],
    ["Please swap it for one that works.", "I hope you can exchange it."],
  ),
  "a repair": pool(
    ["Can you repair it?", "I would like to have it repaired.", "Could somebody fix it?"],
    ["Would your workshop mend it?", "I want it fixed."],
  ),
};
const NUMBER = pool(
  [
    "[Sorry to hear that|I'm sorry about that]. Do you have the [order|receipt] number?",
    "Can you give me the order number, please?",
  ],
  ["Oh dear. What does the receipt say?", "Let me look it up. The number, please?"],
);
const GIVE = pool(
  ["[Yes, it's|It is] {order}.", "[Here it is|One moment]: {order}."],
  ["It says {order}.", "That would be {order}."],
);
const YES = pool(
  [
    "Thank you. You will get {wish} {later}.",
    "I see it here. We will give you {wish} {later}.",
    "[Of course|All right]. I'll arrange {wish} {later}.",
  ],
  ["That is in order, so expect {wish} {later}.", "We owe you that. I'll see to {wish} {later}."],
);
const NO = pool(
  ["I'm sorry, but {ground}. I can't give you {wish}.", "[Unfortunately|Sadly] {ground}, so {wish} is not possible."],
  ["My hands are tied: {ground}. There is no way I can give you {wish}.", "As {ground}, I have to say no to {wish}."],
);
const GROUNDS = pool(
  [
    "the warranty is over",
    "it was on sale",
    "you opened the box",
    "the receipt is from another shop",
    "the damage is not covered",
    "more than thirty days have passed",
  ],
  ["the seal was removed", "it was sold as a display model", "somebody tried to open it"],
);
const OFFER = pool(
  ["But I can offer you a [discount|voucher] of {percent}.", "What I can do is {percent} off your next order."],
  ["How about {percent} off as a comfort?"],
);
const FINE = pool(["[Okay|All right], I'll take that.", "That's fair. Thank you."], ["Better than nothing. Agreed."]);
const ANGRY = pool(
  ["[No, thanks|That's not good enough]. I will never buy here again.", "Then I'll write to the consumer office."],
  ["Keep it. I'll shop elsewhere."],
);

export const complaint: Frame = {
  name: "complaint",
  isFormal: true,
  write(stage) {
    const bought = drawThing(stage);
    const item = bought.name;
    const wish = stage.rng.pick(Object.keys(WISH));
    stage.topic = bought.noun;
    stage.facts({
      shop: drawShop(stage),
      item: `a ${item}`,
      day: drawDay(stage.rng),
      fault: drawFault(stage, bought.category),
    });
    stage.facts(
      {
        wish,
        order: drawOrder(stage.rng),
        ground: stage.from(GROUNDS),
        later: drawLater(stage),
        percent: `${stage.rng.pick([10, 15, 20, 25])} percent`,
      },
      "B",
    );
    stage.fact("thing", item);
    open(stage);
    const asked = pool(REPORT.seen.map(definite), REPORT.unseen.map(definite));
    stage.a(asked);
    const asksNumber = stage.rng.chance(0.55);
    if (asksNumber) {
      stage.b(NUMBER);
      stage.a(GIVE);
      stage.more(WISH[wish]!);
    } else stage.more(WISH[wish]!);
    const head = "{A} [wants|asks for] {wish} for the {thing} bought on {day} because {fault}.";
    if (stage.rng.chance(0.55)) {
      stage.b(YES);
      closeGlad(stage);
      return [`${head} {B} will arrange it {later}.`, `${head} {B} agrees and will arrange it {later}.`];
    }
    stage.b(NO);
    if (stage.rng.chance(0.6)) {
      stage.more(OFFER);
      const accepts = stage.rng.chance(0.6);
      stage.a(accepts ? FINE : ANGRY);
      return [`${head} {B} refuses because {ground} but offers {percent} off. {A} ${accepts ? "accepts" : "is angry"}.`];
    }
    closeSad(stage);
    return [`${head} {B} refuses because {ground}.`];
  },
};

/** "the a kettle" cannot stand: after "the" and "new" the bare noun is meant. */
function definite(line: string): string {
  return line.replace(/\b(the|The|new) \{item\}/g, "$1 {thing}");
}
