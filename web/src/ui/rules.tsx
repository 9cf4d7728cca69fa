// What people allowed for longer than once: by whom, where, how often it was used; and
// taking it back.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { KeptRule } from "../wire/codex";
import { Empty, Exact, IconButton, Waiting } from "./bits";
import { decider } from "./decision";
import { age, baseName, title } from "./format";
import { go, useDesk, useNow } from "./hooks";

const HOW_LONG = { thread: "until the host restarts, in one thread", restart: "until the host restarts", kept: "until somebody takes it back" } as const;

export function Rules({ desk }: { desk: Desk }) {
  useDesk(desk);
  const now = useNow(15_000);
  const [failure, setFailure] = useState("");
  const load = () => {
    setFailure("");
    void desk.loadRules().catch((error: Error) => setFailure(error.message));
  };
  useEffect(load, [desk]);
  const offline = desk.client.state.phase !== "open";
  return (
    <div class="pane rules">
      <header class="bar">
        <IconButton icon="back" label="Back to settings" onClick={() => go({ at: "settings" })} tone="only-narrow" />
        <div class="bar-title"><h1>Rules</h1><span>given with an answer, on {desk.client.host.name}</span></div>
      </header>
      <div class="scroll padded">
        {failure && <Empty icon="alert" title="The rules did not come"><p>{failure}</p><button type="button" class="button" onClick={load}>Try again</button></Empty>}
        {!desk.rules && !failure && (offline
          ? <Empty icon="clock" title="Not known here"><p>The host is not reached; its rules are read when it is back.</p></Empty>
          : <Waiting what="Asking the host for its rules." />)}
        {desk.rules?.length === 0 && <Empty icon="shield" title="Everything is asked"><p>Nobody has allowed anything for longer than once.</p></Empty>}
        <ul class="device-list">
          {(desk.rules ?? []).map((rule) => <OneRule key={rule.ruleId} desk={desk} rule={rule} now={now} offline={offline} />)}
        </ul>
        <p class="note after">Rules that ask or deny always win over these. The host's own rules are in its policy.toml.</p>
      </div>
    </div>
  );
}

function OneRule({ desk, rule, now, offline }: { desk: Desk; rule: KeptRule; now: number; offline: boolean }) {
  const thread = rule.threadId ? desk.threads.get(rule.threadId) : undefined;
  const what = rule.command?.join(" ") ?? rule.paths?.join(", ") ?? "";
  const mine = rule.by?.clientId !== undefined && rule.by.clientId === desk.status?.value.you?.clientId;
  return (
    <li class="rule">
      <p class="exact"><Exact text={what} />{rule.command && !rule.whole && <b> …</b>}</p>
      <p class="note">
        {rule.command ? (rule.whole ? "Exactly this command" : "Whatever begins with these words") : "Changes to these files"}
        {rule.cwd ? ` in ${baseName(rule.cwd)}` : ""}, {HOW_LONG[rule.scope] ?? rule.scope}{thread ? `: ${title(thread)}` : ""}.{" "}
        {rule.by ? `Given ${decider({ by: rule.by, mine })}. ` : ""}
        {rule.uses ? `Used ${rule.uses} ${rule.uses === 1 ? "time" : "times"}${rule.lastUsedAt ? `, ${age(now - rule.lastUsedAt)} ago` : ""}.` : "Not used yet."}
      </p>
      <button type="button" class="button" disabled={offline} onClick={() => void desk.removeRule(rule.ruleId)}>Take it back</button>
    </li>
  );
}
