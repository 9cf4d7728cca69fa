// What this device keeps and shows: appearance, text size, what is on disk, who the host
// is. Kept in this browser; nothing of it goes anywhere.

import { useEffect, useState } from "preact/hooks";
import type { HostRecord } from "../client";
import type { Desk } from "../client/desk";
import { hex } from "../wire/bytes";
import { Sheet } from "./bits";
import { useDesk } from "./hooks";
import { Icon } from "./icons";
import { roleOf } from "./rights";
import { canDictate, dictation, setDictation, WHERE_IT_GOES } from "./voice";
import { appearance, setAppearance, setTextSize, textSize } from "./taste";

export function Settings({ desk, hosts, onHosts, onForget }: {
  desk: Desk; hosts: HostRecord[]; onHosts: () => void; onForget: () => void;
}) {
  useDesk(desk);
  const [look, setLook] = useState(appearance());
  const [size, setSize] = useState(textSize());
  const [voice, setVoice] = useState(dictation());
  const [leaving, setLeaving] = useState(false);
  const { host } = desk.client;
  return (
    <div class="pane settings">
      <header class="bar">
        <div class="bar-title"><h1>Settings</h1><span>of this device</span></div>
      </header>
      <div class="scroll padded">
        <h2 class="label" id="look">Appearance</h2>
        <div class="segments" role="radiogroup" aria-labelledby="look">
          {(["system", "light", "dark"] as const).map((choice) => (
            <button
              type="button" role="radio" key={choice} aria-checked={look === choice}
              onClick={() => { setAppearance(choice); setLook(choice); }}
            >{choice === "system" ? "System" : choice === "light" ? "Light" : "Dark"}</button>
          ))}
        </div>
        <h2 class="label" id="size">Text size</h2>
        <div class="segments" role="radiogroup" aria-labelledby="size">
          {([100, 115, 135] as const).map((choice) => (
            <button
              type="button" role="radio" key={choice} aria-checked={size === choice}
              onClick={() => { setTextSize(choice); setSize(choice); }}
            >{choice} %</button>
          ))}
        </div>
        {canDictate() && (
          <>
            <h2 class="label">Voice</h2>
            <label class="switch">
              <input type="checkbox" checked={voice} onChange={(event) => { setDictation(event.currentTarget.checked); setVoice(event.currentTarget.checked); }} />
              <span>Dictate prompts<small>{WHERE_IT_GOES}</small></span>
            </label>
          </>
        )}
        <h2 class="label">Host</h2>
        <ul class="menu">
          {hosts.length > 1 && <li><button type="button" onClick={onHosts}><Icon name="terminal" /><span class="grow">Change host<small>{hosts.length} are paired with this device</small></span><Icon name="right" size={18} /></button></li>}
          <li><a href="#/log"><Icon name="shield" /><span class="grow">Log<small>{desk.log.alarm ? "Look at it now" : desk.log.seen ? `Unbroken up to record ${desk.log.seen.idx}` : "Not seen yet"}</small></span><Icon name="right" size={18} /></a></li>
          <li><a href="#/rules"><Icon name="check" /><span class="grow">Rules<small>What people allowed for longer than once</small></span><Icon name="right" size={18} /></a></li>
          <li><a href="#/archived"><Icon name="archive" /><span class="grow">Archived<small>Threads that were put away</small></span><Icon name="right" size={18} /></a></li>
          <li><a href="#/devices"><Icon name="devices" /><span class="grow">Devices<small>Who may reach {host.name}</small></span><Icon name="right" size={18} /></a></li>
          <li><a href="#/pair"><Icon name="plus" /><span class="grow">Pair with another host</span><Icon name="right" size={18} /></a></li>
        </ul>
        <h2 class="label">This device</h2>
        <dl class="facts">
          <dt>Role</dt><dd>{roleOf(desk)}</dd>
          <dt>Name</dt><dd>{desk.status?.value.you?.displayName ?? ""}</dd>
          <dt>Id</dt><dd><code>{desk.status?.value.you?.clientId ?? ""}</code></dd>
          <dt>Host's key</dt><dd><code>{hex(host.host).slice(0, 32)}</code></dd>
          <dt>Kept here</dt><dd><Kept desk={desk} /></dd>
        </dl>
        <div class="stack">
          <button type="button" class="button bad" onClick={() => setLeaving(true)}>Forget {host.name} on this device</button>
        </div>
      </div>
      {leaving && <Leaving name={host.name} onKeep={() => setLeaving(false)} onForget={onForget} />}
    </div>
  );
}

export function Leaving({ name, onKeep, onForget }: { name: string; onKeep: () => void; onForget: () => void }) {
  return (
    <Sheet title={`Forget ${name}?`} onClose={onKeep}>
      <p>The keys on this device are deleted, with what was typed and not yet delivered; also if the host cannot be reached. To come back, pair again.</p>
      <div class="answers">
        <button type="button" class="button" onClick={onKeep}>Keep</button>
        <button type="button" class="button bad" onClick={onForget}>Forget</button>
      </div>
    </Sheet>
  );
}

/** Whether this browser promises to keep the keys; asked, never waited for. */
function Kept({ desk }: { desk: Desk }) {
  const [lasting, setLasting] = useState<boolean>();
  useEffect(() => {
    void navigator.storage?.persisted?.().then(setLasting, () => undefined);
  }, []);
  const ask = () => void navigator.storage.persist().then(setLasting, () => undefined);
  if (desk.journal?.trouble) return <>{desk.journal.trouble}</>;
  if (lasting) return <>keys, drafts and what is on its way; the browser does not clear them by itself</>;
  return (
    <>keys, drafts and what is on its way; the browser may clear them when it runs out of room.{" "}
      {lasting === false && <button type="button" class="plain" onClick={ask}>Ask it to keep them</button>}
    </>
  );
}
