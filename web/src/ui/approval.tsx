// What waits for a person: docked above the composer within reach of a thumb, and in the
// inbox across threads. Drawn from the octets that would be signed and from material
// whose hash is in them (client/card.ts); what does not fit is said, never drawn.
//
// The buttons come alive a moment after the card has appeared: a tap that was meant
// for something else must never approve a command.

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Decided } from "../client/approvals";
import type { Card } from "../client/card";
import type { Desk } from "../client/desk";
import { Decision, Kind, Scope } from "../session/approval";
import type { CommandApproval, ElicitationParams, FileChange, PermissionsApproval, QuestionParams } from "../wire/codex";
import { Exact } from "./bits";
import { FileDiff } from "./diff";
import { Elicitation } from "./form";
import { age } from "./format";
import { useNow } from "./hooks";
import { Icon, type IconName } from "./icons";
import { Questions } from "./question";

const SETTLE_MS = 400;

export function useSettled(id: unknown): boolean {
  const [settled, set] = useState<unknown>();
  useEffect(() => {
    const timer = setTimeout(() => set(id), SETTLE_MS);
    return () => clearTimeout(timer);
  }, [id]);
  return settled === id;
}

export interface AskProps<P> {
  params: P;
  ready: boolean;
  answer: (decision: Decision, result?: unknown, scope?: number) => void;
}

export function Dock({ desk, threadId, root, rights }: {
  desk: Desk; threadId: string; root: string; rights: { answer: boolean; steer: boolean };
}) {
  const cards = desk.requestsOf(threadId);
  const card = cards[0];
  if (!card) return null;
  const { icon, title } = headOf(card);
  return (
    <section class="dock" aria-label={title} aria-live="polite" key={card.id}>
      <header class="dock-head">
        <Icon name={icon} size={18} /><h2>{title}</h2>
        {cards.length > 1 && <span class="chip">1 of {cards.length}</span>}
      </header>
      <CardBody desk={desk} card={card} root={root} rights={rights} />
    </section>
  );
}

export function headOf(card: Card): { icon: IconName; title: string } {
  switch (card.method) {
    case "item/commandExecution/requestApproval":
      return (card.material as unknown as CommandApproval).networkApprovalContext
        ? { icon: "globe", title: "Reach the network?" } : { icon: "terminal", title: "Run this command?" };
    case "item/fileChange/requestApproval": return { icon: "file", title: "Make this change?" };
    case "item/permissions/requestApproval": return { icon: "shield", title: "Grant this for the turn?" };
    case "item/tool/requestUserInput": return { icon: "question", title: "The agent asks" };
    default: return { icon: "question", title: "A tool asks" };
  }
}

export function CardBody({ desk, card, root, rights }: {
  desk: Desk; card: Card; root: string; rights: { answer: boolean; steer: boolean };
}) {
  const settled = useSettled(card.id);
  const now = useNow();
  const decided = desk.approvals.decided.get(card.id);
  const expires = card.request?.expiresMs ?? 0;
  const answer = (decision: Decision, result?: unknown, scope?: number) => void desk.approvals.decide(card, decision, result, scope);
  if (card.broken !== undefined) {
    return (
      <p class="failure" role="alert"><Icon name="alert" size={18} />
        <span>This cannot be decided here: {card.broken}. Nothing was signed; look at the host itself.</span>
      </p>
    );
  }
  if (decided && decided.progress !== "refused") return <Progress decided={decided} card={card} online={desk.client.state.phase === "open"} />;
  if (expires > 0 && now >= expires) return <p class="note">Expired: it counts as declined.</p>;
  return (
    <>
      {decided && <p class="failure" role="alert"><Icon name="alert" size={18} /><span>Not recorded: {decided.sentence} Decide again.</span></p>}
      {rights.answer
        ? <Ask card={card} root={root} ready={settled} answer={answer} decline={rights.steer ? (word) => declineWith(desk, card, word) : undefined} />
        : <><Shown card={card} root={root} /><p class="note">Your role here is to watch: someone else decides this.</p></>}
    </>
  );
}

/** The decision first; the word follows as an instruction once the agent goes on. */
function declineWith(desk: Desk, card: Card, word: string): void {
  void desk.approvals.decide(card, Decision.DECLINE);
  void desk.openThread(card.threadId).then((model) => desk.send(model, word));
}

const WORDS: Record<number, string> = {
  [Decision.ACCEPT]: "Approved", [Decision.ACCEPT_SESSION]: "Approved for this session",
  [Decision.DECLINE]: "Declined", [Decision.CANCEL]: "Declined and stopped", [Decision.ANSWER]: "Answered",
};

