// The host's log as this device sees it: the chain, checked here, and the alarm when it
// does not go on from what was seen.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import { follow, type LogHeader } from "../session/audit";
import { hex, unhex } from "../wire/bytes";
import { Empty, IconButton, Waiting } from "./bits";
import { age } from "./format";
import { go, useDesk, useNow } from "./hooks";
import { Icon } from "./icons";

const WORDS: Record<string, string> = {
  start: "The log began", pair: "A device was paired", grant: "A grant was given", revoke: "A device was revoked",
  refusal: "Something was refused", turn: "A turn", request: "The agent asked", decision: "A decision, signed",
  effect: "An effect", "policy decision": "Decided by policy", "outside decision": "Decided outside Farhand",
  checkpoint: "Checkpoint, signed by the host", recovered: "The end was mended after a crash", run: "The host started",
};
const SHOWN = 200;

type State = { headers: LogHeader[]; broken?: string } | { failed: string } | undefined;

async function read(desk: Desk): Promise<State> {
  const end = desk.log.told?.idx ?? 0;
  const from = Math.max(1, end - SHOWN + 1);
  try {
    const { headers } = await desk.client.request<{ headers: LogHeader[] }>("farhand/audit/headers", { fromIdx: from, limit: SHOWN });
    const [first, ...rest] = headers;
    if (!first) return { headers: [] };
    try {
      await follow({ idx: first.idx, head: unhex(first.h) }, rest);
      return { headers };
    } catch (error) {
      return { headers, broken: (error as Error).message };
    }
  } catch (error) {
    return { failed: (error as Error).message };
  }
}

export function Log({ desk }: { desk: Desk }) {
  useDesk(desk);
  const now = useNow(5000);
  const [state, setState] = useState<State>();
  const [type, setType] = useState("");
  const end = desk.log.told?.idx;
  useEffect(() => {
    let here = true;
    void read(desk).then((next) => here && setState(next));
    return () => {
      here = false;
    };
  }, [desk, end]);
  const { alarm, seen, checkedAt } = desk.log;
  const headers = state && "headers" in state ? state.headers : [];
  const types = [...new Set(headers.map((h) => h.type))].sort();
  return (
    <div class="pane log">
      <header class="bar">
        <IconButton icon="back" label="Back to settings" onClick={() => go({ at: "settings" })} tone="only-narrow" />
        <div class="bar-title"><h1>Log</h1><span>of {desk.client.host.name}</span></div>
      </header>
      <div class="scroll padded">
        {alarm ? <Alarm desk={desk} /> : seen && (
          <p class="verdict good">
            <Icon name="shield" size={20} />
            <span><b>Unbroken as far as this device has seen it.</b> Record {seen.idx}, checked {age(now - checkedAt)} ago. Nothing that this device saw was changed or removed.</span>
          </p>
        )}
        {state === undefined && <Waiting what="Reading the log's chain from the host." />}
        {state && "failed" in state && <Empty icon="alert" title="The log did not come"><p>{state.failed}</p></Empty>}
        {state && "headers" in state && state.broken && <p class="failure" role="alert"><Icon name="alert" size={18} />The chain breaks here: {state.broken}.</p>}
        {types.length > 1 && (
          <label class="field"><span>Show</span>
            <select value={type} onChange={(event) => setType(event.currentTarget.value)}>
              <option value="">Everything</option>
              {types.map((t) => <option key={t} value={t}>{WORDS[t] ?? t}</option>)}
            </select>
          </label>
        )}
        <ol class="records">
          {headers.toReversed().filter((h) => !type || h.type === type).map((h) => (
            <li key={h.idx}>
              <span class="num">{h.idx}</span>
              <span class="grow">{WORDS[h.type] ?? h.type}<small><code title={h.h}>{h.h.slice(0, 16)}</code></small></span>
              <time dateTime={new Date(h.time).toISOString()}>{age(now - h.time)}</time>
            </li>
          ))}
        </ol>
        {headers.length > 0 && <p class="note">The newest {headers.length} records by kind; what is in them is read at the host with <code>farhand audit show</code>.</p>}
      </div>
    </div>
  );
}

function Alarm({ desk }: { desk: Desk }) {
  const { alarm, seen, told } = desk.log;
  return (
    <div class="alarm" role="alert">
      <h2><Icon name="alert" size={22} />{alarm!.kind === "shortened" ? "The log was shortened" : "The log was rewritten"}</h2>
      <p>{alarm!.sentence}</p>
      <p>Records that this device had seen are gone or changed. A backup put back does that; so does somebody who hides what was done. Look at the host before you approve anything there.</p>
      <dl class="facts">
        <dt>Seen here</dt><dd><code>{seen?.idx} {seen && hex(seen.head).slice(0, 16)}</code></dd>
        <dt>Told now</dt><dd><code>{told?.idx} {told && hex(told.head).slice(0, 16)}</code></dd>
      </dl>
      <button type="button" class="button" onClick={() => desk.log.accept()}>I know why: go on from the log as it is</button>
    </div>
  );
}
