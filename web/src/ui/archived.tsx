// Threads that were put away: read, and brought back.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import { Empty, IconButton, Waiting } from "./bits";
import { age, baseName, title } from "./format";
import { go, useDesk, useNow } from "./hooks";
import { ActLine } from "./outgoing";
import { rightsOf } from "./rights";

export function Archived({ desk }: { desk: Desk }) {
  useDesk(desk);
  const now = useNow(15_000);
  const [failure, setFailure] = useState("");
  const offline = desk.client.state.phase !== "open";
  const load = () => {
    setFailure("");
    void desk.loadArchived().catch((error: Error) => setFailure(error.message));
  };
  useEffect(load, [desk]);
  const acts = desk.acts.all.filter((act) => act.kind === "archive" || act.kind === "unarchive");
  const coming = new Set(acts.map((act) => act.threadId));
  const { steer } = rightsOf(desk);
  return (
    <div class="pane archived">
      <header class="bar">
        <IconButton icon="back" label="Back to settings" onClick={() => go({ at: "settings" })} tone="only-narrow" />
        <div class="bar-title"><h1>Archived</h1><span>on {desk.client.host.name}</span></div>
      </header>
      <div class="scroll padded">
        {acts.map((act) => <ActLine key={act.id} desk={desk} act={act} />)}
        {failure && <Empty icon="alert" title="The list did not come"><p>{failure}</p><button type="button" class="button" onClick={load}>Try again</button></Empty>}
        {!desk.archived && !failure && (offline
          ? <Empty icon="clock" title="Not known here"><p>The host is not reached; what is archived is read when it is back.</p></Empty>
          : <Waiting what="Asking the host what was put away." />)}
        {desk.archived?.length === 0 && <Empty icon="archive" title="Nothing is archived"><p>A thread is put away in its own menu.</p></Empty>}
        <ul class="device-list">
          {(desk.archived ?? []).filter((thread) => !coming.has(thread.id)).map((thread) => (
            <li key={thread.id}>
              <div class="device">
                <span><b>{title(thread)}</b><small>{baseName(thread.cwd)} · {age(now - thread.updatedAt * 1000)}</small></span>
                {steer && <button type="button" class="button" onClick={() => desk.unarchive(thread.id)}>Bring back</button>}
              </div>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}