function Progress({ decided, card, online }: { decided: Decided; card: Card; online: boolean }) {
  const words = {
    queued: online ? "Signed here. Sending." : "Signed here. It leaves as soon as the host is reached, and counts then.",
    sent: online ? "Signed and sent. The host has not confirmed it yet." : "Signed and sent; the line broke before the host confirmed it. It is sent again by itself.",
    recorded: "Recorded by the host. The agent hears it next.",
    pending: `Recorded. ${card.request?.quorum ?? 2} people must approve this.`,
    refused: "",
  }[decided.progress];
  return (
    <p class={`deciding ${decided.progress}`} role="status">
      <Icon name={decided.progress === "recorded" || decided.progress === "pending" ? "check" : "clock"} size={18} />
      <span><b>{WORDS[decided.decision]}.</b> {words}</span>
    </p>
  );
}

function Ask({ card, root, ready, answer, decline }: {
  card: Card; root: string; ready: boolean; answer: AskProps<unknown>["answer"]; decline: ((word: string) => void) | undefined;
}) {
  const material = card.material as unknown;
  switch (card.request?.kind) {
    case Kind.QUESTION: return <Questions params={material as QuestionParams} ready={ready} answer={answer} />;
    case Kind.ELICITATION: return <Elicitation params={material as ElicitationParams} ready={ready} answer={answer} />;
    case Kind.PERMISSIONS: return (
      <>
        <Shown card={card} root={root} />
        <Buttons
          ready={ready} no={{ label: "Decline", act: () => answer(Decision.DECLINE) }}
          yes={{ label: "Grant", act: () => answer(Decision.ACCEPT) }}
        />
      </>
    );
    case undefined: return <p class="note">Checking what would be signed.</p>;
    default: return (
      <>
        <Shown card={card} root={root} />
        <YesNo card={card} ready={ready} answer={answer} decline={decline} />
      </>
    );
  }
}

function YesNo({ card, ready, answer, decline }: {
  card: Card; ready: boolean; answer: AskProps<unknown>["answer"]; decline: ((word: string) => void) | undefined;
}) {
  const [word, setWord] = useState<string>();
  const offers = (card.material as unknown as CommandApproval).availableDecisions ?? [];
  const first = prefixOf(offers);
  const [longer, setLonger] = useState(false);
  const shown = card.request!.kind !== Kind.FILE_CHANGE || Array.isArray(card.material["changes"]);
  if (word !== undefined && decline) {
    return (
      <form class="word" onSubmit={(event) => { event.preventDefault(); if (word.trim()) decline(word.trim()); }}>
        <label class="field">
          <span>What the agent should do instead</span>
          <input value={word} autofocus autocomplete="off" onInput={(event) => setWord(event.currentTarget.value)} />
        </label>
        <div class="answers">
          <button type="button" class="button" onClick={() => setWord(undefined)}>Back</button>
          <button type="submit" class="button primary" disabled={!word.trim()}>Decline and say it</button>
        </div>
      </form>
    );
  }
  if (longer && first) {
    return (
      <div class="word">
        <p class="reason">Every command, in every thread, whose first words are these runs without asking. A rule that asks or denies still wins.</p>
        <p class="exact"><Exact text={first.join(" ")} /></p>
        <div class="answers"><button type="button" class="button" onClick={() => setLonger(false)}>Back</button></div>
        <div class="answers">
          <button type="button" class="button" onClick={() => answer(Decision.ACCEPT_SESSION, undefined, Scope.UNTIL_RESTART)}>Until the host restarts</button>
          <button type="button" class="button" onClick={() => answer(Decision.ACCEPT_SESSION, undefined, Scope.KEPT)}>Until taken back</button>
        </div>
      </div>
    );
  }
  return (
    <Buttons
      ready={ready} no={{ label: "Decline", act: () => answer(Decision.DECLINE) }}
      yes={{ label: "Approve", act: () => answer(Decision.ACCEPT), disabled: !shown }}
    >
      {offers.includes("acceptForSession") && (
        <button type="button" class="plain" disabled={!ready} onClick={() => answer(Decision.ACCEPT_SESSION)}>Approve for this session</button>
      )}
      {first && <button type="button" class="plain" disabled={!ready} onClick={() => setLonger(true)}>Approve what begins like this …</button>}
      {decline && <button type="button" class="plain quiet" disabled={!ready} onClick={() => setWord("")}>Decline with a word</button>}
      <button type="button" class="plain quiet" disabled={!ready} onClick={() => answer(Decision.CANCEL)}>Decline and stop the turn</button>
    </Buttons>
  );
}

