// Devices of the host: who may reach it, when they were last seen; rename, revoke.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { DeviceRow } from "../wire/codex";
import { Empty, IconButton, Sheet, Waiting } from "./bits";
import { age } from "./format";
import { go, useDesk, useNow } from "./hooks";
import { Icon } from "./icons";

export function Devices({ desk, onForget, onPair }: {
  desk: Desk; onForget: () => void; onPair: () => void;
}) {
  useDesk(desk);
  const now = useNow(5000);
  const [rows, setRows] = useState<DeviceRow[] | string>();
  const [chosen, setChosen] = useState<DeviceRow>();
  const [leaving, setLeaving] = useState(false);
  const load = () => desk.devices().then(setRows, (error: Error) => setRows(error.message));
  const connected = desk.status?.at;
  useEffect(() => void load(), [desk, connected]);
  const you = desk.status?.value.you;
  const mayAdmin = you?.role === "owner" || (you?.capabilities ?? []).includes("admin");
  return (
    <div class="pane devices">
      <header class="bar">
        <IconButton icon="back" label="Back to threads" onClick={() => go({ at: "threads" })} tone="only-narrow" />
        <div class="bar-title"><h1>Devices</h1><span>of {desk.client.host.name}</span></div>
      </header>
      <div class="scroll padded">
        {rows === undefined && <Waiting what="Asking the host for its devices." />}
        {typeof rows === "string" && <Empty icon="devices" title="The list did not come"><p>{rows}</p></Empty>}
        {Array.isArray(rows) && (
          <ul class="device-list">
            {rows.map((row) => (
              <li key={row.clientId}>
                <button type="button" class="device" onClick={() => setChosen(row)}>
                  <i class={`dot ${row.farhand?.connected ? "good" : ""}`} />
                  <span>
                    <b>{row.displayName || "Device"}{row.clientId === you?.clientId && <em> this device</em>}</b>
                    <small>{row.farhand?.role ?? ""}{row.farhand?.connected ? " · connected" : row.lastSeenAt ? ` · seen ${age(now - row.lastSeenAt * 1000)} ago` : ""}</small>
                  </span>
                  <Icon name="right" size={18} />
                </button>
              </li>
            ))}
          </ul>
        )}
        <div class="stack">
          <button type="button" class="button" onClick={onPair}>Pair with another host</button>
          <button type="button" class="button bad" onClick={() => setLeaving(true)}>Forget {desk.client.host.name} on this device</button>
        </div>
      </div>
      {chosen && <OneDevice desk={desk} row={chosen} mayAdmin={mayAdmin} onDone={() => { setChosen(undefined); void load(); }} />}
      {leaving && (
        <Sheet title={`Forget ${desk.client.host.name}?`} onClose={() => setLeaving(false)}>
          <p>The keys on this device are deleted, also if the host cannot be reached. To come back, pair again.</p>
          <div class="answers">
            <button type="button" class="button" onClick={() => setLeaving(false)}>Keep</button>
            <button type="button" class="button bad" onClick={onForget}>Forget</button>
          </div>
        </Sheet>
      )}
    </div>
  );
}

function OneDevice({ desk, row, mayAdmin, onDone }: {
  desk: Desk; row: DeviceRow; mayAdmin: boolean; onDone: () => void;
}) {
  const [name, setName] = useState(row.displayName ?? "");
  const [sure, setSure] = useState(false);
  const attempt = (work: Promise<void>) => work.then(onDone, (error: Error) => {
    desk.say(error.message, "bad");
    onDone();
  });
  return (
    <Sheet title={row.displayName || "Device"} onClose={onDone}>
      <dl class="facts">
        <dt>Role</dt><dd>{row.farhand?.role ?? "unknown"}</dd>
        <dt>Id</dt><dd><code>{row.clientId}</code></dd>
        {row.platform && <><dt>Platform</dt><dd>{row.platform}</dd></>}
      </dl>
      {mayAdmin ? (
        <>
          <label class="field"><span>Name</span><input value={name} onInput={(event) => setName(event.currentTarget.value)} /></label>
          <div class="answers">
            {sure
              ? <button type="button" class="button bad" onClick={() => void attempt(desk.revoke(row.clientId))}>Yes, revoke it</button>
              : <button type="button" class="button" onClick={() => setSure(true)}>Revoke</button>}
            <button
              type="button" class="button primary" disabled={!name.trim() || name === row.displayName}
              onClick={() => void attempt(desk.renameDevice(row.clientId, name.trim()))}
            >Rename</button>
          </div>
        </>
      ) : <p class="note">Only an owner changes or revokes devices: on the host, <code>farhand devices</code>.</p>}
    </Sheet>
  );
}
