// The whole page: which host, which screen, and the two panes where there is room.

import { useEffect, useRef, useState } from "preact/hooks";
import { type Controller, type HostRecord } from "../client";
import { Desk } from "../client/desk";
import { newExchange, newSigner } from "../session/crypto";
import { acquire, inTurn, type Lease } from "../client/tabs";
import { Empty, Sheet, Waiting } from "./bits";
import { onLink, takeLink } from "./boot";
import { Archived } from "./archived";
import { Devices } from "./devices";
import { DiffView } from "./diff_view";
import { go, type Route, useDesk, useDesks, useRoute } from "./hooks";
import { Icon, type IconName } from "./icons";
import { Inbox } from "./inbox";
import { Log } from "./log";
import { load as loadMarkdown } from "./markdown";
import { NewThread } from "./new_thread";
import { Pair } from "./pair";
import { Rules } from "./rules";
import { Settings } from "./settings";
import { Strip } from "./strip";
import { ThreadPane } from "./thread";
import { Threads } from "./threads";

type Stage =
  | { at: "loading" }
  | { at: "taken" }
  | { at: "pairing"; link: string | undefined }
  | { at: "desk"; desk: Desk; desks: Desk[] }
  | { at: "broken"; sentence: string };

const LAST = "farhand:last-host";
const WIDE = matchMedia("(min-width: 760px)");

function keepLast(id: string): void {
  try {
    localStorage.setItem(LAST, id);
  } catch {
    // No room: the first host is in view next time.
  }
}

/** Browsers give cryptography only to pages from this machine or over https. */
async function whatIsLacking(): Promise<string | undefined> {
  if (!isSecureContext || !crypto.subtle) {
    return "This page came over plain http from another machine, so the browser gives it no cryptography. Open the https address that “farhand up --lan” shows.";
  }
  try {
    await Promise.all([newSigner(), newExchange()]);
    return undefined;
  } catch {
    return "This browser is too old: it knows neither Ed25519 nor X25519. A current Chrome, Firefox or Safari does.";
  }
}

export function App({ controller }: { controller: Controller }) {
  const [stage, setStage] = useState<Stage>({ at: "loading" });
  const lease = useRef<Lease | undefined>(undefined);
  const desks = useRef(new Map<string, Desk>());
  const route = useRoute();
  /** There was a host once, and its keys are gone: the browser or a person cleared them. */
  const [cleared, setCleared] = useState(false);

  const sitDown = async (record: HostRecord | undefined) => {
    if (!record) return setStage({ at: "pairing", link: undefined });
    keepLast(record.id);
    // Every host has a session, keys and a desk of its own; one of them is in view.
    for (const { id, pairedAt } of await controller.hosts()) {
      const known = desks.current.get(id);
      if (known && known.client.host.pairedAt !== pairedAt) { // paired anew: other keys
        known.close();
        known.client.close();
        desks.current.delete(id);
      }
      if (!desks.current.has(id)) desks.current.set(id, new Desk(await controller.connect(id)));
    }
    setStage({ at: "desk", desk: desks.current.get(record.id)!, desks: [...desks.current.values()] });
    void loadMarkdown();
  };
  const standUp = () => {
    for (const desk of desks.current.values()) desk.close();
    desks.current.clear();
    controller.close();
  };
  const queue = useRef<AbortController | undefined>(undefined);
  /** Another tab speaks: this one says so, and takes over when that one is closed. */
  const stepBack = () => {
    setStage({ at: "taken" });
    queue.current = new AbortController();
    void inTurn(queue.current.signal).then((next) => next && void lead(next).catch(cannot));
  };
  const start = async (steal: boolean) => {
    const lacking = await whatIsLacking();
    if (lacking) return setStage({ at: "broken", sentence: lacking });
    queue.current?.abort();
    const mine = await acquire(steal);
    if (!mine) return stepBack();
    return lead(mine);
  };
  const lead = async (mine: Lease) => {
    lease.current = mine;
    mine.onLost(() => {
      standUp();
      stepBack();
    });
    onLink((link) => {
      standUp();
      setStage({ at: "pairing", link });
    });
    const link = takeLink();
    if (link) return setStage({ at: "pairing", link });
    if ((await controller.hosts()).length === 0 && localStorage.getItem(LAST)) setCleared(true);
    await backToDesk();
  };
  const backToDesk = async () => {
    const hosts = await controller.hosts();
    await sitDown(hosts.find((host) => host.id === localStorage.getItem(LAST)) ?? hosts[0]);
  };
  const cannot = () => setStage({
    at: "broken", sentence: "This browser does not let the page keep its keys. Private windows often do not.",
  });
  useEffect(() => void start(false).catch(cannot), []);

  switch (stage.at) {
    case "loading": return <main class="pair"><Waiting what="Opening the keys of this device." /></main>;
    case "broken": return <main class="pair"><Empty icon="alert" title="This page cannot work here"><p>{stage.sentence}</p></Empty></main>;
    case "taken": return (
      <main class="pair">
        <Empty icon="devices" title="Open in another tab">
          <p>One tab speaks for this device at a time. This one takes over when the other is closed.</p>
          <button type="button" class="button primary" onClick={() => void start(true).catch(cannot)}>Use this tab</button>
        </Empty>
      </main>
    );
    case "pairing": return (
      <Pair
        controller={controller} link={stage.link} key={stage.link}
        {...(cleared ? { notice: "This browser was cleared, and the keys of this device with it. Pair again; the old entry can be revoked on the host." } : {})}
        onBack={localStorage.getItem(LAST) && !cleared ? () => void backToDesk() : undefined}
        onPaired={(record) => { setCleared(false); go({ at: "threads" }, true); void sitDown(record); }}
      />
    );
    default: return (
      <AtDesk
        controller={controller} desk={stage.desk} desks={stage.desks} route={route} key={stage.desk.client.host.id}
        onChange={(record) => void sitDown(record)}
        onForget={async (desk) => {
          desk.close();
          desks.current.delete(desk.client.host.id);
          await controller.forget(desk.client.host.id);
          localStorage.removeItem(LAST);
          go({ at: "threads" }, true);
          await sitDown((await controller.hosts())[0]);
        }}
      />
    );
  }
}