/** The words that the host would keep as a rule, if it offers that. */
function prefixOf(offers: readonly unknown[]): string[] | undefined {
  for (const offer of offers) {
    const rule = (offer as { acceptWithExecpolicyAmendment?: { execpolicy_amendment?: unknown } } | null)?.acceptWithExecpolicyAmendment;
    const words = rule?.execpolicy_amendment;
    if (Array.isArray(words) && words.length > 0 && words.every((word) => typeof word === "string")) return words as string[];
  }
  return undefined;
}

/** Decline at the left, approve at the right, the rarer answers in a row below. */
export function Buttons({ ready, yes, no, children }: {
  ready: boolean;
  yes: { label: string; act: () => void; disabled?: boolean };
  no: { label: string; act: () => void };
  children?: ComponentChildren;
}) {
  return (
    <div class="answers">
      <button type="button" class="button" disabled={!ready} onClick={no.act}>{no.label}</button>
      <button type="button" class="button primary" disabled={!ready || yes.disabled} onClick={yes.act}>{yes.label}</button>
      {children && <div class="rare">{children}</div>}
    </div>
  );
}

// --- what is asked, exactly ---------------------------------------------------------------

export function Shown({ card, root }: { card: Card; root: string }) {
  const { request, material } = card;
  if (!request) return <p class="note">Checking what would be signed.</p>;
  const network = (material as unknown as CommandApproval).networkApprovalContext;
  return (
    <div class="dock-scroll">
      {request.reason && <p class="reason"><Exact text={request.reason} /></p>}
      {network && <p class="exact">{network.protocol}://<Exact text={network.host} /></p>}
      {request.argv.length > 0 && <ol class="exact argv" tabIndex={0}>{request.argv.map((word, at) => <li key={at}><Exact text={word} /></li>)}</ol>}
      {request.command && <Whole text={request.command} />}
      {request.cwd && <p class="where"><Icon name="folder" size={16} /><span class="unseen">in </span><Exact text={request.cwd} /></p>}
      {request.kind === Kind.FILE_CHANGE && <Changes material={material} root={root} />}
      {request.kind === Kind.PERMISSIONS && <Permissions params={material as unknown as PermissionsApproval} />}
      <Conditions card={card} />
    </div>
  );
}

const LONG_LINES = 8;
const LONG = 500;

/** Never cut: what does not fit scrolls, and its size is said. */
function Whole({ text }: { text: string }) {
  const lines = text.split("\n").length;
  const long = lines > LONG_LINES || text.length > LONG;
  return (
    <>
      <pre class="exact" tabIndex={0} aria-label="The command"><Exact text={text} /></pre>
      {long && <p class="note">{lines > 1 ? `${lines} lines, ` : ""}{text.length} characters: scroll to read all of it.</p>}
    </>
  );
}

function Changes({ material, root }: { material: Record<string, unknown>; root: string }) {
  const changes = material["changes"];
  if (!Array.isArray(changes)) {
    return <p class="note">The change itself is not known to the host, so it cannot be approved from this device.</p>;
  }
  return <>{(changes as FileChange[]).map((change) => <FileDiff change={change} root={root} key={change.path} />)}</>;
}

function Permissions({ params }: { params: PermissionsApproval }) {
  const { network, fileSystem } = params.permissions;
  return (
    <ul class="extent">
      {network?.enabled && <li><Icon name="globe" size={18} />Reach the network</li>}
      {fileSystem?.read?.map((path) => <li key={path}><Icon name="file" size={18} />Read <Exact text={path} /></li>)}
      {fileSystem?.write?.map((path) => <li key={path}><Icon name="folder" size={18} />Write in <Exact text={path} /></li>)}
    </ul>
  );
}

/** What the signature covers besides: reach, policy, who else must agree, until when. */
function Conditions({ card }: { card: Card }) {
  const now = useNow(5000);
  const { asked, policy, quorum, expiresMs, uv, kind } = card.request!;
  const accepted = card.votes.filter((vote) => vote.decision?.startsWith("accept"));
  return (
    <ul class="conditions">
      {kind === Kind.COMMAND && asked.outsideSandbox && <li>May run again outside the sandbox</li>}
      {asked.network && <li>Asks for the network</li>}
      {asked.outsideWorkspace && <li>Reaches outside the workspace</li>}
      {policy && <li>Policy: <Exact text={policy} /></li>}
      {quorum > 1 && <li>{quorum} people must approve, {accepted.length} {accepted.length === 1 ? "has" : "have"}{accepted.length > 0 ? `: ${accepted.map((vote) => vote.by?.person ?? vote.by?.name ?? "somebody").join(", ")}` : ""}</li>}
      {expiresMs > 0 && <li>Counts as declined in {age(expiresMs - now)}</li>}
      {uv && <li>Wants strong approval, which this app cannot give yet</li>}
    </ul>
  );
}
