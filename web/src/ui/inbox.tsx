// Everything that waits for a person, across hosts and threads, oldest first; and what was
// decided lately, by whom and from where.

import type { Ended } from "../client/approvals";
import type { Card } from "../client/card";
import type { Desk } from "../client/desk";
import { CardBody, headOf } from "./approval";
import { Empty, Waiting } from "./bits";
import { decider, decisionWord } from "./decision";
import { age, baseName, title } from "./format";
import { useDesks, useNow } from "./hooks";
import { Icon } from "./icons";
import { rightsOf } from "./rights";

type Look = (desk: Desk, threadId: string) => void;

export function Inbox({ desks, onLook }: { desks: Desk[]; onLook: Look }) {
  useDesks(desks);
  const now = useNow(5000);
  const cards = desks.flatMap((desk) => [...desk.approvals.cards.values()].map((card) => ({ desk, card })))
    .sort((a, b) => a.card.arrivedAt - b.card.arrivedAt);
  const lately = desks.flatMap((desk) => desk.approvals.lately.map((ended) => ({ desk, ended })))
    .sort((a, b) => b.ended.at - a.ended.at);
  const away = desks.filter((desk) => desk.client.state.phase !== "open");
  const offline = away.length > 0;
  const listed = desks.every((desk) => desk.approvals.listed);
  const several = desks.length > 1;
  const where = several ? `${desks.length} hosts` : desks[0]!.client.host.name;
  return (
    <div class="pane inbox">
      <header class="bar">
        <div class="bar-title">
          <h1>Waiting for you</h1>
          <span>{cards.length === 0 ? where : `${cards.length} on ${where}`}</span>
        </div>
      </header>
      <div class="scroll padded">
        {offline && cards.length > 0 && (
          <p class="note">{away.map((desk) => desk.client.host.name).join(", ")} {away.length === 1 ? "is" : "are"} not reached right now. These waited when it last was; what you decide is signed here and counts when it is back.</p>
        )}
        {cards.map(({ desk, card }) => <Waits key={card.id} desk={desk} card={card} now={now} named={several} onLook={onLook} />)}
        {cards.length === 0 && !listed && !offline && <Waiting what="Asking the host what waits." />}
        {cards.length === 0 && (listed || offline) && (
          <Empty icon="check" title={offline ? "Nothing waited when the host was last reached" : "Nothing waits for you"}>
            <p>When the agent asks for something, it is here and in its thread.</p>
          </Empty>
        )}
        {lately.length > 0 && (
          <section aria-label="Lately" class="lately">
            <h2 class="label">Lately</h2>
            <ul>{lately.map(({ desk, ended }) => <Over key={ended.card.id} desk={desk} ended={ended} now={now} onLook={onLook} />)}</ul>
          </section>
        )}
      </div>
    </div>
  );
}

function Waits({ desk, card, now, named, onLook }: { desk: Desk; card: Card; now: number; named: boolean; onLook: Look }) {
  const { icon, title: asks } = headOf(card);
  const thread = desk.threads.get(card.threadId);
  return (
    <article class="card inbox-card" aria-label={asks}>
      <header class="card-head">
        <Icon name={icon} size={18} /><h2 class="grow">{asks}</h2>
        <small>{age(now - card.arrivedAt)}</small>
      </header>
      <a class="inbox-thread" href={`#/t/${encodeURIComponent(card.threadId)}`} onClick={(event) => { event.preventDefault(); onLook(desk, card.threadId); }}>
        <span class="grow">{named && <b>{desk.client.host.name}: </b>}{thread ? title(thread) : "A thread"}{thread?.cwd ? <small> in {baseName(thread.cwd)}</small> : null}</span>
        <Icon name="right" size={16} />
      </a>
      <div class="card-body"><CardBody desk={desk} card={card} root={thread?.cwd ?? ""} rights={rightsOf(desk)} /></div>
    </article>
  );
}

const HOW = { decided: "", expired: "Expired: counts as declined", withdrawn: "Withdrawn by the agent" } as const;

function Over({ desk, ended, now, onLook }: { desk: Desk; ended: Ended; now: number; onLook: Look }) {
  const { card, how, by, decision, sentence } = ended;
  const mine = by?.clientId !== undefined && by.clientId === desk.status?.value.you?.clientId;
  const words = HOW[how] || sentence || `${decisionWord(decision)} ${decider({ by: by!, mine })}`;
  const what = card.request?.command || card.request?.paths.join(", ") || headOf(card).title;
  return (
    <li>
      <a href={`#/t/${encodeURIComponent(card.threadId)}`} onClick={(event) => { event.preventDefault(); onLook(desk, card.threadId); }}>
        <Icon name={decision?.startsWith("accept") || decision === "answer" || decision === "grant" ? "check" : "cross"} size={18} />
        <span class="grow"><code>{what}</code><small>{words}</small></span>
        <time>{age(now - ended.at)}</time>
      </a>
    </li>
  );
}