function AtDesk({ controller, desk, desks, route, onChange, onForget }: {
  controller: Controller; desk: Desk; desks: Desk[]; route: Route;
  onChange: (record: HostRecord) => void; onForget: (desk: Desk) => Promise<void>;
}) {
  useEffect(() => {
    const wake = () => {
      if (!document.hidden) for (const one of desks) one.client.wake();
    };
    addEventListener("online", wake);
    addEventListener("pageshow", wake);
    document.addEventListener("visibilitychange", wake);
    return () => {
      removeEventListener("online", wake);
      removeEventListener("pageshow", wake);
      document.removeEventListener("visibilitychange", wake);
    };
  }, [desks]);

  const hosts = desks.map((one) => one.client.host);
  /** On a phone the list is all that there is to see. */
  const alone = route.at === "threads" && !WIDE.matches;
  const [choosing, setChoosing] = useState(false);
  const change = (record: HostRecord) => {
    setChoosing(false);
    if (record.id === desk.client.host.id) return;
    go({ at: "threads" }, true);
    onChange(record);
  };
  const look = (other: Desk, threadId: string) => {
    if (other === desk) return go({ at: "thread", id: threadId });
    onChange(other.client.host);
    go({ at: "thread", id: threadId });
  };
  if (route.at === "pair") {
    return (
      <Pair
        controller={controller} link={undefined} onBack={() => go({ at: "settings" })}
        onPaired={(record) => { go({ at: "threads" }, true); onChange(record); }}
      />
    );
  }
  return (
    <div class={`frame at-${route.at}`}>
      <Strip desk={desk} />
      <div class="side" role={alone ? "main" : "navigation"} aria-label="Threads">
        <Threads
          desk={desk} current={route.at === "thread" || route.at === "diff" ? route.id : undefined}
          onHosts={() => setChoosing(true)}
        />
      </div>
      <main class="main">
        <Main desk={desk} desks={desks} route={route} hosts={hosts} onHosts={() => setChoosing(true)} onForget={() => void onForget(desk)} onLook={look} />
      </main>
      <Tabs desks={desks} at={route.at} />
      <Notices desk={desk} />
      {choosing && (
        <Sheet title="Hosts" onClose={() => setChoosing(false)}>
          <div class="folders" role="radiogroup" aria-label="Hosts">
            {desks.map((one) => <HostChoice key={one.client.host.id} desk={one} here={one === desk} onChoose={() => change(one.client.host)} />)}
            <a class="folder" href="#/pair" onClick={() => setChoosing(false)}><Icon name="plus" /><span><b>Pair with another host</b></span></a>
          </div>
        </Sheet>
      )}
    </div>
  );
}

function HostChoice({ desk, here, onChoose }: { desk: Desk; here: boolean; onChoose: () => void }) {
  useDesk(desk);
  const { phase } = desk.client.state;
  return (
    <button type="button" role="radio" class="folder" aria-checked={here} onClick={onChoose}>
      <i class={`dot ${phase === "open" ? "good" : phase === "waiting" || phase === "ended" ? "bad" : ""}`} />
      <span><b>{desk.client.host.name}</b><small>{hostWords(desk)}</small></span>
      <Icon name="check" size={18} />
    </button>
  );
}

