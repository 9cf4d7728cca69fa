// One thread: its items as they come, what waits for an answer, and the composer.

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { Outgoing } from "../client/outbox";
import type { Entry, ThreadModel, TurnView } from "../client/thread";
import type { Queued } from "../wire/codex";
import { Dock } from "./approval";
import { copyText, Empty, IconButton, Waiting } from "./bits";
import { Composer } from "./composer";
import type { Asks } from "./decision";
import { baseName, duration, title } from "./format";
import { go, useDesk, useStickToEnd } from "./hooks";
import { Icon } from "./icons";
import { ItemView } from "./items";
import { rightsOf } from "./rights";
import { ThreadMenu } from "./thread_menu";

function useModel(desk: Desk, id: string): ThreadModel | undefined {
  const [, loaded] = useState(0);
  useEffect(() => {
    let here = true;
    void desk.openThread(id).then(() => here && loaded((n) => n + 1));
    return () => {
      here = false;
    };
  }, [desk, id]);
  return desk.open.get(id);
}

export function ThreadPane({ desk, id }: { desk: Desk; id: string }) {
  useDesk(desk);
  const model = useModel(desk, id);
  if (!model) return <div class="pane"><Waiting what="Opening the thread." /></div>;
  return <ThreadView desk={desk} model={model} key={id} />;
}

function ThreadView({ desk, model }: { desk: Desk; model: ThreadModel }) {
  const running = model.status.type === "active" || model.activeTurn !== undefined;
  const requests = desk.requestsOf(model.id);
  const asking = new Map(requests.map((card): [string | undefined, Asks] => {
    const decided = desk.approvals.decided.get(card.id);
    return [card.itemId, decided && decided.progress !== "refused" ? "signed" : "you"];
  }));
  const outgoing = desk.outbox.of(model.id);
  const last = model.entries.at(-1);
  const grown = `${model.entries.length}/${last?.revision}/${outgoing.length}/${requests.length}`;
  const { ref, away, toEnd } = useStickToEnd(grown);
  const rights = rightsOf(desk);
  return (
    <div class="pane thread">
      <Head desk={desk} model={model} maySteer={rights.steer} />
      <div class="scroll stream" ref={ref} tabIndex={-1}>
        <div class="column">
          <Older desk={desk} model={model} />
          <Turns model={model} asking={asking} />
          {outgoing.map((message) => <Sending key={message.id} desk={desk} message={message} />)}
          {running && requests.length === 0 && !hasOpenText(model) && <p class="working" role="status"><span class="dots"><i /><i /><i /></span>{model.activeTurn?.retrying ?? "Working"}</p>}
          {model.entries.length === 0 && outgoing.length === 0 && !running && model.older === null && (
            <Empty icon="plan" title="Nothing here yet"><p>Say what the agent should do in {baseName(model.thread.cwd)}.</p></Empty>
          )}
        </div>
      </div>
      {away && <button type="button" class="to-end" onClick={toEnd}><Icon name="down" size={18} />Latest</button>}
      <Dock desk={desk} threadId={model.id} root={model.thread.cwd} rights={rights} />
      <Queue desk={desk} model={model} maySteer={rights.steer} />
      {rights.steer ? (
        <Composer
          draftKey={model.id} running={running}
          placeholder={running ? "Steer the agent" : "Ask for the next thing"}
          onSend={(text) => { desk.send(model, text); toEnd(); }}
          onQueue={(text) => void desk.send(model, text, true)}
          onInterrupt={() => void desk.interrupt(model)}
        />
      ) : <p class="read-only">Your role here is to {rights.answer ? "approve" : "watch"}.</p>}
    </div>
  );
}

/** What comes after the turn that runs: edited, moved, removed here. */
function Queue({ desk, model, maySteer }: { desk: Desk; model: ThreadModel; maySteer: boolean }) {
  const { queue } = model;
  if (queue.length === 0) return null;
  const words = (queued: Queued) => queued.input.map((part) => part.text ?? part.name ?? part.type).join(" ");
  const up = (at: number) => {
    const ids = queue.map((queued) => queued.id);
    ids.splice(at - 1, 0, ...ids.splice(at, 1));
    void desk.reorder(model, ids);
  };
  /** Back into the box where it was typed, if that is empty. */
  const edit = async (queued: Queued) => {
    const name = `farhand:draft:${model.id}`;
    const draft = localStorage.getItem(name);
    if (!(await desk.unqueue(model, queued))) return;
    localStorage.setItem(name, draft ? `${draft}\n${words(queued)}` : words(queued));
    dispatchEvent(new CustomEvent("farhand:draft", { detail: name }));
  };
  return (
    <section class="queue" aria-label="Next">
      <h2>Next</h2>
      <ol>
        {queue.map((queued, at) => (
          <li key={queued.id}>
            <span class="grow">{words(queued)}</span>
            {maySteer && at > 0 && <IconButton icon="up" label="Earlier" onClick={() => up(at)} />}
            {maySteer && <IconButton icon="pencil" label="Edit" onClick={() => void edit(queued)} />}
            {maySteer && <IconButton icon="cross" label="Remove" onClick={() => void desk.unqueue(model, queued)} />}
          </li>
        ))}
      </ol>
    </section>
  );
}

function hasOpenText(model: ThreadModel): boolean {
  const last = model.entries.at(-1);
  return last !== undefined && last.open && last.item.type === "agentMessage" && last.item.text !== "";
}

