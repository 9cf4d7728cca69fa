// The list of threads: running first, then what waits for a person, then the rest.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Desk } from "../client/desk";
import type { Thread } from "../wire/codex";
import { Empty, Exact, IconButton, Waiting } from "./bits";
import { age, baseName, clock, title } from "./format";
import { go, useDesk, useNow } from "./hooks";
import { Icon, Mark } from "./icons";

type Group = "running" | "waiting" | "recent";

export function groupOf(thread: Thread, asks: boolean): Group {
  if (thread.status.type !== "active") return asks ? "waiting" : "recent";
  return asks || (thread.status.activeFlags?.length ?? 0) > 0 ? "waiting" : "running";
}

const HEADINGS: Record<Group, string> = {
  running: "Running", waiting: "Waiting for you", recent: "Recent",
};

export function Threads({ desk, current, onHosts }: {
  desk: Desk; current: string | undefined; onHosts: (() => void) | undefined;
}) {
  useDesk(desk);
  const now = useNow(15_000);
  const [query, setQuery] = useState("");
  const groups = useMemo(() => {
    const out: Record<Group, Thread[]> = { running: [], waiting: [], recent: [] };
    const wanted = query.trim().toLowerCase();
    const threads = [...desk.threads.values()].sort((a, b) => b.updatedAt - a.updatedAt);
    for (const thread of threads) {
      if (wanted && !`${title(thread)} ${thread.cwd}`.toLowerCase().includes(wanted)) continue;
      out[groupOf(thread, desk.requestsOf(thread.id).length > 0)].push(thread);
    }
    return out;
  }, [desk.threads.size, desk.approvals.cards.size, query, now, [...desk.threads.values()].map((t) => `${t.status.type}${t.updatedAt}${t.name ?? ""}`).join()]);
  const total = desk.threads.size;
  return (
    <div class="threads">
      <header class="bar">
        <Mark />
        <h1>
          {onHosts
            ? <button type="button" class="host-name" onClick={onHosts}>{desk.client.host.name}<Icon name="down" size={16} /></button>
            : desk.client.host.name}
        </h1>
        <IconButton icon="plus" label="New thread" tone="accent" onClick={() => go({ at: "new" })} />
      </header>
      {total > 6 && (
        <label class="search">
          <Icon name="search" size={18} />
          <input
            type="search" placeholder="Search threads" value={query} aria-label="Search threads"
            onInput={(event) => setQuery(event.currentTarget.value)}
          />
        </label>
      )}
      <div class="scroll">
        {desk.trustAsked !== undefined && <TrustQuestion desk={desk} path={desk.trustAsked} />}
        {desk.listKeptAt !== undefined && desk.client.state.phase !== "open" && (
          <p class="kept" role="status"><Icon name="clock" size={16} />From {clock(desk.listKeptAt)}, offline. What runs now, only the host knows.</p>
        )}
        {desk.acts.starts.length > 0 && (
          <section aria-label="On its way">
            <h2 class="group waiting">On its way<span>{desk.acts.starts.length}</span></h2>
            <ul>
              {desk.acts.starts.map((act) => (
                <li key={act.id}>
                  <a class="row waiting" href={`#/t/${encodeURIComponent(act.threadId)}`} aria-current={current === act.threadId ? "page" : undefined}>
                    <i class="state" aria-hidden="true" />
                    <span class="row-text"><b>{act.text}</b><span class="row-sub"><em>{act.progress === "queued" ? "queued here" : act.progress === "host" ? "with the host" : act.progress === "unknown" ? "outcome unknown" : "not delivered"}</em></span></span>
                    <time>{age(now - act.at)}</time>
                  </a>
                </li>
              ))}
            </ul>
          </section>
        )}
        {(["running", "waiting", "recent"] as const).map((group) => groups[group].length > 0 && (
          <section key={group} aria-label={HEADINGS[group]}>
            <h2 class={`group ${group}`}>{HEADINGS[group]}<span>{groups[group].length}</span></h2>
            <ul>
              {groups[group].map((thread) => (
                <Row key={thread.id} desk={desk} thread={thread} group={group} now={now} current={current === thread.id} />
              ))}
            </ul>
          </section>
        ))}
        {desk.hasMoreThreads && <MoreThreads desk={desk} />}
        {desk.listed === "loading" && total === 0 && <Waiting what="Asking the host for its threads." />}
        {desk.listed === "failed" && total === 0 && (
          <Empty icon="alert" title="The list did not come">
            <button type="button" class="button" onClick={() => void desk.loadThreads()}>Try again</button>
          </Empty>
        )}
        {desk.listed === "yes" && total === 0 && (
          <Empty icon="plan" title="No threads yet">
            <p>Start one, and the agent on {desk.client.host.name} goes to work.</p>
            <button type="button" class="button primary" onClick={() => go({ at: "new" })}>New thread</button>
          </Empty>
        )}
        {query && total > 0 && Object.values(groups).every((list) => list.length === 0) && (
          <Empty icon="search" title="Nothing found"><p>No thread mentions “{query}”.</p></Empty>
        )}
      </div>
    </div>
  );
}

/** A repository's own rules count only in a folder that somebody trusted. */
function TrustQuestion({ desk, path }: { desk: Desk; path: string }) {
  return (
    <section class="card trust" aria-label="Trust this folder?">
      <header class="card-head"><Icon name="shield" size={18} /><h2 class="grow">Trust {baseName(path)}?</h2></header>
      <div class="card-body">
        <p>This folder brings rules of its own, in <code>.farhand</code>. They can make the host ask more or refuse, and count only if you trust the folder.</p>
        <p class="where"><Icon name="folder" size={16} /><Exact text={path} /></p>
        <div class="answers">
          <button type="button" class="button" onClick={() => void desk.trust(path, false)}>No</button>
          <button type="button" class="button primary" onClick={() => void desk.trust(path, true)}>Trust it</button>
        </div>
      </div>
    </section>
  );
}

/** The next page of the list, when its end comes near. */
function MoreThreads({ desk }: { desk: Desk }) {
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    const here = button.current;
    if (!here) return;
    const observer = new IntersectionObserver(([e]) => e?.isIntersecting && void desk.loadMoreThreads(), { rootMargin: "600px" });
    observer.observe(here);
    return () => observer.disconnect();
  }, [desk, desk.threads.size]);
  return <button type="button" class="more" ref={button} onClick={() => void desk.loadMoreThreads()}>Show more</button>;
}

function Row({ desk, thread, group, now, current }: {
  desk: Desk; thread: Thread; group: Group; now: number; current: boolean;
}) {
  const asks = desk.requestsOf(thread.id).length;
  const waits = thread.status.type === "active" && thread.status.activeFlags?.includes("waitingOnUserInput")
    ? "asks a question" : "needs approval";
  return (
    <li>
      <a class={`row ${group}`} href={`#/t/${encodeURIComponent(thread.id)}`} aria-current={current ? "page" : undefined}>
        <i class="state" aria-hidden="true" />
        <span class="row-text">
          <b>{title(thread)}</b>
          <span class="row-sub" title={thread.cwd}>
            {group === "waiting" && <em>{asks > 1 ? `${asks} answers needed` : waits}</em>}
            {group === "running" && <em>working</em>}
            {baseName(thread.cwd)}{thread.gitInfo?.branch ? ` · ${thread.gitInfo.branch}` : ""}
          </span>
        </span>
        <time>{age(now - thread.updatedAt * 1000)}</time>
      </a>
    </li>
  );
}