/** The same truth as the strip, and no more than is known. */
function hostWords(desk: Desk): string {
  const { phase, sentence } = desk.client.state;
  if (phase !== "open") return sentence ?? "being reached";
  const agent = desk.status?.value.agent.state;
  if (agent === "down" || agent === "loginRequired") return agent === "down" ? "connected; its agent is down" : "connected; its agent needs a login";
  const running = [...desk.threads.values()].filter((thread) => thread.status.type === "active").length;
  const waiting = desk.approvals.cards.size;
  const words = [running > 0 ? `${running} running` : "", waiting > 0 ? `${waiting} waiting for you` : ""].filter(Boolean);
  return words.length > 0 ? words.join(", ") : "connected, nothing runs";
}

const TABS: [Route["at"] & ("threads" | "inbox" | "devices" | "settings"), IconName, string][] = [
  ["threads", "plan", "Threads"], ["inbox", "inbox", "Waiting"], ["devices", "devices", "Devices"], ["settings", "settings", "Settings"],
];

/** Where a thumb reaches; below the list where there is room for both. */
function Tabs({ desks, at }: { desks: Desk[]; at: Route["at"] }) {
  useDesks(desks);
  const waiting = desks.reduce((sum, desk) => sum + desk.approvals.cards.size, 0);
  const alarm = desks.some((desk) => desk.log.alarm);
  return (
    <nav class="tabs" aria-label="Screens">
      {TABS.map(([to, icon, words]) => (
        <a key={to} href={to === "threads" ? "#/" : `#/${to}`} aria-current={at === to || (to === "settings" && (at === "log" || at === "archived" || at === "rules")) ? "page" : undefined}>
          <span class="tab-icon">
            <Icon name={icon} size={22} />
            {to === "inbox" && waiting > 0 && <b class="badge">{waiting}</b>}
            {to === "settings" && alarm && <b class="badge bad">!</b>}
          </span>
          {words}
          {to === "inbox" && waiting > 0 && <span class="unseen">, {waiting} waiting</span>}
        </a>
      ))}
    </nav>
  );
}

function Main({ desk, desks, route, hosts, onHosts, onForget, onLook }: {
  desk: Desk; desks: Desk[]; route: Route; onLook: (desk: Desk, threadId: string) => void; hosts: HostRecord[]; onHosts: () => void; onForget: () => void;
}) {
  useDesk(desk);
  const { phase, sentence, broken } = desk.client.state;
  if (phase === "ended") {
    return (
      <Empty icon="alert" title={broken === "revoked" ? "This device was revoked" : broken === "over" ? "This invitation is over" : "This host cannot be trusted"}>
        <p>{sentence}</p>
        <button type="button" class="button primary" onClick={onForget}>Forget this host</button>
      </Empty>
    );
  }
  switch (route.at) {
    case "thread": return <ThreadPane desk={desk} id={route.id} key={route.id} />;
    case "new": return <NewThread desk={desk} />;
    case "diff": return <DiffView desk={desk} threadId={route.id} itemId={route.item} key={route.item} />;
    case "inbox": return <Inbox desks={desks} onLook={onLook} />;
    case "devices": return <Devices desk={desk} />;
    case "settings": return <Settings desk={desk} hosts={hosts} onHosts={onHosts} onForget={onForget} />;
    case "rules": return <Rules desk={desk} />;
    case "archived": return <Archived desk={desk} />;
    case "log": return <Log desk={desk} />;
    default: return <Empty icon="plan" title="No thread chosen"><p>Choose one at the left, or start a new one.</p></Empty>;
  }
}

function Notices({ desk }: { desk: Desk }) {
  useDesk(desk);
  return (
    <div class="notices" aria-live="polite">
      {desk.notices.map((notice) => <OneNotice key={notice.id} desk={desk} {...notice} />)}
    </div>
  );
}

function OneNotice({ desk, id, text, tone }: { desk: Desk; id: number; text: string; tone: string }) {
  useEffect(() => {
    const timer = setTimeout(() => desk.dismiss(id), 8000);
    return () => clearTimeout(timer);
  }, [id]);
  return (
    <p class={`notice ${tone}`}>
      <span>{text}</span>
      <button type="button" aria-label="Dismiss" onClick={() => desk.dismiss(id)}><Icon name="cross" size={16} /></button>
    </p>
  );
}
