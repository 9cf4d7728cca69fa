// The header strip: this device -> relay -> host -> agent, each with the age of its
// last proof. Green is only what answered lately; what is broken is named.

import { useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { ConnectionState } from "../client";
import type { FarhandStatus } from "../wire/codex";
import { Sheet } from "./bits";
import { age } from "./format";
import { useDesk, useNow } from "./hooks";

type Health = "good" | "old" | "bad" | "unknown";

interface Link {
  name: string;
  health: Health;
  proof: number; // when; 0 = never
  sentence: string;
}

/** Probes go out every 20 s; a proof older than this means that one was missed. */
const FRESH_MS = 35_000;

function healthOf(proof: number, broken: boolean, now: number): Health {
  if (broken) return "bad";
  if (proof === 0) return "unknown";
  return now - proof < FRESH_MS ? "good" : "old";
}

const AGENT_WORDS: Record<string, string> = {
  starting: "is starting",
  ready: "is ready",
  down: "is not running",
  loginRequired: "needs a login on the host",
};

function agentName(status: FarhandStatus | undefined): string {
  return status?.agent.practice ? "Practice" : "Codex";
}

function linksOf(state: ConnectionState, desk: Desk, now: number): Link[] {
  const { phase, broken, sentence = "" } = state;
  const open = phase === "open";
  const status = desk.status?.value;
  const relayBroken = broken === "relay";
  const direct = open && state.via?.kind === "direct";
  const hostBroken = !open && broken !== undefined && !relayBroken;
  const agentAt = desk.status ? Math.max(0, desk.status.at - (status?.agent.ageMs ?? 0)) : 0;
  const agentBad = status !== undefined && ["down", "loginRequired"].includes(status.agent.state);
  const agentProof = agentAt && open ? Math.max(agentAt, agentBad ? 0 : state.hostProof) : agentAt;
  const relayHealth = phase === "dialing" ? "old" : healthOf(state.relayProof, relayBroken, now);
  return [
    {
      name: direct ? "Direct" : "Relay", health: relayHealth, proof: state.relayProof,
      sentence: relayBroken ? sentence : direct ? "straight to the host, no relay between" : "forwards what it cannot read",
    },
    {
      name: desk.client.host.name, health: open || hostBroken ? healthOf(state.hostProof, hostBroken, now) : "old",
      proof: state.hostProof, sentence: hostBroken ? sentence : "end-to-end encrypted",
    },
    {
      name: agentName(status), health: open ? healthOf(agentProof, agentBad, now) : "unknown", proof: agentProof,
      sentence: status
        ? [`${AGENT_WORDS[status.agent.state] ?? status.agent.state}${status.agent.lastError ? `: ${status.agent.lastError}` : ""}`, status.agent.next].filter(Boolean).join(". ")
        : "not heard of yet",
    },
  ];
}

const HEALTH_WORDS: Record<Health, string> = {
  good: "answered", old: "not heard lately", bad: "broken", unknown: "unknown",
};

export function Strip({ desk }: { desk: Desk }) {
  useDesk(desk);
  const now = useNow();
  const [detail, setDetail] = useState(false);
  const state = desk.client.state;
  const links = linksOf(state, desk, now);
  const trouble = links.find((link) => link.health === "bad");
  return (
    <div class="top">
      <button type="button" class="strip" onClick={() => setDetail(true)}>
        <span class="unseen">Connection: </span>
        <span class="link good"><i class="dot" /><b class="only-wide">This device</b><b class="only-slim">You</b></span>
        {links.map((link) => (
          <span class={`link ${link.health}`} key={link.name}>
            <i class="wire" /><i class="dot" /><b>{link.name}</b>
            <span class="unseen">{HEALTH_WORDS[link.health]}</span>
            <small>{link.proof ? age(now - link.proof) : "—"}</small>
          </span>
        ))}
      </button>
      <Trouble state={state} trouble={trouble} now={now} onRetry={() => desk.client.wake()} />
      {desk.log.alarm && (
        <p class="trouble" role="alert">
          <b>{desk.log.alarm.kind === "shortened" ? "The host's log was shortened." : "The host's log was rewritten."}</b> {desk.log.alarm.sentence}
          <a href="#/log">Look</a>
        </p>
      )}
      {desk.journal?.trouble && <p class="trouble" role="alert">{desk.journal.trouble}</p>}
      {detail && (
        <Sheet title="The way to your agent" onClose={() => setDetail(false)}>
          <PathDetail links={links} state={state} desk={desk} now={now} />
        </Sheet>
      )}
    </div>
  );
}

function Trouble({ state, trouble, now, onRetry }: {
  state: ConnectionState; trouble: Link | undefined; now: number; onRetry: () => void;
}) {
  if (state.phase === "open" && !trouble) return null;
  const since = state.since ? age(now - state.since) : "";
  if (state.phase === "open" && trouble) {
    return <p class="trouble" role="status"><b>{trouble.name}</b> {trouble.sentence}</p>;
  }
  if (state.phase === "dialing" || state.phase === "securing") {
    if (now - state.since < 1000) return null;
    const what = state.phase === "dialing" ? "Reaching the relay" : "Proving who is who";
    return <p class="trouble calm" role="status">{what} … {since}</p>;
  }
  if (state.phase === "waiting") {
    const left = Math.max(0, Math.ceil(((state.retryAt ?? now) - now) / 1000));
    return (
      <p class="trouble" role="status">
        {state.sentence} {since === "now" ? "" : `For ${since} now. `}{left > 0 ? `Next try in ${left} s.` : "Trying."}
        <button type="button" class="plain" onClick={onRetry}>Try now</button>
      </p>
    );
  }
  return state.sentence ? <p class="trouble" role="alert">{state.sentence}</p> : null;
}

function PathDetail({ links, state, desk, now }: {
  links: Link[]; state: ConnectionState; desk: Desk; now: number;
}) {
  const status = desk.status?.value;
  return (
    <div class="path">
      <ol>
        <li class="good">
          <i class="dot" />
          <div><b>This device</b><span>{status?.you?.displayName ?? ""}{status?.you ? `, ${status.you.role}` : ""}</span></div>
        </li>
        {links.map((link) => (
          <li class={link.health} key={link.name}>
            <i class="dot" />
            <div><b>{link.name}</b><span>{link.sentence}</span></div>
            <small>{link.proof ? age(now - link.proof) : "never"}</small>
          </li>
        ))}
      </ol>
      {status?.agent.practice && (
        <p class="hint">A practice model answers here: scripted words, no intelligence, no account.</p>
      )}
      {status?.agent.shared && (
        <p class="hint">This agent is shared: other programs on the host can reach it and decide too.</p>
      )}
      {state.phase !== "open" && (
        <button type="button" class="button" onClick={() => desk.client.wake()}>Try now</button>
      )}
    </div>
  );
}
