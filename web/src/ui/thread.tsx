// One thread: its items as they come, what waits for an answer, and the composer.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { Entry, ThreadModel, TurnView } from "../client/thread";
import type { Queued } from "../wire/codex";
import { Dock } from "./approval";
import { DRAFT } from "../client/acts";
import { Empty, IconButton, Waiting } from "./bits";
import { Composer } from "./composer";
import type { Asks } from "./decision";
import { baseName, clock, duration, title } from "./format";
import { go, useDeskText, useStickToEnd } from "./hooks";
import { ActLine, Sending, Starting } from "./outgoing";
import { readMark, setReadMark } from "./read_mark";
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
  if (id.startsWith(DRAFT)) return <Starting desk={desk} id={id} />;
  return <OpenThread desk={desk} id={id} />;
}

function OpenThread({ desk, id }: { desk: Desk; id: string }) {
  useDeskText(desk);
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
  const grown = `${model.entries.length}/${outgoing.length}/${requests.length}`;
  const { ref, away, toEnd } = useStickToEnd(grown);
  const rights = rightsOf(desk);
  const acts = desk.acts.of(model.id);
  const shown = model.shown;
  /** Only so many are drawn: more as somebody reads up, few again at the end. */
  const [limit, setLimit] = useState(DRAWN);
  useEffect(() => {
    if (!away) setLimit(DRAWN);
  }, [away]);
  const drawn = shown.length > limit ? shown.slice(-limit) : shown;
  const [mark] = useState(() => readMark(model.id));
  const unread = firstUnread(model.entries, mark);
  useEffect(() => {
    const newest = model.entries.at(-1)?.item.id;
    if (newest && !away && !document.hidden && model.keptAt === undefined) setReadMark(model.id, newest);
  }, [grown, away]);
  const toUnread = () => {
    setLimit(Infinity);
    requestAnimationFrame(() => ref.current?.querySelector(".unread-line")?.scrollIntoView({ block: "start" }));
  };
  const latest = () => {
    if (model.cutAfter) void desk.reader.toLatest(model).then(toEnd);
    else toEnd();
  };
  const [seenUnread, setSeenUnread] = useState(false);
  useEffect(() => {
    const line = ref.current?.querySelector(".unread-line");
    if (!line) return;
    const observer = new IntersectionObserver(([e]) => e?.isIntersecting && setSeenUnread(true), { root: ref.current });
    observer.observe(line);
    return () => observer.disconnect();
  }, [unread, drawn.length]);
  return (
    <div class="pane thread">
      <Head desk={desk} model={model} maySteer={rights.steer} />
      <div class="scroll stream" ref={ref} tabIndex={-1}>
        <div class="column">
          {drawn.length < shown.length
            ? <More key="local" words="Show earlier" load={async () => setLimit(limit + DRAWN)} box={ref} />
            : <Older desk={desk} model={model} box={ref} />}
          <Turns model={model} entries={drawn} asking={asking} unread={unread} />
          {model.cutAfter && <More key="newer" words="Show later" load={() => desk.reader.loadNewer(model)} box={ref} />}
          {outgoing.map((message) => <Sending key={message.id} desk={desk} message={message} />)}
          {running && requests.length === 0 && !hasOpenText(model) && <p class="working" role="status"><span class="dots"><i /><i /><i /></span>{model.activeTurn?.retrying ?? "Working"}</p>}
          {model.entries.length === 0 && outgoing.length === 0 && !running && model.older === null && (
            <Empty icon="plan" title="Nothing here yet"><p>Say what the agent should do in {baseName(model.thread.cwd)}.</p></Empty>
          )}
        </div>
      </div>
      {model.keptAt !== undefined && desk.client.state.phase !== "open" && (
        <p class="kept" role="status"><Icon name="clock" size={16} />From {clock(model.keptAt)}, offline. What came since is with the host.</p>
      )}
      <div class="jumps">
        {unread !== undefined && !seenUnread && <button type="button" class="to-end" onClick={toUnread}><Icon name="up" size={18} />First unread</button>}
        {(away || model.cutAfter) && <button type="button" class="to-end" onClick={latest}><Icon name="down" size={18} />Latest</button>}
      </div>
      {acts.length > 0 && <div class="acts">{acts.map((act) => <ActLine key={act.id} desk={desk} act={act} />)}</div>}
      <Dock desk={desk} threadId={model.id} root={model.thread.cwd} rights={rights} />
      <Queue desk={desk} model={model} maySteer={rights.steer} />
      {rights.steer ? (
        <Composer
          draftKey={model.id} running={running}
          placeholder={running ? "Steer the agent" : "Ask for the next thing"}
          onSend={(text, images) => { desk.send(model, text, false, images); latest(); }}
          onQueue={(text, images) => void desk.send(model, text, true, images)}
          onInterrupt={() => desk.interrupt(model)}
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
  const others = (desk.present.get(model.id) ?? []).filter((one) => one.clientId === undefined || one.clientId !== desk.status?.value.you?.clientId);
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
          {others.length > 0 ? ` · ${others.length === 1 ? others[0]!.person || others[0]!.name || "somebody" : `${others.length} others`} here` : ""}
        </span>
      </div>
      <IconButton icon="more" label="More about this thread" onClick={() => setMenu(true)} />
      {menu && <ThreadMenu desk={desk} model={model} maySteer={maySteer} onClose={() => setMenu(false)} />}
    </header>
  );
}

function Older({ desk, model, box }: { desk: Desk; model: ThreadModel; box: Box }) {
  if (model.older === null) return null;
  if (model.older === undefined) {
    if (model.keptAt !== undefined) return null;
    return desk.client.state.phase === "open" ? <Waiting what="Reading the history from the host." />
      : <p class="kept"><Icon name="clock" size={16} />Not read on this device yet: the history comes when the host is reached.</p>;
  }
  return <More words="Show earlier" load={() => desk.reader.loadOlder(model)} box={box} key={model.older} />;
}

type Box = { readonly current: HTMLDivElement | null };

/** More of the thread, by itself when it comes near; a button for who cannot scroll. */
function More({ words, load, box }: { words: string; load: () => Promise<void>; box: Box }) {
  const [busy, setBusy] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const take = async () => {
    setBusy(true);
    await load();
    setBusy(false);
  };
  const now = useRef(take);
  now.current = take;
  useEffect(() => {
    const [area, here] = [box.current, button.current];
    if (!area || !here) return;
    // Not before somebody has scrolled: what is not looked at is not loaded.
    let moved = false;
    const scrolled = () => (moved = true);
    area.addEventListener("wheel", scrolled, { passive: true });
    area.addEventListener("touchmove", scrolled, { passive: true });
    area.addEventListener("keydown", scrolled);
    const observer = new IntersectionObserver(([e]) => e?.isIntersecting && moved && void now.current(), { root: area, rootMargin: "400px" });
    observer.observe(here);
    return () => {
      observer.disconnect();
      for (const kind of ["wheel", "touchmove", "keydown"]) area.removeEventListener(kind, scrolled);
    };
  }, []);
  return <button type="button" class="more" ref={button} disabled={busy} onClick={() => void take()}>{busy ? "Reading …" : words}</button>;
}

const DRAWN = 80;

/** The first item after the one that was the newest when this device last looked. */
function firstUnread(entries: Entry[], mark: string | undefined): string | undefined {
  const at = mark === undefined ? -1 : entries.findIndex((entry) => entry.item.id === mark);
  const next = at < 0 ? undefined : entries.slice(at + 1).find((entry) => entry.item.type !== "userMessage");
  return next?.item.id;
}

/** Items in order, with a line where a turn ended otherwise than well. */
function Turns({ model, entries: all, asking, unread }: {
  model: ThreadModel; entries: Entry[]; asking: Map<string | undefined, Asks>; unread: string | undefined;
}) {
  const groups: { turnId: string; entries: Entry[] }[] = [];
  for (const entry of all) {
    const group = groups.at(-1);
    if (group?.turnId === entry.turnId) group.entries.push(entry);
    else groups.push({ turnId: entry.turnId, entries: [entry] });
  }
  return (
    <>
      {groups.map(({ turnId, entries }, at) => (
        <div class="turn" key={`${turnId}/${at}`}>
          {entries.map((entry) => (
            <div class={entry.open ? "item" : "item done"} key={entry.item.id}>
              {entry.item.id === unread && <p class="unread-line"><span>New since you looked</span></p>}
              <ItemView
                entry={entry} revision={entry.revision} open={entry.open}
                asks={asking.get(entry.item.id)} root={model.thread.cwd} threadId={model.id}
              />
            </div>
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
