// Devices of the host: who may reach it, in which role, when they were last seen;
// rename, change the role, revoke. What this device may not do is not offered.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { DeviceRow } from "../wire/codex";
import { Empty, Sheet, Waiting } from "./bits";
import { age, clock } from "./format";
import { useDesk, useNow } from "./hooks";
import { Icon } from "./icons";

const ROLES = ["viewer", "approver", "operator"] as const;
const MAY: Record<string, string> = {
  viewer: "reads and watches", approver: "reads, approves and declines",
  operator: "starts and steers work, approves", owner: "may do everything, also add and remove devices",
};

export function Devices({ desk }: { desk: Desk }) {
  useDesk(desk);
  const now = useNow(5000);
  const [rows, setRows] = useState<DeviceRow[] | string>();
  const [chosen, setChosen] = useState<DeviceRow>();
  const load = () => desk.devices().then(setRows, (error: Error) => setRows(error.message));
  const told = desk.status?.at;
  useEffect(() => void load(), [desk, told]);
  const you = desk.status?.value.you;
  const offline = desk.client.state.phase !== "open";
  const list = Array.isArray(rows) ? rows.toSorted((a, b) => rank(b, you?.clientId) - rank(a, you?.clientId)) : [];
  return (
    <div class="pane devices">
      <header class="bar">
        <div class="bar-title"><h1>Devices</h1><span>that may reach {desk.client.host.name}</span></div>
      </header>
      <div class="scroll padded">
        {offline && list.length > 0 && <p class="note">As the host last told: it is not reached right now, so nothing can be changed.</p>}
        {rows === undefined && <Waiting what="Asking the host for its devices." />}
        {typeof rows === "string" && <Empty icon="devices" title="The list did not come"><p>{rows}</p></Empty>}
        {desk.pairings.map((row) => (
          <section class="card trust" key={row.pairingId} aria-label="A new device asks">
            <header class="card-head"><Icon name="devices" size={18} /><h2 class="grow">Let {row.deviceName || "a new device"} in?</h2></header>
            <div class="card-body">
              <p>It asks to be <b>{row.role}</b>: {MAY[row.role ?? ""] ?? ""}{row.person ? `, as ${row.person}` : ""}. Say yes only if it shows these digits.</p>
              {row.sas && <p class="digits">{row.sas}</p>}
              <div class="answers">
                <button type="button" class="button" onClick={() => void desk.confirmPairing(row.pairingId, false)}>No</button>
                <button type="button" class="button primary" onClick={() => void desk.confirmPairing(row.pairingId, true)}>It shows them: let it in</button>
              </div>
            </div>
          </section>
        ))}
        <ul class="device-list">
          {list.map((row) => (
            <li key={row.clientId}>
              <button type="button" class="device" onClick={() => setChosen(row)}>
                <i class={`dot ${row.farhand?.connected && !offline ? "good" : ""}`} />
                <span>
                  <b>{row.displayName || "Device"}{row.clientId === you?.clientId && <em> this device</em>}</b>
                  <small>{row.farhand?.person ? `${row.farhand.person} · ` : ""}{row.farhand?.role ?? ""}{row.farhand?.until != null ? (row.farhand.over ? " · invitation over" : ` · until ${clock(row.farhand.until)}`) : ""}{row.farhand?.connected ? (offline ? " · was connected" : " · connected") : row.lastSeenAt ? ` · seen ${age(now - row.lastSeenAt * 1000)} ago` : " · not seen yet"}</small>
                </span>
                <Icon name="right" size={18} />
              </button>
            </li>
          ))}
        </ul>
        <p class="note after">{desk.mayAdmin
          ? "A new device is added at the host: farhand pair shows a code and a phrase."
          : "Only an owner changes or revokes devices; at the host: farhand devices."}</p>
      </div>
      {chosen && <OneDevice desk={desk} row={chosen} offline={offline} onDone={() => { setChosen(undefined); void load(); }} />}
    </div>
  );
}

function rank(row: DeviceRow, me: string | undefined): number {
  return (row.clientId === me ? 2e12 : 0) + (row.farhand?.connected ? 1e12 : 0) + (row.lastSeenAt ?? 0);
}

function OneDevice({ desk, row, offline, onDone }: {
  desk: Desk; row: DeviceRow; offline: boolean; onDone: () => void;
}) {
  const [name, setName] = useState(row.displayName ?? "");
  const [role, setRole] = useState(row.farhand?.role ?? "");
  const [sure, setSure] = useState(false);
  const [busy, setBusy] = useState(false);
  const mine = row.clientId === desk.status?.value.you?.clientId;
  const renamed = name.trim() !== "" && name.trim() !== row.displayName;
  const moved = role !== row.farhand?.role;
  const attempt = (work: Promise<void>) => {
    setBusy(true);
    void work.then(onDone, (error: Error) => {
      desk.say(error.message, "bad");
      onDone();
    });
  };
  const save = () => attempt(desk.changeDevice(row.clientId, {
    ...(renamed ? { displayName: name.trim() } : {}), ...(moved ? { role } : {}),
  }));
  return (
    <Sheet title={row.displayName || "Device"} onClose={onDone}>
      <dl class="facts">
        <dt>Role</dt><dd>{row.farhand?.role ?? "unknown"}: {MAY[row.farhand?.role ?? ""] ?? ""}</dd>
        <dt>Id</dt><dd><code>{row.clientId}</code></dd>
        {row.farhand?.person && <><dt>Person</dt><dd>{row.farhand.person}</dd></>}
        {row.farhand?.threads && <><dt>Threads</dt><dd>only {row.farhand.threads.length === 1 ? "one" : row.farhand.threads.length} of them</dd></>}
        {row.farhand?.until != null && <><dt>Until</dt><dd>{row.farhand.over ? "over since " : ""}{clock(row.farhand.until)}</dd></>}
        {row.platform && <><dt>Platform</dt><dd>{row.platform}</dd></>}
      </dl>
      {desk.mayAdmin && !offline ? (
        <>
          <label class="field"><span>Name</span><input value={name} maxLength={32} onInput={(event) => setName(event.currentTarget.value)} /></label>
          {row.farhand?.role === "owner" || mine
            ? <p class="note">{mine ? "The role of this very device is changed elsewhere." : "An owner is made and unmade at the host's terminal."}</p>
            : (
              <label class="field"><span>Role</span>
                <select value={role} onChange={(event) => setRole(event.currentTarget.value)}>
                  {ROLES.map((r) => <option key={r} value={r}>{r}: {MAY[r]}</option>)}
                </select>
              </label>
            )}
          <div class="answers">
            {sure
              ? <button type="button" class="button bad" disabled={busy} onClick={() => attempt(desk.revoke(row.clientId))}>{mine ? "Yes, revoke this device" : "Yes, revoke it"}</button>
              : <button type="button" class="button" onClick={() => setSure(true)}>Revoke</button>}
            <button type="button" class="button primary" disabled={busy || (!renamed && !moved)} onClick={save}>Save</button>
          </div>
          {sure && <p class="note">It is out at once: its session ends, what it queued is dropped, and it must pair anew to come back.</p>}
        </>
      ) : (
        <p class="note">{offline ? "The host is not reached right now." : <>Only an owner changes or revokes devices: on the host, <code>farhand devices</code>.</>}</p>
      )}
    </Sheet>
  );
}
