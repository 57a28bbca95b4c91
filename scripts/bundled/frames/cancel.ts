/** A wants to end a contract; B offers something to stay; A leaves, stays, or pauses. */
import { drawPhrase } from "../compose.js";
import { drawPercent, drawShop } from "../facts.js";
import { type Frame, pool, words } from "../stage.js";
import { closeGlad, open } from "../talk.js";

const CONTRACTS = pool(
  words(`{brand} membership, {brand} newspaper, phone contract, {brand} music plan, vegetable box, {noun} insurance, {brand} app, streaming account, {brand} wine club, parking permit in {town}, meal plan,
    {brand} magazine, cleaning service, {brand} mobile plan, language course, {noun} rental, club card in {town}, {brand} card`),
  words("{brand} museum pass, locker in {town}, {brand} diaper service, {noun} lease, chess magazine"),
);
const REASONS = pool(
  words(`<I> hardly <use/uses> it, it is too expensive, <I> <am> moving to {town}, <I> lost <my> job in {town}, <I> found a cheaper one in {town}, the quality got worse, <I> <have> no time for it,
    <my> {relative} has one too, the app keeps crashing, the staff in {town} were rude, <I> <want/wants> to save for a {noun}, <my> {relative} pays for another one, {someone} told <me> about {brand}, {brand} is better`),
  words(
    "<my> {relative} told <me> to stop, nothing ever arrives in {town}, <I> <want/wants> to join {brand}, the new rules are silly",
  ),
);
const OFFERS = pool(
  words(`{percent} off, {number} free months, a free {noun}, a cheaper plan, a free upgrade, a break of {number} weeks, a {adjective} {noun}, a second card for free, a {brand} {noun}, {number} days in {town},
    a call from {someone}, a voucher for {brand}`),
  words("a bonus of {percent}, {number} weeks on the house, a {adjective} {noun}, a trip to {town}"),
);
const ASK = pool(
  [
    "I want to cancel my {contract}.",
    "I'd like to end my {contract}, please.",
    "How can I cancel my {contract}?",
    "Please stop my {contract} at the end of the month.",
  ],
  ["It is time for me to quit the {contract}.", "I wish to be rid of my {contract}."],
);
const WHY = pool(
  ["[Oh|I'm sorry to hear that]. May I ask why?", "What is the reason?", "Are you not happy with it?"],
  ["What makes you leave us?", "That saddens us. How come?"],
);
const BECAUSE = pool(
  ["{reason}.", "[Well|You see], {reason}.", "It's simple: {reason}."],
  ["If you must know, {reason}.", "My point is that {reason}."],
);
const OFFER = pool(
  ["We could give you {offer} if you stay.", "What if I offer you {offer}?", "[Would you stay for|How about] {offer}?"],
  ["Stay with us, and {offer} is yours.", "Might {offer} change your mind?"],
);
const STAY = pool(
  ["[Oh, that's nice|That's a good deal]. Then I'll stay.", "[Okay|All right], I'll keep it for now."],
  ["Now you are talking. I'm staying.", "You have won me over."],
);
const LEAVE = pool(
  ["No, thank you. I still want to cancel.", "That's kind, but no. Please cancel it."],
  ["My mind is made up, I'm out.", "It is too late for that."],
);
const DONE = pool(
  ["[I understand|Okay]. It ends on {date}.", "Then it will stop on {date}."],
  ["Very well, you are free from {date} on.", "So be it. The last day is {date}."],
);
const THINK = pool(
  ["I have to talk to my family first.", "[Hmm|Maybe]. Can I think about it?"],
  ["I shall ponder that for a while."],
);
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

export const cancel: Frame = {
  name: "cancellation",
  isFormal: true,
  write(stage) {
    const percent = drawPercent(stage.rng);
    const withPercent = (text: string) => text.replace("{percent}", percent);
    const offers = pool(OFFERS.seen.map(withPercent), OFFERS.unseen.map(withPercent));
    const contract = drawPhrase(stage, CONTRACTS);
    stage.topic = contract;
    stage.facts({
      shop: drawShop(stage),
      contract,
      reason: drawPhrase(stage, REASONS),
      offer: drawPhrase(stage, offers),
      date: `${stage.rng.pick(MONTHS)} ${1 + stage.rng.below(28)}`,
    });
    open(stage);
    stage.a(ASK);
    if (stage.rng.chance(0.75)) {
      stage.b(WHY);
      stage.a(BECAUSE);
    } else stage.more(BECAUSE);
    stage.b(OFFER);
    const head = "{A} wants to cancel the {contract} because {reason}. {B} offers {offer},";
    const outcome = stage.rng.below(5);
    if (outcome <= 1) {
      stage.a(STAY);
      closeGlad(stage);
      return [`${head} and {A} stays.`, `${head} so {A} decides to stay.`];
    }
    if (outcome <= 3) {
      stage.a(LEAVE);
      stage.b(DONE);
      return [`${head} but {A} refuses. It ends on {date}.`];
    }
    stage.a(THINK);
    return [`${head} and {A} will think about it.`];
  },
};
