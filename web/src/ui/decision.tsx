// Who decided, in words.

import type { Decision } from "../client/thread";

/** Does an item wait: for a person, or signed here and on its way to the host? */
export type Asks = "you" | "signed" | undefined;
export const ASKS = { you: "waits for you", signed: "signed, on its way" } as const;

const DECISIONS: Record<string, string> = {
  accept: "Approved", acceptForSession: "Approved for this session", decline: "Declined",
  cancel: "Declined and stopped", answer: "Answered", withdrawn: "Withdrawn", grant: "Granted",
};

export function decisionWord(decision: string | undefined): string {
  return DECISIONS[decision ?? ""] ?? "Decided";
}

export function decider(decision: Decision): string {
  const by = decision.by;
  if (!by) return "";
  if (decision.mine) return "here";
  if (by.kind === "outside") return "outside Farhand";
  if (by.kind === "agent") return "by the agent";
  if (by.kind === "local") return `at the host${by.name ? `, ${by.name}` : ""}`;
  return by.person ? `by ${by.person}, on ${by.name}` : `on ${by.name}`;
}

export function DecidedBy({ decision }: { decision: Decision | undefined }) {
  if (!decision?.by) return null;
  return <span class="decided">{decisionWord(decision.decision)} {decider(decision)}</span>;
}