function Head({ desk, model, maySteer }: { desk: Desk; model: ThreadModel; maySteer: boolean }) {
  const [menu, setMenu] = useState(false);
  const others = (desk.status?.value.devices ?? []).filter((d) => d.connected && d.clientId !== desk.status?.value.you?.clientId);
  const branch = model.thread.gitInfo?.branch;
  const tokens = model.tokens;
  return (
    <header class="bar">
      <IconButton icon="back" label="Back to threads" onClick={() => go({ at: "threads" })} tone="only-narrow" />
      <div class="bar-title">
        <h1 title={title(model.thread)}>{title(model.thread)}</h1>
        <span title={model.thread.cwd}>
          {baseName(model.thread.cwd)}{branch ? ` · ${branch}` : ""}
          {tokens && tokens.used * 10 > tokens.window ? ` · ${Math.round((100 * tokens.used) / tokens.window)} % of context` : ""}
          {others.length > 0 ? ` · ${others.length === 1 ? others[0]!.displayName || "another device" : `${others.length} others`} here` : ""}
        </span>
      </div>
      <IconButton icon="more" label="More about this thread" onClick={() => setMenu(true)} />
      {menu && <ThreadMenu desk={desk} model={model} maySteer={maySteer} onClose={() => setMenu(false)} />}
    </header>
  );
}

function Older({ desk, model }: { desk: Desk; model: ThreadModel }) {
  const [busy, setBusy] = useState(false);
  if (model.older === undefined) return <Waiting what="Reading the history from the host." />;
  if (model.older === null) return null;
  const load = async () => {
    setBusy(true);
    await desk.loadOlder(model);
    setBusy(false);
  };
  return <button type="button" class="more" disabled={busy} onClick={() => void load()}>{busy ? "Reading …" : "Show earlier"}</button>;
}

/** Items in order, with a line where a turn ended otherwise than well. */
function Turns({ model, asking }: { model: ThreadModel; asking: Map<string | undefined, Asks> }) {
  const groups: { turnId: string; entries: Entry[] }[] = [];
  for (const entry of model.entries) {
    const group = groups.at(-1);
    if (group?.turnId === entry.turnId) group.entries.push(entry);
    else groups.push({ turnId: entry.turnId, entries: [entry] });
  }
  return (
    <>
      {groups.map(({ turnId, entries }, at) => (
        <div class="turn" key={`${turnId}/${at}`}>
          {entries.map((entry) => (
            <ItemView
              key={entry.item.id} entry={entry} revision={entry.revision} open={entry.open}
              asks={asking.get(entry.item.id)} root={model.thread.cwd} threadId={model.id}
            />
          ))}
          <TurnEnd turn={model.turns.get(turnId)} />
        </div>
      ))}
    </>
  );
}

function TurnEnd({ turn }: { turn: TurnView | undefined }) {
  if (!turn) return null;
  return (
    <>
      {turn.plan && turn.status === "inProgress" && <PlanSteps plan={turn.plan} />}
      {turn.retrying && <p class="turn-end"><Icon name="clock" size={16} />{turn.retrying}</p>}
      {turn.status === "failed" && (
        <p class="turn-end bad" role="alert"><Icon name="alert" size={16} />{turn.error?.message ?? "The turn failed."}</p>
      )}
      {turn.status === "interrupted" && <p class="turn-end"><Icon name="stop" size={16} />Interrupted{turn.durationMs ? ` after ${duration(turn.durationMs)}` : ""}</p>}
    </>
  );
}

function PlanSteps({ plan }: { plan: { step: string; status: string }[] }) {
  return (
    <article class="card plan">
      <header class="card-head"><Icon name="plan" size={18} /><span>Plan</span></header>
      <ol class="steps">
        {plan.map(({ step, status }) => (
          <li class={status} key={step}>
            {status === "completed" ? <Icon name="check" size={16} /> : <i class={status === "inProgress" ? "pulse" : "ring"} />}
            {step}
          </li>
        ))}
      </ol>
    </article>
  );
}

const PROGRESS = {
  queued: "Queued",
  host: "With the host",
  taken: "Taken by the agent",
  unknown: "Outcome unknown",
  failed: "Not delivered",
} as const;

function Sending({ desk, message }: { desk: Desk; message: Outgoing }) {
  const { progress } = message;
  const stuck = progress === "failed" || progress === "unknown";
  const words = message.next && progress === "queued" ? "Queued for after this turn" : PROGRESS[progress];
  return (
    <div class={`mine sending ${progress}`}>
      <div class="bubble">{message.text}</div>
      <span class="progress" role={stuck ? "alert" : "status"}>
        <Ticks progress={progress} />
        {stuck ? `${PROGRESS[progress]}${message.sentence ? `: ${message.sentence}` : ""}` : <span>{words}</span>}
      </span>
      {progress === "queued" && message.seq === undefined && (
        <span class="rare"><button type="button" class="plain quiet" onClick={() => desk.outbox.drop(message)}>Remove</button></span>
      )}
      {stuck && (
        <span class="rare">
          <button type="button" class="plain" onClick={() => desk.outbox.retry(message)}>Send again</button>
          <button type="button" class="plain" onClick={() => copyText(message.text)}>Copy</button>
          <button type="button" class="plain" onClick={() => desk.outbox.drop(message)}>Remove</button>
        </span>
      )}
    </div>
  );
}

function Ticks({ progress }: { progress: Outgoing["progress"] }) {
  if (progress === "queued") return <Icon name="clock" size={14} />;
  if (progress === "host") return <Icon name="check" size={14} />;
  if (progress === "taken") return <span class="two-ticks"><Icon name="check" size={14} /><Icon name="check" size={14} /></span>;
  return <Icon name="alert" size={14} />;
}
